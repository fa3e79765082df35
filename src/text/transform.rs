//! Expressing operations over concurrent ones, so that everybody ends with the same text.
//!
//! Two lists of operations on the same text are carried over each other like a grid: each cell
//! carries one operation of the one list over one of the other, and both outcomes go on to the next
//! cells. The results are equal to the letter to those of other implementations of the wire format,
//! which compare them with their own predictions.
//!
//! # Cost
//!
//! Time is proportional to the product of the two lists' lengths, and memory to their sum. One
//! operation over a hundred thousand is linear. Where an operation is split in pieces (a deletion
//! with text inserted in its midst), each piece counts as an operation from there on. No recursion
//! depends on the length of either list.

use smallvec::SmallVec;

use super::budget::Budget;
use super::history::UpdateError;
use super::op::TextOp;
use super::segment::Attributes;
use super::units::signed_len;

/// Where the transformed operation stands in the final order, relative to the one it is
/// transformed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Earlier: of two inserts at one place its text comes first; of two formats it gives way.
    Before,
    /// Later: as an operation that a server receives stands to those it accepted already.
    After,
}

impl Order {
    /// The order seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::After => Self::Before,
        }
    }
}

/// Carries two lists of operations on the same text over each other.
///
/// `order` is the place of `a` relative to `b`. With the result `(a2, b2)`, applying `a` and then
/// `b2` gives the same text as `b` and then `a2`.
///
/// ```
/// use livetree::text::{Order, Text, TextOp, transform};
/// let a = [TextOp::Insert { index: 0, text: "A".into(), attributes: None }];
/// let b = [TextOp::Insert { index: 0, text: "B".into(), attributes: None }];
/// let (a2, b2) = transform(&a, &b, Order::After);
/// let (mut one, mut other) = (Text::from("-"), Text::from("-"));
/// one.apply(&a);
/// one.apply(&b2);
/// other.apply(&b);
/// other.apply(&a2);
/// assert_eq!(one, other);
/// assert_eq!(one.to_string(), "BA-");
/// ```
#[must_use]
pub fn transform(a: &[TextOp], b: &[TextOp], order: Order) -> (Vec<TextOp>, Vec<TextOp>) {
    let items = |ops: &[TextOp]| ops.iter().cloned().map(Item::new).collect();
    let (a, b) = grid(items(a), items(b), order, &mut Budget::unlimited()).unwrap_or_default();
    let ops = |items: Vec<Item>| items.into_iter().map(|item| item.op).collect();
    (ops(a), ops(b))
}

/// Expresses the operations `a` over the concurrent operations `b`: the first half of
/// [`transform`], at half the cost where `a` is a single operation.
#[must_use]
pub fn transform_over<'a>(
    a: &[TextOp],
    b: impl IntoIterator<Item = &'a TextOp>,
    order: Order,
) -> Vec<TextOp> {
    transform_within(a, b, order, &mut Budget::unlimited()).unwrap_or_default()
}

/// As [`transform_over`], within a budget.
pub(crate) fn transform_within<'a>(
    a: &[TextOp],
    b: impl IntoIterator<Item = &'a TextOp>,
    order: Order,
    budget: &mut Budget,
) -> Result<Vec<TextOp>, UpdateError> {
    let mut out = Vec::with_capacity(a.len());
    let mut row = b.into_iter();
    if let [single] = a {
        // Nothing follows that would need `b` carried over this operation, unless it splits.
        let mut item = Item::new(single.clone());
        while let Some(over) = row.next() {
            budget.spend(1)?;
            if let Some(pieces) = item.carry(&Extent::of(over), order) {
                let rest = row.cloned().map(Item::new).collect();
                let (pieces, _) = grid(pieces, rest, order, budget)?;
                out.extend(pieces.into_iter().map(|item| item.op));
                return Ok(out);
            }
        }
        out.push(item.op);
    } else if !a.is_empty() {
        let items = a.iter().cloned().map(Item::new).collect();
        let (items, _) = grid(items, row.cloned().map(Item::new).collect(), order, budget)?;
        out.extend(items.into_iter().map(|item| item.op));
    }
    Ok(out)
}

