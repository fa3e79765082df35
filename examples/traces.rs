//! Replays what people really typed, through clients and a server, and says how fast.
//!
//! `cargo run --release --example traces [-- <name>...]`
//!
//! Without names it replays all traces that come with the source. Exit code 1 if one does not end
//! in what was recorded.

#![allow(clippy::disallowed_methods, reason = "a program may look at the clock")]
#![allow(clippy::cast_precision_loss, reason = "small numbers")]

use std::process::ExitCode;
use std::time::Instant;

use livetree::testing::traces::{NAMES, Trace, replay};

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = given.iter().find(|name| !NAMES.contains(&name.as_str())) {
        eprintln!("there is no trace {unknown:?}, only {}", NAMES.join(", "));
        return ExitCode::from(2);
    }
    let mut right = true;
    println!(
        "{:<16} {:>6} {:>7} {:>8} {:>11} {:>9} {:>12}",
        "trace", "agents", "edits", "messages", "transformed", "seconds", "edits/second"
    );
    for name in NAMES {
        if !given.is_empty() && !given.iter().any(|given| given == name) {
            continue;
        }
        let trace = Trace::named(name);
        let start = Instant::now();
        let report = replay(&trace);
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{name:<16} {:>6} {:>7} {:>8} {:>11} {seconds:>9.2} {:>12.0}",
            trace.agents,
            report.edits,
            report.messages,
            report.transformed,
            report.edits as f64 / seconds
        );
        for content in report.contents.iter().filter(|content| **content != trace.end) {
            println!("  ends in {} characters, not as recorded", content.chars().count());
            right = false;
        }
    }
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
