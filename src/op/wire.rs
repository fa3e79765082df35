//! The wire form of ops: JSON objects with a numeric `type`.
//!
//! Reading is strict towards clients (an unknown type or field is an error) and tolerant towards a
//! server that may be newer (unknown fields are ignored, unknown types skipped). Which fields an op
//! has is written down once for reading ([`RawOp::finish`]) and once for writing ([`Op::fields`]).

use std::fmt;
use std::sync::Arc;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::{Create, Intent, NodeContent, NodeKind, Op, OpKind, UpdateText};
use crate::json::JsonObject;
use crate::json::read::Reader;
use crate::json::write::{write_json, write_object, write_str, write_u64};
use crate::text::{Segment, TextOp};
use crate::{FileMeta, Json, JsonError, NodeId, OpId, SmallStr};

/// The node id that marks the acknowledgement of an ignored op.
pub(super) const ACK: &str = "ACK";

/// Who wrote the bytes that are being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A client: every op needs an `opId`; unknown types and fields are errors.
    Client,
    /// A server, perhaps a newer one: unknown fields are ignored, ops of unknown type skipped.
    Server,
}

/// Why an op could not be read: which op, which field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("op {}: field `{field}` {reason}", self.op_id.as_ref().map_or("without opId", SmallStr::as_str))]
pub struct OpError {
    /// The op's `opId`, if it has one.
    pub op_id: Option<SmallStr>,
    /// The field that is wrong.
    pub field: SmallStr,
    /// What is wrong with it.
    pub reason: OpErrorReason,
}

/// What is wrong with a field of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpErrorReason {
    /// The field is required and not there.
    #[error("is missing")]
    Missing,
    /// The op has no such field.
    #[error("is unknown")]
    Unknown,
    /// The field has a value of the wrong type or shape.
    #[error("is wrong: {0}")]
    Invalid(&'static str),
}

/// The fields of an op as read, before it is known which are needed.
#[derive(Default)]
pub(crate) struct RawOp {
    fields: [Option<Json>; FIELDS.len()],
    unknown: Option<SmallStr>,
}

const FIELDS: [&str; 13] = [
    "type",
    "opId",
    "id",
    "parentId",
    "parentKey",
    "data",
    "intent",
    "deletedId",
    "key",
    "baseVersion",
    "version",
    "ops",
    "_",
];

#[derive(Clone, Copy)]
enum Field {
    Type,
    OpId,
    Id,
    ParentId,
    ParentKey,
    Data,
    Intent,
    DeletedId,
    Key,
    BaseVersion,
    Version,
    Ops,
}

const CREATE: &[Field] = &[Field::ParentId, Field::ParentKey, Field::Intent, Field::DeletedId];

impl RawOp {
    /// Notes a field; of two with the same name the later wins.
    pub(crate) fn set(&mut self, name: &str, value: Json) {
        match FIELDS.iter().position(|field| *field == name && name != "_") {
            Some(at) => {
                if let Some(slot) = self.fields.get_mut(at) {
                    *slot = Some(value);
                }
            }
            None => self.unknown = Some(name.into()),
        }
    }

    fn get(&self, field: Field) -> Option<&Json> {
        self.fields.get(field as usize)?.as_ref()
    }

    fn error(&self, field: &str, reason: OpErrorReason) -> OpError {
        let op_id = match self.get(Field::OpId) {
            Some(Json::String(text)) => Some(text.clone()),
            _ => None,
        };
        OpError { op_id, field: field.into(), reason }
    }

