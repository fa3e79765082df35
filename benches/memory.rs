//! What documents and rooms take on the heap: the live bytes that they hold, beside
//! `serde_json::Value` on the same bytes.
//!
//! `cargo bench --bench memory`; the figures are the same on every run.
#![allow(missing_docs, reason = "a benchmark")]
#![allow(clippy::unwrap_used, reason = "what cannot be set up cannot be measured")]

use std::alloc::System;
use std::io::Read as _;

use livetree::edit::NodeMut;
use livetree::server::{ServerOptions, SessionOptions};
use livetree::testing::shapes;
use livetree::{Client, ClientMessage, Document, Server};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SHAPES: usize = 100_000;

fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// What `make` makes, and how many bytes it holds.
fn measured<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = live();
    let result = make();
    (result, live() - before)
}

fn value(text: &[u8]) -> serde_json::Value {
    serde_json::from_slice(text).unwrap()
}

fn main() {
    documents();
    println!();
    rooms();
}

fn documents() {
    let excalidraw = {
        let packed = include_bytes!("../tests/data/aws-architecture-icons.excalidrawlib.json.gz");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
        text
    };
    println!(
        "{:<38}{:>11}{:>10}{:>10}{:>13}{:>12}{:>7}",
        "document", "nodes", "text", "livetree", "per node", "Value", "ratio"
    );
    let shapes_lson = shapes::plain_lson(SHAPES);
    row("shapes, plain LSON", &shapes_lson, false, Some(SHAPES));
    row("shapes, JSON", &shapes::json(SHAPES), true, Some(SHAPES));
    row("excalidraw, JSON, all of it live", &excalidraw, true, None);
    let lson = Document::from_json(&excalidraw).unwrap().to_plain_lson();
    row("excalidraw, plain LSON", &lson, false, None);
}

fn row(name: &str, text: &[u8], is_json: bool, shapes: Option<usize>) {
    let (document, bytes) = measured(|| {
        if is_json { Document::from_json(text) } else { Document::from_plain_lson(text) }.unwrap()
    });
    let nodes = document.node_count();
    drop(document);
    let (value, value_bytes) = measured(|| value(text));
    drop(value);
    let megabytes = |bytes: usize| format!("{:.1} MB", fraction(bytes, 1_000_000));
    println!(
        "{name:<38}{nodes:>11}{:>10}{:>10}{:>11.1} B{:>12}{:>7.2}",
        megabytes(text.len()),
        megabytes(bytes),
        fraction(bytes, nodes),
        megabytes(value_bytes),
        fraction(bytes, value_bytes),
    );
    if let Some(shapes) = shapes {
        println!(
            "{:<38}{:>31.0} B{:>23.0} B",
            "  per shape",
            fraction(bytes, shapes),
            fraction(value_bytes, shapes)
        );
    }
}

fn rooms() {
    println!("{:<60}{:>12}", "one room with one client, on the server", "live heap");
    let room = |shapes: Option<usize>, options: ServerOptions| {
        let document = shapes.map_or_else(Document::new, |shapes| {
            Document::from_plain_lson(&shapes::plain_lson(shapes)).unwrap()
        });
        let mut server = Server::new(document, options);
        let actor = server.connect(SessionOptions::default()).unwrap();
        (server, actor)
    };
    let print = |name: &str, bytes: usize| println!("{name:<60}{bytes:>10} B");
    print("empty document", measured(|| room(None, ServerOptions::default())).1);
    print("ten shapes", measured(|| room(Some(10), ServerOptions::default())).1);
    for ops in [1_000, 10_000] {
        let (_, bytes) = measured(|| {
            let (mut server, actor) = room(Some(10), ServerOptions::default());
            for clock in 0..ops {
                let message = format!(
                    r#"{{"type":201,"ops":[{{"type":3,"opId":"{actor}:{clock}","id":"si:2","data":{{"x":{clock}}}}}]}}"#
                );
                let message = ClientMessage::read_frame(message.as_bytes()).unwrap().remove(0);
                assert_eq!(server.receive(actor, message, 0).unwrap().sender.len(), 1);
            }
            server
        });
        print(&format!("ten shapes, after {ops} ops (log and window of op ids)"), bytes);
    }
    println!();
    println!("{:<60}{:>12}", "a client of 10,000 shapes", "live heap");
    let mut server = room(Some(10_000), ServerOptions::default()).0;
    let actor = server.connect(SessionOptions::default()).unwrap();
    let (mut client, bytes) = measured(|| {
        let mut client = Client::new();
        client.connected(actor);
        let message = client.poll_message().unwrap();
        for answer in server.receive(actor, message, 0).unwrap().sender {
            client.receive(answer).unwrap();
        }
        client
    });
    print("synchronised", bytes);
    let ((), bytes) = measured(|| {
        for shape in 0..10_000 {
            let edited = client.edit(|root| match root.at(&format!("/shapes/s{shape}"))? {
                NodeMut::Object(mut shape) => shape.set("x", 7),
                _ => unreachable!(),
            });
            assert!(edited.is_ok());
        }
    });
    print("each pending op on top", bytes / 10_000);
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn fraction(bytes: usize, parts: usize) -> f64 {
    bytes as f64 / parts as f64
}
