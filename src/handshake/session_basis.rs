//! What a session of this connection is based on: what each side has proved to the other. Tickets
//! keep it, and it is verified again before a session is resumed (see [`crate::session`]).

use super::question::ChooseClientCertificate;
use crate::credential::CertifiedKey;
use crate::crypto::Hash;
use crate::session::{CertificateAnswer, PeerCredential, Session};
use crate::time::Time;

/// What each side has proved: in this handshake, or in the one that a resumed session goes back to.
#[derive(Default)]
pub(crate) struct SessionBasis {
    /// When the peer authenticated with more than a ticket, in seconds since 1970.
    pub(super) authenticated: u64,
    /// What the peer has proved its identity with.
    pub(super) credential: PeerCredential,
    /// On a client: what the server asked for, and what the client has sent. `None` where the server
    /// did not ask.
    pub(super) answer: Option<Box<CertificateAnswer>>,
}

impl SessionBasis {
    pub(super) fn new(now: Time) -> Self {
        Self { authenticated: now.unix().as_secs(), ..Self::default() }
    }

    /// A session is resumed: its basis is this connection's, too.
    pub(super) fn inherit_from_session(&mut self, session: &Session) {
        self.credential = session.credential.clone();
        self.answer = session.answer.clone().map(Box::new);
        self.authenticated = session.authenticated;
    }

    /// Did the peer authenticate with a key that was agreed on outside of TLS? Certificates must
    /// not be combined with one (RFC 9846, appendix F.1).
    pub(super) fn is_external_key(&self) -> bool {
        match &self.credential {
            PeerCredential::PreSharedKey(key) => key.external,
            _ => false,
        }
    }

    /// On a client: it answers a CertificateRequest with this certificate, or with none. Where the
    /// server knows the client by a certificate already, an answer without one changes nothing.
    pub(super) fn set_answer(
        &mut self,
        request: &ChooseClientCertificate,
        certificate: Option<&CertifiedKey>,
        sha256: &dyn Hash,
    ) {
        let shown = certificate.and_then(|certificate| certificate.digest(sha256));
        let is_known = self.answer.as_ref().is_some_and(|answer| answer.shown.is_some());
        if shown.is_none() && is_known {
            return;
        }
        self.answer = Some(Box::new(CertificateAnswer {
            request: request.body.as_slice().into(),
            certificate_type: request.certificate_type,
            shown,
        }));
    }
}
