//! Undo and redo: steps of inverse ops, and which of them may still be taken.

mod run;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use smallvec::SmallVec;

use crate::document::NodeIx;
use crate::edit::Session;
use crate::json::JsonObject;
use crate::op::{Intent, OpKind};
use crate::prediction::{Inverse, InverseOp, anchor};
use crate::text::{Order, TextOp, transform};
use crate::{Document, NodeId, Op, OpId, SmallStr};
pub(crate) use run::express_now;

/// What undo does about values that somebody else has changed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UndoPolicy {
    /// Undo restores what was there before the edit, as Liveblocks does.
    #[default]
    Replay,
    /// Undo leaves alone what somebody else has changed since the edit, and whatever that lies in. Of a LiveText it
    /// takes back what was inserted and deleted, as ever; formats go back to what they were.
    ///
    /// Up to 65,536 places are remembered as written by others. Once there are more, any place counts as
    /// written until then.
    KeepForeign,
}

/// How undo works.
///
/// ```
/// use livetree::{UndoOptions, UndoPolicy};
/// let options = UndoOptions::default().capacity(50).policy(UndoPolicy::KeepForeign);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct UndoOptions {
    capacity: usize,
    policy: UndoPolicy,
}

impl Default for UndoOptions {
    /// 50 steps, as [`UndoPolicy::Replay`].
    fn default() -> Self {
        Self { capacity: 50, policy: UndoPolicy::default() }
    }
}

impl UndoOptions {
    /// How many steps are remembered; 0 turns undo off.
    #[must_use]
    pub fn capacity(self, steps: usize) -> Self {
        Self { capacity: steps, ..self }
    }

    /// What undo does about values that somebody else has changed since.
    #[must_use]
    pub fn policy(self, policy: UndoPolicy) -> Self {
        Self { policy, ..self }
    }
}

/// A step: what takes back one edit, or those that were made while history was paused.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// By edit, in the order in which they were made. None is without ops.
    parts: SmallVec<[Part; 1]>,
}

/// The ops that take an edit back, and when the edit was made.
#[derive(Debug)]
struct Part {
    ops: Inverse,
    made_at: u64,
}

impl Step {
    /// The step of one edit, which was made at this time; `ops` take it back.
    fn new(ops: Inverse, made_at: u64) -> Self {
        if ops.is_empty() {
            return Self::default();
        }
        Self { parts: SmallVec::from_buf([Part { ops, made_at }]) }
    }

    /// An op has come to nothing: drops what takes it back, but of texts. Whether nothing is left of the step then.
    fn forget(&mut self, op_id: &OpId) -> bool {
        if self.is_empty() {
            return false;
        }
        for part in &mut self.parts {
            part.ops.retain(|InverseOp { of, op, .. }| {
                of.as_ref() != Some(op_id) || matches!(op.kind, OpKind::UpdateText(_))
            });
        }
        self.parts.retain(|part| !part.ops.is_empty());
        self.is_empty()
    }

    /// The ops, the latest edit first, each with when that was made.
    fn ops(&self) -> impl Iterator<Item = (&InverseOp, u64)> {
        let parts = self.parts.iter().rev();
        parts.flat_map(|part| part.ops.iter().map(|op| (op, part.made_at)))
    }

    fn ops_mut(&mut self) -> impl Iterator<Item = &mut Op> {
        self.parts.iter_mut().rev().flat_map(|part| &mut part.ops).map(|inverse| &mut inverse.op)
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// When the first of the edits was made.
    fn made_at(&self) -> Option<u64> {
        Some(self.parts.first()?.made_at)
    }
}

/// A place that an inverse op writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Slot(NodeId, SmallStr),
    Item(NodeId),
    Text(NodeId),
}

impl Place {
    /// The node that is the place, or has it.
    pub(crate) fn node(&self) -> &NodeId {
        match self {
            Self::Slot(id, _) | Self::Item(id) | Self::Text(id) => id,
        }
    }
}

/// The steps to undo and to redo.
#[derive(Debug, Default)]
pub(crate) struct History {
    undo: VecDeque<Step>,
    redo: Vec<Step>,
    /// The step that is open while history is paused.
    open: Option<Step>,
    /// Whether edits make no steps.
    disabled: bool,
    options: UndoOptions,
    /// Counts edits and messages, so that one can be told to have come after another. By two, since what is heard
    /// later may have come between.
    clock: u64,
    /// When somebody else last wrote a place. Kept while there are steps.
    foreign: BTreeMap<Place, u64>,
    /// When any place at all may have been written last: there were too many to remember.
    all_foreign: u64,
}

