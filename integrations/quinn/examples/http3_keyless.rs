//! An HTTP/3 server whose private key is in another process: `http3_keyless SOCKET ADDRESS:PORT CHAIN_FILE`.
//!
//! The other process is `keyless sign SOCKET KEY_FILE`, of the examples in `interop/`, which also says what goes
//! over the socket. This one has the connections, and never sees the key.
//!
//! **It is a sketch**, as `keyless` is: its protocol has no authentication, and the example `remote_signer` in
//! `interop/` shows one that has.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h3::error::{Code, StreamError};
use handclasp_quinn::handclasp::credential::{CertificateList, KeySource};
use handclasp_quinn::handclasp::crypto::CryptoError;
use handclasp_quinn::handclasp::handshake::{Answer, Question, Sign};
use handclasp_quinn::handclasp::registry::SignatureScheme;
use handclasp_quinn::handclasp::{CertifiedKey, CryptoProvider, ServerConfig, pem};
use handclasp_quinn::quinn::{self, Incoming, VarInt};
use handclasp_quinn::{QuestionHandler, QuicServerConfig, TokenKey};
use http::Response;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::task::block_in_place;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type RequestResolver = h3::server::RequestResolver<h3_quinn::Connection, Bytes>;

/// How long each operation on the socket may take. Other connections wait too: see [`QuestionHandler`].
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks the other process for signatures.
struct Signer {
    socket: SockAddr,
}

impl Signer {
    /// The other process first sends the schemes of its key.
    fn connect(&self) -> io::Result<(Socket, Vec<SignatureScheme>)> {
        let mut signer = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        signer.set_read_timeout(Some(PATIENCE))?;
        // It limits `connect` as well.
        signer.set_write_timeout(Some(PATIENCE))?;
        signer.connect(&self.socket)?;
        let schemes = read_bytes(&mut signer)?;
        let schemes = schemes.chunks_exact(2).map(|code| u16::from_be_bytes([code[0], code[1]]));
        let schemes = schemes.map(SignatureScheme).collect();
        Ok((signer, schemes))
    }

    /// The signature. It is empty where the other process refuses to sign.
    fn sign(&self, sign: &Sign) -> io::Result<Vec<u8>> {
        let (mut signer, _) = self.connect()?;
        let length = u16::try_from(sign.message.len()).map_err(io::Error::other)?;
        signer.write_all(&sign.scheme.0.to_be_bytes())?;
        signer.write_all(&length.to_be_bytes())?;
        signer.write_all(&sign.message)?;
        read_bytes(&mut signer)
    }
}

/// The length in two bytes, and so many bytes.
fn read_bytes(signer: &mut Socket) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    signer.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    signer.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl QuestionHandler for Signer {
    fn answer(&self, question: &Question) -> Answer {
        let Question::Sign(sign) = question else {
            return Answer::Unavailable("only signatures are asked for".into());
        };
        match block_in_place(|| self.sign(sign)) {
            Ok(signature) if signature.is_empty() => Answer::Signature(Err(CryptoError)),
            Ok(signature) => Answer::Signature(Ok(signature)),
            Err(error) => {
                // quinn sends the text of its errors to the peer, so it has no text of ours.
                eprintln!("the signer cannot be asked: {error}");
                Answer::Unavailable("the signer cannot be asked".into())
            }
        }
    }
}

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, socket, address, chain] = &arguments[..] else {
        return Err("usage: http3_keyless SOCKET ADDRESS:PORT CHAIN_FILE".into());
    };
    let signer = Signer { socket: SockAddr::unix(socket)? };
    let (_, schemes) = signer.connect()?;
    let chain = pem::certificates(&std::fs::read(chain)?)?;
    let key = CertifiedKey::new(chain, KeySource::Remote { schemes })?;
    let provider = CryptoProvider::default();
    let token_key = TokenKey::random(&provider)?;
    let config = ServerConfig::builder(provider)
        .application_protocols(["h3"])
        .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
    let config = QuicServerConfig::new(Arc::new(config))?.question_handler(Arc::new(signer));
    let config = quinn::ServerConfig::new(Arc::new(config), Arc::new(token_key));
    let endpoint = handclasp_quinn::server_endpoint(config, address.parse()?)?;
    println!("listening on {}", endpoint.local_addr()?);

    let accept = async {
        while let Some(incoming) = endpoint.accept().await {
            let client = incoming.remote_address();
            tokio::spawn(async move {
                if let Err(error) = serve(incoming).await {
                    eprintln!("{client}: {error}");
                }
            });
        }
    };
    tokio::select! {
        () = accept => return Err("the socket has failed".into()),
        pressed = tokio::signal::ctrl_c() => pressed?,
    }
    // This may cut answers short: the example http3_server waits for them.
    endpoint.close(VarInt::from_u64(Code::H3_NO_ERROR.value())?, b"");
    endpoint.wait_idle().await;
    Ok(())
}

async fn serve(incoming: Incoming) -> Result<(), Failure> {
    let connection = h3_quinn::Connection::new(incoming.await?);
    let mut http = h3::server::Connection::new(connection).await?;
    loop {
        match http.accept().await {
            Ok(Some(request)) => {
                tokio::spawn(async move {
                    if let Err(error) = answer(request).await {
                        eprintln!("{error}");
                    }
                });
            }
            Ok(None) => return Ok(()),
            Err(error) if error.is_h3_no_error() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn answer(request: RequestResolver) -> Result<(), StreamError> {
    let (_, mut stream) = request.resolve_request().await?;
    stream.send_response(Response::new(())).await?;
    stream.send_data(Bytes::from_static(b"keyless\n")).await?;
    stream.finish().await?;
    // The client may not have ended the request yet (RFC 9114, section 4.1).
    stream.stop_sending(Code::H3_NO_ERROR);
    Ok(())
}
