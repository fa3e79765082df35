//! The entries of an object or a map: values by key, in the order of the keys.
//!
//! The order makes documents canonical: equal ones print equally, on every replica. Few entries
//! are a sorted vector, many a B-tree, so that no operation costs more than O(log n) for long.

use std::collections::BTreeMap;

use crate::SmallStr;

/// Beyond this many entries the B-tree takes over; below, moving entries up costs less than its
/// half-empty nodes.
const SMALL: usize = 64;

/// Values by key, iterated in the order of the keys.
#[derive(Clone, Debug)]
pub(crate) enum Keyed<V, K = SmallStr> {
    Small(Vec<(K, V)>),
    #[expect(clippy::box_collection, reason = "so that the small ones, which are many, are small")]
    Large(Box<BTreeMap<K, V>>),
}

impl<V, K> Default for Keyed<V, K> {
    fn default() -> Self {
        Self::EMPTY
    }
}

fn search<V, K: Ord>(entries: &[(K, V)], key: &K) -> Result<usize, usize> {
    entries.binary_search_by(|(k, _)| k.cmp(key))
}

/// As [`search`], for a key that is likely to come after all others: documents are mostly read in
/// the order of their keys.
fn search_from_end<V, K: Ord>(entries: &[(K, V)], key: &K) -> Result<usize, usize> {
    match entries.last() {
        Some((last, _)) if last < key => Err(entries.len()),
        _ => search(entries, key),
    }
}

impl<V, K> Keyed<V, K> {
    pub(crate) const EMPTY: Self = Self::Small(Vec::new());

    /// Removes all entries; few ones leave their memory for others.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Small(entries) => entries.clear(),
            Self::Large(_) => *self = Self::EMPTY,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Small(entries) => entries.len(),
            Self::Large(entries) => entries.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there have been many entries, and are not half as few yet.
    pub(crate) fn is_large(&self) -> bool {
        matches!(self, Self::Large(_))
    }

    pub(crate) fn iter(&self) -> KeyedIter<'_, V, K> {
        match self {
            Self::Small(entries) => KeyedIter::Small(entries.iter()),
            Self::Large(entries) => KeyedIter::Large(entries.iter()),
        }
    }
}

impl<V, K: Ord> Keyed<V, K> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Self::Small(entries) => entries.get(search(entries, key).ok()?).map(|(_, v)| v),
            Self::Large(entries) => entries.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Self::Small(entries) => {
                let at = search(entries, key).ok()?;
                entries.get_mut(at).map(|(_, value)| value)
            }
            Self::Large(entries) => entries.get_mut(key),
        }
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The value at `key`, which is made if there is none.
    pub(crate) fn get_or_insert_with(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V
    where
        K: Clone,
    {
        if let Self::Small(entries) = self {
            if entries.len() == SMALL && search(entries, key).is_err() {
                *self = Self::Large(Box::new(std::mem::take(entries).into_iter().collect()));
            }
        }
        match self {
            Self::Small(entries) => {
                let at = search_from_end(entries, key).unwrap_or_else(|at| {
                    entries.insert(at, (key.clone(), make()));
                    at
                });
                #[expect(clippy::indexing_slicing, reason = "found or just made")]
                &mut entries[at].1
            }
            Self::Large(entries) => entries.entry(key.clone()).or_insert_with(make),
        }
    }

    /// Sets the value at `key` and returns the one that was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Self::Small(entries) => match search_from_end(entries, &key) {
                Ok(at) => entries.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
                Err(_) if entries.len() == SMALL => {
                    let mut large: BTreeMap<_, _> = std::mem::take(entries).into_iter().collect();
                    large.insert(key, value);
                    *self = Self::Large(Box::new(large));
                    None
                }
                Err(at) => {
                    entries.insert(at, (key, value));
                    None
                }
            },
            Self::Large(entries) => entries.insert(key, value),
        }
    }

    /// Removes the value at `key` and returns it.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::Small(entries) => {
                let at = search(entries, key).ok()?;
                Some(entries.remove(at).1)
            }
            Self::Large(entries) => {
                let old = entries.remove(key);
                // Half of the threshold, so that adding and removing one entry does not flip.
                if entries.len() <= SMALL / 2 {
                    *self = Self::Small(std::mem::take(&mut **entries).into_iter().collect());
                }
                old
            }
        }
    }

    /// Gives back memory that further growth would have used.
    pub(crate) fn shrink(&mut self) {
        match self {
            Self::Small(entries) => entries.shrink_to_fit(),
            // Built anew from its sorted entries, a B-tree has full nodes.
            Self::Large(entries) => {
                **entries = std::mem::take(&mut **entries).into_iter().collect();
            }
        }
    }
}

impl<V> Keyed<V> {
    /// As [`get`](Self::get), by the text of a key.
    pub(crate) fn at(&self, key: &str) -> Option<&V> {
        match (SmallStr::inline(key), self) {
            (Some(key), _) => self.get(&key),
            (None, Self::Large(entries)) => entries.get(key),
            (None, Self::Small(entries)) => {
                let at = entries.binary_search_by(|(k, _)| k.as_bytes().cmp(key.as_bytes()));
                entries.get(at.ok()?).map(|(_, value)| value)
            }
        }
    }
}

/// Collects entries in any order; of two with the same key the later one wins.
impl<V, K: Ord> FromIterator<(K, V)> for Keyed<V, K> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
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
pub(crate) enum KeyedIter<'a, V, K = SmallStr> {
    Small(std::slice::Iter<'a, (K, V)>),
    Large(std::collections::btree_map::Iter<'a, K, V>),
}

impl<'a, V, K> Iterator for KeyedIter<'a, V, K> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Small(entries) => entries.next().map(|(key, value)| (key, value)),
            Self::Large(entries) => entries.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Small(entries) => entries.size_hint(),
            Self::Large(entries) => entries.size_hint(),
        }
    }
}

impl<V, K> ExactSizeIterator for KeyedIter<'_, V, K> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_a_b_tree_map(steps in prop::collection::vec((0..120_u8, any::<Option<u8>>()), 0..600)) {
            let (mut keyed, mut model) = (Keyed::<u8>::default(), BTreeMap::new());
            for (key, value) in steps {
                let key = if key < 30 { key.to_string() } else { format!("longer than a small string {key}") };
                match value {
                    Some(value) => prop_assert_eq!(keyed.insert(key.as_str().into(), value), model.insert(key, value)),
                    None => prop_assert_eq!(keyed.remove(&key.as_str().into()), model.remove(&key)),
                }
                prop_assert_eq!(keyed.len(), model.len());
            }
            let entries: Vec<_> = keyed.iter().map(|(k, v)| (k.to_string(), *v)).collect();
            prop_assert_eq!(entries, model.clone().into_iter().collect::<Vec<_>>());
            for (key, value) in &model {
                prop_assert_eq!(keyed.at(key), Some(value));
                prop_assert_eq!(keyed.get(&key.as_str().into()), Some(value));
            }
        }
    }
}
