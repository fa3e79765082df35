//! Keeping list positions short.
//!
//! A position between two neighbours is a digit longer than they are, so inserting at one spot
//! again and again makes positions grow without bound. When one grows too long, its neighbourhood is
//! spread out with ordinary moves, which every replica understands.

use std::collections::BTreeSet;

use super::{EditError, Session};
use crate::document::NodeIx;
use crate::op::OpKind;
use crate::position::Position;
use crate::{Document, MAX_POSITION_LEN, NodeId, Op, SmallStr};

/// Whoever makes a longer position, in bytes, spreads out the items around it. As rarely as can be, since of two peers
/// who do that at once some of what they have just put there may change its order; but in time, since a place next to
/// another that somebody has taken too needs a longer position still.
pub(super) const LONG_POSITION: usize = MAX_POSITION_LEN / 2;

/// The smallest neighbourhood worth spreading out.
const WINDOW: usize = 16;

impl Op {
    /// The position that it gives to a list item, if it may do so.
    pub(crate) fn position(&self) -> Option<&SmallStr> {
        match &self.kind {
            OpKind::Create(create) => Some(&create.parent_key),
            OpKind::SetParentKey { parent_key } => Some(parent_key),
            _ => None,
        }
    }
}

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

impl Document {
    /// Moves that give a list item and those around it short positions, in their order; none if its position is not
    /// longer than this, or it is gone.
    pub(crate) fn spread_around(&self, item: &NodeId, longest: usize) -> Vec<Op> {
        let Some(item) = self.find(item).filter(|item| *item != NodeIx::ROOT) else {
            return Vec::new();
        };
        let (list, key) = self.link(item);
        if key.len() <= longest || !self.is_list(list) {
            return Vec::new();
        }
        let len = self.list_len(list);
        let rank = self.rank_in(list, key);
        let mut window = WINDOW;
        loop {
            let start = rank.saturating_sub(window / 2);
            let end = (start + window).min(len);
            let whole = end - start == len;
            if let Some(places) = self.places_within(list, start, end) {
                if whole || places.iter().all(|place| place.len() <= longest / 2) {
                    return self.moves_to(list, start, places);
                }
            }
            if whole {
                return Vec::new();
            }
            window *= 2;
        }
    }

    /// New positions for the items from `start` to `end`, none of which any of them has now.
    fn places_within(&self, list: NodeIx, start: usize, end: usize) -> Option<Vec<Position>> {
        let key = |index: usize| self.list_item(list, Some(index)).map(|ix| self.key(ix));
        let taken: BTreeSet<&Position> = (start..end).filter_map(key).collect();
        let before = start.checked_sub(1).and_then(key);
        // Twice as many as needed, since as many again may be taken.
        let places: Vec<Position> = Position::spread(2 * taken.len(), before, key(end))
            .filter(|place| !taken.contains(place))
            .take(end - start)
            .collect();
        (places.len() == end - start).then_some(places)
    }

    fn moves_to(&self, list: NodeIx, start: usize, places: Vec<Position>) -> Vec<Op> {
        let items = (start..).map_while(|index| self.list_item(list, Some(index)));
        let moves = items.zip(places).map(|(item, place)| {
            let parent_key = SmallStr::from(place.as_str());
            Op::new(self.id(item), OpKind::SetParentKey { parent_key })
        });
        moves.collect()
    }
}
