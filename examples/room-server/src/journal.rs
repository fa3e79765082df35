//! How a room's storage is written down: snapshots, and batches of accepted ops between them.
//!
//! Both are lines of JSON behind a checksum. An entry of a batch is `[actor, at, op]`: the op as it
//! was applied, so that replaying it needs none of the rules that were in force. An update of a
//! text is followed by what the client had sent, so that it is recognised when it comes again.

use livetree::log::LogEntry;
use livetree::op::{OpKind, Sender};
use livetree::{Document, Json, Op, ReadLimits, SerializedNode, Server};
use thiserror::Error;

/// Something in the database is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}: {why}")]
pub struct Damage {
    what: &'static str,
    why: String,
}

impl Damage {
    /// Something, and what is wrong with it.
    pub fn new(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, why: why.into() }
    }
}

/// Puts a checksum before bytes.
pub fn seal(bytes: &[u8]) -> Vec<u8> {
    [&crc32fast::hash(bytes).to_le_bytes()[..], bytes].concat()
}

/// Takes the checksum off again.
///
/// # Errors
/// If it does not fit.
pub fn unseal<'a>(sealed: &'a [u8], what: &'static str) -> Result<&'a [u8], Damage> {
    let Some((sum, bytes)) = sealed.split_first_chunk::<4>() else {
        return Err(Damage::new(what, "it is too short"));
    };
    if crc32fast::hash(bytes) != u32::from_le_bytes(*sum) {
        return Err(Damage::new(what, "its checksum does not fit"));
    }
    Ok(bytes)
}

/// Appends an accepted op to a batch.
pub fn write_entry(entry: &LogEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("[{},{},", entry.actor, entry.at).as_bytes());
    entry.op.write(out);
    if let Some(sent) = &entry.received {
        out.push(b',');
        Op::new(entry.op.id.clone(), OpKind::UpdateText(sent.clone())).write(out);
    }
    out.extend_from_slice(b"]\n");
}

/// Replays a batch. Returns the number of its ops.
///
/// # Errors
/// If the batch is damaged, or does not fit the document.
pub fn replay(server: &mut Server, sealed: &[u8]) -> Result<u64, Damage> {
    const WHAT: &str = "a batch of operations";
    let bytes = unseal(sealed, WHAT)?;
    let mut number = 0;
    for line in lines(bytes) {
        let entry = Json::from_slice_with(line, ReadLimits::wrapped())
            .map_err(|error| Damage::new(WHAT, error.to_string()))?;
        let Some([_actor, _at, op, sent @ ..]) = entry.as_array() else {
            return Err(Damage::new(WHAT, "an entry is too short"));
        };
        let read = |json| match Op::from_json(json, Sender::Server) {
            Ok(Some(op)) => Ok(op),
            Ok(None) => Err(Damage::new(WHAT, "an operation is of unknown type")),
            Err(error) => Err(Damage::new(WHAT, error.to_string())),
        };
        let op = read(op)?;
        let sent = match sent.first().map(read).transpose()?.map(|op| op.kind) {
            Some(OpKind::UpdateText(sent)) => Some(sent),
            _ => None,
        };
        if !server.replay(&op, sent.as_ref()).is_accepted() {
            return Err(Damage::new(WHAT, format!("the operation on {} does not fit", op.id)));
        }
        number += 1;
    }
    Ok(number)
}

/// Writes a document down, sealed.
pub fn write_snapshot(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    for node in document.nodes() {
        out.extend_from_slice(&node.to_compact().to_vec());
        out.push(b'\n');
    }
    seal(&out)
}

