//! The string that everything short is made of: keys, positions, JSON strings.
//!
//! A [`SmallStr`] is immutable and 16 bytes long. Up to 14 bytes of text live inside it; longer
//! text is shared, so a clone never copies characters. It leaves a niche, so an enum around it
//! (see [`Json`](crate::Json)) need not be larger.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use arcstr::ArcStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest text kept inside the value itself, in bytes.
const INLINE: usize = 14;

/// An immutable UTF-8 string of 16 bytes: inline up to 14 bytes of text, shared beyond that.
///
/// Cloning is O(1). Order and equality are those of the text's bytes, which for UTF-8 is the
/// order of its code points.
///
/// ```
/// use livetree::SmallStr;
/// let key = SmallStr::from("title");
/// assert_eq!(key, "title");
/// assert_eq!(size_of::<SmallStr>(), 16);
/// ```
pub struct SmallStr(Repr);

/// Text is inline exactly when it fits, so equal texts have equal representations.
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(ArcStr),
}

/// As a derived one, but what is shared is cloned apart, as in [`Json`](crate::Json).
impl Clone for SmallStr {
    #[inline]
    fn clone(&self) -> Self {
        match &self.0 {
            Repr::Inline { len, bytes } => Self(Repr::Inline { len: *len, bytes: *bytes }),
            Repr::Shared(text) => Self::share(text),
        }
    }
}

impl SmallStr {
    #[inline(never)]
    fn share(text: &ArcStr) -> Self {
        Self(Repr::Shared(text.clone()))
    }

    /// The empty string.
    pub const EMPTY: Self = Self(Repr::Inline { len: 0, bytes: [0; INLINE] });

    /// The text of one ASCII character. For constants; elsewhere use `From<&str>`.
    pub(crate) const fn from_ascii(character: u8) -> Self {
        assert!(character.is_ascii());
        let mut bytes = [0; INLINE];
        let [first, ..] = &mut bytes;
        *first = character;
        Self(Repr::Inline { len: 1, bytes })
    }

    /// Text of up to eight ASCII characters: the upper `len` bytes of a number, the rest of which
    /// is zero.
    pub(crate) fn from_ascii_prefix(word: u64, len: usize) -> Self {
        debug_assert!(len <= 8 && word.to_be_bytes().is_ascii());
        let mut bytes = [0; INLINE];
        for (to, from) in bytes.iter_mut().zip(word.to_be_bytes()) {
            *to = from;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 8")]
        Self(Repr::Inline { len: len.min(8) as u8, bytes })
    }

    /// The first eight bytes of the text as a number, the first one uppermost; zeros where the text
    /// is shorter.
    pub(crate) fn prefix(&self) -> u64 {
        let word = match &self.0 {
            // Bytes beyond the text's length are zero.
            Repr::Inline { bytes, .. } => bytes.first_chunk(),
            Repr::Shared(text) => text.as_bytes().first_chunk(),
        };
        word.copied().map_or(0, u64::from_be_bytes)
    }

    /// The text, if it is short enough to need no heap.
    #[inline]
    pub(crate) fn inline(text: &str) -> Option<Self> {
        let len = u8::try_from(text.len()).ok()?;
        padded(text.as_bytes()).map(|bytes| Self(Repr::Inline { len, bytes }))
    }

    /// The bytes of a text that is kept inside, and how many of them it has; the others are zero.
    pub(crate) fn as_inline(&self) -> Option<(u8, &[u8; INLINE])> {
        match &self.0 {
            Repr::Inline { len, bytes } => Some((*len, bytes)),
            Repr::Shared(_) => None,
        }
    }

    /// What [`as_inline`](Self::as_inline) was of. Bytes that are not UTF-8 make an empty text, and
    /// so do too many.
    #[inline]
    pub(crate) fn from_inline(text: &[u8]) -> Self {
        match (u8::try_from(text.len()), padded(text)) {
            (Ok(len), Some(bytes)) => Self(Repr::Inline { len, bytes }),
            _ => Self::EMPTY,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // The bytes are always those of a text, so they are UTF-8 and the default is never used.
            Repr::Inline { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Repr::Shared(text) => text.as_str(),
        }
    }

    /// The text's UTF-8 bytes; cheaper than [`as_str`](Self::as_str) where bytes will do.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared(text) => text.as_bytes(),
        }
    }

    /// The length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Inline { len, .. } => usize::from(*len),
            Repr::Shared(text) => text.len(),
        }
    }

    /// Whether there is no text.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap that this string keeps alive (shared or not).
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Inline { .. } => 0,
            Repr::Shared(text) => text.len() + 16,
        }
    }
}

impl From<&str> for SmallStr {
    #[inline]
    fn from(text: &str) -> Self {
        Self::inline(text).unwrap_or_else(|| Self(Repr::Shared(ArcStr::from(text))))
    }
}

