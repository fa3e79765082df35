//! Any set of nodes loads to a whole document, the same whatever their order.

use arbitrary::{Arbitrary, Unstructured};

use super::ops::round_trips;
use super::words::{Content, Id, Key};
use crate::Document;
use crate::node::SerializedNode;
use crate::op::NodeKind;

#[derive(Arbitrary, Debug)]
struct Script {
    nodes: Vec<(Id, Id, Key, Content)>,
    shuffle: Vec<u8>,
}

/// Loads a node set in two orders, and what came of it once more.
pub fn nodes(bytes: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    let mut nodes: Vec<SerializedNode> = Vec::new();
    for (id, parent, key, content) in script.nodes.iter().take(64) {
        let (id, content) = (id.node_id(), content.node_content());
        let parent = (!id.is_root()).then(|| (parent.node_id(), key.text()));
        let broken_root = id.is_root() && content.kind() != NodeKind::Object;
        // Of two with one id the first counts, so the order would matter.
        if !broken_root && nodes.iter().all(|node| node.id != id) {
            nodes.push(SerializedNode { id, parent, content });
        }
    }
    let (document, report) = Document::from_nodes(nodes.clone()).unwrap();
    document.check().unwrap();
    round_trips(&document);
    if report.is_clean() {
        assert_eq!(document.node_count(), nodes.len(), "nothing is lost without a word");
    } else {
        assert!(document.node_count() <= nodes.len() + 1);
    }
    for (at, to) in script.shuffle.iter().enumerate() {
        if !nodes.is_empty() {
            let (at, to) = (at % nodes.len(), usize::from(*to) % nodes.len());
            nodes.swap(at, to);
        }
    }
    let (shuffled, again) = Document::from_nodes(nodes).unwrap();
    assert!(shuffled.nodes().eq(document.nodes()), "the order of the nodes matters");
    let [mut first, mut second] =
        [report, again].map(|r| r.repairs.iter().map(|r| format!("{r:?}")).collect::<Vec<_>>());
    first.sort();
    second.sort();
    assert_eq!(first, second, "the report depends on the order of the nodes");
}
