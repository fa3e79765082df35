//! Healing an update that is sent again because its acknowledgement was lost.
//!
//! A client that reconnects gets a snapshot which already holds what it had sent, but does not
//! know that. It sends the same op again, with edits made meanwhile appended to it. The stored
//! answer alone would drop those edits. So the server works out which operations are new and what
//! they mean, and applies just them.
//!
//! What they mean is found by following characters rather than indexes. The client's text is
//! rebuilt as a [`Sketch`], in which every stretch is known by who inserted it, and so is the
//! present text. A new operation points at characters in the former, which are looked up in the
//! latter. This holds however often acknowledgements were lost, even where the client took a
//! snapshot for a text without its own edits, applied them on top and so shows them twice.

use super::budget::Budget;
use super::buffer::Text;
use super::history::{Entry, History, LAST_VERSION, Outcome, UpdateError};
use super::op::TextOp;
use super::transform::{Order, transform_within};
use super::units::{clip, signed, utf16_len};
use crate::OpId;

/// What the author of a re-sent update knew.
struct Known {
    /// The version to which its head refers.
    version: u64,
    /// How many of its operations were accepted before.
    head: usize,
}

/// A stretch of text, known by where it came from.
#[derive(Clone, Copy, Debug)]
struct Piece {
    source: usize,
    offset: usize,
    units: usize,
}

/// A text without its characters.
#[derive(Clone, Debug, Default)]
struct Sketch {
    pieces: Vec<Piece>,
}

/// The text from which a sketch begins. The re-sent op's own inserts are numbered from 1 on.
const ORIGINAL: usize = 0;

impl History {
    /// Answers an op that was accepted before (see [`of_op`](Self::of_op)) and comes again,
    /// perhaps with more operations appended to it. Those are applied as a new version; the rest
    /// is not applied twice.
    ///
    /// The operations known already must stand first, as they were when sent, or carried over
    /// what the author has received since. If nothing is new, or nothing of it is left, the
    /// answer is an empty update from the present version to itself, which is for the sender
    /// only. The sender finds that it differs from what it predicted, and starts over from the
    /// server's text.
    ///
    /// An op that was not accepted before is taken as by [`receive`](Self::receive).
    pub fn rectify_resent(
        &mut self,
        text: &mut Text,
        version: &mut u64,
        op_id: &OpId,
        base_version: u64,
        ops: &[TextOp],
    ) -> Outcome {
        self.rectify_within(text, version, op_id, base_version, ops, &mut Budget::default())
    }

    /// As [`rectify_resent`](Self::rectify_resent), within a budget.
    pub(crate) fn rectify_within(
        &mut self,
        text: &mut Text,
        version: &mut u64,
        op_id: &OpId,
        base_version: u64,
        ops: &[TextOp],
        budget: &mut Budget,
    ) -> Outcome {
        let Some(latest) = self.of_op(op_id) else {
            return self.receive_within(text, version, Some(op_id), base_version, ops, budget);
        };
        let nothing =
            Outcome::Rectified { base_version: *version, version: *version, ops: [].into() };
        // A message of a lost connection that comes late, after what was sent on a later version: that
        // had all of it. Or it is of an earlier life of the text, whose versions are others.
        let late = latest.sent().any(|sent| base_version < sent.base_version);
        if late || base_version > *version {
            return nothing;
        }
        let known = match self.recognize(latest, base_version, ops, budget) {
            Ok(Some(known)) => known,
            // Too much of the history is gone, or the author changed what it had sent before.
            Ok(None) => return nothing,
            Err(error) => return Outcome::Rejected(error),
        };
        let new = match self.translate(latest, text.len_utf16(), &known, ops, budget) {
            Ok(new) => new,
            Err(error) => return Outcome::Rejected(error),
        };
        if new.is_empty() {
            self.repeat(op_id, *version, base_version, ops);
            return nothing;
        }
        if *version >= LAST_VERSION {
            return Outcome::Rejected(UpdateError::NoVersionLeft);
        }
        let (applied, undo) = text.apply_normalized(&new);
        Outcome::Accepted(self.record(version, Some(op_id), base_version, ops, applied, undo))
    }

