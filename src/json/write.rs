//! Writing JSON text, compactly.
//!
//! Numbers are printed as JavaScript would where it matters: integers without a fraction up to
//! 1e21, everything else in the shortest form that reads back as the same double. Nothing here
//! recurses, so a value built by hand may be nested arbitrarily deep.

use std::fmt;
use std::slice;

use super::decimal::{append, decimal_len, name, write_within};
use super::scan::find_special;
use super::{Json, JsonObject, Number};
use crate::SmallStr;
use crate::small_str::packed;

/// What is left to write of an array or object.
enum Rest<'a> {
    Items(slice::Iter<'a, Json>),
    Entries(slice::Iter<'a, (SmallStr, Json)>),
}

/// Appends `json` to `out`.
pub(crate) fn write_json(json: &Json, out: &mut Vec<u8>) {
    let Some(first) = begin(json, out) else { return };
    let mut open = vec![first];
    // Right after a bracket no comma is due.
    let mut comma = false;
    while let Some(rest) = open.last_mut() {
        let next = match rest {
            Rest::Items(items) => items.next(),
            Rest::Entries(entries) => entries.next().map(|(key, value)| {
                if std::mem::take(&mut comma) {
                    out.push(b',');
                }
                write_key(key.as_bytes(), out);
                value
            }),
        };
        let Some(value) = next else {
            out.push(if matches!(rest, Rest::Items(_)) { b']' } else { b'}' });
            open.pop();
            comma = true;
            continue;
        };
        if comma {
            out.push(b',');
        }
        let inner = begin(value, out);
        comma = inner.is_none();
        open.extend(inner);
    }
}

/// Appends an object.
pub(crate) fn write_object(object: &JsonObject, out: &mut Vec<u8>) {
    out.push(b'{');
    for (n, (key, value)) in object.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_key(key.as_bytes(), out);
        write_json(value, out);
    }
    out.push(b'}');
}

/// Appends a non-negative integer.
pub(crate) fn write_u64(integer: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

/// The length of a number's text.
pub(super) fn number_len(number: Number) -> usize {
    if let Some(integer) = small_integer(number) {
        return decimal_len(integer.unsigned_abs()) + usize::from(integer < 0);
    }
    unusual(number.get(), str::len)
}

/// No number's text is longer. (A sign, 17 digits, and either an exponent of three digits with its
/// sign or up to five zeros in front.)
pub(crate) const LONGEST_NUMBER: usize = 25;

/// Writes a scalar whole, of anything else the opening bracket.
#[inline]
fn begin<'a>(json: &'a Json, out: &mut Vec<u8>) -> Option<Rest<'a>> {
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => write_number(*number, out),
        Json::String(text) => write_str_bytes(text.as_bytes(), out),
        Json::Array(items) => {
            out.push(b'[');
            return Some(Rest::Items(items.iter()));
        }
        Json::Object(object) => {
            out.push(b'{');
            return Some(Rest::Entries(object.entries.iter()));
        }
    }
    None
}

/// Appends `text` in quotes, escaped as RFC 8259 demands and no further.
pub(crate) fn write_str(text: &str, out: &mut Vec<u8>) {
    write_str_bytes(text.as_bytes(), out);
}

/// As [`write_str`], of bytes that are UTF-8.
pub(crate) fn write_str_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = bytes;
    loop {
        let plain = find_special(rest, 0);
        let (head, tail) = rest.split_at(plain);
        out.extend_from_slice(head);
        let Some((&byte, tail)) = tail.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            _ => {
                let digit =
                    |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
        rest = tail;
    }
    out.push(b'"');
}

/// Appends a key, which is UTF-8, with its quotes and colon.
#[inline]
fn write_key(key: &[u8], out: &mut Vec<u8>) {
    match packed(key) {
        // Shortcut: all at once. Equal to what follows.
        Some(word) if key.len() <= 13 && find_special(key, 0) == key.len() => {
            append(name(word, key.len()), key.len() + 3, out);
        }
        _ => {
            write_str_bytes(key, out);
            out.push(b':');
        }
    }
}

/// Appends a number.
#[inline]
pub(crate) fn write_number(number: Number, out: &mut Vec<u8>) {
    match small_integer(number) {
        Some(integer) => match u32::try_from(integer) {
            Ok(integer) => write_within(b"", integer, b"", out),
            Err(_) => out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes()),
        },
        None => unusual(number.get(), |text| out.extend_from_slice(text.as_bytes())),
    }
}

/// The number as an integer, if it is one that fits.
#[inline]
fn small_integer(number: Number) -> Option<i64> {
    let value = number.get();
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and is checked")]
    #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "exactness is the question")]
    Some(value as i64).filter(|&i| i as f64 == value && i < 1 << 62)
}

/// Passes on the text of a number that is no small integer.
fn unusual<T>(value: f64, take: impl FnOnce(&str) -> T) -> T {
    // From 2^53 on every double is an integer.
    if (9_007_199_254_740_992.0..1e21).contains(&value.abs()) {
        #[expect(clippy::cast_possible_truncation, reason = "an integer below 10^21")]
        let integer = value as i128;
        take(itoa::Buffer::new().format(integer))
    } else {
        take(zmij::Buffer::new().format_finite(value))
    }
}

impl Json {
    /// The value as compact JSON text.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_json(self, &mut out);
        out
    }
}

/// Compact JSON text.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written from strings only, so it is UTF-8.
        f.write_str(std::str::from_utf8(&self.to_vec()).unwrap_or_default())
    }
}

/// Compact JSON text.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_length_are_written_alike() {
        for len in 0..20 {
            let plain = "abcdefghijklmnopqrst".get(..len).unwrap();
            let each = (0..len).flat_map(|at| ['"', '\\', '\n'].map(|special| (at, special)));
            let marked = each.map(|(at, special)| {
                let mut key = plain.to_owned();
                key.replace_range(at..=at, &special.to_string());
                key
            });
            for key in marked.chain([plain.to_owned()]) {
                let (mut out, mut expected) = (b"{".to_vec(), b"{".to_vec());
                write_key(key.as_bytes(), &mut out);
                write_str(&key, &mut expected);
                expected.push(b':');
                assert_eq!(out, expected);
            }
        }
    }
}
