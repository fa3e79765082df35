//! What typing costs: recorded editing traces, applied by the engine and by bare ropes.
//!
//! Every benchmark applies a whole trace, each edit by itself as it was typed, addressed in UTF-16
//! units. Ids read text/work/trace; `docs/BENCHMARKS.md` has the results.
#![allow(missing_docs, reason = "a benchmark")]
#![allow(clippy::unwrap_used, reason = "what cannot be set up cannot be measured")]

mod cpu_time;

use std::hint::black_box;

use cpu_time::CpuTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use livetree::op::{OpKind, UpdateText};
use livetree::testing::traces::Trace;
use livetree::text::{History, Order, Outcome, Text, TextOp, transform, transform_over};
use livetree::{Actor, Document, IdSource, Lson, NodeId, Op, lson};

/// A patch as text operations.
fn patches(trace: &Trace) -> Vec<Vec<TextOp>> {
    let signed = |n: usize| i64::try_from(n).unwrap();
    let ops = trace.patches().map(|patch| {
        let index = signed(patch.at);
        let delete = TextOp::Delete { index, length: signed(patch.removed) };
        let insert =
            TextOp::Insert { index, text: patch.inserted.as_str().into(), attributes: None };
        let delete = (patch.removed > 0).then_some(delete);
        delete.into_iter().chain((!patch.inserted.is_empty()).then_some(insert)).collect()
    });
    ops.collect()
}

/// The same as ops of a client that is up to date.
fn updates(patches: &[Vec<TextOp>], text: &NodeId) -> Vec<Op> {
    let mut ids = IdSource::new(Actor(1));
    let updates = patches.iter().enumerate().map(|(version, ops)| {
        let base_version = version as u64;
        let update = UpdateText { base_version, version: None, ops: ops.clone() };
        Op { op_id: Some(ids.mint_op_id()), ..Op::new(text.clone(), OpKind::UpdateText(update)) }
    });
    updates.collect()
}

fn apply_to_rope(patches: &[Vec<TextOp>]) -> crop::Rope {
    let mut rope = crop::Rope::new();
    let size = |n: i64| usize::try_from(n).unwrap();
    for op in patches.iter().flatten() {
        match op {
            TextOp::Insert { index, text, .. } => {
                rope.insert(rope.byte_of_utf16_code_unit(size(*index)), text.as_str());
            }
            TextOp::Delete { index, length } => {
                let start = rope.byte_of_utf16_code_unit(size(*index));
                let end = rope.byte_of_utf16_code_unit(size(*index + *length));
                rope.delete(start..end);
            }
            TextOp::Format { .. } => {}
        }
    }
    rope
}

fn apply_to_text(patches: &[Vec<TextOp>]) -> Text {
    let mut text = Text::default();
    for ops in patches {
        text.apply(ops);
    }
    text
}

fn receive(patches: &[Vec<TextOp>], updates: &[Op]) -> Text {
    let (mut history, mut text, mut version) = (History::default(), Text::default(), 0);
    for (ops, op) in patches.iter().zip(updates) {
        let base = version;
        let outcome = history.receive(&mut text, &mut version, op.op_id.as_ref(), base, ops);
        assert!(matches!(outcome, Outcome::Accepted(_)));
    }
    text
}

fn document() -> (Document, NodeId) {
    let document = Document::from_lson(&lson!({ "t": (Lson::text("")) })).unwrap();
    let text = document.at("/t").unwrap().id().unwrap();
    (document, text)
}

fn apply_to_document(updates: &[Op]) -> Document {
    let (mut document, _) = document();
    for op in updates {
        assert!(document.apply(op).is_accepted());
    }
    document
}

fn edit(patches: &[Vec<TextOp>]) -> Document {
    let (mut document, _) = document();
    let mut ids = IdSource::new(Actor(1));
    for op in patches.iter().flatten() {
        let size = |n: &i64| usize::try_from(*n).unwrap();
        let edited = document.edit(&mut ids, |root| {
            let mut t = root.text("t")?;
            match op {
                TextOp::Insert { index, text, .. } => t.insert(size(index), text.clone()),
                TextOp::Delete { index, length } => t.delete(size(index), size(length)),
                TextOp::Format { .. } => Ok(()),
            }
        });
        black_box(edited.unwrap());
    }
    document
}

fn content(document: &Document) -> String {
    document.at("/t").unwrap().as_text().unwrap().to_string()
}

fn traces(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("text");
    group.sample_size(10);
    for name in ["automerge-paper", "seph-blog1"] {
        let trace = Trace::named(name);
        let patches = patches(&trace);
        let updates = updates(&patches, &document().1);
        assert_eq!(apply_to_rope(&patches).to_string(), trace.end);
        assert_eq!(apply_to_text(&patches).to_string(), trace.end);
        assert_eq!(receive(&patches, &updates).to_string(), trace.end);
        assert_eq!(content(&apply_to_document(&updates)), trace.end);
        assert_eq!(content(&edit(&patches)), trace.end);

        group.throughput(Throughput::Elements(patches.len() as u64));
        group.bench_function(BenchmarkId::new("crop", name), |b| {
            b.iter(|| apply_to_rope(&patches));
        });
        group.bench_function(BenchmarkId::new("text", name), |b| {
            b.iter(|| apply_to_text(&patches));
        });
        group.bench_function(BenchmarkId::new("receive", name), |b| {
            b.iter(|| receive(&patches, &updates));
        });
        group.bench_function(BenchmarkId::new("apply", name), |b| {
            b.iter(|| apply_to_document(&updates));
        });
        group.bench_function(BenchmarkId::new("edit", name), |b| b.iter(|| edit(&patches)));
    }
    group.finish();
}

/// Operations carried over many that were accepted since.
fn transforms(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("transform");
    let typed = |n: i64| TextOp::Insert { index: n / 2, text: "x".into(), attributes: None };
    for count in [1_000, 10_000, 100_000] {
        let accepted: Vec<TextOp> = (0..count).map(typed).collect();
        let one = [TextOp::Insert { index: count / 3, text: "one".into(), attributes: None }];
        group.throughput(Throughput::Elements(accepted.len() as u64));
        group.bench_with_input(BenchmarkId::new("one over", count), &accepted, |b, accepted| {
            b.iter(|| transform_over(&one, accepted, Order::After));
        });
    }
    for (own, others) in [(10, 10_000), (100, 1_000), (1_000, 1_000)] {
        let (own, others): (Vec<TextOp>, Vec<TextOp>) =
            ((0..own).map(typed).collect(), (0..others).map(typed).collect());
        group.throughput(Throughput::Elements((own.len() * others.len()) as u64));
        let id = BenchmarkId::new("many over many", format!("{}x{}", own.len(), others.len()));
        group.bench_function(id, |b| b.iter(|| transform(&own, &others, Order::After)));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = cpu_time::criterion();
    targets = traces, transforms
}
criterion_main!(benches);
