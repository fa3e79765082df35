//! Editing a LiveText.

use std::ops::Range;

use super::{EditError, Session, handle};
use crate::document::{NodeIx, TextNode};
use crate::op::{OpKind, UpdateText};
use crate::text::{Attributes, Segment, TextOp, difference, normalize, signed};
use crate::{Json, SmallStr};

/// A LiveText that is being edited. Indexes and lengths are UTF-16 code units, as on the wire;
/// what lies past the end is cut off, and no character is ever split. To count in characters or
/// bytes, see [`replace_chars`](Self::replace_chars) and its like.
///
/// ```
/// use livetree::{Actor, Document, IdSource, Lson, lson};
/// let mut document = Document::from_lson(&lson!({ "t": (Lson::text("😀 hello")) }))?;
/// document.edit(&mut IdSource::new(Actor(0)), |root| {
///     let mut text = root.text("t")?;
///     text.insert(8, "!")?; // the 😀 is two units
///     text.replace_chars(2..3, "H")?;
///     text.format_chars(2..7, [("bold", true)])?;
///     text.replace_bytes(0..5, "")
/// })?;
/// let text = document.at("/t")?.as_text().unwrap();
/// assert_eq!(text.to_string(), "Hello!");
/// assert_eq!(text.segments().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TextMut<'a> {
    pub(super) session: Session<'a>,
    pub(super) node: NodeIx,
}

handle!(TextMut, TextRef, Text);

