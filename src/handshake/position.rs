//! What an error should know of the state in which it happened. It costs a reference to the lists of the
//! configuration; the texts are made when a [`Diagnosis`](crate::diagnosis::Diagnosis) is asked for.

use std::sync::Arc;

use pki_types::{IpAddr, ServerName};

use super::Stage;
use crate::config::{ClientConfig, ServerConfig};
use crate::error::circumstances::OwnOffer;
use crate::verify::ClientCertificatePolicy;

/// Where a handshake is.
pub(super) struct Position {
    pub(super) own: Option<Arc<OwnOffer>>,
    pub(super) stage: Stage,
    pub(super) server_address: Option<IpAddr>,
}

impl Position {
    /// A position at which the lists of this side say nothing.
    pub(super) fn at(stage: Stage) -> Self {
        Self { own: None, stage, server_address: None }
    }

    pub(super) fn of_client(
        config: &ClientConfig,
        server: &ServerName<'static>,
        stage: Stage,
    ) -> Self {
        let server_address = match server {
            ServerName::IpAddress(address) => Some(*address),
            _ => None,
        };
        Self { own: Some(Arc::clone(&config.own_offer)), stage, server_address }
    }

    /// A server has asked for a certificate.
    pub(super) fn of_request(policy: &ClientCertificatePolicy) -> Self {
        let own = Some(Arc::clone(&policy.own_offer));
        Self { own, ..Self::at(Stage::ClientCertificate) }
    }

    pub(super) fn of_server(config: &ServerConfig, stage: Stage) -> Self {
        Self { own: Some(Arc::clone(&config.own_offer)), ..Self::at(stage) }
    }
}
