//! The result of a handshake.

use std::sync::Arc;

use anstyle::Style;
use handclasp::Connection;
use handclasp::certificate::EndEntity;
use handclasp::handshake::EarlyData;
use handclasp::key_schedule::PskKind;
use handclasp_explain::words::printable;

use crate::event_log::{Side, Tally};
use crate::text_report::{duration, field, heading};

/// What was negotiated, and what it cost.
pub struct Summary {
    pub side: Side,
    pub cipher_suite: Option<String>,
    pub group: Option<String>,
    pub signature_scheme: Option<String>,
    pub application_protocol: Option<String>,
    pub server_name: Option<String>,
    /// The certificate of the peer.
    pub certificate: Option<String>,
    /// The OCSP response that the peer sent with it.
    pub stapled: Option<String>,
    /// How the client was authenticated.
    pub own_signature: Option<String>,
    pub pre_shared_key: Option<&'static str>,
    pub early_data: Option<&'static str>,
    pub tally: Tally,
}

impl Summary {
    pub fn new(side: Side, connection: &Connection, tally: Tally) -> Self {
        let parameters = connection.parameters();
        let certificate = parameters.certificates.as_ref().and_then(|chain| chain.first());
        let certificate = certificate.and_then(|der| EndEntity::parse(der).ok());
        let raw = |key: &Arc<[u8]>| format!("a raw public key of {} bytes", key.len());
        let raw_public_key = parameters.raw_public_key.as_ref().map(raw);
        Self {
            side,
            cipher_suite: parameters.cipher_suite.map(|it| it.to_string()),
            group: parameters.group.map(|it| it.to_string()),
            signature_scheme: parameters.signature_scheme.map(|it| it.to_string()),
            application_protocol: parameters.application_protocol.as_deref().map(printable),
            server_name: parameters.server_name.clone(),
            certificate: certificate.map(|it| it.subject()).or(raw_public_key),
            stapled: parameters.ocsp_response.as_ref().map(|it| format!("{} bytes", it.len())),
            own_signature: match side {
                Side::Client => parameters.client_signature_scheme,
                Side::Server => None,
            }
            .map(|scheme| format!("with a certificate ({scheme})")),
            pre_shared_key: parameters.pre_shared_key.map(|kind| match kind {
                PskKind::Resumption => "of a ticket: the connection was resumed",
                PskKind::External | PskKind::Imported => "agreed on elsewhere",
            }),
            early_data: match parameters.early_data {
                EarlyData::NotOffered => None,
                EarlyData::Offered => Some("offered"),
                EarlyData::Accepted => Some("accepted"),
                EarlyData::Rejected => Some("not accepted"),
            },
            tally,
        }
    }

    /// Names and values, the most interesting first.
    pub fn agreed(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("cipher suite", &self.cipher_suite),
            ("key exchange", &self.group),
            ("signature", &self.signature_scheme),
            ("protocol", &self.application_protocol),
            ("server name", &self.server_name),
            (if self.side == Side::Client { "certificate" } else { "client" }, &self.certificate),
            ("OCSP response", &self.stapled),
            ("authenticated", &self.own_signature),
            ("pre-shared key", &self.pre_shared_key.map(str::to_owned)),
            ("early data", &self.early_data.map(str::to_owned)),
        ];
        let version = ("version", "TLS 1.3".to_owned());
        let known = fields.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        std::iter::once(version).chain(known).collect()
    }

    /// As text. `other` is the time of the other side, if it is known.
    pub fn text(&self, other: Option<Tally>) -> String {
        let mut text = format!("\n{}", heading("Agreed on"));
        for (name, value) in self.agreed() {
            text += &field(name, &value, Style::new().bold());
        }
        text += &format!("\n{}", heading("It took"));
        let tally = &self.tally;
        let bytes = |bytes, records| format!("{bytes} bytes in {records} records");
        let (up, down) = match self.side {
            Side::Client => (tally.bytes_sent, tally.bytes_received),
            Side::Server => (tally.bytes_received, tally.bytes_sent),
        };
        let (up_records, down_records) = match self.side {
            Side::Client => (tally.records_sent, tally.records_received),
            Side::Server => (tally.records_received, tally.records_sent),
        };
        let mut line = |name: &str, value: String| text += &field(name, &value, Style::new());
        line("client → server", bytes(up, up_records));
        line("server → client", bytes(down, down_records));
        line("round trips", tally.round_trips.to_string());
        line(self.side.name(), format!("{} of computing", duration(tally.computing)));
        if let Some(other) = other {
            line("server", format!("{} of computing", duration(other.computing)));
        }
        text
    }
}
