//! The command line.

use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
cargo run --release -p peers-bench -- [--work NAME] [--size N] [--quick] [--json FILE]

  --work NAME   only this work; `list` stands for all works whose names begin with `list-`
  --size N      this size instead of the work's own
  --quick       smaller sizes and fewer runs: all of it within a minute
  --json FILE   also writes a line of JSON for each figure";

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) work: Option<String>,
    pub(crate) size: Option<usize>,
    pub(crate) quick: bool,
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments; the error is for the user.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--work" => options.work = Some(value()?),
                "--size" => {
                    let size = value()?.replace('_', "");
                    let size = size.parse().ok().filter(|size| *size > 0);
                    options.size = Some(size.ok_or("--size needs a number above 0")?);
                }
                "--quick" => options.quick = true,
                "--json" => options.json = Some(value()?.into()),
                _ => return Err(format!("{argument:?} is not an argument")),
            }
        }
        Ok(options)
    }

    /// Whether a work is to be run.
    pub(crate) fn wants(&self, work: &str) -> bool {
        self.work.as_ref().is_none_or(|wanted| {
            work.strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    }
}
