//! Replays multi-client scenarios and checks everything that they expect.
//!
//! The format is described in `tests/data/CASES.md`. Any directory will do: every `*.json` and
//! `*.ndjson` file below it, gzipped or not, that holds a case is run. Everything that passes
//! between a client and the server does so as bytes.

mod edit;
mod read;
mod room;

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::conformance::{collect_files, unzip};
use crate::client::Shortcuts;
use crate::{Json, ReadLimits};
pub use read::Case;
use room::Room;

/// What became of all cases that were found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The names of those that hold.
    pub passed: Vec<String>,
    pub failures: Vec<Failure>,
    /// Files, or parts of them, that hold no case.
    pub ignored: Vec<String>,
}

/// A case that does not hold, or cannot be read.
#[derive(Clone, Debug)]
pub struct Failure {
    pub name: String,
    /// What did not hold, one line for each; never empty.
    pub what: Vec<String>,
}

/// How cases are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Which shortcuts clients take; those that are right must not change anything.
    pub shortcuts: Shortcuts,
}

/// Runs every case below a directory, or in a file.
///
/// # Errors
/// If `path` does not exist or cannot be listed. What is wrong inside is in the report.
pub fn run(path: &Path, options: Options) -> io::Result<Report> {
    let mut files = Vec::new();
    collect_files(path, &mut files)?;
    files.sort();
    let mut report = Report::default();
    for file in files {
        let name = file.strip_prefix(path).ok().filter(|name| !name.as_os_str().is_empty());
        let name = name.unwrap_or(&file).to_string_lossy().into_owned();
        let plain = PathBuf::from(name.strip_suffix(".gz").unwrap_or(&name));
        let lines = match plain.extension().and_then(|extension| extension.to_str()) {
            Some("ndjson") => true,
            Some("json") => false,
            _ => continue,
        };
        match read_file(&file) {
            Ok(bytes) => run_bytes(&name, &bytes, lines, options, &mut report),
            Err(error) => report.fail(name, vec![format!("cannot be read: {error}")]),
        }
    }
    Ok(report)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    if bytes.starts_with(&[0x1f, 0x8b]) { unzip(&bytes) } else { Ok(bytes) }
}

/// Runs the cases of one file: one JSON value, or one on each of its `lines`.
pub fn run_bytes(name: &str, bytes: &[u8], lines: bool, options: Options, report: &mut Report) {
    if !lines {
        return run_value(name, bytes, options, report);
    }
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            run_value(&format!("{name}:{}", number + 1), line, options, report);
        }
    }
}

fn run_value(place: &str, bytes: &[u8], options: Options, report: &mut Report) {
    let limits = ReadLimits::default().max_depth(ReadLimits::DEEPEST);
    let json = match Json::from_slice_with(bytes, limits) {
        Ok(json) => json,
        Err(error) => return report.fail(place.to_owned(), vec![format!("no JSON: {error}")]),
    };
    let cases = json.as_array().unwrap_or(std::slice::from_ref(&json));
    for json in cases {
        if json.get("events").is_none() && json.get("expect").is_none() {
            report.ignored.push(place.to_owned());
            continue;
        }
        match Case::from_json(json) {
            Err(what) => report.fail(place.to_owned(), vec![format!("cannot be read: {what}")]),
            Ok(case) => {
                let failed = run_case(&case, options);
                let name = if case.name.is_empty() { place } else { &case.name };
                if failed.is_empty() {
                    report.passed.push(name.to_owned());
                } else {
                    report.fail(name.to_owned(), failed);
                }
            }
        }
    }
}

/// Runs a case; returns what did not hold.
pub fn run_case(case: &Case, options: Options) -> Vec<String> {
    // A panic is a failure like any other, and the remaining cases still count.
    let mut at = "set-up".to_owned();
    let run = AssertUnwindSafe(|| {
        let mut room = Room::new(case, options)?;
        room.play(case, &mut at)?;
        Ok(room.judge(case))
    });
    match catch_unwind(run) {
        Ok(Ok(failed)) => failed,
        Ok(Err(what)) => vec![what],
        Err(panic) => vec![format!("noThrow: {at}: panicked: {}", message_of(&*panic))],
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

impl Report {
    fn fail(&mut self, name: String, what: Vec<String>) {
        self.failures.push(Failure { name, what });
    }
}
