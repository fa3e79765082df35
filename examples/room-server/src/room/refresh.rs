//! Telling a member the storage later than it asked, or once more, unasked.
//!
//! Who asks again before having read the answer waits for the next: however often a client asks,
//! and however slowly it reads, it takes up one answer.
//!
//! Official clients do not always end up with the storage that the others have when ops which they
//! made before a reconnect meet those of others, or had been carried out before, or when ops are
//! taken back: they go on showing an item that is gone, or miss one. Being told the storage when
//! nothing of theirs is pending sets them right, so the room waits for a pause. Other clients ignore
//! what they have not asked for.

use std::time::{Duration, Instant};

use livetree::ClientMessage;

use super::{Actor, Room};

/// How long a member must have been quiet, or is given to read on.
const PAUSE: Duration = Duration::from_millis(400);

/// Whether a member is to be told the storage, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Refresh {
    #[default]
    NotNeeded,
    /// It has asked for it.
    Owed(Instant),
    /// Unasked, if it is quiet until then.
    AtPause(Instant),
}

impl Refresh {
    fn due(self) -> Option<Instant> {
        match self {
            Self::NotNeeded => None,
            Self::Owed(at) | Self::AtPause(at) => Some(at),
        }
    }

    /// The same, later.
    fn put_off(self, to: Instant) -> Self {
        match self {
            Self::NotNeeded => self,
            Self::Owed(_) => Self::Owed(to),
            Self::AtPause(_) => Self::AtPause(to),
        }
    }
}

impl Room {
    /// Takes out of a member's messages that it asks for the storage, if it has not read the answer
    /// to the last time.
    pub(super) fn put_off_fetch(&mut self, from: Actor, messages: &mut Vec<ClientMessage>) {
        let reading = self.members.get_mut(&from).filter(|member| member.is_reading());
        if let Some(member) = reading
            && messages.contains(&ClientMessage::FetchStorage)
        {
            messages.retain(|message| *message != ClientMessage::FetchStorage);
            if let Refresh::NotNeeded = member.refresh {
                member.refresh = Refresh::Owed(Instant::now() + PAUSE);
            }
        }
    }

    /// Notes a frame of a member. If it is `unsure` whether the member knows what became of it, the
    /// storage is told at the next pause.
    pub(super) fn heard(&mut self, from: Actor, unsure: bool) {
        if let Some(member) = self.members.get_mut(&from)
            && (unsure || matches!(member.refresh, Refresh::AtPause(_)))
        {
            member.refresh = Refresh::AtPause(Instant::now() + PAUSE);
        }
    }

    /// When the next member is to be told.
    pub(super) fn next_refresh(&self) -> Option<Instant> {
        self.members.values().filter_map(|member| member.refresh.due()).min()
    }

    /// Tells the storage to those for whom it is time, unless they are still reading.
    pub(super) fn refresh_members(&mut self, now: Instant) {
        let mut due = Vec::new();
        for (actor, member) in &mut self.members {
            if member.refresh.due().is_none_or(|at| at > now) {
                continue;
            }
            if member.is_reading() {
                member.refresh = member.refresh.put_off(now + PAUSE);
            } else {
                member.refresh = Refresh::NotNeeded;
                due.push(*actor);
            }
        }
        for actor in due {
            let storage = self.storage(actor, vec![ClientMessage::FetchStorage]).sender;
            self.answer(actor, &storage);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use livetree::server::Protocol;

    use super::*;
    use crate::outbox::{Frame, outbox};
    use crate::room::{Delivery, Entry, load};
    use crate::scopes::Scopes;
    use crate::store::Stored;

    /// How often the storage leaves the room. What leaves it is read.
    fn tellings(room: &mut Room) -> usize {
        let frame = |delivery: &Delivery| matches!(delivery, Delivery::Frame(_, Frame::Storage(texts)) if texts.len() == 2);
        let out = std::mem::take(&mut room.out);
        out.iter().filter(|delivery| frame(delivery)).count()
    }

    #[test]
    fn the_storage_is_not_told_to_who_is_still_reading_it() {
        let mut room = load(&Stored::default(), &Arc::default(), &Arc::default()).unwrap().room;
        let entry = Entry {
            room: "r".to_owned(),
            user: None,
            info: None,
            scopes: Scopes::room_write(),
            protocol: Protocol::V8,
        };
        let actor = room.enter(entry, outbox(1_000).0).unwrap();
        for _ in 0..100 {
            room.receive(actor, br#"[{"type":200}]"#);
        }
        let later = |pauses: u32| Instant::now() + PAUSE * 2 * pauses;
        room.pass_time(later(1));
        assert_eq!(tellings(&mut room), 1);
        // It has been read; what was asked meanwhile is answered, and once.
        assert!(room.next_deadline().is_some());
        room.pass_time(later(2));
        room.pass_time(later(3));
        assert_eq!(tellings(&mut room), 1);
        assert!(room.next_deadline().is_none());
        room.receive(actor, br#"[{"type":200}]"#);
        assert_eq!(tellings(&mut room), 1);
    }
}
