//! Ops that everybody has: they need not be taken back any more, and are let go of.

use super::{END, Entry, Peer, Version};

impl Peer {
    /// Lets go of what it takes to take back ops that everybody has, and tells how many these are.
    ///
    /// `others` are the last known versions of all other peers that will ever edit or take in turns. Nothing is
    /// settled while one of them has ops that are missing here. A peer that is left out has to join again with a
    /// [copy](Self::save), and what it has edited meanwhile is refused.
    ///
    /// The log is let go of up to a point that everybody has passed, such that whoever made an op behind it had all
    /// before it. While several edit without a pause, each op unseen by the author of another, there is no such
    /// point; it comes at the first pause that is as long as ops are under way.
    ///
    /// O(n) for n ops in the log; O(n²) at worst, if many were made without hearing of each other.
    pub fn settle<'a>(&mut self, others: impl IntoIterator<Item = &'a Version>) -> usize {
        let mut counter = END;
        let mut common = self.version.clone();
        for other in others {
            if !self.version.covers(other) {
                return 0;
            }
            // What it makes from now on is greater than all that it has.
            counter = counter.min(other.end());
            common.lower_to(other, None);
        }
        let is_common = |entry: &Entry| common.get(entry.stamp.actor) > entry.stamp.counter;
        let settled = |entry: &&Entry| entry.stamp.counter < counter && is_common(entry);
        let count = self.border(self.log.iter().take_while(settled).count());
        let Some(last) = count.checked_sub(1).and_then(|last| self.log.get(last)) else { return 0 };
        self.texts.settle(last.stamp.counter + 1);
        for entry in self.log.drain(..count) {
            self.settled.set(entry.stamp.actor, entry.stamp.counter + 1);
            if let Some(savepoint) = entry.savepoint {
                let committed = self.document.commit_oldest(savepoint);
                debug_assert!(committed, "the oldest op has the oldest savepoint");
            }
        }
        count
    }

    /// The longest prefix of the log, of at most so many ops, that can be settled: no op behind it has the counter
    /// of its last, and the authors of all ops behind it had seen it.
    fn border(&self, mut count: usize) -> usize {
        let mut unchecked = self.log.len();
        let mut before = Version::new();
        let mut is_known = false;
        loop {
            let (settled, rest) = self.log.split_at(count);
            let bounds = settled.last().zip(rest.first());
            let is_border =
                bounds.is_none_or(|(last, next)| last.stamp.counter < next.stamp.counter);
            if !is_border {
                (count, is_known) = (count - 1, false);
                continue;
            }
            if unchecked <= count {
                return count;
            }
            if !is_known {
                before = Version::new();
                for Entry { stamp, .. } in settled {
                    before.set(stamp.actor, stamp.counter + 1);
                }
                is_known = true;
            }
            unchecked -= 1;
            let Some(seen) = self.log.get(unchecked).map(Entry::seen) else { return count };
            if !seen.has_all(&before) {
                let unseen = settled.iter().position(|entry| !seen.has(entry.stamp));
                (count, is_known) = (unseen.unwrap_or(count), false);
            }
        }
    }
}