/// Reads a document.
///
/// # Errors
/// If the snapshot is damaged.
pub fn read_snapshot(sealed: &[u8]) -> Result<Document, Damage> {
    const WHAT: &str = "a snapshot";
    let node = |line| {
        let json = Json::from_slice_with(line, ReadLimits::wrapped())
            .map_err(|error| Damage::new(WHAT, error.to_string()))?;
        SerializedNode::from_compact(&json).map_err(|error| Damage::new(WHAT, error.to_string()))
    };
    let nodes: Vec<_> = lines(unseal(sealed, WHAT)?).map(node).collect::<Result<_, _>>()?;
    let (document, report) =
        Document::from_nodes(nodes).map_err(|error| Damage::new(WHAT, error.to_string()))?;
    if !report.is_clean() {
        return Err(Damage::new(WHAT, format!("{:?}", report.repairs)));
    }
    Ok(document)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The nodes as a backend reads them, a line each.
pub fn nodes_by_line(document: &Document, out: &mut Vec<u8>) {
    for node in document.nodes() {
        out.extend_from_slice(&node.to_json().to_vec());
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use livetree::ClientMessage;
    use livetree::server::{ServerOptions, SessionOptions};

    fn server() -> Server {
        Server::new(Document::new(), ServerOptions::default())
    }

    fn send(server: &mut Server, from: livetree::Actor, ops: &str, batch: &mut Vec<u8>) -> String {
        let before = server.log().last_seq();
        let frame = format!(r#"[{{"type":201,"ops":[{ops}]}}]"#);
        let messages = ClientMessage::read_frame(frame.as_bytes()).unwrap();
        let mut out = Vec::new();
        for message in messages {
            for answer in server.receive(from, message, 7).unwrap().sender {
                answer.write(&mut out);
            }
        }
        for entry in server.log().since(before).unwrap() {
            write_entry(entry, batch);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replayed_ops_give_the_document_and_the_memory_of_resent_ops() {
        let mut server = server();
        let a = server.connect(SessionOptions::default()).unwrap();
        let b = server.connect(SessionOptions::default()).unwrap();
        let mut batch = Vec::new();
        let create = r#"{"type":9,"opId":"0:0","id":"0:0","parentId":"root","parentKey":"t","data":[["ab"]],"version":0}"#;
        send(&mut server, a, create, &mut batch);
        let insert = |op, at, text| {
            format!(
                r#"{{"type":10,"opId":"{op}","id":"0:0","baseVersion":0,"ops":[{{"type":"insert","index":{at},"text":"{text}"}}]}}"#
            )
        };
        send(&mut server, a, &insert("0:1", 0, "X"), &mut batch);
        send(&mut server, b, &insert("1:0", 1, "Y"), &mut batch);
        let snapshot = write_snapshot(server.document());

        let mut later = self::server().starting_at(server.next_actor());
        assert_eq!(replay(&mut later, &seal(&batch)), Ok(3));
        assert_eq!(write_snapshot(later.document()), snapshot);
        assert_eq!(read_snapshot(&snapshot).unwrap().to_json(), server.document().to_json());

        // The client of actor 1 lost its answer, and has typed on.
        let c = later.connect(SessionOptions::default()).unwrap();
        let again = r#"{"type":10,"opId":"1:0","id":"0:0","baseVersion":0,"ops":[{"type":"insert","index":1,"text":"Y"},{"type":"insert","index":2,"text":"Z"}]}"#;
        let answer = send(&mut later, c, again, &mut Vec::new());
        assert!(answer.contains(r#""opId":"1:0""#) && answer.contains('Z'), "{answer}");
        assert_eq!(later.document().to_json().to_string(), r#"{"t":[["XaYZb"]]}"#);
    }

    #[test]
    fn the_deepest_values_are_read_again() {
        let mut server = server();
        let a = server.connect(SessionOptions::default()).unwrap();
        let mut batch = Vec::new();
        let value = format!("{}{}", "[".repeat(254), "]".repeat(254));
        let set = format!(r#"{{"type":3,"opId":"0:0","id":"root","data":{{"x":{value}}}}}"#);
        send(&mut server, a, &set, &mut batch);
        let snapshot = write_snapshot(server.document());
        assert_eq!(read_snapshot(&snapshot).unwrap().to_json(), server.document().to_json());
        let mut later = self::server();
        assert_eq!(replay(&mut later, &seal(&batch)), Ok(1));
        assert_eq!(write_snapshot(later.document()), snapshot);
    }

    #[test]
    fn damage_is_noticed() {
        let sealed = seal(b"[0,0,{\"type\":6,\"id\":\"root\",\"key\":\"a\"}]\n");
        assert_eq!(replay(&mut server(), &sealed), Ok(1));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 4;
            assert!(replay(&mut server(), &damaged).is_err(), "byte {at}");
        }
        assert!(unseal(&[1, 2], "x").is_err());
    }
}
