//! What no document holds: values that could not be read again from what is stored of them.
//!
//! Whatever is read has been checked by its reader. This is for what is made by hand.

use thiserror::Error;

use super::{NodeContent, UpdateText};
use crate::json::JsonObject;
use crate::text::{Attributes, LAST_VERSION, Segment, TextOp};
use crate::{Json, ReadLimits};

/// Why no document holds a node, or takes an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContentError {
    /// A JSON value is nested deeper than [`ReadLimits::DEEPEST`].
    #[error("a value is nested deeper than {} levels", ReadLimits::DEEPEST)]
    TooDeep,
    /// An attribute of a text is an array or an object.
    #[error("an attribute's value must be a scalar")]
    Attribute,
    /// A text has a version that is no exact integer in a double.
    #[error("the version of a text is more than 2^53 - 1")]
    TextVersion,
}

type Result = std::result::Result<(), ContentError>;

impl NodeContent {
    /// Whether a document can hold it. O(n) for n values in it.
    pub(crate) fn check(&self) -> Result {
        match self {
            Self::Object(fields) => check_fields(fields),
            Self::Register(value) => check_value(value),
            Self::Text { segments, version } => check_text(segments, *version),
            Self::List | Self::Map | Self::File(_) => Ok(()),
        }
    }
}

impl UpdateText {
    /// Whether a text can hold what it brings.
    pub(crate) fn check(&self) -> Result {
        self.ops.iter().try_for_each(|op| match op {
            TextOp::Insert { attributes, .. } => check_attributes(attributes.as_ref()),
            TextOp::Format { attributes, .. } => check_attributes(Some(attributes)),
            TextOp::Delete { .. } => Ok(()),
        })
    }
}

/// Whether an object can hold these fields. O(n) for n values in them.
pub(crate) fn check_fields(fields: &JsonObject) -> Result {
    fields.iter().try_for_each(|(_, value)| check_value(value))
}

/// Whether a text can have these segments and this version.
pub(crate) fn check_text(segments: &[Segment], version: u64) -> Result {
    if version > LAST_VERSION {
        return Err(ContentError::TextVersion);
    }
    segments.iter().try_for_each(|segment| check_attributes(segment.attributes.as_ref()))
}

fn check_value(value: &Json) -> Result {
    // Shortcut: most values are scalars.
    if value.is_nested() && value.is_deeper_than(ReadLimits::DEEPEST) {
        Err(ContentError::TooDeep)
    } else {
        Ok(())
    }
}

fn check_attributes(attributes: Option<&Attributes>) -> Result {
    let mut values = attributes.into_iter().flat_map(|attributes| attributes.iter());
    if values.any(|(_, value)| value.is_nested()) { Err(ContentError::Attribute) } else { Ok(()) }
}
