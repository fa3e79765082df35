//! A simulated world: one server, any number of clients, and connections that are slow and break.
//!
//! It exists so that tests, fuzz targets, benches and examples share one harness. Everything is
//! decided by the calls made, so a run can be repeated exactly. Messages travel as bytes. After
//! every step the world holds the engine to its promises (see [`Checks`]); a broken one is a
//! [`Failure`], and the world goes no further.

pub mod audit;
pub(super) mod check;
pub mod link;
pub mod oracle;
pub mod script;
pub mod soak;
pub mod typing;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::{Shortcuts, Status};
use crate::edit::{EditError, ObjectMut};
use crate::message::ServerMessage;
use crate::op::{Create, Intent, OpKind};
use crate::server::{Access, Protocol, Reply, ServerOptions, SessionOptions};
use crate::{Actor, Client, ClientMessage, Document, NodeId, Op, OpId, Server, UndoOptions};
use audit::{Audit, FIRST_VALUE};
use link::{Link, Pipe, client_frame, server_frames};
use oracle::Oracle;
use typing::{Texts, Typing, texts};

/// A promise was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    pub what: String,
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self { what }
    }
}

impl From<&str> for Failure {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}

fn fail<T>(user: usize, what: impl std::fmt::Display) -> Result<T, Failure> {
    Err(Failure { what: format!("user {user}: {what}") })
}

/// What is checked after every step. All of it costs time in proportion to the document.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    /// What a client shows is the fold of what it heard plus its pending ops.
    pub oracle: bool,
    /// Other clients, one without shortcuts and one without reports, show the same when told the same;
    /// the first also reports the same, the second nothing.
    pub twins: bool,
    /// Changes replayed over the JSON from before give the JSON from after.
    pub changes: bool,
    /// Every op has at most one effect and none is lost; the server agrees with the naive model.
    pub audit: bool,
}

impl Checks {
    pub const ALL: Self = Self { oracle: true, twins: true, changes: true, audit: true };
    pub const NONE: Self = Self { oracle: false, twins: false, changes: false, audit: false };
}

/// A rule broken on purpose, to see the harness notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    #[default]
    None,
    /// The first client never hears the first answer to one of its ops.
    LoseAnswer,
    /// The first client gets a message with several foreign ops in reverse order.
    ReverseOps,
    /// The first client gets a message with foreign ops twice.
    RepeatMessage,
    /// The first client is told of no changes once.
    ForgetChanges,
    /// An op of the first client vanishes from its message.
    LoseOp,
    /// No client rolls anything back for an op of somebody else.
    Careless,
}

/// How the world is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    pub options: ServerOptions,
    pub checks: Checks,
    pub sabotage: Sabotage,
    pub undo: UndoOptions,
    /// Whether scripts put much at many keys.
    pub wide: bool,
}

impl Default for Setup {
    fn default() -> Self {
        // Small numbers, so that their limits are met: chunks of a few nodes, short positions.
        let options =
            ServerOptions::default().chunk_size(256).spread_positions_beyond(12).log_len(1_000_000);
        Self {
            options,
            checks: Checks::ALL,
            sabotage: Sabotage::None,
            undo: UndoOptions::default().capacity(1_000),
            wide: false,
        }
    }
}

impl Setup {
    /// Gives a client its options.
    fn ready(&self, mut client: Client, differs: Option<Differs>) -> Client {
        client.set_shortcuts(match (differs, self.sabotage) {
            (Some(Differs::HasNoShortcuts), _) => Shortcuts::None,
            (_, Sabotage::Careless) => Shortcuts::Careless,
            _ => Shortcuts::Proven,
        });
        client.set_change_reports(differs != Some(Differs::HasNoReports));
        client.set_undo_options(self.undo);
        client
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub edits: usize,
    pub undos: usize,
    pub patches: usize,
    pub messages_up: usize,
    pub messages_down: usize,
    pub bytes_up: usize,
    pub bytes_down: usize,
    pub connects: usize,
    pub cuts: usize,
    pub restarts: usize,
    pub answers: Answers,
}

/// How the server answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub accepted: usize,
    pub ignored: usize,
    pub rejected: usize,
    /// Ops that had been sent before and were not applied again.
    pub repeated: usize,
    pub fixes: usize,
}

