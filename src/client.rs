//! An optimistic replica: shows what the server ordered, with its own edits on top.
//!
//! What the user sees is always *confirmed + pending*. On a message from the server the pending
//! ops are rolled back, the server's are applied and the rest is replayed, so convergence and the
//! absence of flicker need no heuristics: the confirmed part runs the server's own
//! [`apply`](Document::apply).
//!
//! Sans-IO, as the server is: messages come in, messages go out.

mod branch;
mod foreign;
mod news;
mod pending;
mod saved;
mod sides;
mod text;

use std::convert::Infallible;

use thiserror::Error;

#[doc(hidden)]
pub use pending::Shortcuts;

use crate::change::{Few, KeyChange, Origin, Path, Update, UpdateDetail};
use crate::cursors::Cursors;
use crate::document::{NodeIx, NodesError};
use crate::edit::{Edited, Predicted, Session};
use crate::history::{History, Step, UndoOptions};
use crate::message::{ClientMessage, MessageError, ServerMessage, lone_update};
use crate::op::Sender;
use crate::patch::{PatchError, Patched};
use crate::prediction::Inverse;
use crate::text::Bias;
use crate::{
    Actor, Changes, CursorId, Document, EditError, IdSource, NodeId, ObjectMut, Op, OpId,
    SerializedNode,
};
use foreign::Moves;
use pending::{Made, Pending};

/// A client's replica of a document.
///
/// *Tell* it about its connection with [`connected`](Self::connected) and
/// [`disconnected`](Self::disconnected). *Read* [`document`](Self::document) and
/// [`status`](Self::status). *Edit* with [`edit`](Self::edit), [`patch`](Self::patch),
/// [`undo`](Self::undo) and [`redo`](Self::redo). *Hear* with [`receive`](Self::receive). *Speak*
/// with [`poll_message`](Self::poll_message): call it until it returns `None` after each of these.
///
/// ```
/// use livetree::server::{ServerOptions, SessionOptions};
/// use livetree::{Client, Document, Server};
///
/// let mut server = Server::new(Document::new(), ServerOptions::default());
/// let mut client = Client::new();
/// let actor = server.connect(SessionOptions::default())?;
/// client.connected(actor);
/// while let Some(message) = client.poll_message() {
///     for answer in server.receive(actor, message, 0)?.sender {
///         client.receive(answer)?;
///     }
/// }
/// client.edit(|root| root.set("title", "Roadmap"))?;
/// assert_eq!(client.document().to_json().to_string(), r#"{"title":"Roadmap"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Client {
    document: Document,
    ids: Option<IdSource>,
    link: Link,
    loaded: bool,
    pending: Pending,
    history: History,
    cursors: Cursors,
}

/// The state of the connection.
#[derive(Debug, Default)]
enum Link {
    #[default]
    Offline,
    /// Connected, and the document has yet to be asked for.
    Connected,
    /// Asked for the document.
    Loading(Loading),
    /// The document has come; ops flow.
    Online,
}

/// What has come of the document.
#[derive(Debug, Default)]
struct Loading {
    nodes: Vec<SerializedNode>,
    /// Whether the first part is here: what comes from then on is newer than the document.
    begun: bool,
    /// By message.
    later: Vec<Vec<Op>>,
}

/// How far a client's document is that of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// There is no document yet, and no connection.
    NotLoaded,
    /// The document is on its way.
    Loading,
    /// Some edits have yet to be acknowledged.
    Synchronizing,
    /// Every edit is acknowledged.
    Synchronized,
}

/// What a message from the server came to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Received {
    /// The net changes.
    pub changes: Changes,
    /// Own ops that the server rejected, with its reason. Their effect is taken back. Updates of one text that were
    /// made one before they were sent go by the name of the first, and only that is told.
    pub rejected: Vec<(OpId, String)>,
}

impl Received {
    /// These changes are the server's doing.
    fn new(changes: Changes, rejected: Vec<(OpId, String)>) -> Self {
        Self { changes: changes.with_origin(Origin::Remote), rejected }
    }
}

