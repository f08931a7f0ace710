//! External pre-shared keys with the system's `openssl`, version 3, in both roles.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::key_schedule::PskKind;
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use handclasp_testing::openssl;
use handclasp_testing::process::{Process, connect};
use handclasp_testing::{Identity, server_name};

const IDENTITY: &str = "device-7";
const SECRET: [u8; 16] = *b"\x5c\x91\x02\xe7 16 bytes \xfe\xdc";

fn key() -> PreSharedKey {
    PreSharedKey::external(IDENTITY.as_bytes(), &SECRET).unwrap()
}

#[test]
fn our_client_shares_a_key_with_s_server_with_and_without_a_retry() {
    if !openssl::is_here() {
        return;
    }
    let identity = Identity::p256();
    for groups in ["X25519", "P-384"] {
        let secret = hex::encode(SECRET);
        let psk = ["-psk", &secret, "-psk_identity", IDENTITY, "-groups", groups];
        let (process, address) = openssl::s_server(&[&["-nocert", "-tls1_3"][..], &psk].concat());

        let config = ClientConfig::builder(CryptoProvider::default()).pre_shared_keys(vec![key()]);
        let config = config.trust(identity.anchors()).unwrap().build().unwrap();
        let client = ClientConnection::new(Arc::new(config), server_name());
        let socket = connect(address);
        let mut stream = Stream::new(client, socket);
        stream.write_all(b"our words\n").unwrap();
        process.wait_for("our words");
        let parameters = stream.connection().parameters();
        assert_eq!(parameters.pre_shared_key, Some(PskKind::External));
        assert_eq!(parameters.retried, groups != "X25519");
        stream.close().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "its close_notify");
    }
}

#[test]
fn our_server_shares_a_key_with_s_client() {
    if !openssl::is_here() {
        return;
    }
    let identity = Identity::p256();
    let certificates = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let keys = Arc::new(PskList::new(vec![key()]));
    let config = ServerConfig::builder(CryptoProvider::default()).pre_shared_keys(keys);
    let config = Arc::new(config.build(Arc::new(certificates)).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();

    let secret = hex::encode(SECRET);
    let arguments = ["s_client", "-connect", &address, "-tls1_3", "-psk", &secret];
    let psk = ["-psk_identity", IDENTITY];
    let process = Process::start("openssl", &[&arguments[..], &psk].concat());
    let (socket, _) = listener.accept().unwrap();
    let mut stream = Stream::new(ServerConnection::new(config), socket);
    stream.write_all(b"our words\n").unwrap();
    process.wait_for("our words");
    assert_eq!(stream.connection().parameters().pre_shared_key, Some(PskKind::External));
}
