//! Certificates that our client refuses, and those of our client that a server refuses.

use std::process::{Command, Stdio};
use std::sync::Arc;

use handclasp::certificate::{
    CertificateRevocationList, RevocationMode, RevocationPolicy, RevocationScope, TrustAnchors,
};
use handclasp::diagnosis::{Diagnosis, Fault, Parameter};
use handclasp::handshake::Side;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use handclasp::verify::TrustAnchorVerifier;
use handclasp::{CertifiedKey, ClientConfig, ClientConnection, ServerConnection};
use handclasp_testing::authority::{Authority, authority_params, crl_params, params, root};
use handclasp_testing::openssl;
use handclasp_testing::process::{Folder, connect};
use handclasp_testing::{Identity, NAME, server_name};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair,
    NameConstraints, SanType, SerialNumber, date_time_ymd,
};

use super::Row;
use super::ends::{
    both, both_with, client, client_fails, client_of_gnutls, client_of_openssl, list, provider,
    server,
};

/// What a server's certificate has, if nothing is wrong with it.
fn leaf() -> CertificateParams {
    let mut params = params("server");
    params.subject_alt_names = vec![SanType::DnsName(NAME.try_into().unwrap())];
    params
}

/// Our client, which trusts this certificate, connects to a server that shows this chain.
fn refuses(
    trusted: &CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
    name: ServerName<'static>,
) -> Option<Diagnosis> {
    let mut anchors = TrustAnchors::new();
    anchors.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder(provider()).trust(anchors).unwrap().build().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let key = CertifiedKey::from_der(chain, &key).unwrap();
    let server = ServerConnection::new(server().build(list(vec![key])).unwrap().into());
    both_with(ClientConnection::new(config.into(), name), server).client
}

/// As [`refuses`], with a certificate that a trusted root issued.
fn refuses_leaf(params: CertificateParams) -> Option<Diagnosis> {
    refuses_leaf_for(params, server_name())
}

fn refuses_leaf_for(params: CertificateParams, name: ServerName<'static>) -> Option<Diagnosis> {
    let (authority, key) = (root("the root"), KeyPair::generate().unwrap());
    let leaf = params.signed_by(&key, &authority).unwrap();
    refuses(authority.der(), vec![leaf.der().clone()], &key, name)
}

/// As [`refuses`], with a root, an authority of these parameters below it, and a server's certificate.
fn refuses_below(authority: CertificateParams, is_sent: bool) -> Option<Diagnosis> {
    let (root, key) = (root("the root"), KeyPair::generate().unwrap());
    let authority = Authority::signed_by(authority, KeyPair::generate().unwrap(), &root).unwrap();
    let mut chain = vec![leaf().signed_by(&key, &authority).unwrap().der().clone()];
    if is_sent {
        chain.push(authority.der().clone());
    }
    refuses(root.der(), chain, &key, server_name())
}

