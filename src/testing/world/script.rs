//! Scripts: what happens in a world, as plain data that can be made from a seed, fuzzed, shrunk
//! and written down in a regression test.

mod edits;
mod families;

use arbitrary::{Arbitrary, Unstructured};

pub use edits::{Content, Edit, Supply, TextEdit};
pub use families::Family;

use super::{Checks, Failure, Sabotage, Setup, Stats, World, check, fail, typing};
use crate::server::{Access, ServerOptions};
use crate::testing::generate::Dice;
use crate::{Document, UndoOptions, UndoPolicy, lson};

/// One thing that happens. Numbers that say which are taken modulo how many there are.
#[derive(Arbitrary, Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A batch of edits.
    Edit {
        user: u8,
        edits: Vec<Edit>,
    },
    Undo {
        user: u8,
    },
    Redo {
        user: u8,
    },
    /// An undo and a redo at once: nothing may come of it.
    UndoRedo {
        user: u8,
    },
    Pause {
        user: u8,
    },
    Resume {
        user: u8,
    },
    /// Sends what is to be sent.
    Flush {
        user: u8,
    },
    /// Delivers a number of frames to the server.
    Up {
        user: u8,
        frames: u8,
    },
    /// Delivers a number of frames to the client.
    Down {
        user: u8,
        frames: u8,
    },
    /// Breaks the connection; `up` and `down` are parts in 256 of the bytes under way that arrive.
    Cut {
        user: u8,
        up: u8,
        down: u8,
        late: bool,
    },
    Connect {
        user: u8,
    },
    /// Lets a broken connection deliver a frame, or end.
    Ghost {
        which: u8,
    },
    /// A JSON Patch on the server.
    Patch {
        edit: Edit,
    },
    /// A JSON Patch by a client.
    ClientPatch {
        user: u8,
        edit: Edit,
    },
    /// Replaces the document on the server.
    Replace {
        dice: u8,
    },
    /// Somebody who is here for that only deletes a text and brings it back under its id, at the version
    /// that it had, as the official clients do.
    Revive {
        which: u8,
    },
    /// Everybody gets everything.
    Settle,
    /// As [`Cut`](Self::Cut), and the client starts again from what was saved before.
    Restart {
        user: u8,
        up: u8,
        down: u8,
        late: bool,
    },
}

/// A whole run.
#[derive(Arbitrary, Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub users: u8,
    /// Whether the last user may only read.
    pub reader: bool,
    /// Whether undo leaves alone what others have changed since.
    pub keep_foreign: bool,
    /// Whether objects have as many keys as make them change their form, and values are of all sizes.
    /// Fuzzers make few of these, as a run of one takes ten times as long.
    #[arbitrary(with = |bytes: &mut Unstructured<'_>| Ok(bytes.int_in_range(0..=15)? == 15))]
    pub wide: bool,
    pub steps: Vec<Step>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Ran {
    pub stats: Stats,
    pub tally: super::audit::Tally,
    pub sabotaged: bool,
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step}: {failure}")]
pub struct Broken {
    /// The number of the step; beyond the last if it failed when all was quiet at the end.
    pub step: usize,
    pub failure: Failure,
}

/// Options of a run that are not part of the script.
#[derive(Clone, Debug)]
pub struct Rules {
    pub checks: Checks,
    pub sabotage: Sabotage,
    pub options: Option<ServerOptions>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { checks: Checks::ALL, sabotage: Sabotage::None, options: None }
    }
}

/// The most edits of a batch in a script that is made of bytes.
const MOST_EDITS: usize = 8;

/// Something of everything, small.
pub fn first_document() -> Document {
    Document::from_lson(&lson!({
        "o": { "a": 1, "b": { "a": 2 } },
        "m": (crate::Lson::map([("a", lson!(3)), ("b", lson!({ "a": 4 }))])),
        "l": [5, 6, 7, { "a": 8 }],
        "n": [[9, 10], [11]],
        "t": (crate::Lson::text("Hello")),
        "a": 12,
    }))
    .unwrap()
}

impl Script {
    /// The script of a family that a seed stands for.
    pub fn generate(family: Family, seed: u64, steps: usize) -> Self {
        family.script(&mut Dice::seeded(seed), steps)
    }

