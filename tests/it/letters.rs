//! Letters that look alike stay whose they are: for cursors, and for undo.
//!
//! Everybody types the same few letters, each with its author's number as an attribute. From two states of such
//! a text nobody can tell which letters have come and which have been there.

use livetree::server::{ServerOptions, SessionOptions};
use livetree::testing::generate::Dice;
use livetree::text::Bias;
use livetree::{
    Actor, CursorId, Document, EditError, Lson, NodeId, ObjectMut, Peer, Segment, Server,
    UndoOptions,
};

use crate::generate::cases;
use crate::room::Room;

/// The author of a letter in the midst, which stays.
const MARK: u64 = 0;

/// Letters with their authors.
type Letters = Vec<(char, u64)>;

fn board() -> Document {
    board_of("aab", "a", "baa")
}

/// A text with the mark in the midst.
fn board_of(before: &str, mark: &str, after: &str) -> Document {
    let plain = |by: u64, text: &str| Segment {
        text: text.into(),
        attributes: Some(std::sync::Arc::new([("by".into(), by.into())].into_iter().collect())),
    };
    let segments = vec![plain(99, before), plain(MARK, mark), plain(99, after)];
    Document::from_lson(&Lson::object([("t", Lson::Text { segments, version: 0 })])).unwrap()
}

fn letters(document: &Document) -> Letters {
    let json = document.at("/t").unwrap().to_json();
    let segments = json.as_array().unwrap().iter();
    let of_segment = |segment: &livetree::Json| {
        let segment = segment.as_array().unwrap();
        let by = segment[1].get("by").and_then(livetree::Json::as_u53).unwrap();
        segment[0].as_str().unwrap().chars().map(move |letter| (letter, by)).collect::<Letters>()
    };
    segments.flat_map(of_segment).collect()
}

fn text_id(document: &Document) -> NodeId {
    document.at("/t").unwrap().id().unwrap()
}

/// Types something anywhere, or deletes some of what this author has typed.
fn edit(
    by: u64,
    dice: &mut Dice,
    root: &mut ObjectMut<'_>,
    letters: &Letters,
) -> Result<(), EditError> {
    let mut text = root.text("t")?;
    let own: Vec<usize> = (0..letters.len()).filter(|at| letters[*at].1 == by).collect();
    if !own.is_empty() && dice.below(4) == 0 {
        let at = *dice.pick(&own);
        let more = letters[at..].iter().take_while(|(_, of)| *of == by).count();
        return text.delete(at, more.min(1 + dice.below(3)));
    }
    for _ in 0..=dice.below(2) {
        let typed: String = (0..=dice.below(3)).map(|_| *dice.pick(&['a', 'b'])).collect();
        let at = dice.below(text.len() + 1);
        text.insert_formatted(at, typed, [("by", by)])?;
    }
    Ok(())
}

/// The cursor lies before the mark.
fn check_cursor(document: &Document, cursor: Option<(&NodeId, usize)>, seed: u64) {
    let letters = letters(document);
    let mark = letters.iter().position(|(_, by)| *by == MARK);
    assert_eq!(cursor.map(|(_, index)| index), mark, "seed {seed}: {letters:?}");
}

/// What remains when all of one author's is taken back.
fn without(letters: Letters, by: u64) -> Letters {
    letters.into_iter().filter(|(_, of)| *of != by).collect()
}

#[test]
fn clients_know_whose_letters_are_whose() {
    for seed in 0..u64::from(cases(400).cases) {
        let mut dice = Dice::seeded(seed);
        let mut room = Room::of(Server::new(board(), ServerOptions::default()));
        let cursors: Vec<CursorId> = (0..3)
            .map(|_| {
                let number = room.join(SessionOptions::default());
                let client = room.client(number);
                client.set_undo_options(UndoOptions::default().capacity(1_000));
                let text = text_id(client.document());
                client.add_cursor(&text, 3, Bias::After).unwrap()
            })
            .collect();
        for _ in 0..40 {
            let number = dice.below(3);
            match dice.below(4) {
                0 => room.say(number),
                1 => drop(room.hear(number)),
                _ => {
                    let client = room.client(number);
                    let shown = letters(client.document());
                    client.edit(|root| edit(number as u64 + 1, &mut dice, root, &shown)).unwrap();
                }
            }
            let client = room.client(number);
            check_cursor(client.document(), client.cursor(cursors[number]), seed);
        }
        if dice.below(2) == 0 {
            room.settle();
        }
        let number = dice.below(3);
        let client = room.client(number);
        let wanted = without(letters(client.document()), number as u64 + 1);
        while client.undo().is_some() {}
        assert_eq!(letters(client.document()), wanted, "seed {seed}");
        check_cursor(client.document(), client.cursor(cursors[number]), seed);
        room.settle();
    }
}

