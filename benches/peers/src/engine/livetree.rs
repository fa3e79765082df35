//! livetree: a document edited through handles; clients with their server; a text.

use livetree::edit::Edited;
use livetree::server::{Reply, ServerOptions, SessionOptions};
use livetree::{
    Actor, Client, Document, EditError, IdSource, Lson, ObjectMut, Server, ServerMessage,
};

use super::{Board, Group, Room, Text};
use crate::edit::{Edit, ThreeOps};
use crate::input::Input;
use crate::trace::TextEdit;

/// A document, whose edits report the ops for the others and, if asked to, the net changes.
pub(crate) struct Live {
    document: Document,
    ids: IdSource,
}

impl Live {
    fn new(mut document: Document) -> Self {
        document.set_change_reports(false);
        Self { document, ids: IdSource::new(Actor(1)) }
    }

    pub(crate) fn from_json(json: &[u8]) -> Self {
        Self::new(Document::from_json(json).unwrap())
    }

    pub(crate) fn from_snapshot(snapshot: &[u8]) -> Self {
        Self::new(Document::from_snapshot(snapshot).unwrap())
    }

    pub(crate) fn from_plain_lson(lson: &[u8]) -> Self {
        Self::new(Document::from_plain_lson(lson).unwrap())
    }

    pub(crate) fn plain_lson(&self) -> Vec<u8> {
        self.document.to_plain_lson()
    }
}

fn make(edit: &Edit, root: &mut ObjectMut<'_>) -> Result<(), EditError> {
    match edit {
        Edit::Field { shape, field, value } => {
            root.map("shapes")?.object(shape)?.set(*field, *value)
        }
        Edit::Insert { index, item } => root.list("order")?.insert(*index, item.as_str()),
        Edit::Push { item } => root.list("order")?.push(item.as_str()),
        Edit::Move { from, to } => root.list("order")?.move_item(*from, *to),
        Edit::Delete { index } => root.list("order")?.delete(*index),
    }
}

fn one_op<T>(edited: &Edited<T>) {
    assert_eq!(edited.ops.len(), 1);
}

impl Board for Live {
    fn observe(&mut self) {
        self.document.set_change_reports(true);
    }

    fn edit(&mut self, edit: &Edit) {
        one_op(&self.document.edit(&mut self.ids, |root| make(edit, root)).unwrap());
    }

    fn patch(&mut self, patch: &ThreeOps) {
        let patched = self.document.patch(&mut self.ids, &patch.patch).unwrap();
        assert_eq!(patched.ops.len(), 2);
    }

    fn json(&mut self) -> Vec<u8> {
        self.document.to_json_text()
    }

    fn snapshot(&mut self) -> Vec<u8> {
        self.document.to_snapshot()
    }
}

/// Clients around a server. Between them are bytes.
pub(crate) struct Star {
    server: Server,
    clients: Vec<(Actor, Client)>,
    inboxes: Vec<Vec<Vec<u8>>>,
}

impl Star {
    pub(crate) fn new(input: &Input, count: usize) -> Self {
        let document = Document::from_plain_lson(&input.lson).unwrap();
        let mut server = Server::new(document, ServerOptions::default());
        let clients = (0..count)
            .map(|_| {
                let actor = server.connect(SessionOptions::default()).unwrap();
                let mut client = Client::new();
                client.set_change_reports(false);
                client.connected(actor);
                (actor, client)
            })
            .collect();
        let mut star = Self { server, clients, inboxes: vec![Vec::new(); count] };
        for client in 0..count {
            star.send(client);
            star.deliver(client);
        }
        star
    }
}

impl Group for Star {
    fn observe(&mut self) {
        self.clients.iter_mut().for_each(|(_, client)| client.set_change_reports(true));
    }

    fn edit(&mut self, replica: usize, edit: &Edit) {
        one_op(&self.clients[replica].1.edit(|root| make(edit, root)).unwrap());
    }

    fn send(&mut self, replica: usize) {
        let (actor, client) = &mut self.clients[replica];
        while let Some(message) = client.poll_message() {
            let bytes = message.to_vec();
            let Reply { sender, others, .. } =
                self.server.receive_frame(*actor, &bytes, 0).unwrap();
            self.inboxes[replica].extend(sender.iter().map(ServerMessage::to_vec));
            for bytes in others.iter().map(ServerMessage::to_vec) {
                for (to, inbox) in self.inboxes.iter_mut().enumerate() {
                    if to != replica {
                        inbox.push(bytes.clone());
                    }
                }
            }
        }
    }

    fn take(&mut self, replica: usize) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.inboxes[replica])
    }

    fn receive(&mut self, replica: usize, message: &[u8]) {
        let received = self.clients[replica].1.receive_frame(message).unwrap();
        assert!(received.iter().all(|received| received.rejected.is_empty()));
    }

    fn items(&mut self, replica: usize) -> usize {
        let order = self.clients[replica].1.document().at("/order").unwrap();
        order.as_list().unwrap().len()
    }

    fn json(&mut self, replica: usize) -> Vec<u8> {
        self.clients[replica].1.document().to_json_text()
    }
}

impl Room for Server {
    fn json(&mut self) -> Vec<u8> {
        self.document().to_json_text()
    }
}

/// A room with an open session.
pub(crate) fn room(input: &Input) -> Server {
    let document = Document::from_plain_lson(&input.lson).unwrap();
    let mut server = Server::new(document, ServerOptions::default());
    server.connect(SessionOptions::default()).unwrap();
    server
}

/// A LiveText in a document.
pub(crate) struct LiveText(Live);

impl LiveText {
    pub(crate) fn new() -> Self {
        let mut live = Live::new(Document::new());
        let set = |root: &mut ObjectMut<'_>| root.set("text", Lson::text(""));
        one_op(&live.document.edit(&mut live.ids, set).unwrap());
        Self(live)
    }
}

impl Text for LiveText {
    fn edit(&mut self, TextEdit { index, delete, insert }: &TextEdit) {
        let Live { document, ids } = &mut self.0;
        let edited = document.edit(ids, |root| {
            let mut text = root.text("text")?;
            match (delete, insert.as_str()) {
                (0, insert) => text.insert(*index, insert),
                (_, "") => text.delete(*index, *delete),
                (_, insert) => text.replace(*index, *delete, insert),
            }
        });
        one_op(&edited.unwrap());
    }

    fn content(&self) -> String {
        let text = self.0.document.at("/text").unwrap().as_text().unwrap();
        text.segments().iter().map(|segment| segment.text.as_str()).collect()
    }
}
