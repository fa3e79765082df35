//! Peers that have the same ops have the same document, whoever told them and when.

use livetree::peer::{PeerError, Turn, Version};
use livetree::server::ServerOptions;
use livetree::testing::generate::Dice;
use livetree::testing::swarm::{Stats, Swarm};
use livetree::testing::world::script::{Family, Script};
use livetree::text::Bias;
use livetree::{Actor, Document, EditError, Lson, Op, Peer, Server, lson};

use crate::generate::{cases, saved_as, with_other_digits};
use crate::room::{Room, op};

#[test]
fn every_family_converges_without_a_server() {
    let mut total = Stats::default();
    for family in Family::ALL {
        let seeds = if family == Family::Wide { 0..4 } else { 0..60 };
        for seed in seeds {
            match Swarm::run(&Script::generate(family, seed, 80)) {
                Ok(Stats { ops, turns, settled, undos, restarts }) => {
                    total.undos += undos;
                    total.ops += ops;
                    total.turns += turns;
                    total.settled += settled;
                    total.restarts += restarts;
                }
                Err(failure) => panic!("{} {seed}: {failure}", family.name()),
            }
        }
    }
    assert!(
        total.settled > total.ops / 20 && total.restarts > 100 && total.undos > 500,
        "{total:?}"
    );
}

fn peers<const N: usize>(lson: &Lson) -> [Peer; N] {
    let document = Document::from_lson(lson).unwrap();
    let mut actors = (1..).map(Actor);
    std::array::from_fn(|_| Peer::new(actors.next().unwrap(), document.clone()))
}

/// Tells one what the other has.
fn tell(from: &Peer, to: &mut Peer) {
    to.receive(from.turns_since(to.version()).unwrap()).unwrap();
}

/// Both tell each other all they have; then they have the same.
fn meet(a: &mut Peer, b: &mut Peer) -> String {
    tell(a, b);
    tell(b, a);
    assert_eq!(a.version(), b.version());
    assert!(a.document().nodes().eq(b.document().nodes()));
    a.document().to_json().to_string()
}

fn insert(peer: &mut Peer, index: usize, text: &str) {
    peer.edit(|root| root.text("t")?.insert(index, text)).unwrap();
}

