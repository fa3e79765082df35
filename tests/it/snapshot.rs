//! A snapshot is the document, and bytes that are none are told from it.

use std::sync::Arc;

use livetree::document::{NodesError, SnapshotError};
use livetree::json::JsonObject;
use livetree::op::{ContentError, Create, Intent, NodeContent, OpKind, UpdateText};
use livetree::testing::shapes;
use livetree::text::TextOp;
use livetree::{
    Actor, Document, EditError, FileMeta, IdSource, Json, Limits, Lson, NodeId, ObjectMut, Op,
    Outcome, Peer, Segment, SerializedNode, lson,
};
use proptest::prelude::*;

use crate::generate::{cases, document, ops_and_text};

fn broken(bytes: &[u8]) -> String {
    Document::from_snapshot(bytes).unwrap_err().to_string()
}

/// What must hold of a document, however it came to be.
fn round_trips(document: &Document) -> Result<(), TestCaseError> {
    let bytes = document.to_snapshot();
    let again = Document::from_snapshot(&bytes)
        .map_err(|error| TestCaseError::fail(format!("{error} of {bytes:?}")))?;
    prop_assert_eq!(again.check(), Ok(()));
    prop_assert_eq!(&again, document);
    prop_assert!(again.nodes().eq(document.nodes()));
    // Whatever the order in which the nodes came.
    prop_assert_eq!(again.to_snapshot(), bytes.clone());
    let mut nodes: Vec<_> = document.nodes().collect();
    nodes.reverse();
    let (from_nodes, _) = Document::from_nodes(nodes).unwrap();
    prop_assert_eq!(from_nodes.to_snapshot(), bytes);
    Ok(())
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn a_snapshot_is_the_document(mut document in document(), ops in ops_and_text(20)) {
        round_trips(&document)?;
        for op in &ops {
            _ = document.apply(op);
        }
        round_trips(&document)?;
        // And goes on as the document does.
        let mut again = Document::from_snapshot(&document.to_snapshot()).unwrap();
        for op in ops.iter().rev().filter(|op| !matches!(op.kind, OpKind::UpdateText(_))) {
            prop_assert_eq!(again.apply(op), document.apply(op));
        }
        prop_assert_eq!(again, document);
    }

    #[test]
    fn any_bytes_are_a_document_or_an_error(
        document in document(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = document.to_snapshot();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes.insert(at, byte),
                1 => _ = bytes.remove(at),
                _ => bytes[at] = byte,
            }
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        if let Ok(document) = Document::from_snapshot(&bytes) {
            prop_assert_eq!(document.check(), Ok(()));
            round_trips(&document)?;
        }
    }
}

#[test]
fn large_documents_and_all_kinds_of_nodes_round_trip() {
    let shapes = Document::from_plain_lson(&shapes::plain_lson(1_000)).unwrap();
    round_trips(&shapes).unwrap();
    let mut doc = Document::new();
    let mut ids = IdSource::new(Actor(7));
    doc.edit(&mut ids, |root| {
        root.set("wide", Lson::object((0..100).map(|n| (format!("k{n}"), Lson::from(n)))))?;
        root.set("also wide", Lson::object((0..100).map(|n| (format!("k{n}"), Lson::from("é")))))?;
        root.set("long", "x".repeat(5_000))?;
        root.set("map", Lson::map([("", lson!([[1.5], [], "x", null])), ("é", lson!({}))]))?;
        root.set("text", Lson::text("a text"))?;
        root.set(
            "file",
            FileMeta::new("fl_123456789012345678901", "a.png", 5, "image/png").unwrap(),
        )?;
        let deep = (0..400).fold(Lson::from(0), |inner, _| lson!([inner]));
        root.set("deep", deep)?;
        root.set("opaque", Json::array([Json::array([Json::Null]), Json::from(1e300)]))
    })
    .unwrap();
    let odd: Op = serde_json::from_str(
        r#"{"type":8,"id":"an odd id","opId":"1:0","parentId":"7:0","parentKey":"kk","data":{}}"#,
    )
    .unwrap();
    _ = doc.apply(&odd);
    round_trips(&doc).unwrap();
}

