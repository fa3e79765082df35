//! Yrs. It has no move: an item is deleted and inserted again.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use serde_json::Value;
use yrs::types::{DeepObservable, Event, ToJson};
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ArrayPrelim, ArrayRef, Doc, GetString, Map, MapPrelim, MapRef, Number, OffsetKind,
    Options, Out, ReadTxn, StateVector, Text as _, TextRef, Transact, TransactionMut, Update,
};

use super::mesh::Replica;
use crate::edit::{Edit, ThreeOps};
use crate::trace::TextEdit;

/// Marks the transactions that take in messages.
const REMOTE: &str = "remote";

pub(crate) struct Board {
    document: Doc,
    root: MapRef,
    /// The map and the list of the document of shapes.
    places: Option<(MapRef, ArrayRef)>,
    /// The messages that the own transactions made, once there are other replicas.
    outbox: Option<Rc<RefCell<Vec<Vec<u8>>>>>,
}

impl Board {
    fn new(document: Doc) -> Self {
        let root = document.get_or_insert_map("root");
        let places = {
            let transaction = document.transact();
            match (root.get(&transaction, "shapes"), root.get(&transaction, "order")) {
                (Some(Out::YMap(shapes)), Some(Out::YArray(order))) => Some((shapes, order)),
                _ => None,
            }
        };
        Self { document, root, places, outbox: None }
    }

    pub(crate) fn from_json(json: &[u8]) -> Self {
        let document = Doc::with_client_id(1);
        let root = document.get_or_insert_map("root");
        let Value::Object(entries) = serde_json::from_slice(json).unwrap() else {
            panic!("the root is no object")
        };
        fill_map(&mut document.transact_mut(), &root, entries);
        Self::new(document)
    }

    pub(crate) fn from_snapshot(snapshot: &[u8]) -> Self {
        let document = Doc::with_client_id(1);
        document.transact_mut().apply_update(Update::decode_v1(snapshot).unwrap()).unwrap();
        Self::new(document)
    }

    fn observe(&mut self) {
        if self.outbox.is_some() {
            return;
        }
        let outbox = Rc::clone(self.outbox.get_or_insert_default());
        let observe = move |transaction: &TransactionMut<'_>, event: &yrs::UpdateEvent| {
            if transaction.origin().is_none() {
                outbox.borrow_mut().push(event.update.clone());
            }
        };
        self.document.observe_update_v1("outbox", observe).unwrap();
    }

    fn shape(&self, transaction: &TransactionMut<'_>, key: &str) -> MapRef {
        match self.places.as_ref().unwrap().0.get(transaction, key) {
            Some(Out::YMap(shape)) => shape,
            _ => panic!("{key} is no shape"),
        }
    }

    fn order(&self) -> &ArrayRef {
        &self.places.as_ref().unwrap().1
    }
}

impl super::Board for Board {
    fn observe(&mut self) {
        self.root.observe_deep("observer", |transaction, events| {
            for event in events.iter() {
                match event {
                    Event::Map(event) => drop(black_box(event.keys(transaction))),
                    Event::Array(event) => drop(black_box(event.delta(transaction))),
                    _ => panic!("there are maps and arrays only"),
                }
                black_box(event.path());
            }
        });
    }

    fn edit(&mut self, edit: &Edit) {
        let mut transaction = self.document.transact_mut();
        match edit {
            Edit::Field { shape, field, value } => {
                self.shape(&transaction, shape).insert(&mut transaction, *field, *value);
            }
            Edit::Insert { index, item } => {
                self.order().insert(&mut transaction, number(*index), item.as_str());
            }
            Edit::Push { item } => {
                self.order().push_back(&mut transaction, item.as_str());
            }
            Edit::Move { from, to } => {
                let order = self.order();
                let Some(Out::Any(item)) = order.get(&transaction, number(*from)) else {
                    panic!("there is no item to move")
                };
                order.remove(&mut transaction, number(*from));
                order.insert(&mut transaction, number(*to), item);
            }
            Edit::Delete { index } => self.order().remove(&mut transaction, number(*index)),
        }
    }