impl Answers {
    /// Counts a reply, with how many named ops were logged since the one before.
    fn add(&mut self, reply: &Reply, logged: usize) {
        let mut answered = 0;
        for message in &reply.sender {
            match message {
                ServerMessage::UpdateStorage { ops } => {
                    for op in ops {
                        match &op.op_id {
                            None => self.fixes += 1,
                            Some(_) if op.is_acknowledgement() => self.ignored += 1,
                            Some(_) => answered += 1,
                        }
                    }
                }
                ServerMessage::RejectOps { op_ids, .. } => self.rejected += op_ids.len(),
                _ => {}
            }
        }
        self.accepted += logged;
        self.repeated += answered - logged.min(answered);
    }
}

/// The server, the clients and what is between them.
#[derive(Debug)]
pub struct World {
    pub server: Server,
    pub users: Vec<User>,
    /// Connections that their client has given up, with what is still on its way to the server.
    ghosts: Vec<Ghost>,
    /// The actors that were ever told that they may write.
    writers: BTreeSet<Actor>,
    setup: Setup,
    audit: Option<Audit>,
    typing: Typing,
    pub stats: Stats,
    now: u64,
    next_value: u32,
    sabotaged: bool,
}

/// A client with its connection and the checks on it.
#[derive(Debug)]
pub struct User {
    pub client: Client,
    pub access: Access,
    name: String,
    protocol: Protocol,
    twins: Vec<Twin>,
    oracle: Option<Oracle>,
    /// The document as JSON, as a subscriber to the changes has it.
    mirror: Option<Value>,
    link: Option<Link>,
    /// How many pending ops the books know.
    known_pending: Vec<OpId>,
}

/// A client that does and hears what another does and hears.
#[derive(Debug)]
struct Twin {
    client: Client,
    differs: Differs,
}

/// In what way a twin is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Differs {
    HasNoShortcuts,
    HasNoReports,
}

impl std::fmt::Display for Differs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HasNoShortcuts => "without shortcuts",
            Self::HasNoReports => "without reports",
        })
    }
}

#[derive(Debug)]
struct Ghost {
    actor: Actor,
    up: Pipe,
}

impl User {
    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Frames under way: to the server, and to the client.
    pub fn under_way(&self) -> (usize, usize) {
        self.link.as_ref().map_or((0, 0), |link| (link.up.len(), link.down.len()))
    }

    /// Bytes under way: to the server, and to the client.
    pub fn bytes_under_way(&self) -> (usize, usize) {
        self.link.as_ref().map_or((0, 0), |link| (link.up.bytes(), link.down.bytes()))
    }
}

impl World {
    /// A server of `document`, and nobody connected.
    pub fn new(document: Document, setup: Setup) -> Self {
        Self {
            audit: setup.checks.audit.then(|| Audit::new(&document)),
            server: Server::new(document, setup.options.clone()),
            typing: Typing::default(),
            users: Vec::new(),
            ghosts: Vec::new(),
            writers: BTreeSet::new(),
            setup,
            stats: Stats::default(),
            now: 0,
            next_value: FIRST_VALUE,
            sabotaged: false,
        }
    }

    /// Adds a client that is not connected; returns its number.
    pub fn add_user(&mut self, access: Access) -> usize {
        let number = self.users.len();
        let checks = self.setup.checks;
        let twins = || {
            [Differs::HasNoShortcuts, Differs::HasNoReports].map(|differs| Twin {
                client: self.setup.ready(Client::new(), Some(differs)),
                differs,
            })
        };
        self.users.push(User {
            client: self.setup.ready(Client::new(), None),
            access,
            name: format!("user {number}"),
            protocol: if number % 4 == 3 { Protocol::V7 } else { Protocol::V8 },
            twins: if checks.twins { twins().into() } else { Vec::new() },
            oracle: checks.oracle.then(Oracle::default),
            mirror: checks.changes.then(|| Value::Object(serde_json::Map::new())),
            link: None,
            known_pending: Vec::new(),
        });
        number
    }

