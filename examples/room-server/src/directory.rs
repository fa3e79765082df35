//! The records of all rooms, in memory: found by id, listed newest first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::query::Query;
use crate::record::Record;

/// A room's number in the database. It stays when the room's id changes, and orders rooms by age.
pub type Key = u64;

/// All records.
#[derive(Debug, Default)]
pub struct Directory {
    by_key: BTreeMap<Key, Arc<Record>>,
    keys: HashMap<String, Key>,
}

/// What a list of rooms is narrowed down to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Conditions on id and metadata.
    pub query: Query,
    /// Only rooms of this organisation.
    pub organization: Option<String>,
    /// Only rooms that this user may enter,
    pub user: Option<String>,
    /// or one of these groups.
    pub groups: Vec<String>,
}

impl Filter {
    fn matches(&self, record: &Record) -> bool {
        let organization = self.organization.as_ref().is_none_or(|id| *id == record.organization);
        let restricted = self.user.is_some() || !self.groups.is_empty();
        let user = self.user.as_deref().unwrap_or_default();
        organization
            && self.query.matches(record)
            && (!restricted || !record.scopes_of(user, &self.groups).is_empty())
    }
}

impl Directory {
    /// Adds a room, or takes a new state of one. If another has its id, that stays to be found.
    pub fn put(&mut self, key: Key, record: Arc<Record>) {
        self.remove(key);
        self.keys.entry(record.id.clone()).or_insert(key);
        self.by_key.insert(key, record);
    }

    /// Removes a room.
    pub fn remove(&mut self, key: Key) {
        if let Some(record) = self.by_key.remove(&key)
            && self.keys.get(&record.id) == Some(&key)
        {
            self.keys.remove(&record.id);
        }
    }

    /// The room of this name.
    pub fn find(&self, id: &str) -> Option<(Key, &Arc<Record>)> {
        let key = *self.keys.get(id)?;
        Some((key, self.by_key.get(&key)?))
    }

    /// The room of this number.
    pub fn get(&self, key: Key) -> Option<&Arc<Record>> {
        self.by_key.get(&key)
    }

    /// The rooms that a filter leaves, newest first, older than `before`: at most `limit` of them,
    /// and where to go on if there are more.
    pub fn list(
        &self,
        filter: &Filter,
        before: Option<Key>,
        limit: usize,
    ) -> (Vec<Arc<Record>>, Option<Key>) {
        let older = self.by_key.range(..before.unwrap_or(Key::MAX)).rev();
        let mut found = older.filter(|(_, record)| filter.matches(record));
        let (mut rooms, mut last) = (Vec::new(), None);
        for (key, record) in found.by_ref().take(limit) {
            rooms.push(record.clone());
            last = Some(*key);
        }
        (rooms, last.filter(|_| found.next().is_some()))
    }

    /// The number of rooms.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are no rooms.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scopes::Scopes;

    #[test]
    fn lists_newest_first_page_by_page() {
        let mut directory = Directory::default();
        for key in 1..=5 {
            directory.put(key, Arc::new(Record::new(&format!("r{key}"), Scopes::default())));
        }
        let page = |before, limit| {
            let (rooms, next) = directory.list(&Filter::default(), before, limit);
            (rooms.iter().map(|record| record.id.clone()).collect::<Vec<_>>().join(" "), next)
        };
        assert_eq!(page(None, 2), ("r5 r4".to_owned(), Some(4)));
        assert_eq!(page(Some(4), 2), ("r3 r2".to_owned(), Some(2)));
        assert_eq!(page(Some(2), 2), ("r1".to_owned(), None));
        assert_eq!(page(None, 5).1, None, "no page is empty");
    }

    #[test]
    fn a_room_can_change_its_id() {
        let mut directory = Directory::default();
        directory.put(1, Arc::new(Record::new("a", Scopes::default())));
        directory.put(1, Arc::new(Record::new("b", Scopes::default())));
        assert!(directory.find("a").is_none());
        assert_eq!(directory.find("b").map(|(key, _)| key), Some(1));
        assert_eq!(directory.len(), 1);
    }
}
