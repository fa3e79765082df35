//! The primitive mutations, each with its inverse, and the savepoints built on them.
//!
//! Every change of the tree, forward or back, is one of these. Each tells the journal how to take
//! it back (while a savepoint is open) and the tracker what was there before (while changes are
//! watched), so neither can miss one.

use super::Document;
use super::journal::{Savepoint, Undo};
use super::node::{Node, NodeIx};
use super::objects::Slot;
use super::text_node::TextNode;
use crate::change::Changes;
use crate::op::{NodeContent, NodeKind};
use crate::position::Position;
use crate::text::{self, Revert, Splices, Text, TextOp};
use crate::{Json, NodeId, SmallStr};

impl Document {
    /// Opens a savepoint: from here on every change can be taken back.
    ///
    /// Costs memory for each change until it is closed by [`rollback`](Self::rollback) or
    /// [`commit`](Self::commit). Savepoints nest.
    pub fn savepoint(&mut self) -> Savepoint {
        self.journal.open()
    }

    /// Takes back everything since `savepoint`, exactly: ids, positions, order and values.
    ///
    /// Closes the savepoint and all that were opened after it. Costs what was changed since.
    pub fn rollback(&mut self, savepoint: Savepoint) {
        if !self.journal.close(savepoint) {
            return;
        }
        while let Some(undo) = self.journal.pop(savepoint) {
            self.take_back(undo);
        }
        self.debug_check();
    }

    /// Keeps everything since `savepoint`.
    ///
    /// Closes the savepoint and all that were opened after it; an outer one still takes their
    /// changes back.
    pub fn commit(&mut self, savepoint: Savepoint) {
        if self.journal.close(savepoint) {
            self.forget_committed();
        }
    }

    /// Closes all savepoints: of a copy of another replica's document nothing is to be taken back.
    pub(crate) fn commit_all(&mut self) {
        if let Some(oldest) = self.journal.oldest() {
            self.commit(oldest);
        }
    }

    /// Closes one savepoint: what it covers belongs to the one before it.
    pub(crate) fn merge_savepoint(&mut self, savepoint: Savepoint) {
        self.journal.merge(savepoint);
    }

    /// Closes the oldest savepoint and keeps what was changed up to the next one, which stays open.
    ///
    /// False, and nothing happens, if an older one is still open.
    pub(crate) fn commit_oldest(&mut self, savepoint: Savepoint) -> bool {
        let closed = self.journal.close_oldest(savepoint);
        if closed {
            self.forget_committed();
        }
        closed
    }

    pub(crate) fn suspend_journal(&mut self, suspended: bool) {
        self.journal.suspend(suspended);
    }

    fn forget_committed(&mut self) {
        while let Some(undo) = self.journal.pop_committed() {
            if let Undo::Detached(top) = undo {
                self.free_subtree(top);
            }
        }
    }

    fn take_back(&mut self, undo: Undo) {
        match undo {
            Undo::Field { node, key, old } => {
                self.put_field(node, &key, old.as_ref());
            }
            Undo::Attached(node) => {
                if let Some(tracker) = &mut self.tracker {
                    tracker.uncreated(&self.tree, node);
                }
                self.unlink(node);
                self.ids.remove(self.packed_id(node));
                self.free_node(node);
            }
            Undo::Detached(top) => self.link_subtree(top),
            Undo::Moved { node, from } => {
                let taken_back = self.put_at(node, &from);
                debug_assert!(taken_back.is_some(), "I4: an item moves back to where another is");
            }
            Undo::Text { node, revert } => self.revert_text(node, revert),
        }
    }

    /// Sets a JSON field of an object, in place of whatever is at the key.
    pub(crate) fn set_in_place(&mut self, node: NodeIx, key: &SmallStr, value: &Json) {
        match self.tree.put(node, key, value) {
            Some(child @ Slot::Child(ix)) => {
                // To take it out is a change of its own, and comes first.
                self.tree.put(node, key, child);
                self.detach(ix);
                self.set_field(node, key.clone(), Some(value));
            }
            old => {
                let old = field(old);
                self.watch_field(node, key, old.as_ref(), Some(value));
                self.record_field(node, key.clone(), old);
            }
        }
    }

    /// Sets or removes a JSON field of an object; there must be no child at the key.
    pub(crate) fn set_field(&mut self, node: NodeIx, key: SmallStr, value: Option<&Json>) {
        let old = self.put_field(node, &key, value);
        self.record_field(node, key, old);
    }

    fn watch_field(
        &mut self,
        node: NodeIx,
        key: &SmallStr,
        old: Option<&Json>,
        new: Option<&Json>,
    ) {
        if let Some(tracker) = &mut self.tracker {
            tracker.field(node, self.tree.id(node), key, old, new);
        }
    }

