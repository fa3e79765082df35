//! The lists of keys that objects of a document share.

use crate::SmallStr;
use crate::document::slab::Slab;

/// Lists of keys by number, each kept for as long as it is used. Number 0 is that of no keys.
///
/// A small cache finds the list for a set of keys. What it forgets, when another list comes in its
/// place, is merely not shared any more; so it stays small whatever keys a peer makes up.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyLists {
    lists: Slab<List>,
    /// Numbers of lists, each at the place that its hash says, modulo the number of places.
    cache: Vec<Option<u32>>,
}

#[derive(Clone, Debug)]
struct List {
    keys: Box<[SmallStr]>,
    /// The [`mark`] of each of the first [`FEW`] keys.
    marks: Box<[u64]>,
    /// How many objects have these keys; the cache counts as one.
    users: u32,
}

/// The most lists that the cache holds, a power of two.
const LISTS: usize = 256;
/// The most keys of a shared list; an object with more is a table of its own kind.
pub(super) const KEYS: usize = 64;
/// Up to here a key is looked for among the keys of a list one by one.
const FEW: usize = 12;
/// Numbers of lists are less.
const NUMBERS: u32 = 1 << 27;

/// A number in which two keys mostly differ.
#[inline]
fn mark(key: &SmallStr) -> u64 {
    key.prefix() ^ key.as_bytes().len() as u64
}

impl KeyLists {
    /// The keys of a list, in ascending order.
    pub(super) fn get(&self, number: u32) -> &[SmallStr] {
        self.list(number).map_or(&[], |list| &*list.keys)
    }

    /// The rank of a key in a list; as an error, the rank that it would have.
    pub(super) fn find(&self, number: u32, key: &SmallStr) -> Result<usize, usize> {
        let Some(list) = self.list(number) else { return Err(0) };
        // Shortcut: most keys asked for are there, and to see that two are not the same takes less than
        // to order them.
        let mark = mark(key);
        match list.marks.iter().position(|other| *other == mark) {
            Some(at) if list.keys.get(at) == Some(key) => Ok(at),
            _ => list.keys.binary_search(key),
        }
    }

    fn list(&self, number: u32) -> Option<&List> {
        self.lists.get(number.checked_sub(1)?)
    }

