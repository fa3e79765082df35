//! What changes to one document cost, at 1,000, 100,000 and 1,000,000 nodes.
//!
//! Every measurement starts from the same state: what is timed happens under a savepoint that is
//! rolled back untimed. Ids read subject/case/size; `docs/BENCHMARKS.md` has the results.
#![allow(missing_docs, reason = "a benchmark")]
#![allow(clippy::unwrap_used, reason = "what cannot be set up cannot be measured")]

mod cpu_time;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ::cpu_time::ThreadTime;
use cpu_time::CpuTime;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use livetree::document::ValueRef;
use livetree::json::JsonObject;
use livetree::op::{Create, Intent, NodeContent, OpKind, UpdateText};
use livetree::patch::{self, Patch};
use livetree::testing::generate::Dice;
use livetree::testing::shapes;
use livetree::text::TextOp;
use livetree::{
    Actor, Client, Document, IdSource, Json, Lson, NodeId, Op, Position, ServerMessage, SmallStr,
};

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
/// So many ops are timed at once.
const CHUNK: usize = 64;
/// Ends the name of a case whose changes are all in one neighbourhood, as those of a person are.
/// Changes anywhere also pay for fetching the place from memory.
const NEARBY: &str = "-nearby";

/// A document of about `nodes` nodes with all that is needed to make ops on it.
struct Fixture {
    document: Document,
    shapes: Vec<NodeId>,
    items: Vec<NodeId>,
    map: NodeId,
    list: NodeId,
    text: NodeId,
    dice: Dice,
    ids: IdSource,
}

/// The documents are big: each is made once, when it is first needed.
fn fixture(nodes: usize) -> &'static Mutex<Fixture> {
    static FIXTURES: [OnceLock<Mutex<Fixture>>; 3] = [const { OnceLock::new() }; 3];
    let at = SIZES.iter().position(|size| *size == nodes).unwrap();
    FIXTURES[at].get_or_init(|| Mutex::new(Fixture::new(nodes)))
}

impl Fixture {
    fn new(nodes: usize) -> Self {
        let mut document = Document::from_plain_lson(&shapes::plain_lson(nodes / 2)).unwrap();
        let mut ids = IdSource::new(Actor(1));
        document.edit(&mut ids, |root| root.set("text", Lson::text("Hello, world"))).unwrap();
        let id = |pointer: &str| document.at(pointer).unwrap().id().unwrap();
        let (map, list, text) = (id("/shapes"), id("/order"), id("/text"));
        let ValueRef::Map(shapes) = document.at("/shapes").unwrap() else { unreachable!() };
        let shapes = shapes.iter().map(|(_, shape)| shape.id().unwrap()).collect();
        let ValueRef::List(order) = document.at("/order").unwrap() else { unreachable!() };
        let items = (0..order.len()).map(|index| order.id_at(index).unwrap()).collect();
        let dice = Dice::seeded(1);
        Self { document, shapes, items, map, list, text, dice, ids }
    }

