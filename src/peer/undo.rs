//! Undo and redo of a peer's own edits, by edits like any other.

use std::mem;

use super::{Made, Peer};
use crate::change::Origin;
use crate::edit::Session;
use crate::history::{Step, UndoOptions};
use crate::prediction::Inverse;
use crate::{Changes, EditError};

impl Peer {
    /// Takes back the latest own step that is not undone. `None` if there is none, or no name for the ops is
    /// left ([`EditError::NoOpIdLeft`]).
    ///
    /// The inverse is an edit like any other, and others hear of it as of one.
    pub fn undo(&mut self) -> Option<Changes> {
        let step = self.history.pop_undo()?;
        let (inverse, changes) = self.run_step(&step)?;
        self.history.undone(inverse);
        Some(changes.with_origin(Origin::Undo))
    }

    /// Takes back the latest undo. `None` if there is none, or an edit that is a step came after it.
    pub fn redo(&mut self) -> Option<Changes> {
        let step = self.history.pop_redo()?;
        let (inverse, changes) = self.run_step(&step)?;
        self.history.redone(inverse);
        Some(changes.with_origin(Origin::Redo))
    }

    fn run_step(&mut self, step: &Step) -> Option<(Inverse, Changes)> {
        let history = mem::take(&mut self.history);
        let edit = |session: &mut Session<'_>| {
            history.run(step, session);
            // The last name was perhaps that of the step's last op; there is none for another edit then.
            if session.ids.has_op_id() { Ok(()) } else { Err(EditError::NoOpIdLeft) }
        };
        let made = self.make(edit);
        self.history = history;
        made.ok().map(|Made { inverse, changes, .. }| (inverse, changes))
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
    pub fn pause_history(&mut self) {
        self.history.pause();
    }

    /// Ends the step that [`pause_history`](Self::pause_history) began. So does an undo, which takes it back.
    pub fn resume_history(&mut self) {
        self.history.resume();
    }

    /// From here on edits make no undo steps, until [`enable_history`](Self::enable_history); the steps that are
    /// there stay.
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

    /// Sets how many steps can be undone. The default is 50; 0 turns undo off.
    pub fn set_undo_capacity(&mut self, steps: usize) {
        self.history.set_options(UndoOptions::default().capacity(steps));
    }
}
