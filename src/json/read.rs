//! Reading JSON text (RFC 8259, strictly) straight into [`Json`].
//!
//! A [`Reader`] is a pull parser: a caller that knows what it expects walks objects and arrays
//! itself and takes whole values where it wants them, so a document can be built from bytes
//! without a tree in between. It never recurses; nesting is limited by [`ReadLimits`].

mod plain;

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::error::{JsonError, JsonReason, push_index, push_key};
use super::scan::{exact_decimal, find_special};
use super::{Json, JsonObject, Number};
use crate::SmallStr;

/// What a reader accepts.
///
/// ```
/// use livetree::{Json, ReadLimits};
/// let limits = ReadLimits::default().max_depth(1);
/// assert!(Json::from_slice_with(b"[1]", limits).is_ok());
/// assert!(Json::from_slice_with(b"[[1]]", limits).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    max_depth: usize,
}

impl ReadLimits {
    /// The deepest nesting that can be allowed: values this deep are safe to drop, compare and
    /// print on a small stack.
    pub const DEEPEST: usize = 1024;

    /// Allows arrays, objects and live structures inside each other up to `levels` deep, at most
    /// [`DEEPEST`](Self::DEEPEST). A scalar has no depth; the default is 256.
    #[must_use]
    pub fn max_depth(self, levels: usize) -> Self {
        Self { max_depth: levels.min(Self::DEEPEST) }
    }

    /// For what holds values of any depth that is allowed: a message, a node, a line of a log. A few
    /// levels deeper than [`DEEPEST`](Self::DEEPEST).
    ///
    /// Only for what comes from a party that keeps the limits itself, as servers do: what it has taken
    /// in must be readable wherever it passes it on.
    #[must_use]
    pub fn wrapped() -> Self {
        Self { max_depth: Self::DEEPEST + 16 }
    }

    pub(crate) fn depth(self) -> usize {
        self.max_depth
    }
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { max_depth: 256 }
    }
}

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Array,
    Object,
}

type Result<T> = std::result::Result<T, JsonError>;

/// A cursor over JSON text.
///
/// Walking an object: [`begin_object`](Self::begin_object), then [`next_key`](Self::next_key) and
/// a value until there is no key. Arrays: [`begin_array`](Self::begin_array),
/// [`next_item`](Self::next_item).
pub(crate) struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Directly after `{` or `[`.
    fresh: bool,
    /// `text` is what comes before bytes that are not UTF-8.
    cut: bool,
    limit: usize,
    keys: KeyCache,
    scratch: Scratch,
}

/// The values under construction, kept between values so that they need no allocation of their own.
/// What messages mostly hold, an object of a few fields, fits inside.
#[derive(Default)]
struct Scratch {
    open: SmallVec<[Open; 4]>,
    items: Vec<Json>,
    entries: SmallVec<[(SmallStr, Json); 4]>,
}

