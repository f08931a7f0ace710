//! One WebSocket: the messages of its client, the events for it, and its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use handclasp::{Error, ErrorKind};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error as SocketError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use crate::rooms::{Rooms, Seat};
use crate::watch::Watch;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// How often the server sends the figures and a ping to a client.
const TICK: Duration = Duration::from_secs(1);
/// A client that answers no ping for this time has gone.
const SILENCE: Duration = Duration::from_secs(20);
/// A client that takes no bytes for this time has gone.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_NAME: usize = 32;
const LONGEST_MESSAGE: usize = 1_000;
const LARGEST_FRAME: usize = 16 * 1024;

/// Why a conversation has ended.
enum End {
    /// The client has closed the WebSocket.
    Left,
    /// The connection ended without a close: the client was killed or disconnected.
    Cut(String),
    /// The client sends a message that the server does not understand.
    Nonsense(&'static str),
}

struct Conversation {
    socket: Socket,
    rooms: Arc<Rooms>,
    watch: Watch,
    seat: Option<Seat>,
    heard: Instant,
    started: Instant,
    /// The round-trip time of the last ping, in microseconds.
    ping: Option<u64>,
}

/// Serves a client until it goes.
pub async fn chat(upgraded: Upgraded, rooms: Arc<Rooms>, watch: Watch) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_FRAME))
        .max_frame_size(Some(LARGEST_FRAME));
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let now = Instant::now();
    let seat = None;
    let mut chat =
        Conversation { socket, rooms, watch, seat, heard: now, started: now, ping: None };
    let Err(end) = chat.run().await;
    let (farewell, words) = match &end {
        End::Left => ("left", "left"),
        End::Cut(reason) => ("cut", &**reason),
        End::Nonsense(reason) => ("left", *reason),
    };
    println!("{}  {words}", chat.watch.summary("wss gone"));
    if let Some(mut seat) = chat.seat.take() {
        seat.farewell = farewell;
    }
    // The conversation has ended: an error here changes nothing.
    let _ = timeout(PATIENCE, async {
        let _ = chat.socket.close(None).await;
        chat.socket.get_mut().shutdown().await
    })
    .await;
}

impl Conversation {
    async fn run(&mut self) -> Result<std::convert::Infallible, End> {
        let facts = json!({ "kind": "connection", "facts": self.watch.facts() });
        self.send(facts.to_string()).await?;
        let mut tick = interval(TICK);
        loop {
            tokio::select! {
                message = self.socket.next() => self.on_message(message).await?,
                event = next_event(&mut self.seat) => match event {
                    Ok(event) => self.send(event).await?,
                    // This client was too slow for the number of messages: it gets the history again.
                    Err(_) => self.welcome().await?,
                },
                _ = tick.tick() => self.on_tick().await?,
            }
        }
    }

    async fn send(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), End> {
        self.send_message(Message::Text(text.into())).await
    }

    async fn send_message(&mut self, message: Message) -> Result<(), End> {
        match timeout(PATIENCE, self.socket.send(message)).await {
            Ok(result) => result.map_err(End::from),
            Err(_) => Err(End::Cut(format!("took nothing for {PATIENCE:?}"))),
        }
    }

    async fn welcome(&mut self) -> Result<(), End> {
        match self.seat.as_mut().map(Seat::welcome) {
            Some(welcome) => self.send(welcome.to_string()).await,
            None => Ok(()),
        }
    }

    async fn on_message(
        &mut self,
        message: Option<Result<Message, SocketError>>,
    ) -> Result<(), End> {
        self.heard = Instant::now();
        match message {
            None => Err(End::Cut("ended".into())),
            Some(Err(error)) => Err(error.into()),
            Some(Ok(Message::Close(_))) => Err(End::Left),
            Some(Ok(Message::Pong(payload))) => {
                if let Some(sent) = payload.first_chunk().map(|sent| u64::from_be_bytes(*sent)) {
                    self.ping = self.age().checked_sub(sent);
                }
                Ok(())
            }
            Some(Ok(Message::Text(text))) => self.on_text(&text).await,
            Some(Ok(Message::Binary(_))) => Err(End::Nonsense("sent binary data")),
            Some(Ok(_)) => Ok(()),
        }
    }

    async fn on_text(&mut self, text: &str) -> Result<(), End> {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return Err(End::Nonsense("sent something that is not JSON"));
        };
        let field = |name, longest| {
            let words = value.get(name)?.as_str()?.trim();
            (!words.is_empty() && words.chars().count() <= longest).then(|| words.to_owned())
        };
        if let Some(words) = field("say", LONGEST_MESSAGE) {
            if let Some(seat) = &self.seat {
                seat.say(&words);
            }
            return Ok(());
        }
        let (Some(room), Some(name)) = (field("room", LONGEST_NAME), field("name", LONGEST_NAME))
        else {
            return Err(End::Nonsense("sent neither words nor a room and a name"));
        };
        if let Some(seat) = &mut self.seat {
            seat.farewell = "left";
        }
        self.seat = None;
        self.seat = self.rooms.enter(room, name);
        match self.seat {
            Some(_) => self.welcome().await,
            None => Err(End::Nonsense("came when all rooms were taken")),
        }
    }

    async fn on_tick(&mut self) -> Result<(), End> {
        if self.heard.elapsed() > SILENCE {
            return Err(End::Cut(format!("said nothing for {SILENCE:?}")));
        }
        let live = json!({
            "kind": "live", "traffic": self.watch.traffic(), "pingMicroseconds": self.ping,
        });
        self.send(live.to_string()).await?;
        let now = self.age().to_be_bytes();
        self.send_message(Message::Ping(Bytes::copy_from_slice(&now))).await
    }

    /// Microseconds since the start.
    fn age(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The next event in the room. Outside of rooms there is none, and this waits without an end.
async fn next_event(seat: &mut Option<Seat>) -> Result<Utf8Bytes, RecvError> {
    match seat {
        Some(seat) => seat.events.recv().await,
        None => std::future::pending().await,
    }
}

impl From<SocketError> for End {
    fn from(error: SocketError) -> Self {
        let tls = match &error {
            SocketError::Io(error) => Error::from_io(error).map(Error::kind),
            _ => None,
        };
        match tls {
            Some(ErrorKind::Truncated) => Self::Cut("was cut off, without a close_notify".into()),
            _ => match error {
                SocketError::ConnectionClosed => Self::Left,
                error => Self::Cut(error.to_string()),
            },
        }
    }
}
