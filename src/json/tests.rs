//! Reading and writing checked against `serde_json`, and by hand where the two differ.

use proptest::prelude::*;
use serde_json::Value;

use super::read::{Kind, Reader};
use super::{Json, JsonObject, JsonReason, ReadLimits};
use crate::SmallStr;

fn read(text: &str) -> Json {
    Json::from_slice(text.as_bytes()).unwrap()
}

fn error(bytes: &[u8]) -> String {
    Json::from_slice(bytes).unwrap_err().to_string()
}

fn number(text: &str) -> f64 {
    read(text).as_f64().unwrap()
}

#[test]
fn is_sixteen_bytes() {
    assert_eq!(size_of::<Json>(), 16);
    assert_eq!(size_of::<Option<Json>>(), 16);
}

#[test]
fn the_later_of_two_equal_keys_wins() {
    let entries = [("b", 1), ("a", 2), ("b", 3)];
    let object: JsonObject = entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
    assert_eq!(object.len(), 2);
    assert_eq!(object.get("b"), Some(&Json::from(3)));
}

#[test]
fn errors_say_where_and_what() {
    assert_eq!(error(b""), "at byte 0: expected a value, found the end");
    assert_eq!(error(b" x"), "at byte 1: expected a value, found 'x'");
    assert_eq!(
        error(br#"{"shapes":[0,1,2,{"x":]}"#),
        "at /shapes/3/x (byte 22): expected a value, found ']'"
    );
    assert_eq!(
        error(br#"{"a/b":{"c~":[1 2]}}"#),
        "at /a~1b/c~0 (byte 16): expected ',' or ']', found '2'"
    );
    assert_eq!(
        error(br#"[[],[[{"":1,}]]]"#),
        "at /1/0/0 (byte 12): expected a key in quotes, found '}'"
    );
    assert_eq!(error(br#"{"a":1"#), "at byte 6: expected ',' or '}', found the end");
    assert_eq!(error(br#"{"a" 1}"#), "at byte 5: expected ':', found '1'");
    assert_eq!(error(b"[1,]"), "at /1 (byte 3): expected a value, found ']'");
    assert_eq!(error(b"[01]"), "at /0 (byte 1): malformed number");
    assert_eq!(error(b"[1e999]"), "at /0 (byte 1): number out of the range of a double");
    assert_eq!(error(b"1 2"), "at byte 2: unexpected '2' after the value");
    assert_eq!(error(br#"["\ud800"]"#), "at /0 (byte 2): lone surrogate \\ud800 in a string");
    assert_eq!(error(br#"["\ud800\u0041"]"#), "at /0 (byte 2): lone surrogate \\ud800 in a string");
    assert_eq!(error(br#"["\udc00"]"#), "at /0 (byte 2): lone surrogate \\udc00 in a string");
    assert_eq!(error(br#"["\x"]"#), "at /0 (byte 2): invalid escape in a string");
    assert_eq!(error(br#"["\u12g4"]"#), "at /0 (byte 2): invalid escape in a string");
    assert_eq!(error(b"[\"a\nb\"]"), "at /0 (byte 3): unescaped control character in a string");
    assert_eq!(error(b"[\"abc\xff\"]"), "at /0 (byte 5): invalid UTF-8");
    assert_eq!(error(b"[1]\xff"), "at byte 3: invalid UTF-8");
    assert_eq!(error("[é]".as_bytes()), "at /0 (byte 1): expected a value, found 'é'");
    assert_eq!(error(b"\xef\xbb\xbf1"), "at byte 0: expected a value, found '\\u{feff}'");
    assert_eq!(error(b"tru"), "at byte 0: expected a value, found 't'");
    assert_eq!(error(b"\"abc"), "at byte 4: expected the end of a string, found the end");
    assert_eq!(size_of::<super::JsonError>(), size_of::<usize>());
}

#[test]
fn numbers_are_rounded_correctly() {
    for text in [
        "0",
        "-0",
        "1",
        "-1",
        "1.5",
        "0.1",
        "123456789012345678",
        "9007199254740993",
        "9007199254740992",
        "9007199254740991",
        "18446744073709551616",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "0.000001",
        "1.7976931348623157e308",
        "5e-324",
        "2.2250738585072014e-308",
        "1e-400",
        "0e999999999999999999999",
        "3.14159265358979323846",
        "8.5e-3",
        "1E+2",
        "123456.789e3",
        "1.00000000000000000000000000000000000001",
        "0.1e1",
        "4.35",
        "0.5e-323",
    ] {
        assert_eq!(
            number(text).to_bits(),
            (text.parse::<f64>().unwrap() + 0.0).to_bits(),
            "{text}"
        );
    }
    for text in ["1e309", "-1e309", "1e99999999999999999999"] {
        let error = Json::from_slice(text.as_bytes()).unwrap_err();
        assert_eq!(*error.reason(), JsonReason::NumberOutOfRange, "{text}");
    }
    for text in ["-", "01", "-01", "1.", ".5", "1.e1", "1e", "1e+", "+1", "0x1", "NaN", "Infinity"]
    {
        assert!(Json::from_slice(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn numbers_print_as_javascript_has_them() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-42.0, "-42"),
        (0.5, "0.5"),
        (9_007_199_254_740_992.0, "9007199254740992"),
        (4_611_686_018_427_387_904.0, "4611686018427387904"),
        (-9_223_372_036_854_775_808.0, "-9223372036854775808"),
        (1e20, "100000000000000000000"),
        (-1e20, "-100000000000000000000"),
        (0.1 + 0.2, "0.30000000000000004"),
        (f64::NAN, "null"),
    ] {
        assert_eq!(Json::number(value).to_string(), text);
    }
    for value in [1e21, 1e300, 1e-7, 5e-324, f64::MAX, -1.5e-10] {
        assert_eq!(number(&Json::number(value).to_string()).to_bits(), value.to_bits());
    }
}

#[test]
fn strings_survive_and_escape_no_more_than_needed() {
    let text = "\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}\u{2028}é😀";
    let json = Json::from(text);
    assert_eq!(json.to_string(), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\u{2028}é😀\"");
    assert_eq!(read(&json.to_string()), json);
    assert_eq!(read(r#""\ud83d\ude00\u00e9\/\uFFFF""#), Json::from("😀é/\u{ffff}"));
}

#[test]
fn any_key_is_a_key_and_the_later_of_two_wins() {
    let json = read(r#"{"__proto__":1,"":2,"a":3,"\u0061":4,"constructor":{"":{}}}"#);
    assert_eq!(json.to_string(), r#"{"":2,"__proto__":1,"a":4,"constructor":{"":{}}}"#);
}

#[test]
fn long_keys_are_shared() {
    let json = read(
        r#"[{"a key of some length":1},{"a key of some length":2},{"a key of same length":3}]"#,
    );
    let key = |at: usize| {
        let object = json.as_array().unwrap()[at].as_object().unwrap();
        object.iter().next().unwrap().0.clone()
    };
    assert_eq!(key(0).as_str().as_ptr(), key(1).as_str().as_ptr());
    assert_eq!(key(2), "a key of same length");
}

#[test]
fn depth_is_limited_without_recursion() {
    for (open, close) in [("[", "]"), ("{\"k\":", "}")] {
        let nest = |n: usize| format!("{}0{}", open.repeat(n), close.repeat(n));
        assert!(Json::from_slice(nest(256).as_bytes()).is_ok());
        let error = Json::from_slice(nest(257).as_bytes()).unwrap_err();
        assert_eq!(*error.reason(), JsonReason::TooDeep { limit: 256 });
        assert!(Json::from_slice(nest(100_000).as_bytes()).is_err());
        assert!(Json::from_slice(open.repeat(100_000).as_bytes()).is_err());
        let deepest = ReadLimits::default().max_depth(usize::MAX);
        let json = Json::from_slice_with(nest(1024).as_bytes(), deepest).unwrap();
        assert_eq!(json.to_string(), nest(1024));
        assert_eq!(json, json.clone());
        assert!(Json::from_slice_with(nest(1025).as_bytes(), deepest).is_err());
    }
}

#[test]
fn a_reader_walks_what_it_knows() {
    let text = br#" {"list": [ ], "items":[{"a":1}, 2 ], "rest":null} "#;
    let mut reader = Reader::new(text, ReadLimits::default());
    assert_eq!(reader.peek_kind().unwrap(), Kind::Object);
    reader.begin_object().unwrap();
    assert_eq!(reader.next_key().unwrap().unwrap(), "list");
    reader.begin_array().unwrap();
    assert!(!reader.next_item().unwrap());
    let mut key = SmallStr::EMPTY;
    assert!(reader.next_key_into(&mut key).unwrap());
    assert_eq!(key, "items");
    reader.begin_array().unwrap();
    assert!(reader.next_item().unwrap());
    let before = {
        reader.peek_kind().unwrap();
        reader.offset()
    };
    assert_eq!(reader.value().unwrap(), read(r#"{"a":1}"#));
    reader.seek(before);
    assert_eq!(reader.value().unwrap(), read(r#"{"a":1}"#));
    assert!(reader.next_item().unwrap());
    assert_eq!(reader.value().unwrap(), Json::from(2));
    assert!(!reader.next_item().unwrap());
    assert_eq!(reader.next_key().unwrap().unwrap(), "rest");
    assert_eq!(reader.value().unwrap(), Json::Null);
    assert_eq!(reader.next_key().unwrap(), None);
    reader.end().unwrap();
}

#[test]
fn a_failed_value_leaves_nothing_behind() {
    let mut reader = Reader::new(b"[[1,[2,x]]]", ReadLimits::default());
    reader.begin_array().unwrap();
    assert!(reader.next_item().unwrap());
    let at = reader.offset();
    assert_eq!(reader.value().unwrap_err().path(), "/1/1");
    reader.seek(at + 3);
    assert_eq!(reader.value().unwrap_err().path(), "/1");
}

#[test]
fn serde_reads_and_writes_it() {
    use serde::{Deserialize, Serialize};
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Empty,
        Circle { r: f64 },
        Path(Vec<(i32, i32)>),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Doc {
        shapes: Vec<Shape>,
        size: u64,
        offset: i64,
        tag: Option<SmallStr>,
        none: Option<u8>,
    }
    let doc = Doc {
        shapes: vec![Shape::Empty, Shape::Circle { r: 1.0 }, Shape::Path(vec![(1, -2)])],
        size: 1 << 60,
        offset: -5,
        tag: Some("x".into()),
        none: None,
    };
    let json = super::to_json(&doc).unwrap();
    assert_eq!(Doc::deserialize(&json).unwrap(), doc);
    assert!(u8::deserialize(&Json::from(256)).is_err());
    assert!(u64::deserialize(&Json::from(1.5)).is_err());
    assert_eq!(
        serde_json::from_str::<Json>("[1,1.5,-3,null,{\"a\":\"b\"}]").unwrap(),
        read("[1,1.5,-3,null,{\"a\":\"b\"}]")
    );
    assert_eq!(
        serde_json::to_string(&read("{\"b\":[1,2.5],\"a\":1e300}")).unwrap(),
        "{\"a\":1e+300,\"b\":[1,2.5]}"
    );
    assert_eq!(Value::from(read("[1,-1,0.5]")), serde_json::json!([1, -1, 0.5]));
    assert_eq!(Json::from(u64::MAX), Json::from(18_446_744_073_709_551_616.0));
}

fn any_json() -> impl Strategy<Value = Json> {
    let key = || {
        prop_oneof![Just(String::new()), Just("__proto__".to_owned()), "[a-c]{1,2}", "\\PC{0,20}"]
    };
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::vec((key().prop_map(SmallStr::from), inner), 0..8)
                .prop_map(Json::object),
        ]
    })
}

/// Whether `serde_json` is known to judge this text differently: it has other limits, and keeps
/// numbers that only print.
fn differs(bytes: &[u8]) -> bool {
    matches!(
        Json::from_slice(bytes).map_err(|error| error.reason().clone()),
        Err(JsonReason::TooDeep { .. })
    )
}

proptest! {
    #[test]
    fn writing_and_reading_is_identity(json in any_json()) {
        let bytes = json.to_vec();
        let again = Json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&again, &json);
        prop_assert_eq!(again.to_vec(), bytes.clone());
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(Json::from(&value), json.clone());
        prop_assert_eq!(Json::from(Value::from(&json)), json.clone());
        prop_assert_eq!(super::to_json(&json).unwrap(), json.clone());
        prop_assert_eq!(serde_json::from_str::<Json>(&serde_json::to_string(&json).unwrap()).unwrap(), json);
    }

    #[test]
    fn damaged_text_is_judged_as_serde_json_does(
        json in any_json(),
        pretty in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 0..4),
    ) {
        const BYTES: &[u8] = b"{}[],:\"\\u0123456789abcdefDtruefalsn.-+E \n\x01\xe9";
        let value = Value::from(&json);
        let mut bytes = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        for (at, how, byte) in damage {
            let at = at.index(bytes.len() + 1);
            let byte = BYTES[usize::from(byte) % BYTES.len()];
            match how {
                0 if at < bytes.len() => { bytes.remove(at); }
                1 if at < bytes.len() => bytes[at] = byte,
                2 => bytes.truncate(at),
                _ => bytes.insert(at, byte),
            }
        }
        if !differs(&bytes) {
            match (Json::from_slice(&bytes), serde_json::from_slice::<Value>(&bytes)) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, Json::from(theirs)),
                (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "{ours:?}\n{theirs:?}\n{:?}", String::from_utf8_lossy(&bytes)),
            }
        }
    }

    #[test]
    fn any_number_text_reads_as_std_parses_it(text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
        let expected: f64 = text.parse().unwrap();
        match Json::from_slice(text.as_bytes()) {
            Ok(json) => prop_assert_eq!(json.as_f64(), Some(expected)),
            Err(_) => prop_assert!(expected.is_infinite()),
        }
    }

    #[test]
    fn any_double_survives(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        prop_assert_eq!(Json::from_slice(&Json::number(value).to_vec()).unwrap().as_f64(), Some(value));
        let json = Json::number(f64::from_bits(bits));
        prop_assert_eq!(json.json_len(), json.to_string().len());
        prop_assert!(json.most_json_len() >= json.json_len());
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let ours = Json::from_slice(&bytes).is_ok();
        prop_assert_eq!(ours, serde_json::from_slice::<Value>(&bytes).is_ok());
    }
}

#[test]
fn integers_are_not_changed_silently() {
    #[derive(serde::Serialize)]
    struct Row {
        id: u64,
    }
    for id in [0, (1 << 53) - 1, 1 << 53, 1 << 60, 1_234_567_890_123_456_768] {
        let json = super::to_json(&Row { id }).unwrap();
        assert_eq!(
            json.get("id").and_then(Json::as_f64).map(|id| format!("{id:.0}")),
            Some(id.to_string())
        );
    }
    for id in [(1 << 53) + 1, 1_234_567_890_123_456_789, u64::MAX] {
        let error = super::to_json(&[Row { id: 1 }, Row { id }]).unwrap_err().to_string();
        assert_eq!(error, format!("the integer {id} at /1/id is not exactly a double"));
    }
    assert!(super::to_json(&i64::MIN).is_ok() && super::to_json(&(i64::MIN + 1)).is_err());
}

#[test]
fn writing_does_not_recurse() {
    const LEVELS: usize = 100_000;
    let mut json = Json::array([]);
    for _ in 1..LEVELS {
        json = Json::array([json]);
    }
    assert_eq!(json.to_string(), "[".repeat(LEVELS) + &"]".repeat(LEVELS));
    // Dropping would recurse, so take it apart.
    while let Json::Array(items) = json {
        json = std::sync::Arc::into_inner(items).unwrap().pop().unwrap_or_default();
    }
}

#[test]
fn maps_with_keys_that_are_no_texts_come_back() {
    use std::collections::BTreeMap;

    use serde::Deserialize as _;

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    enum Side {
        Left,
        Right,
    }
    fn comes_back<K: Ord + serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug>(
        keys: [K; 2],
    ) {
        let map: BTreeMap<K, u8> = keys.into_iter().zip(0..).collect();
        let json = super::to_json(&map).unwrap();
        assert_eq!(BTreeMap::<K, u8>::deserialize(&json).unwrap(), map);
    }
    comes_back([7_u32, u32::MAX]);
    comes_back([i64::MIN, 0]);
    comes_back([u128::MAX, 0]);
    comes_back([false, true]);
    comes_back(['x', 'é']);
    comes_back([Side::Left, Side::Right]);
    comes_back(["", "7"].map(String::from));
    let json: Json = r#"{"x":1}"#.parse().unwrap();
    let error = BTreeMap::<u8, u8>::deserialize(&json).unwrap_err();
    assert_eq!(error.to_string(), "invalid type: string \"x\", expected u8");
}