    fn patch(&mut self, patch: &ThreeOps) {
        let mut transaction = self.document.transact_mut();
        let shape = self.shape(&transaction, &patch.shape);
        let x = shape.get(&transaction, "x");
        assert_eq!(x, Some(Out::Any(Any::from(patch.old))));
        shape.insert(&mut transaction, "x", patch.new);
        self.order().push_back(&mut transaction, patch.item.as_str());
    }

    fn json(&mut self) -> Vec<u8> {
        serde_json::to_vec(&self.root.to_json(&self.document.transact())).unwrap()
    }

    fn snapshot(&mut self) -> Vec<u8> {
        self.document.transact().encode_state_as_update_v1(&StateVector::default())
    }
}

impl Replica for Board {
    fn fork(&mut self, actor: u8) -> Self {
        let state = super::Board::snapshot(self);
        let document = Doc::with_client_id(1 + u64::from(actor));
        document.transact_mut().apply_update(Update::decode_v1(&state).unwrap()).unwrap();
        let mut fork = Self::new(document);
        fork.observe();
        self.observe();
        fork
    }

    fn take_messages(&mut self) -> Vec<Vec<u8>> {
        self.outbox.as_ref().map(|outbox| outbox.take()).unwrap_or_default()
    }

    fn receive(&mut self, message: &[u8]) {
        let mut transaction = self.document.transact_mut_with(REMOTE);
        transaction.apply_update(Update::decode_v1(message).unwrap()).unwrap();
    }

    fn items(&mut self) -> usize {
        self.order().len(&self.document.transact()) as usize
    }
}

fn fill_map(
    transaction: &mut TransactionMut<'_>,
    map: &MapRef,
    entries: serde_json::Map<String, Value>,
) {
    for (key, value) in entries {
        match value {
            Value::Object(entries) => {
                let child = map.insert(transaction, key, MapPrelim::default());
                fill_map(transaction, &child, entries);
            }
            Value::Array(items) => {
                let child = map.insert(transaction, key, ArrayPrelim::default());
                fill_array(transaction, &child, items);
            }
            leaf => drop(map.insert(transaction, key, scalar(&leaf))),
        }
    }
}

/// Scalars that follow each other are inserted at once: each by itself, in one transaction, would
/// take time that grows with the square of their number.
fn fill_array(transaction: &mut TransactionMut<'_>, array: &ArrayRef, items: Vec<Value>) {
    let mut scalars = Vec::new();
    for value in items {
        if !matches!(value, Value::Object(_) | Value::Array(_)) {
            scalars.push(scalar(&value));
            continue;
        }
        append(transaction, array, &mut scalars);
        match value {
            Value::Object(entries) => {
                let child = array.push_back(transaction, MapPrelim::default());
                fill_map(transaction, &child, entries);
            }
            Value::Array(items) => {
                let child = array.push_back(transaction, ArrayPrelim::default());
                fill_array(transaction, &child, items);
            }
            _ => unreachable!("scalars are dealt with above"),
        }
    }
    append(transaction, array, &mut scalars);
}

fn append(transaction: &mut TransactionMut<'_>, array: &ArrayRef, scalars: &mut Vec<Any>) {
    if !scalars.is_empty() {
        let end = array.len(transaction);
        array.insert_range(transaction, end, std::mem::take(scalars));
    }
}

fn scalar(value: &Value) -> Any {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Number(value) => Any::Number(match value.as_i64() {
            Some(value) => Number::Int(value),
            None => Number::Float(value.as_f64().unwrap()),
        }),
        Value::String(value) => value.as_str().into(),
        _ => Any::Null,
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap()
}

pub(crate) struct Text {
    document: Doc,
    text: TextRef,
}

impl Text {
    pub(crate) fn new() -> Self {
        let options = Options { offset_kind: OffsetKind::Utf16, ..Options::default() };
        let document = Doc::with_options(options);
        let text = document.get_or_insert_text("text");
        Self { document, text }
    }
}

impl super::Text for Text {
    fn edit(&mut self, TextEdit { index, delete, insert }: &TextEdit) {
        let mut transaction = self.document.transact_mut();
        if *delete > 0 {
            self.text.remove_range(&mut transaction, number(*index), number(*delete));
        }
        if !insert.is_empty() {
            self.text.insert(&mut transaction, number(*index), insert);
        }
    }

    fn content(&self) -> String {
        self.text.get_string(&self.document.transact())
    }
}
