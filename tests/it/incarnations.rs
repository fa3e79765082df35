//! Texts that are deleted and come back under the ids that they had: what was meant for one is not
//! done to another, and nothing that was typed is lost on the way.

use livetree::client::Status;
use livetree::op::NodeContent;
use livetree::server::SessionOptions;
use livetree::testing::world::script::{Content, Edit, Rules, Script, Step, TextEdit};
use livetree::testing::world::soak;
use livetree::{Client, ClientMessage, Lson, ServerMessage};

use crate::room::{Room, op};

/// Every promise that the simulated world checks is kept.
fn holds(script: &Script) {
    if let Err(broken) = soak::run(script, &Rules::default()) {
        panic!("{broken}");
    }
}

/// A script of some clients who edit.
fn script(users: u8, steps: Vec<Step>) -> Script {
    Script { users, reader: false, keep_foreign: false, wide: false, steps }
}

/// A room of some clients, in which the first has made a text.
fn room(clients: usize) -> Room {
    let mut room = Room::new("{}", clients);
    room.client(0).edit(|root| root.set("t", Lson::text("Hello"))).unwrap();
    room.settle();
    room
}

fn insert(client: &mut Client, index: usize, text: &str) {
    client.edit(|root| root.text("t")?.insert(index, text)).unwrap();
}

/// Deletes the text and takes that back.
fn delete_and_undo(client: &mut Client) {
    client.edit(|root| root.delete("t")).unwrap();
    client.undo().unwrap();
}

fn version(room: &Room) -> u64 {
    let nodes = room.server.document().nodes();
    let versions = nodes.filter_map(|node| match node.content {
        NodeContent::Text { version, .. } => Some(version),
        _ => None,
    });
    versions.last().unwrap()
}

