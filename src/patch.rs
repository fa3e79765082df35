//! JSON Patch (RFC 6902) on a live document.
//!
//! A patch is a transaction like any other: a savepoint, ops made through the edit session, a
//! rollback at the first operation that fails. Pointers are resolved on the live tree; nothing is
//! exported or copied, so the cost is that of the patch, also on a million nodes. Only of a text of which a patch changes
//! or tests a part, all segments are looked at.
//!
//! To a patch, the document is its JSON projection, except that a LiveText is its plain LSON
//! object: `/text/data/0/0` is the text of the first segment. A `test` of the text itself takes that object or the
//! bare segments. Every parent on a path must be a
//! LiveObject, LiveMap or LiveList, or lie in a LiveText; JSON leaves and LiveFiles have no inside.
//!
//! What a patch adds or puts in place of something is new: objects become LiveObjects, arrays LiveLists, plain LSON
//! what it says. So to replace a LiveMap by `{}` makes a LiveObject of it, and a LiveText by its segments a list; name
//! the kind (`{"liveblocksType": "LiveMap", "data": {}}`) or change what is inside. To bring a structure to a wanted
//! state as it is, see [`reconcile`](crate::ObjectMut::reconcile).

// `patch/parse.rs` reads patches from text, `place.rs` resolves pointers, `operation.rs` does the six operations,
// `value.rs` makes live structures of values, `equal.rs` compares for `test`, `text_view.rs` is the view of a text.

mod equal;
mod error;
mod operation;
mod parse;
mod place;
pub(crate) mod pointer;
mod text_view;
mod value;

pub use error::{PatchError, PatchReason};
pub use json_patch::{Patch, PatchOperation};
pub use parse::from_slice;

use crate::edit::{Edited, Session};
use crate::{Document, IdSource};
use operation::Patcher;

/// What a patch did: as an edit, without a value.
pub type Patched = Edited<()>;

impl Document {
    /// Applies a JSON Patch (RFC 6902), all or nothing.
    ///
    /// Objects and arrays that are added become LiveObjects and LiveLists, deep; a value that is
    /// plain LSON (`liveblocksType`) becomes that structure. A copy makes objects and arrays live
    /// too, and keeps maps, texts and files; a move keeps everything as it is, and within one list
    /// it keeps the node.
    ///
    /// # Errors
    /// Says which operation failed, at which pointer and why; the document is then exactly as it
    /// was, node ids included.
    ///
    /// ```
    /// use livetree::{Actor, Document, IdSource, patch};
    /// let mut doc = Document::from_json(br#"{"todos":[{"text":"ship it"}],"done":0}"#)?;
    /// let mut ids = IdSource::new(Actor(1));
    /// let patch = patch::from_slice(br#"[
    ///     { "op": "test", "path": "/done", "value": 0 },
    ///     { "op": "replace", "path": "/done", "value": 1 },
    ///     { "op": "add", "path": "/todos/-", "value": { "text": "celebrate" } }
    /// ]"#)?;
    /// let patched = doc.patch(&mut ids, &patch)?;
    /// assert_eq!(patched.ops.len(), 2);
    /// assert_eq!(
    ///     doc.to_json().to_string(),
    ///     r#"{"done":1,"todos":[{"text":"ship it"},{"text":"celebrate"}]}"#
    /// );
    ///
    /// let error = doc.patch_text(&mut ids, br#"[
    ///     { "op": "remove", "path": "/done" },
    ///     { "op": "add", "path": "/todos/9", "value": "?" }
    /// ]"#).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     r#"operation 1 ("add /todos/9"): index 9 is past the end of a list of 2"#
    /// );
    /// assert_eq!(doc.at("/done")?.to_json(), 1.into());
    /// # Ok::<(), livetree::Error>(())
    /// ```
    pub fn patch(
        &mut self,
        ids: &mut IdSource,
        patch: &[PatchOperation],
    ) -> Result<Patched, PatchError> {
        self.make(ids, |session| session.patch(patch))
    }

    /// Applies a JSON Patch that is still text.
    ///
    /// # Errors
    /// As [`patch`](Self::patch) and [`from_slice`].
    pub fn patch_text(&mut self, ids: &mut IdSource, patch: &[u8]) -> Result<Patched, PatchError> {
        self.patch(ids, &from_slice(patch)?)
    }
}

impl Session<'_> {
    /// Makes the ops of a patch; what those before a failing operation did is the caller's to take
    /// back.
    pub(crate) fn patch(&mut self, patch: &[PatchOperation]) -> Result<(), PatchError> {
        let mut patcher = Patcher::new(self.reborrow());
        patch.iter().enumerate().try_for_each(|(index, operation)| {
            let done = patcher.run(index, operation);
            done.map_err(|fault| PatchError::of(index, operation, fault))
        })
    }
}
