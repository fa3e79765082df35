//! A room: one [`livetree::Server`] and those who are in it.
//!
//! No I/O happens here. What goes out is collected in [`Room::out`], what must be on the disk before
//! in [`Room::unwritten`]; the actor (`room/actor.rs`) sees to it that the one waits for the other.

pub mod actor;
mod load;
mod message;
mod mutation;
mod presence;
mod refresh;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use livetree::server::{Access, Protocol, Reply, SessionOptions};
use livetree::{Actor, ClientMessage, Server, ServerMessage};
use serde_json::{Value, json};

use crate::config::Config;
use crate::journal;
use crate::metrics::Metrics;
use crate::outbox::{Close, Frame, Outbox};
use crate::record::now;
use crate::scopes::Scopes;
use crate::tokens::random_name;
pub use load::load;
use message::{Incoming, Messages};
pub use mutation::MutationError;
use presence::Ghost;
pub use presence::SetPresence;
use refresh::Refresh;

/// Who may enter, and as whom.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The id of the room.
    pub room: String,
    /// The user's id; nobody knows who an anonymous user is.
    pub user: Option<String>,
    /// What others are told about the user.
    pub info: Option<Value>,
    /// What the user may do.
    pub scopes: Scopes,
    /// How the user is told the storage.
    pub protocol: Protocol,
}

/// Somebody in the room.
#[derive(Debug)]
struct Member {
    entry: Entry,
    outbox: Outbox,
    /// The storage as it was told last, until it has been read.
    reading: Weak<Vec<Utf8Bytes>>,
    refresh: Refresh,
}

impl Member {
    fn may_read_storage(&self) -> bool {
        self.entry.scopes.can_read_storage()
    }

    /// Whether the storage, as it was told last, has not been read yet.
    fn is_reading(&self) -> bool {
        self.reading.strong_count() > 0
    }
}

/// Something that leaves the room.
pub enum Delivery {
    /// A frame for some of its members.
    Frame(Vec<(Actor, Outbox)>, Frame),
    /// An answer to whoever asked for something.
    Answer(Box<dyn FnOnce() + Send>),
}

impl Delivery {
    /// How many bytes of frames it has.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Frame(_, frame) => frame.bytes(),
            Self::Answer(_) => 0,
        }
    }
}

/// What has been accepted and is not written down yet.
#[derive(Debug, Default)]
pub struct Unwritten {
    /// The entries of a batch.
    pub batch: Vec<u8>,
    /// Their number.
    pub ops: u64,
    /// Actor numbers that must be reserved.
    pub actors: Option<u32>,
}

/// A room in memory.
pub struct Room {
    server: Server,
    members: BTreeMap<Actor, Member>,
    ghosts: BTreeMap<String, Ghost>,
    /// In whose name backends change the storage.
    backend: Option<Actor>,
    /// Actor numbers below this one may be given out.
    reserved: u32,
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    /// What leaves the room, in order.
    pub out: Vec<Delivery>,
    /// What must be on the disk before it does.
    pub unwritten: Unwritten,
}

/// How many actor numbers are reserved at once. A restart skips those that were not used.
const ACTORS_AT_ONCE: u32 = 256;

/// How many bytes a frame of answers has before the next begins.
const LARGE_FRAME: usize = 1 << 20;

impl Room {
    /// A room whose storage was loaded into `server`.
    pub fn new(server: Server, config: Arc<Config>, metrics: Arc<Metrics>) -> Self {
        let reserved = server.next_actor().0;
        Self {
            server,
            members: BTreeMap::new(),
            ghosts: BTreeMap::new(),
            backend: None,
            reserved,
            config,
            metrics,
            out: Vec::new(),
            unwritten: Unwritten::default(),
        }
    }

    /// The storage.
    pub fn document(&self) -> &livetree::Document {
        self.server.document()
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.ghosts.is_empty()
    }

