//! What livetree wants to reach, and whether it does.

use super::{Row, digits};

/// A goal for a work, at one size or at all.
pub(crate) struct Goal {
    pub(crate) size: Option<usize>,
    pub(crate) bound: Bound,
}

/// What livetree's figure is held against.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// A figure.
    AtMost(f64),
    /// So many times the limit.
    OfLimit(f64),
    /// The best peer takes at least so many times as much.
    Ahead(f64),
    /// So many times livetree's figure at a smaller size.
    OfSize(usize, f64),
}

impl Goal {
    pub(crate) const fn every(bound: Bound) -> Self {
        Self { size: None, bound }
    }

    pub(crate) const fn at(size: usize, bound: Bound) -> Self {
        Self { size: Some(size), bound }
    }

    /// The goal in words, and livetree's figure as a multiple of what it may be.
    fn verdict(&self, row: &Row, all: &[Row]) -> Option<(String, f64)> {
        let livetree = row.livetree()?;
        let (words, most) = match self.bound {
            Bound::AtMost(most) => (format!("≤ {}", row.work.unit.show(most)), most),
            Bound::OfLimit(factor) => (format!("≤ {factor}x limit"), row.limit()?.1 * factor),
            Bound::Ahead(factor) => (format!("{factor}x ahead"), row.best_peer()? / factor),
            Bound::OfSize(size, factor) => {
                let mut rows = all.iter();
                let base =
                    rows.find(|other| other.work.name == row.work.name && other.size == size);
                (format!("≤ {factor}x of {}", super::grouped(size)), base?.livetree()? * factor)
            }
        };
        Some((words, livetree / most))
    }
}

/// All goals of a row, each met or missed.
pub(super) fn verdicts(row: &Row, all: &[Row]) -> String {
    let goals = row.work.goals.iter().filter(|goal| goal.size.is_none_or(|size| size == row.size));
    let verdicts = goals.filter_map(|goal| goal.verdict(row, all)).map(|(words, multiple)| {
        if multiple <= 1.0 {
            format!("{words}: met")
        } else {
            format!("{words}: missed {}x", digits(multiple))
        }
    });
    verdicts.collect::<Vec<_>>().join("; ")
}
