//! Replaying changes over plain JSON: what a subscriber that mirrors the document does.

use serde_json::Value;
use thiserror::Error;

use super::{Changes, KeyChange, ListChange, Path, PathStep, UpdateDetail};
use crate::Json;
use crate::text::{Segment, Text};

/// Changes do not fit the JSON that they are replayed over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the change at {path} does not fit: {reason}")]
pub struct ReplayError {
    /// The path of the update.
    pub path: String,
    /// What is wrong.
    pub reason: &'static str,
}

impl Changes {
    /// Replays the changes over the JSON projection from before, which makes it that from after. Items of a list are
    /// inserted into its array one by one, so each takes as long as the array is.
    ///
    /// # Errors
    /// If `json` is not the projection that the changes are based on.
    pub fn apply_to(&self, json: &mut Value) -> Result<(), ReplayError> {
        for update in self {
            let fail = |reason| ReplayError { path: update.path.to_string(), reason };
            let target = at_path(json, &update.path).ok_or(fail("there is nothing"))?;
            match (&update.detail, target) {
                (UpdateDetail::Object(keys) | UpdateDetail::Map(keys), Value::Object(target)) => {
                    for KeyChange { key, value, .. } in keys {
                        match value {
                            Some(value) => target.insert(key.to_string(), value.into()),
                            None => target.remove(key.as_str()),
                        };
                    }
                }
                (UpdateDetail::List(steps), Value::Array(items)) => {
                    for step in steps {
                        replay_step(step, items).ok_or(fail("an index is past the end"))?;
                    }
                }
                (UpdateDetail::Text(ops), target) => {
                    let before = Json::from(target.clone());
                    let segments = Segment::list_from_json(&before).map_err(fail)?;
                    let mut text = Text::from_segments(segments);
                    text.apply(ops);
                    *target = Json::array(text.iter().map(|segment| segment.to_json())).into();
                }
                _ => return Err(fail("it is of another type")),
            }
        }
        Ok(())
    }
}

fn at_path<'v>(json: &'v mut Value, path: &Path) -> Option<&'v mut Value> {
    path.iter().try_fold(json, |json, step| match (step, json) {
        (PathStep::Key(key), Value::Object(entries)) => entries.get_mut(key.as_str()),
        (PathStep::Index(index), Value::Array(items)) => items.get_mut(*index),
        _ => None,
    })
}

fn replay_step(step: &ListChange, items: &mut Vec<Value>) -> Option<()> {
    match step {
        ListChange::Insert { index, value, .. } => {
            (*index <= items.len()).then(|| items.insert(*index, value.into()))
        }
        ListChange::Delete { index } => (*index < items.len()).then(|| {
            items.remove(*index);
        }),
        ListChange::Set { index, value, .. } => {
            items.get_mut(*index).map(|item| *item = value.into())
        }
        ListChange::Move { from, to } => (*from < items.len() && *to < items.len()).then(|| {
            let item = items.remove(*from);
            items.insert(*to, item);
        }),
    }
}
