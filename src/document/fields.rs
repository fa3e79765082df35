//! What a LiveObject holds: JSON fields and children, in the order of their keys.
//!
//! Most objects of a document have the same keys as many others: todos, shapes, cells. Such
//! objects share one list of keys and hold nothing but values, as objects of one class do in the
//! implementations of dynamic languages (Chambers, Ungar and Lee 1989). An object that is still being
//! read, or has very many keys, keeps them itself.

use std::sync::Arc;

use super::NodeIx;
use super::keyed::{Keyed, KeyedIter};
use crate::json::JsonObject;
use crate::{Json, SmallStr};

/// What an object has at a key.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Json(Json),
    Child(NodeIx),
}

/// An object's fields and children. One table for both: a key cannot be field and child at once.
///
/// `json_bytes` is the size of the JSON fields, keys and values, as JSON text. It counts modulo
/// 2³², beyond which no limit of an object's size is meant.
#[derive(Clone, Debug)]
pub(crate) enum ObjectBody {
    Shared { json_bytes: u32, keys: KeyList, values: Box<[Slot]> },
    Own { json_bytes: u32, entries: Keyed<Slot> },
}

/// The keys of many objects, in ascending order. A pointer's width, as each object holds one.
pub(crate) type KeyList = Arc<Box<[SmallStr]>>;

impl ObjectBody {
    pub(crate) const EMPTY: Self = Self::Own { json_bytes: 0, entries: Keyed::EMPTY };

    /// An object with these fields.
    pub(super) fn of(fields: &JsonObject, lists: &mut KeyLists) -> Self {
        let json_bytes =
            fields.iter().fold(0, |sum, (key, value)| add(sum, field_bytes(key, value)));
        match lists.share(fields.entries().iter().map(|(key, _)| key)) {
            Some(keys) => {
                let values = fields.iter().map(|(_, value)| Slot::Json(value.clone())).collect();
                Self::Shared { json_bytes, keys, values }
            }
            None => {
                let entries =
                    fields.iter().map(|(key, value)| (key.clone(), Slot::Json(value.clone())));
                Self::Own { json_bytes, entries: entries.collect() }
            }
        }
    }

    /// All entries have come for now: shares the keys, and gives back memory for further ones.
    pub(super) fn settle(&mut self, lists: &mut KeyLists) {
        let Self::Own { json_bytes, entries } = self else { return };
        let (json_bytes, keys) = (*json_bytes, lists.share(entries.iter().map(|(key, _)| key)));
        match keys {
            Some(keys) => {
                let values = std::mem::take(entries).into_values().collect();
                *self = Self::Shared { json_bytes, keys, values };
            }
            None => entries.shrink(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Shared { values, .. } => values.len(),
            Self::Own { entries, .. } => entries.len(),
        }
    }

    /// Size of the JSON fields, keys and values, as JSON text.
    pub(crate) fn json_bytes(&self) -> usize {
        let (Self::Shared { json_bytes, .. } | Self::Own { json_bytes, .. }) = self;
        *json_bytes as usize
    }

    pub(crate) fn get(&self, key: &SmallStr) -> Option<&Slot> {
        match self {
            Self::Shared { keys, values, .. } => values.get(keys.binary_search(key).ok()?),
            Self::Own { entries, .. } => entries.get(key),
        }
    }

    /// As [`get`](Self::get), by the text of a key.
    pub(crate) fn at(&self, key: &str) -> Option<&Slot> {
        match (self, SmallStr::inline(key)) {
            (_, Some(key)) => self.get(&key),
            (Self::Own { entries, .. }, None) => entries.at(key),
            (Self::Shared { keys, values, .. }, None) => {
                let at = keys.binary_search_by(|k| k.as_bytes().cmp(key.as_bytes()));
                values.get(at.ok()?)
            }
        }
    }

    /// Puts something at `key` and returns what was there.
    pub(super) fn insert(
        &mut self,
        key: &SmallStr,
        slot: Slot,
        lists: &mut KeyLists,
    ) -> Option<Slot> {
        let added = slot.field_bytes(key);
        let old = match self {
            Self::Own { entries, .. } => entries.insert(key.clone(), slot),
            Self::Shared { keys, values, .. } => match keys.binary_search(key) {
                Ok(at) => values.get_mut(at).map(|place| std::mem::replace(place, slot)),
                Err(at) => {
                    let (before, after) = keys.split_at(at);
                    match lists.share(before.iter().chain([key]).chain(after)) {
                        Some(longer) => {
                            *keys = longer;
                            change(values, |values| {
                                values.reserve_exact(1);
                                values.insert(at, slot);
                            });
                            None
                        }
                        None => self.with_own_keys(|entries| entries.insert(key.clone(), slot)),
                    }
                }
            },
        };
        self.count(key, added, old.as_ref());
        old
    }

    /// Removes what is at `key` and returns it.
    pub(super) fn remove(&mut self, key: &SmallStr, lists: &mut KeyLists) -> Option<Slot> {
        let old = match self {
            Self::Own { entries, .. } => entries.remove(key),
            Self::Shared { keys, values, .. } => {
                let at = keys.binary_search(key).ok()?;
                let (before, after) = keys.split_at(at);
                match lists.share(before.iter().chain(after.iter().skip(1))) {
                    Some(shorter) => {
                        *keys = shorter;
                        Some(change(values, |values| values.remove(at)))
                    }
                    None => self.with_own_keys(|entries| entries.remove(key)),
                }
            }
        };
        self.count(key, 0, old.as_ref());
        old
    }

    /// Keeps `json_bytes` right when a slot was replaced.
    fn count(&mut self, key: &SmallStr, added: u32, old: Option<&Slot>) {
        let removed = old.map_or(0, |old| old.field_bytes(key));
        let (Self::Shared { json_bytes, .. } | Self::Own { json_bytes, .. }) = self;
        *json_bytes = json_bytes.wrapping_add(added).wrapping_sub(removed);
    }

    /// Changes the entries, with keys that are the object's own from now on.
    fn with_own_keys<T>(&mut self, change: impl FnOnce(&mut Keyed<Slot>) -> T) -> T {
        let (json_bytes, mut entries) = match std::mem::take(self) {
            Self::Own { json_bytes, entries } => (json_bytes, entries),
            Self::Shared { json_bytes, keys, values } => {
                (json_bytes, keys.iter().cloned().zip(values).collect())
            }
        };
        let result = change(&mut entries);
        *self = Self::Own { json_bytes, entries };
        result
    }

    /// Fields and children, in order of their keys.
    pub(crate) fn iter(&self) -> ObjectIter<'_> {
        match self {
            Self::Shared { keys, values, .. } => ObjectIter::Shared(keys.iter().zip(values.iter())),
            Self::Own { entries, .. } => ObjectIter::Own(entries.iter()),
        }
    }

