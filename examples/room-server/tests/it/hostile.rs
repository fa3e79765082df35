//! Nobody gets in who may not, nothing that anybody sends makes the server fall, and the others in
//! the room do not notice.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::SinkExt;
use room_server::store::Store;
use room_server::tokens::{Claims, Grant, Tokens};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{PUBLIC, Raw, Server};

fn access(server: &Server, user: &str, permissions: &Value) -> String {
    let body = json!({ "userId": user, "permissions": permissions });
    format!("tok={}", server.token("/v2/authorize-user", &body))
}

/// What a token says of one who may write in all rooms.
fn claims() -> Claims {
    let grant = Grant::Access { perms: serde_json::from_str(r#"{"*":["*:write"]}"#).unwrap() };
    Claims { uid: "ann".to_owned(), ui: None, grant }
}

/// Waits until all connections but one have ended.
async fn one_is_left(server: &Server) {
    while server.metric("connections") > 1 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Edits, and sees the edit acknowledged.
async fn still_works(raw: &mut Raw, n: u64) {
    let op = format!("{}:{n}", raw.actor);
    raw.ops(json!([{ "type": 3, "id": "root", "opId": op, "data": { "alive": n } }])).await;
    assert_eq!(raw.answer(&op).await["data"]["alive"], n);
}

#[tokio::test]
async fn nobody_gets_in_without_a_right() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let closed: &[&str] = &["DELETE", "GET"];
    for method in closed {
        let ask = |key| server.rest_with(method, "/v2/rooms/r", "", key).status;
        assert_eq!((ask(None), ask(Some("sk_wrong")), ask(Some(""))), (401, 403, 401));
    }
    assert_eq!(server.rest_with("POST", "/v2/authorize-user", "{}", None).status, 401);

    let private =
        json!({ "id": "private", "defaultAccesses": [], "usersAccesses": { "ann": ["*:write"] } });
    assert_eq!(server.rest("POST", "/v2/rooms", &private).status, 200);
    let id = |user: &str| server.token("/v2/identify-user", &json!({ "userId": user }));
    let (ann, bob) = (id("ann"), id("bob"));
    let forged = Tokens::new(b"a guess").sign(claims()).unwrap();
    let [header, body, signature] = ann.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let other = access(&server, "eve", &json!({ "other": ["*:write"], "priv": ["*:write"] }));
    for auth in [
        "",
        "pubkey=pk_wrong",
        "pubkey=",
        "pubkey=pk_localdev&pubkey=pk_localdev",
        "tok=",
        "tok=a.b.c",
        PUBLIC,
        &other,
        &format!("tok={bob}"),
        &format!("tok={forged}"),
        &format!("tok={header}.{body}."),
        &format!("tok={header}.{}.{signature}", bob.split('.').nth(1).unwrap()),
    ] {
        let entered = server.join_with("private", auth).await.map(|raw| raw.actor);
        assert_eq!(entered, Err(4001), "{auth}");
    }
    assert!(server.join_with("private", &format!("tok={ann}")).await.is_ok());
    // An ID token makes no rooms.
    assert_eq!(server.join_with("missing", &format!("tok={ann}")).await.err(), Some(4001));
    assert_eq!(server.rest("GET", "/v2/rooms/missing", &json!(null)).status, 404);
}

#[tokio::test]
async fn an_expired_token_is_told_from_a_bad_one() {
    let data = tempfile::tempdir().unwrap();
    Server::start(data.path(), &[]).stop();
    let (store, contents, thread) = Store::open(data.path(), Arc::default()).unwrap();
    drop(store);
    thread.join().unwrap();
    let tokens = Tokens::new(&contents.token_key);
    let signed = |hours: u64| {
        let at = SystemTime::now() - Duration::from_secs(3600 * hours);
        format!("tok={}", tokens.sign_at(claims(), at).unwrap())
    };
    let server = Server::start(data.path(), &[]);
    // A client that hears this asks for another token; after any other it would not.
    assert_eq!(server.join_with("r", &signed(2)).await.err(), Some(4109));
    assert!(server.join_with("r", &signed(0)).await.is_ok());
}

#[tokio::test]
async fn a_full_server_says_to_come_back_later() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-connections", "2"]);
    let (mut first, second) = (server.join("a").await, server.join("b").await);
    assert_eq!(server.join_with("c", PUBLIC).await.err(), Some(1013));
    drop(second);
    one_is_left(&server).await;
    still_works(&mut server.join("c").await, 0).await;
    still_works(&mut first, 0).await;
}

#[tokio::test]
async fn what_may_not_be_changed_stays() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let everybody = json!({ "r": ["*:write"] });
    let mut ann = server.join_with("r", &access(&server, "ann", &everybody)).await.unwrap();
    still_works(&mut ann, 0).await;
    let reader = access(&server, "rob", &json!({ "r": ["*:read"] }));
    let writer = access(&server, "eve", &everybody);

    let write = |op_id: &str, value: &str| json!([{ "type": 3, "id": "root", "opId": op_id, "data": { "alive": value } }]);
    // Who may only read; who uses the op ids of somebody who is there, or of nobody yet.
    for (auth, op_id) in [
        (&reader, None),
        (&writer, Some(format!("{}:7", ann.actor))),
        (&writer, Some("999999:0".to_owned())),
        (&writer, Some("nonsense".to_owned())),
    ] {
        let mut who = server.join_with("r", auth).await.unwrap();
        let op_id = op_id.unwrap_or_else(|| format!("{}:0", who.actor));
        who.ops(write(&op_id, "mine")).await;
        // No rejection, which would make an official client throw: the op is answered and then
        // taken back.
        assert_eq!(who.answer(&op_id).await["type"], 3, "{op_id}");
        let told = |messages: Vec<Value>| messages.iter().any(|message| message["type"] == 211);
        while !told(who.messages().await.unwrap()) {}
        assert_eq!(server.storage("r"), json!({ "alive": 0 }), "{op_id}");
    }
    // The op id that was tried is still its owner's.
    still_works(&mut ann, 7).await;
    assert_eq!(server.storage("r"), json!({ "alive": 7 }));
}

