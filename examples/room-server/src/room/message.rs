//! The messages of a room that do not concern its storage: presence and events.

use livetree::{Actor, ClientMessage, Json, Op, OpId, ServerMessage};

const UPDATE_PRESENCE: u64 = 100;
/// Tells that somebody came.
pub(super) const USER_JOINED: u64 = 101;
/// Tells that somebody went.
pub(super) const USER_LEFT: u64 = 102;
const BROADCAST_EVENT: u64 = 103;
/// Tells a newcomer who is here.
pub(super) const ROOM_STATE: u64 = 104;
/// What official clients may send and this server has no answer to: documents of Yjs, and feeds.
const UNSUPPORTED: &[u64] = &[300, 301, 510, 511, 512, 513, 514, 515, 516, 517];

/// The sender of what comes from a backend.
const NOBODY: i64 = -1;

/// A message from a client.
#[derive(Debug)]
pub(super) enum Incoming {
    /// It concerns the storage.
    Storage(ClientMessage),
    /// What the client shows of itself: all of it if there is a target, otherwise what changed.
    Presence { data: Json, target: Option<Json> },
    /// Something that the others are to hear.
    Event(Json),
    /// It asks for something that there is not.
    Unsupported,
}

/// Reads a frame: an array of messages.
pub(super) fn read(frame: &[u8]) -> Result<Vec<Incoming>, String> {
    if frame.trim_ascii_start().first() != Some(&b'[') {
        return Err("a frame must be an array of messages".to_owned());
    }
    let messages = ClientMessage::read_frame(frame).map_err(|error| error.to_string())?;
    messages.into_iter().map(incoming).collect()
}

fn incoming(message: ClientMessage) -> Result<Incoming, String> {
    let ClientMessage::Other(json) = message else { return Ok(Incoming::Storage(message)) };
    let code = json.get("type").and_then(Json::as_u53).unwrap_or_default();
    match code {
        UPDATE_PRESENCE => {
            let target = json.get("targetActor");
            let data = json.get("data").filter(|data| data.as_object().is_some());
            match (data, target) {
                (Some(data), None | Some(Json::Number(_))) => {
                    Ok(Incoming::Presence { data: data.clone(), target: target.cloned() })
                }
                _ => Err("message of type 100: data must be an object".to_owned()),
            }
        }
        BROADCAST_EVENT => match json.get("event") {
            Some(event) => Ok(Incoming::Event(event.clone())),
            None => Err("message of type 103: event is missing".to_owned()),
        },
        code if UNSUPPORTED.contains(&code) => Ok(Incoming::Unsupported),
        code => Err(format!("there are no messages of type {code}")),
    }
}

/// Whether a client sends ops that it made before it got its present actor number.
pub(super) fn is_late(message: &ClientMessage, from: Actor) -> bool {
    let ClientMessage::UpdateStorage { ops } = message else { return false };
    ops.iter().any(|op| {
        let maker = op.op_id.as_ref().and_then(OpId::actor_and_clock);
        maker.is_some_and(|(actor, _)| actor != from)
    })
}

/// Answers ops without carrying them out, or telling anything of the storage.
pub(super) fn acknowledge(messages: Vec<ClientMessage>) -> Vec<ServerMessage> {
    let mut answers = Vec::new();
    for message in messages {
        let ClientMessage::UpdateStorage { ops } = message else { continue };
        let named = ops.into_iter().filter_map(|op| op.op_id);
        answers
            .push(ServerMessage::UpdateStorage { ops: named.map(Op::acknowledgement).collect() });
    }
    answers
}

/// Tells of somebody's presence.
pub(super) fn presence(actor: Actor, data: Json, target: Option<Json>) -> Json {
    let target = target.map(|target| ("targetActor".into(), target));
    let message = [
        ("type".into(), UPDATE_PRESENCE.into()),
        ("actor".into(), actor.0.into()),
        ("data".into(), data),
    ];
    Json::object(message.into_iter().chain(target))
}

/// Tells of an event; without an actor it comes from a backend.
pub(super) fn event(actor: Option<Actor>, event: Json) -> Json {
    let actor = actor.map_or(Json::from(NOBODY), |actor| Json::from(actor.0));
    Json::object([
        ("type".into(), BROADCAST_EVENT.into()),
        ("actor".into(), actor),
        ("event".into(), event),
    ])
}

/// A frame under construction: an array of messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    text: Vec<u8>,
}

impl Messages {
    pub(super) fn push(&mut self, message: &ServerMessage) {
        self.text.push(if self.text.is_empty() { b'[' } else { b',' });
        message.write(&mut self.text);
    }

    pub(super) fn push_json(&mut self, message: Json) {
        self.push(&ServerMessage::Other(message));
    }

    /// How many bytes there are so far.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The frame; nothing is left here.
    pub(super) fn take(&mut self) -> String {
        let mut text = std::mem::take(&mut self.text);
        text.push(b']');
        // What the engine writes is UTF-8; a replacement character would be its bug, not ours.
        String::from_utf8(text)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_strictly() {
        let error = |frame: &str| read(frame.as_bytes()).unwrap_err();
        assert_eq!(error(r#"{"type":200}"#), "a frame must be an array of messages");
        assert_eq!(error(""), "a frame must be an array of messages");
        assert_eq!(error(r#"[{"type":12345}]"#), "there are no messages of type 12345");
        assert!(error(r#"[{"type":100,"data":1}]"#).contains("100"));
        assert!(error(r#"[{"type":100,"data":{},"targetActor":"x"}]"#).contains("100"));
        assert!(error(r#"[{"type":103}]"#).contains("event"));
        assert!(error("[{not json").contains("byte"), "{}", error("[{not json"));
        assert_eq!(read(br#" [{"type":200},{"type":300,"vector":""}]"#).unwrap().len(), 2);
    }

    #[test]
    fn messages_are_passed_on_with_their_sender() {
        let presence = presence(Actor(3), Json::object([]), Some(Json::from(-1)));
        assert_eq!(presence.to_string(), r#"{"actor":3,"data":{},"targetActor":-1,"type":100}"#);
        let event = event(None, Json::Null);
        assert_eq!(event.to_string(), r#"{"actor":-1,"event":null,"type":103}"#);
    }
}