    /// Runs the script; checks every step, and that all agree at the end.
    ///
    /// # Errors
    /// Says at which step which promise was broken.
    pub fn run(&self, rules: &Rules) -> Result<Ran, Broken> {
        let at = |step| move |failure| Broken { step, failure };
        let mut world = self.world(rules).map_err(at(0))?;
        let users = world.users.len();
        for (number, step) in self.steps.iter().enumerate() {
            world.step(step).map_err(at(number))?;
        }
        world.settle().map_err(at(self.steps.len()))?;
        if users == 1 && !self.steps.iter().any(|step| matches!(step, Step::Redo { .. })) {
            world
                .undo_all_and_redo_all(&self.first_document())
                .map_err(at(self.steps.len() + 1))?;
        }
        let tally = world.audit().map(|audit| audit.tally).unwrap_or_default();
        Ok(Ran { stats: world.stats, tally, sabotaged: world.is_sabotaged() })
    }

    fn first_document(&self) -> Document {
        match self.wide {
            true => Document::from_lson(&edits::wide_document()).unwrap(),
            false => first_document(),
        }
    }

    /// The world in which the script begins: everybody has the document.
    fn world(&self, rules: &Rules) -> Result<World, Failure> {
        let mut setup = Setup {
            checks: rules.checks,
            sabotage: rules.sabotage,
            wide: self.wide,
            ..Setup::default()
        };
        if let Some(options) = &rules.options {
            setup.options = options.clone();
        }
        let policy = match self.keep_foreign {
            true => UndoPolicy::KeepForeign,
            false => UndoPolicy::Replay,
        };
        setup.undo = UndoOptions::default().capacity(1_000).policy(policy);
        let mut world = World::new(self.first_document(), setup);
        let users = usize::from(self.users % 6).max(1);
        for user in 0..users {
            let reads = self.reader && user > 0 && user + 1 == users;
            world.add_user(if reads { Access::ReadOnly } else { Access::ReadWrite });
        }
        world.settle()?;
        Ok(world)
    }

    /// What everybody has and has pending after each step.
    #[must_use]
    pub fn trace(&self, rules: &Rules) -> String {
        let mut out = String::new();
        for length in 0..=self.steps.len() {
            let begin = Self { steps: self.steps[..length].to_vec(), ..self.clone() };
            let Ok(mut world) = begin.world(rules) else { break };
            let broken = begin.steps.iter().find_map(|step| world.step(step).err());
            out += &match begin.steps.last() {
                Some(step) => format!("\n{step:?}"),
                None => "\nAt first".to_owned(),
            };
            out += &format!("\n    server {}", world.server.document().to_json());
            for (number, user) in world.users.iter().enumerate() {
                out += &format!("\n    user {number} {}", user.client.document().to_json());
                for op in user.client.pending() {
                    out += &format!("\n        pending {}", op.to_json());
                }
            }
            if broken.is_some() {
                break;
            }
        }
        out
    }

    /// The fewest steps found that still fail.
    #[must_use]
    pub fn shrink(&self, fails: impl Fn(&Self) -> bool) -> Self {
        let mut best = self.clone();
        let mut chunk = best.steps.len().div_ceil(2);
        loop {
            let mut at = 0;
            let mut shrunk = false;
            while at < best.steps.len() {
                let mut less = best.clone();
                less.steps.drain(at..(at + chunk).min(best.steps.len()));
                if fails(&less) {
                    best = less;
                    shrunk = true;
                } else {
                    at += chunk;
                }
            }
            for at in 0..best.steps.len() {
                for simpler in best.steps[at].simpler() {
                    let mut less = best.clone();
                    less.steps[at] = simpler;
                    if fails(&less) {
                        best = less;
                        shrunk = true;
                        break;
                    }
                }
            }
            let simplify: [fn(&mut Self); 4] = [
                |script| script.users = script.users.saturating_sub(1).max(1),
                |script| script.reader = false,
                |script| script.keep_foreign = false,
                |script| script.wide = false,
            ];
            for simplify in simplify {
                let mut less = best.clone();
                simplify(&mut less);
                if less != best && fails(&less) {
                    best = less;
                    shrunk = true;
                }
            }
            if chunk > 1 {
                chunk = chunk.div_ceil(2);
            } else if !shrunk {
                return best;
            }
        }
    }
}

