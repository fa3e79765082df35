//! Every way out of a document has a way back in.

use std::collections::BTreeMap;

use livetree::testing::generate::{self, Dice};
use livetree::testing::model::nodes_of;
use livetree::testing::probe::apply_all;
use livetree::{Document, Json, Lson, Op, SerializedNode};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use crate::generate::{cases, dice, document, ops};

fn value(bytes: &[u8]) -> Json {
    // By way of another reader; and as our own values, in which 1 equals 1.0.
    Json::from(serde_json::from_slice::<Value>(bytes).unwrap())
}

/// Every JSON Pointer of a value, with what it leads to.
fn pointers(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let mut stack = vec![(String::new(), value)];
    while let Some((pointer, value)) = stack.pop() {
        match value {
            Value::Object(entries) => stack.extend(entries.iter().map(|(key, value)| {
                (format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), value)
            })),
            Value::Array(items) => stack.extend(
                items.iter().enumerate().map(|(at, value)| (format!("{pointer}/{at}"), value)),
            ),
            _ => {}
        }
        found.push((pointer, value));
    }
    found
}

/// Plain LSON by way of the values, not of the readers and writers of bytes.
fn plain(lson: &Lson) -> Value {
    let node =
        |name: &str, data: Value| serde_json::json!({ "liveblocksType": name, "data": data });
    let entries = |entries: &[(livetree::SmallStr, Lson)]| {
        entries.iter().map(|(key, value)| (key.to_string(), plain(value))).collect()
    };
    match lson {
        Lson::Json(json) => Value::from(json),
        Lson::Object(fields) => node("LiveObject", Value::Object(entries(fields))),
        Lson::Map(fields) => node("LiveMap", Value::Object(entries(fields))),
        Lson::List(items) => node("LiveList", items.iter().map(plain).collect()),
        Lson::Text { segments, .. } => node(
            "LiveText",
            segments.iter().map(|segment| Value::from(segment.to_json())).collect(),
        ),
        Lson::File(file) => node("LiveFile", Value::from(file.to_json())),
    }
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn plain_lson_goes_in_and_comes_out(mut dice in dice(150)) {
        let lson = generate::root(&mut dice);
        let expected = Json::from(plain(&lson));
        let from_value = Document::from_lson(&lson).unwrap();
        prop_assert_eq!(from_value.check(), Ok(()));
        prop_assert_eq!(value(&from_value.to_plain_lson()), expected.clone());
        let from_bytes = Document::from_plain_lson(expected.to_string().as_bytes()).unwrap();
        prop_assert_eq!(from_bytes.check(), Ok(()));
        prop_assert_eq!(value(&from_bytes.to_plain_lson()), expected.clone());
        prop_assert_eq!(Lson::from_plain(&expected).map(|lson| plain(&lson).into()), Ok(expected));
        prop_assert_eq!(from_bytes.to_json(), from_value.to_json());
        prop_assert_eq!(value(&from_bytes.to_json_text()), from_bytes.to_json());
        prop_assert_eq!(livetree::json::to_json(&from_bytes.root()).unwrap(), from_bytes.to_json());
    }

    #[test]
    fn json_made_live_comes_out_again(mut dice in dice(150)) {
        let json = Json::from(generate::fields(&mut dice, 5));
        let document = Document::from_json(json.to_string().as_bytes()).unwrap();
        prop_assert_eq!(document.to_json(), json.clone());
        prop_assert_eq!(document.check(), Ok(()));
        prop_assert_eq!(nodes_of(&Document::from_lson(&Lson::live(&json)).unwrap()), nodes_of(&document));
    }

    #[test]
    fn nodes_go_in_and_come_out(mut document in document(), ops in ops(25)) {
        apply_all(&mut document, &ops);
        let nodes: Vec<SerializedNode> = document.nodes().collect();
        let (again, report) = Document::from_nodes(nodes.iter().rev().cloned()).unwrap();
        prop_assert!(report.is_clean(), "{:?}", report);
        prop_assert_eq!(again.check(), Ok(()));
        prop_assert_eq!(again.nodes().collect::<Vec<_>>(), nodes.clone());
        prop_assert_eq!(again.to_plain_lson(), document.to_plain_lson());
        let mut seen = std::collections::BTreeSet::new();
        for node in &nodes {
            prop_assert_eq!(&SerializedNode::from_compact(&node.to_compact()).unwrap(), node);
            prop_assert_eq!(&SerializedNode::from_json(&node.to_json()).unwrap(), node);
            let text = serde_json::to_string(node).unwrap();
            prop_assert_eq!(&serde_json::from_str::<SerializedNode>(&text).unwrap(), node);
            prop_assert!(node.parent.as_ref().is_none_or(|(parent, _)| seen.contains(parent)));
            seen.insert(node.id.clone());
        }
    }

    #[test]
    fn any_set_of_nodes_is_repaired(mut document in document(), ops in ops(20), other in ops(20)) {
        // The nodes of two histories at once: the same ids and keys, at odds with each other.
        let mut rival = Document::new();
        apply_all(&mut document, &ops);
        apply_all(&mut rival, &other);
        let nodes: Vec<_> = rival.nodes().chain(document.nodes()).collect();
        let (loaded, report) = Document::from_nodes(nodes.clone()).unwrap();
        prop_assert_eq!(loaded.check(), Ok(()));
        prop_assert!(loaded.node_count() <= nodes.len());
        prop_assert!(!report.is_clean() || loaded.node_count() == nodes.len());
        let (again, report) = Document::from_nodes(loaded.nodes()).unwrap();
        prop_assert!(report.is_clean());
        prop_assert_eq!(nodes_of(&again), nodes_of(&loaded));
    }

    #[test]
    fn ops_go_over_the_wire(ops in ops(10)) {
        for op in ops {
            let text = serde_json::to_string(&op).unwrap();
            prop_assert_eq!(serde_json::from_str::<Op>(&text).unwrap(), op);
        }
    }

    #[test]
    fn pointers_lead_where_they_lead_in_the_projection(document in document()) {
        let projection = Value::from(&document.to_json());
        for (pointer, expected) in pointers(&projection) {
            match document.at(&pointer) {
                Ok(found) => prop_assert_eq!(&Value::from(found.to_json()), expected),
                // Into a leaf: the view ends there, and says so.
                Err(error) => prop_assert!(error.to_string().contains("plain JSON")
                    || error.to_string().contains("at"), "{}", error),
            }
        }
        for missing in ["/nothing", "/a/nothing", "/a/99", "/a/-", "/a/01", "/a/+1", "x", "/~2"] {
            if projection.pointer(missing).is_none() {
                prop_assert!(document.at(missing).is_err(), "{}", missing);
            }
        }
    }

    #[test]
    fn a_document_is_read_into_any_type(document in document()) {
        let expected = document.to_json();
        prop_assert_eq!(Json::from(document.root().deserialize::<Value>().unwrap()), expected.clone());
        let entries: BTreeMap<String, Json> = document.root().deserialize().unwrap();
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value));
        prop_assert_eq!(Json::object(entries), expected);
    }
}

#[test]
fn a_document_is_read_into_a_struct() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Todo {
        text: String,
        #[serde(default)]
        done: bool,
        due: Option<i64>,
        kind: Kind,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Plain,
        Tagged(Vec<String>),
    }
    let text = br#"{"todos":[{"text":"a","due":-3,"kind":"plain"},{"text":"b","done":true,"due":null,"kind":{"tagged":["x"]}}]}"#;
    let document = Document::from_json(text).unwrap();
    let todos: Vec<Todo> = document.at("/todos").unwrap().deserialize().unwrap();
    assert_eq!(
        todos,
        [
            Todo { text: "a".into(), done: false, due: Some(-3), kind: Kind::Plain },
            Todo { text: "b".into(), done: true, due: None, kind: Kind::Tagged(vec!["x".into()]) },
        ]
    );
    let error = document.root().deserialize::<Vec<i32>>().unwrap_err();
    assert!(error.to_string().contains("invalid type"), "{error}");
}

#[test]
fn seeded_documents_are_not_all_alike() {
    let kinds: usize = (0..200)
        .map(|seed| generate::document(&mut Dice::seeded(seed)).node_count())
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    assert!(kinds > 20, "{kinds}");
}
