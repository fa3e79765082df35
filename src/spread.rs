//! Spreading list items out, so that their positions are short again.
//!
//! A position between two neighbours is a digit longer than they are, so inserting at one spot
//! again and again makes positions grow without bound. When one grows too long, its neighbourhood is
//! spread out with ordinary moves, which every replica understands. How long is too long is for those
//! to say who make the positions: edits and servers.

use std::collections::BTreeSet;

use crate::document::NodeIx;
use crate::op::OpKind;
use crate::position::Position;
use crate::{Document, NodeId, Op, SmallStr};

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
