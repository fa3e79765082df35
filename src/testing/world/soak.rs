//! Many runs: families of scripts times seeds, with the numbers that come of them, and for each
//! failure the shortest script that was found.

use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Failure;
use super::audit::Tally;
use super::script::{Broken, Family, Ran, Rules, Script};

/// What came of many runs.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub runs: usize,
    pub steps: usize,
    pub ops: Tally,
    pub undos: usize,
    pub messages: usize,
    pub connects: usize,
    pub cuts: usize,
    pub restarts: usize,
    pub failures: Vec<FailedRun>,
}

/// A run that failed.
#[derive(Clone, Debug)]
pub struct FailedRun {
    pub family: Family,
    pub seed: u64,
    pub steps: usize,
    pub broken: Broken,
}

/// Runs a script; a panic counts as a failure.
///
/// # Errors
/// Says at which step which promise was broken.
pub fn run(script: &Script, rules: &Rules) -> Result<Ran, Broken> {
    let result = catch_unwind(AssertUnwindSafe(|| script.run(rules)));
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
        let failure = Failure::from(format!("panic: {text}"));
        Err(Broken { step: usize::MAX, failure })
    })
}

impl Report {
    /// Runs the script of a family that a seed stands for, and enters what came of it.
    pub fn run(&mut self, family: Family, seed: u64, steps: usize, rules: &Rules) {
        let script = Script::generate(family, seed, steps);
        self.runs += 1;
        self.steps += steps;
        match run(&script, rules) {
            Ok(ran) => self.add(&ran),
            Err(broken) => self.failures.push(FailedRun { family, seed, steps, broken }),
        }
    }

    fn add(&mut self, ran: &Ran) {
        let Tally { made, accepted, corrected, ignored, rejected, rectified, merged, by_server } =
            ran.tally;
        let ops = &mut self.ops;
        ops.made += made;
        ops.accepted += accepted;
        ops.corrected += corrected;
        ops.ignored += ignored;
        ops.rejected += rejected;
        ops.rectified += rectified;
        ops.merged += merged;
        ops.by_server += by_server;
        self.undos += ran.stats.undos;
        self.messages += ran.stats.messages_up + ran.stats.messages_down;
        self.connects += ran.stats.connects;
        self.cuts += ran.stats.cuts;
        self.restarts += ran.stats.restarts;
    }

    /// Adds up two reports.
    pub fn merge(&mut self, other: Self) {
        let ran = Ran {
            stats: super::Stats {
                undos: other.undos,
                messages_up: other.messages,
                connects: other.connects,
                cuts: other.cuts,
                restarts: other.restarts,
                ..super::Stats::default()
            },
            tally: other.ops,
            sabotaged: false,
        };
        self.add(&ran);
        self.runs += other.runs;
        self.steps += other.steps;
        self.failures.extend(other.failures);
    }
}

impl FailedRun {
    /// The shortest script that fails in the same way, with how it fails.
    pub fn shrunk(&self, rules: &Rules) -> String {
        let kind = |broken: &Broken| broken.failure.what.chars().take(14).collect::<String>();
        let script = Script::generate(self.family, self.seed, self.steps);
        let wanted = kind(&self.broken);
        let fails = |script: &Script| {
            run(script, rules).is_err_and(|broken| kind(&broken)[7..] == wanted[7..])
        };
        let script = script.shrink(fails);
        let mut out = format!("{}\n", self);
        if let Err(broken) = run(&script, rules) {
            let _ = writeln!(out, "{broken}");
        }
        let _ = writeln!(
            out,
            "Script {{ users: {}, reader: {}, keep_foreign: {}, wide: {}, steps: vec![",
            script.users, script.reader, script.keep_foreign, script.wide
        );
        for step in &script.steps {
            let _ = writeln!(out, "    {step:?},");
        }
        out + "] }" + &script.trace(rules)
    }
}

impl fmt::Display for FailedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what: String = self.broken.failure.what.chars().take(300).collect();
        let (family, seed, steps) = (self.family.name(), self.seed, self.steps);
        write!(f, "family {family}, seed {seed}, {steps} steps: step {}: {what}", self.broken.step)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ops = &self.ops;
        write!(
            f,
            "{} runs, {} steps, {} undos, {} ops ({} accepted, {} of them corrected; {} ignored, \
             {} rejected, {} merged; {} answered again, {} by the server), {} messages, \
             {} connections, {} cuts, {} restarts; {} failures",
            self.runs,
            self.steps,
            self.undos,
            ops.made,
            ops.accepted,
            ops.corrected,
            ops.ignored,
            ops.rejected,
            ops.merged,
            ops.rectified,
            ops.by_server,
            self.messages,
            self.connects,
            self.cuts,
            self.restarts,
            self.failures.len()
        )
    }
}
