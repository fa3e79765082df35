//! The three operations on a text, as they travel inside an `UpdateText` op.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::segment::{Attributes, attributes_from_json};
use super::units::signed_len;
use crate::{Json, SmallStr};

/// One change to a text. Indexes and lengths are UTF-16 code units; in a sequence each operation
/// is expressed against the result of the one before.
///
/// They are signed because peers may send any integer; applying clips them to the text.
#[derive(Clone, Debug, PartialEq)]
pub enum TextOp {
    /// Inserts text before `index`.
    Insert {
        /// Where, from the text's start.
        index: i64,
        /// What is inserted.
        text: SmallStr,
        /// The inserted run's attributes; nothing is inherited.
        attributes: Option<Attributes>,
    },
    /// Removes `length` units from `index` on.
    Delete {
        /// Where the range starts.
        index: i64,
        /// The range's length.
        length: i64,
    },
    /// Changes the attributes of `length` units from `index` on.
    Format {
        /// Where the range starts.
        index: i64,
        /// The range's length.
        length: i64,
        /// Attributes to set; a null value removes one.
        attributes: Attributes,
    },
}

impl TextOp {
    /// Moves the operation by a number of units, to the front if it is negative.
    pub(crate) fn shift(&mut self, units: i64) {
        match self {
            Self::Insert { index, .. }
            | Self::Delete { index, .. }
            | Self::Format { index, .. } => *index = index.saturating_add(units),
        }
    }

    /// Reads one operation; the error says what is wrong with it.
    pub(crate) fn from_json(json: &Json) -> Result<Self, &'static str> {
        let integer = |field: &str| json.get(field).and_then(integer);
        let kind = json.get("type").and_then(Json::as_str).ok_or("a text op needs a type")?;
        let index = integer("index").ok_or("a text op's index must be an integer")?;
        let length = || integer("length").ok_or("a text op's length must be an integer");
        match kind {
            "insert" => {
                let Some(Json::String(text)) = json.get("text") else {
                    return Err("an insert's text must be a string");
                };
                let attributes = json.get("attributes").map(attributes_from_json).transpose()?;
                Ok(Self::Insert { index, text: text.clone(), attributes })
            }
            "delete" => Ok(Self::Delete { index, length: length()? }),
            "format" => {
                let attributes = json.get("attributes").ok_or("a format needs attributes")?;
                let attributes = attributes_from_json(attributes)?;
                Ok(Self::Format { index, length: length()?, attributes })
            }
            _ => Err("a text op's type must be insert, delete or format"),
        }
    }

    /// How much longer it makes its text.
    pub(crate) fn growth(&self) -> i64 {
        match self {
            Self::Insert { text, .. } => signed_len(text),
            Self::Delete { length, .. } => -length,
            Self::Format { .. } => 0,
        }
    }

    /// Reads an array of operations.
    pub(crate) fn list_from_json(json: &Json) -> Result<Vec<Self>, &'static str> {
        let items = json.as_array().ok_or("text ops must be an array")?;
        items.iter().map(Self::from_json).collect()
    }

    /// The operation as it stands on the wire.
    pub fn to_json(&self) -> Json {
        #[expect(clippy::cast_precision_loss, reason = "the wire's numbers are doubles")]
        let number = |n: &i64| Json::number(*n as f64);
        let field = |name: &str, value: Json| (SmallStr::from(name), value);
        let mut fields = Vec::with_capacity(4);
        match self {
            Self::Insert { index, text, attributes } => {
                fields.push(field("type", "insert".into()));
                fields.push(field("index", number(index)));
                fields.push(field("text", text.clone().into()));
                fields.extend(
                    attributes.iter().map(|a| field("attributes", Json::Object(a.clone()))),
                );
            }
            Self::Delete { index, length } => {
                fields.push(field("type", "delete".into()));
                fields.push(field("index", number(index)));
                fields.push(field("length", number(length)));
            }
            Self::Format { index, length, attributes } => {
                fields.push(field("type", "format".into()));
                fields.push(field("index", number(index)));
                fields.push(field("length", number(length)));
                fields.push(field("attributes", Json::Object(attributes.clone())));
            }
        }
        Json::object(fields)
    }
}

impl Serialize for TextOp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TextOp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Json::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// An integer of at most 2^53 in either direction; larger ones are clamped.
fn integer(json: &Json) -> Option<i64> {
    const MAX: f64 = 9_007_199_254_740_992.0;
    let value = json.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "clamped to integers that fit")]
    let integer = (value.fract() == 0.0).then_some(value.clamp(-MAX, MAX) as i64);
    integer
}
