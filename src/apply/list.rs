//! Places in a list: two items never hold the same position.

use super::{Outcome, Rejection};
use crate::document::{MAX_POSITION_LEN, NodeIx};
use crate::op::{Create, Intent, Op, OpKind};
use crate::position::Position;
use crate::{Document, SmallStr};

/// The op, without a name, that moves the node of `op` to `key`.
pub(super) fn move_to(op: &Op, key: &Position) -> Op {
    Op::new(op.id.clone(), OpKind::SetParentKey { parent_key: key.as_small_str().clone() })
}

impl Document {
    pub(super) fn apply_create_in_list(
        &mut self,
        op: &Op,
        create: &Create,
        list: NodeIx,
    ) -> Outcome {
        if create.intent == Intent::Set {
            return self.apply_set_in_list(op, create, list);
        }
        let is_push = create.intent == Intent::Push;
        let mut place = if is_push {
            self.place_at_end(list, &create.parent_key)
        } else {
            Position::verbatim(create.parent_key.clone()).clamped()
        };
        // Mostly it is free; what it is instead need not be found out before.
        let is_long = place.len() > MAX_POSITION_LEN;
        if is_long || !self.try_attach_item(list, &place, &op.id, &create.content) {
            if !is_push {
                place = self.place_at(list, &create.parent_key);
            }
            if place.len() > MAX_POSITION_LEN {
                return Outcome::Rejected(Rejection::PositionTooLong);
            }
            self.attach(list, place.clone(), &op.id, &create.content);
        }
        if place.as_small_str() == &create.parent_key {
            return Outcome::ACCEPTED;
        }
        Outcome::Accepted {
            corrected: Some(Box::new(create.placed_at(op, &place))),
            fix: Some(Box::new(move_to(op, &place))),
        }
    }

    /// Replaces the item that the sender meant, and then whatever else sits at the position.
    fn apply_set_in_list(&mut self, op: &Op, create: &Create, list: NodeIx) -> Outcome {
        if create.parent_key.len() > MAX_POSITION_LEN {
            return Outcome::Rejected(Rejection::PositionTooLong);
        }
        let meant = create.deleted_id.as_ref().and_then(|id| self.child_by_id(list, id));
        if let Some(meant) = meant {
            self.detach(meant);
        }
        let fix = self.child(list, &create.parent_key).map(|unexpected| {
            let id = self.id(unexpected);
            self.detach(unexpected);
            Box::new(Op::new(id, OpKind::DeleteCrdt))
        });
        let key = Position::verbatim(create.parent_key.clone());
        self.attach(list, key, &op.id, &create.content);
        Outcome::Accepted { corrected: None, fix }
    }

    pub(super) fn apply_set_parent_key(
        &mut self,
        op: &Op,
        node: NodeIx,
        parent_key: &SmallStr,
    ) -> Outcome {
        let list = self.parent(node);
        if node == NodeIx::ROOT || !self.is_list(list) {
            return Outcome::Ignored;
        }
        if self.key(node).as_small_str() == parent_key {
            return Outcome::ACCEPTED;
        }
        let mut place = Position::verbatim(parent_key.clone()).clamped();
        // Mostly it is free, as above.
        if place.len() > MAX_POSITION_LEN || !self.try_move_item(node, &place) {
            // The item still counts as occupying its old place, so it may be its own neighbour.
            place = self.place_at(list, parent_key);
            if place.len() > MAX_POSITION_LEN {
                return Outcome::Rejected(Rejection::PositionTooLong);
            }
            let moved = self.try_move_item(node, &place);
            debug_assert!(moved, "the place is free");
        }
        if place.as_small_str() == parent_key {
            return Outcome::ACCEPTED;
        }
        let moved = move_to(op, &place);
        let corrected = Op { op_id: op.op_id.clone(), ..moved.clone() };
        Outcome::Accepted { corrected: Some(Box::new(corrected)), fix: Some(Box::new(moved)) }
    }

    /// The position itself if it is free, else one between it and the next item.
    ///
    /// Among keys that are not canonical there may be nothing in between (nothing lies between `!`
    /// and `! `); then it is the first room further on. After the last item there always is some.
    pub(crate) fn place_at(&self, list: NodeIx, key: &SmallStr) -> Position {
        let mut place = Position::verbatim(key.clone()).clamped();
        let Some(order) = self.list(list) else { return place };
        let mut taken = &place.clone();
        while order.find(&place, self.positions()).is_some() {
            let next = order.next_after(taken, self.positions()).map(|next| self.key(next));
            place = Position::make(Some(taken), next);
            taken = next.unwrap_or(taken);
        }
        place
    }

    /// The position itself if it lies after all items, else one after the last.
    fn place_at_end(&self, list: NodeIx, key: &SmallStr) -> Position {
        let wanted = Position::verbatim(key.clone()).clamped();
        match self.last_position(list) {
            Some(end) if wanted <= *end => end.after(),
            _ => wanted,
        }
    }
}
