//! Between which items of its list an item is: what stays when positions are spread out.

use crate::{Document, NodeId};

/// The items before and behind one.
pub(super) type Sides = (Option<NodeId>, Option<NodeId>);

/// Between which items of its list one is, others being passed over.
pub(super) fn sides(
    document: &Document,
    id: &NodeId,
    is_passed_over: impl Fn(&NodeId) -> bool,
) -> Sides {
    let Some(item) = document.find(id) else { return (None, None) };
    let (list, key) = document.link(item);
    let rank = document.rank_in(list, key);
    let id_at = |index: usize| document.list_item(list, Some(index)).map(|ix| document.id(ix));
    let is_neighbour = |id: &NodeId| !is_passed_over(id);
    let before = (0..rank).rev().filter_map(id_at).find(is_neighbour);
    let behind = (rank + 1..).map_while(id_at).find(is_neighbour);
    (before, behind)
}