    /// The number of a list of these keys, which ascend, for one more object to use; `None` if
    /// there are too many to share.
    pub(super) fn share<'a>(
        &mut self,
        keys: impl Iterator<Item = &'a SmallStr> + Clone,
    ) -> Option<u32> {
        match keys.clone().take(KEYS + 1).count() {
            0 => return Some(0),
            1..=KEYS => {}
            _ => return None,
        }
        if let Some(number) = self.cached(keys.clone()) {
            return self.used(number);
        }
        loop {
            let place = self.place(keys.clone());
            match self.cache.get(place).copied() {
                // Two lists at one place: with twice as many places there may be one for each.
                Some(Some(_)) if self.cache.len() < LISTS => self.grow(),
                None => self.grow(),
                Some(before) => {
                    let marks = keys.clone().take(FEW).map(mark).collect();
                    let list = List { keys: keys.cloned().collect(), marks, users: 2 };
                    let index = self.lists.insert(list);
                    if index + 1 >= NUMBERS {
                        self.lists.remove(index);
                        return None;
                    }
                    if let Some(place) = self.cache.get_mut(place) {
                        *place = Some(index + 1);
                    }
                    if let Some(before) = before {
                        self.release(before);
                    }
                    return Some(index + 1);
                }
            }
        }
    }

    /// As [`share`](Self::share), for the keys of a list and another one at this place.
    pub(super) fn share_with(&mut self, number: u32, at: usize, key: &SmallStr) -> Option<u32> {
        let (before, after) = self.get(number).split_at_checked(at)?;
        let keys = before.iter().chain(std::slice::from_ref(key)).chain(after);
        if let Some(found) = self.cached(keys.clone()) {
            return self.used(found);
        }
        let keys: Vec<_> = keys.cloned().collect();
        self.share(keys.iter())
    }

    /// As [`share`](Self::share), for the keys of a list but the one at this place.
    pub(super) fn share_without(&mut self, number: u32, at: usize) -> Option<u32> {
        let (before, after) = self.get(number).split_at_checked(at)?;
        let keys = before.iter().chain(after.iter().skip(1));
        if let Some(found) = self.cached(keys.clone()) {
            return self.used(found);
        }
        let keys: Vec<_> = keys.cloned().collect();
        self.share(keys.iter())
    }

    /// The list of these keys, if the cache has one.
    fn cached<'a>(&self, keys: impl Iterator<Item = &'a SmallStr> + Clone) -> Option<u32> {
        let number = self.cache.get(self.place(keys.clone())).copied().flatten()?;
        self.get(number).iter().eq(keys).then_some(number)
    }

    fn used(&mut self, number: u32) -> Option<u32> {
        let list = self.lists.get_mut(number.checked_sub(1)?)?;
        list.users = list.users.checked_add(1)?;
        Some(number)
    }

    /// An object does not use a list any more.
    pub(super) fn release(&mut self, number: u32) {
        let Some(index) = number.checked_sub(1) else { return };
        let Some(list) = self.lists.get_mut(index) else { return };
        list.users -= 1;
        if list.users == 0 {
            self.lists.remove(index);
        }
    }

    /// The place in the cache for a list of these keys.
    fn place<'a>(&self, keys: impl Iterator<Item = &'a SmallStr>) -> usize {
        let hash = keys.fold(0, |hash: u64, key| {
            // The multiplier of Fibonacci hashing (Knuth 1973, section 6.4).
            (hash.rotate_left(23) ^ mark(key)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        (hash >> 32) as usize & self.cache.len().wrapping_sub(1)
    }

    /// Doubles the number of places.
    fn grow(&mut self) {
        let places = (2 * self.cache.len()).max(1);
        let cached = std::mem::replace(&mut self.cache, vec![None; places]);
        for number in cached.into_iter().flatten() {
            let place = self.place(self.get(number).iter());
            // Two that had a place each have one each again.
            if let Some(place) = self.cache.get_mut(place) {
                *place = Some(number);
            }
        }
    }

    /// How many objects with keys use lists.
    pub(super) fn users(&self) -> usize {
        let users: usize = self.lists.iter().map(|list| list.users as usize).sum();
        users - self.cache.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(lists: &mut KeyLists, keys: &[&str]) -> u32 {
        let keys: Vec<_> = keys.iter().map(|key| SmallStr::from(*key)).collect();
        lists.share(keys.iter()).unwrap()
    }

    #[test]
    fn the_same_keys_are_the_same_list() {
        let mut lists = KeyLists::default();
        let (shape, point) = (share(&mut lists, &["h", "w", "x"]), share(&mut lists, &["x", "y"]));
        assert_ne!(shape, point);
        assert_eq!(share(&mut lists, &["h", "w", "x"]), shape);
        assert_eq!(share(&mut lists, &["x", "y"]), point);
        assert_eq!(lists.users(), 4);
    }

    #[test]
    fn made_up_keys_do_not_buy_memory() {
        let mut lists = KeyLists::default();
        for number in 0..10_000 {
            let list = share(&mut lists, &[&number.to_string()]);
            lists.release(list);
        }
        assert_eq!(lists.users(), 0);
        assert!(lists.cache.len() <= LISTS && lists.lists.iter().count() <= LISTS);
    }

    #[test]
    fn a_forgotten_list_is_kept_for_those_that_use_it() {
        let mut lists = KeyLists::default();
        let numbers: Vec<_> =
            (0..2_000).map(|number| share(&mut lists, &[&number.to_string()])).collect();
        for (number, list) in numbers.iter().enumerate() {
            assert_eq!(lists.get(*list)[0], number.to_string().as_str());
            lists.release(*list);
        }
        assert!(lists.lists.iter().count() <= LISTS);
    }
}