    /// The JSON fields, in order of their keys.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&SmallStr, &Json)> {
        self.iter().filter_map(|(key, slot)| match slot {
            Slot::Json(value) => Some((key, value)),
            Slot::Child(_) => None,
        })
    }
}

/// Changes how many values there are.
fn change<T>(values: &mut Box<[Slot]>, change: impl FnOnce(&mut Vec<Slot>) -> T) -> T {
    let mut all = std::mem::take(values).into_vec();
    let result = change(&mut all);
    *values = all.into_boxed_slice();
    result
}

impl Default for ObjectBody {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Slot {
    /// The child that this is, if it is one.
    pub(crate) fn child(&self) -> Option<NodeIx> {
        match self {
            Self::Child(child) => Some(*child),
            Self::Json(_) => None,
        }
    }

    /// Size of the JSON field that this is at `key`, if it is one.
    fn field_bytes(&self, key: &SmallStr) -> u32 {
        match self {
            Self::Json(value) => add(0, field_bytes(key, value)),
            Self::Child(_) => 0,
        }
    }
}

/// Size of one JSON field of an object: key and value.
pub(crate) fn field_bytes(key: &SmallStr, value: &Json) -> usize {
    key.as_bytes().len() + value.json_len()
}

#[expect(clippy::cast_possible_truncation, reason = "counts modulo 2^32")]
fn add(sum: u32, bytes: usize) -> u32 {
    sum.wrapping_add(bytes as u32)
}

/// Iterates over an object's entries in the order of their keys.
#[derive(Clone, Debug)]
pub(crate) enum ObjectIter<'a> {
    Shared(std::iter::Zip<std::slice::Iter<'a, SmallStr>, std::slice::Iter<'a, Slot>>),
    Own(KeyedIter<'a, Slot>),
}

impl<'a> Iterator for ObjectIter<'a> {
    type Item = (&'a SmallStr, &'a Slot);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Shared(entries) => entries.next(),
            Self::Own(entries) => entries.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Shared(entries) => entries.size_hint(),
            Self::Own(entries) => entries.size_hint(),
        }
    }
}

impl ExactSizeIterator for ObjectIter<'_> {}

/// The lists of keys that objects of a document share.
///
/// A cache and no table: it forgets a list when another one comes in its place, which costs no more
/// than memory, and it stays small whatever keys a peer makes up.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyLists {
    /// Each list at the place that its hash says, modulo the number of places.
    lists: Vec<Option<KeyList>>,
}

/// The most lists remembered, a power of two.
const LISTS: usize = 256;
/// The most keys of a shared list; an object with more is a table of its own kind.
const KEYS: usize = 64;

