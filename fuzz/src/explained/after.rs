//! What comes after the hellos.

use handclasp::handshake::Side::Client;

use super::{Row, WAITS, either, row};

const SYNTAX: &str = "section 6.2: decode_error is for what does not parse, and a length is part of \
    that; rustls compares it with the right one: decrypt_error";
const CONTEXT: &str = "section 6.2: illegal_parameter for what parses and is not right; rustls says \
    decode_error";
const NOT_PARSED: &str = "rustls has no use for the extension and does not parse it; section 6.2 \
    wants decode_error for what is recognised and malformed";
const BODY_FIRST: &str = "rustls parses each extension's body before it looks at whether the \
    extension may be there, so its alert is about the body: decode_error. Section 4.3 names the alerts \
    for extensions in the wrong place, which are ours";
const ONLY_OURS: &str = "only our client offers a record_size_limit";
const HEADER: &str = "section 5.2: the header is part of what is authenticated, and its type is \
    always application_data; rustls puts the header that it expects in the place of the one that \
    came";

const TWO_FAULTS: &str = "there are two faults: ours reports the length, and rustls the type";

pub const ROWS: &[Row] = &[
    // Records.
    either("where records must be protected", "", HEADER),
    either("does not decrypt", "", HEADER),
    either(
        "where records must be protected",
        "DecryptError",
        "section 5: unexpected_message for a record of a type that may not come; rustls tries to \
         decrypt it, and says bad_record_mac",
    ),
    either(
        "where records must be protected",
        "InvalidMessage(InvalidEmptyPayload)",
        "section 5, as above; rustls looks at the length first",
    ),
    either(
        "has no content",
        "MissingData(\"AlertLevel\")",
        "section 5.4: unexpected_message; rustls parses it, and says decode_error",
    ),
    either(
        "a record of the type handshake has no content",
        "",
        "section 5.4: unexpected_message; rustls passes over it",
    ),
    either("", "AlertReceived(CloseNotify)", super::LEVEL),
    either(
        "a protected record has no content type in it",
        "IllegalTlsInnerPlaintext",
        super::NO_ALERT,
    ),
    either("unknown content type", "", HEADER),
    either("this is not TLS", "", HEADER),
    either(
        "change_cipher_spec came outside of the handshake",
        "",
        "section 5: unexpected_message after the peer's Finished; rustls passes over one that comes \
         after a Finished in pieces",
    ),
    either(
        "at most 16640 are allowed",
        "",
        "section 5.2: ours refuses a record as soon as its header says that it is longer; rustls \
         waits for the 18,432 bytes of TLS 1.2",
    ),
    // Extensions.
    either("which was not offered", "InvalidMessage(", BODY_FIRST),
    either("appears more than once", "InvalidMessage(", BODY_FIRST),
    either("is not allowed in this message", "InvalidMessage(", BODY_FIRST),
    either(
        "is not allowed in this message",
        "EncryptedExtension",
        "section 4.3: illegal_parameter for an extension that is recognised and not specified for \
         the message; rustls says unsupported_extension",
    ),
    either(
        "is not allowed in this message",
        "",
        "section 4.3, as above; rustls does not notice these",
    ),
    // The server's flight.
    row(Client, "", "UnsolicitedEncryptedExtension", ONLY_OURS),
    row(
        Client,
        "EncryptedExtensions, record_size_limit",
        "UnsolicitedEncryptedExtension",
        ONLY_OURS,
    ),
    row(
        Client,
        "a server chooses one protocol",
        "TrailingData(\"SingleProtocolName\")",
        "RFC 7301, section 3.1, has no alert for it: ours takes the list for one that parses and is \
         not right, rustls for one that does not parse",
    ),
    row(Client, "EncryptedExtensions, supported_groups", "", NOT_PARSED),
    row(
        Client,
        "CertificateRequest lacks the extension signature_algorithms",
        "NoCertificateRequestSignatureSchemesInCommon",
        "section 9.2: missing_extension; rustls says handshake_failure",
    ),
    row(
        Client,
        "CertificateRequest, certificate_request_context: it must be empty",
        "InvalidCertRequest",
        CONTEXT,
    ),
    row(Client, "CertificateRequest, signed_certificate_timestamp", "", NOT_PARSED),
    row(Client, "CertificateRequest, signature_algorithms_cert", "", NOT_PARSED),
    row(Client, "CertificateRequest, status_request", "", NOT_PARSED),
    // Certificate, CertificateVerify, Finished.
    either("Certificate, certificate_request_context", "InvalidCertRequest", CONTEXT),
    either(
        "is malformed",
        "InvalidCertificate(Other(",
        "rustls leaves the parsing of certificates to its verifier, which here compares bytes only",
    ),
    either(
        "which its certificate's key cannot do",
        "InvalidCertificate(UnsupportedSignatureAlgorithm",
        "section 6.2: illegal_parameter for what does not fit what was sent before; rustls says \
         decrypt_error",
    ),
    row(
        Client,
        "the peer's certificate is not accepted",
        WAITS,
        "rustls looks into the certificates when the signature has come",
    ),
    either("the peer's Finished, ", "DecryptError", SYNTAX),
    either("the peer's Finished, ", "InappropriateHandshakeMessage", TWO_FAULTS),
    // Afterwards.
    either(
        "KeyUpdate, request_update: it must be 0 or 1",
        "TrailingData",
        "there are two faults; section 4.7.3 has illegal_parameter for the first of them",
    ),
];
