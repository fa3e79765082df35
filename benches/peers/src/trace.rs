//! A recorded editing session: every keystroke of the writing of one paper.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::Value;

const PAPER: &[u8] = include_bytes!("../../../tests/data/traces/automerge-paper.json.gz");

/// A replacement. The trace is ASCII, so `index` and `delete` are the same in every engine's unit.
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
        let mut text = Vec::new();
        GzDecoder::new(PAPER).read_to_end(&mut text).unwrap();
        let trace: Value = serde_json::from_slice(&text).unwrap();
        // Each transaction: its author, what it follows, and its patches.
        let transactions = trace["txns"].as_array().unwrap();
        let patches = transactions.iter().flat_map(|each| each[2].as_array().unwrap());
        let (mut edits, mut model) = (Vec::new(), Vec::<u8>::new());
        for patch in patches.take(limit) {
            let number = |at: usize| usize::try_from(patch[at].as_u64().unwrap()).unwrap();
            let (index, delete) = (number(0), number(1));
            let insert = patch.get(2).map_or("", |text| text.as_str().unwrap()).to_owned();
            assert!(insert.is_ascii());
            model.splice(index..index + delete, insert.bytes());
            edits.push(TextEdit { index, delete, insert });
        }
        let content = String::from_utf8(model).unwrap();
        if edits.len() < limit {
            assert_eq!(trace["end"], content, "the trace does not lead to its end");
        }
        Self { edits, content }
    }
}
