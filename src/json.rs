//! JSON leaves: the opaque, immutable values that live structures hold.
//!
//! A [`Json`] is 16 bytes and cheap to clone: arrays and objects are shared, never copied and never
//! changed in place. Numbers are IEEE doubles, equal when numerically equal; the keys of an object
//! are kept sorted, so equal values also print equally.

mod convert;
pub(crate) mod decimal;
pub(crate) mod error;
pub(crate) mod read;
pub(crate) mod scan;
#[cfg(test)]
mod tests;
pub(crate) mod write;

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

pub use self::convert::to_json;
pub(crate) use self::convert::{from_text, to_text};
pub use self::error::{JsonError, JsonReason};
pub use self::read::ReadLimits;
use crate::SmallStr;

/// An immutable JSON value. Cloning is O(1); equality is deep, with `1` equal to `1.0`.
///
/// ```
/// use livetree::Json;
/// let shape: Json = r#"{ "x": 1, "tags": ["a"] }"#.parse()?;
/// assert_eq!(shape.get("x"), Some(&Json::from(1.0)));
/// assert_eq!(shape.to_string(), r#"{"tags":["a"],"x":1}"#);
/// # Ok::<(), livetree::JsonError>(())
/// ```
///
/// Reading limits how deep a value may be nested. One built by hand may be deeper and can be
/// written, but is dropped and compared recursively; no document holds one that is deeper than
/// [`ReadLimits::DEEPEST`].
#[derive(Default, PartialEq)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A finite IEEE double.
    Number(Number),
    /// A string.
    String(SmallStr),
    /// An array, shared between clones.
    Array(Arc<Vec<Json>>),
    /// An object, shared between clones.
    Object(Arc<JsonObject>),
}

/// As a derived one, but texts and what is shared are cloned apart: in one piece with those, a number would
/// be put together from parts that a processor cannot read at once as soon as they are written.
impl Clone for Json {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Bool(value) => Self::Bool(*value),
            Self::Number(number) => Self::Number(*number),
            Self::String(_) | Self::Array(_) | Self::Object(_) => self.share(),
        }
    }
}

/// A finite IEEE double; `-0` is `0`.
#[derive(Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Number(f64);

/// The entries of a JSON object, sorted by key.
#[derive(Debug, Default, PartialEq)]
pub struct JsonObject {
    /// Most updates set one field.
    entries: SmallVec<[(SmallStr, Json); 1]>,
}

impl Number {
    /// The number, unless it is infinite or not a number.
    pub fn new(value: f64) -> Option<Self> {
        // Adding zero turns -0 into 0 and leaves every other value alone.
        value.is_finite().then_some(Self(value + 0.0))
    }

    /// The value.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl JsonObject {
    /// The value at `key`. O(log n).
    pub fn get(&self, key: &str) -> Option<&Json> {
        let at = self.entries.binary_search_by(|(k, _)| k.as_bytes().cmp(key.as_bytes())).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// The entries, in order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&SmallStr, &Json)> + DoubleEndedIterator {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The entries, in order of their keys.
    pub(crate) fn entries(&self) -> &[(SmallStr, Json)] {
        &self.entries
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Clone for JsonObject {
    #[inline]
    fn clone(&self) -> Self {
        match self.entries.as_slice() {
            // Shortcut: equal to what follows, which is made for lists of any length.
            [(key, value)] => Self::of(key.clone(), value.clone()),
            _ => Self { entries: self.entries.clone() },
        }
    }
}

/// Collects entries in any order; of two with the same key the later one wins.
impl FromIterator<(SmallStr, Json)> for JsonObject {
    fn from_iter<I: IntoIterator<Item = (SmallStr, Json)>>(entries: I) -> Self {
        Self::from_entries(entries.into_iter().collect())
    }
}

impl Json {
    #[inline(never)]
    fn share(&self) -> Self {
        match self {
            Self::String(text) => Self::String(text.clone()),
            Self::Array(items) => Self::Array(items.clone()),
            Self::Object(entries) => Self::Object(entries.clone()),
            Self::Null | Self::Bool(_) | Self::Number(_) => self.clone(),
        }
    }
}

impl JsonObject {
    /// An object of one entry.
    #[inline]
    pub(crate) fn of(key: SmallStr, value: Json) -> Self {
        Self { entries: SmallVec::from_buf([(key, value)]) }
    }

    /// As [`from_iter`](Self::from_iter), in place.
    pub(crate) fn from_vec(entries: Vec<(SmallStr, Json)>) -> Self {
        Self::from_entries(entries.into())
    }

    fn from_entries(mut entries: SmallVec<[(SmallStr, Json); 1]>) -> Self {
        if entries.is_sorted_by(|a, b| a.0 < b.0) {
            return Self { entries };
        }
        // Typical input is sorted already or nearly so; the stable sort is linear then.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let mut object = Self { entries };
        // `dedup_by` removes the later one, so swap the values first.
        object.entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(&mut later.1, &mut kept.1);
            }
            same
        });
        object
    }
}

