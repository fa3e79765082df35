//! What is read as plain LSON is written as the same plain LSON.

use super::ops::round_trips;
use crate::{Document, Json, Lson, ReadLimits};

/// Reads bytes as plain LSON and as JSON to make live.
pub fn plain_lson(bytes: &[u8]) {
    let json = Json::from_slice_with(bytes, ReadLimits::default().max_depth(ReadLimits::DEEPEST));
    match (Document::from_plain_lson(bytes), &json) {
        (Ok(document), Ok(json)) => written_as_read(&document, json),
        (Ok(_), Err(error)) => panic!("read, though it is no JSON: {error}"),
        (Err(error), _) => {
            assert!(error.path().is_empty() || error.path().starts_with('/'), "{error}");
        }
    }
    match (Document::from_json(bytes), &json) {
        (Ok(document), Ok(json)) => {
            document.check().unwrap();
            assert_eq!(&document.to_json(), json, "made live and projected again");
            let again = Document::from_lson(&Lson::live(json)).unwrap();
            // Ids follow the order of the entries, and a value in memory has them sorted.
            assert_eq!(again.to_plain_lson(), document.to_plain_lson(), "from memory");
            round_trips(&document);
        }
        (Ok(_), Err(error)) => panic!("made live, though it is no JSON: {error}"),
        (Err(error), Ok(Json::Object(_))) => {
            assert!(error.to_string().contains("deep"), "refused: {error}");
        }
        (Err(_), _) => {}
    }
}

fn written_as_read(document: &Document, json: &Json) {
    document.check().unwrap();
    let written = document.to_plain_lson();
    let value = Json::from_slice_with(&written, ReadLimits::default().max_depth(1024)).unwrap();
    assert_eq!(normal(&value), normal(json), "what was read");
    let again = Document::from_plain_lson(&written).unwrap();
    assert_eq!(again.to_plain_lson(), written, "writing is stable");
    // Ids follow the order of the text, which is sorted by key when it is written.
    assert_eq!(again.to_json(), document.to_json());
    assert_eq!(again.node_count(), document.node_count());
    round_trips(document);
}

/// A live structure without what plain LSON leaves out when it writes: a text's version, unknown
/// fields beside `data`, and how a text is cut into segments.
fn normal(json: &Json) -> Json {
    match json {
        Json::Array(items) => Json::array(items.iter().map(normal)),
        Json::Object(object) => match (object.get("liveblocksType"), object.get("data")) {
            (Some(kind), Some(data)) => {
                let data = match kind.as_str() {
                    Some("LiveText") => segments(data),
                    Some("LiveFile") => file(data),
                    _ => normal(data),
                };
                Json::object([("liveblocksType".into(), kind.clone()), ("data".into(), data)])
            }
            _ => Json::object(object.iter().map(|(key, value)| (key.clone(), normal(value)))),
        },
        leaf => leaf.clone(),
    }
}

fn file(data: &Json) -> Json {
    let known = ["id", "name", "size", "mimeType"];
    Json::object(known.iter().filter_map(|key| Some(((*key).into(), data.get(key)?.clone()))))
}

/// Segments, without empty ones and joined where their attributes are the same.
fn segments(data: &Json) -> Json {
    let mut joined: Vec<(String, Option<Json>)> = Vec::new();
    for segment in data.as_array().unwrap_or_default() {
        let parts = segment.as_array().unwrap_or_default();
        let text = parts.first().and_then(Json::as_str).unwrap_or_default();
        let attributes = parts.get(1).cloned();
        match joined.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.1 == attributes => last.0.push_str(text),
            _ => joined.push((text.to_owned(), attributes)),
        }
    }
    Json::array(
        joined.into_iter().map(|(text, attributes)| {
            Json::array([Json::from(text)].into_iter().chain(attributes))
        }),
    )
}
