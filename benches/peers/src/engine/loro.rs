//! Loro, with movable lists.

use std::hint::black_box;
use std::sync::Arc;

use loro::event::Diff;
use loro::{
    Container, ExportMode, LoroDoc, LoroMap, LoroMovableList, LoroText, LoroValue, Subscription,
    ValueOrContainer, VersionVector,
};
use serde_json::Value;

use super::mesh::Replica;
use crate::edit::{Edit, ThreeOps};
use crate::trace::TextEdit;

pub(crate) struct Board {
    document: LoroDoc,
    root: LoroMap,
    /// The map and the list of the document of shapes.
    places: Option<(LoroMap, LoroMovableList)>,
    sent: VersionVector,
    has_unsent: bool,
    observer: Option<Subscription>,
}

impl Board {
    fn new(document: LoroDoc) -> Self {
        let root = document.get_map("root");
        let places = match (root.get("shapes"), root.get("order")) {
            (
                Some(ValueOrContainer::Container(Container::Map(shapes))),
                Some(ValueOrContainer::Container(Container::MovableList(order))),
            ) => Some((shapes, order)),
            _ => None,
        };
        let sent = document.oplog_vv();
        Self { document, root, places, sent, has_unsent: false, observer: None }
    }

    pub(crate) fn from_json(json: &[u8]) -> Self {
        let document = LoroDoc::new();
        document.set_peer_id(1).unwrap();
        fill_map(&document.get_map("root"), serde_json::from_slice(json).unwrap());
        document.commit();
        Self::new(document)
    }

    pub(crate) fn from_snapshot(snapshot: &[u8]) -> Self {
        Self::new(LoroDoc::from_snapshot(snapshot).unwrap())
    }

    fn shape(&self, key: &str) -> LoroMap {
        match self.places.as_ref().unwrap().0.get(key) {
            Some(ValueOrContainer::Container(Container::Map(shape))) => shape,
            _ => panic!("{key} is no shape"),
        }
    }

    fn order(&self) -> &LoroMovableList {
        &self.places.as_ref().unwrap().1
    }
}

impl super::Board for Board {
    fn observe(&mut self) {
        self.observer = Some(self.document.subscribe_root(Arc::new(|event| {
            for change in &event.events {
                assert!(!matches!(black_box(&change.diff), Diff::Unknown));
                black_box(change.path);
            }
        })));
    }

    fn edit(&mut self, edit: &Edit) {
        match edit {
            Edit::Field { shape, field, value } => self.shape(shape).insert(field, *value),
            Edit::Insert { index, item } => self.order().insert(*index, item.as_str()),
            Edit::Push { item } => self.order().push(item.as_str()),
            Edit::Move { from, to } => self.order().mov(*from, *to),
            Edit::Delete { index } => self.order().delete(*index, 1),
        }
        .unwrap();
        self.document.commit();
        self.has_unsent = true;
    }

    fn patch(&mut self, patch: &ThreeOps) {
        let shape = self.shape(&patch.shape);
        let x = shape.get("x").map(|x| x.get_deep_value());
        assert_eq!(x, Some(LoroValue::I64(patch.old.into())));
        shape.insert("x", patch.new).unwrap();
        self.order().push(patch.item.as_str()).unwrap();
        self.document.commit();
    }

    fn json(&mut self) -> Vec<u8> {
        serde_json::to_vec(&self.root.get_deep_value()).unwrap()
    }

    fn snapshot(&mut self) -> Vec<u8> {
        self.document.export(ExportMode::Snapshot).unwrap()
    }
}

impl Replica for Board {
    fn fork(&mut self, actor: u8) -> Self {
        let document = self.document.fork();
        document.set_peer_id(1 + u64::from(actor)).unwrap();
        Self::new(document)
    }

    fn take_messages(&mut self) -> Vec<Vec<u8>> {
        let message = self.document.export(ExportMode::updates(&self.sent)).unwrap();
        self.sent = self.document.oplog_vv();
        self.has_unsent = false;
        vec![message]
    }

    fn receive(&mut self, message: &[u8]) {
        let status = self.document.import(message).unwrap();
        assert!(status.pending.is_none());
        if !self.has_unsent {
            self.sent = self.document.oplog_vv();
        }
    }

    fn items(&mut self) -> usize {
        self.order().len()
    }
}

fn fill_map(map: &LoroMap, value: Value) {
    let Value::Object(entries) = value else { panic!("no object") };
    for (key, value) in entries {
        match value {
            Value::Object(_) => {
                fill_map(&map.insert_container(&key, LoroMap::new()).unwrap(), value);
            }
            Value::Array(items) => {
                fill_list(&map.insert_container(&key, LoroMovableList::new()).unwrap(), items);
            }
            leaf => map.insert(&key, leaf).unwrap(),
        }
    }
}

fn fill_list(list: &LoroMovableList, items: Vec<Value>) {
    for value in items {
        match value {
            Value::Object(_) => fill_map(&list.push_container(LoroMap::new()).unwrap(), value),
            Value::Array(items) => {
                fill_list(&list.push_container(LoroMovableList::new()).unwrap(), items);
            }
            leaf => list.push(leaf).unwrap(),
        }
    }
}

pub(crate) struct Text {
    document: LoroDoc,
    text: LoroText,
}

impl Text {
    pub(crate) fn new() -> Self {
        let document = LoroDoc::new();
        let text = document.get_text("text");
        Self { document, text }
    }
}

impl super::Text for Text {
    fn edit(&mut self, TextEdit { index, delete, insert }: &TextEdit) {
        if *delete > 0 {
            self.text.delete_utf16(*index, *delete).unwrap();
        }
        if !insert.is_empty() {
            self.text.insert_utf16(*index, insert).unwrap();
        }
        self.document.commit();
    }

    fn content(&self) -> String {
        self.text.to_string()
    }
}
