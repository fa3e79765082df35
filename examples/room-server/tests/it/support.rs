//! A server in a process of its own, and ways to talk to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) const PUBLIC: &str = "pubkey=pk_localdev";

/// A running server.
pub(crate) struct Server {
    child: Child,
    address: String,
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Server {
    pub(crate) fn start(data: &Path, args: &[&str]) -> Self {
        Self::try_start(data, args).unwrap_or_else(|(_, log)| panic!("no start: {log}"))
    }

    /// Starts a server; if it ends at once, how, and what it said.
    pub(crate) fn try_start(data: &Path, args: &[&str]) -> Result<Self, (ExitStatus, String)> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_room-server"))
            .args(["--port", "0", "--data"])
            .arg(data)
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            if log.read_line(&mut line).unwrap() == 0 {
                return Err((child.wait().unwrap(), said));
            }
            said.push_str(&line);
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().to_owned();
            }
        };
        // The log must be read, or the server would wait for that.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Self { child, address })
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// A request with the secret key.
    pub(crate) fn rest(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.rest_with(method, path, &body.to_string(), Some("sk_localdev"))
    }

    pub(crate) fn rest_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        key: Option<&str>,
    ) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let key = key.map_or(String::new(), |key| format!("Authorization: Bearer {key}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{key}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, body: body.to_owned() }
    }

    /// A room's storage as JSON.
    pub(crate) fn storage(&self, room: &str) -> Value {
        self.rest("GET", &format!("/v2/rooms/{room}/storage?format=json"), &json!(null)).json()
    }

    /// Begins to change a room's storage as a backend; returns its actor number.
    pub(crate) fn mutate(&self, room: &str) -> Value {
        let path = format!("/v2/rooms/{room}/request-storage-mutation");
        let lines = self.rest("POST", &path, &json!({})).body;
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        first["actor"].clone()
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.rest_with("GET", "/metrics", "", None).body;
        let value =
            text.lines().find_map(|line| line.strip_prefix(&format!("room_server_{name} ")));
        value.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }

    pub(crate) fn url(&self, room: &str, auth: &str) -> String {
        format!("ws://{}/v8?roomId={room}&{auth}", self.address)
    }

    /// Joins a room with the public key.
    pub(crate) async fn join(&self, room: &str) -> Raw {
        self.join_with(room, PUBLIC).await.unwrap()
    }

    /// Joins a room; or else, the code with which the server closed.
    pub(crate) async fn join_with(&self, room: &str, auth: &str) -> Result<Raw, u16> {
        Raw::open(&self.url(room, auth)).await
    }

    /// A token from the REST API.
    pub(crate) fn token(&self, path: &str, body: &Value) -> String {
        self.rest("POST", path, body).json()["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already after `kill` and `stop`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A WebSocket without a client behind it.
pub(crate) struct Raw {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
    pub(crate) actor: u64,
}

impl Raw {
    /// Joins a room; or else, the code with which the server closed.
    pub(crate) async fn open(url: &str) -> Result<Self, u16> {
        let connected = tokio_tungstenite::connect_async(url).await;
        let mut raw = Self { socket: connected.map_err(|_| 1006u16)?.0, actor: 0 };
        let state: Value = serde_json::from_str(&raw.next().await?).unwrap();
        assert_eq!(state["type"], 104);
        raw.actor = state["actor"].as_u64().unwrap();
        Ok(raw)
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        // A server that was killed hears nothing.
        let _ = self.socket.send(Message::text(text.into())).await;
    }

    /// Sends ops.
    pub(crate) async fn ops(&mut self, ops: Value) {
        self.send(json!([{ "type": 201, "ops": ops }]).to_string()).await;
    }

    /// The next text frame; or else, the code with which the server closed.
    pub(crate) async fn next(&mut self) -> Result<String, u16> {
        let wait = Duration::from_secs(20);
        loop {
            let frame = tokio::time::timeout(wait, self.socket.next()).await;
            match frame.expect("an answer in time") {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(Message::Close(None))) => return Err(1005),
                Some(Err(_)) | None => return Err(1006),
                Some(Ok(_)) => {}
            }
        }
    }

    /// The messages of the next frame.
    pub(crate) async fn messages(&mut self) -> Result<Vec<Value>, u16> {
        Ok(match serde_json::from_str(&self.next().await?).unwrap() {
            Value::Array(messages) => messages,
            message => vec![message],
        })
    }

    /// Waits until an op is answered. Returns the answer.
    pub(crate) async fn answer(&mut self, op_id: &str) -> Value {
        loop {
            for message in self.messages().await.unwrap() {
                let ops = message["ops"].as_array().cloned().unwrap_or_default();
                if let Some(op) = ops.into_iter().find(|op| op["opId"] == op_id) {
                    return op;
                }
                let rejected = message["opIds"].as_array().cloned().unwrap_or_default();
                if rejected.contains(&op_id.into()) {
                    return message;
                }
            }
        }
    }

    /// The code with which the server closes.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}
