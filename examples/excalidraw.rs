//! One real document through everything that the engine does, with a proof for each step.
//!
//! `cargo run --release --example excalidraw [-- <file>]`
//!
//! Without an argument it takes the drawing library that comes with the source. The file may be
//! JSON (made live throughout) or plain LSON, gzipped or not. Exit code 1 if a proof fails.
#![allow(clippy::disallowed_methods, reason = "an example may look at the clock")]

use std::error::Error;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use livetree::document::{ObjectRef, ValueRef};
use livetree::edit::NodeMut;
use livetree::op::{NodeKind, OpKind};
use livetree::{
    Actor, Changes, Document, EditError, IdSource, Json, ListMut, Lson, NodeId, Op, Outcome,
    SerializedNode, patch,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let vendored = "tests/data/aws-architecture-icons.excalidrawlib.json.gz";
    let path = std::env::args_os()
        .nth(1)
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(vendored), PathBuf::from);
    match run(&path) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Path) -> Result<bool> {
    let bytes = read(path)?;
    let (json, parsing) = timed(|| Json::from_slice(&bytes));
    let json = json?;
    let is_lson = json.get("liveblocksType").is_some();
    let load = if is_lson { Document::from_plain_lson } else { Document::from_json };
    let (document, loading) = timed(|| load(&bytes));
    let document = document?;

    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    println!("{name}");
    let kind = if is_lson { "plain LSON" } else { "JSON, made live throughout" };
    println!(
        "{} of {kind}, loaded in {} ({}); parsing alone takes {}\n",
        size(bytes.len()),
        time(loading),
        speed(bytes.len(), loading),
        time(parsing)
    );
    kinds(&document);

    let mut proofs = Proofs::default();
    if !is_lson {
        proofs.add("the document's JSON equals the file's", document.to_json() == json);
    }
    conversions(&document, &mut proofs)?;
    match biggest_list(&document) {
        Some(list) => edits(document, &list, &mut proofs)?,
        None => println!("There is no list of objects to edit."),
    }
    Ok(proofs.print())
}

/// The bytes of a file, unpacked if they are gzipped.
fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

fn kinds(document: &Document) {
    let names = [
        (NodeKind::Object, "objects"),
        (NodeKind::Map, "maps"),
        (NodeKind::List, "lists"),
        (NodeKind::Register, "plain items"),
        (NodeKind::Text, "texts"),
        (NodeKind::File, "files"),
    ];
    let mut counts = [0; 6];
    for node in document.nodes() {
        counts[node.content.kind() as usize] += 1;
    }
    let counts: Vec<String> = names
        .iter()
        .map(|(kind, name)| (counts[*kind as usize], name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{} {name}", number(count)))
        .collect();
    println!("{} live nodes: {}\n", number(document.node_count()), counts.join(", "));
}

/// Out and in again, in each of the four notations.
fn conversions(document: &Document, proofs: &mut Proofs) -> Result<()> {
    println!("{:<18}{:>10}{:>12}{:>12}", "", "size", "out", "in");
    let row = |name: &str, bytes: usize, out: Duration, back: Duration| {
        println!("{name:<18}{:>10}{:>12}{:>12}", size(bytes), time(out), time(back));
    };

    let (text, out) = timed(|| document.to_json_text());
    let (back, into) = timed(|| Document::from_json(&text));
    row("JSON", text.len(), out, into);
    proofs.add("JSON out and in again is the same JSON", back?.to_json() == document.to_json());

    let (text, out) = timed(|| document.to_plain_lson());
    let (back, into) = timed(|| Document::from_plain_lson(&text));
    row("plain LSON", text.len(), out, into);
    proofs.add("plain LSON out and in again is the same text", back?.to_plain_lson() == text);

    let (text, out) = timed(|| join(document.nodes().map(|node| node.to_json().to_vec())));
    let (back, into) = timed(|| load(&text, SerializedNode::from_json));
    row("nodes", text.len(), out, into);
    proofs.add("nodes out and in again are the same nodes", same(&back?, document));

    let (text, out) = timed(|| join(document.nodes().map(|node| node.to_compact().to_vec())));
    let (back, into) = timed(|| load(&text, SerializedNode::from_compact));
    row("compact nodes", text.len(), out, into);
    proofs.add("compact nodes out and in again are the same nodes", same(&back?, document));
    println!();
    Ok(())
}

fn join(items: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let items: Vec<Vec<u8>> = items.collect();
    [&b"["[..], &items.join(&b','), b"]"].concat()
}

fn load(
    text: &[u8],
    read: fn(&Json) -> std::result::Result<SerializedNode, livetree::node::NodeError>,
) -> Result<Document> {
    let json = Json::from_slice(text)?;
    let nodes = json.as_array().unwrap_or_default().iter().map(read);
    let (document, repairs) =
        Document::from_nodes(nodes.collect::<std::result::Result<Vec<_>, _>>()?)?;
    if repairs.is_clean() { Ok(document) } else { Err(format!("{repairs:?}").into()) }
}

/// Whether two documents are the same down to ids and positions.
fn same(a: &Document, b: &Document) -> bool {
    a.node_count() == b.node_count() && a.nodes().eq(b.nodes())
}

fn copy(document: &Document) -> Result<Document> {
    Ok(Document::from_nodes(document.nodes())?.0)
}

/// The JSON Pointer of the list that has the most objects.
fn biggest_list(document: &Document) -> Option<String> {
    let mut best = (1, None);
    let mut rest = vec![(String::new(), ValueRef::Object(document.root()))];
    while let Some((pointer, value)) = rest.pop() {
        let below = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            ValueRef::Object(object) => {
                rest.extend(object.iter().map(|(key, value)| (below(key), value)));
            }
            ValueRef::Map(map) => {
                rest.extend(map.iter().map(|(key, value)| (below(key), value)));
            }
            ValueRef::List(list) => {
                let objects = list.iter().filter(|item| item.as_object().is_some()).count();
                // Lists of drawing elements before lists of anything else.
                let elements = pointer.ends_with("/elements") || pointer.ends_with("/shapes");
                let weight = objects * if elements { 1_000 } else { 1 };
                if objects == list.len() && objects > 3 && weight > best.0 {
                    best = (weight, Some(pointer.clone()));
                }
                let items = list.iter().enumerate();
                rest.extend(items.map(|(index, item)| (below(&index.to_string()), item)));
            }
            ValueRef::Json(_) | ValueRef::Text(_) | ValueRef::File(_) => {}
        }
    }
    best.1
}

/// The document while it is edited.
struct Desk<'a> {
    document: Document,
    /// The list whose items are edited.
    list: &'a str,
    ids: IdSource,
    /// All ops so far.
    ops: Vec<Op>,
    /// What subscribers were told so far.
    changes: Vec<Changes>,
    proofs: &'a mut Proofs,
}

