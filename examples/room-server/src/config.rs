//! What can be set from outside: on the command line, or by environment variables.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// The keys of a server nobody has configured; they are known to everybody.
pub const DEVELOPMENT_PUBLIC_KEY: &str = "pk_localdev";
/// See [`DEVELOPMENT_PUBLIC_KEY`].
pub const DEVELOPMENT_SECRET_KEY: &str = "sk_localdev";

/// A room server for the official Liveblocks clients.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "ROOM_SERVER_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, env = "ROOM_SERVER_PORT", default_value_t = 4100)]
    pub port: u16,
    /// Directory of the database; made if it is missing.
    #[arg(long, env = "ROOM_SERVER_DATA", default_value = "room-data")]
    pub data: PathBuf,
    /// Key with which clients may join without a token.
    #[arg(long, env = "ROOM_SERVER_PUBLIC_KEY", default_value = DEVELOPMENT_PUBLIC_KEY, value_parser = key("pk_"))]
    pub public_key: String,
    /// Key of backends, for the REST API.
    #[arg(long, env = "ROOM_SERVER_SECRET_KEY", default_value = DEVELOPMENT_SECRET_KEY, value_parser = key("sk_"), hide_env_values = true)]
    pub secret_key: String,
    /// How many WebSockets may be open.
    #[arg(long, env = "ROOM_SERVER_MAX_CONNECTIONS", default_value_t = 10_000)]
    pub max_connections: usize,
    /// How many WebSockets may be open in one room.
    #[arg(long, env = "ROOM_SERVER_MAX_ROOM_CONNECTIONS", default_value_t = 1_000)]
    pub max_room_connections: usize,
    /// The longest message and request body, in bytes.
    #[arg(long, env = "ROOM_SERVER_MAX_MESSAGE", default_value_t = 32 << 20)]
    pub max_message: usize,
    /// How many nodes a room may hold.
    #[arg(long, env = "ROOM_SERVER_MAX_NODES", default_value_t = 2_000_000)]
    pub max_nodes: usize,
    /// How many bytes may wait for a slow reader before it is cut off.
    #[arg(long, env = "ROOM_SERVER_MAX_QUEUE", default_value_t = 16 << 20)]
    pub max_queue: usize,
    /// Seconds of silence after which a connection is taken for dead; clients speak every 30.
    #[arg(long, env = "ROOM_SERVER_SILENCE", default_value = "75", value_parser = seconds)]
    pub silence: Duration,
    /// Seconds after which a room that nobody uses is unloaded.
    #[arg(long, env = "ROOM_SERVER_IDLE", default_value = "10", value_parser = seconds)]
    pub idle: Duration,
    /// After how many ops a room's snapshot is renewed.
    #[arg(long, env = "ROOM_SERVER_SNAPSHOT_OPS", default_value_t = 5_000)]
    pub snapshot_ops: u64,
}

impl Config {
    /// The configuration of a server that was given no arguments.
    pub fn new() -> Self {
        Self::parse_from(["room-server"])
    }

    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// Whether keys that everybody knows guard an address that others can reach.
    pub fn is_open_to_the_world(&self) -> bool {
        let known =
            self.secret_key == DEVELOPMENT_SECRET_KEY || self.public_key == DEVELOPMENT_PUBLIC_KEY;
        known && !self.host.is_loopback()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Keys look as the clients demand.
fn key(prefix: &'static str) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| {
        let rest = text.strip_prefix(prefix).filter(|rest| !rest.is_empty());
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match rest {
            Some(rest) if rest.chars().all(allowed) => Ok(text.to_owned()),
            _ => Err(format!("a key is {prefix} and letters, digits, - and _")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_on_a_public_address_are_noticed() {
        let open = |args: &[&str]| {
            Config::parse_from([&["room-server"], args].concat()).is_open_to_the_world()
        };
        let keys = ["--public-key", "pk_own", "--secret-key", "sk_own"];
        assert!(!open(&[]));
        assert!(open(&["--host", "0.0.0.0"]));
        assert!(open(&["--host", "0.0.0.0", "--public-key", "pk_own"]));
        assert!(!open(&[&["--host", "0.0.0.0"], &keys[..]].concat()));
    }

    #[test]
    fn keys_have_their_shape() {
        let parse = |key| Config::try_parse_from(["room-server", "--secret-key", key]);
        assert!(parse("sk_a-b_C1").is_ok());
        for bad in ["sk_", "pk_a", "sk_a b", ""] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
