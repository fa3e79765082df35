//! Short runs of bytes, many of a size together.
//!
//! An allocation for each would take half as much again for the allocator's own use, and a longer
//! pointer in each node.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// The sizes of cells. Neighbours differ by an eighth to a quarter, beyond the smallest.
static SIZES: [usize; CLASSES] = [
    0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512,
    640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560,
];

pub(super) const CLASSES: usize = 30;

/// The largest run that a cell holds.
pub(super) const LARGEST: usize = 2560;

/// Names a cell: its number among those of its size, above its class, which is the place of that size in
/// the table of sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell(pub(super) u32);

pub(super) const CLASS_BITS: u32 = 5;
/// Numbers of cells are less. Tests reach it.
pub(super) const NUMBERS: u32 = if cfg!(test) { 1 << 13 } else { 1 << (32 - CLASS_BITS) };

impl Cell {
    /// The cell of size zero, which takes no memory.
    pub(super) const EMPTY: Self = Self(0);

    #[expect(clippy::cast_possible_truncation, reason = "there are few classes")]
    fn new(class: usize, number: u32) -> Self {
        Self(number << CLASS_BITS | class as u32)
    }

    fn class(self) -> usize {
        self.0 as usize % (1 << CLASS_BITS)
    }

    fn number(self) -> u32 {
        self.0 >> CLASS_BITS
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cell {} of {} bytes", self.number(), size(*self))
    }
}

/// All cells of a document.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    /// By class; only as many as there have been cells of.
    classes: Vec<Class>,
}

#[derive(Clone, Debug, Default)]
struct Class {
    /// In pages, so that one more cell never copies them all. All but the last are full.
    pages: Vec<Vec<u8>>,
    /// Numbers from here on have never been given out.
    end: u32,
    free: Vec<u32>,
}

/// How many cells of a class a full page has, as a power of two: 4 to 32 KiB of them.
static PAGE_BITS: [u8; CLASSES] =
    [9, 9, 9, 9, 9, 9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7, 6, 6, 6, 6, 5, 5, 5, 5, 4, 4, 4, 4, 3];

fn page_bits(cell: Cell) -> u8 {
    PAGE_BITS.get(cell.class()).copied().unwrap_or_default()
}

/// The page of a cell, and its bytes there.
fn place(cell: Cell) -> (usize, Range<usize>) {
    let (size, number) = (size(cell), cell.number() as usize);
    let bits = page_bits(cell);
    let start = number % (1 << bits) * size;
    (number >> bits, start..start + size)
}

/// The class of the smallest cell that holds `len` bytes.
fn class_of(len: usize) -> usize {
    debug_assert!(len <= LARGEST);
    if len <= 64 { len.div_ceil(8) } else { SIZES.partition_point(|size| *size < len) }
}

fn size(cell: Cell) -> usize {
    SIZES.get(cell.class()).copied().unwrap_or_default()
}

impl Cells {
    /// A new cell that begins with these bytes, at most [`LARGEST`].
    pub(super) fn add(&mut self, run: &[u8]) -> Cell {
        let class = self.class_with_room(run.len());
        if class == 0 {
            return Cell::EMPTY;
        }
        if self.classes.len() <= class {
            self.classes.reserve_exact(class + 1 - self.classes.len());
            self.classes.resize_with(class + 1, Class::default);
        }
        let Some(of_size) = self.classes.get_mut(class) else { return Cell::EMPTY };
        let cell = Cell::new(class, of_size.give_out());
        if let Some(to) = of_size.room_for(cell).and_then(|room| room.get_mut(..run.len())) {
            to.copy_from_slice(run);
        }
        cell
    }

    /// The class of the smallest cells that hold `len` bytes and of which there can be one more.
    fn class_with_room(&self, len: usize) -> usize {
        let is_full = |class: &usize| {
            let class = self.classes.get(*class);
            class.is_some_and(|class| class.end == NUMBERS && class.free.is_empty())
        };
        let class = (class_of(len)..SIZES.len()).find(|class| !is_full(class));
        debug_assert!(class.is_some(), "so many of all sizes do not fit in memory");
        class.unwrap_or_default()
    }

