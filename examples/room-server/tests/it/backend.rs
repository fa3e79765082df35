//! What backends may do, and hear of it.

use serde_json::{Value, json};

use crate::support::Server;

#[test]
fn a_room_takes_no_more_nodes_from_backends_than_from_others() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-nodes", "6"]);
    server.rest("POST", "/v2/rooms", &json!({ "id": "r", "defaultAccesses": ["*:write"] }));
    let list = |items: Vec<u64>| {
        let list = json!({ "liveblocksType": "LiveList", "data": items });
        json!({ "liveblocksType": "LiveObject", "data": { "l": list } })
    };
    let init = |items| server.rest("POST", "/v2/rooms/r/storage", &list(items)).status;
    let patch =
        |patch| server.rest("PATCH", "/v2/rooms/r/storage/json-patch", &json!([patch])).status;
    let send = |ops: Value| {
        let body = json!({ "messages": [{ "type": 201, "ops": ops }] });
        let answer = server.rest("POST", "/v2/rooms/r/send-message", &body);
        (answer.status, answer.json()["error"].clone())
    };
    let full = (422, json!("INVALID_STORAGE_MUTATION_REQUEST"));
    assert_eq!(init(vec![1, 2, 3, 4, 5]), 422);
    assert_eq!(server.storage("r"), json!({}));
    assert_eq!(init(vec![1, 2, 3]), 200);
    assert_eq!(patch(json!({ "op": "copy", "from": "/l", "path": "/copy" })), 422);
    assert_eq!(patch(json!({ "op": "add", "path": "/l/-", "value": 4 })), 200);
    assert_eq!(patch(json!({ "op": "add", "path": "/l/-", "value": 5 })), 422);
    assert_eq!(patch(json!({ "op": "replace", "path": "/l/0", "value": 0 })), 200);
    let actor = server.mutate("r");
    let id = format!("{actor}:0");
    let map = json!({ "type": 7, "opId": id, "id": id, "parentId": "root", "parentKey": "m" });
    assert_eq!(send(json!([map])), full);
    let set = json!({ "type": 3, "opId": format!("{actor}:1"), "id": "root", "data": { "k": 1 } });
    assert_eq!(send(json!([set])).0, 200);
    assert_eq!(server.storage("r"), json!({ "k": 1, "l": [0, 2, 3, 4] }));
}

#[test]
fn a_backend_hears_that_an_edit_of_a_text_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    server.rest("POST", "/v2/rooms", &json!({ "id": "r", "defaultAccesses": ["*:write"] }));
    let send = |op| {
        let body = json!({ "messages": [{ "type": 201, "ops": [op] }] });
        server.rest("POST", "/v2/rooms/r/send-message", &body).status
    };
    let actor = server.mutate("r");
    let id = format!("{actor}:0");
    let create = json!({ "type": 9, "opId": id, "id": id, "parentId": "root",
        "parentKey": "t", "data": [["ab"]], "version": 0 });
    assert_eq!(send(create), 200);
    let insert = json!([{ "type": "insert", "index": 0, "text": "x" }]);
    let ahead = json!({ "type": 10, "opId": format!("{actor}:1"), "id": id, "baseVersion": 5,
        "ops": insert });
    assert_eq!(send(ahead), 422);
    assert_eq!(server.storage("r"), json!({ "t": [["ab"]] }));
}

#[test]
fn a_backend_hears_that_an_op_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    server.rest("POST", "/v2/rooms", &json!({ "id": "r", "defaultAccesses": ["*:write"] }));
    let send = |op_id: String| {
        let op = json!({ "type": 3, "id": "root", "opId": op_id, "data": { "k": 1 } });
        let body = json!({ "messages": [{ "type": 201, "ops": [op] }] });
        server.rest("POST", "/v2/rooms/r/send-message", &body).status
    };
    // In the name of nobody.
    assert_eq!(send("99:0".to_owned()), 422);
    assert_eq!(server.storage("r"), json!({}));
    let actor = server.mutate("r");
    assert_eq!(send(format!("{actor}:0")), 200);
    // What was carried out may be sent again.
    assert_eq!(send(format!("{actor}:0")), 200);
    assert_eq!(server.storage("r"), json!({ "k": 1 }));
}

#[test]
fn errors_have_one_shape() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-message", "1000"]);
    server.rest("POST", "/v2/rooms", &json!({ "id": "r", "defaultAccesses": [] }));
    let ask = |method, path, body: &Value| {
        let answer = server.rest(method, path, body);
        (answer.status, answer.json()["error"].clone())
    };
    let large = json!("x".repeat(2_000));
    assert_eq!(ask("GET", "/v2/rooms/r/storage?format=nope", &json!(null)).0, 400);
    assert_eq!(ask("GET", "/v2/rooms/%ff", &json!(null)), (400, json!("INVALID_REQUEST")));
    assert_eq!(ask("PUT", "/v2/rooms/r", &json!(null)).0, 405);
    assert_eq!(ask("POST", "/v2/rooms", &large), (413, json!("INVALID_REQUEST")));
}

#[test]
fn an_organisation_is_for_a_new_room() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let is = |path: &str, body: &Value| {
        server.rest("POST", path, body).json()["organizationId"].as_str().map(str::to_owned)
    };
    let of = |organization: &str| json!({ "organizationId": organization });
    let upsert = json!({ "update": {}, "create": of("one") });
    assert_eq!(is("/v2/rooms/r/upsert", &upsert).as_deref(), Some("one"));
    let upsert = json!({ "update": of("two"), "create": of("two") });
    assert_eq!(is("/v2/rooms/r/upsert", &upsert).as_deref(), Some("one"));
    assert_eq!(is("/v2/rooms/r", &of("two")).as_deref(), Some("one"));
    let change = json!({ "fromOrganizationId": "one", "toOrganizationId": "two" });
    assert_eq!(is("/v2/rooms/r/update-organization-id", &change).as_deref(), Some("two"));
}

#[tokio::test]
async fn a_new_id_sends_away_who_came_under_the_old_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let mut raw = server.join("old").await;
    let renamed =
        server.rest("POST", "/v2/rooms/old/update-room-id", &json!({ "newRoomId": "new" }));
    assert_eq!(renamed.status, 200);
    assert_eq!(raw.closed().await, 4006);
    let mut raw = server.join("new").await;
    let back = json!({ "newRoomId": "new" });
    assert_eq!(server.rest("POST", "/v2/rooms/new/update-room-id", &back).status, 409);
    let op = format!("{}:0", raw.actor);
    raw.ops(json!([{ "type": 3, "id": "root", "opId": op, "data": { "k": 1 } }])).await;
    raw.answer(&op).await;
    assert_eq!(server.storage("new"), json!({ "k": 1 }));
    assert_eq!(server.rest("GET", "/v2/rooms/old", &json!(null)).status, 404);
}
