//! The books of the world: every op that was made, what became of it, and what the document must
//! be by them.
//!
//! Kept by looking at what goes in and out of the server, and by a naive model that applies every
//! op which the server is seen to apply.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use crate::log::LogEntry;
use crate::op::{NodeContent, OpKind};
use crate::server::Reply;
use crate::testing::model::{Model, nodes_of};
use crate::text::UpdateError;
use crate::{
    ClientMessage, Document, Json, NodeId, Op, OpId, Outcome, SerializedNode, ServerMessage,
};

/// What became of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Made, and not known to the server.
    Made,
    Accepted,
    Ignored,
    Rejected,
    /// Made one with another before it was sent.
    Merged,
}

/// How the ops fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub made: usize,
    pub accepted: usize,
    /// Accepted with another position, or a text update with other places.
    pub corrected: usize,
    pub ignored: usize,
    pub rejected: usize,
    /// Answered once more, without being applied once more.
    pub rectified: usize,
    pub merged: usize,
    /// Ops that came from the server itself: patches, replacements, moves that shorten positions.
    pub by_server: usize,
}

/// The books.
#[derive(Debug)]
pub struct Audit {
    fates: BTreeMap<OpId, Fate>,
    /// Every node id that was ever in use.
    ids: BTreeSet<NodeId>,
    /// Those that were used more than once: undo brings nodes back under their old ids.
    used_again: BTreeSet<NodeId>,
    model: Model,
    last_seq: u64,
    pub tally: Tally,
}

impl Audit {
    pub fn new(document: &Document) -> Self {
        Self {
            fates: BTreeMap::new(),
            ids: document.nodes().map(|node| node.id).collect(),
            used_again: BTreeSet::new(),
            model: Model::of(document),
            last_seq: 0,
            tally: Tally::default(),
        }
    }

    pub fn made(&mut self, op_id: &OpId) -> Result<(), String> {
        self.tally.made += 1;
        match self.fates.insert(op_id.clone(), Fate::Made) {
            None => Ok(()),
            Some(fate) => Err(format!("the op id {op_id} was made twice; the first was {fate:?}")),
        }
    }

    pub fn merged(&mut self, op_id: &OpId) -> Result<(), String> {
        self.tally.merged += 1;
        self.settle(op_id, Fate::Merged)
    }

    /// An op that was merged with another is by itself again.
    pub fn is_itself_again(&mut self, op_id: &OpId) {
        if let Some(fate @ Fate::Merged) = self.fates.get_mut(op_id) {
            *fate = Fate::Made;
            self.tally.merged -= 1;
        }
    }

    pub fn fate(&self, op_id: &OpId) -> Option<Fate> {
        self.fates.get(op_id).copied()
    }

    fn fate_of(&self, op: &Op) -> Option<Fate> {
        self.fate(op.op_id.as_ref()?)
    }

    /// Whether an honest client that may write can be refused this op: only an update of a text
    /// that was deleted and brought back meanwhile, so that its version says nothing any more.
    fn may_be_refused(&self, op: &Op) -> bool {
        matches!(op.kind, OpKind::UpdateText(_)) && self.used_again.contains(&op.id)
    }

    /// A client gives an update up that the server has refused: it was of a text which that client
    /// itself has created anew since, from what it showed.
    pub fn given_up(&mut self, op: &Op) -> Result<(), String> {
        let Some(op_id) = op.op_id.as_ref().filter(|_| self.fate_of(op) == Some(Fate::Made)) else {
            return Ok(());
        };
        if !self.may_be_refused(op) {
            return Err(format!("{op:?} is given up"));
        }
        self.tally.rejected += 1;
        self.settle(op_id, Fate::Rejected)
    }

    fn note_id(&mut self, op: &Op) {
        if matches!(op.kind, OpKind::Create(_)) && !self.ids.insert(op.id.clone()) {
            self.used_again.insert(op.id.clone());
        }
    }

    fn settle(&mut self, op_id: &OpId, fate: Fate) -> Result<(), String> {
        match self.fates.insert(op_id.clone(), fate) {
            Some(Fate::Made) => Ok(()),
            before => Err(format!("the op {op_id} was {before:?} and is now {fate:?}")),
        }
    }

