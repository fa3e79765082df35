//! An update whose acknowledgement is lost, however often, is neither doubled nor lost.
//!
//! Every character typed is used once, so that each can be followed to the final text.

use std::collections::BTreeSet;

use livetree::OpId;
use livetree::text::{History, Order, Outcome, Text, TextOp, normalize, transform};
use proptest::prelude::*;

struct Server {
    text: Text,
    version: u64,
    history: History,
    updates: u64,
}

impl Server {
    fn receive(&mut self, op_id: &OpId, base: u64, ops: &[TextOp]) -> Outcome {
        let Self { text, version, history, .. } = self;
        history.rectify_resent(text, version, op_id, base, ops)
    }

    /// An update by somebody else who is up to date.
    fn other(&mut self, op: TextOp) {
        self.updates += 1;
        let op_id = format!("7:{}", self.updates).as_str().into();
        let base = self.version;
        assert!(matches!(self.receive(&op_id, base, &[op]), Outcome::Accepted(_)));
    }

    fn ops(&self, from: u64, to: u64) -> Vec<TextOp> {
        let since = self.history.since(from, self.version).unwrap();
        let ops = since.take_while(|e| e.version() <= to).flat_map(|e| e.ops().iter().cloned());
        ops.collect()
    }
}

/// A client as the official one behaves: what is in flight goes on top of whatever snapshot comes,
/// unchanged, and edits made since are appended to it when it is sent again.
struct Client {
    confirmed: Text,
    version: u64,
    in_flight: Vec<TextOp>,
    queued: Vec<TextOp>,
    /// Whether what it means can no longer be told: others deleted what an operation in flight was
    /// to delete, so it is gone, and the next edit may happen to look the same; or an operation
    /// in flight came to split a surrogate pair of a snapshot.
    unclear: bool,
}

impl Client {
    fn view(&self) -> Text {
        let mut text = self.confirmed.clone();
        text.apply(&self.in_flight);
        text.apply(&self.queued);
        text
    }

    /// Takes a snapshot.
    fn take(&mut self, server: &Server) {
        self.confirmed = server.text.clone();
        self.version = server.version;
        let ops = [self.in_flight.clone(), self.queued.clone()].concat();
        self.unclear |= normalize(&self.confirmed, &ops) != ops;
    }

    fn hear(&mut self, ops: &[TextOp], version: u64) {
        self.confirmed.apply(ops);
        self.version = version;
        let count = self.in_flight.len();
        let (in_flight, ops) = transform(&self.in_flight, ops, Order::After);
        self.unclear |= in_flight.len() < count;
        let (queued, _) = transform(&self.queued, &ops, Order::After);
        (self.in_flight, self.queued) = (in_flight, queued);
    }

    fn send(&mut self) -> (u64, Vec<TextOp>) {
        self.in_flight.append(&mut self.queued);
        (self.version, self.in_flight.clone())
    }
}

/// Edits at a random place; tracks which characters exist by intent.
#[derive(Default)]
struct Typist {
    typed: u32,
    deleted: BTreeSet<char>,
    /// Pairs of characters of which the first was directly before the second when that was typed.
    followed: Vec<(char, char)>,
}

#[derive(Clone, Debug)]
struct Edit {
    at: usize,
    count: usize,
    delete: bool,
}

/// The `n`th character typed. Every third is a surrogate pair.
fn character(n: u32) -> char {
    let plane = if n % 3 == 0 { 0x2_0000 } else { 0x4E00 };
    char::from_u32(plane + n).unwrap()
}

impl Typist {
    fn edit(&mut self, view: &Text, edit: &Edit) -> TextOp {
        let characters: Vec<char> = view.to_string().chars().collect();
        let at = edit.at % (characters.len() + 1);
        let index = i64::try_from(view.char_to_utf16(at)).unwrap();
        if edit.delete {
            let end = (at + edit.count).min(characters.len());
            let rest: BTreeSet<char> =
                characters[..at].iter().chain(&characters[end..]).copied().collect();
            // Of a character shown twice, one copy may go.
            let gone = characters[at..end].iter().filter(|c| !rest.contains(c));
            self.deleted.extend(gone);
            let length = i64::try_from(view.char_to_utf16(end)).unwrap() - index;
            return TextOp::Delete { index, length };
        }
        let mut before = at.checked_sub(1).map(|before| characters[before]);
        let mut text = String::new();
        for _ in 0..edit.count {
            self.typed += 1;
            let character = character(self.typed);
            let shown = |c: &char| characters.iter().filter(|d| *d == c).count();
            if let Some(before) = before.filter(|before| shown(before) < 2) {
                self.followed.push((before, character));
            }
            text.push(character);
            before = Some(character);
        }
        TextOp::Insert { index, text: text.as_str().into(), attributes: None }
    }

