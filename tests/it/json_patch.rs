//! JSON Patch does what RFC 6902 says, or nothing at all.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;
use livetree::patch::{self, PatchError, PatchReason, Patched};
use livetree::{Actor, Document, IdSource, Json, Limits, NodeId, SerializedNode, lson};
use serde::Deserialize;
use serde_json::{Value, json};

mod naive;
mod properties;

fn nodes(document: &Document) -> BTreeSet<String> {
    document.nodes().map(|node| serde_json::to_string(&node).unwrap()).collect()
}

fn copy(document: &Document) -> Document {
    let nodes: Vec<SerializedNode> = document.nodes().collect();
    let (copy, report) = Document::from_nodes(nodes).unwrap();
    assert!(report.is_clean(), "{report:?}");
    copy
}

fn json_of(document: &Document) -> Value {
    serde_json::from_slice(&document.to_json_text()).unwrap()
}

/// Patches, and checks what must hold whatever the patch: a failure leaves every node as it was; a
/// success can be repeated by replaying the ops on a copy, and by replaying the changes on JSON.
fn patch_checked(document: &mut Document, patch: &[u8]) -> Result<Patched, PatchError> {
    patch_checked_as(&mut IdSource::new(Actor(7)), document, patch)
}

fn patch_checked_as(
    ids: &mut IdSource,
    document: &mut Document,
    patch: &[u8],
) -> Result<Patched, PatchError> {
    let (nodes_before, mut json, mut replica) =
        (nodes(document), json_of(document), copy(document));
    let result = document.patch_text(ids, patch);
    document.check().unwrap();
    match &result {
        Err(_) => assert_eq!(nodes(document), nodes_before),
        Ok(Patched { ops, changes, .. }) => {
            for op in ops {
                assert!(replica.apply(op).is_accepted(), "{op:?}");
            }
            assert_eq!(nodes(&replica), nodes(document));
            changes.apply_to(&mut json).unwrap();
            assert!(same(&json, &json_of(document)), "{changes:?} gives {json}");
        }
    }
    result
}

/// Equal, with numbers compared as numbers.
fn same(a: &Value, b: &Value) -> bool {
    Json::from(a) == Json::from(b)
}

fn patched(document: &str, patch: &Value) -> Document {
    let mut document = Document::from_plain_lson(document.as_bytes()).unwrap();
    patch_checked(&mut document, patch.to_string().as_bytes()).unwrap();
    document
}

fn failure(document: &str, patch: &Value) -> PatchError {
    let mut document = Document::from_plain_lson(document.as_bytes()).unwrap();
    patch_checked(&mut document, patch.to_string().as_bytes()).unwrap_err()
}

fn plain(document: &Document) -> Value {
    serde_json::from_slice(&document.to_plain_lson()).unwrap()
}

// The official suite

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    comment: String,
    doc: Value,
    patch: Value,
    expected: Option<Value>,
    error: Option<String>,
    #[serde(default)]
    disabled: bool,
}

/// Cases that do not apply: file, index, reason. None so far.
const NOT_APPLICABLE: &[(&str, usize, &str)] = &[];

