//! A room full of people who edit one real document at once, over slow and, with `--chaos`,
//! breaking connections; and whether all of them end up with the same document.
//!
//! Everything is simulated and decided by the seed, so a run can be repeated exactly.

#![allow(clippy::disallowed_methods, reason = "a program may look at the clock")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

use std::error::Error;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Instant;

use livetree::edit::NodeMut;
use livetree::server::{Access, ServerOptions};
use livetree::testing::generate::{self, Dice};
use livetree::testing::swarm::Swarm;
use livetree::testing::world::script::{Family, Rules, Script};
use livetree::testing::world::soak::Report;
use livetree::testing::world::{Checks, Setup, World};
use livetree::{Document, EditError, Json, Lson, ObjectMut};

const DOCUMENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/aws-architecture-icons.excalidrawlib.json.gz");

const HELP: &str = "\
Simulates a room and checks that everybody ends up with the same document.

usage: convergence [--document PATH] [--seed N] [--clients N] [--ops N] [--chaos]
       convergence --runs N [--seed N] [--family NAME] [--steps N] [--peers]

  --document PATH  JSON or plain LSON, gzipped or not   (an Excalidraw library)
  --seed N         repeats a run exactly                (1)
  --clients N      how many people edit                 (5)
  --ops N          how many edits they make in all      (20000)
  --chaos          cut connections, read-only clients, patches by the server

  --runs N         instead, N small rooms of every family of scripts, each watched closely:
                   after every message each client is compared with a naive recomputation
  --family NAME    only one family
  --steps N        how long the scripts are             (100)
  --peers          among peers without a server
";

struct Options {
    document: String,
    seed: u64,
    clients: usize,
    ops: usize,
    chaos: bool,
    runs: u64,
    family: Option<Family>,
    steps: usize,
    peers: bool,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(what) => {
            eprintln!("{what}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if options.runs > 0 {
        return if options.peers { soak_peers(&options) } else { soak(&options) };
    }
    let document = match load(&options.document) {
        Ok(document) => document,
        Err(error) => {
            eprintln!("{}: {error}", options.document);
            return ExitCode::from(2);
        }
    };
    let converged = run(&options, document);
    println!("converged: {}", if converged { "yes" } else { "no" });
    if converged { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options {
        document: DOCUMENT.to_owned(),
        seed: 1,
        clients: 5,
        ops: 20_000,
        chaos: false,
        runs: 0,
        family: None,
        steps: 100,
        peers: false,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text:?} is not a number"));
        match arg.as_str() {
            "--document" => options.document = value()?,
            "--seed" => options.seed = number(value()?)?,
            "--clients" => options.clients = number(value()?)? as usize,
            "--ops" => options.ops = number(value()?)? as usize,
            "--chaos" => options.chaos = true,
            "--runs" => options.runs = number(value()?)?,
            "--peers" => options.peers = true,
            "--steps" => options.steps = number(value()?)? as usize,
            "--family" => {
                let name = value()?;
                let family = Family::ALL.into_iter().find(|family| family.name() == name);
                let names = Family::ALL.map(Family::name).join(", ");
                let unknown = || format!("there is no family {name:?}, only {names}");
                options.family = Some(family.ok_or_else(unknown)?);
            }
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("there is no option {arg:?}")),
        }
    }
    if options.clients == 0 || options.clients > 1_000 {
        return Err("--clients must be from 1 to 1000".to_owned());
    }
    Ok(Some(options))
}

