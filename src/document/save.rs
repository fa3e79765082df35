//! Writing a document out: plain LSON and JSON as bytes, and its nodes.
//!
//! The writers walk the tree straight into the output, without an intermediate value.

use super::Document;
use super::body::Body;
use super::node::NodeIx;
use crate::json::write::{write_json, write_str};
use crate::node::SerializedNode;
use crate::op::NodeKind;
use crate::text::Segment;
use crate::{FileMeta, SmallStr};

/// Which of the two notations is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notation {
    /// The lossless tree: `{"liveblocksType": …, "data": …}`.
    PlainLson,
    /// The lossy projection.
    Json,
}

impl Document {
    /// The document as plain LSON text: lossless, apart from ids, positions and text versions.
    ///
    /// A JSON leaf that is an object with the key `liveblocksType` cannot be told from a live structure in this
    /// notation: it is read as one again, or not at all. Hosts that store documents whose fields anybody may write
    /// store [snapshots](Self::to_snapshot) or [nodes](Self::nodes).
    pub fn to_plain_lson(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_plain_lson(&mut out);
        out
    }

    /// Appends the document's plain LSON text to `out`.
    pub fn write_plain_lson(&self, out: &mut Vec<u8>) {
        self.write_node(NodeIx::ROOT, Notation::PlainLson, out);
    }

    /// The document's JSON projection as text.
    pub fn to_json_text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_json_text(&mut out);
        out
    }

    /// Appends the text of the document's JSON projection to `out`.
    pub fn write_json_text(&self, out: &mut Vec<u8>) {
        self.write_node(NodeIx::ROOT, Notation::Json, out);
    }

    /// The document's nodes, parents before their children.
    pub fn nodes(&self) -> impl Iterator<Item = SerializedNode> + '_ {
        self.subtree(NodeIx::ROOT).map(|ix| self.serialized(ix))
    }

    /// A node and all below it, parents before their children, siblings in order.
    pub(crate) fn subtree(&self, top: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        let mut stack = vec![top];
        std::iter::from_fn(move || {
            let ix = stack.pop()?;
            let before = stack.len();
            stack.extend(self.children(ix));
            if let Some(children) = stack.get_mut(before..) {
                children.reverse();
            }
            Some(ix)
        })
    }

    pub(crate) fn serialized(&self, ix: NodeIx) -> SerializedNode {
        let (parent, key) = self.link(ix);
        SerializedNode {
            id: self.id(ix),
            parent: (ix != NodeIx::ROOT).then(|| (self.id(parent), key.as_small_str().clone())),
            content: self.content(ix),
        }
    }

    /// Recursion is bounded by [`MAX_NODE_DEPTH`](super::MAX_NODE_DEPTH).
    fn write_node(&self, ix: NodeIx, notation: Notation, out: &mut Vec<u8>) {
        let plain = notation == Notation::PlainLson;
        if let Some(value) = self.tree.register(ix) {
            return value.write(out);
        }
        let name: &[u8] = match self.kind_at(ix) {
            NodeKind::Register => return,
            NodeKind::Object => br#"{"liveblocksType":"LiveObject","data":"#,
            NodeKind::Map => br#"{"liveblocksType":"LiveMap","data":"#,
            NodeKind::List => br#"{"liveblocksType":"LiveList","data":"#,
            NodeKind::Text => br#"{"liveblocksType":"LiveText","data":"#,
            NodeKind::File => br#"{"liveblocksType":"LiveFile","data":"#,
        };
        if plain {
            out.extend_from_slice(name);
        }
        match self.body(ix) {
            Body::Object(object) => {
                let entries = object.iter();
                write_entries(entries, out, |slot, out| match slot.child() {
                    None => slot.write(out),
                    Some(child) => self.write_node(child, notation, out),
                });
            }
            Body::Map(entries) => {
                let entries = entries.iter().map(|child| (self.key(child).as_small_str(), child));
                write_entries(entries, out, |child, out| self.write_node(child, notation, out));
            }
            Body::List(order) => {
                out.push(b'[');
                for (n, item) in order.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    self.write_node(item, notation, out);
                }
                out.push(b']');
            }
            Body::Text(text) => write_segments(&text.segments(), out),
            Body::File(file) => write_file(file, out),
            Body::Register(_) => {}
        }
        if plain {
            out.push(b'}');
        }
    }
}

fn write_entries<'a, V>(
    entries: impl Iterator<Item = (&'a SmallStr, V)>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(V, &mut Vec<u8>),
) {
    out.push(b'{');
    for (n, (key, value)) in entries.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_str(key, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

fn write_segments(segments: &[Segment], out: &mut Vec<u8>) {
    out.push(b'[');
    for (n, segment) in segments.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_json(&segment.to_json(), out);
    }
    out.push(b']');
}

fn write_file(file: &FileMeta, out: &mut Vec<u8>) {
    write_json(&file.to_json(), out);
}
