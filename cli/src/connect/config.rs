//! The configuration of a client of `connect`.

use std::sync::Arc;

use handclasp::ClientConfig;
use handclasp::credential::CertificateList;
use handclasp::pki_types::ServerName;
use handclasp::verify::{PeerVerifier, SpkiPin, SpkiPins};

use super::Arguments;
use crate::failure::Failure;
use crate::files;
use crate::keys;
use crate::session::Sessions;

/// The configuration for a server with this name.
pub fn build(
    arguments: &Arguments,
    name: &ServerName<'static>,
    sessions: Option<&Sessions>,
    warn: impl Fn(&str),
) -> Result<ClientConfig, Failure> {
    let options = &arguments.client;
    let mut builder = options
        .config_builder(options.provider(), verifier(arguments, warn)?)
        .request_ocsp(arguments.raw_public_key.is_none());
    let keys = keys::pre_shared_keys(&arguments.psk)?.into_iter();
    builder = builder.pre_shared_keys(keys.map(|key| key.for_server(name.clone())).collect());
    if let (Some(cert), Some(key)) = (&arguments.client_cert, &arguments.client_key) {
        let own = Arc::new(files::certified_key(cert, key, "--client-")?);
        builder = builder
            .client_certificates(Arc::new(CertificateList::new(vec![own])))
            .post_handshake_authentication(true);
    }
    if let Some(log) = files::key_log(arguments.keylog.as_ref())? {
        builder = builder.key_log(log);
    }
    if let Some(sessions) = sessions {
        builder = builder.sessions(sessions.store()).early_data(arguments.early_data.is_some());
    }
    Ok(builder.build()?)
}

/// Who is trusted: authorities, pins, both, or a raw public key.
fn verifier(arguments: &Arguments, warn: impl Fn(&str)) -> Result<Arc<dyn PeerVerifier>, Failure> {
    let pins = arguments.pin.iter().copied();
    if let Some(file) = &arguments.raw_public_key {
        let pin = SpkiPin::of_public_key(&files::public_key(file)?);
        return Ok(Arc::new(SpkiPins::raw_public_keys([pin])?));
    }
    if arguments.pin_alone {
        return Ok(Arc::new(SpkiPins::only(pins)?));
    }
    let paths = arguments.client.verifier(warn)?;
    match arguments.pin.is_empty() {
        true => Ok(paths),
        false => Ok(Arc::new(SpkiPins::with_verifier(paths, pins)?)),
    }
}
