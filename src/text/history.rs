//! A server's memory of one text: the updates it accepted, so that late ones can be caught up.
//!
//! A client expresses an update against the version it knows. By the time it arrives, others may
//! have been accepted; the history says which, and the update is transformed over them. It also
//! recognises an update that was accepted before. A text that nobody edits keeps no history: an
//! empty [`History`] is 16 bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::budget::Budget;
use super::buffer::{Splices, Text, TextUndo};
use super::op::TextOp;
use super::op_index::OpIndex;
use super::transform::{Order, transform_within};
use crate::OpId;

/// The accepted updates of one text, the latest [`DEFAULT_LIMIT`](Self::DEFAULT_LIMIT) of them.
///
/// The text itself and its version are kept by the caller and handed in, so that this holds
/// nothing of a text that has no updates.
///
/// ```
/// use livetree::text::{History, Outcome, Text, TextOp};
/// let (mut history, mut text, mut version) = (History::default(), Text::from("ab"), 0);
/// let insert = |index, text: &str| TextOp::Insert { index, text: text.into(), attributes: None };
///
/// history.receive(&mut text, &mut version, Some(&"1:0".into()), 0, &[insert(0, "X")]);
/// // Sent by someone who did not know about the X.
/// history.receive(&mut text, &mut version, Some(&"2:0".into()), 0, &[insert(1, "Y")]);
/// assert_eq!((text.to_string().as_str(), version), ("XaYb", 2));
///
/// let again = history.receive(&mut text, &mut version, Some(&"2:0".into()), 0, &[insert(1, "Y")]);
/// assert!(matches!(again, Outcome::Rectified { base_version: 1, version: 2, .. }));
/// ```
#[derive(Clone, Debug)]
pub struct History {
    limit: usize,
    kept: Option<Box<Kept>>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    /// Without gaps: each entry begins at the version at which the one before it ended.
    entries: VecDeque<Entry>,
    /// The version before the latest entry of each op id.
    by_op: OpIndex,
}

/// One accepted update.
#[derive(Clone, Debug)]
pub struct Entry {
    op_id: Option<OpId>,
    base_version: u64,
    ops: Arc<[TextOp]>,
    /// The update as it was received, unless that is how it was applied.
    received: Option<Box<Received>>,
    /// An earlier entry of the same op (one that was sent again with more in it).
    previous: Option<u64>,
    /// The latest time the op came again with nothing new in it.
    repeated: Option<Box<Repeated>>,
}

#[derive(Clone, Debug)]
struct Received {
    base_version: u64,
    ops: Arc<[TextOp]>,
}

/// An update that came again; with the version at which the text was then.
#[derive(Clone, Debug)]
struct Repeated {
    received: Received,
    version: u64,
}

/// What a client once sent, and the versions at which it may have stood afterwards: that on which
/// it was based, and those of which the client heard while it waited for an answer.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) base_version: u64,
    pub(crate) ops: &'a [TextOp],
    pub(crate) until: u64,
}

/// What became of an update.
#[derive(Clone, Debug)]
#[must_use]
pub enum Outcome {
    /// It does nothing; the sender needs an acknowledgement only.
    Ignored,
    /// It was applied, as a new version.
    Accepted(Accepted),
    /// It was accepted earlier; the sender is told how.
    Rectified {
        /// The version before.
        base_version: u64,
        /// The version after.
        version: u64,
        /// The operations as they were applied.
        ops: Arc<[TextOp]>,
    },
    /// It cannot be applied; nothing changed.
    Rejected(UpdateError),
}

/// An update that was applied.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The version before.
    pub base_version: u64,
    /// The version after.
    pub version: u64,
    /// The operations as they were applied: transformed and fitted to the text.
    pub ops: Arc<[TextOp]>,
    /// Takes it all back; see [`History::revert`].
    pub revert: Revert,
}

/// What takes text, version and history back to before an update was accepted.
#[derive(Clone, Debug)]
pub struct Revert {
    text: TextUndo,
    evicted: Option<Entry>,
}

/// Why an update was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// It claims to know a version that does not exist yet.
    #[error("LiveText operation base version is ahead of storage")]
    Ahead,
    /// It is based on a version from which the history no longer reaches to the present, or from
    /// which it is too far: to carry the update over would take too long.
    #[error("LiveText operation is older than retained history")]
    TooOld,
    /// The text is at the last version that there is.
    #[error("LiveText has no version left")]
    NoVersionLeft,
}

/// The last version of a text: the last integer that is exact for clients that count in doubles.
pub(crate) const LAST_VERSION: u64 = (1 << 53) - 1;

impl UpdateError {
    /// Whether the update hangs on a version from which the history does not lead to the present one. On another
    /// version it may be accepted.
    pub fn is_about_version(self) -> bool {
        matches!(self, Self::Ahead | Self::TooOld)
    }
}

impl Default for History {
    fn default() -> Self {
        Self::with_limit(Self::DEFAULT_LIMIT)
    }
}

