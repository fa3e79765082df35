//! The database: one redb file, written by one thread, read by any.
//!
//! Everything that waits to be written when the thread comes back from the disk goes into its next
//! transaction (group commit), so a slow disk makes transactions larger, not the server slower.
//! Nobody is told that something was accepted before the transaction with it is on the disk.
//!
//! After an error of the disk the database takes nothing any more until it is opened anew, so that is
//! done at once. What was to be written then is lost, and whoever waits for it is told.
//!
//! Values carry checksums of their own: damage is found in the record where it is, and keeps
//! nobody from the others.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::directory::Key;
use crate::journal::{seal, unseal};
use crate::metrics::Metrics;
use crate::record::Record;
use crate::tokens::random_bytes;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const ROOMS: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("rooms");
/// The first actor number of each room that may not have been given out.
const ACTORS: TableDefinition<'_, Key, u32> = TableDefinition::new("actors");
/// By the number of the last op that is in them.
const SNAPSHOTS: TableDefinition<'_, (Key, u64), &[u8]> = TableDefinition::new("snapshots");
/// Batches of ops, by the number of their first op.
const LOG: TableDefinition<'_, (Key, u64), &[u8]> = TableDefinition::new("log");

const FORMAT: &[u8] = b"1";
const FILE: &str = "rooms.redb";
const CACHE_BYTES: usize = 64 << 20;
/// The most that goes into one transaction, so that the first in it does not wait for ever.
const MAX_GROUP: usize = 1_000;

/// The database cannot be used, or one access to it failed.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct StoreError(Arc<str>);

impl StoreError {
    fn new(error: impl Into<Arc<str>>) -> Self {
        Self(error.into())
    }
}

/// One change of what is stored.
#[derive(Debug)]
pub enum Change {
    /// A room is about to be read: nothing of it is on its way any more, and what it writes from now
    /// on follows what will be read.
    Open(Key),
    /// A room's record.
    Record(Key, Arc<Record>),
    /// A room goes, with all that belongs to it.
    Remove(Key),
    /// Actor numbers below this one may be given out.
    Actors(Key, u32),
    /// A sealed batch of ops, under the number of its first.
    Batch(Key, u64, Vec<u8>),
    /// A sealed snapshot that has all ops up to this number. The one before it is kept, too.
    Snapshot(Key, u64, Vec<u8>),
}

type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Job {
    changes: Vec<Change>,
    done: Done,
}

/// A room's storage as it is written down.
#[derive(Debug, Default)]
pub struct Stored {
    /// The snapshots, oldest first.
    pub snapshots: Vec<(u64, Vec<u8>)>,
    /// Batches of ops, oldest first.
    pub batches: Vec<(u64, Vec<u8>)>,
    /// The first actor number that was never given out.
    pub next_actor: u32,
}

/// What the database holds of all rooms.
#[derive(Debug, Default)]
pub struct Contents {
    /// The rooms' records.
    pub records: Vec<(Key, Record)>,
    /// The first key under which there is nothing, not even of rooms whose records are damaged.
    pub next_key: Key,
    /// The key that signs tokens.
    pub token_key: Vec<u8>,
}

type Opener = Box<dyn Fn() -> Result<Database, redb::Error> + Send + Sync>;

/// The file of the database, which is opened anew after each error of the disk.
struct File {
    opener: Opener,
    database: RwLock<Option<Database>>,
}

