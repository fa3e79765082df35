//! The authority: applies what clients send, in the order in which it arrives.
//!
//! Sans-IO: messages come in, messages go out; connections, clocks and storage are the host's.
//! What an op means is [`Document::apply`]'s business; here it is decided who may send it, whether
//! it came before, and who must hear of it.

mod answered;
mod batch;
mod fetch;
mod positions;
mod repeat;
mod replace;
mod session;

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

pub use session::{Access, Protocol, SessionOptions};

use crate::document::NodeIx;
use crate::log::OpLog;
use crate::message::{ClientMessage, MessageError, ServerMessage, lone_update};
use crate::op::{NodeContent, NodeKind, OpKind, Sender, UpdateText};
use crate::patch::{PatchError, Patched};
use crate::{Actor, Document, FileMeta, IdSource, Limits, NodeId, Op, OpId, Outcome};
use answered::{Answer, Answered};
use batch::{Batch, Effort};
use session::Seat;

/// How a [`Server`] behaves.
///
/// ```
/// use livetree::server::ServerOptions;
/// let options = ServerOptions::default().resend_window(1_000).log_len(0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    limits: Limits,
    resend_window: usize,
    log_len: usize,
    chunk_size: usize,
    longest_position: usize,
    check_ids: bool,
    take_back_rejected: bool,
}

impl Default for ServerOptions {
    /// The default [`Limits`], a window of 100,000 op ids, a log of 1,000 ops, chunks of 1 MiB,
    /// positions of at most 48 bytes, ids checked.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            resend_window: 100_000,
            log_len: 1_000,
            chunk_size: 1 << 20,
            longest_position: 48,
            check_ids: true,
            take_back_rejected: false,
        }
    }
}

impl ServerOptions {
    /// Limits on what clients may store.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How many of the latest op ids are remembered, so that an op which is sent again is not
    /// applied again. 0 is the reference's behaviour: only texts remember.
    #[must_use]
    pub fn resend_window(self, ops: usize) -> Self {
        Self { resend_window: ops, ..self }
    }

    /// How many accepted ops the log keeps.
    #[must_use]
    pub fn log_len(self, ops: usize) -> Self {
        Self { log_len: ops, ..self }
    }

    /// About how many bytes a chunk of the document has when it is fetched.
    #[must_use]
    pub fn chunk_size(self, bytes: usize) -> Self {
        Self { chunk_size: bytes.max(1), ..self }
    }

    /// How many bytes list positions may have before the server spreads out their neighbourhood; at least 8.
    #[must_use]
    pub fn spread_positions_beyond(self, bytes: usize) -> Self {
        Self { longest_position: bytes.max(8), ..self }
    }

    /// What [`spread_positions_beyond`](Self::spread_positions_beyond) said.
    #[cfg(feature = "__testing")]
    pub(crate) fn longest_position(&self) -> usize {
        self.longest_position
    }

    /// Whether ids must be minted by the client that sends them: then nobody can use up, or edit under, an id
    /// of another client that is connected. Op ids of ended sessions are anybody's, since clients send again under
    /// a new actor what was not acknowledged; so with these the clients of one room trust each other.
    #[must_use]
    pub fn check_ids(self, check: bool) -> Self {
        Self { check_ids: check, ..self }
    }

    /// Whether an op that is rejected is echoed, followed by ops that take it back, so that nobody hears of
    /// a rejection. Some clients take one as an error of the program and stop, or go on showing what was
    /// rejected. Text updates are rejected all the same: clients fetch the text again. A session may have it
    /// [otherwise](SessionOptions::take_back_rejected).
    #[must_use]
    pub fn take_back_rejected(self, take_back: bool) -> Self {
        Self { take_back_rejected: take_back, ..self }
    }
}

/// What goes out after something came in. Everything is to be sent in the order given.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "undelivered messages leave clients waiting"]
#[non_exhaustive]
pub struct Reply {
    /// To the session that sent the message.
    pub sender: Vec<ServerMessage>,
    /// To every other session.
    pub others: Vec<ServerMessage>,
    /// Whether an op came again that was accepted before, or was taken back: the answer then holds
    /// ops that lead the sender to how things are now. A host that does not trust its clients to
    /// follow closes the connection once this is sent, so that they fetch the document.
    pub repaired: bool,
}

