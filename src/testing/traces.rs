//! Replays what people really typed: recorded editing traces, through clients and a server.
//!
//! A trace is a list of transactions, each by an agent (a person at a device) who has seen all of
//! its own and certain others. Those of a single agent are local edits of one
//! [`Client`]. Those of several are replayed with a client for each, which hears of the others
//! through the server.
//!
//! The concurrent traces were recorded between peers that sent each other every keystroke. A client
//! of a server sends one update at a time and hears of others in the server's order, so it comes to
//! know somewhat more than the recorded author did. What the author did is therefore not taken by
//! number: [`Author`]s keep track of which character an edit was next to, and the client makes it
//! there. For that, the replayed text has a character of its own for each one that was typed.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;

use crate::change::UpdateDetail;
use crate::server::{ServerOptions, SessionOptions};
use crate::text::TextOp;
use crate::{Actor, Changes, Client, ClientMessage, Document, Lson, Server, ServerMessage, lson};

/// A recorded trace.
#[derive(Debug, Deserialize)]
pub struct Trace {
    pub agents: usize,
    /// The content at the end.
    pub end: String,
    pub txns: Vec<Transaction>,
}

/// What one agent did at once.
#[derive(Debug, Deserialize)]
pub struct Transaction {
    pub agent: usize,
    /// The transactions that it builds on, if those are others than the agent's last.
    pub parents: Vec<usize>,
    pub patches: Vec<Patch>,
}

/// At `at`, this many characters are removed and others inserted.
#[derive(Debug, Deserialize)]
pub struct Patch {
    pub at: usize,
    pub removed: usize,
    pub inserted: String,
}

/// What came of a replay.
#[derive(Debug, Default)]
pub struct Report {
    pub edits: usize,
    /// Messages from clients.
    pub messages: usize,
    /// Updates that arrived on another version than the one they were made on.
    pub transformed: usize,
    /// The content of the server and of every client.
    pub contents: Vec<String>,
}

/// The traces that come with the source.
pub const NAMES: [&str; 4] = ["automerge-paper", "seph-blog1", "clownschool", "friendsforever"];

impl Trace {
    /// One of those that come with the source.
    pub fn named(name: &str) -> Self {
        let path = format!("{}/tests/data/traces/{name}.json.gz", env!("CARGO_MANIFEST_DIR"));
        Self::read(Path::new(&path))
    }

    pub fn read(path: &Path) -> Self {
        let mut bytes = Vec::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        let trace: Self = serde_json::from_slice(&bytes).unwrap();
        // Traces count characters, texts UTF-16 units; without surrogate pairs that is the same.
        let one_unit = |patch: &Patch| patch.inserted.chars().all(|c| c.len_utf16() == 1);
        assert!(trace.patches().all(one_unit), "{}", path.display());
        trace
    }

    pub fn patches(&self) -> impl Iterator<Item = &Patch> {
        self.txns.iter().flat_map(|txn| &txn.patches)
    }

    pub fn is_concurrent(&self) -> bool {
        self.agents > 1
    }

    /// The first transactions only; what the content is then is found out by applying them to a
    /// string, or by merging them as the recorded authors did.
    pub fn cut(&mut self, txns: usize) {
        self.txns.truncate(txns);
        let recorded = self.recorded();
        let mut authors = Authors::new(self);
        for (number, seen) in histories(self).iter().enumerate() {
            authors.make(number, seen);
        }
        let everything: Vec<usize> = authors.made.iter().map(Vec::len).collect();
        let Authors { authors, made, .. } = &mut authors;
        authors[0].learn(made, &everything);
        self.end = authors[0].shown().map(|number| recorded[number]).collect();
    }

    /// All characters that were ever typed, in the order of the transactions.
    fn recorded(&self) -> Vec<char> {
        self.patches().flat_map(|patch| patch.inserted.chars()).collect()
    }
}

/// Replays a trace.
pub fn replay(trace: &Trace) -> Report {
    if trace.is_concurrent() { replay_concurrent(trace) } else { replay_alone(trace) }
}

/// How many edits a client makes before it hears from the server.
const EDITS_PER_ANSWER: usize = 16;

/// One client makes all edits while its messages are on their way.
fn replay_alone(trace: &Trace) -> Report {
    let mut room = Room::new(1);
    for patch in trace.patches() {
        room.peers[0].edit(patch.at, patch.removed, &patch.inserted);
        room.edits += 1;
        room.flush(0);
        if room.edits % EDITS_PER_ANSWER == 0 {
            while room.deliver_up(0) {}
            while room.deliver_down(0) {}
        }
    }
    room.settle();
    room.report(|content| content.to_owned())
}

