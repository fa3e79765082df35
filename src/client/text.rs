//! Pending text updates: expressed anew when something is put beneath them.
//!
//! Other ops mean the same wherever they are replayed. A text update says where by counting, so
//! it is carried over whatever the server puts before it; the server does the same, by the same
//! rules. Texts can come back under the ids they had (see [`Incarnation`]); an update of one that is
//! gone means nothing to the one that is there.

use crate::document::TextNode;
use crate::history::express_now;
use crate::op::{NodeContent, Op, OpKind};
use crate::text::{Incarnation, TextOp, invert, normalize};
use crate::{Document, NodeId, Outcome};

/// The incarnation of the text that an op updates; `None` unless it is a text update.
pub(super) fn incarnation(op: &Op) -> Option<Incarnation> {
    op.updated_text().map(|(_, of)| of)
}

/// Expresses an update on the present version of its text, if that is there.
pub(super) fn rebase(document: &Document, op: &mut Op) {
    let there = document.find_text(&op.id).map(TextNode::incarnation);
    if there.is_some() && there == incarnation(op) {
        express_now(document, op);
    }
}

/// What an update that the server ordered did to its text.
pub(super) fn applied<'a>(op: &'a Op, outcome: &'a Outcome) -> &'a [TextOp] {
    let Outcome::Accepted { corrected, .. } = outcome else { return &[] };
    match &corrected.as_deref().unwrap_or(op).kind {
        OpKind::UpdateText(update) => &update.ops,
        _ => &[],
    }
}

/// What an own update was expected to do to its text.
#[derive(Debug, Default)]
pub(super) struct Expected {
    ops: Vec<TextOp>,
    taken_back: Vec<TextOp>,
}

/// What `op` would do to its text, if it were applied now.
pub(super) fn expected(document: &Document, op: &Op) -> Expected {
    let there =
        document.find_text(&op.id).filter(|text| incarnation(op) == Some(text.incarnation()));
    let (OpKind::UpdateText(update), Some(text)) = (&op.kind, there) else {
        return Expected::default();
    };
    let ops = normalize(text.text(), &update.ops);
    let taken_back = invert(text.text(), &ops);
    Expected { ops, taken_back }
}

impl Expected {
    pub(super) fn taken_back(&self) -> &[TextOp] {
        &self.taken_back
    }

    /// What leads from the text as it was expected to the text as it is.
    pub(super) fn differs_from(&self, found: &[TextOp]) -> Option<Vec<TextOp>> {
        (self.ops != found).then(|| [&self.taken_back, found].concat())
    }
}

/// The text that an op creates.
pub(super) fn created(op: &Op) -> Option<TextNode> {
    match &op.kind {
        OpKind::Create(create) => match &create.content {
            NodeContent::Text { segments, version } => {
                Some(TextNode::new(segments.clone(), *version))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether a text is the same in two documents, apart from its version.
pub(super) fn is_same(document: &Document, other: &Document, id: &NodeId) -> bool {
    document.find_text(id).map(TextNode::segments) == other.find_text(id).map(TextNode::segments)
}
