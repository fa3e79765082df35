//! The ops that lead from one document to another.
//!
//! Whoever holds an old state and is handed a new one (a client that was away, a snapshot that is
//! restored) should see ordinary ops, not a replaced tree: nodes that are in both keep their place
//! and identity, and the ops are few.
//!
//! A node is *kept* if both documents have it with the same kind and content under the same parent,
//! which is kept too; fields of objects, positions in lists and texts may change. All others go, or
//! come anew. Ops come in three rounds: deletions, changes of kept nodes, creations with parents
//! first. Since no op of a later round disturbs an earlier one, the order within a round matters
//! only for moves within a list, see [`Differ::moves`].

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Body, NodeIx, TextNode};
use crate::json::JsonObject;
use crate::op::{Create, Intent, Op, OpKind, UpdateText};
use crate::position::Position;
use crate::text::TextOp;
use crate::{Document, SmallStr};

impl Document {
    /// The ops, without op ids, that turn this document into `next` when applied in order.
    ///
    /// The result is `next` exactly: node ids, positions, fields and the versions of texts. Kept
    /// nodes are not touched beyond what changed in them. O(n) in the size of both documents.
    ///
    /// ```
    /// use livetree::{Document, Op};
    /// let mut old = Document::new();
    /// let mut new = Document::new();
    /// let op: Op = serde_json::from_str(r#"{"type":3,"id":"root","data":{"x":1}}"#)?;
    /// assert!(new.apply(&op).is_accepted());
    /// let ops = old.diff(&new);
    /// assert_eq!(ops, [op]);
    /// for op in &ops {
    ///     assert!(old.apply(op).is_accepted());
    /// }
    /// assert!(old.nodes().eq(new.nodes()));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn diff(&self, next: &Self) -> Vec<Op> {
        let mut differ =
            Differ { prev: self, next, deletions: vec![], changes: vec![], creations: vec![] };
        // Pairs of kept nodes: the one in `prev`, the one in `next`.
        let mut stack = vec![(NodeIx::ROOT, NodeIx::ROOT)];
        while let Some((before, after)) = stack.pop() {
            differ.fields(before, after);
            differ.text(before, after);
            let replaced = differ.gone_children(before, after);
            differ.moves(before, after);
            let first_child = stack.len();
            for child in next.children(after) {
                match differ.kept(before, child) {
                    Some(old) => stack.push((old, child)),
                    None => differ.create(before, child, &replaced),
                }
            }
            if let Some(children) = stack.get_mut(first_child..) {
                children.reverse();
            }
        }
        let Differ { mut deletions, changes, creations, .. } = differ;
        deletions.extend(changes);
        deletions.extend(creations);
        deletions
    }
}

/// The two documents, and the three rounds of ops.
struct Differ<'a> {
    prev: &'a Document,
    next: &'a Document,
    deletions: Vec<Op>,
    changes: Vec<Op>,
    creations: Vec<Op>,
}

