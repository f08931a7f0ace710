//! The sessions of quinn's traits, without quinn: the benchmark carries their messages.

use handclasp_testing::NAME;
use handclasp_testing::quic_sessions::{VERSION, complete, no_parameters};
use quinn_proto::crypto::{Keys, Session};

use super::Tls;

pub fn start_client(tls: &Tls) -> Box<dyn Session> {
    tls.client.clone().start_session(VERSION, NAME, &no_parameters()).unwrap()
}

pub fn start_server(tls: &Tls) -> Box<dyn Session> {
    tls.server.clone().start_session(VERSION, &no_parameters())
}

/// An end whose handshake is complete.
pub struct Connected {
    pub session: Box<dyn Session>,
    /// The keys of 1-RTT packets.
    pub keys: Keys,
}

/// Completes a handshake: the client, and the server.
pub fn connect(tls: &Tls) -> [Connected; 2] {
    let (mut client, mut server) = (start_client(tls), start_server(tls));
    let [client_keys, server_keys] = complete(&mut *client, &mut *server);
    [(client, client_keys), (server, server_keys)]
        .map(|(session, keys)| Connected { session, keys })
}