#[test]
fn a_text_that_comes_back_counts_its_versions_from_elsewhere() {
    let mut room = room(2);
    let mut seen = vec![version(&room)];
    for number in [0, 1, 0] {
        insert(room.client(number), 0, "x");
        delete_and_undo(room.client(number));
        room.settle();
        let version = version(&room);
        assert!(seen.iter().all(|other| other.abs_diff(version) > 1_000_000), "{seen:?} {version}");
        seen.push(version);
    }
    // A server that goes by versions alone refuses what was meant for an earlier text.
    let actor = room.seats[1].actor;
    for base in &seen[..3] {
        let id = room.server.document().at("/t").unwrap().id().unwrap().clone();
        let update = format!(
            r#"[{{"type":201,"ops":[{{"type":10,"id":"{id}","opId":"{actor}:9{base}","baseVersion":{base},"ops":[{{"type":"insert","index":0,"text":"y"}}]}}]}}]"#
        );
        let reply = room.server.receive_frame(actor, update.as_bytes(), 0).unwrap();
        assert!(matches!(reply.sender[..], [ServerMessage::RejectOps { .. }]), "{reply:?}");
    }
    assert_eq!(room.shown(0), r#"{"t":[["xxxHello"]]}"#);
}

/// What was under way to a text when that was deleted and came back goes to the one that came.
#[test]
fn what_is_typed_while_a_text_comes_back_is_kept() {
    let mut room = room(2);
    insert(room.client(0), 5, " world");
    let late = room.client(0).poll_message().unwrap();
    insert(room.client(0), 11, "!");
    delete_and_undo(room.client(1));
    room.say(1);
    room.hear(1);
    let actor = room.seats[0].actor;
    let reply = room.server.receive(actor, late, 0).unwrap();
    assert!(matches!(reply.sender[..], [ServerMessage::RejectOps { .. }]), "{reply:?}");
    room.deliver(Some(actor), &reply);
    let heard = room.hear(0);
    assert!(heard.iter().all(|received| received.rejected.is_empty()));
    assert_eq!(room.shown(0), r#"{"t":[["Hello world!"]]}"#);
    room.settle();
    assert_eq!(room.shown(1), r#"{"t":[["Hello world!"]]}"#);
}

#[test]
fn what_is_typed_offline_while_a_text_comes_back_is_kept_in_its_place() {
    let mut room = room(2);
    room.cut(0);
    insert(room.client(0), 5, " world");
    insert(room.client(1), 0, "Oh! ");
    delete_and_undo(room.client(1));
    insert(room.client(1), 4, "I say: ");
    room.say(1);
    room.hear(1);
    room.reconnect(0, SessionOptions::default());
    room.settle();
    assert_eq!(room.shown(0), r#"{"t":[["Oh! I say: Hello world"]]}"#);
    assert_eq!(room.client(0).status(), Status::Synchronized);
}

/// Updates are carried to a text that is shorter: they are clipped there, one after the other. Made one
/// before they are sent, they do the same.
#[test]
fn what_is_clipped_to_a_text_that_came_back_is_sent_as_it_is_shown() {
    let mut room = room(2);
    insert(room.client(0), 5, "!");
    let late = room.client(0).poll_message().unwrap();
    insert(room.client(0), 6, "ab");
    insert(room.client(0), 7, "c");
    delete_and_undo(room.client(1));
    room.client(1).edit(|root| root.text("t")?.delete(0, 5)).unwrap();
    room.say(1);
    room.hear(1);
    let actor = room.seats[0].actor;
    let reply = room.server.receive(actor, late, 0).unwrap();
    room.deliver(Some(actor), &reply);
    room.hear(0);
    let shown = room.shown(0);
    room.settle();
    assert_eq!(room.shown(0), shown);
}

/// So are steps of undo.
#[test]
fn what_undo_does_to_a_text_that_came_back_is_sent_as_it_is_shown() {
    let mut room = room(2);
    insert(room.client(0), 5, " world!");
    for _ in 0..2 {
        room.client(0).edit(|root| root.text("t")?.delete(10, 1)).unwrap();
    }
    room.say(0);
    delete_and_undo(room.client(1));
    room.settle();
    assert_eq!(room.shown(0), r#"{"t":[["Hello"]]}"#);
    for expected in [r#"{"t":[["Hello!"]]}"#, r#"{"t":[["Hello!d"]]}"#] {
        room.client(0).undo().unwrap();
        assert_eq!(room.shown(0), expected);
    }
    room.settle();
    assert_eq!(room.shown(1), r#"{"t":[["Hello!d"]]}"#);
}

/// What a client showed when it created a text anew is in the new text; the update that brought it
/// there, refused because the first text is gone, does not come once more.
#[test]
fn what_a_new_text_begins_with_does_not_come_twice() {
    let mut room = room(2);
    insert(room.client(0), 5, "!");
    delete_and_undo(room.client(0));
    let late = room.client(0).poll_message().unwrap();
    delete_and_undo(room.client(1));
    room.say(1);
    room.hear(1);
    let actor = room.seats[0].actor;
    let reply = room.server.receive(actor, late, 0).unwrap();
    room.deliver(Some(actor), &reply);
    let dropped: usize = room.hear(0).iter().map(|received| received.rejected.len()).sum();
    assert_eq!(dropped, 1);
    room.settle();
    assert_eq!(room.shown(1), r#"{"t":[["Hello!"]]}"#);
}

/// Undo steps that change the earlier text change the one that came back.
#[test]
fn older_steps_of_undo_reach_a_text_that_came_back() {
    let mut room = room(2);
    insert(room.client(0), 5, " world");
    room.client(0).edit(|root| root.delete("t")).unwrap();
    room.settle();
    room.client(0).undo().unwrap();
    room.settle();
    insert(room.client(1), 0, "Oh! ");
    room.settle();
    assert_eq!(room.shown(0), r#"{"t":[["Oh! Hello world"]]}"#);
    room.client(0).undo().unwrap();
    room.settle();
    assert_eq!(room.shown(1), r#"{"t":[["Oh! Hello"]]}"#);
    for expected in [r#"{"t":[["Oh! Hello world"]]}"#, "{}"] {
        room.client(0).redo().unwrap();
        room.settle();
        assert_eq!(room.shown(1), expected);
    }
}

/// The official clients bring a text back at the version that it had.
#[test]
fn a_text_that_comes_back_at_its_old_version_is_followed() {
    let mut room = room(2);
    let id = room.server.document().at("/t").unwrap().id().unwrap().clone();
    insert(room.client(0), 0, "a");
    let late = room.client(0).poll_message().unwrap();
    let actor = room.server.connect(SessionOptions::default()).unwrap();
    let create = format!(
        r#"{{"type":9,"id":"{id}","opId":"{actor}:1","parentId":"root","parentKey":"t","data":[["Hello"]],"version":0}}"#
    );
    let delete = format!(r#"{{"type":5,"id":"{id}","opId":"{actor}:0"}}"#);
    let ops = vec![op(&delete), op(&create)];
    let reply = room.server.receive(actor, ClientMessage::UpdateStorage { ops }, 0).unwrap();
    room.deliver(Some(actor), &reply);
    let own = room.seats[0].actor;
    let reply = room.server.receive(own, late, 0).unwrap();
    room.deliver(Some(own), &reply);
    room.settle();
    assert_eq!(room.shown(1), r#"{"t":[["aHello"]]}"#);
}

/// The text is created, the connection is lost, undo and redo create it anew; what is typed then is for
/// the second text, while the server has the first and others type in that.
#[test]
fn an_update_waits_for_the_text_that_it_is_of() {
    holds(&script(
        2,
        vec![
            Step::Edit {
                user: 0,
                edits: vec![Edit::Set { at: 134, key: 3, content: Content::Text }],
            },
            Step::Flush { user: 0 },
            Step::Cut { user: 0, up: 255, down: 0, late: false },
            Step::UndoRedo { user: 0 },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Insert { index: 33, letters: 68, bold: true },
                }],
            },
            Step::Down { user: 1, frames: 1 },
            Step::Edit {
                user: 1,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Delete { index: 25, length: 189 },
                }],
            },
            Step::Flush { user: 1 },
            Step::Up { user: 1, frames: 1 },
        ],
    ));
}

/// An update of the first text is under way when the connection is lost; one of the second waits.
#[test]
fn a_branch_ends_with_its_text() {
    holds(&script(
        1,
        vec![
            Step::Edit {
                user: 0,
                edits: vec![
                    Edit::Set { at: 1, key: 2, content: Content::Text },
                    Edit::Text {
                        at: 1,
                        edit: TextEdit::Insert { index: 139, letters: 235, bold: false },
                    },
                    Edit::Text {
                        at: 1,
                        edit: TextEdit::Insert { index: 210, letters: 43, bold: true },
                    },
                ],
            },
            Step::UndoRedo { user: 0 },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Insert { index: 237, letters: 100, bold: true },
                }],
            },
            Step::Flush { user: 0 },
            Step::Cut { user: 0, up: 0, down: 0, late: false },
        ],
    ));
}

/// The same, and somebody else types in the first text.
#[test]
fn updates_of_two_texts_of_one_id_are_not_mixed() {
    holds(&script(
        2,
        vec![
            Step::Edit {
                user: 0,
                edits: vec![Edit::Set { at: 1, key: 2, content: Content::Text }],
            },
            Step::Flush { user: 0 },
            Step::Up { user: 2, frames: 1 },
            Step::Edit {
                user: 2,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Insert { index: 112, letters: 202, bold: true },
                }],
            },
            Step::Down { user: 1, frames: 1 },
            Step::Flush { user: 2 },
            Step::Cut { user: 0, up: 0, down: 0, late: false },
            Step::Edit {
                user: 2,
                edits: vec![Edit::Set { at: 1, key: 2, content: Content::Text }],
            },
            Step::Undo { user: 2 },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Delete { index: 155, length: 187 },
                }],
            },
            Step::Edit {
                user: 1,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Delete { index: 125, length: 134 },
                }],
            },
        ],
    ));
}

