//! The private key is in another process, which answers questions for signatures over a Unix socket.
//!
//! **It is a sketch**: who may open the socket may have signatures made. See the example `remote_signer`.
//!
//! `keyless sign SOCKET KEY_FILE` has the key and sees no connection;
//! `keyless serve SOCKET ADDRESS:PORT CHAIN_FILE` has the connections and never sees the key.
//!
//! The signer first sends the schemes of its key. A request is a scheme and a message; the answer is a signature, and
//! an empty one is a refusal. Each number has two bytes, and each list and each string of bytes follows its length.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use handclasp::credential::KeySource;
use handclasp::crypto::{CryptoError, SigningKey, signing_key};
use handclasp::handshake::{Answer, Question, Sign};
use handclasp::pem;
use handclasp::registry::SignatureScheme;
use handclasp::transport::tokio::Acceptor;
use handclasp::{CertifiedKey, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::sleep;
use zeroize::Zeroizing;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["sign", socket, key] => sign(socket, key).await,
        ["serve", socket, address, chain] => serve(socket, address, chain).await,
        _ => Err("usage: sign SOCKET KEY_FILE, or serve SOCKET ADDRESS:PORT CHAIN_FILE".into()),
    }
}

/// The process with the key.
async fn sign(socket: &str, key: &str) -> Result<(), Failure> {
    let text = Zeroizing::new(std::fs::read(key)?);
    let key = signing_key(&pem::private_key(&text)?.der())?;
    let listener = UnixListener::bind(socket)?;
    println!("signing on {socket}");
    loop {
        let accepted = listener.accept().await.map(|(asker, _)| asker);
        let (Some(mut asker), key) = (or_wait(accepted).await, key.clone()) else { continue };
        tokio::spawn(async move { answer(&mut asker, &*key).await }); // Until the server closes.
    }
}

async fn answer(asker: &mut UnixStream, key: &dyn SigningKey) -> io::Result<()> {
    let schemes = key.schemes().iter().flat_map(|scheme| scheme.0.to_be_bytes());
    write_bytes(asker, &schemes.collect::<Vec<_>>()).await?;
    loop {
        let scheme = SignatureScheme(asker.read_u16().await?);
        let message = read_bytes(asker).await?;
        // Sign only what TLS 1.3 signs (RFC 9846, section 4.5.2), and only by the schemes of the key.
        let signature = match key.schemes().contains(&scheme) && is_for_tls(&message) {
            true => key.sign(scheme, &message).unwrap_or_default(),
            false => Vec::new(),
        };
        println!("{} bytes signed with {scheme}", message.len());
        write_bytes(asker, &signature).await?;
    }
}

fn is_for_tls(message: &[u8]) -> bool {
    let rest = message.strip_prefix(&[b' '; 64]);
    rest.is_some_and(|rest| rest.starts_with(b"TLS 1.3, server CertificateVerify\0"))
}

/// The process with the connections.
async fn serve(socket: &str, address: &str, chain: &str) -> Result<(), Failure> {
    let chain = pem::certificates(&std::fs::read(chain)?)?;
    let (_, schemes) = connect(Path::new(socket)).await?;
    let key = CertifiedKey::new(chain, KeySource::Remote { schemes })?;
    let socket: Arc<Path> = Path::new(socket).into();
    let acceptor = Acceptor::new(Arc::new(ServerConfig::new(key)?)).answers(move |question| {
        let socket = Arc::clone(&socket);
        async move {
            let Question::Sign(sign) = question else {
                return Answer::Unavailable("only signatures are asked for".into());
            };
            match ask(&socket, &sign).await {
                Ok(signature) if signature.is_empty() => Answer::Signature(Err(CryptoError)),
                Ok(signature) => Answer::Signature(Ok(signature)),
                Err(error) => Answer::Unavailable(format!("the signer cannot be asked: {error}")),
            }
        }
    });
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let accepted = listener.accept().await.map(|(client, _)| client);
        let (Some(client), acceptor) = (or_wait(accepted).await, acceptor.clone()) else {
            continue;
        };
        tokio::spawn(async move {
            if let Err(error) = hello(client, acceptor).await {
                println!("{error}");
            }
        });
    }
}

/// A failed accept is logged, and the server continues: there may be too many open files for a moment.
async fn or_wait<T>(accepted: io::Result<T>) -> Option<T> {
    if let Err(error) = &accepted {
        println!("cannot accept: {error}");
        sleep(Duration::from_millis(100)).await;
    }
    accepted.ok()
}

async fn hello(client: TcpStream, acceptor: Acceptor) -> io::Result<()> {
    let mut stream = acceptor.accept(client).await?;
    let count = stream.read(&mut [0; 4096]).await?;
    println!("{count} bytes of a request");
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nkeyless\n";
    stream.write_all(answer.as_bytes()).await?;
    stream.close().await
}

async fn connect(socket: &Path) -> io::Result<(UnixStream, Vec<SignatureScheme>)> {
    let mut signer = UnixStream::connect(socket).await?;
    let schemes = read_bytes(&mut signer).await?;
    let schemes = schemes.chunks_exact(2).map(|code| u16::from_be_bytes([code[0], code[1]]));
    Ok((signer, schemes.map(SignatureScheme).collect()))
}

async fn ask(socket: &Path, sign: &Sign) -> io::Result<Vec<u8>> {
    let (mut signer, _) = connect(socket).await?;
    signer.write_u16(sign.scheme.0).await?;
    write_bytes(&mut signer, &sign.message).await?;
    read_bytes(&mut signer).await
}

async fn write_bytes(stream: &mut UnixStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_u16(u16::try_from(bytes.len()).map_err(io::Error::other)?).await?;
    stream.write_all(bytes).await
}

async fn read_bytes(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
