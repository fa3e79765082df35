//! What an engine has to do: a small interface for each family of works, and the engines.

pub(crate) mod automerge;
pub(crate) mod livetree;
pub(crate) mod loro;
pub(crate) mod mesh;
pub(crate) mod rope;
pub(crate) mod value;
pub(crate) mod yrs;

use crate::edit::{Edit, ThreeOps};
use crate::input::Input;
use crate::trace::TextEdit;
use mesh::Mesh;

/// A document.
pub(crate) trait Board {
    /// From here on somebody is told what each transaction changed; without this nobody asks.
    fn observe(&mut self);
    /// Makes an edit, as a transaction of its own.
    fn edit(&mut self, edit: &Edit);
    /// Makes a patch of three operations, as one transaction.
    fn patch(&mut self, patch: &ThreeOps);
    /// The whole document as JSON text.
    fn json(&mut self) -> Vec<u8>;
    /// The whole document as the engine stores it, so that it can be edited again.
    fn snapshot(&mut self) -> Vec<u8>;
}

/// Several replicas of a document, and the messages between them.
pub(crate) trait Group {
    /// From here on somebody at each replica is told what each transaction and message changed.
    fn observe(&mut self);
    /// Makes an edit on one replica, as a transaction of its own.
    fn edit(&mut self, replica: usize, edit: &Edit);
    /// Puts what is new on a replica into the inboxes of the others, as bytes.
    fn send(&mut self, replica: usize);
    /// Empties the inbox of a replica.
    fn take(&mut self, replica: usize) -> Vec<Vec<u8>>;
    /// A replica takes in a message.
    fn receive(&mut self, replica: usize, message: &[u8]);
    /// A replica takes in all messages in its inbox, one by one.
    fn deliver(&mut self, replica: usize) {
        for message in self.take(replica) {
            self.receive(replica, &message);
        }
    }
    /// How many items the list of a replica has.
    fn items(&mut self, replica: usize) -> usize;
    /// A replica's document as JSON text.
    fn json(&mut self, replica: usize) -> Vec<u8>;
}

/// A text that starts empty.
pub(crate) trait Text {
    /// Makes an edit, as a transaction of its own.
    fn edit(&mut self, edit: &TextEdit);
    fn content(&self) -> String;
}

/// What a host holds of a document that others have open.
pub(crate) trait Room {
    /// The whole document as JSON text.
    fn json(&mut self) -> Vec<u8>;
}

/// Where there is no server, the host holds a replica.
impl<B: Board> Room for B {
    fn json(&mut self) -> Vec<u8> {
        Board::json(self)
    }
}

/// How an engine is set to work.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    /// Loads a document, from the text that the engine likes best.
    pub(crate) board: fn(&Input) -> Box<dyn Board>,
    /// Loads a document from JSON text, every object and array live.
    pub(crate) from_json: fn(&[u8]) -> Box<dyn Board>,
    pub(crate) from_snapshot: fn(&[u8]) -> Box<dyn Board>,
    /// So many replicas of a document.
    pub(crate) group: fn(&Input, usize) -> Box<dyn Group>,
    pub(crate) text: fn() -> Box<dyn Text>,
    /// A room with one idle client.
    pub(crate) room: fn(&Input) -> Box<dyn Room>,
}

pub(crate) static LIVETREE: Engine = Engine {
    name: "livetree",
    board: |input| Box::new(livetree::Live::from_plain_lson(&input.lson)),
    from_json: |json| Box::new(livetree::Live::from_json(json)),
    from_snapshot: |snapshot| Box::new(livetree::Live::from_snapshot(snapshot)),
    group: |input, replicas| Box::new(livetree::Star::new(input, replicas)),
    text: || Box::new(livetree::LiveText::new()),
    room: |input| Box::new(livetree::room(input)),
};

/// An engine whose replicas are peers of each other.
macro_rules! peer {
    ($name:literal, $board:ty, $text:ty) => {
        Engine {
            name: $name,
            board: |input| Box::new(<$board>::from_json(&input.json)),
            from_json: |json| Box::new(<$board>::from_json(json)),
            from_snapshot: |snapshot| Box::new(<$board>::from_snapshot(snapshot)),
            group: |input, replicas| {
                Box::new(Mesh::new(<$board>::from_json(&input.json), replicas))
            },
            text: || Box::new(<$text>::new()),
            room: |input| Box::new(<$board>::from_json(&input.json)),
        }
    };
}

pub(crate) static PEERS: [Engine; 3] = [
    peer!("automerge", automerge::Board, automerge::Text),
    peer!("loro", loro::Board, loro::Text),
    peer!("yrs", yrs::Board, yrs::Text),
];

/// livetree first, then the others.
pub(crate) fn all() -> impl Iterator<Item = &'static Engine> {
    std::iter::once(&LIVETREE).chain(&PEERS)
}