    /// Somebody enters: gets an actor number, is told who is here, and the others are told.
    pub fn enter(&mut self, entry: Entry, outbox: Outbox) -> Result<Actor, Close> {
        if self.members.len() >= self.config.max_room_connections {
            return Err(Close::new(Close::ROOM_FULL, "The room is full"));
        }
        let can_write = entry.scopes.can_write_storage();
        let options = SessionOptions::default()
            .access(if can_write { Access::ReadWrite } else { Access::ReadOnly })
            .protocol(entry.protocol)
            // Users that cannot be told apart may send each other's ops again, as may one who comes
            // back before the old connection is known to be dead.
            .identity(entry.user.clone().unwrap_or_default());
        let actor = self
            .open_session(options)
            .map_err(|error| Close::new(Close::NOT_ALLOWED, error.to_string()))?;
        let mut users: BTreeMap<String, Value> = BTreeMap::new();
        for (other, member) in &self.members {
            users.insert(other.to_string(), about(&member.entry));
        }
        for (user, ghost) in &self.ghosts {
            users.insert(ghost.actor.to_string(), ghost.about(user));
        }
        let state = json!({
            "type": message::ROOM_STATE,
            "actor": actor.0,
            "nonce": random_name(),
            "scopes": entry.scopes,
            "users": users,
            "meta": {},
        });
        let mut joined = about(&entry);
        if let Some(joined) = joined.as_object_mut() {
            joined.insert("type".to_owned(), message::USER_JOINED.into());
            joined.insert("actor".to_owned(), actor.0.into());
        }
        self.tell_others(actor, joined.to_string());
        let (reading, refresh) = (Weak::new(), Refresh::default());
        self.members.insert(actor, Member { entry, outbox, reading, refresh });
        self.tell(actor, state.to_string());
        self.introduce_ghosts(actor);
        Ok(actor)
    }

    /// Opens a session of the server, with an actor number that is sure never to come back.
    fn open_session(
        &mut self,
        options: SessionOptions,
    ) -> Result<Actor, livetree::server::ServerError> {
        let actor = self.server.connect(options)?;
        self.reserve();
        Ok(actor)
    }

    /// Sees to it that the numbers given out so far are never given out again.
    fn reserve(&mut self) {
        let next = self.server.next_actor().0;
        if next > self.reserved {
            self.reserved = next.saturating_add(ACTORS_AT_ONCE);
            self.unwritten.actors = Some(self.reserved);
        }
    }

    /// Somebody is gone, if still here.
    pub fn leave(&mut self, actor: Actor) {
        if self.members.remove(&actor).is_some() {
            self.left(actor);
        }
    }

    fn left(&mut self, actor: Actor) {
        self.server.disconnect(actor);
        self.tell_others(
            actor,
            json!({ "type": message::USER_LEFT, "actor": actor.0 }).to_string(),
        );
    }

    /// Somebody must go.
    pub fn expel(&mut self, actor: Actor, close: Close) {
        if let Some(member) = self.members.remove(&actor) {
            let to = vec![(actor, member.outbox)];
            self.out.push(Delivery::Frame(to, Frame::Close(close)));
            self.left(actor);
        }
    }

    /// The room has another id now: who entered under the old one must come back.
    pub fn rename(&mut self, id: &str) {
        let late = self.members.iter().filter(|(_, member)| member.entry.room != id);
        let late: Vec<Actor> = late.map(|(actor, _)| *actor).collect();
        for actor in late {
            self.expel(actor, Close::new(Close::ROOM_ID_CHANGED, "The room has another id now"));
        }
    }

    /// Everybody must go.
    pub fn expel_all(&mut self, close: &Close) {
        self.ghosts.clear();
        for (actor, member) in std::mem::take(&mut self.members) {
            self.server.disconnect(actor);
            let to = vec![(actor, member.outbox)];
            self.out.push(Delivery::Frame(to, Frame::Close(close.clone())));
        }
    }

    /// Somebody does not read what is sent, and is cut off.
    pub fn is_slow(&mut self, actor: Actor) {
        if self.members.remove(&actor).is_some() {
            tracing::info!(%actor, "a slow reader is cut off");
            self.metrics.slow.add(1);
            self.left(actor);
        }
    }

    /// A frame of a member.
    pub fn receive(&mut self, from: Actor, frame: &[u8]) {
        // What arrives after a member was sent away does not count.
        let Some(member) = self.members.get(&from) else { return };
        let may_read = member.may_read_storage();
        let messages = match message::read(frame) {
            Ok(messages) => messages,
            Err(reason) => {
                self.metrics.malformed.add(1);
                return self.expel(from, Close::new(Close::MALFORMED, reason));
            }
        };
        let (mut storage, mut to_others) = (Vec::new(), Messages::default());
        for message in messages {
            match message {
                Incoming::Storage(message) => storage.push(message),
                Incoming::Presence { data, target } => {
                    to_others.push_json(message::presence(from, data, target));
                }
                Incoming::Event(event) => to_others.push_json(message::event(Some(from), event)),
                Incoming::Unsupported => {}
            }
        }
        if !may_read {
            self.tell_update(Some(from), to_others, &[]);
            // Any real answer would tell of the storage.
            return self.answer(from, &message::acknowledge(storage));
        }
        self.put_off_fetch(from, &mut storage);
        let late = storage.iter().any(|message| message::is_late(message, from));
        let reply = self.storage(from, storage);
        self.tell_update(Some(from), to_others, &reply.others);
        self.answer(from, &reply.sender);
        self.heard(from, late || reply.repaired);
    }

