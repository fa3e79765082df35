//! Ops are read alike from bytes and from values.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::ReadLimits;

type Reading = Result<Result<Option<Op>, OpError>, JsonError>;

fn from_bytes(bytes: &[u8], sender: Sender) -> Reading {
    let mut reader = Reader::new(bytes, ReadLimits::default());
    let mut raw = Op::read(&mut reader)?;
    reader.end()?;
    Ok(raw.finish(sender))
}

/// By way of a value. Where JSON itself is wrong, the path is that within the op.
fn through_json(bytes: &[u8], sender: Sender) -> Reading {
    Ok(Op::from_json(&Json::from_slice(bytes)?, sender))
}

const NAMES_AND_ONE: [&str; 13] = [
    "type",
    "opId",
    "id",
    "parentId",
    "parentKey",
    "data",
    "intent",
    "deletedId",
    "key",
    "baseVersion",
    "version",
    "ops",
    "_",
];

const VALUES: [&str; 30] = [
    "0",
    "1",
    "3",
    "7",
    "99",
    "-1",
    "1.5",
    "1e300",
    "null",
    "true",
    r#""""#,
    r#""root""#,
    r#""3:17""#,
    r#""si:4""#,
    r#""01:2""#,
    r#""4294967296:1""#,
    r#""set""#,
    r#""push""#,
    r#""\u0041\n""#,
    r#""a text that is not short""#,
    "[]",
    r#"[["hi"],["you",{"b":true}]]"#,
    "[[1]]",
    "{}",
    r#"{"x":1,"a":[{"b":null}]}"#,
    r#"{"x":1,"x":2}"#,
    r#"[{"type":"insert","index":0,"text":"x"}]"#,
    r#"[{"type":"delete","index":0}]"#,
    r#"{"id":"fl_0123456789abcdefghijk","name":"n","size":3,"mimeType":"a/b"}"#,
    r#"{"id":1}"#,
];

