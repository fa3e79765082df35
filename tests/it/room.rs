//! A room for tests: a server and its clients, message by message.

use std::collections::VecDeque;

use livetree::client::{Received, Status};
use livetree::server::{Reply, ServerOptions, SessionOptions};
use livetree::{Actor, Client, Document, Op, Server, ServerMessage};

pub(crate) struct Room {
    pub(crate) server: Server,
    pub(crate) seats: Vec<Seat>,
    now: u64,
}

pub(crate) struct Seat {
    pub(crate) client: Client,
    pub(crate) actor: Actor,
    inbox: VecDeque<ServerMessage>,
}

impl Room {
    /// A room of a document, with so many clients that have loaded it.
    pub(crate) fn new(json: &str, clients: usize) -> Self {
        let document = Document::from_json(json.as_bytes()).unwrap();
        let mut room = Self::of(Server::new(document, ServerOptions::default()));
        for _ in 0..clients {
            room.join(SessionOptions::default());
        }
        room
    }

    pub(crate) fn of(server: Server) -> Self {
        Self { server, seats: Vec::new(), now: 0 }
    }

    /// Adds a client, lets it load the document and returns its number.
    pub(crate) fn join(&mut self, options: SessionOptions) -> usize {
        let actor = self.server.connect(options).unwrap();
        let mut client = Client::new();
        client.connected(actor);
        self.seats.push(Seat { client, actor, inbox: VecDeque::new() });
        self.settle();
        self.seats.len() - 1
    }

    pub(crate) fn client(&mut self, number: usize) -> &mut Client {
        &mut self.seats[number].client
    }

    /// The document as a client shows it.
    pub(crate) fn shown(&self, number: usize) -> String {
        self.seats[number].client.document().to_json().to_string()
    }

    /// What a client says, taken by the server; who sent it counts as `actor`.
    pub(crate) fn say(&mut self, number: usize) {
        while let Some(message) = self.seats[number].client.poll_message() {
            self.now += 1;
            let actor = self.seats[number].actor;
            let reply = self.server.receive(actor, message, self.now).unwrap();
            self.deliver(Some(actor), &reply);
        }
    }

    /// Puts what the server says in the clients' hands.
    pub(crate) fn deliver(&mut self, sender: Option<Actor>, reply: &Reply) {
        for seat in &mut self.seats {
            let own = Some(seat.actor) == sender;
            seat.inbox.extend(if own { &reply.sender } else { &reply.others }.clone());
        }
    }

    /// A client hears what it was sent.
    pub(crate) fn hear(&mut self, number: usize) -> Vec<Received> {
        let Seat { client, inbox, .. } = &mut self.seats[number];
        inbox.drain(..).map(|message| client.receive(message).unwrap()).collect()
    }

    /// The connection of a client is lost with all that it was sent and did not hear.
    pub(crate) fn cut(&mut self, number: usize) {
        let seat = &mut self.seats[number];
        seat.inbox.clear();
        seat.client.disconnected();
        self.server.disconnect(seat.actor);
    }

    /// A client is back, as another actor.
    pub(crate) fn reconnect(&mut self, number: usize, options: SessionOptions) {
        let actor = self.server.connect(options).unwrap();
        self.seats[number].actor = actor;
        self.seats[number].client.connected(actor);
    }

    /// Everybody says and hears everything; then all agree.
    pub(crate) fn settle(&mut self) -> Vec<Received> {
        let mut received = Vec::new();
        while self
            .seats
            .iter()
            .any(|seat| !seat.inbox.is_empty() || seat.client.status() != Status::Synchronized)
        {
            for number in 0..self.seats.len() {
                self.say(number);
                received.extend(self.hear(number));
            }
        }
        for seat in &self.seats {
            assert!(seat.client.document().nodes().eq(self.server.document().nodes()));
        }
        received
    }
}

/// An op as it stands on the wire.
pub(crate) fn op(text: &str) -> Op {
    serde_json::from_str(text).unwrap()
}
