//! The private key is in another thread: the handshake waits for the answer to its question, that thread
//! signs, and the library blocks no thread.

use std::sync::{Arc, mpsc};

use handclasp::credential::KeySource;
use handclasp::crypto::signing_key;
use handclasp::handshake::{Answer, Question, Sign};
use handclasp::pki_types::PrivateKeyDer;
use handclasp::transport::memory::exchange;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, ServerConfig, ServerConnection, TrustAnchors,
};

fn main() {
    if let Err(error) = shake_hands() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn shake_hands() -> Result<(), Box<dyn std::error::Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()])?;
    let certificate = made.cert.der().clone();
    let key = signing_key(&PrivateKeyDer::try_from(made.signing_key.serialize_der())?)?;
    let mut anchors = TrustAnchors::new();
    anchors.add(certificate.clone())?;

    // The server knows the schemes of the key, and does not have the key.
    let elsewhere = KeySource::Remote { schemes: key.schemes().to_vec() };
    let certified = CertifiedKey::new(vec![certificate], elsewhere)?;
    let mut server = ServerConnection::new(Arc::new(ServerConfig::new(certified)?));
    let config = Arc::new(ClientConfig::new(anchors)?);
    let mut client = ClientConnection::new(config, "localhost".try_into()?);

    // The signer: a thread here, a device or a service elsewhere.
    let (ask, asked) = mpsc::channel::<Sign>();
    let (sign, signed) = mpsc::channel();
    let signer = std::thread::spawn(move || {
        for request in asked {
            let _ = sign.send(key.sign(request.scheme, &request.message));
        }
    });

    while client.is_handshaking() || server.is_handshaking() {
        exchange(&mut client, &mut server)?;
        if let (Some(number), Some(Question::Sign(request))) =
            (server.question_number(), server.question())
        {
            println!("the server asks for a signature with {}", request.scheme);
            ask.send(request.clone())?;
            // A real server would serve its other connections here, and keep the number.
            server.answer(number, Answer::Signature(signed.recv()?))?;
        }
    }
    let parameters = server.parameters();
    if let (Some(suite), Some(group)) = (parameters.cipher_suite, parameters.group) {
        println!("the handshake is complete: {suite}, {group}");
    }
    drop(ask);
    signer.join().map_err(|_| "the signer panicked")?;
    Ok(())
}
