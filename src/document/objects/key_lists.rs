//! The lists of keys that objects of a document share.

use std::collections::BTreeMap;

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
    /// How many bytes the keys take.
    bytes: usize,
    /// How many objects have these keys; the cache counts as one.
    users: u32,
}

/// The most lists that the cache holds, a power of two.
const LISTS: usize = 256;
/// The most keys of a shared list; an object with more is a table of its own kind.
pub(in crate::document) const KEYS: usize = 64;
/// Up to here a key is looked for among the keys of a list one by one.
const FEW: usize = 12;
/// Numbers of lists are less, so that they fit into 23 bits. The objects that would need more are tables.
pub(super) const NUMBERS: u32 = 1 << 23;

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

    /// How many bytes the keys of a list take.
    pub(super) fn bytes(&self, number: u32) -> usize {
        self.list(number).map_or(0, |list| list.bytes)
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

    /// As [`find`](Self::find), by the text of a key that is longer than most.
    pub(super) fn find_str(&self, number: u32, key: &str) -> Result<usize, usize> {
        self.get(number).binary_search_by(|other| other.as_bytes().cmp(key.as_bytes()))
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
                    let bytes = keys.clone().map(|key| key.as_bytes().len()).sum();
                    let list = List { keys: keys.cloned().collect(), marks, bytes, users: 2 };
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

    /// One more object uses a list; `None` if there are too many.
    pub(super) fn used(&mut self, number: u32) -> Option<u32> {
        if let Some(index) = number.checked_sub(1) {
            let list = self.lists.get_mut(index)?;
            list.users = list.users.checked_add(1)?;
        }
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

    /// Gives back memory that further growth would have used.
    pub(super) fn shrink(&mut self) {
        self.lists.shrink();
    }

    /// The number of lists.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lists.iter().count()
    }

    /// Says what is wrong, if these are the lists of all objects with keys, one for each.
    pub(super) fn check(&self, used: impl IntoIterator<Item = u32>) -> Result<(), String> {
        if self.cache.len() > LISTS
            || !(self.cache.is_empty() || self.cache.len().is_power_of_two())
        {
            return Err(format!("I2: the cache of keys has {} places", self.cache.len()));
        }
        let mut users = BTreeMap::<u32, usize>::new();
        for number in used.into_iter().chain(self.cache.iter().copied().flatten()) {
            let index = number.checked_sub(1).ok_or("I2: no keys are used as a list of keys")?;
            *users.entry(index).or_default() += 1;
        }
        self.lists.check("lists of keys", users.keys().copied())?;
        for (index, users) in users {
            let Some(list) = self.lists.get(index) else { continue };
            list.check(users).map_err(|broken| format!("I2: keys {:?} {broken}", list.keys))?;
        }
        for (place, number) in self.cache.iter().enumerate() {
            let Some(keys) = number.map(|number| self.get(number)) else { continue };
            if self.place(keys.iter()) != place {
                return Err(format!("I2: keys {keys:?} are at place {place} of the cache"));
            }
        }
        Ok(())
    }
}

impl List {
    /// Says what is wrong, if so many use it.
    fn check(&self, users: usize) -> Result<(), String> {
        if self.users as usize != users {
            return Err(format!("count {} users, but have {users}", self.users));
        }
        if self.keys.len() > KEYS {
            return Err(format!("are {}, which is too many", self.keys.len()));
        }
        if self.keys.is_empty() || !self.keys.is_sorted_by(|a, b| a < b) {
            return Err("do not ascend, or are none".to_owned());
        }
        if !self.keys.iter().take(FEW).map(mark).eq(self.marks.iter().copied()) {
            return Err(format!("have the marks {:?}", self.marks));
        }
        if self.keys.iter().map(|key| key.as_bytes().len()).sum::<usize>() != self.bytes {
            return Err(format!("take not {} bytes", self.bytes));
        }
        Ok(())
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
        lists.check([shape, point, shape, point]).unwrap();
    }

    #[test]
    fn made_up_keys_do_not_buy_memory() {
        let mut lists = KeyLists::default();
        for number in 0..10_000 {
            let list = share(&mut lists, &[&number.to_string()]);
            lists.release(list);
        }
        lists.check([]).unwrap();
        assert!(lists.cache.len() <= LISTS && lists.len() <= LISTS);
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
        assert!(lists.len() <= LISTS);
        lists.check([]).unwrap();
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut kept = KeyLists::default();
        let number = share(&mut kept, &["a", "b"]);
        let broken = |break_it: &dyn Fn(&mut List)| {
            let mut lists = kept.clone();
            break_it(lists.lists.get_mut(number - 1).unwrap());
            lists.check([number]).unwrap_err()
        };
        assert_eq!(
            broken(&|list| list.users = 1),
            r#"I2: keys ["a", "b"] count 1 users, but have 2"#
        );
        assert_eq!(
            broken(&|list| list.keys.reverse()),
            r#"I2: keys ["b", "a"] do not ascend, or are none"#
        );
        assert_eq!(
            broken(&|list| list.marks = [1].into()),
            r#"I2: keys ["a", "b"] have the marks [1]"#
        );
        assert_eq!(broken(&|list| list.bytes = 3), r#"I2: keys ["a", "b"] take not 3 bytes"#);
        assert_eq!(kept.check([]).unwrap_err(), r#"I2: keys ["a", "b"] count 2 users, but have 1"#);
        assert_eq!(kept.check([number, 0]).unwrap_err(), "I2: no keys are used as a list of keys");
        let absent = kept.check([number, 7]).unwrap_err();
        assert_eq!(absent, "I2: lists of keys 6 is held twice or not there");

        // Another list comes, and both are where they do not belong.
        let other = share(&mut kept, &["c"]);
        kept.cache.reverse();
        let misplaced = kept.check([number, other]).unwrap_err();
        assert!(misplaced.starts_with("I2: keys [") && misplaced.ends_with(" of the cache"));
        kept.cache.push(None);
        let places = kept.cache.len();
        let odd = kept.check([number, other]).unwrap_err();
        assert_eq!(odd, format!("I2: the cache of keys has {places} places"));
    }
}
