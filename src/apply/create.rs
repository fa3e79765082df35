//! New nodes: what may live under what, and what makes room for it.

use super::{Outcome, Rejection};
use crate::Document;
use crate::document::{MAX_NODE_DEPTH, NodeIx};
use crate::op::{Create, Intent, NodeKind, Op, OpKind};
use crate::position::Position;

impl Document {
    pub(super) fn apply_create(
        &mut self,
        op: &Op,
        create: &Create,
        parent: Option<NodeIx>,
    ) -> Outcome {
        if self.contains(&op.id) {
            return self.apply_create_again(op, create);
        }
        let Some(parent) = parent else { return Outcome::Ignored };
        let parent_kind = self.kind_at(parent);
        let register = create.content.kind() == NodeKind::Register;
        if !parent_kind.is_container() || (parent_kind == NodeKind::Object && register) {
            return Outcome::Ignored;
        }
        if usize::from(self.depth(parent)) >= MAX_NODE_DEPTH {
            return Outcome::Rejected(Rejection::TooDeep);
        }
        if let Err(error) = create.content.check() {
            return Outcome::Rejected(error.into());
        }
        if parent_kind == NodeKind::List {
            return self.apply_create_in_list(op, create, parent);
        }
        self.clear_key(parent, &create.parent_key);
        let key = Position::verbatim(create.parent_key.clone());
        self.attach(parent, key, &op.id, &create.content);
        Outcome::ACCEPTED
    }

    /// The node exists. A re-sent push learns where it ended up; anything else is ignored.
    fn apply_create_again(&self, op: &Op, create: &Create) -> Outcome {
        let Some(node) = self.find(&op.id) else { return Outcome::Ignored };
        let (parent, key) = self.link(node);
        let in_list = self.is_list(parent);
        if create.intent != Intent::Push || !in_list {
            return Outcome::Ignored;
        }
        Outcome::Rectified {
            op: Box::new(create.placed_at(op, key)),
            fix: Some(Box::new(super::list::move_to(op, key))),
        }
    }
}

impl Create {
    /// The create op `op` with another key.
    pub(super) fn placed_at(&self, op: &Op, key: &Position) -> Op {
        let create = Self { parent_key: key.as_small_str().clone(), ..self.clone() };
        Op { op_id: op.op_id.clone(), id: op.id.clone(), kind: OpKind::Create(create) }
    }
}
