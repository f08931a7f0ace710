//! What each field means, by its key.

/// The meaning of the field with this key in one or two sentences; empty for a field whose name says all.
pub fn meaning(key: &str) -> &'static str {
    for table in [OF_MESSAGES, EXTENSIONS, IN_EXTENSIONS] {
        for row in table {
            if row.keys.contains(&key) {
                return row.meaning;
            }
        }
    }
    ""
}

/// The meaning of the fields with these keys.
struct Meaning {
    keys: &'static [&'static str],
    meaning: &'static str,
}

const fn row(keys: &'static [&'static str], meaning: &'static str) -> Meaning {
    Meaning { keys, meaning }
}

/// Fields of messages.
const OF_MESSAGES: &[Meaning] = &[
    row(&["msg_type"], "The type of the handshake message."),
    row(&["message_length"], "How many bytes of the message follow."),
    row(&["length"], "How many bytes follow in this field."),
    row(
        &["legacy_version"],
        "Says TLS 1.2, for middleboxes that refuse anything else. The real version is in \
         supported_versions.",
    ),
    row(
        &["client_random"],
        "32 random bytes of the client. They make this handshake different from all others, and name \
         the connection in a key log.",
    ),
    row(&["server_random"], "32 random bytes of the server, which make this handshake unique."),
    row(
        &["hello_retry_request_random"],
        "A fixed value, the SHA-256 of \"HelloRetryRequest\": it marks this ServerHello as a \
         HelloRetryRequest.",
    ),
    row(
        &["legacy_session_id"],
        "TLS 1.3 has no session IDs. The bytes are random, so that the handshake looks like a resumption \
         of TLS 1.2 to middleboxes.",
    ),
    row(&["legacy_session_id_echo"], "The client's legacy_session_id, sent back."),
    row(
        &["cipher_suites"],
        "The cipher suites that the client takes, the preferred one first: the AEAD that encrypts records, \
         and the hash of the key schedule.",
    ),
    row(
        &["chosen_cipher_suite"],
        "The cipher suite that the server has chosen from the client's list.",
    ),
    row(
        &["legacy_compression_methods", "legacy_compression_method"],
        "Always zero: TLS 1.3 compresses nothing.",
    ),
    row(
        &["extensions"],
        "What else the message says. Each extension has a type, a length and content.",
    ),
    row(&["extension_type"], "Which extension it is."),
    row(&["extension_data"], "The content of the extension, which is not looked into."),
    row(
        &["certificate_request_context"],
        "Names a CertificateRequest after the handshake, so that the answer can be matched. Empty in a \
         handshake.",
    ),
    row(&["certificate_list"], "The certificates, the sender's own first."),
    row(&["certificate_entry"], "A certificate, and extensions that belong to it."),
    row(&["cert_data"], "The certificate in DER, or a public key where raw public keys are used."),
    row(&["compression_algorithm"], "The algorithm that the certificates are compressed with."),
    row(&["uncompressed_length"], "The length of the Certificate before compression, in bytes."),
    row(&["compressed_certificate_message"], "The body of the Certificate message, compressed."),
    row(&["signature_scheme"], "The algorithm of the signature."),
    row(
        &["signature"],
        "The signature over the hash of all messages so far. It proves that the sender has the private \
         key of its certificate.",
    ),
    row(
        &["verify_data"],
        "An HMAC over the hash of all messages so far, with a key of the sender's traffic secret.",
    ),
    row(&["ticket_lifetime"], "How many seconds the ticket may be used: at most seven days."),
    row(
        &["ticket_age_add"],
        "Added to the age of the ticket when the client says it, so that an observer cannot link the two \
         connections by it.",
    ),
    row(&["ticket_nonce"], "Makes the key of this ticket different from the keys of the others."),
    row(&["ticket"], "What the client shows to resume. Only the server knows what the bytes mean."),
    row(
        &["max_early_data_size"],
        "How many bytes of 0-RTT data the server takes with this ticket.",
    ),
    row(&["request_update"], "Whether the receiver must change its sending key, too."),
    row(&["body"], "The rest of the message, which is not looked into."),
];

