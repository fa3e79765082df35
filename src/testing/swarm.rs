//! Peers without a server: they edit, tell each other some of what they have, and end up with the same.
//!
//! The steps are those of the [scripts](super::world::script) of worlds with a server, read in another way.

use serde_json::Value;

use super::generate::Dice;
use super::world::Failure;
use super::world::script::{Script, Step, Supply, first_document};
use crate::op::Op;
use crate::peer::{PeerError, Turn, Version};
use crate::{Actor, Changes, Document, Peer};

/// The peers, and one that hears of everything and lets go of nothing.
#[derive(Debug)]
pub struct Swarm {
    pub peers: Vec<Peer>,
    /// The documents as JSON, as subscribers to the changes have them.
    mirrors: Vec<Value>,
    historian: Peer,
    next_value: u32,
    pub stats: Stats,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub ops: usize,
    pub turns: usize,
    pub settled: usize,
    pub undos: usize,
    pub restarts: usize,
}

fn failed(what: impl std::fmt::Display) -> Failure {
    Failure { what: what.to_string() }
}

impl Swarm {
    /// So many peers that begin with the same document.
    #[must_use]
    pub fn new(document: &Document, peers: usize) -> Self {
        let peer = |number: usize| Peer::new(Actor(number as u32), document.clone());
        Self {
            peers: (0..peers).map(peer).collect(),
            mirrors: vec![Value::from(&document.to_json()); peers],
            historian: peer(99),
            next_value: 1_000,
            stats: Stats::default(),
        }
    }

    /// Runs a script, and then lets everybody hear of everything.
    ///
    /// # Errors
    /// If a promise is broken.
    pub fn run(script: &Script) -> Result<Stats, Failure> {
        let document = first_document();
        let mut swarm = Self::new(&document, usize::from(script.users % 6).max(2));
        for step in &script.steps {
            swarm.step(step)?;
        }
        swarm.settle()?;
        swarm.tell_anew(&document)?;
        Ok(swarm.stats)
    }

    /// Makes one thing happen.
    ///
    /// # Errors
    /// If a promise is broken.
    pub fn step(&mut self, step: &Step) -> Result<(), Failure> {
        let all = self.peers.len();
        let which = |user: u8| usize::from(user) % all;
        let next = |user: u8, by: u8| (which(user) + 1 + usize::from(by) % (all - 1)) % all;
        match step {
            Step::Edit { user, edits } => {
                let supply = self.supply();
                self.change(which(*user), |peer| {
                    let edited = peer.edit(|root| {
                        let mut supply = supply.clone();
                        edits.iter().try_for_each(|edit| edit.make(root, &mut supply))
                    });
                    Ok(edited.map(|edited| (edited.ops.len(), edited.changes)).unwrap_or_default())
                })
            }
            Step::ClientPatch { user, edit } => {
                let user = which(*user);
                let mut supply = self.supply();
                let Some(patch) = edit.as_patch(self.peers[user].document(), &mut supply) else {
                    return Ok(());
                };
                let patch = crate::patch::from_slice(patch.as_bytes()).map_err(failed)?;
                self.change(user, |peer| {
                    let patched = peer.patch(&patch);
                    Ok(patched
                        .map(|patched| (patched.ops.len(), patched.changes))
                        .unwrap_or_default())
                })
            }
            Step::Flush { user } => self.tell(which(*user), next(*user, 0), usize::MAX),
            // Some of it only, and the last turn perhaps not whole.
            Step::Up { user, frames } => {
                self.tell(which(*user), next(*user, *frames), 1 + 2 * usize::from(*frames))
            }
            Step::Down { user, frames } => {
                self.tell(next(*user, *frames), which(*user), 1 + 3 * usize::from(*frames))
            }
            Step::Undo { user } => self.undo(which(*user)),
            Step::Redo { user } => {
                self.change(which(*user), |peer| Ok((0, peer.redo().unwrap_or_default())))
            }
            Step::UndoRedo { user } => self.undo_and_redo(which(*user)),
            Step::Ghost { which: user } => self.repeat(which(*user), next(*user, 0)),
            Step::Connect { user } => self.let_go(which(*user)),
            Step::Cut { user, .. } | Step::Restart { user, .. } => self.restart(which(*user)),
            Step::Settle => self.settle(),
            _ => Ok(()),
        }
    }

