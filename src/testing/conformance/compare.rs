//! Where two JSON values differ, so that a failure shows the difference and not two documents.

use crate::Json;
use crate::json::error::{push_index, push_key};

/// Longer values are cut in messages.
const SHOWN: usize = 300;

/// `Ok` if the values are equal: keys in any order, numbers by value, absent not the same as null.
pub(super) fn same(what: &str, expected: &Json, got: &Json) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    let mut path = String::new();
    let (expected, got) = first_difference(Some(expected), Some(got), &mut path);
    let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
    Err(format!("{what}{place}: expected {}, got {}", show(expected), show(got)))
}

type Pair<'a> = (Option<&'a Json>, Option<&'a Json>);

/// The first pair of parts that differ, and where; `None` stands for a part that is not there.
fn first_difference<'a>(
    expected: Option<&'a Json>,
    got: Option<&'a Json>,
    path: &mut String,
) -> Pair<'a> {
    match (expected, got) {
        (Some(Json::Object(left)), Some(Json::Object(right))) => {
            let keys = left.iter().chain(right.iter()).map(|(key, _)| key);
            for key in keys {
                let (expected, got) = (left.get(key), right.get(key));
                if expected != got {
                    push_key(path, key);
                    return first_difference(expected, got, path);
                }
            }
        }
        (Some(Json::Array(left)), Some(Json::Array(right))) => {
            for at in 0..left.len().max(right.len()) {
                let (expected, got) = (left.get(at), right.get(at));
                if expected != got {
                    push_index(path, at);
                    return first_difference(expected, got, path);
                }
            }
        }
        _ => {}
    }
    (expected, got)
}

/// A value's text, cut to a length that can be read.
pub(super) fn show(json: Option<&Json>) -> String {
    json.map_or_else(|| "nothing".to_owned(), |json| cut(&json.to_string()))
}

pub(super) fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start}… ({} bytes)", text.len())
}