/// Extensions.
const EXTENSIONS: &[Meaning] = &[
    row(
        &["server_name"],
        "The name of the server that the client wants (SNI). Servers with several names choose a \
         certificate by it.",
    ),
    row(&["max_fragment_length"], "A smaller record size, in the form of TLS 1.2."),
    row(&["status_request"], "About a stapled OCSP response: whether the certificate was revoked."),
    row(&["supported_groups"], "The groups for the key exchange, the preferred one first."),
    row(&["ec_point_formats"], "The point formats of TLS 1.2. TLS 1.3 has one, and ignores this."),
    row(
        &["signature_algorithms"],
        "The signature schemes that the sender accepts, the preferred one first.",
    ),
    row(
        &["signature_algorithms_cert"],
        "The signature schemes that the sender accepts in certificates, where they differ.",
    ),
    row(
        &["application_layer_protocol_negotiation"],
        "The protocol that is spoken over TLS (ALPN), such as h2 for HTTP/2.",
    ),
    row(&["signed_certificate_timestamp"], "About proofs that the certificate is in a public log."),
    row(
        &["client_certificate_type", "server_certificate_type"],
        "Whether raw public keys may take the place of certificates.",
    ),
    row(&["padding"], "Zeros that make the ClientHello longer."),
    row(
        &["encrypt_then_mac", "extended_master_secret", "session_ticket", "renegotiation_info"],
        "For TLS 1.2 only: the client would speak it, too.",
    ),
    row(&["compress_certificate"], "The algorithms with which certificates may be compressed."),
    row(&["record_size_limit"], "The most plaintext that the sender takes in a record, in bytes."),
    row(&["tls_cert_with_extern_psk"], "A pre-shared key is used in addition to certificates."),
    row(
        &["pre_shared_key"],
        "Pre-shared keys: tickets of earlier connections, or keys that both sides were given. The \
         server names the one that it takes by its place.",
    ),
    row(
        &["early_data"],
        "0-RTT data: sent with the first flight, before the server has answered. They can be replayed.",
    ),
    row(&["supported_versions"], "The versions of TLS that the client speaks, or the one chosen."),
    row(
        &["cookie"],
        "State that the server gives to the client, and gets back in the next ClientHello.",
    ),
    row(
        &["psk_key_exchange_modes"],
        "Whether a pre-shared key may be used without a key exchange.",
    ),
    row(&["certificate_authorities"], "The authorities that the sender takes certificates of."),
    row(&["oid_filters"], "What a client's certificate must have in it."),
    row(&["post_handshake_auth"], "The client can be asked for a certificate after the handshake."),
    row(
        &["key_share"],
        "Public keys for the key exchange. The client guesses the groups that the server takes, to save \
         a round trip.",
    ),
    row(&["quic_transport_parameters"], "Parameters of QUIC."),
    row(&["ticket_request"], "How many tickets the client wants."),
    row(
        &["encrypted_client_hello"],
        "An encrypted ClientHello, or random bytes that look like one (GREASE).",
    ),
    row(
        &["grease"],
        "A reserved value that means nothing (GREASE). It keeps servers used to values that they do not \
         know.",
    ),
    row(&["unknown_extension"], "An extension that is not known here."),
];

/// Fields within extensions.
const IN_EXTENSIONS: &[Meaning] = &[
    row(&["name_type"], "The kind of name: host_name is the only one."),
    row(&["host_name"], "The DNS name of the server."),
    row(&["versions"], "The versions, the preferred one first."),
    row(&["selected_version"], "The version that the server has chosen."),
    row(&["named_group_list"], "The groups, the preferred one first."),
    row(&["supported_signature_algorithms"], "The schemes, the preferred one first."),
    row(&["key_share_entry"], "A group, and a public key of it."),
    row(&["group"], "The group."),
    row(
        &["key_exchange"],
        "The public key. Together with the private key of the other side it gives the secret.",
    ),
    row(&["selected_group"], "The group for which the server wants a key share."),
    row(
        &["ke_modes"],
        "psk_dhe_ke: the pre-shared key with a fresh key exchange; psk_ke: the pre-shared key alone.",
    ),
    row(&["identity"], "The name of a pre-shared key: a ticket, or a name that both sides know."),
    row(
        &["obfuscated_ticket_age"],
        "How old the ticket is, in milliseconds, plus ticket_age_add. Zero for a key that is no ticket.",
    ),
    row(
        &["binder"],
        "An HMAC over this ClientHello up to the binders: it proves that the client has the pre-shared \
         key.",
    ),
    row(
        &["selected_identity"],
        "The place of the chosen pre-shared key in the client's list, from 0.",
    ),
    row(&["protocol_name"], "The name of a protocol."),
    row(&["status_type"], "The kind of status: ocsp is the only one."),
    row(&["responder_id_list"], "The OCSP responders that the client trusts: usually not said."),
    row(&["request_extensions"], "Extensions of the OCSP request: usually none."),
    row(
        &["ocsp_response"],
        "The OCSP response: a signed statement that the certificate is not revoked.",
    ),
    row(&["serialized_sct"], "A promise of a log of certificates to publish this one."),
    row(&["zeros"], "Zeros, which mean nothing."),
    row(&["new_session_count"], "How many tickets the client wants after a full handshake."),
    row(&["resumption_count"], "How many tickets the client wants after a resumption."),
    row(&["expected_count"], "How many tickets the server will send."),
    row(&["DistinguishedName"], "The name of an authority, in DER."),
    row(&["certificate_types"], "X.509 certificates, or raw public keys."),
];
