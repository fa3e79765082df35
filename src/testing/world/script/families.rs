//! Families of scripts: what users do most, and how often things go wrong.

use arbitrary::{Arbitrary, Unstructured};

use super::edits::WIDE_KEYS;
use super::{Content, Edit, Script, Step, TextEdit};
use crate::testing::generate::Dice;

/// A mix of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Objects,
    Maps,
    Lists,
    /// Structures in structures, created and deleted while others edit them.
    Nested,
    /// Scalars and live children on the same keys.
    Mixed,
    Undo,
    Reconnect,
    Text,
    /// Nothing but typing, deleting and formatting, while connections break.
    Typing,
    /// A single user: undo of everything restores the first document.
    Alone,
    Everything,
    /// Texts that are deleted and come back, by undo and as the official clients do it.
    Revived,
    /// Objects with as many keys as make them change their form, values of all sizes.
    Wide,
    /// Any steps with any numbers, as a fuzzer makes them.
    Any,
}

impl Family {
    pub const ALL: [Self; 14] = [
        Self::Objects,
        Self::Maps,
        Self::Lists,
        Self::Nested,
        Self::Mixed,
        Self::Undo,
        Self::Reconnect,
        Self::Text,
        Self::Typing,
        Self::Alone,
        Self::Everything,
        Self::Revived,
        Self::Wide,
        Self::Any,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Maps => "maps",
            Self::Lists => "lists",
            Self::Nested => "nested",
            Self::Mixed => "mixed",
            Self::Undo => "undo",
            Self::Reconnect => "reconnect",
            Self::Text => "text",
            Self::Typing => "typing",
            Self::Alone => "alone",
            Self::Everything => "everything",
            Self::Revived => "revived",
            Self::Wide => "wide",
            Self::Any => "any",
        }
    }

    pub(super) fn script(self, dice: &mut Dice, steps: usize) -> Script {
        if self == Self::Any {
            return any(dice, steps);
        }
        let alone = self == Self::Alone || self == Self::Wide && dice.one_in(4);
        let users = if alone { 1 } else { 2 + dice.weighted(&[4, 3, 1]) };
        let reader = self == Self::Everything && dice.one_in(3);
        let mut mix = Mix::of(self);
        // Slow and fast connections, long and short messages.
        mix.flow = *dice.pick(&[3, 8, 20]);
        if alone {
            // Or undo of everything would not restore the first document.
            (mix.redo, mix.patch, mix.replace, mix.restart) = (0, 0, 0, 0);
        }
        let breaks = matches!(
            self,
            Self::Reconnect | Self::Typing | Self::Everything | Self::Revived | Self::Wide
        );
        if !breaks && dice.one_in(2) {
            mix.cut = 0;
        }
        Script {
            users: users as u8,
            reader,
            keep_foreign: dice.one_in(4),
            wide: self == Self::Wide,
            steps: (0..steps).map(|_| mix.step(dice, users)).collect(),
        }
    }
}

/// A script of which every step is made of random bytes.
fn any(dice: &mut Dice, steps: usize) -> Script {
    let step = |dice: &mut Dice| {
        let bytes: [u8; 64] = std::array::from_fn(|_| byte(dice));
        match Step::arbitrary(&mut Unstructured::new(&bytes)) {
            Err(_) => Step::Settle,
            Ok(step) => step.tamed(),
        }
    };
    Script {
        users: 1 + dice.below(4) as u8,
        reader: dice.one_in(4),
        keep_foreign: dice.one_in(4),
        steps: (0..steps).map(|_| step(dice)).collect(),
        wide: dice.one_in(4),
    }
}

/// How often each kind of step comes.
struct Mix {
    family: Family,
    edit: usize,
    undo: usize,
    redo: usize,
    undo_redo: usize,
    pause: usize,
    flow: usize,
    cut: usize,
    patch: usize,
    replace: usize,
    settle: usize,
    revive: usize,
    restart: usize,
}

impl Mix {
    fn of(family: Family) -> Self {
        let calm = Self {
            family,
            edit: 20,
            undo: 1,
            redo: 1,
            undo_redo: 1,
            pause: 0,
            flow: 8,
            cut: 1,
            patch: 1,
            replace: 0,
            settle: 0,
            revive: 0,
            restart: 0,
        };
        match family {
            Family::Undo => Self { undo: 10, redo: 7, undo_redo: 2, pause: 1, ..calm },
            Family::Reconnect => Self { cut: 6, undo: 2, restart: 4, ..calm },
            Family::Typing => {
                Self { cut: 4, undo: 0, redo: 0, undo_redo: 0, patch: 0, restart: 2, ..calm }
            }
            Family::Alone => Self { undo: 3, redo: 0, pause: 1, patch: 0, cut: 2, ..calm },
            Family::Revived => {
                Self { undo: 5, redo: 3, undo_redo: 2, cut: 3, revive: 2, restart: 1, ..calm }
            }
            Family::Wide => Self {
                undo: 12,
                redo: 6,
                cut: 4,
                patch: 3,
                replace: 1,
                restart: 1,
                edit: 100,
                ..calm
            },
            Family::Everything => Self {
                undo: 4,
                redo: 3,
                pause: 1,
                cut: 3,
                patch: 2,
                replace: 1,
                settle: 1,
                restart: 2,
                edit: 30,
                ..calm
            },
            _ => calm,
        }
    }