impl Reply {
    fn append(&mut self, later: Self) {
        let Self { sender, others, repaired } = later;
        for (all, more) in [(&mut self.sender, sender), (&mut self.others, others)] {
            // Most frames have one message, the answers to which need not be moved.
            if all.is_empty() { *all = more } else { all.extend(more) }
        }
        self.repaired |= repaired;
    }
}

/// Why a server could not do as asked. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// There is no such session (any more).
    #[error("there is no session of actor {0}")]
    NoSession(Actor),
    /// The frame could not be read.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// All actor numbers have been given out.
    #[error("no actor number is left")]
    NoActorLeft,
}

type Guard = Box<dyn FnMut(Actor, &Document, &Op) -> Result<(), String> + Send>;
type Uploads = Box<dyn FnMut(&FileMeta) -> Result<u64, String> + Send>;

/// A document with its sessions: the authority of one room.
///
/// *Open and close* sessions with [`connect`](Self::connect) and [`disconnect`](Self::disconnect).
/// *Hear* with [`receive`](Self::receive) or [`receive_frame`](Self::receive_frame) and send what
/// they return. *Change* the document from outside with [`patch`](Self::patch) and
/// [`replace`](Self::replace). *Read* [`document`](Self::document) and [`log`](Self::log).
pub struct Server {
    document: Document,
    sessions: BTreeMap<Actor, Seat>,
    next_actor: u32,
    /// For patches and the like, once there has been one.
    own: Option<IdSource>,
    answered: Answered,
    log: OpLog,
    options: ServerOptions,
    guard: Option<Guard>,
    uploads: Option<Uploads>,
}

impl Server {
    /// A server of `document`, which gives out actor numbers from one beyond any in its ids. O(n) for n nodes.
    pub fn new(mut document: Document, options: ServerOptions) -> Self {
        let used = document
            .subtree(NodeIx::ROOT)
            .filter_map(|ix| document.id(ix).actor_and_clock().map(|(actor, _)| actor.0));
        let next_actor = used.max().map_or(0, |actor| actor.saturating_add(1));
        document.commit_all();
        document.set_limits(options.limits.clone());
        Self {
            document,
            sessions: BTreeMap::new(),
            next_actor,
            own: None,
            answered: Answered::new(options.resend_window),
            log: OpLog::new(options.log_len),
            options,
            guard: None,
            uploads: None,
        }
    }

    /// Gives out no actor number below `actor`.
    ///
    /// Actor numbers must never come back in the life of a document; a host that stores one stores
    /// [`next_actor`](Self::next_actor) with it and hands it back here.
    #[must_use]
    pub fn starting_at(mut self, actor: Actor) -> Self {
        self.next_actor = self.next_actor.max(actor.0);
        self
    }

