//! Plain LSON and JSON made live, by way of a sink that writes down what it is told.

use std::io::Read;

use proptest::prelude::*;

use super::feed::Source;
use super::plain::{
    Container, Place, Sink, SinkError, feed_at, feed_live, feed_lson, feed_plain, read_live_json,
    read_plain_lson,
};
use super::{Lson, LsonError, LsonReason};
use crate::{FileMeta, Json, ReadLimits, Segment, lson};

/// Notes every node as `[id, {type, parentId, parentKey, data, version}]`, like a serialised node;
/// instead of a position a list item has `#` and its index.
#[derive(Default)]
struct Recorder {
    nodes: Vec<Node>,
    closed: usize,
}

struct Node {
    kind: u8,
    parent: Option<(usize, String)>,
    fields: Vec<(crate::SmallStr, Json)>,
    data: Option<Json>,
    version: Option<u64>,
    items: usize,
}

impl Recorder {
    fn node(&mut self, kind: u8, parent: usize, place: Place<'_>) -> Result<usize, SinkError> {
        let key = match place {
            Place::Key(key) if key == "refuse me" => return Err(SinkError("refused".to_owned())),
            Place::Key(key) => key.to_string(),
            Place::Item => {
                self.nodes[parent].items += 1;
                format!("#{}", self.nodes[parent].items - 1)
            }
        };
        let parent = Some((parent, key));
        self.nodes.push(Node { kind, parent, fields: vec![], data: None, version: None, items: 0 });
        Ok(self.nodes.len() - 1)
    }

    fn id(at: usize) -> Json {
        if at == 0 { Json::from("root") } else { Json::from(format!("si:{at}")) }
    }

    fn nodes(&self) -> Json {
        Json::array(self.nodes.iter().enumerate().map(|(at, node)| {
            let mut crdt = vec![("type".into(), Json::from(node.kind))];
            if let Some((parent, key)) = &node.parent {
                crdt.push(("parentId".into(), Self::id(*parent)));
                crdt.push(("parentKey".into(), Json::from(key.as_str())));
            }
            if node.kind == 0 {
                crdt.push(("data".into(), Json::object(node.fields.iter().cloned())));
            }
            crdt.extend(node.data.clone().map(|data| ("data".into(), data)));
            crdt.extend(node.version.map(|version| ("version".into(), Json::from(version))));
            Json::array([Self::id(at), Json::object(crdt)])
        }))
    }
}

impl Sink for Recorder {
    type Node = usize;
    fn root(&mut self) -> usize {
        assert!(self.nodes.is_empty());
        self.nodes.push(Node {
            kind: 0,
            parent: None,
            fields: vec![],
            data: None,
            version: None,
            items: 0,
        });
        0
    }
    fn json(&mut self, parent: usize, place: Place<'_>, value: Json) -> Result<(), SinkError> {
        if let (0, Place::Key(key)) = (self.nodes[parent].kind, place) {
            self.nodes[parent].fields.push((key.clone(), value));
        } else {
            let at = self.node(3, parent, place)?;
            self.nodes[at].data = Some(value);
        }
        Ok(())
    }
    fn open(
        &mut self,
        parent: usize,
        place: Place<'_>,
        container: Container,
    ) -> Result<usize, SinkError> {
        let kind = match container {
            Container::Object => 0,
            Container::List => 1,
            Container::Map => 2,
        };
        self.node(kind, parent, place)
    }
    fn text(
        &mut self,
        parent: usize,
        place: Place<'_>,
        segments: Vec<Segment>,
        version: u64,
    ) -> Result<(), SinkError> {
        let at = self.node(4, parent, place)?;
        self.nodes[at].data = Some(Json::array(segments.iter().map(Segment::to_json)));
        self.nodes[at].version = Some(version);
        Ok(())
    }
    fn file(&mut self, parent: usize, place: Place<'_>, file: FileMeta) -> Result<(), SinkError> {
        let at = self.node(5, parent, place)?;
        self.nodes[at].data = Some(file.to_json());
        Ok(())
    }
    fn close(&mut self, _node: usize) -> Result<(), SinkError> {
        self.closed += 1;
        Ok(())
    }
}

fn record(run: impl FnOnce(&mut Recorder) -> Result<(), LsonError>) -> Result<Json, LsonError> {
    let mut recorder = Recorder::default();
    run(&mut recorder)?;
    assert_eq!(recorder.closed, recorder.nodes.iter().filter(|node| node.kind < 3).count());
    Ok(recorder.nodes())
}

