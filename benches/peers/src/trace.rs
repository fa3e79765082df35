//! A recorded editing session: every keystroke of the writing of one paper.

use livetree::testing::traces;

/// A replacement. The session is ASCII, so `index` and `delete` are the same in every engine's
/// unit.
pub(crate) struct TextEdit {
    pub(crate) index: usize,
    pub(crate) delete: usize,
    pub(crate) insert: String,
}

/// The session, or its beginning.
pub(crate) struct Trace {
    pub(crate) edits: Vec<TextEdit>,
    /// What the text is in the end.
    pub(crate) content: String,
}

impl Trace {
    /// The first edits, at most so many.
    pub(crate) fn read(limit: usize) -> Self {
        let recorded = traces::Trace::named("automerge-paper");
        let patches = recorded.txns.into_iter().flat_map(|transaction| transaction.patches);
        let (mut edits, mut model) = (Vec::new(), Vec::<u8>::new());
        for traces::Patch { at: index, removed: delete, inserted: insert } in patches.take(limit) {
            assert!(insert.is_ascii());
            model.splice(index..index + delete, insert.bytes());
            edits.push(TextEdit { index, delete, insert });
        }
        let content = String::from_utf8(model).unwrap();
        assert!(edits.len() == limit || content == recorded.end, "the session has another end");
        Self { edits, content }
    }
}
