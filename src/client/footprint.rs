//! What pending ops touch, so that an op which touches nothing of it can go beneath them.

mod sieve;

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::document::{Body, Node, NodeIx};
use crate::op::OpKind;
use crate::{Document, NodeId, Op, SmallStr};
use sieve::Sieve;

/// A place that an op reads or changes, in or at a node that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// The op names the node, as its target or as its parent.
    Node(NodeId),
    /// The op creates the node.
    Created(NodeId),
    /// A key of an object or map.
    Slot(Slot),
    /// The items of a list.
    List(NodeId),
}

/// A key of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    node: NodeId,
    key: SmallStr,
}

/// What one op touches: without heap unless it sets many fields.
pub(super) type Touches = SmallVec<[Touch; 2]>;

/// How often pending ops touch a node.
#[derive(Debug, Default)]
struct Counts {
    /// In whatever way.
    named: u32,
    created: u32,
    items: u32,
}

/// The places that the pending ops touch.
#[derive(Debug, Default)]
pub(super) struct Footprint {
    nodes: BTreeMap<NodeId, Counts>,
    slots: BTreeMap<Slot, u32>,
    /// The ids of the nodes.
    sieve: Sieve,
}

impl Touch {
    fn node(&self) -> &NodeId {
        match self {
            Self::Node(id) | Self::Created(id) | Self::List(id) => id,
            Self::Slot(slot) => &slot.node,
        }
    }
}

impl Counts {
    /// The count of a way in which a node is touched, besides being named.
    fn of(&mut self, touch: &Touch) -> Option<&mut u32> {
        match touch {
            Touch::Created(_) => Some(&mut self.created),
            Touch::List(_) => Some(&mut self.items),
            Touch::Node(_) | Touch::Slot(_) => None,
        }
    }
}

impl Footprint {
    pub(super) fn add(&mut self, touches: &[Touch]) {
        for touch in touches {
            let counts = self.nodes.entry(touch.node().clone()).or_default();
            counts.named += 1;
            if let Some(count) = counts.of(touch) {
                *count += 1;
            }
            if counts.named == 1 {
                self.sieve.add(touch.node(), self.nodes.keys());
            }
            if let Touch::Slot(slot) = touch {
                *self.slots.entry(slot.clone()).or_default() += 1;
            }
        }
    }

    pub(super) fn remove(&mut self, touches: &[Touch]) {
        for touch in touches {
            if let Touch::Slot(slot) = touch {
                if let Some(count) = self.slots.get_mut(slot) {
                    *count -= 1;
                    if *count == 0 {
                        self.slots.remove(slot);
                    }
                }
            }
            let Some(counts) = self.nodes.get_mut(touch.node()) else { continue };
            if let Some(count) = counts.of(touch) {
                *count -= 1;
            }
            counts.named -= 1;
            if counts.named == 0 {
                self.nodes.remove(touch.node());
                self.sieve.remove(touch.node());
            }
        }
    }

    /// How often a node is touched, if it is.
    fn at(&self, id: &NodeId) -> Option<&Counts> {
        if self.sieve.may_hold(id) { self.nodes.get(id) } else { None }
    }

    /// Whether somebody else's op touches nothing of it, and nothing of it is in the way.
    pub(super) fn is_disjoint(&self, document: &Document, op: &Op) -> bool {
        // The user has to see the node whose content the op changes: what a pending op deleted may
        // come back when that is rolled back.
        let Some(target) = document.target(op) else { return false };
        if self.shares(document, op) {
            return false;
        }
        let in_the_way = match &op.kind {
            OpKind::Create(_) => document.contains(&op.id),
            OpKind::UpdateText(_) => self.at(&op.id).is_some(),
            _ => false,
        };
        let taken_out = document.taken_out_by(op, Some(target));
        !in_the_way && taken_out.into_iter().all(|top| self.spares(document, top))
    }

