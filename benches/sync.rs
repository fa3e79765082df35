//! What keeping replicas in step costs: a client with pending edits, and servers with many
//! clients or many rooms.
//!
//! Ids read subject/case/size; `docs/BENCHMARKS.md` has the results.
#![allow(missing_docs, reason = "a benchmark")]
#![allow(clippy::unwrap_used, reason = "what cannot be set up cannot be measured")]

mod cpu_time;

use std::collections::VecDeque;
use std::time::Duration;

use ::cpu_time::ThreadTime;
use cpu_time::CpuTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use livetree::client::Status;
use livetree::edit::NodeMut;
use livetree::peer::Turn;
use livetree::server::{Reply, ServerOptions, SessionOptions};
use livetree::testing::generate::Dice;
use livetree::testing::shapes;
use livetree::{Actor, Client, Document, Lson, Op, Peer, Position, Server, ServerMessage, lson};
use serde_json::json;

/// So many messages are timed at once.
const CHUNK: usize = 64;

/// The time that so many messages take, measured in chunks.
fn in_chunks(iterations: u64, mut time: impl FnMut(usize) -> Duration) -> Duration {
    let (mut left, mut spent) = (iterations, Duration::ZERO);
    while left > 0 {
        let count = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        spent += time(count);
        left -= count as u64;
    }
    spent
}

fn server_of(shapes: usize) -> Server {
    let document = Document::from_plain_lson(&shapes::plain_lson(shapes)).unwrap();
    Server::new(document, ServerOptions::default())
}

/// A new client that has loaded the server's document.
fn join(server: &mut Server) -> (Actor, Client) {
    let actor = server.connect(SessionOptions::default()).unwrap();
    let mut client = Client::new();
    client.connected(actor);
    while let Some(message) = client.poll_message() {
        for answer in server.receive(actor, message, 0).unwrap().sender {
            client.receive(answer).unwrap();
        }
    }
    assert_eq!(client.status(), Status::Synchronized);
    (actor, client)
}

fn set_x(client: &mut Client, shape: usize, x: u32) {
    let edited = client.edit(|root| match root.at(&format!("/shapes/s{shape}"))? {
        NodeMut::Object(mut shape) => shape.set("x", x),
        _ => unreachable!(),
    });
    assert_eq!(edited.unwrap().ops.len(), 1);
}

/// An update of one field of one shape, as a client sends it.
fn frame(document: &Document, actor: Actor, clock: usize, shape: usize, x: u32) -> Vec<u8> {
    let id = document.at(&format!("/shapes/s{shape}")).unwrap().id().unwrap();
    format!(
        r#"{{"type":201,"ops":[{{"type":3,"opId":"{actor}:{clock}","id":"{id}","data":{{"x":{x}}}}}]}}"#
    )
    .into_bytes()
}

