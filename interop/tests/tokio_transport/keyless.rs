//! The example whose key is in another process.

use std::io::{Read, Write};

use handclasp::alert::AlertDescription;
use handclasp::{ClientConnection, Error, Stream};
use handclasp_testing::{Identity, examples, process, server_name};

#[test]
fn a_key_in_another_process_signs_and_when_it_is_gone_the_server_says_so() {
    let identity = Identity::p256();
    let files = examples::Files::new(&identity);
    // The path of a socket must be short.
    let name = format!("keyless-{}", std::process::id());
    let socket = std::env::temp_dir().join(name).into_os_string().into_string().unwrap();
    let signer = examples::start("keyless", &["sign", &socket, &files.key]);
    signer.wait_for("signing on");
    let server = examples::start("keyless", &["serve", &socket, "127.0.0.1:0", &files.chain]);
    let address = ([127, 0, 0, 1], examples::port(&server)).into();

    let connect = || {
        let client = ClientConnection::new(identity.client_config(), server_name());
        Stream::new(client, process::connect(address))
    };
    let mut stream = connect();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("keyless\n"), "{answer}");
    signer.wait_for("bytes signed with ecdsa_secp256r1_sha256");

    drop(signer);
    std::fs::remove_file(&socket).unwrap();
    let error = connect().handshake().unwrap_err();
    let error = Error::from_io(&error).unwrap();
    assert_eq!(error.alert_received(), Some(AlertDescription::INTERNAL_ERROR));
    server.wait_for("no answer to the question sign: the signer cannot be asked");
}
