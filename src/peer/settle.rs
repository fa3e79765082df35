//! Ops that everybody has: they need not be taken back any more, and are let go of.

use std::cmp::Reverse;

use super::{END, Entry, Peer, Version};

impl Peer {
    /// Lets go of what it takes to take back ops that everybody has, and tells how many these are.
    ///
    /// `others` are the last known versions of all other peers that will ever edit or take in turns. Nothing is
    /// settled while one of them has ops that are missing here. A peer that is left out has to join again with a
    /// [copy](Self::save), and what it has edited meanwhile is refused.
    ///
    /// Only where several type in one text at once, each update unseen by the author of another, the log is kept
    /// from there on until a pause in that text that is as long as ops are under way: the updates are carried over
    /// each other whenever one of them comes late.
    ///
    /// O(n log n) for n ops in the log.
    pub fn settle<'a>(&mut self, others: impl IntoIterator<Item = &'a Version>) -> usize {
        let mut counter = END;
        let mut common = self.version.clone();
        for other in others {
            if !self.version.covers(other) {
                return 0;
            }
            // What it makes from now on is greater than all that it has.
            counter = counter.min(other.end());
            common.lower_to(other);
        }
        let is_common = |entry: &Entry| common.get(entry.stamp.actor) > entry.stamp.counter;
        let settled = |entry: &&Entry| entry.stamp.counter < counter && is_common(entry);
        let count = self.border(self.log.iter().take_while(settled).count());
        let Some(last) = count.checked_sub(1).and_then(|last| self.log.get(last)) else { return 0 };
        self.texts.settle(last.stamp);
        for entry in self.log.drain(..count) {
            self.settled.set(entry.stamp.actor, entry.stamp.counter + 1);
            if let Some(savepoint) = entry.savepoint {
                let committed = self.document.commit_oldest(savepoint);
                debug_assert!(committed, "the oldest op has the oldest savepoint");
            }
        }
        count
    }

    /// The longest prefix of the log, of at most so many ops, such that no update of a text behind it has to be
    /// carried over one in it. All other ops mean the same without those before them.
    fn border(&self, count: usize) -> usize {
        let Some(mut border) = self.log.get(count).map(|first| first.stamp) else { return count };
        let mut carried: Vec<_> = self.texts.carried().collect();
        carried.sort_by_key(|(_, update)| Reverse(*update));
        for (first, update) in carried {
            if update < border {
                break;
            }
            border = border.min(first);
        }
        self.log.partition_point(|entry| entry.stamp < border)
    }
}
