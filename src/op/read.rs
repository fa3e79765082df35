//! The wire form of ops, on its way in: straight from bytes, or out of a JSON value.
//!
//! Reading is strict towards clients (an unknown type or field is an error) and tolerant towards a
//! server that may be newer (unknown fields are ignored, unknown types skipped). An op's type need
//! not come first, so its fields are read before it is known which are needed; each is read as
//! what it has to be wherever it is used.

use std::convert::Infallible;
use std::sync::Arc;

use thiserror::Error;

use super::{Create, Intent, NodeContent, Op, OpKind, UpdateText};
use crate::json::JsonObject;
use crate::json::read::Reader;
use crate::text::{Segment, TextOp};
use crate::{FileMeta, Json, JsonError, NodeId, OpId, SmallStr};

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
    number: Slot<u64>,
    op_id: Slot<OpId>,
    id: Slot<NodeId>,
    parent_id: Slot<NodeId>,
    parent_key: Slot<SmallStr>,
    data: Slot<Json>,
    intent: Slot<Option<Intent>>,
    deleted_id: Slot<NodeId>,
    key: Slot<SmallStr>,
    base_version: Slot<u64>,
    version: Slot<u64>,
    ops: Slot<Json>,
    /// Those that are there.
    given: FieldSet,
    unknown: Option<SmallStr>,
}

/// The value of a field.
#[derive(Default)]
enum Slot<T> {
    #[default]
    Missing,
    /// It is not of the type that the field has.
    Wrong,
    Given(T),
}

/// Defines the fields of ops, with their names.
macro_rules! fields {
    ($($field:ident $name:literal),*) => {
        /// The fields of all ops, in the order in which the unknown ones of an op are told.
        #[derive(Clone, Copy)]
        enum Field {
            $($field),*
        }

        impl Field {
            const ALL: &[Self] = &[$(Self::$field),*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$field => $name),*
                }
            }

            #[inline]
            fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$field),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    Type "type",
    OpId "opId",
    Id "id",
    ParentId "parentId",
    ParentKey "parentKey",
    Data "data",
    Intent "intent",
    DeletedId "deletedId",
    Key "key",
    BaseVersion "baseVersion",
    Version "version",
    Ops "ops"
}

impl Field {
    /// What its value should have been.
    fn expected(self) -> &'static str {
        match self {
            Self::Type => "expected the number of an op type",
            Self::BaseVersion | Self::Version => "expected an integer from 0 to 2^53 - 1",
            _ => "expected a string",
        }
    }
}

/// A set of fields.
#[derive(Clone, Copy, Default)]
struct FieldSet(u16);

impl FieldSet {
    const fn of(fields: &[Field]) -> Self {
        let (mut set, mut rest) = (0, fields);
        while let [field, others @ ..] = rest {
            set |= 1 << *field as u16;
            rest = others;
        }
        Self(set)
    }

    const fn and(self, fields: &[Field]) -> Self {
        Self(self.0 | Self::of(fields).0)
    }

    /// The name of the first field that is not in `known`.
    fn first_beyond(self, known: Self) -> Option<&'static str> {
        let first = (self.0 & !known.0).trailing_zeros() as usize;
        Field::ALL.get(first).map(|field| field.name())
    }
}

/// The fields that an op of type `number` may have.
fn fields_of(number: u64) -> Option<FieldSet> {
    const ALL: FieldSet = FieldSet::of(&[Field::Type, Field::OpId, Field::Id]);
    const CREATE: FieldSet =
        ALL.and(&[Field::ParentId, Field::ParentKey, Field::Intent, Field::DeletedId]);
    Some(match number {
        1 => ALL.and(&[Field::ParentKey]),
        2 | 7 => CREATE,
        3 => ALL.and(&[Field::Data]),
        4 | 8 | 11 => CREATE.and(&[Field::Data]),
        5 => ALL,
        6 => ALL.and(&[Field::Key]),
        9 => CREATE.and(&[Field::Data, Field::Version]),
        10 => ALL.and(&[Field::BaseVersion, Field::Version, Field::Ops]),
        _ => return None,
    })
}

/// A field's value on its way in. A value that is not of the type asked for is stepped over.
trait Source: Sized {
    type Error;

    /// What `read` makes of a string, or of nothing.
    fn text<T>(self, read: impl FnOnce(Option<&str>) -> T) -> Result<T, Self::Error>;

    /// An integer from 0 to 2^53 - 1.
    fn integer(self) -> Result<Slot<u64>, Self::Error>;

    /// Any value.
    fn json(self) -> Result<Json, Self::Error>;
}

