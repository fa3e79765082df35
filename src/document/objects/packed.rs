//! How the values of an object lie one after the other in a cell, and that of a register in its node or in a
//! cell.
//!
//! A value is a tag, which says how many bytes follow, and those bytes. Numbers that are small
//! integers need one or two bytes together, texts one more than their length. Longer texts, arrays and
//! JSON objects are kept among the leaves of the document, and their numbers here.
//!
//! [Snapshots](crate::document::snapshot) hold the same bytes, so a change is one of their format.
//!
//! | tag | value |
//! |---|---|
//! | 0 to 14 | a text of that many bytes |
//! | 15 | of a register: its value lies in a cell |
//! | 16 to 24 | see the constants |
//! | 25 to 46 | a text of 15 to 36 bytes, as UUIDs have |
//! | 48 to 53 | none: the body of a node that is no register |
//! | 128 to 191 | an integer of 14 bits, the upper ones in the tag |
//! | 192 to 255 | an integer of 6 bits |

use super::{Cell, Slot};
use crate::document::NodeIx;
use crate::document::node::{self, PackedBody};
use crate::json::Number;
use crate::json::write::{LONGEST_NUMBER, write_json, write_str_bytes};
use crate::{Json, SmallStr};

/// Up to here the tag of a text is its length, from here to the longest it is more by [`MORE`].
const SHORT_TEXT: u8 = 14;
const LONGEST_TEXT: u8 = 36;
const MORE: u8 = 10;
const OUTSIDE: u8 = 15;
const NULL: u8 = 16;
const FALSE: u8 = 17;
const TRUE: u8 = 18;
const I16: u8 = 19;
const I32: u8 = 20;
const F32: u8 = 21;
const F64: u8 = 22;
pub(in super::super) const LEAF: u8 = 23;
pub(in super::super) const CHILD: u8 = 24;
const _: () = assert!(LAST_LONGER < node::OBJECT && node::NOTHING < BITS_14);
const FIRST_LONGER: u8 = SHORT_TEXT + 1 + MORE;
const LAST_LONGER: u8 = LONGEST_TEXT + MORE;
const BITS_14: u8 = 128;
const BITS_6: u8 = 192;

/// The most bytes that a value takes.
pub(super) const WIDEST: usize = 1 + LONGEST_TEXT as usize;
/// The same in whole words.
const ROOM: usize = WIDEST.next_multiple_of(8);

/// For each byte that a value takes, which is neither a leaf nor a child, its JSON text has at most so many:
/// that of `false`, for one.
pub(super) const MOST_JSON_BYTES: usize = 5;
const _: () =
    assert!(LONGEST_NUMBER <= 5 * MOST_JSON_BYTES, "four bytes, if not few digits, and the tag");

/// How many bytes a value takes, by its tag.
static WIDTHS: [u8; 256] = widths();

const fn widths() -> [u8; 256] {
    let mut widths = [1; 256];
    let mut tag = 0;
    while tag < 256 {
        #[expect(clippy::cast_possible_truncation, clippy::indexing_slicing, reason = "below 256")]
        {
            widths[tag] = match tag as u8 {
                len @ 0..=SHORT_TEXT => 1 + len,
                tag @ FIRST_LONGER..=LAST_LONGER => 1 + tag - MORE,
                I16 => 3,
                I32 | F32 | LEAF | CHILD => 5,
                F64 => 9,
                BITS_14..BITS_6 => 2,
                _ => 1,
            };
        }
        tag += 1;
    }
    widths
}

/// A value in its packed form. It is made in place, which spares copies of what has just been stored in
/// parts.
pub(in super::super) struct Packed {
    bytes: [u8; ROOM],
    len: u8,
}

impl Packed {
    /// `null`.
    pub(super) fn null() -> Self {
        Self { bytes: [NULL; ROOM], len: 1 }
    }

    /// No value at all.
    pub(super) fn nothing() -> Self {
        Self { len: 0, ..Self::null() }
    }