    /// The server took messages of a client and answered; `log` is what it has logged since.
    pub fn served<'a>(
        &mut self,
        messages: &[ClientMessage],
        reply: &Reply,
        log: impl Iterator<Item = &'a LogEntry>,
        may_write: bool,
    ) -> Result<(), String> {
        let mut log: Vec<&Op> = log.map(|entry| &entry.op).collect();
        self.last_seq += log.len() as u64;
        let accepted = log.iter().filter(|op| op.op_id.is_some()).count();
        let moves = log.split_off(accepted);
        if log.iter().any(|op| op.op_id.is_none()) {
            return Err("the server moved items in the midst of a client's ops".to_owned());
        }
        let mut log = log.into_iter().peekable();
        for op in messages.iter().flat_map(ClientMessage::ops) {
            self.answered(op, reply, &mut log)?;
            if may_write && self.fate_of(op) == Some(Fate::Rejected) && !self.may_be_refused(op) {
                return Err(format!("{op:?} of a client that may write is refused: {reply:?}"));
            }
        }
        if let Some(op) = log.next() {
            return Err(format!("the server logged more than it was sent: {op:?}"));
        }
        self.server_ops(moves.into_iter())
    }

    /// Compares the answer to one op with what the model says of it.
    fn answered<'a>(
        &mut self,
        op: &Op,
        reply: &Reply,
        log: &mut Peekable<impl Iterator<Item = &'a Op>>,
    ) -> Result<(), String> {
        let Some(op_id) = &op.op_id else { return Err(format!("{op:?} has no name")) };
        let answers = answers(op_id, reply);
        let [answer] = answers[..] else {
            return Err(format!("{op_id} is answered {} times in one reply", answers.len()));
        };
        match self.fates.get(op_id) {
            None => return Err(format!("{op_id} comes from nowhere")),
            Some(Fate::Made) => {}
            Some(fate) => {
                self.tally.rectified += 1;
                // What is new in a text update that comes again takes its place in the order.
                if let (Answer::Echo(echo), OpKind::UpdateText(_)) = (answer, &op.kind) {
                    log.next_if(|logged| *logged == echo);
                }
                return match (fate, answer) {
                    (Fate::Accepted, Answer::Echo(_))
                    | (Fate::Ignored, Answer::Acknowledged)
                    | (Fate::Rejected, Answer::Rejected) => Ok(()),
                    _ => Err(format!("{op_id} was {fate:?}; sent again it is {answer:?}")),
                };
            }
        }
        let fate = match answer {
            Answer::OutOfReach => return Ok(()),
            Answer::Rejected => Fate::Rejected,
            Answer::Acknowledged => Fate::Ignored,
            Answer::Echo(_) => Fate::Accepted,
        };
        self.settle(op_id, fate)?;
        if fate == Fate::Rejected {
            self.tally.rejected += 1;
            return Ok(());
        }
        let text = matches!(op.kind, OpKind::UpdateText(_));
        let outcome = if text { None } else { Some(self.model.apply(op)) };
        let Answer::Echo(echo) = answer else {
            self.tally.ignored += 1;
            return match outcome {
                None | Some(Outcome::Ignored) => Ok(()),
                _ => Err(format!("{op:?} is ignored, but the model says {outcome:?}")),
            };
        };
        self.tally.accepted += 1;
        self.note_id(op);
        if log.next() != Some(echo) {
            return Err(format!("{op:?} is echoed as {echo:?}, which is not what is logged"));
        }
        if echo.kind != op.kind {
            self.tally.corrected += 1;
        }
        match outcome {
            None => Ok(()),
            Some(Outcome::Accepted { corrected, .. })
                if corrected.as_deref().unwrap_or(op) == echo =>
            {
                Ok(())
            }
            _ => Err(format!("{op:?} is echoed as {echo:?}, but the model says {outcome:?}")),
        }
    }

    /// The server changed the document by itself.
    pub fn server_ops<'a>(&mut self, ops: impl Iterator<Item = &'a Op>) -> Result<(), String> {
        for op in ops {
            self.tally.by_server += 1;
            self.note_id(op);
            if matches!(op.kind, OpKind::UpdateText(_)) {
                continue;
            }
            let outcome = self.model.apply(op);
            if !matches!(outcome, Outcome::Accepted { corrected: None, .. }) {
                return Err(format!("the server says {op:?}, but the model says {outcome:?}"));
            }
        }
        Ok(())
    }

    /// The server changed the document by itself and logged it.
    pub fn published<'a>(&mut self, log: impl Iterator<Item = &'a LogEntry>) -> Result<(), String> {
        let log: Vec<&Op> = log.map(|entry| &entry.op).collect();
        self.last_seq += log.len() as u64;
        self.server_ops(log.into_iter())
    }

    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// At the end: every op has a fate, the document is what the books say, no value is doubled.
    pub fn close(&self, document: &Document) -> Result<(), String> {
        if let Some((op_id, _)) = self.fates.iter().find(|(_, fate)| **fate == Fate::Made) {
            return Err(format!("the op {op_id} is lost"));
        }
        let (found, expected) = (nodes_of(document), self.model.nodes());
        let without_text = |node: &SerializedNode| match node.content {
            NodeContent::Text { .. } => (node.id.clone(), node.parent.clone(), None),
            _ => (node.id.clone(), node.parent.clone(), Some(node.content.clone())),
        };
        for (id, node) in &found {
            let expected = expected.get(id).map(without_text);
            if expected.as_ref() != Some(&without_text(node)) {
                return Err(format!("the server has {node:?}; by the books it is {expected:?}"));
            }
        }
        if let Some(id) = expected.keys().find(|id| !found.contains_key(*id)) {
            return Err(format!("the server has no {id}; by the books it is there"));
        }
        no_value_twice(document)
    }
}