    /// Whether the text is what was typed and not deleted, each once and behind its neighbour.
    fn audit(&self, text: &Text) -> Result<(), String> {
        let characters: Vec<char> = text.to_string().chars().collect();
        let place = |c: char| characters.iter().position(|d| *d == c);
        for n in 1..=self.typed {
            let c = character(n);
            let count = characters.iter().filter(|d| **d == c).count();
            if count != usize::from(!self.deleted.contains(&c)) {
                return Err(format!("{n} is there {count} times in {characters:?}"));
            }
        }
        for (before, after) in &self.followed {
            if let (Some(a), Some(b)) = (place(*before), place(*after)) {
                if a > b {
                    return Err(format!("{before} stands behind {after} in {characters:?}"));
                }
            }
        }
        Ok(())
    }
}

/// What happens before and after one more acknowledgement is lost.
#[derive(Clone, Debug)]
struct Round {
    /// By others, while the client is away.
    away: Vec<Edit>,
    /// By others, after the client has its snapshot and has sent, but before that arrives.
    before: Vec<Edit>,
    /// How many of those the client hears of before it is cut off.
    heard: usize,
    /// By the client, while connected and then offline.
    own: Vec<Edit>,
}

fn edits(most: usize, deletes: bool) -> impl Strategy<Value = Vec<Edit>> {
    let edit = (0usize..40, 1usize..4, any::<bool>()).prop_map(move |(at, count, delete)| Edit {
        at,
        count,
        delete: deletes && delete,
    });
    prop::collection::vec(edit, 0..most)
}

fn rounds(hears_all: bool) -> impl Strategy<Value = Vec<Round>> {
    let deletes = hears_all;
    let round = (edits(3, true), edits(3, true), 0usize..3, edits(4, deletes)).prop_map(
        move |(away, before, heard, own)| Round {
            heard: if hears_all { before.len() } else { heard.min(before.len()) },
            away,
            before,
            own,
        },
    );
    prop::collection::vec(round, 1..5)
}

/// Plays the rounds, ends with an acknowledgement that arrives, and audits the server's text.
fn play(rounds: &[Round]) -> Result<(), String> {
    let mut typist = Typist::default();
    let mut server =
        Server { text: Text::default(), version: 0, history: History::default(), updates: 0 };
    let first = typist.edit(&server.text, &Edit { at: 0, count: 6, delete: false });
    server.other(first);
    let mut client = Client {
        confirmed: server.text.clone(),
        version: server.version,
        in_flight: Vec::new(),
        queued: Vec::new(),
        unclear: false,
    };
    let op = typist.edit(&client.view(), &Edit { at: 3, count: 2, delete: false });
    client.queued.push(op);
    let op_id = "1:0".into();
    for round in rounds {
        for edit in &round.away {
            let op = typist.edit(&server.text, edit);
            server.other(op);
        }
        if client.in_flight.is_empty() {
            // Not sent yet, so the snapshot is as good as having heard of everything.
            let ops = server.ops(client.version, server.version);
            client.hear(&ops, server.version);
        } else {
            client.take(&server);
        }
        let (base, sent) = client.send();
        let start = server.version;
        for edit in &round.before {
            let op = typist.edit(&server.text, edit);
            server.other(op);
        }
        for heard in 0..u64::try_from(round.heard).unwrap() {
            client.hear(&server.ops(start + heard, start + heard + 1), start + heard + 1);
        }
        let outcome = server.receive(&op_id, base, &sent);
        assert!(!matches!(outcome, Outcome::Rejected(_) | Outcome::Ignored), "{outcome:?}");
        for edit in &round.own {
            let op = typist.edit(&client.view(), edit);
            client.queued.push(op);
        }
    }
    client.take(&server);
    let (base, sent) = client.send();
    let _ = server.receive(&op_id, base, &sent);
    if !client.unclear {
        typist.audit(&server.text)?;
    }
    // And once more: nothing is new.
    let (text, version) = (server.text.segments(), server.version);
    let repeated = server.receive(&op_id, base, &sent);
    assert!(matches!(repeated, Outcome::Rectified { ref ops, .. } if ops.is_empty()));
    assert_eq!((server.text.segments(), server.version), (text, version));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// What the client knew is certain, so everything it did arrives as it meant it.
    #[test]
    fn nothing_is_doubled_lost_revived_or_misplaced(rounds in rounds(true)) {
        prop_assert_eq!(play(&rounds), Ok(()));
    }

    /// Where it is cut off at cannot always be told, but what it typed arrives once.
    #[test]
    fn what_is_typed_arrives_once_even_if_the_client_missed_updates(rounds in rounds(false)) {
        let lost = |error: &String| error.contains("times");
        prop_assert!(!play(&rounds).is_err_and(|error| lost(&error)));
    }
}

