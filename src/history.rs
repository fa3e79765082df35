//! Undo and redo: steps of inverse ops, and which of them may still be taken.

mod foreign;
mod place;
mod run;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use smallvec::SmallVec;

use crate::edit::Session;
use crate::op::OpKind;
use crate::prediction::{Inverse, InverseOp};
use crate::text::{Order, TextOp, transform};
use crate::{NodeId, Op, OpId};
use foreign::Foreign;
pub(crate) use place::{Place, places};
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

/// The steps to undo and to redo.
#[derive(Debug)]
pub(crate) struct History {
    undo: VecDeque<Step>,
    redo: Vec<Step>,
    /// The step that is open while history is paused.
    open: Option<Step>,
    /// Whether edits make no steps.
    disabled: bool,
    /// How many steps there may be to undo.
    capacity: usize,
    /// Counts edits and messages, so that one can be told to have come after another. By two, since what is heard
    /// later may have come between.
    clock: u64,
    /// What others wrote, if undo is to [leave it alone](UndoPolicy::KeepForeign).
    foreign: Option<Foreign>,
}

impl Default for History {
    fn default() -> Self {
        let mut this = Self {
            undo: VecDeque::new(),
            redo: Vec::new(),
            open: None,
            disabled: false,
            capacity: 0,
            clock: 0,
            foreign: None,
        };
        this.set_options(UndoOptions::default());
        this
    }
}

impl History {
    pub(crate) fn set_options(&mut self, options: UndoOptions) {
        let UndoOptions { capacity, policy } = options;
        self.capacity = capacity;
        self.foreign = match policy {
            UndoPolicy::Replay => None,
            UndoPolicy::KeepForeign => Some(self.foreign.take().unwrap_or_default()),
        };
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
        if let Some(foreign) = &mut self.foreign {
            foreign.clear();
        }
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
        self.foreign.is_some() && self.steps().any(|step| !step.is_empty())
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
        if let Some(foreign) = &mut self.foreign {
            foreign.write(places, own, now);
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
        for (InverseOp { op, neighbours, .. }, made_at) in step.ops() {
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
            let permitted = match &self.foreign {
                Some(foreign) => foreign.permitted(session.document, &op, made_at),
                None => Some(op.into_owned()),
            };
            if let Some(op) = permitted {
                session.apply_inverse(op, neighbours.as_ref());
            }
        }
    }

    /// A moment later than all before.
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 2;
        self.clock
    }

    fn trim(&mut self) {
        while self.undo.len() > self.capacity {
            self.undo.pop_front();
        }
        if self.capacity == 0 {
            self.redo.clear();
            self.open = self.open.take().map(|_| Step::default());
        }
        if self.foreign.as_ref().is_none_or(Foreign::is_empty) {
            return;
        }
        let oldest = self.steps().filter_map(Step::made_at).min();
        let enough = self.capacity.saturating_add(64).saturating_mul(4);
        match (&mut self.foreign, oldest) {
            (Some(foreign), Some(oldest)) => foreign.trim(oldest, enough),
            (Some(foreign), None) => foreign.clear(),
            (None, _) => {}
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
