//! What people really typed ends in what was recorded, through clients and a server.

use livetree::testing::traces::{NAMES, Trace, replay};

fn ends_as_recorded(name: &str, txns: Option<usize>) {
    let mut trace = Trace::named(name);
    if let Some(txns) = txns {
        trace.cut(txns);
    }
    let report = replay(&trace);
    assert!(report.edits >= trace.txns.len(), "{name}: only {} edits", report.edits);
    assert_eq!(report.contents.len(), 1 + 2 * trace.agents);
    for content in &report.contents {
        assert!(*content == trace.end, "{name}: {} characters", content.chars().count());
    }
    if trace.is_concurrent() {
        assert!(report.transformed > 0, "{name}: nothing was concurrent");
    }
}

#[test]
fn a_paper_typed_by_one() {
    ends_as_recorded("automerge-paper", Some(12_000));
}

#[test]
fn an_article_typed_by_one() {
    ends_as_recorded("seph-blog1", Some(12_000));
}

#[test]
fn a_report_typed_by_three() {
    ends_as_recorded("clownschool", Some(6_000));
}

#[test]
fn a_story_typed_by_two() {
    ends_as_recorded("friendsforever", Some(6_000));
}

#[test]
#[ignore = "takes long without optimisation; the example `traces` does the same"]
fn all_traces_from_begin_to_end() {
    for name in NAMES {
        ends_as_recorded(name, None);
    }
}