/// Many small rooms, watched closely.
fn soak(options: &Options) -> ExitCode {
    let rules = Rules::default();
    std::panic::set_hook(Box::new(|_| {}));
    let mut all = Report::default();
    for family in Family::ALL {
        if options.family.is_some_and(|only| only != family) {
            continue;
        }
        let mut report = Report::default();
        let started = Instant::now();
        for seed in options.seed..options.seed + options.runs {
            report.run(family, seed, options.steps, &rules);
        }
        println!("{}: {report} in {:.1} s", family.name(), started.elapsed().as_secs_f64());
        let mut failures = report.failures.clone();
        failures.sort_by_key(|failure| failure.broken.step);
        for failure in &failures {
            println!("{failure}");
        }
        for failure in failures.iter().take(1) {
            println!("{}", failure.shrunk(&rules));
        }
        all.merge(report);
    }
    println!("all: {all}");
    println!("converged: {}", if all.failures.is_empty() { "yes" } else { "no" });
    if all.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Many small swarms.
fn soak_peers(options: &Options) -> ExitCode {
    let (mut ops, mut settled, mut failures) = (0, 0, 0);
    for family in Family::ALL {
        if options.family.is_some_and(|only| only != family) {
            continue;
        }
        for seed in options.seed..options.seed + options.runs {
            match Swarm::run(&Script::generate(family, seed, options.steps)) {
                Ok(stats) => {
                    ops += stats.ops;
                    settled += stats.settled;
                }
                Err(failure) => {
                    failures += 1;
                    println!("family {}, seed {seed}: {failure}", family.name());
                }
            }
        }
        println!("{}: {ops} ops so far, {settled} settled; {failures} failures", family.name());
    }
    println!("converged: {}", if failures == 0 { "yes" } else { "no" });
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn load(path: &str) -> Result<Document, Box<dyn Error>> {
    let mut bytes = std::fs::read(path)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut text)?;
        bytes = text;
    }
    let plain_lson = Json::from_slice(&bytes)?.get("liveblocksType").is_some();
    Ok(if plain_lson { Document::from_plain_lson(&bytes)? } else { Document::from_json(&bytes)? })
}

fn run(options: &Options, document: Document) -> bool {
    println!(
        "{} nodes, {} bytes of JSON; {} clients, {} edits, seed {}{}",
        document.node_count(),
        document.to_json_text().len(),
        options.clients,
        options.ops,
        options.seed,
        if options.chaos { ", chaos" } else { "" }
    );
    let places = generate::containers(livetree::document::ValueRef::Object(document.root()));
    let setup =
        Setup { options: ServerOptions::default(), checks: Checks::NONE, ..Setup::default() };
    let mut world = World::new(document, setup);
    let mut dice = Dice::seeded(options.seed);
    for user in 0..options.clients {
        let reads = options.chaos && user > 1 && user % 7 == 6;
        world.add_user(if reads { Access::ReadOnly } else { Access::ReadWrite });
    }
    let started = Instant::now();
    let outcome = live(&mut world, &mut dice, options, &places);
    let seconds = started.elapsed().as_secs_f64();

    let stats = world.stats;
    println!(
        "{} edits, {} undos and redos, {} patches by the server in {seconds:.1} s",
        stats.edits, stats.undos, stats.patches
    );
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let rate = |count: usize| (count as f64 / seconds).round();
    let messages = stats.messages_up + stats.messages_down;
    println!(
        "{} ops/s, {} messages/s ({} messages, {} KiB up, {} KiB down)",
        rate(stats.answers.accepted + stats.answers.ignored),
        rate(messages),
        messages,
        stats.bytes_up / 1024,
        stats.bytes_down / 1024
    );
    println!("{} connections, {} of them cut", stats.connects, stats.cuts);
    let answers = stats.answers;
    println!(
        "ops: {} accepted ({} fixes), {} ignored, {} rejected, {} sent again and not applied again",
        answers.accepted, answers.fixes, answers.ignored, answers.rejected, answers.repeated
    );
    if let Err(failure) = &outcome {
        println!("{failure}");
    }
    let server = hash(world.server.document());
    println!("{server:016x}  server, {} nodes", world.server.document().node_count());
    let mut same = outcome.is_ok();
    for (number, user) in world.users.iter().enumerate() {
        let replica = hash(user.client.document());
        println!("{replica:016x}  client {number}, {:?}", user.client.status());
        same &= replica == server;
    }
    same
}

