//! EncryptedExtensions: the server's answers to the extensions of the ClientHello that are not about
//! keys (RFC 9846, section 4.4.1).

use super::Context;
use super::negotiate::Negotiated;
use crate::config::LayoutItem;
use crate::handshake::EarlyData;
use crate::key_schedule::PskKind;
use crate::wire::codec::{Prefix, write_u16};
use crate::wire::{
    EncryptedExtensions, ExtensionType, Extensions, write_extension_if, write_names,
};

/// Sends EncryptedExtensions.
pub(super) fn send(negotiated: &mut Negotiated, context: &mut Context) {
    let extensions = extensions(negotiated, context);
    let extensions = Extensions::written(&extensions);
    let message = EncryptedExtensions { extensions, ..EncryptedExtensions::default() };
    context.send(Some(&mut negotiated.transcript), |out| message.encode(out));
}

/// The extensions of EncryptedExtensions: the layout's first, then what else there is to say.
fn extensions(negotiated: &Negotiated, context: &Context) -> Vec<u8> {
    const ORDER: [ExtensionType; 7] = [
        ExtensionType::SERVER_NAME,
        ExtensionType::CLIENT_CERTIFICATE_TYPE,
        ExtensionType::SERVER_CERTIFICATE_TYPE,
        ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
        ExtensionType::TICKET_REQUEST,
        ExtensionType::EARLY_DATA,
        ExtensionType::RECORD_SIZE_LIMIT,
    ];
    let mut out = Vec::with_capacity(64);
    let layout = negotiated.config.common.layout.as_ref().map_or(&[][..], |layout| &layout.items);
    for item in layout {
        let kind = item.kind();
        write_extension_if(&mut out, kind, |out| match item {
            LayoutItem::Raw(_, body) if negotiated.offered.contains(&kind) => {
                out.extend_from_slice(body);
                Some(())
            }
            LayoutItem::Standard(_) => write_answer(kind, negotiated, context, out),
            LayoutItem::Raw(..) | LayoutItem::Padding => None,
        });
    }
    for kind in ORDER {
        if !layout.iter().any(|item| item.kind() == kind) {
            write_extension_if(&mut out, kind, |out| write_answer(kind, negotiated, context, out));
        }
    }
    out
}

/// Writes the body of this extension, if there is something to say in it.
fn write_answer(
    kind: ExtensionType,
    negotiated: &Negotiated,
    context: &Context,
    out: &mut Vec<u8>,
) -> Option<()> {
    use ExtensionType as E;
    let offered = negotiated.offered.contains(&kind);
    let resumed = context.parameters.pre_shared_key == Some(PskKind::Resumption);
    match kind {
        // The name was used to choose the certificate; in a resumption there is none (RFC 6066,
        // section 3).
        E::SERVER_NAME if context.parameters.server_name.is_some() && !resumed => {}
        E::CLIENT_CERTIFICATE_TYPE if offered => out.push(negotiated.client_certificate_type?.0),
        E::SERVER_CERTIFICATE_TYPE if offered => out.push(negotiated.server_certificate_type?.0),
        E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
            write_names(out, Prefix::U8, [context.parameters.application_protocol.as_ref()?]);
        }
        E::EARLY_DATA if context.parameters.early_data == EarlyData::Accepted => {}
        E::TICKET_REQUEST if offered => out.push(context.tickets.as_ref()?.count),
        E::RECORD_SIZE_LIMIT => write_u16(out, negotiated.record_size_limits?.server),
        _ => return None,
    }
    Some(())
}
