//! A server decides who may do what, tells everybody what they must hear, and forgets nothing that
//! it promised to remember.

use std::collections::BTreeSet;

use livetree::server::{Access, Protocol, Reply, ServerError, ServerOptions, SessionOptions};
use livetree::testing::generate::{self, Dice};
use livetree::text::UpdateError;
use livetree::{
    Actor, Client, ClientMessage, Document, IdSource, Limits, NodeId, ObjectMut, Op, OpId, Outcome,
    Server, ServerMessage, lson, patch,
};
use proptest::prelude::*;

use crate::generate::{cases, document, ops_and_text};
use crate::room::{Room, op};

fn server(json: &str, options: ServerOptions) -> Server {
    Server::new(Document::from_json(json.as_bytes()).unwrap(), options)
}

fn send(server: &mut Server, from: Actor, ops: Vec<Op>) -> Reply {
    server.receive(from, ClientMessage::UpdateStorage { ops }, 0).unwrap()
}

fn told(messages: &[ServerMessage]) -> Vec<Op> {
    let ops = messages.iter().flat_map(|message| match message {
        ServerMessage::UpdateStorage { ops } => ops.clone(),
        _ => Vec::new(),
    });
    ops.collect()
}

fn refused(reply: &Reply) -> Vec<OpId> {
    let refused = reply.sender.iter().flat_map(|message| match message {
        ServerMessage::RejectOps { op_ids, .. } => op_ids.clone(),
        _ => Vec::new(),
    });
    refused.collect()
}