    /// The cell's bytes, the unused ones at its end included.
    pub(super) fn get(&self, cell: Cell) -> &[u8] {
        let (page, bytes) = place(cell);
        let class = self.classes.get(cell.class());
        class.and_then(|class| class.pages.get(page)?.get(bytes)).unwrap_or_default()
    }

    pub(super) fn get_mut(&mut self, cell: Cell) -> &mut [u8] {
        let (page, bytes) = place(cell);
        let class = self.classes.get_mut(cell.class());
        class.and_then(|class| class.pages.get_mut(page)?.get_mut(bytes)).unwrap_or_default()
    }

    /// Gives a cell back.
    pub(super) fn remove(&mut self, cell: Cell) {
        if cell != Cell::EMPTY {
            if let Some(class) = self.classes.get_mut(cell.class()) {
                class.free.push(cell.number());
            }
        }
    }

    /// Whether a run that becomes this long should move to a cell of another size: it does not fit, or takes
    /// up less than half of it, or is none.
    pub(super) fn is_unfit(cell: Cell, len: usize) -> bool {
        let size = size(cell);
        len == 0 || len > size || (len < size / 2 && class_of(len) < cell.class())
    }

    /// Gives back memory that further growth would have used.
    pub(super) fn shrink(&mut self) {
        self.classes.shrink_to_fit();
        for (class, (size, bits)) in self.classes.iter_mut().zip(SIZES.iter().zip(PAGE_BITS)) {
            class.free.shrink_to_fit();
            class.pages.shrink_to_fit();
            if let Some((last, full)) = class.pages.split_last_mut() {
                last.truncate((class.end as usize - (full.len() << bits)) * size);
                last.shrink_to_fit();
            }
        }
    }

    /// Says what is wrong, if these are all cells in use, other than empty ones.
    pub(super) fn check(&self, used: impl IntoIterator<Item = Cell>) -> Result<(), String> {
        let free = (0..).zip(&self.classes).flat_map(|(at, class)| {
            class.free.iter().map(move |number| (Cell::new(at, *number), "free"))
        });
        let mut seen = BTreeSet::new();
        for (cell, is) in free.chain(used.into_iter().map(|cell| (cell, "used"))) {
            let end = self.classes.get(cell.class()).map_or(0, |class| class.end);
            if cell.number() >= end || self.get(cell).len() != size(cell) {
                return Err(format!("I2: {cell} is {is}, but has never been given out"));
            }
            if !seen.insert(cell) {
                return Err(format!("I2: {cell} is {is}, and used or free besides"));
            }
        }
        let known = seen.len();
        let given_out: usize = self.classes.iter().map(|class| class.end as usize).sum();
        if known != given_out {
            return Err(format!("I2: of {given_out} cells {known} are used or free"));
        }
        Ok(())
    }

    /// The number of cells in use, other than empty ones.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.classes.iter().map(|class| class.end as usize - class.free.len()).sum()
    }
}

