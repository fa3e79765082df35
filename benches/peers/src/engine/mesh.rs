//! Replicas without a server: each sends what is new to all others.

use super::{Board, Group};
use crate::edit::Edit;

/// A document that exchanges messages with others of its kind.
pub(crate) trait Replica: Board + Sized {
    /// Another replica of the same document, with an actor number of its own.
    fn fork(&mut self, actor: u8) -> Self;
    /// The own edits since the last call, as messages.
    fn take_messages(&mut self) -> Vec<Vec<u8>>;
    fn receive(&mut self, message: &[u8]);
    /// How many items the list has.
    fn items(&mut self) -> usize;
}

pub(crate) struct Mesh<R> {
    replicas: Vec<R>,
    inboxes: Vec<Vec<Vec<u8>>>,
}

impl<R: Replica> Mesh<R> {
    pub(crate) fn new(mut first: R, count: usize) -> Self {
        let forks: Vec<R> = (1..).map(|actor| first.fork(actor)).take(count - 1).collect();
        let replicas = std::iter::once(first).chain(forks).collect();
        Self { replicas, inboxes: vec![Vec::new(); count] }
    }
}

impl<R: Replica> Group for Mesh<R> {
    fn observe(&mut self) {
        self.replicas.iter_mut().for_each(Board::observe);
    }

    fn edit(&mut self, replica: usize, edit: &Edit) {
        self.replicas[replica].edit(edit);
    }

    fn send(&mut self, replica: usize) {
        for message in self.replicas[replica].take_messages() {
            for (to, inbox) in self.inboxes.iter_mut().enumerate() {
                if to != replica {
                    inbox.push(message.clone());
                }
            }
        }
    }

    fn take(&mut self, replica: usize) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.inboxes[replica])
    }

    fn receive(&mut self, replica: usize, message: &[u8]) {
        self.replicas[replica].receive(message);
    }

    fn items(&mut self, replica: usize) -> usize {
        self.replicas[replica].items()
    }

    fn json(&mut self, replica: usize) -> Vec<u8> {
        self.replicas[replica].json()
    }
}
