//! Automerge. It has no move: an item is deleted and inserted again.

use std::collections::HashMap;
use std::hint::black_box;

use automerge::hydrate::{List, Map, Value as Hydrated};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::mesh::Replica;
use crate::edit::{Edit, ThreeOps};
use crate::trace::TextEdit;

pub(crate) struct Board {
    document: AutoCommit,
    /// The map and the list of the document of shapes.
    places: Option<(ObjId, ObjId)>,
    /// The list's length, once it is known: asking for it costs a walk along the list.
    items: Option<usize>,
    sent: Vec<ChangeHash>,
    has_unsent: bool,
    is_observed: bool,
}

impl Board {
    fn new(mut document: AutoCommit) -> Self {
        let place = |key: &str| Some(document.get(ROOT, key).unwrap()?.1);
        let places = place("shapes").zip(place("order"));
        let sent = document.get_heads();
        Self { document, places, items: None, sent, has_unsent: false, is_observed: false }
    }

    pub(crate) fn from_json(json: &[u8]) -> Self {
        let mut document = AutoCommit::new().with_actor(ActorId::from([0]));
        let Hydrated::Map(map) = hydrated(serde_json::from_slice(json).unwrap()) else {
            panic!("the root is no object")
        };
        document.init_root_from_hydrate(&map).unwrap();
        document.commit();
        Self::new(document)
    }

    pub(crate) fn from_snapshot(snapshot: &[u8]) -> Self {
        Self::new(AutoCommit::load(snapshot).unwrap())
    }

    /// Tells what changed, if somebody wants to know.
    fn tell(&mut self) {
        if self.is_observed {
            black_box(self.document.diff_incremental());
        }
    }

    fn shape(&self, key: &str) -> ObjId {
        let (shapes, _) = self.places.as_ref().unwrap();
        self.document.get(shapes, key).unwrap().unwrap().1
    }

    fn insert(&mut self, index: usize, item: &str) {
        let (_, order) = self.places.as_ref().unwrap();
        self.document.insert(order, index, item).unwrap();
        self.items = self.items.map(|items| items + 1);
    }

    fn delete(&mut self, index: usize) -> String {
        let (_, order) = self.places.as_ref().unwrap();
        let item = self.document.get(order, index).unwrap().unwrap().0.into_string().unwrap();
        self.document.delete(order, index).unwrap();
        self.items = self.items.map(|items| items - 1);
        item
    }
}

impl super::Board for Board {
    fn observe(&mut self) {
        self.document.update_diff_cursor();
        self.is_observed = true;
    }

    fn edit(&mut self, edit: &Edit) {
        match edit {
            Edit::Field { shape, field, value } => {
                let shape = self.shape(shape);
                self.document.put(&shape, *field, u64::from(*value)).unwrap();
            }
            Edit::Insert { index, item } => self.insert(*index, item),
            Edit::Push { item } => {
                let end = self.items();
                self.insert(end, item);
            }
            Edit::Move { from, to } => {
                let item = self.delete(*from);
                self.insert(*to, &item);
            }
            Edit::Delete { index } => drop(self.delete(*index)),
        }
        self.document.commit();
        self.has_unsent = true;
        self.tell();
    }

    fn patch(&mut self, patch: &ThreeOps) {
        let shape = self.shape(&patch.shape);
        let (x, _) = self.document.get(&shape, "x").unwrap().unwrap();
        assert_eq!(number(x.as_scalar().unwrap()), Some(f64::from(patch.old)));
        self.document.put(&shape, "x", u64::from(patch.new)).unwrap();
        let end = self.items();
        self.insert(end, &patch.item);
        self.document.commit();
        self.tell();
    }

    fn json(&mut self) -> Vec<u8> {
        serde_json::to_vec(&Json(&self.document.hydrate(ROOT, None).unwrap())).unwrap()
    }

    fn snapshot(&mut self) -> Vec<u8> {
        self.document.save()
    }
}

impl Replica for Board {
    fn fork(&mut self, actor: u8) -> Self {
        Self::new(self.document.fork().with_actor(ActorId::from([actor])))
    }

    fn take_messages(&mut self) -> Vec<Vec<u8>> {
        let message = self.document.save_after(&self.sent);
        self.sent = self.document.get_heads();
        self.has_unsent = false;
        vec![message]
    }

    fn receive(&mut self, message: &[u8]) {
        self.document.load_incremental(message).unwrap();
        self.items = None;
        self.tell();
        if !self.has_unsent {
            self.sent = self.document.get_heads();
        }
    }

    fn items(&mut self) -> usize {
        let (_, order) = self.places.as_ref().unwrap();
        *self.items.get_or_insert_with(|| self.document.length(order))
    }
}

fn hydrated(value: Value) -> Hydrated {
    Hydrated::Scalar(match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => value.into(),
        Value::Number(value) => match (value.as_u64(), value.as_i64()) {
            (Some(value), _) => value.into(),
            (_, Some(value)) => value.into(),
            _ => value.as_f64().unwrap().into(),
        },
        Value::String(value) => value.into(),
        Value::Array(items) => {
            let items: Vec<Hydrated> = items.into_iter().map(hydrated).collect();
            return List::from(items).into();
        }
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, hydrated(value)));
            return Map::from(entries.collect::<HashMap<String, Hydrated>>()).into();
        }
    })
}

fn number(value: &ScalarValue) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    match value {
        ScalarValue::Int(value) => Some(*value as f64),
        ScalarValue::Uint(value) => Some(*value as f64),
        ScalarValue::F64(value) => Some(*value),
        _ => None,
    }
}

/// What the engine gives out as a whole, as JSON. This is faster than its own `AutoSerde`.
struct Json<'a>(&'a Hydrated);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Hydrated::Scalar(value) => match value {
                ScalarValue::Str(value) => serializer.serialize_str(value),
                ScalarValue::Int(value) => serializer.serialize_i64(*value),
                ScalarValue::Uint(value) => serializer.serialize_u64(*value),
                ScalarValue::F64(value) => serializer.serialize_f64(*value),
                ScalarValue::Boolean(value) => serializer.serialize_bool(*value),
                _ => serializer.serialize_unit(),
            },
            Hydrated::Map(map) => {
                let mut entries = serializer.serialize_map(None)?;
                for (key, entry) in map.iter() {
                    entries.serialize_entry(key, &Json(&entry.value))?;
                }
                entries.end()
            }
            Hydrated::List(list) => {
                serializer.collect_seq(list.iter().map(|item| Json(&item.value)))
            }
            Hydrated::Text(text) => serializer.collect_str(text),
        }
    }
}

pub(crate) struct Text {
    document: AutoCommit,
    text: ObjId,
}

impl Text {
    pub(crate) fn new() -> Self {
        let mut document = AutoCommit::new();
        let text = document.put_object(ROOT, "text", ObjType::Text).unwrap();
        document.commit();
        Self { document, text }
    }
}

impl super::Text for Text {
    fn edit(&mut self, TextEdit { index, delete, insert }: &TextEdit) {
        let delete = isize::try_from(*delete).unwrap();
        self.document.splice_text(&self.text, *index, delete, insert).unwrap();
        self.document.commit();
    }

    fn content(&self) -> String {
        self.document.text(&self.text).unwrap()
    }
}
