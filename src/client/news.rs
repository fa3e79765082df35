//! What others must have written while a connection was lost.
//!
//! The document that is loaded after a reconnect holds what others wrote and those pending ops that have arrived. A
//! difference is our own if it holds at some point while the pending ops are replayed one by one; whatever remains
//! was written by others.

use std::collections::BTreeMap;

use super::sides::sides;
use super::text::is_same;
use crate::history::{Place, places};
use crate::json::JsonObject;
use crate::op::{NodeContent, OpKind, UpdateText};
use crate::{Document, Json, NodeId, Op, SmallStr};

/// Facts about a document that was loaded: ops that were to make them true of the one before.
pub(super) struct News {
    facts: Vec<Option<Op>>,
    by_place: BTreeMap<Place, Vec<usize>>,
    /// Those that say something about a node or one of its places.
    by_node: BTreeMap<NodeId, Vec<usize>>,
}

/// Where an op may make facts true.
#[derive(Default)]
pub(super) struct Written {
    places: Vec<Place>,
    /// The nodes of which all has changed, as they came or went.
    nodes: Vec<NodeId>,
}

impl News {
    /// What leads from one document to another.
    pub(super) fn of(document: &Document, fresh: &Document) -> Self {
        let mut this =
            Self { facts: Vec::new(), by_place: BTreeMap::new(), by_node: BTreeMap::new() };
        let facts = document.diff(fresh).into_iter().filter(|op| !stays(document, fresh, op));
        for fact in facts.flat_map(one_by_one) {
            let number = this.facts.len();
            for place in places(document, &fact) {
                this.by_node.entry(place.node().clone()).or_default().push(number);
                this.by_place.entry(place).or_default().push(number);
            }
            this.by_node.entry(fact.id.clone()).or_default().push(number);
            this.facts.push(Some(fact));
        }
        this
    }

    /// Strikes out what is so in `document`, after an op that wrote there.
    pub(super) fn explain(&mut self, document: &Document, fresh: &Document, written: &Written) {
        let at_places = written.places.iter().filter_map(|place| self.by_place.get(place));
        let of_nodes = written.nodes.iter().filter_map(|id| self.by_node.get(id));
        for number in at_places.chain(of_nodes).flatten() {
            let Some(fact) = self.facts.get_mut(*number) else { continue };
            let is_so = |op: &Op| match &op.kind {
                OpKind::UpdateText(_) => is_same(document, fresh, &op.id),
                OpKind::Create(_) | OpKind::DeleteCrdt => !document.would_change(op),
                // Of a node that is not there nothing is so.
                _ => document.contains(&op.id) && !document.would_change(op),
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

/// Whether an op moves an item that stays between those between which it was: the server has spread them out.
fn stays(document: &Document, fresh: &Document, op: &Op) -> bool {
    matches!(op.kind, OpKind::SetParentKey { .. })
        && sides(document, &op.id, |id| !fresh.contains(id))
            == sides(fresh, &op.id, |id| !document.contains(id))
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

impl Written {
    /// What an op is about to write.
    pub(super) fn by(document: &Document, op: &Op) -> Self {
        let tops = document.taken_out_by(op, document.target(op)).into_iter();
        let gone = tops.flat_map(|top| document.subtree(top)).map(|ix| document.id(ix));
        let come = matches!(op.kind, OpKind::Create(_)).then(|| op.id.clone());
        let nodes = gone.chain(come).collect();
        Self { places: places(document, op), nodes }
    }
}