    /// So many different numbers below `below`.
    fn distinct(&mut self, count: usize, below: usize) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            let number = self.dice.below(below);
            if seen.insert(number) {
                chosen.push(number);
            }
        }
        chosen
    }

    fn key_of(&self, id: &NodeId) -> SmallStr {
        self.document.parent_key_of(id).unwrap().into()
    }

    /// A position right behind the item at `index`.
    fn place_behind(&self, index: usize) -> SmallStr {
        let position = |index| self.items.get(index).map(|id| Position::verbatim(self.key_of(id)));
        Position::make(position(index).as_ref(), position(index + 1).as_ref()).as_str().into()
    }

    fn create(&mut self, parent_id: &NodeId, parent_key: SmallStr, content: NodeContent) -> Op {
        let create = Create {
            parent_id: parent_id.clone(),
            parent_key,
            intent: Intent::Insert,
            deleted_id: None,
            content,
        };
        Op::new(self.ids.mint_node_id(), OpKind::Create(create))
    }

    fn register(&mut self, parent_key: SmallStr, intent: Intent, deleted_id: Option<NodeId>) -> Op {
        let list = self.list.clone();
        let mut op = self.create(&list, parent_key, NodeContent::Register("s7".into()));
        if let OpKind::Create(create) = &mut op.kind {
            create.intent = intent;
            create.deleted_id = deleted_id;
        }
        op
    }

    /// Places to change: anywhere, or all in one neighbourhood.
    fn places(&mut self, count: usize, nearby: bool) -> Vec<usize> {
        if nearby {
            let start = self.shapes.len() / 3;
            return self.distinct(count, 128).into_iter().map(|place| start + place).collect();
        }
        self.distinct(count, self.shapes.len())
    }

    /// Ops of one kind, each for another place.
    fn ops(&mut self, kind: &str, count: usize) -> Vec<Op> {
        let (kind, nearby) = kind.strip_suffix(NEARBY).map_or((kind, false), |kind| (kind, true));
        let places = self.places(count, nearby);
        let mut ops = Vec::with_capacity(count);
        for (n, place) in places.into_iter().enumerate() {
            let shape = self.shapes[place].clone();
            let item = self.items[place].clone();
            let elsewhere = self.dice.below(self.items.len());
            ops.push(match kind {
                "update-object" => {
                    let x = Json::from(self.dice.any());
                    Op::new(
                        shape,
                        OpKind::UpdateObject { data: [("x".into(), x)].into_iter().collect() },
                    )
                }
                "delete-object-key" => Op::new(shape, OpKind::DeleteObjectKey { key: "x".into() }),
                "create-object" => {
                    let data = fields([("x", 1.into()), ("y", 2.into()), ("fill", "#fff".into())]);
                    let map = self.map.clone();
                    self.create(&map, format!("new{n}").into(), NodeContent::Object(data))
                }
                "create-map" | "create-list" => {
                    let content =
                        if kind == "create-map" { NodeContent::Map } else { NodeContent::List };
                    self.create(&shape, "more".into(), content)
                }
                "create-text" => {
                    let content = NodeContent::Text { segments: Vec::new(), version: 0 };
                    self.create(&shape, "more".into(), content)
                }
                "create-register-insert" => {
                    let key = self.place_behind(place);
                    self.register(key, Intent::Insert, None)
                }
                "create-register-push" => {
                    let key = self.place_behind(self.items.len() - 1);
                    self.register(key, Intent::Push, None)
                }
                "create-register-set" => {
                    let key = self.key_of(&item);
                    self.register(key, Intent::Set, Some(item))
                }
                "set-parent-key" => {
                    let parent_key = self.place_behind(elsewhere);
                    Op::new(item, OpKind::SetParentKey { parent_key })
                }
                "delete-crdt" => Op::new(item, OpKind::DeleteCrdt),
                "update-text" => {
                    let insert = TextOp::Insert { index: 5, text: "x".into(), attributes: None };
                    let ValueRef::Text(text) = self.document.get(&self.text).unwrap() else {
                        unreachable!()
                    };
                    let update = UpdateText {
                        base_version: text.version() + n as u64,
                        version: None,
                        ops: vec![insert],
                    };
                    Op::new(self.text.clone(), OpKind::UpdateText(update))
                }
                _ => unreachable!(),
            });
        }
        ops
    }

    /// Times `change` on each of some inputs, in chunks that all start from the same document.
    fn time<T>(
        &mut self,
        iterations: u64,
        mut inputs: impl FnMut(&mut Self, usize) -> Vec<T>,
        mut change: impl FnMut(&mut Document, &mut IdSource, &T) -> bool,
    ) -> Duration {
        let (mut left, mut spent) = (iterations, Duration::ZERO);
        while left > 0 {
            let count = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
            let inputs = inputs(self, count);
            let before = self.document.node_count();
            let savepoint = self.document.savepoint();
            let start = ThreadTime::now();
            let done = inputs
                .iter()
                .filter(|input| change(&mut self.document, &mut self.ids, input))
                .count();
            spent += start.elapsed();
            assert_eq!(done, count, "all must have succeeded");
            self.document.rollback(savepoint);
            assert_eq!(self.document.node_count(), before);
            left -= count as u64;
        }
        spent
    }
}

