//! Positions: the sort keys that put the items of a list in order.
//!
//! A position is a fraction between 0 and 1, written in base 95 with the printable ASCII
//! characters as digits (a space is 0, `~` is 94), so that positions sort as plain strings and
//! there is always room for another one between two. Everything here is a pure function of
//! strings: which positions a list already holds is not this file's business.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::SmallStr;

mod short;
mod spread;

use short::Short;

/// The digit 0, which a canonical position does not end in.
const ZERO: u8 = b' ';
/// The digit 1.
const ONE: u8 = b'!';
/// The greatest digit, 94.
const MAX: u8 = b'~';

/// Digits under construction; those of nearly all positions fit without a heap allocation.
type Digits = SmallVec<[u8; 24]>;

/// The position of an item in a list: a fractional index.
///
/// A *canonical* position is not empty, consists of the characters U+0020 to U+007E, and does not
/// end in a space. Parsing yields nothing else. Documents may hold other keys all the same, since
/// some ops store the key that a peer sent as it is; such a key is made by
/// [`verbatim`](Self::verbatim), and all methods here take it without panicking.
///
/// The order is that of strings by UTF-16 code units; for canonical positions that is the order
/// of the bytes.
///
/// ```
/// use livetree::Position;
/// let first = Position::FIRST;
/// let third = first.after();
/// let second = Position::between(&first, &third)?;
/// assert_eq!([first.as_str(), second.as_str(), third.as_str()], ["!", "! O", "!!"]);
/// assert!(first < second && second < third);
/// # Ok::<(), livetree::EqualPositions>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(SmallStr);

/// Why a text is not a canonical [`Position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// The text is empty.
    #[error("a position cannot be empty")]
    Empty,
    /// A character is not a digit.
    #[error("character {character:?} at byte {index} of a position is not printable ASCII")]
    InvalidCharacter {
        /// Where the character begins, in bytes.
        index: usize,
        /// The first character that is not a digit.
        character: char,
    },
    /// The last character is a space.
    #[error("a position cannot end in a space, its digit zero")]
    TrailingZero,
}

/// The error of [`Position::between`]: both bounds are the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no position lies between {0:?} and itself")]
pub struct EqualPositions(pub Position);

impl Position {
    /// `"!"`, the position of the first item that an empty list gets.
    ///
    /// ```
    /// # use livetree::Position;
    /// assert_eq!(Position::FIRST.as_str(), "!");
    /// ```
    pub const FIRST: Self = Self(SmallStr::from_ascii(ONE));

    /// The canonical position nearest to any text: the text itself if it is one.
    ///
    /// Otherwise UTF-16 code units outside of the alphabet become its nearest character, trailing
    /// spaces go, and if nothing is left the answer is [`FIRST`](Self::FIRST).
    ///
    /// ```
    /// # use livetree::Position;
    /// assert_eq!(Position::clamp("a").as_str(), "a");
    /// assert_eq!(Position::clamp("a\té😀 ").as_str(), "a ~~~");
    /// assert_eq!(Position::clamp(" ").as_str(), "!");
    /// ```
    pub fn clamp(text: &str) -> Self {
        if check(text).is_ok() {
            return Self(SmallStr::from(text));
        }
        let digits: Digits = text
            .chars()
            .flat_map(|c| {
                let digit = u8::try_from(c).map_or(MAX, clamp_digit);
                std::iter::repeat_n(digit, c.len_utf16())
            })
            .collect();
        match trim_zeros(&digits) {
            [] => Self::FIRST,
            digits => Self::from_digits(digits),
        }
    }

    /// The key of a list item exactly as a peer sent it, canonical or not.
    ///
    /// ```
    /// # use livetree::Position;
    /// let key = Position::verbatim("a ".into());
    /// assert_eq!(key.as_str(), "a ");
    /// assert!(!key.is_canonical());
    /// ```
    pub fn verbatim(key: SmallStr) -> Self {
        Self(key)
    }

    /// Whether parsing this position's text would succeed.
    ///
    /// ```
    /// # use livetree::Position;
    /// assert!(Position::FIRST.is_canonical());
    /// assert!(!Position::verbatim("é".into()).is_canonical());
    /// ```
    pub fn is_canonical(&self) -> bool {
        Short::new(self).is_some() || self.is_canonical_of_any_length()
    }

