//! LSON: what can be put into a document, JSON or a live structure that is not yet part of one.
//!
//! An [`Lson`] is a description: it has no ids and no positions. The [`lson!`](crate::lson!) macro
//! writes one down, [`plain`] moves it (or bytes, or [`Json`]) into whatever is being built. This
//! layer knows nothing of trees.

pub(crate) mod error;
pub(crate) mod feed;
mod macros;
mod notation;
pub(crate) mod plain;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::error::{LsonError, LsonReason};
use crate::{FileMeta, Json, ReadLimits, Segment, SmallStr};

/// JSON, or a live structure that is not yet in a document.
///
/// Build one with [`lson!`](crate::lson!), with the constructors here, or from anything that
/// converts to [`Json`]. Keys keep their order; of two equal keys the later one counts.
///
/// ```
/// use livetree::{Lson, lson};
/// let shape = lson!({ "x": 1, "tags": ["a", "b"], "style": (Lson::json(lson_style())) });
/// # fn lson_style() -> livetree::Json { livetree::Json::object([]) }
/// assert_eq!(
///     shape.to_string(),
///     r#"{"liveblocksType":"LiveObject","data":{"x":1,"tags":{"liveblocksType":"LiveList","data":["a","b"]},"style":{}}}"#
/// );
/// ```
#[derive(Clone, PartialEq)]
pub enum Lson {
    /// An opaque JSON leaf.
    Json(Json),
    /// A LiveObject: keys to values.
    Object(Vec<(SmallStr, Lson)>),
    /// A LiveMap: as an object, but every entry is a node of its own.
    Map(Vec<(SmallStr, Lson)>),
    /// A LiveList.
    List(Vec<Lson>),
    /// A LiveText.
    Text {
        /// The runs of text.
        segments: Vec<Segment>,
        /// How many updates it has seen; 0 for a new one.
        version: u64,
    },
    /// A LiveFile.
    File(FileMeta),
}

impl Lson {
    /// An opaque JSON leaf: replaced whole, never merged.
    pub fn json(value: impl Into<Json>) -> Self {
        Self::Json(value.into())
    }

    /// A LiveObject.
    pub fn object<K: Into<SmallStr>, V: Into<Self>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self::Object(unique(entries))
    }

    /// A LiveMap.
    ///
    /// ```
    /// use livetree::{Lson, lson};
    /// let shapes = Lson::map([("a", lson!({ "x": 1 })), ("b", lson!({ "x": 2 }))]);
    /// ```
    pub fn map<K: Into<SmallStr>, V: Into<Self>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self::Map(unique(entries))
    }

    /// A LiveList.
    pub fn list<V: Into<Self>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// A LiveText without formatting.
    pub fn text(text: impl Into<SmallStr>) -> Self {
        let text = text.into();
        let segments = if text.is_empty() { Vec::new() } else { vec![Segment::plain(text)] };
        Self::Text { segments, version: 0 }
    }

    /// JSON made live throughout: each object becomes a LiveObject, each array a LiveList.
    ///
    /// ```
    /// use livetree::{Json, Lson, lson};
    /// let json: Json = r#"{"a":[1]}"#.parse()?;
    /// assert_eq!(Lson::live(&json), lson!({ "a": [1] }));
    /// # Ok::<(), livetree::JsonError>(())
    /// ```
    pub fn live(json: &Json) -> Self {
        // Only the depth could be wrong, and that is not limited here.
        plain::collect(feed::Source::Live(json), usize::MAX).unwrap_or_default()
    }

    /// Reads plain LSON: `{"liveblocksType", "data"}` is a live structure, anything else JSON.
    ///
    /// # Errors
    /// If a `liveblocksType` is unknown or its data has the wrong shape, or at more than the default
    /// depth.
    pub fn from_plain(json: &Json) -> Result<Self, LsonError> {
        plain::collect(feed::Source::Plain(json), ReadLimits::default().depth())
    }

    /// As [`from_plain`](Self::from_plain), as deep as documents may be.
    pub(crate) fn from_plain_deep(json: &Json) -> Result<Self, LsonError> {
        plain::collect(feed::Source::Plain(json), ReadLimits::DEEPEST)
    }

    /// Reads plain LSON from bytes.
    ///
    /// # Errors
    /// As [`from_plain`](Self::from_plain), and if the bytes are not JSON.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, LsonError> {
        plain::collect_bytes(bytes, ReadLimits::default())
    }
}

/// The later of two entries with the same key takes the place of the first.
pub(crate) fn unique<K: Into<SmallStr>, V: Into<Lson>>(
    entries: impl IntoIterator<Item = (K, V)>,
) -> Vec<(SmallStr, Lson)> {
    let mut unique: Vec<(SmallStr, Lson)> = Vec::new();
    let mut places = BTreeMap::new();
    for (key, value) in entries {
        let (key, value) = (key.into(), value.into());
        let place = *places.entry(key.clone()).or_insert(unique.len());
        match unique.get_mut(place) {
            Some(entry) => entry.1 = value,
            None => unique.push((key, value)),
        }
    }
    unique
}

impl Default for Lson {
    fn default() -> Self {
        Self::Json(Json::Null)
    }
}

/// An opaque JSON leaf.
impl<T: Into<Json>> From<T> for Lson {
    fn from(value: T) -> Self {
        Self::Json(value.into())
    }
}

/// A LiveFile.
impl From<FileMeta> for Lson {
    fn from(file: FileMeta) -> Self {
        Self::File(file)
    }
}

/// A LiveList.
impl From<Vec<Lson>> for Lson {
    fn from(items: Vec<Lson>) -> Self {
        Self::List(items)
    }
}
