//! Creating live structures: a value becomes create ops, parents before children.

use std::sync::Arc;

use super::{EditError, Session};
use crate::document::NodeIx;
use crate::json::JsonObject;
use crate::op::{Create, Intent, NodeContent, OpKind};
use crate::position::Position;
use crate::{Json, Lson, NodeId, Op, SmallStr};

/// Where a new node goes.
pub(crate) struct Destination {
    /// The container, if it is known where it is.
    pub(super) parent: Option<NodeIx>,
    pub(super) parent_id: NodeId,
    pub(super) parent_key: SmallStr,
    pub(super) intent: Intent,
    pub(super) deleted_id: Option<NodeId>,
}

impl Session<'_> {
    /// Creates a value, and what is in it, as a node at a key.
    pub(crate) fn create_at(
        &mut self,
        parent: NodeIx,
        key: SmallStr,
        value: Lson,
    ) -> Result<(), EditError> {
        self.create(self.destination(parent, key), value)
    }

    /// At a key of an object or map, or a free position of a list.
    #[inline]
    pub(crate) fn destination(&self, parent: NodeIx, key: SmallStr) -> Destination {
        Destination { parent: Some(parent), ..Destination::at(self.id(parent), key) }
    }

    #[inline]
    fn create_node(
        &mut self,
        id: NodeId,
        destination: Destination,
        content: NodeContent,
    ) -> Result<(), EditError> {
        let Destination { parent, parent_id, parent_key, intent, deleted_id } = destination;
        let parent = parent.or_else(|| self.document.find(&parent_id));
        let create = Create { parent_id, parent_key, intent, deleted_id, content };
        self.perform(parent, Op::new(id, OpKind::Create(create)))
    }

    /// Creates a value, and what is in it, as a node. Returns nothing but keeps the order of ops:
    /// a container, then its contents, depth first.
    pub(crate) fn create(
        &mut self,
        destination: Destination,
        value: Lson,
    ) -> Result<(), EditError> {
        let value = match value {
            Lson::Json(value) => {
                let id = self.ids.fresh_node_id(self.document);
                return self.create_node(id, destination, NodeContent::Register(value));
            }
            live => live,
        };
        let mut stack = Vec::new();
        let mut next = Some((destination, value));
        while let Some((destination, value)) = next {
            let id = self.ids.fresh_node_id(self.document);
            let below = stack.len();
            let content = match value {
                Lson::Json(value) => NodeContent::Register(value),
                Lson::Text { segments, .. } => NodeContent::Text { segments, version: 0 },
                Lson::File(file) => NodeContent::File(Arc::new(file)),
                Lson::Object(entries) => {
                    let mut fields: Vec<(SmallStr, Json)> = Vec::new();
                    for (key, value) in entries {
                        match value {
                            Lson::Json(value) => fields.push((key, value)),
                            live => stack.push((Destination::at(id.clone(), key), live)),
                        }
                    }
                    NodeContent::Object(Arc::new(JsonObject::from_iter(fields)))
                }
                Lson::Map(entries) => {
                    let places = entries.into_iter();
                    stack.extend(
                        places.map(|(key, value)| (Destination::at(id.clone(), key), value)),
                    );
                    NodeContent::Map
                }
                Lson::List(items) => {
                    let mut position: Option<Position> = None;
                    for item in items {
                        let next = Position::make(position.as_ref(), None);
                        let destination = Destination {
                            intent: Intent::Set,
                            ..Destination::at(id.clone(), next.as_small_str().clone())
                        };
                        stack.push((destination, item));
                        position = Some(next);
                    }
                    NodeContent::List
                }
            };
            if let Some(children) = stack.get_mut(below..) {
                children.reverse();
            }
            self.create_node(id, destination, content)?;
            next = stack.pop();
        }
        Ok(())
    }
}

impl Destination {
    /// As [`Session::destination`], below a node that is yet to be created.
    #[inline]
    fn at(parent_id: NodeId, parent_key: SmallStr) -> Self {
        Self { parent: None, parent_id, parent_key, intent: Intent::Insert, deleted_id: None }
    }
}
