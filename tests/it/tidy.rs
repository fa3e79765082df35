//! The repository keeps its own rules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The modules of the crate in layers: a file may use its own layer and those above it here.
///
/// Modules on one line may know each other: a document notes its changes down as they are made, and its limits
/// measure it. `patch::pointer` comes early, since documents are read by JSON Pointer.
const LAYERS: &[&[&str]] = &[
    &["small_str"],
    &["id", "position", "json", "patch::pointer"],
    &["file", "text"],
    &["lson", "op"],
    &["node"],
    &["document", "change", "limits"],
    &["apply"],
    &["diff", "inverse", "spread"],
    &["prediction"],
    &["edit"],
    &["patch", "history", "cursors"],
    &["restore", "message", "log"],
    &["server", "client", "peer"],
    &["error"],
    &["testing"],
];

/// The most that the tracked files may take together.
const MAX_REPOSITORY_BYTES: u64 = 15 * 1024 * 1024;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files below a folder, as paths from the repository's root.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

/// `src/document/order.rs` is `["document", "order"]`; `src/lib.rs` is empty.
fn module_of(file: &Path) -> Vec<String> {
    let inner = file.strip_prefix("src").unwrap().with_extension("");
    let names: Vec<String> = inner.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
    if names == ["lib"] { Vec::new() } else { names }
}

/// The lines of a file without comments and without its `#[cfg(test)]` module at the end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| match line.find("//") {
        Some(at) => &line[..at],
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The name that starts a text, if one does.
fn leading_name(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// What stands between the braces that a text opens with, split at the top level.
fn group(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 1, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            parts.push(text[start..at].trim());
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    parts
}

/// The paths that follow each `crate::`, one for each name in braces.
fn crate_paths(code: &str) -> Vec<&str> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if rest.starts_with('{') { paths.extend(group(rest)) } else { paths.push(rest) }
    }
    paths
}

/// The names that `lib.rs` re-exports, each with the module it comes from.
fn re_exports() -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let lib = code(&read("src/lib.rs"));
    for statement in lib.split("pub use ").skip(1) {
        let Some((module, rest)) = statement.split_once("::") else { continue };
        let exported = if rest.starts_with('{') { group(rest) } else { vec![rest] };
        for name in exported.into_iter().filter_map(leading_name) {
            names.insert(name.to_owned(), module.to_owned());
        }
    }
    names
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "tests", "benches", "examples"] {
        for file in rust_files(folder) {
            assert!(read(&file).starts_with("//!"), "{} has no module doc", file.display());
        }
    }
}

#[test]
fn every_file_is_reached() {
    for (folder, top) in [("src", "src/lib.rs"), ("tests/it", "tests/it/main.rs")] {
        for file in rust_files(folder).into_iter().filter(|file| file != Path::new(top)) {
            let parent = match file.parent().unwrap() {
                parent if parent == Path::new(folder) => PathBuf::from(top),
                parent => parent.with_extension("rs"),
            };
            let name = file.file_stem().unwrap().to_str().unwrap();
            let text = code(&fs::read_to_string(root().join(&parent)).unwrap_or_default());
            let declared = text.lines().any(|line| line.trim().ends_with(&format!("mod {name};")));
            // The test module's declaration follows its attribute, which `code` keeps.
            assert!(declared, "{} does not declare {}", parent.display(), file.display());
        }
    }
}