/// Why a client could not do as asked. Nothing has changed, except that of a frame with several messages those
/// before one whose document cannot be loaded have been taken in.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no document to edit yet.
    #[error("the document is not loaded yet")]
    NotLoaded,
    /// The edit failed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The patch failed.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The server's frame could not be read.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The server's document cannot be loaded.
    #[error(transparent)]
    Nodes(#[from] NodesError),
}

impl Client {
    /// A client without a document: it comes with the first connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// The document as the user sees it: confirmed, with the pending edits applied.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Sets the limits that edits and patches keep. [Messages](Self::poll_message) have no more ops than these allow
    /// either, so a client of a server that allows fewer than the default has to be told.
    pub fn set_limits(&mut self, limits: crate::Limits) {
        self.document.set_limits(limits);
    }

    /// Whether edits, undo and messages report their net changes, as they do unless this is switched
    /// off; see [`Document::set_change_reports`]. While there are [cursors](Self::add_cursor), which go by
    /// the changes, they are reported all the same.
    pub fn set_change_reports(&mut self, on: bool) {
        self.document.set_change_reports(on);
    }

    /// The ops that are not acknowledged yet, in order.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = &Op> {
        self.pending.iter()
    }

    /// How far the document is that of the server.
    pub fn status(&self) -> Status {
        match self.link {
            Link::Offline if !self.loaded => Status::NotLoaded,
            Link::Connected | Link::Loading(_) => Status::Loading,
            Link::Offline | Link::Online if self.pending.is_empty() => Status::Synchronized,
            Link::Offline | Link::Online => Status::Synchronizing,
        }
    }

    /// A connection is open, and the server calls it `actor`.
    ///
    /// The document is fetched, and edits that were not acknowledged are sent again behind the
    /// request for it; those of texts once it is here, for it says how they are to be expressed.
    pub fn connected(&mut self, actor: Actor) {
        match &mut self.ids {
            Some(ids) => ids.set_actor(actor),
            None => self.ids = Some(IdSource::new(actor)),
        }
        self.pending.connection_lost();
        self.link = Link::Connected;
    }

    /// The connection is gone, with whatever was under way. Editing goes on.
    pub fn disconnected(&mut self) {
        self.pending.connection_lost();
        self.link = Link::Offline;
    }

    /// The next message to send; call until `None`. Edits that wait go out together, about a mebibyte at a time, and
    /// each edit in one message.
    #[must_use = "a message that is not sent leaves the server waiting"]
    pub fn poll_message(&mut self) -> Option<ClientMessage> {
        match self.link {
            Link::Connected => {
                self.link = Link::Loading(Loading::default());
                Some(ClientMessage::FetchStorage)
            }
            Link::Online | Link::Loading(_) => {
                let loading = matches!(self.link, Link::Loading(_));
                let ops = self.pending.take_unsent(&mut self.document, loading);
                (!ops.is_empty()).then_some(ClientMessage::UpdateStorage { ops })
            }
            Link::Offline => None,
        }
    }

    /// Makes a batch of edits, all or nothing: one message, one undo step.
    ///
    /// # Errors
    /// If the document is not loaded, or the closure fails; nothing has happened then.
    pub fn edit<T>(
        &mut self,
        edit: impl FnOnce(&mut ObjectMut<'_>) -> Result<T, EditError>,
    ) -> Result<Edited<T>, ClientError> {
        self.predict(|session| edit(&mut ObjectMut::new(session.reborrow(), NodeIx::ROOT)))
    }

    /// Applies a JSON Patch, all or nothing: one message, one undo step.
    ///
    /// # Errors
    /// If the document is not loaded, or the patch fails; nothing has happened then.
    pub fn patch(&mut self, patch: &[json_patch::PatchOperation]) -> Result<Patched, ClientError> {
        self.predict(|session| session.patch(patch))
    }

    /// Runs an edit whose ops become pending.
    fn predict<T, E>(
        &mut self,
        edit: impl FnOnce(&mut Session<'_>) -> Result<T, E>,
    ) -> Result<Edited<T>, ClientError>
    where
        ClientError: From<E>,
    {
        let Some(ids) = self.ids.as_mut().filter(|_| self.loaded) else {
            return Err(ClientError::NotLoaded);
        };
        let followed = !self.cursors.is_empty();
        let (result, changes) =
            self.document.watch_for(followed, |document| document.predict(ids, edit));
        let Predicted { value, ops, predictions } = result?;
        let now = self.history.tick();
        let inverse = self.pending.adopt(&ops, predictions, Made::Anew, now);
        self.history.edited(&ops, inverse);
        self.cursors.follow(&changes);
        Ok(Edited { value, ops, changes: changes.with_origin(Origin::Local) })
    }

    /// Takes back the latest step that is not undone. `None` if there is none, or no document.
    ///
    /// The inverse is an edit like any other and takes its place in the server's order.
    pub fn undo(&mut self) -> Option<Changes> {
        let step = self.history.pop_undo().filter(|_| self.loaded)?;
        let (inverse, changes) = self.run_step(&step)?;
        self.history.undone(inverse);
        Some(changes.with_origin(Origin::Undo))
    }

    /// Takes back the latest undo. `None` if there is none, or an edit that is a step came after it.
    pub fn redo(&mut self) -> Option<Changes> {
        let step = self.history.pop_redo().filter(|_| self.loaded)?;
        let (inverse, changes) = self.run_step(&step)?;
        self.history.redone(inverse);
        Some(changes.with_origin(Origin::Redo))
    }

    fn run_step(&mut self, step: &Step) -> Option<(Inverse, Changes)> {
        let ids = self.ids.as_mut()?;
        let history = &self.history;
        let edit = |session: &mut Session<'_>| {
            history.run(step, session);
            Ok::<_, Infallible>(())
        };
        let followed = !self.cursors.is_empty();
        let (Ok(Predicted { ops, predictions, .. }), changes) =
            self.document.watch_for(followed, |document| document.predict(ids, edit));
        let now = self.history.tick();
        let inverse = self.pending.adopt(&ops, predictions, Made::Back, now);
        self.cursors.follow(&changes);
        Some((inverse, changes))
    }

    /// Keeps track of a place in a text, such as a cursor or an end of a selection: of the index
    /// (in UTF-16 units), whoever changes the text, until it is [removed](Self::remove_cursor).
    /// `None` if there is no such text.
    ///
    /// ```
    /// use livetree::text::Bias;
    /// # use livetree::server::ServerOptions;
    /// # use livetree::{Client, Document, Lson, Server, lson};
    /// # let document = Document::from_lson(&lson!({ "t": (Lson::text("Hello world")) }))?;
    /// # let mut server = Server::new(document, ServerOptions::default());
    /// # let mut client = Client::new();
    /// # let actor = server.connect(Default::default())?;
    /// # client.connected(actor);
    /// # while let Some(message) = client.poll_message() {
    /// #     for answer in server.receive(actor, message, 0)?.sender { client.receive(answer)?; }
    /// # }
    /// let text = client.document().at("/t")?.id().unwrap();
    /// let cursor = client.add_cursor(&text, 6, Bias::After).unwrap();
    /// client.edit(|root| root.text("t")?.insert(0, "Oh! "))?;
    /// assert_eq!(client.cursor(cursor), Some((&text, 10)));
    /// client.undo();
    /// assert_eq!(client.cursor(cursor), Some((&text, 6)));
    /// client.remove_cursor(cursor);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_cursor(&mut self, text: &NodeId, index: usize, bias: Bias) -> Option<CursorId> {
        self.cursors.add(&self.document, text, index, bias)
    }

    /// The text and the index, in UTF-16 units, of a place that is kept track of. `None` if it was
    /// removed, or the text is gone.
    pub fn cursor(&self, cursor: CursorId) -> Option<(&NodeId, usize)> {
        self.cursors.get(&self.document, cursor)
    }

    /// Keeps track of a place no longer.
    pub fn remove_cursor(&mut self, cursor: CursorId) {
        self.cursors.remove(cursor);
    }

    /// Whether there is a step to undo.
    pub fn can_undo(&self) -> bool {
        self.history.can_undo()
    }

    /// Whether there is an undo to take back.
    pub fn can_redo(&self) -> bool {
        self.history.can_redo()
    }

    /// From here on all edits make one undo step, until [`resume_history`](Self::resume_history).
    ///
    /// Steps follow what others do to texts: each update of a text is carried over all that the steps change in it.
    pub fn pause_history(&mut self) {
        self.history.pause();
    }

    /// Ends the step that [`pause_history`](Self::pause_history) began. So does an undo, which takes it back.
    pub fn resume_history(&mut self) {
        self.history.resume();
    }

    /// From here on edits make no undo steps, until [`enable_history`](Self::enable_history); the
    /// steps that are there stay.
    pub fn disable_history(&mut self) {
        self.history.set_disabled(true);
    }

    /// From here on edits make undo steps again.
    pub fn enable_history(&mut self) {
        self.history.set_disabled(false);
    }

    /// Forgets all undo and redo steps.
    pub fn clear_history(&mut self) {
        self.history.clear();
    }

    /// Sets how undo works. A capacity of 0 turns it off.
    pub fn set_undo_options(&mut self, options: UndoOptions) {
        self.history.set_options(options);
    }

    /// Takes a frame from the server: one message or several. Messages that do not concern storage are passed
    /// over; a host that has some reads the frame with [`ServerMessage::read_frame`] and gives the others to
    /// [`receive`](Self::receive).
    ///
    /// # Errors
    /// If the frame cannot be read, or the document in it cannot be loaded. What came before it in the
    /// frame has been taken in but is not told, so the host should connect anew.
    pub fn receive_frame(&mut self, frame: &[u8]) -> Result<Vec<Received>, ClientError> {
        if matches!(self.link, Link::Online) {
            if let Some(ops) = lone_update(frame, Sender::Server) {
                let received = self.update(&ops);
                self.cursors.follow(&received.changes);
                return Ok(vec![received]);
            }
        }
        let messages = ServerMessage::read_all(frame)?;
        let mut all = Vec::with_capacity(messages.len());
        for message in messages {
            all.push(self.receive(message)?);
        }
        Ok(all)
    }

    /// Takes a message from the server.
    ///
    /// # Errors
    /// If it completes a document that cannot be loaded.
    pub fn receive(&mut self, message: ServerMessage) -> Result<Received, ClientError> {
        let received = self.take(message)?;
        self.cursors.follow(&received.changes);
        Ok(received)
    }

    fn take(&mut self, message: ServerMessage) -> Result<Received, ClientError> {
        match (&mut self.link, message) {
            (Link::Online, ServerMessage::UpdateStorage { ops }) => Ok(self.update(&ops)),
            (Link::Online | Link::Loading(_), ServerMessage::RejectOps { op_ids, reason }) => {
                Ok(self.reject(op_ids, &reason))
            }
            (Link::Loading(loading), ServerMessage::UpdateStorage { ops }) => {
                // Before the first chunk, the chunks will have it already.
                if loading.begun {
                    loading.later.push(ops);
                }
                Ok(Received::default())
            }
            (Link::Loading(loading), ServerMessage::StorageChunk { nodes }) => {
                loading.begun = true;
                loading.nodes.extend(nodes);
                Ok(Received::default())
            }
            (Link::Loading(loading), ServerMessage::StorageEnd) => {
                let Loading { nodes, later, .. } = std::mem::take(loading);
                self.load(nodes, &later)
            }
            (Link::Loading(_), ServerMessage::StorageState { nodes }) => self.load(nodes, &[]),
            // What a closed connection still had to say, or what does not concern the document.
            _ => Ok(Received::default()),
        }
    }

    /// Takes over the server's document.
    fn load(
        &mut self,
        nodes: Vec<SerializedNode>,
        later: &[Vec<Op>],
    ) -> Result<Received, ClientError> {
        let (fresh, _repairs) = Document::from_nodes(nodes)?;
        self.link = Link::Online;
        Ok(if self.loaded { self.reload(fresh, later) } else { self.begin_with(fresh, later) })
    }

    /// Takes over the first document.
    fn begin_with(&mut self, mut fresh: Document, later: &[Vec<Op>]) -> Received {
        self.loaded = true;
        fresh.set_limits(self.document.limits().clone());
        fresh.set_change_reports(self.document.has_change_reports());
        self.document = fresh;
        for ops in later {
            self.update(ops);
        }
        let changes = if self.document.has_change_reports() {
            everything(&self.document)
        } else {
            Changes::default()
        };
        Received::new(changes, Vec::new())
    }

    /// Takes over the document as it is after a lost connection, with the pending ops on top.
    fn reload(&mut self, fresh: Document, later: &[Vec<Op>]) -> Received {
        let Self { document, pending, history, cursors, .. } = self;
        let ((), changes) = document.watch_for(!cursors.is_empty(), |document| {
            pending.roll_back(document);
            if history.minds_foreign() {
                pending.hear_news(document, history, &fresh);
            }
            pending.reload(document, history, fresh);
            pending.replay(document);
            for ops in later {
                take_in(document, pending, history, ops);
            }
        });
        Received::new(changes, Vec::new())
    }

    /// Takes over what the server ordered.
    fn update(&mut self, ops: &[Op]) -> Received {
        let Self { document, pending, history, cursors, .. } = self;
        let ((), changes) = document.watch_for(!cursors.is_empty(), |document| {
            take_in(document, pending, history, ops);
        });
        Received::new(changes, Vec::new())
    }

    /// Drops ops that the server rejected.
    fn reject(&mut self, op_ids: Vec<OpId>, reason: &str) -> Received {
        let Self { document, pending, history, cursors, .. } = self;
        let (dropped, changes) = document.watch_for(!cursors.is_empty(), |document| {
            pending.roll_back(document);
            let dropped: Vec<OpId> = op_ids
                .into_iter()
                .filter(|op_id| pending.reject(document, history, op_id, reason))
                .collect();
            pending.replay(document);
            dropped
        });
        let rejected = dropped.into_iter().map(|op_id| (op_id, reason.to_owned())).collect();
        Received::new(changes, rejected)
    }

    /// Which shortcuts [`receive`](Self::receive) takes; with all that are right the result is the same.
    #[doc(hidden)]
    pub fn set_shortcuts(&mut self, shortcuts: Shortcuts) {
        self.pending.set_shortcuts(shortcuts);
    }

    /// Texts that do not show yet what others did to them while the connection was lost, because
    /// own edits of them wait for the server's answer: for tests.
    #[doc(hidden)]
    pub fn texts_on_branches(&self) -> Vec<NodeId> {
        self.pending.on_branches(&self.document).cloned().collect()
    }

    /// The pending ops that are known to have arrived, so that they are not applied once more: for
    /// tests.
    #[doc(hidden)]
    pub fn arrived(&self) -> impl Iterator<Item = &Op> {
        self.pending.arrived()
    }

    /// The node ids of the document's own making: for tests.
    #[doc(hidden)]
    pub fn confirmed_nodes(&mut self) -> Vec<SerializedNode> {
        let Self { document, pending, .. } = self;
        pending.roll_back(document);
        let nodes = document.nodes().collect();
        pending.replay(document);
        nodes
    }
}

/// Takes in what the server ordered, and tells `history` what of it others wrote.
fn take_in(document: &mut Document, pending: &mut Pending, history: &mut History, ops: &[Op]) {
    let minded = history.minds_foreign();
    let moves = minded.then(|| Moves::before_message(ops, document, pending, history));
    pending.receive(document, history, ops);
    if let Some(moves) = moves {
        moves.after_message(document, history);
    }
}

/// A whole document as changes of an empty one.
fn everything(document: &Document) -> Changes {
    let keys: Few<KeyChange> = document
        .root()
        .iter()
        .map(|(key, value)| KeyChange {
            key: key.clone(),
            value: Some(value.to_json()),
            node: value.id(),
        })
        .collect();
    if keys.is_empty() {
        return Changes::default();
    }
    let detail = UpdateDetail::Object(keys);
    Changes::new([Update { node: NodeId::ROOT, path: Path::root(), detail }].into_iter().collect())
}
