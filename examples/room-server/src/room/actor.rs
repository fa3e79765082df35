//! The task that owns a room: takes commands one after another, has what was accepted written down,
//! and lets out what was waiting for that.
//!
//! While a write is under way the room goes on; what it says meanwhile waits for the next write.
//! So nobody hears of anything that a crash could take back, and a slow disk costs time once per
//! write, not once per op.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};

use super::load::Loaded;
use super::{Delivery, Room, load};
use crate::directory::Key;
use crate::journal;
use crate::outbox::Close;
use crate::rooms::Rooms;
use crate::store::{Change, StoreError};

/// How many commands may wait for a room; who has more to say waits itself.
pub const MAX_COMMANDS: usize = 128;

/// How many commands one write may cover.
const COMMANDS_AT_ONCE: usize = 64;

/// How many bytes may be said before they go out, or wait for a write.
const BYTES_AT_ONCE: usize = 16 << 20;

/// How much may wait for writes before the room does no more.
const MAX_WAITING: usize = 4_096;

/// How many bytes may.
const MAX_WAITING_BYTES: usize = 4 * BYTES_AT_ONCE;

/// The least size of the log at which a snapshot is renewed before its number of ops demands it.
const MIN_LOG_BYTES: usize = 4 << 20;

/// What is asked of a room.
pub enum Command {
    /// Something to do with it.
    Run(Box<dyn FnOnce(&mut Room) + Send>),
    /// Everybody must go, and the room leaves the memory.
    Stop(Close, oneshot::Sender<()>),
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Run(_) => "Run",
            Self::Stop(..) => "Stop",
        })
    }
}

/// A write that has ended.
struct Written {
    ticket: u64,
    result: Result<(), StoreError>,
}

/// A room's task.
struct Task {
    key: Key,
    room: Room,
    rooms: Arc<Rooms>,
    commands: mpsc::Receiver<Command>,
    written: mpsc::UnboundedReceiver<Written>,
    report: mpsc::UnboundedSender<Written>,
    /// What leaves the room, with the number of the write that it waits for.
    waiting: VecDeque<(u64, Delivery)>,
    waiting_bytes: usize,
    submitted: u64,
    on_disk: u64,
    /// The number of the latest op.
    last: u64,
    ops_since_snapshot: u64,
    bytes_since_snapshot: usize,
    snapshot_bytes: usize,
}

/// Why a task goes on no more.
enum End {
    Idle,
    Stopped(oneshot::Sender<()>),
    Failed,
}

/// Loads a room, and runs it until nobody needs it any more.
pub async fn run(key: Key, rooms: Arc<Rooms>, mut commands: mpsc::Receiver<Command>) {
    let reader = rooms.clone();
    let loading = tokio::task::spawn_blocking(move || {
        let stored = reader.store().read(key).map_err(|error| error.to_string())?;
        let ops: usize = stored.batches.iter().map(|(_, batch)| batch.len()).sum();
        let snapshot = stored.snapshots.last().map_or(0, |(_, bytes)| bytes.len());
        let loaded = load(&stored, reader.config(), reader.metrics());
        loaded.map(|loaded| (loaded, ops, snapshot)).map_err(|damage| damage.to_string())
    });
    // The database's own code may panic on bytes that it never wrote.
    let loaded = loading.await.unwrap_or_else(|panic| Err(panic.to_string()));
    match loaded {
        // It was removed meanwhile, or making it could not be written down, which is known by now.
        Ok(_) if !rooms.exists(key) => {
            rooms.forget(key);
            drop_all(&mut commands).await;
        }
        Ok((Loaded { room, last }, log_bytes, snapshot_bytes)) => {
            let (report, written) = mpsc::unbounded_channel();
            rooms.metrics().rooms.add(1);
            let task = Task {
                key,
                room,
                rooms,
                commands,
                written,
                report,
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                submitted: 0,
                on_disk: 0,
                last,
                ops_since_snapshot: 0,
                bytes_since_snapshot: log_bytes,
                snapshot_bytes,
            };
            task.run().await;
        }
        Err(error) => {
            rooms.metrics().damaged.add(1);
            tracing::error!(key, error, "a room cannot be loaded; nothing of it was changed");
            rooms.forget(key);
            drop_all(&mut commands).await;
        }
    }
}

/// Leaves to the next task of a room what was asked too late.
async fn hand_on(key: Key, rooms: &Arc<Rooms>, mut commands: mpsc::Receiver<Command>) {
    commands.close();
    // Who was about to send something when the queue was closed still does.
    while let Some(command) = commands.recv().await {
        match command {
            // If there can be no next task, who asked hears that.
            Command::Run(_) => drop(rooms.send(key, command).await),
            // Everybody has gone already.
            Command::Stop(..) => {}
        }
    }
}

