//! The invariants of a document, checked one and all.

use super::body::Body;
use super::node::NodeIx;
use super::objects::field_bytes;
use super::{Document, MAX_NODE_DEPTH};
use crate::Position;
use crate::op::NodeKind;

impl Document {
    /// Checks every invariant of `ARCHITECTURE.md`; O(n).
    ///
    /// # Errors
    /// Names the first that is broken. There is no input that leads there: an error is a bug.
    #[doc(hidden)]
    pub fn check(&self) -> Result<(), String> {
        let mut live = 0;
        let mut stack = vec![NodeIx::ROOT];
        while let Some(ix) = stack.pop() {
            live += 1;
            let (id, depth) = (self.id(ix), self.depth(ix));
            if self.find(&id) != Some(ix) || self.find_packed(self.packed_id(ix)) != Some(ix) {
                return Err(format!("I1: {id} is not found by its id"));
            }
            if usize::from(depth) > MAX_NODE_DEPTH {
                return Err(format!("I7: {id} lies {depth} deep"));
            }
            self.check_children(ix)?;
            for child in self.children(ix) {
                let (parent, key) = self.link(child);
                if parent != ix || self.depth(child) != depth + 1 {
                    return Err(format!("I3: {} does not know its parent {id}", self.id(child)));
                }
                if self.child(ix, key.as_small_str()) != Some(child) {
                    return Err(format!("I3: {} is not at {key:?}", self.id(child)));
                }
                stack.push(child);
            }
        }
        if live != self.ids.len() {
            return Err(format!("I1: {} ids for {live} nodes", self.ids.len()));
        }
        if !self.journal.has_savepoints() {
            if !self.journal.is_empty() {
                return Err("I8: the journal is not empty without a savepoint".to_owned());
            }
            if self.tracker.is_none() && live + self.free.len() != self.tree.len() {
                let (free, all) = (self.free.len(), self.tree.len());
                return Err(format!("I2: of {all} places {live} are used and {free} are free"));
            }
        }
        self.ids.check(self.tree.ids())?;
        self.tree.check_free(&self.free)?;
        self.tree.check()
    }

    /// What concerns one container and its children.
    fn check_children(&self, ix: NodeIx) -> Result<(), String> {
        match self.body(ix) {
            Body::Object(object) => {
                let bytes: usize = object.fields().map(|(k, v)| field_bytes(k, &v)).sum();
                if bytes != object.json_bytes() || bytes > object.most_json_bytes() {
                    return Err(format!("I6: {} has {bytes} bytes of fields", self.id(ix)));
                }
                let register = object.iter().any(|(_, slot)| {
                    slot.child().is_some_and(|child| self.kind_at(child) == NodeKind::Register)
                });
                if register {
                    return Err(format!("I4: a register lies under the object {}", self.id(ix)));
                }
            }
            Body::List(order) => {
                order
                    .check::<Position>(self.positions())
                    .map_err(|broken| format!("I5: in {}: {broken}", self.id(ix)))?;
            }
            Body::Map(order) => {
                order
                    .check::<[u8]>(self.positions())
                    .map_err(|broken| format!("I5: in {}: {broken}", self.id(ix)))?;
            }
            Body::Register(_) | Body::Text(_) | Body::File(_) => {}
        }
        Ok(())
    }

    /// Checks the invariants after a change, in debug builds, while the document is small enough
    /// for tests to stay quick.
    #[inline]
    pub(crate) fn debug_check(&self) {
        // What a panic interrupts may be half done.
        if cfg!(debug_assertions) && self.tree.len() <= 64 && !std::thread::panicking() {
            debug_assert_eq!(self.check(), Ok(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_nodes_or_free() {
        let mut document = Document::from_json(br#"{"list":[1,2,3]}"#).unwrap();
        let list = document.child(NodeIx::ROOT, &"list".into()).unwrap();
        let item = document.list_item(list, Some(1)).unwrap();
        document.detach(item);
        document.check().unwrap();
        let broken = |break_it: &dyn Fn(&mut Document)| {
            let mut document = document.clone();
            break_it(&mut document);
            let broken = document.check().unwrap_err();
            (broken, document.tree.check_free(&document.free).unwrap_err())
        };
        let at = item.0;
        let twice = |ix| format!("I2: the place {ix} is free twice or not at all");
        let used = |free| format!("I2: of 5 places 4 are used and {free} are free");
        assert_eq!(broken(&|document| document.free.push(item)), (used(2), twice(at)));
        assert_eq!(broken(&|document| document.free[0] = list).1, twice(list.0));
        let leak = format!("I2: nothing is at the place {at}, which is not free");
        assert_eq!(broken(&|document| document.free.clear()), (used(0), leak));
    }
}