/// The most places that are remembered as written by others: a few megabytes.
const MOST_FOREIGN: usize = 1 << 16;

impl History {
    pub(crate) fn set_options(&mut self, options: UndoOptions) {
        self.options = options;
        self.trim();
    }

    pub(crate) fn can_undo(&self) -> bool {
        !self.undo.is_empty() || self.open.as_ref().is_some_and(|step| !step.is_empty())
    }

    pub(crate) fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// An edit was made by these ops; `inverse` takes it back.
    pub(crate) fn edited(&mut self, ops: &[Op], inverse: Inverse) {
        if self.disabled {
            // There is no step of it: to those that are there it is as if somebody else had made it.
            for op in ops {
                if let OpKind::UpdateText(update) = &op.kind {
                    self.carry(&op.id, update.ops.clone());
                }
            }
            return;
        }
        if inverse.is_empty() {
            return;
        }
        self.redo.clear();
        let now = self.tick();
        match &mut self.open {
            Some(open) => open.parts.push(Part { ops: inverse, made_at: now }),
            None => self.undo.push_back(Step::new(inverse, now)),
        }
        self.trim();
    }

    pub(crate) fn set_disabled(&mut self, disabled: bool) {
        self.disabled = disabled;
    }

    pub(crate) fn pause(&mut self) {
        self.open.get_or_insert_default();
    }

    pub(crate) fn resume(&mut self) {
        self.undo.extend(self.open.take().filter(|step| !step.is_empty()));
        self.trim();
    }

    pub(crate) fn clear(&mut self) {
        self.undo.clear();
        self.redo.clear();
        self.foreign.clear();
        if let Some(open) = &mut self.open {
            *open = Step::default();
        }
    }

    /// The step to undo now; a pause ends here.
    pub(crate) fn pop_undo(&mut self) -> Option<Step> {
        self.resume();
        self.undo.pop_back()
    }

    pub(crate) fn pop_redo(&mut self) -> Option<Step> {
        self.redo.pop()
    }

    /// A step was taken; `inverse` takes that back. One that came to nothing counts too, so that as many steps can be
    /// redone as were undone.
    pub(crate) fn undone(&mut self, inverse: Inverse) {
        let now = self.tick();
        self.redo.push(Step::new(inverse, now));
    }

    /// As [`undone`](Self::undone), of a step that was undone before.
    pub(crate) fn redone(&mut self, inverse: Inverse) {
        let now = self.tick();
        self.undo.push_back(Step::new(inverse, now));
        self.trim();
    }

