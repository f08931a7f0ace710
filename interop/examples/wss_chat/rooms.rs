//! Rooms: their members, their last messages, and the channel to each member.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Utf8Bytes;

const MOST_ROOMS: usize = 64;
/// How many messages a room remembers.
const HISTORY: usize = 50;
/// How many events a member may be behind. A member that is further behind gets everything again.
const BACKLOG: usize = 256;

/// All rooms. The first member that enters makes a room.
#[derive(Default)]
pub struct Rooms(Mutex<State>);

#[derive(Default)]
struct State {
    rooms: HashMap<String, Room>,
    last_id: u64,
}

struct Room {
    members: BTreeMap<u64, String>,
    history: VecDeque<Value>,
    events: broadcast::Sender<Utf8Bytes>,
}

/// A member of a room, until it is dropped.
pub struct Seat {
    rooms: Arc<Rooms>,
    room: String,
    name: String,
    id: u64,
    /// The events for all members of the room.
    pub events: broadcast::Receiver<Utf8Bytes>,
    /// What the other members get as the end of this one, unless another end is set.
    pub farewell: &'static str,
}

impl Rooms {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a room. `None` when there are too many rooms with members.
    pub fn enter(self: &Arc<Self>, room: String, name: String) -> Option<Seat> {
        let mut state = self.lock();
        if !state.rooms.contains_key(&room) && state.rooms.len() >= MOST_ROOMS {
            let empty = state.rooms.iter().find(|(_, room)| room.members.is_empty());
            let empty = empty?.0.clone();
            state.rooms.remove(&empty);
        }
        state.last_id += 1;
        let id = state.last_id;
        let place = state.rooms.entry(room.clone()).or_insert_with(Room::new);
        place.members.insert(id, name.clone());
        place.send(&json!({ "kind": "came", "id": id, "name": name }));
        let (events, rooms) = (place.events.subscribe(), Arc::clone(self));
        Some(Seat { rooms, room, name, id, events, farewell: "cut" })
    }
}

impl Room {
    fn new() -> Self {
        let (events, _) = broadcast::channel(BACKLOG);
        Self { members: BTreeMap::new(), history: VecDeque::new(), events }
    }

    fn send(&self, event: &Value) {
        // An empty room has no receivers, which is no error.
        let _ = self.events.send(event.to_string().into());
    }
}

impl Seat {
    /// Sends a message to all members, and to members that come later.
    pub fn say(&self, text: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(now.as_millis()).unwrap_or_default();
        let said = json!({
            "kind": "said", "id": self.id, "name": self.name, "text": text, "at": at,
        });
        if let Some(room) = self.rooms.lock().rooms.get_mut(&self.room) {
            room.send(&said);
            room.history.push_back(said);
            if room.history.len() > HISTORY {
                room.history.pop_front();
            }
        }
    }

    /// The present state of the room. Later events are in `events`.
    pub fn welcome(&mut self) -> Value {
        let state = self.rooms.lock();
        let Some(room) = state.rooms.get(&self.room) else { return Value::Null };
        self.events = room.events.subscribe();
        let members = room.members.iter().map(|(id, name)| json!({ "id": id, "name": name }));
        json!({
            "kind": "welcome", "room": self.room, "id": self.id,
            "members": members.collect::<Vec<_>>(), "history": room.history,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(room) = self.rooms.lock().rooms.get_mut(&self.room) {
            room.members.remove(&self.id);
            let (id, name, how) = (self.id, &self.name, self.farewell);
            room.send(&json!({ "kind": "gone", "id": id, "name": name, "how": how }));
        }
    }
}
