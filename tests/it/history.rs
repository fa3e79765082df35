//! Undo and redo: what makes a step, which steps there are, and what undo does about others.

use livetree::change::Origin;
use livetree::client::Status;
use livetree::edit::{EditError, ObjectMut};
use livetree::server::{Access, ServerOptions, SessionOptions};
use livetree::testing::generate::Dice;
use livetree::{
    Client, ClientMessage, Document, Json, Lson, Server, ServerMessage, UndoOptions, UndoPolicy,
    lson,
};

use crate::generate::cases;
use crate::room::{Room, Seat};

type EditFn = fn(&mut ObjectMut<'_>) -> Result<(), EditError>;

fn room() -> Room {
    Room::new(r#"{"a":0}"#, 1)
}

fn set(client: &mut Client, value: u32) {
    client.edit(|root| root.set("a", value)).unwrap();
}

fn shown(client: &Client) -> String {
    client.document().to_json().to_string()
}

#[test]
fn a_batch_is_one_message_and_one_step() {
    let mut room = room();
    let client = room.client(0);
    client
        .edit(|root| {
            root.set("a", 1)?;
            root.set("o", lson!({ "x": 1 }))?;
            root.object("o")?.set("x", 2)
        })
        .unwrap();
    let Some(ClientMessage::UpdateStorage { ops }) = client.poll_message() else { unreachable!() };
    assert_eq!(ops.len(), 3);
    assert_eq!(client.poll_message(), None);
    let changes = client.undo().unwrap();
    assert_eq!((shown(client).as_str(), changes.origin()), (r#"{"a":0}"#, Origin::Undo));
    let changes = client.redo().unwrap();
    assert_eq!(changes.origin(), Origin::Redo);
    assert_eq!(shown(client), r#"{"a":1,"o":{"x":2}}"#);
    assert!(client.edit(|root| root.set("a", 1)).unwrap().changes.is_empty());
}

#[test]
fn an_edit_that_fails_makes_no_step() {
    let mut room = room();
    let client = room.client(0);
    client
        .edit(|root| {
            root.set("a", 1)?;
            Err::<(), _>(EditError::aborted("no"))
        })
        .unwrap_err();
    assert!(!client.can_undo());
    assert_eq!((shown(client).as_str(), client.poll_message()), (r#"{"a":0}"#, None));
}

#[test]
fn edits_between_pause_and_resume_are_one_step() {
    let mut room = room();
    let client = room.client(0);
    set(client, 1);
    client.pause_history();
    set(client, 2);
    set(client, 3);
    client.resume_history();
    set(client, 4);
    for expected in [3, 1, 0] {
        client.undo().unwrap();
        assert_eq!(shown(client), format!(r#"{{"a":{expected}}}"#));
    }
    assert!(!client.can_undo() && client.undo().is_none());
    client.redo().unwrap();
    client.redo().unwrap();
    assert_eq!(shown(client), r#"{"a":3}"#);
    // An undo ends a pause, and takes back what was done in it.
    client.pause_history();
    set(client, 5);
    set(client, 6);
    assert!(client.can_undo());
    client.undo().unwrap();
    assert_eq!(shown(client), r#"{"a":3}"#);
}

#[test]
fn an_edit_ends_redoing() {
    let mut room = room();
    let client = room.client(0);
    set(client, 1);
    client.undo().unwrap();
    assert!(client.can_redo());
    set(client, 2);
    assert!(!client.can_redo() && client.redo().is_none());
}

/// Whether the document is complete by then or not: somebody else has written last.
#[test]
fn what_comes_while_the_document_does_is_told_apart_by_message() {
    for is_complete in [true, false] {
        let mut room = Room::new(r#"{"a":0}"#, 2);
        let options = UndoOptions::default().policy(UndoPolicy::KeepForeign);
        room.client(0).set_undo_options(options);
        set(room.client(0), 1);
        room.settle();
        set(room.client(0), 2);
        assert!(room.client(0).poll_message().is_some());
        room.cut(0);
        room.reconnect(0, SessionOptions::default());
        let Room { server, seats, .. } = &mut room;
        let [Seat { client, actor, .. }, Seat { client: other, actor: other_actor, .. }] =
            &mut seats[..]
        else {
            unreachable!("there are two")
        };
        let mut said = Vec::new();
        while let Some(message) = client.poll_message() {
            let reply = server.receive(*actor, message, 0).unwrap();
            said.extend(reply.sender);
            reply.others.into_iter().for_each(|message| drop(other.receive(message).unwrap()));
        }
        set(other, 1);
        let message = other.poll_message().unwrap();
        said.extend(server.receive(*other_actor, message, 0).unwrap().others);
        if !is_complete {
            let end = said.iter().position(|message| *message == ServerMessage::StorageEnd);
            let end = said.remove(end.unwrap());
            said.push(end);
        }
        for message in said {
            client.receive(message).unwrap();
        }
        assert_eq!(shown(client), r#"{"a":1}"#);
        assert!(client.undo().is_some() && client.undo().is_some());
        assert_eq!(shown(client), r#"{"a":1}"#, "{is_complete}");
    }
}

#[test]
fn there_may_be_any_number_of_steps() {
    let mut room = Room::new("{}", 2);
    let options = UndoOptions::default().capacity(usize::MAX).policy(UndoPolicy::KeepForeign);
    room.client(0).set_undo_options(options);
    room.client(0).edit(|root| root.set("a", 1)).unwrap();
    room.client(1).edit(|root| root.set("b", 1)).unwrap();
    room.settle();
    room.client(0).edit(|root| root.set("a", 2)).unwrap();
    assert!(room.client(0).undo().is_some() && room.client(0).undo().is_some());
    assert_eq!(room.shown(0), r#"{"b":1}"#);
}

#[test]
fn steps_are_bounded() {
    let mut room = room();
    let client = room.client(0);
    client.set_undo_options(UndoOptions::default().capacity(2));
    for value in 1..=5 {
        set(client, value);
    }
    client.undo().unwrap();
    client.undo().unwrap();
    assert!(client.undo().is_none());
    assert_eq!(shown(client), r#"{"a":3}"#);
    client.set_undo_options(UndoOptions::default().capacity(0));
    set(client, 6);
    assert!(!client.can_undo() && !client.can_redo());
}

#[test]
fn steps_can_be_forgotten() {
    let mut room = room();
    let client = room.client(0);
    set(client, 1);
    set(client, 2);
    client.undo().unwrap();
    client.clear_history();
    assert!(!client.can_undo() && !client.can_redo());
    assert_eq!(shown(client), r#"{"a":1}"#);
}

#[test]
fn edits_need_not_make_steps() {
    let mut room = room();
    let client = room.client(0);
    set(client, 1);
    client.disable_history();
    client.edit(|root| root.set("b", 1)).unwrap();
    client.enable_history();
    client.undo().unwrap();
    assert_eq!(shown(client), r#"{"a":0,"b":1}"#);
    client.disable_history();
    client.edit(|root| root.set("b", 2)).unwrap();
    client.redo().unwrap();
    assert_eq!(shown(client), r#"{"a":1,"b":2}"#);
    assert!(!client.can_redo() && client.can_undo());
}

#[test]
fn the_status_says_how_far_a_client_is() {
    let mut client = Client::new();
    assert_eq!(client.status(), Status::NotLoaded);
    client.edit(|root| root.set("a", 1)).unwrap_err();
    let mut room = room();
    client.connected(room.server.connect(SessionOptions::default()).unwrap());
    assert_eq!(client.status(), Status::Loading);
    let client = room.client(0);
    assert_eq!(client.status(), Status::Synchronized);
    set(client, 1);
    assert_eq!(client.status(), Status::Synchronizing);
    room.say(0);
    assert_eq!(room.client(0).status(), Status::Synchronizing);
    room.hear(0);
    assert_eq!(room.client(0).status(), Status::Synchronized);
    // Offline edits are shown, kept and sent.
    room.cut(0);
    assert_eq!(room.client(0).status(), Status::Synchronized);
    set(room.client(0), 2);
    assert_eq!((room.shown(0).as_str(), room.client(0).poll_message()), (r#"{"a":2}"#, None));
    assert_eq!(room.client(0).status(), Status::Synchronizing);
    room.reconnect(0, SessionOptions::default());
    assert_eq!(room.client(0).status(), Status::Loading);
    room.settle();
    assert_eq!(room.server.document().to_json().to_string(), r#"{"a":2}"#);
}

/// The first client makes `own`, the second `foreign`, then the first undoes. Returns what is there
/// then by either policy.
fn undone(
    first: &str,
    own: impl Fn(&mut ObjectMut<'_>) -> Result<(), EditError>,
    foreign: impl Fn(&mut ObjectMut<'_>) -> Result<(), EditError>,
) -> [String; 2] {
    [UndoPolicy::Replay, UndoPolicy::KeepForeign].map(|policy| {
        let mut room = Room::new(first, 2);
        room.client(0).set_undo_options(UndoOptions::default().policy(policy));
        room.client(0).edit(&own).unwrap();
        room.settle();
        room.client(1).edit(&foreign).unwrap();
        room.settle();
        let before = room.shown(0);
        room.client(0).undo().unwrap();
        room.settle();
        let undone = room.shown(0);
        room.client(0).redo().unwrap();
        room.settle();
        assert_eq!(room.shown(0), before, "redo restores what undo took back");
        undone
    })
}

#[test]
fn undo_can_leave_alone_what_others_wrote_since() {
    let both = |replayed: &str, kept: &str| [replayed.to_owned(), kept.to_owned()];
    assert_eq!(
        undone(
            r#"{"a":0,"b":0}"#,
            |root| root.update([("a", 1), ("b", 1)]),
            |root| root.set("a", 2),
        ),
        both(r#"{"a":0,"b":0}"#, r#"{"a":2,"b":0}"#),
    );
    assert_eq!(
        undone(r#"{"a":0}"#, |root| root.delete("a"), |root| root.set("a", 2)),
        both(r#"{"a":0}"#, r#"{"a":2}"#),
    );
    assert_eq!(
        undone("{}", |root| root.set("a", 1), |root| root.set("a", lson!({ "x": 2 }))),
        both("{}", r#"{"a":{"x":2}}"#),
    );
    assert_eq!(
        undone(
            r#"{"l":[1,2,3,4]}"#,
            |root| root.list("l")?.move_item(0, 3),
            |root| root.list("l")?.move_item(3, 1),
        ),
        both(r#"{"l":[1,2,3,4]}"#, r#"{"l":[2,1,3,4]}"#),
    );
    assert_eq!(
        undone(
            r#"{"l":[1,2]}"#,
            |root| root.list("l")?.set(0, 7),
            |root| root.list("l")?.set(0, 8),
        )[1],
        r#"{"l":[8,2]}"#,
    );
    // What nobody else touched is undone by either.
    assert_eq!(
        undone(r#"{"l":[1],"a":0}"#, |root| root.list("l")?.push(2), |root| root.set("a", 1),),
        both(r#"{"a":1,"l":[1]}"#, r#"{"a":1,"l":[1]}"#),
    );
}

#[test]
fn undo_can_leave_alone_what_others_wrote_into() {
    let both = |replayed: &str, kept: &str| [replayed.to_owned(), kept.to_owned()];
    // What others changed lies in what undo would take out.
    let list = || lson!({ "l": [1], "x": 1 });
    assert_eq!(
        undone(
            r#"{"a":0}"#,
            |root| root.set("a", list()),
            |root| root.object("a")?.list("l")?.push(2),
        ),
        both(r#"{"a":0}"#, r#"{"a":{"l":[1,2],"x":1}}"#),
    );
    assert_eq!(
        undone(
            r#"{"l":[]}"#,
            |root| root.list("l")?.push(list()),
            |root| root.list("l")?.object(0)?.set("x", 2),
        ),
        both(r#"{"l":[]}"#, r#"{"l":[{"l":[1],"x":2}]}"#),
    );
    assert_eq!(
        undone("{}", |root| root.set("t", Lson::text("ab")), |root| root.text("t")?.insert(2, "c"),),
        both("{}", r#"{"t":[["abc"]]}"#),
    );
}

/// Its own ops come back, as answers or in the document that is loaded; they are nobody else's.
#[test]
fn what_comes_back_is_not_foreign() {
    for (hear, text) in [(true, false), (false, false), (false, true)] {
        let mut room = room();
        let options = UndoOptions::default().policy(UndoPolicy::KeepForeign);
        room.client(0).set_undo_options(options);
        let edit = |root: &mut ObjectMut<'_>| {
            if !text {
                return root.set("l", lson!([1, [2]]));
            }
            root.set("t", Lson::text("ab"))?;
            root.text("t")?.insert(1, "c")
        };
        room.client(0).edit(edit).unwrap();
        room.say(0);
        if hear {
            room.hear(0);
        }
        room.cut(0);
        room.reconnect(0, SessionOptions::default());
        room.settle();
        room.client(0).undo().unwrap();
        room.settle();
        assert_eq!(room.shown(0), r#"{"a":0}"#, "{hear} {text}");
    }
}

/// Where an own move has taken an item of a list that was created in the same breath, it is found when
/// the connection is lost after both have arrived.
#[test]
fn what_was_moved_before_it_came_back_is_not_foreign() {
    let list = r#"{"l":[[9,10],[11]]}"#;
    let edits: [EditFn; 3] = [
        |root| {
            root.list("l")?.set(0, lson!([1, 2]))?;
            root.list("l")?.list(0)?.move_item(1, 0)
        },
        |root| {
            root.list("l")?.push(lson!([1, 2]))?;
            root.list("l")?.list(2)?.move_item(0, 1)
        },
        |root| {
            root.set("o", lson!({ "x": [1, 2] }))?;
            root.object("o")?.list("x")?.move_item(0, 1)
        },
    ];
    for edit in edits {
        let mut room = Room::new(list, 1);
        let options = UndoOptions::default().policy(UndoPolicy::KeepForeign);
        room.client(0).set_undo_options(options);
        room.client(0).edit(edit).unwrap();
        room.say(0);
        room.cut(0);
        room.reconnect(0, SessionOptions::default());
        room.settle();
        room.client(0).undo().unwrap();
        room.settle();
        assert_eq!(room.shown(0), list);
    }
}

/// A connection is lost when a node has come back and what lies in it has not: that this went is nobody else's doing.
#[test]
fn what_came_back_in_part_is_not_foreign() {
    let mut room = two_that_keep("{}");
    room.client(0).edit(|root| root.set("o", lson!({ "n": {} }))).unwrap();
    room.settle();
    room.client(0).edit(|root| root.delete("o").map(drop)).unwrap();
    room.client(0).undo().unwrap();
    let Some(ClientMessage::UpdateStorage { mut ops }) = room.client(0).poll_message() else {
        panic!("nothing to say");
    };
    assert_eq!(ops.len(), 3);
    ops.truncate(2);
    let message = ClientMessage::UpdateStorage { ops };
    drop(room.server.receive(room.seats[0].actor, message, 0).unwrap());
    assert_eq!(room.server.document().to_json().to_string(), r#"{"o":{}}"#);
    room.cut(0);
    room.reconnect(0, SessionOptions::default());
    room.settle();
    assert_eq!(room.shown(0), r#"{"o":{"n":{}}}"#);
    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(0), "{}");
}

/// Items that are spread out while a connection is lost have new positions, and are where they were.
#[test]
fn what_was_spread_out_meanwhile_is_not_foreign() {
    let (mut room, other) = crowded_that_keeps(r#"{"l":["a","b","pin","x"]}"#);
    room.client(0).edit(|root| root.list("l")?.move_item(0, 1)).unwrap();
    room.settle();
    let position = |room: &Room| room.server.document().nodes().nth(2).unwrap().parent.unwrap().1;
    let before = position(&room);
    room.cut(0);
    for n in 0..100 {
        room.client(other).edit(|root| root.list("l")?.insert(3, n)).unwrap();
        room.say(other);
        room.hear(other);
    }
    assert_ne!(position(&room), before);
    room.reconnect(0, SessionOptions::default());
    room.settle();
    room.client(0).undo().unwrap();
    room.settle();
    assert!(room.shown(0).starts_with(r#"{"l":["a","b","pin",99,"#), "{}", room.shown(0));
}

/// What others put into something new while its maker was away counts as theirs.
#[test]
fn what_others_wrote_into_something_new_is_foreign_after_a_lost_connection() {
    let edits: [EditFn; 2] =
        [|root| root.object("o")?.set("x", 2), |root| root.object("o")?.text("t")?.insert(0, "b")];
    for edit in edits {
        let mut room = Room::new("{}", 2);
        let options = UndoOptions::default().policy(UndoPolicy::KeepForeign);
        room.client(0).set_undo_options(options);
        room.client(0)
            .edit(|root| root.set("o", lson!({ "x": 1, "t": (Lson::text("a")) })))
            .unwrap();
        room.say(0);
        room.hear(1);
        room.client(1).edit(edit).unwrap();
        room.say(1);
        room.cut(0);
        room.reconnect(0, SessionOptions::default());
        room.settle();
        let there = room.shown(1);
        room.client(0).undo();
        room.settle();
        assert_eq!(room.shown(0), there);
    }
}

/// Frames of a connection that is lost arrive late, when the client is back: as an update that names
/// nobody, which it must not take for somebody else's.
#[test]
fn what_comes_late_is_not_foreign() {
    for text in [false, true] {
        let who = || SessionOptions::default().identity("ann");
        let mut room = Room::new(r#"{"a":0,"t":"-"}"#, 1);
        room.client(0).edit(|root| root.set("t", Lson::text("ab"))).unwrap();
        room.settle();
        let ann = room.join(who());
        let options = UndoOptions::default().policy(UndoPolicy::KeepForeign);
        room.client(ann).set_undo_options(options);
        room.client(ann)
            .edit(|root| if text { root.text("t")?.insert(0, "é") } else { root.set("a", 1) })
            .unwrap();
        let late = room.client(ann).poll_message().unwrap();
        let ghost = room.seats[ann].actor;
        room.client(ann).disconnected();
        room.reconnect(ann, who());
        // The document is asked for and told; then the late message arrives.
        let fetch = room.client(ann).poll_message().unwrap();
        let back = room.seats[ann].actor;
        let reply = room.server.receive(back, fetch, 0).unwrap();
        room.deliver(Some(back), &reply);
        room.hear(ann);
        let reply = room.server.receive(ghost, late, 0).unwrap();
        room.deliver(Some(ghost), &reply);
        room.hear(ann);
        room.server.disconnect(ghost);
        let both = if text { r#"{"a":0,"t":[["éab"]]}"# } else { r#"{"a":1,"t":[["ab"]]}"# };
        assert_eq!(room.shown(ann), both);
        room.settle();
        assert_eq!(room.shown(0), both);
        room.client(ann).undo().unwrap();
        room.settle();
        assert_eq!(room.shown(0), r#"{"a":0,"t":[["ab"]]}"#);
    }
}

/// A client that keeps what others write, another one, and what both show.
fn two_that_keep(json: &str) -> Room {
    let mut room = Room::new(json, 2);
    let options = UndoOptions::default().policy(UndoPolicy::KeepForeign);
    room.client(0).set_undo_options(options);
    room
}

/// A step that is open is a step: what others write while history is paused counts.
#[test]
fn what_others_write_during_a_pause_is_left_alone() {
    let mut room = two_that_keep(r#"{"a":0}"#);
    room.client(0).pause_history();
    set(room.client(0), 1);
    room.settle();
    set(room.client(1), 2);
    room.settle();
    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(1), r#"{"a":2}"#);
}

/// What others wrote between two edits of one step is later than the one and earlier than the other.
#[test]
fn what_others_write_in_the_midst_of_a_step_is_told_by_edit() {
    let mut room = two_that_keep(r#"{"a":0,"b":0}"#);
    room.client(0).edit(|root| root.set("c", 0)).unwrap();
    room.client(0).pause_history();
    set(room.client(0), 1);
    room.settle();
    room.client(1).edit(|root| root.update([("a", 2), ("b", 2)])).unwrap();
    room.settle();
    room.client(0).edit(|root| root.set("b", 3)).unwrap();
    room.settle();
    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(1), r#"{"a":2,"b":2,"c":0}"#);
    room.client(0).redo().unwrap();
    assert_eq!(room.shown(0), r#"{"a":2,"b":3,"c":0}"#);
}

#[test]
fn without_a_capacity_a_pause_makes_no_step() {
    let mut room = room();
    let client = room.client(0);
    client.pause_history();
    set(client, 1);
    client.set_undo_options(UndoOptions::default().capacity(0));
    assert!(!client.can_undo() && client.undo().is_none());
    client.pause_history();
    set(client, 2);
    assert!(!client.can_undo() && client.undo().is_none());
}

/// Steps go on to mean their own letters, though an edit between them made no step.
#[test]
fn steps_follow_edits_that_make_none() {
    let mut room = Room::new(r#"{"x":0}"#, 1);
    let client = room.client(0);
    client.edit(|root| root.set("t", Lson::text(""))).unwrap();
    client.edit(|root| root.text("t")?.insert(0, "hello")).unwrap();
    client.disable_history();
    client.edit(|root| root.text("t")?.insert(0, "XYZ")).unwrap();
    client.enable_history();
    client.undo();
    assert_eq!(room.shown(0), r#"{"t":[["XYZ"]],"x":0}"#);
    room.client(0).redo();
    assert_eq!(room.shown(0), r#"{"t":[["XYZhello"]],"x":0}"#);
}

/// While the connection was lost; nothing was pending.
#[test]
fn steps_follow_what_others_typed_meanwhile() {
    let mut room = Room::of(Server::new(
        Document::from_lson(&lson!({ "t": (Lson::text("1234")) })).unwrap(),
        ServerOptions::default(),
    ));
    (0..2).for_each(|_| _ = room.join(SessionOptions::default()));
    room.client(0).edit(|root| root.text("t")?.insert(2, "h")).unwrap();
    room.settle();
    room.cut(0);
    room.client(1).edit(|root| root.text("t")?.insert(0, "U")).unwrap();
    room.say(1);
    room.hear(1);
    room.reconnect(0, SessionOptions::default());
    room.settle();
    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(0), r#"{"t":[["U1234"]]}"#);
    room.client(0).redo().unwrap();
    room.settle();
    assert_eq!(room.shown(0), r#"{"t":[["U12h34"]]}"#);
}

/// A room whose server spreads positions out early.
fn crowded(json: &str) -> Room {
    let document = Document::from_json(json.as_bytes()).unwrap();
    let options = ServerOptions::default().spread_positions_beyond(6);
    let mut room = Room::of(Server::new(document, options));
    room.join(SessionOptions::default());
    room
}

/// A crowded room of a client that keeps what others write and of another one, whose number comes with it.
fn crowded_that_keeps(json: &str) -> (Room, usize) {
    let mut room = crowded(json);
    let other = room.join(SessionOptions::default());
    let options = UndoOptions::default().policy(UndoPolicy::KeepForeign);
    room.client(0).set_undo_options(options);
    (room, other)
}

#[test]
fn what_comes_back_finds_its_place_among_items_that_were_spread_out() {
    let mut room = crowded(r#"{"l":["pin","x"]}"#);
    for n in 0..100 {
        room.client(0).edit(|root| root.list("l")?.insert(1, n)).unwrap();
        room.settle();
        let before = room.shown(0);
        room.client(0).edit(|root| root.list("l")?.delete(2)).unwrap();
        room.client(0).edit(|root| root.list("l")?.insert(1, "new")).unwrap();
        room.settle();
        room.client(0).undo().unwrap();
        room.client(0).undo().unwrap();
        room.settle();
        assert_eq!(room.shown(0), before, "{n}");
    }
}

#[test]
fn many_moves_to_one_spot_are_taken_back_one_by_one() {
    for policy in [UndoPolicy::Replay, UndoPolicy::KeepForeign] {
        let mut room = crowded(r#"{"l":["pin","a","b","c","x"]}"#);
        room.client(0).set_undo_options(UndoOptions::default().capacity(1_000).policy(policy));
        let mut shown = Vec::new();
        for n in 0..100 {
            shown.push(room.shown(0));
            room.client(0).edit(|root| root.list("l")?.move_item(2 + n % 3, 1)).unwrap();
            room.settle();
        }
        while let Some(before) = shown.pop() {
            room.client(0).undo().unwrap();
            room.settle();
            assert_eq!(room.shown(0), before, "{policy:?}, {}", shown.len());
        }
    }
}

/// A position says where an item is, and not which.
#[test]
fn an_item_at_a_place_that_got_free_is_another() {
    let mut room = two_that_keep(r#"{"l":["x","y"]}"#);
    room.client(0).edit(|root| root.list("l")?.delete(1)).unwrap();
    room.settle();
    room.client(1).edit(|root| root.list("l")?.push("z")).unwrap();
    room.settle();
    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(0), r#"{"l":["x","z","y"]}"#);
}

#[test]
fn what_others_wrote_before_is_not_foreign() {
    let mut room = two_that_keep(r#"{"a":0}"#);
    room.client(0).edit(|root| root.set("a", 1)).unwrap();
    room.client(0).edit(|root| root.set("a", 2)).unwrap();
    room.settle();
    room.client(0).edit(|root| root.set("a", 3)).unwrap();
    room.client(1).edit(|root| root.set("a", 9)).unwrap();
    // Everybody shows 3, which is later.
    room.say(1);
    room.settle();
    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(0), r#"{"a":2}"#);
    // But it came after these.
    room.client(0).undo();
    room.client(0).undo();
    room.settle();
    assert_eq!(room.shown(0), r#"{"a":2}"#);
}

/// As in the midst of a connection: what is in the document that is loaded was written before own edits which no
/// connection can have delivered.
#[test]
fn what_others_wrote_meanwhile_comes_before_own_edits_that_were_never_sent() {
    for is_away in [false, true] {
        let mut room = two_that_keep(r#"{"a":0}"#);
        if is_away {
            room.cut(0);
        }
        set(room.client(0), 1);
        set(room.client(1), 9);
        room.say(1);
        room.hear(1);
        if is_away {
            room.reconnect(0, SessionOptions::default());
        }
        room.settle();
        assert_eq!(room.shown(1), r#"{"a":1}"#);
        room.client(0).undo().unwrap();
        room.settle();
        assert_eq!(room.shown(1), r#"{"a":0}"#, "{is_away}");
    }
}

#[test]
fn an_item_is_not_moved_by_what_comes_beside_it() {
    let (mut room, other) = crowded_that_keeps(r#"{"l":["a","b","c","d"]}"#);
    room.client(0).edit(|root| root.list("l")?.move_item(0, 1)).unwrap();
    room.settle();
    let before = room.server.document().nodes().nth(2).unwrap();
    for n in 0..40 {
        // Each time right behind the item that was moved, which is spread out with that.
        room.client(other).edit(|root| root.list("l")?.insert(2, n)).unwrap();
        room.settle();
    }
    assert!(room.server.document().nodes().all(|node| node != before));
    room.client(0).undo().unwrap();
    room.settle();
    assert!(room.shown(0).starts_with(r#"{"l":["a","b",39,"#), "{}", room.shown(0));
}

/// What others took out is not there to be changed back. The step counts, so that redo is as far as undo was.
#[test]
fn an_undo_of_nothing_is_a_step() {
    let mut room = Room::new(r#"{"o":{"x":1}}"#, 2);
    room.client(0).edit(|root| root.object("o")?.set("x", 2)).unwrap();
    room.settle();
    room.client(1).edit(|root| root.delete("o").map(drop)).unwrap();
    room.settle();
    assert!(room.client(0).undo().unwrap().is_empty());
    assert!(!room.client(0).can_undo() && room.client(0).can_redo());
    assert!(room.client(0).redo().unwrap().is_empty());
    assert!(room.client(0).can_undo() && !room.client(0).can_redo());
}

#[test]
fn a_place_that_the_server_has_corrected_is_not_foreign() {
    let mut room = two_that_keep(r#"{"l":["a","b","c"]}"#);
    room.client(1).edit(|root| root.list("l")?.move_item(1, 0)).unwrap();
    room.client(0).edit(|root| root.list("l")?.move_item(2, 0)).unwrap();
    room.say(1);
    room.settle();
    assert_eq!(room.shown(0), r#"{"l":["b","c","a"]}"#);
    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(0), r#"{"l":["b","a","c"]}"#);

    let mut room = two_that_keep(r#"{"l":["p"]}"#);
    room.client(0).edit(|root| root.list("l")?.push("A")).unwrap();
    room.client(1).edit(|root| root.list("l")?.push("b")).unwrap();
    room.say(0);
    room.say(1);
    room.client(1).edit(|root| root.list("l")?.set(1, "B")).unwrap();
    room.settle();
    assert_eq!(room.shown(0), r#"{"l":["p","A","B"]}"#);
    room.client(1).undo();
    room.settle();
    room.client(1).undo();
    room.settle();
    assert_eq!(room.shown(0), r#"{"l":["p","A"]}"#);
}

#[test]
fn what_was_refused_need_not_be_taken_back() {
    let mut room = Room::new(r#"{"a":0,"l":[]}"#, 1);
    let reader = room.join(SessionOptions::default().access(Access::ReadOnly));
    let client = room.client(reader);
    client.edit(|root| root.set("b", 1)).unwrap();
    client.edit(|root| root.set("a", 1).and_then(|()| root.list("l")?.push(1))).unwrap();
    assert!(client.can_undo());
    room.client(0).edit(|root| root.set("a", 5)).unwrap();
    room.settle();
    assert!(!room.client(reader).can_undo() && room.client(reader).undo().is_none());
    assert_eq!(room.shown(reader), r#"{"a":5,"l":[]}"#);
}

/// An edit of what is somebody's own: items and fields with numbers that are odd for one and even for the other,
/// letters of an alphabet for each.
fn edit_own(root: &mut ObjectMut<'_>, who: usize, dice: &mut Dice) -> Result<(), EditError> {
    let value = 2 * dice.below(1_000) + who;
    let is_own = |item: &Json| item.as_u53().is_some_and(|item| item % 2 == who as u64);
    match dice.below(12) {
        0..=2 => {
            let mut list = root.list("l")?;
            let index = dice.below(list.len() + 1);
            if dice.one_in(3) { list.push(value as u64) } else { list.insert(index, value as u64) }
        }
        3..=6 => {
            let mut list = root.list("l")?;
            let items: Vec<Json> = list.view().iter().map(|item| item.to_json()).collect();
            let own: Vec<usize> = (0..items.len()).filter(|index| is_own(&items[*index])).collect();
            if own.is_empty() {
                return Ok(());
            }
            let index = *dice.pick(&own);
            match dice.below(4) {
                0 => list.delete(index),
                1 => list.set(index, value as u64),
                _ => list.move_item(index, dice.below(items.len())),
            }
        }
        7 | 8 => {
            let mut map = root.map("m")?;
            let key = format!("{who} {}", dice.below(2));
            if dice.one_in(3) {
                map.delete(&key)
            } else {
                map.set(key.as_str(), lson!([value as u64]))
            }
        }
        _ => {
            let mut text = root.text("t")?;
            let letters: Vec<char> = text.view().to_string().chars().collect();
            // So many that none is typed twice, mostly: of equal letters nobody knows which are whose after a lost
            // connection.
            let first = 0x4E00 + 0x800 * u32::try_from(who).unwrap();
            let is_own = |letter: char| (first..first + 0x800).contains(&u32::from(letter));
            let own: Vec<usize> =
                (0..letters.len()).filter(|index| is_own(letters[*index])).collect();
            if !own.is_empty() && dice.one_in(3) {
                return text.delete(*dice.pick(&own), 1);
            }
            let typed: String =
                (0..3).filter_map(|_| char::from_u32(first + dice.any() % 0x800)).collect();
            text.insert(dice.below(letters.len() + 1), typed.as_str())
        }
    }
}

/// Who touches only what is his own takes all of it back, whatever others do beside, and nothing else.
#[test]
fn all_that_is_ones_own_is_taken_back() {
    for seed in 0..u64::from(cases(300).cases) {
        let mut dice = Dice::seeded(seed);
        let document = Document::from_lson(
            &lson!({ "l": ["p", "q"], "t": (Lson::text("12345")), "m": (Lson::map([("z", 0)])) }),
        );
        let options = ServerOptions::default().spread_positions_beyond(4 + dice.below(2) * 44);
        let mut room = Room::of(Server::new(document.unwrap(), options));
        let policy = *dice.pick(&[UndoPolicy::Replay, UndoPolicy::KeepForeign]);
        for _ in 0..2 {
            let who = room.join(SessionOptions::default());
            let options = UndoOptions::default().capacity(1_000).policy(policy);
            room.client(who).set_undo_options(options);
        }
        let first = room.shown(0);
        let mut is_on = [true; 2];
        for step in 0..60 {
            let who = dice.below(2);
            if dice.one_in(12) {
                if is_on[who] {
                    room.cut(who);
                } else {
                    room.reconnect(who, SessionOptions::default());
                }
                is_on[who] = !is_on[who];
            }
            let client = room.client(who);
            match dice.below(if step < 30 { 8 } else { 2 }) {
                0 => _ = client.undo(),
                1 if step < 30 => _ = client.redo(),
                1 => {}
                _ => drop(client.edit(|root| edit_own(root, who, &mut dice)).unwrap()),
            }
            for who in (0..2).filter(|who| is_on[*who]) {
                if dice.one_in(2) {
                    room.say(who);
                }
                if dice.one_in(2) {
                    room.hear(who);
                }
            }
        }
        for who in (0..2).filter(|who| !is_on[*who]) {
            room.reconnect(who, SessionOptions::default());
        }
        room.settle();
        while (0..2).any(|who| room.client(who).undo().is_some()) {
            room.settle();
        }
        assert_eq!(room.shown(0), first, "seed {seed}, {policy:?}");
    }
}