/// Expresses one operation over one concurrent operation; the result is up to three operations.
///
/// ```
/// use livetree::text::{Order, TextOp, transform_one};
/// let delete = TextOp::Delete { index: 0, length: 4 };
/// let insert = TextOp::Insert { index: 2, text: "new".into(), attributes: None };
/// let pieces = transform_one(&delete, &insert, Order::After);
/// // What was inserted in the midst survives. The second piece counts from after the first.
/// assert_eq!(
///     pieces,
///     [TextOp::Delete { index: 0, length: 2 }, TextOp::Delete { index: 3, length: 2 }]
/// );
/// ```
#[must_use]
pub fn transform_one(op: &TextOp, over: &TextOp, order: Order) -> Vec<TextOp> {
    let mut item = Item::new(op.clone());
    match item.carry(&Extent::of(over), order) {
        None => vec![item.op],
        Some(pieces) => pieces.into_iter().map(|item| item.op).collect(),
    }
}

/// An operation on its way through the grid, with the length of its text counted once.
#[derive(Clone, Debug)]
struct Item {
    op: TextOp,
    inserted: i64,
}

/// All that matters of an operation to those carried over it.
enum Extent {
    Insert { at: i64, length: i64 },
    Delete { start: i64, end: i64 },
    Format { start: i64, end: i64, attributes: Attributes },
}

impl Extent {
    fn of(op: &TextOp) -> Self {
        let inserted = match op {
            TextOp::Insert { text, .. } => signed_len(text),
            _ => 0,
        };
        Self::with_length(op, inserted)
    }

    fn with_length(op: &TextOp, inserted: i64) -> Self {
        match op {
            TextOp::Insert { index, .. } => Self::Insert { at: *index, length: inserted },
            TextOp::Delete { index, length } => {
                // A negative length removes nothing.
                Self::Delete { start: *index, end: index.saturating_add((*length).max(0)) }
            }
            TextOp::Format { index, length, attributes } => Self::Format {
                start: *index,
                end: index.saturating_add(*length),
                attributes: attributes.clone(),
            },
        }
    }
}

impl Item {
    fn new(op: TextOp) -> Self {
        let inserted = match &op {
            TextOp::Insert { text, .. } => signed_len(text),
            _ => 0,
        };
        Self { op, inserted }
    }

    fn extent(&self) -> Extent {
        Extent::with_length(&self.op, self.inserted)
    }

    /// Carries this operation over the one with extent `over`. Unless it stays one operation,
    /// the pieces that take its place, or none.
    fn carry(&mut self, over: &Extent, order: Order) -> Option<Vec<Self>> {
        let second = match (&mut self.op, over) {
            (TextOp::Insert { index, .. }, Extent::Insert { at, length }) => {
                if at < index || (at == index && order == Order::After) {
                    *index = index.saturating_add(*length);
                }
                return None;
            }
            (TextOp::Insert { index, .. }, Extent::Delete { start, end }) => {
                *index = shift(*index, *start, *end);
                return None;
            }
            (
                TextOp::Delete { index, length } | TextOp::Format { index, length, .. },
                Extent::Delete { start, end },
            ) => {
                let to = shift(index.saturating_add(*length), *start, *end);
                *index = shift(*index, *start, *end);
                *length = to.saturating_sub(*index);
                return (*length <= 0).then(Vec::new);
            }
            (TextOp::Delete { index, length }, Extent::Insert { at, length: added }) => {
                let (_, length) = split(index, length, *at, *added)?;
                // The second piece counts from where the first has already gone.
                TextOp::Delete { index: index.saturating_add(*added), length }
            }
            (
                TextOp::Format { index, length, attributes },
                Extent::Insert { at, length: added },
            ) => {
                let (index, length) = split(index, length, *at, *added)?;
                TextOp::Format { index, length, attributes: attributes.clone() }
            }
            (
                TextOp::Format { index, length, attributes },
                Extent::Format { start, end, attributes: theirs },
            ) if order == Order::Before => {
                let range = (*index, index.saturating_add(*length));
                let overlap = (range.0.max(*start), range.1.min(*end));
                let shared = |key: &str| theirs.get(key).is_some();
                let cut = overlap.0 < overlap.1 && attributes.iter().any(|(key, _)| shared(key));
                return cut.then(|| cut_format(range, overlap, attributes, shared));
            }
            (_, Extent::Format { .. }) => return None,
        };
        Some(vec![self.clone(), Self { op: second, inserted: 0 }])
    }
}

