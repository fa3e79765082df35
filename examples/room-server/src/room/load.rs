//! Bringing a room back into memory: a snapshot, and the ops since.
//!
//! Of the two snapshots that are kept, the older is taken, so that the ops replayed onto it fill
//! the server's memory of what clients may send again. If it is damaged, the newer one has the
//! same content.

use std::sync::Arc;

use livetree::server::ServerOptions;
use livetree::{Actor, Document, Limits, Server};

use super::Room;
use crate::config::Config;
use crate::journal::{self, Damage};
use crate::metrics::Metrics;
use crate::store::Stored;

/// A room, and where it is in its history.
#[derive(Debug)]
pub struct Loaded {
    /// The room.
    pub room: Room,
    /// The number of its latest op.
    pub last: u64,
}

/// Brings a room back.
///
/// # Errors
/// If there is no way to the present that is undamaged.
pub fn load(
    stored: &Stored,
    config: &Arc<Config>,
    metrics: &Arc<Metrics>,
) -> Result<Loaded, Damage> {
    let newest = stored.snapshots.last().map_or(0, |(at, _)| *at);
    let beginning = (0, None);
    let snapshots = stored.snapshots.iter().map(|(at, bytes)| (*at, Some(bytes)));
    let mut damage = None;
    for (at, snapshot) in std::iter::once(beginning).chain(snapshots) {
        let batches = stored.batches.iter().filter(|(first, _)| *first > at);
        let first = batches.clone().next().map(|(first, _)| *first);
        // The ops before this snapshot and after may be gone already.
        if first.map_or(at < newest, |first| first != at + 1) {
            continue;
        }
        match replay(snapshot, at, batches, config) {
            Ok((server, last)) if last >= newest => {
                let server = server.starting_at(Actor(stored.next_actor));
                let room = Room::new(server, config.clone(), metrics.clone());
                return Ok(Loaded { room, last });
            }
            Ok((_, last)) => damage = Some(Damage::new("the log", format!("it ends at {last}"))),
            Err(error) => {
                tracing::warn!(%error, from = at, "a way to load a room is damaged");
                damage = Some(error);
            }
        }
    }
    Err(damage.unwrap_or_else(|| Damage::new("the log", "its beginning is missing")))
}

fn replay<'a>(
    snapshot: Option<&Vec<u8>>,
    at: u64,
    batches: impl Iterator<Item = &'a (u64, Vec<u8>)>,
    config: &Config,
) -> Result<(Server, u64), Damage> {
    let document = snapshot.map_or_else(|| Ok(Document::new()), |s| journal::read_snapshot(s))?;
    let mut server = server(document, config);
    let mut last = at;
    for (first, batch) in batches {
        if *first != last + 1 {
            let why = format!("operations {} to {} are missing", last + 1, first - 1);
            return Err(Damage::new("the log", why));
        }
        last += journal::replay(&mut server, batch)?;
    }
    Ok((server, last))
}

/// The engine with this server's rules.
fn server(mut document: Document, config: &Config) -> Server {
    // Clients find out for themselves what a patch changed.
    document.set_change_reports(false);
    let limits = Limits::default()
        .object_size(config.max_message)
        .value_size(config.max_message)
        .nodes(config.max_nodes);
    let options = ServerOptions::default()
        .limits(limits)
        // Everything accepted is written down at once, and forgotten then.
        .log_len(usize::MAX)
        // A rejection makes official clients throw, or show what nobody else has.
        .take_back_rejected(true);
    Server::new(document, options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{seal, write_snapshot};

    /// Batches of one op each, and the document after all of them.
    fn stored(ops: u64) -> (Stored, Document) {
        let mut stored = Stored::default();
        let mut document = Document::new();
        for n in 1..=ops {
            let op = format!(r#"{{"type":3,"id":"root","opId":"0:{n}","data":{{"k{n}":{n}}}}}"#);
            let json = op.parse().unwrap();
            let read = livetree::Op::from_json(&json, livetree::op::Sender::Server);
            let _ = document.apply(&read.unwrap().unwrap());
            stored.batches.push((n, seal(format!("[0,0,{op}]\n").as_bytes())));
            if n % 3 == 0 {
                stored.snapshots.push((n, write_snapshot(&document)));
            }
        }
        (stored, document)
    }

    fn loaded(stored: &Stored) -> Result<(u64, String), Damage> {
        let loaded = load(stored, &Arc::default(), &Arc::default())?;
        Ok((loaded.last, loaded.room.document().to_json().to_string()))
    }

    #[test]
    fn every_undamaged_way_leads_to_the_present() {
        let (whole, document) = stored(8);
        let present = Ok((8, document.to_json().to_string()));
        assert_eq!(loaded(&whole), present);
        let (mut trimmed, _) = stored(8);
        trimmed.batches.drain(..3);
        assert_eq!(loaded(&trimmed), present);
        // The older snapshot is damaged: the newer one does.
        trimmed.snapshots[0].1[9] ^= 1;
        assert_eq!(loaded(&trimmed), present);
        // The newer one alone: the older does.
        let (mut trimmed, _) = stored(8);
        trimmed.batches.drain(..3);
        trimmed.snapshots[1].1[9] ^= 1;
        assert_eq!(loaded(&trimmed), present);
        // Both: nothing does, and nothing is made up.
        trimmed.snapshots[0].1[9] ^= 1;
        assert!(loaded(&trimmed).is_err());
    }

    #[test]
    fn what_is_missing_is_no_empty_room() {
        let (mut gap, _) = stored(8);
        gap.snapshots.clear();
        gap.batches.remove(4);
        assert!(loaded(&gap).unwrap_err().to_string().contains("5 to 5 are missing"));
        gap.batches.drain(..2);
        assert!(loaded(&gap).is_err());
        assert_eq!(loaded(&Stored::default()), Ok((0, "{}".to_owned())));
        let (mut only_snapshot, document) = stored(6);
        only_snapshot.batches.clear();
        only_snapshot.snapshots.remove(0);
        assert_eq!(loaded(&only_snapshot), Ok((6, document.to_json().to_string())));
    }

    #[test]
    fn actor_numbers_go_on_where_they_were() {
        let (mut stored, _) = stored(1);
        stored.next_actor = 700;
        let loaded = load(&stored, &Arc::default(), &Arc::default()).unwrap();
        assert_eq!(loaded.room.reserved, 700);
    }
}
