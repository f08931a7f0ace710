//! Keys for other protocols (RFC 9846, section 7.5, RFC 5705 and RFC 9266).

use handclasp_testing::rustls_peer;
use std::io::{Read, Write};
use std::ops::DerefMut;

use handclasp::certificate::certificate_hash;
use handclasp::crypto::CryptoProvider;
use handclasp::transport::memory::exchange;
use handclasp::{ClientConnection, Connection, ErrorKind, ServerConnection, Stream};
use handclasp_testing::der::pem_text;
use handclasp_testing::openssl;
use handclasp_testing::process::{Folder, connect};
use handclasp_testing::{Identity, server_name};

#[test]
fn a_client_has_the_hash_of_the_servers_certificate_as_a_channel_binding() {
    let digests = CryptoProvider::default().signatures.digests;
    for algorithm in
        [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519]
    {
        let identity = Identity::of_one_algorithm(algorithm);
        let certificate = &identity.chain[0];
        let expected = if algorithm == &rcgen::PKCS_ECDSA_P256_SHA256 {
            Some((digests.sha256)(certificate).to_vec())
        } else if algorithm == &rcgen::PKCS_ECDSA_P384_SHA384 {
            Some((digests.sha384)(certificate).to_vec())
        } else {
            None
        };
        let (mut client, mut server) = identity.connections();
        let too_early = client.tls_server_end_point().unwrap_err();
        assert!(matches!(too_early.kind(), ErrorKind::Misuse(_)));
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(client.tls_server_end_point().unwrap(), expected);
        // A server computes it of its own certificate.
        let own = certificate_hash(certificate, digests).unwrap();
        assert_eq!(own, expected);
    }
}

#[test]
fn the_channel_binding_is_the_same_at_both_ends_and_another_in_each_connection() {
    let identity = Identity::p256();
    let bindings = [(); 2].map(|()| {
        let mut client = ClientConnection::new(identity.client_config(), server_name());
        let mut server = ServerConnection::new(identity.server_config());
        let too_early = client.tls_exporter().unwrap_err();
        assert!(matches!(too_early.kind(), ErrorKind::Misuse(_)));
        exchange(&mut client, &mut server).unwrap();
        let binding = client.tls_exporter().unwrap();
        assert_eq!(binding, server.tls_exporter().unwrap());
        // It does not change with the keys.
        client.update_keys(true).unwrap();
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(binding, client.tls_exporter().unwrap());
        let mut exported = [0; 32];
        client.export_keying_material("EXPORTER-Channel-Binding", &[], &mut exported).unwrap();
        assert_eq!(binding, exported);
        binding
    });
    assert_ne!(bindings[0], bindings[1]);
}

/// An HkdfLabel has a label of 249 characters at most behind its prefix. By its syntax it has one at least, but
/// other implementations export with an empty label, too.
#[test]
fn a_label_that_has_no_encoding_is_refused_and_the_connection_goes_on() {
    let identity = Identity::p256();
    let mut client = ClientConnection::new(identity.client_config(), server_name());
    let mut server = ServerConnection::new(identity.server_config());
    exchange(&mut client, &mut server).unwrap();
    let error = client.export_keying_material(&"x".repeat(250), &[], &mut [0; 32]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Crypto(_)), "{error}");
    for length in [0, 1, 249] {
        client.export_keying_material(&"x".repeat(length), &[], &mut [0; 32]).unwrap();
    }
    client.check().unwrap();
}

#[test]
fn rustls_exports_the_same_with_an_empty_context_and_with_none() {
    let identity = Identity::p256();
    for we_are_client in [true, false] {
        let default = rustls_peer::default_provider();
        let (mut ours, mut theirs): (Box<dyn DerefMut<Target = Connection>>, _) =
            match we_are_client {
                true => {
                    let client = ClientConnection::new(identity.client_config(), server_name());
                    let config = rustls_peer::server_config(&identity, default, None);
                    (Box::new(client), rustls_peer::server(config))
                }
                false => {
                    let server = ServerConnection::new(identity.server_config());
                    let mut config = rustls_peer::client_config(&identity, default);
                    config.alpn_protocols.clear();
                    (Box::new(server), rustls_peer::client(config))
                }
            };
        rustls_peer::exchange(&mut ours, &mut theirs).checked();
        let binding = ours.tls_exporter().unwrap();
        for context in [None, Some(&[][..])] {
            let theirs =
                theirs.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", context);
            assert_eq!(theirs.unwrap(), binding);
        }
        let mut exported = [0; 50];
        ours.export_keying_material("EXPERIMENTAL x", b"context", &mut exported).unwrap();
        let theirs = theirs.export_keying_material([0; 50], b"EXPERIMENTAL x", Some(b"context"));
        assert_eq!(theirs.unwrap(), exported);
    }
}

#[test]
fn openssl_exports_the_same_channel_binding() {
    if !openssl::is_here() {
        return;
    }
    let (identity, folder) = (Identity::p256(), Folder::new());
    let certificate = folder.file("chain.pem", pem_text("CERTIFICATE", &identity.chain[0]));
    let key = folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der()));
    let arguments = ["-tls1_3", "-cert", &certificate, "-key", &key];
    let export = ["-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"];
    let (server, address) = openssl::s_server(&[&arguments[..], &export].concat());

    let client = ClientConnection::new(identity.client_config(), server_name());
    let mut stream = Stream::new(client, connect(address));
    stream.write_all(b"our words\n").unwrap();
    let output = server.wait_for("our words");
    let binding = hex::encode_upper(stream.connection().tls_exporter().unwrap());
    assert!(output.contains(&binding), "{binding} is not in:\n{output}");
    stream.close().unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}
