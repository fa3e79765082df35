//! The edits that all engines make, and a plain model that says what comes of them.

use livetree::patch::{self, Patch};
use livetree::testing::generate::Dice;
use serde_json::Value;

use crate::input::item;

/// One edit of the document of shapes, a transaction of its own.
pub(crate) enum Edit {
    /// Sets a number of a shape.
    Field { shape: String, field: &'static str, value: u32 },
    /// Inserts an item before the one at `index`.
    Insert { index: usize, item: String },
    /// Adds an item at the end.
    Push { item: String },
    /// Moves an item, so that it is at `to` afterwards.
    Move { from: usize, to: usize },
    /// Removes an item.
    Delete { index: usize },
}

impl Edit {
    /// A new value for `x` or `y` of any of so many shapes.
    pub(crate) fn field(dice: &mut Dice, shapes: usize) -> Self {
        let shape = item(dice.below(shapes));
        let field = if dice.one_in(2) { "x" } else { "y" };
        Self::Field { shape, field, value: dice.any() >> 8 }
    }

    /// 60 % fields, 20 % inserts, 10 % deletions, 10 % moves, in a list of `len`.
    pub(crate) fn mixed(dice: &mut Dice, shapes: usize, len: usize) -> Self {
        match dice.below(10) {
            0..6 => Self::field(dice, shapes),
            6..8 => Self::Insert { index: dice.below(len + 1), item: item(dice.below(1 << 20)) },
            8 if len > 0 => Self::Delete { index: dice.below(len) },
            9 if len > 0 => Self::Move { from: dice.below(len), to: dice.below(len) },
            _ => Self::Push { item: item(dice.below(1 << 20)) },
        }
    }

    /// Makes the edit on the plain value.
    pub(crate) fn apply(&self, document: &mut Value) {
        if let Self::Field { shape, field, value } = self {
            document["shapes"][shape][*field] = (*value).into();
            return;
        }
        let order = document["order"].as_array_mut().unwrap();
        match self {
            Self::Field { .. } => {}
            Self::Insert { index, item } => order.insert(*index, item.as_str().into()),
            Self::Push { item } => order.push(item.as_str().into()),
            Self::Move { from, to } => {
                let item = order.remove(*from);
                order.insert(*to, item);
            }
            Self::Delete { index } => drop(order.remove(*index)),
        }
    }
}

/// `test` and `replace` a field, and `add` to the end of a list: the patch, and the same in parts
/// for engines that know no patches.
pub(crate) struct ThreeOps {
    pub(crate) patch: Patch,
    pub(crate) shape: String,
    pub(crate) old: u32,
    pub(crate) new: u32,
    pub(crate) item: String,
}

impl ThreeOps {
    pub(crate) fn new(shape: String, old: u32, new: u32) -> Self {
        let field = format!("/shapes/{shape}/x");
        let text = format!(
            r#"[{{"op":"test","path":"{field}","value":{old}}},
            {{"op":"replace","path":"{field}","value":{new}}},
            {{"op":"add","path":"/order/-","value":"{shape}"}}]"#
        );
        let patch = patch::from_slice(text.as_bytes()).unwrap();
        Self { patch, item: shape.clone(), shape, old, new }
    }

    /// Makes the changes on the plain value.
    pub(crate) fn apply(&self, document: &mut Value) {
        document["shapes"][&self.shape]["x"] = self.new.into();
        document["order"].as_array_mut().unwrap().push(self.item.as_str().into());
    }
}