/// Cases whose patch has a member twice, which is lost when the suite is parsed.
const DOUBLED: &[(&str, usize, &str)] = &[
    ("tests", 85, r#"[{"op":"add","path":"/baz","value":"qux","op":"move","from":"/foo"}]"#),
    ("spec_tests", 13, r#"[{"op":"add","path":"/baz","value":"qux","op":"remove"}]"#),
];

/// The case with its document under the key `doc` of the root.
fn nested(case: Case) -> Case {
    let mut patch = case.patch;
    for operation in patch.as_array_mut().unwrap() {
        for member in ["path", "from"] {
            if let Some(Value::String(pointer)) = operation.get_mut(member) {
                if pointer.is_empty() || pointer.starts_with('/') {
                    pointer.insert_str(0, "/doc");
                }
            }
        }
    }
    let expected = case.expected.map(|expected| json!({ "doc": expected }));
    Case { doc: json!({ "doc": case.doc }), patch, expected, ..case }
}

fn run(file: &str, index: usize, case: Case) -> Result<(), String> {
    let is_object = |value: &Value| value.is_object();
    let fits = is_object(&case.doc) && case.expected.iter().all(is_object);
    let case = if fits { case } else { nested(case) };
    let text = match DOUBLED.iter().find(|(f, i, _)| (*f, *i) == (file, index)) {
        Some((_, _, text)) => (*text).to_owned(),
        None => case.patch.to_string(),
    };
    let mut document = Document::from_json(case.doc.to_string().as_bytes()).unwrap();
    match (patch_checked(&mut document, text.as_bytes()), case.error, case.expected) {
        (Ok(_), Some(error), _) => Err(format!("should fail: {error}")),
        (Err(error), None, _) => Err(error.to_string()),
        (Ok(_), None, Some(expected)) if !same(&json_of(&document), &expected) => {
            Err(format!("gave {}", json_of(&document)))
        }
        _ => Ok(()),
    }
}

#[test]
fn the_official_suite_passes() {
    let files = [
        ("tests", include_str!("../data/json-patch-tests/tests.json")),
        ("spec_tests", include_str!("../data/json-patch-tests/spec_tests.json")),
    ];
    let (mut cases, mut disabled, mut failed) = (0, 0, Vec::new());
    for (file, text) in files {
        let suite: Vec<Case> = serde_json::from_str(text).unwrap();
        for (index, case) in suite.into_iter().enumerate() {
            cases += 1;
            disabled += usize::from(case.disabled);
            let comment = case.comment.clone();
            let excused = NOT_APPLICABLE.iter().any(|(f, i, _)| (*f, *i) == (file, index));
            match run(file, index, case) {
                Ok(()) if excused => failed.push(format!("{file} {index} applies after all")),
                Err(error) if !excused => {
                    failed.push(format!("{file} {index} ({comment}): {error}"));
                }
                _ => {}
            }
        }
    }
    assert_eq!(failed, [""; 0]);
    // Those that upstream disables pass as well.
    assert_eq!((cases, disabled), (112, 4));
}

// Conformance

#[test]
fn patches_conform() {
    let zipped = include_bytes!("../data/conformance/patch.ndjson.gz");
    let mut text = String::new();
    GzDecoder::new(&zipped[..]).read_to_string(&mut text).unwrap();
    let mut count = 0;
    for line in text.split_terminator('\n') {
        // Taken apart as text: some pointers are half a surrogate pair, which no string can be.
        let (doc, rest) =
            line.strip_prefix("{\"doc\":").unwrap().split_once(",\"patch\":").unwrap();
        let (patch, result) = match rest.rsplit_once(",\"result\":") {
            Some((patch, result)) => (patch, Some(result.strip_suffix('}').unwrap())),
            None => (rest.strip_suffix(",\"error\":true}").unwrap(), None),
        };
        let mut document = Document::from_json(doc.as_bytes()).unwrap();
        let outcome = patch_checked(&mut document, patch.as_bytes());
        assert_eq!(outcome.is_ok(), result.is_some(), "{line}: {outcome:?}");
        if let Some(result) = result {
            let expected: Value = serde_json::from_str(result).unwrap();
            assert!(same(&json_of(&document), &expected), "{line}: {}", json_of(&document));
        }
        count += 1;
    }
    assert_eq!(count, 4000);
}

// Promises

const SHAPES: &str = r#"{"liveblocksType":"LiveObject","data":{
    "style":{"fill":{"r":1}},
    "shapes":{"liveblocksType":"LiveMap","data":{
        "a":{"liveblocksType":"LiveObject","data":{"x":1,"style":{"fill":"red"}}},
        "plain":{"x":1}}},
    "order":{"liveblocksType":"LiveList","data":["a",{"liveblocksType":"LiveObject","data":{}},"c"]},
    "note":{"liveblocksType":"LiveText","data":[["Hello "],["world",{"bold":true}]]},
    "file":{"liveblocksType":"LiveFile","data":{
        "id":"fl_123456789012345678901","name":"a.png","size":3,"mimeType":"image/png"}}}}"#;

fn id_at(document: &Document, pointer: &str) -> NodeId {
    document.at(pointer).unwrap().id().unwrap()
}

#[test]
fn a_failing_move_loses_nothing() {
    let error = failure(SHAPES, &json!([{ "op": "move", "from": "/order", "path": "/nothing/b" }]));
    assert_eq!(error.reason, PatchReason::MissingParent { at: "/nothing".to_owned() });
    let error = failure(SHAPES, &json!([{ "op": "move", "from": "/order/0", "path": "/order/3" }]));
    assert_eq!(error.reason, PatchReason::IndexPastEnd { index: 3, len: 2 });
}

