//! The state in which an error happened. It is noted before each step, which costs hardly anything. The texts are
//! made later, when the caller asks for a [`Diagnosis`](crate::diagnosis::Diagnosis).

use std::sync::Arc;

use pki_types::{IpAddr, ServerName};

use super::Stage;
use crate::error::circumstances::OwnOffer;
use crate::verify::ClientCertificatePolicy;

/// Which offer of this side an error is about.
pub(super) enum OfferSource {
    /// No offer explains an error in this state.
    None,
    /// The configuration's. A position does not hold a reference to it: the reference is taken when there is an error.
    Configuration,
    /// The CertificateRequest's: its authorities and trust anchors.
    Request(Arc<OwnOffer>),
}

/// Where a handshake is.
pub(super) struct Position {
    pub(super) own_offer: OfferSource,
    pub(super) stage: Stage,
    pub(super) server_address: Option<IpAddr>,
}

impl Position {
    /// A position at which an error is about no offer of this side.
    pub(super) fn at(stage: Stage) -> Self {
        Self { own_offer: OfferSource::None, stage, server_address: None }
    }

    pub(super) fn of_client(server: &ServerName<'static>, stage: Stage) -> Self {
        let server_address = match server {
            ServerName::IpAddress(address) => Some(*address),
            _ => None,
        };
        Self { own_offer: OfferSource::Configuration, stage, server_address }
    }

    /// A server has asked for a certificate.
    pub(super) fn of_request(policy: &ClientCertificatePolicy) -> Self {
        let own_offer = OfferSource::Request(Arc::clone(&policy.own_offer));
        Self { own_offer, ..Self::at(Stage::ClientCertificate) }
    }

    pub(super) fn of_server(stage: Stage) -> Self {
        Self { own_offer: OfferSource::Configuration, ..Self::at(stage) }
    }
}
