//! Building a document from a set of nodes, repairing what is damaged.
//!
//! The repairs are deterministic and reported: nothing is dropped silently, and the order in which
//! the nodes come does not matter.

use std::collections::BTreeSet;
use std::ops::Range;

use thiserror::Error;

use super::{Document, MAX_NODE_DEPTH, NodeIx};
use crate::node::SerializedNode;
use crate::op::{ContentError, NodeContent, NodeKind};
use crate::position::Position;
use crate::{NodeId, SmallStr};

/// What a repairing load dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "the report says what was dropped"]
pub struct LoadReport {
    /// The repairs.
    pub repairs: Vec<Repair>,
}

/// One repair of a damaged node set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repair {
    /// There was no root; an empty one was made.
    RootMissing,
    /// The root was no object; an empty one was made.
    RootNotObject,
    /// Two nodes had the same id; the later one was dropped.
    DuplicateId(NodeId),
    /// Another child with the same parent and key has the greater id; the node was dropped with
    /// all below it.
    KeyTaken(NodeId),
    /// A register lay directly under an object and was dropped.
    RegisterUnderObject(NodeId),
    /// An object had a JSON field where it has a child; the field was dropped.
    FieldHidden {
        /// The object.
        object: NodeId,
        /// The key.
        key: SmallStr,
    },
    /// The node cannot be reached from the root and was dropped.
    Unreachable(NodeId),
}

/// Why a set of nodes is no document.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NodesError {
    /// A node lies deeper than [`MAX_NODE_DEPTH`].
    #[error("node {0} is nested deeper than {MAX_NODE_DEPTH} levels")]
    TooDeep(NodeId),
    /// A node is what no document holds.
    #[error("node {0}: {1}")]
    Content(NodeId, ContentError),
}

impl LoadReport {
    /// Whether the nodes were a document as they were.
    pub fn is_clean(&self) -> bool {
        self.repairs.is_empty()
    }
}

impl Document {
    /// Builds a document from its nodes, in any order, repairing damage: see [`Repair`].
    ///
    /// O(n log n) for n nodes; nearly linear if they come as [`nodes`](Self::nodes) tells them.
    ///
    /// # Errors
    /// If nodes are nested beyond [`MAX_NODE_DEPTH`], or hold what no document holds: dropping them would lose
    /// content.
    pub fn from_nodes(
        nodes: impl IntoIterator<Item = SerializedNode>,
    ) -> Result<(Self, LoadReport), NodesError> {
        let mut report = LoadReport::default();
        let (mut root, mut others) = (None, Vec::new());
        for node in nodes {
            if let Err(error) = node.content.check() {
                return Err(NodesError::Content(node.id, error));
            }
            if !node.id.is_root() {
                others.push(node);
            } else if root.is_none() {
                root = Some(node.content);
            } else {
                report.repairs.push(Repair::DuplicateId(node.id));
            }
        }
        let mut document = Self::new();
        // Whatever it says of a parent, the root has none.
        match root {
            Some(NodeContent::Object(fields)) => document.tree.set_root(&fields),
            Some(_) => report.repairs.push(Repair::RootNotObject),
            None => report.repairs.push(Repair::RootMissing),
        }
        let loader = Loader::new(&others, &mut report);
        document.reserve(loader.by_id.len());
        let dropped = loader.grow(&mut document, &mut report)?;
        for (place, node) in (1..).map(NodeIx).zip(&loader.by_id) {
            if document.tree.is_vacant(place) {
                document.free.push(place);
                if !dropped.contains(&place) {
                    report.repairs.push(Repair::Unreachable(node.id.clone()));
                }
            }
        }
        document.shrink();
        document.debug_check();
        Ok((document, report))
    }
}

/// Nodes on their way into a document. The root is not one of them.
struct Loader<'a> {
    /// Each id once. These come to lie in the places after that of the root, in the order of their ids, in
    /// which they mostly were made: so the index finds many by one entry, as it does in the document that they
    /// come from.
    by_id: Vec<&'a SerializedNode>,
    /// Those whose parents there are, by parent and key. Of several with one key, the one with the greatest
    /// id comes first.
    children: Vec<Child<'a>>,
    /// Which of them each parent has, by its place.
    groups: Vec<Range<usize>>,
}

