//! Segments: a `LiveText`'s content as the wire has it, `[text]` or `[text, attributes]`.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::json::JsonObject;
use crate::{Json, SmallStr};

/// Formatting of a run of text: attribute names to scalar values.
pub type Attributes = Arc<JsonObject>;

/// A run of text whose characters all have the same attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The run's text.
    pub text: SmallStr,
    /// Its attributes; `None` is not the same as an empty set.
    pub attributes: Option<Attributes>,
}

/// The most attributes that any of these has.
pub(crate) fn most_attributes<'a>(all: impl IntoIterator<Item = &'a Option<Attributes>>) -> usize {
    all.into_iter().flatten().map(|attributes| attributes.len()).max().unwrap_or_default()
}

impl Segment {
    /// A run without attributes.
    pub fn plain(text: impl Into<SmallStr>) -> Self {
        Self { text: text.into(), attributes: None }
    }

    /// Reads `[text]` or `[text, attributes]`; the error says what is wrong.
    pub(crate) fn from_json(json: &Json) -> Result<Self, &'static str> {
        let (text, attributes) = match json.as_array() {
            Some([text]) => (text, None),
            Some([text, attributes]) => (text, Some(attributes)),
            _ => return Err("a segment must be [text] or [text, attributes]"),
        };
        let Json::String(text) = text else {
            return Err("a segment's text must be a string");
        };
        let attributes = attributes.map(attributes_from_json).transpose()?;
        Ok(Self { text: text.clone(), attributes })
    }

    /// Reads an array of segments.
    pub(crate) fn list_from_json(json: &Json) -> Result<Vec<Self>, &'static str> {
        let items = json.as_array().ok_or("a text's data must be an array of segments")?;
        items.iter().map(Self::from_json).collect()
    }

    /// `[text]` or `[text, attributes]`.
    pub fn to_json(&self) -> Json {
        let text = Json::String(self.text.clone());
        match &self.attributes {
            None => Json::array([text]),
            Some(attributes) => Json::array([text, Json::Object(attributes.clone())]),
        }
    }
}

impl Serialize for Segment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Segment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Json::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Reads attributes: an object of scalar values.
pub(crate) fn attributes_from_json(json: &Json) -> Result<Attributes, &'static str> {
    let Json::Object(attributes) = json else {
        return Err("attributes must be an object");
    };
    if attributes.iter().any(|(_, value)| value.is_nested()) {
        return Err("an attribute's value must be a scalar");
    }
    Ok(attributes.clone())
}
