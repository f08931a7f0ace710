//! What comes in ClientHello, ServerHello and HelloRetryRequest.

use handclasp::handshake::Side::{Client, Server};

use super::{NO_ALERT, Row, row};

const BODY_FIRST: &str = "rustls parses each extension's body before it looks at whether the \
    extension may be there, so its alert is about the body: decode_error. Section 4.3 names the alerts \
    for extensions in the wrong place, which are ours";
const SECOND_HELLO: &str = "section 4.2.2: the second ClientHello is the first but for what the \
    HelloRetryRequest asks for. rustls does not compare this field";
const NOT_PARSED: &str = "rustls has no use for the extension and does not parse it; section 6.2 \
    wants decode_error for what is recognised and malformed";
const OTHER_NAMES: &str = "RFC 6066, section 3: names of other types begin with their length, too; \
    rustls takes what follows the type as it is";
const UNUSED: &str = "the extension has no meaning in TLS 1.3, or none for this server, which \
    ignores it whole, as section 4.3 lets it; rustls parses it and finds it malformed";
const LIST_FIRST: &str = "ours splits the list of extensions before it looks at any of them, and \
    says decode_error where a length is wrong; rustls stops at the first that it does not like";

pub const ROWS: &[Row] = &[
    row(Server, "no application protocol in common", "NoApplicationProtocol", NO_ALERT),
    row(
        Server,
        "no application protocol in common",
        "",
        "RFC 7301, section 3.2: it is a fatal error of this ClientHello; rustls looks at the second only, \
         after a HelloRetryRequest",
    ),
    row(Server, "no signature scheme in common", "NoSignatureSchemesInCommon", NO_ALERT),
    row(Server, "*", "ServerNameDifferedOnRetry", NO_ALERT),
    // ServerHello and HelloRetryRequest.
    row(Client, "extensions: ", "InvalidMessage(", LIST_FIRST),
    row(
        Client,
        "was chosen, which was not offered",
        "ServerTlsVersionIsDisabledByOurConfig",
        "section 4.3.1: illegal_parameter; rustls says protocol_version",
    ),
    row(
        Client,
        "the server's legacy_version",
        "",
        "section 4.2.3 (new in RFC 9846): protocol_version where it is not 0x0303",
    ),
    row(Client, "the server chose", "InvalidMessage(", BODY_FIRST),
    row(Client, "lacks the extension", "InvalidMessage(", BODY_FIRST),
    row(
        Client,
        "was chosen, which was not offered",
        "",
        "section 4.3.1: supported_versions alone says the version. Where legacy_version is not \
         0x0303, rustls takes that one",
    ),
    row(Client, "which was not offered", "InvalidMessage(", BODY_FIRST),
    row(Client, "appears more than once", "InvalidMessage(", BODY_FIRST),
    row(Client, "is not allowed in this message", "InvalidMessage(", BODY_FIRST),
    row(
        Client,
        "is not allowed in this message",
        "PeerMisbehaved(Un",
        "section 4.3: illegal_parameter for an extension that is recognised and not specified for \
         the message; rustls says unsupported_extension",
    ),
    row(
        Client,
        "is not allowed in this message",
        "",
        "section 4.3, as above; rustls does not notice these",
    ),
    row(
        Client,
        "lacks the extension supported_versions",
        "IllegalHelloRetryRequestWithUnsupportedVersion",
        "section 9.2: missing_extension; rustls says illegal_parameter",
    ),
    row(
        Client,
        "was chosen, which was not offered",
        "ServerDoesNotSupportTls12Or13",
        "section 4.3.1: illegal_parameter; rustls says protocol_version",
    ),
    row(
        Client,
        "was not offered (alert sent: illegal_parameter)",
        "SelectedUnofferedCipherSuite",
        "section 4.2.3: illegal_parameter; rustls says handshake_failure",
    ),
    row(
        Client,
        "legacy_session_id_echo",
        "",
        "section 4.2.4: a HelloRetryRequest has to echo it as well; rustls checks ServerHellos",
    ),
    row(
        Client,
        "legacy_compression_method",
        "UnsupportedCompression",
        "section 4.2.3: illegal_parameter (the field must be zero); rustls says decode_error",
    ),
    // ClientHello.
    row(
        Server,
        "the peer does not offer TLS 1.3",
        "PeerIncompatible(",
        "section 4.3.1: protocol_version; rustls looks at other extensions first, and says what is \
         wrong with them, or handshake_failure",
    ),
    row(
        Server,
        "the client's legacy_version",
        "",
        "section 4.2.2 (new in RFC 9846): protocol_version where it is not 0x0303",
    ),
    row(
        Server,
        "which it must have",
        "PeerIncompatible(",
        "section 9.2: missing_extension; rustls says handshake_failure",
    ),
    row(
        Server,
        "which supported_groups lacks",
        "",
        "section 4.3.8: a server may check that each share is for an offered group; ours does",
    ),
    row(
        Server,
        "which supported_groups lacks",
        "NoKxGroupsInCommon",
        "the same: illegal_parameter before anything is negotiated",
    ),
    row(Server, "appears more than once", "InvalidMessage(", BODY_FIRST),
    row(Server, "in the second, all but", "", SECOND_HELLO),
    row(Server, "in the second, all but", "*", SECOND_HELLO),
    row(Server, "cookie: it is not the HelloRetryRequest's", "", SECOND_HELLO),
    row(
        Server,
        "",
        "ServerNameMustContainOneHostName",
        "RFC 6066, section 3: names of other types are passed over",
    ),
    row(
        Server,
        "is not allowed in this message",
        "",
        "section 4.3: illegal_parameter for an extension that is recognised and not specified for \
         a ClientHello; rustls knows it in its own message only",
    ),
    row(Server, "is not allowed in this message", "InvalidMessage(", BODY_FIRST),
    row(
        Server,
        "this server has given no cookies",
        "",
        "section 4.3.2: a cookie comes back from the client that it was given to; rustls gives \
         none, and does not look",
    ),
    row(
        Server,
        "no certificate type in common",
        "",
        "RFC 7250, section 4.2: unsupported_certificate where none of the client's types is served",
    ),
    row(Server, "no certificate type in common", "IncorrectCertificateTypeExtension", NO_ALERT),
    row(
        Server,
        "",
        "IncorrectCertificateTypeExtension",
        "RFC 7250, section 4.2: a server that asks for no certificate need not heed the client's \
         types; rustls refuses such a ClientHello",
    ),
    row(
        Server,
        "",
        "OfferedDuplicateCertificateCompressions",
        "RFC 8879 forbids no list that says the same twice",
    ),
    row(Server, "server_name", "", OTHER_NAMES),
    row(Server, "server_name", "ServerNameMustContainOneHostName", OTHER_NAMES),
    row(Server, "certificate_authorities", "", NOT_PARSED),
    row(Server, "record_size_limit", "", NOT_PARSED),
    row(Server, "post_handshake_auth", "", NOT_PARSED),
    row(Server, "signed_certificate_timestamp", "", NOT_PARSED),
    row(Server, "signature_algorithms_cert", "", NOT_PARSED),
    row(Server, "", "InvalidMessage(", UNUSED),
];