/// Each agent's client makes its edits where the recorded author made them.
fn replay_concurrent(trace: &Trace) -> Report {
    let histories = histories(trace);
    let mut author = Authors::new(trace);
    let mut room = Room::new(trace.agents);
    for (number, txn) in trace.txns.iter().enumerate() {
        for (other, count) in histories[number].iter().enumerate() {
            room.hear_of(txn.agent, other, *count);
        }
        for edit in author.make(number, &histories[number]) {
            room.peers[txn.agent].edit_beside(&edit);
            room.edits += 1;
        }
        room.peers[txn.agent].made += 1;
        room.flush(txn.agent);
    }
    room.settle();
    let recorded = trace.recorded();
    room.report(|content| content.chars().map(|c| recorded[number_of(c)]).collect())
}

/// The character that stands for the one typed as number `n`.
fn letter(n: usize) -> char {
    let letter = char::from_u32(0x3400 + n as u32);
    letter.filter(|letter| letter.len_utf16() == 1).expect("a short trace")
}

fn number_of(letter: char) -> usize {
    (letter as u32 - 0x3400) as usize
}

/// For each transaction, how many of each agent's its author had seen, itself left out.
fn histories(trace: &Trace) -> Vec<Vec<usize>> {
    let mut made = vec![0; trace.agents];
    let mut latest: Vec<Option<usize>> = vec![None; trace.agents];
    // How far what a transaction knows and makes reaches.
    let mut reach: Vec<Vec<usize>> = Vec::with_capacity(trace.txns.len());
    let mut histories = Vec::with_capacity(trace.txns.len());
    for (number, txn) in trace.txns.iter().enumerate() {
        let mut seen = vec![0; trace.agents];
        for parent in txn.parents.iter().copied().chain(latest[txn.agent]) {
            for (seen, parent) in seen.iter_mut().zip(&reach[parent]) {
                *seen = (*seen).max(*parent);
            }
        }
        assert_eq!(seen[txn.agent], made[txn.agent], "an agent has seen its own");
        made[txn.agent] += 1;
        latest[txn.agent] = Some(number);
        histories.push(seen.clone());
        seen[txn.agent] += 1;
        reach.push(seen);
    }
    histories
}

/// How many characters before an edit are looked at for one that its client has.
const NEAR: usize = 1_000;

/// A patch in terms of characters, known by their numbers.
#[derive(Debug)]
struct Edit {
    /// What stood before the place, nearest first, deleted or not; as much as is ever needed.
    before: Vec<usize>,
    removed: Vec<usize>,
    inserted: std::ops::Range<usize>,
}

/// What a recorded author had before it: a list of all characters, as replicated growable arrays
/// (Roh et al. 2011) merge it.
#[derive(Clone, Debug, Default)]
struct Author {
    sequence: Vec<usize>,
    deleted: Vec<bool>,
    known: Vec<usize>,
    /// A place in the sequence, and how many characters before it are not deleted.
    cursor: (usize, usize),
}

/// All authors, and what they have done so far.
struct Authors<'a> {
    trace: &'a Trace,
    authors: Vec<Author>,
    /// By agent: what its transactions do.
    made: Vec<Vec<Vec<Edit>>>,
    typed: usize,
}

impl<'a> Authors<'a> {
    fn new(trace: &'a Trace) -> Self {
        let all = trace.recorded().len();
        let author =
            Author { deleted: vec![false; all], known: vec![0; trace.agents], ..Author::default() };
        Self {
            trace,
            authors: vec![author; trace.agents],
            made: (0..trace.agents).map(|_| Vec::new()).collect(),
            typed: 0,
        }
    }

    /// Has a transaction's author make it; what it does.
    fn make(&mut self, number: usize, seen: &[usize]) -> Vec<Edit> {
        let txn = &self.trace.txns[number];
        let Self { authors, made, .. } = self;
        let author = &mut authors[txn.agent];
        author.learn(made, seen);
        let mut edits = Vec::new();
        for patch in &txn.patches {
            let count = patch.inserted.chars().count();
            edits.push(author.patch(patch, self.typed..self.typed + count));
            self.typed += count;
        }
        author.known[txn.agent] += 1;
        let again = edits.iter().map(|edit| Edit {
            before: edit.before.first().copied().into_iter().collect(),
            removed: edit.removed.clone(),
            inserted: edit.inserted.clone(),
        });
        made[txn.agent].push(again.collect());
        edits
    }
}

