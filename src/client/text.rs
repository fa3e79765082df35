//! Pending text updates: expressed anew when something is put beneath them.
//!
//! Other ops mean the same wherever they are replayed. A text update says where by counting, so
//! it is carried over whatever the server puts before it; the server does the same, by the same
//! rules.

use crate::document::{Body, TextNode};
use crate::op::{NodeContent, Op, OpKind};
use crate::text::{TextOp, difference, invert, normalize};
use crate::{Document, NodeId, Outcome};

/// Expresses a text update on the present version of its text.
pub(super) fn rebase(document: &Document, op: &mut Op) {
    if let (OpKind::UpdateText(update), Some(text)) = (&mut op.kind, text(document, &op.id)) {
        update.base_version = text.version();
        update.version = None;
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
    id: Option<NodeId>,
    ops: Vec<TextOp>,
    taken_back: Vec<TextOp>,
}

/// What `op` would do to its text, if it were applied now.
pub(super) fn expected(document: &Document, op: &Op) -> Expected {
    let (OpKind::UpdateText(update), Some(text)) = (&op.kind, text(document, &op.id)) else {
        return Expected::default();
    };
    let ops = normalize(text.text(), &update.ops);
    let taken_back = invert(text.text(), &ops);
    Expected { id: Some(op.id.clone()), ops, taken_back }
}

impl Expected {
    pub(super) fn id(&self) -> NodeId {
        self.id.clone().unwrap_or(NodeId::ROOT)
    }

    pub(super) fn taken_back(&self) -> &[TextOp] {
        &self.taken_back
    }

    /// What leads from the text as it was expected to the text as it is.
    pub(super) fn differs_from(&self, found: &[TextOp]) -> Option<Vec<TextOp>> {
        (self.ops != found).then(|| [&self.taken_back, found].concat())
    }
}

pub(super) fn text<'a>(document: &'a Document, id: &NodeId) -> Option<&'a TextNode> {
    match &document.node(document.find(id)?).body {
        Body::Text(text) => Some(text),
        _ => None,
    }
}

/// The text that an op creates, if it creates the one with this id.
pub(super) fn created(op: &Op, id: &NodeId) -> Option<TextNode> {
    match &op.kind {
        OpKind::Create(create) if op.id == *id => match &create.content {
            NodeContent::Text { segments, version } => {
                Some(TextNode::new(segments.clone(), *version))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The operations that lead from a text of the document to `next`.
pub(super) fn lead(document: &Document, id: &NodeId, next: &TextNode) -> Vec<TextOp> {
    text(document, id)
        .map(|text| difference(&text.segments(), &next.segments()))
        .unwrap_or_default()
}

/// Whether a text is the same in two documents, apart from its version.
pub(super) fn is_same(document: &Document, other: &Document, id: &NodeId) -> bool {
    text(document, id).map(TextNode::segments) == text(other, id).map(TextNode::segments)
}
