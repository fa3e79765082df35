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

    /// Says what is missing, held twice or held by nobody, if these are all numbers that anybody holds.
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
        Ok(())
    }

    /// The values, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }
}
