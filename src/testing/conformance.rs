//! Runs conformance vectors: what the reference does, written down as JSON.
//!
//! The format is described in `tests/data/conformance/FORMAT.md`. A vector is known by its shape,
//! so any directory will do, with any names; files may be gzipped, and files that hold several
//! vectors or streams may name each (`{"file": …}`). Each expectation is one check.

mod checks;
mod compare;
mod surrogates;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::{Json, ReadLimits};
use checks::Checks;

/// The kinds of vectors, in the order of `FORMAT.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Position,
    Server,
    Load,
    Lson,
    LsonInvalid,
    Compact,
    Text,
    Diff,
    Patch,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Position,
        Self::Server,
        Self::Load,
        Self::Lson,
        Self::LsonInvalid,
        Self::Compact,
        Self::Text,
        Self::Diff,
        Self::Patch,
    ];

    /// The name of the kind's file or directory.
    pub fn name(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Server => "server",
            Self::Load => "load",
            Self::Lson => "lson",
            Self::LsonInvalid => "lson/invalid",
            Self::Compact => "compact",
            Self::Text => "text",
            Self::Diff => "diff",
            Self::Patch => "patch",
        }
    }
}

/// What a JSON value found in a file is.
enum Shape {
    Vector(Kind),
    /// `{"file": …}`: names what follows.
    Header,
    /// Belongs to the suite, but nothing in it can be checked.
    Information,
    Unknown,
}

fn shape(json: &Json) -> Shape {
    let object = match json {
        Json::Array(items) if items.iter().all(|item| item.get("input").is_some()) => {
            return Shape::Vector(Kind::LsonInvalid);
        }
        Json::Object(object) => object,
        _ => return Shape::Unknown,
    };
    let has = |keys: &[&str]| keys.iter().all(|key| object.get(key).is_some());
    let kinds: [(&[&str], Kind); 12] = [
        (&["make", "as_pos"], Kind::Position),
        (&["prev", "next"], Kind::Diff),
        (&["doc", "patch"], Kind::Patch),
        (&["compact", "nodes"], Kind::Compact),
        (&["plain_lson", "plain_lson_out"], Kind::Lson),
        (&["plain_lson", "nodes", "json"], Kind::Server),
        (&["init", "nodes"], Kind::Load),
        (&["init"], Kind::Server),
        (&["ops", "results"], Kind::Server),
        (&["a", "b", "order"], Kind::Text),
        (&["data", "ops"], Kind::Text),
        // Also single entries of `lson/invalid.json`, but not of `quirks.ndjson`.
        (&["input", "reference", "name"], Kind::LsonInvalid),
    ];
    if let Some((_, kind)) = kinds.into_iter().find(|(keys, _)| has(keys)) {
        return Shape::Vector(kind);
    }
    if has(&["area", "input", "reference"]) || has(&["oracle", "totals"]) {
        return Shape::Information;
    }
    if has(&["file"]) { Shape::Header } else { Shape::Unknown }
}

/// How many checks of one kind there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub files: usize,
    pub passed: usize,
    pub failed: usize,
}

/// A check that did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: Option<Kind>,
    /// File and line.
    pub place: String,
    pub what: String,
}

/// What became of all vectors that were found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub tallies: BTreeMap<Kind, Tally>,
    /// Files, and lines of vector files, that could not be read at all.
    pub unreadable: usize,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// Files that hold no vectors, only information.
    pub ignored: BTreeSet<PathBuf>,
}

impl Report {
    /// No more failures than this are kept of each kind.
    pub const FAILURES_KEPT: usize = 10;

    pub fn passed(&self) -> usize {
        self.tallies.values().map(|tally| tally.passed).sum()
    }

    pub fn failed(&self) -> usize {
        self.tallies.values().map(|tally| tally.failed).sum::<usize>() + self.unreadable
    }

    pub(self) fn fail(&mut self, kind: Option<Kind>, place: String, what: String) {
        match kind {
            Some(kind) => self.tallies.entry(kind).or_default().failed += 1,
            None => self.unreadable += 1,
        }
        if self.failures.iter().filter(|failure| failure.kind == kind).count() < Self::FAILURES_KEPT
        {
            self.failures.push(Failure { kind, place, what });
        }
    }

    fn pass(&mut self, kind: Kind) {
        self.tallies.entry(kind).or_default().passed += 1;
    }
}

/// Runs every vector below a directory, or in a file.
///
/// # Errors
/// If `path` does not exist or cannot be listed. What is wrong inside is in the report.
pub fn run(path: &Path) -> io::Result<Report> {
    let mut files = Vec::new();
    collect_files(path, &mut files)?;
    files.sort();
    let mut report = Report::default();
    for file in files {
        let name = file.strip_prefix(path).unwrap_or(&file);
        let name = if name.as_os_str().is_empty() { &file } else { name };
        run_file(name, &file, &mut report);
    }
    Ok(report)
}

