//! Putting another document in the place of the one that is there.

use std::collections::BTreeMap;

use super::{Reply, Server};
use crate::op::OpKind;
use crate::{Document, IdSource, NodeId, Op};

impl Server {
    /// Replaces the whole content by that of `document`; connected clients hear of it as of any
    /// other update, and nobody is disconnected.
    ///
    /// Nodes that `document` has in common with the present one keep their ids. All others get
    /// new ones, whatever they are called there: documents that were not made from one another use the
    /// same ids, such as `si:1`, for different nodes, while here an id means one node for good, also
    /// when it is gone. Undo and updates under way, which go by ids, rely on that.
    ///
    /// [`Limits`](crate::Limits) are not checked. O(n) in both documents.
    ///
    /// ```
    /// use livetree::{Document, Server, server::ServerOptions};
    /// let old = Document::from_json(br#"{"list":[1]}"#)?;
    /// let new = Document::from_json(br#"{"item":{},"list":[2]}"#)?;
    /// let mut server = Server::new(old, ServerOptions::default());
    /// let reply = server.replace(&new, 0);
    /// assert_eq!(reply.others.len(), 1);
    /// assert_eq!(server.document().to_json(), new.to_json());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replace(&mut self, document: &Document, now: u64) -> Reply {
        let mut ops = self.document.diff(document);
        let mut ids = self.own_ids();
        name_anew(&mut ops, &self.document, &mut ids);
        let actor = ids.actor();
        self.own = Some(ids);
        for op in &ops {
            let outcome = self.document.apply(op);
            debug_assert!(outcome.is_accepted(), "a diff applies");
        }
        self.publish(actor, ops, now)
    }
}

/// Gives the nodes that the ops of a diff create ids which nothing has had. No other op of a diff names
/// one of them.
fn name_anew(ops: &mut [Op], document: &Document, ids: &mut IdSource) {
    let mut names: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for op in ops {
        let OpKind::Create(create) = &mut op.kind else { continue };
        // Parents come first.
        if let Some(parent) = names.get(&create.parent_id) {
            create.parent_id = parent.clone();
        }
        let name = ids.fresh_node_id(document);
        names.insert(std::mem::replace(&mut op.id, name.clone()), name);
    }
}
