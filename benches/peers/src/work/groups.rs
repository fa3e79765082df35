//! Several replicas, with bytes between them.

use livetree::server::{ServerOptions, SessionOptions};
use livetree::testing::generate::Dice;
use livetree::{Document, Server};
use serde_json::Value;

use super::{Measurement, RUNS};
use crate::edit::Edit;
use crate::engine::{self, Group};
use crate::input::{Input, item, verify};
use crate::timing::{BUDGET_NS, count, median, per_item, timed};

/// The field updates of one replica, taken in by another message by message.
pub(super) fn remote_fields(measurement: &mut Measurement) {
    let input = Input::shapes(measurement.size());
    let shapes = measurement.size();
    let runs = measurement.runs_of(100_000, 500);
    receive(measurement, &input, &[], (runs, 500), |dice| Edit::field(dice, shapes));
}

/// The same while the receiving replica has so many edits of its own that it did not send.
pub(super) fn remote_under_pending(measurement: &mut Measurement) {
    let pending = measurement.size();
    let shapes = (2 * pending).max(20_000);
    let input = Input::shapes(shapes);
    let own = |n| Edit::Field { shape: item(n), field: "w", value: 7 };
    let own: Vec<Edit> = (0..pending).map(own).collect();
    receive(measurement, &input, &own, (RUNS, 100), |dice| Edit::Field {
        shape: item(shapes / 2 + dice.below(shapes / 2)),
        field: "x",
        value: dice.any() >> 8,
    });
}

/// Times how one replica takes in what another does, a message for each edit, in so many runs of so many.
fn receive(
    measurement: &mut Measurement,
    input: &Input,
    own: &[Edit],
    (runs, each): (usize, usize),
    make: impl Fn(&mut Dice) -> Edit,
) {
    const AUTHOR: usize = 0;
    const READER: usize = 1;
    for engine in engine::all() {
        let mut dice = Dice::seeded(7);
        let mut group = measurement.group(engine, input, 2);
        let mut expected = input.value();
        for edit in own {
            group.edit(READER, edit);
            edit.apply(&mut expected);
        }
        let edits: Vec<Edit> = (0..runs * each).map(|_| make(&mut dice)).collect();
        let (mut written, mut total) = (0, 0.0);
        for edits in edits.chunks(each) {
            let write = || {
                for edit in edits {
                    group.edit(AUTHOR, edit);
                    group.send(AUTHOR);
                    group.deliver(AUTHOR);
                }
            };
            total += timed(write).1;
            written += edits.len();
            if total > BUDGET_NS {
                break;
            }
        }
        // All have been sent before the first is received: then the reader is alone, as it is where it runs.
        let messages = group.take(READER);
        assert_eq!(messages.len(), written, "a message for each edit");
        let (mut times, mut total) = (Vec::new(), 0.0);
        for messages in messages.chunks(each) {
            let receive = || messages.iter().for_each(|message| group.receive(READER, message));
            let ((), time) = timed(receive);
            times.push(time / count(each));
            total += time;
            if total > BUDGET_NS {
                break;
            }
        }
        let received = times.len() * each;
        edits[..received].iter().for_each(|edit| edit.apply(&mut expected));
        verify(engine.name, &group.json(READER), &expected);
        measurement.check_done(engine.name, received, edits.len());
        measurement.record(engine.name, median(times));
    }
}

/// A message with one op comes in as bytes; what goes to its sender and to the others is written
/// as bytes. The limit only reads the message as JSON and writes it twice.
pub(super) fn server_messages(measurement: &mut Measurement) {
    let input = Input::shapes(measurement.size());
    let document = Document::from_plain_lson(&input.lson).unwrap();
    let mut server = Server::new(document, ServerOptions::default());
    let actor = server.connect(SessionOptions::default()).unwrap();
    let mut dice = Dice::seeded(8);
    let mut expected = input.value();
    let frames: Vec<Vec<u8>> = (0..RUNS * 2_000)
        .map(|clock| {
            let edit = Edit::field(&mut dice, measurement.size());
            edit.apply(&mut expected);
            let Edit::Field { shape, field, value } = edit else { unreachable!() };
            let shape = server.document().at(&format!("/shapes/{shape}")).unwrap();
            let id = shape.id().unwrap();
            let op = format!(
                r#"{{"type":3,"opId":"{actor}:{clock}","id":"{id}","data":{{"{field}":{value}}}}}"#
            );
            format!(r#"{{"type":201,"ops":[{op}]}}"#).into_bytes()
        })
        .collect();
    let mut out = Vec::new();
    let (time, _) = per_item(&frames, RUNS, |frame| {
        out.clear();
        let reply = server.receive_frame(actor, frame, 0).unwrap();
        assert_eq!((reply.sender.len(), reply.others.len()), (1, 1));
        reply.sender.iter().chain(&reply.others).for_each(|message| message.write(&mut out));
    });
    verify("livetree", &server.document().to_json_text(), &expected);
    measurement.record("livetree", time);
    let (time, _) = per_item(&frames, RUNS, |frame| {
        out.clear();
        let message: Value = serde_json::from_slice(frame).unwrap();
        for _ in 0..2 {
            serde_json::to_writer(&mut out, &message).unwrap();
        }
    });
    measurement.record("limit:serde_json", time);
}

/// Three replicas make ten random edits each, exchange all, and so on. All count: the edits, the
/// messages, and a server where there is one.
pub(super) fn three_replicas(measurement: &mut Measurement) {
    const REPLICAS: usize = 3;
    const EDITS: usize = 10;
    const SHAPES: usize = 1_000;
    let input = Input::shapes(SHAPES);
    let rounds = measurement.size().div_ceil(REPLICAS * EDITS);
    for engine in engine::all() {
        let mut dice = Dice::seeded(9);
        let mut group = measurement.group(engine, &input, REPLICAS);
        let (mut total, mut done) = (0.0, 0);
        while done < rounds && total < BUDGET_NS {
            for replica in 0..REPLICAS {
                let mut len = group.items(replica);
                let edits: [Edit; EDITS] = std::array::from_fn(|_| {
                    let edit = Edit::mixed(&mut dice, SHAPES, len);
                    match edit {
                        Edit::Insert { .. } | Edit::Push { .. } => len += 1,
                        Edit::Delete { .. } => len -= 1,
                        Edit::Field { .. } | Edit::Move { .. } => {}
                    }
                    edit
                });
                total += timed(|| edits.iter().for_each(|edit| group.edit(replica, edit))).1;
            }
            total += timed(|| exchange(&mut *group, REPLICAS)).1;
            done += 1;
        }
        let one: Value = serde_json::from_slice(&group.json(0)).unwrap();
        for replica in 1..REPLICAS {
            verify(engine.name, &group.json(replica), &one);
        }
        let edits = |rounds| rounds * REPLICAS * EDITS;
        measurement.record(engine.name, total / count(edits(done)));
        measurement.check_done(engine.name, edits(done), edits(rounds));
    }
}

fn exchange(group: &mut dyn Group, replicas: usize) {
    (0..replicas).for_each(|replica| group.send(replica));
    (0..replicas).for_each(|replica| group.deliver(replica));
}
