//! What can be wrong with JSON text, and where.
//!
//! A [`JsonError`] is one word wide, so the reader's results stay small; its path is put together
//! only once something has failed.

use std::fmt;

/// Why a text is not the JSON it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonReason {
    /// Something else was expected here.
    #[error("expected {wanted}, found {}", Found(*.found))]
    Expected {
        /// What was expected, in words.
        wanted: &'static str,
        /// What was there instead; `None` is the end of the text.
        found: Option<char>,
    },
    /// A number that is not written as JSON asks: `01`, `1.`, `-`, `1e`.
    #[error("malformed number")]
    MalformedNumber,
    /// A number beyond what an IEEE double can hold.
    #[error("number out of the range of a double")]
    NumberOutOfRange,
    /// A backslash followed by something that is no escape.
    #[error("invalid escape in a string")]
    InvalidEscape,
    /// Half of a surrogate pair, as in `"\ud800"`: not a character, so it cannot be kept.
    #[error("lone surrogate \\u{unit:04x} in a string")]
    LoneSurrogate {
        /// The UTF-16 code unit.
        unit: u16,
    },
    /// A character below U+0020 inside a string, where it must be escaped.
    #[error("unescaped control character in a string")]
    ControlCharacter,
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// Arrays and objects inside each other beyond the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit that was in force.
        limit: usize,
    },
    /// Something follows the value.
    #[error("unexpected {} after the value", Found(Some(*.found)))]
    Trailing {
        /// The first character of it.
        found: char,
    },
}

/// The end of a text, or a character of it.
struct Found(Option<char>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(found) => write!(f, "{found:?}"),
            None => f.write_str("the end"),
        }
    }
}

/// A text that could not be read as JSON.
///
/// ```
/// use livetree::Json;
/// let error = Json::from_slice(br#"{"shapes":[1,{"x":]}"#).unwrap_err();
/// assert_eq!(error.to_string(), "at /shapes/1/x (byte 18): expected a value, found ']'");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    offset: usize,
    path: String,
    reason: JsonReason,
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Location { path: &self.path, offset: Some(self.offset) }, self.reason)
    }
}

/// `at /a/b (byte 3)`, without what is not known.
pub(crate) struct Location<'a> {
    pub(crate) path: &'a str,
    pub(crate) offset: Option<usize>,
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path, self.offset) {
            ("", Some(offset)) => write!(f, "at byte {offset}"),
            ("", None) => f.write_str("at the root"),
            (path, Some(offset)) => write!(f, "at {path} (byte {offset})"),
            (path, None) => write!(f, "at {path}"),
        }
    }
}

impl JsonError {
    #[cold]
    pub(crate) fn new(offset: usize, reason: JsonReason) -> Self {
        Self(Box::new(Inner { offset, path: String::new(), reason }))
    }

    /// Puts `path` in front of the error's own.
    pub(crate) fn under(mut self, path: &str) -> Self {
        self.0.path.insert_str(0, path);
        self
    }

    /// The byte at which reading stopped, counted from 0.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The value being read, as a JSON Pointer; empty for the whole text.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong.
    pub fn reason(&self) -> &JsonReason {
        &self.0.reason
    }

    /// Whether it is the depth, which may be counted otherwise.
    pub(crate) fn is_too_deep(&self) -> bool {
        matches!(self.0.reason, JsonReason::TooDeep { .. })
    }

    pub(crate) fn into_parts(self) -> (usize, String, JsonReason) {
        (self.0.offset, self.0.path, self.0.reason)
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Appends `/key` to a JSON Pointer, escaped.
pub(crate) fn push_key(path: &mut String, key: &str) {
    path.push('/');
    if !key.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
        path.push_str(key);
        return;
    }
    for c in key.chars() {
        match c {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            c => path.push(c),
        }
    }
}

/// Appends `/index` to a JSON Pointer.
pub(crate) fn push_index(path: &mut String, index: usize) {
    path.push('/');
    path.push_str(itoa::Buffer::new().format(index));
}
