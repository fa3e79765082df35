//! The journal: how to take back what was changed since the oldest open savepoint.
//!
//! Each primitive mutation leaves one [`Undo`] entry while a savepoint is open. Rolling back pops
//! entries and costs what was changed; committing drops them. The oldest entries can also be
//! dropped alone, which is how a client turns a prediction into confirmed state.

use std::collections::VecDeque;

use super::node::NodeIx;
use crate::position::Position;
use crate::text::Revert;
use crate::{Json, SmallStr};

/// A point in a document's history that [`rollback`](crate::Document::rollback) returns to.
///
/// Savepoints nest. One that was rolled back or committed, or that lies within one that was, is
/// closed; using it again does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "an open savepoint makes the document remember every change"]
pub struct Savepoint {
    /// Number of the first entry that belongs to it.
    pub(super) entry: u64,
    /// Savepoints are numbered in order of opening.
    pub(super) number: u64,
}

/// How to take one primitive mutation back.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    /// A JSON field was set or removed: put the old one back.
    Field { node: NodeIx, key: SmallStr, old: Option<Json> },
    /// A node was attached: take it off again and free it.
    Attached(NodeIx),
    /// A subtree was detached, and is kept whole: attach it where it was.
    Detached(NodeIx),
    /// A list item was moved: move it back.
    Moved { node: NodeIx, from: Position },
    /// A text was updated.
    Text { node: NodeIx, revert: Revert },
}

/// The entries since the oldest open savepoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    entries: VecDeque<Undo>,
    /// Number of the oldest entry kept.
    first: u64,
    /// Open savepoints, oldest first.
    open: VecDeque<Savepoint>,
    opened: u64,
    /// Changes are being made beneath the savepoints: they stay when those are rolled back.
    suspended: bool,
}

impl Journal {
    pub(super) fn is_recording(&self) -> bool {
        !self.open.is_empty() && !self.suspended
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn has_savepoints(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn suspend(&mut self, suspended: bool) {
        self.suspended = suspended;
    }

    #[inline]
    pub(super) fn record(&mut self, undo: Undo) {
        debug_assert!(self.is_recording(), "I8: the journal is empty without a savepoint");
        self.entries.push_back(undo);
    }

    pub(super) fn open(&mut self) -> Savepoint {
        let savepoint = Savepoint { entry: self.end(), number: self.opened };
        self.opened += 1;
        self.open.push_back(savepoint);
        savepoint
    }

    /// The oldest open savepoint.
    pub(super) fn oldest(&self) -> Option<Savepoint> {
        self.open.front().copied()
    }

    /// Closes the savepoint and all within it; false if it was closed already.
    pub(super) fn close(&mut self, savepoint: Savepoint) -> bool {
        if self.open.back() == Some(&savepoint) {
            self.open.pop_back();
            return true;
        }
        let Ok(at) = self.open.binary_search(&savepoint) else { return false };
        self.open.truncate(at);
        true
    }

    /// Closes the savepoint alone, unless it is the oldest.
    pub(super) fn merge(&mut self, savepoint: Savepoint) {
        if let Ok(at) = self.open.binary_search(&savepoint) {
            if at > 0 {
                self.open.remove(at);
            }
        }
    }

    /// The latest entry, if it belongs to `savepoint`.
    pub(super) fn pop(&mut self, savepoint: Savepoint) -> Option<Undo> {
        if self.end() <= savepoint.entry { None } else { self.entries.pop_back() }
    }

    /// The oldest entry, if no open savepoint needs it.
    pub(super) fn pop_committed(&mut self) -> Option<Undo> {
        let needed = self.open.front().map_or(u64::MAX, |oldest| oldest.entry);
        if self.first >= needed {
            return None;
        }
        let undo = self.entries.pop_front()?;
        self.first += 1;
        Some(undo)
    }

    /// Closes the oldest savepoint only: what it covers alone is committed.
    pub(super) fn close_oldest(&mut self, savepoint: Savepoint) -> bool {
        let oldest = self.open.front() == Some(&savepoint);
        if oldest {
            self.open.pop_front();
        }
        oldest
    }

    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }
}