impl File {
    /// Does something with the database.
    fn access<T>(
        &self,
        access: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        if !self.is_open() {
            self.reopen()?;
        }
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = &*database else { return Err(StoreError::new("it cannot be opened")) };
        let accessed = guarded(|| access(open));
        drop(database);
        accessed.map_err(|failure| {
            let error = failure.to_error();
            if failure.stays()
                && let Err(error) = self.reopen()
            {
                tracing::error!(%error, "the database cannot be opened again");
            }
            error
        })
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // Nobody else may have it open, not even this server.
        *database = None;
        *database = Some(guarded(&self.opener).map_err(|failure| failure.to_error())?);
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.database.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// Why an access to the database failed.
enum Failure {
    Error(redb::Error),
    /// The database's own code may panic on bytes that it never wrote.
    Panic,
}

impl Failure {
    /// Whether all that follows would fail, too.
    fn stays(&self) -> bool {
        matches!(self, Self::Error(redb::Error::Io(_) | redb::Error::PreviousIo) | Self::Panic)
    }

    fn to_error(&self) -> StoreError {
        match self {
            Self::Error(error) => StoreError::new(error.to_string()),
            Self::Panic => StoreError::new("it is damaged"),
        }
    }
}

fn guarded<T>(access: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, Failure> {
    match std::panic::catch_unwind(AssertUnwindSafe(access)) {
        Ok(result) => result.map_err(Failure::Error),
        Err(_) => Err(Failure::Panic),
    }
}

/// The open database.
#[derive(Clone)]
pub struct Store {
    file: Arc<File>,
    jobs: mpsc::Sender<Job>,
}

impl Store {
    /// Opens the database in a directory, or makes one. The thread ends when the last clone of the
    /// store is dropped, with everything written.
    ///
    /// # Errors
    /// If there is no database and none can be made, or it is in use, or damaged as a whole.
    pub fn open(
        directory: &Path,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Contents, JoinHandle<()>), StoreError> {
        let path = directory.join(FILE);
        let explained = |error: String| {
            StoreError::new(format!("the database {} cannot be used: {error}", path.display()))
        };
        std::fs::create_dir_all(directory).map_err(|error| explained(error.to_string()))?;
        let cached = || {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES);
            builder
        };
        let create = || Ok(cached().create(&path)?);
        // Once it is there, no other may be made in its place.
        let file = path.clone();
        let opener = Box::new(move || Ok(cached().open(&file)?));
        Self::on(create, opener, metrics).map_err(|error| explained(error.to_string()))
    }

    /// The database that `create` gives, and `opener` once more.
    fn on(
        create: impl FnOnce() -> Result<Database, redb::Error>,
        opener: Opener,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Contents, JoinHandle<()>), StoreError> {
        let database = guarded(create).map_err(|failure| failure.to_error())?;
        let file = Arc::new(File { opener, database: RwLock::new(Some(database)) });
        let contents = file.access(begin)?;
        let (jobs, queue) = mpsc::channel();
        let writer = Writer { file: file.clone(), queue, metrics, broken: BTreeSet::new() };
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::new(error.to_string()))?;
        Ok((Self { file, jobs }, contents, thread))
    }

    /// Whether the database can be used. It may be false for the moment in which it is opened anew.
    pub fn is_open(&self) -> bool {
        self.file.database.try_read().is_ok_and(|database| database.is_some())
    }

    /// Writes changes, all or none, and calls `done` when they are on the disk.
    pub fn submit(
        &self,
        changes: Vec<Change>,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        let job = Job { changes, done: Box::new(done) };
        if let Err(mpsc::SendError(job)) = self.jobs.send(job) {
            let error = StoreError::new("the database's thread has ended");
            // Not here: who asks may hold what is needed to take it in.
            std::thread::spawn(move || (job.done)(Err(error)));
        }
    }

    /// Begins to write changes; the receiver hears when they are on the disk.
    pub fn write(&self, changes: Vec<Change>) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, written) = oneshot::channel();
        self.submit(changes, move |result| {
            // Who asked may have lost interest.
            let _ = done.send(result);
        });
        written
    }

    /// Reads what is stored of a room, once all earlier changes are. Blocks.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn read(&self, key: Key) -> Result<Stored, StoreError> {
        let opened = self.write(vec![Change::Open(key)]).blocking_recv();
        opened.unwrap_or_else(|error| Err(StoreError::new(error.to_string())))?;
        self.file.access(|database| read(database, key))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Makes what is missing in a database, and reads what is needed of all rooms.
fn begin(database: &Database) -> Result<Contents, redb::Error> {
    let transaction = database.begin_write()?;
    let token_key = {
        for table in [SNAPSHOTS, LOG] {
            transaction.open_table(table)?;
        }
        transaction.open_table(ACTORS)?;
        let mut meta = transaction.open_table(META)?;
        let format = meta.get("format")?.map(|format| format.value().to_vec());
        match format.as_deref() {
            None => drop(meta.insert("format", FORMAT)?),
            Some(FORMAT) => {}
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                let message = format!("it has format {other:?}, which this server does not know");
                return Err(redb::Error::Corrupted(message));
            }
        }
        let kept = meta.get("token key")?.map(|key| key.value().to_vec());
        if let Some(key) = kept {
            key
        } else {
            let key = random_bytes::<32>();
            meta.insert("token key", &key[..])?;
            key.to_vec()
        }
    };
    let mut records = Vec::new();
    for entry in transaction.open_table(ROOMS)?.iter()? {
        let (key, sealed) = entry?;
        let key = key.value();
        let record = unseal(sealed.value(), "a record").map_err(|damage| damage.to_string());
        let record =
            record.and_then(|json| serde_json::from_slice(json).map_err(|e| e.to_string()));
        match record {
            Ok(record) => records.push((key, record)),
            // It stays in the database, for whoever can repair it.
            Err(error) => tracing::error!(key, error, "a room is left out: its record is damaged"),
        }
    }
    let next_key = last_key(&transaction)?.map_or(1, |key| key + 1);
    transaction.commit()?;
    Ok(Contents { records, next_key, token_key })
}

