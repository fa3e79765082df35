//! The nodes of a document by their places in the arena, and what they hold.
//!
//! Of a large document most is in no cache, and to wait for memory is most of what a change takes. So
//! what is said of a node lies apart by what asks for it, in columns: who it is, where it hangs, and what it
//! holds, if that is a short value, or where to find it: with what others of its kind hold. A change of a field
//! comes by the last only.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::body::{Body, Children};
use super::ids::PackedId;
use super::node::{LinkKey, Node, NodeIx, PackedBody};
use super::objects::{Object, Objects, Slot, SlotRef, Value};
use super::order::{Order, Positions};
use super::slab::Slab;
use super::text_node::TextNode;
use crate::json::JsonObject;
use crate::op::{NodeContent, NodeKind};
use crate::position::Position;
use crate::{FileMeta, Json, SmallStr};

/// All nodes: those in the tree, and those that were taken out and are kept.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    ids: Column<PackedId>,
    /// The containers in which nodes hang.
    parents: Column<NodeIx>,
    keys: Keys,
    depths: Column<u16>,
    bodies: Column<PackedBody>,
    objects: Objects,
    /// Of lists and maps.
    orders: Slab<Order>,
    texts: Slab<Box<TextNode>>,
    files: Slab<Arc<FileMeta>>,
}

/// One thing that is said of each node, by the node's place.
#[derive(Clone, Debug)]
pub(crate) struct Column<T>(Vec<T>);

/// The keys under which nodes hang in their parents.
pub(crate) type Keys = Column<LinkKey>;

#[expect(clippy::indexing_slicing, reason = "I2: an index held by the tree names a live node")]
impl<T> Column<T> {
    const EMPTY: Self = Self(Vec::new());

    #[inline]
    fn get(&self, ix: NodeIx) -> &T {
        &self.0[ix.0 as usize]
    }

    #[inline]
    fn get_mut(&mut self, ix: NodeIx) -> &mut T {
        &mut self.0[ix.0 as usize]
    }
}

impl Positions<Position> for Keys {
    fn position(&self, ix: NodeIx) -> &Position {
        self.get(ix)
    }
}

/// Of entries of maps: their keys.
impl Positions<[u8]> for Keys {
    fn position(&self, ix: NodeIx) -> &[u8] {
        self.get(ix).as_bytes()
    }
}

impl Tree {
    /// A root without fields.
    pub(super) fn new() -> Self {
        let mut tree = Self {
            ids: Column::EMPTY,
            parents: Column::EMPTY,
            keys: Column::EMPTY,
            depths: Column::EMPTY,
            bodies: Column::EMPTY,
            objects: Objects::default(),
            orders: Slab::default(),
            texts: Slab::default(),
            files: Slab::default(),
        };
        tree.push(Node::root());
        tree
    }

    pub(crate) fn id(&self, ix: NodeIx) -> PackedId {
        *self.ids.get(ix)
    }

    /// The container in which a node hangs; of the root it itself.
    pub(super) fn parent(&self, ix: NodeIx) -> NodeIx {
        *self.parents.get(ix)
    }

    /// The key under which a node hangs in its parent; in a list, its position.
    pub(super) fn key(&self, ix: NodeIx) -> &LinkKey {
        self.keys.get(ix)
    }

    /// Where a node hangs: its parent, and its key there.
    pub(crate) fn link(&self, ix: NodeIx) -> (NodeIx, &LinkKey) {
        (self.parent(ix), self.key(ix))
    }

    pub(super) fn set_key(&mut self, ix: NodeIx, key: LinkKey) {
        *self.keys.get_mut(ix) = key;
    }

    /// Where the positions and keys of nodes are.
    pub(crate) fn positions(&self) -> &Keys {
        &self.keys
    }

    pub(crate) fn kind(&self, ix: NodeIx) -> NodeKind {
        self.packed_body(ix).kind()
    }

    /// How many parents a node has.
    pub(super) fn depth(&self, ix: NodeIx) -> u16 {
        *self.depths.get(ix)
    }

    fn packed_body(&self, ix: NodeIx) -> PackedBody {
        *self.bodies.get(ix)
    }

