//! LiveFile: the metadata of a file that is stored elsewhere.

use serde::Serialize;
use thiserror::Error;

use crate::{Json, SmallStr};

/// What a document knows of a file: `{"id", "name", "size", "mimeType"}`.
///
/// Immutable: a file that changes is another file, with another id. The host stores the file itself
/// and hands out the id, `fl_` and 21 characters; a server may have its host confirm uploads with
/// [`Server::confirming_uploads`](crate::Server::confirming_uploads).
///
/// ```
/// use livetree::{Document, FileMeta, IdSource, Actor};
/// let photo = FileMeta::new("fl_0123456789abcdefghijk", "cat.jpg", 48_213, "image/jpeg")?;
/// let mut document = Document::new();
/// document.edit(&mut IdSource::new(Actor(0)), |root| root.set("photo", photo.clone()))?;
/// assert_eq!(document.at("/photo")?.to_json(), photo.to_json());
/// assert!(FileMeta::new("fl_tooshort", "cat.jpg", 48_213, "image/jpeg").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileMeta {
    id: SmallStr,
    name: SmallStr,
    size: u64,
    mime_type: SmallStr,
}

/// Why something is not the metadata of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct FileError(&'static str);

/// The greatest integer up to which every one is a JSON number.
const MAX_SIZE: u64 = (1 << 53) - 1;

impl FileMeta {
    /// The metadata of a file of `size` bytes.
    ///
    /// # Errors
    /// If the id is not `fl_` and 21 characters, or the size is more than 2^53 - 1.
    pub fn new(
        id: impl Into<SmallStr>,
        name: impl Into<SmallStr>,
        size: u64,
        mime_type: impl Into<SmallStr>,
    ) -> Result<Self, FileError> {
        let id = id.into();
        let tail = id.strip_prefix("fl_").ok_or(FileError("a file's id must start with fl_"))?;
        if tail.chars().count() != 21 {
            return Err(FileError("a file's id must be fl_ and 21 characters"));
        }
        if size > MAX_SIZE {
            return Err(FileError("a file's size must be at most 2^53 - 1"));
        }
        Ok(Self { id, name: name.into(), size, mime_type: mime_type.into() })
    }

    /// `fl_` and 21 characters.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its size in bytes, at most 2^53 - 1.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its media type.
    pub fn mime_type(&self) -> &str {
        &self.mime_type
    }

    /// The same with another size.
    pub(crate) fn of_size(&self, size: u64) -> Self {
        Self { size: size.min(MAX_SIZE), ..self.clone() }
    }

    /// Reads `{"id", "name", "size", "mimeType"}`; the error says what is wrong.
    pub(crate) fn from_json(json: &Json) -> Result<Self, &'static str> {
        let text = |field: &str| match json.get(field) {
            Some(Json::String(text)) => Some(text.clone()),
            _ => None,
        };
        let id = text("id").ok_or("a file's id must be a string")?;
        let name = text("name").ok_or("a file's name must be a string")?;
        let size =
            json.get("size").and_then(Json::as_u53).ok_or("a file's size must be an integer")?;
        let mime_type = text("mimeType").ok_or("a file's mimeType must be a string")?;
        Self::new(id, name, size, mime_type).map_err(|FileError(what)| what)
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