struct Child<'a> {
    parent: NodeIx,
    key: &'a SmallStr,
    place: NodeIx,
    node: &'a SerializedNode,
}

impl<'a> Loader<'a> {
    fn new(nodes: &'a [SerializedNode], report: &mut LoadReport) -> Self {
        let mut by_id: Vec<_> = nodes.iter().enumerate().collect();
        // Stable, so the first of several with one id stays the first.
        by_id.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
        by_id.dedup_by(|(_, later), (_, first)| {
            let is_duplicate = later.id == first.id;
            if is_duplicate {
                report.repairs.push(Repair::DuplicateId(later.id.clone()));
            }
            is_duplicate
        });
        let mut places = vec![None; nodes.len()];
        for (place, (number, _)) in (1..).map(NodeIx).zip(&by_id) {
            if let Some(of_node) = places.get_mut(*number) {
                *of_node = Some(place);
            }
        }
        let by_id: Vec<_> = by_id.into_iter().map(|(_, node)| node).collect();
        let place_of = |id: &NodeId| {
            if id.is_root() {
                return Some(NodeIx::ROOT);
            }
            let rank = by_id.binary_search_by(|node| node.id.cmp(id)).ok()?;
            u32::try_from(rank + 1).ok().map(NodeIx)
        };
        let mut children = Vec::with_capacity(by_id.len());
        // Siblings mostly come one after the other.
        let mut last = (&NodeId::ROOT, Some(NodeIx::ROOT));
        for (node, place) in nodes.iter().zip(places) {
            let (Some(place), Some((parent, key))) = (place, &node.parent) else { continue };
            if last.0 != parent {
                last = (parent, place_of(parent));
            }
            if let Some(parent) = last.1 {
                children.push(Child { parent, key, place, node });
            }
        }
        children.sort_by(|a, b| {
            let by_key = || a.key.cmp(b.key).then_with(|| b.node.id.cmp_text(&a.node.id));
            a.parent.cmp(&b.parent).then_with(by_key)
        });
        let mut groups = vec![0..0; by_id.len() + 1];
        let mut start = 0;
        for siblings in children.chunk_by(|a, b| a.parent == b.parent) {
            let end = start + siblings.len();
            let group = siblings.first().and_then(|one| groups.get_mut(one.parent.0 as usize));
            if let Some(group) = group {
                *group = start..end;
            }
            start = end;
        }
        Self { by_id, children, groups }
    }

    fn children_of(&self, parent: NodeIx) -> &[Child<'a>] {
        let group = self.groups.get(parent.0 as usize);
        group.and_then(|group| self.children.get(group.clone())).unwrap_or_default()
    }

    /// Attaches the children of each node, from the root down. Tells which had to give way.
    fn grow(
        &self,
        document: &mut Document,
        report: &mut LoadReport,
    ) -> Result<BTreeSet<NodeIx>, NodesError> {
        let mut dropped = BTreeSet::new();
        let mut stack = vec![NodeIx::ROOT];
        while let Some(parent) = stack.pop() {
            let (kind, children) = (document.kind_at(parent), self.children_of(parent));
            if !kind.is_container() || children.is_empty() {
                continue;
            }
            document.tree.reopen(parent);
            let mut taken = None;
            for Child { key, place, node, .. } in children {
                if kind == NodeKind::Object && node.content.kind() == NodeKind::Register {
                    report.repairs.push(Repair::RegisterUnderObject(node.id.clone()));
                    dropped.insert(*place);
                    continue;
                }
                if taken.replace(key) == Some(key) {
                    report.repairs.push(Repair::KeyTaken(node.id.clone()));
                    dropped.insert(*place);
                    continue;
                }
                if usize::from(document.depth(parent)) >= MAX_NODE_DEPTH {
                    return Err(NodesError::TooDeep(node.id.clone()));
                }
                let key: SmallStr = (*key).clone();
                if kind == NodeKind::Object && document.field(parent, &key).is_some() {
                    document.set_field(parent, key.clone(), None);
                    let object = document.id(parent);
                    report.repairs.push(Repair::FieldHidden { object, key: key.clone() });
                }
                document.free.push(*place);
                let key = Position::verbatim(key);
                stack.push(document.attach(parent, key, &node.id, &node.content));
            }
            document.tree.settle(parent);
        }
        Ok(dropped)
    }
}