    fn name(field: Field) -> &'static str {
        FIELDS.get(field as usize).copied().unwrap_or_default()
    }

    fn invalid(&self, field: Field, why: &'static str) -> OpError {
        self.error(Self::name(field), OpErrorReason::Invalid(why))
    }

    fn need(&self, field: Field) -> Result<&Json, OpError> {
        self.get(field).ok_or_else(|| self.error(Self::name(field), OpErrorReason::Missing))
    }

    fn text(&self, field: Field) -> Result<&SmallStr, OpError> {
        match self.need(field)? {
            Json::String(text) => Ok(text),
            _ => Err(self.invalid(field, "expected a string")),
        }
    }

    fn optional_text(&self, field: Field) -> Result<Option<&SmallStr>, OpError> {
        self.get(field).map(|_| self.text(field)).transpose()
    }

    fn version(&self, field: Field) -> Result<u64, OpError> {
        self.need(field)?
            .as_u53()
            .ok_or_else(|| self.invalid(field, "expected an integer from 0 to 2^53 - 1"))
    }

    fn create(&self, content: NodeContent) -> Result<OpKind, OpError> {
        let intent = match self.optional_text(Field::Intent)?.map(SmallStr::as_str) {
            None => Intent::Insert,
            Some("set") => Intent::Set,
            Some("push") => Intent::Push,
            Some(_) => return Err(self.invalid(Field::Intent, "expected \"set\" or \"push\"")),
        };
        Ok(OpKind::Create(Create {
            parent_id: NodeId::from(self.text(Field::ParentId)?.as_str()),
            parent_key: self.text(Field::ParentKey)?.clone(),
            intent,
            deleted_id: self.optional_text(Field::DeletedId)?.map(|id| NodeId::from(id.as_str())),
            content,
        }))
    }

    /// The op, or `None` if a server sent one of a type that is not known here.
    pub(crate) fn finish(&self, sender: Sender) -> Result<Option<Op>, OpError> {
        let number = self
            .need(Field::Type)?
            .as_u53()
            .ok_or_else(|| self.invalid(Field::Type, "expected the number of an op type"))?;
        let Some(used) = fields_of(number) else {
            return match sender {
                Sender::Server => Ok(None),
                Sender::Client => Err(self.invalid(Field::Type, "there is no op of this type")),
            };
        };
        if sender == Sender::Client {
            self.reject_unknown(used)?;
            self.need(Field::OpId)?;
        }
        let op_id = self.optional_text(Field::OpId)?.map(|id| OpId::from(id.as_str()));
        let id = NodeId::from(self.text(Field::Id)?.as_str());
        if sender == Sender::Client && id.to_string().is_empty() {
            return Err(self.invalid(Field::Id, "an id must not be empty"));
        }
        let kind = self.kind(number)?;
        Ok(Some(Op { op_id, id, kind }))
    }

    fn kind(&self, number: u64) -> Result<OpKind, OpError> {
        match number {
            1 => Ok(OpKind::SetParentKey { parent_key: self.text(Field::ParentKey)?.clone() }),
            3 => Ok(OpKind::UpdateObject { data: self.object()? }),
            5 => Ok(OpKind::DeleteCrdt),
            6 => Ok(OpKind::DeleteObjectKey { key: self.text(Field::Key)?.clone() }),
            10 => Ok(OpKind::UpdateText(UpdateText {
                base_version: self.version(Field::BaseVersion)?,
                version: self
                    .get(Field::Version)
                    .map(|_| self.version(Field::Version))
                    .transpose()?,
                ops: TextOp::list_from_json(self.need(Field::Ops)?)
                    .map_err(|why| self.invalid(Field::Ops, why))?,
            })),
            2 => self.create(NodeContent::List),
            7 => self.create(NodeContent::Map),
            4 => self.create(NodeContent::Object(self.object()?)),
            8 => self.create(NodeContent::Register(self.need(Field::Data)?.clone())),
            9 => self.create(NodeContent::Text {
                segments: Segment::list_from_json(self.need(Field::Data)?)
                    .map_err(|why| self.invalid(Field::Data, why))?,
                version: self.version(Field::Version)?,
            }),
            _ => self.create(NodeContent::File(Arc::new(
                FileMeta::from_json(self.need(Field::Data)?)
                    .map_err(|why| self.invalid(Field::Data, why))?,
            ))),
        }
    }

    fn object(&self) -> Result<Arc<JsonObject>, OpError> {
        match self.need(Field::Data)? {
            Json::Object(data) => Ok(data.clone()),
            _ => Err(self.invalid(Field::Data, "expected an object")),
        }
    }

    fn reject_unknown(&self, used: &[&[Field]]) -> Result<(), OpError> {
        if let Some(name) = &self.unknown {
            return Err(self.error(name, OpErrorReason::Unknown));
        }
        for (at, (name, value)) in FIELDS.iter().zip(&self.fields).enumerate() {
            let common = at <= Field::Id as usize;
            let known = common || used.iter().copied().flatten().any(|field| *field as usize == at);
            if value.is_some() && !known {
                return Err(self.error(name, OpErrorReason::Unknown));
            }
        }
        Ok(())
    }
}

/// The fields that an op of type `number` may have besides `type`, `opId` and `id`.
fn fields_of(number: u64) -> Option<&'static [&'static [Field]]> {
    Some(match number {
        1 => &[&[Field::ParentKey]],
        2 | 7 => &[CREATE],
        3 => &[&[Field::Data]],
        4 | 8 | 11 => &[CREATE, &[Field::Data]],
        5 => &[],
        6 => &[&[Field::Key]],
        9 => &[CREATE, &[Field::Data, Field::Version]],
        10 => &[&[Field::BaseVersion, Field::Version, Field::Ops]],
        _ => return None,
    })
}

