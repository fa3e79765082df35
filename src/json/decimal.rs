//! Printing integers as words rather than byte by byte.
//!
//! How many digits a number has varies, and what is copied with a length that varies costs a call and a
//! branch that no processor foresees. So a text of a few bytes is put together in a register, appended
//! with zeros after it, and the zeros are cut off.

use super::scan::ONES;
use crate::small_str::packed;

/// Appends a text of at most 16 bytes: the lowest `len` of a number, the first one lowest.
#[inline]
pub(crate) fn append(text: u128, len: usize, out: &mut Vec<u8>) {
    let end = out.len() + len.min(16);
    out.extend_from_slice(&text.to_le_bytes());
    out.truncate(end);
}

/// A name of at most 13 bytes, [`packed`], with its quotes and colon: three bytes more.
#[inline]
pub(crate) fn name(packed: u128, len: usize) -> u128 {
    let end = u128::from(u16::from_le_bytes(*b"\":"));
    u128::from(b'"') | packed << 8 | end << (8 * (len + 1))
}

/// The text of a number of at most eight digits, the first one lowest, and how many it has.
#[inline]
pub(crate) fn digits(number: u32) -> Option<(u64, usize)> {
    if number >= 100_000_000 {
        return None;
    }
    // Two lanes of four digits, then four of two, then eight of one; the first is lowest. To divide is to
    // multiply and shift: exact for numbers this small, and no lane runs over into the next.
    let fours = u64::from(number / 10_000) | u64::from(number % 10_000) << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let pairs = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | (pairs - tens * 10) << 8;
    // Zeros in front, but one is left of none.
    let zeros = (ones.trailing_zeros() as usize / 8).min(7);
    Some(((ones | (ONES * u64::from(b'0'))) >> (8 * zeros), 8 - zeros))
}

/// The powers of ten that are less than 2⁶⁴.
static POWERS: [u64; 20] = powers();

const fn powers() -> [u64; 20] {
    let mut powers = [1; 20];
    let mut n = 1;
    while n < powers.len() {
        #[expect(clippy::indexing_slicing, reason = "n is in range")]
        {
            powers[n] = 10 * powers[n - 1];
        }
        n += 1;
    }
    powers
}

/// How many digits a number has.
#[inline]
pub(super) fn decimal_len(number: u64) -> usize {
    // As many as its bits take by the logarithm of two, 1233/4096, or one more.
    let bits = u64::BITS - number.leading_zeros();
    let least = (bits as usize * 1233) >> 12;
    let is_more = POWERS.get(least).is_some_and(|power| number >= *power);
    (least + usize::from(is_more)).max(1)
}

/// Appends a number with a few characters before and after it: together at most eight.
#[inline]
pub(crate) fn write_within<const BEFORE: usize, const AFTER: usize>(
    before: &[u8; BEFORE],
    number: u32,
    after: &[u8; AFTER],
    out: &mut Vec<u8>,
) {
    match (digits(number), packed(before), packed(after)) {
        // Shortcut: all at once. Equal to what follows.
        (Some((text, len)), Some(before), Some(after)) if BEFORE + AFTER <= 8 => {
            let tail = after << (8 * (BEFORE + len));
            append(before | u128::from(text) << (8 * BEFORE) | tail, BEFORE + len + AFTER, out);
        }
        _ => {
            out.extend_from_slice(before);
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            out.extend_from_slice(after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_without_writing_them() {
        let around = |n: u64| [n.saturating_sub(1), n, n.saturating_add(1)];
        let bits = (0..64).map(|n| 1_u64 << n);
        for number in POWERS.into_iter().chain(bits).chain([0, u64::MAX]).flat_map(around) {
            assert_eq!(decimal_len(number), number.to_string().len(), "{number}");
        }
    }

    #[test]
    fn numbers_are_written_as_any_other() {
        let powers = (0..10).flat_map(|n| [10_u32.pow(n) - 1, 10_u32.pow(n), 10_u32.pow(n) + 1]);
        let multiples = (0..u32::MAX).step_by(99_991);
        for number in powers.chain(0..10_100).chain(multiples).chain([u32::MAX]) {
            let mut out = b"x".to_vec();
            write_within(b"", number, b"", &mut out);
            write_within(b"\"si:", number, b"\",", &mut out);
            write_within(b"12345678", number, b"9", &mut out);
            assert_eq!(out, format!("x{number}\"si:{number}\",12345678{number}9").into_bytes());
        }
    }
}
