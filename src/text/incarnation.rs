//! Which text an update is of, when texts come back under the ids that they had.
//!
//! Undo brings a deleted text back under its old id. An update says which text it is of by the id and
//! a version, so the versions have to tell the texts apart that had the id one after another: a
//! text that comes back begins at a version which no text with that id has reached, in a block of its
//! own. A server that goes by versions alone (any does) then refuses what was meant for an earlier
//! text, as ahead of storage or as older than its history.

use crate::OpId;

/// The versions of a block; no text lives to see so many.
const BLOCK_BITS: u32 = 28;

/// As many blocks as there are below 2^53, beyond which a version would be no exact number for clients
/// that count in doubles. The first is that of texts which never were deleted.
const BLOCKS: u64 = 1 << (53 - BLOCK_BITS);

/// One of the texts that had an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Incarnation(u64);

impl Incarnation {
    /// That of texts which never were deleted.
    pub(crate) const FIRST: Self = Self(0);

    /// The one to which a version belongs.
    pub(crate) fn of(version: u64) -> Self {
        Self(version >> BLOCK_BITS)
    }

    /// The one that an op brings about by creating a text anew.
    ///
    /// Two that the same client brings about differ. So do those of two clients, but for one chance in
    /// 2^25, which matters only if both bring back one text at the same time.
    pub(crate) fn brought_by(op_id: &OpId) -> Self {
        let (actor, clock) = op_id.actor_and_clock().unwrap_or_default();
        let name = actor.0.wrapping_mul(0x9E37_79B1).wrapping_add(clock);
        Self(1 + u64::from(name) % (BLOCKS - 1))
    }

    /// The version at which it begins.
    pub(crate) fn first_version(self) -> u64 {
        self.0 << BLOCK_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Actor;

    #[test]
    fn versions_tell_the_texts_of_an_id_apart() {
        let first = Incarnation::of(0);
        assert_eq!(first.first_version(), 0);
        assert_eq!(Incarnation::of((1 << BLOCK_BITS) - 1), first);
        let brought = |actor, clock| Incarnation::brought_by(&OpId::minted(Actor(actor), clock));
        let mut seen = std::collections::BTreeSet::from([first]);
        for actor in 0..50 {
            for clock in 0..1_000 {
                let this = brought(actor, clock);
                assert!(seen.insert(this), "{actor}:{clock}");
                assert_eq!(Incarnation::of(this.first_version() + 1_000), this);
            }
        }
    }

    #[test]
    fn versions_are_exact_in_doubles() {
        for (actor, clock) in [(0, 0), (u32::MAX, u64::from(u32::MAX)), (7, 1 << 40)] {
            let version =
                Incarnation::brought_by(&OpId::minted(Actor(actor), clock)).first_version();
            assert!((1 << BLOCK_BITS..1 << 53).contains(&version));
        }
    }
}