/// The highest key under which there is anything.
fn last_key(transaction: &WriteTransaction) -> Result<Option<Key>, redb::Error> {
    let record = transaction.open_table(ROOMS)?.last()?.map(|(key, _)| key.value());
    let actors = transaction.open_table(ACTORS)?.last()?.map(|(key, _)| key.value());
    let snapshot = transaction.open_table(SNAPSHOTS)?.last()?.map(|(at, _)| at.value().0);
    let batch = transaction.open_table(LOG)?.last()?.map(|(at, _)| at.value().0);
    Ok(record.max(actors).max(snapshot).max(batch))
}

fn read(database: &Database, key: Key) -> Result<Stored, redb::Error> {
    let transaction = database.begin_read()?;
    let all = (key, 0)..=(key, u64::MAX);
    let mut stored = Stored::default();
    for entry in transaction.open_table(SNAPSHOTS)?.range(all.clone())? {
        let (at, bytes) = entry?;
        stored.snapshots.push((at.value().1, bytes.value().to_vec()));
    }
    for entry in transaction.open_table(LOG)?.range(all)? {
        let (at, bytes) = entry?;
        stored.batches.push((at.value().1, bytes.value().to_vec()));
    }
    let next_actor = transaction.open_table(ACTORS)?.get(key)?;
    stored.next_actor = next_actor.map_or(0, |actor| actor.value());
    Ok(stored)
}

/// The thread that writes.
struct Writer {
    file: Arc<File>,
    queue: mpsc::Receiver<Job>,
    metrics: Arc<Metrics>,
    /// Rooms of which a batch was lost: those that follow it must not be written, until the room
    /// has been read again.
    broken: BTreeSet<Key>,
}

impl Writer {
    fn run(mut self) {
        while let Ok(first) = self.queue.recv() {
            let rest = self.queue.try_iter().take(MAX_GROUP - 1);
            let group: Vec<Job> = std::iter::once(first).chain(rest).collect();
            let (mut changes, mut done) = (Vec::new(), Vec::new());
            for job in group {
                if self.admit(&job.changes) {
                    changes.extend(job.changes);
                    done.push(job.done);
                } else {
                    (job.done)(Err(StoreError::new("an earlier change of the room was lost")));
                }
            }
            let result = self.write(&changes);
            for done in done {
                done(result.clone());
            }
        }
    }

    /// Whether changes follow what is on the disk.
    fn admit(&mut self, changes: &[Change]) -> bool {
        for change in changes {
            match change {
                Change::Open(key) => drop(self.broken.remove(key)),
                Change::Batch(key, ..) if self.broken.contains(key) => return false,
                _ => {}
            }
        }
        true
    }

    /// Writes changes in one transaction, if there are any to write.
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.iter().all(|change| matches!(change, Change::Open(_))) {
            return Ok(());
        }
        let start = Instant::now();
        let written = self.file.access(|database| transact(database, changes));
        self.metrics.committed(start.elapsed());
        written.map_err(|error| {
            tracing::error!(%error, "a transaction failed");
            let lost = changes.iter().filter_map(|change| match change {
                Change::Batch(key, ..) => Some(*key),
                _ => None,
            });
            self.broken.extend(lost);
            error
        })
    }
}

fn transact(database: &Database, changes: &[Change]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    for change in changes {
        apply(&transaction, change)?;
    }
    Ok(transaction.commit()?)
}

