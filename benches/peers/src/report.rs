//! What was measured: a table for people and lines of JSON for machines.

mod goal;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

pub(crate) use goal::{Bound, Goal};

use crate::work::Work;

/// What a figure counts. Less is better for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    Bytes,
}

impl Unit {
    fn metric(self) -> &'static str {
        match self {
            Self::Nanoseconds => "cpu",
            Self::Bytes => "heap",
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Bytes => "B",
        }
    }

    /// A figure with three digits, for people.
    pub(crate) fn show(self, value: f64) -> String {
        let steps: &[(f64, &str)] = match self {
            Self::Nanoseconds => &[(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")],
            Self::Bytes => &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")],
        };
        let step = steps.iter().find(|(step, _)| value >= *step).or(steps.last());
        let (step, symbol) = step.unwrap_or(&(1.0, ""));
        format!("{} {symbol}", digits(value / step))
    }
}

/// Three digits, or all that stand before the point.
fn digits(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The figures of one work at one size.
pub(crate) struct Row {
    pub(crate) work: &'static Work,
    pub(crate) size: usize,
    /// By system: `livetree`, the names of its peers, `limit:…`.
    pub(crate) figures: Vec<(String, f64)>,
    pub(crate) notes: Vec<String>,
}

impl Row {
    fn figure(&self, system: &str) -> Option<f64> {
        self.figures.iter().find(|(name, _)| name == system).map(|(_, value)| *value)
    }

    fn livetree(&self) -> Option<f64> {
        self.figure("livetree")
    }

    fn limit(&self) -> Option<(&str, f64)> {
        let mut figures = self.figures.iter();
        figures.find_map(|(name, value)| Some((name.strip_prefix("limit:")?, *value)))
    }

    fn best_peer(&self) -> Option<f64> {
        let is_peer = |name: &str| name != "livetree" && !name.starts_with("limit:");
        let peers = self.figures.iter().filter(|(name, _)| is_peer(name));
        peers.map(|(_, value)| *value).min_by(f64::total_cmp)
    }

    fn cells(&self, all: &[Self]) -> Vec<String> {
        let show =
            |value: Option<f64>| value.map_or("–".into(), |value| self.work.unit.show(value));
        let ratio = |value: Option<f64>| {
            let ratio = value.zip(self.livetree()).map(|(value, livetree)| value / livetree);
            ratio.map_or("–".into(), digits)
        };
        let limit = self.limit();
        let mut cells = vec![self.work.name.to_owned(), grouped(self.size), show(self.livetree())];
        cells.extend(["automerge", "loro", "yrs"].map(|peer| show(self.figure(peer))));
        cells.push(limit.map_or("–".into(), |(name, value)| {
            format!("{} {name}", self.work.unit.show(value))
        }));
        let limit = limit.map(|(_, value)| value);
        cells.push(format!("1 : {} : {}", ratio(self.best_peer()), ratio(limit)));
        cells.push(goal::verdicts(self, all));
        cells
    }
}

/// With a comma before every three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

/// Appends the row's figures, one line of JSON for each.
pub(crate) fn write_json(row: &Row, out: &mut impl Write) -> io::Result<()> {
    for (system, value) in &row.figures {
        let line = serde_json::json!({
            "work": row.work.name,
            "size": row.size,
            "system": system,
            "metric": row.work.unit.metric(),
            "value": value,
            "unit": row.work.unit.symbol(),
        });
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// A file for the lines of JSON.
pub(crate) fn json_file(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The table of all rows, in Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = [
        "work",
        "size",
        "livetree",
        "automerge",
        "loro",
        "yrs",
        "limit",
        "livetree : best peer : limit",
        "goal",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| row.cells(rows)));
    let widths: Vec<usize> = (0..head.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut output = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if is_text(column) { format!(" {cell:<width$} ") } else { format!(" {cell:>width$} ") }
        });
        output.push(format!("|{}|", cells.collect::<Vec<_>>().join("|")));
        if number == 0 {
            let rules = widths.iter().enumerate().map(|(column, width)| {
                let rule = "-".repeat(width + 1);
                if is_text(column) { rule + "-" } else { rule + ":" }
            });
            output.push(format!("|{}|", rules.collect::<Vec<_>>().join("|")));
        }
    }
    output.push(String::new());
    for Row { work, size, notes, .. } in rows {
        output
            .extend(notes.iter().map(|note| format!("{}, {}: {note}.", work.name, grouped(*size))));
    }
    output.join("\n")
}

/// The first and the last column are words, the others numbers.
fn is_text(column: usize) -> bool {
    column == 0 || column == 8
}
