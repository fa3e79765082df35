//! What was acknowledged survives: kill -9, restarts, and damage elsewhere in the database.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Raw, Server};

const LIST: &str = "l";

/// A room with an empty list, and the list's id.
fn room_with_list(server: &Server, room: &str) -> String {
    let created =
        server.rest("POST", "/v2/rooms", &json!({ "id": room, "defaultAccesses": ["*:write"] }));
    assert_eq!(created.status, 200, "{}", created.body);
    let list = json!({ "liveblocksType": "LiveList", "data": [] });
    let content = json!({ "liveblocksType": "LiveObject", "data": { LIST: list } });
    let made = server.rest("POST", &format!("/v2/rooms/{room}/storage"), &content);
    assert_eq!(made.status, 200, "{}", made.body);
    let lines =
        server.rest("POST", &format!("/v2/rooms/{room}/request-storage-mutation"), &json!({}));
    let nodes = lines.body.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let list = nodes.into_iter().find(|node| node[1]["type"] == 1).unwrap();
    list[0].as_str().unwrap().to_owned()
}

fn push(list: &str, id: &str, value: &str) -> Value {
    json!({
        "type": 8, "opId": id, "id": id, "parentId": list, "parentKey": "!", "data": value,
        "intent": "push",
    })
}

/// What a client sent, by op id, and whether it was acknowledged.
type Sent = BTreeMap<String, (Value, bool)>;

/// Notes what a frame acknowledges.
fn note(messages: &[Value], sent: &mut Sent) {
    for op in messages.iter().flat_map(|message| message["ops"].as_array().into_iter().flatten()) {
        let known = op["opId"].as_str().and_then(|id| sent.get_mut(id));
        if let Some((_, acked)) = known {
            *acked = true;
        }
    }
}

/// Pushes values until the server is gone.
async fn push_until_killed(mut raw: Raw, list: String, mut sent: Sent) -> (u64, Sent) {
    // What an earlier life of the server did not acknowledge comes again, under its old name.
    let open: Vec<Value> =
        sent.values().filter(|(_, acked)| !acked).map(|(op, _)| op.clone()).collect();
    raw.ops(open.into()).await;
    for round in 0.. {
        let ids: Vec<String> = (0..5).map(|n| format!("{}:{}", raw.actor, round * 5 + n)).collect();
        let ops: Vec<Value> = ids.iter().map(|id| push(&list, id, id)).collect();
        raw.ops(ops.clone().into()).await;
        sent.extend(ids.iter().cloned().zip(ops.into_iter().map(|op| (op, false))));
        while sent.values().any(|(_, acked)| !acked) {
            let Ok(messages) = raw.messages().await else { return (raw.actor, sent) };
            note(&messages, &mut sent);
        }
    }
    unreachable!("the server is killed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_no_acknowledged_op_and_doubles_none() {
    const ROUNDS: u64 = 6;
    let data = tempfile::tempdir().unwrap();
    // Small snapshots, so that kills also meet their renewal.
    let args = ["--snapshot-ops", "60"];
    let rooms = ["a", "b"];
    let server = Server::start(data.path(), &args);
    let lists = rooms.map(|room| room_with_list(&server, room));
    server.kill();
    let mut clients: Vec<Sent> = vec![Sent::new(); 6];
    let mut highest = [0; 2];
    for round in 0..ROUNDS {
        let server = Server::start(data.path(), &args);
        let mut tasks = Vec::new();
        for (n, sent) in std::mem::take(&mut clients).into_iter().enumerate() {
            let raw = server.join(rooms[n % 2]).await;
            tasks.push(tokio::spawn(push_until_killed(raw, lists[n % 2].clone(), sent)));
        }
        tokio::time::sleep(Duration::from_millis(150 + 97 * round % 400)).await;
        server.kill();
        let mut actors = [highest[0]; 2];
        for (n, task) in tasks.into_iter().enumerate() {
            let (actor, sent) = task.await.unwrap();
            assert!(actor > highest[n % 2], "actor {actor} came back");
            actors[n % 2] = actors[n % 2].max(actor);
            clients.push(sent);
        }
        highest = actors;

        let server = Server::start(data.path(), &args);
        let mut acked = 0;
        for (n, sent) in clients.iter().enumerate() {
            let stored = server.storage(rooms[n % 2]);
            let stored = stored[LIST].as_array().unwrap();
            for (id, _) in sent.iter().filter(|(_, (_, acked))| *acked) {
                let times = stored.iter().filter(|value| *value == id.as_str()).count();
                assert_eq!(times, 1, "round {round}: {id} is there {times} times");
                acked += 1;
            }
            let distinct: std::collections::BTreeSet<_> =
                stored.iter().map(|value| value.as_str().unwrap()).collect();
            assert_eq!(distinct.len(), stored.len(), "round {round}: something is there twice");
        }
        assert!(acked > 20 * (round + 1), "only {acked} ops were acknowledged");
        server.kill();
    }
}

#[tokio::test]
async fn what_is_sent_again_after_a_restart_counts_once() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let list = room_with_list(&server, "r");
    let mut raw = server.join("r").await;
    let text = format!("{}:1", raw.actor);
    let create = json!({ "type": 9, "opId": text, "id": text, "parentId": "root",
        "parentKey": "t", "data": [["ab"]], "version": 0 });
    raw.ops(json!([create])).await;
    raw.answer(&text).await;
    let item = format!("{}:2", raw.actor);
    let typed = format!("{}:3", raw.actor);
    let update =
        |ops: Value| json!({ "type": 10, "opId": typed, "id": text, "baseVersion": 0, "ops": ops });
    let x = json!({ "type": "insert", "index": 1, "text": "X" });
    raw.ops(json!([push(&list, &item, "once"), update(json!([x]))])).await;
    raw.answer(&typed).await;
    server.kill();

    // The client did not hear the answers, and went on typing.
    let server = Server::start(data.path(), &[]);
    let mut raw = server.join("r").await;
    let y = json!({ "type": "insert", "index": 2, "text": "Y" });
    raw.ops(json!([push(&list, &item, "once"), update(json!([x, y]))])).await;
    raw.answer(&typed).await;
    assert_eq!(server.storage("r"), json!({ "l": ["once"], "t": [["aXYb"]] }));
}