impl KeyLists {
    /// A list of these keys, which ascend; `None` if there are none or too many to share.
    fn share<'a>(&mut self, keys: impl Iterator<Item = &'a SmallStr> + Clone) -> Option<KeyList> {
        if !(1..=KEYS).contains(&keys.clone().take(KEYS + 1).count()) {
            return None;
        }
        if self.lists.is_empty() {
            self.lists.resize(1, None);
        }
        loop {
            let places = self.lists.len();
            let place = self.place(keys.clone())?;
            match place {
                Some(list) if list.iter().eq(keys.clone()) => return Some(list.clone()),
                // Two lists at one place: with twice as many places there may be one for each.
                Some(_) if places < LISTS => self.grow(),
                _ => {
                    let list: KeyList = Arc::new(keys.cloned().collect());
                    *place = Some(list.clone());
                    return Some(list);
                }
            }
        }
    }

    /// The place for a list of these keys, unless there are no places at all.
    fn place<'a>(
        &mut self,
        keys: impl Iterator<Item = &'a SmallStr>,
    ) -> Option<&mut Option<KeyList>> {
        let hash = keys.fold(0, |hash: u64, key| {
            let word = key.prefix() ^ key.as_bytes().len() as u64;
            // The multiplier of Fibonacci hashing (Knuth 1973, section 6.4).
            (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        let place = (hash >> 32) as usize & self.lists.len().wrapping_sub(1);
        self.lists.get_mut(place)
    }

    /// Doubles the number of places.
    fn grow(&mut self) {
        let places = 2 * self.lists.len();
        let lists = std::mem::replace(&mut self.lists, vec![None; places]);
        for list in lists.into_iter().flatten() {
            if let Some(place) = self.place(list.iter()) {
                *place = Some(list.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> SmallStr {
        match number {
            0..90 => format!("k{number}").as_str().into(),
            _ => format!("a key of more than a few bytes, {number}").as_str().into(),
        }
    }

    proptest! {
        #[test]
        fn equals_a_b_tree_map(
            steps in prop::collection::vec((0..100_u8, any::<Option<u8>>(), 0..20_u8), 0..300)
        ) {
            let mut lists = KeyLists::default();
            let (mut object, mut model) = (ObjectBody::EMPTY, BTreeMap::<SmallStr, Json>::new());
            for (number, value, settle) in steps {
                let key = key(number);
                let old = match value.map(f64::from).map(Json::from) {
                    Some(value) => {
                        let old = object.insert(&key, Slot::Json(value.clone()), &mut lists);
                        prop_assert_eq!(old.is_some(), model.insert(key.clone(), value).is_some());
                        old
                    }
                    None => {
                        let old = object.remove(&key, &mut lists);
                        prop_assert_eq!(old.is_some(), model.remove(&key).is_some());
                        old
                    }
                };
                prop_assert!(!matches!(old, Some(Slot::Child(_))));
                if settle == 0 {
                    object.settle(&mut lists);
                }
                prop_assert_eq!(object.len(), model.len());
                prop_assert!(object.fields().eq(model.iter()));
                let bytes: usize = model.iter().map(|(k, v)| field_bytes(k, v)).sum();
                prop_assert_eq!(object.json_bytes(), bytes);
                let found = |slot: Option<&Slot>| match slot {
                    Some(Slot::Json(value)) => Some(value.clone()),
                    _ => None,
                };
                prop_assert_eq!(found(object.get(&key)), model.get(&key).cloned());
                prop_assert_eq!(found(object.at(&key)), model.get(&key).cloned());
            }
            let again = model.iter().map(|(key, value)| (key.clone(), value.clone()));
            let again = ObjectBody::of(&again.collect(), &mut lists);
            prop_assert!(again.fields().eq(object.fields()));
            prop_assert_eq!(again.json_bytes(), object.json_bytes());
        }
    }

    #[test]
    fn objects_with_the_same_keys_share_them() {
        let mut lists = KeyLists::default();
        let mut make = |keys: &[&str]| {
            let fields = keys.iter().map(|key| (SmallStr::from(*key), Json::from(1)));
            match ObjectBody::of(&fields.collect(), &mut lists) {
                ObjectBody::Shared { keys, .. } => keys,
                ObjectBody::Own { .. } => panic!("few keys are shared"),
            }
        };
        let (shape, point) = (make(&["h", "w", "x", "y"]), make(&["x", "y"]));
        let (shape_again, point_again) = (make(&["h", "w", "x", "y"]), make(&["x", "y"]));
        assert!(Arc::ptr_eq(&shape, &shape_again) && Arc::ptr_eq(&point, &point_again));
    }

    #[test]
    fn a_node_stays_small() {
        assert_eq!(size_of::<ObjectBody>(), 32);
        assert_eq!(size_of::<super::super::Body>(), 32);
        assert_eq!(size_of::<super::super::Node>(), 64);
    }

    #[test]
    fn made_up_keys_do_not_buy_memory() {
        let mut lists = KeyLists::default();
        for number in 0..10_000 {
            lists.share([&SmallStr::from(number.to_string())].into_iter());
        }
        assert!(lists.lists.len() <= LISTS);
    }
}