#[test]
fn moving_within_a_list_keeps_the_node() {
    for (to, now) in [("/order/0", "/order/0"), ("/order/-", "/order/2"), ("/order/2", "/order/2")]
    {
        let mut document = Document::from_plain_lson(SHAPES.as_bytes()).unwrap();
        let node = id_at(&document, "/order/1");
        let patch = json!([{ "op": "move", "from": "/order/1", "path": to }]).to_string();
        assert_eq!(patch_checked(&mut document, patch.as_bytes()).unwrap().ops.len(), 1);
        assert_eq!(id_at(&document, now), node);
    }
}

#[test]
fn a_move_onto_itself_does_nothing_but_needs_something_there() {
    let still = |pointer: &str| json!([{ "op": "move", "from": pointer, "path": pointer }]);
    for pointer in ["", "/order", "/order/1", "/note/data/0/0"] {
        let mut document = Document::from_plain_lson(SHAPES.as_bytes()).unwrap();
        let patch = still(pointer).to_string();
        assert!(patch_checked(&mut document, patch.as_bytes()).unwrap().ops.is_empty());
    }
    assert_eq!(failure(SHAPES, &still("/nothing")).reason, PatchReason::Missing);
    assert_eq!(failure(SHAPES, &still("/order/-")).reason, PatchReason::EndOfList);
}

#[test]
fn nothing_moves_into_itself() {
    for (from, to) in [("", "/all"), ("/order", "/order/0"), ("/shapes/a", "/shapes/a/x/y")] {
        let error = failure(SHAPES, &json!([{ "op": "move", "from": from, "path": to }]));
        assert_eq!(error.reason, PatchReason::MoveIntoItself { from: from.to_owned() });
    }
    // A key that only begins alike is another place.
    patched(SHAPES, &json!([{ "op": "move", "from": "/order", "path": "/order2" }]));
}

#[test]
fn a_move_keeps_everything_as_it_is() {
    let before = plain(&patched(SHAPES, &json!([])));
    let patch: Vec<Value> = ["style", "shapes", "order", "note", "file"]
        .iter()
        .map(
            |key| json!({ "op": "move", "from": format!("/{key}"), "path": format!("/new-{key}") }),
        )
        .collect();
    let after = plain(&patched(SHAPES, &patch.into()));
    for (key, value) in before["data"].as_object().unwrap() {
        assert_eq!(after["data"][format!("new-{key}")], *value);
    }
}

#[test]
fn a_copy_keeps_live_types_and_makes_new_nodes() {
    let keys = ["shapes", "order", "note", "file"];
    let patch: Vec<Value> = keys
        .iter()
        .map(
            |key| json!({ "op": "copy", "from": format!("/{key}"), "path": format!("/new-{key}") }),
        )
        .collect();
    let document = patched(SHAPES, &patch.into());
    for key in keys {
        let kind = |key: &str| document.at(&format!("/{key}")).unwrap().kind();
        assert_eq!(kind(key), kind(&format!("new-{key}")));
    }
    assert_ne!(id_at(&document, "/shapes/a"), id_at(&document, "/new-shapes/a"));
    assert_eq!(json_of(&document)["shapes"], json_of(&document)["new-shapes"]);
}

#[test]
fn a_copy_makes_plain_objects_live() {
    let document = patched(
        SHAPES,
        &json!([
            { "op": "copy", "from": "/style", "path": "/live" },
            { "op": "replace", "path": "/live/fill/r", "value": 2 },
            { "op": "copy", "from": "/shapes", "path": "/live-shapes" },
            { "op": "add", "path": "/live-shapes/plain/y", "value": 2 },
            { "op": "add", "path": "/live-shapes/a/style/width", "value": 2 },
        ]),
    );
    assert_eq!(json_of(&document)["style"], json!({ "fill": { "r": 1 } }));
    assert_eq!(json_of(&document)["live"], json!({ "fill": { "r": 2 } }));
}

