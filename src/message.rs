//! Messages between client and server, as far as they concern storage.
//!
//! A frame is one message or an array of them. Messages about anything else (presence, broadcast)
//! are handed through as JSON, for the host to deal with.

use smallvec::SmallVec;
use thiserror::Error;

use crate::json::read::{Kind, Reader};
use crate::json::write::{write_json, write_str};
use crate::node::{Form, NodeError, SerializedNode};
use crate::op::{Op, OpError, Sender};
use crate::{Json, JsonError, OpId, ReadLimits};

/// What a client says to its server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientMessage {
    /// Asks for the whole document (200).
    FetchStorage,
    /// Ops to apply, in order (201).
    UpdateStorage {
        /// The ops; each has an op id.
        ops: Vec<Op>,
    },
    /// A message that does not concern storage.
    Other(Json),
}

/// What a server says to its clients.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerMessage {
    /// Ops in the order in which the server applied them (201).
    UpdateStorage {
        /// Those with an op id answer the recipient's own.
        ops: Vec<Op>,
    },
    /// A part of the document (210).
    StorageChunk {
        /// Some of its nodes.
        nodes: Vec<SerializedNode>,
    },
    /// The document is complete (211).
    StorageEnd,
    /// The whole document at once, for clients of protocol 7 (200).
    StorageState {
        /// All its nodes.
        nodes: Vec<SerializedNode>,
    },
    /// Ops that the client must drop (299).
    RejectOps {
        /// Their names.
        op_ids: Vec<OpId>,
        /// Why, in words.
        reason: String,
    },
    /// A message that does not concern storage.
    Other(Json),
}

/// Why a frame could not be read.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The bytes are not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// An op is malformed.
    #[error(transparent)]
    Op(#[from] OpError),
    /// A node is malformed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A message is malformed.
    #[error("message of type {code}: {reason}")]
    Malformed {
        /// The message's `type`.
        code: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something in the frame is no message.
    #[error("a frame must be a message, an object with a numeric type, or an array of messages")]
    NoMessage,
}

const FETCH_STORAGE: u64 = 200;
const STORAGE_STATE: u64 = 200;
const UPDATE_STORAGE: u64 = 201;
const STORAGE_CHUNK: u64 = 210;
const STORAGE_END: u64 = 211;
const REJECT_OPS: u64 = 299;

impl ClientMessage {
    /// Reads a frame. Ops are read strictly: an unknown type or field is an error.
    ///
    /// # Errors
    /// Says which op or message is malformed, and how.
    pub fn read_frame(frame: &[u8]) -> Result<Vec<Self>, MessageError> {
        Self::read_all(frame).map(SmallVec::into_vec)
    }

    /// As [`read_frame`](Self::read_frame), without allocating for a frame of one message.
    pub(crate) fn read_all(frame: &[u8]) -> Result<Frame<Self>, MessageError> {
        read_frame(frame, Sender::Client, |raw| {
            Ok(match raw.code()? {
                FETCH_STORAGE => Self::FetchStorage,
                UPDATE_STORAGE => Self::UpdateStorage { ops: raw.ops()? },
                _ => Self::Other(raw.into_json()),
            })
        })
    }

    /// The message as the bytes of a frame.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Appends the message to `out`, as [`to_vec`](Self::to_vec).
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::FetchStorage => out.extend_from_slice(br#"{"type":200}"#),
            Self::UpdateStorage { ops } => write_update(ops, out),
            Self::Other(json) => write_json(json, out),
        }
    }
}

impl ServerMessage {
    /// Reads a frame from a server, perhaps a newer one: ops of unknown type are skipped, unknown
    /// fields ignored.
    ///
    /// # Errors
    /// Says which op, node or message is malformed, and how.
    pub fn read_frame(frame: &[u8]) -> Result<Vec<Self>, MessageError> {
        Self::read_all(frame).map(SmallVec::into_vec)
    }

