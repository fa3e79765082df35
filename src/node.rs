//! Nodes as they are stored and sent: serialised and compact.
//!
//! * Serialised: `[id, {"type", "parentId", "parentKey", "data"?, "version"?}]`.
//! * Compact: `["root", data]` for the root, `[id, type, parentId, parentKey, data?, version?]` for
//!   all others.

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::json::JsonObject;
use crate::json::write::write_str;
use crate::op::{NodeContent, NodeKind, Value};
use crate::text::Segment;
use crate::{FileMeta, Json, NodeId, SmallStr};

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
    /// Reads `[id, {…}]`.
    ///
    /// # Errors
    /// Names the node and what is wrong with it.
    pub fn from_json(json: &Json) -> Result<Self, NodeError> {
        let Some([Json::String(id), crdt]) = json.as_array() else {
            return Err(NodeError { id: None, reason: "expected [id, {type, …}]" });
        };
        let id = NodeId::from(id.as_str());
        Self::parts(
            &id,
            crdt.get("type"),
            crdt.get("parentId"),
            crdt.get("parentKey"),
            crdt.get("data"),
            crdt.get("version"),
        )
        .map_err(|reason| NodeError { id: Some(id), reason })
    }

    /// Reads `["root", data]` or `[id, type, parentId, parentKey, data?, version?]`.
    ///
    /// # Errors
    /// Names the node and what is wrong with it.
    pub fn from_compact(json: &Json) -> Result<Self, NodeError> {
        let Some([Json::String(id), rest @ ..]) = json.as_array() else {
            return Err(NodeError { id: None, reason: "expected [id, …]" });
        };
        let id = NodeId::from(id.as_str());
        let node = if id.is_root() {
            Self::parts(&id, Some(&Json::from(0)), None, None, rest.first(), None)
        } else {
            let field = |at| rest.get(at);
            Self::parts(&id, field(0), field(1), field(2), field(3), field(4))
        };
        node.map_err(|reason| NodeError { id: Some(id), reason })
    }

    fn parts(
        id: &NodeId,
        kind: Option<&Json>,
        parent_id: Option<&Json>,
        parent_key: Option<&Json>,
        data: Option<&Json>,
        version: Option<&Json>,
    ) -> Result<Self, &'static str> {
        let kind = kind
            .and_then(Json::as_u53)
            .and_then(NodeKind::from_number)
            .ok_or("type must be a number from 0 to 5")?;
        let need = || data.ok_or("data is missing");
        let content = match kind {
            NodeKind::List => NodeContent::List,
            NodeKind::Map => NodeContent::Map,
            NodeKind::Object => match need()? {
                Json::Object(data) => NodeContent::Object(data.clone()),
                _ => return Err("an object's data must be an object"),
            },
            NodeKind::Register => NodeContent::Register(need()?.clone()),
            NodeKind::File => NodeContent::File(Arc::new(FileMeta::from_json(need()?)?)),
            NodeKind::Text => NodeContent::Text {
                segments: Segment::list_from_json(need()?)?,
                version: version
                    .and_then(Json::as_u53)
                    .ok_or("a text's version must be an integer from 0 to 2^53 - 1")?,
            },
        };
        let parent = match (parent_id, parent_key) {
            _ if id.is_root() => {
                if kind != NodeKind::Object {
                    return Err("the root must be an object");
                }
                None
            }
            (Some(Json::String(id)), Some(Json::String(key))) => {
                Some((NodeId::from(id.as_str()), key.clone()))
            }
            _ => return Err("parentId and parentKey must be strings"),
        };
        Ok(Self { id: id.clone(), parent, content })
    }

    /// `[id, {…}]`.
    pub fn to_json(&self) -> Json {
        let mut fields = Vec::with_capacity(5);
        let Ok(()) = self.fields(|name, value| {
            fields.push((SmallStr::from(name), value.to_json()));
            Ok::<(), std::convert::Infallible>(())
        });
        Json::array([Json::from(self.id.to_string()), Json::object(fields)])
    }

    /// `["root", data]` or `[id, type, parentId, parentKey, data?, version?]`.
    pub fn to_compact(&self) -> Json {
        let mut tuple = vec![Json::from(self.id.to_string())];
        let Ok(()) = self.fields(|name, value| {
            if self.parent.is_some() || name == "data" {
                tuple.push(value.to_json());
            }
            Ok::<(), std::convert::Infallible>(())
        });
        Json::from(tuple)
    }

    /// Appends the compact form to `out`.
    pub(crate) fn write_compact(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        self.id.write(out, write_str);
        let Ok(()) = self.fields(|name, value| {
            if self.parent.is_some() || name == "data" {
                out.push(b',');
                value.write(out);
            }
            Ok::<(), std::convert::Infallible>(())
        });
        out.push(b']');
    }

    /// Calls `field` with each field besides the id, in the order that compact nodes have them.
    fn fields<E>(
        &self,
        mut field: impl FnMut(&'static str, Value<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        field("type", Value::Number(self.content.kind() as u64))?;
        if let Some((parent, key)) = &self.parent {
            field("parentId", Value::Id(parent))?;
            field("parentKey", Value::Text(key))?;
        }
        self.content.fields(&mut field)
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
                self.0.fields(|name, value| map.serialize_entry(name, &value))?;
                map.end()
            }
        }
        (&self.id, Crdt(self)).serialize(serializer)
    }
}

/// From `[id, {…}]`.
impl<'de> Deserialize<'de> for SerializedNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