/// Lets those who asked for something know that it will not be done.
async fn drop_all(commands: &mut mpsc::Receiver<Command>) {
    commands.close();
    while commands.recv().await.is_some() {}
}

impl Task {
    async fn run(mut self) {
        tracing::debug!(key = self.key, ops = self.last, "room loaded");
        let end = loop {
            // What has panicked may be in any state; what is on the disk is not.
            match AssertUnwindSafe(self.turn()).catch_unwind().await {
                Ok(None) => {}
                Ok(Some(end)) => break end,
                Err(_) => {
                    tracing::error!(key = self.key, "a room is given up: it has panicked");
                    break End::Failed;
                }
            }
        };
        self.rooms.metrics().rooms.sub(1);
        let Self { key, mut room, rooms, mut commands, .. } = self;
        match end {
            End::Idle => {
                tracing::debug!(key, "room unloaded");
                drop(room);
                hand_on(key, &rooms, commands).await;
            }
            End::Stopped(done) => {
                drop(room);
                rooms.forget(key);
                // Who asked may have gone.
                let _ = done.send(());
                hand_on(key, &rooms, commands).await;
            }
            End::Failed => {
                rooms.forget(key);
                room.out.clear();
                room.expel_all(&Close::new(Close::FAILED, "The room has failed"));
                for delivery in std::mem::take(&mut room.out) {
                    let _ = deliver(delivery);
                }
                drop_all(&mut commands).await;
            }
        }
    }

    /// Waits for something to do, and does it. Returns why that was the last time.
    async fn turn(&mut self) -> Option<End> {
        let idle = self.room.is_empty() && self.waiting.is_empty();
        let may_go_on = self.waiting.len() < MAX_WAITING && self.waiting_bytes < MAX_WAITING_BYTES;
        let deadline = self.room.next_deadline().map(tokio::time::Instant::from_std);
        tokio::select! {
            biased;
            Some(written) = self.written.recv() => return self.written(written),
            () = tokio::time::sleep_until(deadline.unwrap_or_else(tokio::time::Instant::now)),
                if deadline.is_some() && may_go_on => self.room.pass_time(Instant::now()),
            command = self.commands.recv(), if may_go_on => match command {
                Some(Command::Run(command)) => command(&mut self.room),
                Some(Command::Stop(close, done)) => return Some(self.stop(&close, done).await),
                // The server itself is gone.
                None => return Some(End::Failed),
            },
            () = tokio::time::sleep(self.rooms.config().idle), if idle => {
                return self.rooms.retire(self.key, &mut self.commands).then_some(End::Idle);
            }
        }
        for _ in 1..COMMANDS_AT_ONCE {
            if bytes(&self.room.out) > BYTES_AT_ONCE {
                break;
            }
            match self.commands.try_recv() {
                Ok(Command::Run(command)) => command(&mut self.room),
                Ok(Command::Stop(close, done)) => return Some(self.stop(&close, done).await),
                Err(_) => break,
            }
        }
        self.flush();
        None
    }

    /// Sends everybody away, once everything is on the disk.
    async fn stop(&mut self, close: &Close, done: oneshot::Sender<()>) -> End {
        self.commands.close();
        self.room.expel_all(close);
        self.flush();
        while self.on_disk < self.submitted {
            let Some(written) = self.written.recv().await else { return End::Failed };
            if let Some(end) = self.written(written) {
                return end;
            }
        }
        End::Stopped(done)
    }

    fn written(&mut self, written: Written) -> Option<End> {
        if let Err(error) = written.result {
            tracing::error!(key = self.key, %error, "a room is given up: it cannot be saved");
            return Some(End::Failed);
        }
        self.on_disk = written.ticket;
        self.release();
        None
    }

    /// Has written down what was accepted, and lets out what need not wait.
    fn flush(&mut self) {
        let unwritten = std::mem::take(&mut self.room.unwritten);
        let mut changes = Vec::new();
        if let Some(actors) = unwritten.actors {
            changes.push(Change::Actors(self.key, actors));
        }
        if unwritten.ops > 0 {
            let batch = journal::seal(&unwritten.batch);
            self.bytes_since_snapshot += batch.len();
            self.ops_since_snapshot += unwritten.ops;
            changes.push(Change::Batch(self.key, self.last + 1, batch));
            self.last += unwritten.ops;
            changes.extend(self.snapshot_if_due());
        }
        if !changes.is_empty() {
            self.submitted += 1;
            let (report, ticket) = (self.report.clone(), self.submitted);
            self.rooms.store().submit(changes, move |result| {
                // A task that has ended needs no reports.
                let _ = report.send(Written { ticket, result });
            });
        }
        self.queue();
        self.release();
    }