/// Lets everybody edit, then brings all to rest.
fn live(
    world: &mut World,
    dice: &mut Dice,
    options: &Options,
    places: &[String],
) -> Result<(), livetree::testing::world::Failure> {
    let bar = std::io::stderr().is_terminal();
    world.settle()?;
    for done in 0..options.ops {
        if bar && done % 256 == 0 {
            progress(done, options.ops);
        }
        let user = dice.below(options.clients);
        match dice.below(40) {
            0 => world.undo(user)?,
            1 => world.redo(user)?,
            _ => {
                let place = dice.pick(places).clone();
                let choice = dice.clone();
                world.edit(user, |root| edit(&mut choice.clone(), root, &place))?;
                for _ in 0..8 {
                    dice.any();
                }
            }
        }
        if dice.one_in(2) {
            world.flush(user)?;
        }
        // Half a connection at a time: what is said arrives some edits later.
        let other = dice.below(options.clients);
        for _ in 0..dice.below(2 * options.clients) {
            world.deliver_up(dice.below(options.clients))?;
            world.deliver_down(other)?;
            world.deliver_down(dice.below(options.clients))?;
        }
        if options.chaos {
            chaos(world, dice, options.clients, places)?;
        }
    }
    if bar {
        progress(options.ops, options.ops);
        eprintln!();
    }
    world.settle()
}

fn chaos(
    world: &mut World,
    dice: &mut Dice,
    clients: usize,
    places: &[String],
) -> Result<(), livetree::testing::world::Failure> {
    let user = dice.below(clients);
    if dice.one_in(200) {
        let (up, down) = world.users[user].bytes_under_way();
        world.cut(user, dice.below(up + 1), dice.below(down + 1), dice.one_in(2))?;
    }
    if dice.one_in(20) {
        let offline = (0..clients).find(|user| !world.users[*user].is_connected());
        if let Some(user) = offline {
            world.connect(user)?;
        }
    }
    if dice.one_in(30) && world.ghosts() > 0 {
        world.deliver_ghost(dice.below(world.ghosts()))?;
    }
    if dice.one_in(400) {
        let place = dice.pick(places);
        let patch = format!(
            r#"[{{"op":"test","path":"{place}/patched","value":0}},{{"op":"add","path":"{place}/patched","value":1}}]"#
        );
        world.patch(patch.as_bytes())?;
        let patch = format!(r#"[{{"op":"add","path":"{place}/patched","value":{}}}]"#, dice.any());
        world.patch(patch.as_bytes())?;
    }
    Ok(())
}

/// What people do to a drawing: nudge numbers, restyle, reorder, duplicate, remove.
fn edit(dice: &mut Dice, root: &mut ObjectMut<'_>, place: &str) -> Result<(), EditError> {
    match root.at(place)? {
        NodeMut::Object(mut object) => {
            let len = object.view().len();
            let Some((key, value)) = object.view().iter().nth(dice.below(len.max(1))) else {
                return object.set("name", "empty no more");
            };
            let (key, value) = (key.clone(), value.as_json().cloned());
            match value {
                Some(Json::Number(number)) => {
                    object.set(key, number.get() + f64::from(dice.any() % 200) - 100.0)
                }
                Some(Json::String(_)) => {
                    object.set(key, format!("#{:06x}", dice.any() % 0xff_ffff))
                }
                Some(Json::Bool(value)) => object.set(key, !value),
                _ => object.set("name", format!("item {}", dice.any() % 1_000)),
            }
        }
        NodeMut::List(mut list) => {
            let len = list.len();
            match dice.below(8) {
                _ if len == 0 => list.push(dice.any()),
                0 => list.delete(dice.below(len)),
                1 | 2 => {
                    let copy = list.view().get(dice.below(len)).map(|item| item.to_json());
                    list.insert(dice.below(len), Lson::live(&copy.unwrap_or_default()))
                }
                _ => list.move_item(dice.below(len), dice.below(len)),
            }
        }
        NodeMut::Map(mut map) => map.set(format!("key {}", dice.below(20)), dice.any()),
        NodeMut::Text(mut text) => text.insert(dice.below(text.len() + 1), "word "),
    }
}

/// A line that is drawn over again.
fn progress(done: usize, all: usize) {
    let filled = 40 * done / all.max(1);
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "\r[{:<40}] {done}/{all}", "#".repeat(filled));
    let _ = stderr.flush();
}

/// FNV-1a over the content and over the nodes with their ids and positions.
fn hash(document: &Document) -> u64 {
    let mut bytes = document.to_plain_lson();
    let mut nodes: Vec<String> =
        document.nodes().map(|node| node.to_compact().to_string()).collect();
    nodes.sort_unstable();
    bytes.extend(nodes.concat().into_bytes());
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
