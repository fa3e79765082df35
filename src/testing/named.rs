//! Net changes say which live structures have come.

use crate::change::{ListChange, UpdateDetail};
use crate::document::ValueRef;
use crate::{Changes, Document, NodeId};

/// Compares the nodes that changes name with those that are there after them.
///
/// # Errors
/// The first that differs.
pub(super) fn check(changes: &Changes, document: &Document) -> Result<(), String> {
    for update in changes {
        let wrong = |what: &str| Err(format!("{what}, says {update:?}"));
        let Some(node) = document.get(&update.node) else { return wrong("no such node changed") };
        match (&update.detail, node) {
            (UpdateDetail::Object(keys) | UpdateDetail::Map(keys), node) => {
                for change in keys {
                    let there = match node {
                        ValueRef::Object(object) => object.get(&change.key),
                        ValueRef::Map(map) => map.get(&change.key),
                        _ => return wrong("it has keys"),
                    };
                    if change.node != there.and_then(|value| value.id()) {
                        return wrong("another node is at a key");
                    }
                }
            }
            (UpdateDetail::List(steps), ValueRef::List(list)) => {
                let there: Vec<Option<NodeId>> = list.iter().map(|item| item.id()).collect();
                let told = replayed(steps, there.len());
                let differs = |(told, there): (&Option<Option<NodeId>>, &Option<NodeId>)| {
                    told.as_ref().is_some_and(|told| told != there)
                };
                if told.len() != there.len() || told.iter().zip(&there).any(differs) {
                    return wrong("another node is among the items");
                }
            }
            (UpdateDetail::Text(_), ValueRef::Text(_)) => {}
            _ => return wrong("it is of another kind"),
        }
    }
    Ok(())
}

/// Which nodes the items are after these steps, of those that have come with one; given their number.
fn replayed(steps: &[ListChange], len: usize) -> Vec<Option<Option<NodeId>>> {
    let count = |which: fn(&ListChange) -> bool| steps.iter().filter(|step| which(step)).count();
    let came = count(|step| matches!(step, ListChange::Insert { .. }));
    let gone = count(|step| matches!(step, ListChange::Delete { .. }));
    let mut items = vec![None; (len + gone).saturating_sub(came)];
    for step in steps {
        match step {
            ListChange::Insert { index, node, .. } => items.insert(*index, Some(node.clone())),
            ListChange::Set { index, node, .. } => items[*index] = Some(node.clone()),
            ListChange::Delete { index } => _ = items.remove(*index),
            ListChange::Move { from, to } => {
                let item = items.remove(*from);
                items.insert(*to, item);
            }
        }
    }
    items
}