fn fields<const N: usize>(fields: [(&str, Json); N]) -> Arc<JsonObject> {
    let fields = fields.into_iter().map(|(key, value)| (SmallStr::from(key), value));
    Arc::new(fields.collect())
}

fn apply(c: &mut Criterion<CpuTime>) {
    for kind in [
        "update-object",
        "update-object-nearby",
        "delete-object-key",
        "create-object",
        "create-map",
        "create-list",
        "create-text",
        "create-register-insert",
        "create-register-push",
        "create-register-set",
        "set-parent-key",
        "delete-crdt",
        "update-text",
    ] {
        let mut group = c.benchmark_group(format!("apply/{kind}"));
        group.throughput(Throughput::Elements(1));
        for size in SIZES {
            group.bench_function(BenchmarkId::from_parameter(size), |b| {
                let mut fixture = fixture(size).lock().unwrap();
                b.iter_custom(|iterations| {
                    fixture.time(
                        iterations,
                        |fixture, count| fixture.ops(kind, count),
                        |document, _, op| document.apply(op).is_accepted(),
                    )
                });
            });
        }
    }
}

/// Through handles: an id is minted, an op made and applied, and the net changes reported.
fn edit(c: &mut Criterion<CpuTime>) {
    edits(c, "edit", true);
}

/// The same where nobody wants to be told of changes.
fn edit_silently(c: &mut Criterion<CpuTime>) {
    edits(c, "edit-silently", false);
}

fn edits(c: &mut Criterion<CpuTime>, name: &str, reports: bool) {
    for case in ["field", "field-nearby", "list-insert", "list-move", "list-push"] {
        let nearby = case.ends_with(NEARBY);
        let mut group = c.benchmark_group(format!("{name}/{case}"));
        group.throughput(Throughput::Elements(1));
        for size in SIZES {
            group.bench_function(BenchmarkId::from_parameter(size), |b| {
                let mut fixture = fixture(size).lock().unwrap();
                let len = fixture.items.len();
                fixture.document.set_change_reports(reports);
                b.iter_custom(|iterations| {
                    fixture.time(
                        iterations,
                        |fixture, count| {
                            let places = fixture.places(count, nearby);
                            let pointer = |place| format!("/shapes/s{place}");
                            let places = places.into_iter().map(|place| (place, pointer(place)));
                            places.map(|p| (p, fixture.dice.below(len))).collect::<Vec<_>>()
                        },
                        |document, ids, ((place, pointer), other)| {
                            let edited = document.edit(ids, |root| match case {
                                "field" | "field-nearby" => {
                                    root.at(pointer).and_then(|shape| match shape {
                                        livetree::edit::NodeMut::Object(mut shape) => {
                                            shape.set("x", 10_001)
                                        }
                                        _ => unreachable!(),
                                    })
                                }
                                "list-insert" => root.list("order")?.insert(*place, "s7"),
                                "list-push" => root.list("order")?.push("s7"),
                                _ => root.list("order")?.move_item(*place, *other),
                            });
                            edited.is_ok()
                        },
                    )
                });
                fixture.document.set_change_reports(true);
            });
        }
    }
}