    #[expect(clippy::inline_always, reason = "so that the entry is made where it is kept")]
    #[inline(always)]
    fn record_field(&mut self, node: NodeIx, key: SmallStr, old: Option<Json>) {
        if self.journal.is_recording() {
            self.journal.record(Undo::Field { node, key, old });
        }
    }

    fn put_field(&mut self, node: NodeIx, key: &SmallStr, value: Option<&Json>) -> Option<Json> {
        let old = field(match value {
            Some(value) => self.tree.put(node, key, value),
            None => self.tree.take(node, key),
        });
        self.watch_field(node, key, old.as_ref(), value);
        old
    }

    /// Adds a node below `parent`, where nothing is at `key`.
    pub(crate) fn attach(
        &mut self,
        parent: NodeIx,
        key: Position,
        id: &NodeId,
        content: &NodeContent,
    ) -> NodeIx {
        let rank = self.enter(parent, &key, self.next_place());
        let node = self.new_node(parent, key, id, content);
        self.attach_entered(node, rank)
    }

    /// Adds an item to a list; false, and nothing happens, if there is one at this position.
    pub(crate) fn try_attach_item(
        &mut self,
        list: NodeIx,
        position: &Position,
        id: &NodeId,
        content: &NodeContent,
    ) -> bool {
        let Some(rank) = self.enter(list, position, self.next_place()) else { return false };
        let node = self.new_node(list, position.clone(), id, content);
        self.attach_entered(node, Some(rank));
        true
    }

    fn new_node(
        &mut self,
        parent: NodeIx,
        key: Position,
        id: &NodeId,
        content: &NodeContent,
    ) -> Node {
        let depth = self.depth(parent) + 1;
        let body = self.tree.add_body(content);
        Node { id: self.ids.bear(id), parent, key, depth, body }
    }

    /// Adds a node where its link says, where nothing is.
    pub(super) fn attach_node(&mut self, node: Node) -> NodeIx {
        let rank = self.enter(node.parent, &node.key, self.next_place());
        self.attach_entered(node, rank)
    }

    /// Adds a node that has been entered in its parent at this rank, as the one at the next place.
    pub(super) fn attach_entered(&mut self, node: Node, rank: Option<usize>) -> NodeIx {
        debug_assert!(rank.is_some(), "I4: a child was attached where something is");
        let id = node.id;
        let ix = self.allocate(node);
        if let Some(tracker) = &mut self.tracker {
            tracker.created(ix);
        }
        self.ids.insert(id, ix);
        if let Some(tracker) = &mut self.tracker {
            tracker.attached(&self.tree, ix, rank);
        }
        if self.journal.is_recording() {
            self.journal.record(Undo::Attached(ix));
        }
        ix
    }

    /// Takes a node and all below it out of the tree; not the root.
    pub(crate) fn detach(&mut self, top: NodeIx) {
        debug_assert!(top != NodeIx::ROOT, "I3: the root is never detached");
        self.unlink(top);
        if let Some(tracker) = &mut self.tracker {
            tracker.detached(&self.tree, top);
        }
        let mut stack = vec![top];
        while let Some(ix) = stack.pop() {
            stack.extend(self.tree.children(ix));
            self.ids.remove(self.packed_id(ix));
        }
        if self.journal.is_recording() {
            self.journal.record(Undo::Detached(top));
        } else {
            self.free_subtree(top);
        }
    }

    /// Moves a list item to another position of its list; false, and nothing happens, if that is taken.
    pub(crate) fn try_move_item(&mut self, node: NodeIx, to: &Position) -> bool {
        let Some(from) = self.put_at(node, to) else { return false };
        if self.journal.is_recording() {
            self.journal.record(Undo::Moved { node, from });
        }
        true
    }

    /// Tells where the item was; `None`, and nothing happens, if the position is taken.
    fn put_at(&mut self, ix: NodeIx, to: &Position) -> Option<Position> {
        let (list, from) = (self.parent(ix), self.key(ix).clone());
        let finger = std::mem::take(&mut self.finger);
        let (order, positions) = self.tree.list_mut(list)?;
        let (before, after) = order.reposition(ix, &from, to, positions, finger).ok()?;
        if let Some(tracker) = &mut self.tracker {
            tracker.unlinked(&self.tree, ix, Some(before));
        }
        self.tree.set_key(ix, to.clone());
        if let Some(tracker) = &mut self.tracker {
            tracker.attached(&self.tree, ix, Some(after));
        }
        Some(from)
    }

