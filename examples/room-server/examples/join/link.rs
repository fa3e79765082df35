//! A [`Client`] and its connection to a room server, which comes back when it is lost.
//!
//! One task owns both. Edits are made in it at once, connected or not; the engine knows what to send
//! again. What the task adds is when: how long to wait before the next try, and when to give up.

use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use livetree::{Actor, Client, ClientMessage, Json, ServerMessage};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How often a sign of life is asked for, and how long to wait for it.
const HEARTBEAT: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may take until the room has said who is there.
const CONNECT: Duration = Duration::from_secs(20);

/// Waits between tries, in milliseconds; the last is repeated.
const FAST: &[u64] = &[250, 500, 1_000, 2_000, 4_000, 8_000, 10_000];
/// When the server has asked to be left alone.
const SLOW: &[u64] = &[2_000, 30_000, 60_000, 300_000];

const ROOM_STATE: u64 = 104;

/// The server does not want to see this client again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The close code.
    pub(crate) code: u16,
    /// Why, in words.
    pub(crate) reason: String,
}

enum Command {
    Do(Box<dyn FnOnce(&mut Client) + Send>),
    Cut,
}

/// A way to a client that is in a room. Dropping it leaves the room.
#[derive(Clone)]
pub(crate) struct Link {
    commands: mpsc::UnboundedSender<Command>,
}

/// The task of a client.
pub(crate) type Task = tokio::task::JoinHandle<Result<(), Refused>>;

impl Link {
    /// Joins a room. `url` is asked for before every try, so that it can carry a new token;
    /// `changed` hears of the client whenever something may have happened to its document.
    pub(crate) fn join(
        url: impl Fn() -> String + Send + 'static,
        changed: impl FnMut(&Client) + Send + 'static,
    ) -> (Self, Task) {
        let (sender, commands) = mpsc::unbounded_channel();
        let driver = Driver {
            client: Client::new(),
            commands,
            changed: Box::new(changed),
            url: Box::new(url),
            failures: 0,
        };
        (Self { commands: sender }, tokio::spawn(driver.run()))
    }

    /// Does something with the client, and tells what came of it; `None` if it is gone.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Client) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, answer) = oneshot::channel();
        let act = Box::new(move |client: &mut Client| {
            // Who asked may have gone.
            let _ = sender.send(act(client));
        });
        self.commands.send(Command::Do(act)).ok()?;
        answer.await.ok()
    }

    /// Cuts the connection, as a bad network would.
    pub(crate) fn cut(&self) {
        // Without a client there is no connection.
        let _ = self.commands.send(Command::Cut);
    }
}

struct Driver {
    client: Client,
    commands: mpsc::UnboundedReceiver<Command>,
    changed: Box<dyn FnMut(&Client) + Send>,
    url: Box<dyn Fn() -> String + Send>,
    /// Tries since the last that succeeded.
    failures: usize,
}

/// Why a connection is over.
enum Over {
    /// Nobody needs it.
    Left,
    /// It broke, or the server wants the client to come back.
    Lost,
    /// The server is busy.
    Later,
    Refused(Refused),
}

impl Driver {
    async fn run(mut self) -> Result<(), Refused> {
        loop {
            let over = match timeout(CONNECT, connect_async((self.url)())).await {
                Ok(Ok((socket, _))) => self.talk(socket).await,
                Ok(Err(_)) | Err(_) => Over::Lost,
            };
            self.client.disconnected();
            (self.changed)(&self.client);
            let waits = match over {
                Over::Left => return Ok(()),
                Over::Refused(refused) => return Err(refused),
                Over::Lost => FAST,
                Over::Later => SLOW,
            };
            let wait = waits.get(self.failures).or(waits.last()).copied().unwrap_or_default();
            self.failures += 1;
            let until = Instant::now() + Duration::from_millis(wait) + jitter(wait);
            if !self.work_offline(until).await {
                return Ok(());
            }
        }
    }

