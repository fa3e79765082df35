//! Editing a LiveObject.

use super::{EditError, NodeMut, Session, handle, keyed_handle};
use crate::document::NodeIx;
use crate::json::JsonObject;
use crate::lson::unique;
use crate::op::OpKind;
use crate::{Json, Lson, NodeId, SmallStr};

/// A LiveObject that is being edited.
#[derive(Debug)]
pub struct ObjectMut<'a> {
    pub(super) session: Session<'a>,
    pub(super) node: NodeIx,
}

handle!(ObjectMut, ObjectRef, Object);
keyed_handle!(ObjectMut);

impl ObjectMut<'_> {
    /// Sets the field or child at `key`, replacing whatever is there.
    ///
    /// JSON becomes a field, a live structure a child.
    ///
    /// # Errors
    /// If a limit is exceeded.
    pub fn set(
        &mut self,
        key: impl Into<SmallStr>,
        value: impl Into<Lson>,
    ) -> Result<(), EditError> {
        self.session.set_slot(self.node, key.into(), value.into())
    }

    /// Sets several fields and children at once; others stay. Of two entries with one key the later counts.
    ///
    /// # Errors
    /// If a limit is exceeded.
    pub fn update<K: Into<SmallStr>, V: Into<Lson>>(
        &mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), EditError> {
        self.session.set_slots(self.node, unique(entries))
    }

    /// Removes the field or child at `key`. Nothing happens if there is none.
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn delete(&mut self, key: &str) -> Result<(), EditError> {
        self.session.delete_slot(self.node, key)
    }

    /// The live structure at a JSON Pointer (RFC 6901) that starts at the document's root, wherever this object
    /// is.
    ///
    /// # Errors
    /// If there is none, or it is a file.
    pub fn at(&mut self, pointer: &str) -> Result<NodeMut<'_>, EditError> {
        let node = self.session.node_at(pointer)?;
        let found = self.session.document.value(node).kind().in_words();
        NodeMut::new(self.session.reborrow(), node).ok_or_else(|| EditError::WrongKind {
            at: pointer.to_owned(),
            found,
            wanted: "a live structure that can be edited",
        })
    }

    /// The live structure with an id, wherever in the document it is: one that net changes name, for example.
    ///
    /// ```
    /// use livetree::{Actor, Document, IdSource};
    /// let mut doc = Document::from_json(br#"{"todos":[{"done":false}]}"#)?;
    /// let id = doc.at("/todos/0")?.id().unwrap();
    /// doc.edit(&mut IdSource::new(Actor(1)), |root| {
    ///     root.list("todos")?.insert(0, "another one")?;
    ///     root.node(&id)?.into_object().unwrap().set("done", true)
    /// })?;
    /// assert_eq!(doc.path_of(&id).unwrap().to_string(), "/todos/1");
    /// assert_eq!(doc.to_json().to_string(), r#"{"todos":["another one",{"done":true}]}"#);
    /// # Ok::<(), livetree::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is none, or it is a file or a plain value.
    pub fn node(&mut self, id: &NodeId) -> Result<NodeMut<'_>, EditError> {
        let node = self.session.document.find(id);
        node.and_then(|node| NodeMut::new(self.session.reborrow(), node))
            .ok_or_else(|| EditError::NoNode(id.clone()))
    }

    /// Makes the object's JSON projection equal to `target` with few ops.
    ///
    /// What is equal already is left alone, and the fields that differ are set by one op. New
    /// objects and arrays become LiveObjects and LiveLists; where an opaque JSON object or array
    /// was, an opaque one comes. Lists are compared as [`ListMut::reconcile`](super::ListMut::reconcile)
    /// says. A LiveText is changed where its segments come, but replaced where a string comes: to merge that with
    /// what others type, reconcile the fields around it one by one, and the text by
    /// [`TextMut::set_text`](super::TextMut::set_text).
    ///
    /// ```
    /// use livetree::{Actor, Document, IdSource};
    /// let mut doc = Document::from_json(br#"{"title":"Plan","todos":[{"id":1,"done":false},{"id":2}]}"#)?;
    /// let mut ids = IdSource::new(Actor(1));
    /// let target: livetree::Json = r#"{"title":"Plan","todos":[{"id":2},{"id":1,"done":true}]}"#.parse()?;
    /// let edited = doc.edit(&mut ids, |root| root.reconcile(target.clone()))?;
    /// assert_eq!(doc.to_json(), target);
    /// assert_eq!(edited.ops.len(), 2); // one item moved, one field set
    /// # Ok::<(), livetree::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `target` is no object, or a limit is exceeded.
    pub fn reconcile(&mut self, target: impl Into<Json>) -> Result<(), EditError> {
        self.session.reconcile(self.node, &target.into())
    }
}

impl Session<'_> {
    pub(crate) fn set_fields(
        &mut self,
        object: NodeIx,
        fields: Vec<(SmallStr, Json)>,
    ) -> Result<(), EditError> {
        let data = JsonObject::from_iter(fields);
        self.apply(object, OpKind::UpdateObject { data })
    }

    /// Sets fields and children, no two at one key.
    pub(crate) fn set_slots(
        &mut self,
        object: NodeIx,
        entries: impl IntoIterator<Item = (SmallStr, Lson)>,
    ) -> Result<(), EditError> {
        // Children first: they may take the place of large fields, which then no longer count.
        let mut fields = Vec::new();
        for (key, value) in entries {
            match value {
                Lson::Json(value) => fields.push((key, value)),
                live => self.create_at(object, key, live)?,
            }
        }
        if fields.is_empty() { Ok(()) } else { self.set_fields(object, fields) }
    }

    #[inline]
    pub(crate) fn set_slot(
        &mut self,
        object: NodeIx,
        key: SmallStr,
        value: Lson,
    ) -> Result<(), EditError> {
        match value {
            Lson::Json(value) => {
                let data = JsonObject::of(key, value);
                self.apply(object, OpKind::UpdateObject { data })
            }
            live => self.create_at(object, key, live),
        }
    }

    pub(crate) fn delete_slot(&mut self, object: NodeIx, key: &str) -> Result<(), EditError> {
        if self.document.value(object).child(key).is_none() {
            return Ok(());
        }
        self.apply(object, OpKind::DeleteObjectKey { key: key.into() })
    }
}
