//! Replicas without a server: whoever has the same operations has the same document.
//!
//! Every op has a *stamp*, a Lamport clock and the actor: greater than the stamps of all ops that the actor
//! had ([Lamport 1978](https://lamport.azurewebsites.net/pubs/time-clocks.pdf)). A peer's document is its ops
//! applied in the order of their stamps, by the same [`apply`](Document::apply) as a server's. One that comes
//! late is put where it belongs: what was applied after it is taken back, and applied again on top.
//!
//! Sans-IO, as server and client are: [turns](Turn) come in, turns go out, by any way and in any order.

mod cursors;
mod saved;
mod settle;
mod texts;
mod turn;
mod undo;
mod version;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use thiserror::Error;

pub use turn::Turn;
pub use version::Version;

use crate::change::{Origin, UpdateDetail};
use crate::cursors::Cursors;
use crate::document::{NodeIx, Savepoint};
use crate::edit::{Edited, Predicted, Session};
use crate::history::History;
use crate::op::OpKind;
use crate::patch::{PatchError, Patched};
use crate::prediction::{Inverse, take_inverse};
use crate::{Actor, Changes, Document, EditError, IdSource, ObjectMut, Op, OpId};
use texts::Texts;

/// Counters are below this: no more fit in the ids of ops. Those of others are below half of it, so that whoever
/// counts up to there can still edit, if only alone.
const END: u64 = 1 << 32;
const END_OF_OTHERS: u64 = END / 2;

/// A replica that needs no server.
///
/// *Edit* with [`edit`](Self::edit), [`patch`](Self::patch), [`undo`](Self::undo) and [`redo`](Self::redo). *Tell* others with
/// [`turns_since`](Self::turns_since), given what they [have](Self::version) as they say, and *hear* with
/// [`receive`](Self::receive). Any two that have the same ops have the same document.
///
/// Peers believe each other: that an op is an actor's, that it is the same op wherever it is told, and that its
/// counter is not far beyond all others. Who is not trusted has to be kept out by the host. What nobody can do with a
/// turn is to make peers panic.
///
/// Each peer needs an actor that no other ever has in the life of the document, for example a random one. All
/// begin with the same document: an empty one, one made of the same bytes, or what a peer has
/// [saved](Self::save).
///
/// ```
/// use livetree::{Actor, Document, Peer};
/// let board = Document::from_json(br#"{"todos":["one"]}"#)?;
/// let mut ann = Peer::new(Actor(1), board.clone());
/// let mut ben = Peer::new(Actor(2), board);
/// ann.edit(|root| root.list("todos")?.push("two"))?;
/// ben.edit(|root| root.list("todos")?.insert(0, "zero"))?;
///
/// ben.receive(ann.turns_since(ben.version())?)?;
/// ann.receive(ben.turns_since(ann.version())?)?;
/// assert_eq!(ann.document().to_json().to_string(), r#"{"todos":["zero","one","two"]}"#);
/// assert_eq!(ann.document(), ben.document());
/// # Ok::<(), livetree::Error>(())
/// ```
#[derive(Debug)]
pub struct Peer {
    document: Document,
    ids: IdSource,
    /// In the order of their stamps. The document is these applied to what is settled.
    log: Vec<Entry>,
    /// What is in the log or settled.
    version: Version,
    /// What everybody has, and is not in the log.
    settled: Version,
    texts: Texts,
    /// What own ops that are made now have seen of others.
    seen: Arc<Version>,
    history: History,
    cursors: Cursors,
}

/// What came of an edit.
struct Made<T> {
    value: T,
    ops: Vec<Op>,
    inverse: Inverse,
    changes: Changes,
}

/// When an op comes in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    counter: u64,
    actor: Actor,
}

/// An op in the log.
#[derive(Clone, Debug)]
struct Entry {
    stamp: Stamp,
    /// What its author had of others.
    seen: Arc<Version>,
    op: Op,
    /// Before it, while it is applied.
    savepoint: Option<Savepoint>,
}

/// What the author of an op had.
struct Seen<'a> {
    actor: Actor,
    others: &'a Version,
}

/// Why a peer could not do as asked. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PeerError {
    /// Earlier turns have to come first: of the same actor, or others that it had when it made these. Ask for what
    /// is missing since the own [version](Peer::version).
    #[error(
        "ops of actor {actor} are missing: all below {have} are here, those below {after} are needed"
    )]
    Missing {
        /// Whose ops.
        actor: Actor,
        /// The bound of those that are here.
        have: u64,
        /// The bound of those that have to be.
        after: u64,
    },
    /// Somebody has been left behind: this is about ops that are [settled](Peer::settle).
    #[error("too old: settled ops of actor {actor} are not among those seen there")]
    TooOld {
        /// Whose ops.
        actor: Actor,
    },
    /// A turn contradicts itself.
    #[error("turn of actor {actor}: {reason}")]
    Malformed {
        /// Whose turn.
        actor: Actor,
        /// What is wrong.
        reason: &'static str,
    },
    /// Bytes are no turns.
    #[error("these are no turns: {0}")]
    Unreadable(String),
}

