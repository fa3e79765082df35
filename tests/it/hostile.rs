//! Whatever comes in is a value or a typed error, in bounded time and stack.

use livetree::NodeId;
use livetree::server::{Reply, ServerOptions, SessionOptions};
use livetree::testing::model::nodes_of;
use livetree::{
    Actor, Client, ClientMessage, Document, IdSource, Json, JsonReason, Limits, Lson,
    MAX_NODE_DEPTH, MAX_POSITION_LEN, Op, Outcome, ReadLimits, Rejection, SerializedNode, Server,
    ServerMessage, lson,
};

fn op(text: &str) -> Op {
    serde_json::from_str(text).unwrap()
}

fn create(id: &str, kind: u8, parent: &str, key: &str) -> Op {
    let data = if kind == 8 {
        r#","data":1"#
    } else if kind == 4 {
        r#","data":{}"#
    } else {
        ""
    };
    op(&format!(
        r#"{{"type":{kind},"id":{id:?},"opId":"9:0","parentId":{parent:?},"parentKey":{key:?}{data}}}"#
    ))
}

/// Runs on the smallest stack that a thread is likely to have.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 * 1024).spawn(test).unwrap().join().unwrap();
}

const DEEP: usize = 100_000;

#[test]
fn nesting_without_end_is_refused() {
    on_a_small_stack(|| {
        let arrays = "[".repeat(DEEP);
        let closed = arrays.clone() + &"]".repeat(DEEP);
        let objects = r#"{"a":"#.repeat(DEEP);
        let data = r#"{"data":"#.repeat(DEEP);
        let node = r#"{"liveblocksType":"LiveObject","data":{"a":"#.repeat(DEEP);
        let late = r#"{"data":{"a":"#.repeat(DEEP);
        for text in [&arrays, &closed, &objects, &data, &node, &late] {
            let bytes = text.as_bytes();
            assert!(Json::from_slice(bytes).is_err());
            assert!(Lson::from_slice(bytes).is_err());
            assert!(Document::from_json(bytes).is_err());
            assert!(Document::from_plain_lson(bytes).is_err());
            assert!(serde_json::from_slice::<Op>(bytes).is_err());
            assert!(serde_json::from_slice::<SerializedNode>(bytes).is_err());
            let limits = ReadLimits::default().max_depth(usize::MAX);
            assert!(Json::from_slice_with(bytes, limits).is_err());
            for (before, after) in [
                (r#"{"type":3,"id":"root","opId":"1:1","data":"#, "}"),
                (r#"["root",{"type":0,"data":"#, "}]"),
                (r#"{"liveblocksType":"LiveObject","data":"#, "}"),
                (r#"{"liveblocksType":"LiveObject","data":{"a":"#, "}}"),
                (r#"{"a":"#, "}"),
            ] {
                let text = format!("{before}{text}{after}");
                assert!(serde_json::from_str::<Op>(&text).is_err());
                assert!(serde_json::from_str::<SerializedNode>(&text).is_err());
                assert!(Document::from_plain_lson(text.as_bytes()).is_err());
                assert!(Document::from_json(text.as_bytes()).is_err());
            }
        }
        let error = Json::from_slice(closed.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("nested"), "{error}");
    });
}

#[test]
fn the_deepest_that_is_read_is_safe_everywhere() {
    on_a_small_stack(|| {
        let deepest = ReadLimits::default().max_depth(usize::MAX);
        let text = "[".repeat(ReadLimits::DEEPEST) + &"]".repeat(ReadLimits::DEEPEST);
        let json = Json::from_slice_with(text.as_bytes(), deepest).unwrap();
        assert_eq!(json.to_string(), text);
        assert_eq!(json, json.clone());
        assert_eq!(json.json_len(), text.len());
        let mut document = Document::new();
        let mut ids = IdSource::new(Actor(1));
        // As an opaque leaf it is fine; live it would be too deep.
        document.edit(&mut ids, |root| root.set("a", json.clone())).unwrap();
        assert_eq!(document.to_json().get("a"), Some(&json));
        let before = nodes_of(&document);
        let error = document.edit(&mut ids, |root| root.set("b", Lson::live(&json))).unwrap_err();
        assert!(error.is_limit(), "{error}");
        let wanted = Json::object([("c".into(), json.clone())]);
        let error = document.edit(&mut ids, |root| root.reconcile(wanted)).unwrap_err();
        assert!(error.is_limit(), "{error}");
        assert_eq!(nodes_of(&document), before);
    });
}

#[test]
fn nodes_nest_as_deep_as_the_limit_and_no_deeper() {
    on_a_small_stack(|| {
        let mut document = Document::new();
        let mut parent = "root".to_owned();
        for depth in 1..=MAX_NODE_DEPTH {
            let id = format!("1:{depth}");
            let kind = [4, 7, 2][depth % 3];
            assert!(document.apply(&create(&id, kind, &parent, "!")).is_accepted());
            parent = id;
        }
        let deeper = document.apply(&create("2:0", 4, &parent, "!"));
        assert_eq!(deeper, Outcome::Rejected(Rejection::TooDeep));
        assert_eq!(document.check(), Ok(()));
        let json = document.to_json();
        assert_eq!(json, document.to_json());
        let text = document.to_plain_lson();
        let again = Document::from_plain_lson(&text).unwrap();
        assert_eq!(again.to_plain_lson(), text);
        let (again, _) = Document::from_nodes(document.nodes()).unwrap();
        assert_eq!(nodes_of(&again), nodes_of(&document));
        let savepoint = document.savepoint();
        let _ = document.apply(&op(r#"{"type":5,"id":"1:1","opId":"1:1"}"#));
        assert_eq!(document.node_count(), 1);
        document.rollback(savepoint);
        assert_eq!(document.node_count(), MAX_NODE_DEPTH + 1);
        let mut ids = IdSource::new(Actor(3));
        document.edit(&mut ids, |root| root.reconcile(json)).unwrap();
    });
}

/// Every insert wants the same place; room is made right behind the first. Returns how many found
/// some, and the length of the longest position.
fn colliding(items: usize) -> (Document, usize, usize) {
    let mut document = Document::new();
    assert!(document.apply(&create("0:0", 2, "root", "list")).is_accepted());
    for n in 1..=items {
        match document.apply(&create(&format!("0:{n}"), 8, "0:0", "!")) {
            Outcome::Accepted { .. } => {}
            outcome => assert_eq!(outcome, Outcome::Rejected(Rejection::PositionTooLong)),
        }
    }
    let list = document.at("/list").unwrap().as_list().unwrap();
    let ids: Vec<_> = (0..list.len()).map(|at| list.id_at(at).unwrap()).collect();
    let longest = ids.iter().map(|id| document.parent_key_of(id).unwrap().len()).max().unwrap();
    let found = list.len();
    (document, found, longest)
}

#[test]
fn a_million_colliding_positions_take_bounded_time_and_space() {
    let (document, found, longest) = colliding(1_000_000);
    assert_eq!(document.check(), Ok(()));
    // One more character for every six or seven items: a digit of base 95 halves that often.
    assert!(longest <= MAX_POSITION_LEN, "{longest}");
    assert!((6 * MAX_POSITION_LEN - 50..8 * MAX_POSITION_LEN).contains(&found), "{found}");
}

#[test]
fn clashing_pushes_stay_short() {
    let mut document = Document::new();
    let _ = document.apply(&create("0:0", 2, "root", "list"));
    for n in 1..=20_000 {
        let text = format!(
            r#"{{"type":8,"id":"0:{n}","opId":"0:{n}","parentId":"0:0","parentKey":"!","intent":"push","data":1}}"#
        );
        assert!(document.apply(&op(&text)).is_accepted());
    }
    let list = document.at("/list").unwrap().as_list().unwrap();
    let end = document.parent_key_of(&list.id_at(19_999).unwrap()).unwrap();
    assert!(end.len() <= 5, "{end:?}");
}

#[test]
fn long_positions_are_limited_where_edits_come_in() {
    let (mut document, _, longest) = colliding(300);
    let mut ids = IdSource::new(Actor(1));
    document.set_limits(Limits::default().position_len(longest - 2));
    let before = nodes_of(&document);
    let error = document.edit(&mut ids, |root| root.list("list")?.insert(1, 1)).unwrap_err();
    assert!(error.is_limit(), "{error}");
    assert_eq!(nodes_of(&document), before);
}

#[test]
fn no_key_is_special() {
    let keys = [
        "",
        "__proto__",
        "constructor",
        "toString",
        "\0",
        "\u{1F600}",
        "a/b",
        "~",
        "liveblocksType",
        "data",
        "root",
        "-",
        "0",
    ];
    let mut document = Document::new();
    let mut ids = IdSource::new(Actor(1));
    let edited = document.edit(&mut ids, |root| {
        for key in keys {
            root.set(key, Lson::object([(key, Lson::map([(key, key)]))]))?;
        }
        Ok(())
    });
    assert_eq!(edited.unwrap().ops.len(), 3 * keys.len());
    let json = document.to_json();
    for key in keys {
        assert_eq!(json.get(key).unwrap().get(key).unwrap().get(key), Some(&Json::from(key)));
        let pointer = key.replace('~', "~0").replace('/', "~1");
        let found = document.at(&format!("/{pointer}/{pointer}/{pointer}")).unwrap();
        assert_eq!(found.to_json(), Json::from(key));
    }
    assert_eq!(Document::from_plain_lson(&document.to_plain_lson()).unwrap().to_json(), json);
    assert_eq!(Document::from_json(&document.to_json_text()).unwrap().to_json(), json);
    assert_eq!(nodes_of(&Document::from_nodes(document.nodes()).unwrap().0), nodes_of(&document));
}

#[test]
fn lone_surrogates_are_an_error() {
    for text in [
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\ud800x"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"a":"\udc00\ud800"}"#,
        r#"{"\ud800":1}"#,
    ] {
        assert!(Document::from_json(text.as_bytes()).is_err(), "{text}");
        let plain = format!(r#"{{"liveblocksType":"LiveObject","data":{text}}}"#);
        assert!(Document::from_plain_lson(plain.as_bytes()).is_err(), "{text}");
        let error = Json::from_slice(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("surrogate"), "{error}");
        assert!(
            serde_json::from_str::<Op>(&format!(
                r#"{{"type":3,"id":"root","opId":"1:1","data":{text}}}"#
            ))
            .is_err()
        );
    }
    // The same in UTF-8, and other bytes that are no text.
    for bytes in [
        &b"{\"a\":\"\xed\xa0\x80\"}"[..],
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc0\x80\"}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xf4\x90\x80\x80\"}",
    ] {
        assert!(Document::from_json(bytes).is_err());
        assert!(Json::from_slice(bytes).is_err());
    }
    assert_eq!(Json::from_slice(br#""\ud83d\ude00""#), Ok(Json::from("\u{1F600}")));
}

#[test]
fn numbers_that_doubles_do_not_hold() {
    for (text, value) in [
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("-9007199254740993", -9_007_199_254_740_992.0),
        ("18446744073709551616", 18_446_744_073_709_551_616.0),
        ("123456789012345678901234567890", 1.234_567_890_123_456_8e29),
        ("1e308", 1e308),
        ("5e-324", 5e-324),
        ("1e-400", 0.0),
        ("-0", 0.0),
        ("0.1e1", 1.0),
    ] {
        let json = Json::from_slice(text.as_bytes()).unwrap();
        assert_eq!(json.as_f64(), Some(value), "{text}");
        assert_eq!(Json::from_slice(json.to_string().as_bytes()), Ok(json));
        let document = Document::from_json(format!(r#"{{"a":[{text}]}}"#).as_bytes()).unwrap();
        let again = Document::from_json(&document.to_json_text()).unwrap();
        assert_eq!(again.to_json(), document.to_json());
    }
    for text in [
        "1e309",
        "-1e309",
        "1e999999999999",
        "NaN",
        "nan",
        "-NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "+1",
        "01",
        "-01",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "--1",
        "- 1",
        "-",
        "1e5.5",
    ] {
        assert!(Json::from_slice(text.as_bytes()).is_err(), "{text}");
        assert!(Document::from_json(format!(r#"{{"a":{text}}}"#).as_bytes()).is_err(), "{text}");
    }
    assert_eq!(Json::number(f64::NAN), Json::Null);
    let digits = "9".repeat(1_000_000);
    let error = Json::from_slice(digits.as_bytes()).unwrap_err();
    assert!(matches!(error.reason(), JsonReason::NumberOutOfRange), "{error}");
    assert!(Json::from_slice(format!("0.{digits}").as_bytes()).is_ok());
    assert!(Json::from_slice(format!("1e-{digits}").as_bytes()).is_ok());
}

#[test]
fn versions_and_sizes_out_of_range_are_errors() {
    for version in ["-1", "0.5", "9007199254740992", "1e300", "null", "\"1\""] {
        let text = format!(
            r#"{{"type":9,"id":"1:1","opId":"1:1","parentId":"root","parentKey":"t","data":[],"version":{version}}}"#
        );
        assert!(serde_json::from_str::<Op>(&text).is_err(), "{version}");
        let node = format!(
            r#"["1:1",{{"type":4,"parentId":"root","parentKey":"t","data":[],"version":{version}}}]"#
        );
        assert!(serde_json::from_str::<SerializedNode>(&node).is_err(), "{version}");
    }
    for number in ["-1", "0.5", "12", "6.5", "1e300", "null"] {
        let text = format!(r#"{{"type":{number},"id":"1:1","opId":"1:1"}}"#);
        assert!(serde_json::from_str::<Op>(&text).is_err(), "{number}");
    }
}

#[test]
fn clocks_and_ids_of_any_size() {
    let mut document = Document::new();
    for id in [
        "0:4294967295",
        "4294967295:4294967295",
        "0:18446744073709551615",
        "si:4294967295",
        "si:4294967296",
        "",
        ":",
        "1:",
        ":1",
        "1:1:1",
        "\u{1F600}",
        "-1:1",
    ] {
        assert!(document.apply(&create(id, 2, "root", id)).is_accepted(), "{id}");
        assert!(document.contains(&id.into()));
        assert_eq!(document.apply(&create(id, 2, "root", id)), Outcome::Ignored);
    }
    assert_eq!(document.check(), Ok(()));
    let long = "x".repeat(1_000_000);
    assert!(document.apply(&create(&long, 2, "root", &long)).is_accepted());
    assert_eq!(document.at(&format!("/{long}")).unwrap().id().unwrap().to_string(), long);
}

/// A peer can create nodes in the name of another actor; that one's edits must not come to nothing.
#[test]
fn ids_that_others_took_are_not_given_out() {
    let mut document = Document::new();
    for clock in 0..5 {
        let taken = format!("1:{clock}");
        assert!(document.apply(&create(&taken, 2, "root", &taken)).is_accepted());
    }
    let mut ids = IdSource::new(Actor(1));
    document.edit(&mut ids, |root| root.set("mine", Lson::list([1, 2]))).unwrap();
    assert_eq!(document.at("/mine").unwrap().to_json().to_string(), "[1,2]");
    assert_eq!(document.at("/mine").unwrap().id().unwrap().to_string(), "1:5");
}

/// Nodes that no reader makes, but that anybody can.
#[test]
fn a_root_is_an_object_and_in_nothing() {
    use livetree::document::Repair;
    use livetree::op::NodeContent;
    let root = SerializedNode::empty_root();
    let list = SerializedNode { content: NodeContent::List, ..root.clone() };
    let (document, report) = Document::from_nodes([list]).unwrap();
    assert_eq!((document.check(), report.repairs), (Ok(()), vec![Repair::RootNotObject]));
    let below = SerializedNode { parent: Some(("0:1".into(), "b".into())), ..root };
    let map = SerializedNode {
        id: "0:1".into(),
        parent: Some((NodeId::ROOT, "a".into())),
        content: NodeContent::Map,
    };
    let (document, _) = Document::from_nodes([below, map]).unwrap();
    assert_eq!((document.check(), document.node_count()), (Ok(()), 2));
    assert_eq!(document.to_json().to_string(), r#"{"a":{}}"#);
}

#[test]
fn versions_of_texts_do_not_overflow() {
    use livetree::op::{Create, Intent, NodeContent, OpKind, UpdateText};
    let last = (1 << 53) - 1;
    for (first, taken) in [(last, true), (last + 1, false), (u64::MAX, false)] {
        let mut document = Document::new();
        let create = Create {
            parent_id: NodeId::ROOT,
            parent_key: "t".into(),
            intent: Intent::Insert,
            deleted_id: None,
            content: NodeContent::Text { segments: Vec::new(), version: first },
        };
        let id = NodeId::from("0:0");
        let created = document.apply(&Op::new(id.clone(), OpKind::Create(create)));
        assert_eq!(created.is_accepted(), taken);
        let ops =
            vec![livetree::text::TextOp::Insert { index: 0, text: "x".into(), attributes: None }];
        for (ops, version) in [(ops, None), (Vec::new(), Some(first))] {
            let update = UpdateText { base_version: first, version, ops };
            let outcome = document.apply(&Op::new(id.clone(), OpKind::UpdateText(update)));
            assert!(!outcome.is_accepted());
        }
    }
}

/// A server that creates a node which is there: a client does not see that while the node lies in what a
/// pending edit has deleted.
#[test]
fn a_node_that_is_created_twice_is_there_once() {
    let mut client = Client::new();
    client.connected(Actor(1));
    let _ = client.poll_message();
    let hear = |client: &mut Client, frame: &str| client.receive_frame(frame.as_bytes()).unwrap();
    let nodes = r#"[["root",{}],["0:1",1,"root","l"],["0:2",0,"0:1","!",{}],["0:3",2,"0:2","m"]]"#;
    hear(&mut client, &format!(r#"{{"type":210,"nodes":{nodes}}}"#));
    hear(&mut client, r#"{"type":211}"#);
    client.edit(|root| root.list("l")?.delete(0)).unwrap();
    let again = r#"{"type":2,"id":"0:3","parentId":"root","parentKey":"x"}"#;
    let below = r#"{"type":2,"id":"0:4","parentId":"0:3","parentKey":"!"}"#;
    hear(&mut client, &format!(r#"{{"type":201,"ops":[{again},{below}]}}"#));
    assert_eq!(client.document().to_json().to_string(), r#"{"l":[],"x":[[]]}"#);
    let own = client.pending().next().unwrap().op_id.clone().unwrap();
    hear(&mut client, &format!(r#"{{"type":299,"opIds":["{own}"],"reason":"no"}}"#));
    client.document().check().unwrap();
    assert_eq!(client.document().to_json().to_string(), r#"{"l":[{"m":{}}]}"#);
}

/// What is as long as the limit says is taken, and one more is not: by edits and by a server.
#[test]
fn keys_and_texts_have_limits() {
    type Edit = fn(&mut livetree::ObjectMut<'_>) -> Result<(), livetree::EditError>;
    let text = || Document::from_lson(&Lson::object([("t", Lson::text("12345"))])).unwrap();
    let limits = || Limits::default().key_len(4).text_len(6).attributes(2);
    let edits: [(Edit, bool); 14] = [
        (|root| root.set("keys", 1), true),
        (|root| root.set("longs", 1), false),
        (|root| root.set("longs", lson!([])), false),
        (|root| root.set("o", lson!({ "keys": [] })), true),
        (|root| root.set("o", lson!({ "longs": 1 })), false),
        (|root| root.set("m", Lson::map([("longs", 1)])), false),
        (|root| root.text("t")?.insert(0, "6"), true),
        (|root| root.text("t")?.insert(0, "\u{1F600}"), false),
        (|root| root.text("t")?.replace(0, 2, "abc"), true),
        (|root| root.set("u", Lson::text("1234567")), false),
        (|root| root.text("t")?.format(0, 2, [("b", true), ("i", true)]), true),
        (|root| root.text("t")?.format(0, 2, [("b", true), ("i", true), ("u", true)]), false),
        (
            |root| {
                let mut text = root.text("t")?;
                text.format(0, 2, [("b", true), ("i", true)])?;
                text.format(1, 3, [("b", false), ("i", true)])?;
                text.format(0, 2, [("i", Json::Null)])
            },
            true,
        ),
        (
            |root| {
                let mut text = root.text("t")?;
                text.format(0, 2, [("b", true), ("i", true)])?;
                text.format(1, 1, [("u", true)])
            },
            false,
        ),
    ];
    for (n, (edit, fits)) in edits.into_iter().enumerate() {
        let mut document = text();
        document.set_limits(limits());
        let before = nodes_of(&document);
        match document.edit(&mut IdSource::new(Actor(1)), edit) {
            Ok(_) => assert!(fits, "edit {n}"),
            Err(error) => {
                assert!(!fits && error.is_limit(), "edit {n}: {error}");
                assert_eq!(nodes_of(&document), before);
            }
        }
        // Somebody else's client may have other limits.
        let mut server = Server::new(text(), ServerOptions::default().limits(limits()));
        let actor = server.connect(SessionOptions::default()).unwrap();
        let edited = text().edit(&mut IdSource::new(actor), edit).unwrap();
        let ops = edited.ops.into_iter();
        let replies = ops.map(|op| {
            server.receive(actor, ClientMessage::UpdateStorage { ops: vec![op] }, 0).unwrap()
        });
        let rejects =
            |reply: &Reply| matches!(&reply.sender[..], [ServerMessage::RejectOps { .. }]);
        let rejected = replies.filter(rejects).count();
        assert_eq!(rejected == 0, fits, "edit {n}");
    }
}