    fn step(&self, dice: &mut Dice, users: usize) -> Step {
        let user = dice.below(users) as u8;
        let weights = [
            self.edit,
            self.undo,
            self.redo,
            self.undo_redo,
            self.pause,
            2 * self.flow,
            2 * self.flow,
            3 * self.flow,
            self.cut,
            2 * self.cut,
            self.cut,
            self.patch,
            self.patch,
            self.replace,
            self.settle,
            self.revive,
            self.restart,
        ];
        match dice.weighted(&weights) {
            0 => {
                let len = 1 + dice.weighted(&[12, 3, 2, 1]);
                let mut edits: Vec<Edit> = (0..len).map(|_| self.edit(dice)).collect();
                if dice.one_in(60) {
                    edits.push(Edit::Fail);
                }
                Step::Edit { user, edits }
            }
            1 => Step::Undo { user },
            2 => Step::Redo { user },
            3 => Step::UndoRedo { user },
            4 if dice.one_in(2) => Step::Pause { user },
            4 => Step::Resume { user },
            5 => Step::Flush { user },
            6 => Step::Up { user, frames: 1 + dice.below(3) as u8 },
            7 => Step::Down { user, frames: 1 + dice.below(4) as u8 },
            8 => {
                let (up, down) = parts(dice);
                Step::Cut { user, up, down, late: dice.one_in(2) }
            }
            9 => Step::Connect { user },
            10 => Step::Ghost { which: byte(dice) },
            11 => Step::Patch { edit: self.edit(dice) },
            12 => Step::ClientPatch { user, edit: self.edit(dice) },
            13 if dice.one_in(3) => Step::Replace { dice: byte(dice) },
            13 => Step::Flush { user },
            14 => Step::Settle,
            15 => Step::Revive { which: byte(dice) },
            _ => {
                let (up, down) = parts(dice);
                Step::Restart { user, up, down, late: dice.one_in(2) }
            }
        }
    }

    fn edit(&self, dice: &mut Dice) -> Edit {
        // Set, delete, push, insert, replace, move, remove, clear, reconcile, text.
        let weights = match self.family {
            Family::Objects | Family::Maps => [8, 4, 0, 0, 0, 0, 0, 0, 0, 2],
            Family::Lists => [0, 0, 4, 6, 4, 8, 4, 1, 1, 3],
            Family::Nested => [6, 2, 3, 3, 3, 3, 2, 1, 1, 3],
            Family::Mixed => [10, 3, 1, 1, 1, 0, 1, 0, 0, 2],
            Family::Wide => [8, 5, 2, 1, 2, 1, 3, 0, 5, 1],
            Family::Text => [1, 1, 0, 0, 0, 0, 0, 0, 0, 20],
            Family::Revived => [2, 2, 1, 1, 2, 0, 2, 0, 0, 16],
            Family::Typing => [0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            _ => [6, 3, 3, 3, 3, 4, 3, 1, 1, 4],
        };
        let at = self.at(dice);
        let keys = if self.family == Family::Wide { WIDE_KEYS.into() } else { 4 };
        let (key, index) = (dice.below(keys) as u8, self.index(dice));
        let content = self.content(dice);
        match dice.weighted(&weights) {
            0 => Edit::Set { at, key, content },
            1 => Edit::Delete { at, key },
            2 => Edit::Push { at, content },
            3 => Edit::Insert { at, index, content },
            4 => Edit::Replace { at, index, content },
            5 => Edit::Move { at, from: index, to: byte(dice) },
            6 => Edit::Remove { at, index },
            7 => Edit::Clear { at },
            8 => Edit::Reconcile { at, rotate: byte(dice) },
            _ => Edit::Text { at: byte(dice) % 2, edit: text(dice) },
        }
    }

    /// Mostly the same few places, so that edits meet.
    fn at(&self, dice: &mut Dice) -> u8 {
        match self.family {
            Family::Nested => byte(dice),
            Family::Wide if dice.weighted(&[1, 2]) > 0 => byte(dice),
            _ if dice.one_in(3) => byte(dice),
            _ => dice.below(2) as u8,
        }
    }

    fn index(&self, dice: &mut Dice) -> u8 {
        if dice.one_in(2) { dice.below(3) as u8 } else { byte(dice) }
    }

    fn content(&self, dice: &mut Dice) -> Content {
        use Content::{Empty, List, Map, Nested, Object, Opaque, Scalar, Text};
        let of: &[Content] = match self.family {
            Family::Objects => &[Scalar, Scalar, Opaque, Object],
            Family::Maps => &[Scalar, Scalar, Opaque, Map],
            Family::Lists => &[Scalar, Scalar, Scalar, Opaque],
            Family::Nested => &[Scalar, Object, List, Map, Nested, Empty],
            Family::Mixed => &[Scalar, Opaque, Object, List, Map],
            Family::Text | Family::Revived => &[Text],
            Family::Wide => {
                &[Scalar, Scalar, Scalar, Scalar, Opaque, Object, Object, List, Map, Nested, Text]
            }
            _ => &[Scalar, Scalar, Opaque, Object, List, Map, Nested, Text, Empty],
        };
        *dice.pick(of)
    }
}

fn text(dice: &mut Dice) -> TextEdit {
    let (index, length, bold) = (byte(dice), byte(dice), dice.one_in(2));
    match dice.weighted(&[6, 3, 2]) {
        0 => TextEdit::Insert { index, letters: byte(dice), bold },
        1 => TextEdit::Delete { index, length },
        _ => TextEdit::Format { index, length, bold },
    }
}

fn byte(dice: &mut Dice) -> u8 {
    dice.below(256) as u8
}

/// Which parts of what is under way arrive, to the server and to the client: often all or nothing.
fn parts(dice: &mut Dice) -> (u8, u8) {
    let (somewhere, up) = (byte(dice), dice.below(4));
    let up = *[0, 255].get(up).unwrap_or(&somewhere);
    let (somewhere, down) = (byte(dice), dice.below(4));
    let down = *[0, 0, 255].get(down).unwrap_or(&somewhere);
    (up, down)
}