#[test]
fn the_inside_of_a_leaf_is_out_of_reach() {
    for (path, at, kind) in [
        ("/style/fill", "/style", "plain JSON"),
        ("/style/fill/r", "/style", "plain JSON"),
        ("/shapes/plain/x", "/shapes/plain", "plain JSON"),
        ("/shapes/a/x/y", "/shapes/a/x", "plain JSON"),
        ("/order/0/0", "/order/0", "plain JSON"),
        ("/file/name", "/file", "a LiveFile"),
    ] {
        let reason = PatchReason::ThroughLeaf { at: at.to_owned(), kind };
        for operation in [
            json!({ "op": "test", "path": path, "value": 1 }),
            json!({ "op": "add", "path": path, "value": 1 }),
            json!({ "op": "replace", "path": path, "value": 1 }),
            json!({ "op": "remove", "path": path }),
            json!({ "op": "copy", "from": path, "path": "/new" }),
            json!({ "op": "move", "from": path, "path": "/new" }),
        ] {
            assert_eq!(failure(SHAPES, &json!([operation])).reason, reason, "{operation}");
        }
    }
    // Whole, a leaf can be tested and replaced like anything else.
    patched(
        SHAPES,
        &json!([
            { "op": "test", "path": "/style", "value": { "fill": { "r": 1.0 } } },
            { "op": "test", "path": "/shapes/plain", "value": { "x": 1 } },
            { "op": "replace", "path": "/style", "value": {} },
            { "op": "add", "path": "/style/fill", "value": "red" },
        ]),
    );
}

#[test]
fn plain_lson_in_a_value_becomes_its_structure() {
    let map = json!({ "liveblocksType": "LiveMap", "data": { "k": { "leaf": true } } });
    let text = json!({ "liveblocksType": "LiveText", "data": [["Hi"]] });
    let document = patched(
        SHAPES,
        &json!([
            { "op": "add", "path": "/deep", "value": { "list": [map] } },
            { "op": "replace", "path": "/style", "value": text },
            { "op": "add", "path": "/order/0", "value": map },
            { "op": "add", "path": "/shapes/b", "value": { "style": {} } },
        ]),
    );
    let object = |data: Value| json!({ "liveblocksType": "LiveObject", "data": data });
    let list = json!({ "liveblocksType": "LiveList", "data": [map] });
    let after = plain(&document);
    assert_eq!(after["data"]["deep"], object(json!({ "list": list })));
    assert_eq!(after["data"]["style"], text);
    assert_eq!(after["data"]["order"]["data"][0], map);
    assert_eq!(after["data"]["shapes"]["data"]["b"], object(json!({ "style": object(json!({})) })));
}

#[test]
fn a_value_that_is_no_lson_says_where() {
    let wrong = json!([{ "k": { "liveblocksType": "LiveMap", "data": [] } }]);
    let error = failure(SHAPES, &json!([{ "op": "add", "path": "/new", "value": wrong }]));
    assert_eq!(
        error.to_string(),
        r#"operation 0 ("add /new"): its value, at /0/k/data: the data of a LiveMap must be an object"#
    );
}

#[test]
fn a_text_is_seen_as_plain_lson() {
    let document = patched(
        SHAPES,
        &json!([
            { "op": "test", "path": "/note/liveblocksType", "value": "LiveText" },
            { "op": "test", "path": "/note/data/0/0", "value": "Hello " },
            { "op": "test", "path": "/note/data/1", "value": ["world", { "bold": true }] },
            { "op": "test", "path": "/note/data/1/1/bold", "value": true },
            { "op": "test", "path": "/note", "value": [["Hello "], ["world", { "bold": true }]] },
            { "op": "copy", "from": "/note/data/1/0", "path": "/word" },
        ]),
    );
    assert_eq!(json_of(&document)["word"], json!("world"));
    for (path, at) in [("/note/data/0/0/0", "/note/data/0/0"), ("/note/data/7/0", "/note/data/7")] {
        let error = failure(SHAPES, &json!([{ "op": "replace", "path": path, "value": "x" }]));
        assert!(error.to_string().contains(&format!(" {at}")), "{error}");
    }
}

