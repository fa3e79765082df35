//! Writing a snapshot.

use std::collections::BTreeMap;

use super::super::node::{FILE, LIST, MAP, OBJECT, TEXT};
use super::super::objects::{CHILD, KEYS, LEAF, Object, SlotRef};
use crate::document::body::Body;
use crate::document::{Document, NodeIx};
use crate::json::write::write_json;
use crate::text::Segment;
use crate::{Json, SmallStr};

pub(super) struct Writer<'a> {
    document: &'a Document,
    out: Vec<u8>,
    /// The places of nodes among the ids, by their places in the arena.
    places: Vec<usize>,
    /// The last one that was written.
    place: usize,
    /// The lists of keys that have been written, by their keys.
    lists: BTreeMap<Vec<&'a SmallStr>, u64>,
    /// The same by their numbers in the document.
    shared: BTreeMap<u32, u64>,
    /// For JSON text, until it is known how long it is.
    text: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(document: &'a Document, out: Vec<u8>) -> Self {
        Self {
            document,
            out,
            places: vec![0; document.tree.len()],
            place: 0,
            lists: BTreeMap::new(),
            shared: BTreeMap::new(),
            text: Vec::new(),
        }
    }

    pub(super) fn write(mut self) -> Vec<u8> {
        self.ids();
        self.content(NodeIx::ROOT);
        self.out
    }

    fn ids(&mut self) {
        let Self { document, .. } = *self;
        let nodes = document.subtree(NodeIx::ROOT).skip(1);
        let mut nodes: Vec<_> = nodes.map(|ix| (document.tree.id(ix), ix)).collect();
        nodes.sort_unstable_by(|(a, _), (b, _)| document.ids.compare(*a, *b));
        self.number(nodes.len());
        for (place, (_, ix)) in (1..).zip(&nodes) {
            if let Some(of_node) = self.places.get_mut(ix.0 as usize) {
                *of_node = place;
            }
        }
        for run in nodes.chunk_by(|(a, _), (b, _)| a.is_followed_by(*b)) {
            let Some((first, _)) = run.first() else { continue };
            if let Some((shape, clock)) = first.numbers() {
                self.number(shape as usize);
                self.number(clock as usize);
                self.number(run.len());
            } else {
                self.number(0);
                self.string(document.ids.unpack(*first).to_string().as_bytes());
            }
        }
    }

    /// A node other than the root.
    fn node(&mut self, ix: NodeIx) {
        let place = self.places.get(ix.0 as usize).copied().unwrap_or_default();
        let step = place.abs_diff(self.place + 1);
        self.number(step << 1 | usize::from(place <= self.place));
        self.place = place;
        self.content(ix);
    }

    /// Recursion is bounded by [`MAX_NODE_DEPTH`](crate::MAX_NODE_DEPTH).
    fn content(&mut self, ix: NodeIx) {
        let Self { document, .. } = *self;
        if let Some(value) = document.tree.register(ix) {
            return self.value(value);
        }
        match document.body(ix) {
            Body::Object(object) => {
                self.out.push(OBJECT);
                self.keys(object);
                for (_, value) in object.iter() {
                    match value.child() {
                        None => self.value(value),
                        Some(child) => {
                            self.out.push(CHILD);
                            self.node(child);
                        }
                    }
                }
            }
            Body::List(order) => {
                self.out.push(LIST);
                self.children(order.len(), order.iter());
            }
            Body::Map(order) => {
                self.out.push(MAP);
                self.children(order.len(), order.iter());
            }
            Body::Text(text) => {
                self.out.push(TEXT);
                self.long(text.version());
                self.json(&Json::array(text.segments().iter().map(Segment::to_json)));
            }
            Body::File(file) => {
                self.out.push(FILE);
                self.json(&file.to_json());
            }
            Body::Register(_) => {}
        }
    }

    fn children(&mut self, len: usize, children: impl Iterator<Item = NodeIx>) {
        let Self { document, .. } = *self;
        self.number(len);
        let mut last = &SmallStr::EMPTY;
        for child in children {
            let key = document.key(child).as_small_str();
            self.following(last, key);
            last = key;
            self.node(child);
        }
    }

    fn keys(&mut self, object: Object<'a>) {
        if let Some(number) = object.shared_keys().and_then(|list| self.shared.get(&list)) {
            return self.long(*number);
        }
        if object.len() > KEYS {
            return self.new_keys(object);
        }
        let keys: Vec<_> = object.iter().map(|(key, _)| key).collect();
        let number = match self.lists.get(&keys).copied() {
            Some(number) => {
                self.long(number);
                number
            }
            None => {
                self.new_keys(object);
                let number = self.lists.len() as u64 + 1;
                self.lists.insert(keys, number);
                number
            }
        };
        self.shared.extend(object.shared_keys().map(|list| (list, number)));
    }

    fn new_keys(&mut self, object: Object<'a>) {
        self.number(0);
        self.number(object.len());
        let mut last = &SmallStr::EMPTY;
        for (key, _) in object.iter() {
            self.following(last, key);
            last = key;
        }
    }

    /// Of a register or a field.
    fn value(&mut self, value: SlotRef<'_>) {
        if !value.write_short(&mut self.out) {
            self.out.push(LEAF);
            self.text.clear();
            value.write(&mut self.text);
            self.text();
        }
    }

    fn json(&mut self, json: &Json) {
        self.text.clear();
        write_json(json, &mut self.text);
        self.text();
    }

    /// What is in the text.
    fn text(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.string(&text);
        self.text = text;
    }

    /// A key or position that follows another one.
    fn following(&mut self, last: &str, key: &str) {
        let most = usize::from(u8::MAX);
        let pairs = last.bytes().zip(key.bytes()).take(most);
        let shared = pairs.take_while(|(a, b)| a == b).count();
        self.out.extend(u8::try_from(shared));
        self.string(key.as_bytes().get(shared..).unwrap_or_default());
    }

    fn string(&mut self, text: &[u8]) {
        self.number(text.len());
        self.out.extend_from_slice(text);
    }

    fn number(&mut self, number: usize) {
        self.long(number as u64);
    }

    fn long(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.out.push(number.to_le_bytes()[0]);
    }
}
