//! The tracker: what was there before the first mutation that touched a place.

use std::collections::BTreeSet;

use super::list::{self, TouchedItem};
use super::text::TouchedText;
use super::{Changes, KeyChange, ListChange, Update, UpdateDetail};
use crate::document::{Body, Keyed, Node, NodeIx, PackedId, Slot, TextNode, Tree};
use crate::op::NodeKind;
use crate::position::Position;
use crate::text::{Splices, Text};
use crate::{Document, Json, SmallStr};

/// What was touched since changes are watched. Places are named by node id, since a node that is
/// rolled back and replayed is another node of the arena.
///
/// One id can name several nodes, one after the other: a node that is deleted may be created again.
/// What was there before is what the node held that was in the tree when watching began; only its
/// places, and those of the nodes that continue it, are noted down.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    touched: Keyed<Touched, PackedId>,
    /// Nodes from before whose creation was taken back. If a node of the same id is created again,
    /// it continues the old one: all that differs between them has been touched.
    uncreated: BTreeSet<NodeIx>,
    uncreated_ids: BTreeSet<PackedId>,
    /// Nodes that were created since.
    created: Keyed<(), NodeIx>,
    /// Tops of the subtrees that were taken out since.
    detached: BTreeSet<NodeIx>,
    /// Nodes from before that were taken out since, by id. If one is created again, as undo does,
    /// the new node continues it.
    gone: Keyed<NodeIx, PackedId>,
    /// Nodes that had been taken out before, and were put back since.
    revived: BTreeSet<NodeIx>,
    freed: Vec<NodeIx>,
}

/// The places of one node that were touched, with what was there before.
#[derive(Debug, Default)]
struct Touched {
    keys: Keyed<Option<Old>>,
    items: Keyed<Option<OldItem>, PackedId>,
    text: Option<TouchedText>,
}

/// A value that was there before.
#[derive(Clone, Debug)]
pub(super) enum Old {
    /// A field, register or file: something that never changes inside.
    Json(Json),
    /// Any other node.
    Node { id: PackedId, ix: NodeIx, kind: NodeKind },
}

/// A list item that was there before.
#[derive(Clone, Debug)]
pub(super) struct OldItem {
    pub(super) position: Position,
    pub(super) value: Old,
}

/// A value that is there now.
#[derive(Clone, Debug)]
pub(super) enum New {
    Json(Json),
    Node(NodeIx),
}

impl Tracker {
    fn touch(&mut self, node: PackedId) -> &mut Touched {
        self.touched.get_or_insert_with(&node, Touched::default)
    }

    /// A field of `node` had the value `old`.
    pub(crate) fn field(&mut self, ix: NodeIx, node: PackedId, key: &SmallStr, old: Option<&Json>) {
        if self.counts(ix, node) {
            self.touch_key(node, key, || old.cloned().map(Old::Json));
        }
    }

    fn touch_key(&mut self, node: PackedId, key: &SmallStr, old: impl FnOnce() -> Option<Old>) {
        self.touch(node).keys.get_or_insert_with(key, old);
    }

    /// Whether a node is that which had this id before, or continues it.
    fn counts(&self, ix: NodeIx, id: PackedId) -> bool {
        if self.revived.contains(&ix) {
            return false;
        }
        !self.is_created(ix) || self.uncreated_ids.contains(&id)
    }

    fn is_created(&self, ix: NodeIx) -> bool {
        self.created.contains(&ix)
    }

    /// A node is about to be entered for the first time.
    pub(crate) fn created(&mut self, ix: NodeIx) {
        self.created.insert(ix, ());
    }

    /// The node at `ix` is about to be entered in its parent.
    pub(crate) fn attached(&mut self, tree: &Tree, ix: NodeIx) {
        let node = tree.node(ix);
        let parent = tree.node(node.parent);
        self.touch_link(parent, node, None);
        if let Some(old) = self.gone.get(&node.id).copied() {
            if old != ix && self.is_created(ix) && self.uncreated.insert(old) {
                self.recreated(tree, old);
            }
        }
        if !self.uncreated_ids.is_empty()
            && self.uncreated_ids.contains(&node.id)
            && self.counts(ix, node.id)
        {
            self.touch_content(tree, ix, false);
        }
    }

