//! `cargo run --release -p room-server`

#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use room_server::Server;
use room_server::config::Config;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// What is logged unless `ROOM_SERVER_LOG` says otherwise.
const LOG: &str = "room_server=info";

/// How long the last connections have to end.
const LAST_CONNECTIONS: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let config = Config::parse();
    let filter = std::env::var("ROOM_SERVER_LOG").unwrap_or_else(|_| LOG.to_owned());
    let (filter, bad_filter) = match filter.parse::<Targets>() {
        Ok(filter) => (filter, None),
        Err(error) => {
            (Targets::new().with_target("room_server", tracing::Level::INFO), Some(error))
        }
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(filter).init();
    if let Some(error) = bad_filter {
        tracing::warn!(%error, "ROOM_SERVER_LOG is not understood");
    }
    if config.is_open_to_the_world() {
        tracing::warn!(
            address = %config.address(),
            "the development keys, which everybody knows, are in use on an address that others can reach"
        );
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let closing = runtime.block_on(async {
        let server = Server::start(config).await?;
        tracing::info!("listening on http://{}", server.address()?);
        Ok::<_, Box<dyn std::error::Error>>(server.serve(stop_signal()).await?)
    })?;
    runtime.shutdown_timeout(LAST_CONNECTIONS);
    closing.wait();
    tracing::info!("everything is saved");
    Ok(())
}

/// Waits until somebody wants the server to stop.
async fn stop_signal() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}