/// The first eight bytes of a text as a number, as [`SmallStr::prefix`].
pub(crate) fn prefix(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(chunk) => u64::from_be_bytes(*chunk),
        None => {
            let bytes = padded(text).unwrap_or_default();
            bytes.first_chunk().copied().map_or(0, u64::from_be_bytes)
        }
    }
}

/// The bytes and zeros after them, if they fit.
#[inline]
fn padded(text: &[u8]) -> Option<[u8; INLINE]> {
    packed(text)?.to_le_bytes().first_chunk().copied()
}

/// The bytes of a text that is short enough to be kept inside, as a number: the first one lowest, and
/// zeros above the last.
///
/// Put together in registers: copying a run of bytes of any length costs several times as much,
/// not by itself but because what moves the string next must wait for the many small stores.
#[inline]
pub(crate) fn packed(text: &[u8]) -> Option<u128> {
    let len = text.len();
    if len > INLINE {
        return None;
    }
    Some(if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        // The last eight overlap the first; what is left after the shift are bytes 8 to `len`.
        let tail = (u64::from_le_bytes(*last) >> 8) >> (8 * (15 - len));
        u128::from(u64::from_le_bytes(*first)) | u128::from(tail) << 64
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4));
        u128::from(u64::from(u32::from_le_bytes(*first)) | last)
    } else {
        let byte = |at: usize| text.get(at).map_or(0, |&byte| u32::from(byte) << (8 * at));
        u128::from(byte(0) | byte(1) | byte(2))
    })
}

impl From<String> for SmallStr {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for SmallStr {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<SmallStr> for String {
    fn from(text: SmallStr) -> Self {
        text.as_str().to_owned()
    }
}

impl Default for SmallStr {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Deref for SmallStr {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for SmallStr {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for SmallStr {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for SmallStr {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Inline { len, bytes }, Repr::Inline { len: other_len, bytes: other }) => {
                ordered(bytes, *len) == ordered(other, *other_len)
            }
            (Repr::Shared(text), Repr::Shared(other)) => text == other,
            _ => false,
        }
    }
}

impl Eq for SmallStr {}

impl PartialEq<str> for SmallStr {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for SmallStr {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for SmallStr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SmallStr {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            // The zeros after a shorter text sort it first, or else its length does.
            (Repr::Inline { len, bytes }, Repr::Inline { len: other_len, bytes: other }) => {
                ordered(bytes, *len).cmp(&ordered(other, *other_len))
            }
            _ => self.as_bytes().cmp(other.as_bytes()),
        }
    }
}

/// Numbers that are equal, and ordered, as inline texts are: cheaper to compare than byte for byte. The
/// second overlaps the first, which does no harm where the first are equal.
#[inline]
fn ordered(bytes: &[u8; INLINE], len: u8) -> (u64, u64, u8) {
    let word = |chunk: Option<&[u8; 8]>| chunk.copied().map_or(0, u64::from_be_bytes);
    (word(bytes.first_chunk()), word(bytes.last_chunk()), len)
}

impl Hash for SmallStr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for SmallStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SmallStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for SmallStr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SmallStr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = SmallStr;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, text: &str) -> Result<SmallStr, E> {
                Ok(SmallStr::from(text))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_and_shared_text_round_trip() {
        for text in
            ["", "a", "fourteen bytes", "fifteen bytes!!", "é😀", "a much longer text than fits"]
        {
            let small = SmallStr::from(text);
            assert_eq!(small.as_str(), text);
            assert_eq!(small, SmallStr::from(text.to_owned()));
            assert_eq!(matches!(small.0, Repr::Inline { .. }), text.len() <= INLINE);
        }
    }

    #[test]
    fn prefixes_round_trip() {
        for text in ["", "a", "eight by", "nine byte", "more than fourteen"] {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(8, 0);
            let small = SmallStr::from(text);
            assert_eq!(small.prefix().to_be_bytes()[..], bytes);
            assert_eq!(prefix(text.as_bytes()), small.prefix());
            let head: String = text.chars().take(8).collect();
            assert_eq!(SmallStr::from_ascii_prefix(small.prefix(), head.len()), head.as_str());
        }
    }

    #[test]
    fn every_length_is_kept_and_ordered_as_bytes_are() {
        let long = "\0a\u{7f}bcdefghijklmnopqrst";
        let mut texts: Vec<&str> = (0..long.len()).filter_map(|len| long.get(..len)).collect();
        texts.extend(["\0\0", "b", "ba", "a\0", "aa", "\u{80}"]);
        for left in &texts {
            assert_eq!(SmallStr::from(*left).as_bytes(), left.as_bytes());
            for right in &texts {
                let (small, other) = (SmallStr::from(*left), SmallStr::from(*right));
                assert_eq!(small.cmp(&other), left.as_bytes().cmp(right.as_bytes()));
                assert_eq!(small == other, left == right);
            }
        }
    }

    #[test]
    fn leaves_a_niche() {
        assert_eq!(size_of::<SmallStr>(), 16);
        assert_eq!(size_of::<Option<SmallStr>>(), 16);
    }
}
