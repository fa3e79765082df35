//! Editing a LiveList.

use super::create::Destination;
use super::spread::LONG_POSITION;
use super::{EditError, MapMut, ObjectMut, Session, TextMut, handle};
use crate::document::NodeIx;
use crate::op::{Intent, NodeKind, OpKind};
use crate::position::Position;
use crate::{Json, Lson};

/// A LiveList that is being edited.
#[derive(Debug)]
pub struct ListMut<'a> {
    pub(super) session: Session<'a>,
    pub(super) node: NodeIx,
}

handle!(ListMut, ListRef, List);

impl ListMut<'_> {
    /// The number of items.
    pub fn len(&self) -> usize {
        self.session.document.list_len(self.node)
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an item at the end; if others do so at the same time, at the end as it is by then.
    ///
    /// # Errors
    /// If a limit is exceeded.
    pub fn push(&mut self, value: impl Into<Lson>) -> Result<(), EditError> {
        self.session.push_item(self.node, value.into())
    }

    /// Adds an item before the one at `index`, or at the end if `index` is the length.
    ///
    /// # Errors
    /// If `index` is greater than the length, or a limit is exceeded.
    pub fn insert(&mut self, index: usize, value: impl Into<Lson>) -> Result<(), EditError> {
        self.session.insert_item(self.node, index, value.into())
    }

    /// Moves the item at `from`, so that it is at `to` afterwards. It stays the same node.
    ///
    /// # Errors
    /// If an index is not less than the length.
    pub fn move_item(&mut self, from: usize, to: usize) -> Result<(), EditError> {
        self.session.move_item(self.node, from, to)
    }

    /// Replaces the item at `index`.
    ///
    /// # Errors
    /// If `index` is not less than the length, or a limit is exceeded.
    pub fn set(&mut self, index: usize, value: impl Into<Lson>) -> Result<(), EditError> {
        self.session.set_item(self.node, index, value.into())
    }

    /// Removes the item at `index`.
    ///
    /// # Errors
    /// If `index` is not less than the length.
    pub fn delete(&mut self, index: usize) -> Result<(), EditError> {
        self.session.delete_item(self.node, index)
    }

    /// Removes all items, each by an op.
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn clear(&mut self) -> Result<(), EditError> {
        while !self.is_empty() {
            self.delete(0)?;
        }
        Ok(())
    }

    /// The LiveObject at `index`.
    ///
    /// # Errors
    /// If there is anything else or nothing.
    pub fn object(&mut self, index: usize) -> Result<ObjectMut<'_>, EditError> {
        let child = self.item_of_kind(index, NodeKind::Object)?;
        Ok(ObjectMut::new(self.session.reborrow(), child))
    }

    /// The LiveMap at `index`.
    ///
    /// # Errors
    /// If there is anything else or nothing.
    pub fn map(&mut self, index: usize) -> Result<MapMut<'_>, EditError> {
        let child = self.item_of_kind(index, NodeKind::Map)?;
        Ok(MapMut::new(self.session.reborrow(), child))
    }

    /// The LiveList at `index`.
    ///
    /// # Errors
    /// If there is anything else or nothing.
    pub fn list(&mut self, index: usize) -> Result<ListMut<'_>, EditError> {
        let child = self.item_of_kind(index, NodeKind::List)?;
        Ok(ListMut::new(self.session.reborrow(), child))
    }

    /// The LiveText at `index`.
    ///
    /// # Errors
    /// If there is anything else or nothing.
    pub fn text(&mut self, index: usize) -> Result<TextMut<'_>, EditError> {
        let child = self.item_of_kind(index, NodeKind::Text)?;
        Ok(TextMut::new(self.session.reborrow(), child))
    }

    /// Makes the list's JSON projection equal to `target` with few ops.
    ///
    /// Items that only moved or changed inside keep their nodes where that can be told: by being
    /// equal, or by an equal `id` or `key` field.
    ///
    /// # Errors
    /// If `target` is no array, or a limit is exceeded.
    pub fn reconcile(&mut self, target: impl Into<Json>) -> Result<(), EditError> {
        self.session.reconcile(self.node, &target.into())
    }

    fn item_of_kind(&self, index: usize, wanted: NodeKind) -> Result<NodeIx, EditError> {
        let document = &self.session.document;
        document
            .list_item(self.node, Some(index))
            .filter(|item| document.kind_at(*item) == wanted)
            .ok_or_else(|| self.session.wrong_kind(self.node, &index.to_string(), wanted))
    }
}

