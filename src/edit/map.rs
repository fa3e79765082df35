//! Editing a LiveMap.

use super::{EditError, Session, handle, keyed_handle};
use crate::document::NodeIx;
use crate::op::OpKind;
use crate::{Json, Lson, SmallStr};

/// A LiveMap that is being edited.
#[derive(Debug)]
pub struct MapMut<'a> {
    pub(super) session: Session<'a>,
    pub(super) node: NodeIx,
}

handle!(MapMut, MapRef, Map);
keyed_handle!(MapMut);

impl MapMut<'_> {
    /// Sets the entry at `key`, replacing whatever is there.
    ///
    /// # Errors
    /// If a limit is exceeded.
    pub fn set(
        &mut self,
        key: impl Into<SmallStr>,
        value: impl Into<Lson>,
    ) -> Result<(), EditError> {
        self.session.create_at(self.node, key.into(), value.into())
    }

    /// Removes the entry at `key`. Nothing happens if there is none.
    ///
    /// # Errors
    /// If there are too many ops.
    pub fn delete(&mut self, key: &str) -> Result<(), EditError> {
        self.session.delete_child(self.node, key)
    }

    /// Makes the map's JSON projection equal to `target` with few ops, as for objects.
    ///
    /// # Errors
    /// If `target` is no object, or a limit is exceeded.
    pub fn reconcile(&mut self, target: impl Into<Json>) -> Result<(), EditError> {
        self.session.reconcile(self.node, &target.into())
    }
}

impl Session<'_> {
    pub(crate) fn delete_child(&mut self, map: NodeIx, key: &str) -> Result<(), EditError> {
        match self.document.child_by_key(map, key) {
            Some(child) => self.apply(child, OpKind::DeleteCrdt),
            None => Ok(()),
        }
    }
}
