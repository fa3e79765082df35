//! A LiveText in the tree: its content, its version and its history of accepted updates.

use serde::{Deserialize, Serialize};

use crate::OpId;
use crate::op::UpdateText;
use crate::text::{
    Budget, History, Incarnation, LAST_VERSION, Outcome, Revert, Segment, Splices, Text,
    UpdateError,
};

/// The body of a text node.
///
/// Written with serde it is its [content](TextContent): what led to it is left out, as in a document that is
/// stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "TextContent", into = "TextContent")]
pub(crate) struct TextNode {
    text: Text,
    version: u64,
    history: History,
}

/// What a text is, without how it came to be.
#[derive(Serialize, Deserialize)]
struct TextContent {
    version: u64,
    segments: Vec<Segment>,
}

impl From<TextContent> for TextNode {
    fn from(TextContent { version, segments }: TextContent) -> Self {
        Self::new(segments, version)
    }
}

impl From<TextNode> for TextContent {
    fn from(node: TextNode) -> Self {
        Self { version: node.version(), segments: node.segments() }
    }
}

impl TextNode {
    pub(crate) fn new(segments: Vec<Segment>, version: u64) -> Self {
        Self { text: Text::from_segments(segments), version, history: History::default() }
    }

    pub(crate) fn text(&self) -> &Text {
        &self.text
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.text.segments()
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Which of the texts that had its id it is.
    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation::of(self.version)
    }

    /// Takes an update as an authority does.
    pub(crate) fn update(
        &mut self,
        op_id: Option<&OpId>,
        update: &UpdateText,
        budget: &mut Budget,
    ) -> Outcome {
        let Self { text, version, history } = self;
        // An authority names the version of what it orders, also of an update that was left with
        // nothing to do by those before it.
        let ordered = update.version == Some(update.base_version.saturating_add(1));
        let next = update.base_version == *version && *version < LAST_VERSION;
        if ordered && update.ops.is_empty() && next {
            let (applied, undo) = text.apply_normalized(&[]);
            return Outcome::Accepted(history.record(
                version,
                op_id,
                update.base_version,
                &[],
                applied,
                undo,
            ));
        }
        history.receive_within(text, version, op_id, update.base_version, &update.ops, budget)
    }

    /// Takes an update that an authority has ordered, also one of which nothing is left: there is a
    /// new version of the same text.
    pub(crate) fn hear(&mut self, update: &UpdateText) -> Outcome {
        if !update.ops.is_empty() || update.version <= Some(update.base_version) {
            return self.update(None, update, &mut Budget::default());
        }
        if self.version >= LAST_VERSION {
            return Outcome::Rejected(UpdateError::NoVersionLeft);
        }
        let (applied, undo) = self.text.apply_normalized(&[]);
        let base = self.version;
        let accepted = self.history.record(&mut self.version, None, base, &[], applied, undo);
        Outcome::Accepted(accepted)
    }

    /// Takes an update as an authority applied it earlier; its history also keeps it as received.
    pub(crate) fn restore(
        &mut self,
        op_id: &OpId,
        applied: &UpdateText,
        received: &UpdateText,
    ) -> Outcome {
        let Self { text, version, history } = self;
        if applied.base_version != *version {
            return Outcome::Rejected(UpdateError::Ahead);
        }
        if *version >= LAST_VERSION {
            return Outcome::Rejected(UpdateError::NoVersionLeft);
        }
        let (fitted, undo) = text.apply_normalized(&applied.ops);
        let (base, sent) = (received.base_version, &received.ops);
        Outcome::Accepted(history.record(version, Some(op_id), base, sent, fitted, undo))
    }

    /// Takes an update that was accepted before, perhaps with more in it now.
    pub(crate) fn update_again(
        &mut self,
        op_id: &OpId,
        update: &UpdateText,
        budget: &mut Budget,
    ) -> Outcome {
        let Self { text, version, history } = self;
        if history.of_op(op_id).is_none() {
            // Too long ago to tell what is new in it: nothing may be applied twice.
            return Outcome::Rectified {
                base_version: *version,
                version: *version,
                ops: [].into(),
            };
        }
        history.rectify_within(text, version, op_id, update.base_version, &update.ops, budget)
    }

    pub(crate) fn take_back(&mut self, revert: Revert) -> Splices {
        self.history.take_back(&mut self.text, &mut self.version, revert)
    }
}
