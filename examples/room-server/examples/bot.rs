//! Joins a room and edits it at random, over a network that fails: half of a test, the other half of
//! which are official clients (`tests/interop/mixed.mjs`).
//!
//! `bot <url> <seed>` obeys the lines that it reads: `edit N` makes N edits, `report` waits until all
//! are acknowledged and prints the document. Connections are cut now and then.

#[path = "join/link.rs"]
mod link;

use std::io::BufRead;
use std::time::Duration;

use link::Link;
use livetree::client::Status;
use livetree::{EditError, ObjectMut, lson};

#[tokio::main]
async fn main() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("the first argument is the room's URL")?;
    let seed = args.next().and_then(|seed| seed.parse().ok()).ok_or("the second is a number")?;
    let mut random = Random(seed);
    let (room, task) = Link::join(move || url.clone(), |_| ());
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let answer = match line.split_once(' ') {
            Some(("edit", number)) => {
                let number = number.parse().map_err(|_| format!("how many is {number}?"))?;
                edit(&room, &mut random, number).await.map(|()| "done".to_owned())
            }
            _ => report(&room).await,
        };
        // Without an answer the client is gone, and its task says why.
        let Some(answer) = answer else { break };
        println!("{answer}");
    }
    drop(room);
    let ended = task.await.map_err(|error| error.to_string())?;
    ended.map_err(|refused| format!("{refused:?}"))
}

/// Numbers that look random, and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }
}

async fn edit(link: &Link, random: &mut Random, number: u64) -> Option<()> {
    settle(link, |status| !matches!(status, Status::NotLoaded | Status::Loading)).await?;
    for _ in 0..number {
        let mut dice = Random(random.below(u64::MAX) | 1);
        link.with(move |client| client.edit(|root| change(root, &mut dice)).map(drop)).await?.ok();
        match random.below(40) {
            0 => link.cut(),
            1..20 => tokio::time::sleep(Duration::from_millis(random.below(20))).await,
            _ => {}
        }
    }
    Some(())
}

/// One edit in the document that `mixed.mjs` sets up.
fn change(root: &mut ObjectMut<'_>, random: &mut Random) -> Result<(), EditError> {
    let number = i64::try_from(random.below(100)).unwrap_or_default();
    match random.below(10) {
        0 => root.object("o")?.set("a", number),
        1 => root.object("o")?.set("x", lson!({ "bot": [number] })),
        2 => root.map("m")?.set("k", number),
        3 => root.map("m")?.set("bot", lson!([number])),
        4 => {
            let mut text = root.text("t")?;
            text.insert(random.index(text.len() + 1), "é😀")
        }
        choice => {
            let mut list = root.list("l")?;
            let len = list.len();
            match choice {
                _ if len == 0 => list.push(number),
                5 | 6 => list.push(lson!({ "bot": number })),
                7 => list.insert(random.index(len + 1), number),
                8 => list.move_item(random.index(len), random.index(len)),
                _ => list.delete(random.index(len)).map(drop),
            }
        }
    }
}

async fn report(link: &Link) -> Option<String> {
    settle(link, |status| status == Status::Synchronized).await?;
    link.with(|client| client.document().to_json().to_string()).await
}

/// Waits until the client is as it should be.
async fn settle(link: &Link, enough: impl Fn(Status) -> bool) -> Option<()> {
    while !enough(link.with(|client| client.status()).await?) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some(())
}