impl Author {
    /// Takes in what others have done.
    fn learn(&mut self, made: &[Vec<Vec<Edit>>], seen: &[usize]) {
        let mut new: Vec<&Edit> = Vec::new();
        for (agent, seen) in seen.iter().enumerate() {
            new.extend(
                made[agent][self.known[agent]..(*seen).max(self.known[agent])].iter().flatten(),
            );
            self.known[agent] = self.known[agent].max(*seen);
        }
        // In the order in which they were recorded, so that what an edit refers to is there.
        new.sort_by_key(|edit| edit.inserted.start);
        for edit in new {
            edit.removed.iter().for_each(|gone| self.delete(*gone));
            let mut before = edit.before.first().copied();
            for number in edit.inserted.clone() {
                let mut at = before.map_or(0, |before| self.find(before) + 1);
                while self.sequence.get(at).is_some_and(|other| *other > number) {
                    at += 1;
                }
                self.insert(at, number);
                before = Some(number);
            }
        }
    }

    /// The characters that are not deleted.
    fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        self.sequence.iter().copied().filter(|number| !self.deleted[*number])
    }

    fn patch(&mut self, patch: &Patch, inserted: std::ops::Range<usize>) -> Edit {
        self.seek(patch.at);
        let at = self.cursor.0;
        let far = at.saturating_sub(NEAR);
        let before: Vec<usize> = self.sequence[far..at].iter().rev().copied().collect();
        let mut removed = Vec::new();
        let mut next = at;
        while removed.len() < patch.removed {
            let number = self.sequence[next];
            if !self.deleted[number] {
                removed.push(number);
            }
            next += 1;
        }
        removed.iter().for_each(|gone| self.deleted[*gone] = true);
        for (place, number) in (at..).zip(inserted.clone()) {
            self.sequence.insert(place, number);
        }
        Edit { before, removed, inserted }
    }

    /// Moves the cursor right behind this many characters that are not deleted.
    fn seek(&mut self, live: usize) {
        let (mut at, mut count) = self.cursor;
        while count > live || (count == live && at > 0 && self.deleted[self.sequence[at - 1]]) {
            at -= 1;
            count -= usize::from(!self.deleted[self.sequence[at]]);
        }
        while count < live {
            count += usize::from(!self.deleted[self.sequence[at]]);
            at += 1;
        }
        self.cursor = (at, count);
    }

    fn find(&self, number: usize) -> usize {
        find_near(&self.sequence, self.cursor.0, &number).expect("an author knows it")
    }

    fn insert(&mut self, at: usize, number: usize) {
        self.sequence.insert(at, number);
        if at < self.cursor.0 {
            self.cursor = (self.cursor.0 + 1, self.cursor.1 + 1);
        }
    }

    fn delete(&mut self, number: usize) {
        let at = self.find(number);
        if !std::mem::replace(&mut self.deleted[number], true) && at < self.cursor.0 {
            self.cursor.1 -= 1;
        }
    }
}

/// Where something is in a list, looked for from a place outwards.
fn find_near<T: PartialEq>(list: &[T], near: usize, wanted: &T) -> Option<usize> {
    let (head, tail) = list.split_at(near.min(list.len()));
    let (mut left, mut right) = (head.len(), 0);
    while left > 0 || right < tail.len() {
        if left > 0 {
            left -= 1;
            if head[left] == *wanted {
                return Some(left);
            }
        }
        if right < tail.len() {
            if tail[right] == *wanted {
                return Some(head.len() + right);
            }
            right += 1;
        }
    }
    None
}

/// A server and clients; messages wait until they are delivered.
struct Room {
    server: Server,
    peers: Vec<Peer>,
    edits: usize,
    messages: usize,
    transformed: usize,
}

struct Peer {
    client: Client,
    actor: Actor,
    /// With how many of the peer's transactions the server then knows.
    up: VecDeque<(ClientMessage, usize)>,
    /// With whose transactions the client then knows, and how many.
    down: VecDeque<(ServerMessage, usize, usize)>,
    made: usize,
    /// How many of each peer's transactions the client has heard of.
    heard: Vec<usize>,
    /// The text as it is shown, kept up to date by what is reported as changed.
    view: Vec<char>,
    cursor: usize,
}

impl Room {
    fn new(peers: usize) -> Self {
        let document = Document::from_lson(&lson!({ "text": (Lson::text("")) })).unwrap();
        let mut server = Server::new(document, ServerOptions::default());
        let peers = (0..peers).map(|_| {
            let mut client = Client::new();
            let actor = server.connect(SessionOptions::default()).unwrap();
            client.connected(actor);
            let (up, down, heard) = (VecDeque::new(), VecDeque::new(), vec![0; peers]);
            Peer { client, actor, up, down, made: 0, heard, view: Vec::new(), cursor: 0 }
        });
        let mut room =
            Self { peers: peers.collect(), server, edits: 0, messages: 0, transformed: 0 };
        room.settle();
        room
    }

