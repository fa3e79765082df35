//! A room server for the official Liveblocks clients, on [`livetree`].
//!
//! In reading order:
//!
//! * [`config`], [`error`], [`metrics`]: what is set, told and counted.
//! * [`scopes`], [`tokens`], [`auth`]: who may do what.
//! * [`record`], [`query`], [`directory`]: what is known of rooms apart from their storage.
//! * [`journal`], [`store`]: how storage is written down, and where.
//! * [`outbox`], [`room`], [`rooms`]: rooms. Each is owned by one task, which takes commands one
//!   after another and lets out nothing that is not on the disk.
//! * [`socket`], [`rest`]: the two ways in.

#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

pub mod auth;
pub mod config;
pub mod directory;
pub mod error;
pub mod journal;
pub mod metrics;
pub mod outbox;
pub mod query;
pub mod record;
pub mod rest;
pub mod room;
pub mod rooms;
pub mod scopes;
pub mod socket;
pub mod store;
pub mod tokens;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use config::Config;
use metrics::Metrics;
use rooms::Rooms;
use store::{Store, StoreError};
use tokens::Tokens;

/// How long open requests and connections have to end when the server does.
const FAREWELL: Duration = Duration::from_secs(5);

/// What all connections and requests share.
#[derive(Debug)]
pub struct App {
    /// The rooms.
    pub rooms: Arc<Rooms>,
    /// Signs and checks tokens.
    pub tokens: Tokens,
}

/// A server that is ready to serve.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    store: std::thread::JoinHandle<()>,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be used.
    #[error("cannot listen on {0}: {1}")]
    Listen(std::net::SocketAddr, io::Error),
}

impl Server {
    /// Opens the database, and the address.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::default());
        let (store, mut contents, thread) = Store::open(&config.data, metrics.clone())?;
        let address = config.address();
        let listener =
            TcpListener::bind(address).await.map_err(|error| StartError::Listen(address, error))?;
        let tokens = Tokens::new(&std::mem::take(&mut contents.token_key));
        let rooms = Arc::new(Rooms::new(store, contents, Arc::new(config), metrics));
        Ok(Self { app: Arc::new(App { rooms, tokens }), listener, store: thread })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is ready. Then clients are told to come back, and everything that was
    /// accepted is on the disk when this returns.
    pub async fn serve(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Closing> {
        let Self { app, listener, store } = self;
        let (stopping, stopped) = oneshot::channel();
        let leaving = app.clone();
        let farewell = async move {
            stop.await;
            tracing::info!("stopping");
            leaving.rooms.stop_all().await;
            // Nobody listens any more if serving has failed.
            let _ = stopping.send(());
        };
        let serving = axum::serve(listener, rest::router(app)).with_graceful_shutdown(farewell);
        tokio::select! {
            result = serving.into_future() => result?,
            () = async {
                let _ = stopped.await;
                tokio::time::sleep(FAREWELL).await;
            } => tracing::warn!("some requests were not answered in time"),
        }
        Ok(Closing { store })
    }
}

/// A server that serves no more, whose database is about to be closed.
#[derive(Debug)]
pub struct Closing {
    store: std::thread::JoinHandle<()>,
}

impl Closing {
    /// Waits until the database is closed. Blocks, so it is called when the runtime is gone, and
    /// with it the last connections.
    pub fn wait(self) {
        if self.store.join().is_err() {
            tracing::error!("the database's thread has panicked");
        }
    }
}