#[test]
fn layers_only_look_up() {
    let exported = re_exports();
    let mut errors = Vec::new();
    for file in rust_files("src") {
        let module = module_of(&file);
        let Some(top) = module.first() else { continue };
        let own = layer_of(&module.join("::")).or_else(|| layer_of(top));
        let Some(own) = own else {
            errors.push(format!("{}: `{top}` is in no layer", file.display()));
            continue;
        };
        if file.ends_with("tests.rs") {
            continue;
        }
        let text = read(&file);
        let code = code(&text);
        for path in crate_paths(&code) {
            let Some(name) = leading_name(path) else { continue };
            let used = exported.get(name).map_or(name, String::as_str);
            let inner = path[name.len()..].strip_prefix("::").and_then(leading_name);
            let layer = inner
                .and_then(|inner| layer_of(&format!("{used}::{inner}")))
                .or_else(|| layer_of(used));
            match layer {
                Some(layer) if layer > own => {
                    errors.push(format!("{} must not use crate::{name}", file.display()));
                }
                Some(_) => {}
                // Macros are at the root wherever they are written; nothing else is.
                None if path[name.len()..].starts_with('!') => {}
                None => errors.push(format!("{}: what is crate::{name}?", file.display())),
            }
        }
        // `super::super::…` up to the root would go around this check.
        let to_root = "super::".repeat(module.len());
        if code.contains(&to_root) {
            errors.push(format!("{} reaches the crate's root by {to_root}", file.display()));
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn layers_are_told_in_one_order() {
    let layers = LAYERS.iter().copied().flatten().copied();
    let layers: Vec<&str> = layers.filter(|module| !module.contains("::")).collect();

    let lib = code(&read("src/lib.rs"));
    let declared = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    assert_eq!(declared.collect::<Vec<_>>(), layers, "src/lib.rs");

    let architecture = read("ARCHITECTURE.md");
    let rows = architecture.lines().skip_while(|line| *line != "## Map").skip(1);
    let rows = rows
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| `")?.split_once(" |").map(|(modules, _)| modules));
    // Of a row such as "op`, `node`", what is in backticks.
    let named = rows.flat_map(|modules| modules.split('`').step_by(2));
    let named: Vec<&str> = named.filter(|name| leading_name(name).is_some()).collect();
    assert_eq!(named, layers, "the map of ARCHITECTURE.md");
}

#[test]
fn nothing_is_left_to_do() {
    for folder in ["src", "tests", "benches", "examples", "fuzz"] {
        for file in rust_files(folder).into_iter().filter(|file| !file.ends_with("tidy.rs")) {
            let text = read(&file);
            for mark in ["todo!", "unimplemented!", "TODO", "FIXME", "dbg!"] {
                assert!(!text.contains(mark), "{} contains {mark}", file.display());
            }
        }
    }
}

/// The value of a `name = "value"` line.
fn manifest_value(name: &str) -> String {
    let manifest = read("Cargo.toml");
    let start = format!("{name} = \"");
    let line = manifest.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {name} in Cargo.toml")).trim_end_matches('"').to_owned()
}

#[test]
fn the_minimum_rust_version_is_said_alike() {
    let msrv = manifest_value("rust-version");
    let script = read(".ci/run");
    assert!(script.contains("'s/^rust-version = "), ".ci/run does not take it from Cargo.toml");
    assert!(read("CHANGELOG.md").contains(&format!("MSRV: Rust {msrv}")), "CHANGELOG.md");
    assert!(read("README.md").contains(&format!("Rust {msrv}")), "README.md");
}

#[test]
fn ci_runs_the_test_command_of_the_readme() {
    assert!(read(".ci/run").contains("tests() { cargo test; }"));
    assert!(read("README.md").lines().any(|line| line.trim() == "cargo test"), "README.md");
}

#[test]
fn fuzz_targets_have_a_body_a_binary_and_saved_inputs() {
    let manifest = read("fuzz/Cargo.toml");
    let mut files = rust_files("fuzz/fuzz_targets");
    for (name, _) in livetree::testing::fuzz::TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is in no [[bin]]");
        let file = PathBuf::from(format!("fuzz/fuzz_targets/{name}.rs"));
        assert!(read(&file).contains(&format!("fuzz::{name}(data)")), "{}", file.display());
        files.retain(|other| other != &file);
    }
    assert!(files.is_empty(), "in no list of targets: {files:?}");
}

#[test]
fn the_repository_is_small() {
    let git = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    let names = String::from_utf8(git.stdout).unwrap();
    let sizes = names.split_terminator('\0').filter_map(|name| {
        fs::symlink_metadata(root().join(name)).ok().map(|metadata| metadata.len())
    });
    let total: u64 = sizes.sum();
    assert!(total < MAX_REPOSITORY_BYTES, "{total} bytes are tracked");
}

/// What the README says of threads.
#[test]
fn replicas_go_from_thread_to_thread() {
    fn moves<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    is_shared::<livetree::Document>();
    is_shared::<livetree::Client>();
    is_shared::<livetree::Peer>();
    moves::<livetree::Server>();
}