fn apply(transaction: &WriteTransaction, change: &Change) -> Result<(), redb::Error> {
    match change {
        Change::Open(_) => {}
        Change::Record(key, record) => {
            let json = serde_json::to_vec(&**record)
                .map_err(|error| redb::Error::Io(std::io::Error::other(error)))?;
            transaction.open_table(ROOMS)?.insert(key, &seal(&json)[..])?;
        }
        Change::Remove(key) => {
            let all = (*key, 0)..=(*key, u64::MAX);
            transaction.open_table(ROOMS)?.remove(key)?;
            transaction.open_table(ACTORS)?.remove(key)?;
            transaction.open_table(SNAPSHOTS)?.retain_in(all.clone(), |_, _| false)?;
            transaction.open_table(LOG)?.retain_in(all, |_, _| false)?;
        }
        Change::Actors(key, actor) => {
            transaction.open_table(ACTORS)?.insert(key, actor)?;
        }
        Change::Batch(key, first, bytes) => {
            transaction.open_table(LOG)?.insert((*key, *first), &bytes[..])?;
        }
        Change::Snapshot(key, last, bytes) => {
            let mut snapshots = transaction.open_table(SNAPSHOTS)?;
            let newest = snapshots.range((*key, 0)..=(*key, u64::MAX))?.next_back();
            let newest = newest.transpose()?.map(|(at, _)| at.value().1);
            snapshots.insert((*key, *last), &bytes[..])?;
            // The snapshot before this one stays, with the ops since: they are what re-sent ops
            // are recognised by, and a second way to the present.
            if let Some(kept) = newest {
                snapshots.retain_in((*key, 0)..(*key, kept), |_, _| false)?;
                let mut log = transaction.open_table(LOG)?;
                log.retain_in((*key, 0)..=(*key, kept), |_, _| false)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use redb::StorageBackend;

    use super::*;
    use crate::scopes::Scopes;

    /// A disk in memory that may fail.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Disk {
        bytes: Arc<Mutex<Vec<u8>>>,
        is_full: Arc<AtomicBool>,
        is_gone: Arc<AtomicBool>,
    }

    impl Disk {
        pub(crate) fn set_full(&self, is_full: bool) {
            self.is_full.store(is_full, Ordering::SeqCst);
        }

        pub(crate) fn store(&self) -> (Store, Contents) {
            let disk = self.clone();
            let opener = move || Ok(Database::builder().create_with_backend(disk.clone())?);
            let store = Store::on(opener.clone(), Box::new(opener), Arc::default());
            let (store, contents, _thread) = store.unwrap();
            (store, contents)
        }

        fn check(&self, failing: &AtomicBool) -> io::Result<()> {
            let fails = failing.load(Ordering::SeqCst) || self.is_gone.load(Ordering::SeqCst);
            if fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.check(&self.is_gone)?;
            Ok(self.bytes.lock().unwrap().len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.check(&self.is_gone)?;
            let at = usize::try_from(offset).unwrap();
            out.copy_from_slice(&self.bytes.lock().unwrap()[at..at + out.len()]);
            Ok(())
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.check(&self.is_full)?;
            self.bytes.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
            Ok(())
        }

        fn sync_data(&self) -> io::Result<()> {
            self.check(&self.is_full)
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.check(&self.is_full)?;
            let at = usize::try_from(offset).unwrap();
            self.bytes.lock().unwrap()[at..at + data.len()].copy_from_slice(data);
            Ok(())
        }
    }

    fn write(store: &Store, key: Key) -> bool {
        let record = Arc::new(Record::new(&key.to_string(), Scopes::default()));
        store.write(vec![Change::Record(key, record)]).blocking_recv().unwrap().is_ok()
    }

    #[test]
    fn a_disk_that_was_full_is_written_again() {
        let disk = Disk::default();
        let (store, _) = disk.store();
        assert!(write(&store, 1));
        disk.set_full(true);
        assert!(!write(&store, 2));
        assert!(!write(&store, 3));
        disk.set_full(false);
        assert!(write(&store, 4));
        assert!(store.is_open());
        assert!(store.read(1).is_ok());
        drop(store);
        let keys: Vec<Key> = disk.store().1.records.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [1, 4]);
    }

    #[test]
    fn a_disk_that_is_gone_is_noticed() {
        let disk = Disk::default();
        let (store, _) = disk.store();
        disk.is_gone.store(true, Ordering::SeqCst);
        assert!(!write(&store, 1));
        assert!(!store.is_open());
        disk.is_gone.store(false, Ordering::SeqCst);
        assert!(write(&store, 2));
        assert!(store.is_open());
    }
}
