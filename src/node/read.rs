//! Nodes on their way in: out of a JSON value, or straight from bytes.

use std::sync::Arc;

use super::{NodeError, SerializedNode};
use crate::json::read::{Kind, Reader};
use crate::op::{NodeContent, NodeKind};
use crate::text::Segment;
use crate::{FileMeta, Json, JsonError, NodeId, SmallStr};

/// How a node is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `[id, {"type", "parentId", "parentKey", "data"?, "version"?}]`
    Serialized,
    /// `["root", data]` or `[id, type, parentId, parentKey, data?, version?]`
    Compact,
}

/// The fields of a node besides its id, each if it is there and of its type.
#[derive(Default)]
struct Fields {
    kind: Option<NodeKind>,
    parent_id: Option<NodeId>,
    parent_key: Option<SmallStr>,
    data: Option<Json>,
    version: Option<u64>,
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
        let field = |name| crdt.get(name);
        let fields = Fields {
            kind: field("type").and_then(kind),
            parent_id: field("parentId").and_then(node_id),
            parent_key: field("parentKey").and_then(text),
            data: field("data").cloned(),
            version: field("version").and_then(Json::as_u53),
        };
        fields.of_node(NodeId::from(id.as_str()))
    }

    /// Reads `["root", data]` or `[id, type, parentId, parentKey, data?, version?]`.
    ///
    /// # Errors
    /// Names the node and what is wrong with it.
    pub fn from_compact(json: &Json) -> Result<Self, NodeError> {
        let Some([Json::String(id), rest @ ..]) = json.as_array() else {
            return Err(NodeError { id: None, reason: "expected [id, …]" });
        };
        let (id, field) = (NodeId::from(id.as_str()), |at| rest.get(at));
        let fields = if id.is_root() {
            Fields { kind: Some(NodeKind::Object), data: field(0).cloned(), ..Fields::default() }
        } else {
            Fields {
                kind: field(0).and_then(kind),
                parent_id: field(1).and_then(node_id),
                parent_key: field(2).and_then(text),
                data: field(3).cloned(),
                version: field(4).and_then(Json::as_u53),
            }
        };
        fields.of_node(id)
    }

    /// The next value, an item of a list, as a node.
    ///
    /// # Errors
    /// What is wrong with the text, or with the node.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        form: Form,
    ) -> Result<Result<Self, NodeError>, JsonError> {
        if reader.peek_kind()? == Kind::Array {
            let start = reader.offset();
            if let Some(node) = Self::read_plain(reader, form) {
                return Ok(Ok(node));
            }
            reader.seek(start);
        }
        let value = reader.value_below(1)?;
        Ok(match form {
            Form::Serialized => Self::from_json(&value),
            Form::Compact => Self::from_compact(&value),
        })
    }

    /// Shortcut: a node that is right and has no fields but those that it needs. Equal to the general way,
    /// without values for what only holds the node together.
    fn read_plain(reader: &mut Reader<'_>, form: Form) -> Option<Self> {
        reader.begin_array().ok()?;
        next_item(reader)?;
        let id = read_id(reader)?;
        let fields = match form {
            Form::Serialized => {
                next_item(reader)?;
                Fields::read_named(reader)?
            }
            Form::Compact if id.is_root() => {
                next_item(reader)?;
                let data = Some(reader.value_below(2).ok()?);
                Fields { kind: Some(NodeKind::Object), data, ..Fields::default() }
            }
            Form::Compact => Fields::read_listed(reader)?,
        };
        let is_all = !reader.next_item().ok()?;
        if is_all { fields.of_node(id).ok() } else { None }
    }
}

fn kind(json: &Json) -> Option<NodeKind> {
    NodeKind::from_number(json.as_u53()?)
}

fn node_id(json: &Json) -> Option<NodeId> {
    json.as_str().map(NodeId::from)
}