    /// Makes edits until it is time for the next try. Returns whether there is to be one.
    async fn work_offline(&mut self, until: Instant) -> bool {
        loop {
            tokio::select! {
                () = sleep_until(until) => return true,
                command = self.commands.recv() => match command {
                    Some(Command::Do(act)) => {
                        act(&mut self.client);
                        (self.changed)(&self.client);
                    }
                    Some(Command::Cut) => {}
                    None => return false,
                }
            }
        }
    }

    async fn talk(&mut self, mut socket: Socket) -> Over {
        let actor = match timeout(CONNECT, first_frame(&mut socket)).await {
            Ok(Ok(actor)) => actor,
            Ok(Err(over)) => return over,
            Err(_) => return Over::Lost,
        };
        self.failures = 0;
        self.client.connected(actor);
        let mut heartbeat = Instant::now() + HEARTBEAT;
        let mut waits_for_pong = false;
        loop {
            if self.speak(&mut socket).await.is_err() {
                return Over::Lost;
            }
            tokio::select! {
                frame = socket.next() => {
                    waits_for_pong = false;
                    heartbeat = Instant::now() + HEARTBEAT;
                    match frame {
                        Some(Ok(Message::Text(text))) => {
                            if !self.hear(text.as_str()) {
                                return Over::Lost;
                            }
                        }
                        Some(Ok(Message::Close(frame))) => return over(frame),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return Over::Lost,
                    }
                }
                command = self.commands.recv() => match command {
                    Some(Command::Do(act)) => act(&mut self.client),
                    Some(Command::Cut) => return Over::Lost,
                    None => {
                        // The server notices in any case.
                        let _ = socket.close(None).await;
                        return Over::Left;
                    }
                },
                () = sleep_until(heartbeat) => {
                    if waits_for_pong || socket.send(Message::text("ping")).await.is_err() {
                        return Over::Lost;
                    }
                    waits_for_pong = true;
                    heartbeat = Instant::now() + PATIENCE;
                }
            }
            (self.changed)(&self.client);
        }
    }

    /// Sends what the client has to say, in one frame.
    async fn speak(&mut self, socket: &mut Socket) -> Result<(), ()> {
        let mut frame = Vec::new();
        while let Some(message) = self.client.poll_message() {
            frame.push(if frame.is_empty() { b'[' } else { b',' });
            ClientMessage::write(&message, &mut frame);
        }
        if frame.is_empty() {
            return Ok(());
        }
        frame.push(b']');
        let text = String::from_utf8(frame).map_err(drop)?;
        socket.send(Message::text(text)).await.map_err(drop)
    }

    /// Takes a frame. Returns whether it made sense: if not, starting over helps.
    fn hear(&mut self, text: &str) -> bool {
        if text == "pong" {
            return true;
        }
        let Ok(messages) = ServerMessage::read_frame(text.as_bytes()) else { return false };
        messages.into_iter().all(|message| self.client.receive(message).is_ok())
    }
}

/// Waits for the room to say who this client is.
async fn first_frame(socket: &mut Socket) -> Result<Actor, Over> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let state: Json = text.parse().map_err(|_| Over::Lost)?;
                let number = |name| state.get(name).and_then(Json::as_u53);
                let actor = number("actor").and_then(|actor| u32::try_from(actor).ok());
                return match (number("type"), actor) {
                    (Some(ROOM_STATE), Some(actor)) => Ok(Actor(actor)),
                    _ => Err(Over::Lost),
                };
            }
            Some(Ok(Message::Close(frame))) => return Err(over(frame)),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(Over::Lost),
        }
    }
}

/// What a close code asks for.
fn over(frame: Option<tokio_tungstenite::tungstenite::protocol::CloseFrame>) -> Over {
    let Some(frame) = frame else { return Over::Lost };
    match u16::from(frame.code) {
        code @ (4000..=4099 | 4999) => {
            Over::Refused(Refused { code, reason: frame.reason.to_string() })
        }
        1013 | 4200..=4299 => Over::Later,
        _ => Over::Lost,
    }
}

/// Up to a quarter of a wait, so that clients which lost their server together do not come back
/// together.
fn jitter(wait: u64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Duration::from_micros(u64::from(now.subsec_nanos()) % (wait * 250 + 1))
}
