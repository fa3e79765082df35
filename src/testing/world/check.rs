//! The promises, checked: after every act and message of a client, and when all is quiet.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::audit::Fate;
use super::oracle::Oracle;
use super::typing::{Texts, texts};
use super::{Differs, Failure, Sabotage, Twin, World, fail};
use crate::change::{Update, UpdateDetail};
use crate::client::{Client, Status};
use crate::document::ValueRef;
use crate::message::{ClientMessage, ServerMessage};
use crate::node::SerializedNode;
use crate::op::{NodeContent, NodeKind, OpKind};
use crate::server::Access;
use crate::testing::named;
use crate::text::Incarnation;
use crate::{Changes, Document, Json, NodeId, Op, OpId};

/// What a document is like, as far as a check compares it with a later state.
struct Before {
    json: Json,
    ids: Vec<NodeId>,
}

fn ids(document: &Document) -> Vec<NodeId> {
    document.nodes().map(|node| node.id).collect()
}

/// Whether two reports of one change of `before` say the same.
///
/// Between two states of a text there can be several differences of the same length; which one is told
/// may depend on the way that led there. Those are compared by what they make of the text.
fn alike(one: &Changes, other: &Changes, before: Option<&Value>) -> bool {
    let same = |(one, other): (&Update, &Update)| {
        let texts =
            matches!((&one.detail, &other.detail), (UpdateDetail::Text(_), UpdateDetail::Text(_)));
        one.node == other.node && one.path == other.path && (texts || one.detail == other.detail)
    };
    let effect = |changes: &Changes| {
        let mut json = before?.clone();
        changes.apply_to(&mut json).is_ok().then_some(json)
    };
    one == other
        || (one.origin() == other.origin()
            && one.len() == other.len()
            && one.iter().zip(other).all(same)
            && effect(one) == effect(other))
}

fn nodes(document: &Document) -> Vec<SerializedNode> {
    document.nodes().collect()
}

/// How two sets of nodes differ, apart from the versions of texts, which count what it took to
/// get there; `None` if they do not.
pub(in crate::testing) fn difference(
    found: &[SerializedNode],
    wanted: &[SerializedNode],
) -> Option<String> {
    let unversioned = |nodes: &[SerializedNode]| -> Vec<SerializedNode> {
        let mut nodes = nodes.to_vec();
        for node in &mut nodes {
            if let NodeContent::Text { version, .. } = &mut node.content {
                *version = 0;
            }
        }
        nodes
    };
    exact_difference(&unversioned(found), &unversioned(wanted))
}

/// How two sets of nodes differ.
fn exact_difference(found: &[SerializedNode], wanted: &[SerializedNode]) -> Option<String> {
    let by_id = |nodes: &[SerializedNode]| -> BTreeMap<NodeId, SerializedNode> {
        nodes.iter().map(|node| (node.id.clone(), node.clone())).collect()
    };
    let (found, wanted) = (by_id(found), by_id(wanted));
    let mut lines = String::new();
    for id in found.keys().chain(wanted.keys()).collect::<BTreeSet<_>>() {
        let text = |node: Option<&SerializedNode>| match node {
            Some(node) => String::from_utf8_lossy(&{
                let mut out = Vec::new();
                node.write_compact(&mut out);
                out
            })
            .into_owned(),
            None => "nothing".to_owned(),
        };
        if found.get(id) != wanted.get(id) {
            lines +=
                &format!("\n  {}\n    instead of {}", text(found.get(id)), text(wanted.get(id)));
        }
    }
    (!lines.is_empty()).then_some(lines)
}

/// Texts of which a client does not show yet what others do to them.
fn held_texts(client: &Client) -> Texts {
    let branches = client.texts_on_branches();
    if branches.is_empty() {
        return Texts::new();
    }
    let mut texts = texts(client.document());
    texts.retain(|id, _| branches.contains(id));
    texts
}

/// An op, apart from the version that a text update is based on while it waits: with shortcuts,
/// updates that are still pending are counted otherwise.
fn without_version(op: &Op) -> Op {
    let mut op = op.clone();
    if let OpKind::UpdateText(update) = &mut op.kind {
        update.base_version = 0;
    }
    op
}

/// Whether a document has what an op is about: of a text, the incarnation that it updates.
fn has_its_text(document: &Document, op: &Op) -> bool {
    match (&op.kind, document.get(&op.id)) {
        (OpKind::UpdateText(update), Some(ValueRef::Text(text))) => {
            Incarnation::of(update.base_version) == Incarnation::of(text.version())
        }
        (_, found) => found.is_some(),
    }
}

