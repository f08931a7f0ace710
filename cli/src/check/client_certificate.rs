//! Does the server ask for a certificate of the client, and does it need one?

use handclasp::alert::AlertDescription;
use handclasp_explain::{Connection, Side};
use serde::Serialize;

use super::advice::{Advice, Answer, Row};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientCertificate {
    pub is_requested: bool,
    /// The client has sent one.
    pub is_sent: bool,
    /// The alert with which the server ended the connection after it.
    pub refused_with: Option<String>,
}

impl ClientCertificate {
    /// Of the first connection, which the server ended with this alert after the handshake.
    pub fn of(connection: &Connection, alert: Option<AlertDescription>) -> Self {
        let mut lists = connection.certificates.iter();
        let is_requested = connection.message("CertificateRequest").is_some();
        Self {
            is_requested,
            is_sent: lists.any(|list| list.sender == Side::Client && !list.certificates.is_empty()),
            refused_with: alert.filter(|_| is_requested).map(|alert| alert.to_string()),
        }
    }

    /// The server ends each connection after the handshake.
    pub fn is_refused(&self) -> bool {
        self.refused_with.is_some()
    }
}

/// Why a question about what follows the handshake has no answer.
pub const CLIENT_REFUSED: &str = "the server refuses the client after the handshake";

impl Answer for ClientCertificate {
    fn title(&self) -> &'static str {
        "Client certificate"
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![Row::yes_or_no("requested", self.is_requested)];
        if self.is_requested {
            rows.push(Row::yes_or_no("sent", self.is_sent));
            let refused = self.refused_with.as_ref();
            rows.extend(refused.map(|alert| Row::new("refused with", alert.clone())));
        }
        rows
    }

    fn advice(&self) -> Vec<Advice> {
        match (&self.refused_with, self.is_sent) {
            (Some(alert), false) => vec![Advice::note(
                "client-certificate-required",
                format!(
                    "the server requires a certificate of the client ({alert}): what it does after the \
                     handshake can be checked with --client-cert FILE --client-key FILE"
                ),
            )],
            (Some(alert), true) => vec![Advice::note(
                "client-certificate-refused",
                format!("the server refuses the certificate of --client-cert ({alert})"),
            )],
            (None, _) => Vec::new(),
        }
    }
}
