//! Values at places that are numbered and used again.

use std::collections::BTreeSet;

/// Values by number. Numbers of removed values are given out again.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.places.get(number as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.places.get_mut(number as usize)?.as_mut()
    }

    /// Adds a value and tells its number.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(number) = self.free.pop() {
            if let Some(place) = self.places.get_mut(number as usize) {
                *place = Some(value);
            }
            return number;
        }
        #[expect(clippy::cast_possible_truncation, reason = "4 billion do not fit in memory")]
        let number = self.places.len() as u32;
        self.places.push(Some(value));
        number
    }

    /// Removes the value of this number, if there is one.
    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let value = self.places.get_mut(number as usize)?.take();
        if value.is_some() {
            self.free.push(number);
        }
        value
    }

    /// Gives back memory that further growth would have used.
    pub(crate) fn shrink(&mut self) {
        while self.places.last().is_some_and(Option::is_none) {
            self.places.pop();
        }
        self.places.shrink_to_fit();
        let len = self.places.len();
        self.free.retain(|number| (*number as usize) < len);
        self.free.shrink_to_fit();
    }

    /// Says what is missing, held twice, or neither held nor free, if these are all numbers that anybody
    /// holds.
    pub(crate) fn check(
        &self,
        what: &str,
        held: impl IntoIterator<Item = u32>,
    ) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for number in held {
            if self.get(number).is_none() || !seen.insert(number) {
                return Err(format!("I2: {what} {number} is held twice or not there"));
            }
        }
        let (held, kept) = (seen.len(), self.iter().count());
        if held != kept {
            return Err(format!("I2: {held} of {what} are held, {kept} are kept"));
        }
        // All that are not held are free, each once.
        for number in &self.free {
            let is_there = (*number as usize) < self.places.len();
            if !is_there || !seen.insert(*number) {
                return Err(format!(
                    "I2: the place {number} for {what} is free twice or not at all"
                ));
            }
        }
        let places = self.places.len();
        if seen.len() != places {
            let free = self.free.len();
            return Err(format!(
                "I2: of {places} places for {what} {held} are held and {free} free"
            ));
        }
        Ok(())
    }

    /// The values, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slab(texts: &[&'static str]) -> Slab<&'static str> {
        let mut slab = Slab::default();
        for (number, text) in (0..).zip(texts) {
            assert_eq!(slab.insert(*text), number);
        }
        slab
    }

    #[test]
    fn numbers_of_removed_values_are_given_out_again() {
        let mut slab = slab(&["a", "b", "c"]);
        assert_eq!((slab.remove(1), slab.remove(1), slab.remove(9)), (Some("b"), None, None));
        assert_eq!((slab.get(0), slab.get(1), slab.get(9)), (Some(&"a"), None, None));
        slab.remove(0);
        let mut again = [slab.insert("d"), slab.insert("e")];
        again.sort_unstable();
        assert_eq!((again, slab.insert("f")), ([0, 1], 3));
        *slab.get_mut(2).unwrap() = "C";
        assert_eq!(slab.get(2), Some(&"C"));
        slab.remove(again[0]);
        assert_eq!(slab.iter().count(), 3);
    }

    #[test]
    fn free_places_at_the_end_are_given_back() {
        let mut slab = slab(&["a", "b", "c", "d", "e"]);
        for number in [3, 1, 4] {
            slab.remove(number);
        }
        slab.shrink();
        assert_eq!((slab.places.capacity(), &slab.free), (3, &vec![1]));
        assert_eq!(slab.check("texts", [0, 2]), Ok(()));
        assert_eq!((slab.insert("f"), slab.insert("g")), (1, 3));
        for number in 0..4 {
            slab.remove(number);
        }
        slab.shrink();
        assert_eq!((slab.places.capacity(), slab.free.capacity()), (0, 0));
        assert_eq!(slab.insert("h"), 0);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut slab = slab(&["a", "b", "c"]);
        slab.remove(1);
        let broken = |held: &[u32]| slab.check("texts", held.iter().copied()).unwrap_err();
        assert_eq!(slab.check("texts", [2, 0]), Ok(()));
        assert_eq!(broken(&[0]), "I2: 1 of texts are held, 2 are kept");
        assert_eq!(broken(&[0, 2, 0]), "I2: texts 0 is held twice or not there");
        assert_eq!(broken(&[0, 1, 2]), "I2: texts 1 is held twice or not there");
        assert_eq!(broken(&[0, 2, 3]), "I2: texts 3 is held twice or not there");
        let lose = |free: &[u32]| {
            let mut slab = slab.clone();
            slab.free = free.to_vec();
            slab.check("texts", [0, 2]).unwrap_err()
        };
        assert_eq!(lose(&[]), "I2: of 3 places for texts 2 are held and 0 free");
        assert_eq!(lose(&[1, 1]), "I2: the place 1 for texts is free twice or not at all");
        assert_eq!(lose(&[0]), "I2: the place 0 for texts is free twice or not at all");
        assert_eq!(lose(&[7]), "I2: the place 7 for texts is free twice or not at all");
    }
}
