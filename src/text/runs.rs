//! The formats of a long text: which attributes hold over which stretch of it.
//!
//! Kept beside the characters as run lengths, so plain text costs nothing and a bold word costs
//! one run. The runs live in chunks whose number and size both grow with the square root of their
//! count: finding and changing a place takes O(√runs), and both halves of that work are short
//! linear scans over dense memory. Neighbouring runs never have equal attributes, none is empty.

use std::ops::Range;

use super::segment::{Attributes, most_attributes};

/// A stretch of text with the same attributes all over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) units: usize,
    pub(crate) attributes: Option<Attributes>,
}

#[derive(Clone, Debug)]
struct Chunk {
    units: usize,
    runs: Vec<Run>,
}

/// Run lengths over a whole text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    units: usize,
    chunks: Vec<Chunk>,
    /// At least as many attributes as any run has.
    most_attributes: usize,
}

/// Where a unit lies: in which run of which chunk, and how far into that run.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    chunk: usize,
    run: usize,
    offset: usize,
}

/// Chunks hold at least this many runs before they are split.
const LEAST_CHUNK: usize = 64;

impl Chunk {
    fn new(runs: Vec<Run>) -> Self {
        Self { units: runs.iter().map(|run| run.units).sum(), runs }
    }
}

impl Runs {
    /// The runs given, one after another.
    pub(crate) fn new(runs: impl IntoIterator<Item = Run>) -> Self {
        let mut merged = Vec::new();
        for run in runs {
            push_merged(&mut merged, run);
        }
        let units = merged.iter().map(|run| run.units).sum();
        let most_attributes = most_attributes(merged.iter().map(|run| &run.attributes));
        Self { units, chunks: in_chunks(merged, LEAST_CHUNK), most_attributes }
    }

