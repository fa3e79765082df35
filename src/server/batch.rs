//! What one message comes to: in which order it is answered, and how much that may take.

use std::collections::BTreeMap;

use super::Reply;
use super::fetch::{size_of_content, size_of_fields};
use crate::message::ServerMessage;
use crate::op::{Intent, OpKind};
use crate::position::Position;
use crate::text::Budget;
use crate::{NodeId, Op, OpId};

/// What one message of a client comes to.
#[derive(Default)]
pub(super) struct Batch {
    /// What is to be said already.
    reply: Reply,
    /// Acknowledgements of what changed nothing, and fixes.
    replies: Vec<Op>,
    rejected: Vec<(Vec<OpId>, String)>,
    /// What everybody hears, in order.
    accepted: Vec<Op>,
    /// Lists that accepted ops changed, and whether they may have freed a place there.
    lists: BTreeMap<NodeId, bool>,
    /// Items that got a long position.
    long: Vec<NodeId>,
    /// Whether rejected ops are taken back for their sender.
    pub(super) takes_back: bool,
    pub(super) effort: Effort,
}

/// What a frame has taken so far. Both are bounded, since a few bytes could ask for any amount.
#[derive(Clone, Copy, Default)]
pub(super) struct Effort {
    /// About how many bytes the ops have that lead the sender back to how things are.
    fixes: usize,
    /// What is left to carry updates of texts over others.
    pub(super) budget: Budget,
}

/// About how many bytes there may be of ops that lead the sender of one frame back to how things
/// are, before no more are begun. To take one op back may need all that the document holds.
const MOST_FIXES: usize = 16 << 20;

impl Effort {
    /// Whether the sender is not to be led back from any more ops.
    pub(super) fn is_spent(&self) -> bool {
        self.fixes >= MOST_FIXES
    }
}

impl Batch {
    /// Of a message in a frame that has taken so much so far.
    pub(super) fn of(effort: Effort, takes_back: bool) -> Self {
        Self { takes_back, effort, ..Self::default() }
    }

    /// Makes room for so many ops that everybody hears.
    pub(super) fn reserve(&mut self, ops: usize) {
        self.accepted.reserve_exact(ops);
    }

    /// An op changed nothing.
    pub(super) fn acknowledge(&mut self, op_id: OpId) {
        self.replies.push(Op::acknowledgement(op_id));
    }

    /// An op of the sender's had been carried out before: how, and perhaps a fix for where the node is by now.
    pub(super) fn rectify(&mut self, op: Op, fix: Option<Op>, list: Option<&NodeId>) {
        if fix.is_some() && list.is_some_and(|list| self.lists.contains_key(list)) {
            self.say();
        }
        self.replies.push(op);
        self.replies.extend(fix);
    }

    /// An op is not carried out.
    pub(super) fn reject(&mut self, op_id: OpId, reason: &str) {
        // One message for neighbours with one reason.
        match self.rejected.last_mut() {
            Some((op_ids, last)) if last == reason => op_ids.push(op_id),
            _ => self.rejected.push((vec![op_id], reason.to_owned())),
        }
    }

    /// Everybody is to hear of an op.
    pub(super) fn accept(&mut self, op: Op) {
        self.accepted.push(op);
    }

    /// An op that everybody is to hear of has changed the items of this list.
    pub(super) fn note_change(&mut self, list: NodeId, op: &Op) {
        *self.lists.entry(list).or_default() |= may_vacate(op);
    }

    /// An item has got a long position.
    pub(super) fn note_long(&mut self, item: NodeId) {
        self.long.push(item);
    }

    /// The items that have got long positions, for once.
    pub(super) fn take_long(&mut self) -> Vec<NodeId> {
        std::mem::take(&mut self.long)
    }

    /// The echo of an op that is not carried out now, and what leads back to how things are, after
    /// what was accepted before.
    pub(super) fn repair(&mut self, (echo, fixes): (Op, Vec<Op>)) {
        if !self.accepted.is_empty() {
            self.say();
        }
        self.replies.push(echo);
        self.effort.fixes += fixes.iter().map(size_of_fix).sum::<usize>();
        self.replies.extend(fixes);
        self.set_repaired();
    }

    /// An op came again that was accepted before, or was taken back.
    pub(super) fn set_repaired(&mut self) {
        self.reply.repaired = true;
    }

    /// A fix for the sender of `op`.
    ///
    /// It goes out ahead of what was accepted before it. Where it moves an item that the sender has
    /// already, it would come too early: the item would be in the way of those that came to the
    /// list before, or at a place that is not free yet.
    pub(super) fn fix(&mut self, fix: Op, op: &Op, list: Option<&NodeId>) {
        let changed = list.and_then(|list| self.lists.get(list));
        let early = match (&fix.kind, &op.kind) {
            (OpKind::SetParentKey { .. }, OpKind::SetParentKey { .. }) => changed.is_some(),
            // An item that is new is not there to be moved, unless it was there before.
            (OpKind::SetParentKey { .. }, _) => changed == Some(&true),
            // A place next to one that is spelt oddly is itself, and only as long as that is there.
            (_, OpKind::Create(create)) => {
                changed.is_some() && !Position::verbatim(create.parent_key.clone()).is_canonical()
            }
            _ => false,
        };
        if early {
            self.say();
        }
        self.replies.push(fix);
    }

    /// Replies and fixes come first, then rejections, then what was accepted.
    fn say(&mut self) {
        let Reply { sender, others, .. } = &mut self.reply;
        if !self.replies.is_empty() {
            let ops = std::mem::take(&mut self.replies);
            add(sender, ServerMessage::UpdateStorage { ops });
        }
        for (op_ids, reason) in self.rejected.drain(..) {
            sender.push(ServerMessage::RejectOps { op_ids, reason });
        }
        if !self.accepted.is_empty() {
            let accepted = std::mem::take(&mut self.accepted);
            let ops = accepted.iter().map(Op::for_others).collect();
            add(others, ServerMessage::UpdateStorage { ops });
            add(sender, ServerMessage::UpdateStorage { ops: accepted });
        }
        self.lists.clear();
    }

    pub(super) fn reply(mut self) -> Reply {
        self.say();
        self.reply
    }
}

/// Appends a message to a list that is nearly always of one: there is no room beside the first.
fn add(messages: &mut Vec<ServerMessage>, message: ServerMessage) {
    if messages.is_empty() {
        *messages = vec![message];
    } else {
        messages.push(message);
    }
}

/// Whether an op may free a place in a list for others to take.
fn may_vacate(op: &Op) -> bool {
    match &op.kind {
        OpKind::Create(create) => create.intent == Intent::Set,
        _ => true,
    }
}

/// About how many bytes an op has that restores something.
fn size_of_fix(op: &Op) -> usize {
    let content = match &op.kind {
        OpKind::Create(create) => create.parent_key.len() + size_of_content(&create.content),
        OpKind::UpdateObject { data } => size_of_fields(data),
        _ => 0,
    };
    96 + content
}