impl Session<'_> {
    fn item(&mut self, list: NodeIx, index: usize) -> Result<NodeIx, EditError> {
        self.document.seek_item(list, index).ok_or_else(|| self.past_end(list, index))
    }

    /// A position between the items now at `index - 1` and `index`.
    ///
    /// Before or between positions that are not canonical there may be no room. Then it is the one at which
    /// an item comes to lie that is meant for there, so that the op says what it does.
    fn position_at(&mut self, list: NodeIx, index: usize) -> Position {
        let position = self.next_position_at(list, index);
        if position.as_small_str().len() <= LONG_POSITION {
            return position;
        }
        // Many items were put at one spot, and nobody else has spread them out.
        let around = [index.checked_sub(1), Some(index)].into_iter().flatten();
        let items = around.filter_map(|index| self.document.list_item(list, Some(index)));
        let longest = items.max_by_key(|item| self.document.key(*item).as_small_str().len());
        if let Some(item) = longest.map(|item| self.id(item)) {
            // At a limit they stay where they are; there is room for a while.
            let _ = self.spread_around(&item, LONG_POSITION - 1);
        }
        self.next_position_at(list, index)
    }

    fn next_position_at(&mut self, list: NodeIx, index: usize) -> Position {
        let (before, after) = self.document.positions_around(list, index);
        let position = Position::make(before.as_ref(), after.as_ref());
        let has_room = before.is_none_or(|before| before < position)
            && after.is_none_or(|after| position < after);
        if has_room {
            return position;
        }
        self.document.place_at(list, position.as_small_str())
    }

    pub(crate) fn push_item(&mut self, list: NodeIx, value: Lson) -> Result<(), EditError> {
        let position = Position::make(self.document.last_position(list), None);
        let destination = Destination {
            intent: Intent::Push,
            ..self.destination(list, position.as_small_str().clone())
        };
        self.create(destination, value)
    }

    pub(crate) fn insert_item(
        &mut self,
        list: NodeIx,
        index: usize,
        value: Lson,
    ) -> Result<(), EditError> {
        if index > self.document.list_len(list) {
            return Err(self.past_end(list, index));
        }
        let position = self.position_at(list, index);
        self.create(self.destination(list, position.as_small_str().clone()), value)
    }

    pub(crate) fn move_item(
        &mut self,
        list: NodeIx,
        from: usize,
        to: usize,
    ) -> Result<(), EditError> {
        let item = self.item(list, from)?;
        if to >= self.document.list_len(list) {
            return Err(self.past_end(list, to));
        }
        let parent_key = if from == to {
            // The user wants it here, wherever somebody else moves it at the same time.
            self.document.key(item).as_small_str().clone()
        } else {
            // Where it will be among the others, which close up behind it.
            self.position_at(list, if from < to { to + 1 } else { to }).as_small_str().clone()
        };
        self.apply(item, OpKind::SetParentKey { parent_key })
    }

    pub(crate) fn set_item(
        &mut self,
        list: NodeIx,
        index: usize,
        value: Lson,
    ) -> Result<(), EditError> {
        let item = self.item(list, index)?;
        let destination = Destination {
            intent: Intent::Set,
            deleted_id: Some(self.id(item)),
            ..self.destination(list, self.document.key(item).as_small_str().clone())
        };
        self.create(destination, value)
    }

    pub(crate) fn delete_item(&mut self, list: NodeIx, index: usize) -> Result<(), EditError> {
        let item = self.item(list, index)?;
        self.apply(item, OpKind::DeleteCrdt)
    }
}
