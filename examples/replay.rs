//! Replays multi-client scenarios and says which hold.
//!
//! `cargo run --release --example replay [-- <directory or file>]`
//!
//! Without an argument it replays those that come with the source: minimised failures of the
//! reference implementation. Exit code 1 if one does not hold, or if there is none.

use std::path::PathBuf;
use std::process::ExitCode;

use livetree::testing::cases::{Options, run};

fn main() -> ExitCode {
    let vendored = || concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases.ndjson.gz").into();
    let path: PathBuf = std::env::args_os().nth(1).map_or_else(vendored, Into::into);
    let report = match run(&path, Options::default()) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("cannot read {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    for name in &report.passed {
        println!("passed {name}");
    }
    for failure in &report.failures {
        println!("FAILED {}", failure.name);
        for what in &failure.what {
            println!("       {what}");
        }
    }
    for name in &report.ignored {
        println!("no case in {name}");
    }
    let (passed, failed) = (report.passed.len(), report.failures.len());
    if passed + failed == 0 {
        eprintln!(
            "there are no case files (*.json or *.ndjson, gzipped or not) in {}",
            path.display()
        );
        return ExitCode::FAILURE;
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
