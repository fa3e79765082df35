//! LiveFile: the metadata of a file that is stored elsewhere.

use serde::Serialize;

use crate::{Json, SmallStr};

/// What a document knows of a file: `{"id", "name", "size", "mimeType"}`. Immutable.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileMeta {
    /// `fl_` and 21 characters.
    pub id: SmallStr,
    /// The file's name.
    pub name: SmallStr,
    /// Its size in bytes, at most 2^53 - 1.
    pub size: u64,
    /// Its media type.
    pub mime_type: SmallStr,
}

impl FileMeta {
    /// Reads `{"id", "name", "size", "mimeType"}`; the error says what is wrong.
    pub(crate) fn from_json(json: &Json) -> Result<Self, &'static str> {
        let text = |field: &str| match json.get(field) {
            Some(Json::String(text)) => Some(text.clone()),
            _ => None,
        };
        let id = text("id").ok_or("a file's id must be a string")?;
        let tail = id.strip_prefix("fl_").ok_or("a file's id must start with fl_")?;
        if tail.chars().count() != 21 {
            return Err("a file's id must be fl_ and 21 characters");
        }
        Ok(Self {
            name: text("name").ok_or("a file's name must be a string")?,
            size: json
                .get("size")
                .and_then(Json::as_u53)
                .ok_or("a file's size must be an integer")?,
            mime_type: text("mimeType").ok_or("a file's mimeType must be a string")?,
            id,
        })
    }

    /// `{"id", "name", "size", "mimeType"}`.
    pub fn to_json(&self) -> Json {
        #[expect(clippy::cast_precision_loss, reason = "at most 2^53 - 1")]
        let size = Json::number(self.size as f64);
        Json::object([
            ("id".into(), self.id.clone().into()),
            ("mimeType".into(), self.mime_type.clone().into()),
            ("name".into(), self.name.clone().into()),
            ("size".into(), size),
        ])
    }
}
