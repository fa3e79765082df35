//! Building a document from a set of nodes, repairing what is damaged.
//!
//! The repairs are deterministic and reported: nothing is dropped silently, and the order in which
//! the nodes come does not matter.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{Document, MAX_NODE_DEPTH, NodeIx};
use crate::node::SerializedNode;
use crate::op::{NodeContent, NodeKind};
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
}

/// The nodes that are not in the tree yet, and the place in the arena that is kept for each.
///
/// The places are in the order of the ids, in which they mostly were made: so the index finds many by one
/// entry, as it does in the document that they come from.
type ById = BTreeMap<NodeId, (NodeIx, SerializedNode)>;

impl LoadReport {
    /// Whether the nodes were a document as they were.
    pub fn is_clean(&self) -> bool {
        self.repairs.is_empty()
    }
}

impl Document {
    /// Builds a document from its nodes, in any order, repairing damage (SPEC section 2).
    ///
    /// # Errors
    /// Only if nodes are nested beyond [`MAX_NODE_DEPTH`]: dropping them would lose content.
    pub fn from_nodes(
        nodes: impl IntoIterator<Item = SerializedNode>,
    ) -> Result<(Self, LoadReport), NodesError> {
        let mut report = LoadReport::default();
        let mut by_id = ById::new();
        for node in nodes {
            if by_id.contains_key(&node.id) {
                report.repairs.push(Repair::DuplicateId(node.id));
            } else {
                by_id.insert(node.id.clone(), (NodeIx::ROOT, node));
            }
        }
        let mut document = Self::new();
        // Whatever it says of a parent, the root has none.
        match by_id.remove(&NodeId::ROOT).map(|(_, root)| root.content) {
            Some(NodeContent::Object(fields)) => document.tree.set_root(&fields),
            Some(_) => report.repairs.push(Repair::RootNotObject),
            None => report.repairs.push(Repair::RootMissing),
        }
        let children = choose_children(&by_id, &mut report);
        let places = document.reserve(by_id.len());
        for ((place, _), ix) in by_id.values_mut().zip(places) {
            *place = ix;
        }
        document.grow(&mut by_id, children, &mut report)?;
        document.free.extend(by_id.values().map(|(place, _)| *place));
        let chosen_out: BTreeSet<NodeId> =
            report.repairs.iter().filter_map(Repair::dropped).collect();
        let lost = by_id.into_keys().filter(|id| !chosen_out.contains(id));
        report.repairs.extend(lost.map(Repair::Unreachable));
        document.shrink();
        document.debug_check();
        Ok((document, report))
    }

    /// Attaches the children of each node, from the root down, taking them out of `by_id`.
    fn grow(
        &mut self,
        by_id: &mut ById,
        mut children: BTreeMap<NodeId, BTreeMap<SmallStr, NodeId>>,
        report: &mut LoadReport,
    ) -> Result<(), NodesError> {
        let mut stack = vec![NodeIx::ROOT];
        while let Some(parent) = stack.pop() {
            let id = self.id(parent);
            let kind = self.kind_at(parent);
            if !kind.is_container() {
                continue;
            }
            for (key, child) in children.remove(&id).into_iter().flatten() {
                let Some((place, node)) = by_id.remove(&child) else { continue };
                if usize::from(self.depth(parent)) >= MAX_NODE_DEPTH {
                    return Err(NodesError::TooDeep(child));
                }
                if kind == NodeKind::Object && self.field(parent, &key).is_some() {
                    self.set_field(parent, key.clone(), None);
                    report
                        .repairs
                        .push(Repair::FieldHidden { object: id.clone(), key: key.clone() });
                }
                let key = Position::verbatim(key);
                self.free.push(place);
                stack.push(self.attach(parent, key, &child, &node.content));
            }
        }
        Ok(())
    }
}

/// For each parent its children by key: of several with one key, the one with the greatest id.
fn choose_children(
    by_id: &ById,
    report: &mut LoadReport,
) -> BTreeMap<NodeId, BTreeMap<SmallStr, NodeId>> {
    let mut children: BTreeMap<NodeId, BTreeMap<SmallStr, NodeId>> = BTreeMap::new();
    for (id, (_, node)) in by_id {
        let Some((parent, key)) = &node.parent else { continue };
        let under_object =
            by_id.get(parent).is_some_and(|(_, parent)| parent.content.kind() == NodeKind::Object)
                || parent.is_root();
        if under_object && node.content.kind() == NodeKind::Register {
            report.repairs.push(Repair::RegisterUnderObject(id.clone()));
            continue;
        }
        let siblings = children.entry(parent.clone()).or_default();
        let Some(rival) = siblings.get_mut(key) else {
            siblings.insert(key.clone(), id.clone());
            continue;
        };
        let loser = if id.cmp_text(rival).is_gt() {
            std::mem::replace(rival, id.clone())
        } else {
            id.clone()
        };
        report.repairs.push(Repair::KeyTaken(loser));
    }
    children
}

impl Repair {
    /// The node that this repair dropped, if one.
    fn dropped(&self) -> Option<NodeId> {
        match self {
            Self::KeyTaken(id) | Self::RegisterUnderObject(id) => Some(id.clone()),
            _ => None,
        }
    }
}
