//! Lists: which old item is which new one, and what has to move.
//!
//! Items are matched by being equal, then by an equal `id` or `key`, then by their place between
//! matched ones. All by sorting: nothing is quadratic.

use super::same::{hash, same};
use super::{Work, goes_on_as, replacement};
use crate::change::longest_increasing;
use crate::document::{NodeIx, ValueRef};
use crate::edit::create::Destination;
use crate::edit::{EditError, Session};
use crate::op::{Intent, OpKind};
use crate::position::Position;
use crate::{Document, Json, Lson, NodeId, Op, SmallStr};

/// What becomes the item at one index of the wanted list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// The old item of this number, where it is.
    Stays(usize),
    /// The old item of this number, moved.
    Moves(usize),
    /// A new item in place of the old one of this number.
    Replaces(usize),
    /// A new item.
    New,
}

/// A list's old items with their wanted ones.
struct Matching<'d, 't> {
    document: &'d Document,
    old: Vec<NodeIx>,
    new: &'t [Json],
    /// For each old item the index of the new one that it becomes.
    target_of: Vec<Option<usize>>,
    /// For each new item the number of the old one that it was.
    source_of: Vec<Option<usize>>,
    /// Whether each old item equals the new one that it becomes.
    equal: Vec<bool>,
}

impl Session<'_> {
    /// Makes a list equal to `new`; what is to be done inside its items is added to `work`.
    pub(super) fn reconcile_list<'t>(
        &mut self,
        list: NodeIx,
        new: &'t [Json],
        work: &mut Work<'t>,
    ) -> Result<(), EditError> {
        let old: Vec<NodeIx> = self.document.children(list).collect();
        let mut matching = Matching {
            document: &*self.document,
            equal: vec![false; old.len()],
            target_of: vec![None; old.len()],
            source_of: vec![None; new.len()],
            old,
            new,
        };
        let untouched = matching.trim_equal();
        if untouched == (matching.old.len(), matching.new.len()) {
            return Ok(());
        }
        matching.pair_by(|value| Some(hash(value)), same, true);
        matching.pair_by(name, goes_on_as, false);
        let items = matching.decide();
        let Matching { old, equal, .. } = matching;

        let mut gone = vec![true; old.len()];
        for item in &items {
            if let Item::Stays(number) | Item::Moves(number) | Item::Replaces(number) = item {
                if let Some(gone) = gone.get_mut(*number) {
                    *gone = false;
                }
            }
        }
        for (ix, _) in old.iter().zip(&gone).filter(|(_, gone)| **gone) {
            self.apply(*ix, OpKind::DeleteCrdt)?;
        }
        let order = self.place_items(list, &old, new, &items)?;
        if self.document.children(list).ne(order.iter().copied()) {
            self.renumber(list, &order)?;
        }
        for ((item, ix), target) in items.iter().zip(order).zip(new) {
            if let Item::Stays(number) | Item::Moves(number) = item {
                if equal.get(*number) == Some(&false) {
                    work.push((ix, target));
                }
            }
        }
        Ok(())
    }

    /// Moves and creates, from left to right. Returns the items in their wanted order.
    fn place_items(
        &mut self,
        list: NodeIx,
        old: &[NodeIx],
        new: &[Json],
        items: &[Item],
    ) -> Result<Vec<NodeIx>, EditError> {
        let mut order: Vec<NodeIx> = Vec::with_capacity(items.len());
        let mut at = 0;
        while let Some(item) = items.get(at) {
            let value = new.get(at).unwrap_or(&Json::Null);
            if let Item::Stays(number) | Item::Replaces(number) = item {
                let Some(ix) = old.get(*number).copied() else { break };
                let stays = matches!(item, Item::Stays(_));
                order.extend(if stays { Some(ix) } else { self.replace_item(list, ix, value)? });
                at += 1;
                continue;
            }
            // A run of items that need a place, between the item before it and the next.
            let run = items
                .iter()
                .skip(at)
                .take_while(|item| matches!(item, Item::Moves(_) | Item::New))
                .count();
            let (lo, hi) = self.neighbours(list, order.last().copied());
            let push = hi.is_none() && items.iter().skip(at).all(|item| *item == Item::New);
            for position in positions(run, lo.as_ref(), hi.as_ref()) {
                let Some(item) = items.get(at) else { break };
                let value = new.get(at).unwrap_or(&Json::Null);
                let moved = match item {
                    Item::Moves(number) => old.get(*number).copied(),
                    _ => None,
                };
                let parent_key = position.as_small_str().clone();
                if let Some(ix) = moved {
                    self.apply(ix, OpKind::SetParentKey { parent_key })?;
                    order.push(ix);
                } else {
                    let intent = if push { Intent::Push } else { Intent::Insert };
                    let destination = Destination { intent, ..self.destination(list, parent_key) };
                    order.extend(self.create_item(destination, Lson::live(value))?);
                }
                at += 1;
            }
        }
        Ok(order)
    }

    fn replace_item(
        &mut self,
        list: NodeIx,
        old: NodeIx,
        value: &Json,
    ) -> Result<Option<NodeIx>, EditError> {
        let destination = Destination {
            intent: Intent::Set,
            deleted_id: Some(self.id(old)),
            ..self.destination(list, self.document.key(old).as_small_str().clone())
        };
        let value = replacement(Some(&self.document.value(old)), value);
        self.create_item(destination, value)
    }

    fn create_item(
        &mut self,
        destination: Destination,
        value: Lson,
    ) -> Result<Option<NodeIx>, EditError> {
        let first = self.trail.ops.len();
        self.create(destination, value)?;
        Ok(self.trail.ops.get(first).and_then(|op| self.document.find(&op.id)))
    }

    /// The positions between which an item behind `before` goes.
    fn neighbours(
        &self,
        list: NodeIx,
        before: Option<NodeIx>,
    ) -> (Option<Position>, Option<Position>) {
        let document = &*self.document;
        let key = |ix: NodeIx| document.key(ix).clone();
        let next = match before {
            None => 0,
            Some(before) => document.rank_in(list, document.key(before)) + 1,
        };
        (before.map(key), document.list_item(list, Some(next)).map(key))
    }

    /// Gives every item a new position behind all present ones. Only needed among positions that
    /// are not canonical, between which there may be no room.
    fn renumber(&mut self, list: NodeIx, order: &[NodeIx]) -> Result<(), EditError> {
        let ids: Vec<NodeId> = order.iter().map(|ix| self.id(*ix)).collect();
        let canonical =
            |ix: &NodeIx| Some(self.document.key(*ix)).filter(|key| key.is_canonical()).cloned();
        let mut end = self.document.children(list).filter_map(|ix| canonical(&ix)).last();
        for id in ids {
            let position = Position::make(end.as_ref(), None);
            let parent_key = position.as_small_str().clone();
            let target = self.document.find(&id);
            self.perform(target, Op::new(id, OpKind::SetParentKey { parent_key }))?;
            end = Some(position);
        }
        Ok(())
    }
}