/// An array or object that has begun; its parts lie in the scratch from `start`.
enum Open {
    Array { start: usize },
    Object { start: usize, key: SmallStr },
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: ReadLimits) -> Self {
        // Validated once here, so no string needs to be looked at twice. What is wrong is told when
        // the cursor gets there, and then with its path.
        let (text, cut) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                (std::str::from_utf8(valid).unwrap_or_default(), true)
            }
        };
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            fresh: false,
            cut,
            limit: limits.depth(),
            keys: KeyCache::default(),
            scratch: Scratch::default(),
        }
    }

    /// The offset of the next byte.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// How many bytes there are from the next one on.
    pub(crate) fn rest_len(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// Continues at an offset that [`offset`](Self::offset) gave before a value.
    pub(crate) fn seek(&mut self, offset: usize) {
        self.at = offset;
        self.fresh = false;
    }

    /// What kind of value comes next; leaves the cursor at its first byte.
    pub(crate) fn peek_kind(&mut self) -> Result<Kind> {
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Ok(Kind::Scalar),
            _ => Err(self.expected("a value")),
        }
    }

    /// Enters an object.
    pub(crate) fn begin_object(&mut self) -> Result<()> {
        self.take(b'{', "an object")?;
        self.fresh = true;
        Ok(())
    }

    /// Enters an array.
    pub(crate) fn begin_array(&mut self) -> Result<()> {
        self.take(b'[', "an array")?;
        self.fresh = true;
        Ok(())
    }

    /// The next key of the object at hand, or nothing and the object is left.
    #[expect(clippy::inline_always, reason = "messages are made of short strings")]
    #[inline(always)]
    pub(crate) fn next_key(&mut self) -> Result<Option<Cow<'a, str>>> {
        let fresh = std::mem::take(&mut self.fresh);
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !fresh => self.at += 1,
            _ if !fresh => return Err(self.expected(COMMA_OR_BRACE)),
            _ => {}
        }
        self.key().map(Some)
    }

    /// As [`next_key`](Self::next_key), into `key` and shared with earlier equal keys. Whether there
    /// was one.
    pub(crate) fn next_key_into(&mut self, key: &mut SmallStr) -> Result<bool> {
        let Some(next) = self.next_key()? else { return Ok(false) };
        *key = self.keys.small(&next);
        Ok(true)
    }

    /// Whether another item of the array at hand follows; if not, the array is left.
    pub(crate) fn next_item(&mut self) -> Result<bool> {
        let fresh = std::mem::take(&mut self.fresh);
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !fresh => {
                self.at += 1;
                Ok(true)
            }
            _ if fresh => Ok(true),
            _ => Err(self.expected(COMMA_OR_BRACKET)),
        }
    }

    /// The next value, if it is a string; if not, the cursor is left at it.
    #[expect(clippy::inline_always, reason = "messages are made of short strings")]
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Option<Cow<'a, str>>> {
        self.fresh = false;
        if self.peek() != Some(b'"') {
            return Ok(None);
        }
        self.at += 1;
        self.string_body().map(Some)
    }

    /// The next value, whole.
    pub(crate) fn value(&mut self) -> Result<Json> {
        self.value_within(self.limit)
    }

    /// As [`value`](Self::value), of one that lies so many levels deep in what the limit is meant for.
    pub(crate) fn value_below(&mut self, levels: usize) -> Result<Json> {
        self.value_within(self.limit.saturating_sub(levels))
    }

    /// The next value, whole, if it is nested at most `levels` deep.
    pub(crate) fn value_within(&mut self, levels: usize) -> Result<Json> {
        self.fresh = false;
        if !matches!(self.peek(), Some(b'{' | b'[')) {
            // It lies in nothing of this value, so an error has no path to be told.
            return self.scalar();
        }
        if let Some(object) = self.flat_object(levels) {
            return Ok(object.into());
        }
        self.container(levels)
    }

    /// The array or object at the cursor, whole.
    fn container(&mut self, levels: usize) -> Result<Json> {
        self.nested(levels).map_err(|error| {
            // What has been read of a failed value is in the way of the next.
            let scratch = std::mem::take(&mut self.scratch);
            let path = scratch.path(belongs_to_container(error.reason()));
            error.under(&path)
        })
    }

    /// The text must end here.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.peek();
        match self.found() {
            Some(found) => Err(self.fail(JsonReason::Trailing { found })),
            None if self.cut => Err(self.fail(JsonReason::InvalidUtf8)),
            None => Ok(()),
        }
    }

    /// An array or object with all that is in it.
    fn nested(&mut self, levels: usize) -> Result<Json> {
        // Each turn reads the beginning of a value and whatever ends with it.
        loop {
            let mut value = match self.peek() {
                Some(b'{') => {
                    self.deepen(levels)?;
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                        Json::Object(Arc::default())
                    } else {
                        let key = self.small_key()?;
                        let start = self.scratch.entries.len();
                        self.scratch.open.push(Open::Object { start, key });
                        continue;
                    }
                }
                Some(b'[') => {
                    self.deepen(levels)?;
                    if self.peek() == Some(b']') {
                        self.at += 1;
                        Json::Array(Arc::default())
                    } else {
                        let start = self.scratch.items.len();
                        self.scratch.open.push(Open::Array { start });
                        continue;
                    }
                }
                _ => self.scalar()?,
            };
            // The value is complete, and with it perhaps what it is in.
            loop {
                let scratch = &mut self.scratch;
                match scratch.open.last_mut() {
                    None => return Ok(value),
                    Some(Open::Array { start }) => {
                        let start = *start;
                        scratch.items.push(value);
                        match self.peek() {
                            Some(b',') => {
                                self.at += 1;
                                break;
                            }
                            Some(b']') => self.at += 1,
                            _ => return Err(self.expected(COMMA_OR_BRACKET)),
                        }
                        value = Json::Array(Arc::new(self.scratch.items.split_off(start)));
                    }
                    Some(Open::Object { start, key }) => {
                        let start = *start;
                        scratch.entries.push((std::mem::take(key), value));
                        match self.peek() {
                            Some(b',') => {
                                self.at += 1;
                                let next = self.small_key()?;
                                if let Some(Open::Object { key, .. }) = self.scratch.open.last_mut()
                                {
                                    *key = next;
                                }
                                break;
                            }
                            Some(b'}') => self.at += 1,
                            _ => return Err(self.expected(COMMA_OR_BRACE)),
                        }
                        let entries = self.scratch.entries.drain(start..).collect();
                        value = Json::Object(Arc::new(JsonObject::from_vec(entries)));
                    }
                }
                self.scratch.open.pop();
            }
        }
    }

    /// Steps over the bracket of an array or object, if it may be nested this deep.
    fn deepen(&mut self, levels: usize) -> Result<()> {
        if self.scratch.open.len() >= levels {
            return Err(self.too_deep());
        }
        self.at += 1;
        Ok(())
    }

    /// A value that is neither array nor object.
    fn scalar(&mut self) -> Result<Json> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(Json::String(SmallStr::from(&*self.string_body()?)))
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            Some(b't') => self.literal("true", Json::Bool(true)),
            Some(b'f') => self.literal("false", Json::Bool(false)),
            Some(b'n') => self.literal("null", Json::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn literal(&mut self, word: &'static str, value: Json) -> Result<Json> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.at = end;
        Ok(value)
    }

    /// A key and its colon.
    #[expect(clippy::inline_always, reason = "messages are made of short strings")]
    #[inline(always)]
    fn key(&mut self) -> Result<Cow<'a, str>> {
        self.take(b'"', KEY)?;
        let key = self.string_body()?;
        self.take(b':', "':'")?;
        Ok(key)
    }

    #[inline]
    fn small_key(&mut self) -> Result<SmallStr> {
        let key = self.key()?;
        Ok(self.keys.small(&key))
    }

    /// The rest of a string after its opening quote.
    #[expect(clippy::inline_always, reason = "messages are made of short strings")]
    #[inline(always)]
    fn string_body(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at;
        let end = find_special(self.bytes, start);
        self.at = end;
        if self.bytes.get(end) == Some(&b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(self.text.get(start..end).unwrap_or_default()));
        }
        self.escaped_body(start).map(Cow::Owned)
    }

    /// As [`string_body`](Self::string_body), from the first escape on.
    #[inline(never)]
    fn escaped_body(&mut self, start: usize) -> Result<String> {
        let mut decoded = self.text.get(start..self.at).unwrap_or_default().to_owned();
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(decoded);
                }
                Some(b'\\') => {
                    let c = self.escape()?;
                    decoded.push(c);
                }
                Some(0..0x20) => return Err(self.fail(JsonReason::ControlCharacter)),
                Some(_) => {
                    let end = find_special(self.bytes, self.at);
                    decoded.push_str(self.text.get(self.at..end).unwrap_or_default());
                    self.at = end;
                }
                None => return Err(self.expected("the end of a string")),
            }
        }
    }

    /// The character that an escape stands for; the cursor is at its backslash.
    fn escape(&mut self) -> Result<char> {
        let c = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.fail(JsonReason::InvalidEscape)),
        };
        self.at += 2;
        Ok(c)
    }

    /// `\uXXXX`, or two of them that make a pair.
    fn unicode_escape(&mut self) -> Result<char> {
        let Some(unit) = self.escaped_unit(self.at) else {
            return Err(self.fail(JsonReason::InvalidEscape));
        };
        if let Some(c) = char::from_u32(u32::from(unit)) {
            self.at += 6;
            return Ok(c);
        }
        let low = self.escaped_unit(self.at + 6);
        let mut pair = char::decode_utf16([Some(unit), low].into_iter().flatten());
        if let Some(Ok(c)) = pair.next() {
            self.at += 12;
            return Ok(c);
        }
        Err(self.fail(JsonReason::LoneSurrogate { unit }))
    }

    /// The code unit that `\uXXXX` at `at` stands for.
    fn escaped_unit(&self, at: usize) -> Option<u16> {
        let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit: u16, &digit| {
            let value = char::from(digit).to_digit(16)?;
            Some(unit << 4 | u16::try_from(value).ok()?)
        })
    }

    /// A number; the cursor is at its sign or first digit.
    fn number(&mut self) -> Result<Number> {
        let bytes = self.bytes;
        let start = self.at;
        let mut at = start;
        let negative = bytes.get(at) == Some(&b'-');
        at += usize::from(negative);

        // The digits as one integer; meaningless (and not used) once there are more than 19.
        let mut mantissa = 0_u64;
        let mut digits = 0;
        let first = at;
        while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            at += 1;
        }
        digits += at - first;
        if digits == 0 || digits > 1 && bytes.get(first) == Some(&b'0') {
            return Err(self.fail(JsonReason::MalformedNumber));
        }
        let mut exponent = 0_i64;
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            let first = at;
            while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
                at += 1;
            }
            if at == first {
                return Err(self.fail(JsonReason::MalformedNumber));
            }
            digits += at - first;
            exponent = -i64::try_from(at - first).unwrap_or(i64::MAX);
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            at += 1;
            let sign = bytes.get(at);
            at += usize::from(matches!(sign, Some(b'+' | b'-')));
            let first = at;
            let mut power = 0_i64;
            while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
                power = power.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
                at += 1;
            }
            if at == first {
                return Err(self.fail(JsonReason::MalformedNumber));
            }
            let power = if sign == Some(&b'-') { -power } else { power };
            exponent = exponent.saturating_add(power);
        }

        let exact = if digits <= 19 { exact_decimal(mantissa, exponent) } else { None };
        let value = match exact {
            Some(value) if negative => -value,
            Some(value) => value,
            // Correctly rounded, by the standard library.
            None => self.text.get(start..at).unwrap_or_default().parse().unwrap_or(f64::NAN),
        };
        let Some(number) = Number::new(value) else {
            return Err(self.fail(JsonReason::NumberOutOfRange));
        };
        self.at = at;
        Ok(number)
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.peek_past_space(),
        }
    }

    /// As [`peek`](Self::peek), where there may be white space.
    fn peek_past_space(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    #[inline]
    fn take(&mut self, byte: u8, wanted: &'static str) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.expected(wanted));
        }
        self.at += 1;
        Ok(())
    }

    /// The character at the cursor.
    fn found(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    #[cold]
    fn expected(&self, wanted: &'static str) -> JsonError {
        self.fail(JsonReason::Expected { wanted, found: self.found() })
    }

    #[cold]
    pub(crate) fn too_deep(&self) -> JsonError {
        self.fail(JsonReason::TooDeep { limit: self.limit })
    }

    #[cold]
    fn fail(&self, reason: JsonReason) -> JsonError {
        // Whatever is missing at the end of the valid part is missing because of what follows.
        let cut = self.cut && self.at >= self.bytes.len();
        JsonError::new(self.at, if cut { JsonReason::InvalidUtf8 } else { reason })
    }
}

