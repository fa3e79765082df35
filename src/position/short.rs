//! Positions of up to seven digits, which is nearly all of them, as numbers: the same rules as for
//! long ones, without loops and buffers.

use super::{MAX, Position, ZERO};
use crate::SmallStr;

/// The most digits here. One more may be needed for the answer.
const LONGEST: usize = 7;

/// Seven digits or fewer, in the upper bytes of a number, the first one uppermost.
#[derive(Clone, Copy)]
pub(super) struct Short {
    /// Filled up with digits zero.
    word: u64,
    len: usize,
}

impl Short {
    /// The digits of a position that is canonical and not long.
    pub(super) fn new(position: &Position) -> Option<Self> {
        let len = position.len();
        if len == 0 || len > LONGEST {
            return None;
        }
        let text = position.0.prefix();
        let short = Self { word: text | everywhere(ZERO) >> (8 * len), len };
        let word = short.word;
        // All bytes have the bit 0x20 or 0x40, and neither 0x80 nor all bits but that.
        let digits = (word << 1 | word) & everywhere(0x40) == everywhere(0x40)
            && (word | word.wrapping_add(everywhere(1))) & everywhere(0x80) == 0;
        (digits && short.digit(len - 1) != ZERO).then_some(short)
    }

    /// The rule of [`Position::after`], unless that takes more than eight digits or overflows.
    pub(super) fn after(self) -> Option<Position> {
        let width: usize = match self.len {
            0..=2 => 2,
            3..=5 => 5,
            _ => 8,
        };
        let digits = self.word >> (64 - 8 * width);
        // The greatest digits at the end, which become zeros and are dropped.
        let carried = (digits ^ everywhere(MAX)).trailing_zeros() as usize / 8;
        let len = width.checked_sub(carried).filter(|&len| len > 0)?;
        let sum = (digits >> (8 * carried)) + 1;
        Some(from_word(sum << (64 - 8 * len), len))
    }

    /// The rule of [`Position::between`] for `self < hi`.
    pub(super) fn halfway_to(self, hi: Self) -> Option<Position> {
        let high = hi.word | everywhere(MAX) >> (8 * hi.len);
        // Where `hi` ends its zeros become the greatest digits, so the two differ somewhere.
        let high = Self { word: high, len: 8 };
        let at = (self.word ^ high.word).leading_zeros() as usize / 8;
        if high.digit(at) > self.digit(at) + 1 {
            return Some(self.with_last(at, self.digit(at).midpoint(high.digit(at))));
        }
        let at = (at + 1..8).find(|&at| self.digit(at) < MAX - 1)?;
        Some(self.with_last(at, self.digit(at).midpoint(MAX)))
    }

    fn digit(self, at: usize) -> u8 {
        self.word.to_be_bytes().get(at).copied().unwrap_or(ZERO)
    }

    /// The digits before `at`, and another one there.
    fn with_last(self, at: usize, digit: u8) -> Position {
        let keep = !(u64::MAX >> (8 * at));
        from_word(self.word & keep | u64::from(digit) << (56 - 8 * at), at + 1)
    }
}

fn from_word(word: u64, len: usize) -> Position {
    Position(SmallStr::from_ascii_prefix(word, len))
}

/// A number with the same byte eight times.
const fn everywhere(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}