fn root_is_no_ca() -> Option<Diagnosis> {
    let mut not_a_ca = params("not an authority");
    not_a_ca.is_ca = IsCa::ExplicitNoCa;
    let authority = Authority::self_signed(not_a_ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = leaf().signed_by(&key, &authority).unwrap();
    refuses(authority.der(), vec![leaf.der().clone()], &key, server_name())
}

/// The trusted authority has the name of the issuer, and another key.
fn authority_made_anew() -> Option<Diagnosis> {
    let (before, now, key) = (root("the root"), root("the root"), KeyPair::generate().unwrap());
    let leaf = leaf().signed_by(&key, &before).unwrap();
    refuses(now.der(), vec![leaf.der().clone()], &key, server_name())
}

fn self_signed() -> Option<Diagnosis> {
    let key = KeyPair::generate().unwrap();
    let leaf = leaf().self_signed(&key).unwrap();
    refuses(root("another").der(), vec![leaf.der().clone()], &key, server_name())
}

fn path_too_long() -> Option<Diagnosis> {
    let (root, key) = (root("the root"), KeyPair::generate().unwrap());
    let mut upper = authority_params("an authority for no others");
    upper.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let upper = Authority::signed_by(upper, KeyPair::generate().unwrap(), &root).unwrap();
    let lower = authority_params("an authority below");
    let lower = Authority::signed_by(lower, KeyPair::generate().unwrap(), &upper).unwrap();
    let leaf = leaf().signed_by(&key, &lower).unwrap();
    let chain = vec![leaf.der().clone(), lower.der().clone(), upper.der().clone()];
    refuses(root.der(), chain, &key, server_name())
}

fn revoked() -> Option<Diagnosis> {
    let (authority, key) = (root("the root"), KeyPair::generate().unwrap());
    let mut leaf = leaf();
    leaf.serial_number = Some(SerialNumber::from(vec![0x4c]));
    let leaf = leaf.signed_by(&key, &authority).unwrap().der().clone();
    let crl = crl_params([SerialNumber::from(vec![0x4c])]).signed_by(&authority).unwrap();
    let crl = CertificateRevocationList::from_der(crl.der()).unwrap();
    let mut anchors = TrustAnchors::new();
    anchors.add(authority.der().clone()).unwrap();
    let policy = RevocationPolicy::new(RevocationMode::Require, RevocationScope::Chain);
    let verifier = TrustAnchorVerifier::new(anchors, provider().signatures)
        .with_crls(vec![crl])
        .with_revocation(policy);
    let config = ClientConfig::builder(provider()).verifier(Arc::new(verifier));
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let keys = list(vec![CertifiedKey::from_der(vec![leaf], &key).unwrap()]);
    both(config, server().build(keys).unwrap()).client
}

/// A certificate that `openssl req` makes with these arguments, and is trusted, at `openssl s_server`.
fn made_by_openssl(arguments: &str, server_arguments: &[&str]) -> Option<Diagnosis> {
    if !openssl::is_here() {
        return None;
    }
    let folder = Folder::new();
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let names = format!("subjectAltName=DNS:{NAME}");
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=server"]);
    command.args(["-addext", &names, "-out", &cert, "-keyout", &key]);
    command.args(arguments.split(' ')).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pem = std::fs::read(&cert).unwrap();
    let anchors = TrustAnchors::from_pem(&pem).unwrap();
    let config = ClientConfig::builder(provider()).trust(anchors).unwrap();
    let first = ["-tls1_3", "-cert", &cert, "-key", &key];
    let (_process, address) = openssl::s_server(&[&first[..], server_arguments].concat());
    Some(client_fails(config, connect(address)))
}

/// A client's certificate, issued by this authority.
fn of_client(params: CertificateParams, authority: &Authority) -> CertifiedKey {
    let key = KeyPair::generate().unwrap();
    let chain = vec![params.signed_by(&key, authority).unwrap().der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    CertifiedKey::from_der(chain, &key).unwrap()
}

/// A client's certificate of the authority of `openssl s_server`, which demands one.
fn shows_to_openssl(params: CertificateParams) -> Option<Diagnosis> {
    let authority = root("the clients' root");
    let folder = Folder::new();
    let file = folder.file("clients.pem", authority.pem());
    let identity = Identity::p256();
    let config = client(&identity).client_certificates(list(vec![of_client(params, &authority)]));
    let demands = ["-tls1_3", "-Verify", "1", "-verify_return_error", "-CAfile", &file];
    client_of_openssl(config, &identity, &demands)
}

fn alice() -> CertificateParams {
    let mut params = params("alice");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

pub fn rows() -> Vec<Row> {
    let mut rows = of_issuers();
    rows.extend(of_servers());
    rows.extend(of_keys());
    rows.extend(of_clients());
    rows
}

fn row() -> Row {
    Row { fault: Fault::Peer, ..Row::of(Side::Client, "handclasp") }
}

fn of_issuers() -> Vec<Row> {
    vec![
        Row {
            kind: "unknown-issuer",
            what: "the issuer is not known",
            make: || {
                let (authority, key) = (root("a private root"), KeyPair::generate().unwrap());
                let leaf = leaf().signed_by(&key, &authority).unwrap().der().clone();
                refuses(root("another").der(), vec![leaf], &key, server_name())
            },
            code: "unknown-issuer",
            fault: Fault::Unknown,
            says: &[
                "\"CN=server\" was issued by \"CN=a private root\"",
                "no trust anchor",
                "this side's trust anchors [CN=another]",
            ],
            offers: &[(Parameter::TrustAnchors, "CN=another")],
            change: "send the certificate of \"CN=a private root\" along",
            ..row()
        },
        Row {
            kind: "intermediate-missing",
            what: "the server does not send its intermediate",
            make: || refuses_below(authority_params("an intermediate"), false),
            code: "unknown-issuer",
            fault: Fault::Unknown,
            says: &["was issued by \"CN=an intermediate\"", "should be sent along"],
            change: "send the certificate of \"CN=an intermediate\" along",
            ..row()
        },
        Row {
            kind: "self-signed",
            what: "the server's certificate signed itself",
            make: self_signed,
            code: "self-issued",
            fault: Fault::Unknown,
            says: &["\"CN=server\" is self-issued and is not a trust anchor"],
            change: "get it from its owner in a way that you trust",
            ..row()
        },
        Row {
            kind: "root-is-no-ca",
            what: "the trusted root says CA:FALSE",
            make: root_is_no_ca,
            code: "not-a-ca",
            says: &[
                "was issued by \"CN=not an authority\", which is trusted, but is no CA",
                "CA:FALSE",
            ],
            change: "have \"CN=not an authority\" issued again, with CA:TRUE",
            ..row()
        },
        Row {
            kind: "intermediate-expired",
            what: "an intermediate has expired",
            make: || {
                let mut params = authority_params("an old intermediate");
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
                refuses_below(params, true)
            },
            code: "expired",
            fault: Fault::Unknown,
            says: &["certificate \"CN=an old intermediate\" expired on 2021-01-01", "the time is"],
            change: "renew it",
            ..row()
        },
        Row {
            kind: "authority-made-anew",
            what: "the trusted root has the issuer's name and another key",
            make: authority_made_anew,
            code: "bad-signature",
            fault: Fault::Unknown,
            says: &[
                "\"CN=server\" has a signature that was not made by the key of \"CN=the root\"",
            ],
            change: "use its certificate from the time when this one was issued",
            ..row()
        },
        Row {
            kind: "path-too-long",
            what: "an authority allows no others below it",
            make: path_too_long,
            code: "path-length-exceeded",
            says: &["\"CN=an authority for no others\" allows 0 CAs below it", "there are 1"],
            change: "have it issued with a higher pathLenConstraint",
            ..row()
        },
        Row {
            kind: "name-constraint",
            what: "an authority may not issue for the name",
            make: || {
                let mut params = authority_params("an authority for example.org");
                params.name_constraints = Some(NameConstraints {
                    permitted_subtrees: vec![GeneralSubtree::DnsName("example.org".into())],
                    excluded_subtrees: Vec::new(),
                });
                refuses_below(params, true)
            },
            code: "name-not-permitted",
            says: &[
                "is for \"server.example\", which the name constraints of CA",
                "only permitted in DNS:example.org",
            ],
            change: "have it issued by a CA whose constraints allow the name",
            ..row()
        },
    ]
}

fn of_servers() -> Vec<Row> {
    vec![
        Row {
            kind: "expired",
            what: "the server's certificate has expired",
            make: || {
                let mut params = leaf();
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
                refuses_leaf(params)
            },
            code: "expired",
            fault: Fault::Unknown,
            says: &["\"CN=server\" expired on 2021-01-01", "the time is"],
            change: "renew it",
            ..row()
        },
        Row {
            kind: "not-yet-valid",
            what: "the server's certificate is not valid yet",
            make: || {
                let mut params = leaf();
                params.not_before = date_time_ymd(2090, 1, 1);
                refuses_leaf(params)
            },
            code: "not-yet-valid",
            fault: Fault::Unknown,
            says: &["\"CN=server\" is valid from 2090-01-01", "the time is"],
            change: "wait until it is valid",
            ..row()
        },
        Row {
            kind: "wrong-name",
            what: "the certificate is for other names",
            make: || {
                let mut params = leaf();
                params.subject_alt_names =
                    vec![SanType::DnsName("other.example".try_into().unwrap())];
                refuses_leaf(params)
            },
            code: "name-mismatch",
            fault: Fault::Unknown,
            says: &["is not valid for \"server.example\"", "other.example"],
            change: "ask for a name that it is valid for, such as other.example",
            peer_offers: &[(Parameter::CertificateNames, "other.example")],
            ..row()
        },
        Row {
            kind: "common-name-only",
            what: "the name is in the subject only",
            make: || refuses_leaf(params(NAME)),
            code: "name-mismatch",
            fault: Fault::Unknown,
            says: &["is not valid for \"server.example\""],
            change: "have it issued with DNS:server.example among its subject alternative names",
            ..row()
        },
        Row {
            kind: "address-as-dns-name",
            what: "the address is a dNSName in the certificate",
            make: || {
                let mut params = leaf();
                params.subject_alt_names = vec![SanType::DnsName("127.0.0.1".try_into().unwrap())];
                refuses_leaf_for(params, "127.0.0.1".try_into().unwrap())
            },
            code: "name-mismatch",
            fault: Fault::Unknown,
            says: &["is not valid for \"127.0.0.1\"", "DNS"],
            change: "IP:127.0.0.1",
            ..row()
        },
        Row {
            kind: "wrong-usage",
            what: "the certificate is for clients",
            make: || {
                let mut params = leaf();
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
                refuses_leaf(params)
            },
            code: "wrong-extended-key-usage",
            says: &["without server authentication", "it allows client authentication"],
            change: "have it issued with server authentication",
            ..row()
        },
        Row {
            kind: "revoked",
            what: "a CRL revokes the certificate",
            make: revoked,
            code: "revoked",
            says: &["was revoked on 2024-01-01", "CRL", "serial number is 4c"],
            change: "replace it with one that is not revoked",
            ..row()
        },
    ]
}

fn of_keys() -> Vec<Row> {
    let row = || Row { peer: "OpenSSL", ..row() };
    vec![
        Row {
            kind: "weak-key",
            what: "the server's key is RSA of 1024 bits",
            make: || {
                made_by_openssl("-newkey rsa:1024 -sha256", &["-cipher", "DEFAULT@SECLEVEL=0"])
            },
            code: "rsa-size",
            says: &["\"CN=server\"", "RSA key has at least 2048 bits", "1024 bits"],
            change: "have it issued",
            ..row()
        },
        Row {
            kind: "unsupported-key",
            what: "the server's key is for Ed448",
            make: || made_by_openssl("-newkey ed448", &[]),
            code: "alert-received",
            fault: Fault::Unknown,
            says: &[
                "handshake_failure",
                "signature schemes [",
                "usually the two sides have no suite",
            ],
            change: "compare the lists",
            offers: &[(Parameter::SignatureSchemes, "ed25519")],
            ..row()
        },
    ]
}

fn of_clients() -> Vec<Row> {
    let row = || Row {
        code: "alert-received",
        fault: Fault::ThisSide,
        ..Row::of(Side::Client, "OpenSSL")
    };
    const ALICE: &[(Parameter, &str)] = &[(Parameter::Certificate, "CN=alice")];
    vec![
        Row {
            kind: "own-certificate-missing",
            what: "the server demands a certificate, and this client has none",
            make: || {
                let identity = Identity::p256();
                let demands = ["-tls1_3", "-Verify", "1", "-verify_return_error", "-CAfile", "@ca"];
                client_of_openssl(client(&identity), &identity, &demands)
            },
            says: &[
                "certificate_required",
                "authorities [CN=test authority",
                "has shown no certificate",
            ],
            change: "show a certificate of an authority that the server asks for",
            peer_offers: &[(Parameter::Authorities, "CN=test authority")],
            ..row()
        },
        Row {
            kind: "own-certificate-unknown",
            what: "the server does not know the issuer of this client's certificate",
            make: || {
                let identity = Identity::p256();
                let own = of_client(alice(), &root("another root"));
                let config = client(&identity).client_certificates(list(vec![own]));
                let demands = ["-tls1_3", "-Verify", "1", "-verify_return_error", "-CAfile", "@ca"];
                client_of_openssl(config, &identity, &demands)
            },
            says: &[
                "unknown_ca",
                "CN=alice, issued by CN=another root",
                "does not trust the issuer",
            ],
            change: "the issuer's root must be among the trust anchors",
            offers: ALICE,
            ..row()
        },
        Row {
            kind: "own-certificate-expired",
            what: "this client's certificate has expired",
            make: || {
                let mut params = alice();
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
                shows_to_openssl(params)
            },
            says: &[
                "certificate_expired",
                "CN=alice",
                "until 2021-01-01",
                "this side's certificate expired on 2021-01-01",
            ],
            change: "renew the certificate",
            offers: ALICE,
            ..row()
        },
        Row {
            kind: "own-certificate-usage",
            what: "this client's certificate is for servers",
            make: || {
                let mut params = alice();
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                shows_to_openssl(params)
            },
            says: &[
                "unsupported_certificate",
                "CN=alice",
                "for server authentication",
                "may be used for",
            ],
            change: "a client's needs clientAuth",
            offers: ALICE,
            ..row()
        },
        Row {
            kind: "own-certificate-refused",
            what: "the server refuses this client's certificate, and gives another reason",
            make: || {
                let identity = Identity::p256();
                let own = of_client(alice(), &root("another root"));
                let config = client(&identity).client_certificates(list(vec![own]));
                client_of_gnutls(
                    config,
                    &identity,
                    &["--require-client-cert", "--verify-client-cert", "--x509cafile", "@ca"],
                )
            },
            fault: Fault::Unknown,
            says: &["CN=alice", "some say it if they refuse the client's certificate"],
            change: "look into the server's log",
            offers: ALICE,
            ..Row { peer: "GnuTLS", ..row() }
        },
    ]
}