/// The first version of the format stays readable.
#[test]
fn version_one_is_what_it_was() {
    let nodes = [
        r#"["root",{"type":0,"data":{"a":-1.5,"long":"a text that is longer than all those in cells"}}]"#,
        r#"["1:0",{"type":1,"parentId":"root","parentKey":"l"}]"#,
        r#"["1:2",{"type":3,"parentId":"1:0","parentKey":"!","data":"hi"}]"#,
        r#"["1:1",{"type":3,"parentId":"1:0","parentKey":"!5","data":[7]}]"#,
        r#"["odd",{"type":2,"parentId":"root","parentKey":"m"}]"#,
        r#"["si:9",{"type":0,"parentId":"odd","parentKey":"k","data":{"a":1000,"long":true}}]"#,
        r#"["2:0",{"type":4,"parentId":"odd","parentKey":"kk","data":[["abc"]],"version":300}]"#,
    ];
    let nodes = nodes.map(|node| serde_json::from_str::<SerializedNode>(node).unwrap());
    let (document, _) = Document::from_nodes(nodes).unwrap();
    let snapshot = [
        &b"livetree\x01\x06"[..],
        b"\x01\x09\x01\x03\x00\x03\x04\x00\x01\x00\x03odd",
        b"\x30\x00\x04\x00\x01a\x00\x01l\x01\x03ong\x00\x01m",
        b"\x15\x00\x00\xc0\xbf",
        b"\x18\x02\x31\x02\x00\x01!\x02\x02hi\x01\x015\x05\x17\x03[7]",
        b"\x17\x2f\"a text that is longer than all those in cells\"",
        b"\x18\x04\x32\x02\x00\x01k\x0d\x30\x00\x02\x00\x01a\x00\x04long\x83\xe8\x12",
        b"\x01\x01k\x06\x33\xac\x02\x09[[\"abc\"]]",
    ];
    let snapshot = snapshot.concat();
    assert_eq!(
        document.to_snapshot().escape_ascii().to_string(),
        snapshot.escape_ascii().to_string()
    );
    assert_eq!(Document::from_snapshot(&snapshot), Ok(document));
}