type Edit<'a> = Box<dyn Fn(&mut ListMut<'_>) -> std::result::Result<(), EditError> + 'a>;

/// Edits by handles, raw ops and patches, takes them back, and brings them about in other ways.
fn edits(document: Document, list: &str, proofs: &mut Proofs) -> Result<()> {
    let original = copy(&document)?;
    let ids = IdSource::new(Actor(1));
    let mut desk = Desk { document, list, ids, ops: Vec::new(), changes: Vec::new(), proofs };
    let start = desk.document.savepoint();
    desk.use_handles()?;
    desk.patch()?;
    let mut mirror = serde_json::Value::from(&original.to_json());
    let mut changes = desk.changes.iter();
    let told = changes.all(|changes| changes.apply_to(&mut mirror).is_ok());
    let told = told && mirror == serde_json::Value::from(&desk.document.to_json());
    desk.proofs.add("replaying the changes over the old JSON gives the new", told);
    desk.send_ops()?;

    let Desk { mut document, mut ids, ops, proofs, .. } = desk;
    let mut replica = copy(&original)?;
    let (applied, spent) = timed(|| ops.iter().all(|op| replica.apply(op).is_accepted()));
    row("the same ops on a copy", Some(ops.len()), None, spent);
    proofs.add("the same ops on a copy give the same nodes", applied && same(&replica, &document));

    let ((), spent) = timed(|| document.rollback(start));
    row("rollback of all of it", None, None, spent);
    proofs.add("rollback gives the very nodes from before", same(&document, &original));

    let (ops, spent) = timed(|| document.diff(&replica));
    row("diff with the edited document", Some(ops.len()), None, spent);
    let mut differed = copy(&original)?;
    let applied = ops.iter().all(|op| differed.apply(op).is_accepted());
    proofs.add("the diff applied gives the edited document", applied && same(&differed, &replica));

    let target = replica.to_json();
    let (edited, spent) = timed(|| document.edit(&mut ids, |root| root.reconcile(target.clone())));
    let edited = edited?;
    row("reconcile with the edited document's JSON", Some(edited.ops.len()), None, spent);
    proofs.add("reconcile makes the JSON equal", document.to_json() == target);
    proofs.add("every document is sound", document.check().and(replica.check()).is_ok());
    println!();
    Ok(())
}

