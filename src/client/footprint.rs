//! What pending ops touch, so that an op which touches nothing of it can go beneath them.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::document::{Body, NodeIx};
use crate::op::OpKind;
use crate::{Document, NodeId, Op, SmallStr};

/// A place that an op reads or changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touch {
    /// The op names the node, as its target or as its parent.
    Node(NodeId),
    /// The op creates the node.
    Created(NodeId),
    /// A key of an object or map.
    Slot(NodeId, SmallStr),
    /// The items of a list.
    List(NodeId),
}

/// What one op touches: without heap unless it sets many fields.
pub(super) type Touches = SmallVec<[Touch; 4]>;

/// The places that the pending ops touch, each with how many do.
#[derive(Debug, Default)]
pub(super) struct Footprint(BTreeMap<Touch, u32>);

impl Footprint {
    pub(super) fn add(&mut self, touches: &[Touch]) {
        for touch in touches {
            *self.0.entry(touch.clone()).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, touches: &[Touch]) {
        for touch in touches {
            if let Some(count) = self.0.get_mut(touch) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(touch);
                }
            }
        }
    }

    fn has(&self, touch: &Touch) -> bool {
        self.0.contains_key(touch)
    }

    /// Whether somebody else's op touches nothing of it, and nothing of it is in the way.
    pub(super) fn is_disjoint(&self, document: &Document, op: &Op) -> bool {
        if target(document, op).is_none() {
            return false;
        }
        let touches = document.touches(op);
        let shared = touches.iter().any(|touch| match touch {
            // Two ops may name one node as long as they touch different keys of it.
            Touch::Node(id) => self.has(&Touch::Created(id.clone())),
            Touch::Created(id) => self.has(&Touch::Node(id.clone())) || self.has(touch),
            Touch::Slot(..) | Touch::List(_) => self.has(touch),
        });
        if shared {
            return false;
        }
        let in_the_way = match &op.kind {
            OpKind::Create(_) => document.contains(&op.id),
            OpKind::UpdateText(_) => self.has(&Touch::Node(op.id.clone())),
            _ => false,
        };
        !in_the_way && document.taken_out_by(op).into_iter().all(|top| self.spares(document, top))
    }

    /// Whether no pending op names a node of the subtree.
    fn spares(&self, document: &Document, top: NodeIx) -> bool {
        document.subtree(top).all(|ix| {
            let id = &document.id(ix);
            !self.has(&Touch::Node(id.clone())) && !self.has(&Touch::Created(id.clone()))
        })
    }
}

/// The node whose content an op changes, if the user can see it: what a pending op deleted may
/// come back when that is rolled back.
fn target(document: &Document, op: &Op) -> Option<NodeIx> {
    match &op.kind {
        OpKind::Create(create) => document.find(&create.parent_id),
        _ => document.find(&op.id),
    }
}

impl Document {
    /// The tops of the subtrees that an op would take out, or might: in a list only `set` pushes
    /// anything out, but whatever is there is near.
    pub(super) fn taken_out_by(&self, op: &Op) -> SmallVec<[NodeIx; 2]> {
        match &op.kind {
            OpKind::Create(create) => {
                let there = self.child_of(&create.parent_id, &create.parent_key);
                let meant = create.deleted_id.as_ref().and_then(|id| self.find(id));
                there.into_iter().chain(meant).collect()
            }
            OpKind::UpdateObject { data } => {
                let Some(node) = self.find(&op.id) else { return SmallVec::new() };
                data.iter().filter_map(|(key, _)| self.child(node, key)).collect()
            }
            OpKind::DeleteObjectKey { key } => self.child_of(&op.id, key).into_iter().collect(),
            OpKind::DeleteCrdt => self.find(&op.id).into_iter().collect(),
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
                touches.push(Touch::Node(op.id.clone()));
                touches.push(Touch::Node(create.parent_id.clone()));
                touches.push(self.touched_child(&create.parent_id, &create.parent_key));
            }
            OpKind::UpdateObject { data } => {
                touches.push(Touch::Node(op.id.clone()));
                let slots = data.iter().map(|(key, _)| Touch::Slot(op.id.clone(), key.clone()));
                touches.extend(slots);
            }
            OpKind::DeleteObjectKey { key } => {
                touches.push(Touch::Node(op.id.clone()));
                touches.push(self.touched_child(&op.id, key));
            }
            OpKind::DeleteCrdt | OpKind::SetParentKey { .. } => {
                touches.push(Touch::Node(op.id.clone()));
                if let Some(node) = self.find(&op.id).filter(|node| *node != NodeIx::ROOT) {
                    let parent = self.id(self.node(node).parent);
                    touches.push(
                        self.touched_child(&parent, &self.node(node).key.as_small_str().clone()),
                    );
                    touches.push(Touch::Node(parent));
                }
            }
            OpKind::UpdateText(_) => touches.push(Touch::Node(op.id.clone())),
        }
        touches
    }

    fn touched_child(&self, parent: &NodeId, key: &SmallStr) -> Touch {
        match self.find(parent).map(|ix| &self.node(ix).body) {
            Some(Body::List(_)) => Touch::List(parent.clone()),
            _ => Touch::Slot(parent.clone(), key.clone()),
        }
    }
}
