//! A server that gets anything from one session stays whole, and its other sessions converge.

use arbitrary::{Arbitrary, Unstructured};

use super::words::Change;
use crate::client::Status;
use crate::server::{Access, Protocol, Reply, ServerOptions, SessionOptions};
use crate::testing::world::script::{Edit, Supply, first_document};
use crate::{Actor, Client, ClientMessage, Op, OpId, Server};

#[derive(Arbitrary, Clone, Debug)]
enum Input {
    /// Bytes that may be no frame at all.
    Bytes(Vec<u8>),
    /// A frame of ops, well formed, with a few bytes replaced.
    Ops {
        changes: Vec<Change>,
        names: Names,
        damage: Vec<(u16, u8)>,
    },
    /// The frame before once more.
    Again,
    Fetch,
    /// The hostile session ends and another begins.
    Reconnect,
    /// An honest client edits, sends, hears what it was sent.
    Edit(u8, Edit),
    Flush(u8),
    Hear(u8),
}

/// Whose op ids a frame uses.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Names {
    Own,
    AsMade,
    Of(u8),
}

struct Honest {
    actor: Actor,
    client: Client,
    inbox: Vec<Vec<u8>>,
}

/// A room of two honest clients and a hostile session.
struct Room {
    server: Server,
    honest: Vec<Honest>,
    hostile: Actor,
    now: u64,
    last: Vec<u8>,
}

/// Feeds a server arbitrary frames; checks its document after each, and that honest clients
/// converge with it.
pub fn server_bytes(bytes: &[u8]) {
    let Ok(inputs) = Vec::<Input>::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    let options =
        ServerOptions::default().chunk_size(256).spread_positions_beyond(12).resend_window(16);
    let mut server = Server::new(first_document(), options);
    let hostile = server.connect(SessionOptions::default()).unwrap();
    let honest = [Protocol::V8, Protocol::V7].map(|protocol| {
        let actor = server.connect(SessionOptions::default().protocol(protocol)).unwrap();
        let mut client = Client::new();
        client.connected(actor);
        Honest { actor, client, inbox: Vec::new() }
    });
    let mut room = Room { server, honest: honest.into(), hostile, now: 0, last: Vec::new() };
    for honest in 0..room.honest.len() {
        room.flush(honest);
    }
    let mut values = 1000_u32..;
    for input in inputs.iter().take(64) {
        room.step(input, &mut values);
        room.server.document().check().unwrap();
    }
    room.settle();
}

impl Room {
    fn step(&mut self, input: &Input, values: &mut std::ops::RangeFrom<u32>) {
        let which = |honest: u8| usize::from(honest) % 2;
        match input {
            Input::Bytes(bytes) => self.attack(bytes.clone()),
            Input::Ops { changes, names, damage } => {
                let mut frame = self.frame(changes, *names);
                for (at, byte) in damage.iter().take(3) {
                    let at = usize::from(*at) % frame.len();
                    frame[at] = *byte;
                }
                self.attack(frame);
            }
            Input::Again => self.attack(self.last.clone()),
            Input::Fetch => self.attack(br#"{"type":200}"#.to_vec()),
            Input::Reconnect => {
                self.server.disconnect(self.hostile);
                let access = SessionOptions::default().access(Access::ReadWrite);
                self.hostile = self.server.connect(access).unwrap();
            }
            Input::Edit(honest, edit) => {
                let client = &mut self.honest[which(*honest)].client;
                let first = values.nth(8).unwrap_or_default();
                let _ = client.edit(|root| edit.make(root, &mut Supply::new(first.., false)));
            }
            Input::Flush(honest) => self.flush(which(*honest)),
            Input::Hear(honest) => self.hear(which(*honest)),
        }
    }

    fn frame(&self, changes: &[Change], names: Names) -> Vec<u8> {
        let actor = match names {
            Names::Own => Some(self.hostile),
            Names::AsMade => None,
            Names::Of(actor) => Some(Actor(u32::from(actor % 5))),
        };
        let ops = changes.iter().take(16).enumerate().map(|(number, change)| {
            let op = change.op(number);
            match actor {
                Some(actor) => {
                    Op { op_id: Some(OpId::minted(actor, self.now * 16 + number as u64)), ..op }
                }
                None => op,
            }
        });
        let mut frame = Vec::new();
        ClientMessage::UpdateStorage { ops: ops.collect() }.write(&mut frame);
        frame
    }

    fn attack(&mut self, frame: Vec<u8>) {
        self.serve(self.hostile, &frame);
        self.last = frame;
    }

    /// Lets the server take a frame, which must not be refused if it is an honest one's.
    fn serve(&mut self, from: Actor, frame: &[u8]) {
        self.now += 1;
        let reply = match self.server.receive_frame(from, frame, self.now) {
            Ok(reply) => reply,
            Err(error) => {
                assert_eq!(from, self.hostile, "an honest frame is refused: {error}");
                return;
            }
        };
        let Reply { sender, others, .. } = reply;
        for honest in &mut self.honest {
            let messages = if honest.actor == from { &sender } else { &others };
            for message in messages {
                let mut frame = Vec::new();
                message.write(&mut frame);
                honest.inbox.push(frame);
            }
        }
    }

    fn flush(&mut self, honest: usize) {
        while let Some(message) = self.honest[honest].client.poll_message() {
            let mut frame = Vec::new();
            message.write(&mut frame);
            self.serve(self.honest[honest].actor, &frame);
        }
    }

    fn hear(&mut self, honest: usize) {
        let Honest { client, inbox, .. } = &mut self.honest[honest];
        for frame in inbox.drain(..) {
            client.receive_frame(&frame).expect("an honest server's frame");
        }
        client.document().check().unwrap();
    }

    fn settle(&mut self) {
        for _ in 0..1_000 {
            for honest in 0..self.honest.len() {
                self.hear(honest);
                self.flush(honest);
            }
            if self.honest.iter().all(|honest| honest.inbox.is_empty()) {
                break;
            }
        }
        let nodes: Vec<_> = self.server.document().nodes().collect();
        for honest in &self.honest {
            assert_eq!(honest.client.status(), Status::Synchronized);
            let shown: Vec<_> = honest.client.document().nodes().collect();
            assert_eq!(shown, nodes, "an honest client");
        }
    }
}