    fn is_canonical_of_any_length(&self) -> bool {
        let digits = self.as_bytes();
        digits.iter().all(|&digit| is_digit(digit)) && digits.last().is_some_and(|&d| d != ZERO)
    }

    /// This position if it is canonical, otherwise [`clamp`](Self::clamp) of its text. Copies no
    /// text in the first case.
    ///
    /// ```
    /// # use livetree::Position;
    /// assert_eq!(Position::FIRST.clamped(), Position::FIRST);
    /// assert_eq!(Position::verbatim("a ".into()).clamped().as_str(), "a");
    /// ```
    #[must_use]
    pub fn clamped(&self) -> Self {
        if self.is_canonical() { self.clone() } else { Self::clamp(self.as_str()) }
    }

    /// A position less than this one.
    ///
    /// Canonical, whatever this one is. No canonical position is less than the empty text, than
    /// spaces only, or than spaces followed by a control character: for these the answer is
    /// [`FIRST`](Self::FIRST).
    ///
    /// ```
    /// # use livetree::Position;
    /// let position: Position = "ab".parse()?;
    /// assert_eq!(position.before().as_str(), "a");
    /// assert_eq!(position.before().before().as_str(), "`");
    /// assert_eq!(Position::FIRST.before().as_str(), " ~");
    /// # Ok::<(), livetree::PositionError>(())
    /// ```
    #[must_use]
    pub fn before(&self) -> Self {
        let bytes = self.as_bytes();
        let zeros = bytes.iter().take_while(|&&digit| digit == ZERO).count();
        let Some((zeros, [digit, rest @ ..])) = bytes.split_at_checked(zeros) else {
            return Self::FIRST;
        };
        let mut digits = Digits::from_slice(zeros);
        match (*digit, rest) {
            (digit, _) if digit < ZERO => return Self::FIRST,
            // A character above the alphabet, so all digits are less.
            (digit, _) if digit > MAX => digits.push(MAX),
            (ONE, []) => digits.extend_from_slice(&[ZERO, MAX]),
            (digit, []) => digits.push(digit - 1),
            (digit, _) => digits.push(digit),
        }
        Self::from_digits(&digits)
    }

    /// A position greater than this one, short even after many steps: 8,900 of them from
    /// [`FIRST`](Self::FIRST) need two characters, the next 848,000 five.
    ///
    /// Always greater; canonical unless this position holds characters outside of the alphabet,
    /// which only ever get a `"!"` appended.
    ///
    /// ```
    /// # use livetree::Position;
    /// assert_eq!(Position::FIRST.after().as_str(), "!!");
    /// assert_eq!(Position::verbatim("é".into()).after().as_str(), "é!");
    /// ```
    #[must_use]
    pub fn after(&self) -> Self {
        Short::new(self).and_then(Short::after).unwrap_or_else(|| self.after_long())
    }

    /// The rule of `after` for any length.
    fn after_long(&self) -> Self {
        let bytes = self.as_bytes();
        if !bytes.iter().all(|&digit| is_digit(digit)) {
            return self.extended(&[ONE]);
        }
        let trimmed = trim_zeros(bytes);
        if trimmed.is_empty() {
            return Self::FIRST;
        }
        let width = 2 + 3 * trimmed.len().saturating_sub(2).div_ceil(3);
        let mut digits = Digits::from_slice(trimmed);
        digits.resize(width, ZERO);
        // Adding one to the last digit turns the greatest digits at the end into zeros, which
        // would be dropped, and carries into the digit before them.
        while digits.last() == Some(&MAX) {
            digits.pop();
        }
        if let Some(digit) = digits.last_mut() {
            *digit += 1;
        } else {
            digits.resize(width, MAX);
            digits.extend_from_slice(&[ZERO, ZERO, ONE]);
        }
        Self::from_digits(&digits)
    }

