//! Keeping list positions short.
//!
//! A position between two neighbours is a digit longer than they are, so inserting at one spot
//! again and again makes positions grow without bound. When one grows too long, the server spreads
//! its neighbourhood out with ordinary moves, which every client understands.

use std::collections::BTreeSet;

use super::{Batch, Server};
use crate::document::NodeIx;
use crate::op::OpKind;
use crate::position::Position;
use crate::{Actor, Op, SmallStr};

/// The smallest neighbourhood worth spreading out.
const WINDOW: usize = 16;

impl Server {
    /// Spreads out the neighbourhoods of the items that `batch` gave long positions.
    pub(super) fn keep_positions_short(&mut self, batch: &mut Batch, from: Actor, now: u64) {
        if batch.long.is_empty() {
            return;
        }
        let mut moves = Vec::new();
        for id in std::mem::take(&mut batch.long) {
            // It may be short by now, or gone.
            if let Some(item) = self.document.find(&id).filter(|item| self.has_outgrown(*item)) {
                moves.extend(self.spread_around(item));
            }
        }
        for op in &moves {
            self.log.append(from, now, || op.clone());
        }
        batch.accepted.extend(moves);
    }

    /// Whether an op may have given an item a position that is too long.
    pub(super) fn gives_long_position(&self, op: &Op) -> bool {
        let key = match &op.kind {
            OpKind::Create(create) => &create.parent_key,
            OpKind::SetParentKey { parent_key } => parent_key,
            _ => return false,
        };
        key.len() > self.options.longest_position
    }

    fn has_outgrown(&self, item: NodeIx) -> bool {
        let (parent, key) = self.document.link(item);
        key.len() > self.options.longest_position
            && item != NodeIx::ROOT
            && self.document.is_list(parent)
    }

    /// Gives the items around `item` short positions, in their order.
    fn spread_around(&mut self, item: NodeIx) -> Vec<Op> {
        let (list, key) = self.document.link(item);
        let len = self.document.list_len(list);
        let rank = self.document.rank_in(list, key);
        let mut window = WINDOW;
        loop {
            let start = rank.saturating_sub(window / 2);
            let end = (start + window).min(len);
            let whole = end - start == len;
            if let Some(places) = self.places_within(list, start, end) {
                if whole
                    || places.iter().all(|place| place.len() <= self.options.longest_position / 2)
                {
                    return self.move_to(list, start, places);
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
        let document = &self.document;
        let key = |index: usize| document.list_item(list, Some(index)).map(|ix| document.key(ix));
        let taken: BTreeSet<&Position> = (start..end).filter_map(key).collect();
        let before = start.checked_sub(1).and_then(key);
        // Twice as many as needed, since as many again may be taken.
        let places: Vec<Position> = Position::spread(2 * taken.len(), before, key(end))
            .filter(|place| !taken.contains(place))
            .take(end - start)
            .collect();
        (places.len() == end - start).then_some(places)
    }

    fn move_to(&mut self, list: NodeIx, start: usize, places: Vec<Position>) -> Vec<Op> {
        let items: Vec<NodeIx> = (start..start + places.len())
            .filter_map(|index| self.document.list_item(list, Some(index)))
            .collect();
        let moves = items.into_iter().zip(places).map(|(item, place)| {
            let parent_key = SmallStr::from(place.as_str());
            Op::new(self.document.id(item), OpKind::SetParentKey { parent_key })
        });
        let moves: Vec<Op> = moves.collect();
        for op in &moves {
            let outcome = self.document.apply(op);
            debug_assert!(outcome.is_accepted(), "the places are free");
        }
        moves
    }
}