    fn supply(&mut self) -> Supply {
        self.next_value += 100;
        Supply::new(self.next_value.., false)
    }

    /// Lets a peer do something, and checks that what it reports is what has happened.
    fn change(
        &mut self,
        number: usize,
        change: impl FnOnce(&mut Peer) -> Result<(usize, Changes), Failure>,
    ) -> Result<(), Failure> {
        let (peer, mirror) = (&mut self.peers[number], &mut self.mirrors[number]);
        let (ops, changes) = change(peer)?;
        self.stats.ops += ops;
        changes.apply_to(mirror).map_err(failed)?;
        if *mirror != Value::from(&peer.document().to_json()) {
            return Err(failed(format!("peer {number} reports other changes than it shows")));
        }
        super::named::check(&changes, peer.document()).map_err(failed)?;
        peer.document().check().map_err(failed)
    }

    fn undo(&mut self, number: usize) -> Result<(), Failure> {
        self.stats.undos += 1;
        self.change(number, |peer| Ok((0, peer.undo().unwrap_or_default())))
    }

    /// Undoes a step and redoes it, which must restore all.
    fn undo_and_redo(&mut self, number: usize) -> Result<(), Failure> {
        if !self.peers[number].can_undo() {
            return Ok(());
        }
        let before: Vec<_> = self.peers[number].document().nodes().collect();
        self.undo(number)?;
        self.change(number, |peer| Ok((0, peer.redo().unwrap_or_default())))?;
        let after: Vec<_> = self.peers[number].document().nodes().collect();
        match super::world::check::difference(&after, &before) {
            None => Ok(()),
            Some(difference) => {
                Err(failed(format!("peer {number}: undo and redo lead elsewhere:{difference}")))
            }
        }
    }

    /// One peer tells another what that lacks: up to so many ops of it.
    fn tell(&mut self, from: usize, to: usize, most: usize) -> Result<(), Failure> {
        let all = lacking(&self.peers[from], &self.peers[to])?;
        let mut left = most;
        let mut turns = Vec::new();
        for mut turn in all {
            turn.ops.truncate(left);
            left -= turn.ops.len();
            if !turn.ops.is_empty() {
                turns.push(turn);
            }
        }
        self.hear(to, turns)
    }

    fn hear(&mut self, to: usize, turns: Vec<Turn>) -> Result<(), Failure> {
        self.stats.turns += turns.len();
        let turns = Turn::read_all(&Turn::write_all(&turns)).map_err(failed)?;
        self.change(to, |peer| Ok((0, peer.receive(turns).map_err(failed)?)))
    }

    /// A peer hears again what it has.
    fn repeat(&mut self, from: usize, to: usize) -> Result<(), Failure> {
        let turns = self.peers[from].turns_since(self.peers[from].settled()).map_err(failed)?;
        let before: Vec<_> = self.peers[to].document().nodes().collect();
        let version = self.peers[to].version().clone();
        let known = turns.into_iter().filter(|turn| bound(turn) <= version.get(turn.actor));
        self.hear(to, known.collect())?;
        match self.peers[to].document().nodes().eq(before) {
            true => Ok(()),
            false => Err(failed("what is heard again changes something")),
        }
    }

