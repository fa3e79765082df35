//! Every text vector of the conformance suite holds, to the letter.

use std::io::Read;
use std::sync::Arc;

use livetree::text::{Attributes, Order, Segment, Text, TextOp};
use livetree::text::{invert, normalize, transform, transform_over};
use livetree::{Json, SmallStr};
use serde_json::Value;

fn vectors() -> String {
    let packed = include_bytes!("../data/conformance/text.ndjson.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    text
}

fn scalar(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => Json::number(number.as_f64().unwrap()),
        Value::String(text) => text.as_str().into(),
        other => panic!("not a scalar: {other}"),
    }
}

fn attributes(value: &Value) -> Attributes {
    let entries = value.as_object().unwrap().iter();
    Arc::new(entries.map(|(key, value)| (SmallStr::from(key), scalar(value))).collect())
}

pub(crate) fn segments(value: &Value) -> Vec<Segment> {
    let segment = |value: &Value| Segment {
        text: value[0].as_str().unwrap().into(),
        attributes: value.get(1).map(attributes),
    };
    value.as_array().unwrap().iter().map(segment).collect()
}

fn op(value: &Value) -> TextOp {
    let integer = |field: &str| value[field].as_i64().unwrap();
    let index = integer("index");
    match value["type"].as_str().unwrap() {
        "insert" => TextOp::Insert {
            index,
            text: value["text"].as_str().unwrap().into(),
            attributes: value.get("attributes").map(attributes),
        },
        "delete" => TextOp::Delete { index, length: integer("length") },
        "format" => TextOp::Format {
            index,
            length: integer("length"),
            attributes: attributes(&value["attributes"]),
        },
        other => panic!("type {other}"),
    }
}

pub(crate) fn ops(value: &Value) -> Vec<TextOp> {
    value.as_array().unwrap().iter().map(op).collect()
}

fn applied(data: &Value, lists: &[&[TextOp]]) -> Vec<Segment> {
    let mut text = Text::from_segments(segments(data));
    for ops in lists {
        text.apply(ops);
    }
    text.segments()
}

fn check(line: &Value) -> &'static str {
    if let Some(expected) = line.get("applied") {
        assert_eq!(applied(&line["data"], &[&ops(&line["ops"])]), segments(expected), "{line}");
        return "applied";
    }
    if let Some(expected) = line.get("normalized") {
        let text = Text::from_segments(segments(&line["data"]));
        assert_eq!(normalize(&text, &ops(&line["ops"])), ops(expected), "{line}");
        return "normalized";
    }
    if let Some(expected) = line.get("inverse") {
        let text = Text::from_segments(segments(&line["data"]));
        let ops_ = ops(&line["ops"]);
        let inverse = invert(&text, &ops_);
        assert_eq!(inverse, ops(expected), "{line}");
        assert_eq!(
            applied(&line["data"], &[&ops_, &inverse]),
            applied(&line["data"], &[]),
            "{line}"
        );
        return "inverse";
    }
    let (a, b) = (ops(&line["a"]), ops(&line["b"]));
    let order = if line["order"] == "after" { Order::After } else { Order::Before };
    let (a2, b2) = transform(&a, &b, order);
    assert_eq!(a2, ops(&line["a2"]), "a2 of {line}");
    assert_eq!(b2, ops(&line["b2"]), "b2 of {line}");
    assert_eq!(transform_over(&a, &b, order), a2);
    if let Some(merged) = line.get("merged") {
        let merged = segments(merged);
        assert_eq!(applied(&line["base"], &[&a, &b2]), merged, "{line}");
        assert_eq!(applied(&line["base"], &[&b, &a2]), merged, "{line}");
        return "merged";
    }
    "transformed"
}

#[test]
fn all_text_vectors_hold() {
    let mut counts = std::collections::BTreeMap::new();
    for line in vectors().split('\n').filter(|line| !line.is_empty()) {
        *counts.entry(check(&serde_json::from_str(line).unwrap())).or_insert(0) += 1;
    }
    let expected = [
        ("applied", 2300),
        ("inverse", 1300),
        ("merged", 2800),
        ("normalized", 1900),
        ("transformed", 700),
    ];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
}