    /// Snapshots are renewed so seldom that the work is in proportion to what was written.
    fn snapshot_if_due(&mut self) -> Option<Change> {
        let due = self.ops_since_snapshot >= self.rooms.config().snapshot_ops
            || self.bytes_since_snapshot > MIN_LOG_BYTES.max(self.snapshot_bytes);
        if !due {
            return None;
        }
        let snapshot = journal::write_snapshot(self.room.document());
        self.snapshot_bytes = snapshot.len();
        (self.ops_since_snapshot, self.bytes_since_snapshot) = (0, 0);
        Some(Change::Snapshot(self.key, self.last, snapshot))
    }

    fn queue(&mut self) {
        let ticket = self.submitted;
        self.waiting_bytes += bytes(&self.room.out);
        self.waiting.extend(self.room.out.drain(..).map(|delivery| (ticket, delivery)));
    }

    /// Lets out what is on the disk.
    fn release(&mut self) {
        while self.waiting.front().is_some_and(|(ticket, _)| *ticket <= self.on_disk) {
            let Some((_, delivery)) = self.waiting.pop_front() else { return };
            self.waiting_bytes -= delivery.bytes();
            if let Delivery::Frame(to, frame) = &delivery {
                self.rooms.metrics().count_out(to.len(), frame);
            }
            let slow = deliver(delivery);
            for actor in slow {
                self.room.is_slow(actor);
            }
            self.queue();
        }
    }
}

fn bytes(deliveries: &[Delivery]) -> usize {
    deliveries.iter().map(Delivery::bytes).sum()
}

/// Hands something to those for whom it is. Returns who does not keep up.
fn deliver(delivery: Delivery) -> Vec<livetree::Actor> {
    match delivery {
        Delivery::Frame(to, frame) => {
            let late = to.into_iter().filter(|(_, outbox)| !outbox.put(frame.clone()));
            late.map(|(actor, _)| actor).collect()
        }
        Delivery::Answer(answer) => {
            answer();
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Frame, outbox};
    use crate::record::Record;
    use crate::room::Entry;
    use crate::rooms::RoomError;
    use crate::rooms::tests::rooms_on;
    use crate::scopes::Scopes;
    use crate::store::tests::Disk;

    #[tokio::test]
    async fn what_meets_a_room_that_is_being_unloaded_is_done_by_the_next_task() {
        let rooms = rooms_on(&Disk::default());
        rooms.create(Record::new("r", Scopes::default())).await.unwrap();
        let (key, _) = rooms.find("r").unwrap();
        let (sender, mut queue) = mpsc::channel(2);
        let late = sender.reserve().await.unwrap();
        assert!(rooms.retire(key, &mut queue));
        assert!(sender.send(Command::Run(Box::new(|_| ()))).await.is_err());
        let (reply, answer) = oneshot::channel();
        late.send(Command::Run(Box::new(move |room| reply.send(room.is_empty()).unwrap())));
        hand_on(key, &rooms, queue).await;
        assert_eq!(answer.await, Ok(true));
    }

    #[tokio::test]
    async fn a_room_that_panics_is_given_up_and_loaded_again() {
        let rooms = rooms_on(&Disk::default());
        rooms.create(Record::new("r", Scopes::default())).await.unwrap();
        let (key, _) = rooms.find("r").unwrap();
        let entry = Entry {
            room: "r".to_owned(),
            user: None,
            info: None,
            scopes: Scopes::room_write(),
            protocol: livetree::server::Protocol::V8,
        };
        let (outbox, mut outgoing) = outbox(1_000);
        let entered = rooms.run(key, move |room| room.enter(entry, outbox)).await.unwrap();
        assert!(entered.is_ok());
        let panicked = rooms.run(key, |_| std::panic::resume_unwind(Box::new(()))).await;
        assert_eq!(panicked, Err::<(), _>(RoomError::Failed));
        let again = rooms.run(key, |room| room.is_empty());
        let again = tokio::time::timeout(std::time::Duration::from_secs(5), again).await;
        assert_eq!(again, Ok(Ok(true)));
        let mut last = None;
        while let Some(frame) = outgoing.try_next() {
            last = Some(frame);
        }
        assert!(matches!(last, Some(Frame::Close(close)) if close.code == Close::FAILED));
    }

    #[tokio::test]
    async fn what_meets_a_room_that_is_gone_is_told_so() {
        let rooms = rooms_on(&Disk::default());
        let (sender, queue) = mpsc::channel(1);
        let (reply, answer) = oneshot::channel();
        let ask = Command::Run(Box::new(move |room| reply.send(room.is_empty()).unwrap()));
        sender.send(ask).await.unwrap();
        hand_on(7, &rooms, queue).await;
        assert!(answer.await.is_err());
    }
}