#[tokio::test]
async fn stopping_sends_clients_away_and_saves_everything() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut raw = server.join("r").await;
    let op = format!("{}:0", raw.actor);
    raw.ops(json!([{ "type": 3, "id": "root", "opId": op, "data": { "k": 1 } }])).await;
    raw.answer(&op).await;
    assert_eq!(
        server.rest("GET", "/v2/rooms/r/active-users", &json!(null)).json()["data"][0]["id"],
        Value::Null
    );
    let (status, code) = tokio::join!(tokio::task::spawn_blocking(|| server.stop()), raw.closed());
    assert!(status.unwrap().success());
    assert_eq!(code, 1012);
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.storage("r"), json!({ "k": 1 }));
}

#[tokio::test]
async fn idle_rooms_are_unloaded_and_come_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--idle", "0.05"]);
    let list = room_with_list(&server, "r");
    let mut actors = Vec::new();
    for n in 0..3 {
        let mut raw = server.join("r").await;
        actors.push(raw.actor);
        let id = format!("{}:0", raw.actor);
        raw.ops(json!([push(&list, &id, &n.to_string())])).await;
        raw.answer(&id).await;
        drop(raw);
        while server.metric("rooms_loaded") > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(actors.is_sorted_by(|a, b| a < b), "{actors:?}");
    assert_eq!(server.storage("r"), json!({ LIST: ["0", "1", "2"] }));
}

/// Damages some bytes wherever the database has them.
fn damage(data: &Path, needle: &[u8]) {
    let file = data.join("rooms.redb");
    let mut bytes = fs::read(&file).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - needle.len()).filter(|at| bytes[*at..].starts_with(needle)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] ^= 1;
    }
    fs::write(&file, bytes).unwrap();
}

#[test]
fn a_new_room_has_nothing_of_one_whose_record_is_damaged() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    room_with_list(&server, "other");
    room_with_list(&server, "private");
    assert!(server.stop().success());
    damage(data.path(), br#""id":"private""#);

    let server = Server::start(data.path(), &[]);
    assert_eq!(server.rest("GET", "/v2/rooms/private", &json!(null)).status, 404);
    let new = json!({ "id": "new", "defaultAccesses": [] });
    assert_eq!(server.rest("POST", "/v2/rooms", &new).status, 200);
    assert_eq!(server.storage("new"), json!({}));
    assert_eq!(server.storage("other"), json!({ LIST: [] }));
}

#[test]
fn damage_in_one_room_leaves_the_others_alone() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for room in ["one", "two", "three"] {
        room_with_list(&server, room);
        let patch =
            json!([{ "op": "add", "path": "/needle", "value": format!("content of {room}") }]);
        let patched = server.rest("PATCH", &format!("/v2/rooms/{room}/storage/json-patch"), &patch);
        assert_eq!(patched.status, 200);
    }
    assert!(server.stop().success());
    damage(data.path(), b"content of two");

    let server = Server::start(data.path(), &[]);
    for room in ["one", "three"] {
        assert_eq!(server.storage(room)["needle"], format!("content of {room}"));
    }
    let two = server.rest("GET", "/v2/rooms/two/storage", &json!(null));
    assert_eq!(two.status, 500, "{}", two.body);
    assert!(two.json()["message"].as_str().unwrap().contains("log"), "{}", two.body);
    assert_eq!(server.metric("rooms_damaged_total"), 1);
    // Nothing is made up in its place, but it can be given up.
    assert_eq!(server.rest("DELETE", "/v2/rooms/two", &json!(null)).status, 204);
    assert_eq!(server.rest("GET", "/v2/rooms/two", &json!(null)).status, 404);
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    room_with_list(&server, "r");
    assert!(server.stop().success());
    let file = data.path().join("rooms.redb");
    let whole = fs::read(&file).unwrap();
    for bytes in [&whole[..whole.len() / 2], &b"not a database"[..], &vec![0xff; 100_000][..]] {
        fs::write(&file, bytes).unwrap();
        let Err((status, log)) = Server::try_start(data.path(), &[]) else {
            panic!("{} bytes were taken for a database", bytes.len())
        };
        assert!(!status.success());
        assert!(log.contains("rooms.redb"), "{log}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "{log}");
    }
    fs::write(&file, &whole).unwrap();
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.storage("r"), json!({ LIST: [] }));
}