#[test]
fn of_two_values_the_one_with_the_greater_stamp_stays() {
    let [mut a, mut b] = peers(&lson!({ "x": 0 }));
    a.edit(|root| root.set("x", "a")).unwrap();
    b.edit(|root| root.set("x", "b")).unwrap();
    assert_eq!(meet(&mut a, &mut b), r#"{"x":"b"}"#);
    a.edit(|root| root.set("x", "a again")).unwrap();
    assert_eq!(meet(&mut a, &mut b), r#"{"x":"a again"}"#);
}

#[test]
fn what_each_types_stays_together() {
    let [mut a, mut b] = peers(&lson!({ "t": (Lson::text("[]")) }));
    for (number, letter) in "hello".chars().enumerate() {
        insert(&mut a, 1 + number, &letter.to_string());
    }
    for (number, letter) in "world".chars().enumerate() {
        insert(&mut b, 1 + number, &letter.to_string());
    }
    assert_eq!(meet(&mut a, &mut b), r#"{"t":[["[helloworld]"]]}"#);
    // And goes on where it was.
    insert(&mut a, 6, ", ");
    insert(&mut b, 11, "!");
    assert_eq!(meet(&mut a, &mut b), r#"{"t":[["[hello, world!]"]]}"#);
}

#[test]
fn what_both_delete_is_deleted_once() {
    let [mut a, mut b] = peers(&lson!({ "t": (Lson::text("abcdef")) }));
    a.edit(|root| root.text("t")?.delete(1, 3)).unwrap();
    b.edit(|root| root.text("t")?.delete(2, 3)).unwrap();
    insert(&mut b, 2, "X");
    insert(&mut a, 1, "Y");
    assert_eq!(meet(&mut a, &mut b), r#"{"t":[["aYXf"]]}"#);
}

#[test]
fn an_insert_into_what_another_deletes_stays() {
    let [mut a, mut b] = peers(&lson!({ "t": (Lson::text("abcdef")) }));
    a.edit(|root| root.text("t")?.delete(0, 6)).unwrap();
    insert(&mut b, 3, "x");
    b.edit(|root| root.text("t")?.format(0, 4, [("bold", true)])).unwrap();
    assert_eq!(meet(&mut a, &mut b), r#"{"t":[["x",{"bold":true}]]}"#);
}

/// What an edit was made on comes first. An update of a text would else say where in a text that is not there.
#[test]
fn turns_come_after_what_their_authors_had() {
    let [mut a, mut b, mut c] = peers(&lson!({ "l": [], "t": (Lson::text("0123456789")) }));
    insert(&mut c, 3, "own");
    let text = c.document().at("/t").unwrap().id().unwrap();
    let cursor = c.add_cursor(&text, 5, Bias::After).unwrap();
    a.edit(|root| root.list("l")?.push(lson!({ "x": 1 }))).unwrap();
    insert(&mut a, 0, "aaaaaaaaaaaa");
    tell(&a, &mut b);
    b.edit(|root| root.list("l")?.object(0)?.set("x", 2)).unwrap();
    b.edit(|root| root.text("t")?.delete(2, 6)).unwrap();
    let of_b = b.turns_since(a.version()).unwrap();
    let before = c.document().to_json();
    let missing = PeerError::Missing { actor: Actor(1), have: 0, after: 2 };
    assert_eq!(c.receive(of_b.clone()).unwrap_err(), missing);
    assert_eq!(c.document().to_json(), before);
    tell(&a, &mut c);
    c.receive(of_b).unwrap();
    assert_eq!(
        c.document().to_json().to_string(),
        r#"{"l":[{"x":2}],"t":[["aaaaaa012own3456789"]]}"#
    );
    assert_eq!(c.cursor(cursor).unwrap().1, 11);
    c.undo();
    assert_eq!(c.document().at("/t").unwrap().to_json().to_string(), r#"[["aaaaaa0123456789"]]"#);
}

/// Else two who hear two of an actor's in another order would have different documents, and not know it.
#[test]
fn an_actor_leaves_nothing_out() {
    let turn = |counter: u32| {
        let text =
            format!(r#"{{"type":3,"opId":"9:{counter}","id":"root","data":{{"x{counter}":1}}}}"#);
        let ops = vec![serde_json::from_str(&text).unwrap()];
        Turn { actor: Actor(9), after: 0, seen: Version::new(), ops }
    };
    let [mut a, mut b] = peers(&lson!({}));
    a.receive([turn(3)]).unwrap();
    let error = a.receive([turn(5)]).unwrap_err();
    assert_eq!(error.to_string(), "turn of actor 9: it leaves out an op that is here");
    // Who has heard the later one first cannot tell; but its version says that it has more.
    b.receive([turn(5)]).unwrap();
    b.receive([turn(3)]).unwrap();
    assert_ne!(a.version(), b.version());
}

/// Nobody orders the ops of peers, so whoever makes a long position spreads out what is around it.
#[test]
fn items_come_to_one_spot_again_and_again() {
    let [mut a] = peers(&lson!({ "l": ["first", "last"] }));
    for n in 0..9_000 {
        let index = if n < 8_000 { 1 } else { 1_000 };
        a.edit(|root| root.list("l")?.insert(index, n)).unwrap();
    }
    let list = a.document().at("/l").unwrap().as_list().unwrap();
    assert_eq!(list.len(), 9_002);
    let value = |index| list.get(index).unwrap().to_json().as_f64();
    assert!(
        (1..1_000)
            .all(|index| value(index) == Some(f64::from(8_000 - i32::try_from(index).unwrap())))
    );
    assert!(
        (1_000..2_000)
            .all(|index| value(index) == Some(f64::from(9_999 - i32::try_from(index).unwrap())))
    );
    let longest = a.document().nodes().filter_map(|node| Some(node.parent?.1.len())).max();
    assert!(longest.unwrap() <= livetree::MAX_POSITION_LEN / 2);
    // It is no part of the edit, which can be taken back by itself.
    assert!(a.undo().is_some());
    assert_eq!(a.document().at("/l").unwrap().as_list().unwrap().len(), 9_001);

    let [mut b, mut c] = [2, 3].map(|actor| Peer::restore(Actor(actor), &a.save()).unwrap());
    for n in 0..200 {
        b.edit(|root| root.list("l")?.insert(1_000, format!("b{n}"))).unwrap();
        c.edit(|root| root.list("l")?.insert(1_000, format!("c{n}"))).unwrap();
    }
    meet(&mut b, &mut c);
    assert_eq!(b.document().at("/l").unwrap().as_list().unwrap().len(), 9_401);
}

/// Steps go on to mean their own letters, though an edit between them made no step.
#[test]
fn steps_follow_edits_that_make_none() {
    let [mut a] = peers(&lson!({ "t": (Lson::text("")) }));
    insert(&mut a, 0, "hello");
    a.disable_history();
    insert(&mut a, 0, "XYZ");
    a.enable_history();
    a.undo();
    assert_eq!(a.document().to_json().to_string(), r#"{"t":[["XYZ"]]}"#);
    a.disable_history();
    insert(&mut a, 1, "-");
    a.enable_history();
    a.redo();
    assert_eq!(a.document().to_json().to_string(), r#"{"t":[["X-YZhello"]]}"#);
}

#[test]
fn one_that_fails_leaves_nothing() {
    let [mut a, mut b] = peers(&lson!({ "x": 1 }));
    a.edit(|root| root.set("x", 2).and_then(|()| root.list("y").map(drop))).unwrap_err();
    a.edit(|_| Ok(())).unwrap();
    assert!(a.version().is_empty());
    assert_eq!(a.turns_since(&Version::new()).unwrap(), []);
    b.edit(|root| root.set("x", 3)).unwrap();
    assert_eq!(meet(&mut a, &mut b), r#"{"x":3}"#);
}

#[test]
fn what_is_settled_is_let_go_and_what_lacks_it_is_told() {
    let [mut a, mut b, mut c] = peers(&lson!({ "l": [] }));
    let push = |peer: &mut Peer, value: &str| {
        peer.edit(|root| root.list("l")?.push(value)).unwrap();
    };
    push(&mut a, "a");
    push(&mut b, "b");
    meet(&mut a, &mut b);
    push(&mut c, "unheard of");
    assert_eq!(a.settle([b.version(), c.version()]), 0, "which has what is not here");
    assert_eq!(a.settle([b.version(), &Version::new()]), 0, "which has nothing yet");
    push(&mut b, "b2");
    tell(&b, &mut a);
    assert_eq!(a.settle([b.version()]), 3);
    assert_eq!(a.settled(), b.version());
    assert_eq!(a.turns_since(c.version()).unwrap_err(), PeerError::TooOld { actor: Actor(1) });
    let of_c = c.turns_since(a.version()).unwrap();
    let before = a.document().clone();
    assert_eq!(a.receive(of_c).unwrap_err(), PeerError::TooOld { actor: Actor(1) });
    assert_eq!(*a.document(), before);
    // Who joins with a copy hears and is heard.
    let mut d = Peer::restore(Actor(4), &a.save()).unwrap();
    push(&mut d, "d");
    assert_eq!(meet(&mut a, &mut d), r#"{"l":["a","b","b2","d"]}"#);
    assert_eq!(meet(&mut b, &mut d), r#"{"l":["a","b","b2","d"]}"#);
}

/// A document that a client shows has savepoints of its pending edits; a copy of it has nothing to take back.
#[test]
fn a_peer_and_a_server_begin_with_what_a_client_shows() {
    let mut room = Room::new(r#"{"a":0}"#, 1);
    room.cut(0);
    room.client(0).edit(|root| root.set("a", 1)).unwrap();
    let shown = room.client(0).document().clone();
    let mut peer = Peer::new(Actor(7), shown.clone());
    for n in 0..10 {
        peer.edit(|root| root.set("a", n)).unwrap();
    }
    assert_eq!(peer.settle([]), 10);
    assert_eq!(Peer::restore(Actor(8), &peer.save()).unwrap().document(), peer.document());
    assert_eq!(Server::new(shown.clone(), ServerOptions::default()).document(), &shown);
}

#[test]
fn a_version_that_is_read_has_no_bounds_of_zero() {
    let version: Version = serde_json::from_str(r#"{"1":0,"2":3}"#).unwrap();
    assert_eq!(version, serde_json::from_str(r#"{"2":3}"#).unwrap());
    assert_eq!(serde_json::from_str::<Version>(r#"{"1":0}"#).unwrap(), Version::new());
}

/// Two make a change each in every round, and hear of the other's one round later. Tells how many ops are kept
/// in the end, and after another round in which they only hear.
fn kept_while_both_go_on(changes: [fn(&mut Peer, usize); 2]) -> [usize; 2] {
    let [mut a, mut b] = peers(&lson!({ "s": (Lson::text("")), "t": (Lson::text("")), "l": [] }));
    let [mut said_by_a, mut said_by_b] = [Version::new(), Version::new()];
    let kept = |peer: &Peer| {
        peer.turns_since(peer.settled()).unwrap().iter().map(|turn| turn.ops.len()).sum()
    };
    for round in 0..50 {
        let (of_a, of_b) = (a.turns_since(&said_by_b).unwrap(), b.turns_since(&said_by_a).unwrap());
        (said_by_a, said_by_b) = (a.version().clone(), b.version().clone());
        changes[0](&mut a, round);
        changes[1](&mut b, round);
        a.receive(of_b).unwrap();
        b.receive(of_a).unwrap();
        a.settle([&said_by_b]);
        b.settle([&said_by_a]);
        if round % 7 == 0 {
            b = Peer::restore(Actor(2), &b.save()).unwrap();
        }
    }
    let while_they_go_on = kept(&a);
    meet(&mut a, &mut b);
    a.settle([b.version()]);
    let [mut c] = [Peer::restore(Actor(3), &b.save()).unwrap()];
    meet(&mut a, &mut c);
    [while_they_go_on, kept(&a)]
}

#[test]
fn a_log_is_let_go_of_while_all_go_on_but_for_one_text_that_all_type_in() {
    let set: fn(&mut Peer, usize) = |peer, round| {
        peer.edit(|root| root.set("x", round as u64)).unwrap();
        peer.edit(|root| root.list("l")?.push(round as u64)).unwrap();
    };
    let typing_in_t: fn(&mut Peer, usize) = |peer, _| insert(peer, 0, "t");
    let typing_in_s: fn(&mut Peer, usize) = |peer, _| {
        peer.edit(|root| root.text("s")?.push("s")).unwrap();
    };
    let few = 12;
    for changes in [[set, set], [typing_in_s, typing_in_t], [set, typing_in_t]] {
        let [going_on, afterwards] = kept_while_both_go_on(changes);
        assert!(going_on <= few && afterwards == 0, "{going_on}, {afterwards}");
    }
    let [going_on, afterwards] = kept_while_both_go_on([typing_in_t, typing_in_t]);
    assert!(going_on > 90 && afterwards == 0, "{going_on}, {afterwards}");
}

/// What one has typed goes, and what the other has typed in it stays.
#[test]
fn undo_takes_back_what_one_has_done_and_no_more() {
    let [mut a, mut b] = peers(&lson!({ "t": (Lson::text("ab")), "l": [1], "x": 0 }));
    a.edit(|root| root.set("x", 1)).unwrap();
    insert(&mut a, 1, "hello");
    insert(&mut b, 0, "> ");
    assert_eq!(meet(&mut a, &mut b), r#"{"l":[1],"t":[["> ahellob"]],"x":1}"#);
    insert(&mut b, 5, "XY");
    b.edit(|root| root.list("l")?.push(2)).unwrap();
    meet(&mut a, &mut b);
    assert!(a.undo().is_some() && a.can_redo());
    assert_eq!(meet(&mut a, &mut b), r#"{"l":[1,2],"t":[["> aXYb"]],"x":1}"#);
    a.undo().unwrap();
    assert_eq!(meet(&mut a, &mut b), r#"{"l":[1,2],"t":[["> aXYb"]],"x":0}"#);
    assert!(!a.can_undo() && a.undo().is_none());
    a.redo().unwrap();
    a.redo().unwrap();
    assert_eq!(meet(&mut a, &mut b), r#"{"l":[1,2],"t":[["> aheXYllob"]],"x":1}"#);
    // Those of others are not one's own.
    b.undo().unwrap();
    assert_eq!(meet(&mut a, &mut b), r#"{"l":[1],"t":[["> aheXYllob"]],"x":1}"#);
    a.set_change_reports(false);
    insert(&mut b, 0, "!");
    meet(&mut a, &mut b);
    assert!(a.undo().unwrap().is_empty());
    assert_eq!(meet(&mut a, &mut b), r#"{"l":[1],"t":[["!> aXYb"]],"x":1}"#);
}

/// An edit that was made as one is taken back as one, and applied again op by op.
#[test]
fn edits_made_while_history_is_paused_are_one_step() {
    let [mut a] = peers(&lson!({ "a": 0 }));
    a.pause_history();
    (1..4).for_each(|n| drop(a.edit(|root| root.set("a", n)).unwrap()));
    a.resume_history();
    a.disable_history();
    a.edit(|root| root.set("b", 1)).unwrap();
    a.enable_history();
    assert!(a.undo().is_some());
    assert_eq!(a.document().to_json().to_string(), r#"{"a":0,"b":1}"#);
    assert!(!a.can_undo() && a.can_redo());
    a.clear_history();
    assert!(a.redo().is_none());
}

/// They follow what is taken back and comes again between ops that are older, also if nobody is told of changes.
#[test]
fn cursors_follow_what_comes_late() {
    for reports in [true, false] {
        let [mut a, mut b] = peers(&lson!({ "t": (Lson::text("one three")) }));
        a.set_change_reports(reports);
        let text = a.document().at("/t").unwrap().id().unwrap();
        let [before, behind] =
            [Bias::Before, Bias::After].map(|bias| a.add_cursor(&text, 4, bias).unwrap());
        b.edit(|root| root.text("t")?.insert(4, "two ")).unwrap();
        for n in 0..3 {
            a.edit(|root| root.text("t")?.insert(0, n.to_string())).unwrap();
        }
        let at = |peer: &Peer, cursor| peer.cursor(cursor).map(|(_, index)| index);
        assert_eq!(at(&a, before), Some(7));
        tell(&b, &mut a);
        assert_eq!(a.document().to_json().to_string(), r#"{"t":[["210one two three"]]}"#);
        assert_eq!((at(&a, before), at(&a, behind)), (Some(7), Some(11)));
        a.undo();
        assert_eq!((at(&a, before), at(&a, behind)), (Some(6), Some(10)));
        b.edit(|root| root.delete("t")).unwrap();
        tell(&b, &mut a);
        assert_eq!(at(&a, before), None);
        a.remove_cursor(before);
        assert_eq!(a.cursor(before), None);
        assert_eq!(a.add_cursor(&text, 0, Bias::Before), None);
    }
}

/// What comes late begins as that which follows it does: from the text alone it could have come one further.
#[test]
fn undo_knows_its_own_letters_from_others() {
    let [mut a, mut b] = peers(&lson!({ "t": (Lson::text("one ")) }));
    b.edit(|root| root.text("t")?.insert(4, "two ")).unwrap();
    a.edit(|root| root.text("t")?.insert(0, "> ")).unwrap();
    a.edit(|root| root.text("t")?.insert(6, "three")).unwrap();
    tell(&b, &mut a);
    assert_eq!(a.document().to_json().to_string(), r#"{"t":[["> one two three"]]}"#);
    a.undo();
    assert_eq!(a.document().to_json().to_string(), r#"{"t":[["> one two "]]}"#);
    a.undo();
    assert_eq!(a.document().to_json().to_string(), r#"{"t":[["one two "]]}"#);
}

/// A letter goes and the same one comes elsewhere: nothing is to be seen of it, but the own letters are others then.
#[test]
fn undo_knows_its_own_letters_where_nothing_has_changed() {
    let [mut a, mut b] = peers(&lson!({ "t": (Lson::text("ababab")) }));
    a.edit(|root| root.text("t")?.insert(6, "ab")).unwrap();
    tell(&a, &mut b);
    b.edit(|root| {
        root.text("t")?.delete(0, 2)?;
        root.text("t")?.push("ab")
    })
    .unwrap();
    let changes = a.receive(b.turns_since(a.version()).unwrap()).unwrap();
    assert!(changes.is_empty(), "{changes:?}");
    // Right behind the own letters.
    b.edit(|root| root.text("t")?.insert(6, "-")).unwrap();
    tell(&b, &mut a);
    assert_eq!(a.document().to_json().to_string(), r#"{"t":[["ababab-ab"]]}"#);
    a.undo();
    assert_eq!(a.document().to_json().to_string(), r#"{"t":[["abab-ab"]]}"#);
}

#[test]
fn a_late_op_comes_between_those_of_one_edit() {
    let [mut a, mut b] = peers(&lson!({ "l": [], "x": 0 }));
    a.edit(|root| {
        root.list("l")?.push(1)?;
        root.set("x", "a")?;
        root.list("l")?.push(2)
    })
    .unwrap();
    b.edit(|root| root.set("x", "b").and_then(|()| root.set("x", "b2"))).unwrap();
    assert_eq!(meet(&mut a, &mut b), r#"{"l":[1,2],"x":"b2"}"#);
}

#[test]
fn turns_that_contradict_themselves_change_nothing() {
    let mut peer = Peer::new(Actor(1), Document::new());
    peer.edit(|root| root.set("x", 1)).unwrap();
    let before = peer.document().clone();
    let set =
        |op_id: &str| op(&format!(r#"{{"type":3,"opId":"{op_id}","id":"root","data":{{"x":2}}}}"#));
    let turn = |after, seen: &str, ops: Vec<Op>| {
        let seen = serde_json::from_str(seen).unwrap();
        Turn { actor: Actor(2), after, seen, ops }
    };
    for (turn, error) in [
        (
            turn(3, "{}", vec![]),
            "ops of actor 2 are missing: all below 0 are here, those below 3 are needed",
        ),
        (turn(0, "{}", vec![set("3:0")]), "turn of actor 2: an op has the id of another actor's"),
        (
            turn(0, "{}", vec![set("x")]),
            "turn of actor 2: the id of an op is not its actor and counter",
        ),
        (
            turn(0, "{}", vec![set("2:5"), set("2:5")]),
            "turn of actor 2: the counters of its ops do not ascend",
        ),
        (turn(0, "{}", vec![set("2:4294967295")]), "turn of actor 2: a counter is too large"),
        (
            turn(0, r#"{"1":1}"#, vec![set("2:0")]),
            "turn of actor 2: it has seen ops that come after it",
        ),
    ] {
        // What comes with it does not count either.
        let good = Turn { actor: Actor(5), after: 0, seen: Version::new(), ops: vec![set("5:0")] };
        assert_eq!(peer.receive([good, turn]).unwrap_err().to_string(), error);
        assert_eq!(*peer.document(), before);
        assert_eq!(peer.version().get(Actor(5)), 0);
    }
}

#[test]
fn turns_are_json() {
    let [mut a, mut b] = peers(&lson!({ "x": 0 }));
    b.edit(|root| root.set("x", 1)).unwrap();
    tell(&b, &mut a);
    a.edit(|root| root.set("x", 2)).unwrap();
    let turns = a.turns_since(b.version()).unwrap();
    let text = Turn::write_all(&turns);
    assert_eq!(
        String::from_utf8_lossy(&text),
        r#"[{"actor":1,"after":0,"ops":[{"data":{"x":2},"id":"root","opId":"1:1","type":3}],"seen":{"2":1}}]"#
    );
    assert_eq!(Turn::read_all(&text).unwrap(), turns);
    assert_eq!(serde_json::from_slice::<Vec<Turn>>(&text).unwrap(), turns);
    let error = Turn::read_all(b"[{}]").unwrap_err().to_string();
    assert_eq!(error, "these are no turns: missing field `actor`");
}

#[test]
fn what_is_no_saved_peer_is_told() {
    let broken = |bytes: &[u8]| Peer::restore(Actor(1), bytes).unwrap_err().to_string();
    let good = Peer::new(Actor(1), Document::new()).save();
    assert_eq!(broken(b"livetree"), "this was not saved as a peer");
    assert_eq!(
        broken(b"livetree peer\x07"),
        "what was saved in version 7 cannot be restored, only in version 1"
    );
    assert_eq!(broken(&good[..17]), "what was saved is damaged: it ends too early");
    assert_eq!(broken(&good[..45]), "what was saved is damaged: it ends too early");
    assert_eq!(broken(&good[..good.len() - 9]), "what was saved is damaged: this is no snapshot");
    // A clock that ends would end the next edit.
    for (bound, error) in [
        ("4294967297", "a counter is too large"),
        ("9007199254740992", "a counter is too large"),
        ("4294967296", ""),
    ] {
        let ids = r#"{"actor":1,"nodes":0,"ops":0}"#;
        let state = format!(r#"{{"ids":{ids},"settled":{{"2":{bound}}},"turns":[]}}"#);
        match Peer::restore(Actor(1), &saved_as("peer", &state, &Document::new())) {
            Ok(mut peer) => {
                assert_eq!(error, "");
                let edited = peer.edit(|root| root.set("a", 1));
                assert_eq!(edited.unwrap_err(), EditError::NoOpIdLeft);
                let patch = livetree::patch::from_slice(
                    br#"[{"op":"test","path":"","value":{}},{"op":"add","path":"/a","value":1}]"#,
                );
                let error = peer.patch(&patch.unwrap()).unwrap_err().to_string();
                assert_eq!(error, "operation 1 (\"add /a\"): the actor has no op id left");
                assert_eq!(peer.document(), &Document::new());
            }
            Err(why) => assert_eq!(why.to_string(), format!("what was saved is damaged: {error}")),
        }
    }
}

/// Numbers of which many mean nothing. Peers that hear the same nonsense still have the same document.
#[test]
fn nonsense_means_the_same_to_all() {
    let [mut a, mut b] = peers(&lson!({ "l": [1, 2, 3], "t": (Lson::text("abc😀def")) }));
    for round in 0..4 {
        for peer in [&mut a, &mut b] {
            peer.edit(|root| {
                root.text("t")?.insert(round, "xy")?;
                root.text("t")?.delete(3, 2)?;
                root.list("l")?.move_item(0, 2)?;
                root.list("l")?.push(round)
            })
            .unwrap();
        }
        if round % 2 == 0 {
            tell(&a, &mut b);
        }
    }
    tell(&b, &mut a);
    let text = Turn::write_all(&a.turns_since(&Version::new()).unwrap());
    let mut taken = 0;
    for seed in 0..u64::from(cases(1_500).cases) {
        let mut dice = Dice::seeded(seed);
        let text = with_other_digits(&text, 0, 6, &mut dice);
        let Ok(turns) = Turn::read_all(&text) else { continue };
        let [mut c, mut d] = peers(&lson!({ "l": [1, 2, 3], "t": (Lson::text("abc😀def")) }));
        c.edit(|root| root.text("t")?.insert(4, "z")).unwrap();
        if c.receive(turns.clone()).is_err() {
            continue;
        }
        taken += 1;
        c.document().check().unwrap();
        // The other hears all of it op by op, in the order of the turns of each actor.
        let mut left: Vec<Turn> = c.turns_since(&Version::new()).unwrap();
        while !left.is_empty() {
            let at = dice.below(left.len());
            let turn = left.remove(at);
            match d.receive([turn.clone()]) {
                Ok(_) => d.document().check().unwrap(),
                Err(PeerError::Missing { .. }) => left.push(turn),
                Err(error) => panic!("{error}"),
            }
        }
        assert!(c.document().nodes().eq(d.document().nodes()), "seed {seed}");
    }
    assert!(taken > 200, "{taken}");
}