    /// The node at `ix` is about to be taken out of its parent.
    pub(crate) fn unlinked(&mut self, tree: &Tree, ix: NodeIx) {
        let node = tree.node(ix);
        let parent = tree.node(node.parent);
        self.touch_link(parent, node, Some(Old::of(ix, node)));
    }

    /// A subtree was taken out.
    pub(crate) fn detached(&mut self, tree: &Tree, top: NodeIx) {
        self.detached.insert(top);
        self.note_gone(tree, top);
    }

    fn note_gone(&mut self, tree: &Tree, ix: NodeIx) {
        if !self.revived.contains(&ix) && !self.is_created(ix) {
            self.gone.insert(tree.node(ix).id, ix);
        }
    }

    /// A node from before, which was taken out, is about to be created again: notes down all that
    /// it held, as if its creation had been taken back.
    fn recreated(&mut self, tree: &Tree, old: NodeIx) {
        let node = tree.node(old);
        self.uncreated_ids.insert(node.id);
        self.touch_content(tree, old, true);
        for child in tree.children(old) {
            let below = tree.node(child);
            self.touch_link(node, below, Some(Old::of(child, below)));
            self.note_gone(tree, child);
        }
    }

    /// A subtree is about to be put back. Whether it had been taken out before changes were watched:
    /// then its nodes must be [`revived`](Self::revived).
    pub(crate) fn is_back_from_before(&mut self, top: NodeIx) -> bool {
        !self.detached.remove(&top)
    }

    /// The node at `ix` is about to be put back; it had been taken out before changes were
    /// watched. It may continue one that took its id meanwhile.
    pub(crate) fn revived(&mut self, tree: &Tree, ix: NodeIx) {
        let node = tree.node(ix);
        if !self.uncreated_ids.contains(&node.id) {
            self.revived.insert(ix);
            return;
        }
        self.touch_content(tree, ix, false);
        for child in tree.children(ix) {
            self.touch_link(node, tree.node(child), None);
        }
    }

    /// The creation of the node at `ix` is about to be taken back.
    pub(crate) fn uncreated(&mut self, tree: &Tree, ix: NodeIx) {
        if self.revived.contains(&ix) || self.is_created(ix) {
            return;
        }
        self.uncreated.insert(ix);
        self.uncreated_ids.insert(tree.node(ix).id);
        self.touch_content(tree, ix, true);
    }

    /// The content of a text has changed by these splices from `before`.
    pub(crate) fn text(&mut self, ix: NodeIx, node: PackedId, before: Text, splices: &Splices) {
        if self.counts(ix, node) {
            let text = self.touch(node).text.get_or_insert_with(|| TouchedText::new(before));
            text.spliced(splices);
        }
    }

    /// The content of a text becomes another's, or has been.
    fn touch_text(&mut self, node: PackedId, text: &TextNode) {
        let touched =
            self.touch(node).text.get_or_insert_with(|| TouchedText::new(text.text().clone()));
        touched.replaced();
    }

    /// A node was freed: its place in the arena must not be used again before the end.
    pub(crate) fn freed(&mut self, ix: NodeIx) {
        self.freed.push(ix);
    }

    fn touch_link(&mut self, parent: &Node, node: &Node, old: Option<Old>) {
        if !self.counts(node.parent, parent.id) {
            return;
        }
        if matches!(parent.body, Body::List(_)) {
            let old = old.map(|value| OldItem { position: node.key.clone(), value });
            self.touch(parent.id).items.get_or_insert_with(&node.id, || old);
        } else {
            self.touch_key(parent.id, node.key.as_small_str(), || old);
        }
    }