/// A field's value on its way out.
pub(crate) enum Value<'a> {
    Number(u64),
    Text(&'a str),
    Id(&'a dyn fmt::Display),
    Json(&'a Json),
    Object(&'a JsonObject),
    Segments(&'a [Segment]),
    TextOps(&'a [TextOp]),
    File(&'a FileMeta),
}

impl Op {
    /// Reads an op from its wire form.
    ///
    /// # Errors
    /// Names the op and the field that is missing, unknown or of the wrong type. `Ok(None)` is an
    /// op of unknown type from a (newer) server.
    pub fn from_json(json: &Json, sender: Sender) -> Result<Option<Self>, OpError> {
        let mut raw = RawOp::default();
        let Json::Object(fields) = json else {
            return Err(raw.error("type", OpErrorReason::Missing));
        };
        for (name, value) in fields.iter() {
            raw.set(name, value.clone());
        }
        raw.finish(sender)
    }

    /// Reads an op straight from bytes.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<RawOp, JsonError> {
        let mut raw = RawOp::default();
        reader.begin_object()?;
        while let Some(key) = reader.next_key()? {
            raw.set(&key, reader.value()?);
        }
        Ok(raw)
    }

    /// Calls `field` with each field of the wire form, in order.
    pub(crate) fn fields<E>(
        &self,
        mut field: impl FnMut(&'static str, Value<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
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
        field("type", Value::Number(number))?;
        if let Some(op_id) = &self.op_id {
            field("opId", Value::Id(op_id))?;
        }
        field("id", Value::Id(&self.id))?;
        match &self.kind {
            OpKind::SetParentKey { parent_key } => field("parentKey", Value::Text(parent_key)),
            OpKind::UpdateObject { data } => field("data", Value::Object(data)),
            OpKind::DeleteCrdt => Ok(()),
            OpKind::DeleteObjectKey { key } => field("key", Value::Text(key)),
            OpKind::UpdateText(update) => {
                field("baseVersion", Value::Number(update.base_version))?;
                if let Some(version) = update.version {
                    field("version", Value::Number(version))?;
                }
                field("ops", Value::TextOps(&update.ops))
            }
            OpKind::Create(create) => {
                field("parentId", Value::Id(&create.parent_id))?;
                field("parentKey", Value::Text(&create.parent_key))?;
                create.content.fields(&mut field)?;
                match create.intent {
                    Intent::Insert => {}
                    Intent::Set => field("intent", Value::Text("set"))?,
                    Intent::Push => field("intent", Value::Text("push"))?,
                }
                match &create.deleted_id {
                    Some(deleted) => field("deletedId", Value::Id(deleted)),
                    None => Ok(()),
                }
            }
        }
    }

    /// Appends the wire form to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        let Ok(()) = self.fields(|name, value| object.field(name, &value));
        object.end();
    }

    /// The wire form as a JSON value.
    pub fn to_json(&self) -> Json {
        let mut fields = Vec::with_capacity(8);
        let Ok(()) = self.fields(|name, value| {
            fields.push((SmallStr::from(name), value.to_json()));
            Ok::<(), std::convert::Infallible>(())
        });
        Json::object(fields)
    }
}

impl NodeContent {
    /// Calls `field` with `data` and `version`, as far as the content has them.
    pub(crate) fn fields<E>(
        &self,
        field: &mut impl FnMut(&'static str, Value<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::List | Self::Map => Ok(()),
            Self::Object(data) => field("data", Value::Object(data)),
            Self::Register(data) => field("data", Value::Json(data)),
            Self::File(file) => field("data", Value::File(file)),
            Self::Text { segments, version } => {
                field("data", Value::Segments(segments))?;
                field("version", Value::Number(*version))
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
            Self::Id(id) => Json::from(id.to_string()),
            Self::Json(json) => (*json).clone(),
            Self::Object(object) => Json::from((*object).clone()),
            Self::Segments(segments) => Json::array(segments.iter().map(Segment::to_json)),
            Self::TextOps(ops) => Json::array(ops.iter().map(TextOp::to_json)),
            Self::File(file) => file.to_json(),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => write_u64(*number, out),
            Self::Text(text) => write_str(text, out),
            Self::Id(id) => write_str(&id.to_string(), out),
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
    pub(crate) fn name(&mut self, name: &'static str) -> &mut Vec<u8> {
        self.out.extend_from_slice(if self.first { b"\"" } else { b",\"" });
        self.first = false;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    #[expect(clippy::unnecessary_wraps, reason = "shaped for `fields`")]
    pub(crate) fn field(
        &mut self,
        name: &'static str,
        value: &Value<'_>,
    ) -> Result<(), std::convert::Infallible> {
        value.write(self.name(name));
        Ok(())
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Id(id) => serializer.collect_str(id),
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
        self.fields(|name, value| map.serialize_entry(name, &value))?;
        map.end()
    }
}

/// Reads strictly, as from a client, except that the `opId` may be missing.
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