    /// Adds the host's own rules: called for every op of a session before it is applied; an error rejects it.
    /// What was answered before is not asked for again, unless it is a text update with more in it; nor is what
    /// the host does itself ([`patch`](Self::patch), [`replace`](Self::replace), [`replay`](Self::replay)).
    ///
    /// Ops are judged one by one, as limits are: of an edit that is several ops, such as to delete something here
    /// and create it there, one may be rejected and another not. Rules for whole edits are for the client that makes
    /// them, or for a host that looks at all ops of a message before it gives it to [`receive`](Self::receive).
    ///
    /// If it panics, the ops before it in the same frame have been applied and nobody has been told: a host that
    /// catches panics gives the server up, or has all clients connect anew.
    #[must_use]
    pub fn guarded(
        mut self,
        guard: impl FnMut(Actor, &Document, &Op) -> Result<(), String> + Send + 'static,
    ) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// Has the host confirm each LiveFile that a client creates: the size of what was uploaded under
    /// the file's id, or why there is no such file. The true size replaces what the client said; an
    /// error rejects the op. For panics see [`guarded`](Self::guarded).
    ///
    /// ```
    /// use livetree::server::ServerOptions;
    /// use livetree::{Document, Server};
    /// let server = Server::new(Document::new(), ServerOptions::default()).confirming_uploads(
    ///     |file| match file.id() {
    ///         "fl_0123456789abcdefghijk" => Ok(48_213),
    ///         id => Err(format!("nothing was uploaded as {id}")),
    ///     },
    /// );
    /// # drop(server);
    /// ```
    #[must_use]
    pub fn confirming_uploads(
        mut self,
        uploaded: impl FnMut(&FileMeta) -> Result<u64, String> + Send + 'static,
    ) -> Self {
        self.uploads = Some(Box::new(uploaded));
        self
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Whether the net changes of a [patch](Self::patch) are found out, as they are at first. Nothing else changes.
    pub fn set_change_reports(&mut self, reports: bool) {
        self.document.set_change_reports(reports);
    }

    /// The latest accepted ops.
    pub fn log(&self) -> &OpLog {
        &self.log
    }

    /// As [`log`](Self::log), to forget entries.
    pub fn log_mut(&mut self) -> &mut OpLog {
        &mut self.log
    }

    /// The number that the next session gets.
    pub fn next_actor(&self) -> Actor {
        Actor(self.next_actor)
    }

    /// The actors of the open sessions.
    pub fn actors(&self) -> impl Iterator<Item = Actor> + '_ {
        self.sessions.keys().copied()
    }

    fn new_actor(&mut self) -> Result<Actor, ServerError> {
        let actor = Actor(self.next_actor);
        self.next_actor = self.next_actor.checked_add(1).ok_or(ServerError::NoActorLeft)?;
        Ok(actor)
    }