    /// Touches all that a create op gives a node; it `was_there` or is about to be.
    fn touch_content(&mut self, tree: &Tree, ix: NodeIx, was_there: bool) {
        let node = tree.node(ix);
        match &node.body {
            Body::Object(_) => {
                for (key, value) in tree.fields(ix) {
                    let old = || was_there.then(|| Old::Json(value));
                    self.touch_key(node.id, key, old);
                }
            }
            Body::Text(text) => self.touch_text(node.id, text),
            Body::List(_) | Body::Map(_) | Body::Register(_) | Body::File(_) => {}
        }
    }

    /// Whether a value is the same as before, apart from changes inside it.
    fn same(&self, document: &Document, old: Option<&Old>, new: Option<&New>) -> bool {
        match (old, new) {
            (None, None) => true,
            (Some(Old::Json(old)), Some(New::Json(new))) => old == new,
            (Some(Old::Node { id, ix, kind }), Some(New::Node(new))) => {
                let node = document.node(*new);
                let continues =
                    ix == new || self.uncreated.contains(ix) && !self.revived.contains(new);
                continues
                    && *id == node.id
                    && *kind == node.body.kind()
                    && self.is_text_change(document, *new)
            }
            _ => false,
        }
    }

    /// Whether text operations lead from what a text was to what it is; trivially so for any other
    /// node. They always make a text whose segments are normalised, and not all texts are.
    fn is_text_change(&self, document: &Document, ix: NodeIx) -> bool {
        let node = document.node(ix);
        let (Body::Text(text), Some(touched)) = (&node.body, self.touched.get(&node.id)) else {
            return true;
        };
        touched.text.as_ref().is_none_or(|touched| touched.leads_to(text.text()))
    }

    /// Touches the places of texts that text operations cannot make what they are, so that they are
    /// reported whole.
    fn touch_replaced_texts(&mut self, document: &Document) {
        let texts = self.touched.iter().filter(|(_, touched)| touched.text.is_some());
        let replaced: Vec<NodeIx> = texts
            .filter_map(|(id, _)| document.find_packed(*id))
            .filter(|ix| !self.is_text_change(document, *ix))
            .collect();
        for ix in replaced {
            let node = document.node(ix);
            self.touch_link(document.node(node.parent), node, Some(Old::of(ix, node)));
        }
    }

    fn changed_keys(
        &self,
        document: &Document,
        node: NodeIx,
        touched: &Touched,
    ) -> Vec<(SmallStr, Option<New>)> {
        let mut changed = Vec::new();
        for (key, old) in touched.keys.iter() {
            let new = match &document.node(node).body {
                Body::Object(_) => {
                    let slot = document.object(node).and_then(|object| object.get(key));
                    slot.map(|slot| match slot {
                        Slot::Json(value) => New::Json(value),
                        Slot::Child(child) => New::of(document, child),
                    })
                }
                Body::Map(_) => document.child(node, key).map(|child| New::of(document, child)),
                _ => None,
            };
            if !self.same(document, old.as_ref(), new.as_ref()) {
                changed.push((key.clone(), new));
            }
        }
        changed
    }

    fn changed_items(
        &self,
        document: &Document,
        list: NodeIx,
        touched: &Touched,
    ) -> Vec<list::Step> {
        let mut items = Vec::new();
        for (id, old) in touched.items.iter() {
            let now = document.find_packed(*id).filter(|ix| document.node(*ix).parent == list);
            let value = now.map(|ix| New::of(document, ix));
            let new = now.map(|ix| document.node(ix).key.clone()).zip(value);
            let same = self.same(
                document,
                old.as_ref().map(|old| &old.value),
                new.as_ref().map(|(_, value)| value),
            );
            items.push(TouchedItem {
                old: old.as_ref().map(|old| old.position.clone()),
                new,
                same,
            });
        }
        list::steps(items, |position| document.rank_in(list, position))
    }