    /// Sends a member the answers to its frame.
    fn answer(&mut self, to: Actor, messages: &[ServerMessage]) {
        let texts = frames(messages);
        let Some(member) = self.members.get_mut(&to) else { return };
        if messages.iter().any(ends_storage) {
            let texts = Arc::new(texts);
            member.reading = Arc::downgrade(&texts);
            self.send(to, Frame::Storage(texts));
        } else {
            for text in texts {
                self.send(to, Frame::Text(text));
            }
        }
    }

    /// Has the server take the messages of a frame that are about the storage, under one bound, and
    /// notes what it accepted.
    fn storage(&mut self, from: Actor, messages: Vec<ClientMessage>) -> Reply {
        match self.server.receive_all(from, messages, now()) {
            Ok(reply) => {
                self.note();
                reply
            }
            Err(error) => {
                tracing::error!(%from, %error, "a member has no session");
                Reply::default()
            }
        }
    }

    /// Notes down what the server has accepted since the last time.
    fn note(&mut self) {
        self.reserve();
        for entry in self.server.log().entries() {
            journal::write_entry(entry, &mut self.unwritten.batch);
            self.unwritten.ops += 1;
        }
        self.metrics.ops.add(self.server.log().entries().len());
        let last = self.server.log().last_seq();
        self.server.log_mut().forget(last);
    }

    /// When something is due that nobody asks for.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.next_expiry().into_iter().chain(self.next_refresh()).min()
    }

    /// Does what is due; perhaps not all of it at once.
    pub fn pass_time(&mut self, now: Instant) {
        self.expire_ghosts(now);
        self.refresh_member(now);
    }

    /// Sends a message to one member.
    fn tell(&mut self, to: Actor, text: String) {
        self.send(to, Frame::Text(text.into()));
    }

    fn send(&mut self, to: Actor, frame: Frame) {
        if let Some(member) = self.members.get(&to) {
            self.out.push(Delivery::Frame(vec![(to, member.outbox.clone())], frame));
        }
    }

    /// Sends a message to everybody but one.
    fn tell_others(&mut self, but: Actor, text: String) {
        self.tell_members(|actor, _| actor != but, text);
    }

    /// Sends a message to everybody.
    fn tell_all(&mut self, text: String) {
        self.tell_members(|_, _| true, text);
    }

    /// Sends a frame to everybody but one, if there is anything in it. What it says of the storage
    /// is for those alone who may read that.
    fn tell_update(&mut self, but: Option<Actor>, frame: Messages, storage: &[ServerMessage]) {
        let mut whole = frame.clone();
        for message in storage {
            whole.push(message);
        }
        for (mut frame, may_read) in [(frame, false), (whole, true)] {
            if !frame.is_empty() {
                let whom = |actor, member: &Member| {
                    Some(actor) != but && member.may_read_storage() == may_read
                };
                self.tell_members(whom, frame.take());
            }
        }
    }

    fn tell_members(&mut self, whom: impl Fn(Actor, &Member) -> bool, text: String) {
        let to = self.members.iter().filter(|(actor, member)| whom(**actor, member));
        let to: Vec<_> = to.map(|(actor, member)| (*actor, member.outbox.clone())).collect();
        if !to.is_empty() {
            self.out.push(Delivery::Frame(to, Frame::Text(text.into())));
        }
    }
}

/// The frames of an answer: what is large, as parts of the storage are, has one of its own.
fn frames(messages: &[ServerMessage]) -> Vec<Utf8Bytes> {
    let (mut frames, mut frame) = (Vec::new(), Messages::default());
    for message in messages {
        frame.push(message);
        let is_part = matches!(message, ServerMessage::StorageChunk { .. });
        if is_part || frame.len() >= LARGE_FRAME {
            frames.push(frame.take().into());
        }
    }
    if !frame.is_empty() {
        frames.push(frame.take().into());
    }
    frames
}

/// Whether a message is the last by which the storage is told.
fn ends_storage(message: &ServerMessage) -> bool {
    matches!(message, ServerMessage::StorageEnd | ServerMessage::StorageState { .. })
}

/// A user as others are told.
fn about(entry: &Entry) -> Value {
    let mut about = json!({ "scopes": entry.scopes });
    if let Some(about) = about.as_object_mut() {
        if let Some(user) = &entry.user {
            about.insert("id".to_owned(), user.clone().into());
        }
        if let Some(info) = &entry.info {
            about.insert("info".to_owned(), info.clone());
        }
    }
    about
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("members", &self.members).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(to, frame) => f.debug_tuple("Frame").field(&to.len()).field(frame).finish(),
            Self::Answer(_) => f.write_str("Answer"),
        }
    }
}
