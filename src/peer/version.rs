//! What a peer has: of each actor, how far.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Stamp;
use crate::Actor;

/// Which ops a peer has: a version vector.
///
/// Peers take the ops of an actor in order and without gaps, so one number for each actor suffices: a bound above
/// the counters of all its ops that the peer has. As JSON it is an object from actors to bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Actor, u64>")]
pub struct Version(BTreeMap<Actor, u64>);

/// A bound of 0 says that there are no ops, as no bound does.
impl From<BTreeMap<Actor, u64>> for Version {
    fn from(mut bounds: BTreeMap<Actor, u64>) -> Self {
        bounds.retain(|_, bound| *bound > 0);
        Self(bounds)
    }
}

impl FromIterator<(Actor, u64)> for Version {
    fn from_iter<I: IntoIterator<Item = (Actor, u64)>>(bounds: I) -> Self {
        BTreeMap::from_iter(bounds).into()
    }
}

impl Version {
    /// Of a peer that has no ops.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bound for an actor; 0 if there are no ops of it.
    pub fn get(&self, actor: Actor) -> u64 {
        self.0.get(&actor).copied().unwrap_or_default()
    }

    /// The actors of which there are ops, and their bounds.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Actor, u64)> + '_ {
        self.0.iter().map(|(actor, bound)| (*actor, *bound))
    }

    /// Whether there are no ops.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all that `other` has is here.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(actor, bound)| self.get(actor) >= bound)
    }

    /// The least bound that is above all counters.
    pub(super) fn end(&self) -> u64 {
        self.0.values().copied().max().unwrap_or_default()
    }

    /// The last op in the order.
    pub(super) fn last(&self) -> Option<Stamp> {
        let stamps =
            self.iter().map(|(actor, bound)| Stamp { counter: bound.saturating_sub(1), actor });
        stamps.max()
    }

    pub(super) fn set(&mut self, actor: Actor, bound: u64) {
        match bound {
            0 => _ = self.0.remove(&actor),
            _ => _ = self.0.insert(actor, bound),
        }
    }

    /// Lowers all bounds that are above those of `other`.
    pub(super) fn lower_to(&mut self, other: &Self) {
        for (actor, bound) in &mut self.0 {
            *bound = other.get(*actor).min(*bound);
        }
        self.0.retain(|_, bound| *bound > 0);
    }
}