    /// As [`read_frame`](Self::read_frame), without allocating for a frame of one message.
    pub(crate) fn read_all(frame: &[u8]) -> Result<Frame<Self>, MessageError> {
        read_frame(frame, Sender::Server, |raw| {
            Ok(match raw.code()? {
                STORAGE_STATE => Self::StorageState { nodes: raw.nodes(Form::Serialized)? },
                UPDATE_STORAGE => Self::UpdateStorage { ops: raw.ops()? },
                STORAGE_CHUNK => Self::StorageChunk { nodes: raw.nodes(Form::Compact)? },
                STORAGE_END => Self::StorageEnd,
                REJECT_OPS => raw.rejection()?,
                _ => Self::Other(raw.into_json()),
            })
        })
    }

    /// The message as the bytes of a frame.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Appends the message to `out`, as [`to_vec`](Self::to_vec).
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::UpdateStorage { ops } => write_update(ops, out),
            Self::StorageChunk { nodes } => {
                out.extend_from_slice(br#"{"type":210,"nodes":["#);
                write_list(nodes, out, SerializedNode::write_compact);
                out.extend_from_slice(b"]}");
            }
            Self::StorageEnd => out.extend_from_slice(br#"{"type":211}"#),
            Self::StorageState { nodes } => {
                out.extend_from_slice(br#"{"type":200,"items":["#);
                write_list(nodes, out, SerializedNode::write_serialized);
                out.extend_from_slice(b"]}");
            }
            Self::RejectOps { op_ids, reason } => {
                out.extend_from_slice(br#"{"type":299,"opIds":["#);
                write_list(op_ids, out, |id, out| id.write(out, write_str));
                out.extend_from_slice(br#"],"reason":"#);
                write_str(reason, out);
                out.push(b'}');
            }
            Self::Other(json) => write_json(json, out),
        }
    }
}

fn write_update(ops: &[Op], out: &mut Vec<u8>) {
    // Room for ops of the usual size, so that the buffer need not grow step by step.
    out.reserve(32 + 96 * ops.len());
    out.extend_from_slice(br#"{"type":201,"ops":["#);
    write_list(ops, out, Op::write);
    out.extend_from_slice(b"]}");
}

fn write_list<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write(item, out);
    }
}

/// The messages of a frame: nearly always one.
pub(crate) type Frame<M> = SmallVec<[M; 1]>;

/// A message as read, before its type is known.
#[derive(Default)]
struct RawMessage {
    /// If it is there and a number of that kind.
    code: Option<u64>,
    ops: Option<Vec<Op>>,
    nodes: Option<(Form, Vec<SerializedNode>)>,
    rest: Vec<(crate::SmallStr, Json)>,
}

fn read_frame<M>(
    frame: &[u8],
    sender: Sender,
    finish: impl Fn(RawMessage) -> Result<M, MessageError>,
) -> Result<Frame<M>, MessageError> {
    let mut reader = Reader::new(frame, limits(sender));
    let mut messages = Frame::new();
    match reader.peek_kind()? {
        Kind::Object => messages.push(finish(RawMessage::read(&mut reader, sender)?)?),
        Kind::Array => {
            reader.begin_array()?;
            while reader.next_item()? {
                messages.push(finish(RawMessage::read(&mut reader, sender)?)?);
            }
        }
        Kind::Scalar => return Err(MessageError::NoMessage),
    }
    reader.end()?;
    Ok(messages)
}

/// What a server takes from clients is nested less deep than what clients take from it, and from others
/// through it: there it lies in nodes, in arrays and in messages.
fn limits(sender: Sender) -> ReadLimits {
    match sender {
        Sender::Client => ReadLimits::default(),
        Sender::Server => ReadLimits::wrapped(),
    }
}

/// How many ops a message gets room for ahead, so that no frame buys more than it has text for.
const MOST_AT_ONCE: usize = 64;

/// The ops of an array that has begun, after those that were read already from `start` on.
fn read_ops(
    reader: &mut Reader<'_>,
    sender: Sender,
    start: usize,
    mut ops: Vec<Op>,
) -> Result<Vec<Op>, MessageError> {
    while reader.next_item()? {
        if ops.len() == 1 {
            // Some messages hold one op, and others many: as many as there is text for, if they are as
            // long as the first.
            let each = (reader.offset() - start).max(1);
            ops.reserve_exact((reader.rest_len() / each + 1).min(MOST_AT_ONCE));
        }
        match Op::read_plain(reader, sender) {
            Some(op) => ops.push(op),
            None => ops.extend(Op::read(reader)?.finish(sender)?),
        }
    }
    Ok(ops)
}

/// The field of a message in which nodes of a form come.
fn field_of_nodes(form: Form) -> &'static str {
    match form {
        Form::Serialized => "items",
        Form::Compact => "nodes",
    }
}

/// The nodes of the array at the cursor.
fn read_nodes(reader: &mut Reader<'_>, form: Form) -> Result<Vec<SerializedNode>, MessageError> {
    let mut nodes = Vec::new();
    reader.begin_array()?;
    while reader.next_item()? {
        nodes.push(SerializedNode::read(reader, form)??);
    }
    Ok(nodes)
}

#[cold]
fn malformed(code: Option<u64>, reason: &'static str) -> MessageError {
    MessageError::Malformed { code: code.unwrap_or_default(), reason }
}

/// Shortcut: the ops of a frame that holds one message of ops and nothing else. Equal to `read_all`, without
/// a list of messages, and for one op without one of ops. What is wrong with a frame is told the general way.
pub(crate) fn lone_update(frame: &[u8], sender: Sender) -> Option<SmallVec<[Op; 1]>> {
    let start = frame.strip_prefix(b"[").unwrap_or(frame);
    // Nothing else needs to be looked at twice.
    if !start.starts_with(br#"{"type":201,"ops":["#) {
        return None;
    }
    let mut reader = Reader::new(frame, limits(sender));
    let in_array = reader.literally(b"[");
    reader.literally(br#"{"type":201,"ops":["#);
    let start = reader.offset();
    let first = Op::read_plain(&mut reader, sender)?;
    let ops = if reader.literally(b"]") {
        SmallVec::from_buf([first])
    } else {
        read_ops(&mut reader, sender, start, vec![first]).ok()?.into()
    };
    let ends = reader.literally(b"}") && (!in_array || reader.literally(b"]"));
    (ends && reader.end().is_ok()).then_some(ops)
}

impl RawMessage {
    fn read(reader: &mut Reader<'_>, sender: Sender) -> Result<Self, MessageError> {
        let mut message = Self::default();
        // Shortcut: how nearly every message begins. Equal to what follows.
        if reader.literally(br#"{"type":201,"ops":["#) {
            message.code = Some(UPDATE_STORAGE);
            let start = reader.offset();
            message.ops = Some(read_ops(reader, sender, start, Vec::with_capacity(1))?);
        } else if reader.peek_kind()? == Kind::Object {
            reader.begin_object()?;
        } else {
            return Err(MessageError::NoMessage);
        }
        while let Some(key) = reader.next_key()? {
            // Ops are read straight from the bytes: they are what most messages consist of.
            if key == "ops" && reader.peek_kind()? == Kind::Array {
                reader.begin_array()?;
                let start = reader.offset();
                message.ops = Some(read_ops(reader, sender, start, Vec::with_capacity(1))?);
                continue;
            }
            if key == "type" {
                message.code = match reader.plain_integer() {
                    Some(code) => Some(code),
                    None => reader.value()?.as_u53(),
                };
                continue;
            }
            // So are nodes, if the type has come before them: they are what the longest messages consist of.
            let form = message.form_of_nodes(sender).filter(|form| field_of_nodes(*form) == key);
            if let (Some(form), None, Kind::Array) = (form, &message.nodes, reader.peek_kind()?) {
                message.nodes = Some((form, read_nodes(reader, form)?));
                continue;
            }
            message.rest.push((key.as_ref().into(), reader.value()?));
        }
        Ok(message)
    }

    fn code(&self) -> Result<u64, MessageError> {
        self.code.ok_or(MessageError::NoMessage)
    }

    fn malformed(&self, reason: &'static str) -> MessageError {
        malformed(self.code, reason)
    }

    fn field(&self, name: &str) -> Option<&Json> {
        self.rest.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn ops(self) -> Result<Vec<Op>, MessageError> {
        let Self { code, ops, .. } = self;
        ops.ok_or_else(|| malformed(code, "ops must be an array"))
    }

    /// The form of the nodes that a message of this type has.
    fn form_of_nodes(&self, sender: Sender) -> Option<Form> {
        match (sender, self.code?) {
            (Sender::Server, STORAGE_STATE) => Some(Form::Serialized),
            (Sender::Server, STORAGE_CHUNK) => Some(Form::Compact),
            _ => None,
        }
    }

    fn nodes(self, form: Form) -> Result<Vec<SerializedNode>, MessageError> {
        let nodes = match self.nodes {
            Some((of, nodes)) if of == form => return Ok(nodes),
            _ => self.field(field_of_nodes(form)).and_then(Json::as_array),
        };
        let nodes = nodes.ok_or_else(|| self.malformed("nodes must be an array"))?;
        let read = match form {
            Form::Serialized => SerializedNode::from_json,
            Form::Compact => SerializedNode::from_compact,
        };
        Ok(nodes.iter().map(read).collect::<Result<_, _>>()?)
    }

    fn rejection(&self) -> Result<ServerMessage, MessageError> {
        let ids = self.field("opIds").and_then(Json::as_array);
        let ids = ids.ok_or_else(|| self.malformed("opIds must be an array"))?;
        let op_ids = ids.iter().map(|id| id.as_str().map(OpId::from)).collect::<Option<_>>();
        Ok(ServerMessage::RejectOps {
            op_ids: op_ids.ok_or_else(|| self.malformed("opIds must be strings"))?,
            reason: self.field("reason").and_then(Json::as_str).unwrap_or_default().to_owned(),
        })
    }

    /// A message of another kind, whole.
    fn into_json(self) -> Json {
        #[expect(clippy::cast_precision_loss, reason = "at most 2^53 - 1")]
        let code = self.code.map(|code| ("type".into(), Json::number(code as f64)));
        let ops = self.ops.map(|ops| ("ops".into(), Json::array(ops.iter().map(Op::to_json))));
        let nodes = self.nodes.map(|(form, nodes)| {
            let json = match form {
                Form::Serialized => SerializedNode::to_json,
                Form::Compact => SerializedNode::to_compact,
            };
            (field_of_nodes(form).into(), Json::array(nodes.iter().map(json)))
        });
        Json::object(self.rest.into_iter().chain(code).chain(ops).chain(nodes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(message: &ServerMessage) -> String {
        let mut out = Vec::new();
        message.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn server_messages_round_trip() {
        for text in [
            r#"{"type":201,"ops":[{"type":8,"opId":"1:2","id":"1:1","parentId":"0:1","parentKey":"!","data":[1],"intent":"push"},{"type":5,"opId":"1:3","id":"ACK"}]}"#,
            r#"{"type":210,"nodes":[["root",{"a":1}],["0:1",1,"root","l"],["0:2",3,"0:1","!","x"],["0:3",4,"root","t",[["hi"]],2]]}"#,
            r#"{"type":211}"#,
            r#"{"type":200,"items":[["root",{"type":0,"data":{}}],["0:1",{"type":4,"parentId":"root","parentKey":"t","data":[["hi"]],"version":2}]]}"#,
            r#"{"type":299,"opIds":["1:2"],"reason":"no"}"#,
        ] {
            let messages = ServerMessage::read_frame(text.as_bytes()).unwrap();
            assert_eq!(messages.iter().map(written).collect::<Vec<_>>(), [text]);
        }
    }

    #[test]
    fn a_client_must_name_its_ops_and_know_its_fields() {
        let read = |text: &str| ClientMessage::read_frame(text.as_bytes());
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(
            error(r#"[{"type":201,"ops":[{"type":5,"id":"1:1"}]}]"#),
            "op without opId: field `opId` is missing"
        );
        assert_eq!(
            error(r#"{"type":201,"ops":[{"type":5,"id":"1:1","opId":"1:0","x":1}]}"#),
            "op 1:0: field `x` is unknown"
        );
        assert_eq!(
            error(r#"{"type":201,"ops":[{"type":99,"id":"1:1","opId":"1:0"}]}"#),
            "op 1:0: field `type` is wrong: there is no op of this type"
        );
        assert_eq!(error("[1]"), MessageError::NoMessage.to_string());
        assert_eq!(error(r#"{"type":201}"#), "message of type 201: ops must be an array");
        assert_eq!(read(r#"[{"type":100,"data":{"x":1}},{"type":200}]"#).unwrap().len(), 2);
    }

    #[test]
    fn a_newer_server_is_tolerated() {
        let text = r#"{"type":201,"ops":[{"type":99,"id":"x"},{"type":5,"id":"1:1","later":1}]}"#;
        let messages = ServerMessage::read_frame(text.as_bytes()).unwrap();
        let [ServerMessage::UpdateStorage { ops }] = &messages[..] else { panic!() };
        assert_eq!(ops.len(), 1);
    }

    /// The shortcut for how messages begin is not taken where there is white space.
    #[test]
    fn messages_are_read_alike_however_they_begin() {
        for text in [
            r#"{"type":201,"ops":[]}"#,
            r#"{"type":201,"ops":[{"type":5,"id":"1:1","opId":"1:0"},{"type":5,"opId":"1:1","id":"1:1"}]}"#,
            r#"{"type":201,"ops":[{"type":5,"opId":"1:1","id":"1:1"}],"type":200}"#,
            r#"{"type":201,"ops":[{"type":5,"opId":"1:1","id":"1:1"}],"ops":1}"#,
            r#"{"type":201,"ops":[{"type":5,"opId":"1:1","id":"1:1"}],"type":"x","more":1}"#,
            r#"{"type":201,"ops":[{"type":5,"opId":"1:1","id":"1:1"}],"type":7}"#,
            r#"{"type":201,"ops":[{"type":5,"opId":"1:1"}]}"#,
            r#"{"type":201,"ops":[{"type":5,"opId":"1:1","id":"1:1"}]"#,
            r#"{"type":201,"ops":[{"type":5,"opId":"1:1","id":"1:1"},]}"#,
            r#"{"type":201,"ops":[,]}"#,
            r#"{"type":201,"ops":["#,
        ] {
            let spaced = text.replacen('{', "{ ", 1);
            match (
                ClientMessage::read_frame(text.as_bytes()),
                ClientMessage::read_frame(spaced.as_bytes()),
            ) {
                (Err(MessageError::Json(plain)), Err(MessageError::Json(general))) => {
                    assert_eq!(plain.reason(), general.reason());
                    assert_eq!(plain.offset() + 1, general.offset());
                }
                (plain, general) => assert_eq!(plain, general),
            }
        }
    }

    /// The shortcut for frames of one message reads what is read without it.
    #[test]
    fn a_lone_update_is_read_as_any_other() {
        let (one, more) = (r#"{"type":5,"opId":"1:1","id":"1:1"}"#, r#"{"type":5,"id":"x"}"#);
        let mut taken = 0;
        for begin in ["", "[", "[[", " "] {
            for end in ["", "]", "]]", " ", " ]", "x", ",1]"] {
                for ops in [
                    one,
                    more,
                    "",
                    "1",
                    &format!("{one},{more}"),
                    &format!("{one},{more},{one}"),
                    &format!("{one},{{}}"),
                    &format!("{one}, {more}"),
                    &format!("{one},"),
                ] {
                    let frame = format!("{begin}{{\"type\":201,\"ops\":[{ops}]}}{end}");
                    let ops = lone_update(frame.as_bytes(), Sender::Server);
                    let Some(ops) = ops else { continue };
                    taken += 1;
                    let message = ServerMessage::UpdateStorage { ops: ops.into_vec() };
                    assert_eq!(ServerMessage::read_frame(frame.as_bytes()), Ok(vec![message]));
                }
            }
        }
        // As such or in an array, and with or without white space at the end.
        assert_eq!(taken, 4 * 3);
    }
}