fn plain(bytes: &[u8]) -> Result<Json, LsonError> {
    record(|sink| read_plain_lson(bytes, ReadLimits::default(), sink))
}

fn plain_memory(json: &Json) -> Result<Json, LsonError> {
    record(|sink| feed_plain(json, ReadLimits::default(), sink))
}

fn from_lson(lson: &Lson) -> Result<Json, LsonError> {
    record(|sink| feed_lson(lson, ReadLimits::default(), sink))
}

fn json(text: &str) -> Json {
    text.parse().unwrap()
}

fn unpack(name: &str) -> String {
    let path = format!("{}/tests/data/conformance/{name}.gz", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// The nodes of a vector, their list positions replaced as the recorder does.
fn with_indexes(nodes: &Json) -> Json {
    let mut lists = std::collections::BTreeMap::new();
    Json::array(nodes.as_array().unwrap().iter().map(|node| {
        let [id, crdt] = node.as_array().unwrap() else { panic!() };
        if crdt.get("type") == Some(&Json::from(1)) {
            lists.insert(id.as_str().unwrap().to_owned(), 0);
        }
        let mut entries: Vec<_> =
            crdt.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        let parent = crdt.get("parentId").and_then(Json::as_str).unwrap_or_default();
        if let Some(items) = lists.get_mut(parent) {
            entries.push(("parentKey".into(), Json::from(format!("#{items}"))));
            *items += 1;
        }
        Json::array([id.clone(), Json::object(entries)])
    }))
}

/// Source: conformance vectors `lson/*.json`.
#[test]
fn the_reference_reads_plain_lson_alike() {
    let text = unpack("lson.ndjson");
    let mut count = 0;
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        let vector = json(line);
        let file = vector.get("file").unwrap();
        let expected = with_indexes(vector.get("nodes").unwrap());
        // The text of the document as it stands, with its order of keys.
        let at = line.find("\"plain_lson\":").unwrap() + "\"plain_lson\":".len();
        let end = line.find(",\"nodes\":").unwrap();
        let document = &line.as_bytes()[at..end];
        assert_eq!(plain(document).unwrap(), expected, "{file}");
        // An Lson keeps the order too.
        let lson = Lson::from_slice(document).unwrap();
        assert_eq!(from_lson(&lson).unwrap(), expected, "{file}");
        assert_eq!(Lson::from_slice(&lson.to_vec()).unwrap(), lson, "{file}");
        // Read as Json keys are sorted, and `data` comes first.
        let parsed = Json::from_slice(document).unwrap();
        let by_memory = plain_memory(&parsed).unwrap();
        assert_eq!(plain(&parsed.to_vec()).unwrap(), by_memory, "{file}");
        if vector.get("keys_sorted").and_then(Json::as_bool).unwrap() {
            assert_eq!(by_memory, expected, "{file}");
        }
        count += 1;
    }
    assert_eq!(count, 300);
}

/// Source: conformance vectors `lson/invalid.json`.
/// DIFFERENCE: the reference accepts some of these; here only those whose one peculiarity is a
/// key `__proto__` are documents.
#[test]
fn what_is_no_plain_lson_is_rejected() {
    let vectors = json(&unpack("lson-invalid.json"));
    for vector in vectors.as_array().unwrap() {
        let name = vector.get("name").and_then(Json::as_str).unwrap();
        let input = vector.get("input").unwrap();
        let memory = plain_memory(input);
        let sorted = plain(&input.to_vec());
        assert_eq!(memory.is_ok(), name.starts_with("__proto__"), "{name}: {memory:?}");
        match (&memory, &sorted) {
            (Ok(memory), Ok(sorted)) => assert_eq!(memory, sorted),
            (Err(memory), Err(sorted)) => {
                assert_eq!(memory.reason(), sorted.reason(), "{name}");
                assert_eq!(memory.path(), sorted.path(), "{name}");
            }
            _ => panic!("{name}: {memory:?} {sorted:?}"),
        }
    }
}

#[test]
fn errors_name_the_path() {
    for (text, expected) in [
        ("7", "at byte 1: the root must be a LiveObject"),
        (r#"{"a":1}"#, "at byte 7: the root must be a LiveObject"),
        (r#"{"liveblocksType":"LiveMap","data":{}}"#, "at byte 35: the root must be a LiveObject"),
        (r#"{"liveblocksType":"LiveObject"}"#, "at byte 31: a LiveObject must have data"),
        (
            r#"{"liveblocksType":"LiveObject","data":[]}"#,
            "at /data (byte 38): the data of a LiveObject must be an object",
        ),
        (
            r#"{"liveblocksType":"LiveObject","data":{"a":{"liveblocksType":"LiveList","data":[1,{"liveblocksType":"LiveSet"}]}}}"#,
            "at /data/a/data/1/liveblocksType (byte 109): unknown liveblocksType \"LiveSet\"",
        ),
        (
            r#"{"liveblocksType":"LiveObject","data":{"a":{"x":[1,}}}"#,
            "at /data/a/x/1 (byte 51): expected a value, found '}'",
        ),
        (
            r#"{"liveblocksType":"LiveObject","data":{"t":{"liveblocksType":"LiveText","data":[["a"],["b",{"c":[]}]]}}}"#,
            "at /data/t/data/1 (byte 101): an attribute's value must be a scalar",
        ),
        (
            r#"{"liveblocksType":"LiveObject","data":{"t":{"data":[],"version":-1,"liveblocksType":"LiveText"}}}"#,
            "at /data/t/version (byte 95): a text's version must be an integer from 0 to 2^53 - 1",
        ),
        (
            r#"{"liveblocksType":"LiveObject","data":{"f":{"liveblocksType":"LiveFile","data":{"id":"x","name":"n","size":1,"mimeType":"t"}}}}"#,
            "at /data/f/data (byte 124): a file's id must start with fl_",
        ),
        (
            r#"{"liveblocksType":"LiveObject","data":{},"data":{}}"#,
            "at byte 48: \"data\" is there twice",
        ),
        (
            r#"{"data":{},"data":{},"liveblocksType":"LiveObject"}"#,
            "at byte 51: \"data\" is there twice",
        ),
        (
            r#"{"liveblocksType":"LiveObject","data":{"a":1,}}"#,
            "at /data (byte 45): expected a key in quotes, found '}'",
        ),
        (
            r#"{"liveblocksType":"LiveObject","data":{}"#,
            "at byte 40: expected ',' or '}', found the end",
        ),
        (
            r#"{"liveblocksType":"LiveObject","data":{}} x"#,
            "at byte 42: unexpected 'x' after the value",
        ),
        (r#"{"data":{"a":[1"#, "at /data/a (byte 15): expected ',' or ']', found the end"),
        (
            r#"{"liveblocksType":"LiveObject","data":{"refuse me":{"liveblocksType":"LiveMap","data":{}}}}"#,
            "at /data/refuse me: refused",
        ),
    ] {
        assert_eq!(plain(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn json_made_live_is_live_throughout() {
    let text = r#"{"b":{"liveblocksType":"?"},"a":[1,[{"x":null}],{}]}"#;
    let nodes =
        record(|sink| read_live_json(text.as_bytes(), ReadLimits::default(), sink)).unwrap();
    assert_eq!(
        nodes,
        json(
            r##"[["root",{"type":0,"data":{}}],
            ["si:1",{"type":0,"parentId":"root","parentKey":"b","data":{"liveblocksType":"?"}}],
            ["si:2",{"type":1,"parentId":"root","parentKey":"a"}],
            ["si:3",{"type":3,"parentId":"si:2","parentKey":"#0","data":1}],
            ["si:4",{"type":1,"parentId":"si:2","parentKey":"#1"}],
            ["si:5",{"type":0,"parentId":"si:4","parentKey":"#0","data":{"x":null}}],
            ["si:6",{"type":0,"parentId":"si:2","parentKey":"#2","data":{}}]]"##
        )
    );
    let sorted = json(text);
    assert_eq!(
        record(|sink| feed_live(&sorted, ReadLimits::default(), sink)).unwrap(),
        record(|sink| read_live_json(&sorted.to_vec(), ReadLimits::default(), sink)).unwrap()
    );
    for text in ["[]", "1", "\"x\""] {
        let error = record(|sink| read_live_json(text.as_bytes(), ReadLimits::default(), sink));
        assert_eq!(*error.unwrap_err().reason(), LsonReason::RootNotObject);
        let error = record(|sink| feed_live(&json(text), ReadLimits::default(), sink));
        assert_eq!(*error.unwrap_err().reason(), LsonReason::RootNotObject);
    }
}

#[test]
fn the_type_counts_wherever_it_stands() {
    let first = plain(br#"{"liveblocksType":"LiveObject","data":{"z":{"liveblocksType":"LiveText","data":[["a"]],"version":3},"a":{"liveblocksType":"LiveList","data":[{"k":{"liveblocksType":"LiveMap"}}]}}}"#).unwrap();
    // In any other order the document's own order still counts, and what is unknown is passed over.
    let other = plain(br#"{"x":[{}],"data":{"z":{"version":3,"liveblocksType":"LiveText","data":[["a"]]},"a":{"data":[{"k":{"liveblocksType":"LiveMap"}}],"y":"}","liveblocksType":"LiveList"}}, "liveblocksType":"LiveObject"}"#).unwrap();
    assert_eq!(first, other);
    assert_eq!(first.as_array().unwrap()[1].get("z"), None);
    assert!(plain(br#"{"x":[1,,2],"data":{},"liveblocksType":"LiveObject"}"#).is_err());
    assert!(plain(br#"{"data":{"a":[1}],"liveblocksType":"LiveObject"}"#).is_err());
}

/// `levels` live structures inside the root, `data` first or last.
fn nested(levels: usize, data_first: bool) -> String {
    let (open, close) = if data_first {
        (r#"{"data":{"a":"#, r#"},"liveblocksType":"LiveObject"}"#)
    } else {
        (r#"{"liveblocksType":"LiveObject","data":{"a":"#, "}}")
    };
    format!("{}1{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn depth_counts_values_whatever_their_notation() {
    let deepest = ReadLimits::default().max_depth(usize::MAX);
    for limits in [ReadLimits::default().max_depth(3), ReadLimits::default(), deepest] {
        let limit = limits.depth();
        for (levels, ok) in [(limit, true), (limit + 1, false), (100_000, false)] {
            for data_first in [false, true] {
                let text = nested(levels, data_first);
                let result = record(|sink| read_plain_lson(text.as_bytes(), limits, sink));
                assert_eq!(result.is_ok(), ok, "{levels} {data_first}");
                if let Err(error) = result {
                    assert_eq!(*error.reason(), LsonReason::TooDeep { limit });
                }
            }
            let text = format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
            let result = record(|sink| read_live_json(text.as_bytes(), limits, sink));
            assert_eq!(result.is_ok(), ok);
        }
        // Leaves count too.
        for (levels, ok) in [(limit - 1, true), (limit, false)] {
            let leaf = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            let text = format!(r#"{{"liveblocksType":"LiveObject","data":{{"a":{leaf}}}}}"#);
            assert_eq!(record(|sink| read_plain_lson(text.as_bytes(), limits, sink)).is_ok(), ok);
            let lson = Lson::object([(
                "a",
                Lson::Json(Json::from_slice_with(leaf.as_bytes(), deepest).unwrap()),
            )]);
            assert_eq!(record(|sink| feed_lson(&lson, limits, sink)).is_ok(), ok);
        }
    }
}

#[test]
fn objects_in_any_order_take_linear_time() {
    // 1,000 levels around a megabyte: hours if each level were read again.
    let limits = ReadLimits::default().max_depth(1000);
    let filler = "[\"0123456789\"],".repeat(60_000);
    for first in ["\"data\":", "\"x\":0,\"data\":"] {
        let open = format!("{{{first}{{\"a\":");
        let close = "},\"liveblocksType\":\"LiveObject\"}";
        let leaf = format!("[{filler}0]");
        let text = format!("{}{leaf}{}", open.repeat(900), close.repeat(900));
        record(|sink| read_plain_lson(text.as_bytes(), limits, sink)).unwrap();
    }
}

#[test]
fn a_value_can_be_put_anywhere() {
    let value = lson!({ "a": [1] });
    let mut recorder = Recorder::default();
    let root = recorder.root();
    feed_at(Source::Lson(&value), 2, &mut recorder, root, Place::Key(&"k".into())).unwrap();
    assert_eq!(recorder.nodes.len(), 4);
    let error = feed_at(Source::Lson(&value), 1, &mut recorder, root, Place::Item).unwrap_err();
    assert_eq!(error.to_string(), "at /a: nested deeper than 1 levels");
}

#[test]
fn the_macro_takes_all_that_json_has() {
    let name = "key";
    let items = [1, 2];
    let built = lson!({
        "null": null,
        "list": [null, true, 1.5, -1, "x", [], {}, [1].len(), items.len() + 1,],
        (name): { "a": { (format!("{name}2")): items[0], }, },
        name: Lson::text("t"),
        "json": Json::array([1.into()]),
        "option": Some(1),
        "map": Lson::map([("m", 1)]),
    });
    assert_eq!(
        built.to_string(),
        concat!(
            r#"{"liveblocksType":"LiveObject","data":{"null":null,"#,
            r#""list":{"liveblocksType":"LiveList","data":[null,true,1.5,-1,"x",{"liveblocksType":"LiveList","data":[]},{"liveblocksType":"LiveObject","data":{}},1,3]},"#,
            r#""key":{"liveblocksType":"LiveText","data":[["t"]]},"json":[1],"option":1,"#,
            r#""map":{"liveblocksType":"LiveMap","data":{"m":1}}}}"#
        )
    );
    assert_eq!(lson!(null), Lson::default());
    assert_eq!(lson!(5), Lson::json(5));
    assert_eq!(lson!([]), Lson::List(vec![]));
    assert_eq!(Lson::from(serde_json::json!({ "a": [1] })), Lson::Json(json(r#"{"a":[1]}"#)));
    assert_eq!(lson!([(Lson::json(1))]), Lson::list([1]));
}

#[test]
fn the_later_of_two_equal_keys_counts() {
    let object = lson!({ "a": 1, "b": 2, "a": 3 });
    assert_eq!(object, lson!({ "a": 3, "b": 2 }));
    assert_eq!(
        Lson::from_slice(br#"{"liveblocksType":"LiveMap","data":{"a":1,"b":2,"a":3}}"#).unwrap(),
        Lson::map([("a", 3), ("b", 2)])
    );
}

fn any_lson() -> impl Strategy<Value = Lson> {
    let leaf = prop_oneof![
        any::<i16>().prop_map(Lson::from),
        Just(lson!(null)),
        Just(Lson::json(Json::array([Json::object([("liveblocksType".into(), 1.into())])]))),
        Just(Lson::json(Json::object([("data".into(), Json::array([Json::Null]))]))),
        ("\\PC{0,4}", 0_u64..3).prop_map(|(text, version)| Lson::Text {
            segments: vec![Segment::plain(text)],
            version
        }),
        Just(Lson::File(FileMeta::new("fl_0123456789abcdefghijk", "n", 5, "a/b").unwrap())),
    ];
    let key = prop_oneof![
        Just("data".to_owned()),
        Just("liveblocksType".to_owned()),
        Just("__proto__".to_owned()),
        Just(String::new()),
        "[a-d]{1,2}"
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let entries = prop::collection::vec((key.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Lson::from),
            entries.clone().prop_map(Lson::object),
            entries.prop_map(Lson::map),
        ]
    })
}

proptest! {
    #[test]
    fn plain_lson_is_lossless(lson in any_lson()) {
        let bytes = lson.to_vec();
        prop_assert_eq!(&Lson::from_slice(&bytes).unwrap(), &lson);
        let by_serde = serde_json::to_vec(&lson).unwrap();
        prop_assert_eq!(&Lson::from_slice(&by_serde).unwrap(), &lson);
        let sorted: Lson = serde_json::from_slice(&bytes).unwrap();
        let parsed = Json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&sorted, &Lson::from_plain(&parsed).unwrap());
        prop_assert_eq!(&sorted, &Lson::from_slice(&parsed.to_vec()).unwrap());
        prop_assert_eq!(Json::from_slice(&sorted.to_vec()).unwrap(), parsed);
        // Every way to a sink tells it the same.
        let document = Lson::object([("d", lson)]);
        let bytes = document.to_vec();
        prop_assert_eq!(plain(&bytes).unwrap(), from_lson(&document).unwrap());
        let parsed = Json::from_slice(&bytes).unwrap();
        prop_assert_eq!(plain(&parsed.to_vec()).unwrap(), plain_memory(&parsed).unwrap());
    }

    #[test]
    fn damaged_plain_lson_is_judged_alike_from_bytes_and_memory(
        lson in any_lson(),
        sort in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..3, any::<u8>()), 0..4),
    ) {
        const BYTES: &[u8] = b"{}[],:\"\\u0123dataLiveblocksType e1";
        let mut bytes = Lson::object([("d", lson)]).to_vec();
        if sort {
            bytes = Json::from_slice(&bytes).unwrap().to_vec();
        }
        for (at, how, byte) in damage {
            let at = at.index(bytes.len());
            let byte = BYTES[usize::from(byte) % BYTES.len()];
            match how {
                0 => drop(bytes.remove(at)),
                1 => bytes[at] = byte,
                _ => bytes.insert(at, byte),
            }
        }
        let streamed = plain(&bytes);
        match Json::from_slice(&bytes) {
            Err(_) => prop_assert!(streamed.is_err()),
            Ok(parsed) => {
                let fed = plain_memory(&parsed);
                match streamed {
                    Ok(_) => prop_assert!(fed.is_ok(), "{:?}", fed),
                    Err(error) if matches!(error.reason(), LsonReason::Twice { .. }) => {}
                    Err(_) => prop_assert!(fed.is_err()),
                }
            }
        }
    }
}