/// `test`, `replace` a field, `add` to the end of a list; the failing one tests too late.
fn make_patch(place: usize, fails: bool) -> Patch {
    let test = format!(r#"{{"op":"test","path":"/shapes/s{place}/locked","value":{fails}}}"#);
    let changes = format!(
        r#"{{"op":"replace","path":"/shapes/s{place}/x","value":10001}},
        {{"op":"add","path":"/order/-","value":"s{place}"}}"#
    );
    let all = if fails { format!("[{changes},{test}]") } else { format!("[{test},{changes}]") };
    patch::from_slice(all.as_bytes()).unwrap()
}

fn patches(c: &mut Criterion<CpuTime>) {
    for (case, fails) in [
        ("three-ops", false),
        ("three-ops-nearby", false),
        ("failing", true),
        ("failing-nearby", true),
    ] {
        let nearby = case.ends_with(NEARBY);
        let mut group = c.benchmark_group(format!("patch/{case}"));
        group.throughput(Throughput::Elements(3));
        for size in SIZES {
            group.bench_function(BenchmarkId::from_parameter(size), |b| {
                let mut fixture = fixture(size).lock().unwrap();
                b.iter_custom(|iterations| {
                    fixture.time(
                        iterations,
                        |fixture, count| {
                            let places = fixture.places(count, nearby);
                            places.into_iter().map(|place| make_patch(place, fails)).collect()
                        },
                        |document, ids, patch: &Patch| document.patch(ids, patch).is_err() == fails,
                    )
                });
            });
        }
        // The same patches by the crate of that name on plain values, which keep no ids, make no
        // ops and tell no changes.
        for size in SIZES[..2].iter().filter(|_| !nearby) {
            group.bench_function(BenchmarkId::new("json-patch-crate", size), |b| {
                let mut value: serde_json::Value =
                    serde_json::from_slice(&shapes::json(size / 2)).unwrap();
                let mut dice = Dice::seeded(1);
                b.iter_custom(|iterations| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..iterations {
                        let patch = make_patch(dice.below(size / 2), fails);
                        let start = ThreadTime::now();
                        let result = json_patch::patch(&mut value, &patch);
                        spent += start.elapsed();
                        assert_eq!(result.is_err(), fails);
                        if !fails {
                            value["order"].as_array_mut().unwrap().pop();
                        }
                    }
                    spent
                });
            });
        }
    }
}

/// Taking back 64 ops: 32 updates of fields, 16 inserts and 16 moves.
fn rollback(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("rollback/64-ops");
    group.throughput(Throughput::Elements(CHUNK as u64));
    for size in SIZES {
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            let mut fixture = fixture(size).lock().unwrap();
            b.iter_custom(|iterations| {
                let mut spent = Duration::ZERO;
                for _ in 0..iterations {
                    let mut ops = fixture.ops("update-object", CHUNK / 2);
                    ops.extend(fixture.ops("create-register-insert", CHUNK / 4));
                    ops.extend(fixture.ops("set-parent-key", CHUNK / 4));
                    let before = fixture.document.node_count();
                    let savepoint = fixture.document.savepoint();
                    assert!(ops.iter().all(|op| fixture.document.apply(op).is_accepted()));
                    let start = ThreadTime::now();
                    fixture.document.rollback(savepoint);
                    spent += start.elapsed();
                    assert_eq!(fixture.document.node_count(), before);
                }
                spent
            });
        });
    }
}

