//! Reading a snapshot. Nothing that it says is trusted.

use std::sync::Arc;

use super::super::node::{FILE, LIST, MAP, Node, OBJECT, PackedBody, TEXT};
use super::super::objects::{self, CHILD, KEYS, LEAF, Slot};
use super::SnapshotError;
use crate::document::ids::PackedId;
use crate::document::text_node::TextNode;
use crate::document::{Document, MAX_NODE_DEPTH, NodeIx};
use crate::op::NodeKind;
use crate::position::Position;
use crate::text::{LAST_VERSION, Segment};
use crate::{FileMeta, Json, NodeId, SmallStr};

type Result<T> = std::result::Result<T, SnapshotError>;

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    document: Document,
    /// By place, which counts from 1.
    ids: Vec<NodeId>,
    /// The place of the last node.
    place: u64,
    /// How many nodes there have been.
    count: usize,
    lists: Vec<List>,
    /// What objects hold, until they are whole.
    slots: Vec<Slot>,
    /// A key, until it is whole.
    key: Vec<u8>,
}

/// A list of keys that objects may name.
#[derive(Clone)]
struct List {
    keys: Arc<[SmallStr]>,
    /// Its number in the document, once an object has it.
    number: Option<u32>,
}

impl<'a> Reader<'a> {
    /// From this byte on.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            document: Document::new(),
            ids: Vec::new(),
            place: 0,
            count: 0,
            lists: Vec::new(),
            slots: Vec::new(),
            key: Vec::new(),
        }
    }

    pub(super) fn read(mut self) -> Result<Document> {
        self.ids()?;
        self.document.reserve(self.ids.len());
        if self.byte()? != OBJECT {
            return Err(self.broken("the root is no object"));
        }
        self.entries(NodeIx::ROOT)?;
        if self.count < self.ids.len() {
            return Err(self.broken("there are more ids than nodes"));
        }
        if self.at < self.bytes.len() {
            return Err(self.broken("something follows the last node"));
        }
        let mut document = self.document;
        document.shrink();
        document.debug_check();
        Ok(document)
    }

    #[cold]
    fn broken(&self, reason: &'static str) -> SnapshotError {
        SnapshotError::Malformed { offset: self.at, reason }
    }

    fn ids(&mut self) -> Result<()> {
        let count = self.length()?;
        // A node takes two bytes at least, its id perhaps none.
        if count > (self.bytes.len() - self.at) / 2 {
            return Err(self.broken("there are more nodes than fit"));
        }
        self.ids.reserve_exact(count);
        while self.ids.len() < count {
            let shape = self.number()?;
            if shape == 0 {
                let text = self.string()?;
                let id = NodeId::from(text);
                if id.is_root() {
                    return Err(self.broken("a node has the id of the root"));
                }
                self.ids.push(id);
                continue;
            }
            let (first, len) = (self.number()?, self.length()?);
            if first > u32::MAX.into() {
                return Err(self.broken("there is no such id"));
            }
            if !(1..=count - self.ids.len()).contains(&len) {
                return Err(self.broken("there are more ids than nodes"));
            }
            for clock in (first..).take(len) {
                let (shape, clock) = (u32::try_from(shape).ok(), u32::try_from(clock).ok());
                let id = shape.zip(clock).and_then(|(shape, clock)| PackedId::new(shape, clock));
                let id = id.and_then(PackedId::id);
                let Some(id) = id else { return Err(self.broken("there is no such id")) };
                self.ids.push(id);
            }
        }
        Ok(())
    }

    /// A node other than the root. If it lies in an object, that is yet to be told.
    fn node(&mut self, parent: NodeIx, key: SmallStr) -> Result<NodeIx> {
        let ix = self.next_place()?;
        let (under, depth) = (self.document.kind_at(parent), self.document.depth(parent) + 1);
        if usize::from(depth) > MAX_NODE_DEPTH {
            return Err(self.broken("a node is nested too deep"));
        }
        let kind = self.peek()?;
        let tree = &mut self.document.tree;
        let body = match kind {
            OBJECT => PackedBody::EMPTY_OBJECT,
            LIST => tree.add_order(NodeKind::List),
            MAP => tree.add_order(NodeKind::Map),
            TEXT => {
                self.at += 1;
                let text = self.text()?;
                self.document.tree.add_text(text)
            }
            FILE => {
                self.at += 1;
                let file = FileMeta::from_json(&self.json()?).map_err(|why| self.broken(why))?;
                self.document.tree.add_file(file.into())
            }
            _ if under == NodeKind::Object => {
                return Err(self.broken("a value that is a node lies in an object"));
            }
            _ => {
                let value = self.value()?;
                self.document.tree.add_register(&value)
            }
        };
        let rank = (ix.0 as usize).checked_sub(1);
        let Some(id) = rank.and_then(|rank| self.ids.get(rank)) else {
            return Err(self.broken("there is no such place"));
        };
        if self.document.ids.get(id).is_some() {
            return Err(self.broken("two nodes have the same id"));
        }
        let id = self.document.ids.bear(id);
        self.document.free.push(ix);
        let node = Node { id, parent, key: Position::verbatim(key), depth, body };
        match under {
            NodeKind::Object => self.document.attach_entered(node, Some(0)),
            _ => self.document.attach_node(node),
        };
        self.count += 1;
        match kind {
            OBJECT => {
                self.at += 1;
                self.entries(ix)?;
            }
            LIST => {
                self.at += 1;
                self.items(ix)?;
            }
            MAP => {
                self.at += 1;
                self.children(ix, |last, key| last < key)?;
                self.document.tree.settle(ix);
            }
            _ => {}
        }
        Ok(ix)
    }

    fn next_place(&mut self) -> Result<NodeIx> {
        let step = self.number()?;
        let next = self.place + 1;
        let place = match step & 1 {
            0 => next.checked_add(step >> 1),
            _ => next.checked_sub(step >> 1),
        };
        let ix = place.and_then(|place| u32::try_from(place).ok()).map(NodeIx);
        match (ix, place) {
            (Some(ix), Some(place))
                if (1..=self.ids.len() as u64).contains(&place)
                    && self.document.tree.is_vacant(ix) =>
            {
                self.place = place;
                Ok(ix)
            }
            _ => Err(self.broken("the place of a node is taken, or there is none")),
        }
    }

    /// The keys of an object, and what is there.
    fn entries(&mut self, object: NodeIx) -> Result<()> {
        let (place, keys) = match self.length()?.checked_sub(1) {
            None => self.new_keys()?,
            Some(place) => match self.lists.get(place) {
                Some(list) => (Some(place), list.keys.clone()),
                None => return Err(self.broken("there is no such list of keys")),
            },
        };
        let start = self.slots.len();
        for key in keys.iter() {
            let slot = if self.peek()? == CHILD {
                self.at += 1;
                Slot::Child(self.node(object, key.clone())?)
            } else {
                Slot::Json(self.value()?)
            };
            self.slots.push(slot);
        }
        // Objects with keys that are long and many take as long to read as those with few short ones: they are
        // not looked at again.
        let list = place.and_then(|place| self.lists.get(place)?.number);
        let number = self.document.tree.fill(object, &keys, list, self.slots.drain(start..));
        if let Some(list) = place.and_then(|place| self.lists.get_mut(place)) {
            list.number = number;
        }
        Ok(())
    }

    /// Keys, and their place among the lists, unless there are too many for other objects to name.
    fn new_keys(&mut self) -> Result<(Option<usize>, Arc<[SmallStr]>)> {
        let count = self.length()?;
        let mut keys = Vec::<SmallStr>::new();
        for _ in 0..count {
            let last = keys.last();
            let key = self.following(last.unwrap_or(&SmallStr::EMPTY))?;
            if last.is_some_and(|last| *last >= key) {
                return Err(self.broken("the keys of an object do not ascend"));
            }
            keys.push(key);
        }
        let keys: Arc<[SmallStr]> = keys.into();
        if count > KEYS {
            return Ok((None, keys));
        }
        self.lists.push(List { keys: keys.clone(), number: None });
        Ok((Some(self.lists.len() - 1), keys))
    }

    fn items(&mut self, list: NodeIx) -> Result<()> {
        self.children(list, |last, key| {
            Position::verbatim(last.clone()) < Position::verbatim(key.clone())
        })
    }

    /// The children of a list or map, which have to ascend.
    fn children(
        &mut self,
        parent: NodeIx,
        ascend: impl Fn(&SmallStr, &SmallStr) -> bool,
    ) -> Result<()> {
        let count = self.length()?;
        let mut last = SmallStr::EMPTY;
        for n in 0..count {
            let key = self.following(&last)?;
            if n > 0 && !ascend(&last, &key) {
                return Err(self.broken("the children of a node do not ascend"));
            }
            last = key.clone();
            self.node(parent, key)?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<TextNode> {
        let version = self.number()?;
        if version > LAST_VERSION {
            return Err(self.broken("the version of a text is too high"));
        }
        let segments =
            Segment::list_from_json(&self.json()?).map_err(|reason| self.broken(reason))?;
        Ok(TextNode::new(segments, version))
    }

    /// Of a register or a field.
    fn value(&mut self) -> Result<Json> {
        if self.peek()? == LEAF {
            self.at += 1;
            return self.json();
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match objects::read_short(rest) {
            Some((value, len)) => {
                self.at += len;
                Ok(value)
            }
            None => Err(self.broken("there is no such value")),
        }
    }

    fn json(&mut self) -> Result<Json> {
        let text = self.string()?;
        Json::from_slice_with(text.as_bytes(), Document::read_limits())
            .map_err(|_| self.broken("a value is no JSON text"))
    }

    /// A key or position that follows another one.
    fn following(&mut self, last: &str) -> Result<SmallStr> {
        let shared = last.as_bytes().get(..usize::from(self.byte()?));
        let Some(shared) = shared else {
            return Err(self.broken("a key begins with more than the one before has"));
        };
        let len = self.length()?;
        let rest = self.take(len)?;
        self.key.clear();
        self.key.extend_from_slice(shared);
        self.key.extend_from_slice(rest);
        match std::str::from_utf8(&self.key) {
            Ok(key) => Ok(SmallStr::from(key)),
            Err(_) => Err(self.broken("a key is not UTF-8")),
        }
    }

    fn string(&mut self) -> Result<&'a str> {
        let len = self.length()?;
        let text = self.take(len)?;
        std::str::from_utf8(text).map_err(|_| self.broken("a text is not UTF-8"))
    }

    fn length(&mut self) -> Result<usize> {
        usize::try_from(self.number()?).map_err(|_| self.broken("a number is too large"))
    }

    fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.broken("a number is too large"))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..len)) {
            Some(taken) => {
                self.at += len;
                Ok(taken)
            }
            None => Err(self.broken("it ends too early")),
        }
    }

    fn peek(&self) -> Result<u8> {
        self.bytes.get(self.at).copied().ok_or_else(|| self.broken("it ends too early"))
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }
}
