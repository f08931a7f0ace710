//! ClientHello (RFC 9846, section 4.2.2).

use handclasp::registry::CertificateType;
use handclasp::wire::{ClientExtensions, ClientHello, DecodeError, ExtensionType, OfferedPsks};

use super::extensions::{codes, extensions, key_share, names};
use super::layout::Layout;
use crate::code::{code, of_byte, psk_mode};

pub(super) fn fields(body: &[u8], layout: &mut Layout<'_>) -> Result<(), DecodeError> {
    let hello = ClientHello::parse(body)?;
    layout.code("legacy_version", "legacy_version", code(hello.legacy_version));
    layout.bytes("random", "client_random", &hello.random);
    layout.vector_of_bytes("legacy_session_id", "legacy_session_id", 1, hello.session_id);
    let suites = hello.cipher_suites.iter().map(code);
    layout.vector_of_codes("cipher_suites", "cipher_suite", "cipher_suites", 2, suites);
    let methods = "legacy_compression_methods";
    layout.vector_of_bytes(methods, methods, 1, hello.compression_methods);
    // A client of TLS 1.2 may have no list at all.
    if !layout.is_at_end() {
        extensions(layout, hello.extensions, |kind, content, layout| {
            extension(kind, content, &hello.known, layout);
        });
    }
    Ok(())
}

/// The content of one extension, from what the parser has read in it.
fn extension(
    kind: ExtensionType,
    content: &[u8],
    known: &ClientExtensions<'_>,
    layout: &mut Layout<'_>,
) {
    use ExtensionType as E;
    match kind {
        E::SERVER_NAME => server_name(known.server_name, layout),
        E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
            let protocols = known.application_protocols;
            names(layout, "protocol_name_list", "protocol_name", 1, protocols);
        }
        E::SUPPORTED_VERSIONS => codes(layout, "versions", "version", 1, known.supported_versions),
        E::SUPPORTED_GROUPS => {
            codes(layout, "named_group_list", "group", 2, known.supported_groups);
        }
        E::SIGNATURE_ALGORITHMS => {
            let list = "supported_signature_algorithms";
            codes(layout, list, "scheme", 2, known.signature_algorithms);
        }
        E::SIGNATURE_ALGORITHMS_CERT => {
            let list = "supported_signature_algorithms";
            codes(layout, list, "scheme", 2, known.signature_algorithms_cert);
        }
        E::KEY_SHARE => {
            layout.vector("client_shares", "client_shares", 2, |layout| {
                for share in known.key_shares.iter().flat_map(|shares| shares.iter()) {
                    key_share(layout, share);
                }
            });
        }
        E::COOKIE => {
            layout.vector_of_bytes("cookie", "cookie", 2, known.cookie.unwrap_or_default());
        }
        E::PSK_KEY_EXCHANGE_MODES => {
            let modes = known.psk_key_exchange_modes.unwrap_or_default();
            let modes = modes.iter().map(|mode| psk_mode(*mode));
            layout.vector_of_codes("ke_modes", "ke_mode", "ke_modes", 1, modes);
        }
        E::PRE_SHARED_KEY => {
            if let Some(keys) = known.pre_shared_keys {
                pre_shared_keys(keys, layout);
            }
        }
        _ => other_extension(kind, content, known, layout),
    }
}

/// The content of an extension that the handshake needs less often.
fn other_extension(
    kind: ExtensionType,
    content: &[u8],
    known: &ClientExtensions<'_>,
    layout: &mut Layout<'_>,
) {
    use ExtensionType as E;
    match kind {
        E::TICKET_REQUEST => {
            if let Some(request) = known.ticket_request {
                let (new, resumed) = (request.new_session_count, request.resumption_count);
                layout.number("new_session_count", "new_session_count", 1, new.into());
                layout.number("resumption_count", "resumption_count", 1, resumed.into());
            }
        }
        E::CERTIFICATE_AUTHORITIES => {
            let authorities = known.certificate_authorities;
            names(layout, "authorities", "DistinguishedName", 2, authorities);
        }
        E::CLIENT_CERTIFICATE_TYPE => {
            certificate_types(known.client_certificate_types.unwrap_or_default(), layout);
        }
        E::SERVER_CERTIFICATE_TYPE => {
            certificate_types(known.server_certificate_types.unwrap_or_default(), layout);
        }
        E::STATUS_REQUEST => status_request(content, known.wants_ocsp, layout),
        E::RECORD_SIZE_LIMIT => {
            let limit = known.record_size_limit.unwrap_or_default();
            layout.number("RecordSizeLimit", "record_size_limit", 2, limit.into());
        }
        E::COMPRESS_CERTIFICATE => {
            codes(layout, "algorithms", "algorithm", 1, known.compress_certificate);
        }
        E::PADDING => layout.bytes("extension_data", "zeros", content),
        _ => {}
    }
}

fn server_name(name: Option<&[u8]>, layout: &mut Layout<'_>) {
    let Some(name) = name else { return };
    layout.vector("server_name_list", "server_name_list", 2, |layout| {
        layout.code("name_type", "name_type", of_byte(0, Some("host_name")));
        layout.vector("HostName", "host_name", 2, |layout| layout.text("data", "host_name", name));
    });
}

/// The usual form: of OCSP, for any responder and without extensions.
fn status_request(content: &[u8], wants_ocsp: bool, layout: &mut Layout<'_>) {
    if wants_ocsp && content.len() == 5 {
        layout.code("status_type", "status_type", of_byte(1, Some("ocsp")));
        layout.vector_of_bytes("responder_id_list", "responder_id_list", 2, &[]);
        layout.vector_of_bytes("request_extensions", "request_extensions", 2, &[]);
    }
}

fn certificate_types(types: &[u8], layout: &mut Layout<'_>) {
    let types = types.iter().map(|kind| code(CertificateType(*kind)));
    layout.vector_of_codes("types", "type", "certificate_types", 1, types);
}

fn pre_shared_keys(keys: OfferedPsks<'_>, layout: &mut Layout<'_>) {
    layout.vector("identities", "identities", 2, |layout| {
        for (identity, _) in keys.iter() {
            layout.group("PskIdentity", "psk_identity", None, |layout| {
                layout.vector_of_bytes("identity", "identity", 2, identity.identity);
                let age = "obfuscated_ticket_age";
                layout.number(age, age, 4, identity.obfuscated_ticket_age.into());
            });
        }
    });
    layout.vector("binders", "binders", 2, |layout| {
        for (_, binder) in keys.iter() {
            layout.vector_of_bytes("PskBinderEntry", "binder", 1, binder);
        }
    });
}