/// What others did while the connection was lost is a guess, but not which letters are the client's own.
#[test]
fn clients_that_were_away_know_their_own_letters() {
    for (before, at, own, others, merged, undone) in [
        ("Notes", 0, "OFF ", (0, "ON "), "ON OFF Notes", "ON Notes"),
        (
            "The quick fox",
            0,
            "- item\n",
            (0, "- todo\n"),
            "- todo\n- item\nThe quick fox",
            "- todo\nThe quick fox",
        ),
        ("a fox", 2, "very ", (2, "very "), "a very very fox", "a very fox"),
    ] {
        let board = Document::from_lson(&Lson::object([("t", Lson::text(before))])).unwrap();
        let mut room = Room::of(Server::new(board, ServerOptions::default()));
        for _ in 0..2 {
            room.join(SessionOptions::default());
        }
        room.settle();
        room.cut(0);
        let client = room.client(0);
        client.edit(|root| root.text("t")?.insert(at, own)).unwrap();
        let text = text_id(client.document());
        let cursor = client.add_cursor(&text, at + own.len(), Bias::After).unwrap();
        room.client(1).edit(|root| root.text("t")?.insert(others.0, others.1)).unwrap();
        room.say(1);
        room.reconnect(0, SessionOptions::default());
        room.settle();
        let shown = |document: &Document| document.at("/t").unwrap().as_text().unwrap().to_string();
        assert_eq!(shown(room.server.document()), merged);
        let client = room.client(0);
        assert_eq!(shown(client.document()), merged);
        let index = client.cursor(cursor).unwrap().1;
        assert_eq!(index, others.1.len() + at + own.len(), "{merged}");
        client.undo();
        assert_eq!(shown(client.document()), undone);
    }
}

/// The same with anything typed. What was there before are other letters, and others only insert meanwhile: else it
/// could not be told what of that is new.
#[test]
fn whoever_was_away_takes_back_its_own_letters_only() {
    for seed in 0..u64::from(cases(400).cases) {
        let mut dice = Dice::seeded(seed);
        let mut room =
            Room::of(Server::new(board_of("cdefgh", "m", "ijklno"), ServerOptions::default()));
        for _ in 0..3 {
            let number = room.join(SessionOptions::default());
            room.client(number).set_undo_options(UndoOptions::default().capacity(1_000));
        }
        room.settle();
        let away = dice.below(3);
        room.cut(away);
        for step in 0..30 {
            let number = dice.below(3);
            let is_away = number == away && step < 15;
            if step == 15 {
                room.reconnect(away, SessionOptions::default());
            }
            let client = room.client(number);
            let deletes = is_away || step >= 15;
            let shown = if deletes { letters(client.document()) } else { Letters::new() };
            client.edit(|root| edit(number as u64 + 1, &mut dice, root, &shown)).unwrap();
            if !is_away && dice.below(2) == 0 {
                room.say(number);
                room.hear(number);
            }
        }
        room.settle();
        let client = room.client(away);
        let wanted = without(letters(client.document()), away as u64 + 1);
        while client.undo().is_some() {}
        assert_eq!(letters(client.document()), wanted, "seed {seed}");
        room.settle();
    }
}

#[test]
fn peers_know_whose_letters_are_whose() {
    for seed in 0..u64::from(cases(400).cases) {
        let mut dice = Dice::seeded(seed);
        let mut peers = [1, 2, 3].map(|actor| Peer::new(Actor(actor), board()));
        let cursors = [0, 1, 2].map(|number| {
            let peer: &mut Peer = &mut peers[number];
            peer.set_undo_capacity(1_000);
            let text = text_id(peer.document());
            peer.add_cursor(&text, 3, Bias::After).unwrap()
        });
        for _ in 0..40 {
            let number = dice.below(3);
            if dice.below(3) == 0 {
                let other = (number + 1 + dice.below(2)) % 3;
                let turns = peers[other].turns_since(peers[number].version()).unwrap();
                peers[number].receive(turns).unwrap();
            } else {
                let shown = letters(peers[number].document());
                let by = number as u64 + 1;
                peers[number].edit(|root| edit(by, &mut dice, root, &shown)).unwrap();
            }
            check_cursor(peers[number].document(), peers[number].cursor(cursors[number]), seed);
        }
        let number = dice.below(3);
        let peer = &mut peers[number];
        let wanted = without(letters(peer.document()), number as u64 + 1);
        while peer.undo().is_some() {}
        assert_eq!(letters(peer.document()), wanted, "seed {seed}");
        check_cursor(peer.document(), peer.cursor(cursors[number]), seed);
    }
}
