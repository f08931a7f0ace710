//! The decision about the server's certificate (RFC 9846, sections 4.3.3 and 4.5.1.2). The resolver
//! chooses: `credential/list.rs` is the built-in one. `flight.rs` sends the certificate.

use std::sync::Arc;

use super::negotiate::{Negotiating, Undecided};
use super::{Context, Question, selection};
use crate::credential::{CertificateResolver, CertifiedKey, NoCertificate};
use crate::error::Error;
use crate::error::circumstances::Parameter;
use crate::handshake::authentication::no_common_type;
use crate::handshake::question::ChooseCertificate;
use crate::registry::{HandshakeType, SignatureScheme};
use crate::reply::Reply;
use crate::wire::codec::listed;
use crate::wire::{ClientHello, ExtensionType, List};

/// The certificate that the server shows, and how its key signs the handshake.
pub(super) struct SelectedCertificate {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) scheme: SignatureScheme,
}

/// No pre-shared key is used: asks the resolver for a certificate that fits the ClientHello (section
/// 4.5.1). Without signature_algorithms, that is a `missing_extension` (section 9.2); if no scheme fits, a
/// `handshake_failure` (section 4.2.1). A server without certificates needs a key: that is an
/// `unknown_psk_identity` (section 6.2).
pub(super) fn choose(
    negotiating: &mut Negotiating,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<SelectedCertificate, Undecided> {
    let Negotiating { negotiated, answers, .. } = negotiating;
    // A ClientHello may lack them where a pre-shared key is used (section 9.2).
    let Some(client_schemes) = hello.signature_algorithms else {
        let extension = ExtensionType::SIGNATURE_ALGORITHMS;
        return Err(Error::missing(HandshakeType::CLIENT_HELLO, extension).into());
    };
    selection::check_client_certificate_type(&negotiated.config, hello)?;

    let resolver = &*negotiated.config.resolver;
    let Reply::Now(choice) = answers.certificate.take_or_ask(|| resolver.resolve(hello)) else {
        let question = ChooseCertificate { hello: answers.keep(hello) };
        return Err(Undecided::ask(Question::ChooseCertificate(question), context));
    };
    let key = match choice {
        Ok(key) => key,
        Err(reason) => return Err(none_fits(reason, resolver, hello).into()),
    };
    let Some(scheme) = key.scheme_for(hello) else {
        return Err(no_common_scheme(listed(key.schemes().iter().copied()), client_schemes).into());
    };

    context.set_own_type(key.certificate_type());
    negotiated.server_certificate_type = Some(key.certificate_type());
    if !hello.wants_ocsp {
        // The client asked for a status of another kind.
        negotiated.offered.retain(|kind| *kind != ExtensionType::STATUS_REQUEST);
    }
    Ok(SelectedCertificate { key, scheme })
}

/// The error that says why the resolver has no certificate for this client.
fn none_fits(
    reason: NoCertificate,
    resolver: &dyn CertificateResolver,
    hello: &ClientHello<'_>,
) -> Error {
    match reason {
        NoCertificate::UnknownName => selection::unrecognized_name(hello),
        NoCertificate::NoCertificates => selection::unknown_identity(hello),
        NoCertificate::NoCommonType => {
            no_common_type([], selection::certificate_types(hello.server_certificate_types))
        }
        NoCertificate::NoCommonScheme => {
            let ours = resolver.schemes();
            let ours = if ours.is_empty() {
                vec!["those of the configured keys".into()]
            } else {
                listed(ours.into_iter())
            };
            no_common_scheme(ours, hello.signature_algorithms.unwrap_or_default())
        }
    }
}

fn no_common_scheme(ours: Vec<String>, theirs: List<'_, SignatureScheme>) -> Error {
    Error::nothing_in_common(Parameter::SignatureSchemes, ours, listed(theirs.iter()))
}
