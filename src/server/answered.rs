//! Which ops were answered, and how, so that one which is sent again is not applied again.

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
#[derive(Clone, Debug)]
pub(super) struct Answered {
    answers: BTreeMap<OpId, Answer>,
    order: VecDeque<OpId>,
    window: usize,
}

impl Answered {
    pub(super) fn new(window: usize) -> Self {
        Self { answers: BTreeMap::new(), order: VecDeque::new(), window }
    }

    pub(super) fn get(&self, op_id: &OpId) -> Option<Answer> {
        self.answers.get(op_id).copied()
    }

    pub(super) fn insert(&mut self, op_id: OpId, answer: Answer) {
        if self.window == 0 || self.answers.insert(op_id.clone(), answer).is_some() {
            return;
        }
        self.order.push_back(op_id);
        if self.order.len() > self.window {
            if let Some(oldest) = self.order.pop_front() {
                self.answers.remove(&oldest);
            }
        }
    }
}
