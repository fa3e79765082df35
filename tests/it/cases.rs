//! Where the reference fails, livetree does not: minimised scenarios of several clients.

use std::path::Path;

use livetree::client::Shortcuts;
use livetree::testing::cases::{Options, Report, run, run_bytes};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases.ndjson.gz");

fn failures(report: &Report) -> Vec<String> {
    let failures = report.failures.iter();
    failures.map(|failure| format!("{}: {}", failure.name, failure.what.join("; "))).collect()
}

#[test]
fn scenarios_where_the_reference_fails_hold() {
    for shortcuts in [Shortcuts::Proven, Shortcuts::None] {
        let report = run(Path::new(CASES), Options { shortcuts }).unwrap();
        let failures = failures(&report);
        assert!(failures.is_empty(), "shortcuts {shortcuts:?}:\n{}", failures.join("\n"));
        assert_eq!(report.passed.len(), 31, "a case was lost, or one is new");
    }
}

/// The lines of what does not hold in a case with `changed` instead of `part`.
fn judged(part: &str, changed: &str) -> String {
    let case = r#"{"name":"made up","clients":2,"granularity":"packet",
        "doc":{"$object":{"list":{"$list":["a","b"]},"map":{"$map":{}}}},
        "events":[
            {"t":"edit","c":0,"path":["list"],"op":"list.move","args":[2,1]},
            {"t":"batch","c":0,"edits":[
                {"path":["list"],"op":"list.push","args":[{"$object":{"x":1}}]},
                {"path":["list",2],"op":"obj.update","args":[{"y":{"$map":{}}}]},
                {"path":["no"],"op":"list.clear","args":[]}]},
            {"t":"undo","c":0},{"t":"redo","c":0},
            {"t":"edit","c":1,"path":["map"],"op":"map.set","args":["k",1]},
            {"t":"disconnect","c":1},{"t":"reconnect","c":1}],
        "expect":{"converge":true,"noThrow":true,"synchronized":true,"deltaFidelity":true,
            "finalOneOf":[{"map":{"k":1},"list":["b","a",{"y":{},"x":1}]}],
            "never":[{"client":1,"path":["list",0],"is":"c"},
                     {"client":0,"path":["list"],"contains":"c"},
                     {"client":0,"path":["list"],"lacks":"a"},
                     {"client":0,"path":["list"],"order":["b","a"]}]}}"#;
    let case = case.replacen(part, changed, 1);
    let mut report = Report::default();
    run_bytes("case.json", case.as_bytes(), false, Options::default(), &mut report);
    assert_eq!(report.passed.len() + report.failures.len(), 1);
    failures(&report).join("\n")
}

#[test]
fn the_replayer_notices_what_is_wrong() {
    assert_eq!(judged("", ""), "");
    let wrong = [
        (r#""k":1}"#, r#""k":2}"#, "finalOneOf: {"),
        (r#""is":"c""#, r#""is":"b""#, r#"never: settling, round 0: client 1 at "/list/0" is "b""#),
        (r#""contains":"c""#, r#""contains":"a""#, "which contains"),
        (r#""lacks":"a""#, r#""lacks":"c""#, "which lacks"),
        (r#"["b","a"]}]}"#, r#"["a","b"]}]}"#, "is after"),
        ("converge", "convergence", "there is no expectation"),
        ("list.clear", "list.empty", "there is no edit"),
        (r#""t":"redo""#, r#""t":"again""#, "event 3: there is no event"),
        (r#""clients":2"#, r#""clients":1"#, "there is no such client"),
    ];
    for (part, changed, expected) in wrong {
        let judged = judged(part, changed);
        assert!(judged.contains(expected), "{changed}: {judged}");
    }
}
