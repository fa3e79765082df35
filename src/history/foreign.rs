//! What others have written since an edit was made, for undo that leaves that alone.

use std::collections::BTreeMap;

use super::place::{Place, places};
use crate::document::NodeIx;
use crate::json::JsonObject;
use crate::op::OpKind;
use crate::prediction::neighbours;
use crate::{Document, Op, SmallStr};

/// When somebody else last wrote what.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// By place. Kept while there are steps.
    written: BTreeMap<Place, u64>,
    /// When any place at all may have been written last: there were too many to remember.
    all: u64,
}

/// The most places that are remembered: a few megabytes.
const MOST_WRITTEN: usize = 1 << 16;

impl Foreign {
    /// Somebody else has written these places now; those that own edits have written already which come later in the
    /// order, before the first of these edits.
    pub(super) fn write(
        &mut self,
        places: impl IntoIterator<Item = Place>,
        own: &BTreeMap<Place, u64>,
        now: u64,
    ) {
        for place in places {
            let at = own.get(&place).map_or(now, |made_at| made_at.saturating_sub(1));
            let last = self.written.entry(place).or_default();
            *last = at.max(*last);
        }
        if self.written.len() > MOST_WRITTEN {
            self.written.clear();
            self.all = now;
        }
    }

    /// Whether no single place is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// There are no steps any more, to which single places could matter.
    pub(super) fn clear(&mut self) {
        self.written.clear();
    }

    /// Forgets places, if they are more than `enough`, that were last written before the oldest step: they can no
    /// longer matter.
    pub(super) fn trim(&mut self, oldest: u64, enough: usize) {
        if self.written.len() > enough {
            self.written.retain(|_, at| *at > oldest);
        }
    }

    /// The part of an op that takes back an edit, which was made then, that may be taken.
    pub(super) fn permitted(&self, document: &Document, op: &Op, made_at: u64) -> Option<Op> {
        if let OpKind::UpdateObject { data } = &op.kind {
            let own = data.iter().filter(|(key, _)| {
                !self.is_foreign(&Place::Slot(op.id.clone(), (*key).clone()), made_at)
                    && !document
                        .child_of(&op.id, key)
                        .is_some_and(|child| self.is_foreign_within(document, child, made_at))
            });
            let data: JsonObject = own.map(|(key, value)| (key.clone(), value.clone())).collect();
            return Some(Op::new(op.id.clone(), OpKind::UpdateObject { data }));
        }
        // A text says itself what others changed, and a node that goes was put there by this edit.
        let own_place = match &op.kind {
            OpKind::DeleteCrdt | OpKind::UpdateText(_) => true,
            _ => places(document, op).iter().all(|place| !self.is_foreign(place, made_at)),
        };
        let own = own_place
            && document
                .taken_out_by(&neighbours::in_place_of(document, op.clone()), document.target(op))
                .into_iter()
                .all(|top| !self.is_foreign_within(document, top, made_at));
        own.then(|| op.clone())
    }

    /// Whether somebody else wrote a place since.
    fn is_foreign(&self, place: &Place, since: u64) -> bool {
        self.all > since || self.written.get(place).is_some_and(|at| *at > since)
    }

    /// Whether somebody else changed what a node holds since.
    fn is_foreign_within(&self, document: &Document, top: NodeIx, since: u64) -> bool {
        document.subtree(top).any(|ix| {
            let id = &document.id(ix);
            let slots = Place::Slot(id.clone(), SmallStr::default())..;
            self.is_foreign(&Place::Text(id.clone()), since)
                || (ix != top && self.is_foreign(&Place::Item(id.clone()), since))
                || self
                    .written
                    .range(slots)
                    .take_while(|(place, _)| matches!(place, Place::Slot(node, _) if node == id))
                    .any(|(_, at)| *at > since)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;

    /// Hours beside people who work, without an edit of one's own.
    #[test]
    fn what_others_write_does_not_fill_the_memory() {
        let document = Document::from_json(br#"{"a":1,"b":2}"#).unwrap();
        let set = |key: String| {
            let data = JsonObject::of(key.as_str().into(), crate::Json::Null);
            Op::new(NodeId::ROOT, OpKind::UpdateObject { data })
        };
        let hear = |foreign: &mut Foreign, op: &Op| {
            foreign.write(places(&document, op), &BTreeMap::new(), 4);
        };
        let (first, second) = (2, 6);
        let own = set("a".to_owned());
        let mut foreign = Foreign::default();
        (0..MOST_WRITTEN).for_each(|n| hear(&mut foreign, &set(format!("k{n}"))));
        assert_eq!(foreign.permitted(&document, &own, first), Some(own.clone()));
        hear(&mut foreign, &set("one more".to_owned()));
        assert!(foreign.is_empty());
        // It may have been among them.
        let left = foreign.permitted(&document, &own, first);
        assert!(left.is_none_or(|op| !document.would_change(&op)));
        assert_eq!(foreign.permitted(&document, &own, second), Some(own));
    }
}