impl Peer {
    /// A peer with this actor, that begins with this document. O(n) for n nodes.
    pub fn new(actor: Actor, document: Document) -> Self {
        Self::with_ids(IdSource::new(actor), document)
    }

    fn with_ids(mut ids: IdSource, mut document: Document) -> Self {
        document.commit_all();
        ids.skip_nodes_of(&document);
        Self {
            document,
            ids,
            log: Vec::new(),
            version: Version::new(),
            settled: Version::new(),
            texts: Texts::default(),
            seen: Arc::default(),
            history: History::default(),
            cursors: Cursors::default(),
        }
    }

    /// The actor in whose name edits are made.
    pub fn actor(&self) -> Actor {
        self.ids.actor()
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Which ops are here.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Which ops are [settled](Self::settle). Whoever lacks some of them can be told nothing.
    pub fn settled(&self) -> &Version {
        &self.settled
    }

    /// Sets the limits that edits and patches keep.
    pub fn set_limits(&mut self, limits: crate::Limits) {
        self.document.set_limits(limits);
    }

    /// Whether edits and turns report their net changes, as they do unless this is switched off; see
    /// [`Document::set_change_reports`]. While there are [cursors](Self::add_cursor), which go by the changes, or
    /// steps of undo that change texts, they are reported all the same.
    pub fn set_change_reports(&mut self, on: bool) {
        self.document.set_change_reports(on);
    }

    /// Makes a batch of edits, all or nothing.
    ///
    /// # Errors
    /// If the closure fails; nothing has happened then.
    pub fn edit<T>(
        &mut self,
        edit: impl FnOnce(&mut ObjectMut<'_>) -> Result<T, EditError>,
    ) -> Result<Edited<T>, EditError> {
        self.edit_with(|session| edit(&mut ObjectMut::new(session.reborrow(), NodeIx::ROOT)))
    }

    /// Applies a JSON Patch, all or nothing.
    ///
    /// # Errors
    /// If the patch fails; nothing has happened then.
    pub fn patch(&mut self, patch: &[json_patch::PatchOperation]) -> Result<Patched, PatchError> {
        self.edit_with(|session| session.patch(patch))
    }

    /// Makes an edit that is a step of undo.
    fn edit_with<T, E>(
        &mut self,
        edit: impl FnOnce(&mut Session<'_>) -> Result<T, E>,
    ) -> Result<Edited<T>, E> {
        let Made { value, ops, inverse, changes } = self.make(edit)?;
        self.history.edited(&ops, inverse);
        Ok(Edited { value, ops, changes: changes.with_origin(Origin::Local) })
    }

    /// Runs an edit whose ops go to the end of the log: nothing that is here has a greater stamp.
    fn make<T, E>(
        &mut self,
        edit: impl FnOnce(&mut Session<'_>) -> Result<T, E>,
    ) -> Result<Made<T>, E> {
        let Self { document, ids, log, version, texts, seen, cursors, .. } = self;
        let actor = ids.actor();
        let (result, changes) = document.watch_for(!cursors.is_empty(), |document| {
            let mut own = 0;
            let Predicted { value, ops, mut predictions } = document.predict(ids, |session| {
                let value = edit(session)?;
                own = session.trail.ops.len();
                session.keep_positions_short();
                Ok(value)
            })?;
            debug_assert!(ops.iter().all(|op| counter(op).is_some()), "edits have counters");
            // Positions stay short when the edit is taken back.
            let made_by_edit = ops.get(..own).unwrap_or_default();
            let inverse = take_inverse(made_by_edit, &mut predictions);
            let first = log.len();
            log.extend(ops.iter().zip(predictions).map(|(op, prediction)| Entry {
                stamp: Stamp { counter: counter(op).unwrap_or_default(), actor },
                seen: seen.clone(),
                op: op.clone(),
                savepoint: Some(prediction.savepoint),
            }));
            let made = log.get_mut(first..).unwrap_or_default();
            if let Some(last) = made.last() {
                version.set(actor, last.stamp.counter + 1);
            }
            // Shortcut: what is applied already as it would be applied now stays so. But texts have to know
            // of each update by itself.
            if ops.iter().any(|op| matches!(op.kind, OpKind::UpdateText(_))) {
                if let Some(savepoint) = made.first().and_then(|first| first.savepoint) {
                    document.rollback(savepoint);
                }
                for entry in made {
                    entry.fold(document, texts);
                    if let OpKind::UpdateText(update) = &entry.op.kind {
                        document.tell_text(&entry.op.id, &update.ops);
                    }
                }
            }
            Ok((value, ops, inverse))
        });
        let (value, ops, inverse) = result?;
        self.cursors.follow(&changes);
        Ok(Made { value, ops, inverse, changes })
    }

    /// What somebody lacks that has this version, in an order in which it can be taken in.
    ///
    /// O(log n) for n ops in the log, and linear in those from the first that is lacking on, and in the actors of
    /// whom each turn has seen ops.
    ///
    /// # Errors
    /// [`TooOld`](PeerError::TooOld) if some of that is settled: then the other needs a [copy](Self::save).
    pub fn turns_since(&self, version: &Version) -> Result<Vec<Turn>, PeerError> {
        self.check_settled(version, None)?;
        let bounds = self.version.iter().map(|(actor, bound)| (version.get(actor), bound));
        let lacking = bounds.filter(|(has, bound)| has < bound);
        let Some(first) = lacking.map(|(has, _)| has).min() else { return Ok(Vec::new()) };
        let start = self.log.partition_point(|entry| entry.stamp.counter < first);
        let entries = self.log.get(start..).unwrap_or_default();

        let mut turns: Vec<(Turn, &Arc<Version>)> = Vec::new();
        // The latest turn of each actor, and the bound behind it.
        let mut latest = BTreeMap::<Actor, (usize, u64)>::new();
        for Entry { stamp: Stamp { counter, actor }, seen, op, .. } in entries {
            if *counter < version.get(*actor) {
                continue;
            }
            let (number, after) =
                latest.get(actor).copied().unwrap_or_else(|| (usize::MAX, version.get(*actor)));
            let number = match turns.get_mut(number) {
                Some((turn, of)) if of == &seen => {
                    turn.ops.push(op.clone());
                    number
                }
                _ => {
                    let (had, ops) = (Version::clone(seen), vec![op.clone()]);
                    turns.push((Turn { actor: *actor, after, seen: had, ops }, seen));
                    turns.len() - 1
                }
            };
            latest.insert(*actor, (number, counter + 1));
        }
        Ok(turns.into_iter().map(|(turn, _)| turn).collect())
    }

    /// Takes in turns of others. Those that are here already do nothing. What the rest does to the document is
    /// reported. Each has to come after all that its author had, as [`turns_since`](Self::turns_since) tells them.
    ///
    /// Own turns are taken in as well, by a peer that begins anew with the document with which it once began.
    ///
    /// Costs what has to be taken back and applied again: the ops whose stamps are greater than the least that
    /// is new. An update of a text that its author made without having heard of others costs besides the number of
    /// runs that were typed there since all had heard of all.
    ///
    /// # Errors
    /// If turns are missing before one of these, or one contradicts itself.
    pub fn receive(&mut self, turns: impl IntoIterator<Item = Turn>) -> Result<Changes, PeerError> {
        let mut version = self.version.clone();
        let mut new = Vec::new();
        for turn in turns {
            self.check(&turn, &version)?;
            let Turn { actor, seen, ops, .. } = turn;
            let seen = Arc::new(seen);
            for op in ops {
                let counter = counter(&op).unwrap_or_default();
                if counter >= version.get(actor) {
                    version.set(actor, counter + 1);
                    let (stamp, seen) = (Stamp { counter, actor }, seen.clone());
                    new.push(Entry { stamp, seen, op, savepoint: None });
                }
            }
        }
        new.sort_by_key(|entry| entry.stamp);
        let Some(first) = new.first().map(|first| first.stamp) else {
            return Ok(Changes::default());
        };

        for Entry { op, .. } in new.iter().filter(|new| matches!(new.op.kind, OpKind::Create(_))) {
            self.ids.skip_node(&op.id);
        }
        let texts = new.iter().filter_map(|new| new.op.updated_text());
        let texts: BTreeSet<_> = texts.map(|(id, of)| (id.clone(), of)).collect();
        self.ids.skip_ops(version.end());
        let had = mem::replace(&mut self.version, version);
        self.set_seen();

        // Steps of undo follow what others do to texts.
        let followed = !self.cursors.is_empty() || self.history.changes_texts();
        let mut news = BTreeMap::new();
        let ((), changes) = self.document.watch_for(followed, |document| {
            let from = take_back(document, &mut self.log, &mut self.texts, first);
            // Both are in order, so this takes one pass.
            self.log.append(&mut new);
            self.log.get_mut(from..).unwrap_or_default().sort_by_key(|entry| entry.stamp);
            for entry in self.log.iter_mut().skip(from) {
                entry.fold(document, &mut self.texts);
            }
            let is_watched = document.is_watched();
            for (id, of) in texts.into_iter().filter(|_| is_watched) {
                let ops = self.texts.news(document, &id, of, &had, first);
                document.tell_text(&id, &ops);
                // Of two lives of one text, one is not shown.
                if !ops.is_empty() {
                    news.insert(id, ops);
                }
            }
        });
        self.cursors.follow(&changes);
        // What is reported does lead to the text. But letters that gave way to the same ones are not reported.
        for update in &changes {
            if let UpdateDetail::Text(ops) = &update.detail {
                news.insert(update.node.clone(), ops.clone());
            }
        }
        for (text, ops) in news {
            self.history.carry(&text, ops);
        }
        Ok(changes.with_origin(Origin::Remote))
    }

    /// Begins with a document that has these ops.
    fn begin_with(&mut self, version: Version) {
        self.ids.skip_ops(version.end());
        self.version = version;
        self.set_seen();
    }

    /// From here on own ops have seen all that is here.
    fn set_seen(&mut self) {
        let mut seen = self.version.clone();
        seen.set(self.actor(), 0);
        self.seen = Arc::new(seen);
    }

    /// Shows the document as it is without the log.
    fn settled_document<T>(&mut self, show: impl FnOnce(&Document) -> T) -> T {
        let Self { document, log, texts, .. } = self;
        take_back(document, log, texts, Stamp { counter: 0, actor: Actor(0) });
        let shown = show(document);
        for entry in log {
            entry.fold(document, texts);
        }
        shown
    }

    /// Says what is wrong with a turn, for a peer that has this version.
    fn check(&self, turn: &Turn, version: &Version) -> Result<(), PeerError> {
        let Turn { actor, after, seen, ops } = turn;
        let malformed = |reason| Err(PeerError::Malformed { actor: *actor, reason });
        let mut least = *after;
        for op in ops {
            let Some((of, counter)) = op.op_id.as_ref().and_then(OpId::actor_and_clock) else {
                return malformed("the id of an op is not its actor and counter");
            };
            if of != *actor {
                return malformed("an op has the id of another actor's");
            }
            if u64::from(counter) < least {
                return malformed("the counters of its ops do not ascend");
            }
            least = u64::from(counter) + 1;
        }
        if least > END_OF_OTHERS && *actor != self.actor() {
            return malformed("a counter is too large");
        }
        let first = ops.first().and_then(counter).unwrap_or(least);
        if seen.iter().any(|(of, bound)| of != *actor && bound > first) {
            return malformed("it has seen ops that come after it");
        }
        let have = version.get(*actor);
        if *after > have {
            return Err(PeerError::Missing { actor: *actor, have, after: *after });
        }
        if least <= have {
            return Ok(());
        }
        // What is here already of the actor's ops is part of them all, up to the last one.
        let knows_last = || ops.iter().filter_map(counter).any(|counter| counter + 1 == have);
        if *after < have && !knows_last() {
            return malformed("it leaves out an op that is here");
        }
        self.check_settled(seen, Some(*actor))?;
        let mut others = seen.iter().filter(|(of, _)| of != actor);
        match others.find(|(of, bound)| version.get(*of) < *bound) {
            Some((of, after)) => {
                Err(PeerError::Missing { actor: of, have: version.get(of), after })
            }
            None => Ok(()),
        }
    }

    /// Says whose settled ops somebody with this version lacks, but for one actor's.
    fn check_settled(&self, version: &Version, except: Option<Actor>) -> Result<(), PeerError> {
        let mut settled = self.settled.iter().filter(|(actor, _)| Some(*actor) != except);
        match settled.find(|(actor, bound)| version.get(*actor) < *bound) {
            Some((actor, _)) => Err(PeerError::TooOld { actor }),
            None => Ok(()),
        }
    }
}

impl Entry {
    fn seen(&self) -> Seen<'_> {
        Seen { actor: self.stamp.actor, others: &self.seen }
    }

    /// Applies the op, as what comes next in the order.
    fn fold(&mut self, document: &mut Document, texts: &mut Texts) {
        self.savepoint = Some(document.savepoint());
        match &self.op.kind {
            OpKind::UpdateText(update) => texts.fold(document, self, update),
            _ => _ = document.apply(&self.op),
        }
    }
}

/// Takes back all ops from a stamp on; tells from where on ops have to be applied again.
fn take_back(document: &mut Document, log: &mut [Entry], texts: &mut Texts, stamp: Stamp) -> usize {
    let from = log.partition_point(|entry| entry.stamp < stamp);
    let later = log.get_mut(from..).unwrap_or_default();
    if let Some(savepoint) = later.first().and_then(|first| first.savepoint) {
        document.rollback(savepoint);
    }
    for entry in later {
        entry.savepoint = None;
        texts.take_back(&entry.op, entry.stamp);
    }
    from
}

/// The counter of an op, if its id has one.
fn counter(op: &Op) -> Option<u64> {
    op.op_id.as_ref()?.actor_and_clock().map(|(_, clock)| u64::from(clock))
}