impl IntoIterator for JsonObject {
    type Item = (SmallStr, Json);
    type IntoIter = std::vec::IntoIter<(SmallStr, Json)>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_vec().into_iter()
    }
}

impl Json {
    /// An array of `items`.
    pub fn array(items: impl IntoIterator<Item = Json>) -> Self {
        Self::Array(Arc::new(items.into_iter().collect()))
    }

    /// An object of `entries`; of two with the same key the later one wins.
    pub fn object(entries: impl IntoIterator<Item = (SmallStr, Json)>) -> Self {
        Self::Object(Arc::new(entries.into_iter().collect()))
    }

    /// The number, or `null` if it is infinite or not a number, as JSON writers do.
    pub fn number(value: f64) -> Self {
        match Number::new(value) {
            Some(number) => Self::Number(number),
            None => Self::Null,
        }
    }

    /// The value at `key`, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.as_object()?.get(key)
    }

    /// The entries, if this is an object.
    pub fn as_object(&self) -> Option<&JsonObject> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The items, if this is an array.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The number, if this is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.get()),
            _ => None,
        }
    }

    /// The number, if this is an integer from 0 to 2^53 - 1.
    pub fn as_u53(&self) -> Option<u64> {
        let value = self.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and is checked"
        )]
        let integer = value as u64;
        #[expect(
            clippy::cast_precision_loss,
            clippy::float_cmp,
            reason = "exactness is the question"
        )]
        let exact = integer < 1 << 53 && integer as f64 == value;
        exact.then_some(integer)
    }

    /// The length of the value as compact JSON text, in bytes; strings count without escapes.
    ///
    /// This is the measure of the size limits.
    pub fn json_len(&self) -> usize {
        match self {
            Self::Array(_) | Self::Object(_) => self.nested_len(),
            scalar => scalar.scalar_len(),
        }
    }

    /// At least [`json_len`](Self::json_len), without writing numbers.
    pub(crate) fn most_json_len(&self) -> usize {
        match self {
            Self::Number(_) => write::LONGEST_NUMBER,
            value => value.json_len(),
        }
    }

    /// Whether this is an array or an object.
    pub(crate) fn is_nested(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// Whether arrays and objects lie in each other more than so many levels deep. A scalar has no depth.
    pub(crate) fn is_deeper_than(&self, levels: usize) -> bool {
        let inside = levels.checked_sub(1);
        let deeper = |value: &Self| inside.is_none_or(|levels| value.is_deeper_than(levels));
        match self {
            Self::Array(items) => levels == 0 || items.iter().any(deeper),
            Self::Object(object) => levels == 0 || object.iter().any(|(_, value)| deeper(value)),
            _ => false,
        }
    }

    fn nested_len(&self) -> usize {
        let mut len = 0;
        let mut stack = vec![self];
        while let Some(value) = stack.pop() {
            len += match value {
                Self::Array(items) => {
                    stack.extend(items.iter());
                    2 + items.len().saturating_sub(1)
                }
                Self::Object(object) => {
                    stack.extend(object.iter().map(|(_, value)| value));
                    let keys = object.iter().map(|(key, _)| key.as_bytes().len() + 4);
                    1 + keys.sum::<usize>().max(1)
                }
                scalar => scalar.scalar_len(),
            };
        }
        len
    }

    fn scalar_len(&self) -> usize {
        match self {
            Self::Bool(value) => 5 - usize::from(*value),
            Self::Number(number) => write::number_len(*number),
            Self::String(text) => text.as_bytes().len() + 2,
            Self::Null | Self::Array(_) | Self::Object(_) => 4,
        }
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! from_number {
    ($($type:ty),*) => {$(
        impl From<$type> for Json {
            fn from(value: $type) -> Self {
                Self::number(f64::from(value))
            }
        }
    )*};
}
from_number!(f64, f32, i32, u32, i16, u16, i8, u8);

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<SmallStr> for Json {
    fn from(text: SmallStr) -> Self {
        Self::String(text)
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<JsonObject> for Json {
    fn from(object: JsonObject) -> Self {
        Self::Object(Arc::new(object))
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::Array(Arc::new(items))
    }
}
