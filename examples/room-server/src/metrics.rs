//! What the server counts, and how Prometheus reads it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::outbox::Frame;

/// A number that anybody may change.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds to it.
    pub fn add(&self, number: usize) {
        self.0.fetch_add(number as u64, Ordering::Relaxed);
    }

    /// Takes away from it.
    pub fn sub(&self, number: usize) {
        self.0.fetch_sub(number as u64, Ordering::Relaxed);
    }

    /// What it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! metrics {
    ($($field:ident: $name:literal $kind:literal $help:literal,)*) => {
        /// Everything that is counted.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(#[doc = $help] pub $field: Count,)*
            commit_micros: Count,
        }

        impl Metrics {
            /// Prometheus' text format.
            pub fn to_text(&self) -> String {
                let mut text = String::new();
                $(
                    let name = concat!("room_server_", $name);
                    let value = self.$field.get();
                    // Writing to a string cannot fail.
                    let _ = write!(text, "# HELP {name} {}\n# TYPE {name} {}\n{name} {value}\n", $help, $kind);
                )*
                #[expect(clippy::cast_precision_loss, reason = "a sum of measurements")]
                let seconds = self.commit_micros.get() as f64 / 1e6;
                let name = "room_server_commit_seconds_total";
                let _ = write!(text, "# HELP {name} Time spent in transactions.\n# TYPE {name} counter\n{name} {seconds}\n");
                text
            }
        }
    };
}

metrics! {
    connections: "connections" "gauge" "Open WebSockets.",
    rooms: "rooms_loaded" "gauge" "Rooms in memory.",
    connects: "connects_total" "counter" "WebSockets that were let in.",
    refusals: "refusals_total" "counter" "WebSockets that were turned away.",
    slow: "slow_readers_total" "counter" "Connections cut off because they did not read.",
    malformed: "malformed_frames_total" "counter" "Frames that could not be read.",
    frames_in: "frames_received_total" "counter" "Frames from clients.",
    bytes_in: "bytes_received_total" "counter" "Bytes of frames from clients.",
    frames_out: "frames_sent_total" "counter" "Frames to clients.",
    bytes_out: "bytes_sent_total" "counter" "Bytes of frames to clients.",
    ops: "ops_total" "counter" "Storage operations accepted.",
    patches: "json_patches_total" "counter" "JSON Patches applied.",
    requests: "requests_total" "counter" "REST requests.",
    commits: "commits_total" "counter" "Transactions.",
    damaged: "rooms_damaged_total" "counter" "Times a room could not be loaded.",
}

impl Metrics {
    /// Counts a frame for some clients.
    pub fn count_out(&self, clients: usize, frame: &Frame) {
        self.frames_out.add(clients * frame.texts().len());
        self.bytes_out.add(clients * frame.bytes());
    }

    /// Counts a transaction.
    pub fn committed(&self, took: Duration) {
        self.commits.add(1);
        self.commit_micros.add(usize::try_from(took.as_micros()).unwrap_or(usize::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_a_type_and_a_value_for_each() {
        let metrics = Metrics::default();
        metrics.ops.add(3);
        metrics.committed(Duration::from_millis(1500));
        let text = metrics.to_text();
        assert!(text.contains("# TYPE room_server_ops_total counter\nroom_server_ops_total 3\n"));
        assert!(text.ends_with("room_server_commit_seconds_total 1.5\n"), "{text}");
    }
}
