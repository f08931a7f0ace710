//! Two of our own ends, and an attacker between them who reorders, doubles, drops, joins and replays
//! what they send: records, or, below the encryption, messages. They meet for the first time, or
//! have a key in common, with 0-RTT data and without.

mod messages;
mod records;

use handclasp::handshake::{EarlyData, PeerParameters, Side};

use crate::Input;
use crate::meeting::Meeting;

const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// How far the two came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    /// Both are complete, and say that they used a key of before, if they did.
    pub complete: bool,
    pub resumed: bool,
    /// What the server did with 0-RTT data.
    pub early_data_accepted: bool,
}

impl Reached {
    fn new(complete: bool, server: &PeerParameters) -> Self {
        let (resumed, accepted) = (server.pre_shared_key.is_some(), EarlyData::Accepted);
        Self { complete, resumed, early_data_accepted: server.early_data == accepted }
    }
}

/// Plays the input, and checks what must hold for every input.
pub fn play(data: &[u8]) -> Reached {
    let mut input = Input(data);
    let (mode, choice) = (input.byte(), input.byte());
    let meeting = match mode & 2 {
        0 => Meeting::first(choice),
        _ => Meeting::again(choice),
    };
    match mode & 1 {
        0 => records::play(&meeting, &mut input),
        _ => messages::play(&meeting, &mut input),
    }
}
