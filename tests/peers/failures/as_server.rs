//! Failures of our server.

use std::sync::Arc;

use handclasp::ServerConfig;
use handclasp::credential::CertificateList;
use handclasp::diagnosis::{Diagnosis, Fault, Parameter};
use handclasp::handshake::Side;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::{CipherSuiteId, NamedGroup};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConnection, ServerConnection};
use handclasp_testing::authority::{Authority, params, root};
use handclasp_testing::openssl;
use handclasp_testing::{Identity, rustls_peer, server_name};
use pki_types::PrivateKeyDer;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};

use super::Row;
use super::ends::{
    End, Files, both, client, curl_is_here, gnutls_is_here, list, provider, server, server_hears,
    server_of_openssl, server_of_program,
};

fn plain(identity: &Identity) -> ServerConfig {
    server().build(list(vec![identity.certified_key()])).unwrap()
}

fn hears(bytes: &[u8]) -> Option<Diagnosis> {
    Some(server_hears(plain(&Identity::p256()), bytes, End::Closes))
}

/// A ClientHello of our client for this server.
fn hello(identity: &Identity) -> Vec<u8> {
    let client = ClientConnection::new(identity.client_config(), server_name());
    client.outgoing().to_vec()
}

fn after_hello(end: End) -> Option<Diagnosis> {
    let identity = Identity::p256();
    Some(server_hears(plain(&identity), &hello(&identity), end))
}

fn key(secret: u8) -> PreSharedKey {
    let secret = [&[secret][..], b"\x91\x02\xe7 16 bytes \xfe\xdc\x5c"].concat();
    PreSharedKey::external(b"device-7", &secret).unwrap()
}

/// A server that has this key, and certificates or none.
fn with_key(identity: &Identity, has_certificate: bool) -> ServerConfig {
    let keys = if has_certificate { vec![identity.certified_key()] } else { Vec::new() };
    let server = server().pre_shared_keys(Arc::new(PskList::new(vec![key(1)])));
    server.build(list(keys)).unwrap()
}

/// A server that demands certificates of this authority.
fn demanding(identity: &Identity, clients: &Identity) -> ServerConfig {
    let verifier = TrustAnchorVerifier::for_clients(clients.anchors(), provider().signatures);
    let policy = ClientAuthentication::required(Arc::new(verifier));
    let policy = policy.authorities(clients.anchors().subjects());
    let server = server().client_authentication(policy);
    server.build(list(vec![identity.certified_key()])).unwrap()
}

/// An identity of a client with a certificate of these parameters.
fn client_identity(params: CertificateParams, authority: &Authority) -> Identity {
    let key = KeyPair::generate().unwrap();
    Identity {
        anchor: authority.der().clone(),
        chain: vec![params.signed_by(&key, authority).unwrap().der().clone()],
        key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    }
}

/// `openssl s_client` shows a certificate of these parameters to a server that trusts its issuer, or not.
fn shown_by_openssl(params: CertificateParams, is_trusted: bool) -> Option<Diagnosis> {
    let (identity, clients) = (Identity::p256(), root("the clients' root"));
    let own = client_identity(params, &clients);
    let config = match is_trusted {
        true => demanding(&identity, &own),
        false => demanding(&identity, &Identity::p256()),
    };
    server_of_openssl(config, &own, &["-tls1_3", "-cert", "@chain", "-key", "@key"])
}

