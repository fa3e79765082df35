//! One server, its clients and what is on the way between them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::Options;
use super::edit::perform;
use super::read::{Case, Event, What};
use crate::client::Status;
use crate::server::{Reply, ServerOptions, SessionOptions};
use crate::{
    Actor, Changes, Client, Document, Json, NodeId, SerializedNode, Server, ServerMessage,
};

/// Nothing needs as many rounds to settle.
const MOST_ROUNDS: usize = 1_000;

pub(super) struct Room {
    server: Server,
    peers: Vec<Peer>,
    by_message: bool,
    /// The number of the event, for the server's log.
    now: u64,
    /// What did not hold so far, each only once.
    failed: Vec<String>,
}

/// A client with its connection.
struct Peer {
    client: Client,
    /// What a subscriber has who only ever replays changes.
    mirror: Value,
    link: Option<Link>,
}

/// An open connection, with what is on the way in both directions, oldest first.
struct Link {
    actor: Actor,
    up: VecDeque<Vec<u8>>,
    /// What the server sent while it processed one message, each message by itself.
    down: VecDeque<VecDeque<Vec<u8>>>,
    /// Whether a part of the oldest packet was delivered.
    within_packet: bool,
}

impl Room {
    /// A server of the document with all clients connected, loaded and idle.
    pub(super) fn new(case: &Case, options: Options) -> Result<Self, String> {
        let document = Document::from_lson(&case.document)
            .map_err(|error| format!("the document cannot be loaded: {error}"))?;
        let mut room = Self {
            server: Server::new(document, ServerOptions::default()),
            peers: Vec::new(),
            by_message: case.by_message,
            now: 0,
            failed: Vec::new(),
        };
        for _ in 0..case.clients {
            let mut client = Client::new();
            client.set_shortcuts(options.shortcuts);
            room.peers.push(Peer {
                client,
                mirror: Value::Object(serde_json::Map::new()),
                link: None,
            });
        }
        for number in 0..case.clients {
            room.reconnect(number)?;
            while room.up(number)? || room.down(number)? {}
        }
        Ok(room)
    }

    /// Plays all events, then lets everything settle. `at` says how far it got.
    pub(super) fn play(&mut self, case: &Case, at: &mut String) -> Result<(), String> {
        for (number, event) in case.events.iter().enumerate() {
            *at = format!("event {number} ({})", event.what.name());
            self.now = number as u64;
            self.happen(case, event, at)?;
        }
        self.now = case.events.len() as u64;
        for round in 0..MOST_ROUNDS {
            *at = format!("settling, round {round}");
            if !self.settle_once(case, at)? {
                return Ok(());
            }
        }
        Err(format!("synchronized: still not settled after {MOST_ROUNDS} rounds"))
    }

    fn happen(&mut self, case: &Case, event: &Event, at: &str) -> Result<(), String> {
        let client = event.client;
        match &event.what {
            What::Edits(edits) => {
                let edited = self.peers[client]
                    .client
                    .edit(|root| edits.iter().try_for_each(|edit| perform(root, edit)));
                match edited {
                    Ok(edited) => self.notified(client, &edited.changes, at),
                    Err(error) => self.thrown(at, &error),
                }
            }
            What::Undo => {
                if let Some(changes) = self.peers[client].client.undo() {
                    self.notified(client, &changes, at);
                }
            }
            What::Redo => {
                if let Some(changes) = self.peers[client].client.redo() {
                    self.notified(client, &changes, at);
                }
            }
            What::Flush => {
                self.flush(client);
            }
            What::Up => {
                self.up(client)?;
            }
            What::Down => {
                self.receive(case, client, at)?;
            }
            What::Disconnect => self.disconnect(client),
            What::Reconnect => {
                self.reconnect(client)?;
            }
        }
        Ok(())
    }

