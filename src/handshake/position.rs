//! What an error should know of the state in which it happened. It costs a reference to the
//! configuration; the texts are made when a [`Diagnosis`](crate::diagnosis::Diagnosis) is asked for.

use std::sync::Arc;

use pki_types::{CertificateDer, IpAddr, ServerName};

use super::{Stage, printable_identity};
use crate::config::{ClientConfig, CommonConfig, ServerConfig};
use crate::credential::CertifiedKey;
use crate::error::circumstances::{Offer, OwnCertificate, OwnOffer, Parameter, authorities};
use crate::registry::{CertificateType, ProtocolVersion};
use crate::verify::ClientCertificatePolicy;
use crate::wire::{CertificateRequest, Extensions, MESSAGE_HEADER_LENGTH};

/// Where a handshake is.
pub(super) struct Position {
    pub(super) own: Option<Arc<dyn OwnOffer>>,
    pub(super) stage: Stage,
    pub(super) server_address: Option<IpAddr>,
}

impl Position {
    /// A position at which the lists of this side say nothing.
    pub(super) fn at(stage: Stage) -> Self {
        Self { own: None, stage, server_address: None }
    }

    pub(super) fn of_client(
        config: &Arc<ClientConfig>,
        server: &ServerName<'static>,
        stage: Stage,
    ) -> Self {
        let server_address = match server {
            ServerName::IpAddress(address) => Some(*address),
            _ => None,
        };
        let own: Arc<dyn OwnOffer> = Arc::clone(config) as _;
        Self { own: Some(own), stage, server_address }
    }

    /// A server has asked for a certificate.
    pub(super) fn of_request(policy: &Arc<ClientCertificatePolicy>) -> Self {
        Self { own: Some(Arc::clone(policy) as _), ..Self::at(Stage::ClientCertificate) }
    }

    pub(super) fn of_server(config: &Arc<ServerConfig>, stage: Stage) -> Self {
        Self { own: Some(Arc::clone(config) as _), ..Self::at(stage) }
    }
}

impl OwnOffer for ClientCertificatePolicy {
    fn offers(&self, _: Option<&ServerName<'static>>) -> Vec<Offer> {
        let mut message = Vec::new();
        let extensions = Extensions::written(&self.extensions);
        CertificateRequest { extensions, ..CertificateRequest::default() }.encode(&mut message);
        match message.get(MESSAGE_HEADER_LENGTH..).map(CertificateRequest::parse) {
            Some(Ok(request)) => authorities(&request),
            _ => Vec::new(),
        }
    }
}

impl OwnOffer for ClientConfig {
    fn offers(&self, server: Option<&ServerName<'static>>) -> Vec<Offer> {
        let mut offers = common(&self.common);
        let groups = self.offered_groups().map(|group| group.name().to_string()).collect();
        offers.push(Offer::new(Parameter::Groups, groups));
        let schemes = self.common.provider.signatures.schemes();
        let schemes = schemes.filter(|scheme| !scheme.is_legacy()).map(|scheme| scheme.to_string());
        offers.push(Offer::new(Parameter::SignatureSchemes, schemes.collect()));
        let keys = self.pre_shared_keys.iter();
        let keys = keys.filter(|key| server.is_some_and(|server| key.is_for(server)));
        let keys: Vec<_> = keys.map(|key| printable_identity(key.identity())).collect();
        if !keys.is_empty() {
            offers.push(Offer::new(Parameter::PreSharedKeys, keys));
        }
        offers
    }
}

impl OwnOffer for ServerConfig {
    fn offers(&self, _: Option<&ServerName<'static>>) -> Vec<Offer> {
        let mut offers = common(&self.common);
        let groups = self.common.provider.groups.iter();
        let groups = groups.map(|group| group.name().to_string()).collect();
        offers.push(Offer::new(Parameter::Groups, groups));
        let schemes = self.resolver.schemes();
        if !schemes.is_empty() {
            let schemes = schemes.iter().map(ToString::to_string).collect();
            offers.push(Offer::new(Parameter::SignatureSchemes, schemes));
        }
        offers
    }
}

fn common(config: &CommonConfig) -> Vec<Offer> {
    let versions = vec![ProtocolVersion::TLS_1_3.to_string()];
    let suites = config.provider.cipher_suites.iter().map(|suite| suite.id.to_string()).collect();
    let mut offers = vec![
        Offer::new(Parameter::Versions, versions),
        Offer::new(Parameter::CipherSuites, suites),
    ];
    if !config.application_protocols.is_empty() {
        let protocols = config.application_protocols.iter();
        let protocols = protocols.map(|name| name.escape_ascii().to_string()).collect();
        offers.push(Offer::new(Parameter::ApplicationProtocols, protocols));
    }
    offers
}

impl OwnCertificate for CertifiedKey {
    fn end_entity(&self) -> Option<&CertificateDer<'static>> {
        match self.certificate_type() {
            CertificateType::RAW_PUBLIC_KEY => None,
            _ => self.chain().first(),
        }
    }
}