impl Source for &mut Reader<'_> {
    type Error = JsonError;

    #[inline]
    fn text<T>(self, read: impl FnOnce(Option<&str>) -> T) -> Result<T, JsonError> {
        let text = self.string()?;
        if text.is_none() {
            self.value()?;
        }
        Ok(read(text.as_deref()))
    }

    fn integer(self) -> Result<Slot<u64>, JsonError> {
        if let Some(integer) = self.plain_integer() {
            return Ok(Slot::Given(integer));
        }
        self.value().map(|value| Slot::of(value.as_u53()))
    }

    fn json(self) -> Result<Json, JsonError> {
        self.value()
    }
}

impl Source for &Json {
    type Error = Infallible;

    fn text<T>(self, read: impl FnOnce(Option<&str>) -> T) -> Result<T, Infallible> {
        Ok(read(self.as_str()))
    }

    fn integer(self) -> Result<Slot<u64>, Infallible> {
        Ok(Slot::of(self.as_u53()))
    }

    fn json(self) -> Result<Json, Infallible> {
        Ok(self.clone())
    }
}

impl RawOp {
    /// Reads a field; of two with the same name the later wins.
    #[inline]
    fn read<S: Source>(&mut self, name: &str, value: S) -> Result<(), S::Error> {
        let Some(field) = Field::named(name) else {
            value.json()?;
            self.unknown = Some(name.into());
            return Ok(());
        };
        self.given = self.given.and(&[field]);
        match field {
            Field::Type => self.number = value.integer()?,
            Field::BaseVersion => self.base_version = value.integer()?,
            Field::Version => self.version = value.integer()?,
            Field::Data => self.data = Slot::Given(value.json()?),
            Field::Ops => self.ops = Slot::Given(value.json()?),
            Field::OpId
            | Field::Id
            | Field::ParentId
            | Field::ParentKey
            | Field::Intent
            | Field::DeletedId
            | Field::Key => value.text(|text| self.set_text(field, text))?,
        }
        Ok(())
    }

    /// Notes a field that has to be a string.
    #[inline]
    fn set_text(&mut self, field: Field, text: Option<&str>) {
        match field {
            Field::OpId => self.op_id = Slot::of(text.map(OpId::from)),
            Field::Id => self.id = Slot::of(text.map(NodeId::from)),
            Field::ParentId => self.parent_id = Slot::of(text.map(NodeId::from)),
            Field::DeletedId => self.deleted_id = Slot::of(text.map(NodeId::from)),
            Field::ParentKey => self.parent_key = Slot::of(text.map(SmallStr::from)),
            Field::Key => self.key = Slot::of(text.map(SmallStr::from)),
            Field::Intent => self.intent = Slot::of(text.map(intent)),
            Field::Type | Field::Data | Field::BaseVersion | Field::Version | Field::Ops => {}
        }
    }

    /// The op, or `None` if a server sent one of a type that is not known here.
    pub(crate) fn finish(&mut self, sender: Sender) -> Result<Option<Op>, OpError> {
        let fault = match self.take(sender) {
            Ok(op) => return Ok(op),
            Err(fault) => fault,
        };
        let op_id = match &self.op_id {
            Slot::Given(op_id) => Some(op_id.with_text(|text| text.into())),
            Slot::Missing | Slot::Wrong => None,
        };
        Err(OpError { op_id, field: fault.field, reason: fault.reason })
    }

    /// As [`finish`](Self::finish); if it fails, the op id is still there.
    fn take(&mut self, sender: Sender) -> Result<Option<Op>, Fault> {
        let number = *self.number.need(Field::Type)?;
        let Some(known) = fields_of(number) else {
            return match sender {
                Sender::Server => Ok(None),
                Sender::Client => Err(Fault::invalid(Field::Type, "there is no op of this type")),
            };
        };
        if sender == Sender::Client {
            let unknown = self.unknown.take();
            let beyond = || self.given.first_beyond(known).map(SmallStr::from);
            if let Some(field) = unknown.or_else(beyond) {
                return Err(Fault { field, reason: OpErrorReason::Unknown });
            }
            if matches!(self.op_id, Slot::Missing) {
                return Err(Fault::missing(Field::OpId));
            }
        }
        self.op_id.check(Field::OpId)?;
        let id = self.id.take(Field::Id)?;
        if sender == Sender::Client && id.with_text(str::is_empty) {
            return Err(Fault::invalid(Field::Id, "an id must not be empty"));
        }
        let kind = self.kind(number)?;
        Ok(Some(Op { op_id: std::mem::take(&mut self.op_id).given(), id, kind }))
    }