/// Whether two messages are the same, apart from what updates of deleted texts are based on: those
/// are not brought up to date.
pub(super) fn says_the_same(
    message: Option<&ClientMessage>,
    other: Option<&ClientMessage>,
    document: &Document,
) -> bool {
    let comparable = |message: &ClientMessage| match message {
        ClientMessage::UpdateStorage { ops } => {
            let ops = ops.iter().map(|op| match has_its_text(document, op) {
                true => op.clone(),
                false => without_version(op),
            });
            ClientMessage::UpdateStorage { ops: ops.collect() }
        }
        message => message.clone(),
    };
    message.map(comparable) == other.map(comparable)
}

impl Twin {
    /// Whether it tells of what it should, when the other client tells of `changes`.
    fn reports(&self, told: &Changes, changes: &Changes, before: Option<&Value>) -> bool {
        match self.differs {
            Differs::HasNoShortcuts => alike(changes, told, before),
            Differs::HasNoReports => told.is_empty(),
        }
    }
}

impl World {
    fn before(&self, user: usize) -> Option<Before> {
        let document = self.users[user].client.document();
        let watched = self.setup.checks.changes;
        watched.then(|| Before { json: document.to_json(), ids: ids(document) })
    }

    /// Something that a client does by itself; it says what changed, if anything.
    pub(super) fn act(
        &mut self,
        user: usize,
        act: impl Fn(&mut Client) -> Option<Changes>,
    ) -> Result<(), Failure> {
        let before = self.before(user);
        let who = &mut self.users[user];
        let audited = self.audit.is_some() && who.access == Access::ReadWrite;
        let texts_before = audited.then(|| texts(who.client.document()));
        let changes = act(&mut who.client).unwrap_or_default();
        if let Some(before) = texts_before {
            self.typing.acted(&before, &texts(who.client.document()));
        }
        for twin in &mut who.twins {
            let other = act(&mut twin.client).unwrap_or_default();
            if !twin.reports(&other, &changes, who.mirror.as_ref()) {
                let what = format!("changes {changes:?}, {} {other:?}", twin.differs);
                return fail(user, what);
            }
        }
        self.note_made(user)?;
        self.check_shown(user, before, &changes)
    }

    /// A client takes a message: `told` is the message, unless a rule is broken on purpose.
    pub(super) fn hear(
        &mut self,
        user: usize,
        message: &ServerMessage,
        told: Vec<ServerMessage>,
    ) -> Result<(), Failure> {
        if let Some(oracle) = &mut self.users[user].oracle {
            if let Err(what) = oracle.hear(message) {
                return fail(user, what);
            }
        }
        let mut quiet = false;
        for message in told {
            let before = self.before(user);
            let shows_something = before.as_ref().is_some_and(|before| before.ids.len() > 1);
            let who = &mut self.users[user];
            let held = held_texts(&who.client);
            let refused: Vec<Op> = match &message {
                ServerMessage::RejectOps { op_ids, .. } => {
                    let named = |op: &&Op| op.op_id.as_ref().is_some_and(|id| op_ids.contains(id));
                    who.client.pending().filter(named).cloned().collect()
                }
                _ => Vec::new(),
            };
            let received = match who.client.receive(message.clone()) {
                Ok(received) => received,
                Err(error) => return fail(user, error),
            };
            let dropped = |op: &&Op| {
                received.rejected.iter().any(|(op_id, _)| Some(op_id) == op.op_id.as_ref())
            };
            if let Some(audit) = &mut self.audit {
                refused.iter().filter(dropped).try_for_each(|op| audit.given_up(op))?;
            }
            for twin in &mut who.twins {
                let other = twin.client.receive(message.clone());
                let same = other.as_ref().is_ok_and(|other| {
                    other.rejected == received.rejected
                        && twin.reports(&other.changes, &received.changes, who.mirror.as_ref())
                });
                if !same {
                    let what = format!(
                        "receives {message:?} as {received:?}, {} {other:?}; pending {:?}",
                        twin.differs,
                        who.client.pending().collect::<Vec<_>>()
                    );
                    return fail(user, what);
                }
            }
            if let (ServerMessage::RejectOps { op_ids, .. }, Some(oracle)) =
                (&message, &mut who.oracle)
            {
                // What is expressed on a version out of reach stays pending and is sent again.
                let pending: BTreeSet<&OpId> =
                    who.client.pending().filter_map(|op| op.op_id.as_ref()).collect();
                let kept = op_ids.iter().filter(|op_id| pending.contains(op_id));
                kept.for_each(|op_id| oracle.made(op_id.clone()));
            }
            if !matches!(message, ServerMessage::RejectOps { .. }) {
                let now = held_texts(&who.client);
                let moved =
                    held.iter().find(|(id, text)| now.get(*id).is_some_and(|now| now != *text));
                if let Some((id, text)) = moved {
                    let now = now.get(id);
                    let what = format!("{id} is on a branch and goes from {text:?} to {now:?}");
                    return fail(user, what);
                }
            }
            self.note_answered(user);
            let mut changes = received.changes;
            if self.setup.sabotage == Sabotage::ForgetChanges
                && user == 0
                && !self.sabotaged
                && !changes.is_empty()
                && shows_something
            {
                changes = Changes::default();
                quiet = true;
            }
            self.check_shown(user, before, &changes)?;
        }
        self.sabotaged |= quiet;
        Ok(())
    }