impl Desk<'_> {
    fn use_handles(&mut self) -> Result<()> {
        let elements = self.document.at(self.list)?.as_list().ok_or("no list")?;
        let count = elements.len();
        let first = elements.get(0).and_then(|first| first.as_object()).ok_or("no object")?;
        let (place, look) = fields(first);
        let twin = Lson::live(&first.to_json());
        println!("Edits of the {count} elements in {}", self.list);
        println!("{:<46}{:>5}{:>10}{:>12}", "", "ops", "on wire", "time");
        let steps: [(&str, Edit<'_>); 5] = [
            ("move an element on the canvas", Box::new(|list| list.object(0)?.set(&*place, 120.5))),
            ("restyle it", Box::new(|list| list.object(0)?.set(&*look, "#7c3aed"))),
            ("bring it to the front", Box::new(|list| list.move_item(0, count - 1))),
            ("add one just like it", Box::new(|list| list.push(twin.clone()))),
            ("delete one", Box::new(|list| list.delete(count / 2))),
        ];
        for (name, step) in steps {
            let Self { document, ids, list, .. } = self;
            let (edited, spent) = timed(|| {
                document.edit(ids, |root| match root.at(list)? {
                    NodeMut::List(mut list) => step(&mut list),
                    _ => Err(EditError::aborted("no list")),
                })
            });
            let edited = edited?;
            self.did(name, edited.ops, spent);
            self.changes.push(edited.changes);
        }
        Ok(())
    }

    /// What a client would send, taken as it is.
    fn send_ops(&mut self) -> Result<()> {
        let id = self.document.at(&format!("{}/1", self.list))?.id().ok_or("no node")?;
        let data = [("note".into(), "sent".into())].into_iter().collect();
        let op = Op::new(id, OpKind::UpdateObject { data }).with_op_id(self.ids.mint_op_id());
        let (outcome, spent) = timed(|| self.document.apply(&op));
        self.proofs.add("an op as it is sent is accepted", outcome.is_accepted());
        self.did("an op as it is sent: set a field", vec![op], spent);
        let stray = Op::new(NodeId::from("9:9"), OpKind::SetParentKey { parent_key: "!".into() });
        let outcome = self.document.apply(&stray);
        self.proofs.add("an op on what is not there is ignored", outcome == Outcome::Ignored);
        Ok(())
    }

    fn patch(&mut self) -> Result<()> {
        let list = self.list;
        let text = format!(
            r#"[{{"op":"add","path":"{list}/1/note","value":{{"by":["a","patch"]}}}},
                {{"op":"test","path":"{list}/1/note/by/1","value":"patch"}},
                {{"op":"move","from":"{list}/1","path":"{list}/0"}},
                {{"op":"copy","from":"{list}/0","path":"{list}/-"}},
                {{"op":"remove","path":"{list}/2"}}]"#
        );
        let good = patch::from_slice(text.as_bytes())?;
        let (patched, spent) = timed(|| self.document.patch(&mut self.ids, &good));
        let patched = patched?;
        let name = "JSON Patch: add, test, move, copy, remove";
        self.did(name, patched.ops, spent);
        self.changes.push(patched.changes);

        let before = copy(&self.document)?;
        let text = format!(
            r#"[{{"op":"remove","path":"{list}/0"}},{{"op":"test","path":"{list}/0","value":7}}]"#
        );
        let bad = patch::from_slice(text.as_bytes())?;
        let (failed, spent) = timed(|| self.document.patch(&mut self.ids, &bad));
        row("JSON Patch that fails at its second operation", Some(0), None, spent);
        let unchanged = failed.is_err() && same(&self.document, &before);
        self.proofs.add("a patch that fails changes nothing", unchanged);
        Ok(())
    }

    /// Notes down what was done.
    fn did(&mut self, name: &str, ops: Vec<Op>, spent: Duration) {
        let bytes: usize = ops.iter().map(|op| op.to_json().to_vec().len()).sum();
        row(name, Some(ops.len()), Some(bytes), spent);
        self.ops.extend(ops);
    }
}

fn row(name: &str, ops: Option<usize>, bytes: Option<usize>, spent: Duration) {
    let ops = ops.map(|ops| ops.to_string()).unwrap_or_default();
    let bytes = bytes.map(size).unwrap_or_default();
    println!("{name:<46}{ops:>5}{bytes:>10}{:>12}", time(spent));
}

/// A field to move an element by and one to restyle it by.
fn fields(element: ObjectRef<'_>) -> (String, String) {
    let first = |wanted: &str, fits: fn(&Json) -> bool| {
        if element.get(wanted).is_some() {
            return wanted.to_owned();
        }
        let mut fields = element.iter();
        let found = fields.find(|(_, value)| value.as_json().is_some_and(fits));
        found.map_or(wanted.to_owned(), |(key, _)| key.to_string())
    };
    (
        first("x", |value| value.as_f64().is_some()),
        first("backgroundColor", |value| value.as_str().is_some()),
    )
}

/// What was claimed, and whether it holds.
#[derive(Default)]
struct Proofs(Vec<(&'static str, bool)>);

impl Proofs {
    fn add(&mut self, claim: &'static str, holds: bool) {
        self.0.push((claim, holds));
    }

    /// Prints them; true if all hold.
    fn print(&self) -> bool {
        for (claim, holds) in &self.0 {
            println!("{} {claim}", if *holds { "  ok" } else { "FAIL" });
        }
        let failed = self.0.iter().filter(|(_, holds)| !holds).count();
        println!("\n{} proofs hold, {failed} fail", self.0.len() - failed);
        failed == 0
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn time(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        _ if micros < 1e3 => format!("{micros:.1} µs"),
        _ if micros < 1e6 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn size(bytes: usize) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes < 1e3 => format!("{bytes} B"),
        _ if bytes < 1e6 => format!("{:.1} kB", bytes / 1e3),
        _ => format!("{:.2} MB", bytes / 1e6),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn speed(bytes: usize, duration: Duration) -> String {
    format!("{:.0} MB/s", bytes as f64 / 1e6 / duration.as_secs_f64())
}

/// With a comma between thousands.
fn number(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}
