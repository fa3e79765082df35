//! What pending ops touch, so that an op which touches nothing of it can go beneath them.

mod sieve;
mod touch;

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::document::NodeIx;
use crate::op::OpKind;
use crate::{Document, NodeId, Op, SmallStr};
use sieve::Sieve;
pub(crate) use touch::Touches;
use touch::{Part, Touch};

/// The places that the pending ops touch.
#[derive(Debug, Default)]
pub(crate) struct Footprint {
    /// How often each is touched.
    places: BTreeMap<Touch, u32>,
    /// The ids of their nodes.
    sieve: Sieve,
}

impl Footprint {
    pub(crate) fn add(&mut self, touches: &[Touch]) {
        for touch in touches {
            let count = self.places.entry(touch.clone()).or_default();
            *count += 1;
            if *count == 1 {
                self.sieve.add(&touch.node, self.places.keys().map(|place| &place.node));
            }
        }
    }

    pub(crate) fn remove(&mut self, touches: &[Touch]) {
        for touch in touches {
            let Some(count) = self.places.get_mut(touch) else { continue };
            *count -= 1;
            if *count == 0 {
                self.places.remove(touch);
                self.sieve.remove(&touch.node);
            }
        }
    }

    /// Forgets all places.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.sieve.clear();
    }

    /// Whether somebody else's op touches nothing of it, and nothing of it is in the way.
    pub(crate) fn is_disjoint(&self, document: &Document, op: &Op) -> bool {
        // The user has to see the node whose content the op changes: what a pending op deleted may
        // come back when that is rolled back.
        let Some(target) = document.target(op) else { return false };
        if self.shares(document, op) {
            return false;
        }
        let in_the_way = match &op.kind {
            OpKind::Create(_) => document.contains(&op.id),
            OpKind::UpdateText(_) => self.names(&op.id),
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
        if within.is_some_and(|id| !self.names(id)) {
            return false;
        }
        document.touches(op, None).iter().any(|touch| self.meets(touch))
    }

    /// Whether a pending op touches a place in a way that excludes another one.
    fn meets(&self, touch: &Touch) -> bool {
        let Touch { node, part } = touch;
        if !self.sieve.may_hold(node) {
            return false;
        }
        let first_from = |part: Part| self.first_from(node, part);
        match part {
            // Two ops may name one node as long as they touch different keys of it.
            Part::Name => first_from(Part::Creation) == Some(&Part::Creation),
            Part::Place => matches!(first_from(Part::Place), Some(Part::Place | Part::Creation)),
            Part::Creation => first_from(Part::Name).is_some(),
            Part::All => first_from(Part::Creation).is_some(),
            Part::From(key) => {
                let first = first_from(Part::Creation);
                matches!(first, Some(Part::Creation | Part::All | Part::From(_)))
                    || first_from(Part::At(key.clone())).is_some()
            }
            Part::At(key) => {
                let last = self.last_to(node, Part::From(key.clone()));
                matches!(last, Some(Part::Creation | Part::All | Part::From(_)))
                    || self.places.contains_key(touch)
            }
        }
    }

    /// The first part of a node that is touched, from this one on.
    fn first_from(&self, node: &NodeId, part: Part) -> Option<&Part> {
        let (place, _) = self.places.range(Touch { node: node.clone(), part }..).next()?;
        (place.node == *node).then_some(&place.part)
    }

    /// The last part of a node that is touched, up to this one.
    fn last_to(&self, node: &NodeId, part: Part) -> Option<&Part> {
        let (place, _) = self.places.range(..=Touch { node: node.clone(), part }).next_back()?;
        (place.node == *node).then_some(&place.part)
    }

    /// Whether a pending op names a node, in whatever way.
    fn names(&self, id: &NodeId) -> bool {
        self.sieve.may_hold(id) && self.first_from(id, Part::Name).is_some()
    }

    /// Whether no pending op names a node of the subtree.
    fn spares(&self, document: &Document, top: NodeIx) -> bool {
        document.subtree(top).all(|ix| !self.names(&document.id(ix)))
    }
}

impl Document {
    /// The tops of the subtrees that an op would take out, or might, given its
    /// [`target`](Self::target): in a list only `set` pushes anything out, but whatever is there is
    /// near.
    pub(crate) fn taken_out_by(&self, op: &Op, target: Option<NodeIx>) -> SmallVec<[NodeIx; 2]> {
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
    pub(crate) fn child_of(&self, parent: &NodeId, key: &SmallStr) -> Option<NodeIx> {
        self.child(self.find(parent)?, key)
    }
}