    /// One round of settling; false if nothing moved.
    fn settle_once(&mut self, case: &Case, at: &str) -> Result<bool, String> {
        let mut moved = false;
        for client in 0..self.peers.len() {
            moved |= self.reconnect(client)?;
        }
        for client in 0..self.peers.len() {
            moved |= self.flush(client);
        }
        for client in 0..self.peers.len() {
            while self.up(client)? {
                moved = true;
            }
        }
        for client in 0..self.peers.len() {
            while self.receive(case, client, at)? {
                moved = true;
            }
        }
        Ok(moved)
    }

    /// Puts what a client has to say on the network; false if that is nothing.
    fn flush(&mut self, client: usize) -> bool {
        let Peer { client, link: Some(link), .. } = &mut self.peers[client] else { return false };
        let before = link.up.len();
        while let Some(message) = client.poll_message() {
            let mut frame = Vec::new();
            message.write(&mut frame);
            link.up.push_back(frame);
        }
        link.up.len() > before
    }

    /// The server takes the oldest message of a client; false if there is none.
    fn up(&mut self, client: usize) -> Result<bool, String> {
        let Some(link) = &mut self.peers[client].link else { return Ok(false) };
        let Some(frame) = link.up.pop_front() else { return Ok(false) };
        let actor = link.actor;
        let Reply { sender, others, .. } = self
            .server
            .receive_frame(actor, &frame, self.now)
            .map_err(|error| format!("noThrow: the server failed: {error}"))?;
        for link in self.peers.iter_mut().filter_map(|peer| peer.link.as_mut()) {
            let messages = if link.actor == actor { &sender } else { &others };
            if !messages.is_empty() {
                link.down.push_back(messages.iter().map(frame_of).collect());
            }
        }
        Ok(true)
    }

    /// A client takes the oldest packet, and what it shows then is checked; false if there is none.
    fn receive(&mut self, case: &Case, client: usize, at: &str) -> Result<bool, String> {
        let moved = self.down_at(client, at)?;
        if moved && !self.peers[client].is_within_packet() {
            let shown = self.peers[client].client.document().to_json();
            for never in &case.expect.never {
                if never.client == client && self.now >= never.from as u64 {
                    if let Some(violation) = never.violation(&shown) {
                        self.fail(format!("never: {at}: {} {violation}", never.place()));
                    }
                }
            }
        }
        Ok(moved)
    }

    fn down(&mut self, client: usize) -> Result<bool, String> {
        self.down_at(client, "set-up")
    }

    fn down_at(&mut self, client: usize, at: &str) -> Result<bool, String> {
        let Some(link) = &mut self.peers[client].link else { return Ok(false) };
        let Some(packet) = link.down.front_mut() else { return Ok(false) };
        let count = if self.by_message { 1 } else { packet.len() };
        let frames: Vec<Vec<u8>> = packet.drain(..count.min(packet.len())).collect();
        link.within_packet = !packet.is_empty();
        if packet.is_empty() {
            link.down.pop_front();
        }
        for frame in frames {
            let messages = ServerMessage::read_frame(&frame)
                .map_err(|error| format!("noThrow: {at}: the server's message: {error}"))?;
            for message in messages {
                match self.peers[client].client.receive(message) {
                    Ok(received) => {
                        self.notified(client, &received.changes, at);
                        for (op_id, reason) in received.rejected {
                            self.thrown(at, &format!("op {op_id} was rejected: {reason}"));
                        }
                    }
                    Err(error) => self.thrown(at, &error),
                }
            }
        }
        Ok(true)
    }

    fn disconnect(&mut self, client: usize) {
        if let Some(link) = self.peers[client].link.take() {
            self.server.disconnect(link.actor);
            self.peers[client].client.disconnected();
        }
    }

