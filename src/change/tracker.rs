//! The tracker: what was there before the first mutation that touched a place.

use std::collections::BTreeSet;

use super::few::Few;
use super::list::{self, TouchedItem};
use super::text::TouchedText;
use super::{Changes, KeyChange, ListChange, Update, UpdateDetail};
use crate::document::{Body, Keyed, NodeIx, PackedId, Slot, TextNode, Tree};
use crate::op::NodeKind;
use crate::position::Position;
use crate::text::{Accepted, Splices, Text, TextOp};
use crate::{Document, Json, NodeId, SmallStr};

/// What was touched since changes are watched. Places are named by node id, since a node that is
/// rolled back and replayed is another node of the arena.
///
/// One id can name several nodes, one after the other: a node that is deleted may be created again.
/// What was there before is what the node held that was in the tree when watching began; only its
/// places, and those of the nodes that continue it, are noted down.
///
/// Touching a place only appends to a log: that a place was touched before is found out once, at the
/// end. A tracker is used again for what is watched next, so that small edits need no memory anew.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    /// Of the entries for one place the first one counts.
    keys: Vec<TouchedKey>,
    items: Vec<TouchedLink>,
    texts: Keyed<TouchedText, PackedId>,
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
    /// Something was touched in a node that does not count, so it is not in the log.
    has_skipped: bool,
}

/// Touched places beyond which a tracker is not kept for use again.
const KEPT: usize = 64;

/// A place of a node that was touched, and what was there before.
#[derive(Debug)]
struct Touched<P, O, N> {
    node: PackedId,
    /// Where the node was then; of several entries in one, at the last.
    ix: NodeIx,
    place: P,
    old: Option<O>,
    /// What came of it, where that was known at once. True if it is this very node that has the id
    /// now, and the log has all that was touched in it.
    since: Option<N>,
}

/// By key, of an object or map; since then there is a field, or none.
type TouchedKey = Touched<SmallStr, Old, Option<Json>>;

/// By item, of a list.
type TouchedLink = Touched<PackedId, OldItem, Moved>;

/// Where an item went out or came in.
#[derive(Clone, Copy, Debug)]
struct Moved {
    /// Where the item was the last time.
    item: NodeIx,
    /// The ranks at which it went out, or came in, first and last. These are its ranks before and now,
    /// if no other item of the list was touched.
    ranks: (usize, usize),
}

impl Moved {
    fn at(item: NodeIx, rank: usize) -> Self {
        Self { item, ranks: (rank, rank) }
    }
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
    /// A field of `node` had the value `old` and has the value `new`.
    pub(crate) fn field(
        &mut self,
        ix: NodeIx,
        node: PackedId,
        key: &SmallStr,
        old: Option<&Json>,
        new: Option<&Json>,
    ) {
        if self.counts(ix, node) {
            let (old, since) = (old.cloned().map(Old::Json), Some(new.cloned()));
            self.keys.push(Touched { node, ix, place: key.clone(), old, since });
        } else {
            self.has_skipped = true;
        }
    }