/// Where an index stands after `start..end` is gone.
fn shift(index: i64, start: i64, end: i64) -> i64 {
    if index <= start { index } else { start.max(index.saturating_sub(end.saturating_sub(start))) }
}

/// Moves a range over an insertion. If that is strictly inside, the range is cut off there, and
/// the place and length of what lies beyond the inserted text is returned.
fn split(index: &mut i64, length: &mut i64, at: i64, added: i64) -> Option<(i64, i64)> {
    let end = index.saturating_add(*length);
    if at <= *index {
        *index = index.saturating_add(added);
        None
    } else if at >= end {
        None
    } else {
        *length = at.saturating_sub(*index);
        Some((at.saturating_add(added), end.saturating_sub(at)))
    }
}

/// Takes the shared keys out of a format on the overlap only: up to three pieces.
fn cut_format(
    range: (i64, i64),
    overlap: (i64, i64),
    attributes: &Attributes,
    shared: impl Fn(&str) -> bool,
) -> Vec<Item> {
    let mut out = Vec::with_capacity(3);
    let mut piece = |(index, end): (i64, i64), attributes: Attributes| {
        if index < end {
            let length = end.saturating_sub(index);
            out.push(Item { op: TextOp::Format { index, length, attributes }, inserted: 0 });
        }
    };
    piece((range.0, overlap.0), attributes.clone());
    let own = attributes.iter().filter(|(key, _)| !shared(key));
    let own: crate::json::JsonObject = own.map(|(k, v)| (k.clone(), v.clone())).collect();
    if !own.is_empty() {
        piece(overlap, Attributes::new(own));
    }
    piece((overlap.1, range.1), attributes.clone());
    out
}

/// Carries two lists over each other, row by row: each operation of `a` over all of `b`, which is
/// thereby carried over that operation.
fn grid(
    a: Vec<Item>,
    b: Vec<Item>,
    order: Order,
    budget: &mut Budget,
) -> Result<(Vec<Item>, Vec<Item>), UpdateError> {
    let mut done = Vec::with_capacity(a.len());
    let mut row = b;
    let mut next_row = Vec::with_capacity(row.len());
    for item in a {
        let mut pieces: SmallVec<[Item; 1]> = SmallVec::from_buf([item]);
        for mut over in row.drain(..) {
            budget.spend(1)?;
            match pieces.as_mut_slice() {
                [] => next_row.push(over),
                [single] => {
                    let extent = single.extent();
                    if let Some(split) = single.carry(&over.extent(), order) {
                        pieces = split.into();
                    }
                    match over.carry(&extent, order.reversed()) {
                        None => next_row.push(over),
                        Some(split) => next_row.extend(split),
                    }
                }
                _ => {
                    // Of two operations at most one is split by the other (deletions and formats
                    // by insertions, the earlier of two formats by the later one), and pieces are
                    // of their operation's kind. So either `over` stays in one piece here, or
                    // each of these does, and the call does not come to this point again.
                    let taken = std::mem::take(&mut pieces).into_vec();
                    let (p, o) = grid(taken, vec![over], order, budget)?;
                    pieces = p.into();
                    next_row.extend(o);
                }
            }
        }
        done.extend(pieces);
        std::mem::swap(&mut row, &mut next_row);
    }
    Ok((done, row))
}
