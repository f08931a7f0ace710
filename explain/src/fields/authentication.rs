//! CertificateRequest, Certificate, CompressedCertificate, CertificateVerify and Finished (RFC 9846,
//! sections 4.4.2 and 4.5).

use handclasp::wire::{
    Certificate, CertificateEntry, CertificateRequest, CertificateVerify, CompressedCertificate,
    DecodeError, ExtensionType, Finished,
};

use super::extensions::{codes, extensions, names};
use super::layout::Layout;
use crate::code::{code, of_byte};
use crate::limits::MAX_CERTIFICATES;

const CONTEXT: &str = "certificate_request_context";

pub(super) fn certificate_request(body: &[u8], layout: &mut Layout<'_>) -> Result<(), DecodeError> {
    let request = CertificateRequest::parse(body)?;
    layout.vector_of_bytes(CONTEXT, CONTEXT, 1, request.request_context);
    extensions(layout, request.extensions, |kind, _, layout| asked(kind, &request, layout));
    Ok(())
}

fn asked(kind: ExtensionType, request: &CertificateRequest<'_>, layout: &mut Layout<'_>) {
    use ExtensionType as E;
    let schemes = "supported_signature_algorithms";
    match kind {
        E::SIGNATURE_ALGORITHMS => {
            codes(layout, schemes, "scheme", 2, request.signature_algorithms);
        }
        E::SIGNATURE_ALGORITHMS_CERT => {
            codes(layout, schemes, "scheme", 2, request.signature_algorithms_cert);
        }
        E::CERTIFICATE_AUTHORITIES => {
            let authorities = request.certificate_authorities;
            names(layout, "authorities", "DistinguishedName", 2, authorities);
        }
        E::OID_FILTERS => {
            layout.vector("filters", "oid_filters", 2, |layout| {
                for filter in request.oid_filters.iter().flat_map(|filters| filters.iter()) {
                    layout.group("OIDFilter", "oid_filter", None, |layout| {
                        let oid = "certificate_extension_oid";
                        layout.vector_of_bytes(oid, oid, 1, filter.identifier);
                        let values = "certificate_extension_values";
                        layout.vector_of_bytes(values, values, 2, filter.values);
                    });
                }
            });
        }
        _ => {}
    }
}

pub(super) fn certificate(body: &[u8], layout: &mut Layout<'_>) -> Result<(), DecodeError> {
    let message = Certificate::parse(body)?;
    layout.vector_of_bytes(CONTEXT, CONTEXT, 1, message.request_context);
    layout.vector("certificate_list", "certificate_list", 3, |layout| {
        for (index, entry) in message.entries().enumerate() {
            if index == MAX_CERTIFICATES {
                layout.reach_limit("MAX_CERTIFICATES");
                return;
            }
            layout.group("CertificateEntry", "certificate_entry", None, |layout| {
                layout.vector_of_bytes("cert_data", "cert_data", 3, entry.certificate);
                extensions(layout, entry.extensions, |kind, content, layout| {
                    beside_certificate(kind, content, &entry, layout);
                });
            });
        }
    });
    Ok(())
}

fn beside_certificate(
    kind: ExtensionType,
    content: &[u8],
    entry: &CertificateEntry<'_>,
    layout: &mut Layout<'_>,
) {
    match kind {
        ExtensionType::STATUS_REQUEST => {
            if let Ok(Some(response)) = entry.ocsp_response() {
                layout.code("status_type", "status_type", of_byte(1, Some("ocsp")));
                layout.vector_of_bytes("response", "ocsp_response", 3, response);
            }
        }
        ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP if !content.is_empty() => {
            let timestamps = entry.signed_certificate_timestamps().unwrap_or_default();
            layout.vector("sct_list", "sct_list", 2, |layout| {
                for timestamp in timestamps {
                    layout.vector_of_bytes("SerializedSCT", "serialized_sct", 2, timestamp);
                }
            });
        }
        _ => {}
    }
}

pub(super) fn compressed_certificate(
    body: &[u8],
    layout: &mut Layout<'_>,
) -> Result<(), DecodeError> {
    let message = CompressedCertificate::parse(body)?;
    layout.code("algorithm", "compression_algorithm", code(message.algorithm));
    let length = "uncompressed_length";
    layout.number(length, length, 3, message.uncompressed_length as u64);
    let compressed = "compressed_certificate_message";
    layout.vector_of_bytes(compressed, compressed, 3, message.compressed);
    Ok(())
}

pub(super) fn certificate_verify(body: &[u8], layout: &mut Layout<'_>) -> Result<(), DecodeError> {
    let message = CertificateVerify::parse(body)?;
    layout.code("algorithm", "signature_scheme", code(message.algorithm));
    layout.vector_of_bytes("signature", "signature", 2, message.signature);
    Ok(())
}

pub(super) fn finished(body: &[u8], layout: &mut Layout<'_>) {
    layout.bytes("verify_data", "verify_data", Finished::parse(body).verify_data);
}
