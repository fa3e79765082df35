//! The server vectors about texts hold for a history and a text alone, without a document.

use std::collections::BTreeMap;
use std::io::Read;

use livetree::text::{History, Outcome, Text};
use serde_json::Value;

use crate::text_vectors::{ops, segments};

#[derive(Default)]
struct Node {
    text: Text,
    version: u64,
    history: History,
}

fn node(value: &Value) -> Node {
    Node {
        text: Text::from_segments(segments(&value["data"])),
        version: value["version"].as_u64().unwrap(),
        history: History::default(),
    }
}

/// Compares an op of the vectors with the versions and operations given.
fn assert_update(op: &Value, base_version: u64, version: u64, applied: &[livetree::text::TextOp]) {
    assert_eq!(op["baseVersion"].as_u64(), Some(base_version), "{op}");
    assert_eq!(op["version"].as_u64(), Some(version), "{op}");
    assert_eq!(ops(&op["ops"]), applied, "{op}");
}

#[test]
fn text_updates_of_the_server_vectors_hold() {
    let packed = include_bytes!("../data/conformance/server-text-edges.ndjson.gz");
    let mut lines = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut lines).unwrap();
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    let (mut updates, mut finals) = (0, 0);
    for line in lines.split('\n').filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(init) = line.get("init") {
            let texts = init.as_array().unwrap().iter().filter(|entry| entry[1]["type"] == 4);
            nodes =
                texts.map(|entry| (entry[0].as_str().unwrap().into(), node(&entry[1]))).collect();
        }
        if let Some(end) = line.get("nodes") {
            for entry in end.as_array().unwrap().iter().filter(|entry| entry[1]["type"] == 4) {
                let node = &nodes[entry[0].as_str().unwrap()];
                assert_eq!(node.text.segments(), segments(&entry[1]["data"]));
                assert_eq!(entry[1]["version"].as_u64(), Some(node.version));
                finals += 1;
            }
        }
        let Some(batch) = line["ops"].as_array() else { continue };
        for (op, result) in batch.iter().zip(line["results"].as_array().unwrap()) {
            let id = op["id"].as_str().unwrap();
            match op["type"].as_u64() {
                Some(9) => {
                    nodes.entry(id.into()).or_insert_with(|| node(op));
                }
                Some(5) => {
                    nodes.remove(id);
                }
                Some(10) if nodes.contains_key(id) => {
                    updates += 1;
                    let Node { text, version, history } = nodes.get_mut(id).unwrap();
                    let op_id = op["opId"].as_str().unwrap().into();
                    let base = op["baseVersion"].as_u64().unwrap();
                    match history.receive(text, version, Some(&op_id), base, &ops(&op["ops"])) {
                        Outcome::Ignored => assert_eq!(result["action"], "ignored"),
                        Outcome::Accepted(a) => {
                            assert_eq!(result["action"], "accepted", "{op}");
                            assert_update(&result["op"], a.base_version, a.version, &a.ops);
                        }
                        Outcome::Rectified { base_version, version, ops } => {
                            assert_eq!(result["action"], "rectified");
                            assert_update(&result["ackOp"], base_version, version, &ops);
                        }
                        Outcome::Rejected(refusal) => {
                            assert_eq!(result["action"], "rejected");
                            assert_eq!(result["reason"], refusal.to_string());
                        }
                    }
                }
                _ => assert!(op["type"] != 10 || result["action"] == "ignored", "{op}"),
            }
        }
    }
    assert!(updates > 30 && finals > 5, "{updates} updates, {finals} texts at the end");
}
