//! Comparing the live tree with a JSON value, as the operation `test` does.
//!
//! Nothing is projected: tree and value are walked side by side. The walk goes no deeper than the
//! tree does, and that is limited.

use std::io;

use serde::Serialize;
use serde_json::Value;

use super::PatchReason;
use super::text_view;
use crate::Json;
use crate::document::{TextRef, ValueRef};

/// Whether the JSON projection of a value of the document equals `expected`. Numbers are compared
/// as numbers. A LiveText equals its array of segments and also its plain LSON object.
pub(super) fn equal(found: &ValueRef<'_>, expected: &Value) -> bool {
    match found {
        ValueRef::Json(json) => equal_json(json, expected),
        ValueRef::Object(object) => expected.as_object().is_some_and(|expected| {
            object.len() == expected.len()
                && object.iter().all(|(key, value)| {
                    expected.get(key.as_str()).is_some_and(|expected| equal(&value, expected))
                })
        }),
        ValueRef::Map(map) => expected.as_object().is_some_and(|expected| {
            map.len() == expected.len()
                && map.iter().all(|(key, value)| {
                    expected.get(key.as_str()).is_some_and(|expected| equal(&value, expected))
                })
        }),
        ValueRef::List(list) => expected.as_array().is_some_and(|expected| {
            list.len() == expected.len()
                && list.iter().zip(expected).all(|(item, expected)| equal(&item, expected))
        }),
        ValueRef::Text(text) => equal_text(*text, expected),
        ValueRef::File(file) => equal_json(&file.to_json(), expected),
    }
}

fn equal_text(text: TextRef<'_>, expected: &Value) -> bool {
    let view = text_view::view(&text.segments());
    match expected {
        Value::Array(_) => view.get("data").is_some_and(|data| equal_json(data, expected)),
        _ => equal_json(&view, expected),
    }
}

pub(super) fn equal_json(found: &Json, expected: &Value) -> bool {
    match (found, expected) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(found), Value::Bool(expected)) => found == expected,
        // The document knows only doubles, so an expected number counts as its double.
        (Json::Number(found), Value::Number(expected)) => expected.as_f64() == Some(found.get()),
        (Json::String(found), Value::String(expected)) => found == expected.as_str(),
        (Json::Array(found), Value::Array(expected)) => {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, expected)| equal_json(found, expected))
        }
        (Json::Object(found), Value::Object(expected)) => {
            found.len() == expected.len()
                && found.iter().all(|(key, found)| {
                    expected.get(key.as_str()).is_some_and(|expected| equal_json(found, expected))
                })
        }
        _ => false,
    }
}

#[cold]
pub(super) fn test_failed(expected: &Value, found: &impl Serialize) -> PatchReason {
    PatchReason::TestFailed { expected: shortened(expected), found: shortened(found) }
}

/// The beginning of a value's JSON text; writing stops where it is cut.
fn shortened(value: &impl Serialize) -> String {
    const LONGEST: usize = 80;
    struct Cut(Vec<u8>);
    impl io::Write for Cut {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = LONGEST - self.0.len().min(LONGEST);
            let (head, tail) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.0.extend_from_slice(head);
            if tail.is_empty() { Ok(bytes.len()) } else { Err(io::ErrorKind::WriteZero.into()) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut cut = Cut(Vec::new());
    let whole = serde_json::to_writer(&mut cut, value).is_ok();
    let mut text = match std::str::from_utf8(&cut.0) {
        Ok(text) => text.to_owned(),
        Err(error) => {
            let valid = cut.0.get(..error.valid_up_to()).unwrap_or_default();
            String::from_utf8_lossy(valid).into_owned()
        }
    };
    if !whole {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(shortened(&Value::from(1)), "1");
        let long = shortened(&Value::from("é".repeat(100)));
        assert_eq!(long, format!("\"{}…", "é".repeat(39)));
    }
}
