//! Differences of documents that are easy to get wrong.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::NodeId;
use crate::op::NodeContent;
use crate::text::Segment;
use crate::{FileMeta, Json, SerializedNode};

fn document(nodes: &str) -> Document {
    let nodes: Vec<SerializedNode> = serde_json::from_str(nodes).unwrap();
    let (document, report) = Document::from_nodes(nodes).unwrap();
    assert!(report.is_clean(), "{report:?}");
    document
}

fn sorted(document: &Document) -> Vec<SerializedNode> {
    let mut nodes: Vec<_> = document.nodes().collect();
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    nodes
}

/// The number of ops, which are checked to lead from one document to the other.
fn assert_diff(mut prev: Document, next: &Document) -> usize {
    let ops = prev.diff(next);
    for op in &ops {
        let outcome = prev.apply(op);
        // Of a text update the authority always tells the version it led to.
        let versioned = matches!(op.kind, OpKind::UpdateText(_));
        let as_sent = match &outcome {
            crate::Outcome::Accepted { corrected, fix: None } => corrected.is_none() || versioned,
            _ => false,
        };
        assert!(as_sent, "{} leads to {outcome:?}", op.to_json());
    }
    prev.check().unwrap();
    let ops_json: Vec<String> = ops.iter().map(|op| op.to_json().to_string()).collect();
    assert_eq!(sorted(&prev), sorted(next), "after {ops_json:#?}");
    ops.len()
}