impl Differ<'_> {
    /// The node in `prev` that becomes `child` of `next`, of which the parent is kept and was
    /// `parent`.
    fn kept(&self, parent: NodeIx, child: NodeIx) -> Option<NodeIx> {
        let key = self.next.key(child);
        let ix = self.prev.find(&self.next.id(child)).filter(|ix| *ix != NodeIx::ROOT)?;
        // A move would change the spelling of a position that is not canonical.
        let movable = key.is_canonical() && self.prev.is_list(parent);
        let (parent_before, key_before) = self.prev.link(ix);
        let reachable = parent_before == parent && (movable || key_before == key);
        let compatible = match (self.prev.body(ix), self.next.body(child)) {
            (Body::Register(before), Body::Register(after)) => before == after,
            (Body::File(before), Body::File(after)) => before == after,
            (Body::Text(before), Body::Text(after)) => {
                same_text(before, after) || text_update(before, after).is_some()
            }
            _ => self.prev.kind_at(ix) == self.next.kind_at(child),
        };
        (reachable && compatible).then_some(ix)
    }

    /// Sets and removes JSON fields.
    fn fields(&mut self, before: NodeIx, after: NodeIx) {
        let (Some(old), Some(new)) = (self.prev.object(before), self.next.object(after)) else {
            return;
        };
        let id = self.next.id(after);
        let data: JsonObject = new
            .fields()
            .filter(|(key, value)| self.prev.field(before, key).as_ref() != Some(value))
            .map(|(key, value)| (key.clone(), value))
            .collect();
        if !data.is_empty() {
            let kind = OpKind::UpdateObject { data };
            self.changes.push(Op::new(id.clone(), kind));
        }
        // A child that comes in a field's place replaces it.
        let gone = old.fields().filter(|(key, _)| new.get(key).is_none());
        self.changes.extend(
            gone.map(|(key, _)| Op::new(id.clone(), OpKind::DeleteObjectKey { key: key.clone() })),
        );
    }

    /// Updates a text.
    fn text(&mut self, before: NodeIx, after: NodeIx) {
        if let (Body::Text(old), Body::Text(new)) = (self.prev.body(before), self.next.body(after))
        {
            if !same_text(old, new) {
                if let Some(ops) = text_update(old, new) {
                    let update = UpdateText { base_version: old.version(), version: None, ops };
                    let id = self.next.id(after);
                    self.changes.push(Op::new(id, OpKind::UpdateText(update)));
                }
            }
        }
    }

    /// Deletes the children that are not kept, except those, returned, that a field or new child
    /// in their place replaces.
    fn gone_children(&mut self, before: NodeIx, after: NodeIx) -> BTreeSet<NodeIx> {
        let mut replaced = BTreeSet::new();
        for child in self.prev.children(before) {
            let key = self.prev.key(child).as_small_str();
            let kept = self.next.find(&self.prev.id(child)).is_some_and(|same| {
                self.next.parent(same) == after && self.kept(before, same) == Some(child)
            });
            if kept {
                continue;
            }
            let by_field = self.next.field(after, key).is_some();
            // An id that comes again must be gone before, and creations are in no known order. The
            // place of a kept item must be free before it moves there.
            let by_child = || {
                let heir = self.next.child(after, key);
                heir.is_some_and(|heir| self.kept(before, heir).is_none())
                    && !self
                        .prev
                        .subtree(child)
                        .any(|below| self.next.contains(&self.prev.id(below)))
            };
            if by_field || by_child() {
                replaced.insert(child);
            } else {
                self.deletions.push(Op::new(self.prev.id(child), OpKind::DeleteCrdt));
            }
        }
        replaced
    }

    /// Moves the kept items of a list.
    ///
    /// A move to a position that is taken would be diverted, so whoever holds it moves first. Where
    /// items swap places in a ring, one steps aside to a position that neither list has.
    fn moves(&mut self, before: NodeIx, after: NodeIx) {
        let (Body::List(_), Body::List(items)) = (self.prev.body(before), self.next.body(after))
        else {
            return;
        };
        let mut movers: BTreeMap<&Position, (NodeIx, &Position)> = BTreeMap::new();
        for item in items.iter() {
            if let Some(old) = self.kept(before, item) {
                let (from, to) = (self.prev.key(old), self.next.key(item));
                if from != to {
                    movers.insert(from, (item, to));
                }
            }
        }
        let mut steps = Vec::new();
        // An item steps aside for others to move up, and is gone from there when the next one does.
        let mut aside = None;
        while let Some((start, first)) = movers.pop_first() {
            let mut chain = vec![first];
            let mut to = first.1;
            while let Some(holder) = movers.remove(to) {
                chain.push(holder);
                to = holder.1;
            }
            let is_ring = to == start;
            if is_ring {
                let aside = aside.get_or_insert_with(|| self.position_in_neither(before, after));
                steps.push(self.move_to(first.0, aside));
            }
            steps.extend(chain.into_iter().rev().map(|(item, to)| self.move_to(item, to)));
        }
        self.changes.extend(steps);
    }

    fn move_to(&self, item: NodeIx, to: &Position) -> Op {
        let parent_key: SmallStr = to.as_small_str().clone();
        Op::new(self.next.id(item), OpKind::SetParentKey { parent_key })
    }

    fn position_in_neither(&self, before: NodeIx, after: NodeIx) -> Position {
        let old = self.prev.children(before).map(|item| self.prev.key(item));
        let new = self.next.children(after).map(|item| self.next.key(item));
        let last = old.chain(new).filter(|key| key.is_canonical()).max();
        last.map_or(Position::FIRST, Position::after)
    }

    /// Creates `top` and all below it under a kept parent, which was `parent`.
    fn create(&mut self, parent: NodeIx, top: NodeIx, replaced: &BTreeSet<NodeIx>) {
        for ix in self.next.subtree(top) {
            let (above, key) = self.next.link(ix);
            let mut intent = Intent::Insert;
            let mut deleted_id = None;
            if self.next.is_list(above) {
                let holder =
                    if ix == top { self.prev.child(parent, key.as_small_str()) } else { None };
                if let Some(holder) = holder.filter(|holder| replaced.contains(holder)) {
                    intent = Intent::Set;
                    deleted_id = Some(self.prev.id(holder));
                } else if !key.is_canonical() {
                    // Only this intent keeps the spelling.
                    intent = Intent::Set;
                }
            }
            let create = Create {
                parent_id: self.next.id(above),
                parent_key: key.as_small_str().clone(),
                intent,
                deleted_id,
                content: self.next.content(ix),
            };
            self.creations.push(Op::new(self.next.id(ix), OpKind::Create(create)));
        }
    }
}

fn same_text(before: &TextNode, after: &TextNode) -> bool {
    before.version() == after.version() && before.segments() == after.segments()
}

/// The update that turns one text into the other, if one does, including its version.
fn text_update(before: &TextNode, after: &TextNode) -> Option<Vec<TextOp>> {
    if before.version().checked_add(1) != Some(after.version()) {
        return None;
    }
    let (old, new) = (before.segments(), after.segments());
    let mut ops = crate::text::difference(&old, &new);
    if ops.is_empty() {
        // An update without operations would be ignored.
        ops.push(TextOp::Delete { index: 0, length: 0 });
    }
    // Not so if `after` is not normalised.
    (crate::text::apply(&old, &ops) == new).then_some(ops)
}