/// From here on numbers are unique: the world gives each out once.
pub const FIRST_VALUE: u32 = 1000;

fn no_value_twice(document: &Document) -> Result<(), String> {
    let mut seen: BTreeMap<u64, NodeId> = BTreeMap::new();
    for node in document.nodes() {
        let mut stack: Vec<&Json> = match &node.content {
            NodeContent::Object(fields) => fields.iter().map(|(_, value)| value).collect(),
            NodeContent::Register(value) => vec![value],
            _ => Vec::new(),
        };
        while let Some(value) = stack.pop() {
            let number = value.as_u53().or_else(|| value.as_str()?.parse().ok());
            if let Some(number) = number.filter(|number| *number >= FIRST_VALUE.into()) {
                if let Some(other) = seen.insert(number, node.id.clone()) {
                    return Err(format!("the value {number} is in {other} and in {}", node.id));
                }
            }
            stack.extend(value.as_array().unwrap_or_default());
        }
    }
    Ok(())
}

/// An answer to one op.
#[derive(Clone, Copy, Debug)]
enum Answer<'a> {
    Echo(&'a Op),
    Acknowledged,
    Rejected,
    /// Rejected, and may come again, expressed on another version of its text.
    OutOfReach,
}

fn answers<'a>(op_id: &OpId, reply: &'a Reply) -> Vec<Answer<'a>> {
    let mut answers = Vec::new();
    for message in &reply.sender {
        match message {
            ServerMessage::UpdateStorage { ops } => {
                let own = ops.iter().filter(|op| op.op_id.as_ref() == Some(op_id));
                answers.extend(own.map(|op| match op.is_acknowledgement() {
                    true => Answer::Acknowledged,
                    false => Answer::Echo(op),
                }));
            }
            ServerMessage::RejectOps { op_ids, reason } => {
                let own = op_ids.iter().filter(|id| *id == op_id);
                let about_version = [UpdateError::Ahead, UpdateError::TooOld]
                    .iter()
                    .any(|error| *reason == error.to_string());
                let answer = if about_version { Answer::OutOfReach } else { Answer::Rejected };
                answers.extend(own.map(|_| answer));
            }
            _ => {}
        }
    }
    answers
}

impl ClientMessage {
    fn ops(&self) -> &[Op] {
        match self {
            Self::UpdateStorage { ops } => ops,
            _ => &[],
        }
    }
}
