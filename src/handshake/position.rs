//! What an error should know of the state in which it happened. It is noted before each step, and costs hardly
//! anything; the texts are made when a [`Diagnosis`](crate::diagnosis::Diagnosis) is asked for.

use std::sync::Arc;

use pki_types::{IpAddr, ServerName};

use super::Stage;
use crate::error::circumstances::OwnOffer;
use crate::verify::ClientCertificatePolicy;

/// The lists of this side that an error is about.
pub(super) enum OwnLists {
    None,
    /// Those of the configuration. Its connections share them, so a reference is counted for an error only.
    OfConfig,
    OfRequest(Arc<OwnOffer>),
}

/// Where a handshake is.
pub(super) struct Position {
    pub(super) own: OwnLists,
    pub(super) stage: Stage,
    pub(super) server_address: Option<IpAddr>,
}

impl Position {
    /// A position at which the lists of this side say nothing.
    pub(super) fn at(stage: Stage) -> Self {
        Self { own: OwnLists::None, stage, server_address: None }
    }

    pub(super) fn of_client(server: &ServerName<'static>, stage: Stage) -> Self {
        let server_address = match server {
            ServerName::IpAddress(address) => Some(*address),
            _ => None,
        };
        Self { own: OwnLists::OfConfig, stage, server_address }
    }

    /// A server has asked for a certificate.
    pub(super) fn of_request(policy: &ClientCertificatePolicy) -> Self {
        let own = OwnLists::OfRequest(Arc::clone(&policy.own_offer));
        Self { own, ..Self::at(Stage::ClientCertificate) }
    }

    pub(super) fn of_server(stage: Stage) -> Self {
        Self { own: OwnLists::OfConfig, ..Self::at(stage) }
    }
}
