//! Making a subtree equal to a JSON value with few ops.
//!
//! An application that keeps its state as plain data need not say what it changed: it says what it
//! wants, and the difference becomes ops. What is equal is left alone, so concurrent changes of
//! others merge with it; what only moved or changed inside keeps its nodes.
//!
//! Nothing here recurses. The cost is that of comparing the subtree with the value, times the
//! nesting of lists in lists.

mod list;
mod same;

use serde::Serialize;

use super::{EditError, Session};
use crate::document::{Body, NodeIx, ValueRef};
use crate::json::{JsonObject, to_json};
use crate::op::{Intent, NodeKind, OpKind, UpdateText};
use crate::text::{self, Segment};
use crate::{Json, Lson, SmallStr};

use same::same;

/// Live structures yet to be made equal to a value.
type Work<'t> = Vec<(NodeIx, &'t Json)>;

impl Session<'_> {
    /// Makes the JSON projection of the structure `node` equal to `target`.
    pub(crate) fn reconcile(&mut self, node: NodeIx, target: &Json) -> Result<(), EditError> {
        let value = self.document.value(node);
        if !goes_on_as(&value, target) {
            return Err(EditError::WrongKind {
                at: self.document.path_to(node).to_string(),
                found: value.kind().in_words(),
                wanted: in_words(target),
            });
        }
        let mut work = vec![(node, target)];
        while let Some((node, target)) = work.pop() {
            match (self.document.body(node), target) {
                (Body::List(_), Json::Array(items)) => {
                    self.reconcile_list(node, items, &mut work)?;
                }
                (Body::Object(_) | Body::Map(_), Json::Object(entries)) => {
                    self.reconcile_keyed(node, entries, &mut work)?;
                }
                (Body::Text(_), _) => self.reconcile_text(node, target)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// As [`reconcile`](Self::reconcile), with anything that can be written as JSON.
    pub(super) fn reconcile_with<T: Serialize + ?Sized>(
        &mut self,
        node: NodeIx,
        target: &T,
    ) -> Result<(), EditError> {
        let target = to_json(target).map_err(|error| EditError::Serialize(error.to_string()))?;
        self.reconcile(node, &target)
    }

    fn reconcile_keyed<'t>(
        &mut self,
        node: NodeIx,
        target: &'t JsonObject,
        work: &mut Work<'t>,
    ) -> Result<(), EditError> {
        let Plan { surplus, fields, nodes } = self.plan(node, target, work);
        let object = self.document.kind_at(node) == NodeKind::Object;
        for key in &surplus {
            if object {
                self.delete_slot(node, key)?;
            } else {
                self.delete_child(node, key)?;
            }
        }
        for (key, value) in nodes {
            self.create_at(node, key, value)?;
        }
        if !fields.is_empty() {
            self.set_fields(node, fields)?;
        }
        Ok(())
    }

    /// What is to be done in an object or map; what is to be done below it is added to `work`.
    fn plan<'t>(&self, node: NodeIx, target: &'t JsonObject, work: &mut Work<'t>) -> Plan {
        let document = &*self.document;
        let mut plan = Plan::default();
        let object = document.kind_at(node) == NodeKind::Object;
        let mut put = |key: &SmallStr, old: Option<&ValueRef<'_>>, value: &Json| match replacement(
            old, value,
        ) {
            Lson::Json(value) if object => plan.fields.push((key.clone(), value)),
            value => plan.nodes.push((key.clone(), value)),
        };
        let mut present = document.value(node).entries().peekable();
        let mut wanted = target.iter().peekable();
        // Both sides are in order of their keys.
        loop {
            let order = match (present.peek(), wanted.peek()) {
                (None, None) => return plan,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            let old = if order.is_le() { present.next() } else { None };
            let new = if order.is_ge() { wanted.next() } else { None };
            match (old, new) {
                (Some((key, _)), None) => plan.surplus.push(key.clone()),
                (Some((key, value)), Some((_, target))) => {
                    match document.child(node, key).filter(|_| goes_on_as(&value, target)) {
                        Some(child) => work.push((child, target)),
                        None if same(&value, target) => {}
                        None => put(key, Some(&value), target),
                    }
                }
                (None, Some((key, target))) => put(key, None, target),
                (None, None) => {}
            }
        }
    }

    /// Changes the text, or replaces it where no text update leads to exactly those segments.
    fn reconcile_text(&mut self, node: NodeIx, target: &Json) -> Result<(), EditError> {
        let Some(content) = self.document.text(node) else { return Ok(()) };
        let Ok(after) = Segment::list_from_json(target) else { return Ok(()) };
        let (before, version) = (content.segments(), content.version());
        if before == after {
            return Ok(());
        }
        let ops = text::difference(&before, &after);
        if !ops.is_empty() && text::apply(&before, &ops) == after {
            let update = UpdateText { base_version: version, version: None, ops };
            return self.apply(node, OpKind::UpdateText(update));
        }
        let parent = self.document.parent(node);
        let mut destination =
            self.destination(parent, self.document.key(node).as_small_str().clone());
        if self.document.is_list(parent) {
            destination.intent = Intent::Set;
            destination.deleted_id = Some(self.id(node));
        }
        self.create(destination, Lson::Text { segments: after, version: 0 })
    }
}

/// What is to be done in an object or map.
#[derive(Default)]
struct Plan {
    surplus: Vec<SmallStr>,
    /// JSON fields of an object, for one op.
    fields: Vec<(SmallStr, Json)>,
    /// Values that become nodes.
    nodes: Vec<(SmallStr, Lson)>,
}

/// Whether a live structure can be made equal to the value and stay the same node.
fn goes_on_as(value: &ValueRef<'_>, target: &Json) -> bool {
    match value {
        ValueRef::Object(_) | ValueRef::Map(_) => matches!(target, Json::Object(_)),
        ValueRef::List(_) => matches!(target, Json::Array(_)),
        ValueRef::Text(_) => Segment::list_from_json(target).is_ok(),
        ValueRef::Json(_) | ValueRef::File(_) => false,
    }
}

/// What to put in the place of a value that cannot go on: new objects and arrays are live, except
/// where an opaque object or array was.
fn replacement(old: Option<&ValueRef<'_>>, new: &Json) -> Lson {
    match old {
        Some(ValueRef::Json(Json::Object(_) | Json::Array(_))) => Lson::Json(new.clone()),
        _ => Lson::live(new),
    }
}

/// What a value is, for an error.
fn in_words(target: &Json) -> &'static str {
    match target {
        Json::Object(_) => "an object",
        Json::Array(_) => "an array",
        _ => "a plain value",
    }
}
