//! The key schedule of a recorded connection: the secrets that both sides derived (RFC 9846, section 7.1),
//! with the values that the key log has.

use handclasp::crypto::{CipherSuite, StaticOrArc};
use handclasp::key_schedule::TrafficSecret;

use super::key_log::ConnectionSecrets;
use crate::account::{Hex, Operation, Side};
use crate::builder::Builder;
use crate::schedule::ScheduleIsFull;

/// Adds the nodes to the account of a connection of TLS 1.3 that has a ServerHello.
pub(super) fn add(
    builder: &mut Builder,
    secrets: Option<&ConnectionSecrets>,
    suite: Option<&StaticOrArc<CipherSuite>>,
) {
    if builder.other_version || builder.so_far().message("ServerHello").is_none() {
        return;
    }
    let has_early_data = builder
        .so_far()
        .message("ClientHello")
        .is_some_and(|hello| hello.extension("early_data").is_some());
    let mut nodes = Nodes { secrets, suite, builder };
    // A full schedule has said so: there is no more to add.
    let _ = nodes.all(has_early_data);
}

struct Nodes<'a> {
    secrets: Option<&'a ConnectionSecrets>,
    suite: Option<&'a StaticOrArc<CipherSuite>>,
    builder: &'a mut Builder,
}

impl Nodes<'_> {
    fn all(&mut self, has_early_data: bool) -> Result<(), ScheduleIsFull> {
        let mut early = self.stage("early", None)?;
        if has_early_data {
            self.traffic(early, "c e traffic", "CLIENT_EARLY_TRAFFIC_SECRET")?;
            self.logged(early, "e exp master", "EARLY_EXPORTER_SECRET")?;
            if !self.has_chosen_key() {
                // The handshake goes on from zeros.
                early = self.stage("early", None)?;
            }
        }
        let derived = self.expand(early, "derived", None)?;
        let handshake = self.stage("handshake", Some(derived))?;
        self.traffic(handshake, "c hs traffic", "CLIENT_HANDSHAKE_TRAFFIC_SECRET")?;
        self.traffic(handshake, "s hs traffic", "SERVER_HANDSHAKE_TRAFFIC_SECRET")?;
        if self.builder.failed_before_finished(Side::Server) {
            return Ok(());
        }
        let derived = self.expand(handshake, "derived", None)?;
        let main = self.stage("main", Some(derived))?;
        self.traffic(main, "c ap traffic", "CLIENT_TRAFFIC_SECRET_0")?;
        self.traffic(main, "s ap traffic", "SERVER_TRAFFIC_SECRET_0")?;
        self.logged(main, "exp master", "EXPORTER_SECRET")?;
        if self.builder.failed_before_finished(Side::Client) {
            return Ok(());
        }
        let resumption = self.expand(main, "res master", None)?;
        let messages = &self.builder.so_far().messages;
        let is_ticket = |message: &&crate::Message| {
            message.name == "NewSessionTicket" && message.sender == Side::Server
        };
        for _ in 0..messages.iter().filter(is_ticket).count() {
            self.expand(resumption, "resumption", None)?;
        }
        Ok(())
    }

    /// Whether the server has chosen a pre-shared key.
    fn has_chosen_key(&self) -> bool {
        let server_hello = self.builder.so_far().message("ServerHello");
        server_hello.is_some_and(|hello| hello.extension("pre_shared_key").is_some())
    }

    fn stage(&mut self, label: &str, from: Option<usize>) -> Result<usize, ScheduleIsFull> {
        self.builder.secret(Operation::Extract, label, from, None)
    }

    fn expand(
        &mut self,
        from: usize,
        label: &str,
        value: Option<&[u8]>,
    ) -> Result<usize, ScheduleIsFull> {
        let mut shown = None;
        if self.builder.options().secrets {
            shown = value.map(Hex::from);
        }
        self.builder.secret(Operation::Expand, label, Some(from), shown)
    }

    /// A secret that key logs have under this name.
    fn logged(&mut self, from: usize, label: &str, name: &str) -> Result<usize, ScheduleIsFull> {
        let value = self.secrets.and_then(|secrets| secrets.get(name));
        self.expand(from, label, value)
    }

    /// A traffic secret, with what is derived from it.
    fn traffic(&mut self, from: usize, label: &str, name: &str) -> Result<(), ScheduleIsFull> {
        let secret = self.secrets.and_then(|secrets| secrets.get(name));
        let node = self.expand(from, label, secret)?;
        let suite = self.suite.cloned();
        let keys = suite
            .zip(secret)
            .and_then(|(suite, secret)| TrafficSecret::from_bytes(suite, secret).ok())
            .and_then(|secret| secret.key_and_iv().ok());
        self.expand(node, "key", keys.as_ref().map(|keys| keys.key.as_bytes()))?;
        self.expand(node, "iv", keys.as_ref().map(|keys| keys.iv.as_slice()))?;
        if label.contains(" hs ") {
            self.expand(node, "finished", None)?;
        }
        Ok(())
    }
}