impl Accepted {
    /// What takes the text back.
    pub(crate) fn undo(&self) -> &TextUndo {
        &self.revert.text
    }

    /// What it replaced in the text.
    pub(crate) fn splices(&self) -> Splices {
        self.revert.text.splices(&self.ops)
    }
}

impl Entry {
    /// The op that brought the update.
    pub fn op_id(&self) -> Option<&OpId> {
        self.op_id.as_ref()
    }

    /// The version before.
    pub fn base_version(&self) -> u64 {
        self.base_version
    }

    /// The version after.
    pub fn version(&self) -> u64 {
        self.base_version + 1
    }

    /// The operations as they were applied.
    pub fn ops(&self) -> &Arc<[TextOp]> {
        &self.ops
    }

    /// The version on which the update as received was based.
    pub fn received_base_version(&self) -> u64 {
        self.received.as_ref().map_or(self.base_version, |received| received.base_version)
    }

    /// The operations as they were received.
    pub fn received_ops(&self) -> &Arc<[TextOp]> {
        self.received.as_ref().map_or(&self.ops, |received| &received.ops)
    }

    /// The version before the earlier entry of the same op.
    pub(crate) fn previous(&self) -> Option<u64> {
        self.previous
    }

    /// What the client sent, latest first.
    pub(crate) fn sent(&self) -> impl Iterator<Item = Sent<'_>> {
        let repeated = self.repeated.iter().map(|repeated| Sent {
            base_version: repeated.received.base_version,
            ops: &repeated.received.ops,
            until: repeated.version,
        });
        repeated.chain([Sent {
            base_version: self.received_base_version(),
            ops: self.received_ops(),
            until: self.base_version,
        }])
    }
}

impl History {
    /// How many updates are kept unless said otherwise.
    pub const DEFAULT_LIMIT: usize = 1000;

    /// An empty history that keeps the latest `limit` updates.
    pub fn with_limit(limit: usize) -> Self {
        Self { limit, kept: None }
    }

