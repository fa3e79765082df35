//! What a server refuses, it takes back from whoever did it; and what a host replays, it remembers.

use livetree::client::Status;
use livetree::server::{Access, Reply, ServerOptions, SessionOptions};
use livetree::testing::model::nodes_of;
use livetree::{
    Actor, Client, ClientMessage, Document, EditError, Limits, ObjectMut, Server, ServerMessage,
    lson,
};

fn document() -> Document {
    let text = r#"{ "liveblocksType": "LiveObject", "data": {
        "n": 1,
        "o": { "liveblocksType": "LiveObject", "data": { "deep": {
            "liveblocksType": "LiveList", "data": [1, 2] } } },
        "m": { "liveblocksType": "LiveMap", "data": { "k": "v" } },
        "l": { "liveblocksType": "LiveList", "data": ["a", "b", "c"] },
        "t": { "liveblocksType": "LiveText", "data": [["text"]] } } }"#;
    Document::from_plain_lson(text.as_bytes()).unwrap()
}

/// Has the server take what the client has to say. Returns how many ops were rejected.
fn exchange(client: &mut Client, server: &mut Server, actor: Actor) -> usize {
    let mut rejected = 0;
    while let Some(message) = client.poll_message() {
        for answer in server.receive(actor, message, 0).unwrap().sender {
            rejected += client.receive(answer).unwrap().rejected.len();
        }
    }
    rejected
}

fn connect(server: &mut Server, options: SessionOptions) -> (Client, Actor) {
    let mut client = Client::new();
    let actor = server.connect(options).unwrap();
    client.connected(actor);
    exchange(&mut client, server, actor);
    (client, actor)
}

type Edit = fn(&mut ObjectMut<'_>) -> Result<(), EditError>;

/// One edit of each kind that makes ops of its own.
const EDITS: &[Edit] = &[
    |root| root.set("n", 2),
    |root| root.set("o", 3),
    |root| root.set("n", lson!({ "live": [1, { "x": 2 }] })),
    |root| root.set("new", lson!([1, [2]])),
    |root| root.delete("n").map(drop),
    |root| root.delete("o").map(drop),
    |root| root.map("m")?.set("k", lson!([1])),
    |root| root.map("m")?.delete("k").map(drop),
    |root| root.list("l")?.push("d"),
    |root| root.list("l")?.insert(1, lson!({ "x": 1 })),
    |root| root.list("l")?.set(1, "B"),
    |root| root.list("l")?.move_item(0, 2),
    |root| root.list("l")?.delete(1),
    |root| root.object("o")?.list("deep")?.clear(),
];

#[test]
fn what_is_refused_is_taken_back_from_who_did_it() {
    let options = || ServerOptions::default().take_back_rejected(true);
    for (n, edit) in EDITS.iter().enumerate() {
        let mut server = Server::new(document(), options());
        let reader = SessionOptions::default().access(Access::ReadOnly);
        let (mut client, actor) = connect(&mut server, reader);
        let before = nodes_of(server.document());
        client.edit(edit).unwrap();
        assert_ne!(nodes_of(client.document()), before, "edit {n} does something");
        // Also if the answer is lost, and the edit comes again.
        let lost = client.poll_message().unwrap();
        let _ = server.receive(actor, lost, 0).unwrap();
        server.disconnect(actor);
        client.disconnected();
        let reader = SessionOptions::default().access(Access::ReadOnly);
        let actor = server.connect(reader).unwrap();
        client.connected(actor);
        assert_eq!(exchange(&mut client, &mut server, actor), 0, "edit {n}");
        assert_eq!(nodes_of(server.document()), before, "edit {n}");
        assert_eq!(nodes_of(client.document()), before, "edit {n}");
        assert_eq!(client.status(), Status::Synchronized, "edit {n}");
    }
}

#[test]
fn what_is_too_large_is_taken_back_and_the_rest_stays() {
    let options = ServerOptions::default()
        .take_back_rejected(true)
        .limits(Limits::default().value_size(10).object_size(30));
    let mut server = Server::new(document(), options);
    let (mut client, actor) = connect(&mut server, SessionOptions::default());
    let large = "x".repeat(100);
    client
        .edit(|root| {
            root.list("l")?.push("small")?;
            root.list("l")?.push(large.as_str())?;
            root.set("n", large.as_str())?;
            root.list("l")?.push("last")
        })
        .unwrap();
    assert_eq!(exchange(&mut client, &mut server, actor), 0);
    assert_eq!(nodes_of(client.document()), nodes_of(server.document()));
    let list = server.document().at("/l").unwrap().to_json();
    assert_eq!(list.to_string(), r#"["a","b","c","small","last"]"#);
    assert_eq!(server.document().at("/n").unwrap().to_json(), 1.into());
}

/// Whether a limit, a rule of the room or the document itself is against it.
#[test]
fn what_no_document_holds_is_taken_back_too() {
    let options = ServerOptions::default().limits(Limits::unlimited()).take_back_rejected(true);
    let mut server = Server::new(document(), options);
    let actor = server.connect(SessionOptions::default()).unwrap();
    let list = server.document().at("/l").unwrap().id().unwrap();
    let before = nodes_of(server.document());
    let op = format!(
        r#"{{"type":8,"opId":"{actor}:0","id":"{actor}:0","parentId":"{list}","parentKey":"{}","data":1}}"#,
        "!".repeat(2_000)
    );
    let frame = format!(r#"{{"type":201,"ops":[{op}]}}"#);
    let first = server.receive_frame(actor, frame.as_bytes(), 0).unwrap();
    let [ServerMessage::UpdateStorage { ops }] = &first.sender[..] else { panic!("{first:?}") };
    assert_eq!(ops.len(), 2, "the echo, and what takes it back: {ops:?}");
    assert!(first.repaired && first.others.is_empty());
    assert_eq!(server.receive_frame(actor, frame.as_bytes(), 0).unwrap(), first, "and again");
    assert_eq!(nodes_of(server.document()), before);
}

/// Else somebody could put words into another client's mouth, and make its own next ones come too late.
#[test]
fn an_update_that_is_another_clients_is_not_added_to() {
    let mut server = Server::new(document(), ServerOptions::default());
    let (mut client, actor) = connect(&mut server, SessionOptions::default());
    let other = server.connect(SessionOptions::default()).unwrap();
    let edited = client.edit(|root| root.text("t")?.insert(0, "one ")).unwrap();
    exchange(&mut client, &mut server, actor);
    let op_id = edited.ops[0].op_id.clone().unwrap();
    let id = &edited.ops[0].id;
    let frame = format!(
        r#"{{"type":201,"ops":[{{"type":10,"opId":"{op_id}","id":"{id}","baseVersion":0,"ops":[
            {{"type":"insert","index":0,"text":"one "}},{{"type":"insert","index":0,"text":"two "}}]}}]}}"#
    );
    let before = nodes_of(server.document());
    let reply = server.receive_frame(other, frame.as_bytes(), 0).unwrap();
    assert!(matches!(&reply.sender[..], [ServerMessage::RejectOps { .. }]), "{reply:?}");
    assert_eq!(nodes_of(server.document()), before);
    // Who comes back for a client that is gone may.
    server.disconnect(actor);
    let reply = server.receive_frame(other, frame.as_bytes(), 0).unwrap();
    assert!(matches!(&reply.others[..], [ServerMessage::UpdateStorage { .. }]), "{reply:?}");
    assert_ne!(nodes_of(server.document()), before);
}

