//! What readers do byte by byte, several at a time.

/// A one in every byte.
pub(crate) const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// The offset of the first quote, backslash or control character from `at` on, or the end.
#[inline]
pub(crate) fn find_special(bytes: &[u8], at: usize) -> usize {
    let controls = |word: u64| word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    find(bytes, at, |word| marks_of(b'"', word) | marks_of(b'\\', word) | controls(word))
}

/// The offset of a byte, or the end.
#[inline]
pub(crate) fn find_byte(bytes: &[u8], byte: u8) -> usize {
    find(bytes, 0, |word| marks_of(byte, word))
}

/// The offset of the first byte from `at` on that is marked, or the end. `marks` sets the upper bit
/// of such bytes of a word, and may do so by mistake above the lowest of them.
#[inline]
fn find(bytes: &[u8], mut at: usize, marks: impl Fn(u64) -> u64) -> usize {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    // Whether zeros are marked does not matter: those after the end are the end.
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.len().min(marks(last_bytes(rest)).trailing_zeros() as usize / 8)
}

/// Marks the bytes of a word that are this one.
#[inline]
fn marks_of(byte: u8, word: u64) -> u64 {
    let word = word ^ (ONES * u64::from(byte));
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Fewer than eight bytes as a number, the first one lowest; zeros where there are none.
#[inline]
fn last_bytes(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // They overlap, and where they do they are the same.
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (bytes.len() - 4));
        return u64::from(u32::from_le_bytes(*first)) | last;
    }
    let byte = |at: usize| bytes.get(at).map_or(0, |byte| u64::from(*byte) << (8 * at));
    byte(0) | byte(1) | byte(2)
}

/// `mantissa` * 10^`exponent` where doubles compute that exactly rounded in one step: both factors
/// are exact then, so there is only one rounding.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
pub(super) fn exact_decimal(mantissa: u64, exponent: i64) -> Option<f64> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    if mantissa > 1 << 53 {
        return None;
    }
    let value = mantissa as f64;
    if exponent == 0 {
        return Some(value);
    }
    let power = *POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    Some(if exponent < 0 { value / power } else { value * power })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(
            bytes in prop::collection::vec(
                prop_oneof![5 => 0x20..0x7f_u8, 1 => any::<u8>(), 1 => Just(b'"')], 0..40,
            ),
            at in 0..40_usize,
        ) {
            let at = at.min(bytes.len());
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let found = bytes[at..].iter().position(special).map_or(bytes.len(), |n| at + n);
            prop_assert_eq!(find_special(&bytes, at), found);
            let byte = bytes.first().copied().unwrap_or(0);
            let found = bytes[at..].iter().position(|other| *other == byte);
            prop_assert_eq!(find_byte(&bytes[at..], byte), found.unwrap_or(bytes.len() - at));
        }
    }
}
