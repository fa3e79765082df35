//! What the reference does, livetree does: every vendored vector holds.

use std::path::Path;

use livetree::testing::conformance::{Kind, Report, run, run_bytes};

/// Runs the vendored files, which must hold exactly `checks` checks of one kind.
fn conforms(kind: Kind, checks: usize, files: &[&str]) {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conformance"));
    let mut passed = 0;
    for file in files {
        let report = run(&directory.join(file)).unwrap();
        assert_eq!(report.failed(), 0, "{file}: {:#?}", report.failures);
        assert!(report.tallies.keys().eq([&kind]), "{file}: {:?}", report.tallies);
        passed += report.passed();
    }
    assert_eq!(passed, checks, "a check was lost, or one is new");
}

#[test]
fn positions_conform() {
    conforms(Kind::Position, 37_828, &["position.json.gz"]);
}

#[test]
fn hand_written_server_streams_conform() {
    conforms(Kind::Server, 248, &["server-edge.ndjson.gz"]);
}

#[test]
fn random_server_streams_conform() {
    conforms(Kind::Server, 59_452, &["server-random.ndjson.gz"]);
}

#[test]
fn long_server_streams_conform() {
    conforms(Kind::Server, 15_015, &["server-long.ndjson.gz"]);
}

#[test]
fn repairs_of_damaged_nodes_conform() {
    conforms(Kind::Load, 238, &["load.ndjson.gz"]);
}

#[test]
fn plain_lson_conforms() {
    conforms(Kind::Lson, 1800, &["lson.ndjson.gz"]);
}

#[test]
fn refusals_of_plain_lson_conform() {
    conforms(Kind::LsonInvalid, 41, &["lson-invalid.json.gz"]);
}

#[test]
fn compact_nodes_conform() {
    conforms(Kind::Compact, 3372, &["compact.ndjson.gz"]);
}

#[test]
fn text_functions_conform() {
    conforms(Kind::Text, 9000, &["text.ndjson.gz"]);
}

#[test]
fn differences_conform() {
    conforms(Kind::Diff, 350, &["diff.ndjson.gz"]);
}

#[test]
fn patches_conform() {
    conforms(Kind::Patch, 4000, &["patch.ndjson.gz"]);
}

#[test]
fn no_vendored_file_is_left_out() {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conformance"));
    let source = include_str!("conformance.rs");
    for entry in std::fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let vectors = name.strip_suffix(".gz").is_some()
            && !["quirks", "server-text"].iter().any(|other| name.starts_with(other));
        assert!(!vectors || source.contains(&format!("\"{name}\"")), "{name} is not run");
    }
}

fn run_text(text: &str) -> Report {
    let mut report = Report::default();
    run_bytes("test.ndjson", text.as_bytes(), true, &mut report);
    report
}

#[test]
fn the_runner_notices_what_is_wrong() {
    let stream = r#"{"file":"made up"}
{"init":[["root",{"type":0,"data":{}}]]}
{"ops":[{"type":3,"opId":"1:1","id":"root","data":{"x":1}}],"results":[{"action":"accepted","op":{"type":3,"opId":"1:1","id":"root","data":{"x":1}}}]}
{"nodes":[["root",{"type":0,"data":{"x":1.0}}]],"plain_lson":{"liveblocksType":"LiveObject","data":{"x":1}},"json":{"x":1}}
"#;
    let right = run_text(stream);
    assert_eq!((right.passed(), right.failed()), (6, 0), "{:?}", right.failures);
    let wrong = [
        ("\"action\":\"accepted\"", "\"action\":\"ignored\"", 1),
        ("\"json\":{\"x\":1}", "\"json\":{\"x\":2}", 1),
        ("\"x\":1.0", "\"x\":1.0,\"y\":null", 1),
        ("\"data\":{\"x\":1}}],\"results\"", "\"data\":{\"x\":3}}],\"results\"", 4),
        ("\"init\"", "\"beginning\"", 3),
        ("}\n{\"nodes\"", "\n{\"nodes\"", 4),
    ];
    for (from, to, failed) in wrong {
        let changed = stream.replacen(from, to, 1);
        assert_ne!(changed, stream);
        let report = run_text(&changed);
        assert_eq!(report.failed(), failed, "{to}: {:?}", report.failures);
    }
    let report = run_text(&stream.replace("\"json\":{\"x\":1}", "\"json\":{\"x\":2}"));
    let failure = &report.failures[0];
    assert_eq!((failure.place.as_str(), failure.kind), ("made up:3", Some(Kind::Server)));
    assert_eq!(failure.what, "json at /x: expected 2, got 1");
}
