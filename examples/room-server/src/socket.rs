//! One WebSocket: what a client sends goes to its room, what the room says goes to the client.
//!
//! A client is refused by closing the WebSocket, not by an HTTP status: browsers do not tell their
//! scripts about those, and clients would come back for ever.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use livetree::Actor;
use livetree::server::Protocol;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::App;
use crate::auth::{self, Join};
use crate::outbox::{Close, Frame, Outgoing, outbox};
use crate::room::Room;
use crate::room::actor::Command;

/// How long a client may take to read one frame.
const SEND_TIME: Duration = Duration::from_secs(60);

/// How long a connection is kept for its closing handshake.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// How a client says as whom and where it joins.
type JoinQuery = Result<Query<Join>, QueryRejection>;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// `GET /v8`
pub async fn v8(app: State<Arc<App>>, join: JoinQuery, upgrade: Upgrade) -> Response {
    connect(app, join, upgrade, Protocol::V8)
}

/// `GET /v7`
pub async fn v7(app: State<Arc<App>>, join: JoinQuery, upgrade: Upgrade) -> Response {
    connect(app, join, upgrade, Protocol::V7)
}

fn connect(
    State(app): State<Arc<App>>,
    join: JoinQuery,
    upgrade: Upgrade,
    protocol: Protocol,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return (StatusCode::UPGRADE_REQUIRED, "This is a WebSocket").into_response();
    };
    // Frames a little too large are still read: of larger ones not even the reason for closing may
    // reach the client, which then comes back with them.
    let limit = app.rooms.config().max_message.saturating_mul(2);
    let upgrade = upgrade.max_message_size(limit).max_frame_size(limit);
    upgrade.on_upgrade(move |socket| async move { serve(&app, socket, join, protocol).await })
}

/// Counts a connection for as long as it is open.
struct Counted<'a>(&'a App);

impl<'a> Counted<'a> {
    fn new(app: &'a App) -> Self {
        app.rooms.metrics().connections.add(1);
        Self(app)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.rooms.metrics().connections.sub(1);
    }
}

async fn serve(app: &App, socket: WebSocket, join: JoinQuery, protocol: Protocol) {
    let _counted = Counted::new(app);
    let (mut sink, mut stream) = socket.split();
    let (outbox, outgoing) = outbox(app.rooms.config().max_queue);
    let seat = match enter(app, join, protocol, outbox.clone()).await {
        Ok(seat) => seat,
        Err(close) => {
            app.rooms.metrics().refusals.add(1);
            tracing::debug!(code = close.code, reason = close.reason, "refused");
            // A client that is gone needs no reason.
            let _ = timeout(CLOSE_TIME, sink.send(close_frame(close))).await;
            return linger(&mut stream).await;
        }
    };
    app.rooms.metrics().connects.add(1);
    let writer = tokio::spawn(write(sink, outgoing));
    let abort = writer.abort_handle();
    read(app, &mut stream, &seat, &outbox, writer).await;
    tell(&seat, Room::leave).await;
    abort.abort();
}

/// A place in a room.
struct Seat {
    actor: Actor,
    commands: mpsc::Sender<Command>,
}

async fn enter(
    app: &App,
    join: JoinQuery,
    protocol: Protocol,
    outbox: crate::outbox::Outbox,
) -> Result<Seat, Close> {
    let Query(join) =
        join.map_err(|rejection| Close::new(Close::NOT_ALLOWED, rejection.body_text()))?;
    let config = app.rooms.config();
    if app.rooms.metrics().connections.get() > config.max_connections as u64 {
        return Err(Close::new(Close::TRY_LATER, "The server is full"));
    }
    let (key, entry) = auth::admit(&app.rooms, &app.tokens, &join, protocol).await?;
    let entered = app.rooms.run_on(key, move |room| room.enter(entry, outbox)).await;
    let (commands, actor) = entered.map_err(|error| auth::closing(&error))?;
    app.rooms.touch(key);
    Ok(Seat { actor: actor?, commands })
}