    fn set<const N: usize>(&mut self, tag: u8, rest: [u8; N]) {
        let [first, others @ ..] = &mut self.bytes;
        *first = tag;
        if let Some(to) = others.first_chunk_mut() {
            *to = rest;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 14")]
        let len = 1 + N as u8;
        self.len = len;
    }

    fn set_text(&mut self, text: &SmallStr) -> bool {
        if let Some((len, text)) = text.as_inline() {
            self.set(len, *text);
            self.len = 1 + len;
            return true;
        }
        let text = text.as_bytes();
        let room = self.bytes.get_mut(1..=text.len());
        match (u8::try_from(text.len()), room) {
            (Ok(len @ ..=LONGEST_TEXT), Some(room)) => {
                room.copy_from_slice(text);
                self.set(len + MORE, []);
                self.len = 1 + len;
                true
            }
            _ => false,
        }
    }

    fn set_number(&mut self, number: Number) {
        let value = number.get();
        #[expect(clippy::cast_possible_truncation, reason = "compared with what it was made from")]
        let (integer, single) = (value as i32, value as f32);
        #[expect(clippy::float_cmp, reason = "only what reads back as the same")]
        if f64::from(integer) != value {
            return if f64::from(single) == value {
                self.set(F32, single.to_le_bytes());
            } else {
                self.set(F64, value.to_le_bytes());
            };
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        match integer {
            0..64 => self.set(BITS_6 | integer as u8, []),
            64..16_384 => self.set(BITS_14 | (integer >> 8) as u8, [integer as u8]),
            -32_768..32_768 => self.set(I16, (integer as i16).to_le_bytes()),
            _ => self.set(I32, integer.to_le_bytes()),
        }
    }

    /// Becomes a value that is short. Any other has to become a leaf, which false says.
    pub(super) fn set_short(&mut self, value: &Json) -> bool {
        match value {
            Json::Null => self.set(NULL, []),
            Json::Bool(value) => self.set(if *value { TRUE } else { FALSE }, []),
            Json::Number(number) => self.set_number(*number),
            Json::String(text) => return self.set_text(text),
            Json::Array(_) | Json::Object(_) => return false,
        }
        true
    }

    /// Becomes the leaf of this number.
    pub(super) fn set_leaf(&mut self, number: u32) {
        self.set(LEAF, number.to_le_bytes());
    }

    pub(super) fn set_child(&mut self, child: NodeIx) {
        self.set(CHILD, child.0.to_le_bytes());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(super) fn is_leaf(&self) -> bool {
        let [tag, ..] = self.bytes;
        tag == LEAF
    }

    /// The value as that of a register, unless it is too long to lie in its node.
    pub(super) fn as_register(&self) -> Option<PackedBody> {
        let bytes = self.bytes.first_chunk()?;
        (usize::from(self.len) <= bytes.len()).then(|| PackedBody::register(*bytes))
    }
}

/// A register whose value lies in a cell.
pub(super) fn outside(Cell(cell): Cell) -> PackedBody {
    let [a, b, c, d] = cell.to_le_bytes();
    PackedBody::register([OUTSIDE, a, b, c, d, 0, 0, 0])
}

/// The cell in which the value of a register lies, if it lies in one.
pub(super) fn cell_outside(register: PackedBody) -> Option<Cell> {
    let bytes = register.of_register();
    (bytes[0] == OUTSIDE).then(|| Cell(u32::from_le_bytes(rest(bytes))))
}

/// Appends the JSON text of the first value; of one that is not packed, that of `null`. The same text
/// as that of the value that [`unpack`] makes.
pub(super) fn write(bytes: &[u8], out: &mut Vec<u8>) {
    match bytes.first() {
        Some(0..=SHORT_TEXT | FIRST_LONGER..=LAST_LONGER) => write_str_bytes(text(bytes), out),
        _ => match unpack(bytes, |_| None) {
            Slot::Json(value) => write_json(&value, out),
            Slot::Child(_) => write_json(&Json::Null, out),
        },
    }
}

/// How many bytes the first value takes.
pub(super) fn width(bytes: &[u8]) -> usize {
    bytes.first().map_or(0, |tag| width_by_tag(*tag))
}

fn width_by_tag(tag: u8) -> usize {
    usize::from(WIDTHS.get(usize::from(tag)).copied().unwrap_or(1))
}

/// How many bytes the first `count` values take.
pub(super) fn widths_of(bytes: &[u8], count: usize) -> usize {
    (0..count).fold(0, |at, _| at + bytes.get(at).map_or(0, |tag| width_by_tag(*tag)))
}

/// The bytes from the value of a rank on.
pub(super) fn skip(bytes: &[u8], rank: usize) -> &[u8] {
    bytes.get(widths_of(bytes, rank)..).unwrap_or_default()
}

/// Each of the values that bytes begin with, as the bytes from there on. After the last one follow what is
/// none, without end.
#[derive(Clone, Debug)]
pub(crate) struct Values<'a>(&'a [u8]);

pub(super) fn values(bytes: &[u8]) -> Values<'_> {
    Values(bytes)
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let value = self.0;
        self.0 = skip(value, 1);
        Some(value)
    }
}

