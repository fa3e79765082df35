//! From the values of a patch to what is put into the document.

use serde_json::Value;

use super::PatchReason;
use crate::document::ValueRef;
use crate::json::error::{push_index, push_key};
use crate::lson::error::{LsonError, LsonReason};
use crate::{Json, Lson, ReadLimits, Segment, SmallStr};

/// A value on its way into the document.
pub(super) enum Given<'v> {
    /// As a patch has it.
    Value(&'v Value),
    /// Taken from the document.
    Lson(Lson),
}

impl Given<'_> {
    /// The value made live.
    pub(super) fn into_lson(self) -> Result<Lson, PatchReason> {
        match self {
            Self::Lson(lson) => Ok(lson),
            Self::Value(value) => {
                check_depth(value)?;
                live(value, &mut String::new()).map_err(PatchReason::Value)
            }
        }
    }

    /// The value as what the root has. A value that says it is a LiveMap cannot be the root, but one
    /// that is taken from the document is just an object of the JSON that the patch sees.
    pub(super) fn into_root(self) -> Result<Vec<(SmallStr, Lson)>, PatchReason> {
        let taken = matches!(self, Self::Lson(_));
        let lson = match self.into_lson()? {
            Lson::Json(json @ Json::Object(_)) => Lson::live(&json),
            lson => lson,
        };
        match lson {
            Lson::Object(entries) => Ok(entries),
            Lson::Map(entries) if taken => Ok(entries),
            _ => Err(PatchReason::RootNotObject),
        }
    }

    /// The value as JSON, for the inside of a text.
    pub(super) fn into_json(self) -> Result<Json, PatchReason> {
        match self {
            Self::Lson(lson) => Ok(projection(&lson)),
            Self::Value(value) => {
                check_depth(value)?;
                Ok(Json::from(value))
            }
        }
    }
}

/// Refuses values that are nested too deep. They may come from anywhere, so how deep is found out
/// without recursion.
fn check_depth(value: &Value) -> Result<(), PatchReason> {
    let limit = ReadLimits::DEEPEST;
    let inside = |value| matches!(value, &Value::Array(_) | &Value::Object(_));
    if !inside(value) {
        return Ok(());
    }
    let mut stack = vec![(value, 1)];
    while let Some((value, depth)) = stack.pop() {
        if depth > limit {
            let error = LsonError::new(None, LsonReason::TooDeep { limit });
            return Err(PatchReason::Value(error));
        }
        match value {
            Value::Array(items) => {
                stack
                    .extend(items.iter().filter(|item| inside(item)).map(|item| (item, depth + 1)));
            }
            Value::Object(entries) => {
                let values = entries.values().filter(|value| inside(value));
                stack.extend(values.map(|value| (value, depth + 1)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Objects become LiveObjects and arrays LiveLists; plain LSON, at any level, becomes what it says.
fn live(value: &Value, at: &mut String) -> Result<Lson, LsonError> {
    match value {
        Value::Object(entries) if entries.contains_key("liveblocksType") => {
            Lson::from_plain_deep(&Json::from(value)).map_err(|error| error.under(at))
        }
        Value::Object(entries) => {
            let mut live = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let value = part(value, at, |at| push_key(at, key))?;
                live.push((SmallStr::from(key), value));
            }
            Ok(Lson::Object(live))
        }
        Value::Array(items) => {
            let mut live = Vec::with_capacity(items.len());
            for (index, value) in items.iter().enumerate() {
                live.push(part(value, at, |at| push_index(at, index))?);
            }
            Ok(Lson::List(live))
        }
        scalar => Ok(Lson::Json(Json::from(scalar))),
    }
}

/// A value below `at`, which is only written out for what can be wrong inside.
fn part(value: &Value, at: &mut String, push: impl Fn(&mut String)) -> Result<Lson, LsonError> {
    if !matches!(value, Value::Array(_) | Value::Object(_)) {
        return Ok(Lson::Json(Json::from(value)));
    }
    let len = at.len();
    push(at);
    let lson = live(value, at);
    at.truncate(len);
    lson
}

/// Whether what is taken from the document may change its nature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// Everything is as it was.
    Same,
    /// Plain objects and arrays become live; what is live stays as it is.
    Live,
}

/// A value of the document as one that can be put elsewhere. Recurses as deep as nodes may nest.
pub(super) fn take(value: ValueRef<'_>, how: Take) -> Lson {
    match value {
        ValueRef::Json(json) => match how {
            Take::Live => Lson::live(&json),
            Take::Same => Lson::Json(json),
        },
        ValueRef::Object(object) => Lson::Object(
            object.iter().map(|(key, value)| (key.clone(), take(value, how))).collect(),
        ),
        ValueRef::Map(map) => {
            Lson::Map(map.iter().map(|(key, value)| (key.clone(), take(value, how))).collect())
        }
        ValueRef::List(list) => Lson::List(list.iter().map(|item| take(item, how)).collect()),
        ValueRef::Text(text) => Lson::Text { segments: text.segments(), version: 0 },
        ValueRef::File(file) => Lson::File(file.clone()),
    }
}

fn projection(lson: &Lson) -> Json {
    match lson {
        Lson::Json(json) => json.clone(),
        Lson::Object(entries) | Lson::Map(entries) => {
            Json::object(entries.iter().map(|(key, value)| (key.clone(), projection(value))))
        }
        Lson::List(items) => Json::array(items.iter().map(projection)),
        Lson::Text { segments, .. } => Json::array(segments.iter().map(Segment::to_json)),
        Lson::File(file) => file.to_json(),
    }
}
