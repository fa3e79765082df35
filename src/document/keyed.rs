//! The entries of an object or a map: values by key, in the order of the keys.
//!
//! The order makes documents canonical: equal ones print equally, on every replica. Few entries
//! are a sorted vector, many a B-tree, so that no operation costs more than O(log n) for long.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use crate::SmallStr;

/// Beyond this many entries the B-tree takes over; below, moving entries up costs less than its
/// half-empty nodes.
const SMALL: usize = 64;

/// A key that is compared by its bytes (the order is the same, and it needs no UTF-8 check).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(SmallStr);

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Values by key, iterated in the order of the keys.
#[derive(Clone, Debug)]
pub(crate) enum Keyed<V> {
    Small(Vec<(SmallStr, V)>),
    Large(BTreeMap<Key, V>),
}

impl<V> Default for Keyed<V> {
    fn default() -> Self {
        Self::Small(Vec::new())
    }
}

fn search<V>(entries: &[(SmallStr, V)], key: &[u8]) -> Result<usize, usize> {
    entries.binary_search_by(|(k, _)| k.as_bytes().cmp(key))
}

impl<V> Keyed<V> {
    pub(crate) const EMPTY: Self = Self::Small(Vec::new());

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Small(entries) => entries.len(),
            Self::Large(entries) => entries.len(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.at(key.as_bytes())
    }

    /// As [`get`](Self::get), for the bytes of a key; they need no check.
    pub(crate) fn at(&self, key: &[u8]) -> Option<&V> {
        match self {
            Self::Small(entries) => entries.get(search(entries, key).ok()?).map(|(_, v)| v),
            Self::Large(entries) => entries.get(key),
        }
    }

    /// Sets the value at `key` and returns the one that was there.
    pub(crate) fn insert(&mut self, key: SmallStr, value: V) -> Option<V> {
        match self {
            Self::Small(entries) => {
                // Documents are mostly read in the order of their keys.
                let place = match entries.last() {
                    Some((last, _)) if *last < key => Err(entries.len()),
                    _ => search(entries, key.as_bytes()),
                };
                match place {
                    Ok(at) => entries.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
                    Err(_) if entries.len() == SMALL => {
                        let mut large: BTreeMap<_, _> = std::mem::take(entries)
                            .into_iter()
                            .map(|(key, value)| (Key(key), value))
                            .collect();
                        large.insert(Key(key), value);
                        *self = Self::Large(large);
                        None
                    }
                    Err(at) => {
                        entries.insert(at, (key, value));
                        None
                    }
                }
            }
            Self::Large(entries) => entries.insert(Key(key), value),
        }
    }

    /// Removes the value at `key` and returns it.
    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        match self {
            Self::Small(entries) => {
                let at = search(entries, key.as_bytes()).ok()?;
                Some(entries.remove(at).1)
            }
            Self::Large(entries) => {
                let old = entries.remove(key.as_bytes());
                // Half of the threshold, so that adding and removing one entry does not flip.
                if entries.len() <= SMALL / 2 {
                    let small = std::mem::take(entries);
                    *self = Self::Small(small.into_iter().map(|(k, v)| (k.0, v)).collect());
                }
                old
            }
        }
    }

    pub(crate) fn iter(&self) -> KeyedIter<'_, V> {
        match self {
            Self::Small(entries) => KeyedIter::Small(entries.iter()),
            Self::Large(entries) => KeyedIter::Large(entries.iter()),
        }
    }

    /// Gives back memory that further growth would have used.
    pub(crate) fn shrink(&mut self) {
        match self {
            Self::Small(entries) => entries.shrink_to_fit(),
            // Built anew from its sorted entries, a B-tree has full nodes.
            Self::Large(entries) => *entries = std::mem::take(entries).into_iter().collect(),
        }
    }
}

/// Collects entries in any order; of two with the same key the later one wins.
impl<V> FromIterator<(SmallStr, V)> for Keyed<V> {
    fn from_iter<I: IntoIterator<Item = (SmallStr, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut keyed = Self::Small(Vec::with_capacity(entries.size_hint().0.min(SMALL)));
        for (key, value) in entries {
            keyed.insert(key, value);
        }
        keyed
    }
}

/// Iterates over entries in the order of their keys.
#[derive(Clone, Debug)]
pub(crate) enum KeyedIter<'a, V> {
    Small(std::slice::Iter<'a, (SmallStr, V)>),
    Large(std::collections::btree_map::Iter<'a, Key, V>),
}

impl<'a, V> Iterator for KeyedIter<'a, V> {
    type Item = (&'a SmallStr, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Small(entries) => entries.next().map(|(key, value)| (key, value)),
            Self::Large(entries) => entries.next().map(|(key, value)| (&key.0, value)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Small(entries) => entries.size_hint(),
            Self::Large(entries) => entries.size_hint(),
        }
    }
}

impl<V> ExactSizeIterator for KeyedIter<'_, V> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_a_b_tree_map(steps in prop::collection::vec((0..60_u8, any::<Option<u8>>()), 0..400)) {
            let (mut keyed, mut model) = (Keyed::default(), BTreeMap::new());
            for (key, value) in steps {
                let key = key.to_string();
                match value {
                    Some(value) => prop_assert_eq!(keyed.insert(key.as_str().into(), value), model.insert(key, value)),
                    None => prop_assert_eq!(keyed.remove(&key), model.remove(&key)),
                }
                prop_assert_eq!(keyed.len(), model.len());
            }
            let entries: Vec<_> = keyed.iter().map(|(k, v)| (k.to_string(), *v)).collect();
            prop_assert_eq!(entries, model.clone().into_iter().collect::<Vec<_>>());
            for (key, value) in &model {
                prop_assert_eq!(keyed.get(key), Some(value));
            }
        }
    }
}
