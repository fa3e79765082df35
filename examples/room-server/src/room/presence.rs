//! Who is in a room, and those whom a backend presents there: ghosts, without a connection.

use std::time::{Duration, Instant};

use livetree::Json;
use livetree::server::SessionOptions;
use serde::Deserialize;
use serde_json::{Value, json};

use super::message::{self, Messages};
use super::{Actor, Room};

/// How long a ghost may stay, in seconds.
const TTL: std::ops::RangeInclusive<u64> = 2..=3599;
const DEFAULT_TTL: u64 = 60;

/// Somebody whom a backend presents.
#[derive(Debug)]
pub(super) struct Ghost {
    pub(super) actor: Actor,
    info: Option<Value>,
    data: serde_json::Map<String, Value>,
    until: Instant,
}

/// The body of `POST /v2/rooms/{id}/presence`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetPresence {
    user_id: String,
    data: serde_json::Map<String, Value>,
    #[serde(default)]
    user_info: Option<Value>,
    #[serde(default)]
    ttl: Option<u64>,
}

impl SetPresence {
    /// How long the ghost stays.
    pub fn check(&self) -> Result<Duration, String> {
        let ttl = self.ttl.unwrap_or(DEFAULT_TTL);
        if !TTL.contains(&ttl) {
            return Err(format!("ttl must be from {} to {} seconds", TTL.start(), TTL.end()));
        }
        Ok(Duration::from_secs(ttl))
    }
}

impl Ghost {
    /// The ghost as others are told.
    pub(super) fn about(&self, user: &str) -> Value {
        let mut about = json!({ "id": user, "scopes": [] });
        if let (Some(about), Some(info)) = (about.as_object_mut(), &self.info) {
            about.insert("info".to_owned(), info.clone());
        }
        about
    }

    /// All that the ghost shows of itself.
    fn presence(&self) -> Json {
        let data = Json::from(Value::Object(self.data.clone()));
        // Any number says that this is all.
        message::presence(self.actor, data, Some(Json::from(1)))
    }
}

impl Room {
    /// A backend presents somebody, or changes how it did.
    pub fn set_presence(&mut self, body: SetPresence, ttl: Duration) -> Result<(), String> {
        let until = Instant::now() + ttl;
        let mut messages = Messages::default();
        if let Some(ghost) = self.ghosts.get_mut(&body.user_id) {
            ghost.until = until;
            ghost.data.extend(body.data.clone());
            let patch = Json::from(Value::Object(body.data));
            messages.push_json(message::presence(ghost.actor, patch, None));
        } else {
            let opened = self.open_session(SessionOptions::default());
            let actor = opened.map_err(|error| error.to_string())?;
            self.server.disconnect(actor);
            let ghost = Ghost { actor, info: body.user_info, data: body.data, until };
            let mut joined = ghost.about(&body.user_id);
            if let Some(joined) = joined.as_object_mut() {
                joined.insert("type".to_owned(), message::USER_JOINED.into());
                joined.insert("actor".to_owned(), actor.0.into());
            }
            messages.push_json(Json::from(joined));
            messages.push_json(ghost.presence());
            self.ghosts.insert(body.user_id, ghost);
        }
        self.tell_all(messages.take());
        Ok(())
    }

    /// Shows the ghosts to a newcomer.
    pub(super) fn introduce_ghosts(&mut self, newcomer: Actor) {
        let mut messages = Messages::default();
        for ghost in self.ghosts.values() {
            messages.push_json(ghost.presence());
        }
        if !messages.is_empty() {
            self.tell(newcomer, messages.take());
        }
    }

    /// When the next ghost is due to vanish.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.ghosts.values().map(|ghost| ghost.until).min()
    }

    /// Lets ghosts vanish whose time is up.
    pub(super) fn expire_ghosts(&mut self, now: Instant) {
        let due: Vec<String> = self
            .ghosts
            .iter()
            .filter(|(_, ghost)| ghost.until <= now)
            .map(|(user, _)| user.clone())
            .collect();
        for user in due {
            if let Some(ghost) = self.ghosts.remove(&user) {
                let left = json!({ "type": message::USER_LEFT, "actor": ghost.actor.0 });
                self.tell_all(left.to_string());
            }
        }
    }

    /// Everybody hears an event from a backend.
    pub fn broadcast(&mut self, event: Json) {
        let mut messages = Messages::default();
        messages.push_json(message::event(None, event));
        self.tell_all(messages.take());
    }

    /// Who is in the room, for the REST API.
    pub fn active_users(&self) -> Value {
        let user = |actor: Actor, id: Option<&String>, info: Option<&Value>| {
            let info = info.cloned().unwrap_or_else(|| json!({}));
            json!({ "type": "user", "connectionId": actor.0, "id": id, "info": info })
        };
        let members = self.members.iter().map(|(actor, member)| {
            user(*actor, member.entry.user.as_ref(), member.entry.info.as_ref())
        });
        let ghosts =
            self.ghosts.iter().map(|(id, ghost)| user(ghost.actor, Some(id), ghost.info.as_ref()));
        json!({ "data": members.chain(ghosts).collect::<Vec<_>>() })
    }
}