    /// Takes an update into a text by way of `take`.
    pub(crate) fn update_text(
        &mut self,
        node: NodeIx,
        take: impl FnOnce(&mut TextNode) -> text::Outcome,
    ) -> Option<text::Outcome> {
        let touched = self.tracker.as_ref().map(|t| t.has_touched_text(self.packed_id(node)));
        let before = if touched == Some(true) { self.watched_text(node) } else { None };
        let outcome = take(self.tree.text_mut(node)?);
        if let text::Outcome::Accepted(accepted) = &outcome {
            match &mut self.tracker {
                Some(tracker) if touched == Some(false) => {
                    tracker.updated(node, self.tree.id(node), accepted);
                }
                _ => self.track_text(node, before, || accepted.splices(), Some(&accepted.ops)),
            }
            if self.journal.is_recording() {
                self.journal.record(Undo::Text { node, revert: accepted.revert.clone() });
            }
        }
        Some(outcome)
    }

    /// Puts another text in the place of one, for good: there must be no savepoint.
    pub(crate) fn replace_text(&mut self, id: &NodeId, text: TextNode) {
        debug_assert!(!self.journal.has_savepoints(), "nothing takes this back");
        let Some(node) = self.find(id) else { return };
        let before = self.watched_text(node);
        if let Some(old) = self.tree.text_mut(node) {
            *old = text;
            self.track_text(node, before, || Splices::Everything, None);
        }
    }

    fn revert_text(&mut self, node: NodeIx, revert: Revert) {
        let before = self.watched_text(node);
        if let Some(text) = self.tree.text_mut(node) {
            let splices = text.take_back(revert);
            self.track_text(node, before, || splices, None);
        }
    }

    /// A text as it is, if changes are watched. Cloning it costs next to nothing.
    fn watched_text(&self, node: NodeIx) -> Option<Text> {
        let text = self.text(node)?;
        self.tracker.is_some().then(|| text.text().clone())
    }

    fn track_text(
        &mut self,
        ix: NodeIx,
        before: Option<Text>,
        splices: impl FnOnce() -> Splices,
        ops: Option<&[TextOp]>,
    ) {
        if let (Some(tracker), Some(before)) = (&mut self.tracker, before) {
            tracker.text(ix, self.tree.id(ix), &before, &splices(), ops);
        }
    }

    /// Tells what has led to the text that is there, where that cannot be seen: if operations were taken back, and
    /// others applied beneath them. What is told of one text, one after the other, counts as a whole. Nothing is
    /// made of it if it does not lead there.
    pub(crate) fn tell_text(&mut self, text: &NodeId, ops: &[TextOp]) {
        let Self { tracker: Some(tracker), ids, tree, .. } = self else { return };
        if let Some(node) = ids.get(text) {
            tracker.told(tree.id(node), ops);
        }
    }

    /// Puts a subtree that was detached back where it was.
    fn link_subtree(&mut self, top: NodeIx) {
        let revived = self.tracker.as_mut().is_some_and(|tracker| tracker.is_back_from_before(top));
        let mut stack = vec![top];
        while let Some(ix) = stack.pop() {
            stack.extend(self.tree.children(ix));
            let id = self.packed_id(ix);
            if let Some(other) = self.ids.get_packed(id) {
                self.give_way(other);
            }
            self.ids.insert(id, ix);
            if let Some(tracker) = self.tracker.as_mut().filter(|_| revived) {
                tracker.revived(&self.tree, ix);
            }
        }
        self.enter_again(top);
    }

    /// Takes out a node whose id one has that comes back. It was created beneath, while that one was out
    /// of the tree, by an authority that contradicts itself: to it the id was in use all along.
    #[cold]
    fn give_way(&mut self, node: NodeIx) {
        self.suspend_journal(true);
        self.detach(node);
        self.suspend_journal(false);
    }

    /// Enters a node in its parent, where it was.
    fn enter_again(&mut self, ix: NodeIx) {
        let (parent, key) = (self.parent(ix), self.key(ix).clone());
        let rank = self.enter(parent, &key, ix);
        debug_assert!(rank.is_some(), "I4: a child was attached where something is");
        if let Some(tracker) = &mut self.tracker {
            tracker.attached(&self.tree, ix, rank);
        }
    }

    /// Enters the place of a node, which may be yet to come, in a container, and tells its rank; `None` if
    /// there is something at the key. In an object there must be nothing.
    fn enter(&mut self, parent: NodeIx, key: &Position, ix: NodeIx) -> Option<usize> {
        let kind = self.kind_at(parent);
        if kind == NodeKind::Object {
            let taken = self.tree.put(parent, key.as_small_str(), Slot::Child(ix)).is_some();
            return (!taken).then_some(0);
        }
        let gap = self.finger.gap.take();
        let (order, positions) = self.tree.order_mut(parent)?;
        match kind {
            NodeKind::Map => order.insert(key.as_bytes(), ix, positions, None).ok(),
            _ => order.insert(key, ix, positions, gap).ok(),
        }
    }

