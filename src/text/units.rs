//! Counting UTF-16 code units in UTF-8 text, the one conversion every other file here needs.
//!
//! A character outside the basic plane is two units (a surrogate pair) and four bytes; every other
//! character is one unit. So a unit index can point inside a character, but only inside a pair.

/// How many UTF-16 code units `text` takes.
pub(crate) fn utf16_len(text: &str) -> usize {
    // A plain sum over bytes, so that it compiles to vector instructions: one for every byte that
    // begins a character, one more for every byte that begins a pair.
    text.bytes().map(|byte| usize::from(byte & 0xC0 != 0x80) + usize::from(byte >= 0xF0)).sum()
}

/// `utf16_len`, as the signed number that operations use.
pub(crate) fn signed_len(text: &str) -> i64 {
    signed(utf16_len(text))
}

/// A length as a signed number; no text in memory is long enough to be clamped.
pub(crate) fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// An index clipped to `0..=length`.
pub(crate) fn clip(index: i64, length: usize) -> usize {
    usize::try_from(index.max(0)).map_or(length, |index| index.min(length))
}

/// The byte at which unit `index` begins, and whether `index` points inside a pair, in which case
/// the byte is the pair's first. Past the end it is the end.
pub(crate) fn byte_of_unit(text: &str, index: usize) -> (usize, bool) {
    let mut units = 0;
    for (byte, character) in text.char_indices() {
        if units >= index {
            return (byte, false);
        }
        units += character.len_utf16();
        if units > index {
            return (byte, true);
        }
    }
    (text.len(), false)
}

/// The byte at which unit `index` begins; inside a pair, the pair's first byte.
pub(crate) fn floor_byte(text: &str, index: usize) -> usize {
    if text.is_ascii() { index.min(text.len()) } else { byte_of_unit(text, index).0 }
}

/// `text` before and from unit `index` on; a pair stays with the second half.
pub(crate) fn split_at_unit(text: &str, index: usize) -> (&str, &str) {
    text.split_at_checked(floor_byte(text, index)).unwrap_or((text, ""))
}

/// The units `start..end` of `text`; pairs at the ends are wholly in or out as their first unit is.
pub(crate) fn slice_units(text: &str, start: usize, end: usize) -> &str {
    text.get(floor_byte(text, start)..floor_byte(text, end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_bytes_agree_with_the_standard_library() {
        for text in ["", "abc", "aé", "e\u{301}", "a😀b", "😀😀", "\u{2028}𝒳"] {
            let units: Vec<u16> = text.encode_utf16().collect();
            assert_eq!(utf16_len(text), units.len());
            for index in 0..=units.len() {
                let (byte, inside) = byte_of_unit(text, index);
                let low = units.get(index).is_some_and(|unit| (0xDC00..0xE000).contains(unit));
                assert_eq!(inside, low);
                assert_eq!(utf16_len(text.get(..byte).unwrap()), index - usize::from(inside));
            }
            assert_eq!(byte_of_unit(text, 99), (text.len(), false));
        }
    }
}
