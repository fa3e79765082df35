//! The documents that all engines work on.

use std::io::Read as _;

use flate2::read::GzDecoder;
use livetree::Document;
use livetree::testing::shapes;
use serde_json::Value;

/// A real drawing library, where every object and array is live.
const EXCALIDRAW: &[u8] =
    include_bytes!("../../../tests/data/aws-architecture-icons.excalidrawlib.json.gz");

/// One document, as the two texts from which it is loaded.
pub(crate) struct Input {
    pub(crate) json: Vec<u8>,
    pub(crate) lson: Vec<u8>,
}

impl Input {
    /// `{"shapes": {"s<i>": {…}}, "order": ["s<i>", …]}` with so many shapes.
    pub(crate) fn shapes(count: usize) -> Self {
        Self { json: shapes::json(count), lson: shapes::plain_lson(count) }
    }

    /// A document with nothing in it.
    pub(crate) fn empty() -> Self {
        let lson = br#"{"liveblocksType":"LiveObject","data":{}}"#;
        Self { json: b"{}".to_vec(), lson: lson.to_vec() }
    }

    /// The document of shapes without shapes and with so many items in its list.
    pub(crate) fn items(count: usize) -> Self {
        let items: Vec<String> = (0..count).map(item).collect();
        let items = serde_json::to_string(&items).unwrap();
        let live =
            |kind: &str, data: &str| format!(r#"{{"liveblocksType":"Live{kind}","data":{data}}}"#);
        let (map, list) = (live("Map", "{}"), live("List", &items));
        let lson = live("Object", &format!(r#"{{"shapes":{map},"order":{list}}}"#));
        let json = format!(r#"{{"shapes":{{}},"order":{items}}}"#);
        Self { json: json.into_bytes(), lson: lson.into_bytes() }
    }

    /// The drawing library.
    pub(crate) fn excalidraw() -> Self {
        let mut json = Vec::new();
        GzDecoder::new(EXCALIDRAW).read_to_end(&mut json).unwrap();
        let lson = Document::from_json(&json).unwrap().to_plain_lson();
        Self { json, lson }
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.json).unwrap()
    }
}

/// The text of the `n`th item of a list.
pub(crate) fn item(n: usize) -> String {
    format!("s{n}")
}

/// Fails unless an engine's JSON says the same as `expected`.
pub(crate) fn verify(system: &str, json: &[u8], expected: &Value) {
    let value: Value = serde_json::from_slice(json).unwrap();
    assert!(same(&value, expected), "the result of {system} is wrong");
}

/// Whether two values are equal, numbers by what they count: some engines have no integers.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}