    /// Finds which operations of a re-sent update were accepted before, and the version at which
    /// its author stood: the one where the update as received then, carried over what had been
    /// accepted until there, is what the update now begins with.
    fn recognize(
        &self,
        latest: &Entry,
        base_version: u64,
        ops: &[TextOp],
        budget: &mut Budget,
    ) -> Result<Option<Known>, UpdateError> {
        let mut longest: Option<Known> = None;
        for sent in self.same_op(latest).flat_map(Entry::sent) {
            let mut best: Option<Known> = None;
            let mut head = sent.ops.to_vec();
            for at in sent.base_version.. {
                budget.spend(head.len() / SCANNED_AT_ONCE)?;
                // What comes late may be less than is known.
                let all = at == base_version && head.starts_with(ops);
                let some = ops.starts_with(&head).then_some(head.len());
                let known = if all { Some(ops.len()) } else { some };
                if let Some(head) = known {
                    // An author who says where it stands is believed. Otherwise the latest
                    // version is likeliest, but not one where less of the update is left.
                    let better = best
                        .as_ref()
                        .is_none_or(|best| best.version != base_version && best.head <= head);
                    if better || at == base_version {
                        best = Some(Known { version: at, head });
                    }
                    // Nothing takes the place of this one.
                    if at == base_version {
                        break;
                    }
                }
                let Some(entry) = self.at(at).filter(|_| at < sent.until) else { break };
                head = transform_within(&head, entry.ops().iter(), Order::After, budget)?;
            }
            // Messages of a connection that was lost may come late, after what builds on them.
            let head = |known: &Option<Known>| known.as_ref().map_or(0, |known| known.head + 1);
            if head(&best) > head(&longest) {
                longest = best;
            }
        }
        Ok(longest)
    }

    /// The entries of one op, latest first.
    fn same_op<'a>(&'a self, latest: &'a Entry) -> impl Iterator<Item = &'a Entry> {
        std::iter::successors(Some(latest), |entry| self.at(entry.previous()?))
    }

    /// Expresses those of `ops` that are new, made on top of what is `known`, on the present text,
    /// which is `length` units long.
    fn translate(
        &self,
        latest: &Entry,
        length: usize,
        known: &Known,
        ops: &[TextOp],
        budget: &mut Budget,
    ) -> Result<Vec<TextOp>, UpdateError> {
        let (head, rest) = ops.split_at_checked(known.head).unwrap_or((ops, &[]));
        let known = known.version;
        if rest.is_empty() {
            return Ok(Vec::new());
        }
        let first_own = self.same_op(latest).last().map_or(known, Entry::base_version);
        let start = known.min(first_own);
        let since = || self.entries().skip_while(move |entry| entry.base_version() < start);
        let grown: i64 = since().flat_map(|entry| entry.ops().iter()).map(TextOp::growth).sum();
        let mut real = Sketch::original(clip(signed(length) - grown, usize::MAX));
        let mut client = real.clone();
        let mut others = 1 + inserts(head) + inserts(rest);
        for entry in since() {
            budget.spend(real.cost(entry.ops()))?;
            if entry.op_id() == latest.op_id() {
                // The part that was new then stands at the end of what was received.
                let before = inserts(entry.received_ops()).saturating_sub(inserts(entry.ops()));
                real.apply(entry.ops(), 1 + before);
            } else {
                real.apply(entry.ops(), others);
                others += inserts(entry.ops());
            }
            if entry.version() == known {
                client = real.clone();
            }
        }
        budget.spend(client.cost(head))?;
        client.apply(head, 1);
        let mut own = 1 + inserts(head);
        let mut new = Vec::new();
        for op in rest {
            let range = client.clip(op);
            budget.spend(real.cost(std::slice::from_ref(op)))?;
            match op {
                TextOp::Insert { text, attributes, .. } => {
                    let at = real.after(&client, range.0, budget)?;
                    let units = utf16_len(text);
                    client.insert(range.0, Piece { source: own, offset: 0, units });
                    real.insert(at, Piece { source: own, offset: 0, units });
                    own += 1;
                    let (text, attributes) = (text.clone(), attributes.clone());
                    new.push(TextOp::Insert { index: signed(at), text, attributes });
                }
                TextOp::Delete { .. } => {
                    let gone = client.remove(range.0, range.1);
                    budget.spend(gone.len().saturating_mul(client.scan() + real.scan()))?;
                    // What the client shows twice is gone when its second copy is.
                    let gone: Vec<Piece> =
                        gone.into_iter().flat_map(|piece| client.without(piece)).collect();
                    for (start, end) in real.find(&gone).into_iter().rev() {
                        real.remove(start, end);
                        let length = signed(end - start);
                        new.push(TextOp::Delete { index: signed(start), length });
                    }
                }
                TextOp::Format { attributes, .. } => {
                    let there = client.slice(range.0, range.1);
                    budget.spend(there.len().saturating_mul(real.scan()))?;
                    for (start, end) in real.find(&there) {
                        let (index, length) = (signed(start), signed(end - start));
                        let attributes = attributes.clone();
                        new.push(TextOp::Format { index, length, attributes });
                    }
                }
            }
        }
        Ok(new)
    }
}

/// How many operations or pieces are looked at in the time that it takes to carry one operation over
/// another.
const SCANNED_AT_ONCE: usize = 16;

/// Transforming and fitting drop no insert and keep their order, so they can be told by number.
fn inserts(ops: &[TextOp]) -> usize {
    ops.iter().filter(|op| matches!(op, TextOp::Insert { .. })).count()
}

