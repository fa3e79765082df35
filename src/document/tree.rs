//! The nodes of a document by their places in the arena, and what its objects hold.

use std::sync::Arc;

use super::node::{Body, Children, Node, NodeIx};
use super::objects::{Object, ObjectBody, Objects};
use super::text_node::TextNode;
use crate::op::NodeContent;
use crate::{Json, SmallStr};

/// All nodes: those in the tree, and those that were taken out and are kept.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// Of each node, at the same place.
    bodies: Vec<Body>,
    pub(super) objects: Objects,
}

// Documents consist of little else.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Node>() == 32 && size_of::<Body>() == 16);

impl Tree {
    /// A root without fields.
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::root()],
            bodies: vec![Body::Object(ObjectBody::EMPTY)],
            objects: Objects::default(),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "I2: an index held by the tree names a live node")]
    pub(crate) fn node(&self, ix: NodeIx) -> &Node {
        &self.nodes[ix.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "I2: an index held by the tree names a live node")]
    pub(super) fn node_mut(&mut self, ix: NodeIx) -> &mut Node {
        &mut self.nodes[ix.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "I2: an index held by the tree names a live node")]
    pub(crate) fn body(&self, ix: NodeIx) -> &Body {
        &self.bodies[ix.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "I2: an index held by the tree names a live node")]
    pub(super) fn body_mut(&mut self, ix: NodeIx) -> &mut Body {
        &mut self.bodies[ix.0 as usize]
    }

    /// The number of places, those of nodes that are no more included.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a node at the next place.
    pub(super) fn push(&mut self, node: Node, body: Body) {
        self.nodes.push(node);
        self.bodies.push(body);
    }

    /// All nodes, and what is left of those that are no more.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The bodies of all nodes, in the same order.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.bodies.iter()
    }

    /// Gives back memory that further growth would have used.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.bodies.shrink_to_fit();
        self.objects.shrink();
    }

    /// What an object holds; `None` for any other node.
    pub(crate) fn object(&self, ix: NodeIx) -> Option<Object<'_>> {
        match self.body(ix) {
            Body::Object(body) => Some(self.objects.view(body)),
            _ => None,
        }
    }

    /// An object, for changing it; `None` for any other node.
    #[expect(clippy::indexing_slicing, reason = "I2: an index held by the tree names a live node")]
    pub(super) fn object_mut(&mut self, ix: NodeIx) -> Option<(&mut Objects, &mut ObjectBody)> {
        match &mut self.bodies[ix.0 as usize] {
            Body::Object(body) => Some((&mut self.objects, body)),
            _ => None,
        }
    }

    /// The JSON fields of an object, in order of their keys; none of any other node.
    pub(crate) fn fields(&self, ix: NodeIx) -> impl Iterator<Item = (&SmallStr, Json)> {
        self.object(ix).into_iter().flat_map(Object::fields)
    }

    /// The children, in order of their keys or positions.
    pub(crate) fn children(&self, ix: NodeIx) -> Children<'_> {
        match self.body(ix) {
            Body::Object(body) => Children::Object(self.objects.view(body).iter()),
            Body::Map(order) | Body::List(order) => Children::Ordered(Box::new(order.iter())),
            Body::Register(_) | Body::Text(_) | Body::File(_) => Children::None,
        }
    }

    /// The body of a node with this content and no children.
    pub(super) fn new_body(&mut self, content: &NodeContent) -> Body {
        match content {
            NodeContent::Object(fields) => Body::Object(self.objects.add(fields)),
            NodeContent::List => Body::List(Box::default()),
            NodeContent::Map => Body::Map(Box::default()),
            NodeContent::Register(value) => Body::Register(value.clone()),
            NodeContent::Text { segments, version } => {
                Body::Text(Box::new(TextNode::new(segments.clone(), *version)))
            }
            NodeContent::File(file) => Body::File(file.clone()),
        }
    }

    /// The content without children, as a create op or a serialised node carries it.
    pub(crate) fn content(&self, ix: NodeIx) -> NodeContent {
        match self.body(ix) {
            Body::Object(_) => {
                let fields = self.fields(ix).map(|(key, value)| (key.clone(), value));
                NodeContent::Object(Arc::new(fields.collect()))
            }
            Body::List(_) => NodeContent::List,
            Body::Map(_) => NodeContent::Map,
            Body::Register(value) => NodeContent::Register(value.clone()),
            Body::Text(text) => {
                NodeContent::Text { segments: text.segments(), version: text.version() }
            }
            Body::File(file) => NodeContent::File(file.clone()),
        }
    }

    /// Empties the place of a node that is no more.
    pub(super) fn clear(&mut self, ix: NodeIx) {
        let body = std::mem::replace(self.body_mut(ix), Body::Register(Json::Null));
        if let Body::Object(body) = body {
            self.objects.free(&body);
        }
    }
}