    /// What a node holds. Of a register this makes the value.
    pub(crate) fn body(&self, ix: NodeIx) -> Body<'_> {
        let body = self.packed_body(ix);
        let of_kind = match body.kind() {
            NodeKind::Object => Some(Body::Object(self.objects.view(body))),
            NodeKind::List => self.orders.get(body.number()).map(Body::List),
            NodeKind::Map => self.orders.get(body.number()).map(Body::Map),
            NodeKind::Text => self.texts.get(body.number()).map(|text| Body::Text(text)),
            NodeKind::File => self.files.get(body.number()).map(Body::File),
            NodeKind::Register => match self.objects.register(self.bodies.get(ix)).to_slot() {
                Slot::Json(value) => Some(Body::Register(value)),
                Slot::Child(_) => None,
            },
        };
        debug_assert!(of_kind.is_some(), "I2: what a node holds is kept");
        of_kind.unwrap_or(Body::Register(Json::Null))
    }

    /// What an object holds; `None` for any other node.
    #[expect(clippy::inline_always, reason = "so that the view is made where it is used")]
    #[inline(always)]
    pub(crate) fn object(&self, ix: NodeIx) -> Option<Object<'_>> {
        let body = self.packed_body(ix);
        (body.kind() == NodeKind::Object).then(|| self.objects.view(body))
    }

    /// The items of a list; `None` for any other node.
    pub(crate) fn list(&self, ix: NodeIx) -> Option<&Order> {
        match self.kind(ix) {
            NodeKind::List => self.orders.get(self.packed_body(ix).number()),
            _ => None,
        }
    }

    /// The entries of a map; `None` for any other node.
    pub(super) fn map(&self, ix: NodeIx) -> Option<&Order> {
        match self.kind(ix) {
            NodeKind::Map => self.orders.get(self.packed_body(ix).number()),
            _ => None,
        }
    }

    /// The items of a list, for changing them, and their positions; `None` for any other node.
    pub(super) fn list_mut(&mut self, ix: NodeIx) -> Option<(&mut Order, &Keys)> {
        match self.kind(ix) {
            NodeKind::List => {
                Some((self.orders.get_mut(self.packed_body(ix).number())?, &self.keys))
            }
            _ => None,
        }
    }

    /// The children of a list or map, for changing them, and their positions; `None` for any other node.
    pub(super) fn order_mut(&mut self, ix: NodeIx) -> Option<(&mut Order, &Keys)> {
        match self.kind(ix) {
            NodeKind::List | NodeKind::Map => {
                Some((self.orders.get_mut(self.packed_body(ix).number())?, &self.keys))
            }
            _ => None,
        }
    }

    /// A text; `None` for any other node.
    pub(crate) fn text(&self, ix: NodeIx) -> Option<&TextNode> {
        match self.kind(ix) {
            NodeKind::Text => self.texts.get(self.packed_body(ix).number()).map(|text| &**text),
            _ => None,
        }
    }

    /// A text, for changing it; `None` for any other node.
    pub(super) fn text_mut(&mut self, ix: NodeIx) -> Option<&mut TextNode> {
        match self.kind(ix) {
            NodeKind::Text => {
                self.texts.get_mut(self.packed_body(ix).number()).map(|text| &mut **text)
            }
            _ => None,
        }
    }

    /// The value of a register; `None` for any other node.
    pub(super) fn register(&self, ix: NodeIx) -> Option<SlotRef<'_>> {
        let body = self.bodies.get(ix);
        (body.kind() == NodeKind::Register).then(|| self.objects.register(body))
    }

    /// All objects and where among them this one is, for changing it; of any other node there is none.
    #[inline]
    fn object_mut(&mut self, ix: NodeIx) -> Option<(&mut Objects, &mut PackedBody)> {
        let is_object = self.kind(ix) == NodeKind::Object;
        debug_assert!(is_object, "only objects have slots");
        is_object.then(|| (&mut self.objects, self.bodies.get_mut(ix)))
    }

    /// Puts something at a key of an object and returns what was there.
    #[inline]
    pub(super) fn put(
        &mut self,
        object: NodeIx,
        key: &SmallStr,
        value: impl Value,
    ) -> Option<Slot> {
        let (objects, body) = self.object_mut(object)?;
        objects.insert(body, key, value)
    }

    /// Takes out what is at a key of an object and returns it.
    pub(super) fn take(&mut self, object: NodeIx, key: &SmallStr) -> Option<Slot> {
        let (objects, body) = self.object_mut(object)?;
        objects.remove(body, key)
    }

    /// The JSON fields of an object, in order of their keys; none of any other node.
    pub(crate) fn fields(&self, ix: NodeIx) -> impl Iterator<Item = (&SmallStr, Json)> {
        self.object(ix).into_iter().flat_map(Object::fields)
    }

    /// The children, in order of their keys or positions.
    pub(crate) fn children(&self, ix: NodeIx) -> Children<'_> {
        match self.kind(ix) {
            NodeKind::Object => {
                self.object(ix).map_or(Children::None, |object| Children::Object(object.iter()))
            }
            NodeKind::Map | NodeKind::List => {
                let order = self.orders.get(self.packed_body(ix).number());
                order.map_or(Children::None, |order| Children::Ordered(Box::new(order.iter())))
            }
            NodeKind::Register | NodeKind::Text | NodeKind::File => Children::None,
        }
    }

    /// What a node with this content holds that has no children.
    pub(super) fn add_body(&mut self, content: &NodeContent) -> PackedBody {
        match content {
            NodeContent::Object(fields) => self.objects.add(fields),
            NodeContent::List | NodeContent::Map => self.add_order(content.kind()),
            NodeContent::Register(value) => self.add_register(value),
            NodeContent::Text { segments, version } => {
                self.add_text(TextNode::new(segments.clone(), *version))
            }
            NodeContent::File(file) => self.add_file(file.clone()),
        }
    }

    /// What an object holds whose entries are about to come, until it is [settled](Self::settle).
    pub(super) fn open_object(&mut self) -> PackedBody {
        self.objects.open()
    }

    /// What a list or map without children holds.
    pub(super) fn add_order(&mut self, kind: NodeKind) -> PackedBody {
        PackedBody::numbered(kind, self.orders.insert(Order::EMPTY))
    }

    pub(super) fn add_register(&mut self, value: &Json) -> PackedBody {
        self.objects.add_register(value)
    }

    pub(super) fn add_text(&mut self, text: TextNode) -> PackedBody {
        PackedBody::numbered(NodeKind::Text, self.texts.insert(Box::new(text)))
    }

    pub(super) fn add_file(&mut self, file: Arc<FileMeta>) -> PackedBody {
        PackedBody::numbered(NodeKind::File, self.files.insert(file))
    }

    /// Gives an object without entries these keys, which ascend, and as many slots.
    pub(super) fn fill(
        &mut self,
        object: NodeIx,
        keys: &[SmallStr],
        list: Option<u32>,
        slots: impl ExactSizeIterator<Item = Slot>,
    ) -> Option<u32> {
        let (objects, body) = self.object_mut(object)?;
        debug_assert_eq!(*body, PackedBody::EMPTY_OBJECT);
        *body = objects.add_slots(keys, list, slots);
        objects.view(*body).shared_keys()
    }

    /// Further children of a node are about to come, until it is [settled](Self::settle).
    pub(super) fn reopen(&mut self, ix: NodeIx) {
        if self.kind(ix) == NodeKind::Object {
            if let Some((objects, body)) = self.object_mut(ix) {
                objects.reopen(body);
            }
        }
    }

    /// All children of a node have come for now: packs what holds them.
    pub(super) fn settle(&mut self, ix: NodeIx) {
        match self.kind(ix) {
            NodeKind::Object => {
                if let Some((objects, body)) = self.object_mut(ix) {
                    objects.settle(body);
                }
            }
            NodeKind::Map => {
                if let Some((order, _)) = self.order_mut(ix) {
                    order.repack();
                }
            }
            _ => {}
        }
    }

    /// The content without children, as a create op or a serialised node carries it.
    pub(crate) fn content(&self, ix: NodeIx) -> NodeContent {
        match self.body(ix) {
            Body::Object(object) => {
                let fields = object.fields().map(|(key, value)| (key.clone(), value));
                NodeContent::Object(Arc::new(fields.collect()))
            }
            Body::List(_) => NodeContent::List,
            Body::Map(_) => NodeContent::Map,
            Body::Register(value) => NodeContent::Register(value),
            Body::Text(text) => {
                NodeContent::Text { segments: text.segments(), version: text.version() }
            }
            Body::File(file) => NodeContent::File(file.clone()),
        }
    }

    /// The number of places, those of nodes that are no more included.
    pub(super) fn len(&self) -> usize {
        self.bodies.0.len()
    }

    /// Adds a node at the next place.
    #[inline]
    pub(super) fn push(&mut self, Node { id, parent, key, depth, body }: Node) {
        self.ids.0.push(id);
        self.parents.0.push(parent);
        self.keys.0.push(key);
        self.depths.0.push(depth);
        self.bodies.0.push(body);
    }

    /// Puts a node at a place that was [cleared](Self::clear).
    pub(super) fn replace(&mut self, ix: NodeIx, node: Node) {
        let Node { id, parent, key, depth, body } = node;
        *self.ids.get_mut(ix) = id;
        *self.parents.get_mut(ix) = parent;
        *self.keys.get_mut(ix) = key;
        *self.depths.get_mut(ix) = depth;
        *self.bodies.get_mut(ix) = body;
    }

    /// Empties the place of a node that is no more, and tells the id that it bore.
    pub(super) fn clear(&mut self, ix: NodeIx) -> PackedId {
        let (id, body) = (self.id(ix), self.packed_body(ix));
        self.replace(ix, Node::vacant());
        self.free_body(body);
        id
    }

    /// Gives the root these fields in the place of those it has.
    pub(super) fn set_root(&mut self, fields: &JsonObject) {
        let body = self.objects.add(fields);
        self.set_root_body(body);
    }

    /// The root's entries are about to come, in the place of those it has, until it is
    /// [settled](Self::settle).
    pub(super) fn open_root(&mut self) {
        let body = self.open_object();
        self.set_root_body(body);
    }

    fn set_root_body(&mut self, body: PackedBody) {
        let Some((_, of_root)) = self.object_mut(NodeIx::ROOT) else { return };
        let old = std::mem::replace(of_root, body);
        self.free_body(old);
    }

    fn free_body(&mut self, body: PackedBody) {
        match body.kind() {
            NodeKind::Object => self.objects.free(body),
            NodeKind::Register => self.objects.free_register(body),
            NodeKind::List | NodeKind::Map => _ = self.orders.remove(body.number()),
            NodeKind::Text => _ = self.texts.remove(body.number()),
            NodeKind::File => _ = self.files.remove(body.number()),
        }
    }

    /// Gives back memory that further growth would have used.
    pub(super) fn shrink(&mut self) {
        self.ids.0.shrink_to_fit();
        self.parents.0.shrink_to_fit();
        self.keys.0.shrink_to_fit();
        self.depths.0.shrink_to_fit();
        self.bodies.0.shrink_to_fit();
        self.objects.shrink();
        self.orders.shrink();
        self.texts.shrink();
        self.files.shrink();
    }

    /// Whether there is no node at a place.
    pub(super) fn is_vacant(&self, ix: NodeIx) -> bool {
        self.packed_body(ix) == PackedBody::VACANT
    }

    /// The ids of all nodes, by place; at places that are free, that of the root.
    pub(super) fn ids(&self) -> impl Iterator<Item = PackedId> {
        self.ids.0.iter().copied()
    }

    /// Says what is wrong, if these are all places that are free.
    pub(super) fn check_free(&self, free: &[NodeIx]) -> Result<(), String> {
        let is_cleared =
            |ix: &NodeIx| self.bodies.0.get(ix.0 as usize) == Some(&PackedBody::VACANT);
        let mut seen = BTreeSet::new();
        if let Some(ix) = free.iter().find(|ix| !is_cleared(ix) || !seen.insert(**ix)) {
            return Err(format!("I2: the place {} is free twice or not at all", ix.0));
        }
        let mut all = (0..).map(NodeIx).take(self.len());
        match all.find(|ix| is_cleared(ix) && !seen.contains(ix)) {
            Some(ix) => Err(format!("I2: nothing is at the place {}, which is not free", ix.0)),
            None => Ok(()),
        }
    }

    /// Says what is held by no node or by two, if anything is.
    pub(super) fn check(&self) -> Result<(), String> {
        let of_kind = |kinds: &'static [NodeKind]| {
            self.bodies.0.iter().copied().filter(|body| kinds.contains(&body.kind()))
        };
        let registers = of_kind(&[NodeKind::Register]);
        let registers = registers.filter(|body| *body != PackedBody::VACANT);
        self.objects.check(of_kind(&[NodeKind::Object]), registers)?;
        let numbers = |kinds| of_kind(kinds).map(PackedBody::number);
        self.orders.check("orders", numbers(&[NodeKind::List, NodeKind::Map]))?;
        self.texts.check("texts", numbers(&[NodeKind::Text]))?;
        self.files.check("files", numbers(&[NodeKind::File]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    #[test]
    fn documents_consist_of_little_else_than_nodes() {
        let who = size_of::<PackedId>() + size_of::<u16>();
        let link = size_of::<NodeIx>() + size_of::<LinkKey>();
        assert_eq!(who + link + size_of::<PackedBody>(), 38);
    }

    #[test]
    fn reading_a_document_makes_no_lists_of_its_first_keys() {
        let text = br#"{"a":{"x":1,"y":2},"b":{"x":3,"y":4},"c":5}"#;
        let document = Document::from_json(text).unwrap();
        assert_eq!(document.tree.objects.key_lists(), 2);
        let again = Document::from_plain_lson(&document.to_plain_lson()).unwrap();
        assert_eq!(again.tree.objects.key_lists(), 2);
    }
}