    fn kind(&mut self, number: u64) -> Result<OpKind, Fault> {
        Ok(match number {
            1 => OpKind::SetParentKey { parent_key: self.parent_key.take(Field::ParentKey)? },
            3 => OpKind::UpdateObject { data: Arc::unwrap_or_clone(self.object()?) },
            5 => OpKind::DeleteCrdt,
            6 => OpKind::DeleteObjectKey { key: self.key.take(Field::Key)? },
            10 => OpKind::UpdateText(UpdateText {
                base_version: *self.base_version.need(Field::BaseVersion)?,
                version: self.version.optional(Field::Version)?,
                ops: TextOp::list_from_json(self.ops.need(Field::Ops)?)
                    .map_err(|why| Fault::invalid(Field::Ops, why))?,
            }),
            2 => self.create(NodeContent::List)?,
            7 => self.create(NodeContent::Map)?,
            4 => {
                let fields = self.object()?;
                self.create(NodeContent::Object(fields))?
            }
            8 => {
                let value = self.data.take(Field::Data)?;
                self.create(NodeContent::Register(value))?
            }
            9 => {
                let segments = Segment::list_from_json(self.data.need(Field::Data)?)
                    .map_err(|why| Fault::invalid(Field::Data, why))?;
                let version = *self.version.need(Field::Version)?;
                self.create(NodeContent::Text { segments, version })?
            }
            _ => {
                let file = FileMeta::from_json(self.data.need(Field::Data)?)
                    .map_err(|why| Fault::invalid(Field::Data, why))?;
                self.create(NodeContent::File(Arc::new(file)))?
            }
        })
    }

    fn create(&mut self, content: NodeContent) -> Result<OpKind, Fault> {
        let intent = match self.intent.optional(Field::Intent)? {
            None => Intent::Insert,
            Some(Some(intent)) => intent,
            Some(None) => {
                return Err(Fault::invalid(Field::Intent, "expected \"set\" or \"push\""));
            }
        };
        Ok(OpKind::Create(Create {
            parent_id: self.parent_id.take(Field::ParentId)?,
            parent_key: self.parent_key.take(Field::ParentKey)?,
            intent,
            deleted_id: self.deleted_id.optional(Field::DeletedId)?,
            content,
        }))
    }

    fn object(&mut self) -> Result<Arc<JsonObject>, Fault> {
        match self.data.take(Field::Data)? {
            Json::Object(fields) => Ok(fields),
            _ => Err(Fault::invalid(Field::Data, "expected an object")),
        }
    }
}

/// The intent that a text names.
pub(super) fn intent(text: &str) -> Option<Intent> {
    match text {
        "set" => Some(Intent::Set),
        "push" => Some(Intent::Push),
        _ => None,
    }
}

/// What is wrong with an op, apart from which op it is.
struct Fault {
    field: SmallStr,
    reason: OpErrorReason,
}

impl Fault {
    #[cold]
    fn missing(field: Field) -> Self {
        Self { field: field.name().into(), reason: OpErrorReason::Missing }
    }

    #[cold]
    fn wrong(field: Field) -> Self {
        Self::invalid(field, field.expected())
    }

    #[cold]
    fn invalid(field: Field, why: &'static str) -> Self {
        Self { field: field.name().into(), reason: OpErrorReason::Invalid(why) }
    }
}

impl<T> Slot<T> {
    /// A value, or nothing of the right type.
    fn of(value: Option<T>) -> Self {
        value.map_or(Self::Wrong, Self::Given)
    }

    fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Missing | Self::Wrong => None,
        }
    }

    /// Whether the value, if it is there, is of the right type.
    fn check(&self, field: Field) -> Result<(), Fault> {
        if matches!(self, Self::Wrong) { Err(Fault::wrong(field)) } else { Ok(()) }
    }

    /// The value, which must be there.
    fn need(&self, field: Field) -> Result<&T, Fault> {
        match self {
            Self::Given(value) => Ok(value),
            Self::Missing => Err(Fault::missing(field)),
            Self::Wrong => Err(Fault::wrong(field)),
        }
    }

    /// As [`need`](Self::need), taken out.
    fn take(&mut self, field: Field) -> Result<T, Fault>
    where
        Self: Default,
    {
        self.optional(field)?.ok_or_else(|| Fault::missing(field))
    }

    /// The value, if it is there, taken out.
    fn optional(&mut self, field: Field) -> Result<Option<T>, Fault>
    where
        Self: Default,
    {
        self.check(field)?;
        Ok(std::mem::take(self).given())
    }
}

impl Op {
    /// Reads an op from its wire form.
    ///
    /// # Errors
    /// Names the op and the field that is missing, unknown or of the wrong type. `Ok(None)` is an
    /// op of unknown type from a (newer) server.
    pub fn from_json(json: &Json, sender: Sender) -> Result<Option<Self>, OpError> {
        let mut raw = RawOp::default();
        // What is no object has no fields.
        for (name, value) in json.as_object().into_iter().flat_map(JsonObject::iter) {
            let Ok(()) = raw.read(name, value);
        }
        raw.finish(sender)
    }

    /// Reads an op straight from bytes.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<RawOp, JsonError> {
        let mut raw = RawOp::default();
        reader.begin_object()?;
        while let Some(key) = reader.next_key()? {
            raw.read(&key, &mut *reader)?;
        }
        Ok(raw)
    }
}

#[cfg(test)]
mod tests;