    /// A position between two others, which may come in either order.
    ///
    /// For canonical bounds the answer is canonical, lies strictly between, and is at most one
    /// character longer than the longer bound. For other bounds it lies strictly between as well,
    /// with one exception: there is no room if the greater bound is the lesser one followed by
    /// nothing but spaces, or by spaces and a control character. Then the answer may be anything,
    /// even the position of another item; so look before inserting.
    ///
    /// # Errors
    /// If the two are equal.
    ///
    /// ```
    /// # use livetree::{EqualPositions, Position};
    /// let (a, b) = ("a".parse()?, "b".parse()?);
    /// assert_eq!(Position::between(&a, &b)?.as_str(), "aO");
    /// assert_eq!(Position::between(&b, &a)?.as_str(), "aO");
    /// assert_eq!(Position::between(&a, &a), Err(EqualPositions(a)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn between(lo: &Self, hi: &Self) -> Result<Self, EqualPositions> {
        match lo.cmp(hi) {
            Ordering::Less => Ok(lo.halfway_to(hi)),
            Ordering::Greater => Ok(hi.halfway_to(lo)),
            Ordering::Equal => Err(EqualPositions(lo.clone())),
        }
    }

    /// The position for a new item after `lo` and before `hi`, either of which may be missing.
    ///
    /// [`between`](Self::between), [`after`](Self::after), [`before`](Self::before) or
    /// [`FIRST`](Self::FIRST). Total: if both bounds are the same, the answer comes after it.
    ///
    /// ```
    /// # use livetree::Position;
    /// let first = Position::make(None, None);
    /// let second = Position::make(Some(&first), None);
    /// let between = Position::make(Some(&first), Some(&second));
    /// assert_eq!([first.as_str(), between.as_str(), second.as_str()], ["!", "! O", "!!"]);
    /// ```
    pub fn make(lo: Option<&Self>, hi: Option<&Self>) -> Self {
        match (lo, hi) {
            (None, None) => Self::FIRST,
            (None, Some(hi)) => hi.before(),
            (Some(lo), None) => lo.after(),
            (Some(lo), Some(hi)) => Self::between(lo, hi).unwrap_or_else(|_| lo.after()),
        }
    }

    /// `count` positions in ascending order, evenly spread after `lo` and before `hi`, and as
    /// short as that many can be; for giving new positions to a whole list or a stretch of it.
    ///
    /// All are canonical. They lie strictly inside canonical bounds, which may come in either
    /// order; if the bounds are the same, all are greater. For bounds that are not canonical, those
    /// of [`clamped`](Self::clamped) count.
    ///
    /// ```
    /// # use livetree::Position;
    /// let spread: Vec<_> = Position::spread(3, None, None).collect();
    /// assert_eq!(spread, ["7", "O", "g"].map(Position::clamp));
    /// let spread: Vec<_> = Position::spread(2, Some(&spread[0]), Some(&spread[1])).collect();
    /// assert_eq!(spread, ["?", "G"].map(Position::clamp));
    /// ```
    pub fn spread(
        count: usize,
        lo: Option<&Self>,
        hi: Option<&Self>,
    ) -> impl ExactSizeIterator<Item = Self> + use<> {
        spread::spread(count, lo, hi)
    }

    /// The text.
    ///
    /// ```
    /// # use livetree::Position;
    /// assert_eq!(Position::FIRST.as_str(), "!");
    /// ```
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The text's UTF-8 bytes; cheaper than [`as_str`](Self::as_str).
    ///
    /// ```
    /// # use livetree::Position;
    /// assert_eq!(Position::FIRST.as_bytes(), b"!");
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The length of the text, in bytes.
    ///
    /// ```
    /// # use livetree::Position;
    /// assert_eq!(Position::FIRST.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the text is empty, which only a [`verbatim`](Self::verbatim) key can be.
    ///
    /// ```
    /// # use livetree::Position;
    /// assert!(!Position::FIRST.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Bytes on the heap that this position keeps alive (shared or not).
    ///
    /// ```
    /// # use livetree::Position;
    /// assert_eq!(Position::FIRST.heap_bytes(), 0);
    /// ```
    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    pub(crate) fn as_small_str(&self) -> &SmallStr {
        &self.0
    }

    /// A number that decides most comparisons; see [`SortKey`].
    pub(crate) fn sort_key(&self) -> SortKey {
        SortKey::new(self.0.prefix(), self.len())
    }

    /// The order of texts by UTF-16 code units.
    fn cmp_text(&self, other: &Self) -> Ordering {
        let (a, b) = (self.as_bytes(), other.as_bytes());
        // If either is ASCII, so is one of the first two bytes that differ.
        if a.is_ascii() || b.is_ascii() {
            a.cmp(b)
        } else {
            let ranks = |bytes| <[u8]>::iter(bytes).map(|&byte| utf16_rank(byte));
            ranks(a).cmp(ranks(b))
        }
    }

    /// The rule of `between` for `self < hi`.
    fn halfway_to(&self, hi: &Self) -> Self {
        let short = Short::new(self).zip(Short::new(hi)).and_then(|(lo, hi)| lo.halfway_to(hi));
        short.unwrap_or_else(|| self.halfway_to_long(hi))
    }

    /// The rule of `between` for any length, and a way out where keys that are not canonical lead
    /// it astray.
    fn halfway_to_long(&self, hi: &Self) -> Self {
        let halfway = Self::from_digits(&halfway(self.as_bytes(), hi.as_bytes()));
        if self < &halfway && &halfway < hi {
            return halfway;
        }
        // A text with this one in front is greater than it, and still less than `hi` unless `hi`
        // has this one in front too.
        let extended = match hi.as_str().strip_prefix(self.as_str()) {
            None => self.extended(&[ONE]),
            Some(rest) => self.extended(Self::verbatim(SmallStr::from(rest)).before().as_bytes()),
        };
        if &extended < hi { extended } else { halfway }
    }

    /// This text with more digits at its end.
    fn extended(&self, digits: &[u8]) -> Self {
        let mut text = Digits::from_slice(self.as_bytes());
        text.extend_from_slice(digits);
        Self::from_digits(&text)
    }

    /// From text that is known to be UTF-8.
    fn from_digits(digits: &[u8]) -> Self {
        // Only digits and whole texts get here, so the default is never used.
        Self(SmallStr::from(std::str::from_utf8(digits).unwrap_or_default()))
    }
}