pub(super) fn collect_files(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect_files(&entry?.path(), files)?;
    }
    Ok(())
}

fn run_file(name: &Path, path: &Path, report: &mut Report) {
    let text = name.to_string_lossy();
    let (plain_name, zipped) = match text.strip_suffix(".gz") {
        Some(plain) => (plain, true),
        None => (&*text, false),
    };
    let extension = Path::new(plain_name).extension().and_then(|extension| extension.to_str());
    let lines = match extension {
        Some("ndjson") => true,
        Some("json") => false,
        _ => {
            report.ignored.insert(name.to_owned());
            return;
        }
    };
    let bytes = fs::read(path).and_then(|bytes| if zipped { unzip(&bytes) } else { Ok(bytes) });
    match bytes {
        Ok(bytes) => run_bytes(plain_name, &bytes, lines, report),
        Err(error) => report.fail(None, text.to_string(), format!("cannot be read: {error}")),
    }
}

pub(super) fn unzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut unzipped = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut unzipped)?;
    Ok(unzipped)
}

/// Runs the vectors of one file: one JSON value, or one on each of its `lines`.
pub fn run_bytes(name: &str, bytes: &[u8], lines: bool, report: &mut Report) {
    let mut file =
        File { name: name.to_owned(), line: 0, kinds: vec![], checks: Checks::default() };
    let mut values = 0;
    if lines {
        for line in bytes.split(|byte| *byte == b'\n') {
            file.line += 1;
            if !line.trim_ascii().is_empty() {
                values += 1;
                file.run(line, report);
            }
        }
    } else {
        values = 1;
        file.run(bytes, report);
    }
    if values == 0 {
        report.fail(None, name.to_owned(), "there is nothing in the file".to_owned());
    }
}

/// Where the reader is, and what earlier lines leave for later ones.
struct File {
    /// As the last header says, or of the file itself.
    name: String,
    /// Counted from 1, from the last header on; 0 in a file that is one value.
    line: usize,
    /// The kinds that were counted since the last header.
    kinds: Vec<Kind>,
    checks: Checks,
}

impl File {
    fn run(&mut self, bytes: &[u8], report: &mut Report) {
        let limits = ReadLimits::default().max_depth(ReadLimits::DEEPEST);
        let (json, refused) = match Json::from_slice_with(bytes, limits) {
            Ok(json) => (json, None),
            Err(error) => match Json::from_slice_with(&surrogates::replace_lone(bytes), limits) {
                // Half a surrogate pair is no character, so what holds one cannot be read. That can
                // be what a vector is about.
                Ok(json) => (json, Some(error)),
                Err(_) => return report.fail(None, self.place(), format!("no JSON: {error}")),
            },
        };
        let shape = shape(&json);
        if let Some(name) = json.get("file").and_then(Json::as_str) {
            name.clone_into(&mut self.name);
            self.line = usize::from(!matches!(shape, Shape::Header));
            self.kinds.clear();
            self.checks = Checks::default();
        }
        let kind = match shape {
            Shape::Vector(kind) => kind,
            Shape::Header => {
                // The header itself is no line of the stream.
                self.line = 0;
                return;
            }
            Shape::Information => {
                report.ignored.insert(self.name.as_str().into());
                return;
            }
            Shape::Unknown => {
                return report.fail(None, self.place(), "no vector of a known kind".to_owned());
            }
        };
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
            report.tallies.entry(kind).or_default().files += 1;
        }
        if let Some(error) = refused {
            let expected = kind == Kind::Patch
                && error.path().starts_with("/patch/")
                && json.get("error").is_some();
            if expected {
                report.pass(kind);
            } else {
                report.fail(Some(kind), self.place(), format!("cannot be read: {error}"));
            }
            return;
        }
        // A panic is a failure like any other, and the remaining vectors still count.
        let results = catch_unwind(AssertUnwindSafe(|| self.checks.run(kind, bytes, &json)));
        let place = self.place();
        match results {
            Ok(Ok(results)) => {
                for result in results {
                    match result {
                        Ok(()) => report.pass(kind),
                        Err(what) => report.fail(Some(kind), place.clone(), what),
                    }
                }
            }
            Ok(Err(what)) => report.fail(Some(kind), place, format!("cannot be checked: {what}")),
            Err(_) => {
                self.checks = Checks::default();
                report.fail(Some(kind), place, "panicked".to_owned());
            }
        }
    }

    fn place(&self) -> String {
        if self.line == 0 { self.name.clone() } else { format!("{}:{}", self.name, self.line) }
    }
}