#[test]
fn an_op_id_that_somebody_else_tries_is_not_used_up() {
    let mut server = Server::new(document(), ServerOptions::default());
    let (_, owner) = connect(&mut server, SessionOptions::default());
    let (_, thief) = connect(&mut server, SessionOptions::default());
    let mut send = |from: Actor, value: u32| {
        let frame = format!(
            r#"[{{"type":201,"ops":[{{"type":3,"id":"root","opId":"{owner}:0","data":{{"n":{value}}}}}]}}]"#
        );
        server.receive_frame(from, frame.as_bytes(), 0).unwrap()
    };
    let refused = |reply: &Reply| matches!(reply.sender[..], [ServerMessage::RejectOps { .. }]);
    assert!(refused(&send(thief, 7)));
    assert!(!refused(&send(owner, 8)));
    assert_eq!(server.document().at("/n").unwrap().to_json(), 8.into());
}

#[test]
fn replayed_ops_are_recognised_when_they_come_again() {
    let mut server = Server::new(document(), ServerOptions::default());
    let (mut client, actor) = connect(&mut server, SessionOptions::default());
    let (mut other, second) = connect(&mut server, SessionOptions::default());
    let start = server.log().last_seq();
    other.edit(|root| root.text("t")?.insert(0, "by another ")).unwrap();
    exchange(&mut other, &mut server, second);
    client.edit(|root| root.list("l")?.push("once")).unwrap();
    client.edit(|root| root.text("t")?.insert(4, "!")).unwrap();
    let mut sent = Vec::new();
    while let Some(message) = client.poll_message() {
        sent.push(message.clone());
        let _ = server.receive(actor, message, 0).unwrap();
    }

    let mut later = Server::new(document(), ServerOptions::default());
    for entry in server.log().since(start).unwrap() {
        let received = sent.iter().find_map(|message| {
            let ClientMessage::UpdateStorage { ops } = message else { return None };
            ops.iter().find_map(|op| match &op.kind {
                livetree::op::OpKind::UpdateText(text) if op.op_id == entry.op.op_id => Some(text),
                _ => None,
            })
        });
        if entry.actor == actor {
            assert_eq!(entry.received.as_ref(), received);
        }
        let replayed = later.replay(&entry.op, entry.received.as_ref());
        assert!(replayed.is_accepted(), "{:?}", entry.op);
    }
    assert_eq!(nodes_of(later.document()), nodes_of(server.document()));

    // The answers were lost with the server; the client goes on typing, and comes back.
    client.disconnected();
    client.edit(|root| root.text("t")?.insert(5, "?")).unwrap();
    let mut later = later.starting_at(server.next_actor());
    let actor = later.connect(SessionOptions::default()).unwrap();
    client.connected(actor);
    exchange(&mut client, &mut later, actor);
    assert_eq!(nodes_of(client.document()), nodes_of(later.document()));
    let json = later.document().to_json();
    assert_eq!(json.get("l").unwrap().to_string(), r#"["a","b","c","once"]"#);
    assert_eq!(json.get("t").unwrap().to_string(), r#"[["by another text!?"]]"#);
}

#[test]
fn an_op_that_does_not_fit_is_told_of() {
    let mut server = Server::new(document(), ServerOptions::default());
    let orphan = r#"{"type":2,"id":"5:0","parentId":"5:9","parentKey":"!"}"#;
    assert!(!server.replay(&serde_json::from_str(orphan).unwrap(), None).is_accepted());
}