    /// A peer lets go of what all others have.
    fn let_go(&mut self, number: usize) -> Result<(), Failure> {
        // Somebody else keeps all, before nobody tells it any more.
        let turns = lacking(&self.peers[number], &self.historian)?;
        _ = self.historian.receive(turns).map_err(failed)?;
        let versions: Vec<Version> = self.peers.iter().map(|peer| peer.version().clone()).collect();
        let others = versions.iter().enumerate().filter(|(other, _)| *other != number);
        let others: Vec<_> = others.map(|(_, version)| version).collect();
        self.stats.settled += self.peers[number].settle(others);
        self.change(number, |_| Ok(Default::default()))
    }

    /// A peer ends, and begins again with what it has saved.
    fn restart(&mut self, number: usize) -> Result<(), Failure> {
        self.stats.restarts += 1;
        let peer = &mut self.peers[number];
        let saved = peer.save();
        let restored = Peer::restore(peer.actor(), &saved).map_err(failed)?;
        if restored.document() != peer.document() || restored.version() != peer.version() {
            return Err(failed("a restored peer has something else"));
        }
        *peer = restored;
        self.change(number, |_| Ok(Default::default()))
    }

    /// Everybody hears of everything; then all have the same.
    fn settle(&mut self) -> Result<(), Failure> {
        let all = self.peers.len();
        for _ in 0..2 {
            for from in 0..all {
                self.tell(from, (from + 1) % all, usize::MAX)?;
            }
        }
        let first = &self.peers[0];
        let turns = lacking(first, &self.historian)?;
        _ = self.historian.receive(turns).map_err(failed)?;
        for (number, peer) in self.peers.iter().chain([&self.historian]).enumerate() {
            if peer.version() != first.version() {
                return Err(failed(format!("peer {number} has not heard of everything")));
            }
            if !peer.document().nodes().eq(first.document().nodes()) {
                let what = format!(
                    "peer {number} has\n{}\nand not\n{}",
                    peer.document().to_json(),
                    first.document().to_json()
                );
                return Err(failed(what));
            }
        }
        Ok(())
    }

    /// Others who hear of all ops in the plainest way, one after the other in their order, and in none.
    fn tell_anew(&self, document: &Document) -> Result<(), Failure> {
        let turns = self.historian.turns_since(&Version::new()).map_err(failed)?;
        let mut single: Vec<Turn> = turns.iter().flat_map(one_by_one).collect();
        single.sort_by_key(|turn| (bound(turn), turn.actor));
        let mut plain = Peer::new(Actor(100), document.clone());
        let mut late = Peer::new(Actor(101), document.clone());
        let mut dice = Dice::seeded(single.len() as u64);
        for turn in &single {
            _ = plain.receive([turn.clone()]).map_err(failed)?;
        }
        let mut left: Vec<Turn> = single;
        while !left.is_empty() {
            let turn = left.remove(dice.below(left.len()));
            match late.receive([turn.clone()]) {
                Ok(_) => {}
                Err(PeerError::Missing { .. }) => left.push(turn),
                Err(error) => return Err(failed(error)),
            }
        }
        for (peer, how) in [(plain, "in order"), (late, "in any order")] {
            if !peer.document().nodes().eq(self.historian.document().nodes()) {
                let (this, all) = (peer.document().to_json(), self.historian.document().to_json());
                return Err(failed(format!("who hears {how} has\n{this}\nand not\n{all}")));
            }
        }
        Ok(())
    }
}

/// What one peer has that another lacks.
fn lacking(from: &Peer, to: &Peer) -> Result<Vec<Turn>, Failure> {
    from.turns_since(to.version()).map_err(failed)
}

fn bound(turn: &Turn) -> u64 {
    let last = turn.ops.last().and_then(|op: &Op| op.op_id.as_ref()?.actor_and_clock());
    last.map_or(turn.after, |(_, clock)| u64::from(clock) + 1)
}

/// The ops of a turn as turns of their own.
fn one_by_one(turn: &Turn) -> Vec<Turn> {
    let mut after = turn.after;
    let single = turn.ops.iter().map(|op| {
        let single = Turn { after, ops: vec![op.clone()], ..turn.clone() };
        after = bound(&single);
        single
    });
    single.collect()
}
