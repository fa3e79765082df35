//! The works: what is done, at which sizes, and what livetree wants to reach.

mod boards;
mod documents;
mod groups;
mod lists;
mod rooms;
mod texts;

use crate::engine::{Board, Engine, Group};
use crate::input::Input;
use crate::options::Options;
use crate::report::Bound::{Ahead, AtMost, OfLimit, OfSize};
use crate::report::{Goal, Row, Unit};

/// Something that engines do.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) sizes: Sizes,
    pub(crate) goals: &'static [Goal],
    /// Whether somebody is told of every change; if not, no engine has to find out what changed.
    pub(crate) is_observed: bool,
    pub(crate) run: fn(&mut Measurement),
}

impl Work {
    /// The same with somebody who is told of every change.
    const fn observed(self, name: &'static str, sizes: Sizes) -> Self {
        Self { name, sizes, goals: &[], is_observed: true, ..self }
    }
}

/// At which sizes a work is done.
pub(crate) enum Sizes {
    /// At these, and at others where it must be quick.
    Of { full: &'static [usize], quick: &'static [usize] },
    /// The input has one size.
    Fixed(usize),
}

impl Sizes {
    pub(crate) fn chosen(&self, options: &Options) -> Vec<usize> {
        match (self, options.size) {
            (Self::Fixed(size), _) => vec![*size],
            (Self::Of { .. }, Some(size)) => vec![size],
            (Self::Of { full, quick }, None) => (if options.quick { quick } else { full }).to_vec(),
        }
    }
}

/// Works on documents of so many shapes.
const SHAPES: Sizes = Sizes::Of { full: &[100_000], quick: &[10_000] };
/// The same with observers, whom one engine tells what changed in time that follows the document's size.
const OBSERVED: Sizes = Sizes::Of { full: &[100_000], quick: &[1_000] };
/// Works of so many edits in all.
const EDITS: Sizes = Sizes::Of { full: &[30_000], quick: &[3_000] };
/// Works whose cost must not follow the document's size.
const GROWING: Sizes =
    Sizes::Of { full: &[1_000, 10_000, 100_000, 1_000_000], quick: &[1_000, 10_000] };
/// The nodes of the drawing library.
const EXCALIDRAW: Sizes = Sizes::Fixed(documents::EXCALIDRAW_NODES);
/// The keystrokes of the recorded session.
const KEYSTROKES: Sizes = Sizes::Of { full: &[259_778], quick: &[20_000] };

const fn time(
    name: &'static str,
    sizes: Sizes,
    goals: &'static [Goal],
    run: fn(&mut Measurement),
) -> Work {
    Work { name, unit: Unit::Nanoseconds, sizes, goals, is_observed: false, run }
}

const fn heap(
    name: &'static str,
    sizes: Sizes,
    goals: &'static [Goal],
    run: fn(&mut Measurement),
) -> Work {
    Work { name, unit: Unit::Bytes, sizes, goals, is_observed: false, run }
}

const MICROSECOND: f64 = 1e3;

const FIELD_LOCAL: Work = time(
    "field-local",
    SHAPES,
    &[Goal::every(AtMost(0.3 * MICROSECOND)), Goal::every(Ahead(10.0))],
    boards::fields,
);

const FIELD_REMOTE: Work = time(
    "field-remote",
    SHAPES,
    &[Goal::every(AtMost(0.4 * MICROSECOND)), Goal::every(Ahead(10.0))],
    groups::remote_fields,
);

const LIST_INSERT: Work = time(
    "list-insert",
    GROWING,
    &[
        Goal::at(100_000, AtMost(0.4 * MICROSECOND)),
        Goal::at(1_000_000, OfSize(1_000, LOGARITHMIC)),
    ],
    lists::insert,
);

const LIST_PUSH: Work = time(
    "list-push",
    GROWING,
    &[
        Goal::at(100_000, AtMost(0.15 * MICROSECOND)),
        Goal::at(1_000_000, OfSize(1_000, LOGARITHMIC)),
    ],
    lists::push,
);

const LIST_MOVE: Work = time(
    "list-move",
    GROWING,
    &[
        Goal::at(100_000, AtMost(0.5 * MICROSECOND)),
        Goal::at(1_000_000, OfSize(1_000, LOGARITHMIC)),
    ],
    lists::moves,
);

const JSON_PATCH: Work = time(
    "json-patch",
    GROWING,
    &[
        Goal::every(AtMost(MICROSECOND)),
        Goal::every(OfLimit(1.5)),
        Goal::at(1_000_000, OfSize(1_000, 2.0)),
    ],
    boards::patches,
);

const THREE_REPLICAS: Work =
    time("three-replicas", EDITS, &[Goal::every(Ahead(10.0))], groups::three_replicas);

