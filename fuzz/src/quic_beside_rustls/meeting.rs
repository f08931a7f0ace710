//! Handshakes of QUIC between one of our ends and one of rustls, with configurations of the input: twice,
//! so that the second can be resumed, with 0-RTT data and without. Both complete it, and agree on all, or
//! neither does; and the packets of each open with the keys of the other.

mod configurations;
mod end;
mod packets;

use std::sync::Arc;

use handclasp::handshake::Side;
use rustls::server::ServerSessionMemoryCache;

use self::configurations::{Choices, Client};
use self::end::End;
use crate::Input;

/// What rustls refuses, and why our end does it all the same.
const REFUSED: [(&str, &str); 2] = [
    (
        "PeerMisbehaved(MissingPskExtensionInSecondClientHello)",
        "RFC 9846, section 4.2.2: a client leaves a key out of its second ClientHello that is of another \
         hash than the suite of the HelloRetryRequest",
    ),
    (
        "PeerMisbehaved(EarlyDataOfferedWithVariedCipherSuite)",
        "RFC 9846, section 4.3.11: a key can be used with any suite of its hash; the server has rejected \
         the 0-RTT data then",
    ),
];

/// How far the two came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    pub complete: bool,
    pub resumed: bool,
    pub early_data_accepted: bool,
}

/// Plays the input. Returns how far the second handshake came.
pub fn play(mut input: Input<'_>) -> Reached {
    let our_side = if input.byte() % 2 == 0 { Side::Client } else { Side::Server };
    let client = Client::new(our_side, Choices::read(&mut input));
    let sessions = ServerSessionMemoryCache::new(8);
    let first = Choices::read(&mut input);
    meet(&client, &first, &sessions);
    // The server has another configuration, perhaps.
    let second = if input.byte() % 2 == 0 { first } else { Choices::read(&mut input) };
    meet(&client, &second, &sessions)
}

/// `sessions` are those of a server of rustls.
fn meet(client: &Client, server: &Choices, sessions: &Arc<ServerSessionMemoryCache>) -> Reached {
    let server_end = match client.our_side() {
        Side::Client => server.their_server(sessions.clone()),
        Side::Server => server.our_server(),
    };
    let mut ends = [client.start(), server_end];
    exchange(&mut ends);
    let complete = ends.each_ref().map(End::is_complete);
    let errors = ends.each_ref().map(|end| &end.error);
    let is_refused = |error: &str| REFUSED.iter().any(|(refused, _)| *refused == error);
    if errors.iter().any(|error| error.as_deref().is_some_and(is_refused)) {
        assert_eq!(complete, [false; 2]);
        return Reached::default();
    }
    let expected = client.choices.agrees_with(server, client.our_side());
    assert_eq!(complete, [expected; 2], "{errors:?} {:?} {server:?}", client.choices);
    if !expected {
        assert!(errors.iter().any(|error| error.is_some()));
        return Reached::default();
    }
    assert_eq!(errors, [&None; 2]);
    let [client_end, server_end] = &mut ends;
    let agreed = client_end.agreed();
    assert_eq!(agreed, server_end.agreed());
    assert_eq!(client_end.peer_parameters(), Some(server.parameters.clone()));
    assert_eq!(server_end.peer_parameters(), Some(client.choices.parameters.clone()));
    assert_eq!(client_end.exported(), server_end.exported());
    packets::check(client_end, server_end, agreed.early_data_accepted);
    Reached {
        complete: true,
        resumed: agreed.resumed,
        early_data_accepted: agreed.early_data_accepted,
    }
}

/// Carries all messages, those of each level in a packet of their own.
fn exchange([client, server]: &mut [End; 2]) {
    let mut from_client = client.send();
    while !from_client.is_empty() {
        let from_server = server.receive(from_client);
        from_client = client.receive(from_server);
    }
}