/// Reading and writing whole documents, beside `serde_json` on the same bytes.
fn convert(c: &mut Criterion<CpuTime>) {
    let documents = [
        ("shapes", Document::from_plain_lson(&shapes::plain_lson(100_000)).unwrap()),
        ("excalidraw", Document::from_json(&excalidraw()).unwrap()),
    ];
    for (name, document) in &documents {
        for notation in ["json", "lson"] {
            let write = |document: &Document| match notation {
                "json" => document.to_json_text(),
                _ => document.to_plain_lson(),
            };
            let text = write(document);
            let bytes = text.len() as u64;
            let mut group = c.benchmark_group(format!("load/{notation}"));
            group.sample_size(10);
            group.throughput(Throughput::Bytes(bytes));
            group.bench_function(BenchmarkId::new("livetree", *name), |b| {
                let read = |text: &[u8]| match notation {
                    "json" => Document::from_json(text).unwrap(),
                    _ => Document::from_plain_lson(text).unwrap(),
                };
                assert_eq!(read(&text).to_json(), document.to_json());
                b.iter_with_large_drop(|| read(black_box(&text)));
            });
            group.bench_function(BenchmarkId::new("serde_json", *name), |b| {
                b.iter_with_large_drop(|| {
                    serde_json::from_slice::<serde_json::Value>(black_box(&text)).unwrap()
                });
            });
            group.finish();
            let mut group = c.benchmark_group(format!("save/{notation}"));
            group.sample_size(10);
            group.throughput(Throughput::Bytes(bytes));
            group.bench_function(BenchmarkId::new("livetree", *name), |b| {
                assert_eq!(write(document), text);
                b.iter_with_large_drop(|| write(black_box(document)));
            });
            group.bench_function(BenchmarkId::new("serde_json", *name), |b| {
                let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
                b.iter_with_large_drop(|| serde_json::to_vec(black_box(&value)).unwrap());
            });
        }
    }
}

/// Whole documents with their ids and positions: as snapshots, as nodes and as messages of nodes.
fn store(c: &mut Criterion<CpuTime>) {
    let documents = [
        ("shapes", Document::from_plain_lson(&shapes::plain_lson(100_000)).unwrap()),
        ("excalidraw", Document::from_json(&excalidraw()).unwrap()),
    ];
    for (name, document) in &documents {
        let mut group = c.benchmark_group("store");
        group.sample_size(10);
        group.throughput(Throughput::Elements(document.node_count() as u64));
        let snapshot = document.to_snapshot();
        assert_eq!(Document::from_snapshot(&snapshot).unwrap(), *document);
        group.bench_function(BenchmarkId::new("to_snapshot", *name), |b| {
            b.iter_with_large_drop(|| black_box(document).to_snapshot());
        });
        group.bench_function(BenchmarkId::new("from_snapshot", *name), |b| {
            b.iter_with_large_drop(|| Document::from_snapshot(black_box(&snapshot)).unwrap());
        });
        let nodes: Vec<_> = document.nodes().collect();
        group.bench_function(BenchmarkId::new("nodes", *name), |b| {
            b.iter_with_large_drop(|| black_box(document).nodes().collect::<Vec<_>>());
        });
        group.bench_function(BenchmarkId::new("from_nodes", *name), |b| {
            let from_nodes = |nodes| Document::from_nodes(nodes).unwrap();
            b.iter_batched(|| nodes.clone(), from_nodes, BatchSize::PerIteration);
        });
        let message = ServerMessage::StorageState { nodes };
        let mut frame = Vec::new();
        message.write(&mut frame);
        group.bench_function(BenchmarkId::new("write message", *name), |b| {
            b.iter_with_large_drop(|| {
                let mut frame = Vec::new();
                black_box(&message).write(&mut frame);
                frame
            });
        });
        group.bench_function(BenchmarkId::new("load by client", *name), |b| {
            let client = || {
                let mut client = Client::new();
                client.connected(Actor(1));
                // It asks for the document, as it must before it takes one in.
                while client.poll_message().is_some() {}
                client
            };
            let load = |mut client: Client| {
                client.receive_frame(black_box(&frame)).unwrap();
                client
            };
            assert_eq!(load(client()).document(), document);
            b.iter_batched(client, load, BatchSize::PerIteration);
        });
    }
}

fn excalidraw() -> Vec<u8> {
    let packed = include_bytes!("../tests/data/aws-architecture-icons.excalidrawlib.json.gz");
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text).unwrap();
    text
}

criterion_group! {
    name = benches;
    config = cpu_time::criterion();
    targets = apply, edit, edit_silently, patches, rollback, convert, store
}
criterion_main!(benches);
