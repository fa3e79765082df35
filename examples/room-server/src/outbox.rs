//! What waits to be sent to one client, and the bound on it.
//!
//! A room never waits for a client. What a client does not read in time piles up here; beyond a
//! bound it is cut off, and the others in the room do not notice. The storage of a room may be larger
//! than any bound: it does not count, and a room tells it to nobody who is still reading it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{Notify, mpsc};

/// A reason to close a connection, as clients understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Decides whether and when the client comes back.
    pub code: u16,
    /// For people.
    pub reason: String,
}

impl Close {
    /// The frame was malformed; the client stops.
    pub const MALFORMED: u16 = 4000;
    /// The client may not enter; it stops.
    pub const NOT_ALLOWED: u16 = 4001;
    /// There are too many in the room; the client stops.
    pub const ROOM_FULL: u16 = 4005;
    /// The room has another id now; the client stops.
    pub const ROOM_ID_CHANGED: u16 = 4006;
    /// The token has expired; the client fetches a new one at once.
    pub const TOKEN_EXPIRED: u16 = 4109;
    /// The server failed; the client comes back soon.
    pub const FAILED: u16 = 1011;
    /// The server starts anew; the client comes back soon.
    pub const RESTART: u16 = 1012;
    /// The client comes back later.
    pub const TRY_LATER: u16 = 1013;

    /// The longest reason that a close frame holds.
    const MAX_REASON: usize = 123;

    /// A reason to close, cut to the length that fits.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let end = (0..=Self::MAX_REASON.min(reason.len())).rev();
        reason.truncate(end.into_iter().find(|at| reason.is_char_boundary(*at)).unwrap_or(0));
        Self { code, reason }
    }
}

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text frame.
    Text(Utf8Bytes),
    /// Text frames by which a client is told the storage.
    Storage(Arc<Vec<Utf8Bytes>>),
    /// The last frame.
    Close(Close),
}

/// What a frame takes up in a queue besides its text, about.
const OVERHEAD: usize = 64;

impl Frame {
    /// The texts to send.
    pub fn texts(&self) -> &[Utf8Bytes] {
        match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::Storage(texts) => texts,
            Self::Close(_) => &[],
        }
    }

    /// How many bytes they have.
    pub fn bytes(&self) -> usize {
        self.texts().iter().map(|text| text.len()).sum()
    }

    /// What counts for the bound.
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => OVERHEAD + text.len(),
            Self::Storage(_) | Self::Close(_) => OVERHEAD,
        }
    }
}

#[derive(Debug)]
struct Shared {
    queued: AtomicUsize,
    limit: usize,
    cut: Notify,
}

/// Where frames for a client are put.
#[derive(Clone, Debug)]
pub struct Outbox {
    frames: mpsc::UnboundedSender<Frame>,
    shared: Arc<Shared>,
}

/// Where they are taken out.
#[derive(Debug)]
pub struct Outgoing {
    frames: mpsc::UnboundedReceiver<Frame>,
    shared: Arc<Shared>,
}

/// A queue in which at most about `limit` bytes wait. A single frame may be larger.
pub fn outbox(limit: usize) -> (Outbox, Outgoing) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared { queued: AtomicUsize::new(0), limit, cut: Notify::new() });
    (Outbox { frames: sender, shared: shared.clone() }, Outgoing { frames: receiver, shared })
}

impl Outbox {
    /// Puts a frame behind those that wait, or cuts off a client that does not keep up. Returns
    /// whether it does.
    #[must_use = "a client that does not keep up must leave its room"]
    pub fn put(&self, frame: Frame) -> bool {
        let keeps_up = self.shared.queued.load(Ordering::Relaxed) <= self.shared.limit;
        if keeps_up {
            self.shared.queued.fetch_add(frame.size(), Ordering::Relaxed);
            // A connection that has ended takes no frames; its session is about to go.
            let _ = self.frames.send(frame);
        } else {
            self.cut();
        }
        keeps_up
    }

    /// Ends the connection without sending what waits.
    fn cut(&self) {
        self.shared.cut.notify_one();
    }
}

impl Outgoing {
    /// The next frame; `None` once nobody is left who could send any.
    pub async fn next(&mut self) -> Option<Frame> {
        self.frames.recv().await
    }

    /// Another frame, if one waits already.
    pub fn try_next(&mut self) -> Option<Frame> {
        self.frames.try_recv().ok()
    }

    /// Tells that a frame does not wait any more.
    pub fn sent(&self, frame: &Frame) {
        self.shared.queued.fetch_sub(frame.size(), Ordering::Relaxed);
    }

    /// Ready when the client is cut off; waited for while a frame is being sent.
    pub fn cut_off(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.shared.clone();
        async move { shared.cut.notified().await }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_when_too_much_waits() {
        let (outbox, mut outgoing) = outbox(10);
        let frame = |len: usize| Frame::Text("x".repeat(len).into());
        assert!(outbox.put(frame(100)), "a single frame may be larger");
        assert!(!outbox.put(frame(1)));
        let first = outgoing.try_next().unwrap();
        outgoing.sent(&first);
        assert!(outgoing.try_next().is_none(), "what is too much is not kept");
        assert!(outbox.put(frame(1)));
    }

    #[test]
    fn small_frames_add_up() {
        let (outbox, _outgoing) = outbox(1_000);
        let taken = (0..1_000).take_while(|_| outbox.put(Frame::Text("pong".into()))).count();
        assert!((1..100).contains(&taken), "{taken}");
    }

    #[test]
    fn the_storage_may_be_larger_than_the_bound() {
        let (outbox, _outgoing) = outbox(1_000);
        let part = Utf8Bytes::from("x".repeat(900));
        assert!(outbox.put(Frame::Storage(Arc::new(vec![part; 50]))));
        assert!(outbox.put(Frame::Text("what happens meanwhile".into())));
    }

    #[test]
    fn reasons_fit_into_a_close_frame() {
        let close = Close::new(Close::MALFORMED, "é".repeat(100));
        assert_eq!(close.reason.len(), 122);
        assert_eq!(Close::new(4001, "no").reason, "no");
    }
}