impl TextMut<'_> {
    /// The length in UTF-16 code units.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Inserts text without attributes before `index`.
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn insert(&mut self, index: usize, text: impl Into<SmallStr>) -> Result<(), EditError> {
        self.update(&[TextOp::Insert { index: signed(index), text: text.into(), attributes: None }])
    }

    /// Inserts text with attributes before `index`; a null value is no attribute.
    ///
    /// # Errors
    /// If an attribute is not a scalar, or there are too many ops.
    pub fn insert_formatted<K: Into<SmallStr>, V: Into<Json>>(
        &mut self,
        index: usize,
        text: impl Into<SmallStr>,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), EditError> {
        let entries = attributes.into_iter().map(|(key, value)| (key, value.into()));
        let attributes = scalars(entries.filter(|(_, value)| *value != Json::Null))?;
        let attributes = Some(attributes).filter(|attributes| !attributes.is_empty());
        self.update(&[TextOp::Insert { index: signed(index), text: text.into(), attributes }])
    }

    /// Adds text without attributes at the end.
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn push(&mut self, text: impl Into<SmallStr>) -> Result<(), EditError> {
        self.insert(self.len(), text)
    }

    /// Removes `length` units from `index` on.
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn delete(&mut self, index: usize, length: usize) -> Result<(), EditError> {
        self.update(&[TextOp::Delete { index: signed(index), length: signed(length) }])
    }

    /// Replaces `length` units from `index` on by text without attributes.
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn replace(
        &mut self,
        index: usize,
        length: usize,
        text: impl Into<SmallStr>,
    ) -> Result<(), EditError> {
        let index = signed(index);
        self.update(&[
            TextOp::Delete { index, length: signed(length) },
            TextOp::Insert { index, text: text.into(), attributes: None },
        ])
    }

    /// Sets attributes of `length` units from `index` on; a null value removes one.
    ///
    /// # Errors
    /// If an attribute is not a scalar, or there are too many ops.
    pub fn format<K: Into<SmallStr>, V: Into<Json>>(
        &mut self,
        index: usize,
        length: usize,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), EditError> {
        let attributes = scalars(attributes)?;
        self.update(&[TextOp::Format { index: signed(index), length: signed(length), attributes }])
    }

    /// Replaces a range of characters (Unicode scalar values) by text without attributes; an empty
    /// range inserts, empty text deletes.
    ///
    /// Where the text is not all ASCII, finding the place costs time in proportion to the text.
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn replace_chars(
        &mut self,
        range: Range<usize>,
        text: impl Into<SmallStr>,
    ) -> Result<(), EditError> {
        let range = self.view().content().chars_to_utf16(range);
        self.replace(range.start, range.len(), text)
    }

    /// Replaces a range of UTF-8 bytes by text without attributes; an empty range inserts, empty
    /// text deletes. An end within a character counts as before it.
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn replace_bytes(
        &mut self,
        range: Range<usize>,
        text: impl Into<SmallStr>,
    ) -> Result<(), EditError> {
        let range = self.view().content().bytes_to_utf16(range);
        self.replace(range.start, range.len(), text)
    }

    /// As [`format`](Self::format), for a range of characters (Unicode scalar values).
    ///
    /// # Errors
    /// If an attribute is not a scalar, or there are too many ops.
    pub fn format_chars<K: Into<SmallStr>, V: Into<Json>>(
        &mut self,
        range: Range<usize>,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), EditError> {
        let range = self.view().content().chars_to_utf16(range);
        self.format(range.start, range.len(), attributes)
    }

    /// As [`format`](Self::format), for a range of UTF-8 bytes.
    ///
    /// # Errors
    /// If an attribute is not a scalar, or there are too many ops.
    pub fn format_bytes<K: Into<SmallStr>, V: Into<Json>>(
        &mut self,
        range: Range<usize>,
        attributes: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), EditError> {
        let range = self.view().content().bytes_to_utf16(range);
        self.format(range.start, range.len(), attributes)
    }

    /// Makes the text read `target`, by inserting and deleting as few characters as it takes (or all between the
    /// first difference and the last, if those are very many): for an input field that tells only what it holds.
    /// What stays keeps its attributes; what is new has none.
    ///
    /// ```
    /// use livetree::{Actor, Document, IdSource, Lson, lson};
    /// let mut document = Document::from_lson(&lson!({ "t": (Lson::text("a cat sat")) }))?;
    /// let edited = document.edit(&mut IdSource::new(Actor(0)), |root| {
    ///     let mut text = root.text("t")?;
    ///     text.format(2, 3, [("bold", true)])?;
    ///     text.set_text("a cat has sat")
    /// })?;
    /// let text = document.at("/t")?.to_json().to_string();
    /// assert_eq!(text, r#"[["a "],["cat",{"bold":true}],[" has sat"]]"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn set_text(&mut self, target: &str) -> Result<(), EditError> {
        let plain = |text: SmallStr| [Segment { text, attributes: None }];
        let before = plain(self.view().to_string().into());
        self.update(&difference(&before, &plain(target.into())))
    }

    /// Makes the text's JSON projection, its segments, equal to `target` with few ops.
    ///
    /// # Errors
    /// If `target` is no array of segments.
    pub fn reconcile(&mut self, target: impl Into<Json>) -> Result<(), EditError> {
        self.session.reconcile(self.node, &target.into())
    }

    fn update(&mut self, ops: &[TextOp]) -> Result<(), EditError> {
        self.session.update_text(self.node, ops)
    }
}

impl Session<'_> {
    /// Changes a text; what has no effect on it is left out.
    pub(crate) fn update_text(&mut self, node: NodeIx, ops: &[TextOp]) -> Result<(), EditError> {
        let Some(text) = self.document.text(node) else { return Ok(()) };
        let mut ops = normalize(text.text(), ops);
        ops.retain(|op| match op {
            TextOp::Insert { text, .. } => !text.is_empty(),
            TextOp::Delete { length, .. } | TextOp::Format { length, .. } => *length > 0,
        });
        if ops.is_empty() {
            return Ok(());
        }
        let base_version = TextNode::version(text);
        let update = UpdateText { base_version, version: None, ops };
        self.apply(node, OpKind::UpdateText(update))
    }
}

fn scalars<K: Into<SmallStr>, V: Into<Json>>(
    attributes: impl IntoIterator<Item = (K, V)>,
) -> Result<Attributes, EditError> {
    let attributes: crate::json::JsonObject =
        attributes.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    if let Some((key, _)) = attributes.iter().find(|(_, value)| value.is_nested()) {
        return Err(EditError::Attribute(key.clone()));
    }
    Ok(attributes.into())
}
