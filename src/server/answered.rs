//! Which ops were answered, and how, so that one which is sent again is not applied again.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use crate::OpId;

/// How an op was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    Ignored,
    Rejected,
}

/// The latest answers, forgotten in the order in which they were given.
///
/// An actor counts its ops up, so the answers to them are a [`Run`]. What does not fit one, because
/// a peer skips numbers, goes back or names its ops otherwise, is found by name. Nothing is hashed, so no
/// peer can choose names that collide.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// By actor. No run is empty.
    runs: BTreeMap<u32, Run>,
    others: BTreeMap<OpId, Answer>,
    order: VecDeque<OpId>,
    window: usize,
}

/// The answers to ops of one actor, in the order in which they were given, which is also that of
/// their clocks. So the first is the first to be forgotten.
#[derive(Clone, Debug, Default)]
struct Run {
    first: u32,
    /// Neither the first nor the last is nothing.
    answers: VecDeque<Option<Answer>>,
}

/// What became of an answer that a run was to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// It is another one to an op that was answered.
    Again,
    /// It is the first one to its op.
    Anew,
    /// It does not fit the run.
    Not,
}

impl Run {
    /// The largest gap in a run: no more than so many bytes are lost for an answer.
    const GAP: usize = 16;

    fn get(&self, clock: u32) -> Option<Answer> {
        *self.answers.get(clock.checked_sub(self.first)? as usize)?
    }

    /// Takes an answer if there is one already, or if `clock` lies shortly behind the last.
    fn insert(&mut self, clock: u32, answer: Answer) -> Taken {
        if self.answers.is_empty() {
            self.first = clock;
        }
        let Some(at) = clock.checked_sub(self.first).map(|at| at as usize) else {
            return Taken::Not;
        };
        match self.answers.get_mut(at) {
            Some(Some(known)) => {
                *known = answer;
                Taken::Again
            }
            Some(None) => Taken::Not,
            None => {
                let gap = at - self.answers.len();
                if gap > Self::GAP {
                    return Taken::Not;
                }
                self.answers.extend(std::iter::repeat_n(None, gap));
                self.answers.push_back(Some(answer));
                Taken::Anew
            }
        }
    }

    /// Forgets the first answer, if that is the one.
    fn forget(&mut self, clock: u32) -> bool {
        if clock != self.first {
            return false;
        }
        self.answers.pop_front();
        self.first = self.first.saturating_add(1);
        while let Some(None) = self.answers.front() {
            self.answers.pop_front();
            self.first = self.first.saturating_add(1);
        }
        true
    }
}

impl Answered {
    pub(super) fn new(window: usize) -> Self {
        Self { runs: BTreeMap::new(), others: BTreeMap::new(), order: VecDeque::new(), window }
    }

    pub(super) fn get(&self, op_id: &OpId) -> Option<Answer> {
        let in_run =
            op_id.actor_and_clock().and_then(|(actor, clock)| self.runs.get(&actor.0)?.get(clock));
        if in_run.is_some() || self.others.is_empty() {
            return in_run;
        }
        self.others.get(op_id).copied()
    }

    /// Notes an answer. Of two to the same op the later one counts, for as long as the first.
    pub(super) fn insert(&mut self, op_id: OpId, answer: Answer) {
        if self.window == 0 {
            return;
        }
        let run = op_id.actor_and_clock().filter(|_| !self.others.contains_key(&op_id));
        let taken = run.map_or(Taken::Not, |(actor, clock)| {
            self.runs.entry(actor.0).or_default().insert(clock, answer)
        });
        let known = match taken {
            Taken::Again => true,
            Taken::Anew => false,
            Taken::Not => self.others.insert(op_id.clone(), answer).is_some(),
        };
        if known {
            return;
        }
        self.order.push_back(op_id);
        if self.order.len() > self.window {
            if let Some(oldest) = self.order.pop_front() {
                self.forget(&oldest);
            }
        }
    }

    /// Forgets the oldest answer.
    fn forget(&mut self, op_id: &OpId) {
        if let Some((actor, clock)) = op_id.actor_and_clock() {
            if let Entry::Occupied(mut run) = self.runs.entry(actor.0) {
                let forgotten = run.get_mut().forget(clock);
                if run.get().answers.is_empty() {
                    run.remove();
                }
                if forgotten {
                    return;
                }
            }
        }
        self.others.remove(op_id);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Actor;

    fn op_id() -> impl Strategy<Value = OpId> {
        prop_oneof![
            (0..2_u32, 0..60_u64).prop_map(|(actor, clock)| OpId::minted(Actor(actor), clock)),
            (0..2_u32, any::<u64>()).prop_map(|(actor, clock)| OpId::minted(Actor(actor), clock)),
            (0..3_u8).prop_map(|n| OpId::from(["x", "si:1", "4294967296:1"][usize::from(n)])),
        ]
    }

    /// Ops of two actors that count up, now and then with a gap or sent again.
    fn counting() -> impl Strategy<Value = Vec<OpId>> {
        prop::collection::vec((0..2_usize, 0..20_u64), 0..200).prop_map(|steps| {
            let mut clocks = [0_u64; 2];
            let step = |(actor, skip): (usize, u64)| {
                let skip = if skip < 16 { 1 } else { skip - 16 };
                clocks[actor] += skip;
                OpId::minted(Actor(u32::try_from(actor).unwrap()), clocks[actor])
            };
            steps.into_iter().map(step).collect()
        })
    }

    proptest! {
        /// A map by name with the same window says the same.
        #[test]
        fn equals_a_map(
            ids in prop_oneof![prop::collection::vec(op_id(), 0..200), counting()],
            window in 0..40_usize,
        ) {
            let answers = [Answer::Accepted, Answer::Ignored, Answer::Rejected];
            let mut answered = Answered::new(window);
            let (mut model, mut order) = (BTreeMap::new(), VecDeque::new());
            for (op_id, answer) in ids.iter().zip(answers.into_iter().cycle()) {
                answered.insert(op_id.clone(), answer);
                if window > 0 && model.insert(op_id.clone(), answer).is_none() {
                    order.push_back(op_id.clone());
                    if order.len() > window {
                        model.remove(&order.pop_front().unwrap());
                    }
                }
                for id in &ids {
                    prop_assert_eq!(answered.get(id), model.get(id).copied());
                }
                for run in answered.runs.values() {
                    prop_assert!(run.answers.iter().flatten().count() * (Run::GAP + 1) >= run.answers.len());
                }
            }
        }
    }
}