    /// Carries out an op that was accepted before, from the log of a host that stores one: as it
    /// was applied, in the order of the log. Nothing is checked and nobody hears of it. A text
    /// update also needs what was [received](crate::log::LogEntry::received), to be recognised when it is sent again.
    ///
    /// The op ids and the histories of the texts are remembered, so a host which replays the latest
    /// ops onto a snapshot that is a while older answers re-sent ops that were accepted as it would have without a
    /// restart. The log does not say what was ignored or rejected: if that is sent again, it is decided anew.
    ///
    /// Actors that are named in the op are not given out any more, as with those in the document
    /// that [`new`](Self::new) is given.
    ///
    /// Returns what became of the op. If it is not [accepted](Outcome::is_accepted), it does not fit the
    /// document, and one of the two is damaged.
    ///
    /// ```
    /// use livetree::{Document, Server, server::{ServerOptions, SessionOptions}};
    /// let frame = br#"[{"type":201,"ops":[{"type":3,"id":"root","opId":"0:0","data":{"n":1}}]}]"#;
    /// let mut server = Server::new(Document::new(), ServerOptions::default());
    /// let actor = server.connect(SessionOptions::default())?;
    /// let _ = server.receive_frame(actor, frame, 0)?;
    ///
    /// let mut later = Server::new(Document::new(), ServerOptions::default());
    /// for entry in server.log().entries() {
    ///     assert!(later.replay(&entry.op, entry.received.as_ref()).is_accepted());
    /// }
    /// assert_eq!(later.document().to_json(), server.document().to_json());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replay(&mut self, op: &Op, received: Option<&UpdateText>) -> Outcome {
        let outcome = match (&op.kind, &op.op_id) {
            (OpKind::UpdateText(applied), Some(op_id)) => {
                self.document.restore_text(op, op_id, applied, received.unwrap_or(applied))
            }
            _ => self.document.apply(op),
        };
        self.skip_actors_of(op);
        if let Some(op_id) = &op.op_id {
            self.answered.insert(op_id.clone(), Answer::Accepted);
        }
        outcome
    }

    /// Gives out no actor in whose name an op, or a node that it creates, is.
    fn skip_actors_of(&mut self, op: &Op) {
        let namer = op.op_id.as_ref().and_then(OpId::actor_and_clock);
        let minter = match &op.kind {
            OpKind::Create(_) => op.id.actor_and_clock(),
            _ => None,
        };
        let used = namer.into_iter().chain(minter).map(|(actor, _)| actor.0.saturating_add(1));
        self.next_actor = used.fold(self.next_actor, u32::max);
    }

    /// Opens a session and returns its actor number, which is never given out again.
    ///
    /// From here on the session gets what [`Reply::others`] says. Clients come back while their old connection still
    /// counts as open, and send again what was not acknowledged; that is rejected unless both sessions have the same
    /// [identity](SessionOptions::identity), or the old one is closed first.
    ///
    /// # Errors
    /// If four billion sessions have been opened before.
    pub fn connect(&mut self, options: SessionOptions) -> Result<Actor, ServerError> {
        let actor = self.new_actor()?;
        self.sessions.insert(actor, Seat::new(options));
        Ok(actor)
    }

    /// Closes a session.
    pub fn disconnect(&mut self, actor: Actor) {
        self.sessions.remove(&actor);
    }

    /// Takes a frame from a session. `now` is the host's time, for the log.
    ///
    /// Messages that do not concern storage are passed over; a host that has some, such as presence, reads the frame
    /// with [`ClientMessage::read_frame`] and gives the others to [`receive_all`](Self::receive_all).
    ///
    /// # Errors
    /// If there is no such session, or the frame cannot be read; nothing of it is then applied.
    pub fn receive_frame(
        &mut self,
        from: Actor,
        frame: &[u8],
        now: u64,
    ) -> Result<Reply, ServerError> {
        self.sessions.get(&from).ok_or(ServerError::NoSession(from))?;
        if let Some(ops) = lone_update(frame, Sender::Client) {
            return Ok(self.update(from, ops, now, &mut Effort::default()));
        }
        self.receive_all(from, ClientMessage::read_all(frame)?, now)
    }

    /// Takes the messages of one frame from a session. `now` is the host's time, for the log.
    ///
    /// However often they ask for the document, that is told once; and what the frame may ask of the server is
    /// bounded for all of them together.
    ///
    /// # Errors
    /// If there is no such session.
    pub fn receive_all(
        &mut self,
        from: Actor,
        messages: impl IntoIterator<Item = ClientMessage>,
        now: u64,
    ) -> Result<Reply, ServerError> {
        self.sessions.get(&from).ok_or(ServerError::NoSession(from))?;
        let (mut reply, mut effort, mut fetched) = (Reply::default(), Effort::default(), false);
        for message in messages {
            // Once is enough: what happens to the document from then on is told in any case.
            let fetch = message == ClientMessage::FetchStorage;
            if !(fetch && std::mem::replace(&mut fetched, true)) {
                reply.append(self.take_message(from, message, now, &mut effort));
            }
        }
        Ok(reply)
    }

    /// Takes a message from a session. `now` is the host's time, for the log.
    ///
    /// A frame may hold many: [`receive_all`](Self::receive_all) bounds what they ask for together.
    ///
    /// # Errors
    /// If there is no such session.
    pub fn receive(
        &mut self,
        from: Actor,
        message: ClientMessage,
        now: u64,
    ) -> Result<Reply, ServerError> {
        self.receive_all(from, [message], now)
    }

    fn take_message(
        &mut self,
        from: Actor,
        message: ClientMessage,
        now: u64,
        effort: &mut Effort,
    ) -> Reply {
        match message {
            ClientMessage::FetchStorage => {
                let protocol = self.sessions.get(&from).map(Seat::protocol).unwrap_or_default();
                Reply { sender: self.fetch(protocol), ..Reply::default() }
            }
            ClientMessage::UpdateStorage { ops } => self.update(from, ops, now, effort),
            ClientMessage::Other(_) => Reply::default(),
        }
    }

    /// Applies ops of a session, in order.
    fn update<I>(
        &mut self,
        from: Actor,
        ops: impl IntoIterator<IntoIter = I>,
        now: u64,
        effort: &mut Effort,
    ) -> Reply
    where
        I: ExactSizeIterator<Item = Op>,
    {
        let ops = ops.into_iter();
        let takes_back = self.sessions.get(&from).and_then(Seat::take_back_rejected);
        let takes_back = takes_back.unwrap_or(self.options.take_back_rejected);
        let mut batch = Batch::of(*effort, takes_back);
        if let Err(limit) = self.options.limits.check_number(ops.len()) {
            for op in ops {
                if let Some(op_id) = op.op_id.clone() {
                    self.reject(&op, op_id, &limit.to_string(), &mut batch);
                }
            }
        } else {
            batch.reserve(ops.len());
            for op in ops {
                self.take(from, op, now, &mut batch);
            }
            self.keep_positions_short(&mut batch, from, now);
        }
        *effort = batch.effort;
        batch.reply()
    }

    /// Everybody is to hear of an op.
    fn accept(&self, op: Op, batch: &mut Batch) {
        if self.gives_long_position(&op) {
            batch.note_long(op.id.clone());
        }
        batch.accept(op);
    }

    /// The list, or other container, whose items an op adds to, moves or takes out.
    fn list_of(&self, op: &Op) -> Option<NodeId> {
        match &op.kind {
            OpKind::DeleteCrdt | OpKind::SetParentKey { .. } => self.document.parent_of(&op.id),
            OpKind::Create(create) => Some(create.parent_id.clone()),
            OpKind::DeleteObjectKey { .. } => Some(op.id.clone()),
            OpKind::UpdateObject { .. } | OpKind::UpdateText(_) => None,
        }
    }

    /// Takes one op: decides what becomes of it, and notes what to tell whom.
    fn take(&mut self, from: Actor, mut op: Op, now: u64, batch: &mut Batch) {
        let Some(op_id) = op.op_id.clone() else { return };
        if let OpKind::UpdateText(update) = &mut op.kind {
            // Only an authority names versions.
            update.version = None;
        }
        let list = self.list_of(&op);
        let Some(outcome) = self.decide(from, &mut op, &op_id, batch) else { return };
        match outcome {
            Outcome::Ignored => {
                self.answered.insert(op_id.clone(), Answer::Ignored);
                batch.acknowledge(op_id);
            }
            Outcome::Rectified { op, fix } => {
                self.answered.insert(op_id, Answer::Accepted);
                let list = self.document.parent_of(&op.id);
                batch.rectify(*op, fix.map(|fix| *fix), list.as_ref());
            }
            Outcome::Rejected(rejection) => {
                // An update that hangs on a version out of reach may come again on another.
                if !rejection.is_about_version() {
                    self.answered.insert(op_id.clone(), Answer::Rejected);
                }
                self.reject(&op, op_id, &rejection.to_string(), batch);
            }
            Outcome::Accepted { corrected, fix } => {
                self.answered.insert(op_id, Answer::Accepted);
                if let Some(fix) = fix {
                    batch.fix(*fix, &op, list.as_ref());
                }
                let (op, received) = match (corrected, op) {
                    (None, op) => (op, None),
                    (Some(corrected), Op { kind: OpKind::UpdateText(update), .. }) => {
                        (*corrected, Some(update))
                    }
                    (Some(corrected), _) => (*corrected, None),
                };
                self.note_id(&op);
                self.log.append(from, now, || (op.clone(), received));
                if let Some(list) = list {
                    batch.note_change(list, &op);
                }
                self.accept(op, batch);
            }
        }
    }

    /// Applies an op, unless it has been answered before or is not allowed; `None` if it is answered now.
    fn decide(
        &mut self,
        from: Actor,
        op: &mut Op,
        op_id: &OpId,
        batch: &mut Batch,
    ) -> Option<Outcome> {
        let target = self.document.target(op);
        let comes_again = match self.answered.get(op_id) {
            None => false,
            // A text knows which part of a re-sent update is new.
            Some(Answer::Accepted)
                if matches!(op.kind, OpKind::UpdateText(_))
                    && self.document.kind(&op.id) == Some(NodeKind::Text) =>
            {
                batch.set_repaired();
                true
            }
            Some(answer) => {
                self.answer_again(op, op_id.clone(), answer, batch);
                return None;
            }
        };
        // This is not remembered: the op that has this id by right may be yet to come.
        if let Err(reason) = self.check_ids(from, op) {
            self.reject(op, op_id.clone(), &reason, batch);
            return None;
        }
        let admitted =
            self.admit(from, op, target).and_then(|()| self.confirm_upload(&mut op.kind));
        if let Err(reason) = admitted {
            if !comes_again {
                self.answered.insert(op_id.clone(), Answer::Rejected);
            }
            self.reject(op, op_id.clone(), &reason, batch);
            return None;
        }
        Some(match &op.kind {
            OpKind::UpdateText(update) if comes_again => {
                self.document.apply_text_again(op, op_id, update, &mut batch.effort.budget)
            }
            _ => self.document.apply_to(target, op, &mut batch.effort.budget),
        })
    }

    /// Answers an op that is not carried out.
    fn reject(&self, op: &Op, op_id: OpId, reason: &str, batch: &mut Batch) {
        let take_back = batch.takes_back && !matches!(op.kind, OpKind::UpdateText(_));
        if take_back && !batch.effort.is_spent() {
            return batch.repair(self.document.echo_again(op));
        }
        batch.reject(op_id, reason);
    }

    /// Whether the session may send an op with this in it, whoever named it; if not, why. `target` is the
    /// op's [`target`](Document::target).
    fn admit(&mut self, from: Actor, op: &Op, target: Option<NodeIx>) -> Result<(), String> {
        let session = self.sessions.get(&from).ok_or("the session is closed")?;
        if session.access() == Access::ReadOnly {
            return Err("the session may only read".to_owned());
        }
        if let Some(guard) = &mut self.guard {
            guard(from, &self.document, op)?;
        }
        self.options.limits.check(&self.document, target, op).map_err(|limit| limit.to_string())
    }

    /// Makes a file that is being created as large as what was uploaded; if nothing was, why.
    fn confirm_upload(&mut self, kind: &mut OpKind) -> Result<(), String> {
        let (OpKind::Create(create), Some(uploads)) = (kind, &mut self.uploads) else {
            return Ok(());
        };
        if let NodeContent::File(file) = &mut create.content {
            let size = uploads(file)?;
            if size != file.size() {
                *file = Arc::new(file.of_size(size));
            }
        }
        Ok(())
    }

    /// Applies a JSON Patch, all or nothing; connected clients hear of it as of any other update. The cost is that
    /// of [`Document::patch`]. `now` is the host's time, for the log.
    ///
    /// # Errors
    /// As [`Document::patch`]; the document is then unchanged and nobody hears anything.
    pub fn patch(
        &mut self,
        patch: &[json_patch::PatchOperation],
        now: u64,
    ) -> Result<(Patched, Reply), PatchError> {
        let mut ids = self.own_ids();
        let actor = ids.actor();
        let patched = self.document.patch(&mut ids, patch);
        self.own = Some(ids);
        let patched = patched?;
        let reply = self.publish(actor, patched.ops.clone(), now);
        Ok((patched, reply))
    }

    /// Ids for what the host itself changes, in the name of an actor of its own: so they cannot meet those
    /// of any client. The last number goes to no session.
    fn own_ids(&mut self) -> IdSource {
        self.own.take().unwrap_or_else(|| {
            let ids = IdSource::new(self.next_actor());
            self.next_actor = self.next_actor.saturating_add(1);
            ids
        })
    }

    /// Tells everybody of ops that are applied already.
    fn publish(&mut self, actor: Actor, ops: Vec<Op>, now: u64) -> Reply {
        let mut batch = Batch::default();
        for mut op in ops {
            if let OpKind::UpdateText(update) = &mut op.kind {
                // As an authority tells of it.
                update.version = Some(update.base_version.saturating_add(1));
            }
            self.log.append(actor, now, || (op.clone(), None));
            self.accept(op.without_op_id(), &mut batch);
        }
        self.keep_positions_short(&mut batch, actor, now);
        Reply { others: batch.reply().others, ..Reply::default() }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("document", &self.document)
            .field("sessions", &self.sessions)
            .field("next_actor", &self.next_actor)
            .finish_non_exhaustive()
    }
}
