//! Everybody ends up with the same document, nothing is lost or done twice, nothing flickers.
//!
//! The simulated world checks all of that after every message; here it is run over every family of
//! scripts. `cargo test --release --test it convergence -- --ignored` runs far more.

use livetree::server::ServerOptions;
use livetree::testing::world::script::{Family, Rules, Script};
use livetree::testing::world::soak::{self, Report};
use livetree::testing::world::{Checks, Sabotage};

fn small_families() -> Vec<Family> {
    Family::ALL.into_iter().filter(|family| *family != Family::Wide).collect()
}

fn soak(families: &[Family], seeds: std::ops::Range<u64>, steps: usize) {
    let rules = Rules::default();
    for family in families.iter().copied() {
        let mut report = Report::default();
        for seed in seeds.clone() {
            report.run(family, seed, steps, &rules);
        }
        println!("{}: {report}", family.name());
        if let Some(failure) = report.failures.first() {
            panic!("{}", failure.shrunk(&rules));
        }
    }
}

#[test]
fn every_family_converges() {
    soak(&small_families(), 0..40, 60);
}

/// By itself, as each run takes as long as ten of another family.
#[test]
fn wide_objects_converge() {
    soak(&[Family::Wide], 0..8, 60);
}

/// Two ways to the same text told its changes differently: a letter was deleted beside one like it.
#[test]
fn what_became_of_a_text_is_compared_by_effect() {
    for (family, seed) in [(Family::Mixed, 8_003_721), (Family::Undo, 8_002_069)] {
        let script = Script::generate(family, seed, 100);
        if let Err(broken) = soak::run(&script, &Rules::default()) {
            panic!("{broken}");
        }
    }
}

/// What had arrived when the connection was lost was done once more on top of itself: an item stood beside
/// the one that had replaced it, and what was edited there could not be undone.
#[test]
fn what_has_arrived_is_not_done_once_more() {
    let script = Script::generate(Family::Alone, 60_000_446, 300);
    if let Err(broken) = soak::run(&script, &Rules::default()) {
        panic!("{broken}");
    }
}

/// A document that replaced another gave the ids of its nodes to different ones, so that what was undone
/// could not come back.
#[test]
fn an_undo_meets_no_other_node_after_the_document_was_replaced() {
    for seed in [11, 60_000_446] {
        let script = Script { wide: false, ..Script::generate(Family::Any, seed, 200) };
        if let Err(broken) = soak::run(&script, &Rules::default()) {
            panic!("{broken}");
        }
    }
}

/// An undo that puts an item in place of another had arrived, but its answer was lost. The item that came was
/// there, so the op was ignored, and the other, which an undo before it had brought back, stayed.
#[test]
fn an_undone_replacement_that_has_arrived_takes_out_what_came() {
    let script = Script::generate(Family::Alone, 90_001_020, 300);
    if let Err(broken) = soak::run(&script, &Rules::default()) {
        panic!("{broken}");
    }
}

/// Documents that replaced one another gave a text the id of another, and what was typed went astray.
#[test]
fn a_text_that_comes_with_a_new_document_is_none_that_was_there() {
    for seed in [90_001_144, 90_005_132] {
        let script = Script::generate(Family::Everything, seed, 300);
        if let Err(broken) = soak::run(&script, &Rules::default()) {
            panic!("{broken}");
        }
    }
}

#[test]
#[ignore = "takes minutes; the numbers it prints are for people"]
fn every_family_converges_for_long() {
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    soak(&Family::ALL, 0..seeds, 200);
}

/// Whether some script of some family fails under the rules.
fn is_noticed(rules: &Rules) -> bool {
    small_families().into_iter().any(|family| {
        (0..60).any(|seed| soak::run(&Script::generate(family, seed, 60), rules).is_err())
    })
}

#[test]
fn a_rule_broken_on_purpose_is_noticed() {
    for sabotage in [
        Sabotage::LoseAnswer,
        Sabotage::ReverseOps,
        Sabotage::RepeatMessage,
        Sabotage::ForgetChanges,
        Sabotage::LoseOp,
        Sabotage::Careless,
    ] {
        let rules = Rules { sabotage, ..Rules::default() };
        assert!(is_noticed(&rules), "{sabotage:?} goes unnoticed");
    }
}

/// Not only because the client does other things than its twin: also by what it shows.
#[test]
fn a_client_that_rolls_nothing_back_is_noticed() {
    let checks = Checks { twins: false, ..Checks::ALL };
    assert!(is_noticed(&Rules { checks, sabotage: Sabotage::Careless, ..Rules::default() }));
    let checks = Checks { twins: false, oracle: false, ..Checks::ALL };
    assert!(is_noticed(&Rules { checks, sabotage: Sabotage::Careless, ..Rules::default() }));
}

#[test]
fn a_server_without_memory_is_noticed() {
    let options = ServerOptions::default().chunk_size(256).log_len(1_000_000).resend_window(0);
    let rules = Rules { options: Some(options), checks: Checks::ALL, ..Rules::default() };
    assert!(is_noticed(&rules));
}