    /// All runs, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.chunks.iter().flat_map(|chunk| &chunk.runs)
    }

    /// Whether no unit has attributes.
    pub(crate) fn is_plain(&self) -> bool {
        match self.chunks.as_slice() {
            [] => true,
            [chunk] => matches!(chunk.runs.as_slice(), [] | [Run { attributes: None, .. }]),
            _ => false,
        }
    }

    /// At least as many attributes as any run has: as many as one has had. O(1).
    pub(crate) fn most_attributes(&self) -> usize {
        self.most_attributes
    }

    /// The number of runs.
    pub(crate) fn count(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.runs.len()).sum()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let chunks = self.chunks.capacity() * size_of::<Chunk>();
        let runs: usize = self.chunks.iter().map(|chunk| chunk.runs.capacity()).sum();
        chunks + runs * size_of::<Run>()
    }

    /// Makes room for `units` more units at `at`, all with the same attributes.
    pub(crate) fn insert(&mut self, at: usize, units: usize, attributes: Option<Attributes>) {
        if units == 0 {
            return;
        }
        // Typing goes on inside or at the end of a run that already has these attributes.
        if let Some(place) = self.place(at.saturating_sub(1)) {
            if let Some(chunk) = self.chunks.get_mut(place.chunk) {
                if let Some(run) = chunk.runs.get_mut(place.run) {
                    if run.attributes == attributes {
                        run.units += units;
                        chunk.units += units;
                        self.units += units;
                        return;
                    }
                }
            }
        }
        self.splice(at..at, [Run { units, attributes }]);
    }

    /// Forgets the units of `range`.
    pub(crate) fn remove(&mut self, range: Range<usize>) {
        let units = range.len();
        if let Some(place) = self.place(range.start) {
            if let Some(chunk) = self.chunks.get_mut(place.chunk) {
                if let Some(run) = chunk.runs.get_mut(place.run) {
                    if place.offset + units < run.units {
                        run.units -= units;
                        chunk.units -= units;
                        self.units -= units;
                        return;
                    }
                }
            }
        }
        self.splice(range, []);
    }

    /// The runs of `range`, cut at its ends.
    pub(crate) fn slice(&self, range: Range<usize>) -> Vec<Run> {
        let mut left = range.end.min(self.units).saturating_sub(range.start);
        let mut out = Vec::new();
        let Some(place) = self.place(range.start) else { return out };
        let mut skip = place.offset;
        let mut from = place.run;
        for chunk in self.chunks.iter().skip(place.chunk) {
            for run in chunk.runs.iter().skip(from) {
                if left == 0 {
                    return out;
                }
                let units = (run.units - skip).min(left);
                out.push(Run { units, attributes: run.attributes.clone() });
                left -= units;
                skip = 0;
            }
            from = 0;
        }
        out
    }

    /// Puts other runs in the place of `range`.
    pub(crate) fn splice(&mut self, range: Range<usize>, with: impl IntoIterator<Item = Run>) {
        let end = range.end.min(self.units);
        let start = range.start.min(end);
        // Widen by one unit to either side, so that the new runs can merge with their neighbours.
        let first = self.place(start.saturating_sub(1));
        let last = self.place(end.min(self.units.saturating_sub(1)));
        let (Some(first), Some(last)) = (first, last) else {
            *self = Self::new(with);
            return;
        };
        let mut middle = Vec::new();
        if start > 0 {
            if let Some(run) = self.run(first) {
                let units = first.offset + 1;
                middle.push(Run { units, attributes: run.attributes.clone() });
            }
        }
        for run in with {
            self.most_attributes = self.most_attributes.max(most_attributes([&run.attributes]));
            push_merged(&mut middle, run);
        }
        if end < self.units {
            if let Some(run) = self.run(last) {
                let units = run.units - last.offset;
                push_merged(&mut middle, Run { units, attributes: run.attributes.clone() });
            }
        }
        self.replace_runs(first, last, middle);
    }

    fn run(&self, place: Place) -> Option<&Run> {
        self.chunks.get(place.chunk)?.runs.get(place.run)
    }

    /// Where unit `at` lies; `None` past the end.
    fn place(&self, at: usize) -> Option<Place> {
        let mut offset = at;
        for (chunk, Chunk { units, runs }) in self.chunks.iter().enumerate() {
            if offset >= *units {
                offset -= units;
                continue;
            }
            for (run, Run { units, .. }) in runs.iter().enumerate() {
                if offset < *units {
                    return Some(Place { chunk, run, offset });
                }
                offset -= units;
            }
        }
        None
    }

    /// Puts `middle` in the place of the runs `first..=last`.
    fn replace_runs(&mut self, first: Place, last: Place, middle: Vec<Run>) {
        let most = LEAST_CHUNK.max(2 * self.chunks.len());
        if first.chunk == last.chunk {
            let Some(chunk) = self.chunks.get_mut(first.chunk) else { return };
            let added: usize = middle.iter().map(|run| run.units).sum();
            let removed: usize =
                chunk.runs.splice(first.run..=last.run, middle).map(|run| run.units).sum();
            chunk.units = chunk.units + added - removed;
            self.units = self.units + added - removed;
            let count = chunk.runs.len();
            let small = count < most / 4 && self.chunks.len() > 1;
            if count == 0 || small || count > most {
                self.rechunk(first.chunk, first.chunk, most);
            }
        } else {
            if let Some(chunk) = self.chunks.get_mut(first.chunk) {
                chunk.runs.truncate(first.run);
                chunk.runs.extend(middle);
            }
            if let Some(chunk) = self.chunks.get_mut(last.chunk) {
                chunk.runs.drain(..=last.run);
            }
            self.chunks.drain(first.chunk + 1..last.chunk);
            self.rechunk(first.chunk, first.chunk + 1, most);
        }
    }

    /// Joins the chunks `from..=to` and their right neighbour, and cuts them up anew.
    fn rechunk(&mut self, from: usize, to: usize, most: usize) {
        let from = if to + 1 >= self.chunks.len() { from.saturating_sub(1) } else { from };
        let until = (to + 2).min(self.chunks.len());
        let joined = self.chunks.drain(from..until).flat_map(|chunk| chunk.runs).collect();
        self.chunks.splice(from..from, in_chunks(joined, most));
        self.units = self.chunks.iter().map(|chunk| chunk.units).sum();
    }

    /// Checks what the module's documentation promises.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let runs: Vec<&Run> = self.iter().collect();
        assert!(runs.iter().all(|run| run.units > 0), "an empty run");
        for pair in runs.windows(2) {
            assert_ne!(pair[0].attributes, pair[1].attributes, "neighbours not merged");
        }
        for chunk in &self.chunks {
            assert!(!chunk.runs.is_empty(), "an empty chunk");
            assert_eq!(chunk.units, chunk.runs.iter().map(|run| run.units).sum::<usize>());
        }
        assert_eq!(self.units, runs.iter().map(|run| run.units).sum::<usize>());
        assert!(most_attributes(runs.iter().map(|run| &run.attributes)) <= self.most_attributes);
    }
}

