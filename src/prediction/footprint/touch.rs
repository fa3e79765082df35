//! The places that an op reads or changes.

use smallvec::SmallVec;

use super::super::neighbours::Neighbours;
use crate::document::NodeIx;
use crate::op::{Create, Intent, OpKind};
use crate::position::Position;
use crate::{Document, NodeId, Op, SmallStr};

/// A place that an op reads or changes: a part of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Touch {
    pub(super) node: NodeId,
    pub(super) part: Part,
}

/// What of a node is touched. A [`Footprint`](super::Footprint) relies on this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The op names the node, as its target or as its parent.
    Name,
    /// The op says where the item goes, or goes itself by where it is.
    Place,
    /// The op creates the node.
    Creation,
    /// All positions of a list.
    All,
    /// The positions of a list from this one on.
    From(SmallStr),
    /// A key of an object or map, a position of a list.
    At(SmallStr),
}

/// What one op touches: without heap unless it moves an item or sets many fields.
pub(crate) type Touches = SmallVec<[Touch; 4]>;

impl Part {
    fn of(self, node: NodeId) -> Touch {
        Touch { node, part: self }
    }
}

impl Document {
    /// The places that an op would touch if it were applied now. What the op is expressed in terms
    /// of, if it may be expressed anew, are its neighbours.
    pub(crate) fn touches(&self, op: &Op, neighbours: Option<&Neighbours>) -> Touches {
        let mut touches = Touches::new();
        match &op.kind {
            OpKind::Create(create) => self.touched_by_create(&op.id, create, &mut touches),
            OpKind::UpdateObject { data } if !data.is_empty() => {
                let at = |key: &SmallStr| Part::At(key.clone()).of(op.id.clone());
                touches.extend(data.iter().map(|(key, _)| at(key)));
            }
            OpKind::DeleteObjectKey { key } => match self.find(&op.id) {
                Some(node) => self.touched_out(node, key, &mut touches),
                None => touches.push(Part::At(key.clone()).of(op.id.clone())),
            },
            OpKind::DeleteCrdt | OpKind::SetParentKey { .. } => {
                touches.push(Part::Place.of(op.id.clone()));
                if let Some(node) = self.find(&op.id).filter(|node| *node != NodeIx::ROOT) {
                    let (parent, key) = self.link(node);
                    touches.push(self.touched_key(parent, key.as_small_str()));
                    if let OpKind::SetParentKey { parent_key } = &op.kind {
                        if key.as_small_str() != parent_key {
                            touches.push(self.touched_place(parent, parent_key));
                        }
                    }
                }
            }
            OpKind::UpdateObject { .. } | OpKind::UpdateText(_) => {
                touches.push(Part::Name.of(op.id.clone()));
            }
        }
        if let Some(neighbours) = neighbours {
            let items = neighbours.items().flatten();
            touches.extend(items.map(|item| Part::Place.of(item.clone())));
            if let Some(list) = neighbours.loose_in(self, op) {
                touches.push(Part::All.of(list));
            }
        }
        touches
    }

    fn touched_by_create(&self, id: &NodeId, create: &Create, touches: &mut Touches) {
        let Create { parent_id, parent_key: key, intent, deleted_id, .. } = create;
        touches.push(Part::Creation.of(id.clone()));
        let Some(parent) = self.find(parent_id) else {
            touches.push(Part::At(key.clone()).of(parent_id.clone()));
            return;
        };
        let in_list = self.is_list(parent);
        match intent {
            Intent::Insert | Intent::Push if in_list => {
                touches.push(self.touched_place(parent, key));
                if *intent == Intent::Push {
                    touches.push(self.touched_end(parent, key));
                }
            }
            _ => self.touched_out(parent, key, touches),
        }
        if let (Intent::Set, Some(meant)) = (intent, deleted_id) {
            touches.push(Part::Place.of(meant.clone()));
            if let Some(meant) = self.child_by_id(parent, meant) {
                touches.push(self.touched_key(parent, self.key(meant).as_small_str()));
            }
        }
    }

    /// What a container has at a key, which goes out. Others may still say that it is to go, as one does
    /// who puts another item in its place.
    fn touched_out(&self, parent: NodeIx, key: &SmallStr, touches: &mut Touches) {
        touches.push(self.touched_key(parent, key));
        touches.extend(self.child(parent, key).map(|child| Part::Place.of(self.id(child))));
    }

    /// What a container has at a key, or will have just there.
    fn touched_key(&self, parent: NodeIx, key: &SmallStr) -> Touch {
        let (node, in_list) = (self.id(parent), self.is_list(parent));
        // Only canonical positions are in the order of their bytes.
        if in_list && !Position::verbatim(key.clone()).is_canonical() {
            return Part::All.of(node);
        }
        Part::At(key.clone()).of(node)
    }

    /// The place of a list for which an item is meant. If that is taken, the item goes where there is
    /// room: that depends on what is around.
    fn touched_place(&self, list: NodeIx, key: &SmallStr) -> Touch {
        match self.child(list, key) {
            Some(_) => Part::All.of(self.id(list)),
            None => self.touched_key(list, key),
        }
    }

    /// The end of a list, where an item goes if nothing is behind the last one.
    fn touched_end(&self, list: NodeIx, key: &SmallStr) -> Touch {
        let part = match self.last_position(list) {
            None => Part::From(SmallStr::default()),
            Some(end) if end.is_canonical() && end.as_small_str() < key => {
                Part::From(end.as_small_str().clone())
            }
            Some(_) => Part::All,
        };
        part.of(self.id(list))
    }
}