    /// All steps, that which is open included.
    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.undo.iter().chain(&self.redo).chain(&self.open)
    }

    /// Whether it matters what others write.
    pub(crate) fn minds_foreign(&self) -> bool {
        self.options.policy == UndoPolicy::KeepForeign && self.steps().any(|step| !step.is_empty())
    }

    /// Somebody else wrote these places; those that own edits have written already which come later in the order,
    /// before the first of these edits.
    pub(crate) fn written_by_others(
        &mut self,
        places: impl IntoIterator<Item = Place>,
        own: &BTreeMap<Place, u64>,
    ) {
        if !self.minds_foreign() {
            return;
        }
        let now = self.tick();
        for place in places {
            let at = own.get(&place).map_or(now, |made_at| made_at.saturating_sub(1));
            let last = self.foreign.entry(place).or_default();
            *last = at.max(*last);
        }
        if self.foreign.len() > MOST_FOREIGN {
            self.foreign.clear();
            self.all_foreign = now;
        }
    }

    /// Whether steps change texts.
    pub(crate) fn changes_texts(&self) -> bool {
        self.text_updates().next().is_some()
    }

    /// The texts that steps change.
    pub(crate) fn texts(&self) -> BTreeSet<NodeId> {
        self.text_updates().map(|op| op.id.clone()).collect()
    }

    fn text_updates(&self) -> impl Iterator<Item = &Op> {
        let ops = self.steps().flat_map(Step::ops).map(|(inverse, _)| &inverse.op);
        ops.filter(|op| matches!(op.kind, OpKind::UpdateText(_)))
    }

    /// An op has come to nothing: there is nothing to take back of it. (Texts have been [told](Self::carry).)
    pub(crate) fn rejected(&mut self, op_id: &OpId) {
        self.undo.retain_mut(|step| !step.forget(op_id));
        self.redo.retain_mut(|step| !step.forget(op_id));
        if let Some(open) = &mut self.open {
            open.forget(op_id);
        }
    }

    /// A text was changed by somebody else: expresses the steps that change it anew.
    ///
    /// The latest step is expressed on the present text, each older one on what the newer leaves.
    pub(crate) fn carry(&mut self, text: &NodeId, ops: Vec<TextOp>) {
        if ops.is_empty() {
            return;
        }
        let undo = self.open.iter_mut().chain(self.undo.iter_mut().rev());
        carry_through(undo, text, ops.clone());
        carry_through(self.redo.iter_mut().rev(), text, ops);
    }

    /// Takes a step: makes the edit that takes back what it is of.
    pub(crate) fn run(&self, step: &Step, session: &mut Session<'_>) {
        let mut left_out = BTreeSet::new();
        for (InverseOp { op, anchor, .. }, made_at) in step.ops() {
            let mut op = Cow::Borrowed(op);
            if let OpKind::Create(create) = &op.kind {
                // What lies in a node that does not come back, because it is there, does not come back either: it
                // would push out what the node holds by now.
                let there = session.document.contains(&op.id);
                if there || left_out.contains(&create.parent_id) {
                    left_out.insert(op.id.clone());
                    // What it was to push out goes all the same.
                    match session.document.pushed_out(create).filter(|_| there) {
                        Some(item) => op = Cow::Owned(item),
                        None => continue,
                    }
                }
            }
            if let Some(op) = self.permitted(session.document, &op, made_at) {
                session.apply_inverse(op, anchor.as_ref());
            }
        }
    }

    /// The part of an op that takes back an edit, which was made then, that may be taken.
    fn permitted(&self, document: &Document, op: &Op, made_at: u64) -> Option<Op> {
        if self.options.policy == UndoPolicy::Replay {
            return Some(op.clone());
        }
        if let OpKind::UpdateObject { data } = &op.kind {
            let own = data.iter().filter(|(key, _)| {
                !self.is_foreign(&Place::Slot(op.id.clone(), (*key).clone()), made_at)
                    && !document
                        .child_of(&op.id, key)
                        .is_some_and(|child| self.is_foreign_within(document, child, made_at))
            });
            let data: JsonObject = own.map(|(key, value)| (key.clone(), value.clone())).collect();
            return Some(Op::new(op.id.clone(), OpKind::UpdateObject { data }));
        }
        // A text says itself what others changed, and a node that goes was put there by this edit.
        let own_place = match &op.kind {
            OpKind::DeleteCrdt | OpKind::UpdateText(_) => true,
            _ => places(document, op).iter().all(|place| !self.is_foreign(place, made_at)),
        };
        let own = own_place
            && document
                .taken_out_by(&anchor::in_place_of(document, op.clone()), document.target(op))
                .into_iter()
                .all(|top| !self.is_foreign_within(document, top, made_at));
        own.then(|| op.clone())
    }

    /// Whether somebody else wrote a place since.
    fn is_foreign(&self, place: &Place, since: u64) -> bool {
        self.all_foreign > since || self.foreign.get(place).is_some_and(|at| *at > since)
    }

    /// Whether somebody else changed what a node holds since.
    fn is_foreign_within(&self, document: &Document, top: NodeIx, since: u64) -> bool {
        document.subtree(top).any(|ix| {
            let id = &document.id(ix);
            let slots = Place::Slot(id.clone(), SmallStr::default())..;
            self.is_foreign(&Place::Text(id.clone()), since)
                || (ix != top && self.is_foreign(&Place::Item(id.clone()), since))
                || self
                    .foreign
                    .range(slots)
                    .take_while(|(place, _)| matches!(place, Place::Slot(node, _) if node == id))
                    .any(|(_, at)| *at > since)
        })
    }

    /// A moment later than all before.
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 2;
        self.clock
    }

    fn trim(&mut self) {
        while self.undo.len() > self.options.capacity {
            self.undo.pop_front();
        }
        if self.options.capacity == 0 {
            self.redo.clear();
            self.open = self.open.take().map(|_| Step::default());
        }
        if self.foreign.is_empty() {
            return;
        }
        // Writes before the oldest step can no longer matter.
        let oldest = self.steps().filter_map(Step::made_at).min();
        match oldest {
            None => self.foreign.clear(),
            Some(oldest) if self.foreign.len() > 4 * (self.options.capacity + 64) => {
                self.foreign.retain(|_, at| *at > oldest);
            }
            Some(_) => {}
        }
    }
}