/// A position's first eight characters and its length as one number.
///
/// If the keys of two positions differ, their order is that of the positions. If they are equal
/// and [`is_exact`](Self::is_exact), so are the positions; otherwise the texts must be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortKey(pub(crate) u64);

impl SortKey {
    /// How many characters the key has room for: 7 bits each, above 8 bits for the length, which
    /// tells a text from itself followed by U+0000.
    const ROOM: usize = 8;

    /// The lowest byte of keys that do not hold all of their position.
    const INEXACT: u64 = Self::ROOM as u64 + 1;

    /// The key of a text among texts that are ordered by their bytes. The same number serves: bytes
    /// that it holds are in the same order, and all others make it equal or inexact.
    pub(crate) fn of_bytes(text: &[u8]) -> Self {
        Self::new(crate::small_str::prefix(text), text.len())
    }

    /// From the first eight bytes of a text and its length.
    fn new(prefix: u64, len: usize) -> Self {
        let from_0x7f =
            (prefix | prefix.wrapping_add(0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080;
        if from_0x7f == 0 { Self::pack(prefix, len) } else { Self::beyond_alphabet(prefix) }
    }

    /// The key of a text that has a byte from 0x7F. It ends after that byte, as if that were 0x7F:
    /// so it ranks above the keys of texts that have something less there, and equals those of the
    /// others, whose order a number of 7 bits cannot tell.
    #[cold]
    fn beyond_alphabet(prefix: u64) -> Self {
        let mut bytes = prefix.to_be_bytes();
        let mut rest = bytes.iter_mut().skip_while(|byte| **byte < 0x7f);
        if let Some(byte) = rest.next() {
            *byte = 0x7f;
        }
        rest.for_each(|byte| *byte = 0);
        Self::pack(u64::from_be_bytes(bytes), usize::MAX)
    }

    fn pack(prefix: u64, len: usize) -> Self {
        // Close the gaps of one bit between bytes, then those of two and four bits.
        let x = prefix;
        let x = (x & 0x007f_007f_007f_007f) | (x & 0x7f00_7f00_7f00_7f00) >> 1;
        let x = (x & 0x0000_3fff_0000_3fff) | (x & 0x3fff_0000_3fff_0000) >> 2;
        let x = (x & 0x0000_0000_0fff_ffff) | (x & 0x0fff_ffff_0000_0000) >> 4;
        Self(x << 8 | (len as u64).min(Self::INEXACT))
    }

    /// Whether the key holds all of its position.
    pub(crate) fn is_exact(self) -> bool {
        self.0 & 0xff != Self::INEXACT
    }

    /// The position whose key this is, if the key holds all of it.
    pub(crate) fn position(self) -> Option<Position> {
        // Open the gaps that `pack` has closed.
        let x = self.0 >> 8;
        let x = (x & 0x0000_0000_0fff_ffff) | (x & 0x00ff_ffff_f000_0000) << 4;
        let x = (x & 0x0000_3fff_0000_3fff) | (x & 0x0fff_c000_0fff_c000) << 2;
        let x = (x & 0x007f_007f_007f_007f) | (x & 0x3f80_3f80_3f80_3f80) << 1;
        let len = (self.0 & 0xff) as usize;
        self.is_exact().then(|| Position(SmallStr::from_ascii_prefix(x, len)))
    }
}

/// The digits of the rule of `between`, for `lo < hi`. What is not a digit counts as the nearest.
fn halfway(lo: &[u8], hi: &[u8]) -> Digits {
    let mut digits = Digits::new();
    let mut lo = lo.iter();
    let mut hi = hi.iter();
    loop {
        let low = lo.next().map_or(ZERO, |&digit| clamp_digit(digit));
        let high = hi.next().map_or(MAX, |&digit| clamp_digit(digit));
        match high.saturating_sub(low) {
            0 => digits.push(low),
            1 => {
                digits.push(low);
                // From here on anything above `lo` is below `hi`.
                hi = [].iter();
            }
            _ => {
                digits.push(low.midpoint(high));
                return digits;
            }
        }
    }
}

fn is_digit(byte: u8) -> bool {
    (ZERO..=MAX).contains(&byte)
}

fn clamp_digit(byte: u8) -> u8 {
    byte.clamp(ZERO, MAX)
}

fn trim_zeros(mut digits: &[u8]) -> &[u8] {
    while let [head @ .., ZERO] = digits {
        digits = head;
    }
    digits
}

fn check(text: &str) -> Result<(), PositionError> {
    let mut characters = text.char_indices();
    if let Some((index, character)) =
        characters.find(|(_, c)| !u8::try_from(*c).is_ok_and(is_digit))
    {
        return Err(PositionError::InvalidCharacter { index, character });
    }
    match text.as_bytes() {
        [] => Err(PositionError::Empty),
        [.., ZERO] => Err(PositionError::TrailingZero),
        _ => Ok(()),
    }
}

/// Maps bytes of UTF-8 so that their order is the order of UTF-16 code units.
///
/// The two orders of texts differ in one respect: UTF-16 puts the characters from U+10000, which
/// UTF-8 begins with 0xF0 to 0xF4, below those from U+E000, which it begins with 0xEE or 0xEF.
fn utf16_rank(byte: u8) -> u8 {
    if matches!(byte, 0xee | 0xef) { byte + 0x10 } else { byte }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        // Shortcut: ASCII that differs among the first eight bytes. A text that ends there has a zero.
        let prefixes = (self.0.prefix(), other.0.prefix());
        if (prefixes.0 | prefixes.1) & 0x8080_8080_8080_8080 == 0 && prefixes.0 != prefixes.1 {
            return prefixes.0.cmp(&prefixes.1);
        }
        let keys = (self.sort_key(), other.sort_key());
        keys.0
            .cmp(&keys.1)
            .then_with(|| if keys.0.is_exact() { Ordering::Equal } else { self.cmp_text(other) })
    }
}

impl FromStr for Position {
    type Err = PositionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text)
    }
}

impl TryFrom<&str> for Position {
    type Error = PositionError;
    fn try_from(text: &str) -> Result<Self, Self::Error> {
        check(text).map(|()| Self(SmallStr::from(text)))
    }
}

impl TryFrom<SmallStr> for Position {
    type Error = PositionError;
    fn try_from(text: SmallStr) -> Result<Self, Self::Error> {
        check(&text).map(|()| Self(text))
    }
}

impl From<Position> for SmallStr {
    fn from(position: Position) -> Self {
        position.0
    }
}

impl AsRef<str> for Position {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Strict: a text that is not a canonical position is an error.
impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(SmallStr::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