    fn flush(&mut self, peer: usize) {
        let Peer { client, up, made, .. } = &mut self.peers[peer];
        while let Some(message) = client.poll_message() {
            up.push_back((message, *made));
        }
    }

    fn deliver_up(&mut self, peer: usize) -> bool {
        let Some((message, made)) = self.peers[peer].up.pop_front() else { return false };
        self.messages += 1;
        let reply = self.server.receive(self.peers[peer].actor, message, 0).unwrap();
        for (number, other) in self.peers.iter_mut().enumerate() {
            let messages = if number == peer { &reply.sender } else { &reply.others };
            other.down.extend(messages.iter().map(|message| (message.clone(), peer, made)));
        }
        true
    }

    fn deliver_down(&mut self, peer: usize) -> bool {
        let who = &mut self.peers[peer];
        let Some((message, author, count)) = who.down.pop_front() else { return false };
        let waits = who.client.pending().len() > 0;
        let received = who.client.receive(message).unwrap();
        self.transformed += usize::from(waits && author != peer);
        who.heard[author] = who.heard[author].max(count);
        who.see(&received.changes);
        self.flush(peer);
        true
    }

    /// Delivers what it takes for a client to know this many transactions of another.
    fn hear_of(&mut self, peer: usize, other: usize, count: usize) {
        while peer != other && self.peers[peer].heard[other] < count {
            self.flush(other);
            if !(self.deliver_down(peer) || self.deliver_up(other) || self.deliver_down(other)) {
                // The last of it came to nothing: what it deletes was deleted by others.
                let Peer { client, made, .. } = &self.peers[other];
                assert_eq!(client.pending().len(), 0, "nothing leads to what the author knew");
                self.peers[peer].heard[other] = *made;
            }
        }
    }

    fn settle(&mut self) {
        let mut busy = true;
        while busy {
            busy = false;
            for peer in 0..self.peers.len() {
                self.flush(peer);
                busy |= self.deliver_up(peer) | self.deliver_down(peer);
            }
        }
    }

    fn report(&self, decode: impl Fn(&str) -> String) -> Report {
        let documents = self.peers.iter().map(|peer| peer.client.document());
        let documents = [self.server.document()].into_iter().chain(documents);
        let text = |document: &Document| match document.at("/text").unwrap().as_text() {
            Some(text) => text.to_string(),
            None => String::new(),
        };
        let views = self.peers.iter().map(|peer| peer.view.iter().collect::<String>());
        Report {
            edits: self.edits,
            messages: self.messages,
            transformed: self.transformed,
            contents: documents.map(text).chain(views).map(|text| decode(&text)).collect(),
        }
    }
}

impl Peer {
    fn edit(&mut self, at: usize, removed: usize, inserted: &str) {
        let edited = self.client.edit(|root| root.text("text")?.replace(at, removed, inserted));
        self.see(&edited.unwrap().changes);
    }

    /// Makes an edit where the characters are that it is about.
    fn edit_beside(&mut self, edit: &Edit) {
        for gone in &edit.removed {
            if let Some(at) = find_near(&self.view, self.cursor, &letter(*gone)) {
                self.edit(at, 1, "");
                self.cursor = at;
            }
        }
        if edit.inserted.is_empty() {
            return;
        }
        let mut before = edit.before.iter();
        let before = before.find_map(|n| find_near(&self.view, self.cursor, &letter(*n)));
        assert!(before.is_some() || edit.before.len() < NEAR, "all that was near is deleted");
        let at = before.map_or(0, |before| before + 1);
        let inserted: String = edit.inserted.clone().map(letter).collect();
        self.edit(at, 0, &inserted);
        self.cursor = at;
    }

    /// Follows what is reported as changed.
    fn see(&mut self, changes: &Changes) {
        for update in changes {
            match &update.detail {
                UpdateDetail::Text(ops) => ops.iter().for_each(|op| self.see_op(op)),
                UpdateDetail::Object(_) => {}
                other => panic!("only the text changes, not {other:?}"),
            }
        }
    }

    fn see_op(&mut self, op: &TextOp) {
        match op {
            TextOp::Insert { index, text, .. } => {
                let at = *index as usize;
                self.view.splice(at..at, text.chars());
            }
            TextOp::Delete { index, length } => {
                self.view.drain(*index as usize..(*index + *length) as usize);
            }
            TextOp::Format { .. } => panic!("nothing is formatted"),
        }
    }
}
