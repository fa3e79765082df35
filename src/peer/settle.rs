//! Ops that everybody has: they need not be taken back any more, and are let go of.

use super::{END, Entry, Peer, Version};

impl Peer {
    /// Lets go of what it takes to take back ops that everybody has, and tells how many these are.
    ///
    /// `others` are the versions of all other peers that will ever edit or take in turns, as they last told
    /// them; nothing is settled as long as one of them has something that is not here. Who is left out can
    /// join with a [copy](Self::save) only, and what it has edited is refused. What somebody edits without
    /// having seen an op keeps that from being settled until all have that edit too.
    ///
    /// O(n) for n ops in the log; more if they were made without hearing of each other.
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

    /// The greatest number of ops, not above this, that can be settled without the others: whose counters are
    /// less, and which the authors of all others have seen.
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
