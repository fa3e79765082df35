//! JSON Patch (RFC 6902) on a live document.

pub(crate) mod pointer;

use thiserror::Error;

/// Why a patch was not applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("TEMP")]
pub struct PatchError;

impl PatchError {
    /// Whether the patch would have passed a limit.
    pub fn is_limit(&self) -> bool {
        false
    }
}

/// What a patch did.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The ops.
    pub ops: Vec<crate::Op>,
    /// The changes.
    pub changes: crate::Changes,
}

impl crate::Document {
    /// TEMP
    pub fn patch(
        &mut self,
        _: &mut crate::IdSource,
        _: &[json_patch::PatchOperation],
    ) -> Result<Patched, PatchError> {
        Err(PatchError)
    }
}

impl crate::edit::Session<'_> {
    pub(crate) fn patch(&mut self, _: &[json_patch::PatchOperation]) -> Result<(), PatchError> {
        Err(PatchError)
    }
}