#[tokio::test]
async fn bad_frames_close_the_door_on_their_sender_alone() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-message", "20000"]);
    let mut bystander = server.join("r").await;
    let deep = format!("[{}", "[".repeat(15_000));
    let op = |rest: &str| format!(r#"[{{"type":201,"ops":[{{"opId":"1:0",{rest}}}]}}]"#);
    let frames = [
        String::new(),
        "pong".to_owned(),
        "{}".to_owned(),
        "[1]".to_owned(),
        "[{}]".to_owned(),
        "[null]".to_owned(),
        r#"[{"type":-1}]"#.to_owned(),
        r#"[{"type":201}]"#.to_owned(),
        r#"[{"type":103}]"#.to_owned(),
        r#"[{"type":100,"data":[]}]"#.to_owned(),
        deep.clone(),
        format!(r#"[{{"type":103,"event":{deep}}}]"#),
        op(r#""type":99,"id":"1:0""#),
        op(r#""type":8,"id":"1:0""#),
        op(r#""type":10,"id":"1:0","baseVersion":-1,"ops":[]"#),
        op(r#""type":3,"id":"root","data":{"__proto__":1e999}"#),
        "x".repeat(20_001),
    ];
    for (n, frame) in frames.into_iter().enumerate() {
        let mut raw = server.join("r").await;
        raw.send(frame.clone()).await;
        assert_eq!(raw.closed().await, 4000, "{}", &frame[..frame.len().min(80)]);
        still_works(&mut bystander, n as u64).await;
    }
    let mut raw = server.join("r").await;
    raw.socket.send(Message::binary(vec![0, 159, 146])).await.unwrap();
    assert_eq!(raw.closed().await, 4000);
    // What is far too large is not even read, so that the reason may not arrive.
    let mut raw = server.join("r").await;
    raw.send("x".repeat(5_000_000)).await;
    assert!(matches!(raw.closed().await, 1006 | 4000));
    // Against the rules of WebSockets.
    for frame in [&b"\x81\x82\0\0\0\0\xff\xfe"[..], b"\x83\x80\0\0\0\0"] {
        let mut raw = server.join("r").await;
        let MaybeTlsStream::Plain(stream) = raw.socket.get_mut() else { unreachable!() };
        stream.write_all(frame).await.unwrap();
        assert_eq!(raw.closed().await, 4000);
    }
    let mut raw = server.join("r").await;
    raw.socket.close(None).await.unwrap();
    assert_eq!(raw.closed().await, 1005, "a closing handshake is answered");
    still_works(&mut bystander, 100).await;
    assert_eq!(server.metric("malformed_frames_total"), 16);
}

#[tokio::test]
async fn a_slow_reader_is_cut_off_and_nobody_waits_for_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-queue", "500000"]);
    let slow = server.join("r").await;
    let mut sender = server.join("r").await;
    let mut reader = server.join("r").await;
    let event = format!(r#"[{{"type":103,"event":"{}"}}]"#, "x".repeat(50_000));
    // More than the system's own buffers hold.
    for _ in 0..600 {
        sender.send(event.clone()).await;
        let heard = |messages: Vec<Value>| messages.iter().any(|message| message["type"] == 103);
        while !heard(reader.messages().await.unwrap()) {}
    }
    assert_eq!(server.metric("slow_readers_total"), 1);
    still_works(&mut sender, 0).await;
    drop(slow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connects_do_not_disturb() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-room-connections", "40"]);
    let mut bystander = server.join("r").await;
    let url = server.url("r", PUBLIC);
    let wrong = server.url("r", "pubkey=pk_wrong");
    let crowd: Vec<_> = (0..20)
        .map(|n| {
            let url = if n % 4 == 0 { wrong.clone() } else { url.clone() };
            tokio::spawn(async move {
                for _ in 0..50 {
                    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
                    // Some say goodbye, some do not.
                    if n % 2 == 0 {
                        let _ = socket.close(None).await;
                    }
                }
            })
        })
        .collect();
    for n in 0..20 {
        let answered = tokio::time::timeout(Duration::from_secs(5), still_works(&mut bystander, n));
        answered.await.expect("the bystander is served");
    }
    for task in crowd {
        task.await.unwrap();
    }
    // The room fills up, and no further.
    let mut inside = Vec::new();
    loop {
        match server.join_with("r", PUBLIC).await {
            Ok(raw) => inside.push(raw),
            Err(code) => break assert_eq!(code, 4005),
        }
        assert!(inside.len() < 40, "there is no end");
    }
    drop(inside);
    one_is_left(&server).await;
    still_works(&mut bystander, 100).await;
}

#[tokio::test]
async fn a_frame_is_taken_under_one_bound() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-queue", "1000000000"]);
    let mut ann = server.join("r").await;
    let map = format!("{}:0", ann.actor);
    let mut ops =
        vec![json!({ "type": 7, "opId": map, "id": map, "parentId": "root", "parentKey": "m" })];
    for n in 1..=4 {
        let id = format!("{}:{n}", ann.actor);
        ops.push(json!({ "type": 8, "opId": id, "id": id, "parentId": map,
            "parentKey": id, "data": "x".repeat(1 << 20) }));
    }
    ann.ops(ops.into()).await;
    ann.answer(&format!("{}:4", ann.actor)).await;
    // Each of these takes the whole map to be taken back.
    let reader = access(&server, "rob", &json!({ "r": ["*:read"] }));
    let mut rob = server.join_with("r", &reader).await.unwrap();
    let delete = |n| json!({ "type": 5, "opId": format!("{}:{n}", rob.actor), "id": map });
    let frame: Vec<_> = (0..20).map(|n| json!({ "type": 201, "ops": [delete(n)] })).collect();
    rob.send(Value::from(frame).to_string()).await;
    let rejected = rob.answer(&format!("{}:19", rob.actor)).await;
    assert_eq!(rejected["type"], 299);
    assert!(server.metric("bytes_sent_total") < 40 << 20);
}

#[tokio::test]
async fn who_may_not_read_the_storage_hears_nothing_of_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut ann = server.join("r").await;
    let secret = |n: u64| json!([{ "type": 3, "id": "root", "opId": format!("0:{n}"), "data": { "k": "secret" } }]);
    ann.ops(secret(0)).await;
    ann.answer("0:0").await;
    let blind = access(&server, "eve", &json!({ "r": ["*:read", "storage:none"] }));
    let mut eve = server.join_with("r", &blind).await.unwrap();
    let reader = access(&server, "rob", &json!({ "r": ["*:read"] }));
    let mut rob = server.join_with("r", &reader).await.unwrap();

    // Of a frame, and of what a backend does, she hears what is not about the storage.
    let presence = json!({ "type": 100, "data": { "x": 1 } });
    let update = json!({ "type": 201, "ops": secret(1) });
    ann.send(json!([presence, update]).to_string()).await;
    let patch = json!([{ "op": "add", "path": "/k2", "value": "secret" }]);
    server.rest("PATCH", "/v2/rooms/r/storage/json-patch", &patch);
    let mutation = json!({ "messages": [{ "type": 201, "ops": [
        { "type": 3, "id": "root", "opId": format!("{}:0", server.mutate("r")),
            "data": { "k3": "secret" } }] }] });
    server.rest("POST", "/v2/rooms/r/send-message", &mutation);
    server.rest("POST", "/v2/rooms/r/broadcast-event", &json!("first"));
    // Her own ops are acknowledged, and that is all.
    let op = format!("{}:0", eve.actor);
    let ops = json!([{ "type": 3, "id": "root", "opId": op, "data": { "k": 0 } }]);
    eve.send(json!([{ "type": 200 }, { "type": 201, "ops": ops }]).to_string()).await;
    // As long as it takes until others are told the storage after a refusal.
    tokio::time::sleep(Duration::from_millis(600)).await;
    server.rest("POST", "/v2/rooms/r/broadcast-event", &json!("last"));
    let mut heard = Vec::new();
    while heard.last().is_none_or(|message: &Value| message["event"] != "last") {
        heard.extend(eve.messages().await.unwrap());
    }
    let types: Vec<_> = heard.iter().map(|message| message["type"].as_u64().unwrap()).collect();
    assert_eq!(types, [101, 100, 103, 201, 103], "{heard:?}");
    assert_eq!(heard[3]["ops"], json!([{ "type": 5, "id": "ACK", "opId": op }]));
    // Who may read hears all of a frame in one.
    while rob.messages().await.unwrap().len() < 2 {}
    assert_eq!(server.storage("r"), json!({ "k": "secret", "k2": "secret", "k3": "secret" }));
}

#[tokio::test]
async fn the_storage_may_be_larger_than_what_may_wait() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-queue", "200000"]);
    let object = |data: Value| json!({ "liveblocksType": "LiveObject", "data": data });
    let large = object(json!({ "text": "x".repeat(500_000) }));
    let storage = object((0..30).map(|n| (n.to_string(), large.clone())).collect());
    server.rest("POST", "/v2/rooms", &json!({ "id": "r", "defaultAccesses": ["*:write"] }));
    assert_eq!(server.rest("POST", "/v2/rooms/r/storage", &storage).status, 200);
    let mut raw = server.join("r").await;
    raw.send(r#"[{"type":200}]"#).await;
    // More than the system's own buffers hold waits now, and more comes.
    for n in 0..10 {
        server.rest("POST", "/v2/rooms/r/broadcast-event", &json!(n));
    }
    let mut heard = Vec::new();
    while heard.last() != Some(&json!(9)) {
        for message in raw.messages().await.unwrap() {
            heard.push(message.get("event").unwrap_or(&message["type"]).clone());
        }
    }
    assert!(heard.iter().filter(|what| **what == 210).count() > 5);
    assert_eq!(server.metric("slow_readers_total"), 0);
}
