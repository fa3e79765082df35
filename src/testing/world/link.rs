//! A connection as bytes: frames under way in both directions, and what is left of them when it
//! breaks.
//!
//! Each direction keeps its order. A connection can break at any byte: frames that lie wholly
//! before it arrive, the one it cuts and all behind it are lost.

use std::collections::VecDeque;

use crate::{Actor, ClientMessage, ServerMessage};

/// Frames under way in one direction, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Pipe {
    frames: VecDeque<Vec<u8>>,
    broken: bool,
}

impl Pipe {
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes under way.
    pub fn bytes(&self) -> usize {
        self.frames.iter().map(Vec::len).sum()
    }

    /// Puts a frame on its way; it is lost if the pipe is broken.
    pub fn push(&mut self, frame: Vec<u8>) {
        if !self.broken {
            self.frames.push_back(frame);
        }
    }

    pub fn pop(&mut self) -> Option<Vec<u8>> {
        self.frames.pop_front()
    }

    /// Loses everything that is not wholly within the first `bytes`, and all that comes later.
    pub fn cut(&mut self, bytes: usize) {
        let mut left = bytes;
        let whole = self.frames.iter().take_while(|frame| {
            let fits = frame.len() <= left;
            left = left.saturating_sub(frame.len());
            fits
        });
        let whole = whole.count();
        self.frames.truncate(whole);
        self.broken = true;
    }
}

/// An open connection of a client.
#[derive(Clone, Debug)]
pub struct Link {
    pub actor: Actor,
    /// To the server.
    pub up: Pipe,
    /// To the client.
    pub down: Pipe,
}

impl Link {
    pub fn new(actor: Actor) -> Self {
        Self { actor, up: Pipe::default(), down: Pipe::default() }
    }
}

/// One frame of a client: a message, or an array with it.
pub fn client_frame(message: &ClientMessage, array: bool) -> Vec<u8> {
    frame(std::slice::from_ref(message), array, ClientMessage::write).remove(0)
}

/// The frames of a server: one for each message, or one for all.
pub fn server_frames(messages: &[ServerMessage], array: bool) -> Vec<Vec<u8>> {
    frame(messages, array, ServerMessage::write)
}

fn frame<M>(messages: &[M], array: bool, write: impl Fn(&M, &mut Vec<u8>)) -> Vec<Vec<u8>> {
    if !array {
        let single = |message| {
            let mut out = Vec::new();
            write(message, &mut out);
            out
        };
        return messages.iter().map(single).collect();
    }
    if messages.is_empty() {
        return Vec::new();
    }
    let mut out = vec![b'['];
    for (n, message) in messages.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write(message, &mut out);
    }
    out.push(b']');
    vec![out]
}