/// Hands what the client sends to its room, until one of the three is gone.
async fn read(
    app: &App,
    stream: &mut SplitStream<WebSocket>,
    seat: &Seat,
    outbox: &crate::outbox::Outbox,
    mut writer: tokio::task::JoinHandle<()>,
) {
    let config = app.rooms.config();
    loop {
        let message = tokio::select! {
            message = timeout(config.silence, stream.next()) => message,
            _ = &mut writer => return linger(stream).await,
        };
        // Silence and an end are both the end of it.
        let Ok(Some(message)) = message else { return };
        let frame = match message {
            Ok(Message::Text(frame)) => frame,
            // Too large, or against the rules; no more can be read. Or the client is gone.
            Err(error) => {
                expel(seat, Close::new(Close::MALFORMED, error.to_string())).await;
                let _ = timeout(CLOSE_TIME, &mut writer).await;
                return;
            }
            Ok(Message::Binary(_)) => {
                let close = Close::new(Close::MALFORMED, "frames must be text");
                expel(seat, close).await;
                continue;
            }
            Ok(Message::Close(_)) => return linger(stream).await,
            Ok(Message::Ping(_) | Message::Pong(_)) => continue,
        };
        if frame.as_str() == "ping" {
            if !outbox.put(Frame::Text("pong".into())) {
                tell(seat, Room::is_slow).await;
            }
            continue;
        }
        app.rooms.metrics().frames_in.add(1);
        app.rooms.metrics().bytes_in.add(frame.len());
        if frame.len() > config.max_message {
            let reason = format!("a frame has at most {} bytes", config.max_message);
            expel(seat, Close::new(Close::MALFORMED, reason)).await;
            continue;
        }
        let Some(held) = app.rooms.hold(frame.len()).await else { return };
        let actor = seat.actor;
        let command = Command::Run(Box::new(move |room| {
            room.receive(actor, frame.as_bytes());
            drop(held);
        }));
        if seat.commands.send(command).await.is_err() {
            // The room has ended; the last that it says is that.
            return linger(stream).await;
        }
    }
}

async fn expel(seat: &Seat, close: Close) {
    tell(seat, |room, actor| room.expel(actor, close)).await;
}

/// Has the room do something about its member.
async fn tell(seat: &Seat, what: impl FnOnce(&mut Room, Actor) + Send + 'static) {
    let actor = seat.actor;
    // A room that has ended has no members.
    let _ = seat.commands.send(Command::Run(Box::new(move |room| what(room, actor)))).await;
}

/// Sends what the room says, until it says to close, or the client does not read.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut outgoing: Outgoing) {
    let cut_off = outgoing.cut_off();
    tokio::pin!(cut_off);
    let sending = async {
        while let Some(frame) = outgoing.next().await {
            if let Frame::Close(close) = frame {
                return Some(close);
            }
            for text in frame.texts() {
                let sent = timeout(SEND_TIME, sink.send(Message::Text(text.clone()))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return None;
                }
            }
            outgoing.sent(&frame);
        }
        None
    };
    let close = tokio::select! {
        close = sending => close,
        () = &mut cut_off => Some(Close::new(Close::TRY_LATER, "The connection is too slow")),
    };
    if let Some(close) = close {
        // A client that does not read will not read this either.
        let _ = timeout(CLOSE_TIME, sink.send(close_frame(close))).await;
    }
}

/// Waits for the client's part of the closing handshake, or sends this server's.
async fn linger(stream: &mut SplitStream<WebSocket>) {
    let _ = timeout(CLOSE_TIME, async { while let Some(Ok(_)) = stream.next().await {} }).await;
}

fn close_frame(close: Close) -> Message {
    Message::Close(Some(CloseFrame { code: close.code, reason: close.reason.into() }))
}