/// In a list, and the first text's updates come to nothing.
#[test]
fn what_was_undone_and_came_back_is_counted_from_there() {
    holds(&script(
        1,
        vec![
            Step::Edit { user: 0, edits: vec![Edit::Push { at: 0, content: Content::Text }] },
            Step::Edit { user: 0, edits: vec![Edit::Push { at: 0, content: Content::Object }] },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Insert { at: 240, index: 140, content: Content::Nested }],
            },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Delete { index: 53, length: 146 },
                }],
            },
            Step::Undo { user: 0 },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Insert { at: 0, index: 247, content: Content::Text }],
            },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Replace { at: 0, index: 136, content: Content::Scalar }],
            },
            Step::Undo { user: 0 },
            Step::Flush { user: 0 },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Insert { index: 211, letters: 204, bold: false },
                }],
            },
            Step::Cut { user: 0, up: 0, down: 0, late: false },
        ],
    ));
}

/// The shortcuts lead to the same versions as the plain way.
#[test]
fn a_text_that_came_back_is_counted_alike_with_and_without_shortcuts() {
    holds(&script(
        1,
        vec![
            Step::Edit {
                user: 0,
                edits: vec![Edit::Set { at: 1, key: 1, content: Content::Text }],
            },
            Step::Edit { user: 0, edits: vec![Edit::Remove { at: 0, index: 115 }] },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Replace { at: 0, index: 133, content: Content::Object }],
            },
            Step::Undo { user: 0 },
            Step::Edit { user: 0, edits: vec![Edit::Push { at: 235, content: Content::Scalar }] },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Replace { at: 1, index: 56, content: Content::Scalar }],
            },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Insert { index: 161, letters: 211, bold: false },
                }],
            },
            Step::Flush { user: 0 },
            Step::Up { user: 0, frames: 1 },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Format { index: 209, length: 233, bold: true },
                }],
            },
            Step::Flush { user: 0 },
            Step::Down { user: 0, frames: 1 },
            Step::Edit { user: 0, edits: vec![Edit::Reconcile { at: 0, rotate: 233 }] },
            Step::Edit { user: 0, edits: vec![Edit::Move { at: 0, from: 2, to: 156 }] },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Set { at: 1, key: 1, content: Content::Object }],
            },
            Step::Undo { user: 0 },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Delete { index: 20, length: 111 },
                }],
            },
        ],
    ));
}

