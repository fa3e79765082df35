//! Short runs of bytes, many of a size together.
//!
//! An allocation for each would take half as much again for the allocator's own use, and a longer
//! pointer in each node.

use std::ops::Range;

/// The sizes of cells. Neighbours differ by an eighth to a quarter, beyond the smallest.
const SIZES: [usize; 25] = [
    0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512,
    640, 768, 896, 1024,
];

/// The largest run that a cell holds.
pub(super) const LARGEST: usize = 1024;

/// Names a cell: its size, as a place in the table of sizes, and its number among those of that
/// size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) class: u8,
    pub(super) number: u32,
}

impl Cell {
    /// The cell of size zero, which takes no memory.
    pub(super) const EMPTY: Self = Self { class: 0, number: 0 };
}

/// All cells of a document.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    /// By class; only as many as there have been cells of.
    classes: Vec<Class>,
}

#[derive(Clone, Debug, Default)]
struct Class {
    /// All but the last are full. In pages, so that one more cell never copies them all.
    pages: Vec<Vec<u8>>,
    free: Vec<u32>,
}

/// How many cells a full page has.
const PAGE: usize = 512;

/// The page of a cell, and its bytes there.
fn place(cell: Cell) -> (usize, Range<usize>) {
    let (size, number) = (size(cell), cell.number as usize);
    let start = number % PAGE * size;
    (number / PAGE, start..start + size)
}

/// The class of the smallest cell that holds `len` bytes.
fn class_of(len: usize) -> usize {
    debug_assert!(len <= LARGEST);
    if len <= 64 { len.div_ceil(8) } else { SIZES.partition_point(|size| *size < len) }
}

fn size(cell: Cell) -> usize {
    SIZES.get(usize::from(cell.class)).copied().unwrap_or_default()
}

impl Cells {
    /// A new cell that begins with these bytes, at most [`LARGEST`].
    pub(super) fn add(&mut self, run: &[u8]) -> Cell {
        let class = class_of(run.len());
        if class == 0 {
            return Cell::EMPTY;
        }
        if self.classes.len() <= class {
            self.classes.reserve_exact(class + 1 - self.classes.len());
            self.classes.resize_with(class + 1, Class::default);
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are few classes")]
        let mut cell = Cell { class: class as u8, number: 0 };
        let size = size(cell);
        let Some(of_size) = self.classes.get_mut(class) else { return Cell::EMPTY };
        if let Some(number) = of_size.free.pop() {
            cell.number = number;
            if let Some(to) = self.get_mut(cell).get_mut(..run.len()) {
                to.copy_from_slice(run);
            }
            return cell;
        }
        if of_size.pages.last().is_none_or(|last| last.len() == PAGE * size) {
            of_size.pages.push(Vec::new());
        }
        let full = of_size.pages.len().saturating_sub(1) * PAGE;
        let Some(page) = of_size.pages.last_mut() else { return Cell::EMPTY };
        let end = page.len();
        #[expect(clippy::cast_possible_truncation, reason = "4 billion do not fit in memory")]
        let number = (full + end / size) as u32;
        cell.number = number;
        if page.capacity() - end < size {
            // Few at first, as rooms with small documents are many.
            let more = (end / 2).max(2 * size).next_multiple_of(size);
            page.reserve_exact(more.min(PAGE * size - end));
        }
        page.extend_from_slice(run);
        page.resize(end + size, 0);
        cell
    }

    /// The cell's bytes, the unused ones at its end included.
    pub(super) fn get(&self, cell: Cell) -> &[u8] {
        let (page, bytes) = place(cell);
        let class = self.classes.get(usize::from(cell.class));
        class.and_then(|class| class.pages.get(page)?.get(bytes)).unwrap_or_default()
    }

    pub(super) fn get_mut(&mut self, cell: Cell) -> &mut [u8] {
        let (page, bytes) = place(cell);
        let class = self.classes.get_mut(usize::from(cell.class));
        class.and_then(|class| class.pages.get_mut(page)?.get_mut(bytes)).unwrap_or_default()
    }

    /// Puts bytes in the place of others, if they are as many.
    pub(super) fn replace(&mut self, cell: Cell, old: Range<usize>, new: &[u8]) -> bool {
        let place = self.get_mut(cell).get_mut(old).filter(|place| place.len() == new.len());
        if let Some(place) = place {
            place.copy_from_slice(new);
            return true;
        }
        false
    }

    /// Gives a cell back.
    pub(super) fn remove(&mut self, cell: Cell) {
        if cell.class > 0 {
            if let Some(class) = self.classes.get_mut(usize::from(cell.class)) {
                class.free.push(cell.number);
            }
        }
    }

    /// Whether bytes that become this many should move to a cell of another size: they do not fit,
    /// or take up less than half of it.
    pub(super) fn is_unfit(cell: Cell, len: usize) -> bool {
        let size = size(cell);
        len > size || (len < size / 2 && class_of(len) < usize::from(cell.class))
    }

    /// Gives back memory that further growth would have used.
    pub(super) fn shrink(&mut self) {
        for class in &mut self.classes {
            class.pages.shrink_to_fit();
            if let Some(last) = class.pages.last_mut() {
                last.shrink_to_fit();
            }
        }
    }

    /// The number of cells in use, other than empty ones.
    pub(super) fn len(&self) -> usize {
        let cells = self.classes.iter().zip(SIZES).skip(1);
        cells
            .map(|(class, size)| {
                let last = class.pages.last().map_or(0, |last| last.len() / size);
                class.pages.len().saturating_sub(1) * PAGE + last - class.free.len()
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_size_that_fits() {
        for len in 0..=LARGEST {
            let class = class_of(len);
            assert!(SIZES[class] >= len);
            assert!(class == 0 || SIZES[class - 1] < len);
        }
    }

    #[test]
    fn many_cells_of_a_size_are_in_pages() {
        let mut cells = Cells::default();
        let run = |n: usize| n.to_le_bytes();
        let added: Vec<_> = (0..3 * PAGE + 7).map(|n| cells.add(&run(n))).collect();
        assert_eq!(cells.len(), added.len());
        for (n, cell) in added.iter().enumerate() {
            assert_eq!(cells.get(*cell), run(n));
        }
        let pages = &cells.classes[1].pages;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4096, 4096, 4096, 56]);
        cells.shrink();
        assert_eq!(cells.get(added[PAGE]), run(PAGE));
        assert_eq!(cells.add(&[1; 8]).number, u32::try_from(3 * PAGE + 7).unwrap());
    }

    #[test]
    fn cells_keep_apart_and_are_used_again() {
        let mut cells = Cells::default();
        let runs: Vec<Vec<u8>> = (1..=200_u8).map(|n| vec![n; usize::from(n)]).collect();
        let added: Vec<_> = runs.iter().map(|run| cells.add(run)).collect();
        for (run, cell) in runs.iter().zip(&added) {
            assert_eq!(cells.get(*cell)[..run.len()], run[..]);
        }
        assert_eq!(cells.len(), 200);
        for cell in &added {
            cells.remove(*cell);
        }
        assert_eq!(cells.len(), 0);
        let mut again: Vec<_> = runs.iter().map(|run| cells.add(run)).collect();
        again.sort_by_key(|cell| (cell.class, cell.number));
        let mut added = added;
        added.sort_by_key(|cell| (cell.class, cell.number));
        assert_eq!(again, added);
        assert_eq!(cells.add(&[]), Cell::EMPTY);
    }
}