/// An op of some type with the fields that it needs, all of the right type or nearly so.
fn fitting() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let object = r#"{"x":1,"long key of an object":[2]}"#;
    let data = select(vec![object, r#"[["hi"]]"#, "1", VALUES[28]]);
    let ops = select(vec![VALUES[26], VALUES[27], "[]"]);
    let ids = || select(vec![r#""1:2""#, r#""root""#, r#""""#]);
    let intent = select(vec![r#""set""#, r#""push""#, r#""no""#]);
    (1..12_u8, ids(), ids(), data, ops, intent).prop_map(
        |(number, id, parent, data, ops, intent)| {
            let fields = [
                ("type", number.to_string()),
                ("opId", r#""1:7""#.to_owned()),
                ("id", id.to_owned()),
                ("parentId", parent.to_owned()),
                ("parentKey", r#""!""#.to_owned()),
                ("data", data.to_owned()),
                ("intent", intent.to_owned()),
                ("deletedId", id.to_owned()),
                ("key", r#""k""#.to_owned()),
                ("baseVersion", "1".to_owned()),
                ("version", "2".to_owned()),
                ("ops", ops.to_owned()),
            ];
            let known = fields_of(number.into()).unwrap();
            let used = |at: usize| known.0 >> at & 1 == 1;
            fields
                .into_iter()
                .enumerate()
                .filter(|(at, _)| used(*at))
                .map(|(_, field)| field)
                .collect()
        },
    )
}

/// The text of an op: one that fits, some fields of any kind, or both, in any order.
fn op() -> impl Strategy<Value = String> {
    let any_field = (select(&NAMES_AND_ONE[..]), select(&VALUES[..]));
    let strange = prop::collection::vec(any_field, 0..3);
    (fitting(), strange, any::<bool>(), prop::collection::vec(any::<Index>(), 0..3))
        .prop_map(|(mut fields, strange, space, gone)| {
            for at in gone {
                fields.remove(at.index(fields.len()));
            }
            fields.extend(strange.into_iter().map(|(name, value)| (name, value.to_owned())));
            (fields, space)
        })
        .prop_flat_map(|(fields, space)| (Just(fields).prop_shuffle(), Just(space)))
        .prop_map(|(fields, space)| {
            let colon = if space { " : " } else { ":" };
            let field = |(name, value): &(&str, String)| format!("\"{name}\"{colon}{value}");
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(if space { " ,\n" } else { "," }))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Straight from bytes and by way of a value comes the same: the op, or what is wrong with it.
    #[test]
    fn bytes_are_read_as_their_value_is(op in op()) {
        for sender in [Sender::Client, Sender::Server] {
            prop_assert_eq!(from_bytes(op.as_bytes(), sender), through_json(op.as_bytes(), sender));
        }
    }

    /// … also of broken text: the same op, or an error at the same place.
    #[test]
    fn broken_bytes_are_refused_where_their_value_is(
        op in op(), at: Index, byte: u8, cut: bool,
    ) {
        let mut bytes = op.into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        // Of a text that is no object nothing is read as an op.
        prop_assume!(bytes.trim_ascii_start().first() == Some(&b'{'));
        for sender in [Sender::Client, Sender::Server] {
            match (from_bytes(&bytes, sender), through_json(&bytes, sender)) {
                // Of two unknown fields the last is told, and values are sorted.
                (Ok(Err(read)), Ok(Err(value))) if read.reason == OpErrorReason::Unknown => {
                    prop_assert_eq!(value.reason, OpErrorReason::Unknown);
                }
                (Ok(read), Ok(value)) => prop_assert_eq!(read, value),
                (Err(read), Err(value)) => {
                    prop_assert_eq!(read.offset(), value.offset());
                    prop_assert_eq!(read.reason(), value.reason());
                }
                (read, value) => prop_assert!(false, "{:?} is not {:?}", read, value),
            }
        }
    }

    /// The shortcut for ops as they are written: what it reads is what is read the general way.
    #[test]
    fn plain_ops_are_read_as_any_other(
        mut fields in fitting(),
        gone in prop::collection::vec(any::<Index>(), 0..2),
        broken in prop::option::weighted(0.3, any::<(Index, u8)>()),
    ) {
        for at in gone {
            fields.remove(at.index(fields.len()));
        }
        let field = |(name, value): &(&str, String)| format!("\"{name}\":{value}");
        let fields: Vec<String> = fields.iter().map(field).collect();
        let mut bytes = format!("{{{}}}", fields.join(",")).into_bytes();
        if let Some((at, byte)) = broken {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for sender in [Sender::Client, Sender::Server] {
            let reader = || Reader::new(&bytes, ReadLimits::default());
            let (mut plain, mut general) = (reader(), reader());
            match Op::read_plain(&mut plain, sender) {
                Some(op) => {
                    let read = Op::read(&mut general).map(|mut raw| raw.finish(sender));
                    prop_assert_eq!(read, Ok(Ok(Some(op))));
                    prop_assert_eq!(plain.offset(), general.offset());
                }
                None => prop_assert_eq!(plain.offset(), 0),
            }
        }
    }
}

#[test]
fn most_ops_are_plain() {
    for text in [
        r#"{"type":1,"opId":"1:2","id":"0:1","parentKey":"!"}"#,
        r#"{"type":2,"opId":"1:2","id":"0:1","parentId":"root","parentKey":"l"}"#,
        r#"{"type":3,"opId":"1:2","id":"root","data":{"a":1,"b":[{}]}}"#,
        r#"{"type":4,"opId":"1:2","id":"0:1","parentId":"root","parentKey":"o","data":{}}"#,
        r#"{"type":5,"opId":"1:2","id":"si:1"}"#,
        r#"{"type":6,"opId":"1:2","id":"si:1","key":"a"}"#,
        r#"{"type":7,"opId":"1:2","id":"0:1","parentId":"root","parentKey":"m"}"#,
        r#"{"type":8,"opId":"1:2","id":"0:1","parentId":"0:0","parentKey":"!","data":"x","intent":"set","deletedId":"0:2"}"#,
    ] {
        let mut reader = Reader::new(text.as_bytes(), ReadLimits::default());
        let op = Op::read_plain(&mut reader, Sender::Client).unwrap();
        let mut written = Vec::new();
        op.write(&mut written);
        assert_eq!(String::from_utf8(written).unwrap(), text);
    }
}