    /// Enters the ops that a client has just made in the books.
    fn note_made(&mut self, user: usize) -> Result<(), Failure> {
        let who = &mut self.users[user];
        let known = who.known_pending.len();
        who.client.pending().skip(known).for_each(|op| self.typing.made(op));
        let made: Vec<OpId> =
            who.client.pending().skip(known).filter_map(|op| op.op_id.clone()).collect();
        for op_id in &made {
            if let Some(audit) = &mut self.audit {
                audit.made(op_id)?;
            }
            if let Some(oracle) = &mut who.oracle {
                oracle.made(op_id.clone());
            }
        }
        who.known_pending.extend(made);
        Ok(())
    }

    /// Enters in the books what is no longer pending. A text update that went by the name of an
    /// earlier one may go by its own again.
    fn note_answered(&mut self, user: usize) {
        let who = &mut self.users[user];
        let pending: Vec<OpId> = who.client.pending().filter_map(|op| op.op_id.clone()).collect();
        let known: BTreeSet<OpId> = std::mem::take(&mut who.known_pending).into_iter().collect();
        let back: Vec<&OpId> = pending.iter().filter(|op_id| !known.contains(op_id)).collect();
        if let (Some(oracle), false) = (&mut who.oracle, back.is_empty()) {
            let left: BTreeSet<&OpId> = pending.iter().collect();
            known.iter().filter(|op_id| !left.contains(op_id)).for_each(|name| oracle.merged(name));
            back.iter().for_each(|op_id| oracle.made((*op_id).clone()));
        }
        if let Some(audit) = &mut self.audit {
            back.iter().for_each(|op_id| audit.is_itself_again(op_id));
        }
        who.known_pending = pending;
    }

    /// Enters in the books which text updates were made one before they are sent, or are sent as
    /// part of an earlier one.
    pub(super) fn note_merged(&mut self, user: usize) -> Result<(), Failure> {
        let who = &mut self.users[user];
        if who.client.pending().map(|op| op.op_id.as_ref()).eq(who.known_pending.iter().map(Some)) {
            return Ok(());
        }
        let known: BTreeSet<OpId> = who.known_pending.iter().cloned().collect();
        let left: BTreeSet<OpId> = who.client.pending().filter_map(|op| op.op_id.clone()).collect();
        let texts = who.client.pending().any(|op| matches!(op.kind, OpKind::UpdateText(_)));
        let gone: Vec<OpId> = known.difference(&left).cloned().collect();
        for name in left.difference(&known) {
            if let Some(oracle) = &mut who.oracle {
                oracle.made(name.clone());
            }
        }
        who.known_pending = who.client.pending().filter_map(|op| op.op_id.clone()).collect();
        for op_id in gone {
            if !texts {
                return fail(user, format!("{op_id} was dropped before it was sent"));
            }
            if let Some(audit) = &mut self.audit {
                audit.merged(&op_id)?;
            }
            if let Some(oracle) = &mut self.users[user].oracle {
                oracle.merged(&op_id);
            }
        }
        Ok(())
    }