impl Step {
    /// The same step, if it was made of any bytes, at a size that is worth running.
    #[must_use]
    pub fn tamed(mut self) -> Self {
        match &mut self {
            Self::Edit { edits, .. } => edits.truncate(MOST_EDITS),
            // More frames than can be under way are no more than all.
            Self::Up { frames, .. } | Self::Down { frames, .. } => *frames %= 16,
            _ => {}
        }
        self
    }

    /// The same step with less in it.
    fn simpler(&self) -> Vec<Self> {
        match self {
            Self::Edit { user, edits } if edits.len() > 1 => (0..edits.len())
                .map(|at| {
                    let mut edits = edits.clone();
                    edits.remove(at);
                    Self::Edit { user: *user, edits }
                })
                .collect(),
            Self::Up { user, frames } if *frames > 1 => {
                vec![Self::Up { user: *user, frames: frames - 1 }]
            }
            Self::Down { user, frames } if *frames > 1 => {
                vec![Self::Down { user: *user, frames: frames - 1 }]
            }
            Self::Cut { user, up, down, late } => {
                let cut = |up, down, late| Self::Cut { user: *user, up, down, late };
                let all = [cut(0, 0, false), cut(255, 0, false), cut(*up, *down, false)];
                all.into_iter().take_while(|simpler| simpler != &cut(*up, *down, *late)).collect()
            }
            Self::Restart { user, up, down, late } => {
                vec![Self::Cut { user: *user, up: *up, down: *down, late: *late }]
            }
            _ => Vec::new(),
        }
    }
}

impl World {
    /// Makes one thing happen.
    ///
    /// # Errors
    /// If a promise is broken.
    pub fn step(&mut self, step: &Step) -> Result<(), Failure> {
        let users = self.users.len();
        let which = |user: u8| usize::from(user) % users;
        match step {
            Step::Edit { user, edits } => {
                let supply = self.supply(edits.len());
                self.edit(which(*user), |root| {
                    let mut supply = supply.clone();
                    edits.iter().try_for_each(|edit| edit.make(root, &mut supply))
                })
            }
            Step::Undo { user } => self.undo(which(*user)),
            Step::Redo { user } => self.redo(which(*user)),
            Step::UndoRedo { user } => self.undo_and_redo(which(*user)),
            Step::Pause { user } => self.pause(which(*user)),
            Step::Resume { user } => self.resume(which(*user)),
            Step::Flush { user } => self.flush(which(*user)).map(drop),
            Step::Up { user, frames } => {
                (0..*frames).try_for_each(|_| self.deliver_up(which(*user)).map(drop))
            }
            Step::Down { user, frames } => {
                (0..*frames).try_for_each(|_| self.deliver_down(which(*user)).map(drop))
            }
            Step::Cut { user, up, down, late } => {
                let (up, down) = self.parts_under_way(which(*user), *up, *down);
                self.cut(which(*user), up, down, *late)
            }
            Step::Restart { user, up, down, late } => {
                let (up, down) = self.parts_under_way(which(*user), *up, *down);
                self.restart(which(*user), up, down, *late)
            }
            Step::Connect { user } => self.connect(which(*user)),
            Step::Ghost { which } => match self.ghosts() {
                0 => Ok(()),
                ghosts => self.deliver_ghost(usize::from(*which) % ghosts).map(drop),
            },
            Step::Patch { edit } => {
                let mut supply = self.supply(1);
                match edit.as_patch(self.server.document(), &mut supply) {
                    Some(patch) => self.patch(patch.as_bytes()),
                    None => Ok(()),
                }
            }
            Step::ClientPatch { user, edit } => {
                let user = which(*user);
                let mut supply = self.supply(1);
                match edit.as_patch(self.users[user].client.document(), &mut supply) {
                    Some(patch) => self.client_patch(user, patch.as_bytes()),
                    None => Ok(()),
                }
            }
            Step::Replace { dice } => {
                let values: Vec<u32> = (0..6).map(|_| self.fresh_value()).collect();
                let [a, b, c, d, e, f] = values[..] else { return Ok(()) };
                let document = Document::from_lson(&match dice % 3 {
                    0 => lson!({ "o": { "a": a }, "l": [b, c, { "a": d }], "n": [[e], []] }),
                    1 => lson!({ "l": { "a": a, "b": [b] }, "o": [c, d], "m": e, "t": f }),
                    _ => lson!({ "a": a, "m": (crate::Lson::map([("a", lson!(b))])),
                        "l": [c, d, e], "t": (crate::Lson::text("World")), "b": f }),
                });
                self.replace(&document.map_err(|error| error.to_string())?)
            }
            Step::Revive { which } => {
                let texts = typing::texts(self.server.document());
                let text = usize::from(*which).checked_rem(texts.len());
                match text.and_then(|text| texts.into_keys().nth(text)) {
                    Some(id) => self.revive(&id),
                    None => Ok(()),
                }
            }
            Step::Settle => self.settle(),
        }
    }

