//! Keeping list positions short: when a client makes a long one, the server [spreads out](crate::spread) the items
//! around.

use super::Server;
use super::batch::Batch;
use crate::{Actor, Op};

impl Server {
    /// Spreads out the neighbourhoods of the items that `batch` gave long positions.
    pub(super) fn keep_positions_short(&mut self, batch: &mut Batch, from: Actor, now: u64) {
        for id in batch.take_long() {
            // It may be short by now, or gone.
            for op in self.document.spread_around(&id, self.options.longest_position) {
                let outcome = self.document.apply(&op);
                debug_assert!(outcome.is_accepted(), "the places are free");
                self.log.append(from, now, || (op.clone(), None));
                batch.accept(op);
            }
        }
    }

    /// Whether an op may have given an item a position that is too long.
    pub(super) fn gives_long_position(&self, op: &Op) -> bool {
        op.position().is_some_and(|key| key.len() > self.options.longest_position)
    }
}