impl PartialEq for Runs {
    fn eq(&self, other: &Self) -> bool {
        self.units == other.units && self.iter().eq(other.iter())
    }
}

fn push_merged(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        _ if run.units == 0 => {}
        Some(last) if last.attributes == run.attributes => last.units += run.units,
        _ => runs.push(run),
    }
}

/// Cuts runs into chunks about half full, so that each can grow and shrink for a while.
fn in_chunks(runs: Vec<Run>, most: usize) -> Vec<Chunk> {
    if runs.len() <= most {
        return if runs.is_empty() { Vec::new() } else { vec![Chunk::new(runs)] };
    }
    let mut chunks = Vec::new();
    let mut runs = runs.into_iter();
    loop {
        let chunk: Vec<Run> = runs.by_ref().take(most.div_ceil(2)).collect();
        if chunk.is_empty() {
            return chunks;
        }
        chunks.push(Chunk::new(chunk));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Json;

    fn attributes(kind: u8) -> Option<Attributes> {
        let object = (kind > 0).then(|| [("k".into(), Json::from(kind))].into_iter().collect())?;
        Some(std::sync::Arc::new(object))
    }

    #[test]
    fn ten_thousand_runs_stay_in_few_chunks() {
        let mut runs = Runs::new([Run { units: 20_000, attributes: None }]);
        for at in (0..20_000).step_by(2) {
            runs.splice(at..at + 1, [Run { units: 1, attributes: attributes(1) }]);
        }
        runs.check();
        assert_eq!(runs.count(), 20_000);
        assert!(runs.chunks.len() < 600, "{}", runs.chunks.len());
        runs.splice(0..20_000, [Run { units: 20_000, attributes: None }]);
        runs.check();
        assert!(runs.is_plain());
    }

    proptest! {
        #[test]
        fn runs_equal_one_attribute_per_unit(
            steps in prop::collection::vec((0usize..400, 0usize..40, 0u8..4, 0u8..3), 1..300),
        ) {
            let mut runs = Runs::default();
            let mut model: Vec<u8> = Vec::new();
            for (at, length, kind, action) in steps {
                let at = at.min(model.len());
                let end = (at + length).min(model.len());
                let units = length % 7;
                match action {
                    0 => {
                        model.splice(at..at, std::iter::repeat_n(kind, units));
                        runs.insert(at, units, attributes(kind));
                    }
                    1 => {
                        model.splice(at..end, std::iter::repeat_n(kind, units));
                        runs.splice(at..end, [Run { units, attributes: attributes(kind) }]);
                    }
                    _ => {
                        model.drain(at..end);
                        runs.remove(at..end);
                    }
                }
                runs.check();
                let expected = Runs::new(
                    model.iter().map(|kind| Run { units: 1, attributes: attributes(*kind) }),
                );
                prop_assert_eq!(&runs, &expected);
                let slice: Vec<Run> = runs.slice(at..end);
                let units: usize = slice.iter().map(|run| run.units).sum();
                prop_assert_eq!(units, end.min(model.len()).saturating_sub(at));
            }
        }
    }
}
