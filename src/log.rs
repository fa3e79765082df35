//! The op log: what was accepted, in order, so that a host can catch up, audit or persist.

use std::collections::VecDeque;

use crate::op::UpdateText;
use crate::{Actor, Op};

/// An accepted op in the order of the document.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogEntry {
    /// Its place in the order of this `Server`, from 1. What was [replayed](crate::Server::replay) does not count,
    /// so numbers begin anew after a restart.
    pub seq: u64,
    /// Who sent it.
    pub actor: Actor,
    /// When, as the host gave it.
    pub at: u64,
    /// The op as it was applied.
    pub op: Op,
    /// The update of a text as its client has sent it, if it is one: a server to which the log is
    /// [replayed](crate::Server::replay) knows it by that when it comes again.
    pub received: Option<UpdateText>,
}

/// The latest accepted ops; older ones are forgotten beyond a bound.
#[derive(Clone, Debug)]
pub struct OpLog {
    entries: VecDeque<LogEntry>,
    /// Number of the latest entry, kept or not.
    last: u64,
    bound: usize,
}

impl OpLog {
    /// An empty log that keeps at most `bound` entries.
    pub(crate) fn new(bound: usize) -> Self {
        Self { entries: VecDeque::new(), last: 0, bound }
    }

    /// Number of the latest op; 0 before the first.
    pub fn last_seq(&self) -> u64 {
        self.last
    }

    /// The ops after `seq`; `None` if some of them are forgotten, or `seq` is later than the latest.
    pub fn since(&self, seq: u64) -> Option<impl ExactSizeIterator<Item = &LogEntry>> {
        let missed = usize::try_from(self.last.checked_sub(seq)?).ok()?;
        let start = self.entries.len().checked_sub(missed)?;
        Some(self.entries.range(start..))
    }

    /// The entries that are kept, oldest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &LogEntry> {
        self.entries.iter()
    }

    /// Forgets the ops up to and including `seq`, for example once they are stored elsewhere.
    ///
    /// A snapshot alone does not replace them: that a client sends again what is in it already is known only to a
    /// server that has carried it out, or has been given it to [replay](crate::Server::replay) on an earlier snapshot.
    /// So hosts keep, beside the latest snapshot, one from before the ops that may still come again.
    pub fn forget(&mut self, seq: u64) {
        while self.entries.front().is_some_and(|entry| entry.seq <= seq) {
            self.entries.pop_front();
        }
    }

    /// Adds an op, and what was received if that is an update of a text.
    pub(crate) fn append(
        &mut self,
        actor: Actor,
        at: u64,
        entry: impl FnOnce() -> (Op, Option<UpdateText>),
    ) {
        self.last += 1;
        if self.bound == 0 {
            return;
        }
        if self.entries.len() == self.bound {
            self.entries.pop_front();
        }
        let (op, received) = entry();
        self.entries.push_back(LogEntry { seq: self.last, actor, at, op, received });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;
    use crate::op::OpKind;

    #[test]
    fn tells_what_was_missed_as_long_as_it_is_kept() {
        let mut log = OpLog::new(3);
        for at in 1..=5 {
            let op = Op::new(NodeId::minted(Actor(1), at), OpKind::DeleteCrdt);
            log.append(Actor(1), at, || (op, None));
        }
        let seqs = |seq| log.since(seq).map(|ops| ops.map(|entry| entry.seq).collect::<Vec<_>>());
        assert_eq!(seqs(5), Some(vec![]));
        assert_eq!(seqs(2), Some(vec![3, 4, 5]));
        assert_eq!(seqs(1), None);
        assert_eq!(seqs(6), None);
    }
}
