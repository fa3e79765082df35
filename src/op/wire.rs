//! The wire form of ops, on its way out: JSON objects with a numeric `type`.

use std::convert::Infallible;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::read::{OpError, OpErrorReason, Sender};
use super::{Intent, NodeContent, NodeKind, Op, OpKind};
use crate::json::JsonObject;
use crate::json::decimal::{self, append};
use crate::json::write::{write_json, write_object, write_str, write_u64};
use crate::small_str::packed;
use crate::text::{Segment, TextOp};
use crate::{FileMeta, Json, NodeId, OpId, SmallStr};

/// The node id that marks the acknowledgement of an ignored op.
pub(super) const ACK: &str = "ACK";

/// A field's value on its way out.
pub(crate) enum Value<'a> {
    Number(u64),
    Text(&'a str),
    OpId(&'a OpId),
    Id(&'a NodeId),
    Json(&'a Json),
    Object(&'a JsonObject),
    Segments(&'a [Segment]),
    TextOps(&'a [TextOp]),
    File(&'a FileMeta),
}

/// Takes the fields of a wire form, in order: a closure, or a writer, which gets names and kinds of value as
/// constants.
pub(crate) trait Fields<E> {
    /// Takes one.
    fn field(&mut self, name: &'static str, value: Value<'_>) -> Result<(), E>;
}

impl<E, F: FnMut(&'static str, Value<'_>) -> Result<(), E>> Fields<E> for F {
    fn field(&mut self, name: &'static str, value: Value<'_>) -> Result<(), E> {
        self(name, value)
    }
}

impl Op {
    /// Gives `to` each field of the wire form, in order.
    #[inline]
    pub(crate) fn fields<E>(&self, to: &mut impl Fields<E>) -> Result<(), E> {
        let number = match &self.kind {
            OpKind::SetParentKey { .. } => 1,
            OpKind::UpdateObject { .. } => 3,
            OpKind::DeleteCrdt => 5,
            OpKind::DeleteObjectKey { .. } => 6,
            OpKind::UpdateText(_) => 10,
            OpKind::Create(create) => match create.content.kind() {
                NodeKind::List => 2,
                NodeKind::Object => 4,
                NodeKind::Map => 7,
                NodeKind::Register => 8,
                NodeKind::Text => 9,
                NodeKind::File => 11,
            },
        };
        to.field("type", Value::Number(number))?;
        if let Some(op_id) = &self.op_id {
            to.field("opId", Value::OpId(op_id))?;
        }
        to.field("id", Value::Id(&self.id))?;
        match &self.kind {
            OpKind::SetParentKey { parent_key } => to.field("parentKey", Value::Text(parent_key)),
            OpKind::UpdateObject { data } => to.field("data", Value::Object(data)),
            OpKind::DeleteCrdt => Ok(()),
            OpKind::DeleteObjectKey { key } => to.field("key", Value::Text(key)),
            OpKind::UpdateText(update) => {
                to.field("baseVersion", Value::Number(update.base_version))?;
                if let Some(version) = update.version {
                    to.field("version", Value::Number(version))?;
                }
                to.field("ops", Value::TextOps(&update.ops))
            }
            OpKind::Create(create) => {
                to.field("parentId", Value::Id(&create.parent_id))?;
                to.field("parentKey", Value::Text(&create.parent_key))?;
                create.content.fields(to)?;
                match create.intent {
                    Intent::Insert => {}
                    Intent::Set => to.field("intent", Value::Text("set"))?,
                    Intent::Push => to.field("intent", Value::Text("push"))?,
                }
                match &create.deleted_id {
                    Some(deleted) => to.field("deletedId", Value::Id(deleted)),
                    None => Ok(()),
                }
            }
        }
    }

    /// Appends the wire form to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        let Ok(()) = self.fields(&mut object);
        object.end();
    }

    /// The wire form as a JSON value.
    pub fn to_json(&self) -> Json {
        let mut fields = Vec::with_capacity(8);
        let Ok(()) = self.fields(&mut |name: &'static str, value: Value<'_>| {
            fields.push((SmallStr::from(name), value.to_json()));
            Ok::<(), Infallible>(())
        });
        Json::object(fields)
    }
}

impl NodeContent {
    /// Gives `to` the fields `data` and `version`, as far as the content has them.
    #[inline]
    pub(crate) fn fields<E>(&self, to: &mut impl Fields<E>) -> Result<(), E> {
        match self {
            Self::List | Self::Map => Ok(()),
            Self::Object(data) => to.field("data", Value::Object(data)),
            Self::Register(data) => to.field("data", Value::Json(data)),
            Self::File(file) => to.field("data", Value::File(file)),
            Self::Text { segments, version } => {
                to.field("data", Value::Segments(segments))?;
                to.field("version", Value::Number(*version))
            }
        }
    }
}

impl Value<'_> {
    pub(crate) fn to_json(&self) -> Json {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "at most 2^53 - 1")]
            Self::Number(number) => Json::number(*number as f64),
            Self::Text(text) => Json::from(*text),
            Self::OpId(id) => Json::from(id.to_string()),
            Self::Id(id) => Json::from(id.to_string()),
            Self::Json(json) => (*json).clone(),
            Self::Object(object) => Json::from((*object).clone()),
            Self::Segments(segments) => Json::array(segments.iter().map(Segment::to_json)),
            Self::TextOps(ops) => Json::array(ops.iter().map(TextOp::to_json)),
            Self::File(file) => file.to_json(),
        }
    }

    #[expect(clippy::inline_always, reason = "which kind it is the caller knows")]
    #[inline(always)]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => write_u64(*number, out),
            Self::Text(text) => write_str(text, out),
            Self::OpId(id) => id.write(out, write_str),
            Self::Id(id) => id.write(out, write_str),
            Self::Json(json) => write_json(json, out),
            Self::Object(object) => write_object(object, out),
            Self::Segments(_) | Self::TextOps(_) | Self::File(_) => {
                write_json(&self.to_json(), out);
            }
        }
    }
}

