//! What the place of a list item means: right behind one item, or right before another.
//!
//! A position says so only as long as those items stay where they are. An op that was never sent
//! can be expressed anew when they have moved.

use serde::{Deserialize, Serialize};

use crate::document::NodeIx;
use crate::op::{Create, Intent, OpKind};
use crate::position::Position;
use crate::{Document, NodeId, Op, SmallStr};

/// The neighbours between which an op puts a list item, when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Neighbours {
    Between { previous: Option<NodeId>, next: Option<NodeId> },
    InPlaceOf(Option<NodeId>),
}

impl Neighbours {
    /// The neighbours of the item that an op puts in a list at a position.
    pub(crate) fn of(document: &Document, op: &Op) -> Option<Self> {
        match &op.kind {
            OpKind::Create(Create {
                intent: Intent::Set, deleted_id: deleted @ Some(_), ..
            }) => {
                return Some(Self::InPlaceOf(deleted.clone()));
            }
            OpKind::Create(create) if create.intent != Intent::Insert => return None,
            _ => {}
        }
        let key = Position::verbatim(key_of(op)?.clone());
        let list = list_of(document, op)?;
        if !document.is_list(list) {
            return None;
        }
        let rank = document.rank_in(list, &key);
        let id = |index: Option<usize>| document.list_item(list, index).map(|ix| document.id(ix));
        let mut previous = id(rank.checked_sub(1));
        if previous.as_ref() == Some(&op.id) {
            previous = id(rank.checked_sub(2));
        }
        let mut next = id(Some(rank));
        if next.as_ref() == Some(&op.id) {
            next = id(Some(rank + 1));
        }
        Some(Self::Between { previous, next })
    }

    /// The items whose places the op is expressed in.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Option<NodeId>> {
        match self {
            Self::Between { previous, next } => [Some(previous), Some(next)],
            Self::InPlaceOf(item) => [Some(item), None],
        }
        .into_iter()
        .flatten()
    }

    /// Expresses the op in terms of where its neighbours are now.
    pub(crate) fn place(&self, document: &Document, op: &mut Op) {
        let (Some(list), Some(key)) = (list_of(document, op), key_of(op)) else { return };
        let find = |id: &Option<NodeId>| document.child_by_id(list, id.as_ref()?);
        let position = match self {
            Self::InPlaceOf(item) => find(item).map(|item| document.key(item).clone()),
            Self::Between { previous, next } => {
                between(document, list, key, &op.id, find(previous), find(next))
            }
        };
        let Some(position) = position else { return };
        match &mut op.kind {
            OpKind::Create(Create { parent_key: key, .. })
            | OpKind::SetParentKey { parent_key: key } => *key = position.as_small_str().clone(),
            _ => {}
        }
    }

    /// As [`place`](Self::place), of an op that brings an item back to where it was. If its neighbours have changed
    /// sides since, its position says better where that is.
    pub(crate) fn place_back(&self, document: &Document, op: &mut Op) {
        let (Some(list), Self::Between { previous, next }) = (list_of(document, op), self) else {
            return;
        };
        let key = |id: &Option<NodeId>| {
            document.child_by_id(list, id.as_ref()?).map(|item| document.key(item))
        };
        if key(previous).zip(key(next)).is_none_or(|(previous, next)| previous < next) {
            self.place(document, op);
        }
    }

    /// The list in which the op goes elsewhere than between its neighbours, as they are on other sides
    /// of each other by now: its place then depends on what is around.
    pub(crate) fn loose_in(&self, document: &Document, op: &Op) -> Option<NodeId> {
        let Self::Between { previous, next } = self else { return None };
        let list = list_of(document, op)?;
        let find = |id: &Option<NodeId>| document.child_by_id(list, id.as_ref()?);
        let fit = fits(document, key_of(op)?, find(previous), find(next));
        (!fit).then(|| document.id(list))
    }
}

/// The list in which an op puts an item, or whatever else it is.
fn list_of(document: &Document, op: &Op) -> Option<NodeIx> {
    match &op.kind {
        OpKind::Create(create) => document.find(&create.parent_id),
        OpKind::SetParentKey { .. } => Some(document.parent(document.find(&op.id)?)),
        _ => None,
    }
}

/// Where an op puts an item.
fn key_of(op: &Op) -> Option<&SmallStr> {
    match &op.kind {
        OpKind::Create(Create { parent_key: key, .. })
        | OpKind::SetParentKey { parent_key: key } => Some(key),
        _ => None,
    }
}

/// Whether a key lies between two items.
fn fits(
    document: &Document,
    key: &SmallStr,
    previous: Option<NodeIx>,
    next: Option<NodeIx>,
) -> bool {
    let key = Position::verbatim(key.clone());
    previous.is_none_or(|previous| *document.key(previous) < key)
        && next.is_none_or(|next| key < *document.key(next))
}

/// Where an item goes that was meant to go between `previous` and `next`; `None` if its key is
/// right as it is.
fn between(
    document: &Document,
    list: NodeIx,
    key: &SmallStr,
    id: &NodeId,
    previous: Option<NodeIx>,
    next: Option<NodeIx>,
) -> Option<Position> {
    if fits(document, key, previous, next) {
        return None;
    }
    let position = |ix: NodeIx| document.key(ix);
    let neighbour = |index: Option<usize>| {
        document.list_item(list, index).filter(|item| document.id(*item) != *id)
    };
    // Behind the one it was to follow, whatever is there by now; else before the other.
    if let Some(previous) = previous {
        let rank = document.rank_in(list, position(previous));
        let after = neighbour(Some(rank + 1)).or_else(|| neighbour(Some(rank + 2)));
        return Some(Position::make(Some(position(previous)), after.map(position)));
    }
    let next = next?;
    let rank = document.rank_in(list, position(next));
    let before = neighbour(rank.checked_sub(1)).or_else(|| neighbour(rank.checked_sub(2)));
    Some(Position::make(before.map(position), Some(position(next))))
}

/// An undo that puts an item where another is by now: said as it comes out, so that its neighbours
/// are those it will have.
pub(crate) fn in_free_place(document: &Document, mut op: Op) -> Op {
    let is_list = |ix: &NodeIx| document.is_list(*ix);
    let item = document.find(&op.id);
    match &mut op.kind {
        OpKind::Create(create) if create.intent == Intent::Insert && item.is_none() => {
            if let Some(list) = document.find(&create.parent_id).filter(is_list) {
                create.parent_key =
                    document.place_at(list, &create.parent_key).as_small_str().clone();
            }
        }
        OpKind::SetParentKey { parent_key } => {
            let link = item.map(|item| document.link(item));
            if let Some((list, _)) =
                link.filter(|(parent, key)| is_list(parent) && key.as_str() != parent_key.as_str())
            {
                *parent_key = document.place_at(list, parent_key).as_small_str().clone();
            }
        }
        _ => {}
    }
    op
}

/// An undo that puts an item in place of another: where that is now, or beside where it was.
pub(crate) fn in_place_of(document: &Document, mut op: Op) -> Op {
    if let OpKind::Create(create) = &mut op.kind {
        if let Some(item) = &create.deleted_id {
            let list = document.find(&create.parent_id);
            match list.and_then(|list| document.child_by_id(list, item)) {
                Some(found) => create.parent_key = document.key(found).as_small_str().clone(),
                None => {
                    create.deleted_id = None;
                    create.intent = Intent::Insert;
                }
            }
        }
    }
    op
}