#[test]
fn a_text_is_edited_in_place() {
    let bold = || json!({ "bold": true });
    let mut document = Document::from_plain_lson(SHAPES.as_bytes()).unwrap();
    let mut ids = IdSource::new(Actor(7));
    let node = id_at(&document, "/note");
    let patch = json!([{ "op": "replace", "path": "/note/data/0/0", "value": "Hello big " }]);
    let patched = patch_checked_as(&mut ids, &mut document, patch.to_string().as_bytes()).unwrap();
    let op = json!({
        "type": 10, "id": node.to_string(), "opId": "7:0", "baseVersion": 0,
        "ops": [{ "type": "insert", "index": 6, "text": "big " }],
    });
    assert_eq!(json!(patched.ops), json!([op]));
    for (operation, expected) in [
        (
            json!({ "op": "replace", "path": "/note/data/1/0", "value": "sea" }),
            json!([["Hello big "], ["sea", bold()]]),
        ),
        (
            json!({ "op": "add", "path": "/note/data/-", "value": ["!"] }),
            json!([["Hello big "], ["sea", bold()], ["!"]]),
        ),
        (json!({ "op": "remove", "path": "/note/data/1" }), json!([["Hello big !"]])),
        (
            json!({ "op": "add", "path": "/note/data/0/1", "value": { "bold": false } }),
            json!([["Hello big !", { "bold": false }]]),
        ),
        (
            json!({ "op": "replace", "path": "/note/data/0/1/bold", "value": true }),
            json!([["Hello big !", bold()]]),
        ),
        (
            json!({ "op": "copy", "from": "/note/data/0/0", "path": "/order/0" }),
            json!([["Hello big !", bold()]]),
        ),
        (json!({ "op": "move", "from": "/note/data/0", "path": "/segment" }), json!([])),
        (
            json!({ "op": "copy", "from": "/segment", "path": "/note/data/0" }),
            json!([["Hello big !", bold()]]),
        ),
        (json!({ "op": "replace", "path": "/note/data", "value": [["new"]] }), json!([["new"]])),
    ] {
        patch_checked_as(&mut ids, &mut document, json!([operation]).to_string().as_bytes())
            .unwrap();
        assert_eq!(json_of(&document)["note"], expected, "{operation}");
        assert_eq!(id_at(&document, "/note"), node);
    }
}

#[test]
fn several_edits_of_a_text_follow_each_other_and_fail_together() {
    let edit = |text: &str| json!({ "op": "replace", "path": "/note/data/0/0", "value": text });
    let document = patched(SHAPES, &json!([edit("Good "), edit("Bye ")]));
    assert_eq!(json_of(&document)["note"][0], json!(["Bye "]));
    failure(SHAPES, &json!([edit("Good "), edit("Bye "), { "op": "remove", "path": "/nothing" }]));
}

#[test]
fn a_text_stays_a_text() {
    for operation in [
        json!({ "op": "replace", "path": "/note/liveblocksType", "value": "LiveList" }),
        json!({ "op": "remove", "path": "/note/data" }),
        json!({ "op": "remove", "path": "/note/data/0/0" }),
        json!({ "op": "add", "path": "/note/size", "value": 1 }),
        json!({ "op": "add", "path": "/note/data/-", "value": "no segment" }),
        json!({ "op": "replace", "path": "/note/data/1/1/bold", "value": {} }),
    ] {
        let error = failure(SHAPES, &json!([operation]));
        assert!(matches!(error.reason, PatchReason::Text { .. }), "{error}");
    }
}

#[test]
fn a_test_compares_the_projection_and_numbers_as_numbers() {
    let whole = json_of(&Document::from_plain_lson(SHAPES.as_bytes()).unwrap());
    patched(
        SHAPES,
        &json!([
            { "op": "test", "path": "", "value": whole },
            { "op": "test", "path": "/shapes/a/x", "value": 1.0 },
            { "op": "test", "path": "/order", "value": ["a", {}, "c"] },
        ]),
    );
    let error =
        failure(SHAPES, &json!([{ "op": "test", "path": "/order", "value": ["a", {}, "c", "d"] }]));
    assert_eq!(
        error.to_string(),
        r#"operation 0 ("test /order"): expected ["a",{},"c","d"], found ["a",{},"c"]"#
    );
    assert!(error.is_test());
    for value in [json!(null), json!("1"), json!(true), json!([1]), json!({ "x": 1 }), json!(1.5)] {
        failure(SHAPES, &json!([{ "op": "test", "path": "/shapes/a/x", "value": value }]));
    }
}

