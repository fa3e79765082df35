//! What others must have written while a connection was lost.
//!
//! The document that is loaded after a reconnect holds what others wrote and those pending ops that have arrived. A
//! difference is our own if it holds at some point while the pending ops are replayed one by one; whatever remains
//! was written by others.

use std::collections::BTreeMap;

use super::text::is_same;
use crate::history::{Place, places};
use crate::json::JsonObject;
use crate::op::{NodeContent, OpKind, UpdateText};
use crate::{Document, Json, Op, SmallStr};

/// Facts about a document that was loaded: ops that were to make them true of the one before.
pub(super) struct News {
    facts: Vec<Option<Op>>,
    by_place: BTreeMap<Place, Vec<usize>>,
}

impl News {
    /// What leads from one document to another.
    pub(super) fn of(document: &Document, fresh: &Document) -> Self {
        let mut this = Self { facts: Vec::new(), by_place: BTreeMap::new() };
        for fact in document.diff(fresh).into_iter().flat_map(one_by_one) {
            for place in written_by(document, &fact) {
                this.by_place.entry(place).or_default().push(this.facts.len());
            }
            this.facts.push(Some(fact));
        }
        this
    }

    /// Strikes out what is so in `document`, after an op that wrote these places.
    pub(super) fn explain(&mut self, document: &Document, fresh: &Document, places: &[Place]) {
        for number in places.iter().filter_map(|place| self.by_place.get(place)).flatten() {
            let Some(fact) = self.facts.get_mut(*number) else { continue };
            let is_so = |op: &Op| match &op.kind {
                OpKind::UpdateText(_) => is_same(document, fresh, &op.id),
                OpKind::UpdateObject { .. } => {
                    document.contains(&op.id) && !document.would_change(op)
                }
                _ => !document.would_change(op),
            };
            if fact.as_ref().is_some_and(is_so) {
                *fact = None;
            }
        }
    }

    /// What nothing has explained.
    pub(super) fn unexplained(&self) -> impl Iterator<Item = &Op> {
        self.facts.iter().flatten()
    }
}

/// An op as facts of one place each: every key that it sets, and what a node that it creates holds.
fn one_by_one(op: Op) -> Vec<Op> {
    let each = |data: &JsonObject| -> Vec<Op> {
        let single = |(key, value): (&SmallStr, &Json)| {
            let data = JsonObject::of(key.clone(), value.clone());
            Op::new(op.id.clone(), OpKind::UpdateObject { data })
        };
        data.iter().map(single).collect()
    };
    let mut facts = match &op.kind {
        OpKind::UpdateObject { data } => return each(data),
        OpKind::Create(create) => match &create.content {
            NodeContent::Object(data) => each(data),
            NodeContent::Text { version, .. } => {
                let update = UpdateText { base_version: *version, version: None, ops: Vec::new() };
                vec![Op::new(op.id.clone(), OpKind::UpdateText(update))]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    facts.push(op);
    facts
}

/// The places where an op may make a fact true: those that it writes, and the nodes, with what they
/// hold, that it creates, moves or takes out.
pub(super) fn written_by(document: &Document, op: &Op) -> Vec<Place> {
    let mut written = places(document, op);
    match &op.kind {
        OpKind::Create(create) => {
            written.push(Place::Item(op.id.clone()));
            match &create.content {
                NodeContent::Object(data) => {
                    let slot = |key: &SmallStr| Place::Slot(op.id.clone(), key.clone());
                    written.extend(data.iter().map(|(key, _)| slot(key)));
                }
                NodeContent::Text { .. } => written.push(Place::Text(op.id.clone())),
                _ => {}
            }
        }
        OpKind::DeleteCrdt => written.push(Place::Item(op.id.clone())),
        _ => {}
    }
    written
}
