//! Runs conformance vectors and says which hold.
//!
//! `cargo run --release --example conformance [<directory or file>]`
//!
//! Without an argument it runs the vectors that come with the source. Exit code 1 if a vector
//! fails, or if there is none.

use std::path::PathBuf;
use std::process::ExitCode;

use livetree::testing::conformance::{Kind, run};

fn main() -> ExitCode {
    let vendored = || concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conformance").into();
    let path: PathBuf = std::env::args_os().nth(1).map_or_else(vendored, Into::into);
    let report = match run(&path) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("cannot read {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    for failure in &report.failures {
        let kind = failure.kind.map_or("unreadable", Kind::name);
        println!("FAILED {kind}: {}: {}", failure.place, failure.what);
    }
    for (kind, tally) in &report.tallies {
        println!(
            "{:<13}{:>6} files{:>8} passed{:>6} failed",
            kind.name(),
            tally.files,
            tally.passed,
            tally.failed
        );
    }
    if report.unreadable > 0 {
        println!("{} files or lines could not be read as vectors", report.unreadable);
    }
    if !report.ignored.is_empty() {
        println!("{} files or lines hold no vectors and were left out", report.ignored.len());
    }
    let (passed, failed) = (report.passed(), report.failed());
    if passed + failed == 0 {
        eprintln!("there are no vectors in {}", path.display());
        return ExitCode::FAILURE;
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
