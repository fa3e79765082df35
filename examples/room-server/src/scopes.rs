//! Scopes: what a token or a room's record lets somebody do.
//!
//! Clients stop working at a scope that they do not know, so none but these ever gets in.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The scopes that clients know.
const KNOWN: &[&str] = &[
    "*:read",
    "*:write",
    "room:read",
    "room:write",
    "room:presence:write",
    "storage:read",
    "storage:write",
    "storage:none",
    "comments:read",
    "comments:write",
    "comments:none",
    "comments:public:read",
    "comments:public:write",
    "comments:public:none",
    "comments:private:read",
    "comments:private:write",
    "comments:private:none",
    "feeds:read",
    "feeds:write",
    "feeds:none",
];

/// One of the scopes that clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Scope(&'static str);

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = KNOWN.iter().find(|known| **known == name);
        known.map(|known| Self(known)).ok_or_else(|| {
            serde::de::Error::custom(format_args!("{name:?} is not a scope that clients know"))
        })
    }
}

/// Scopes by the name of a room, a user or a group.
pub type ScopesBy = BTreeMap<String, Scopes>;

/// What somebody may do in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Reading and writing, by its old name: what a public key gives.
    pub fn room_write() -> Self {
        Self(vec![Scope("room:write")])
    }

    /// Whether there is nothing that its owner may do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the storage may be changed.
    pub fn can_write_storage(&self) -> bool {
        self.storage(&["storage:write"], &["*:write", "room:write"])
    }

    /// Whether the storage may be read.
    pub fn can_read_storage(&self) -> bool {
        let base = ["*:write", "room:write", "*:read", "room:read"];
        self.storage(&["storage:read", "storage:write"], &base)
    }

    /// A scope about storage overrides those about everything.
    fn storage(&self, storage: &[&str], base: &[&str]) -> bool {
        let has = |names: &[&str]| self.0.iter().any(|scope| names.contains(&scope.0));
        if has(&["storage:read", "storage:write", "storage:none"]) {
            has(storage)
        } else {
            has(base)
        }
    }
}

/// The scopes that a token's permissions give in a room: those for its name, otherwise those for
/// the longest prefix, which is written with a `*` at its end.
pub fn for_room<'a>(permissions: &'a ScopesBy, room: &str) -> Option<&'a Scopes> {
    let prefixes = permissions.iter().filter_map(|(pattern, scopes)| {
        let prefix = pattern.strip_suffix('*')?;
        room.starts_with(prefix).then_some((prefix.len(), scopes))
    });
    permissions.get(room).or_else(|| Some(prefixes.max_by_key(|(len, _)| *len)?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(json: &str) -> Scopes {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn storage_scopes_override_the_others() {
        let can = |json| (scopes(json).can_read_storage(), scopes(json).can_write_storage());
        assert_eq!(can(r#"["*:write"]"#), (true, true));
        assert_eq!(can(r#"["room:read","room:presence:write"]"#), (true, false));
        assert_eq!(can(r#"["*:read","storage:write"]"#), (true, true));
        assert_eq!(can(r#"["*:write","storage:read"]"#), (true, false));
        assert_eq!(can(r#"["*:write","storage:none"]"#), (false, false));
        assert_eq!(can("[]"), (false, false));
    }

    #[test]
    fn unknown_scopes_stay_out() {
        let error = serde_json::from_str::<Scopes>(r#"["*:write","root"]"#).unwrap_err();
        assert!(error.to_string().contains("\"root\""), "{error}");
    }

    #[test]
    fn the_closest_permission_counts() {
        let all: ScopesBy = serde_json::from_str(
            r#"{"a":["*:read"],"a*":["*:write"],"ab*":["storage:read"],"a**":["storage:none"]}"#,
        )
        .unwrap();
        assert_eq!(for_room(&all, "a"), Some(&scopes(r#"["*:read"]"#)));
        assert_eq!(for_room(&all, "ac"), Some(&scopes(r#"["*:write"]"#)));
        assert_eq!(for_room(&all, "abc"), Some(&scopes(r#"["storage:read"]"#)));
        assert_eq!(for_room(&all, "b"), None);
    }
}
