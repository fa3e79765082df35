//! Joins a room over the WebSocket and edits it: what a Rust program does to work with others.
//!
//! ```sh
//! cargo run -p room-server                              # in one terminal
//! cargo run -p room-server --example join -- my-room    # in others
//! ```
//!
//! Each line typed goes to the end of the list `lines`; `undo` takes the latest back, `cut` cuts the
//! connection. The document is printed whenever it changes, whoever changed it. Stop the server, type
//! on, start it again: nothing is lost.

mod link;

use std::io::BufRead;

use link::{Link, Refused};
use livetree::client::Status;
use livetree::{EditError, ObjectMut, lson};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let room = args.next().unwrap_or_else(|| "my-room".to_owned());
    let server = args.next().unwrap_or_else(|| "ws://127.0.0.1:4100".to_owned());
    let url = move || format!("{server}/v8?roomId={room}&pubkey=pk_localdev");

    let mut shown = String::new();
    let (link, task) = Link::join(url, move |client| {
        let now = format!("{:?}: {}", client.status(), client.document().to_json());
        if now != shown && client.status() != Status::NotLoaded {
            println!("{now}");
            shown = now;
        }
    });
    let mut lines = typed_lines();
    tokio::select! {
        ended = task => {
            let refused = |Refused { code, reason }| format!("refused with {code}: {reason}");
            ended.map_err(|error| error.to_string())?.map_err(refused)
        }
        () = async {
            while let Some(line) = lines.recv().await {
                if line == "cut" {
                    link.cut();
                    continue;
                }
                let failed = link.with(move |client| match line.as_str() {
                    "undo" => {
                        client.undo();
                        None
                    }
                    _ => client.edit(|root| push(root, &line)).err(),
                });
                if let Some(Some(error)) = failed.await {
                    eprintln!("{error}");
                }
            }
        } => Ok(()),
    }
}

fn push(root: &mut ObjectMut<'_>, line: &str) -> Result<(), EditError> {
    if root.list("lines").is_err() {
        root.set("lines", lson!([]))?;
    }
    root.list("lines")?.push(line)
}

/// What is typed, line by line. Reading blocks, so it has a thread of its own.
fn typed_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