    fn touch_key(&mut self, (node, ix): (PackedId, NodeIx), key: &SmallStr, old: Option<Old>) {
        self.keys.push(Touched { node, ix, place: key.clone(), old, since: None });
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

    /// The node at `ix` has been entered in its parent, in a list at this rank.
    pub(crate) fn attached(&mut self, tree: &Tree, ix: NodeIx, rank: Option<usize>) {
        self.touch_link(tree, ix, None, rank.map(|rank| Moved::at(ix, rank)));
        let id = tree.id(ix);
        if let Some(old) = self.gone.get(&id).copied() {
            if old != ix && self.is_created(ix) && self.uncreated.insert(old) {
                self.recreated(tree, old);
            }
        }
        if !self.uncreated_ids.is_empty() && self.uncreated_ids.contains(&id) && self.counts(ix, id)
        {
            self.touch_content(tree, ix, false);
        }
    }

    /// The node at `ix`, which says where it was, has been taken out of its parent, out of a list at
    /// this rank.
    pub(crate) fn unlinked(&mut self, tree: &Tree, ix: NodeIx, rank: Option<usize>) {
        let since = rank.map(|rank| Moved::at(ix, rank));
        self.touch_link(tree, ix, Some(Old::of(tree, ix)), since);
    }

    /// A subtree was taken out.
    pub(crate) fn detached(&mut self, tree: &Tree, top: NodeIx) {
        self.detached.insert(top);
        self.note_gone(tree, top);
    }

    fn note_gone(&mut self, tree: &Tree, ix: NodeIx) {
        if !self.revived.contains(&ix) && !self.is_created(ix) {
            self.gone.insert(tree.id(ix), ix);
        }
    }

    /// A node from before, which was taken out, is about to be created again: notes down all that
    /// it held, as if its creation had been taken back.
    fn recreated(&mut self, tree: &Tree, old: NodeIx) {
        self.uncreated_ids.insert(tree.id(old));
        self.touch_content(tree, old, true);
        for child in tree.children(old) {
            self.touch_link(tree, child, Some(Old::of(tree, child)), None);
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
        if !self.uncreated_ids.contains(&tree.id(ix)) {
            self.revived.insert(ix);
            return;
        }
        self.touch_content(tree, ix, false);
        for child in tree.children(ix) {
            self.touch_link(tree, child, None, None);
        }
    }

    /// The creation of the node at `ix` is about to be taken back.
    pub(crate) fn uncreated(&mut self, tree: &Tree, ix: NodeIx) {
        if self.revived.contains(&ix) || self.is_created(ix) {
            return;
        }
        self.uncreated.insert(ix);
        self.uncreated_ids.insert(tree.id(ix));
        self.touch_content(tree, ix, true);
    }

    /// The content of a text has changed by these splices from `before`: by operations, or as some were taken
    /// back.
    pub(crate) fn text(
        &mut self,
        ix: NodeIx,
        node: PackedId,
        before: &Text,
        splices: &Splices,
        ops: Option<&[TextOp]>,
    ) {
        if self.counts(ix, node) {
            let touched = || TouchedText::new(before.clone());
            self.texts.get_or_insert_with(&node, touched).spliced(before, splices, ops);
        }
    }

    /// What has led to a text is told, since it cannot be seen: operations were taken back, and others applied
    /// beneath them.
    pub(crate) fn told(&mut self, node: PackedId, ops: &[TextOp]) {
        if let Some(touched) = self.texts.get_mut(&node) {
            touched.told(ops);
        }
    }

    /// A text was updated that had not been [touched](Self::has_touched_text) before.
    pub(crate) fn updated(&mut self, ix: NodeIx, node: PackedId, update: &Accepted) {
        if self.counts(ix, node) {
            self.texts.insert(node, TouchedText::updated(update));
        }
    }

    pub(crate) fn has_touched_text(&self, node: PackedId) -> bool {
        self.texts.contains(&node)
    }

    /// The content of a text becomes another's, or has been.
    ///
    /// If an update is all that happened to it yet, it is still there: another one only becomes what
    /// it was after its own end has been noted down here.
    fn touch_text(&mut self, node: PackedId, text: &TextNode) {
        let touched = || TouchedText::new(text.text().clone());
        self.texts.get_or_insert_with(&node, touched).replaced(text.text());
    }

    /// A node was freed: its place in the arena must not be used again before the end.
    pub(crate) fn freed(&mut self, ix: NodeIx) {
        self.freed.push(ix);
    }

    /// Touches the place of a node in its parent.
    fn touch_link(&mut self, tree: &Tree, ix: NodeIx, old: Option<Old>, since: Option<Moved>) {
        let (parent, key) = tree.link(ix);
        let parent_id = tree.id(parent);
        if !self.counts(parent, parent_id) {
            self.has_skipped = true;
            return;
        }
        if tree.kind(parent) == NodeKind::List {
            let old = old.map(|value| OldItem { position: key.clone(), value });
            let (ix, place) = (parent, tree.id(ix));
            self.items.push(Touched { node: parent_id, ix, place, old, since });
        } else {
            self.touch_key((parent_id, parent), key.as_small_str(), old);
        }
    }

    /// Touches all that a create op gives a node; it `was_there` or is about to be.
    fn touch_content(&mut self, tree: &Tree, ix: NodeIx, was_there: bool) {
        let id = tree.id(ix);
        match tree.body(ix) {
            Body::Object(_) => {
                for (key, value) in tree.fields(ix) {
                    let old = was_there.then_some(Old::Json(value));
                    self.touch_key((id, ix), key, old);
                }
            }
            Body::Text(text) => self.touch_text(id, text),
            Body::List(_) | Body::Map(_) | Body::Register(_) | Body::File(_) => {}
        }
    }

    /// Whether a value is the same as before, apart from changes inside it.
    fn same(&self, document: &Document, old: Option<&Old>, new: Option<&New>) -> bool {
        match (old, new) {
            (None, None) => true,
            (Some(Old::Json(old)), Some(New::Json(new))) => old == new,
            (Some(Old::Node { id, ix, kind }), Some(New::Node(new))) => {
                let continues =
                    ix == new || self.uncreated.contains(ix) && !self.revived.contains(new);
                continues
                    && *id == document.packed_id(*new)
                    && *kind == document.kind_at(*new)
                    && self.is_text_change(document, *new)
            }
            _ => false,
        }
    }

    /// Whether text operations lead from what a text was to what it is; trivially so for any other
    /// node. They always make a text whose segments are normalised, and not all texts are.
    fn is_text_change(&self, document: &Document, ix: NodeIx) -> bool {
        match document.body(ix) {
            Body::Text(text) => self
                .texts
                .get(&document.packed_id(ix))
                .is_none_or(|touched| touched.leads_to(text.text())),
            _ => true,
        }
    }

    /// Touches the places of texts that text operations cannot make what they are, so that they are
    /// reported whole.
    fn touch_replaced_texts(&mut self, document: &Document) {
        let texts = self.texts.iter().filter_map(|(id, _)| document.find_packed(*id));
        let replaced: Vec<NodeIx> =
            texts.filter(|ix| !self.is_text_change(document, *ix)).collect();
        for ix in replaced {
            let tree = document.tree();
            self.touch_link(tree, ix, Some(Old::of(tree, ix)), None);
        }
    }

    /// Where a touched node is now, if it is in the tree.
    fn present(&self, document: &Document, node: PackedId, ix: NodeIx) -> Option<NodeIx> {
        // Shortcut: where it was, if nothing has left the tree. Finding it would take as long again as
        // reading it.
        if self.freed.is_empty() && self.detached.is_empty() {
            debug_assert_eq!(document.find_packed(node), Some(ix));
            return Some(ix);
        }
        document.find_packed(node)
    }

    /// What changed at the keys of one node.
    fn found_at_keys(&self, document: &Document, touched: &[TouchedKey]) -> Option<Found> {
        let Touched { node, ix, .. } = touched.first()?;
        let ix = self.present(document, *node, *ix)?;
        let body = document.body(ix);
        if !matches!(body, Body::Object(_) | Body::Map(_)) {
            return None;
        }
        let (mut changes, mut fresh) = (Few::with_capacity(touched.len()), Vec::new());
        for Touched { place: key, ix: last, old, since, .. } in touched {
            let new = match since {
                // Shortcut: the field that was set last is the one that is there.
                Some(field)
                    if *last == ix && !self.has_skipped && matches!(body, Body::Object(_)) =>
                {
                    debug_assert_eq!(*field, document.field(ix, key));
                    field.clone().map(New::Json)
                }
                _ => New::at_key(document, ix, key),
            };
            if !self.same(document, old.as_ref(), new.as_ref()) {
                let value = new.map(|new| new.or_fresh(changes.len(), &mut fresh));
                changes.push(KeyChange { key: key.clone(), value, node: None });
            }
        }
        let detail = match body {
            Body::Map(_) => UpdateDetail::Map(changes),
            _ => UpdateDetail::Object(changes),
        };
        Some(Found { ix, detail, fresh })
    }

    /// What changed among the items of one list.
    fn found_among_items(&self, document: &Document, touched: &[TouchedLink]) -> Option<Found> {
        let Touched { node, ix, .. } = touched.first()?;
        let list = self.present(document, *node, *ix)?;
        if !document.is_list(list) {
            return None;
        }
        let items = touched.iter().filter_map(|Touched { place: id, old, since, .. }| {
            let now = match since {
                Some(since) => self.present(document, *id, since.item),
                None => document.find_packed(*id),
            };
            let now = now.filter(|ix| document.parent(*ix) == list);
            let value = now.map(|ix| New::of(document, ix));
            let new = now.map(|ix| document.key(ix).clone()).zip(value);
            let same = self.same(
                document,
                old.as_ref().map(|old| &old.value),
                new.as_ref().map(|(_, value)| value),
            );
            let old = old.as_ref().map(|old| &old.position);
            // One that is where it was is as one that was never touched.
            let stays = same && old == new.as_ref().map(|(position, _)| position);
            (!stays).then(|| TouchedItem { old: old.cloned(), new, same })
        });
        let ranks = match touched {
            [one] if one.ix == list && !self.has_skipped => one.since.map(|since| since.ranks),
            _ => None,
        };
        let steps = list::steps(items, |position| document.rank_in(list, position), ranks);
        let (mut changes, mut fresh) = (Few::with_capacity(steps.len()), Vec::new());
        for step in steps {
            let at = changes.len();
            changes.push(match step {
                list::Step::Insert { index, value } => {
                    ListChange::Insert { index, value: value.or_fresh(at, &mut fresh), node: None }
                }
                list::Step::Set { index, value } => {
                    ListChange::Set { index, value: value.or_fresh(at, &mut fresh), node: None }
                }
                list::Step::Delete { index } => ListChange::Delete { index },
                list::Step::Move { from, to } => ListChange::Move { from, to },
            });
        }
        Some(Found { ix: list, detail: UpdateDetail::List(changes), fresh })
    }

    /// What changed in all nodes, containers first, without what is reported as part of them.
    fn found(&self, document: &Document) -> Vec<Found> {
        let keys = self.keys.chunk_by(|a, b| a.node == b.node);
        let keys = keys.filter_map(|touched| self.found_at_keys(document, touched));
        let items = self.items.chunk_by(|a, b| a.node == b.node);
        let items = items.filter_map(|touched| self.found_among_items(document, touched));
        let texts = self.texts.iter().filter_map(|(id, touched)| {
            let ix = document.find_packed(*id)?;
            let Body::Text(text) = document.body(ix) else { return None };
            let ops = touched.changes_to(text.text())?;
            Some(Found { ix, detail: UpdateDetail::Text(ops), fresh: Vec::new() })
        });
        let most = self.keys.len() + self.items.len() + self.texts.len();
        let mut found = Vec::with_capacity(most.min(KEPT));
        found.extend(keys);
        found.extend(items);
        found.extend(texts);
        if found.iter().any(|found| !found.fresh.is_empty()) {
            let fresh = found.iter().flat_map(|found| found.fresh.iter().map(|(_, node)| *node));
            let fresh: BTreeSet<NodeIx> = fresh.collect();
            found.retain(|at| !document.ancestors(at.ix).any(|above| fresh.contains(&above)));
        }
        // They are sorted by id already, mostly, if they are many.
        found.sort_by(|a, b| {
            let by_depth = document.depth(a.ix).cmp(&document.depth(b.ix));
            by_depth.then_with(|| document.id(a.ix).cmp(&document.id(b.ix)))
        });
        found
    }

    /// Shortcut: one place was touched. Equal to [`found`](Self::found), since there is nothing to
    /// sort and nothing of which it could be a part.
    fn found_one(&self, document: &Document) -> Option<Found> {
        match (&self.keys[..], &self.items[..]) {
            (keys @ [_], []) => self.found_at_keys(document, keys),
            ([], items @ [_]) => self.found_among_items(document, items),
            _ => None,
        }
    }

    /// Compares what was there with what is there. The document must not be watched any more.
    pub(crate) fn finish(&mut self, document: &mut Document) -> Changes {
        if !self.texts.is_empty() {
            self.touch_replaced_texts(document);
        }
        one_of_each(&mut self.keys, |_, last| last);
        one_of_each(&mut self.items, |first, last| {
            let (first, last) = (first?, last?);
            Some(Moved { ranks: (first.ranks.0, last.ranks.1), ..last })
        });
        let changes = if self.texts.is_empty() && self.keys.len() + self.items.len() == 1 {
            let found = self.found_one(document);
            debug_assert_eq!(
                found.iter().filter_map(|found| found.clone().report(document)).collect::<Vec<_>>(),
                self.found(document)
                    .into_iter()
                    .filter_map(|found| found.report(document))
                    .collect::<Vec<_>>(),
                "one change is as one of many"
            );
            Changes::new(found.and_then(|found| found.report(document)).into_iter().collect())
        } else {
            let found = self.found(document).into_iter();
            let updates: Vec<_> = found.filter_map(|found| found.report(document)).collect();
            Changes::new(updates.into())
        };
        document.free_all(&mut self.freed);
        changes
    }

    /// Forgets everything, so that something else can be watched; `None` if what was watched was so
    /// large that its memory is better given back.
    pub(crate) fn again(mut self: Box<Self>) -> Option<Box<Self>> {
        let Self { keys, items, texts, created, .. } = &mut *self;
        if keys.len().max(items.len()).max(created.len()) > KEPT {
            return None;
        }
        keys.clear();
        items.clear();
        texts.clear();
        created.clear();
        if !(self.gone.is_empty() && self.detached.is_empty()) {
            self.gone.clear();
            self.detached.clear();
        }
        if !(self.uncreated_ids.is_empty() && self.revived.is_empty()) {
            self.uncreated.clear();
            self.uncreated_ids.clear();
            self.revived.clear();
        }
        self.has_skipped = false;
        Some(self)
    }
}

/// Sorts what was touched by node and place, and makes one entry of all those for one place: what
/// was there is what the first one says, what came of it is up to `since`.
fn one_of_each<P: Ord, O, N>(
    touched: &mut Vec<Touched<P, O, N>>,
    since: impl Fn(Option<N>, Option<N>) -> Option<N>,
) {
    if touched.len() > 1 {
        touched.sort_by(|a, b| (a.node, &a.place).cmp(&(b.node, &b.place)));
        touched.dedup_by(|later, first| {
            let same = later.node == first.node && later.place == first.place;
            if same {
                // Another node may have got the id between the two.
                let before = first.since.take().filter(|_| first.ix == later.ix);
                first.since = since(before, later.since.take());
                first.ix = later.ix;
            }
            same
        });
    }
}

/// What changed in a node.
#[derive(Clone)]
struct Found {
    ix: NodeIx,
    detail: UpdateDetail,
    /// Which of the changes bring a node whose whole content is reported; that is yet to be filled in, and its id.
    fresh: Vec<(usize, NodeIx)>,
}

impl Found {
    /// The report, with the contents of nodes written out; `None` if nothing changed after all.
    fn report(mut self, document: &Document) -> Option<Update> {
        for (at, ix) in self.fresh {
            if let Some((value, node)) = self.detail.brought_mut(at) {
                *value = document.value(ix).to_json();
                *node = Some(document.id(ix));
            }
        }
        let node = document.id(self.ix);
        let is_change = !self.detail.is_empty();
        is_change.then(|| Update { node, path: document.path_to(self.ix), detail: self.detail })
    }
}

impl UpdateDetail {
    /// Whether nothing changed. A text of which no part did may have been normalised.
    fn is_empty(&self) -> bool {
        match self {
            Self::Object(changes) | Self::Map(changes) => changes.is_empty(),
            Self::List(changes) => changes.is_empty(),
            Self::Text(_) => false,
        }
    }

    /// The value that a change brings, and of which node that is.
    fn brought_mut(&mut self, at: usize) -> Option<(&mut Json, &mut Option<NodeId>)> {
        match self {
            Self::Object(changes) | Self::Map(changes) => {
                let KeyChange { value, node, .. } = changes.get_mut(at)?;
                Some((value.as_mut()?, node))
            }
            Self::List(changes) => match changes.get_mut(at)? {
                ListChange::Insert { value, node, .. } | ListChange::Set { value, node, .. } => {
                    Some((value, node))
                }
                ListChange::Delete { .. } | ListChange::Move { .. } => None,
            },
            Self::Text(_) => None,
        }
    }
}

impl Old {
    fn of(tree: &Tree, ix: NodeIx) -> Self {
        match tree.body(ix) {
            Body::Register(value) => Self::Json(value),
            Body::File(file) => Self::Json(file.to_json()),
            _ => Self::Node { id: tree.id(ix), ix, kind: tree.kind(ix) },
        }
    }
}

impl New {
    fn of(document: &Document, ix: NodeIx) -> Self {
        match document.body(ix) {
            Body::Register(value) => Self::Json(value),
            Body::File(file) => Self::Json(file.to_json()),
            _ => Self::Node(ix),
        }
    }

    /// What an object or map has at a key.
    fn at_key(document: &Document, ix: NodeIx, key: &SmallStr) -> Option<Self> {
        match document.body(ix) {
            Body::Object(_) => document.object(ix)?.get(key).map(|slot| match slot {
                Slot::Json(value) => Self::Json(value),
                Slot::Child(child) => Self::of(document, child),
            }),
            _ => document.child(ix, key).map(|child| Self::of(document, child)),
        }
    }

    /// The value of the change at `at`, or a place for it to be filled in.
    fn or_fresh(self, at: usize, fresh: &mut Vec<(usize, NodeIx)>) -> Json {
        match self {
            Self::Json(value) => value,
            Self::Node(node) => {
                fresh.push((at, node));
                Json::Null
            }
        }
    }
}