impl Sketch {
    fn original(units: usize) -> Self {
        let mut this = Self::default();
        this.insert(0, Piece { source: ORIGINAL, offset: 0, units });
        this
    }

    fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.units).sum()
    }

    /// The steps that it takes to look at each piece.
    fn scan(&self) -> usize {
        1 + self.pieces.len() / SCANNED_AT_ONCE
    }

    /// The steps that it takes to apply operations, each of which may add two pieces.
    fn cost(&self, ops: &[TextOp]) -> usize {
        ops.len().saturating_mul(self.scan() + ops.len() / SCANNED_AT_ONCE)
    }

    fn clip(&self, op: &TextOp) -> (usize, usize) {
        let length = self.len();
        match op {
            TextOp::Insert { index, .. } => (clip(*index, length), clip(*index, length)),
            TextOp::Delete { index, length: units }
            | TextOp::Format { index, length: units, .. } => {
                let start = clip(*index, length);
                (start, clip(signed(start).saturating_add(*units), length).max(start))
            }
        }
    }

    /// Applies operations whose inserts are numbered from `source` on.
    fn apply(&mut self, ops: &[TextOp], mut source: usize) {
        for op in ops {
            let (start, end) = self.clip(op);
            match op {
                TextOp::Insert { text, .. } => {
                    self.insert(start, Piece { source, offset: 0, units: utf16_len(text) });
                    source += 1;
                }
                TextOp::Delete { .. } => {
                    self.remove(start, end);
                }
                TextOp::Format { .. } => {}
            }
        }
    }

    fn insert(&mut self, at: usize, piece: Piece) {
        if piece.units > 0 {
            let index = self.cut(at);
            self.pieces.insert(index, piece);
        }
    }

    fn remove(&mut self, start: usize, end: usize) -> Vec<Piece> {
        let (from, to) = (self.cut(start), self.cut(end));
        self.pieces.drain(from..to.max(from)).collect()
    }

    fn slice(&self, start: usize, end: usize) -> Vec<Piece> {
        self.clone().remove(start, end)
    }

    /// Makes a piece begin at `at`; its index.
    fn cut(&mut self, at: usize) -> usize {
        let mut start = 0;
        for index in 0..self.pieces.len() {
            if at <= start {
                return index;
            }
            let Some(piece) = self.pieces.get_mut(index) else { break };
            if at < start + piece.units {
                let (head, mut tail) = (at - start, *piece);
                piece.units = head;
                tail.offset += head;
                tail.units -= head;
                self.pieces.insert(index + 1, tail);
                return index + 1;
            }
            start += piece.units;
        }
        self.pieces.len()
    }

    /// Where in this text to insert what was inserted at `at` in the other one: right behind the
    /// nearest character before it that both have.
    fn after(&self, other: &Self, at: usize, budget: &mut Budget) -> Result<usize, UpdateError> {
        budget.spend(other.scan())?;
        for piece in other.slice(0, at).iter().rev() {
            budget.spend(self.scan())?;
            if let Some((_, end)) = self.find(&[*piece]).pop() {
                return Ok(end);
            }
        }
        Ok(0)
    }

    /// Where pieces are in this text: ranges in ascending order, which do not touch.
    fn find(&self, wanted: &[Piece]) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        let mut start = 0;
        for piece in &self.pieces {
            let mut parts: Vec<(usize, usize)> = wanted
                .iter()
                .filter_map(|wanted| wanted.overlap(piece))
                .map(|(from, to)| (start + from - piece.offset, start + to - piece.offset))
                .collect();
            parts.sort_unstable();
            for (from, to) in parts {
                match found.last_mut() {
                    Some(last) if from <= last.1 => last.1 = last.1.max(to),
                    _ => found.push((from, to)),
                }
            }
            start += piece.units;
        }
        found
    }

    /// The parts of a piece that are nowhere in this text.
    fn without(&self, piece: Piece) -> Vec<Piece> {
        let mut left = vec![piece];
        for present in &self.pieces {
            left = left.into_iter().flat_map(|piece| piece.minus(present)).collect();
        }
        left
    }
}

impl Piece {
    fn end(&self) -> usize {
        self.offset + self.units
    }

    /// The offsets of their source that both have.
    fn overlap(&self, other: &Self) -> Option<(usize, usize)> {
        let (from, to) = (self.offset.max(other.offset), self.end().min(other.end()));
        (self.source == other.source && from < to).then_some((from, to))
    }

    fn minus(self, other: &Self) -> impl Iterator<Item = Self> {
        let (from, to) = self.overlap(other).unwrap_or((self.end(), self.end()));
        let part = |from: usize, to: usize| Self {
            source: self.source,
            offset: from,
            units: to.saturating_sub(from),
        };
        [part(self.offset, from), part(to, self.end())].into_iter().filter(|piece| piece.units > 0)
    }
}