/// An update that comes to nothing is acknowledged ahead of the echo that creates its text; what follows
/// goes by another name, or it would count as answered too.
#[test]
fn what_follows_an_update_that_came_to_nothing_is_not_lost() {
    holds(&script(
        1,
        vec![
            Step::Edit {
                user: 0,
                edits: vec![Edit::Insert { at: 1, index: 1, content: Content::Text }],
            },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Insert { index: 196, letters: 110, bold: true },
                }],
            },
            Step::Edit { user: 0, edits: vec![Edit::Push { at: 1, content: Content::Text }] },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Insert { index: 209, letters: 128, bold: true },
                }],
            },
            Step::Undo { user: 0 },
            Step::Flush { user: 0 },
            Step::Cut { user: 0, up: 0, down: 0, late: false },
            Step::Redo { user: 0 },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Set { at: 112, key: 3, content: Content::Text }],
            },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Text {
                    at: 1,
                    edit: TextEdit::Insert { index: 239, letters: 35, bold: false },
                }],
            },
        ],
    ));
}

/// Before the answers come, what had arrived is done once more: an item that was replaced is there
/// beside the one in its place, and undo of the replacement takes that out.
#[test]
fn undo_of_a_replacement_takes_out_what_came_even_if_the_other_is_there() {
    holds(&script(
        1,
        vec![
            Step::Edit {
                user: 0,
                edits: vec![Edit::Insert { at: 0, index: 2, content: Content::Map }],
            },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Replace { at: 164, index: 2, content: Content::Opaque }],
            },
            Step::Flush { user: 0 },
            Step::Cut { user: 0, up: 255, down: 0, late: false },
            Step::Edit {
                user: 0,
                edits: vec![Edit::Set { at: 1, key: 0, content: Content::Empty }],
            },
            Step::Connect { user: 0 },
            Step::Up { user: 0, frames: 1 },
            Step::Down { user: 0, frames: 1 },
            Step::Edit { user: 0, edits: vec![Edit::Clear { at: 1 }] },
        ],
    ));
}

/// While a connection was lost somebody sets a field; on top comes an own object, and its undo.
#[test]
fn a_field_beneath_an_undone_object_is_reported_as_it_ends() {
    holds(&Script {
        keep_foreign: true,
        ..script(
            2,
            vec![
                Step::Edit {
                    user: 0,
                    edits: vec![Edit::Replace { at: 1, index: 92, content: Content::Object }],
                },
                Step::Edit { user: 2, edits: vec![Edit::Push { at: 0, content: Content::Object }] },
                Step::Undo { user: 2 },
                Step::Settle,
                Step::Edit {
                    user: 2,
                    edits: vec![Edit::Set { at: 159, key: 3, content: Content::Scalar }],
                },
                Step::Cut { user: 1, up: 0, down: 0, late: false },
                Step::Edit {
                    user: 1,
                    edits: vec![Edit::Insert { at: 153, index: 69, content: Content::Object }],
                },
                Step::Edit {
                    user: 1,
                    edits: vec![Edit::Set { at: 197, key: 1, content: Content::Object }],
                },
                Step::Undo { user: 1 },
            ],
        )
    });
}

/// The text that came back is shorter. What was typed behind its end and deleted again, together with more,
/// stood there: each update had been fitted to the shorter text by itself.
#[test]
fn what_was_deleted_stays_so_in_a_shorter_text() {
    let mut room = room(2);
    delete_and_undo(room.client(0));
    insert(room.client(1), 5, "abcdefgh");
    room.say(1);
    room.hear(1);
    // Comes back as it was there, without the letters.
    room.say(0);
    insert(room.client(1), 13, "XY");
    // Refused, as it is of the earlier text; what follows is on its way to being that too.
    room.say(1);
    room.client(1).edit(|root| root.text("t")?.delete(11, 4)).unwrap();
    room.settle();
    assert_eq!(room.shown(1), r#"{"t":[["Hello"]]}"#);
}