fn set(op_id: &str, value: u32) -> Op {
    op(&format!(r#"{{"type":3,"opId":"{op_id}","id":"root","data":{{"a":{value}}}}}"#))
}

#[test]
fn who_may_only_read_hears_and_is_refused() {
    let mut room = Room::new(r#"{"a":1}"#, 1);
    let reader = room.join(SessionOptions::default().access(Access::ReadOnly));
    let edited = room.client(reader).edit(|root| root.set("a", 2)).unwrap();
    assert_eq!(room.shown(reader), r#"{"a":2}"#);
    let received = room.settle();
    let rejected: Vec<_> = received.into_iter().flat_map(|received| received.rejected).collect();
    let reason = "the session may only read".to_owned();
    assert_eq!(rejected, [(edited.ops[0].op_id.clone().unwrap(), reason)]);
    assert_eq!(room.shown(reader), r#"{"a":1}"#);
    room.client(0).edit(|root| root.set("a", 3)).unwrap();
    room.settle();
    assert_eq!(room.shown(reader), r#"{"a":3}"#);
}

#[test]
fn limits_refuse_what_is_too_large() {
    let limits = Limits::default().object_size(20).value_size(10).depth(1).ops(3);
    let mut server = server(r#"{"a":1,"l":[]}"#, ServerOptions::default().limits(limits));
    let actor = server.connect(SessionOptions::default()).unwrap();
    let list = server.document().at("/l").unwrap().id().unwrap();
    let before = server.document().to_json();
    for (number, kind) in [
        r#""type":3,"id":"root","data":{"b":"0123456789012345"}"#.to_owned(),
        format!(r#""type":8,"id":"0:1","parentId":"{list}","parentKey":"!","data":"0123456789""#),
        format!(r#""type":4,"id":"0:1","parentId":"{list}","parentKey":"!","data":{{}}"#),
    ]
    .into_iter()
    .enumerate()
    {
        let op = op(&format!(r#"{{"opId":"{actor}:{number}",{kind}}}"#));
        let op_id = op.op_id.clone().unwrap();
        let reply = send(&mut server, actor, vec![op]);
        assert_eq!((refused(&reply), reply.others), (vec![op_id], vec![]), "{kind}");
    }
    let many: Vec<Op> = (10..14).map(|clock| set(&format!("{actor}:{clock}"), clock)).collect();
    let reply = send(&mut server, actor, many);
    assert_eq!(refused(&reply).len(), 4);
    assert_eq!(server.document().to_json(), before);
    assert_eq!(server.log().last_seq(), 0);
}

#[test]
fn a_document_holds_no_more_nodes_than_it_may() {
    let limits = Limits::default().nodes(4);
    let mut server = server(r#"{"a":{},"l":[]}"#, ServerOptions::default().limits(limits.clone()));
    let actor = server.connect(SessionOptions::default()).unwrap();
    let map = |clock: u32, key: &str| {
        let id = format!("{actor}:{clock}");
        op(&format!(
            r#"{{"type":7,"id":"{id}","opId":"{id}","parentId":"root","parentKey":"{key}"}}"#
        ))
    };
    let reply = send(&mut server, actor, vec![map(0, "b"), map(1, "c")]);
    assert_eq!(refused(&reply), [map(1, "c").op_id.unwrap()]);
    // What is there already may come again.
    assert!(refused(&send(&mut server, actor, vec![map(0, "b")])).is_empty());
    let add = patch::from_slice(br#"[{"op":"add","path":"/l/-","value":1}]"#).unwrap();
    assert!(server.patch(&add, 0).unwrap_err().to_string().contains("more than 4 nodes"));
    let swap = br#"[{"op":"remove","path":"/a"},{"op":"add","path":"/l/-","value":1}]"#;
    drop(server.patch(&patch::from_slice(swap).unwrap(), 0).unwrap());
    // What takes the place of another needs no room, but for what is in it.
    let replace = |value: &str| {
        let patch = format!(r#"[{{"op":"replace","path":"/l/0","value":{value}}}]"#);
        patch::from_slice(patch.as_bytes()).unwrap()
    };
    drop(server.patch(&replace("2"), 0).unwrap());
    server.patch(&replace(r#"{"liveblocksType":"LiveList","data":[3]}"#), 0).unwrap_err();
    assert_eq!(server.document().to_json().to_string(), r#"{"b":{},"l":[2]}"#);

    let mut document = Document::from_json(b"{}").unwrap();
    document.set_limits(limits);
    let mut ids = IdSource::new(Actor(1));
    let failed = document.edit(&mut ids, |root| root.set("l", lson!([1, 2, 3])));
    assert!(failed.unwrap_err().is_limit());
    document.edit(&mut ids, |root| root.set("l", lson!([1, 2]))).unwrap();
}

#[test]
fn a_session_may_have_rejections_its_own_way() {
    for (server_does, session_does) in [(true, false), (false, true)] {
        let options = ServerOptions::default().take_back_rejected(server_does);
        let mut server = server(r#"{"a":1}"#, options);
        let options = SessionOptions::default().access(Access::ReadOnly);
        let as_others = server.connect(options.clone()).unwrap();
        let otherwise = server.connect(options.take_back_rejected(session_does)).unwrap();
        for (actor, takes_back) in [(as_others, server_does), (otherwise, session_does)] {
            let reply = send(&mut server, actor, vec![set(&format!("{actor}:0"), 2)]);
            assert_eq!(refused(&reply).is_empty(), takes_back);
            assert_eq!(told(&reply.sender).len(), if takes_back { 2 } else { 0 });
        }
    }
}

#[test]
fn a_client_with_other_limits_takes_back_what_is_refused() {
    let limits = Limits::default().object_size(20);
    let mut room = Room::of(server(r#"{"a":1}"#, ServerOptions::default().limits(limits)));
    room.join(SessionOptions::default());
    room.client(0).edit(|root| root.set("b", "01234567890123456789")).unwrap();
    room.client(0).edit(|root| root.set("a", 2)).unwrap();
    room.settle();
    assert_eq!(room.shown(0), r#"{"a":2}"#);
}

/// What was edited while the connection was lost comes in as many messages as it takes.
#[test]
fn any_number_of_edits_is_taken_when_a_client_is_back() {
    let limits = Limits::default().ops(10);
    let mut room = Room::of(server("{}", ServerOptions::default().limits(limits.clone())));
    room.join(SessionOptions::default());
    room.client(0).set_limits(limits);
    room.cut(0);
    for n in 0..25 {
        room.client(0).edit(|root| root.set(format!("k{n}"), n)).unwrap();
    }
    room.reconnect(0, SessionOptions::default());
    assert!(room.settle().iter().all(|received| received.rejected.is_empty()));
    assert_eq!(room.server.document().root().len(), 25);
}

/// A text comes first once more, since its server does not lead from its version to the present one; what was sent
/// behind it is under way, and takes up no message.
#[test]
fn what_is_under_way_does_not_keep_back_what_waits() {
    let document = lson!({ "t": (livetree::Lson::text("Hello")) });
    let server = Server::new(Document::from_lson(&document).unwrap(), ServerOptions::default());
    let mut room = Room::of(server);
    room.join(SessionOptions::default());
    room.join(SessionOptions::default());
    room.client(1).edit(|root| root.text("t")?.insert(0, "Oh! ")).unwrap();
    room.say(1);
    let client = room.client(0);
    client.set_limits(Limits::default().ops(1));
    let typed = client.edit(|root| root.text("t")?.insert(5, "!")).unwrap();
    (0..3).for_each(|n| drop(client.edit(|root| root.set("n", n)).unwrap()));
    assert_eq!(std::iter::from_fn(|| client.poll_message()).count(), 4);
    room.hear(0);
    let client = room.client(0);
    let op_ids = vec![typed.ops[0].op_id.clone().unwrap()];
    let reason = UpdateError::TooOld.to_string();
    client.receive(ServerMessage::RejectOps { op_ids, reason }).unwrap();
    client.edit(|root| root.set("last", true)).unwrap();
    let said: Vec<ClientMessage> = std::iter::from_fn(|| client.poll_message()).collect();
    assert_eq!(said.len(), 2, "the text, and what is new: {said:?}");
}

/// How many ops each message has that a client sends when it is back, the app having been closed meanwhile or not.
fn sent_when_back(limits: &Limits, edits: usize, edit: impl Fn(&mut Client)) -> Vec<usize> {
    let mut room = Room::of(server("{}", ServerOptions::default().limits(limits.clone())));
    room.join(SessionOptions::default());
    room.client(0).set_limits(limits.clone());
    room.cut(0);
    (0..edits).for_each(|_| edit(room.client(0)));
    let actor = room.server.connect(SessionOptions::default()).unwrap();
    let restored = Client::restore(&room.client(0).save()).unwrap();
    let clients = [restored, std::mem::take(room.client(0))];
    let [restored, sent] = clients.map(|mut client| {
        client.set_limits(limits.clone());
        client.connected(actor);
        assert_eq!(client.poll_message(), Some(ClientMessage::FetchStorage));
        let messages = std::iter::from_fn(|| client.poll_message());
        let ops = messages.map(|message| match message {
            ClientMessage::UpdateStorage { ops } => ops.len(),
            other => panic!("{other:?}"),
        });
        ops.collect::<Vec<_>>()
    });
    assert_eq!(restored, sent);
    sent
}

#[test]
fn edits_go_out_whole_and_not_too_many_at_once() {
    let limits = Limits::default();
    let three = |client: &mut Client| {
        let edited = client.edit(|root| root.set("o", lson!({ "a": {}, "b": {} }))).unwrap();
        assert_eq!(edited.ops.len(), 3);
    };
    assert_eq!(sent_when_back(&limits, 5, three), [15]);
    assert_eq!(sent_when_back(&limits.clone().ops(10), 5, three), [9, 6]);
    assert_eq!(sent_when_back(&limits.clone().ops(3), 3, three), [3, 3, 3]);
    let large = "x".repeat(100_000);
    let set = |client: &mut Client| drop(client.edit(|root| root.set("k", &*large)).unwrap());
    assert_eq!(sent_when_back(&limits, 12, set), [11, 1]);
    let set = |client: &mut Client| {
        let push_all = |root: &mut ObjectMut<'_>| {
            root.set("k", lson!([]))?;
            (0..12).try_for_each(|_| root.list("k")?.push(&*large))
        };
        client.edit(push_all).unwrap();
    };
    assert_eq!(sent_when_back(&limits, 3, set), [13, 13, 13]);
}

#[test]
fn a_client_uses_its_own_ids() {
    let mut server = server("{}", ServerOptions::default());
    let [one, two] = [(); 2].map(|()| server.connect(SessionOptions::default()).unwrap());
    let create = |op_id: String, id: String| {
        op(&format!(
            r#"{{"type":4,"opId":"{op_id}","id":"{id}","parentId":"root","parentKey":"k","data":{{}}}}"#
        ))
    };
    for (op_id, id, fine) in [
        (format!("{two}:0"), format!("{one}:0"), false),
        ("7:0".to_owned(), format!("{one}:0"), false),
        ("odd".to_owned(), format!("{one}:0"), false),
        (format!("{one}:0"), format!("{two}:0"), false),
        (format!("{one}:1"), "7:0".to_owned(), false),
        (format!("{one}:1"), "ACK".to_owned(), false),
        (format!("{one}:2"), format!("{one}:0"), true),
        // As undo does, once the node's owner has made it.
        (format!("{two}:1"), format!("{one}:0"), true),
    ] {
        let reply = send(
            &mut server,
            if fine && op_id == format!("{two}:1") { two } else { one },
            vec![create(op_id.clone(), id.clone())],
        );
        assert_eq!(refused(&reply).is_empty(), fine, "{op_id} {id}: {reply:?}");
    }
    // The session of the owner is over: its op ids are those of whoever sends its ops again.
    server.disconnect(two);
    let reply = send(&mut server, one, vec![create(format!("{two}:9"), format!("{two}:9"))]);
    assert!(refused(&reply).is_empty());
}

#[test]
fn ids_need_not_be_checked() {
    let mut server = server("{}", ServerOptions::default().check_ids(false));
    let actor = server.connect(SessionOptions::default()).unwrap();
    let reply = send(&mut server, actor, vec![set("other:7", 1)]);
    assert!(refused(&reply).is_empty());
    assert_eq!(server.document().to_json().to_string(), r#"{"a":1}"#);
}

/// A node that was created by an op sent again is its actor's, whose old session may still count as
/// open: others may bring it back.
#[test]
fn a_client_that_is_back_has_used_its_old_ids() {
    let who = || SessionOptions::default().identity("ann");
    let mut room = Room::new("{}", 1);
    let ann = room.join(who());
    room.client(ann).edit(|root| root.set("o", livetree::lson!({ "x": 1 }))).unwrap();
    // The connection is gone, and the server does not know.
    let ghost = room.seats[ann].actor;
    room.client(ann).disconnected();
    room.reconnect(ann, who());
    room.settle();
    assert!(room.server.actors().any(|actor| actor == ghost));
    room.client(0).edit(|root| root.delete("o")).unwrap();
    room.settle();
    room.client(0).undo().unwrap();
    let received = room.settle();
    assert!(received.iter().all(|received| received.rejected.is_empty()), "{received:?}");
    assert_eq!(room.shown(ann), r#"{"o":{"x":1}}"#);
}

#[test]
fn the_host_has_rules_of_its_own() {
    let server = server(r#"{"a":1}"#, ServerOptions::default()).guarded(|_, document, op| {
        let locked = document.to_json().get("locked").is_some();
        if locked { Err(format!("{} is locked", op.id)) } else { Ok(()) }
    });
    let mut room = Room::of(server);
    room.join(SessionOptions::default());
    room.client(0)
        .edit(|root| {
            root.set("locked", true)?;
            root.set("a", 2)
        })
        .unwrap();
    let received = room.settle();
    let rejected: Vec<_> = received.into_iter().flat_map(|received| received.rejected).collect();
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].1, "root is locked");
    assert_eq!(room.shown(0), r#"{"a":1,"locked":true}"#);
}

#[test]
fn the_log_says_who_what_and_when() {
    let mut server = server("{}", ServerOptions::default().log_len(3));
    let actor = server.connect(SessionOptions::default()).unwrap();
    for clock in 0..5 {
        let message =
            ClientMessage::UpdateStorage { ops: vec![set(&format!("{actor}:{clock}"), clock)] };
        let _ = server.receive(actor, message, 100 + u64::from(clock)).unwrap();
    }
    let entries: Vec<_> =
        server.log().entries().map(|entry| (entry.seq, entry.actor, entry.at)).collect();
    assert_eq!(entries, [(3, actor, 102), (4, actor, 103), (5, actor, 104)]);
    assert_eq!(server.log().entries().last().unwrap().op, set(&format!("{actor}:4"), 4));
    assert!(server.log().since(1).is_none());
    server.log_mut().forget(4);
    assert_eq!(server.log().since(4).unwrap().len(), 1);
    assert!(server.log().since(3).is_none());
    assert_eq!(server.log().last_seq(), 5);
}

#[test]
fn a_patch_is_an_update_like_any_other() {
    let mut room = Room::new(r#"{"a":1,"l":[1]}"#, 2);
    room.client(0).edit(|root| root.list("l")?.push(2)).unwrap();
    let patch = patch::from_slice(br#"[{"op":"add","path":"/l/0","value":0}]"#).unwrap();
    let (patched, reply) = room.server.patch(&patch, 7).unwrap();
    assert_eq!(reply.sender, []);
    assert!(told(&reply.others).iter().all(|op| op.op_id.is_none()));
    assert_eq!(patched.ops.len(), 1);
    room.deliver(None, &reply);
    room.settle();
    assert_eq!(room.shown(1), r#"{"a":1,"l":[0,1,2]}"#);
    assert_eq!(room.server.log().entries().next().unwrap().at, 7);

    let wrong = br#"[{"op":"add","path":"/a","value":2},{"op":"test","path":"/a","value":1}]"#;
    let before = (room.server.log().last_seq(), room.server.document().to_json());
    room.server.patch(&patch::from_slice(wrong).unwrap(), 8).unwrap_err();
    assert_eq!((room.server.log().last_seq(), room.server.document().to_json()), before);
}

#[test]
fn a_new_document_reaches_who_is_there() {
    let mut room = Room::new(r#"{"a":1,"l":[1,2]}"#, 2);
    room.client(0).edit(|root| root.set("mine", 1)).unwrap();
    let actors: Vec<Actor> = room.server.actors().collect();
    let next = Document::from_json(br#"{"l":[3],"o":{"x":1}}"#).unwrap();
    let reply = room.server.replace(&next, 0);
    assert_eq!(room.server.document().to_json(), next.to_json());
    room.deliver(None, &reply);
    room.settle();
    assert_eq!(room.shown(1), r#"{"l":[3],"mine":1,"o":{"x":1}}"#);
    assert!(room.server.actors().eq(actors), "nobody is disconnected");
}

/// Documents that were not made from one another call different nodes by the same ids. What was undone
/// brought a list back under the id of an object that had come in the meantime, and was refused.
#[test]
fn an_id_means_one_node_also_when_the_document_is_replaced() {
    let mut room = Room::new(r#"{"l":[1,2]}"#, 2);
    let old: Vec<_> = room.server.document().nodes().map(|node| node.id).collect();
    room.client(0).edit(|root| root.delete("l")).unwrap();
    room.settle();
    let next = Document::from_json(br#"{"m":{"x":{}},"n":[3]}"#).unwrap();
    assert!(next.nodes().all(|node| old.contains(&node.id) || node.id.initial_clock() > Some(3)));
    let reply = room.server.replace(&next, 0);
    room.deliver(None, &reply);
    room.settle();
    assert_eq!(room.server.document().to_json(), next.to_json());
    for node in room.server.document().nodes() {
        assert!(node.id.is_root() || !old.contains(&node.id), "{}", node.id);
    }

    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(1), r#"{"l":[1,2],"m":{"x":{}},"n":[3]}"#);
    room.client(0).redo().unwrap();
    room.settle();
    assert_eq!(room.shown(1), r#"{"m":{"x":{}},"n":[3]}"#);
}

/// A client may create a node under the id that the server would have given out next: its own actor's.
#[test]
fn what_replaces_a_document_has_ids_that_no_client_took() {
    let mut server = server(r#"{"a":{}}"#, ServerOptions::default());
    let actor = server.connect(SessionOptions::default()).unwrap();
    let patched = patch::from_slice(br#"[{"op":"add","path":"/b","value":1}]"#).unwrap();
    drop(server.patch(&patched, 0).unwrap());
    let taken = format!(
        r#"{{"type":4,"id":"1:0","opId":"{actor}:0","parentId":"root","parentKey":"c","data":{{}}}}"#
    );
    drop(send(&mut server, actor, vec![op(&taken)]));
    assert_eq!(server.document().to_json().to_string(), r#"{"a":{},"b":1,"c":{}}"#);
    let mut next = server.document().clone();
    next.edit(&mut IdSource::new(Actor(77)), |root| root.set("new", lson!({ "x": {} }))).unwrap();
    drop(server.replace(&next, 0));
    assert_eq!(server.document().to_json(), next.to_json());
}

/// What the two documents have in common stays what it is, and what is being done to it is done.
#[test]
fn what_a_new_document_has_in_common_with_the_old_keeps_its_ids() {
    let mut room = Room::new(r#"{"l":[1,2],"o":{"x":1}}"#, 2);
    let id = |room: &Room, path| room.server.document().at(path).unwrap().id();
    let (list, object) = (id(&room, "/l"), id(&room, "/o"));
    let nodes = room.server.document().nodes().collect::<Vec<_>>();
    let (mut next, _) = Document::from_nodes(nodes).unwrap();
    let mut ids = IdSource::new(Actor(1_000));
    next.edit(&mut ids, |root| {
        root.list("l")?.push(3)?;
        root.set("p", lson!({}))
    })
    .unwrap();
    room.client(0).edit(|root| root.object("o")?.set("y", 2)).unwrap();
    room.client(1).edit(|root| root.list("l")?.insert(0, 0)).unwrap();
    let reply = room.server.replace(&next, 0);
    room.deliver(None, &reply);
    room.settle();
    assert_eq!((list, object), (id(&room, "/l"), id(&room, "/o")));
    assert_eq!(room.shown(0), r#"{"l":[0,1,2,3],"o":{"x":1,"y":2},"p":{}}"#);
    let next_actor = room.server.next_actor();
    for node in room.server.document().nodes() {
        assert!(node.id.actor_and_clock().is_none_or(|(actor, _)| actor < next_actor));
    }
}

#[test]
fn the_document_comes_in_chunks_of_a_size_in_bytes() {
    let items: Vec<String> = (0..100).map(|n| format!(r#"{{"text":"item {n:050}"}}"#)).collect();
    let json = format!("[{}]", items.join(","));
    let mut server =
        server(&format!(r#"{{"l":{json}}}"#), ServerOptions::default().chunk_size(1000));
    let new = server.connect(SessionOptions::default()).unwrap();
    let old = server.connect(SessionOptions::default().protocol(Protocol::V7)).unwrap();
    let mut fetch = |actor| server.receive(actor, ClientMessage::FetchStorage, 0).unwrap().sender;
    let chunks = fetch(new);
    let (end, chunks) = chunks.split_last().unwrap();
    assert!(matches!(end, ServerMessage::StorageEnd));
    assert!(chunks.len() > 5);
    let mut nodes = Vec::new();
    for chunk in chunks {
        let ServerMessage::StorageChunk { nodes: part } = chunk else { panic!("{chunk:?}") };
        let mut bytes = Vec::new();
        chunk.write(&mut bytes);
        assert!(bytes.len() < 1300, "{}", bytes.len());
        nodes.extend(part.clone());
    }
    assert_eq!(fetch(old), [ServerMessage::StorageState { nodes: nodes.clone() }]);
    assert!(server.document().nodes().eq(nodes));
}

/// A client sends an op again whose answer it did not hear; `window` is how many the server
/// remembers. Returns what the sender hears, and what others hear.
fn sent_again(window: usize, between: Option<&Op>, op: &Op) -> (Vec<Op>, Vec<Op>) {
    let mut server = server("{}", ServerOptions::default().resend_window(window));
    let [one, two] = [(); 2].map(|()| server.connect(SessionOptions::default()).unwrap());
    let first = send(&mut server, one, vec![op.clone()]);
    assert_eq!(told(&first.sender), std::slice::from_ref(op));
    if let Some(between) = between {
        let _ = send(&mut server, two, vec![between.clone()]);
    }
    server.disconnect(one);
    let back = server.connect(SessionOptions::default()).unwrap();
    let reply = send(&mut server, back, vec![op.clone()]);
    (told(&reply.sender), told(&reply.others))
}

#[test]
fn an_op_that_is_sent_again_is_not_applied_again() {
    let (own, foreign) = (set("0:0", 1), set("1:0", 2));
    let (sender, others) = sent_again(100, Some(&foreign), &own);
    // Its op echoed, then a fix with the current value.
    assert_eq!(sender, [own, foreign.without_op_id()]);
    assert_eq!(others, []);
}

#[test]
fn the_window_is_bounded_and_can_be_switched_off() {
    let (own, foreign) = (set("0:0", 1), set("1:0", 2));
    // Applied again, as the reference does: who edited meanwhile loses.
    for (window, between) in [(0, Some(&foreign)), (0, None), (1, Some(&foreign))] {
        let (sender, others) = sent_again(window, between, &own);
        assert_eq!((sender, others), (vec![own.clone()], vec![own.clone().without_op_id()]));
    }
    let (sender, others) = sent_again(1, None, &own);
    assert_eq!((sender, others), (vec![own.clone(), own.without_op_id()], vec![]));
}

#[test]
fn actor_numbers_never_come_back() {
    let mut document = Document::new();
    let made = op(r#"{"type":4,"id":"4:0","parentId":"root","parentKey":"k","data":{}}"#);
    assert!(document.apply(&made).is_accepted());
    let mut server = Server::new(document, ServerOptions::default());
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let actor = server.connect(SessionOptions::default()).unwrap();
        assert!(actor > Actor(4) && seen.insert(actor));
        server.disconnect(actor);
        let message = ClientMessage::FetchStorage;
        let error = server.receive(actor, message, 0).unwrap_err();
        assert_eq!(error, ServerError::NoSession(actor));
    }
    // A host that stores the document stores the next number with it.
    let next = server.next_actor();
    let document = Document::from_nodes(server.document().nodes()).unwrap().0;
    let mut server = Server::new(document, ServerOptions::default()).starting_at(next);
    assert_eq!(server.connect(SessionOptions::default()), Ok(next));
    let mut last =
        Server::new(Document::new(), ServerOptions::default()).starting_at(Actor(u32::MAX));
    assert_eq!(last.connect(SessionOptions::default()), Err(ServerError::NoActorLeft));
}

#[test]
fn positions_stay_short_under_a_hot_spot() {
    let mut room =
        Room::of(server(r#"{"l":[0,1]}"#, ServerOptions::default().spread_positions_beyond(10)));
    for _ in 0..2 {
        room.join(SessionOptions::default());
    }
    let mut expected = vec![0, 1];
    for n in 2..300 {
        room.client(usize::from(n % 2 == 1)).edit(|root| root.list("l")?.insert(1, n)).unwrap();
        expected.insert(1, n);
        room.settle();
        let longest = room.server.document().nodes().filter_map(|node| Some(node.parent?.1.len()));
        assert!(longest.max().unwrap() <= 10);
        assert_eq!(room.shown(0), format!(r#"{{"l":{expected:?}}}"#).replace(' ', ""));
    }
    let moves = room.server.log().entries().filter(|entry| entry.op.op_id.is_none()).count();
    assert!(moves > 20, "{moves}");
}

/// A fix goes out ahead of what was accepted before it. Here that would put the item where another
/// is for a moment, which would push it out.
#[test]
fn a_fix_does_not_overtake_what_made_room_for_it() {
    let mut server = server(r#"{"l":[]}"#, ServerOptions::default());
    let actor = server.connect(SessionOptions::default()).unwrap();
    let list = server.document().at("/l").unwrap().id().unwrap();
    let item = |clock: u32, key: &str, intent: &str| {
        op(&format!(
            r#"{{"type":8,"opId":"{actor}:{clock}","id":"{actor}:{clock}","parentId":"{list}","parentKey":"{key}","data":{clock}{intent}}}"#
        ))
    };
    let _ = send(&mut server, actor, vec![item(0, "1", ""), item(1, "3", ""), item(2, "5", "")]);
    let mut replica = Document::from_nodes(server.document().nodes()).unwrap().0;
    let reply = send(
        &mut server,
        actor,
        vec![
            item(3, "2", r#","intent":"set""#),
            op(&format!(r#"{{"type":5,"opId":"{actor}:4","id":"{actor}:3"}}"#)),
            // To where an item is, and so to the place that has just become free.
            op(&format!(r#"{{"type":1,"opId":"{actor}:5","id":"{actor}:2","parentKey":"1"}}"#)),
        ],
    );
    for op in told(&reply.sender) {
        assert!(replica.apply(&op).is_accepted());
    }
    assert!(replica.nodes().eq(server.document().nodes()), "{reply:?}");
    assert_eq!(server.document().to_json().to_string(), r#"{"l":[0,2,1]}"#);

    // A push goes to the end, which must not have moved yet.
    let push = r#","intent":"push""#;
    let reply = send(
        &mut server,
        actor,
        vec![
            item(6, "7", push),
            op(&format!(r#"{{"type":1,"opId":"{actor}:7","id":"{actor}:0","parentKey":"7"}}"#)),
        ],
    );
    for op in told(&reply.sender) {
        assert!(replica.apply(&op).is_accepted());
    }
    assert!(replica.nodes().eq(server.document().nodes()), "{reply:?}");
    assert_eq!(server.document().to_json().to_string(), r#"{"l":[2,1,6,0]}"#);
}

proptest! {
    #![proptest_config(cases(600))]

    /// Whoever carries out what a client is told, and whoever carries out what the others are
    /// told, has the server's document: for batches of any ops, fitting or not.
    #[test]
    fn what_is_told_adds_up(
        document in document(),
        mut batches in prop::collection::vec(ops_and_text(6), 0..6),
        seed: u64,
    ) {
        let options = ServerOptions::default().check_ids(false).spread_positions_beyond(8);
        let copy = |document: &Document| Document::from_nodes(document.nodes()).unwrap().0;
        let (mut own, mut foreign) = (copy(&document), copy(&document));
        let mut server = Server::new(document, options);
        let actor = server.connect(SessionOptions::default()).unwrap();
        let mut dice = Dice::seeded(seed).with_clock(1000);
        let mut clock = 0;
        for batch in &mut batches {
            for _ in 0..dice.below(6) {
                batch.push(generate::op_for(&mut dice, server.document()));
            }
            // The name of acknowledgements.
            batch.retain(|op| op.id != NodeId::from("ACK"));
            for op in &mut *batch {
                clock += 1;
                op.op_id = Some(OpId::minted(actor, clock));
            }
            let reply = send(&mut server, actor, batch.clone());
            for (replica, messages) in [(&mut own, &reply.sender), (&mut foreign, &reply.others)] {
                for op in told(messages).iter().filter(|op| !op.is_acknowledgement()) {
                    let outcome = replica.apply(op);
                    prop_assert!(!matches!(outcome, Outcome::Rejected(_)), "{op:?}: {outcome:?}");
                }
            }
            for replica in [&own, &foreign] {
                let same = replica.nodes().eq(server.document().nodes());
                prop_assert!(same, "{:?} leads to {}", reply, replica.to_json());
            }
        }
    }
}

#[test]
fn bytes_that_are_no_frame_change_nothing() {
    let mut server = server(r#"{"a":1}"#, ServerOptions::default());
    let actor = server.connect(SessionOptions::default()).unwrap();
    let frame = br#"[{"type":201,"ops":[{"type":3,"opId":"0:0","id":"root","data":{"a":2}}]},{"type":201,"ops":[{"type":99,"opId":"0:1","id":"x"}]}]"#;
    server.receive_frame(actor, frame, 0).unwrap_err();
    assert_eq!(server.document().to_json().to_string(), r#"{"a":1}"#);
    assert_eq!(server.log().last_seq(), 0);
}

fn list_of(items: u32, options: ServerOptions) -> (Server, NodeId) {
    let items: Vec<u32> = (0..items).collect();
    let server = server(&format!(r#"{{"l":{items:?}}}"#), options);
    let list = server.document().at("/l").unwrap().id().unwrap();
    (server, list)
}

#[test]
fn a_frame_is_told_the_document_once() {
    let (mut server, _) = list_of(100, ServerOptions::default());
    let actor = server.connect(SessionOptions::default()).unwrap();
    let set = r#"{"type":201,"ops":[{"type":3,"id":"root","opId":"0:0","data":{"a":1}}]}"#;
    let frame = format!(r#"[{{"type":200}},{set}{}]"#, r#",{"type":200}"#.repeat(1_000));
    let reply = server.receive_frame(actor, frame.as_bytes(), 0).unwrap();
    let nodes = reply.sender.iter().map(|message| match message {
        ServerMessage::StorageChunk { nodes } => nodes.len(),
        _ => 0,
    });
    assert_eq!(nodes.sum::<usize>(), server.document().node_count());
    // What came of the rest of the frame follows.
    assert_eq!(told(&reply.sender).len(), 1);
}

/// To take back one op that deletes a list takes an op for each item.
#[test]
fn what_is_taken_back_for_one_frame_is_bounded() {
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let options = ServerOptions::default().take_back_rejected(access == Access::ReadOnly);
        let (mut server, list) = list_of(2_000, options);
        let actor = server.connect(SessionOptions::default().access(access)).unwrap();
        let _ = send(&mut server, actor, vec![set("0:0", 1)]);
        let delete = op(&format!(r#"{{"type":5,"id":"{list}","opId":"0:0"}}"#));
        let once = told(&send(&mut server, actor, vec![delete.clone()]).sender).len();
        assert!(once > 2_000, "{once}");
        let before = server.document().to_json();
        // In one message, and in as many in one frame.
        let message = ClientMessage::UpdateStorage { ops: vec![delete.clone()] }.to_vec();
        let messages = vec![String::from_utf8(message).unwrap(); 2_000].join(",");
        let all = ClientMessage::UpdateStorage { ops: vec![delete; 2_000] }.to_vec();
        for frame in [all, format!("[{messages}]").into_bytes()] {
            let reply = server.receive_frame(actor, &frame, 0).unwrap();
            let fixes = told(&reply.sender).len();
            assert!(fixes < 250_000, "{access:?}: {fixes}");
            // The rest is refused, which a client takes back by itself.
            assert_eq!(refused(&reply).len() + fixes / once, 2_000);
            assert_eq!(server.document().to_json(), before);
        }
    }
}

/// Also if it is messages as a whole that are refused.
#[test]
fn what_is_taken_back_of_messages_with_too_many_ops_is_bounded() {
    let options =
        ServerOptions::default().limits(Limits::default().ops(1)).take_back_rejected(true);
    let (mut server, list) = list_of(2_000, options);
    let actor = server.connect(SessionOptions::default()).unwrap();
    let delete = op(&format!(r#"{{"type":5,"id":"{list}","opId":"0:0"}}"#));
    let two = ClientMessage::UpdateStorage { ops: vec![delete; 2] };
    let reply = server.receive_all(actor, vec![two; 1_000], 0).unwrap();
    let fixes = told(&reply.sender).len();
    assert!(fixes < 250_000, "{fixes}");
    assert!(!refused(&reply).is_empty());
}

/// Without the number that the host may have stored: the log has it.
#[test]
fn actors_of_restored_ops_are_not_given_out_again() {
    let mut server = server("{}", ServerOptions::default());
    let actor = server.connect(SessionOptions::default()).unwrap();
    let list = r#"{"type":2,"id":"0:0","opId":"0:0","parentId":"root","parentKey":"l"}"#;
    let _ = send(&mut server, actor, vec![op(list)]);
    let mut later = self::server("{}", ServerOptions::default());
    for entry in server.log().entries() {
        assert!(later.replay(&entry.op, entry.received.as_ref()).is_accepted());
    }
    let next = later.connect(SessionOptions::default()).unwrap();
    assert_eq!(next, Actor(1));
    let reply = send(&mut later, next, vec![set("1:0", 1)]);
    assert!(!reply.repaired);
    assert_eq!(later.document().to_json().to_string(), r#"{"a":1,"l":[]}"#);
}

fn typed(op_id: &str, text: &NodeId, base: u64, number: usize) -> Op {
    let ops = vec![r#"{"type":"insert","index":0,"text":"x"}"#; number].join(",");
    op(&format!(
        r#"{{"type":10,"opId":"{op_id}","id":"{text}","baseVersion":{base},"ops":[{ops}]}}"#
    ))
}

fn text_of(value: &str) -> (Server, Actor, NodeId) {
    let document = Document::from_lson(&lson!({ "t": (livetree::Lson::text(value)) })).unwrap();
    let mut server = Server::new(document, ServerOptions::default());
    let actor = server.connect(SessionOptions::default()).unwrap();
    let text = server.document().at("/t").unwrap().id().unwrap();
    (server, actor, text)
}

/// An update that came again with more in it is in the log twice under one name.
#[test]
fn updates_that_came_again_are_restored_without_what_was_received() {
    let (mut server, actor, text) = text_of("");
    let _ = send(&mut server, actor, vec![typed("0:1", &text, 0, 1)]);
    let _ = send(&mut server, actor, vec![typed("0:1", &text, 0, 2)]);
    let (mut later, ..) = text_of("");
    for entry in server.log().entries() {
        assert!(later.replay(&entry.op, None).is_accepted());
    }
    assert!(later.document().nodes().eq(server.document().nodes()));
}

#[test]
fn a_text_that_is_patched_or_replaced_says_its_version() {
    let versions = |reply: &Reply| -> Vec<_> {
        let version = |op: Op| match op.kind {
            livetree::op::OpKind::UpdateText(update) => Some((update.base_version, update.version)),
            _ => None,
        };
        told(&reply.others).into_iter().filter_map(version).collect()
    };
    let (mut server, _, text) = text_of("ab");
    let patch = br#"[{"op":"replace","path":"/t/data/0/0","value":"abc"}]"#;
    let (_, reply) = server.patch(&patch::from_slice(patch).unwrap(), 0).unwrap();
    assert_eq!(versions(&reply), [(0, Some(1))]);
    let (mut next, _) = Document::from_nodes(server.document().nodes()).unwrap();
    let _ = next.apply(&typed("9:9", &text, 1, 1));
    let reply = server.replace(&next, 0);
    assert_eq!(versions(&reply), [(1, Some(2))]);
}

/// Carrying an update over others takes the product of their lengths.
#[test]
fn updates_that_would_take_too_long_are_refused() {
    let (mut server, actor, text) = text_of("");
    let _ = send(&mut server, actor, vec![typed("0:1", &text, 0, 5_000)]);
    let late = typed("0:2", &text, 0, 5_000);
    let reply = send(&mut server, actor, vec![late]);
    let [ServerMessage::RejectOps { reason, .. }] = &reply.sender[..] else { panic!("{reply:?}") };
    assert_eq!(reason, "LiveText operation is older than retained history");
    // On the version that is known by then it is taken.
    let reply = send(&mut server, actor, vec![typed("0:2", &text, 1, 5_000)]);
    assert!(refused(&reply).is_empty());
    // So it is with one that comes again with much more in it.
    let reply = send(&mut server, actor, vec![typed("0:2", &text, 1, 40_000)]);
    assert_eq!(refused(&reply).len(), 1);
}

/// The last version is the last integer that a client can read.
#[test]
fn what_is_told_of_a_text_can_be_read_at_its_last_version() {
    let (mut server, actor, _) = text_of("");
    let last = (1_u64 << 53) - 1;
    let create = op(&format!(
        r#"{{"type":9,"id":"0:0","opId":"0:0","parentId":"root","parentKey":"u","data":[],"version":{}}}"#,
        last - 1
    ));
    let text = NodeId::from("0:0");
    let _ = send(&mut server, actor, vec![create, typed("0:1", &text, last - 1, 1)]);
    let reply = send(&mut server, actor, vec![typed("0:2", &text, last, 1)]);
    assert_eq!((refused(&reply).len(), reply.others.len()), (1, 0));
    let told = server.receive(actor, ClientMessage::FetchStorage, 0).unwrap();
    for message in told.sender {
        let mut frame = Vec::new();
        message.write(&mut frame);
        assert_eq!(ServerMessage::read_frame(&frame), Ok(vec![message]));
    }
}

/// Patches and replacements name what they make in the name of one actor, which no session has.
#[test]
fn what_the_host_makes_has_an_actor_of_its_own() {
    let patch = patch::from_slice(br#"[{"op":"add","path":"/l/-","value":{}}]"#).unwrap();
    for first in [0, u32::MAX - 1, u32::MAX] {
        let mut server = server(r#"{"l":[]}"#, ServerOptions::default()).starting_at(Actor(first));
        let made: Vec<String> =
            (0..3).map(|_| server.patch(&patch, 0).unwrap().0.ops[0].id.to_string()).collect();
        assert_eq!(made, [0, 1, 2].map(|clock| format!("{first}:{clock}")));
        if let Ok(actor) = server.connect(SessionOptions::default()) {
            assert_ne!(actor.0, first);
        }
        let next = Document::from_json(br#"{"m":{}}"#).unwrap();
        let _ = server.replace(&next, 0);
        let id = server.document().at("/m").unwrap().id().unwrap();
        assert_eq!(id.to_string(), format!("{first}:3"));
    }
}

/// However deep a value is nested: if a server takes it, all can load it.
#[test]
fn what_is_taken_can_be_loaded() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut taken = 0;
    for depth in [200, 254, 255, 256, 257, 300] {
        let mut room = Room::of(server(r#"{"l":[]}"#, ServerOptions::default()));
        let actor = room.server.connect(SessionOptions::default()).unwrap();
        let list = room.server.document().at("/l").unwrap().id().unwrap();
        let value = nested(depth);
        for op in [
            format!(r#"{{"type":3,"opId":"{actor}:0","id":"root","data":{{"x":{value}}}}}"#),
            format!(
                r#"{{"type":8,"opId":"{actor}:1","id":"{actor}:1","parentId":"{list}","parentKey":"!","data":{value}}}"#
            ),
        ] {
            let frame = format!(r#"{{"type":201,"ops":[{op}]}}"#);
            taken += usize::from(room.server.receive_frame(actor, frame.as_bytes(), 0).is_ok());
        }
        // A patch may bring deeper ones.
        let text = format!(
            r#"[{{"op":"add","path":"/y","value":{{"liveblocksType":"LiveObject","data":{{"z":{}}}}}}}]"#,
            nested(depth + 700)
        );
        let patch = patch::from_slice(text.as_bytes());
        taken += usize::from(patch.is_ok_and(|patch| room.server.patch(&patch, 0).is_ok()));

        let reader = room.server.connect(SessionOptions::default()).unwrap();
        let mut client = Client::new();
        client.connected(reader);
        while let Some(message) = client.poll_message() {
            for answer in room.server.receive(reader, message, 0).unwrap().sender {
                let mut frame = Vec::new();
                answer.write(&mut frame);
                client.receive_frame(&frame).unwrap();
            }
        }
        assert_eq!(client.document().to_json(), room.server.document().to_json());
    }
    assert!(taken >= 6, "{taken}");
}

#[test]
fn whoever_has_no_session_is_told_so_whatever_they_send() {
    let mut server = server("{}", ServerOptions::default());
    for frame in [&b"[]"[..], b"", b"{", br#"{"type":200}"#, br#"{"type":201,"ops":[]}"#] {
        let error = server.receive_frame(Actor(9), frame, 0).unwrap_err();
        assert_eq!(error.to_string(), "there is no session of actor 9");
    }
}
