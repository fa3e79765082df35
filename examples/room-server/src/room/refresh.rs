//! Telling a member the storage once more, unasked.
//!
//! Official clients do not always end up with the storage that the others have when ops which they
//! made before a reconnect meet those of others, or had been carried out before, or when ops are
//! taken back: they go on showing an item that is gone, or miss one. Being told the storage when
//! nothing of theirs is pending sets them right, so the room waits for a pause. Other clients ignore
//! what they have not asked for.

use std::time::{Duration, Instant};

use livetree::ClientMessage;

use super::{Actor, Room};

/// How long a member must have been quiet.
const PAUSE: Duration = Duration::from_millis(400);

impl Room {
    /// Notes a frame of a member. If it is `unsure` whether the member knows what became of it, the
    /// storage is told at the next pause.
    pub(super) fn heard(&mut self, from: Actor, unsure: bool) {
        if let Some(member) = self.members.get_mut(&from)
            && (unsure || member.refresh.is_some())
        {
            member.refresh = Some(Instant::now() + PAUSE);
        }
    }

    /// When the next pause is long enough.
    pub(super) fn next_refresh(&self) -> Option<Instant> {
        self.members.values().filter_map(|member| member.refresh).min()
    }

    /// Tells the storage to those who have been quiet.
    pub(super) fn refresh_members(&mut self, now: Instant) {
        let mut due = Vec::new();
        for (actor, member) in &mut self.members {
            if member.refresh.is_some_and(|at| at <= now) {
                member.refresh = None;
                due.push(*actor);
            }
        }
        for actor in due {
            let document = self.storage(actor, vec![ClientMessage::FetchStorage]).sender;
            self.answer(actor, &document);
        }
    }
}