fn insert(index: i64, text: &str) -> TextOp {
    TextOp::Insert { index, text: text.into(), attributes: None }
}

#[test]
fn typing_goes_on_after_a_lost_acknowledgement() {
    let (mut history, mut text, mut version) = (History::default(), Text::default(), 0);
    let op = OpId::from("1:0");
    let _ = history.receive(&mut text, &mut version, Some(&op), 0, &[insert(0, "A")]);
    let ops = [insert(0, "A"), insert(1, "B"), insert(2, "C")];
    let outcome = history.rectify_resent(&mut text, &mut version, &op, 1, &ops);
    assert!(matches!(outcome, Outcome::Accepted(ref a) if a.version == 2 && a.base_version == 1));
    assert_eq!(text.to_string(), "ABC");
    let outcome = history.rectify_resent(&mut text, &mut version, &op, 2, &ops);
    assert!(matches!(outcome, Outcome::Rectified { base_version: 2, version: 2, .. }));
    assert_eq!((text.to_string().as_str(), version), ("ABC", 2));
}

#[test]
fn an_author_who_says_where_it_stands_is_believed() {
    let (mut history, mut text, mut version) = (History::default(), Text::from("0123456789"), 0);
    let op = OpId::from("1:0");
    // Someone inserts in the middle; the author, who types at the start, does not hear of it.
    let _ = history.receive(&mut text, &mut version, None, 0, &[insert(5, "-----")]);
    let _ = history.receive(&mut text, &mut version, Some(&op), 0, &[insert(0, "A")]);
    let ops = [insert(0, "A"), TextOp::Delete { index: 9, length: 1 }];
    let _ = history.rectify_resent(&mut text, &mut version, &op, 0, &ops);
    assert_eq!(text.to_string(), "A01234-----5679");
}

/// What was sent first comes late, over a connection that was lost, when what builds on it has come
/// already; and nothing of that was left.
#[test]
fn what_comes_late_is_not_new() {
    let (author, other) =
        (OpId::from("1:0"), |clock: u32| OpId::from(format!("2:{clock}").as_str()));
    let delete = |index, length| TextOp::Delete { index, length };
    for (base, late) in [(1, [delete(2, 1)]), (0, [delete(0, 1)]), (9, [delete(0, 1)])] {
        let (mut history, mut text, mut version) = (History::default(), Text::from("ab"), 0);
        let mut receive = |op_id: &OpId, base, ops: &[TextOp]| {
            let outcome = history.rectify_resent(&mut text, &mut version, op_id, base, ops);
            (outcome, text.to_string())
        };
        let _ = receive(&other(0), 0, &[insert(0, "XY")]);
        let _ = receive(&other(1), 1, &[delete(2, 2), insert(0, "Z")]);
        let (outcome, _) = receive(&author, 1, &[delete(2, 1), delete(2, 1)]);
        assert!(matches!(outcome, Outcome::Accepted(accepted) if accepted.ops.is_empty()));
        let (outcome, text) = receive(&author, base, &late);
        assert!(matches!(outcome, Outcome::Rectified { base_version: 3, version: 3, .. }));
        assert_eq!(text, "ZXY", "from {base}");
    }
}