/// All works. Times of loading and writing are those of the whole document, others those of one
/// operation; heap is that of one shape, node, room or keystroke.
pub(crate) static WORKS: &[Work] = &[
    time("load-lson", SHAPES, &[Goal::every(OfLimit(1.0))], documents::load_shapes_lson),
    time("load-json", SHAPES, &[], documents::load_shapes_json),
    heap("heap", SHAPES, &[Goal::every(AtMost(200.0))], documents::heap_shapes),
    time("write-lson", SHAPES, &[Goal::every(OfLimit(1.0))], documents::write_shapes_lson),
    time("write-json", SHAPES, &[Goal::every(OfLimit(1.0))], documents::write_shapes_json),
    time("snapshot-write", SHAPES, &[], documents::write_snapshot),
    time("snapshot-load", SHAPES, &[], documents::load_snapshot),
    heap("snapshot-size", SHAPES, &[], documents::snapshot_size),
    time(
        "excalidraw-load-lson",
        EXCALIDRAW,
        &[Goal::every(OfLimit(1.0))],
        documents::load_library_lson,
    ),
    time("excalidraw-load-json", EXCALIDRAW, &[], documents::load_library_json),
    heap("excalidraw-heap", EXCALIDRAW, &[], documents::heap_library),
    time(
        "excalidraw-write-lson",
        EXCALIDRAW,
        &[Goal::every(OfLimit(1.0))],
        documents::write_library_lson,
    ),
    time(
        "excalidraw-write-json",
        EXCALIDRAW,
        &[Goal::every(OfLimit(1.0))],
        documents::write_library_json,
    ),
    FIELD_LOCAL,
    FIELD_REMOTE,
    LIST_INSERT,
    LIST_PUSH,
    LIST_MOVE,
    JSON_PATCH,
    time(
        "server-message",
        SHAPES,
        &[Goal::every(AtMost(1.5 * MICROSECOND))],
        groups::server_messages,
    ),
    time(
        "client-pending",
        Sizes::Of { full: &[10, 10_000], quick: &[10, 1_000] },
        &[Goal::at(1_000, OfSize(10, 1.5)), Goal::at(10_000, OfSize(10, 1.5))],
        groups::remote_under_pending,
    ),
    THREE_REPLICAS,
    FIELD_LOCAL.observed("observed-field-local", OBSERVED),
    FIELD_REMOTE.observed("observed-field-remote", OBSERVED),
    LIST_INSERT.observed("observed-list-insert", OBSERVED),
    LIST_PUSH.observed("observed-list-push", OBSERVED),
    LIST_MOVE.observed("observed-list-move", OBSERVED),
    JSON_PATCH.observed("observed-json-patch", OBSERVED),
    THREE_REPLICAS.observed("observed-three-replicas", EDITS),
    heap(
        "rooms",
        Sizes::Of { full: &[10_000], quick: &[1_000] },
        &[Goal::every(AtMost(2048.0))],
        rooms::empty,
    ),
    heap(
        "rooms-ten-shapes",
        Sizes::Of { full: &[10_000], quick: &[1_000] },
        &[],
        rooms::ten_shapes,
    ),
    time("text-edit", KEYSTROKES, &[], texts::in_document),
    time("text-bare", KEYSTROKES, &[], texts::bare),
    heap("text-heap", KEYSTROKES, &[], texts::heap),
];

/// The logarithm of a million is twice that of a thousand.
const LOGARITHMIC: f64 = 2.0;

/// Into so many runs at least the operations of a work are split; the median counts.
const RUNS: usize = 11;

/// A work under way at one size.
pub(crate) struct Measurement {
    row: Row,
    quick: bool,
}

impl Measurement {
    pub(crate) fn new(work: &'static Work, size: usize, quick: bool) -> Self {
        Self { row: Row { work, size, figures: Vec::new(), notes: Vec::new() }, quick }
    }

    pub(crate) fn size(&self) -> usize {
        self.row.size
    }

    /// Loads the engine's document, with an observer if the work has one.
    pub(crate) fn board(&self, engine: &Engine, input: &Input) -> Box<dyn Board> {
        let mut board = (engine.board)(input);
        if self.row.work.is_observed {
            board.observe();
        }
        board
    }

    /// As many replicas, with observers if the work has them.
    pub(crate) fn group(&self, engine: &Engine, input: &Input, replicas: usize) -> Box<dyn Group> {
        let mut group = (engine.group)(input, replicas);
        if self.row.work.is_observed {
            group.observe();
        }
        group
    }

    /// Into how many runs `full` operations are split, with so many in each. The median counts; so what
    /// follows a load, when every cache is cold, weighs as much as it does in use.
    pub(crate) fn runs_of(&self, full: usize, each: usize) -> usize {
        if self.quick { RUNS } else { full.div_ceil(each).max(RUNS) }
    }

    /// How often a whole document is loaded or written; the median counts.
    pub(crate) fn runs(&self) -> usize {
        if self.quick { 3 } else { 5 }
    }

    /// Notes down what was measured on a system.
    pub(crate) fn record(&mut self, system: &str, value: f64) {
        let Row { work, size, figures, .. } = &mut self.row;
        eprintln!("{} {size} {system}: {}", work.name, work.unit.show(value));
        figures.push((system.to_owned(), value));
    }

    /// Says that a system was stopped before it had done all.
    pub(crate) fn check_done(&mut self, system: &str, done: usize, of: usize) {
        if done < of {
            self.row.notes.push(format!("{system} was stopped after {done} of {of} operations"));
        }
    }

    pub(crate) fn finish(self) -> Row {
        self.row
    }
}
