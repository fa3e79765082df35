//! A plain `serde_json::Value`, patched by the `json-patch` crate: no ids, no ops, no merging. It
//! is the limit that the engines are held against.

use serde_json::Value;

use super::Board;
use crate::edit::{Edit, ThreeOps};

impl Board for Value {
    /// A value has nothing to tell.
    fn observe(&mut self) {}

    fn edit(&mut self, edit: &Edit) {
        edit.apply(self);
    }

    fn patch(&mut self, patch: &ThreeOps) {
        json_patch::patch(self, &patch.patch).unwrap();
    }

    fn json(&mut self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap()
    }

    fn snapshot(&mut self) -> Vec<u8> {
        self.json()
    }
}