fn carry_through<'a>(
    steps: impl Iterator<Item = &'a mut Step>,
    text: &NodeId,
    mut ops: Vec<TextOp>,
) {
    for op in steps.flat_map(Step::ops_mut).filter(|op| op.id == *text) {
        match &mut op.kind {
            OpKind::UpdateText(update) => {
                let (update_ops, above) = transform(&update.ops, &ops, Order::After);
                update.ops = update_ops;
                ops = above;
            }
            // The text comes back as it was when it was deleted; earlier steps lie on that.
            OpKind::Create(_) => return,
            _ => {}
        }
    }
}

/// The places that an op writes.
pub(crate) fn places(document: &Document, op: &Op) -> Vec<Place> {
    let slot = |id: &NodeId, key: &SmallStr| Place::Slot(id.clone(), key.clone());
    match &op.kind {
        OpKind::UpdateObject { data } => data.iter().map(|(key, _)| slot(&op.id, key)).collect(),
        OpKind::DeleteObjectKey { key } => vec![slot(&op.id, key)],
        // A position in a list is no place: another item may have it next.
        OpKind::SetParentKey { .. } => vec![Place::Item(op.id.clone())],
        OpKind::Create(create) => match document.find(&create.parent_id) {
            Some(parent) if document.is_list(parent) => {
                // An inverse op says which; by then its position may be another's.
                let pushed_out = (create.intent == Intent::Set && create.deleted_id.is_none())
                    .then(|| document.child(parent, &create.parent_key))
                    .flatten()
                    .map(|item| document.id(item));
                let items = [Some(op.id.clone()), create.deleted_id.clone(), pushed_out];
                items.into_iter().flatten().map(Place::Item).collect()
            }
            _ => vec![slot(&create.parent_id, &create.parent_key)],
        },
        OpKind::DeleteCrdt => match document.find(&op.id).filter(|node| *node != NodeIx::ROOT) {
            None => Vec::new(),
            Some(node) if document.is_list(document.parent(node)) => {
                vec![Place::Item(op.id.clone())]
            }
            Some(node) => {
                let key = document.key(node).as_small_str();
                vec![slot(&document.id(document.parent(node)), key)]
            }
        },
        OpKind::UpdateText(_) => vec![Place::Text(op.id.clone())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hours beside people who work, without an edit of one's own.
    #[test]
    fn what_others_write_does_not_fill_the_memory() {
        let mut history = History::default();
        history.set_options(UndoOptions::default().policy(UndoPolicy::KeepForeign));
        let document = Document::from_json(br#"{"a":1,"b":2}"#).unwrap();
        let set = |key: String| {
            let data = JsonObject::of(key.as_str().into(), crate::Json::Null);
            Op::new(NodeId::ROOT, OpKind::UpdateObject { data })
        };
        let hear = |history: &mut History, op: &Op| {
            history.written_by_others(places(&document, op), &BTreeMap::new());
        };
        let own = set("a".to_owned());
        let inverse =
            || std::iter::once(InverseOp { of: None, op: own.clone(), anchor: None }).collect();
        history.edited(&[], inverse());
        let first = history.steps().next().and_then(Step::made_at).unwrap();
        (0..MOST_FOREIGN).for_each(|n| hear(&mut history, &set(format!("k{n}"))));
        assert_eq!(history.permitted(&document, &own, first), Some(own.clone()));
        hear(&mut history, &set("one more".to_owned()));
        assert!(history.foreign.is_empty());
        // It may have been among them.
        let left = history.permitted(&document, &own, first);
        assert!(left.is_none_or(|op| !document.would_change(&op)));
        history.edited(&[], inverse());
        let second = history.steps().nth(1).and_then(Step::made_at).unwrap();
        assert_eq!(history.permitted(&document, &own, second), Some(own));
    }
}
