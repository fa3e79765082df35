//! livetree beside other engines, on the same deterministic work in one run.
//!
//! `cargo run --release -p peers-bench -- [--work NAME] [--size N] [--quick] [--json FILE]`.
//! `work.rs` lists the works and livetree's goals, `engine.rs` says what an engine has to do,
//! `report.rs` prints the results. Every engine's result is verified. `docs/BENCHMARKS.md` has a
//! full run.

mod edit;
mod engine;
mod heap;
mod input;
mod options;
mod report;
mod timing;
mod trace;
mod work;

use std::process::ExitCode;

use options::Options;
use report::Row;
use work::{Measurement, WORKS};

fn main() -> ExitCode {
    let options = Options::read(std::env::args().skip(1));
    match options.and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let names: Vec<&str> = WORKS.iter().map(|work| work.name).collect();
            eprintln!("{error}\n\n{}\n\nThe works: {}.", options::USAGE, names.join(", "));
            ExitCode::FAILURE
        }
    }
}

/// Runs all that is asked for; the error is for the user.
fn run(options: &Options) -> Result<(), String> {
    let mut json = options.json.as_deref().map(report::json_file).transpose()?;
    let mut rows = Vec::new();
    for work in WORKS.iter().filter(|work| options.wants(work.name)) {
        for size in work.sizes.chosen(options) {
            let mut measurement = Measurement::new(work, size, options.quick);
            (work.run)(&mut measurement);
            let row: Row = measurement.finish();
            if let Some(json) = &mut json {
                report::write_json(&row, json).map_err(|error| error.to_string())?;
            }
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Err("there is no such work".to_owned());
    }
    println!("{}", report::table(&rows));
    Ok(())
}
