//! Pending ops as they are stored, and as they are pending again.
//!
//! What can be found out from the document is not stored: what the ops touch, and how to take them back.

use serde::{Deserialize, Serialize};

use super::super::branch::Branches;
use super::{Arrival, Delivery, Pending, PendingOp};
use crate::prediction::Neighbours;
use crate::{Document, Op, OpId};

/// The pending ops, in order, and what is known of the texts that they update.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::client) struct SavedPending {
    entries: Vec<SavedEntry>,
    branches: Branches,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedEntry {
    op: Op,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_base: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own_name: Option<OpId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    neighbours: Option<Neighbours>,
    delivery: Delivery,
    arrival: Arrival,
    mints: bool,
    #[serde(default)]
    continues: bool,
}

impl Pending {
    /// What is to be stored.
    pub(in crate::client) fn saved(&self) -> SavedPending {
        let entries = self.entries.values().map(|entry| SavedEntry {
            op: entry.op.clone(),
            sent_base: entry.sent_base,
            own_name: entry.own_name.clone(),
            neighbours: entry.neighbours.clone(),
            delivery: entry.delivery,
            arrival: entry.arrival,
            mints: entry.mints,
            continues: entry.continues,
        });
        SavedPending { entries: entries.collect(), branches: self.branches.clone() }
    }

    /// Makes stored ops pending again, on top of the confirmed document. Whatever was under way is lost,
    /// and perhaps arrived.
    pub(in crate::client) fn restored(
        saved: SavedPending,
        document: &mut Document,
    ) -> Result<Self, &'static str> {
        let mut pending = Self { branches: saved.branches, ..Self::default() };
        for saved in saved.entries {
            let SavedEntry { op, sent_base, own_name, neighbours, .. } = saved;
            let op_id = op.op_id.as_ref().ok_or("a pending op has no opId")?;
            if pending.by_id.contains_key(op_id) {
                return Err("two pending ops have one opId");
            }
            let touches = document.touches(&op, neighbours.as_ref());
            pending.insert(PendingOp {
                op,
                sent_base,
                own_name,
                savepoint: document.savepoint(),
                touches,
                neighbours,
                corrected: None,
                accepted: false,
                delivery: saved.delivery,
                arrival: saved.arrival,
                mints: saved.mints,
                made_at: 0,
                continues: saved.continues,
            });
        }
        pending.roll_back(document);
        pending.replay(document);
        pending.connection_lost();
        Ok(pending)
    }
}