const KEY: &str = "a key in quotes";
const COMMA_OR_BRACE: &str = "',' or '}'";
const COMMA_OR_BRACKET: &str = "',' or ']'";

/// Whether the array or object is at fault, not the value in it that was read last.
fn belongs_to_container(reason: &JsonReason) -> bool {
    matches!(reason, JsonReason::Expected { wanted: KEY | COMMA_OR_BRACE | COMMA_OR_BRACKET, .. })
}

impl Scratch {
    /// Where the value lies that is under construction.
    fn path(&self, of_container: bool) -> String {
        let mut path = String::new();
        let mut items_end = self.items.len();
        // An array ends where the next one inside it starts, so walk from the inside.
        let mut parts = Vec::new();
        for open in self.open.iter().rev() {
            parts.push(match open {
                Open::Object { key, .. } => Ok(key),
                Open::Array { start } => {
                    let index = items_end - start;
                    items_end = *start;
                    Err(index)
                }
            });
        }
        for part in parts.into_iter().skip(usize::from(of_container)).rev() {
            match part {
                Ok(key) => push_key(&mut path, key),
                Err(index) => push_index(&mut path, index),
            }
        }
        path
    }
}

/// Keys repeat, so long ones that were seen lately are shared instead of copied.
#[derive(Default)]
struct KeyCache {
    /// Empty until there is a long key: most messages have none.
    slots: Vec<SmallStr>,
}

