//! ServerHello, HelloRetryRequest and EncryptedExtensions (RFC 9846, sections 4.2.3, 4.2.4 and 4.4.1).

use handclasp::wire::{
    DecodeError, EncryptedExtensions, ExtensionType, ServerExtensions, ServerHello,
};

use super::extensions::{codes, extensions, key_share};
use super::layout::Layout;
use crate::code::code;

pub(super) fn fields(body: &[u8], layout: &mut Layout<'_>) -> Result<(), DecodeError> {
    let hello = ServerHello::parse(body)?;
    let random =
        if hello.is_hello_retry_request() { "hello_retry_request_random" } else { "server_random" };
    layout.code("legacy_version", "legacy_version", code(hello.legacy_version));
    layout.bytes("random", random, &hello.random);
    let echo = "legacy_session_id_echo";
    layout.vector_of_bytes(echo, echo, 1, hello.session_id);
    layout.code("cipher_suite", "chosen_cipher_suite", code(hello.cipher_suite));
    let method = "legacy_compression_method";
    layout.number(method, method, 1, hello.compression_method.into());
    if !layout.is_at_end() {
        extensions(layout, hello.extensions, |kind, _, layout| extension(kind, &hello, layout));
    }
    Ok(())
}

fn extension(kind: ExtensionType, hello: &ServerHello<'_>, layout: &mut Layout<'_>) {
    use ExtensionType as E;
    match kind {
        E::SUPPORTED_VERSIONS => {
            if let Some(version) = hello.supported_version {
                layout.code("selected_version", "selected_version", code(version));
            }
        }
        E::KEY_SHARE => {
            if let Some(share) = hello.key_share {
                key_share(layout, share);
            }
            if let Some(group) = hello.selected_group {
                layout.code("selected_group", "selected_group", code(group));
            }
        }
        E::COOKIE => {
            layout.vector_of_bytes("cookie", "cookie", 2, hello.cookie.unwrap_or_default());
        }
        E::PRE_SHARED_KEY => {
            if let Some(index) = hello.selected_identity {
                layout.number("selected_identity", "selected_identity", 2, index.into());
            }
        }
        _ => {}
    }
}

pub(super) fn encrypted_extensions(
    body: &[u8],
    layout: &mut Layout<'_>,
) -> Result<(), DecodeError> {
    let message = EncryptedExtensions::parse(body)?;
    extensions(layout, message.extensions, |kind, _, layout| {
        answer(kind, &message.known, layout);
    });
    Ok(())
}

fn answer(kind: ExtensionType, known: &ServerExtensions<'_>, layout: &mut Layout<'_>) {
    use ExtensionType as E;
    match kind {
        E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
            let list = "protocol_name_list";
            layout.vector(list, list, 2, |layout| {
                let name = "protocol_name";
                layout.vector(name, name, 1, |layout| {
                    layout.text("data", name, known.application_protocol.unwrap_or_default());
                });
            });
        }
        E::SUPPORTED_GROUPS => {
            codes(layout, "named_group_list", "group", 2, known.supported_groups);
        }
        E::TICKET_REQUEST => {
            let count = known.ticket_request.unwrap_or_default();
            layout.number("expected_count", "expected_count", 1, count.into());
        }
        E::CLIENT_CERTIFICATE_TYPE => {
            if let Some(chosen) = known.client_certificate_type {
                layout.code("type", "certificate_types", code(chosen));
            }
        }
        E::SERVER_CERTIFICATE_TYPE => {
            if let Some(chosen) = known.server_certificate_type {
                layout.code("type", "certificate_types", code(chosen));
            }
        }
        E::RECORD_SIZE_LIMIT => {
            let limit = known.record_size_limit.unwrap_or_default();
            layout.number("RecordSizeLimit", "record_size_limit", 2, limit.into());
        }
        _ => {}
    }
}