    /// The number of updates kept.
    pub fn len(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.entries.len())
    }

    /// Whether no updates are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The updates kept, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.kept.iter().flat_map(|kept| &kept.entries)
    }

    /// The latest update that an op brought, if it is still kept.
    pub fn of_op(&self, op_id: &OpId) -> Option<&Entry> {
        let version = self.kept.as_ref()?.by_op.get(op_id)?;
        self.at(version)
    }

    /// The update that took the text on from a version.
    pub(crate) fn at(&self, base_version: u64) -> Option<&Entry> {
        let entries = &self.kept.as_ref()?.entries;
        let age = base_version.checked_sub(entries.front()?.base_version)?;
        entries.get(usize::try_from(age).ok()?)
    }

    /// The updates accepted since `base_version`, where `version` is the present one.
    ///
    /// # Errors
    ///
    /// If that version is still to come, or so old that not all since then are kept.
    pub fn since(
        &self,
        base_version: u64,
        version: u64,
    ) -> Result<impl Iterator<Item = &Entry>, UpdateError> {
        let count = version.checked_sub(base_version).ok_or(UpdateError::Ahead)?;
        let count = usize::try_from(count).map_err(|_| UpdateError::TooOld)?;
        let skip = self.len().checked_sub(count).ok_or(UpdateError::TooOld)?;
        let entries = self.kept.as_ref().map(|kept| kept.entries.range(skip..));
        Ok(entries.into_iter().flatten())
    }

    /// Takes an update from a client: ignores, rectifies, rejects, or catches it up with what has
    /// been accepted since and applies it.
    ///
    /// An op that was accepted before is answered with what is stored, whatever it now says; see
    /// [`rectify_resent`](Self::rectify_resent) for an answer that loses nothing.
    pub fn receive(
        &mut self,
        text: &mut Text,
        version: &mut u64,
        op_id: Option<&OpId>,
        base_version: u64,
        ops: &[TextOp],
    ) -> Outcome {
        self.receive_within(text, version, op_id, base_version, ops, &mut Budget::default())
    }

    /// As [`receive`](Self::receive), within a budget.
    pub(crate) fn receive_within(
        &mut self,
        text: &mut Text,
        version: &mut u64,
        op_id: Option<&OpId>,
        base_version: u64,
        ops: &[TextOp],
        budget: &mut Budget,
    ) -> Outcome {
        if let Some(known) = op_id.and_then(|op_id| self.of_op(op_id)) {
            return Outcome::Rectified {
                base_version: known.base_version,
                version: known.version(),
                ops: known.ops.clone(),
            };
        }
        if ops.is_empty() {
            return Outcome::Ignored;
        }
        if *version >= LAST_VERSION {
            return Outcome::Rejected(UpdateError::NoVersionLeft);
        }
        let (applied, undo) = if base_version == *version {
            text.apply_normalized(ops)
        } else {
            let since = match self.since(base_version, *version) {
                Ok(since) => since,
                Err(error) => return Outcome::Rejected(error),
            };
            let over = since.flat_map(|entry| entry.ops.iter());
            match transform_within(ops, over, Order::After, budget) {
                Ok(ops) => text.apply_normalized(&ops),
                Err(error) => return Outcome::Rejected(error),
            }
        };
        Outcome::Accepted(self.record(version, op_id, base_version, ops, applied, undo))
    }

    /// Remembers an update that was just applied.
    pub(crate) fn record(
        &mut self,
        version: &mut u64,
        op_id: Option<&OpId>,
        received_base: u64,
        received: &[TextOp],
        applied: Vec<TextOp>,
        undo: TextUndo,
    ) -> Accepted {
        let base_version = *version;
        *version = base_version + 1;
        let as_applied = received_base == base_version && received == applied;
        let received = (!as_applied)
            .then(|| Box::new(Received { base_version: received_base, ops: received.into() }));
        let ops: Arc<[TextOp]> = applied.into();
        let kept = self.kept.get_or_insert_default();
        let previous = op_id.and_then(|op_id| kept.by_op.insert(op_id, base_version));
        kept.entries.push_back(Entry {
            op_id: op_id.cloned(),
            base_version,
            ops: ops.clone(),
            received,
            previous,
            repeated: None,
        });
        let evicted = if kept.entries.len() > self.limit { kept.entries.pop_front() } else { None };
        if let Some(Entry { op_id: Some(op_id), base_version, .. }) = &evicted {
            if kept.by_op.get(op_id) == Some(*base_version) {
                kept.by_op.remove(op_id);
            }
        }
        let revert = Revert { text: undo, evicted };
        Accepted { base_version, version: *version, ops, revert }
    }

    /// Remembers that an op came again. What its client goes on to send builds on this, whatever
    /// became of it, so [`revert`](Self::revert) does not take it back.
    pub(crate) fn repeat(&mut self, op_id: &OpId, version: u64, base: u64, ops: &[TextOp]) {
        let Some(kept) = &mut self.kept else { return };
        let latest = kept.by_op.get(op_id).zip(kept.entries.front());
        let age = latest.and_then(|(at, first)| at.checked_sub(first.base_version));
        let index = age.and_then(|age| usize::try_from(age).ok());
        if let Some(entry) = index.and_then(|index| kept.entries.get_mut(index)) {
            let received = Received { base_version: base, ops: ops.into() };
            entry.repeated = Some(Box::new(Repeated { received, version }));
        }
    }

    /// Takes back the latest accepted update: text, version and history are what they were before.
    pub fn revert(&mut self, text: &mut Text, version: &mut u64, revert: Revert) {
        let _ = self.take_back(text, version, revert);
    }

    /// As [`revert`](Self::revert), and says what it replaced in the text.
    pub(crate) fn take_back(
        &mut self,
        text: &mut Text,
        version: &mut u64,
        revert: Revert,
    ) -> Splices {
        let splices = text.take_back(revert.text);
        self.take_back_entry(version, revert.evicted);
        splices
    }

    fn take_back_entry(&mut self, version: &mut u64, evicted: Option<Entry>) {
        let kept = self.kept.get_or_insert_default();
        // With a limit of 0 the update itself was evicted at once.
        let limit_is_zero = kept.entries.is_empty();
        let last = if limit_is_zero { evicted.clone() } else { kept.entries.pop_back() };
        let Some(last) = last else { return };
        *version = last.base_version;
        if let Some(op_id) = last.op_id {
            match last.previous {
                Some(previous) => {
                    kept.by_op.insert(&op_id, previous);
                }
                None => kept.by_op.remove(&op_id),
            }
        }
        if let Some(evicted) = evicted.filter(|_| !limit_is_zero) {
            if let Some(op_id) = &evicted.op_id {
                if kept.by_op.get(op_id).is_none() {
                    kept.by_op.insert(op_id, evicted.base_version);
                }
            }
            kept.entries.push_front(evicted);
        }
        if kept.entries.is_empty() {
            self.kept = None;
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.kept = None;
    }

    /// An estimate of the bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let Some(kept) = &self.kept else { return 0 };
        let text = |op: &TextOp| match op {
            TextOp::Insert { text, .. } => size_of::<TextOp>() + text.heap_bytes(),
            _ => size_of::<TextOp>(),
        };
        let ops = |ops: &[TextOp]| 16 + ops.iter().map(text).sum::<usize>();
        let entry = |entry: &Entry| {
            let received = entry.received.as_ref();
            let repeated = entry.repeated.as_ref();
            ops(&entry.ops)
                + received.map_or(0, |r| size_of::<Received>() + ops(&r.ops))
                + repeated.map_or(0, |r| size_of::<Repeated>() + ops(&r.received.ops))
        };
        size_of::<Kept>()
            + kept.entries.capacity() * size_of::<Entry>()
            + kept.by_op.heap_bytes()
            + kept.entries.iter().map(entry).sum::<usize>()
    }
}