    /// Whether an op touches a place that a pending op touches.
    fn shares(&self, document: &Document, op: &Op) -> bool {
        let within = match &op.kind {
            OpKind::UpdateObject { .. } | OpKind::DeleteObjectKey { .. } => Some(&op.id),
            _ => None,
        };
        // Shortcut: all that the op touches is in a node of which nothing is touched. Equal to what
        // follows.
        if within.is_some_and(|id| self.at(id).is_none()) {
            return false;
        }
        document.touches(op).iter().any(|touch| {
            let Some(counts) = self.at(touch.node()) else { return false };
            match touch {
                // Two ops may name one node as long as they touch different keys of it.
                Touch::Node(_) => counts.created > 0,
                Touch::Created(_) => true,
                Touch::Slot(slot) => counts.created > 0 || self.slots.contains_key(slot),
                Touch::List(_) => counts.created > 0 || counts.items > 0,
            }
        })
    }

    /// Whether no pending op names a node of the subtree.
    fn spares(&self, document: &Document, top: NodeIx) -> bool {
        document.subtree(top).all(|ix| self.at(&document.id(ix)).is_none())
    }
}

impl Document {
    /// The tops of the subtrees that an op would take out, or might, given its
    /// [`target`](Self::target): in a list only `set` pushes anything out, but whatever is there is
    /// near.
    pub(super) fn taken_out_by(&self, op: &Op, target: Option<NodeIx>) -> SmallVec<[NodeIx; 2]> {
        let child = |key: &SmallStr| self.child(target?, key);
        match &op.kind {
            OpKind::Create(create) => {
                let meant = create.deleted_id.as_ref().and_then(|id| self.find(id));
                child(&create.parent_key).into_iter().chain(meant).collect()
            }
            OpKind::UpdateObject { data } => {
                data.iter().filter_map(|(key, _)| child(key)).collect()
            }
            OpKind::DeleteObjectKey { key } => child(key).into_iter().collect(),
            OpKind::DeleteCrdt => target.into_iter().collect(),
            OpKind::SetParentKey { .. } | OpKind::UpdateText(_) => SmallVec::new(),
        }
    }

    /// The child of a node, if both are there.
    pub(super) fn child_of(&self, parent: &NodeId, key: &SmallStr) -> Option<NodeIx> {
        self.child(self.find(parent)?, key)
    }

    /// The places that an op would touch if it were applied now.
    pub(super) fn touches(&self, op: &Op) -> Touches {
        let mut touches = Touches::new();
        match &op.kind {
            OpKind::Create(create) => {
                touches.push(Touch::Created(op.id.clone()));
                touches.push(self.touched_child(&create.parent_id, &create.parent_key));
            }
            OpKind::UpdateObject { data } if !data.is_empty() => {
                let slot = |key: &SmallStr| Slot { node: op.id.clone(), key: key.clone() };
                touches.extend(data.iter().map(|(key, _)| Touch::Slot(slot(key))));
            }
            OpKind::DeleteObjectKey { key } => touches.push(self.touched_child(&op.id, key)),
            OpKind::DeleteCrdt | OpKind::SetParentKey { .. } => {
                touches.push(Touch::Node(op.id.clone()));
                if let Some(node) = self.find(&op.id).filter(|node| *node != NodeIx::ROOT) {
                    let Node { parent, key, .. } = self.node(node);
                    touches.push(self.touched_key(*parent, self.id(*parent), key.as_small_str()));
                }
            }
            OpKind::UpdateObject { .. } | OpKind::UpdateText(_) => {
                touches.push(Touch::Node(op.id.clone()));
            }
        }
        touches
    }

    fn touched_child(&self, parent: &NodeId, key: &SmallStr) -> Touch {
        match self.find(parent) {
            Some(ix) => self.touched_key(ix, parent.clone(), key),
            None => Touch::Slot(Slot { node: parent.clone(), key: key.clone() }),
        }
    }

    /// A child of a node as a place that is touched.
    fn touched_key(&self, parent: NodeIx, id: NodeId, key: &SmallStr) -> Touch {
        match &self.node(parent).body {
            Body::List(_) => Touch::List(id),
            _ => Touch::Slot(Slot { node: id, key: key.clone() }),
        }
    }
}