#[test]
fn the_root_is_replaced_but_stays_the_root() {
    let value = json!({ "style": [1], "order": 2, "new": {} });
    let document = patched(SHAPES, &json!([{ "op": "replace", "path": "", "value": value }]));
    assert_eq!(json_of(&document), value);
    let document = patched(SHAPES, &json!([{ "op": "copy", "from": "/shapes/a", "path": "" }]));
    assert_eq!(json_of(&document), json!({ "x": 1, "style": { "fill": "red" } }));
    let document = patched(SHAPES, &json!([{ "op": "move", "from": "/shapes", "path": "" }]));
    assert_eq!(json_of(&document)["plain"], json!({ "x": 1 }));
    // What was found before the root was replaced is not found after it.
    let swap = json!([
        { "op": "copy", "from": "/shapes/a/x", "path": "/style" },
        { "op": "copy", "from": "/shapes/a", "path": "" },
        { "op": "test", "path": "/shapes/a", "value": 1 },
    ]);
    assert_eq!(failure(SHAPES, &swap).operation, 2);
    let document = patched(SHAPES, &json!([{ "op": "move", "from": "/style", "path": "" }]));
    assert_eq!(json_of(&document), json!({ "fill": { "r": 1 } }));
    let map = json!({ "liveblocksType": "LiveMap", "data": {} });
    for value in [json!([]), json!(1), map] {
        let error = failure(SHAPES, &json!([{ "op": "add", "path": "", "value": value }]));
        assert_eq!(
            error.to_string(),
            "operation 0 (add of the root): the root can only be replaced by an object"
        );
    }
    let error = failure(SHAPES, &json!([{ "op": "remove", "path": "" }]));
    assert_eq!(error.reason, PatchReason::RootRemoved);
}

#[test]
fn the_root_can_be_copied_into_itself() {
    let document = patched(SHAPES, &json!([{ "op": "copy", "from": "", "path": "/all" }]));
    let before = json_of(&Document::from_plain_lson(SHAPES.as_bytes()).unwrap());
    assert_eq!(json_of(&document)["all"], before);
}