    /// Opens a connection, and with it the request for the document; false if one is open.
    fn reconnect(&mut self, client: usize) -> Result<bool, String> {
        if self.peers[client].link.is_some() {
            return Ok(false);
        }
        let actor = self
            .server
            .connect(SessionOptions::default())
            .map_err(|error| format!("noThrow: the server failed: {error}"))?;
        let peer = &mut self.peers[client];
        peer.client.connected(actor);
        peer.link =
            Some(Link { actor, up: VecDeque::new(), down: VecDeque::new(), within_packet: false });
        self.flush(client);
        // The request and what is sent again with it are one message.
        if let Some(link) = &mut self.peers[client].link {
            let frames: Vec<Vec<u8>> = link.up.drain(..).collect();
            link.up.push_back([&b"["[..], &frames.join(&b','), b"]"].concat());
        }
        Ok(true)
    }

    /// A subscriber hears of changes.
    fn notified(&mut self, client: usize, changes: &Changes, at: &str) {
        let peer = &mut self.peers[client];
        let next = Value::from(&peer.client.document().to_json());
        let replayed = changes.apply_to(&mut peer.mirror);
        let wrong = match replayed {
            Err(error) => Some(error.to_string()),
            Ok(()) if peer.mirror != next => {
                Some(format!("replaying gives {}, the document is {next}", peer.mirror))
            }
            Ok(()) => None,
        };
        peer.mirror = next;
        if let Some(wrong) = wrong {
            self.fail(format!("deltaFidelity: {at}: client {client}: {wrong}"));
        }
    }

    fn thrown(&mut self, at: &str, error: &dyn std::fmt::Display) {
        self.fail(format!("noThrow: {at}: {error}"));
    }

    fn fail(&mut self, what: String) {
        if !self.failed.contains(&what) {
            self.failed.push(what);
        }
    }

    /// Once everything is settled: what of the expectations does not hold.
    pub(super) fn judge(mut self, case: &Case) -> Vec<String> {
        let expect = &case.expect;
        self.failed.retain(|what| {
            (expect.delta_fidelity || !what.starts_with("deltaFidelity"))
                && (expect.no_throw || !what.starts_with("noThrow"))
        });
        let server = self.server.document();
        let truth = server.to_json();
        let mut failed = Vec::new();
        if let Err(wrong) = server.check() {
            failed.push(format!("the server's document is not sound: {wrong}"));
        }
        for (number, Peer { client, .. }) in self.peers.iter().enumerate() {
            let document = client.document();
            if let Err(wrong) = document.check() {
                failed.push(format!("the document of client {number} is not sound: {wrong}"));
            }
            let shown = document.to_json();
            if expect.converge && shown != truth {
                failed.push(format!("converge: client {number} has {shown}, the server {truth}"));
            } else if expect.converge && nodes(document) != nodes(server) {
                failed.push(format!("converge: client {number} has other nodes than the server"));
            }
            if expect.synchronized && client.status() != Status::Synchronized {
                failed.push(format!("synchronized: client {number} is {:?}", client.status()));
            }
        }
        if let Some(right) = &expect.final_one_of {
            let ends = self.peers.iter().map(|peer| peer.client.document().to_json());
            for end in ends.chain([truth]) {
                if !right.contains(&end) {
                    let right = Json::array(right.iter().cloned());
                    let what = format!("finalOneOf: {end} is none of {right}");
                    if !failed.contains(&what) {
                        failed.push(what);
                    }
                }
            }
        }
        self.failed.extend(failed);
        self.failed
    }
}

impl Peer {
    /// Whether only a part of the oldest packet has been received.
    fn is_within_packet(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.within_packet)
    }
}

impl What {
    fn name(&self) -> &'static str {
        match self {
            Self::Edits(_) => "edit",
            Self::Undo => "undo",
            Self::Redo => "redo",
            Self::Flush => "flush",
            Self::Up => "up",
            Self::Down => "down",
            Self::Disconnect => "disconnect",
            Self::Reconnect => "reconnect",
        }
    }
}

fn frame_of(message: &ServerMessage) -> Vec<u8> {
    let mut frame = Vec::new();
    message.write(&mut frame);
    frame
}

fn nodes(document: &Document) -> BTreeMap<NodeId, SerializedNode> {
    document.nodes().map(|node| (node.id.clone(), node)).collect()
}