fn list(items: &[(&str, &str)]) -> Document {
    let mut nodes = String::new();
    for (id, key) in items {
        let crdt = format!(r#"{{"type":3,"parentId":"0:1","parentKey":"{key}","data":1}}"#);
        nodes.extend([r#",[""#, id, r#"","#, &crdt, "]"]);
    }
    document(&format!(
        r#"[["root",{{"type":0,"data":{{}}}}],["0:1",{{"type":1,"parentId":"root","parentKey":"l"}}]{nodes}]"#
    ))
}

#[test]
fn equal_documents_need_no_op() {
    let items = [("0:2", "!"), ("0:3", "5 ")];
    assert_eq!(assert_diff(list(&items), &list(&items)), 0);
}

#[test]
fn items_that_swap_need_one_step_aside() {
    let (a, b) = (list(&[("0:2", "!"), ("0:3", "5")]), list(&[("0:3", "!"), ("0:2", "5")]));
    assert_eq!(assert_diff(a, &b), 3);
}

#[test]
fn items_that_move_up_in_a_row_move_last_first() {
    let a = list(&[("0:2", "!"), ("0:3", "5"), ("0:4", "9")]);
    let b = list(&[("0:2", "5"), ("0:3", "9"), ("0:4", "A")]);
    assert_eq!(assert_diff(a, &b), 3);
}

#[test]
fn an_item_moves_to_the_place_of_one_that_is_gone() {
    assert_eq!(assert_diff(list(&[("0:2", "!"), ("0:3", "5")]), &list(&[("0:2", "5")])), 2);
}

#[test]
fn an_item_in_anothers_place_is_one_op() {
    assert_eq!(assert_diff(list(&[("0:2", "!")]), &list(&[("0:3", "!")])), 1);
}

#[test]
fn positions_that_are_not_canonical_are_reproduced() {
    let a = list(&[("0:2", "!"), ("0:3", "5 ")]);
    assert_eq!(assert_diff(list(&[]), &a), 2);
    assert_eq!(assert_diff(list(&[("0:3", "!")]), &a), 3);
    assert_eq!(assert_diff(a, &list(&[("0:3", "!"), ("0:2", "5 ")])), 3);
}

#[test]
fn a_key_turns_from_field_to_child_and_back() {
    let field = || document(r#"[["root",{"type":0,"data":{"constructor":1,"__proto__":2}}]]"#);
    let child = || {
        document(
            r#"[["root",{"type":0,"data":{}}],["0:1",{"type":2,"parentId":"root","parentKey":"constructor"}]]"#,
        )
    };
    assert_eq!(assert_diff(field(), &child()), 2);
    assert_eq!(assert_diff(child(), &field()), 1);
}

#[test]
fn children_of_what_is_deleted_need_no_op() {
    let a = document(
        r#"[["root",{"type":0,"data":{}}],["0:1",{"type":2,"parentId":"root","parentKey":"m"}],
            ["0:2",{"type":3,"parentId":"0:1","parentKey":"k","data":1}]]"#,
    );
    assert_eq!(assert_diff(a, &Document::new()), 1);
}

#[test]
fn a_node_that_changes_its_parent_is_recreated() {
    let node = |parent: &str, inner: &str| {
        document(&format!(
            r#"[["root",{{"type":0,"data":{{}}}}],["0:1",{{"type":2,"parentId":"root","parentKey":"m"}}],
                ["0:2",{{"type":2,"parentId":"{parent}","parentKey":"{inner}"}}]]"#
        ))
    };
    // The new node comes where an ancestor of the old one is.
    assert_eq!(assert_diff(node("0:1", "a"), &node("root", "b")), 2);
    let a = node("0:1", "a");
    let b = document(
        r#"[["root",{"type":0,"data":{}}],["0:2",{"type":2,"parentId":"root","parentKey":"m"}],
            ["0:1",{"type":2,"parentId":"0:2","parentKey":"a"}]]"#,
    );
    assert_eq!(assert_diff(a, &b), 3);
}

/// One random change; small numbers, so that ids, keys and positions meet often.
type Step = (u8, u8, u8, u8, u8);

const POSITIONS: [&str; 8] = ["!", "\"", "5", "5 ", "O", "\u{1}", "~~", "é"];
const KEYS: [&str; 5] = ["a", "b", "", "__proto__", "constructor"];

fn op((kind, id, parent, key, value): Step) -> Op {
    let node =
        |n: u8| NodeId::from(if n == 0 { "root".to_owned() } else { format!("0:{n}") }.as_str());
    let position = SmallStr::from(POSITIONS[usize::from(key) % POSITIONS.len()]);
    let name = SmallStr::from(KEYS[usize::from(key) % KEYS.len()]);
    let json = Json::from(value % 3);
    let content = match kind % 16 {
        0 => {
            return Op::new(node(id), OpKind::SetParentKey { parent_key: position });
        }
        1 => {
            let data = JsonObject::of(name, json);
            return Op::new(node(id), OpKind::UpdateObject { data });
        }
        2 => return Op::new(node(id), OpKind::DeleteObjectKey { key: name }),
        3 => return Op::new(node(id), OpKind::DeleteCrdt),
        4 => {
            let ops = vec![TextOp::Insert { index: 0, text: name, attributes: None }];
            let update = UpdateText { base_version: 0, version: None, ops };
            return Op::new(node(id), OpKind::UpdateText(update));
        }
        5 | 6 => NodeContent::Object(Arc::new([(name.clone(), json)].into_iter().collect())),
        7..=9 => NodeContent::List,
        10 => NodeContent::Map,
        11..=13 => NodeContent::Register(json),
        14 => NodeContent::Text {
            segments: vec![Segment::plain("ab"), Segment::plain(name.clone())],
            version: u64::from(value % 3),
        },
        _ => NodeContent::File(Arc::new(
            FileMeta::new("fl_123456789012345678901", name.clone(), u64::from(value % 3), "")
                .unwrap(),
        )),
    };
    let create = Create {
        parent_id: node(parent),
        // Lists and keyed containers each get keys of their own kind, and sometimes the other's.
        parent_key: if kind & 16 == 0 { position } else { name },
        intent: [Intent::Insert, Intent::Set, Intent::Push][usize::from(value) % 3],
        deleted_id: None,
        content,
    };
    Op::new(node(id), OpKind::Create(create))
}

fn apply_all(document: &mut Document, steps: &[Step]) {
    for step in steps {
        let _ = document.apply(&op(*step));
    }
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..32_u8, 1..14_u8, 0..8_u8, any::<u8>(), any::<u8>()), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn ops_lead_from_any_document_to_any_other(
        common in steps(40), left in steps(40), right in steps(40)
    ) {
        let (mut a, mut b) = (Document::new(), Document::new());
        for (document, own) in [(&mut a, left), (&mut b, right)] {
            apply_all(document, &common);
            apply_all(document, &own);
        }
        assert_diff(a, &b);
    }

    #[test]
    fn a_few_changes_need_no_more_than_a_few_ops(common in steps(60), own in steps(3)) {
        let (mut a, mut b) = (Document::new(), Document::new());
        apply_all(&mut a, &common);
        apply_all(&mut b, &common);
        prop_assert_eq!(a.diff(&b), []);
        // One create may replace a subtree, and a position may shift, but no op makes much.
        apply_all(&mut b, &own);
        let changes = assert_diff(a, &b);
        prop_assert!(changes <= own.len() * 4, "{} ops for {} changes", changes, own.len());
    }
}
