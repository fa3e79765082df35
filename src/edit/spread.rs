//! Keeping list positions short: what an edit puts at a long one makes it [spread out](crate::spread) the items around.

use super::{EditError, Session};
use crate::{MAX_POSITION_LEN, NodeId, Op};

/// Whoever makes a longer position, in bytes, spreads out the items around it. As rarely as can be, since of two peers
/// who do that at once some of what they have just put there may change its order; but in time, since a place next to
/// another that somebody has taken too needs a longer position still.
pub(super) const LONG_POSITION: usize = MAX_POSITION_LEN / 2;

impl Session<'_> {
    /// Spreads out the items around those that the edit has given [long](LONG_POSITION) positions, as far as that
    /// can be done.
    pub(crate) fn keep_positions_short(&mut self) {
        let long = |op: &&Op| op.position().is_some_and(|key| key.len() > LONG_POSITION);
        let items: Vec<NodeId> =
            self.trail.ops.iter().filter(long).map(|op| op.id.clone()).collect();
        for item in items {
            if self.spread_around(&item, LONG_POSITION).is_err() {
                return;
            }
        }
    }

    /// Spreads out the items around one whose position is longer than this. If the edit may have no more ops than that
    /// takes, they stay as they are: what asks for the room is to fit too.
    pub(super) fn spread_around(&mut self, item: &NodeId, longest: usize) -> Result<(), EditError> {
        let moves = self.document.spread_around(item, longest);
        self.document.limits().check_number(self.trail.ops.len() + moves.len() + 1)?;
        for op in moves {
            let target = self.document.target(&op);
            self.perform(target, op)?;
        }
        Ok(())
    }
}