#[test]
fn any_string_is_a_key() {
    let patch = json!([
        { "op": "add", "path": "/__proto__", "value": { "": 1 } },
        { "op": "add", "path": "/__proto__/constructor", "value": 2 },
        { "op": "replace", "path": "/__proto__/", "value": 3 },
        { "op": "add", "path": "/-", "value": 4 },
        { "op": "add", "path": "/a~1~0b", "value": 5 },
    ]);
    let document = patched(r#"{"liveblocksType":"LiveObject","data":{}}"#, &patch);
    let expected = json!({ "__proto__": { "": 3, "constructor": 2 }, "-": 4, "a/~b": 5 });
    assert_eq!(json_of(&document), expected);
}

#[test]
fn indexes_are_written_as_the_rfc_asks() {
    for token in ["01", "+1", "-1", "1e0", "", "1.0", "99999999999999999999999"] {
        let path = format!("/order/{token}");
        for operation in [
            json!({ "op": "add", "path": path, "value": 1 }),
            json!({ "op": "test", "path": path, "value": 1 }),
            json!({ "op": "remove", "path": path }),
            json!({ "op": "move", "from": "/order/0", "path": path }),
        ] {
            let error = failure(SHAPES, &json!([operation]));
            assert_eq!(error.reason, PatchReason::NotAnIndex { token: token.to_owned() });
        }
    }
    for op in ["remove", "replace", "test"] {
        let error = failure(SHAPES, &json!([{ "op": op, "path": "/order/-", "value": 1 }]));
        assert_eq!(error.reason, PatchReason::EndOfList);
    }
}

#[test]
fn an_error_says_which_operation_where_and_why() {
    let error = failure(
        SHAPES,
        &json!([
            { "op": "test", "path": "/order/0", "value": "a" },
            { "op": "remove", "path": "/order/0" },
            { "op": "copy", "from": "/shapes/z", "path": "/order/-" },
        ]),
    );
    assert_eq!((error.operation, error.op, error.pointer.as_str()), (2, "copy", "/shapes/z"));
    assert_eq!(error.to_string(), r#"operation 2 ("copy /shapes/z"): there is nothing there"#);
    let long = json!([{ "op": "test", "path": "/order/0", "value": "x".repeat(1_000_000) }]);
    assert!(failure(SHAPES, &long).to_string().len() < 200);
}

#[test]
fn text_that_is_no_patch_says_why() {
    for (text, expected) in [
        ("", "not a JSON Patch: at byte 0: expected an array, found the end"),
        ("{}", "not a JSON Patch: at byte 0: expected an array, found '{'"),
        (
            r#"[{"op":"remove","path":"/a"},7]"#,
            "not a JSON Patch: at /1 (byte 29): expected an object, found '7'",
        ),
        (
            r#"[{"op":"add","path":"/a","value":[1,]}]"#,
            "not a JSON Patch: at /0/value/1 (byte 36): expected a value, found ']'",
        ),
        ("[] []", "not a JSON Patch: at byte 3: unexpected '[' after the value"),
        ("[{}]", r#"operation 0: the member "op" is missing"#),
        (r#"[{"op":"spam","path":""}]"#, r#"operation 0: there is no operation "spam""#),
        (r#"[{"op":7,"path":""}]"#, r#"operation 0: the member "op" must be a string"#),
        (r#"[{"op":"move","path":"/a"}]"#, r#"operation 0 (move): the member "from" is missing"#),
        (r#"[{"op":"test","path":"/a"}]"#, r#"operation 0 (test): the member "value" is missing"#),
        (
            r#"[{"op":"test","path":"/a","value":1,"value":2}]"#,
            r#"operation 0: the member "value" is there twice"#,
        ),
        (
            r#"[{"op":"remove","path":"a"}]"#,
            r#"operation 0 (remove): the member "path" must be a JSON Pointer: empty or starting with '/', and with 0 or 1 after every '~'"#,
        ),
        (
            r#"[{"op":"remove","path":"/~2"}]"#,
            r#"operation 0 (remove): the member "path" must be a JSON Pointer: empty or starting with '/', and with 0 or 1 after every '~'"#,
        ),
    ] {
        let error = patch::from_slice(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(error.is_malformed());
    }
}

#[test]
fn values_nested_without_end_are_refused() {
    let mut deep = json!(1);
    for _ in 0..2000 {
        deep = Value::Array(vec![deep]);
    }
    let add = |value| {
        let path = "/deep".parse().unwrap();
        patch::PatchOperation::Add(json_patch::AddOperation { path, value })
    };
    let mut document = Document::new();
    let mut ids = IdSource::new(Actor(1));
    let error = document.patch(&mut ids, &[add(deep)]).unwrap_err();
    assert!(matches!(error.reason, PatchReason::Value(_)), "{error}");
    let mut deep = json!(1);
    for _ in 0..600 {
        deep = Value::Array(vec![deep]);
    }
    let error = document.patch(&mut ids, &[add(deep)]).unwrap_err();
    assert!(error.is_limit(), "{error}");
    assert_eq!(document.node_count(), 1);
    let text = format!(r#"[{{"op":"add","path":"/a","value":{}"#, "[".repeat(100_000));
    assert!(document.patch_text(&mut ids, text.as_bytes()).unwrap_err().is_malformed());
}

#[test]
fn patches_keep_the_limits() {
    let long = "x".repeat(200_000);
    let limits = [
        (Limits::default(), json!([{ "op": "add", "path": "/new", "value": long }])),
        (Limits::default(), json!([{ "op": "replace", "path": "/order/0", "value": long }])),
        (Limits::default().ops(1), json!([{ "op": "add", "path": "/new", "value": [1] }])),
        (
            Limits::default().ops(1),
            json!([
                { "op": "test", "path": "/order/0", "value": "a" },
                { "op": "test", "path": "/order/0", "value": "a" }
            ]),
        ),
        (Limits::default().depth(2), json!([{ "op": "add", "path": "/new", "value": [[[]]] }])),
    ];
    for (limits, patch) in limits {
        let mut document = Document::from_plain_lson(SHAPES.as_bytes()).unwrap();
        document.set_limits(limits);
        let error = patch_checked(&mut document, patch.to_string().as_bytes()).unwrap_err();
        assert!(error.is_limit(), "{error}");
        assert!(livetree::Error::from(error).is_limit());
    }
}

#[test]
fn an_edit_and_a_patch_make_the_same_ops() {
    let mut edited = Document::from_plain_lson(SHAPES.as_bytes()).unwrap();
    let mut patched = copy(&edited);
    let by_edit = edited
        .edit(&mut IdSource::new(Actor(1)), |root| {
            root.list("order")?.push(lson!({ "x": [1] }))?;
            root.map("shapes")?.set("b", 1)?;
            root.delete("style")
        })
        .unwrap();
    let patch = json!([
        { "op": "add", "path": "/order/-", "value": { "x": [1] } },
        { "op": "add", "path": "/shapes/b", "value": 1 },
        { "op": "remove", "path": "/style" },
    ]);
    let by_patch =
        patched.patch_text(&mut IdSource::new(Actor(1)), patch.to_string().as_bytes()).unwrap();
    assert_eq!(by_edit.ops, by_patch.ops);
    assert_eq!(by_edit.changes, by_patch.changes);
}
