//! All rooms: their records, and the tasks of those that are in memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::config::Config;
use crate::directory::{Directory, Filter, Key};
use crate::metrics::Metrics;
use crate::outbox::Close;
use crate::record::{Record, RecordUpdate, now};
use crate::room::actor::{self, Command, MAX_COMMANDS};
use crate::room::{Delivery, Room};
use crate::store::{Change, Contents, Store, StoreError};

/// How many bytes of frames may wait for rooms, in kilobytes. Whoever has more to say waits.
const INBOUND_KILOBYTES: u32 = 256 << 10;

/// How long to wait for a task to end before asking for the next.
const PAUSE: Duration = Duration::from_millis(2);

/// Something with a room did not work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RoomError {
    /// There is no room of this name.
    #[error("there is no room {0:?}")]
    Missing(String),
    /// There is a room of this name.
    #[error("there is a room {0:?} already")]
    Exists(String),
    /// The record would be invalid.
    #[error("{0}")]
    Invalid(String),
    /// The server is going down.
    #[error("the server is shutting down")]
    Stopped,
    /// The room was stopped meanwhile, its storage is damaged or cannot be written, or its id is yet to be given up by
    /// another.
    #[error("the room's storage cannot be used at the moment; the server's log says more")]
    Failed,
}

/// All rooms.
#[derive(Debug)]
pub struct Rooms {
    records: Arc<Mutex<Records>>,
    live: Mutex<HashMap<Key, mpsc::Sender<Command>>>,
    stopping: AtomicBool,
    store: Store,
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    /// Bounds what waits for rooms.
    inbound: Arc<Semaphore>,
}

/// Records as they will be when everything is written down.
#[derive(Debug)]
struct Records {
    directory: Directory,
    next_key: Key,
    /// What of that is not on the disk yet.
    unsaved: HashMap<Key, Unsaved>,
}

/// A record that is being written down.
#[derive(Debug)]
struct Unsaved {
    /// As it is on the disk, if it is there.
    saved: Option<Arc<Record>>,
    /// How many writes of it are under way.
    writes: usize,
}

impl Records {
    /// Changes a record, or removes it; [`settle`](Self::settle) is to follow.
    fn change(&mut self, key: Key, record: Option<Arc<Record>>) {
        let saved = self.directory.get(key);
        let unsaved = self.unsaved.entry(key);
        unsaved.or_insert_with(|| Unsaved { saved: saved.cloned(), writes: 0 }).writes += 1;
        self.set(key, record);
    }

    /// A change of a record has been written down, or was lost. Then it is taken back, unless
    /// another has followed it.
    fn settle(&mut self, key: Key, record: Option<&Arc<Record>>, is_saved: bool) {
        let Entry::Occupied(mut unsaved) = self.unsaved.entry(key) else { return };
        unsaved.get_mut().writes -= 1;
        if is_saved {
            unsaved.get_mut().saved = record.cloned();
        }
        let saved = unsaved.get().saved.clone();
        if unsaved.get().writes == 0 {
            unsaved.remove();
        }
        let is_latest = self.directory.get(key).map(Arc::as_ptr) == record.map(Arc::as_ptr);
        if is_latest && !is_saved {
            self.set(key, saved);
        }
    }

    /// Whether another room than this one may get an id back that it has given up: if that cannot be written down.
    fn may_be_anothers(&self, id: &str, key: Key) -> bool {
        let mut unsaved = self.unsaved.iter().filter(|(other, _)| **other != key);
        unsaved.any(|(_, unsaved)| unsaved.saved.as_ref().is_some_and(|record| record.id == id))
    }

    fn set(&mut self, key: Key, record: Option<Arc<Record>>) {
        match record {
            Some(record) => self.directory.put(key, record),
            None => self.directory.remove(key),
        }
    }
}

/// What a write will come to.
type Written = oneshot::Receiver<Result<(), StoreError>>;