impl KeyCache {
    const SLOTS: usize = 64;
    /// What fits into a [`SmallStr`] itself needs no sharing, what is this long hardly repeats.
    const LENGTHS: std::ops::RangeInclusive<usize> = 15..=64;

    #[inline]
    fn small(&mut self, key: &str) -> SmallStr {
        if Self::LENGTHS.contains(&key.len()) { self.shared(key) } else { SmallStr::from(key) }
    }

    fn shared(&mut self, key: &str) -> SmallStr {
        let bytes = key.as_bytes();
        let sample = |word: Option<&[u8; 8]>| word.map_or(0, |word| u64::from_le_bytes(*word));
        let mixed = (sample(bytes.first_chunk()) ^ sample(bytes.last_chunk()).rotate_left(21))
            .wrapping_add(key.len() as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if self.slots.is_empty() {
            self.slots.resize(Self::SLOTS, SmallStr::EMPTY);
        }
        let Some(slot) = usize::try_from(mixed >> 58).ok().and_then(|at| self.slots.get_mut(at))
        else {
            return SmallStr::from(key);
        };
        if *slot != *key {
            *slot = SmallStr::from(key);
        }
        slot.clone()
    }
}

impl Json {
    /// Reads JSON text, with the default limits.
    ///
    /// # Errors
    /// If the bytes are not one JSON value in UTF-8; numbers must fit a double, and surrogate
    /// escapes must come in pairs.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        Self::from_slice_with(bytes, ReadLimits::default())
    }

    /// As [`from_slice`](Self::from_slice), with other limits.
    ///
    /// # Errors
    /// As `from_slice`.
    pub fn from_slice_with(bytes: &[u8], limits: ReadLimits) -> Result<Self> {
        let mut reader = Reader::new(bytes, limits);
        let value = reader.value()?;
        reader.end()?;
        Ok(value)
    }
}

impl std::str::FromStr for Json {
    type Err = JsonError;
    fn from_str(text: &str) -> Result<Self> {
        Self::from_slice(text.as_bytes())
    }
}

#[cfg(test)]
mod tests;
