//! A client that was saved goes on as if it had lost its connection.
//!
//! Random ones are made by the scripts of [`convergence`](crate::convergence), in which clients restart.

use livetree::client::{ClientError, Status};
use livetree::server::SessionOptions;
use livetree::testing::generate::Dice;
use livetree::{
    Actor, Client, Document, Lson, NodeId, OpId, Peer, RestoreError, SerializedNode, ServerMessage,
};

use crate::generate::{cases, saved_as, with_other_digits};
use crate::room::Room;

/// The app of a client ends with its connection, and goes on from what is saved now.
fn restart(room: &mut Room, number: usize) {
    let shown = room.shown(number);
    let saved = room.client(number).save();
    room.cut(number);
    *room.client(number) = Client::restore(&saved).unwrap();
    assert_eq!(room.shown(number), shown);
    room.client(number).document().check().unwrap();
}

#[test]
fn edits_that_were_never_sent_are_sent_by_the_next_app() {
    let mut room = Room::new(r#"{"l":[1]}"#, 2);
    room.cut(0);
    room.client(0).edit(|root| root.list("l")?.push(2)).unwrap();
    restart(&mut room, 0);
    assert_eq!(room.client(0).status(), Status::Synchronizing);
    room.client(0).edit(|root| root.list("l")?.push(3)).unwrap();
    restart(&mut room, 0);
    room.client(1).edit(|root| root.list("l")?.push("theirs")).unwrap();
    room.say(1);
    room.reconnect(0, SessionOptions::default());
    room.settle();
    assert_eq!(room.shown(0), r#"{"l":[1,"theirs",2,3]}"#);
}

#[test]
fn an_edit_that_arrived_is_not_made_twice() {
    for answered in [false, true] {
        let mut room = Room::new(r#"{"l":[1]}"#, 2);
        room.client(0).edit(|root| root.list("l")?.push(2)).unwrap();
        let message = room.client(0).poll_message().unwrap();
        let saved = room.client(0).save();
        // It is sent, and perhaps the app hears the answer before it ends.
        let actor = room.seats[0].actor;
        let reply = room.server.receive(actor, message, 0).unwrap();
        room.deliver(Some(actor), &reply);
        if answered {
            room.hear(0);
        }
        room.cut(0);
        *room.client(0) = Client::restore(&saved).unwrap();
        assert_eq!(room.shown(0), r#"{"l":[1,2]}"#);
        room.reconnect(0, SessionOptions::default());
        room.settle();
        assert_eq!(room.shown(1), r#"{"l":[1,2]}"#);
    }
}

/// What was typed hangs on a version of the text that the next app knows from what was saved only.
#[test]
fn what_was_typed_while_a_connection_was_lost_is_kept() {
    let mut room = Room::new("{}", 2);
    room.client(0).edit(|root| root.set("t", Lson::text("abc"))).unwrap();
    room.settle();
    room.client(0).edit(|root| root.text("t")?.insert(3, "d")).unwrap();
    room.say(0);
    room.client(0).edit(|root| root.text("t")?.insert(4, "e")).unwrap();
    // The server has the first update, which the app does not get to know.
    restart(&mut room, 0);
    room.client(1).edit(|root| root.text("t")?.insert(0, "> ")).unwrap();
    room.say(1);
    room.reconnect(0, SessionOptions::default());
    let fetch = room.client(0).poll_message().unwrap();
    let actor = room.seats[0].actor;
    let reply = room.server.receive(actor, fetch, 0).unwrap();
    room.deliver(Some(actor), &reply);
    room.hear(0);
    // Its text is on a branch by now: shown as it was, until the server has answered.
    assert_eq!(room.client(0).texts_on_branches().len(), 1);
    room.client(0).edit(|root| root.text("t")?.insert(5, "f")).unwrap();
    restart(&mut room, 0);
    assert_eq!(room.shown(0), r#"{"t":[["abcdef"]]}"#);
    room.reconnect(0, SessionOptions::default());
    room.settle();
    assert_eq!(room.shown(1), r#"{"t":[["> abcdef"]]}"#);
}

#[test]
fn a_client_that_has_loaded_nothing_is_saved_too() {
    let mut client = Client::restore(&Client::new().save()).unwrap();
    assert_eq!(client.status(), Status::NotLoaded);
    let edited = client.edit(|root| root.set("a", 1));
    assert!(matches!(edited, Err(ClientError::NotLoaded)));
    assert_eq!(client.poll_message(), None);
}

#[test]
fn saving_changes_nothing() {
    let mut room = Room::new(r#"{"l":[1]}"#, 1);
    room.client(0).edit(|root| root.list("l")?.push(2)).unwrap();
    let first = room.client(0).save();
    assert_eq!(room.client(0).save(), first);
    assert!(room.client(0).undo().is_some());
    room.settle();
    assert_eq!(room.shown(0), r#"{"l":[1]}"#);
}

/// A client with an empty document and this besides.
fn saved_with(state: &str) -> Vec<u8> {
    saved_as("client", state, &Document::new())
}

fn broken(bytes: &[u8]) -> String {
    Client::restore(bytes).unwrap_err().to_string()
}

#[test]
fn what_is_no_saved_client_is_told() {
    assert_eq!(Client::restore(b"livetree\x01").unwrap_err(), RestoreError::NotSaved("client"));
    assert_eq!(
        Client::restore(b"livetree client\x02").unwrap_err(),
        RestoreError::UnknownVersion(2)
    );
    let good = saved_with(r#"{"ids":null,"loaded":true,"pending":{"entries":[],"branches":{}}}"#);
    assert!(Client::restore(&good).is_ok());
    let (cut, rest) = (
        "what was saved is damaged: it ends too early",
        "what was saved is damaged: this is no snapshot",
    );
    assert_eq!(broken(b"livetree client"), cut);
    assert_eq!(broken(&good[..20]), cut);
    assert_eq!(broken(&good[..35]), cut);
    assert_eq!(broken(&good[..good.len() - 6]), rest);
    let entry = |op: &str| {
        let entry = format!(r#"{{"op":{op},"delivery":"Sent","arrival":"Untried","mints":false}}"#);
        format!(r#"{{"loaded":true,"pending":{{"entries":[{entry},{entry}],"branches":{{}}}}}}"#)
    };
    for (state, reason) in [
        ("{", "at byte 1: expected a key in quotes, found the end"),
        ("[]", "invalid length 0, expected struct Saved with 3 elements"),
        (r#"{"loaded":true}"#, "missing field `pending`"),
        (&entry(r#"{"type":5,"id":"1:1"}"#), "a pending op has no opId"),
        (&entry(r#"{"type":5,"id":"1:1","opId":"1:2"}"#), "two pending ops have one opId"),
        (
            &entry(r#"{"type":50,"id":"1:1","opId":"1:2"}"#),
            "op without opId: field `type` is wrong: there is no op of this type",
        ),
    ] {
        assert_eq!(broken(&saved_with(state)), format!("what was saved is damaged: {reason}"));
    }
}

/// The clocks of damaged bytes may be any.
#[test]
fn no_name_is_given_again() {
    let entry =
        |op: &str| format!(r#"{{"op":{op},"delivery":"Sent","arrival":"Untried","mints":false}}"#);
    let saved = |ids: &str, op: &str| {
        let entry = entry(op);
        let pending = format!(r#"{{"entries":[{entry}],"branches":{{}}}}"#);
        saved_with(&format!(r#"{{"ids":{ids},"loaded":true,"pending":{pending}}}"#))
    };
    let update = r#"{"type":3,"id":"root","opId":"9:7","data":{"a":1}}"#;
    let create = r#"{"type":2,"id":"9:5","opId":"9:7","parentId":"root","parentKey":"l"}"#;
    for (op, node) in [(update, "9:3"), (create, "9:6")] {
        let mut client = Client::restore(&saved(r#"{"actor":1,"nodes":3,"ops":7}"#, op)).unwrap();
        client.connected(Actor(9));
        let edited = client.edit(|root| root.set("b", Lson::list([1]))).unwrap();
        let op = &edited.ops[0];
        assert_eq!((op.op_id.as_ref().unwrap(), &op.id), (&OpId::from("9:8"), &NodeId::from(node)));
        assert_eq!(client.document().node_count(), 4 - usize::from(node == "9:3"));
    }
    assert_eq!(
        broken(&saved("null", update)),
        "what was saved is damaged: nobody has made the pending ops"
    );
    assert_eq!(
        broken(&saved(r#"{"actor":1,"nodes":0,"ops":9007199254740992}"#, update)),
        "what was saved is damaged: a clock is more than 2^53 - 1"
    );
}

/// As above, of nodes that are there.
#[test]
fn no_id_of_a_node_is_given_again() {
    let nodes = [
        r#"["root",{"type":0,"data":{}}]"#,
        r#"["1:0",{"type":1,"parentId":"root","parentKey":"a"}]"#,
        r#"["1:4",{"type":1,"parentId":"root","parentKey":"b"}]"#,
    ];
    let nodes = nodes.map(|node| serde_json::from_str::<SerializedNode>(node).unwrap());
    let (document, _) = Document::from_nodes(nodes).unwrap();
    let state = r#"{"ids":{"actor":1,"nodes":0,"ops":0},"loaded":true,"pending":{"entries":[],"branches":{}}}"#;
    let mut client = Client::restore(&saved_as("client", state, &document)).unwrap();
    let edited = client.edit(|root| root.set("c", Lson::list([1]))).unwrap();
    assert_eq!(edited.ops[0].id, NodeId::from("1:5"));
    let state = r#"{"ids":{"actor":1,"nodes":0,"ops":0},"settled":{},"turns":[]}"#;
    let mut peer = Peer::restore(Actor(1), &saved_as("peer", state, &document)).unwrap();
    let edited = peer.edit(|root| root.set("c", Lson::list([1]))).unwrap();
    assert_eq!(edited.ops[0].id, NodeId::from("1:5"));
}

/// Numbers of which many mean nothing: versions that never were, clocks that come again, names of others.
#[test]
fn what_was_saved_by_somebody_else_harms_nobody() {
    let mut room = Room::new(r#"{"l":[1,2,3],"o":{}}"#, 2);
    room.client(0).edit(|root| root.set("t", Lson::text("abc"))).unwrap();
    room.settle();
    room.client(0).edit(|root| root.text("t")?.insert(3, "d")).unwrap();
    room.say(0);
    room.cut(0);
    room.client(0)
        .edit(|root| {
            root.text("t")?.insert(0, "e")?;
            root.object("o")?.set("a", 1)?;
            root.list("l")?.move_item(0, 2)?;
            root.list("l")?.insert(1, "x")?;
            root.list("l")?.push("y")
        })
        .unwrap();
    let saved = room.client(0).save();
    let mut restored = 0;
    for seed in 0..u64::from(cases(600).cases) {
        let bytes = with_other_digits(&saved, 24, 4, &mut Dice::seeded(seed));
        let Ok(mut client) = Client::restore(&bytes) else { continue };
        restored += 1;
        client.document().check().unwrap();
        let actor = room.server.connect(SessionOptions::default()).unwrap();
        client.connected(actor);
        _ = client.edit(|root| root.text("t")?.insert(0, "f"));
        for _ in 0..20 {
            let Some(message) = client.poll_message() else { break };
            let reply = room.server.receive(actor, message, 0).unwrap();
            room.deliver(Some(actor), &reply);
            for answer in reply.sender {
                client.receive(answer).unwrap();
                client.document().check().unwrap();
            }
        }
        room.server.disconnect(actor);
        // Whatever it believes, the server's document is the server's.
        client.disconnected();
        client.connected(room.server.connect(SessionOptions::default()).unwrap());
        let _ = client.poll_message();
        let nodes: Vec<_> = room.server.document().nodes().collect();
        client.receive(ServerMessage::StorageState { nodes: nodes.clone() }).unwrap();
        let on_branches = !client.texts_on_branches().is_empty();
        assert!(on_branches || client.confirmed_nodes() == nodes, "seed {seed}");
        room.hear(1);
    }
    assert!(restored > 100, "{restored} of all could be restored");
    let others = room.seats[1].client.document().nodes();
    assert!(others.eq(room.server.document().nodes()));
}