    /// Takes a node out of its parent; the node keeps saying where it was.
    fn unlink(&mut self, ix: NodeIx) {
        let (parent, key) = (self.parent(ix), self.key(ix).clone());
        let rank = match self.kind_at(parent) {
            NodeKind::Object => self.tree.take(parent, key.as_small_str()).map(|_| 0),
            kind => {
                let known = self.finger.item.take().map(|spot| (ix, spot));
                let removed = match self.tree.order_mut(parent) {
                    Some((order, positions)) if kind == NodeKind::Map => {
                        order.remove(key.as_bytes(), positions, None)
                    }
                    Some((order, positions)) => order.remove(&key, positions, known),
                    None => None,
                };
                removed.map(|(rank, _)| rank)
            }
        };
        debug_assert!(rank.is_some(), "I3: a child was not in its parent");
        if let Some(tracker) = &mut self.tracker {
            tracker.unlinked(&self.tree, ix, rank);
        }
    }

    /// The place that the next node gets.
    fn next_place(&self) -> NodeIx {
        #[expect(clippy::cast_possible_truncation, reason = "4 billion nodes do not fit in memory")]
        self.free.last().copied().unwrap_or(NodeIx(self.tree.len() as u32))
    }

    /// Makes so many places for nodes to come. One of them that is put on top of those that are free is where
    /// the [next](Self::next_place) node comes.
    pub(super) fn reserve(&mut self, places: usize) {
        (0..places).for_each(|_| self.tree.push(Node::vacant()));
    }

    fn allocate(&mut self, node: Node) -> NodeIx {
        let ix = self.next_place();
        match self.free.pop() {
            Some(ix) => self.tree.replace(ix, node),
            None => self.tree.push(node),
        }
        ix
    }

    /// Gives back memory that further growth would have used.
    pub(super) fn shrink(&mut self) {
        self.tree.shrink();
        self.free.shrink_to_fit();
        self.ids.shrink();
    }

    fn free_subtree(&mut self, top: NodeIx) {
        let mut stack = vec![top];
        while let Some(ix) = stack.pop() {
            stack.extend(self.tree.children(ix));
            self.free_node(ix);
        }
    }

    fn free_node(&mut self, ix: NodeIx) {
        // While changes are watched, an index must keep meaning one node.
        if let Some(tracker) = &mut self.tracker {
            tracker.freed(ix);
            return;
        }
        let id = self.tree.clear(ix);
        self.ids.release(id);
        self.free.push(ix);
    }

    /// Runs `change` and reports its net effect, if the host [wants](Self::set_change_reports) that.
    pub(crate) fn watch<T>(&mut self, change: impl FnOnce(&mut Self) -> T) -> (T, Changes) {
        self.watch_for(false, change)
    }

    /// As [`watch`](Self::watch); but if something goes by what is reported, such as a cursor, that is reported all
    /// the same.
    pub(crate) fn watch_for<T>(
        &mut self,
        followed: bool,
        change: impl FnOnce(&mut Self) -> T,
    ) -> (T, Changes) {
        debug_assert!(self.tracker.is_none(), "changes are watched already");
        if followed || !self.silent {
            self.tracker = Some(self.idle_tracker.take().unwrap_or_default());
        }
        let watched = Watched(self);
        let result = change(watched.0);
        (result, watched.0.end_watch())
    }

    /// Whether somebody is to be told of what changes now.
    pub(crate) fn is_watched(&self) -> bool {
        self.tracker.is_some()
    }

    fn end_watch(&mut self) -> Changes {
        let Some(mut tracker) = self.tracker.take() else { return Changes::default() };
        let changes = tracker.finish(self);
        self.idle_tracker = tracker.again();
        changes
    }

    /// Frees what was kept while changes were watched.
    pub(crate) fn free_all(&mut self, freed: &mut Vec<NodeIx>) {
        debug_assert!(self.tracker.is_none(), "changes are still watched");
        for ix in freed.drain(..) {
            self.free_node(ix);
        }
    }
}

/// A document whose changes are watched: not for longer, if a closure of the host panics.
struct Watched<'a>(&'a mut Document);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.end_watch();
    }
}

/// The field that was at a key where there was no child.
fn field(old: Option<Slot>) -> Option<Json> {
    match old? {
        Slot::Json(old) => Some(old),
        Slot::Child(_) => {
            debug_assert!(false, "I4: a child was overwritten by a field");
            None
        }
    }
}
