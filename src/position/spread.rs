//! Many positions at once, evenly spread and short.

use super::{Digits, Position, ZERO, trim_zeros};

/// The number of digits.
const BASE: u128 = 95;

/// The most digits whose numbers, and the sum of two, fit in a `u128`.
const WIDTH: usize = 19;

/// The positions `prefix` followed by the digits of a number that lies between two others.
struct Room {
    /// What all positions begin with.
    prefix: Digits,
    /// The number of digits after the prefix, of which zeros at the end are dropped.
    width: usize,
    /// The numbers must be greater than `lo` ...
    lo: u128,
    /// ... and less than `hi`.
    hi: u128,
}

impl Room {
    /// The room between two canonical positions, with the fewest digits for `count` numbers.
    fn find(count: u128, lo: &[u8], hi: Option<&[u8]>) -> Self {
        // No upper bound is written as no digits left, which `hi` as a bound never has.
        let mut hi = hi.unwrap_or_default();
        let mut lo = lo;
        let mut prefix = Digits::new();
        while let [digit, rest @ ..] = hi {
            if *digit != lo.first().copied().unwrap_or(ZERO) {
                break;
            }
            prefix.push(*digit);
            lo = lo.get(1..).unwrap_or_default();
            hi = rest;
        }
        loop {
            if let Some((width, lo, hi)) = narrowest(count, lo, hi) {
                return Self { prefix, width, lo, hi };
            }
            // Hardly any room: `lo` goes on with the greatest digits, `hi` with the least. Keep
            // one more digit of `lo`; then anything above what remains of it is less than `hi`.
            let (first, rest) = lo.split_first().unwrap_or((&ZERO, &[]));
            prefix.push(*first);
            lo = rest;
            hi = &[];
        }
    }

    fn position(&self, number: u128) -> Position {
        let mut digits = self.prefix.clone();
        let start = digits.len();
        digits.resize(start + self.width, ZERO);
        let mut number = number;
        for digit in digits.iter_mut().skip(start).rev() {
            let value = (number % BASE) as u8;
            *digit = ZERO + value;
            number /= BASE;
        }
        Position::from_digits(trim_zeros(&digits))
    }
}

/// The fewest digits that leave `count` numbers between `lo` and `hi`, and these two as numbers.
fn narrowest(count: u128, lo: &[u8], hi: &[u8]) -> Option<(usize, u128, u128)> {
    let value = |digit: Option<&u8>| u128::from(digit.map_or(0, |digit| digit - ZERO));
    let (mut low, mut high) = (0, u128::from(hi.is_empty()));
    for width in 1..=WIDTH {
        low = low * BASE + value(lo.get(width - 1));
        high = high * BASE + value(hi.get(width - 1));
        // A bound that has more digits is greater than its first ones.
        let end = high + u128::from(hi.len() > width);
        if end > low + count {
            return Some((width, low, end));
        }
    }
    None
}

pub(super) fn spread(
    count: usize,
    lo: Option<&Position>,
    hi: Option<&Position>,
) -> impl ExactSizeIterator<Item = Position> + use<> {
    let (lo, hi) = (lo.map(Position::clamped), hi.map(Position::clamped));
    let (lo, hi) = match (lo, hi) {
        (Some(lo), Some(hi)) if lo == hi => (Some(lo), None),
        (Some(lo), Some(hi)) if lo > hi => (Some(hi), Some(lo)),
        bounds => bounds,
    };
    let parts = count as u128 + 1;
    let room = Room::find(
        count as u128,
        lo.as_ref().map_or(&[], Position::as_bytes),
        hi.as_ref().map(Position::as_bytes),
    );
    let (step, rest) = ((room.hi - room.lo) / parts, (room.hi - room.lo) % parts);
    (0..count).map(move |index| {
        let part = index as u128 + 1;
        room.position(room.lo + part * step + part * rest / parts)
    })
}