    /// A number that is given out once: what has this value was put there by one edit.
    pub fn fresh_value(&mut self) -> u32 {
        self.next_value += 1;
        self.next_value
    }

    pub fn audit(&self) -> Option<&Audit> {
        self.audit.as_ref()
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    /// Whether the rule that is broken on purpose has been broken.
    pub fn is_sabotaged(&self) -> bool {
        self.sabotaged
    }

    /// Opens a connection, unless one is open.
    pub fn connect(&mut self, user: usize) -> Result<(), Failure> {
        let who = &mut self.users[user];
        if who.link.is_some() {
            return Ok(());
        }
        let options = SessionOptions::default()
            .access(who.access)
            .protocol(who.protocol)
            .identity(who.name.clone());
        let actor = self.server.connect(options).map_err(|error| error.to_string())?;
        if who.access == Access::ReadWrite {
            self.writers.insert(actor);
        }
        who.link = Some(Link::new(actor));
        who.client.connected(actor);
        who.twins.iter_mut().for_each(|twin| twin.client.connected(actor));
        if let Some(oracle) = &mut who.oracle {
            oracle.connected();
        }
        self.stats.connects += 1;
        self.poll(user)
    }

    /// Breaks a connection. Of what is under way, the first `up` bytes reach the server and the
    /// first `down` bytes the client. With `late`, what reaches the server does so at some later
    /// time, perhaps when the client is back already; and the server knows of the break only then.
    pub fn cut(&mut self, user: usize, up: usize, down: usize, late: bool) -> Result<(), Failure> {
        let Some(link) = &mut self.users[user].link else { return Ok(()) };
        self.stats.cuts += 1;
        link.up.cut(up);
        link.down.cut(down);
        while self.deliver_down(user)? {}
        let Some(Link { actor, up, .. }) = self.users[user].link.take() else { return Ok(()) };
        let who = &mut self.users[user];
        who.client.disconnected();
        who.twins.iter_mut().for_each(|twin| twin.client.disconnected());
        if let Some(oracle) = &mut who.oracle {
            oracle.disconnected();
        }
        self.ghosts.push(Ghost { actor, up });
        if !late {
            while self.deliver_ghost(self.ghosts.len() - 1)? {}
        }
        Ok(())
    }

    /// The client sends what it has to say, and is saved before that is on its way. Then the app ends as if
    /// the connection were [cut](Self::cut), and starts again from what was saved: whatever it has heard after
    /// that it has forgotten, undo steps too.
    pub fn restart(
        &mut self,
        user: usize,
        up: usize,
        down: usize,
        late: bool,
    ) -> Result<(), Failure> {
        self.stats.restarts += 1;
        self.flush(user)?;
        let who = &mut self.users[user];
        let books = (who.oracle.clone(), who.mirror.clone(), who.known_pending.clone());
        let saved = who.client.save();
        let saved_twins: Vec<_> = who.twins.iter_mut().map(|twin| twin.client.save()).collect();
        let nodes: Vec<_> = who.client.document().nodes().collect();
        self.cut(user, up, down, late)?;

        let setup = &self.setup;
        let restored = |saved: &[u8], differs| match Client::restore(saved) {
            Ok(client) => Ok(setup.ready(client, differs)),
            Err(error) => fail(user, format!("a saved client is not restored: {error}")),
        };
        let who = &mut self.users[user];
        (who.oracle, who.mirror, who.known_pending) = books;
        if let Some(oracle) = &mut who.oracle {
            oracle.disconnected();
        }
        who.client = restored(&saved, None)?;
        for (twin, saved) in who.twins.iter_mut().zip(&saved_twins) {
            twin.client = restored(saved, Some(twin.differs))?;
        }
        let restored: Vec<_> = who.client.document().nodes().collect();
        if let Some(difference) = check::difference(&restored, &nodes) {
            return fail(user, format!("a restored client shows something else:{difference}"));
        }
        Ok(())
    }

    /// The number of connections that only the server still believes in.
    pub fn ghosts(&self) -> usize {
        self.ghosts.len()
    }

    /// Delivers a frame of a broken connection, or ends it. False once it is at its end.
    pub fn deliver_ghost(&mut self, ghost: usize) -> Result<bool, Failure> {
        let Some(Ghost { actor, up }) = self.ghosts.get_mut(ghost) else { return Ok(false) };
        let actor = *actor;
        match up.pop() {
            Some(frame) => {
                self.serve(actor, &frame)?;
                Ok(true)
            }
            None => {
                self.server.disconnect(actor);
                self.ghosts.remove(ghost);
                Ok(false)
            }
        }
    }

    /// Delivers the next frame to the server. False if there is none.
    pub fn deliver_up(&mut self, user: usize) -> Result<bool, Failure> {
        let Some(link) = &mut self.users[user].link else { return Ok(false) };
        let Some(frame) = link.up.pop() else { return Ok(false) };
        let actor = link.actor;
        self.serve(actor, &frame)?;
        Ok(true)
    }

    fn serve(&mut self, actor: Actor, frame: &[u8]) -> Result<(), Failure> {
        self.now += 1;
        self.stats.messages_up += 1;
        self.stats.bytes_up += frame.len();
        let before = self.server.log().last_seq();
        let reply = self
            .server
            .receive_frame(actor, frame, self.now)
            .map_err(|error| format!("the server does not take an honest frame: {error}"))?;
        let new = self
            .server
            .log()
            .since(before)
            .map_or(0, |entries| entries.filter(|entry| entry.op.op_id.is_some()).count());
        self.stats.answers.add(&reply, new);
        if let Some(audit) = &mut self.audit {
            let messages = ClientMessage::read_frame(frame).map_err(|error| error.to_string())?;
            let log = self.server.log().since(audit.last_seq()).ok_or("the log is too short")?;
            audit.served(&messages, &reply, log, self.writers.contains(&actor))?;
            self.check_server()?;
        }
        self.send(Some(actor), &reply);
        Ok(())
    }

    /// Puts what the server says on its way.
    fn send(&mut self, sender: Option<Actor>, reply: &Reply) {
        let array = self.now % 3 == 0;
        let (own, others) =
            (server_frames(&reply.sender, array), server_frames(&reply.others, array));
        for link in self.users.iter_mut().filter_map(|user| user.link.as_mut()) {
            let frames = if Some(link.actor) == sender { &own } else { &others };
            for frame in frames {
                self.stats.bytes_down += frame.len();
                link.down.push(frame.clone());
            }
        }
    }

    /// Delivers the next frame to the client. False if there is none.
    pub fn deliver_down(&mut self, user: usize) -> Result<bool, Failure> {
        let Some(link) = &mut self.users[user].link else { return Ok(false) };
        let Some(frame) = link.down.pop() else { return Ok(false) };
        let messages = ServerMessage::read_frame(&frame)
            .map_err(|error| format!("an honest server's frame cannot be read: {error}"))?;
        for message in messages {
            self.stats.messages_down += 1;
            let mut told = vec![message.clone()];
            if user == 0 && self.setup.sabotage != Sabotage::None && !self.sabotaged {
                self.tamper(message.clone(), &mut told);
            }
            self.hear(user, &message, told)?;
        }
        self.poll(user)?;
        Ok(true)
    }

    /// Breaks a rule on purpose.
    fn tamper(&mut self, message: ServerMessage, told: &mut Vec<ServerMessage>) {
        let ServerMessage::UpdateStorage { mut ops } = message else { return };
        let own = ops.iter().position(|op| op.op_id.is_some());
        match self.setup.sabotage {
            Sabotage::LoseAnswer => {
                let Some(own) = own else { return };
                ops.remove(own);
                *told = vec![ServerMessage::UpdateStorage { ops }];
            }
            Sabotage::ReverseOps if own.is_none() && ops.len() > 1 => {
                ops.reverse();
                *told = vec![ServerMessage::UpdateStorage { ops }];
            }
            Sabotage::RepeatMessage if own.is_none() => told.extend(told.clone()),
            _ => return,
        }
        self.sabotaged = true;
    }

    /// Hands the client what it is to send, and puts it on its way.
    ///
    /// Fetching the document is not delayed by the script: nothing else can happen before it.
    fn poll(&mut self, user: usize) -> Result<(), Failure> {
        if self.users[user].client.status() == Status::Loading {
            self.flush(user)?;
        }
        Ok(())
    }

    /// Sends what the client has to send.
    pub fn flush(&mut self, user: usize) -> Result<bool, Failure> {
        let mut sent = false;
        loop {
            let who = &mut self.users[user];
            let Some(link) = &mut who.link else { break };
            let message = who.client.poll_message();
            for Twin { client: twin, differs } in &mut who.twins {
                let other = twin.poll_message();
                if !check::says_the_same(message.as_ref(), other.as_ref(), who.client.document()) {
                    let what = format!("sends {message:?}, {differs} {other:?}");
                    return fail(user, what);
                }
            }
            let Some(mut message) = message else { break };
            let sabotages = self.setup.sabotage == Sabotage::LoseOp && user == 0;
            if let ClientMessage::UpdateStorage { ops } = &mut message {
                if sabotages && !self.sabotaged && ops.len() > 1 {
                    ops.pop();
                    self.sabotaged = true;
                }
            }
            link.up.push(client_frame(&message, self.now % 5 == 0));
            sent = true;
        }
        self.note_merged(user)?;
        Ok(sent)
    }

    /// A batch of edits, here and in the client's twins. Nothing happens before the first load.
    pub fn edit(
        &mut self,
        user: usize,
        edit: impl Fn(&mut ObjectMut<'_>) -> Result<(), EditError>,
    ) -> Result<(), Failure> {
        self.act(user, |client| client.edit(&edit).ok().map(|edited| edited.changes))?;
        self.stats.edits += 1;
        Ok(())
    }

    /// A JSON Patch made by a client.
    pub fn client_patch(&mut self, user: usize, patch: &[u8]) -> Result<(), Failure> {
        let patch = crate::patch::from_slice(patch).map_err(|error| error.to_string())?;
        self.act(user, |client| client.patch(&patch).ok().map(|patched| patched.changes))
    }

    pub fn undo(&mut self, user: usize) -> Result<(), Failure> {
        self.stats.undos += 1;
        self.act(user, Client::undo)
    }

    pub fn redo(&mut self, user: usize) -> Result<(), Failure> {
        self.stats.undos += 1;
        self.act(user, Client::redo)
    }

    pub fn pause(&mut self, user: usize) -> Result<(), Failure> {
        self.act(user, |client| {
            client.pause_history();
            None
        })
    }

    pub fn resume(&mut self, user: usize) -> Result<(), Failure> {
        self.act(user, |client| {
            client.resume_history();
            None
        })
    }

    /// Undoes a step and redoes it, which must restore all.
    pub fn undo_and_redo(&mut self, user: usize) -> Result<(), Failure> {
        if !self.users[user].client.can_undo() {
            return Ok(());
        }
        let nodes = |world: &Self| world.users[user].client.document().nodes().collect::<Vec<_>>();
        let before = nodes(self);
        self.undo(user)?;
        self.redo(user)?;
        let after = nodes(self);
        if let Some(difference) = check::difference(&after, &before) {
            return fail(user, format!("undo and redo lead elsewhere:{difference}"));
        }
        Ok(())
    }

    /// A JSON Patch on the server. One that does not apply changes nothing.
    pub fn patch(&mut self, patch: &[u8]) -> Result<(), Failure> {
        self.now += 1;
        let before = self.setup.checks.changes.then(|| self.server.document().to_json());
        let texts_before = texts(self.server.document());
        let patch = crate::patch::from_slice(patch).map_err(|error| error.to_string())?;
        let Ok((patched, reply)) = self.server.patch(&patch, self.now) else { return Ok(()) };
        self.stats.patches += 1;
        self.typing.acted(&texts_before, &texts(self.server.document()));
        if let Some(before) = before {
            let mut json = Value::from(&before);
            patched.changes.apply_to(&mut json).map_err(|error| error.to_string())?;
            if crate::Json::from(json) != self.server.document().to_json() {
                return Err(format!("changes of a patch: {:?}", patched.changes).into());
            }
        }
        self.published(&reply)
    }

    /// Replaces the whole document on the server.
    pub fn replace(&mut self, document: &Document) -> Result<(), Failure> {
        self.now += 1;
        let texts_before = texts(self.server.document());
        let reply = self.server.replace(document, self.now);
        self.typing.acted(&texts_before, &texts(self.server.document()));
        self.stats.patches += 1;
        self.published(&reply)
    }

    /// Somebody comes, deletes a text, brings it back as it was, version included, and goes.
    pub fn revive(&mut self, id: &NodeId) -> Result<(), Failure> {
        let Some(node) = self.server.document().nodes().find(|node| node.id == *id) else {
            return Ok(());
        };
        let Some((parent_id, parent_key)) = node.parent else { return Ok(()) };
        let actor = self.server.connect(SessionOptions::default());
        let actor = actor.map_err(|error| error.to_string())?;
        let (intent, deleted_id, content) = (Intent::Insert, None, node.content);
        let create = Create { parent_id, parent_key, intent, deleted_id, content };
        let mut ops = Vec::new();
        for (clock, kind) in [OpKind::DeleteCrdt, OpKind::Create(create)].into_iter().enumerate() {
            let op_id = OpId::minted(actor, clock as u64);
            if let Some(audit) = &mut self.audit {
                audit.made(&op_id)?;
            }
            ops.push(Op { op_id: Some(op_id), id: id.clone(), kind });
        }
        let it = |mut texts: Texts| {
            texts.retain(|text, _| text == id);
            texts
        };
        let before = it(texts(self.server.document()));
        self.writers.insert(actor);
        self.serve(actor, &client_frame(&ClientMessage::UpdateStorage { ops }, false))?;
        self.server.disconnect(actor);
        self.typing.acted(&before, &Texts::new());
        self.typing.acted(&Texts::new(), &it(texts(self.server.document())));
        Ok(())
    }

    fn published(&mut self, reply: &Reply) -> Result<(), Failure> {
        if let Some(audit) = &mut self.audit {
            let log = self.server.log().since(audit.last_seq()).ok_or("the log is too short")?;
            audit.published(log)?;
            self.check_server()?;
        }
        self.send(None, reply);
        Ok(())
    }

    /// Brings everybody online and delivers everything, until nobody has anything to say; then
    /// checks that all agree.
    pub fn settle(&mut self) -> Result<(), Failure> {
        while self.ghosts() > 0 {
            while self.deliver_ghost(0)? {}
        }
        for user in 0..self.users.len() {
            self.connect(user)?;
        }
        for _ in 0..10_000 {
            let mut busy = false;
            for user in 0..self.users.len() {
                busy |= self.flush(user)?;
                while self.deliver_up(user)? {
                    busy = true;
                }
                while self.deliver_down(user)? {
                    busy = true;
                }
            }
            if !busy {
                return self.check_agreement();
            }
        }
        Err("the world does not come to rest".into())
    }
}