/// Positions for `count` items after `lo` and before `hi`: those that single inserts would get
/// while they are few or at the end, else short ones.
fn positions(count: usize, lo: Option<&Position>, hi: Option<&Position>) -> Vec<Position> {
    if hi.is_some() && count > 4 {
        return Position::spread(count, lo, hi).collect();
    }
    let mut positions: Vec<Position> = Vec::with_capacity(count);
    for _ in 0..count {
        let next = Position::make(positions.last().or(lo), hi);
        positions.push(next);
    }
    positions
}

/// The field that tells an item from others of its list, if it has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Text(&'static str, SmallStr),
    Number(&'static str, u64),
}

fn name(value: &ValueRef<'_>) -> Option<Name> {
    let field = |field: &'static str| {
        let value = match value {
            ValueRef::Json(json) => json.get(field).cloned(),
            live => live.child(field).and_then(|value| value.as_json().cloned()),
        };
        match value? {
            Json::String(text) => Some(Name::Text(field, text)),
            Json::Number(number) => Some(Name::Number(field, number.get().to_bits())),
            _ => None,
        }
    };
    match value {
        ValueRef::Json(Json::Object(_)) | ValueRef::Object(_) | ValueRef::Map(_) => {
            field("id").or_else(|| field("key"))
        }
        _ => None,
    }
}