    /// What a client shows and reports is right.
    fn check_shown(
        &mut self,
        user: usize,
        before: Option<Before>,
        changes: &Changes,
    ) -> Result<(), Failure> {
        let who = &mut self.users[user];
        let document = who.client.document();
        if let (Some(mirror), Some(before)) = (&mut who.mirror, before) {
            let after = document.to_json();
            if let Err(error) = changes.apply_to(mirror) {
                return fail(user, format!("{error}: {changes:?} over {}", before.json));
            }
            if Json::from(mirror.clone()) != after {
                let what = format!(
                    "the changes {changes:?} lead from {} to {mirror}, not to {after}",
                    before.json
                );
                return fail(user, what);
            }
            *mirror = Value::from(&after);
            named::check(changes, document).or_else(|what| fail(user, what))?;
            if !changes.is_empty() && after == before.json && ids(document) == before.ids {
                return fail(user, format!("{after} is the same, but changed: {changes:?}"));
            }
        }
        let shown = (!who.twins.is_empty() || who.oracle.is_some()).then(|| nodes(document));
        let Some(shown) = shown else { return Ok(()) };
        if let Err(broken) = document.check() {
            return fail(user, broken);
        }
        for Twin { client: twin, differs } in &who.twins {
            let other = nodes(twin.document());
            if let Some(difference) = difference(&shown, &other) {
                return fail(user, format!("not as {differs}:{difference}"));
            }
            let (pending, other) = (who.client.pending(), twin.pending());
            if !pending.map(without_version).eq(other.map(without_version)) {
                let list = |client: &Client| client.pending().cloned().collect::<Vec<_>>();
                let what = format!(
                    "other ops are pending {differs}: {:?} but {:?}",
                    list(&who.client),
                    list(twin)
                );
                return fail(user, what);
            }
        }
        if let Some(oracle) = &who.oracle {
            let arrived: BTreeSet<&OpId> =
                who.client.arrived().filter_map(|op| op.op_id.as_ref()).collect();
            let made = |op_id: &&&OpId| {
                self.audit.as_ref().and_then(|audit| audit.fate(op_id)) == Some(Fate::Made)
            };
            if let Some(op_id) = arrived.iter().find(made) {
                return fail(user, format!("{op_id} is taken to have arrived, and has not"));
            }
            let open = |op: &&Op| op.op_id.as_ref().is_none_or(|op_id| !arrived.contains(op_id));
            let expected = oracle.shown(who.client.pending().filter(open));
            // Texts on branches do not show yet what is known of them.
            let branches = who.client.texts_on_branches();
            let shown: Vec<SerializedNode> =
                shown.iter().filter(|node| !branches.contains(&node.id)).cloned().collect();
            let expected = expected.map(|mut expected| {
                expected.retain(|node| !branches.contains(&node.id));
                expected
            });
            if let Some(difference) = expected.and_then(|other| difference(&shown, &other)) {
                let what = format!("not what it heard plus what is pending:{difference}");
                return fail(user, what);
            }
            let pending = who.client.pending();
            let known = pending.filter_map(|op| op.op_id.as_ref());
            let count = who.client.pending().len();
            if count != oracle.pending_len() || !known.into_iter().all(|id| oracle.is_pending(id)) {
                let what = format!(
                    "{count} ops are pending, not the {} that were not answered",
                    oracle.pending_len()
                );
                return fail(user, what);
            }
        }
        Ok(())
    }

    /// The server's document is whole, and no list position is longer than it was told to let
    /// them grow.
    pub(super) fn check_server(&self) -> Result<(), Failure> {
        let (document, limit) = (self.server.document(), self.setup.options.longest_position());
        document.check()?;
        for node in document.nodes() {
            let Some((list, position)) = &node.parent else { continue };
            if position.len() > limit && document.kind(list) == Some(NodeKind::List) {
                return Err(format!("the position {position:?} of {} is too long", node.id).into());
            }
        }
        Ok(())
    }

    /// All is quiet: everybody has the server's document, and the books are in order.
    pub(super) fn check_agreement(&mut self) -> Result<(), Failure> {
        let server = nodes(self.server.document());
        self.server.document().check()?;
        for user in 0..self.users.len() {
            let who = &mut self.users[user];
            let status = who.client.status();
            if status != Status::Synchronized {
                return fail(user, format!("all is quiet, but it is {status:?}"));
            }
            let shown = nodes(who.client.document());
            if let Some(difference) = exact_difference(&shown, &server) {
                return fail(user, format!("not as the server:{difference}"));
            }
            who.client.document().check()?;
            if let Some(difference) = exact_difference(&who.client.confirmed_nodes(), &server) {
                return fail(user, format!("what is confirmed is not as the server:{difference}"));
            }
            let heard = who.oracle.as_ref().and_then(Oracle::confirmed);
            if let Some(difference) = heard.and_then(|heard| exact_difference(&heard, &server)) {
                return fail(user, format!("what it was told does not add up:{difference}"));
            }
        }
        if let Some(audit) = &self.audit {
            audit.close(self.server.document())?;
            self.typing.check(&texts(self.server.document()))?;
        }
        Ok(())
    }
}
