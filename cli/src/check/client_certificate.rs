//! Does the server ask for a certificate of the client, and does it need one?

use handclasp::alert::AlertDescription;
use handclasp_explain::{Connection, Side};
use serde::Serialize;

use super::advice::Advice;
use super::section::{Row, Section};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientCertificate {
    pub is_requested: bool,
    /// The client has sent one.
    pub is_sent: bool,
    /// The client has one, and did not send it: the server's own certificate was refused.
    pub is_withheld: bool,
    /// The alert about the client's certificate, with which the server ended the connection after it.
    pub refused_with: Option<String>,
    /// Any other alert with which the server ended the connection after the handshake.
    pub ended_with: Option<String>,
}

impl ClientCertificate {
    /// Of the first connection, which the server ended with this alert after the handshake. `withholds` says
    /// that the client has a certificate that is not for this server.
    pub fn of(connection: &Connection, alert: Option<AlertDescription>, withholds: bool) -> Self {
        let mut lists = connection.certificates.iter();
        let is_requested = connection.message("CertificateRequest").is_some();
        let is_sent = lists.any(|it| it.sender == Side::Client && !it.certificates.is_empty());
        let is_withheld = is_requested && withholds;
        let (mut refused_with, mut ended_with) = (None, None);
        match alert {
            Some(alert) if is_requested && is_about_certificate(alert) => {
                refused_with = Some(alert.to_string());
            }
            Some(alert) => ended_with = Some(alert.to_string()),
            None => {}
        }
        Self { is_requested, is_sent, is_withheld, refused_with, ended_with }
    }

    /// The server ends each connection after the handshake.
    pub fn is_refused(&self) -> bool {
        self.refused_with.is_some() || self.ended_with.is_some()
    }
}

/// Whether a server says with this alert that it wants a certificate, or another one (RFC 9846, section 6.2).
fn is_about_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::CERTIFICATE_REQUIRED
            | A::BAD_CERTIFICATE
            | A::UNSUPPORTED_CERTIFICATE
            | A::CERTIFICATE_REVOKED
            | A::CERTIFICATE_EXPIRED
            | A::CERTIFICATE_UNKNOWN
            | A::UNKNOWN_CA
            | A::ACCESS_DENIED
    )
}

/// Why a question about what follows the handshake has no answer.
pub const CLIENT_REFUSED: &str = "the server ends the connection after the handshake";

impl Section for ClientCertificate {
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
        let ended = self.ended_with.as_ref();
        rows.extend(ended.map(|alert| Row::new("connection ended with", alert.clone())));
        rows
    }

    fn advice(&self) -> Vec<Advice> {
        let mut advice = Vec::new();
        if self.is_withheld {
            let text = "the certificate of --client-cert was not sent: the server's own certificate is refused";
            advice.push(Advice::note("client-certificate-withheld", text));
        }
        match (&self.refused_with, self.is_sent) {
            (Some(alert), false) if self.is_withheld => {
                let text = format!("the server requires a certificate of the client ({alert})");
                advice.push(Advice::note("client-certificate-required", text));
            }
            (Some(alert), false) => advice.push(Advice::note(
                "client-certificate-required",
                format!(
                    "the server requires a certificate of the client ({alert}): what it does after the \
                     handshake can be checked with --client-cert FILE --client-key FILE"
                ),
            )),
            (Some(alert), true) => advice.push(Advice::note(
                "client-certificate-refused",
                format!("the server refuses the certificate of --client-cert ({alert})"),
            )),
            (None, _) => {}
        }
        if let Some(alert) = &self.ended_with {
            let text = format!(
                "look into the server's log: it ends the connection after the handshake, with the alert {alert}"
            );
            advice.push(Advice::fault("ended-after-handshake", text));
        }
        advice
    }
}

#[cfg(test)]
mod tests {
    use handclasp::alert::AlertDescription as A;

    use super::*;

    #[test]
    fn only_alerts_about_certificates_say_that_one_is_required() {
        for (alert, is_about) in [
            (A::CERTIFICATE_REQUIRED, true),
            (A::BAD_CERTIFICATE, true),
            (A::UNKNOWN_CA, true),
            (A::ACCESS_DENIED, true),
            (A::INTERNAL_ERROR, false),
            (A::BAD_RECORD_MAC, false),
            (A::UNEXPECTED_MESSAGE, false),
            (A::DECRYPT_ERROR, false),
            (A(200), false),
        ] {
            assert_eq!(is_about_certificate(alert), is_about, "{alert}");
        }
    }

    #[test]
    fn another_alert_after_the_handshake_is_a_fault_of_the_server() {
        let ended = ClientCertificate {
            is_requested: true,
            is_sent: false,
            is_withheld: false,
            refused_with: None,
            ended_with: Some("internal_error".into()),
        };
        assert!(ended.is_refused());
        let advice = ended.advice();
        assert_eq!(advice.len(), 1);
        assert_eq!(advice[0].code, "ended-after-handshake");
        assert!(advice[0].text.contains("internal_error"), "{}", advice[0].text);
    }
}
