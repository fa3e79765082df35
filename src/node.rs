//! Nodes as they are stored and sent: serialised and compact.
//!
//! * Serialised: `[id, {"type", "parentId", "parentKey", "data"?, "version"?}]`.
//! * Compact: `["root", data]` for the root, `[id, type, parentId, parentKey, data?, version?]` for
//!   all others.

mod read;

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::json::JsonObject;
use crate::json::write::write_str;
use crate::op::{Fields, NodeContent, ObjectWriter, Value};
use crate::{Json, NodeId, SmallStr};

pub(crate) use read::Form;

/// A node as it is stored: its id, where it hangs and what it holds.
///
/// Serialises as `[id, {…}]`; see [`to_compact`](Self::to_compact) for the other form.
#[derive(Clone, Debug, PartialEq)]
pub struct SerializedNode {
    /// The node's id.
    pub id: NodeId,
    /// The parent's id and the key, or position, there. Only the root has none.
    pub parent: Option<(NodeId, SmallStr)>,
    /// What the node holds, without its children.
    pub content: NodeContent,
}

/// Why a serialised or compact node could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("node {}: {reason}", .id.as_ref().map_or("without id".to_owned(), ToString::to_string))]
pub struct NodeError {
    /// The node's id, if it has one.
    pub id: Option<NodeId>,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl SerializedNode {
    /// `[id, {…}]`.
    pub fn to_json(&self) -> Json {
        let mut fields = Vec::with_capacity(5);
        let Ok(()) = self.fields(&mut |name: &'static str, value: Value<'_>| {
            fields.push((SmallStr::from(name), value.to_json()));
            Ok::<(), std::convert::Infallible>(())
        });
        Json::array([Json::from(self.id.to_string()), Json::object(fields)])
    }

    /// `["root", data]` or `[id, type, parentId, parentKey, data?, version?]`.
    pub fn to_compact(&self) -> Json {
        let mut tuple = vec![Json::from(self.id.to_string())];
        let Ok(()) = self.fields(&mut |name: &'static str, value: Value<'_>| {
            if self.parent.is_some() || name == "data" {
                tuple.push(value.to_json());
            }
            Ok::<(), std::convert::Infallible>(())
        });
        Json::from(tuple)
    }

    /// Appends `[id, {…}]` to `out`.
    pub(crate) fn write_serialized(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        self.id.write(out, write_str);
        out.push(b',');
        let mut crdt = ObjectWriter::new(out);
        let Ok(()) = self.fields(&mut crdt);
        crdt.end();
        out.push(b']');
    }

    /// Appends the compact form to `out`.
    pub(crate) fn write_compact(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        self.id.write(out, write_str);
        let Ok(()) = self.fields(&mut |name: &'static str, value: Value<'_>| {
            if self.parent.is_some() || name == "data" {
                out.push(b',');
                value.write(out);
            }
            Ok::<(), std::convert::Infallible>(())
        });
        out.push(b']');
    }

    /// Gives `to` each field besides the id, in the order that compact nodes have them.
    fn fields<E>(&self, to: &mut impl Fields<E>) -> Result<(), E> {
        to.field("type", Value::Number(self.content.kind() as u64))?;
        if let Some((parent, key)) = &self.parent {
            to.field("parentId", Value::Id(parent))?;
            to.field("parentKey", Value::Text(key))?;
        }
        self.content.fields(to)
    }

    /// An empty root.
    pub fn empty_root() -> Self {
        Self {
            id: NodeId::ROOT,
            parent: None,
            content: NodeContent::Object(Arc::new(JsonObject::default())),
        }
    }
}

/// As `[id, {…}]`.
impl Serialize for SerializedNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Crdt<'a>(&'a SerializedNode);
        impl Serialize for Crdt<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                self.0.fields(&mut |name: &'static str, value: Value<'_>| {
                    map.serialize_entry(name, &value)
                })?;
                map.end()
            }
        }
        (&self.id, Crdt(self)).serialize(serializer)
    }
}

/// From `[id, {…}]`.
///
/// `serde_json` by itself reads nothing that is nested deeper than about 120 levels, which nodes may be. A host that
/// stores nodes as text reads them by [`Json::from_slice_with`], [`ReadLimits::wrapped`](crate::ReadLimits::wrapped)
/// and [`from_json`](SerializedNode::from_json); or it stores [snapshots](crate::Document::to_snapshot).
impl<'de> Deserialize<'de> for SerializedNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