fn bob() -> CertificateParams {
    let mut params = params("bob");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn no_suite() -> Option<Diagnosis> {
    let mut provider = provider();
    provider.cipher_suites.retain(|suite| suite.id == CipherSuiteId::TLS_AES_128_GCM_SHA256);
    let identity = Identity::p256();
    let config = ServerConfig::builder(provider).build(list(vec![identity.certified_key()]));
    let only = ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"];
    server_of_openssl(config.unwrap(), &identity, &only)
}

fn no_group() -> Option<Diagnosis> {
    let mut provider = provider();
    provider.groups.retain(|group| group.name() == NamedGroup::X25519);
    let identity = Identity::p256();
    let config = ServerConfig::builder(provider).build(list(vec![identity.certified_key()]));
    server_of_openssl(config.unwrap(), &identity, &["-tls1_3", "-groups", "P-384"])
}

fn unknown_name() -> Option<Diagnosis> {
    let identity = Identity::p256();
    let keys = CertificateList::new(vec![Arc::new(identity.certified_key())]).only_known_names();
    let config = server().build(Arc::new(keys)).unwrap();
    let files = Files::new(&identity);
    if !openssl::is_here() {
        return None;
    }
    let arguments = ["s_client", "-connect", "@address", "-servername", "other.example", "-tls1_3"];
    Some(server_of_program(config, &files, "openssl", &arguments))
}

fn refused_by_rustls() -> Option<Diagnosis> {
    let (identity, other) = (Identity::p256(), Identity::p256());
    let mut ours = ServerConnection::new(identity.server_config());
    let config = rustls_peer::client_config(&other, rustls_peer::default_provider());
    let mut theirs = rustls_peer::client(config);
    rustls_peer::exchange(&mut ours, &mut theirs).our_error.map(|error| error.diagnosis())
}

fn name_refused_by_rustls() -> Option<Diagnosis> {
    let identity = Identity::with_names(vec!["other.example".into()]);
    let mut ours = ServerConnection::new(identity.server_config());
    let config = rustls_peer::client_config(&identity, rustls_peer::default_provider());
    let mut theirs = rustls_peer::client(config);
    rustls_peer::exchange(&mut ours, &mut theirs).our_error.map(|error| error.diagnosis())
}

fn bit_flipped() -> Option<Diagnosis> {
    let (mut client, mut server) = Identity::p256().connections();
    handclasp_testing::deliver_outgoing(&mut client, &mut server).unwrap();
    handclasp_testing::deliver_outgoing(&mut server, &mut client).unwrap();
    let mut bytes = handclasp_testing::take_outgoing(&mut client);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let mut start = 0;
    loop {
        match server.receive(&mut bytes[start..]) {
            Ok((consumed, _)) => start += consumed,
            Err(error) => return Some(error.diagnosis()),
        }
    }
}

pub fn rows() -> Vec<Row> {
    let mut rows = other_protocols();
    rows.extend(lists());
    rows.extend(ends_of_the_transport());
    rows.extend(credentials());
    rows.extend(refusals());
    rows
}

fn other_protocols() -> Vec<Row> {
    let row = || Row { code: "not-tls", fault: Fault::Peer, ..Row::of(Side::Server, "bytes") };
    vec![
        Row {
            kind: "http",
            what: "the client speaks HTTP without TLS",
            make: || {
                if !curl_is_here() {
                    return None;
                }
                let identity = Identity::p256();
                let arguments = ["--silent", "@address"];
                let files = Files::new(&identity);
                Some(server_of_program(plain(&identity), &files, "curl", &arguments))
            },
            says: &["this is not TLS", "HTTP without TLS", "it begins \"GET / HTTP/1.1\""],
            change: "https:// in the place of http://",
            ..Row { peer: "curl", ..row() }
        },
        Row {
            kind: "http-connect",
            what: "the client takes the server for a proxy",
            make: || hears(b"CONNECT server.example:443 HTTP/1.1\r\n\r\n"),
            says: &["HTTP without TLS", "it begins \"CONNECT server.example:443"],
            change: "takes this server for an HTTP proxy",
            ..row()
        },
        Row {
            kind: "ssh",
            what: "the client speaks SSH",
            make: || hears(b"SSH-2.0-OpenSSH_9.6\r\n"),
            says: &["SSH", "it begins \"SSH-2.0-OpenSSH_9.6\""],
            change: "is it the right port?",
            ..row()
        },
        Row {
            kind: "smtp",
            what: "the client speaks SMTP, and wants STARTTLS",
            make: || hears(b"EHLO client.example\r\n"),
            says: &["SMTP without TLS", "it begins \"EHLO client.example\""],
            change: "set it up for TLS at once",
            ..row()
        },
        Row {
            kind: "postgresql",
            what: "the client sends an SSLRequest of PostgreSQL",
            make: || hears(b"\0\0\0\x08\x04\xd2\x16\x2f"),
            says: &["PostgreSQL without TLS"],
            change: "set it up for TLS at once",
            ..row()
        },
        Row {
            kind: "proxy-header",
            what: "a proxy sends a PROXY header before TLS",
            make: || hears(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
            says: &["the PROXY protocol", "it begins \"PROXY TCP4"],
            change: "turn the PROXY header off",
            ..row()
        },
        Row {
            kind: "ssl2",
            what: "the client sends a ClientHello of SSL 2.0",
            make: || hears(&[0x80, 0x2e, 1, 3, 1, 0]),
            says: &["SSL 2.0"],
            change: "too old, or is set up to be compatible with SSL 2.0",
            ..row()
        },
    ]
}

fn lists() -> Vec<Row> {
    let row = || Row { code: "nothing-in-common", ..Row::of(Side::Server, "OpenSSL") };
    vec![
        Row {
            kind: "tls12",
            what: "the client speaks TLS 1.2 at most",
            make: || {
                let identity = Identity::p256();
                server_of_openssl(plain(&identity), &identity, &["-tls1_2"])
            },
            code: "unsupported-version",
            fault: Fault::Peer,
            says: &["does not offer TLS 1.3", "the client offers TLS 1.2"],
            change: "enable TLS 1.3 at the peer",
            offers: &[(Parameter::Versions, "TLS 1.3")],
            peer_offers: &[(Parameter::Versions, "TLS 1.2")],
            ..row()
        },
        Row {
            kind: "suites",
            what: "no cipher suite in common",
            make: no_suite,
            says: &[
                "no cipher suite in common",
                "TLS_CHACHA20_POLY1305_SHA256",
                "takes [TLS_AES_128",
            ],
            change: "set the peer up for one of those that this side takes",
            offers: &[(Parameter::CipherSuites, "TLS_AES_128_GCM_SHA256")],
            peer_offers: &[(Parameter::CipherSuites, "TLS_CHACHA20_POLY1305_SHA256")],
            ..row()
        },
        Row {
            kind: "groups",
            what: "no group in common",
            make: no_group,
            says: &["no key exchange group in common", "[secp384r1]", "takes [x25519]"],
            change: "set the peer up for one of the groups",
            offers: &[(Parameter::Groups, "x25519")],
            peer_offers: &[(Parameter::Groups, "secp384r1")],
            ..row()
        },
        Row {
            kind: "schemes",
            what: "no signature scheme in common",
            make: || {
                let identity = Identity::p256();
                let only = ["-tls1_3", "-sigalgs", "ed25519"];
                server_of_openssl(plain(&identity), &identity, &only)
            },
            says: &["no signature scheme in common", "ed25519", "ecdsa_secp256r1_sha256"],
            change: "a certificate with a key of a kind that the peer takes",
            offers: &[(Parameter::SignatureSchemes, "ecdsa_secp256r1_sha256")],
            peer_offers: &[(Parameter::SignatureSchemes, "ed25519")],
            ..row()
        },
        Row {
            kind: "alpn",
            what: "no application protocol in common",
            make: || {
                let identity = Identity::p256();
                let config = server().application_protocols(["h2"]);
                let config = config.build(list(vec![identity.certified_key()])).unwrap();
                server_of_openssl(config, &identity, &["-tls1_3", "-alpn", "http/1.1"])
            },
            code: "no-application-protocol",
            says: &["the client offers [http/1.1], the server speaks [h2]"],
            change: "name a protocol that both sides speak",
            offers: &[(Parameter::ApplicationProtocols, "h2")],
            peer_offers: &[(Parameter::ApplicationProtocols, "http/1.1")],
            ..row()
        },
        Row {
            kind: "sni",
            what: "there is no certificate for the name",
            make: unknown_name,
            code: "unrecognized-name",
            says: &["no certificate for the name \"other.example\""],
            change: "give this server a certificate for that name",
            peer_offers: &[(Parameter::ServerName, "other.example")],
            ..row()
        },
    ]
}

fn ends_of_the_transport() -> Vec<Row> {
    let row = || Row { fault: Fault::Transport, ..Row::of(Side::Server, "bytes") };
    vec![
        Row {
            kind: "probe",
            what: "the client closes without a byte",
            make: || hears(b""),
            code: "ended-in-handshake",
            says: &[
                "waiting for the ClientHello",
                "no record of the peer",
                "it is harmless, as load balancers",
            ],
            change: "nothing, if these are probes",
            ..row()
        },
        Row {
            kind: "closes-after-flight",
            what: "the client closes after the server's flight",
            make: || after_hello(End::Closes),
            code: "ended-in-handshake",
            says: &[
                "waiting for the client's Finished",
                "bytes of the peer had come",
                "do not accept the certificate",
            ],
            change: "look into the client's log",
            offers: &[(Parameter::Certificate, "rcgen self signed cert")],
            ..row()
        },
        Row {
            kind: "reset",
            what: "the client resets after the server's flight",
            make: || after_hello(End::Resets),
            code: "reset",
            says: &[
                "(reset) during the handshake",
                "waiting for the client's Finished",
                "bytes of the peer had come",
            ],
            change: "look into the client's log",
            ..row()
        },
        Row {
            kind: "silence",
            what: "the client is silent",
            make: || Some(server_hears(plain(&Identity::p256()), b"", End::IsSilent)),
            code: "silence",
            says: &[
                "waiting for the ClientHello",
                "no record of the peer had come in",
                "may expect a greeting of the server",
            ],
            change: "TLS from its first byte",
            ..row()
        },
        Row {
            kind: "silence-after-flight",
            what: "the client does not answer the server's flight",
            make: || after_hello(End::IsSilent),
            code: "silence",
            says: &["waiting for the client's Finished", "may drop long messages"],
            change: "path MTU",
            ..row()
        },
        Row {
            kind: "bit-flipped",
            what: "a byte of an encrypted record was changed on the way",
            make: bit_flipped,
            code: "record-error",
            fault: Fault::Unknown,
            says: &["does not decrypt", "two writers share one socket"],
            change: "connect without proxies in between",
            ..Row::of(Side::Server, "handclasp")
        },
    ]
}

fn credentials() -> Vec<Row> {
    let row = || Row { fault: Fault::Peer, ..Row::of(Side::Server, "OpenSSL") };
    let keys = || Row { fault: Fault::Unknown, ..row() };
    vec![
        Row {
            kind: "client-certificate-missing",
            what: "the client shows no certificate",
            make: || {
                let identity = Identity::p256();
                let config = demanding(&identity, &Identity::p256());
                server_of_openssl(config, &identity, &["-tls1_3"])
            },
            code: "certificate-required",
            says: &[
                "has sent no certificate",
                "may have no certificate, or none of the authorities",
            ],
            change: "the client must show a certificate",
            offers: &[(Parameter::Authorities, "CN=test authority")],
            ..row()
        },
        Row {
            kind: "client-certificate-unknown",
            what: "the issuer of the client's certificate is not trusted",
            make: || shown_by_openssl(bob(), false),
            code: "unknown-issuer",
            fault: Fault::Unknown,
            says: &[
                "\"CN=bob\" was issued by \"CN=the clients' root\"",
                "no trust anchor",
                "this side's trust anchors [",
            ],
            offers: &[(Parameter::TrustAnchors, "CN=")],
            change: "send the certificate of \"CN=the clients' root\" along",
            ..row()
        },
        Row {
            kind: "client-certificate-expired",
            what: "the client's certificate has expired",
            make: || {
                let mut params = bob();
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
                shown_by_openssl(params, true)
            },
            code: "expired",
            fault: Fault::Unknown,
            says: &["\"CN=bob\" expired on 2021-01-01"],
            change: "renew it",
            ..row()
        },
        Row {
            kind: "client-certificate-usage",
            what: "the client's certificate is for servers",
            make: || {
                let mut params = bob();
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                shown_by_openssl(params, true)
            },
            code: "wrong-extended-key-usage",
            says: &["without client authentication", "it allows server authentication"],
            change: "have it issued with client authentication",
            ..row()
        },
        Row {
            kind: "psk-secret",
            what: "the client has another key under the same identity",
            make: || {
                let identity = Identity::p256();
                let other = "000102030405060708090a0b0c0d0e0f";
                let psk = ["-tls1_3", "-psk", other, "-psk_identity", "device-7"];
                server_of_openssl(with_key(&identity, true), &identity, &psk)
            },
            code: "wrong-binder",
            says: &["binder", "the pre-shared key \"device-7\" is wrong"],
            change: "both sides must have the same secret for the pre-shared key \"device-7\"",
            peer_offers: &[(Parameter::PreSharedKeys, "device-7")],
            ..keys()
        },
        Row {
            kind: "psk-identity",
            what: "the client's identity is not known, and there is no certificate",
            make: || {
                let identity = Identity::p256();
                let other = "000102030405060708090a0b0c0d0e0f";
                let psk = ["-tls1_3", "-psk", other, "-psk_identity", "another"];
                server_of_openssl(with_key(&identity, false), &identity, &psk)
            },
            code: "unknown-psk-identity",
            says: &["offers no pre-shared key that this server knows", "[\"another\"]"],
            change: "compare the identities",
            peer_offers: &[(Parameter::PreSharedKeys, "another")],
            ..keys()
        },
    ]
}

fn refusals() -> Vec<Row> {
    let row = || Row {
        code: "alert-received",
        fault: Fault::ThisSide,
        offers: &[(Parameter::Certificate, "issued by CN=test authority")],
        ..Row::of(Side::Server, "rustls")
    };
    vec![
        Row {
            kind: "refused-issuer",
            what: "the client does not trust the server's issuer",
            make: refused_by_rustls,
            says: &[
                "unknown_ca",
                "certificate \"",
                "issued by CN=test authority",
                "does not trust the issuer",
            ],
            change: "the chain of this side must have all intermediates",
            ..row()
        },
        Row {
            kind: "refused-issuer-openssl",
            what: "the client does not trust the server's issuer",
            make: || {
                let (identity, other) = (Identity::p256(), Identity::p256());
                let checks = ["-tls1_3", "-verify_return_error", "-CAfile", "@ca"];
                server_of_openssl(plain(&identity), &other, &checks)
            },
            says: &["unknown_ca", "issued by CN=test authority", "does not trust the issuer"],
            change: "the issuer's root must be among the trust anchors for servers",
            ..Row { peer: "OpenSSL", ..row() }
        },
        Row {
            kind: "refused-issuer-curl",
            what: "the client does not trust the server's issuer",
            make: || {
                if !curl_is_here() {
                    return None;
                }
                let (identity, other) = (Identity::p256(), Identity::p256());
                let arguments =
                    ["--silent", "--tlsv1.3", "--cacert", "@ca", "--resolve", "@resolve", "@url"];
                let files = Files::new(&other);
                Some(server_of_program(plain(&identity), &files, "curl", &arguments))
            },
            says: &["unknown_ca", "issued by CN=test authority", "does not trust the issuer"],
            change: "the issuer's root must be among the trust anchors for servers",
            ..Row { peer: "curl", ..row() }
        },
        Row {
            kind: "refused-name",
            what: "the server's certificate is for other names",
            make: name_refused_by_rustls,
            says: &[
                "names in the certificate [DNS:other.example]",
                "the peer's server name \"server.example\"",
                "this side's certificate is not for that name",
            ],
            change: "have a certificate issued with DNS:server.example",
            ..row()
        },
        Row {
            kind: "refused-gnutls",
            what: "the client refuses the server's certificate",
            make: || {
                if !gnutls_is_here() {
                    return None;
                }
                let (identity, other) = (Identity::p256(), Identity::p256());
                let arguments = [
                    "--port",
                    "@port",
                    "--x509cafile",
                    "@ca",
                    "--sni-hostname",
                    "server.example",
                    "127.0.0.1",
                ];
                let files = Files::new(&other);
                Some(server_of_program(plain(&identity), &files, "gnutls-cli", &arguments))
            },
            says: &["issued by CN=test authority", "the client does not trust the issuer"],
            change: "the client must trust the issuer's root",
            ..Row { peer: "GnuTLS", fault: Fault::ThisSide, ..row() }
        },
        Row {
            kind: "refused-by-ours",
            what: "the client does not accept the name in the server's certificate",
            make: || {
                let identity = Identity::with_names(vec!["other.example".into()]);
                both(client(&identity), plain(&identity)).server
            },
            says: &["bad_certificate", "[DNS:other.example]", "is not for that name"],
            change: "have a certificate issued with DNS:server.example",
            ..Row { peer: "handclasp", ..row() }
        },
    ]
}
