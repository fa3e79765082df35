//! Where in a document something is: the keys and indexes that lead there from the root.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

use crate::SmallStr;
use crate::json::error::{push_index, push_key};

/// The way from the root to a node, read as a slice of steps. Written out it is a JSON Pointer
/// (RFC 6901).
///
/// ```
/// use livetree::change::PathStep;
/// use livetree::{Actor, Document, IdSource};
///
/// let mut doc = Document::from_json(br#"{ "todos": [{ "done": false }] }"#)?;
/// let edited = doc.edit(&mut IdSource::new(Actor(1)), |root| {
///     root.list("todos")?.object(0)?.set("done", true)
/// })?;
/// let path = &edited.changes.iter().next().unwrap().path;
/// assert_eq!(path.to_string(), "/todos/0");
/// assert_eq!(path[..], [PathStep::Key("todos".into()), PathStep::Index(0)]);
/// # Ok::<(), livetree::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Path(SmallVec<[PathStep; 3]>);

/// A step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// To what an object or map has at a key.
    Key(SmallStr),
    /// To an item of a list.
    Index(usize),
}

impl Path {
    /// The path to the root.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path along these steps, given from the last to the first.
    pub(crate) fn from_last(steps: impl Iterator<Item = PathStep>) -> Self {
        let mut path = SmallVec::new();
        // One by one: to collect them would take longer than to make them.
        steps.for_each(|step| path.push(step));
        path.reverse();
        Self(path)
    }
}

impl Deref for Path {
    type Target = [PathStep];
    fn deref(&self) -> &[PathStep] {
        &self.0
    }
}

/// The JSON Pointer.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pointer = String::new();
        for step in &self.0 {
            match step {
                PathStep::Key(key) => push_key(&mut pointer, key),
                PathStep::Index(index) => push_index(&mut pointer, *index),
            }
        }
        f.write_str(&pointer)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}