    /// Parts in 256 of the bytes under way.
    fn parts_under_way(&self, user: usize, up: u8, down: u8) -> (usize, usize) {
        let part = |part: u8, all: usize| (all * usize::from(part)).div_ceil(255);
        let (all_up, all_down) = self.users[user].bytes_under_way();
        (part(up, all_up), part(down, all_down))
    }

    /// Fresh values for so many edits.
    fn supply(&mut self, edits: usize) -> Supply {
        let (first, wide) = (self.fresh_value(), self.setup.wide);
        self.next_value += edits as u32 * Supply::most_values(wide);
        Supply::new(first.., wide)
    }

    /// Nobody else has edited: undoing everything restores the first document, redoing everything
    /// the last.
    fn undo_all_and_redo_all(&mut self, first: &Document) -> Result<(), Failure> {
        let nodes = |world: &Self| world.users[0].client.document().nodes().collect::<Vec<_>>();
        let last = nodes(self);
        if self.stats.patches > 0 || self.stats.restarts > 0 {
            return Ok(());
        }
        let mut undone = 0;
        while self.users[0].client.can_undo() {
            self.undo(0)?;
            undone += 1;
        }
        let wanted: Vec<_> = first.nodes().collect();
        if let Some(difference) = check::difference(&nodes(self), &wanted) {
            return fail(0, format!("undo of all leads elsewhere:{difference}"));
        }
        self.settle()?;
        for _ in 0..undone {
            self.redo(0)?;
        }
        if let Some(difference) = check::difference(&nodes(self), &last) {
            return fail(0, format!("redo of all leads elsewhere:{difference}"));
        }
        self.settle()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::document::ValueRef;

    /// The keys of all objects of a document, by where they are.
    fn keys(document: &Document) -> BTreeMap<String, Vec<String>> {
        let root = ValueRef::Object(document.root());
        let places = crate::testing::generate::containers(root).into_iter();
        let keys = places.filter_map(|place| {
            let object = document.at(&place).ok()?.as_object()?;
            Some((place, object.iter().map(|(key, _)| key.to_string()).collect()))
        });
        keys.collect()
    }

    /// Objects become wider than those that share lists of keys and get narrower again, and have more
    /// sets of keys than a document looks for.
    #[test]
    fn wide_worlds_are_wide() {
        let script = Script::generate(Family::Wide, 0, 300);
        let rules = Rules { checks: Checks::NONE, ..Rules::default() };
        let mut world = script.world(&rules).unwrap();
        let mut before = keys(world.users[0].client.document());
        let mut sets = BTreeSet::new();
        let (mut wider, mut narrower) = (0, 0);
        for step in &script.steps {
            world.step(step).unwrap();
            let after = keys(world.users[0].client.document());
            for (place, now) in &after {
                let was = before.get(place).map_or(now.len(), Vec::len);
                wider += usize::from(was <= 64 && now.len() > 64);
                narrower += usize::from(was > 64 && now.len() <= 33);
            }
            sets.extend(after.values().cloned());
            before = after;
        }
        assert!(sets.len() > 256 && wider > 8 && narrower > 4, "{} {wider} {narrower}", sets.len());
    }
}