/// Somebody else's ops while a client has many edits under way that they do not concern: fields of
/// other shapes, or items elsewhere in the one list.
fn remote_op(c: &mut Criterion<CpuTime>) {
    const SHAPES: usize = 20_000;
    let half = SHAPES / 2;
    let mut ids = Vec::new();
    let set = |client: &mut Client, shape| set_x(client, shape, 7);
    under_pending(c, "client/remote-op-under-pending", SHAPES, set, |client, dice, _| {
        let document = client.document();
        if ids.is_empty() {
            let id = |n| document.at(&format!("/shapes/s{n}")).unwrap().id().unwrap();
            ids.extend((half..SHAPES).map(id));
        }
        format!(r#"{{"type":3,"id":"{}","data":{{"x":{}}}}}"#, dice.pick(&ids), dice.any())
    });
    let insert = |client: &mut Client, index: usize| {
        let edited = client.edit(|root| root.list("order")?.insert(2 * index, "mine"));
        assert_eq!(edited.unwrap().ops.len(), 1);
    };
    under_pending(c, "client/remote-insert-under-pending", 2 * SHAPES, insert, |client, _, n| {
        let document = client.document();
        let list = document.at("/order").unwrap().as_list().unwrap();
        // Never two between the same two.
        let half = list.len() / 2;
        let at = half + 7919 * n % (half - 1);
        let position = |at| {
            let key = document.parent_key_of(&list.id_at(at).unwrap()).unwrap();
            Position::verbatim(key.into())
        };
        let key = Position::make(Some(&position(at)), Some(&position(at + 1)));
        let op = json!({
            "type": 8, "id": format!("9:{n}"), "parentId": list.id(), "parentKey": key,
            "data": "theirs",
        });
        op.to_string()
    });
}

/// Times ops of others, each in a message, under own edits made by `edit`; `op` makes one, given a
/// number of its own.
fn under_pending(
    c: &mut Criterion<CpuTime>,
    name: &str,
    shapes: usize,
    edit: impl Fn(&mut Client, usize),
    mut op: impl FnMut(&Client, &mut Dice, usize) -> String,
) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    for pending in [0, 10, 10_000] {
        group.bench_function(BenchmarkId::from_parameter(pending), |b| {
            let (_, mut client) = join(&mut server_of(shapes));
            (0..pending).for_each(|n| edit(&mut client, n));
            let (mut dice, mut number) = (Dice::seeded(1), 0);
            b.iter_custom(|iterations| {
                in_chunks(iterations, |count| {
                    let messages: Vec<ServerMessage> = (0..count)
                        .map(|_| {
                            number += 1;
                            let op = op(&client, &mut dice, number);
                            let text = format!(r#"{{"type":201,"ops":[{op}]}}"#);
                            ServerMessage::read_frame(text.as_bytes()).unwrap().remove(0)
                        })
                        .collect();
                    let start = ThreadTime::now();
                    let mut changed = 0;
                    for message in messages {
                        changed += client.receive(message).unwrap().changes.len();
                    }
                    let spent = start.elapsed();
                    assert_eq!(changed, count);
                    spent
                })
            });
            assert_eq!(client.pending().len(), pending);
        });
    }
}

/// The answers to all that a client has under way, in one message or one for each.
fn acknowledge(c: &mut Criterion<CpuTime>) {
    for (case, split) in [("at-once", false), ("one-by-one", true)] {
        let mut group = c.benchmark_group(format!("client/acknowledge-{case}"));
        group.sample_size(10);
        for pending in [100, 10_000] {
            group.throughput(Throughput::Elements(pending as u64));
            group.bench_function(BenchmarkId::from_parameter(pending), |b| {
                b.iter_batched(
                    || {
                        let mut server = server_of(pending);
                        let (actor, mut client) = join(&mut server);
                        for shape in 0..pending {
                            set_x(&mut client, shape, 7);
                        }
                        let message = client.poll_message().unwrap();
                        let answers = server.receive(actor, message, 0).unwrap().sender;
                        let [ServerMessage::UpdateStorage { ops }] = &answers[..] else {
                            unreachable!()
                        };
                        assert_eq!(ops.len(), pending);
                        let answers = if split {
                            let one =
                                |op: &Op| ServerMessage::UpdateStorage { ops: vec![op.clone()] };
                            ops.iter().map(one).collect()
                        } else {
                            answers
                        };
                        (client, answers)
                    },
                    |(mut client, answers)| {
                        for answer in answers {
                            client.receive(answer).unwrap();
                        }
                        assert_eq!(client.status(), Status::Synchronized);
                        client
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

/// A frame comes in as bytes, and what goes out is written as bytes.
fn serve(server: &mut Server, from: Actor, frame: &[u8], out: &mut Vec<u8>) {
    let Reply { sender, others, .. } = server.receive_frame(from, frame, 0).unwrap();
    for message in sender.iter().chain(&others) {
        message.write(out);
    }
}

/// One message with one op. What goes to all others is written once.
fn one_op(
    group: &mut BenchmarkGroup<'_, CpuTime>,
    parameter: usize,
    clients: usize,
    shapes: usize,
) {
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::from_parameter(parameter), |b| {
        let mut server = server_of(shapes);
        let connect = |_| server.connect(SessionOptions::default()).unwrap();
        let actors: Vec<Actor> = (0..clients).map(connect).collect();
        let (mut dice, mut clock) = (Dice::seeded(1), 0);
        b.iter_custom(|iterations| {
            in_chunks(iterations, |count| {
                let frames: Vec<(Actor, Vec<u8>)> = (0..count)
                    .map(|_| {
                        clock += 1;
                        let (from, shape) = (*dice.pick(&actors), dice.below(shapes));
                        (from, frame(server.document(), from, clock, shape, dice.any()))
                    })
                    .collect();
                let before = server.log().last_seq();
                let mut out = Vec::new();
                let start = ThreadTime::now();
                for (from, frame) in &frames {
                    out.clear();
                    serve(&mut server, *from, frame, &mut out);
                }
                let spent = start.elapsed();
                assert_eq!(server.log().last_seq(), before + count as u64);
                assert!(out.len() > 100);
                spent
            })
        });
    });
}

/// In a room of so many clients.
fn room(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("server/one-op-with-clients");
    for clients in [2, 1_000] {
        one_op(&mut group, clients, clients, 50_000);
    }
}

/// On any of so many shapes.
fn document(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("server/one-op-among-shapes");
    for shapes in [1_000, 100_000, 1_000_000] {
        one_op(&mut group, shapes, 2, shapes);
    }
}

/// One message with one op in one of many rooms, each with a client and ten shapes.
fn rooms(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("server/one-op-with-rooms");
    group.throughput(Throughput::Elements(1));
    for rooms in [1, 10_000] {
        group.bench_function(BenchmarkId::from_parameter(rooms), |b| {
            let mut servers: Vec<(Server, Actor)> = (0..rooms)
                .map(|_| {
                    let mut server = server_of(10);
                    let actor = server.connect(SessionOptions::default()).unwrap();
                    (server, actor)
                })
                .collect();
            let (mut dice, mut clock) = (Dice::seeded(1), 0);
            b.iter_custom(|iterations| {
                in_chunks(iterations, |count| {
                    let frames: Vec<(usize, Vec<u8>)> = (0..count)
                        .map(|_| {
                            clock += 1;
                            let (room, shape) = (dice.below(rooms), dice.below(10));
                            let (server, actor) = &servers[room];
                            (room, frame(server.document(), *actor, clock, shape, dice.any()))
                        })
                        .collect();
                    let mut out = Vec::new();
                    let mut written = 0;
                    let start = ThreadTime::now();
                    for (room, frame) in &frames {
                        out.clear();
                        let (server, actor) = &mut servers[*room];
                        serve(server, *actor, frame, &mut out);
                        written += usize::from(!out.is_empty());
                    }
                    let spent = start.elapsed();
                    assert_eq!(written, count);
                    spent
                })
            });
        });
    }
}

/// Two peers with the same document.
fn two_peers() -> [Peer; 2] {
    let text = lson!({ "o": {}, "t": (Lson::text("a text")) });
    let document = Document::from_lson(&text).unwrap();
    [1, 2].map(|actor| Peer::new(Actor(actor), document.clone()))
}

fn tell(from: &Peer, to: &mut Peer) {
    to.receive(from.turns_since(to.version()).unwrap()).unwrap();
}

/// An edit here that is heard there.
fn peer_exchange(c: &mut Criterion<CpuTime>) {
    let mut group = c.benchmark_group("peer");
    group.throughput(Throughput::Elements(1));
    group.bench_function("edit-and-hear", |b| {
        let [mut ann, mut ben] = two_peers();
        let mut x = 0_u32;
        b.iter(|| {
            x += 1;
            ann.edit(|root| root.object("o")?.set("x", x)).unwrap();
            tell(&ann, &mut ben);
            if x % 1_000 == 0 {
                let version = ben.version().clone();
                ann.settle([&version]);
                ben.settle([&version]);
            }
        });
        assert_eq!(ann.document(), ben.document());
    });
}

/// Both have made so many edits without hearing of each other, and one hears of the other's.
fn peer_merge(c: &mut Criterion<CpuTime>) {
    for (case, typed) in [("fields", false), ("typing", true)] {
        let mut group = c.benchmark_group(format!("peer/merge-{case}"));
        group.sample_size(10);
        for count in [100, 1_000] {
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::from_parameter(count), |b| {
                let apart = || {
                    let mut peers = two_peers();
                    for (peer, index) in peers.iter_mut().zip([2, 6]) {
                        for number in 0..count {
                            let edited = peer.edit(|root| {
                                if typed {
                                    root.text("t")?.insert(index + number, "x")
                                } else {
                                    root.object("o")?.set(format!("{}", number % 50), number)
                                }
                            });
                            edited.unwrap();
                        }
                    }
                    peers
                };
                let merge = |[ann, ben]: &mut [Peer; 2]| tell(ann, ben);
                b.iter_batched_ref(apart, merge, BatchSize::LargeInput);
                let mut both = apart();
                let [ann, ben] = &mut both;
                tell(ann, ben);
                tell(ben, ann);
                assert_eq!(ann.document(), ben.document());
            });
        }
    }
}

/// Both type on, each always two letters behind the other, so that there is never a point that both have passed; what
/// one more letter of each costs both once so many were typed.
fn peer_typing(c: &mut Criterion<CpuTime>) {
    const BEHIND: usize = 2;
    let mut group = c.benchmark_group("peer/typing-at-once");
    group.sample_size(10);
    group.throughput(Throughput::Elements(2));
    for count in [100, 1_000, 10_000] {
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            let mut peers = two_peers();
            let mut under_way: [VecDeque<Vec<Turn>>; 2] = Default::default();
            let mut typed = 0;
            let mut round = || {
                for (peer, sent) in peers.iter_mut().zip(&mut under_way) {
                    let had = peer.version().clone();
                    let len = peer.document().at("/t").unwrap().as_text().unwrap().len();
                    let index = if peer.actor() == Actor(1) { 2 + typed } else { len };
                    peer.edit(|root| root.text("t")?.insert(index, "x")).unwrap();
                    sent.push_back(peer.turns_since(&had).unwrap());
                }
                typed += 1;
                let [ann, ben] = &mut peers;
                if typed > BEHIND {
                    let [of_ann, of_ben] = under_way.each_mut().map(VecDeque::pop_front);
                    ben.receive(of_ann.unwrap()).unwrap();
                    ann.receive(of_ben.unwrap()).unwrap();
                }
            };
            (0..count).for_each(|_| round());
            b.iter(round);
            let [mut ann, mut ben] = peers;
            tell(&ann, &mut ben);
            tell(&ben, &mut ann);
            assert_eq!(ann.document(), ben.document());
        });
    }
}

criterion_group! {
    name = benches;
    config = cpu_time::criterion();
    targets = remote_op, acknowledge, room, document, rooms, peer_exchange, peer_merge, peer_typing
}
criterion_main!(benches);
