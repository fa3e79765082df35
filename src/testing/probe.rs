//! Doors to what is private, so that integration tests can hold it to its promises.

use crate::document::Savepoint;
use crate::{Changes, Document, Op};

/// Runs `change` and reports its net effect.
pub fn watch(document: &mut Document, change: impl FnOnce(&mut Document)) -> Changes {
    document.watch(change).1
}

/// Applies ops, whatever becomes of them, and reports their net effect.
pub fn watch_ops(document: &mut Document, ops: &[Op]) -> Changes {
    watch(document, |document| apply_all(document, ops))
}

/// Applies ops, whatever becomes of them.
pub fn apply_all(document: &mut Document, ops: &[Op]) {
    for op in ops {
        let _ = document.apply(op);
    }
}

/// Closes the oldest savepoint alone; false if `savepoint` is not the oldest.
pub fn commit_oldest(document: &mut Document, savepoint: Savepoint) -> bool {
    document.commit_oldest(savepoint)
}
