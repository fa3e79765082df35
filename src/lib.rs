//! Live documents that many edit at once: a CRDT storage engine that speaks the format of Liveblocks Storage.
#![doc = ""]
#![doc = include_str!("../README.md")]
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used
)]

// 1. Words
mod small_str;
pub use small_str::SmallStr;
mod id;
pub use id::{Actor, NodeId, OpId};
mod position;
pub use position::{EqualPositions, Position, PositionError};
pub mod json;
pub use json::{Json, JsonError, JsonReason, ReadLimits};
mod file;
pub use file::{FileError, FileMeta};
pub mod text;
pub use text::Segment;
mod lson;
pub use lson::{Lson, LsonError, LsonReason};
pub mod op;
pub use op::Op;
pub mod node;
pub use node::SerializedNode;

// 2. The document
pub mod document;
pub use document::{Document, MAX_NODE_DEPTH, MAX_POSITION_LEN};
pub mod change;
pub use change::Changes;
mod limits;
pub use limits::{LimitError, Limits};

// 3. Change
pub mod apply;
pub use apply::{Outcome, Rejection};
mod diff;
mod inverse;
mod spread;

mod prediction;

pub mod edit;
pub use edit::{EditError, Edited, IdSource, ListMut, MapMut, NodeMut, ObjectMut, TextMut};
pub mod patch;

mod history;
pub use history::{UndoOptions, UndoPolicy};
mod cursors;
pub use cursors::CursorId;

// 4. Replicas
mod restore;
pub use restore::RestoreError;
pub mod message;
pub use message::{ClientMessage, ServerMessage};
pub mod log;
pub mod server;
pub use server::Server;
pub mod client;
pub use client::Client;
pub mod peer;
pub use peer::Peer;

mod error;
pub use error::Error;

// 5. Not part of the API
#[cfg(feature = "__testing")]
#[doc(hidden)]
pub mod testing;