    /// Compares what was there with what is there.
    pub(crate) fn finish(mut self, document: &mut Document) -> Changes {
        self.touch_replaced_texts(document);
        let mut found: Vec<(NodeIx, Found)> = Vec::new();
        let mut fresh = BTreeSet::new();
        for (id, touched) in self.touched.iter() {
            let Some(ix) = document.find_packed(*id) else { continue };
            match &document.node(ix).body {
                Body::Object(_) | Body::Map(_) => {
                    let changed = self.changed_keys(document, ix, touched);
                    fresh.extend(changed.iter().filter_map(|(_, new)| new.as_ref()?.node()));
                    if !changed.is_empty() {
                        found.push((ix, Found::Keys(changed)));
                    }
                }
                Body::List(_) => {
                    let steps = self.changed_items(document, ix, touched);
                    fresh.extend(steps.iter().filter_map(list::Step::fresh));
                    if !steps.is_empty() {
                        found.push((ix, Found::Items(steps)));
                    }
                }
                Body::Text(text) => {
                    let changes = touched
                        .text
                        .as_ref()
                        .and_then(|text_before| text_before.changes_to(text.text()));
                    found.extend(changes.map(|ops| (ix, Found::Text(ops))));
                }
                Body::Register(_) | Body::File(_) => {}
            }
        }
        if !fresh.is_empty() {
            found.retain(|(ix, _)| !document.ancestors(*ix).any(|above| fresh.contains(&above)));
        }
        found.sort_by_key(|(ix, _)| document.node(*ix).depth);
        let updates = found.into_iter().map(|(ix, found)| found.report(document, ix)).collect();
        document.free_all(self.freed);
        Changes::new(updates)
    }
}

/// What changed in a node, before values are written out.
enum Found {
    Keys(Vec<(SmallStr, Option<New>)>),
    Items(Vec<list::Step>),
    Text(Vec<crate::text::TextOp>),
}

impl Found {
    fn report(self, document: &Document, ix: NodeIx) -> Update {
        let node = document.node(ix);
        let detail = match self {
            Self::Keys(changed) => {
                let changed = changed.into_iter().map(|(key, new)| KeyChange {
                    key,
                    value: new.map(|new| new.to_json(document)),
                });
                match node.body {
                    Body::Map(_) => UpdateDetail::Map(changed.collect()),
                    _ => UpdateDetail::Object(changed.collect()),
                }
            }
            Self::Items(steps) => UpdateDetail::List(
                steps
                    .into_iter()
                    .map(|step| match step {
                        list::Step::Insert { index, value } => {
                            ListChange::Insert { index, value: value.to_json(document) }
                        }
                        list::Step::Set { index, value } => {
                            ListChange::Set { index, value: value.to_json(document) }
                        }
                        list::Step::Delete { index } => ListChange::Delete { index },
                        list::Step::Move { from, to } => ListChange::Move { from, to },
                    })
                    .collect(),
            ),
            Self::Text(ops) => UpdateDetail::Text(ops),
        };
        Update { node: document.id(ix), path: document.pointer_to(ix), detail }
    }
}

impl Old {
    fn of(ix: NodeIx, node: &Node) -> Self {
        match &node.body {
            Body::Register(value) => Self::Json(value.clone()),
            Body::File(file) => Self::Json(file.to_json()),
            body => Self::Node { id: node.id, ix, kind: body.kind() },
        }
    }
}

impl New {
    fn of(document: &Document, ix: NodeIx) -> Self {
        match &document.node(ix).body {
            Body::Register(value) => Self::Json(value.clone()),
            Body::File(file) => Self::Json(file.to_json()),
            _ => Self::Node(ix),
        }
    }

    pub(super) fn node(&self) -> Option<NodeIx> {
        match self {
            Self::Node(ix) => Some(*ix),
            Self::Json(_) => None,
        }
    }

    fn to_json(&self, document: &Document) -> Json {
        match self {
            Self::Json(value) => value.clone(),
            Self::Node(ix) => document.value(*ix).to_json(),
        }
    }
}