impl<'d, 't> Matching<'d, 't> {
    fn old_value(&self, number: usize) -> Option<ValueRef<'d>> {
        self.old.get(number).map(|ix| self.document.value(*ix))
    }

    fn new_value(&self, index: usize) -> Option<&'t Json> {
        self.new.get(index)
    }

    fn are(&self, number: usize, index: usize, test: fn(&ValueRef<'_>, &Json) -> bool) -> bool {
        match (self.old_value(number), self.new_value(index)) {
            (Some(old), Some(new)) => test(&old, new),
            _ => false,
        }
    }

    fn pair(&mut self, number: usize, index: usize, are_equal: bool) {
        if let (Some(target), Some(source), Some(equal)) = (
            self.target_of.get_mut(number),
            self.source_of.get_mut(index),
            self.equal.get_mut(number),
        ) {
            *target = Some(index);
            *source = Some(number);
            *equal = are_equal;
        }
    }

    /// Pairs the equal items at both ends; returns how many items of each side are paired.
    fn trim_equal(&mut self) -> (usize, usize) {
        let shorter = self.old.len().min(self.new.len());
        let mut head = 0;
        while head < shorter && self.are(head, head, same) {
            self.pair(head, head, true);
            head += 1;
        }
        let mut tail = 0;
        while head + tail < shorter {
            let (number, index) = (self.old.len() - 1 - tail, self.new.len() - 1 - tail);
            if !self.are(number, index, same) {
                break;
            }
            self.pair(number, index, true);
            tail += 1;
        }
        (head + tail, head + tail)
    }

    /// Pairs unpaired items for which `by` gives the same, in order, if `test` agrees.
    fn pair_by<K: Ord>(
        &mut self,
        by: impl Fn(&ValueRef<'_>) -> Option<K>,
        test: fn(&ValueRef<'_>, &Json) -> bool,
        equal: bool,
    ) {
        let mut old: Vec<(K, usize)> = Vec::new();
        for (number, _) in unpaired(&self.target_of) {
            old.extend(self.old_value(number).as_ref().and_then(&by).map(|key| (key, number)));
        }
        let mut new: Vec<(K, usize)> = Vec::new();
        for (index, _) in unpaired(&self.source_of) {
            let value = self.new_value(index).cloned().map(ValueRef::Json);
            new.extend(value.as_ref().and_then(&by).map(|key| (key, index)));
        }
        old.sort();
        new.sort();
        let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
        while let (Some((a, number)), Some((b, index))) = (old.peek(), new.peek()) {
            let (order, number, index) = (a.cmp(b), *number, *index);
            if order.is_eq() && self.are(number, index, test) {
                self.pair(number, index, equal);
            }
            if order.is_le() {
                old.next();
            }
            if order.is_ge() {
                new.next();
            }
        }
    }

    /// Decides for each new item what becomes it, pairing what is left by place.
    fn decide(&mut self) -> Vec<Item> {
        let mut items = vec![Item::New; self.new.len()];
        let set = |items: &mut Vec<Item>, index: usize, item| {
            if let Some(place) = items.get_mut(index) {
                *place = item;
            }
        };
        let stays = longest_increasing(&self.target_of);
        for (number, target) in self.target_of.iter().enumerate() {
            if let Some(index) = *target {
                let stays = stays.get(number).copied().unwrap_or_default();
                set(
                    &mut items,
                    index,
                    if stays { Item::Stays(number) } else { Item::Moves(number) },
                );
            }
        }
        // Between two items that stay lie a stretch of old items and one of new items.
        let mut anchors: Vec<(usize, usize)> = self
            .target_of
            .iter()
            .zip(&stays)
            .enumerate()
            .filter_map(|(number, (target, stays))| Some((number, (*target)?)).filter(|_| *stays))
            .collect();
        anchors.push((self.old.len(), self.new.len()));
        let (mut number, mut index) = (0, 0);
        for (next_number, next_index) in anchors {
            let old: Vec<usize> = (number..next_number)
                .filter(|number| self.target_of.get(*number) == Some(&None))
                .collect();
            let new: Vec<usize> = (index..next_index)
                .filter(|index| self.source_of.get(*index) == Some(&None))
                .collect();
            for (number, index) in self.pair_by_place(&old, &new) {
                let goes_on = self.go_on(number, index);
                let item = if goes_on { Item::Stays(number) } else { Item::Replaces(number) };
                set(&mut items, index, item);
            }
            (number, index) = (next_number + 1, next_index + 1);
        }
        items
    }

    /// Pairs the unpaired items of one stretch in order, passing over what does not fit while one
    /// side has more.
    fn pair_by_place(&self, old: &[usize], new: &[usize]) -> Vec<(usize, usize)> {
        let mut pairs = Vec::with_capacity(old.len().min(new.len()));
        let mut surplus_old = old.len().saturating_sub(new.len());
        let mut surplus_new = new.len().saturating_sub(old.len());
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        while let (Some(number), Some(index)) = (old.peek(), new.peek()) {
            let (number, index) = (**number, **index);
            if surplus_old > 0 && !self.fit(number, index) {
                surplus_old -= 1;
                old.next();
            } else if surplus_new > 0 && !self.fit(number, index) {
                surplus_new -= 1;
                new.next();
            } else {
                pairs.push((number, index));
                old.next();
                new.next();
            }
        }
        pairs
    }

    /// Whether an unpaired old item can become the new one and stay the same node. Items with
    /// different names are different things.
    fn go_on(&self, number: usize, index: usize) -> bool {
        let (Some(old), Some(new)) = (self.old_value(number), self.new_value(index)) else {
            return false;
        };
        let names = (name(&old), name(&ValueRef::Json(new.clone())));
        goes_on_as(&old, new) && !matches!(names, (Some(old), Some(new)) if old != new)
    }

    /// Whether two items are enough alike for one to come after the other in the same place.
    fn fit(&self, number: usize, index: usize) -> bool {
        let (Some(old), Some(new)) = (self.old_value(number), self.new_value(index)) else {
            return false;
        };
        let plain = !old.kind().is_container() && !matches!(new, Json::Object(_) | Json::Array(_));
        self.go_on(number, index) || plain
    }
}

fn unpaired(partners: &[Option<usize>]) -> impl Iterator<Item = (usize, &Option<usize>)> {
    partners.iter().enumerate().filter(|(_, partner)| partner.is_none())
}
