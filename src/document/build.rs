//! Building a document straight from the bytes of plain LSON or JSON.
//!
//! The reader's events become nodes as they come; there is no value in between. Nodes are named
//! `si:1`, `si:2`, … in the order of the text, parents first.

use super::node::{Node, NodeIx, PackedBody};
use super::objects::Slot;
use super::text_node::TextNode;
use super::{Document, MAX_NODE_DEPTH, PackedId};
use crate::lson::plain::{self, Container, Place, Sink, SinkError};
use crate::op::{NodeKind, check_text};
use crate::position::Position;
use crate::text::Segment;
use crate::{FileMeta, Json, Lson, LsonError, ReadLimits, SmallStr};

impl Document {
    /// Reads plain LSON: `{"liveblocksType": "LiveObject", "data": …}`.
    ///
    /// ```
    /// use livetree::Document;
    /// let text = br#"{"liveblocksType":"LiveObject","data":{"todos":{"liveblocksType":"LiveList","data":["ship it"]}}}"#;
    /// let doc = Document::from_plain_lson(text)?;
    /// assert_eq!(doc.to_json().to_string(), r#"{"todos":["ship it"]}"#);
    /// assert_eq!(doc.to_plain_lson(), text);
    /// # Ok::<(), livetree::LsonError>(())
    /// ```
    ///
    /// # Errors
    /// Names the JSON path and what is wrong there.
    pub fn from_plain_lson(bytes: &[u8]) -> Result<Self, LsonError> {
        Self::build(|builder| plain::read_plain_lson(bytes, Self::read_limits(), builder))
    }

    /// Reads JSON and makes it live throughout: objects become LiveObjects, arrays LiveLists.
    ///
    /// # Errors
    /// Names the JSON path and what is wrong there; the outermost value must be an object.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LsonError> {
        Self::build(|builder| plain::read_live_json(bytes, Self::read_limits(), builder))
    }

    /// Makes a document from a value in memory, which must be a LiveObject.
    ///
    /// # Errors
    /// If it is anything else, or nested too deep.
    pub fn from_lson(lson: &Lson) -> Result<Self, LsonError> {
        Self::build(|builder| plain::feed_lson(lson, Self::read_limits(), builder))
    }

    pub(super) fn read_limits() -> ReadLimits {
        // Every live node takes two levels of plain LSON.
        ReadLimits::default().max_depth(ReadLimits::DEEPEST)
    }

    fn build(read: impl FnOnce(&mut Builder) -> Result<(), LsonError>) -> Result<Self, LsonError> {
        let mut builder = Builder { document: Self::new(), clock: 0 };
        read(&mut builder)?;
        builder.document.shrink();
        builder.document.debug_check();
        Ok(builder.document)
    }
}

struct Builder {
    document: Document,
    clock: u32,
}

impl Builder {
    fn add(
        &mut self,
        parent: NodeIx,
        place: Place<'_>,
        body: PackedBody,
    ) -> Result<NodeIx, SinkError> {
        let document = &mut self.document;
        let depth = document.depth(parent) + 1;
        if usize::from(depth) > MAX_NODE_DEPTH {
            return Err(SinkError(format!("nodes are nested deeper than {MAX_NODE_DEPTH} levels")));
        }
        let key = match place {
            Place::Key(key) => {
                document.clear_key(parent, key);
                Position::verbatim(key.clone())
            }
            Place::Item => match document.last_position(parent) {
                Some(last) => last.after(),
                None => Position::FIRST,
            },
        };
        self.clock =
            self.clock.checked_add(1).ok_or_else(|| SinkError("too many nodes".to_owned()))?;
        let id = PackedId::initial(self.clock);
        Ok(document.attach_node(Node { id, parent, key, depth, body }))
    }

    fn set_json(&mut self, object: NodeIx, key: &SmallStr, value: Json) {
        self.document.clear_key(object, key);
        self.document.tree.put(object, key, Slot::Json(value));
    }
}

impl Sink for Builder {
    type Node = NodeIx;

    fn root(&mut self) -> NodeIx {
        self.document.tree.open_root();
        NodeIx::ROOT
    }

    fn json(&mut self, parent: NodeIx, place: Place<'_>, value: Json) -> Result<(), SinkError> {
        match (place, self.document.kind_at(parent)) {
            (Place::Key(key), NodeKind::Object) => self.set_json(parent, key, value),
            _ => {
                let body = self.document.tree.add_register(&value);
                self.add(parent, place, body)?;
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        parent: NodeIx,
        place: Place<'_>,
        container: Container,
    ) -> Result<NodeIx, SinkError> {
        let tree = &mut self.document.tree;
        let body = match container {
            Container::Object => tree.open_object(),
            Container::Map => tree.add_order(NodeKind::Map),
            Container::List => tree.add_order(NodeKind::List),
        };
        self.add(parent, place, body)
    }

    fn text(
        &mut self,
        parent: NodeIx,
        place: Place<'_>,
        segments: Vec<Segment>,
        version: u64,
    ) -> Result<(), SinkError> {
        check_text(&segments, version).map_err(|error| SinkError(error.to_string()))?;
        let body = self.document.tree.add_text(TextNode::new(segments, version));
        self.add(parent, place, body).map(drop)
    }

    fn file(&mut self, parent: NodeIx, place: Place<'_>, file: FileMeta) -> Result<(), SinkError> {
        let body = self.document.tree.add_file(file.into());
        self.add(parent, place, body).map(drop)
    }

    fn close(&mut self, node: NodeIx) -> Result<(), SinkError> {
        self.document.tree.settle(node);
        Ok(())
    }
}
