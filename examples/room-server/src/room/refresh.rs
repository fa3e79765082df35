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
pub(super) struct Refresh {
    /// It has asked for it.
    owed: Option<Instant>,
    /// Unasked, if it is quiet until then.
    at_pause: Option<Instant>,
}

impl Refresh {
    fn due(self) -> Option<Instant> {
        [self.owed, self.at_pause].into_iter().flatten().min()
    }

    /// What is due by now comes later.
    fn put_off(&mut self, now: Instant) {
        for at in [&mut self.owed, &mut self.at_pause].into_iter().flatten() {
            *at = if *at <= now { now + PAUSE } else { *at };
        }
    }

    /// The storage is told now.
    fn told(&mut self, now: Instant) {
        self.owed = None;
        self.at_pause = self.at_pause.filter(|at| *at > now);
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
            member.refresh.owed.get_or_insert_with(|| Instant::now() + PAUSE);
        }
    }

    /// Notes a frame of a member. If it is `unsure` whether the member knows what became of it, the
    /// storage is told at the next pause.
    pub(super) fn heard(&mut self, from: Actor, unsure: bool) {
        if let Some(member) = self.members.get_mut(&from)
            && (unsure || member.refresh.at_pause.is_some())
        {
            member.refresh.at_pause = Some(Instant::now() + PAUSE);
        }
    }

    /// When the next member is to be told.
    pub(super) fn next_refresh(&self) -> Option<Instant> {
        self.members.values().filter_map(|member| member.refresh.due()).min()
    }

    /// Tells the storage to a member for whom it is time, unless it is still reading. Others wait until that has left
    /// the room: all together they might be told more than there is memory for.
    pub(super) fn refresh_member(&mut self, now: Instant) {
        let mut first = None;
        for (actor, member) in &mut self.members {
            if member.refresh.due().is_none_or(|at| at > now) {
                continue;
            }
            if member.is_reading() {
                member.refresh.put_off(now);
            } else if first.is_none() {
                member.refresh.told(now);
                first = Some(*actor);
            }
        }
        if let Some(actor) = first {
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

    fn room() -> Room {
        load(&Stored::default(), &Arc::default(), &Arc::default()).unwrap().room
    }

    fn enter(room: &mut Room) -> Actor {
        let entry = Entry {
            room: "r".to_owned(),
            user: None,
            info: None,
            scopes: Scopes::room_write(),
            protocol: Protocol::V8,
        };
        room.enter(entry, outbox(1_000).0).unwrap()
    }

    #[test]
    fn who_has_asked_for_the_storage_gets_it_without_being_quiet() {
        let mut room = room();
        let actor = enter(&mut room);
        let late = br#"[{"type":201,"ops":[{"type":3,"id":"root","opId":"9:0","data":{"a":1}}]}]"#;
        for [first, second] in [[&late[..], br#"[{"type":200}]"#], [br#"[{"type":200}]"#, late]] {
            room.receive(actor, br#"[{"type":200}]"#);
            room.receive(actor, first);
            room.receive(actor, second);
            assert_eq!(tellings(&mut room), 1);
            let mut go_on = || {
                std::thread::sleep(Duration::from_millis(5));
                room.receive(actor, br#"[{"type":100,"data":{}}]"#);
                room.next_deadline()
            };
            let asked = go_on();
            assert_eq!(go_on(), asked);
            room.pass_time(asked.unwrap());
            assert_eq!(tellings(&mut room), 1);
            // Once more, since something of its own may have been pending then.
            let pause = room.next_deadline().unwrap();
            assert!(Some(pause) > asked);
            room.pass_time(pause);
            assert_eq!(tellings(&mut room), 1);
            assert!(room.next_deadline().is_none());
        }
    }

    #[test]
    fn the_storage_is_told_to_one_member_after_another() {
        let mut room = room();
        for _ in 0..3 {
            let actor = enter(&mut room);
            let late =
                br#"[{"type":201,"ops":[{"type":3,"id":"root","opId":"9:0","data":{"a":1}}]}]"#;
            room.receive(actor, late);
        }
        let later = Instant::now() + PAUSE * 2;
        for _ in 0..3 {
            assert!(room.next_deadline().is_some_and(|at| at < later));
            room.pass_time(later);
            assert_eq!(tellings(&mut room), 1);
        }
        assert!(room.next_deadline().is_none());
    }

    #[test]
    fn the_storage_is_not_told_to_who_is_still_reading_it() {
        let mut room = room();
        let actor = enter(&mut room);
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