fn text(json: &Json) -> Option<SmallStr> {
    match json {
        Json::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// To the next item of an array, if there is one.
fn next_item(reader: &mut Reader<'_>) -> Option<()> {
    reader.next_item().ok()?.then_some(())
}

fn read_kind(reader: &mut Reader<'_>) -> Option<NodeKind> {
    NodeKind::from_number(reader.plain_integer()?)
}

fn read_id(reader: &mut Reader<'_>) -> Option<NodeId> {
    match reader.plain_node_id() {
        Some(id) => Some(id),
        None => reader.string().ok()?.map(|id| NodeId::from(&*id)),
    }
}

fn read_text(reader: &mut Reader<'_>) -> Option<SmallStr> {
    reader.string().ok()?.map(|text| SmallStr::from(&*text))
}

impl Fields {
    /// Those of an object, in any order.
    fn read_named(reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Self::default();
        reader.begin_object().ok()?;
        while let Some(key) = reader.next_key().ok()? {
            match &*key {
                "type" => fields.kind = Some(read_kind(reader)?),
                "parentId" => fields.parent_id = Some(read_id(reader)?),
                "parentKey" => fields.parent_key = Some(read_text(reader)?),
                "data" => fields.data = Some(reader.value_below(3).ok()?),
                "version" => fields.version = Some(reader.plain_integer()?),
                _ => return None,
            }
        }
        Some(fields)
    }

    /// Those that follow an id in an array, in their order.
    fn read_listed(reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Self::default();
        next_item(reader)?;
        let kind = read_kind(reader)?;
        fields.kind = Some(kind);
        next_item(reader)?;
        fields.parent_id = Some(read_id(reader)?);
        next_item(reader)?;
        fields.parent_key = Some(read_text(reader)?);
        if !matches!(kind, NodeKind::List | NodeKind::Map) {
            next_item(reader)?;
            fields.data = Some(reader.value_below(2).ok()?);
        }
        if kind == NodeKind::Text {
            next_item(reader)?;
            fields.version = Some(reader.plain_integer()?);
        }
        Some(fields)
    }

    fn of_node(self, id: NodeId) -> Result<SerializedNode, NodeError> {
        self.node(&id).map_err(|reason| NodeError { id: Some(id), reason })
    }

    fn node(self, id: &NodeId) -> Result<SerializedNode, &'static str> {
        let Self { kind, parent_id, parent_key, data, version } = self;
        let kind = kind.ok_or("type must be a number from 0 to 5")?;
        let need = || data.ok_or("data is missing");
        let content = match kind {
            NodeKind::List => NodeContent::List,
            NodeKind::Map => NodeContent::Map,
            NodeKind::Object => match need()? {
                Json::Object(data) => NodeContent::Object(data),
                _ => return Err("an object's data must be an object"),
            },
            NodeKind::Register => NodeContent::Register(need()?),
            NodeKind::File => NodeContent::File(Arc::new(FileMeta::from_json(&need()?)?)),
            NodeKind::Text => NodeContent::Text {
                segments: Segment::list_from_json(&need()?)?,
                version: version.ok_or("a text's version must be an integer from 0 to 2^53 - 1")?,
            },
        };
        let parent = match (parent_id, parent_key) {
            _ if id.is_root() => {
                if kind != NodeKind::Object {
                    return Err("the root must be an object");
                }
                None
            }
            (Some(id), Some(key)) => Some((id, key)),
            _ => return Err("parentId and parentKey must be strings"),
        };
        Ok(SerializedNode { id: id.clone(), parent, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReadLimits;

    /// What is read of a list of one node, or what is wrong with it; and whether it was by the shortcut.
    fn read(
        item: &str,
        form: Form,
    ) -> (Result<Result<SerializedNode, NodeError>, JsonError>, bool) {
        let text = format!("[{item}]");
        let reader = || {
            let mut reader = Reader::new(text.as_bytes(), ReadLimits::default());
            reader.begin_array().unwrap();
            assert!(reader.next_item().unwrap());
            reader
        };
        let is_plain = SerializedNode::read_plain(&mut reader(), form).is_some();
        let mut reader = reader();
        let node = SerializedNode::read(&mut reader, form);
        let ends = node.is_err() || (!reader.next_item().unwrap() && reader.end().is_ok());
        assert!(ends, "{item}");
        (node, is_plain)
    }

    fn generally(item: &str, form: Form) -> Result<SerializedNode, NodeError> {
        let json = Json::from_slice(item.as_bytes()).unwrap();
        match form {
            Form::Serialized => SerializedNode::from_json(&json),
            Form::Compact => SerializedNode::from_compact(&json),
        }
    }

    #[test]
    fn nodes_are_read_alike_however_they_are_written() {
        use Form::{Compact, Serialized};
        for (item, form, is_plain) in [
            (r#"["root",{"type":0,"data":{"a":[1]}}]"#, Serialized, true),
            (r#"["root",{"type":0,"data":{},"parentId":"0:1","parentKey":"k"}]"#, Serialized, true),
            (r#"["0:1",{"type":1,"parentId":"root","parentKey":"l"}]"#, Serialized, true),
            (r#"[ "0:1" , { "parentKey":"l", "parentId":"root", "type":2 } ]"#, Serialized, true),
            (
                r#"["0:1",{"type":3,"parentId":"0:2","parentKey":"!","data":null}]"#,
                Serialized,
                true,
            ),
            (
                r#"["an id",{"type":3,"parentId":"é\n","parentKey":"\u0041","data":1.5}]"#,
                Serialized,
                true,
            ),
            (
                r#"["0:1",{"type":4,"parentId":"root","parentKey":"t","data":[["a"]],"version":7}]"#,
                Serialized,
                true,
            ),
            (r#"["0:1",{"type":7,"type":2,"parentId":"root","parentKey":"l"}]"#, Serialized, false),
            (r#"["0:1",{"type":2,"type":1,"parentId":"root","parentKey":"l"}]"#, Serialized, true),
            (r#"["0:1",{"type":2.0,"parentId":"root","parentKey":"l"}]"#, Serialized, false),
            (r#"["0:1",{"type":2,"parentId":"root","parentKey":"l","more":1}]"#, Serialized, false),
            (r#"["0:1",{"type":2,"parentId":"root"}]"#, Serialized, false),
            (r#"["0:1",{"type":0,"parentId":"root","parentKey":"o","data":1}]"#, Serialized, false),
            (r#"["0:1",{"type":3,"parentId":"root","parentKey":"o"}]"#, Serialized, false),
            (
                r#"["0:1",{"type":4,"parentId":"root","parentKey":"t","data":[]}]"#,
                Serialized,
                false,
            ),
            (r#"["root",{"type":1}]"#, Serialized, false),
            (r#"["0:1"]"#, Serialized, false),
            (r#"["0:1",{"type":2,"parentId":"root","parentKey":"l"},1]"#, Serialized, false),
            (r#"[1,{"type":2,"parentId":"root","parentKey":"l"}]"#, Serialized, false),
            (r#"["0:1",[]]"#, Serialized, false),
            ("{}", Serialized, false),
            ("1", Serialized, false),
            ("[]", Serialized, false),
            (r#"["root",{"a":1}]"#, Compact, true),
            (r#"["root",1]"#, Compact, false),
            (r#"["root"]"#, Compact, false),
            (r#"["root",{},1]"#, Compact, false),
            (r#"["0:1",1,"root","l"]"#, Compact, true),
            (r#"["0:1",1,"root","l",null]"#, Compact, false),
            (r#"["0:1",3,"0:2","!",[1]]"#, Compact, true),
            (r#"["0:1",3,"0:2","!",[1],4]"#, Compact, false),
            (r#"["0:1",4,"root","t",[["hi",{"b":true}]],2]"#, Compact, true),
            (r#"["0:1",4,"root","t",[["hi"]]]"#, Compact, false),
            (r#"["0:1",9,"root","l"]"#, Compact, false),
            (r#"["0:1",1,"root"]"#, Compact, false),
            (r#"["0:1",1,2,"l"]"#, Compact, false),
            ("[]", Compact, false),
            ("null", Compact, false),
        ] {
            let (node, by_shortcut) = read(item, form);
            assert_eq!(node, Ok(generally(item, form)), "{item}");
            assert_eq!(by_shortcut, is_plain, "{item}");
        }
    }

    #[test]
    fn data_may_be_as_deep_as_it_might_in_a_value() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for (form, most) in [(Form::Serialized, 253), (Form::Compact, 254)] {
            let item = |levels| match form {
                Form::Serialized => {
                    format!(
                        r#"["0:1",{{"type":3,"parentId":"0:2","parentKey":"!","data":{}}}]"#,
                        nested(levels)
                    )
                }
                Form::Compact => format!(r#"["0:1",3,"0:2","!",{}]"#, nested(levels)),
            };
            let deepest = |levels| {
                let (node, is_plain) = read(&item(levels), form);
                (node.is_ok(), is_plain)
            };
            assert_eq!((deepest(most), deepest(most + 1)), ((true, true), (false, false)));
            let list = |levels| Json::from_slice(format!("[{}]", item(levels)).as_bytes());
            assert!(list(most).is_ok() && list(most + 1).is_err());
        }
    }

    #[test]
    fn broken_text_is_told_as_such() {
        for item in [r#"["0:1",{"type":2,"parentId":"root" "parentKey":"l"}]"#, r#"["0:1","#, "tru"]
        {
            let (node, _) = read(item, Form::Serialized);
            assert!(node.is_err(), "{item}");
        }
    }
}
