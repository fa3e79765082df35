//! What is known of a room apart from its storage: its record.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::scopes::{Scopes, ScopesBy};

/// The most entries that metadata may have.
const MAX_METADATA: usize = 50;

/// The longest id of a room, in bytes.
const MAX_ID: usize = 512;

/// A room's record, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The name by which clients join.
    pub id: String,
    /// The organisation that it belongs to.
    pub organization: String,
    /// When it was made, in milliseconds.
    pub created_at: u64,
    /// When somebody joined last.
    pub last_connection_at: Option<u64>,
    /// What the host notes about it.
    pub metadata: BTreeMap<String, Note>,
    /// What everybody may do.
    pub default_accesses: Scopes,
    /// What members of groups may do.
    pub groups_accesses: ScopesBy,
    /// What users may do.
    pub users_accesses: ScopesBy,
}

/// A value of metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Note {
    /// One word.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Note {
    /// Whether a word is the value, or one of several.
    pub fn is(&self, word: &str) -> bool {
        match self {
            Self::One(one) => one == word,
            Self::Many(many) => many.iter().any(|one| one == word),
        }
    }
}

/// Changes of a record; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecordUpdate {
    /// Replaces what everybody may do.
    pub default_accesses: Option<Scopes>,
    /// Merged; `null` removes.
    pub groups_accesses: BTreeMap<String, Option<Scopes>>,
    /// Merged; `null` removes.
    pub users_accesses: BTreeMap<String, Option<Scopes>>,
    /// Merged; `null` removes.
    pub metadata: BTreeMap<String, Option<Note>>,
    /// Only for a new room.
    pub organization_id: Option<String>,
}

impl Record {
    /// The record of a room that begins now.
    pub fn new(id: &str, default_accesses: Scopes) -> Self {
        Self {
            id: id.to_owned(),
            organization: "default".to_owned(),
            created_at: now(),
            last_connection_at: None,
            metadata: BTreeMap::new(),
            default_accesses,
            groups_accesses: ScopesBy::new(),
            users_accesses: ScopesBy::new(),
        }
    }

    /// Carries out changes.
    pub fn update(&mut self, update: RecordUpdate) {
        if let Some(scopes) = update.default_accesses {
            self.default_accesses = scopes;
        }
        if let Some(organization) = update.organization_id {
            self.organization = organization;
        }
        merge(&mut self.groups_accesses, update.groups_accesses);
        merge(&mut self.users_accesses, update.users_accesses);
        merge(&mut self.metadata, update.metadata);
    }

    /// Whether the record may be kept; if not, why.
    pub fn check(&self) -> Result<(), String> {
        if self.id.is_empty() || self.id.len() > MAX_ID {
            return Err(format!("the id of a room has 1 to {MAX_ID} bytes"));
        }
        if self.metadata.len() > MAX_METADATA {
            return Err(format!("metadata has at most {MAX_METADATA} entries"));
        }
        Ok(())
    }

    /// What a user may do: by name, else by the groups, else as everybody.
    pub fn scopes_of(&self, user: &str, groups: &[String]) -> Scopes {
        let by_group = || {
            let mut granted = groups.iter().filter_map(|group| self.groups_accesses.get(group));
            let first = granted.next()?;
            Some(granted.fold(first, |best, other| {
                if other.can_write_storage() && !best.can_write_storage() { other } else { best }
            }))
        };
        let own = self.users_accesses.get(user);
        own.or_else(by_group).unwrap_or(&self.default_accesses).clone()
    }

    /// The record as the REST API tells it.
    pub fn to_json(&self) -> Value {
        let mut room = json!({
            "type": "room",
            "id": self.id,
            "organizationId": self.organization,
            "createdAt": date(self.created_at),
            "metadata": self.metadata,
            "defaultAccesses": self.default_accesses,
            "groupsAccesses": self.groups_accesses,
            "usersAccesses": self.users_accesses,
        });
        if let (Some(at), Some(room)) = (self.last_connection_at, room.as_object_mut()) {
            room.insert("lastConnectionAt".to_owned(), date(at).into());
        }
        room
    }
}

fn merge<T>(kept: &mut BTreeMap<String, T>, changes: BTreeMap<String, Option<T>>) {
    for (key, value) in changes {
        match value {
            Some(value) => kept.insert(key, value),
            None => kept.remove(&key),
        };
    }
}

/// The time, in milliseconds.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A time as text: `2026-11-23T00:01:57.301Z`.
fn date(millis: u64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    humantime::format_rfc3339_millis(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_merge_and_null_removes() {
        let mut record = Record::new("r", Scopes::room_write());
        let update = |json| serde_json::from_str::<RecordUpdate>(json).unwrap();
        record.update(update(
            r#"{"metadata":{"a":"1","b":["2","3"]},"usersAccesses":{"x":["*:read"]}}"#,
        ));
        record.update(update(r#"{"metadata":{"a":null},"usersAccesses":{"y":["*:write"]}}"#));
        let json = record.to_json();
        assert_eq!(json["metadata"], json!({ "b": ["2", "3"] }));
        assert_eq!(json["usersAccesses"], json!({ "x": ["*:read"], "y": ["*:write"] }));
        assert_eq!(json["defaultAccesses"], json!(["room:write"]));
        assert!(json.get("lastConnectionAt").is_none());
    }

    #[test]
    fn a_users_own_access_counts_before_that_of_groups() {
        let mut record = Record::new("r", Scopes::default());
        let update = r#"{"usersAccesses":{"x":["*:read"]},
            "groupsAccesses":{"g":["*:read"],"h":["*:write"]}}"#;
        record.update(serde_json::from_str(update).unwrap());
        let groups = ["g".to_owned(), "h".to_owned()];
        assert!(!record.scopes_of("x", &groups).can_write_storage());
        assert!(record.scopes_of("y", &groups).can_write_storage(), "the best of the groups");
        assert!(record.scopes_of("y", &[]).is_empty());
    }
}
