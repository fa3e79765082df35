//! A LiveText in the tree: its content, its version and its history of accepted updates.

use crate::text::Segment;

/// The body of a text node.
#[derive(Clone, Debug)]
pub(crate) struct TextNode {
    segments: Vec<Segment>,
    version: u64,
}

/// How to take back one change of a text.
#[derive(Debug)]
pub(crate) struct TextUndo;

impl TextNode {
    pub(crate) fn new(segments: Vec<Segment>, version: u64) -> Self {
        Self { segments, version }
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.segments.clone()
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn take_back(&mut self, _: TextUndo) {}
}