impl Class {
    /// The number for one more cell.
    fn give_out(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.end += 1;
            self.end - 1
        })
    }

    /// The bytes of a cell, of which one more may have to come into being.
    fn room_for(&mut self, cell: Cell) -> Option<&mut [u8]> {
        let (at, bytes) = place(cell);
        if at == self.pages.len() {
            self.pages.push(Vec::new());
        }
        let page = self.pages.get_mut(at)?;
        if page.len() < bytes.end {
            // Few at first, as rooms with small documents are many.
            let full = 1 << page_bits(cell);
            let few = (cell.number() as usize * 3 / 2 + 1).clamp(2, full);
            let cells = if at == 0 { few } else { full };
            page.reserve_exact(cells * bytes.len() - page.len());
            page.resize(cells * bytes.len(), 0);
        }
        page.get_mut(bytes)
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
    fn pages_are_of_some_kilobytes() {
        for (size, bits) in SIZES.into_iter().zip(PAGE_BITS).skip(1) {
            let bytes = size << bits;
            assert!((4096..=32_768).contains(&bytes), "{size}: {bytes}");
        }
    }

    #[test]
    fn many_cells_of_a_size_are_in_pages() {
        const PAGE: usize = 512;
        let mut cells = Cells::default();
        let run = |n: usize| n.to_le_bytes();
        let added: Vec<_> = (0..3 * PAGE + 7).map(|n| cells.add(&run(n))).collect();
        assert_eq!(cells.len(), added.len());
        for (n, cell) in added.iter().enumerate() {
            assert_eq!(cells.get(*cell), run(n));
        }
        for cell in added.iter().rev().take(5) {
            cells.remove(*cell);
        }
        for (n, cell) in added.iter().enumerate().skip(added.len() - 5) {
            assert_eq!(cells.add(&run(n)), *cell);
        }
        cells.shrink();
        assert_eq!((cells.classes.capacity(), cells.classes[1].free.capacity()), (2, 0));
        let pages = &cells.classes[1].pages;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4096, 4096, 4096, 56]);
        assert_eq!(cells.get(added[PAGE]), run(PAGE));
        assert_eq!(cells.add(&[1; 8]).number(), u32::try_from(3 * PAGE + 7).unwrap());
    }

    #[test]
    fn when_there_are_no_more_numbers_the_next_size_serves() {
        let mut cells = Cells::default();
        let added: Vec<_> = (0..=NUMBERS).map(|n| cells.add(&n.to_le_bytes())).collect();
        assert_eq!((added.first().unwrap().class(), added.last().unwrap().class()), (1, 2));
        for (n, cell) in (0..=NUMBERS).zip(&added) {
            assert_eq!(cells.get(*cell)[..4], n.to_le_bytes());
        }
        cells.remove(added[7]);
        assert_eq!(cells.add(&[7]), added[7]);
    }

    #[test]
    fn what_became_much_shorter_moves() {
        let mut cells = Cells::default();
        let cell = cells.add(&[9; 33]);
        assert_eq!(size(cell), 40);
        for (len, is_unfit) in
            [(0, true), (1, true), (19, true), (20, false), (40, false), (41, true)]
        {
            assert_eq!(Cells::is_unfit(cell, len), is_unfit, "{len}");
        }
        // There is no smaller one.
        assert!(!Cells::is_unfit(cells.add(&[9]), 1));
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
        again.sort_by_key(|cell| cell.0);
        let mut added = added;
        added.sort_by_key(|cell| cell.0);
        assert_eq!(again, added);
        assert_eq!(cells.add(&[]), Cell::EMPTY);
    }

    #[test]
    fn a_cell_is_used_or_free() {
        let mut cells = Cells::default();
        let [a, b, c] = [8, 8, 30].map(|len| cells.add(&vec![1; len]));
        cells.remove(b);
        let broken = |cells: &Cells, used: &[Cell]| cells.check(used.iter().copied()).unwrap_err();
        assert_eq!(cells.check([a, c]), Ok(()));
        assert_eq!(broken(&cells, &[a]), "I2: of 3 cells 2 are used or free");
        assert_eq!(
            broken(&cells, &[a, b, c]),
            "I2: cell 1 of 8 bytes is used, and used or free besides"
        );
        assert_eq!(
            broken(&cells, &[a, c, a]),
            "I2: cell 0 of 8 bytes is used, and used or free besides"
        );
        for cell in [Cell::new(1, 2), Cell::new(2, 0), Cell::new(30, 0), Cell::EMPTY] {
            assert_eq!(
                broken(&cells, &[a, c, cell]),
                format!("I2: {cell} is used, but has never been given out")
            );
        }
        cells.remove(b);
        assert_eq!(
            broken(&cells, &[a, c]),
            "I2: cell 1 of 8 bytes is free, and used or free besides"
        );
    }
}