fn lock(records: &Mutex<Records>) -> MutexGuard<'_, Records> {
    records.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rooms {
    /// The rooms of a database.
    pub fn new(
        store: Store,
        contents: Contents,
        config: Arc<Config>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let mut directory = Directory::default();
        let next_key = contents.next_key.max(1);
        for (key, record) in contents.records {
            directory.put(key, Arc::new(record));
        }
        Self {
            records: Arc::new(Mutex::new(Records { directory, next_key, unsaved: HashMap::new() })),
            live: Mutex::default(),
            stopping: AtomicBool::new(false),
            store,
            config,
            metrics,
            inbound: Arc::new(Semaphore::new(INBOUND_KILOBYTES as usize)),
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// What is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Waits until there is room for a frame that is to wait for a room; it counts until what this
    /// returns is dropped.
    pub async fn hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.inbound.clone().acquire_many_owned(share(bytes)).await.ok()
    }

    /// The database.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        lock(&self.records)
    }

    fn live(&self) -> MutexGuard<'_, HashMap<Key, mpsc::Sender<Command>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A room's number and record.
    pub fn find(&self, id: &str) -> Result<(Key, Arc<Record>), RoomError> {
        let records = self.records();
        let (key, record) =
            records.directory.find(id).ok_or_else(|| RoomError::Missing(id.to_owned()))?;
        Ok((key, record.clone()))
    }

    /// Whether there is a room of this number.
    pub(crate) fn exists(&self, key: Key) -> bool {
        self.records().directory.get(key).is_some()
    }

    /// The records that a filter leaves; see [`Directory::list`].
    pub fn list(
        &self,
        filter: &Filter,
        before: Option<Key>,
        limit: usize,
    ) -> (Vec<Arc<Record>>, Option<Key>) {
        self.records().directory.list(filter, before, limit)
    }

    /// Makes a room.
    pub async fn create(&self, record: Record) -> Result<Arc<Record>, RoomError> {
        record.check().map_err(RoomError::Invalid)?;
        let (record, written) = {
            let mut records = self.records();
            if records.directory.find(&record.id).is_some() {
                return Err(RoomError::Exists(record.id));
            }
            self.add(&mut records, record)?
        };
        self.on_disk(written).await?;
        Ok(record)
    }

    /// A room's number and record; a missing room is made.
    pub async fn find_or_create(
        &self,
        id: &str,
        new: impl FnOnce() -> Record,
    ) -> Result<(Key, Arc<Record>), RoomError> {
        let written = {
            let mut records = self.records();
            if let Some((key, record)) = records.directory.find(id) {
                return Ok((key, record.clone()));
            }
            let record = new();
            record.check().map_err(RoomError::Invalid)?;
            self.add(&mut records, record)?.1
        };
        self.on_disk(written).await?;
        self.find(id)
    }

    fn add(
        &self,
        records: &mut Records,
        record: Record,
    ) -> Result<(Arc<Record>, Written), RoomError> {
        let key = records.next_key;
        if records.may_be_anothers(&record.id, key) {
            return Err(RoomError::Failed);
        }
        records.next_key += 1;
        Ok(self.put(records, key, record))
    }

    async fn on_disk(&self, written: Written) -> Result<(), RoomError> {
        written.await.ok().and_then(Result::ok).ok_or(RoomError::Failed)
    }

    /// Changes a record. The organisation stays: that is only for new rooms.
    pub async fn update(&self, id: &str, update: RecordUpdate) -> Result<Arc<Record>, RoomError> {
        let update = RecordUpdate { organization_id: None, ..update };
        self.change(id, |record| {
            record.update(update);
            Ok(())
        })
        .await
    }

    /// Changes a record by any rule; the id must stay.
    pub async fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Record) -> Result<(), RoomError>,
    ) -> Result<Arc<Record>, RoomError> {
        let (record, written) = {
            let mut records = self.records();
            let found = records.directory.find(id);
            let (key, record) = found.ok_or_else(|| RoomError::Missing(id.to_owned()))?;
            let mut record = Record::clone(record);
            change(&mut record)?;
            record.check().map_err(RoomError::Invalid)?;
            self.put(&mut records, key, record)
        };
        self.on_disk(written).await?;
        Ok(record)
    }

    fn put(&self, records: &mut Records, key: Key, record: Record) -> (Arc<Record>, Written) {
        let record = Arc::new(record);
        records.change(key, Some(record.clone()));
        let written = self.save(key, Some(record.clone()));
        (record, written)
    }

    /// Writes down that a record has changed, or is removed with all that belongs to it.
    fn save(&self, key: Key, record: Option<Arc<Record>>) -> Written {
        let change = record.clone();
        let change = change.map_or(Change::Remove(key), |record| Change::Record(key, record));
        let (records, (done, written)) = (self.records.clone(), oneshot::channel());
        self.store.submit(vec![change], move |result| {
            lock(&records).settle(key, record.as_ref(), result.is_ok());
            // Who asked may have lost interest.
            let _ = done.send(result);
        });
        written
    }

    /// Gives a room another id. Who is in it must come back under the new one.
    pub async fn rename(
        self: &Arc<Self>,
        id: &str,
        new_id: &str,
    ) -> Result<Arc<Record>, RoomError> {
        let (rooms, id, new_id) = (self.clone(), id.to_owned(), new_id.to_owned());
        to_the_end(async move { rooms.rename_now(&id, &new_id).await }).await
    }

    async fn rename_now(
        self: &Arc<Self>,
        id: &str,
        new_id: &str,
    ) -> Result<Arc<Record>, RoomError> {
        let (key, record, written) = {
            let mut records = self.records();
            let found = records.directory.find(id);
            let (key, record) = found.ok_or_else(|| RoomError::Missing(id.to_owned()))?;
            let record = Record { id: new_id.to_owned(), ..Record::clone(record) };
            record.check().map_err(RoomError::Invalid)?;
            if records.directory.find(new_id).is_some() {
                return Err(RoomError::Exists(new_id.to_owned()));
            }
            if records.may_be_anothers(new_id, key) {
                return Err(RoomError::Failed);
            }
            let (record, written) = self.put(&mut records, key, record);
            (key, record, written)
        };
        self.on_disk(written).await?;
        // Nobody is in a room that is not in memory.
        let is_live = self.live().contains_key(&key);
        if is_live {
            let new_id = new_id.to_owned();
            // From a task that fails meanwhile, everybody is sent away as well.
            let _ = self.run(key, move |room| room.rename(&new_id)).await;
        }
        Ok(record)
    }

    /// Removes a room with all that is in it.
    pub async fn delete(self: &Arc<Self>, id: &str) -> Result<(), RoomError> {
        let (rooms, id) = (self.clone(), id.to_owned());
        to_the_end(async move { rooms.delete_now(&id).await }).await
    }

    async fn delete_now(&self, id: &str) -> Result<(), RoomError> {
        let key = {
            let mut records = self.records();
            let found = records.directory.find(id);
            let (key, _) = found.ok_or_else(|| RoomError::Missing(id.to_owned()))?;
            records.change(key, None);
            key
        };
        self.stop(key, Close::new(Close::NOT_ALLOWED, "The room was deleted")).await;
        self.on_disk(self.save(key, None)).await
    }

    /// Notes that somebody joined; nobody waits for that to be on the disk.
    pub fn touch(&self, key: Key) {
        let mut records = self.records();
        if let Some(record) = records.directory.get(key) {
            let record = Record { last_connection_at: Some(now()), ..Record::clone(record) };
            drop(self.put(&mut records, key, record));
        }
    }

    /// The task of a room, which is started if need be.
    fn task(self: &Arc<Self>, key: Key) -> Result<mpsc::Sender<Command>, RoomError> {
        let mut live = self.live();
        if self.stopping.load(Ordering::SeqCst) {
            return Err(RoomError::Stopped);
        }
        if let Some(commands) = live.get(&key) {
            return Ok(commands.clone());
        }
        // A room that was deleted meanwhile must not come back.
        if !self.exists(key) {
            return Err(RoomError::Failed);
        }
        let (commands, queue) = mpsc::channel(MAX_COMMANDS);
        live.insert(key, commands.clone());
        tokio::spawn(actor::run(key, self.clone(), queue));
        Ok(commands)
    }

    /// Does something with a room, which is loaded if need be. The answer comes when everything
    /// that the room has accepted is on the disk.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        key: Key,
        command: impl FnOnce(&mut Room) -> T + Send + 'static,
    ) -> Result<T, RoomError> {
        Ok(self.run_on(key, command).await?.1)
    }

    /// As [`run`](Self::run); also tells how to reach this very task of the room again.
    pub async fn run_on<T: Send + 'static>(
        self: &Arc<Self>,
        key: Key,
        command: impl FnOnce(&mut Room) -> T + Send + 'static,
    ) -> Result<(mpsc::Sender<Command>, T), RoomError> {
        let (reply, answer) = oneshot::channel();
        let rooms = self.clone();
        let command = Command::Run(Box::new(move |room| {
            let value = command(room);
            // The task that does this is the live one.
            let commands = rooms.live().get(&key).cloned();
            room.out.push(Delivery::Answer(Box::new(move || {
                // Who asked may have gone.
                let _ = reply.send((commands, value));
            })));
        }));
        self.send(key, command).await?;
        let (commands, value) = answer.await.map_err(|_| RoomError::Failed)?;
        Ok((commands.ok_or(RoomError::Failed)?, value))
    }

    /// Sends a command to the task of a room, which is started if need be.
    pub(crate) async fn send(
        self: &Arc<Self>,
        key: Key,
        mut command: Command,
    ) -> Result<(), RoomError> {
        loop {
            match self.task(key)?.send(command).await {
                Ok(()) => return Ok(()),
                // The task is about to end, and will not see the command: the next one will.
                Err(mpsc::error::SendError(unsent)) => command = unsent,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends everybody in a room away, and unloads it.
    async fn stop(&self, key: Key, close: Close) {
        let commands = self.live().get(&key).cloned();
        let Some(commands) = commands else { return };
        let (done, stopped) = oneshot::channel();
        if commands.send(Command::Stop(close, done)).await.is_ok() {
            // A task that failed meanwhile has stopped as well.
            let _ = stopped.await;
        }
    }

    /// Sends everybody away, and lets nobody in any more.
    pub async fn stop_all(&self) {
        let keys: Vec<Key> = {
            let live = self.live();
            self.stopping.store(true, Ordering::SeqCst);
            live.keys().copied().collect()
        };
        for key in keys {
            self.stop(key, Close::new(Close::RESTART, "The server restarts")).await;
        }
    }

    /// Forgets a task that has ended.
    pub(crate) fn forget(&self, key: Key) {
        self.live().remove(&key);
    }

    /// Forgets a task that nobody needs, unless there is something for it to do after all.
    pub(crate) fn retire(&self, key: Key, commands: &mut mpsc::Receiver<Command>) -> bool {
        let mut live = self.live();
        let unused = commands.is_empty();
        if unused {
            live.remove(&key);
            commands.close();
        }
        unused
    }
}

/// Does something to its end, even if whoever asked for it goes away meanwhile.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, RoomError>> + Send + 'static,
) -> Result<T, RoomError> {
    tokio::spawn(work).await.unwrap_or(Err(RoomError::Failed))
}

/// How many kilobytes a frame takes up of those that may wait: at most all, since it would wait for
/// ever for more.
fn share(bytes: usize) -> u32 {
    u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(INBOUND_KILOBYTES)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::scopes::Scopes;
    use crate::store::tests::Disk;

    pub(crate) fn rooms_on(disk: &Disk) -> Arc<Rooms> {
        let (store, contents) = disk.store();
        Arc::new(Rooms::new(store, contents, Arc::default(), Arc::default()))
    }

    #[test]
    fn a_frame_of_any_size_finds_room() {
        assert_eq!((share(0), share(4096)), (1, 5));
        assert_eq!(share((INBOUND_KILOBYTES as usize) << 11), INBOUND_KILOBYTES);
        assert_eq!(share(usize::MAX), INBOUND_KILOBYTES);
    }

    #[tokio::test]
    async fn changes_that_cannot_be_written_down_are_taken_back() {
        let disk = Disk::default();
        let rooms = rooms_on(&disk);
        let new = |id: &str| Record::new(id, Scopes::default());
        rooms.create(new("old")).await.unwrap();
        disk.set_full(true);
        assert_eq!(rooms.create(new("new")).await, Err(RoomError::Failed));
        assert_eq!(rooms.rename("old", "other").await, Err(RoomError::Failed));
        assert_eq!(rooms.delete("old").await, Err(RoomError::Failed));
        let found = |id| rooms.find(id).is_ok();
        assert_eq!((found("new"), found("other"), found("old")), (false, false, true));
        disk.set_full(false);
        rooms.create(new("new")).await.unwrap();
        rooms.rename("old", "other").await.unwrap();
        assert_eq!((found("new"), found("other"), found("old")), (true, true, false));
        rooms.delete("other").await.unwrap();
        assert!(rooms.records().unsaved.is_empty());
        assert_eq!(disk.store().1.records.len(), 1);
    }

    /// Keeps a room busy until what this returns is dropped.
    async fn occupy(rooms: &Arc<Rooms>, key: Key) -> std::sync::mpsc::Sender<()> {
        let (busy, idle) = std::sync::mpsc::channel();
        let (begin, is_busy) = oneshot::channel();
        let occupy = Command::Run(Box::new(move |_| {
            begin.send(()).unwrap();
            assert!(idle.recv().is_err());
        }));
        rooms.send(key, occupy).await.unwrap();
        is_busy.await.unwrap();
        busy
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_removal_that_is_given_up_half_way_is_carried_out() {
        let disk = Disk::default();
        let rooms = rooms_on(&disk);
        rooms.create(Record::new("r", Scopes::default())).await.unwrap();
        let (key, _) = rooms.find("r").unwrap();
        let busy = occupy(&rooms, key).await;
        // The room is busy when whoever asks goes away.
        let given_up = tokio::spawn({
            let rooms = rooms.clone();
            async move { rooms.delete("r").await }
        });
        while rooms.find("r").is_ok() {
            tokio::task::yield_now().await;
        }
        given_up.abort();
        drop(busy);
        let saved = async {
            while !rooms.records().unsaved.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), saved).await.unwrap();
        assert!(disk.store().1.records.is_empty());
    }

    /// Else two rooms could have it, and another of them after a restart.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_id_is_not_given_away_before_that_is_written_down() {
        let disk = Disk::default();
        let rooms = rooms_on(&disk);
        let new = |id: &str| Record::new(id, Scopes::default());
        rooms.create(new("r")).await.unwrap();
        rooms.create(new("s")).await.unwrap();
        let (key, _) = rooms.find("r").unwrap();
        let busy = occupy(&rooms, key).await;
        let removing = tokio::spawn({
            let rooms = rooms.clone();
            async move { rooms.delete("r").await }
        });
        while rooms.find("r").is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(rooms.create(new("r")).await, Err(RoomError::Failed));
        assert_eq!(rooms.rename("s", "r").await, Err(RoomError::Failed));
        assert!(rooms.find_or_create("r", || new("r")).await.is_err());
        disk.set_full(true);
        drop(busy);
        assert_eq!(removing.await.unwrap(), Err(RoomError::Failed));
        assert_eq!(rooms.find("r").unwrap().0, key);
        disk.set_full(false);
        rooms.delete("r").await.unwrap();
        rooms.rename("s", "r").await.unwrap();
    }

    /// Else what is written in it would be acknowledged and lost.
    #[tokio::test]
    async fn nobody_gets_into_a_room_that_could_not_be_made() {
        let disk = Disk::default();
        let rooms = rooms_on(&disk);
        let (busy, idle) = std::sync::mpsc::channel::<()>();
        rooms.store().submit(Vec::new(), move |_| assert!(idle.recv().is_err()));
        disk.set_full(true);
        let making = tokio::spawn({
            let rooms = rooms.clone();
            async move { rooms.create(Record::new("r", Scopes::default())).await }
        });
        while rooms.find("r").is_err() {
            tokio::task::yield_now().await;
        }
        let (key, _) = rooms.find("r").unwrap();
        let entering = rooms.task(key).unwrap();
        drop(busy);
        // The room's own task has not begun to load it yet.
        while rooms.find("r").is_ok() {
            std::thread::yield_now();
        }
        disk.set_full(false);
        assert_eq!(making.await.unwrap(), Err(RoomError::Failed));
        assert_eq!(rooms.run(key, |_| ()).await, Err(RoomError::Failed));
        entering.closed().await;
    }

    #[test]
    fn only_the_latest_change_is_taken_back() {
        let mut records =
            Records { directory: Directory::default(), next_key: 1, unsaved: HashMap::new() };
        let [a, b, c] = ["a", "b", "c"].map(|id| Arc::new(Record::new(id, Scopes::default())));
        let id = |records: &Records| records.directory.get(1).map(|record| record.id.clone());
        for record in [&a, &b, &c] {
            records.change(1, Some(record.clone()));
        }
        records.settle(1, Some(&a), true);
        records.settle(1, Some(&b), false);
        assert_eq!(id(&records).as_deref(), Some("c"));
        records.settle(1, Some(&c), false);
        assert_eq!(id(&records).as_deref(), Some("a"));
        records.change(1, None);
        assert_eq!(id(&records), None);
        records.settle(1, None, false);
        assert_eq!(id(&records).as_deref(), Some("a"));
    }
}