#[test]
fn what_is_wrong_is_told_and_where() {
    assert_eq!(Document::from_snapshot(b"livetre"), Err(SnapshotError::NoSnapshot));
    assert_eq!(Document::from_snapshot(b"[1,2,3,4,5]"), Err(SnapshotError::NoSnapshot));
    assert_eq!(
        broken(b"livetree\x02"),
        "a snapshot of version 2 cannot be read, only of version 1"
    );
    for (rest, offset, reason) in [
        (&b""[..], 9, "it ends too early"),
        (b"\x00\x30", 11, "it ends too early"),
        (b"\x00\x31\x00", 11, "the root is no object"),
        (b"\x00\x30\x00\x00\x00", 13, "something follows the last node"),
        (b"\x05\x01\x00\x05\x30", 10, "there are more nodes than fit"),
        (b"\x01\x01\x00\x02\x30\x00\x00", 13, "there are more ids than nodes"),
        (b"\x01\x01\x00\x01\x30\x00\x00", 16, "there are more ids than nodes"),
        (b"\x01\xff\xff\xff\xff\x0f\x00\x01\x30\x00\x00", 17, "there is no such id"),
        (
            b"\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x30\x00\x00",
            22,
            "there is no such id",
        ),
        (b"\x01\x00\x04root\x30\x00\x00", 16, "a node has the id of the root"),
        (b"\x00\x30\x00\x02\x00\x01b\x00\x01a", 19, "the keys of an object do not ascend"),
        (b"\x00\x30\x00\x01\x01\x01b", 14, "a key begins with more than the one before has"),
        (b"\x00\x30\x00\x01\x00\x01\xff", 16, "a key is not UTF-8"),
        (b"\x00\x30\x01", 12, "there is no such list of keys"),
        (b"\x00\x30\x00\x01\x00\x01a\x2f", 16, "there is no such value"),
        (b"\x00\x30\x00\x01\x00\x01a\x16\0\0\0\0\0\0\xf0\x7f", 16, "there is no such value"),
        (b"\x00\x30\x00\x01\x00\x01a\x17\x02[1", 20, "a value is no JSON text"),
        (
            b"\x01\x01\x00\x01\x30\x00\x01\x00\x01a\x18\x02\x31\x00",
            21,
            "the place of a node is taken, or there is none",
        ),
        (
            b"\x01\x01\x00\x01\x30\x00\x01\x00\x01a\x18\x00\xc1",
            21,
            "a value that is a node lies in an object",
        ),
        (b"\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 11, "the root is no object"),
        (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 19, "a number is too large"),
    ] {
        let bytes = [b"livetree\x01", rest].concat();
        assert_eq!(
            Document::from_snapshot(&bytes),
            Err(SnapshotError::Malformed { offset, reason }),
            "{}",
            rest.escape_ascii()
        );
    }
}

/// Objects that name the keys of others are as quickly read as keys are few.
#[test]
fn keys_are_named_again_unless_they_are_many() {
    for (number, named) in [(1, true), (64, true), (65, false)] {
        let object = || Lson::object((0..number).map(|n| (format!("key {n:02}"), n)));
        let document =
            |items| Document::from_lson(&Lson::object([("l", Lson::list(items))])).unwrap();
        let (one, two) = (document(vec![object()]), document(vec![object(), object()]));
        round_trips(&one).unwrap();
        round_trips(&two).unwrap();
        let (one, two) = (one.to_snapshot(), two.to_snapshot());
        let another = two.len() - one.len();
        assert_eq!(another < 10 + 3 * number, named, "{another} bytes for {number} more values");
    }
    // Keys with which an object comes a second time, or a third.
    let many: Vec<_> = (0..65).flat_map(|n| [0, 2, b' ' + n / 8, b'0' + n % 8]).collect();
    let values = [0; 65];
    let bytes = [
        b"livetree\x01\x01\x01\x01\x01\x30\x00\x41",
        &many[..],
        &values[..64],
        b"\x18\x00\x30\x01",
        &values[..],
    ];
    assert!(broken(&bytes.concat()).ends_with("there is no such list of keys"));
}

/// As many places and ids as a document may have say nothing about others.
#[test]
fn nodes_with_one_id_are_refused() {
    let mut doc = Document::from_json(br#"{"l":[1,2]}"#).unwrap();
    assert!(doc.contains(&NodeId::from("si:1")));
    doc.edit(&mut IdSource::new(Actor(1)), |root| root.list("l")?.push(3)).unwrap();
    let mut bytes = doc.to_snapshot();
    // The ids `si:1`, `si:2`, `si:3` and `1:0`; the last one becomes `si:2`.
    assert_eq!(bytes[9..16], [4, 1, 1, 3, 3, 0, 1]);
    bytes[13..15].copy_from_slice(&[1, 2]);
    assert!(broken(&bytes).ends_with("two nodes have the same id"));
}

/// Arrays in each other, made by hand.
fn nested(levels: usize) -> Json {
    (1..levels).fold(Json::array([]), |inner, _| Json::array([inner]))
}

/// A text as it is built by hand.
fn text(attribute: Json, version: u64) -> NodeContent {
    let attributes = Some(Arc::new(JsonObject::from_iter([("b".into(), attribute)])));
    NodeContent::Text { segments: vec![Segment { text: "abc".into(), attributes }], version }
}

type Edit<'a> = &'a dyn Fn(&mut ObjectMut<'_>) -> Result<(), EditError>;

#[test]
fn what_a_document_takes_can_be_read_again() {
    let limits = Limits::unlimited();
    for (levels, taken) in [(1024, true), (1025, false), (1124, false)] {
        let edits: [Edit<'_>; 3] = [
            &|root| root.set("a", nested(levels)),
            &|root| root.list("l")?.push(nested(levels)),
            &|root| root.list("l")?.push(Lson::object([("a", nested(levels))])),
        ];
        for edit in edits {
            let mut document = Document::from_json(br#"{"l":[]}"#).unwrap();
            document.set_limits(limits.clone());
            let before = document.clone();
            let mut ids = IdSource::new(Actor(1));
            let error = document.edit(&mut ids, edit).err();
            assert_eq!(
                error,
                (!taken).then_some(EditError::Rejected(ContentError::TooDeep.into()))
            );
            assert_eq!(document != before, taken);
            round_trips(&document).unwrap();

            let mut peer = Peer::new(Actor(1), before);
            assert_eq!(peer.edit(edit).is_ok(), taken);
            let again = Peer::restore(Actor(1), &peer.save()).unwrap();
            assert_eq!(again.document(), peer.document());
        }
    }
}

#[test]
fn what_a_document_does_not_hold_is_refused_however_it_comes() {
    let last = (1 << 53) - 1;
    for (content, error) in [
        (NodeContent::Register(nested(1024)), None),
        (NodeContent::Register(nested(1025)), Some(ContentError::TooDeep)),
        (text(Json::from("x"), last), None),
        (text(Json::array([]), 0), Some(ContentError::Attribute)),
        (text(Json::from("x"), last + 1), Some(ContentError::TextVersion)),
    ] {
        let mut document = Document::from_json(br#"{"l":[]}"#).unwrap();
        let mut nodes: Vec<_> = document.nodes().collect();
        let parent_id = document.at("/l").unwrap().as_list().unwrap().id();
        let create = Create {
            parent_id: parent_id.clone(),
            parent_key: "!".into(),
            intent: Intent::Insert,
            deleted_id: None,
            content: content.clone(),
        };
        let outcome = document.apply(&Op::new("1:1".into(), OpKind::Create(create)));
        match error {
            None => assert!(outcome.is_accepted(), "{outcome:?}"),
            Some(error) => assert_eq!(outcome, Outcome::Rejected(error.into())),
        }
        round_trips(&document).unwrap();

        let parent = Some((parent_id, "!".into()));
        nodes.push(SerializedNode { id: "1:1".into(), parent, content });
        let refused = Document::from_nodes(nodes).err();
        assert_eq!(refused, error.map(|error| NodesError::Content("1:1".into(), error)));
    }
}

#[test]
fn attributes_that_are_no_scalars_are_refused() {
    let mut document = Document::new();
    let mut ids = IdSource::new(Actor(1));
    let edited = document.edit(&mut ids, |root| root.set("t", Lson::text("abc"))).unwrap();
    let attributes = Arc::new(JsonObject::from_iter([("b".into(), nested(1))]));
    let insert =
        TextOp::Insert { index: 0, text: "x".into(), attributes: Some(attributes.clone()) };
    for op in [insert, TextOp::Format { index: 0, length: 1, attributes }] {
        let update = UpdateText { base_version: 0, version: None, ops: vec![op] };
        let op = Op::new(edited.ops[0].id.clone(), OpKind::UpdateText(update));
        let outcome = document.apply(&op.with_op_id("1:9".into()));
        assert_eq!(outcome, Outcome::Rejected(ContentError::Attribute.into()));
    }
    let segments = vec![Segment { text: "x".into(), attributes: Some(Arc::default()) }];
    let lson = |version| Lson::object([("t", Lson::Text { segments: segments.clone(), version })]);
    round_trips(&Document::from_lson(&lson(1)).unwrap()).unwrap();
    assert!(Document::from_lson(&lson(1 << 53)).is_err());
    round_trips(&document).unwrap();
}