/// Writes the braces, names and commas of one object.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> ObjectWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// `name` must need no escape.
    #[expect(clippy::inline_always, reason = "what is written of a constant is one")]
    #[inline(always)]
    pub(crate) fn name(&mut self, name: &'static str) -> &mut Vec<u8> {
        write_name(std::mem::take(&mut self.first), name, self.out);
        self.out
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

impl Fields<Infallible> for ObjectWriter<'_> {
    #[expect(clippy::inline_always, reason = "as `name`")]
    #[inline(always)]
    fn field(&mut self, name: &'static str, value: Value<'_>) -> Result<(), Infallible> {
        value.write(self.name(name));
        Ok(())
    }
}

/// Appends a name, which needs no escape, with its quotes and colon, and a comma before it unless it is the
/// first.
#[expect(clippy::inline_always, reason = "what is written of a constant is one")]
#[inline(always)]
fn write_name(first: bool, name: &str, out: &mut Vec<u8>) {
    match packed(name.as_bytes()) {
        // Shortcut: all at once. Equal to what follows.
        Some(word) if name.len() <= 12 => {
            let text = decimal::name(word, name.len());
            if first {
                append(text, name.len() + 3, out);
            } else {
                append(u128::from(b',') | text << 8, name.len() + 4, out);
            }
        }
        _ => {
            out.extend_from_slice(if first { b"\"" } else { b",\"" });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::OpId(id) => id.serialize(serializer),
            Self::Id(id) => id.serialize(serializer),
            Self::Json(json) => json.serialize(serializer),
            Self::Segments(segments) => {
                let mut seq = serializer.serialize_seq(Some(segments.len()))?;
                for segment in *segments {
                    seq.serialize_element(&segment.to_json())?;
                }
                seq.end()
            }
            Self::Object(_) | Self::TextOps(_) | Self::File(_) => {
                self.to_json().serialize(serializer)
            }
        }
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.fields(&mut |name: &'static str, value: Value<'_>| map.serialize_entry(name, &value))?;
        map.end()
    }
}

/// Reads as from a server: unknown fields are ignored and the `opId` may be missing, but the type must be known.
///
/// `serde_json` by itself reads nothing that is nested deeper than about 120 levels, which ops may be. A host that stores
/// ops as text reads them by [`Json::from_slice_with`], [`ReadLimits::wrapped`](crate::ReadLimits::wrapped) and
/// [`Op::from_json`].
impl<'de> Deserialize<'de> for Op {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Self::from_json(&json, Sender::Server)
            .and_then(|op| {
                op.ok_or_else(|| OpError {
                    op_id: None,
                    field: "type".into(),
                    reason: OpErrorReason::Invalid("there is no op of this type"),
                })
            })
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length_are_written_alike() {
        for len in 0..20 {
            let name = "abcdefghijklmnopqrst".get(..len).unwrap();
            for (first, comma) in [(true, ""), (false, ",")] {
                let mut out = b"{".to_vec();
                write_name(first, name, &mut out);
                assert_eq!(out, format!("{{{comma}\"{name}\":").into_bytes());
            }
        }
    }
}