/// The first value, if it is a child.
pub(super) fn child(bytes: &[u8]) -> Option<NodeIx> {
    (bytes.first() == Some(&CHILD)).then(|| NodeIx(u32::from_le_bytes(rest(bytes))))
}

/// The number of the leaf that the first value is, if it is one.
pub(super) fn leaf(bytes: &[u8]) -> Option<u32> {
    (bytes.first() == Some(&LEAF)).then(|| u32::from_le_bytes(rest(bytes)))
}

/// The bytes of the text that the first value is.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.get(1..width(bytes)).unwrap_or_default()
}

/// A text that is too long to lie inside a `Json`.
#[inline(never)]
fn longer(text: &[u8]) -> Json {
    // The bytes are those of a text, so they are UTF-8 and the default is never used.
    Json::from(std::str::from_utf8(text).unwrap_or_default())
}

fn rest<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.get(1..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

/// The first value; `leaf` says what the leaf of a number is.
#[inline]
pub(super) fn unpack(bytes: &[u8], leaf: impl FnOnce(u32) -> Option<Json>) -> Slot {
    let tag = bytes.first().copied().unwrap_or(NULL);
    let number = |value: f64| Json::number(value);
    Slot::Json(match tag {
        0..=SHORT_TEXT => Json::String(SmallStr::from_inline(text(bytes))),
        FIRST_LONGER..=LAST_LONGER => longer(text(bytes)),
        FALSE => Json::Bool(false),
        TRUE => Json::Bool(true),
        I16 => number(i16::from_le_bytes(rest(bytes)).into()),
        I32 => number(i32::from_le_bytes(rest(bytes)).into()),
        F32 => number(f32::from_le_bytes(rest(bytes)).into()),
        F64 => number(f64::from_le_bytes(rest(bytes))),
        LEAF => leaf(u32::from_le_bytes(rest(bytes))).unwrap_or_default(),
        CHILD => return Slot::Child(NodeIx(u32::from_le_bytes(rest(bytes)))),
        BITS_14..BITS_6 => number(u16::from_be_bytes([tag & 0x3f, rest::<1>(bytes)[0]]).into()),
        BITS_6.. => number((tag & 0x3f).into()),
        _ => Json::Null,
    })
}

/// The first value, and how many bytes it takes, if it is one that is neither a leaf nor a child.
pub(super) fn read(bytes: &[u8]) -> Option<(Json, usize)> {
    check(bytes, 1).ok()?;
    let is_short = !matches!(bytes.first(), Some(&(LEAF | CHILD)));
    match unpack(bytes, |_| None) {
        // What is no finite number becomes `null`.
        Slot::Json(Json::Null) if bytes.first() != Some(&NULL) => None,
        Slot::Json(value) => is_short.then(|| (value, width(bytes))),
        Slot::Child(_) => None,
    }
}

/// Says which of the first `count` values is none, or does not lie in these bytes as a whole.
pub(super) fn check(bytes: &[u8], count: usize) -> Result<(), String> {
    let mut rest = bytes;
    for rank in 0..count {
        let Some((value, after)) = rest.split_at_checked(width(rest).max(1)) else {
            return Err(format!("value {rank} of {count} does not fit"));
        };
        match value.first().copied().unwrap_or(NULL) {
            0..=SHORT_TEXT | FIRST_LONGER..=LAST_LONGER => {
                if std::str::from_utf8(text(value)).is_err() {
                    return Err(format!("value {rank} of {count} is no text"));
                }
            }
            NULL..=CHILD | BITS_14.. => {}
            tag => return Err(format!("value {rank} of {count} has the tag {tag}")),
        }
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Leaves, Value};
    use super::*;

    fn round_trip(value: &Json) -> usize {
        let mut leaves = Leaves::default();
        let mut packed = Packed::null();
        value.pack(&mut packed, &mut leaves);
        assert_eq!(width(packed.bytes()), packed.bytes().len());
        match super::super::unpack(packed.bytes(), &leaves) {
            Slot::Json(again) => assert_eq!(again, *value),
            Slot::Child(_) => panic!("{value} is no child"),
        }
        if leaf(packed.bytes()).is_none() {
            let mut text = Vec::new();
            write(packed.bytes(), &mut text);
            assert_eq!(String::from_utf8(text).unwrap(), value.to_string());
        }
        packed.bytes().len()
    }

    #[test]
    fn numbers_take_few_bytes_and_stay_what_they_are() {
        for (value, bytes) in [
            (0.0, 1),
            (63.0, 1),
            (64.0, 2),
            (255.0, 2),
            (16_383.0, 2),
            (16_384.0, 3),
            (-1.0, 3),
            (-32_768.0, 3),
            (32_768.0, 5),
            (-2_147_483_648.0, 5),
            (2_147_483_648.0, 5),
            (0.5, 5),
            (2_147_483_647.0, 5),
            (4_294_967_297.0, 9),
            (0.1, 9),
            (f64::MAX, 9),
            (f64::MIN_POSITIVE, 9),
            (5e-324, 9),
        ] {
            assert_eq!(round_trip(&Json::from(value)), bytes, "{value}");
        }
    }

    #[test]
    fn texts_are_kept_up_to_thirty_six_bytes() {
        for text in ["", "a", "fourteen bytes", "é😀", "\"\\\n", "a \"word\" and é😀"] {
            assert_eq!(round_trip(&Json::from(text)), 1 + text.len());
        }
        for len in 0..=36 {
            assert_eq!(
                round_trip(&Json::from("é".repeat(18).get(..len / 2 * 2).unwrap())),
                1 + len / 2 * 2
            );
            assert_eq!(round_trip(&Json::from("x".repeat(len).as_str())), 1 + len);
        }
        for value in [Json::from("x".repeat(37).as_str()), Json::array([]), Json::object([])] {
            assert_eq!(round_trip(&value), 5);
        }
        for value in [Json::Null, Json::from(true), Json::from(false)] {
            assert_eq!(round_trip(&value), 1);
        }
    }

    #[test]
    fn what_is_no_value_is_told() {
        let short = [2, b'h', b'i'];
        assert_eq!(check(&short, 1), Ok(()));
        for (bytes, count, broken) in [
            (&short[..], 2, "value 1 of 2 does not fit"),
            (&short[..2], 1, "value 0 of 1 does not fit"),
            (&[BITS_6, F64, 0, 0, 0, 0, 0, 0, 0], 2, "value 1 of 2 does not fit"),
            (&[1, 0xff], 1, "value 0 of 1 is no text"),
            (&[TRUE, 15], 2, "value 1 of 2 has the tag 15"),
            (&[LAST_LONGER + 1], 1, "value 0 of 1 has the tag 47"),
            (&[BITS_14 - 1], 1, "value 0 of 1 has the tag 127"),
        ] {
            assert_eq!(check(bytes, count).unwrap_err(), broken);
        }
    }
}
