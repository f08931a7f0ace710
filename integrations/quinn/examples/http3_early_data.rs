//! A request and its answer in 0-RTT data, over HTTP/3.
//!
//! `http3_early_data serve ADDRESS:PORT CHAIN_FILE KEY_FILE` answers at once what a client asks in 0-RTT data;
//! `http3_early_data fetch URL CA_FILE` visits a server twice, and asks in 0-RTT data the second time.
//!
//! An attacker can copy 0-RTT data, and send them to the server again (RFC 9846, section 2.3). So the client sends
//! only a safe method early, and the server answers others with 425 (Too Early) until the handshake is complete
//! (RFC 8470). The server's register also recognizes copies. Servers that share their keys of tickets need a
//! register that they share as well.

use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use h3::error::{Code, StreamError};
use handclasp_quinn::handclasp::credential::CertificateList;
use handclasp_quinn::handclasp::pki_types::UnixTime;
use handclasp_quinn::handclasp::session::{MemoryClientSessions, StrikeRegister, TicketKeys};
use handclasp_quinn::handclasp::{
    CertifiedKey, ClientConfig, CryptoProvider, ServerConfig, TrustAnchors,
};
use handclasp_quinn::quinn::{Connection, Incoming, VarInt};
use http::{Request, Response, StatusCode, Uri};
use tokio::net::lookup_host;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type RequestResolver = h3::server::RequestResolver<h3_quinn::Connection, Bytes>;
type SendRequest = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address, chain, key] => serve(address, chain, key).await,
        ["fetch", url, ca_file] => visit_twice(url, ca_file).await,
        _ => Err(
            "usage: http3_early_data serve ADDRESS:PORT CHAIN_FILE KEY_FILE, or fetch URL CA_FILE"
                .into(),
        ),
    };
    if let Err(error) = result {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn serve(address: &str, chain: &str, key: &str) -> Result<(), Failure> {
    let key = CertifiedKey::from_pem_files(chain, key)?;
    let provider = CryptoProvider::default();
    let tickets = TicketKeys::random(provider.random.clone())?;
    let config = ServerConfig::builder(provider)
        .application_protocols(["h3"])
        .sessions(Arc::new(tickets))
        .early_data(16_384, Arc::new(StrikeRegister::new(UnixTime::now())))
        .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
    let config = handclasp_quinn::server_config(Arc::new(config))?;
    let endpoint = handclasp_quinn::server_endpoint(config, address.parse()?)?;
    println!("listening on {}", endpoint.local_addr()?);

    let accept = async {
        while let Some(incoming) = endpoint.accept().await {
            let client = incoming.remote_address();
            tokio::spawn(async move {
                if let Err(error) = serve_client(incoming, client).await {
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

async fn serve_client(incoming: Incoming, client: SocketAddr) -> Result<(), Failure> {
    let mut connecting = incoming.accept()?;
    // The ClientHello may come in several packets. quinn does not wake a task that opens a stream before the last of
    // them, as HTTP/3 does.
    connecting.handshake_data().await?;
    // On a server this always succeeds. `connecting.await` in its place waits for the end of the handshake: then all
    // requests are safe, and answered later.
    let Ok((connection, handshake)) = connecting.into_0rtt() else {
        return Err("the connection is not one of a server".into());
    };
    let handshake = handshake.shared();
    let mut http =
        h3::server::Connection::new(h3_quinn::Connection::new(connection.clone())).await?;
    loop {
        let request = match http.accept().await {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) if error.is_h3_no_error() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // Before the handshake is complete, no packet is opened but those of 0-RTT data. A handshake that fails is
        // over as well.
        let is_over = handshake.clone().now_or_never().is_some();
        let is_early = !is_over || connection.close_reason().is_some();
        tokio::spawn(async move {
            if let Err(error) = answer(request, is_early, client).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

async fn answer(
    request: RequestResolver,
    is_early: bool,
    client: SocketAddr,
) -> Result<(), StreamError> {
    let (request, mut stream) = request.resolve_request().await?;
    let when = if is_early { "in 0-RTT data" } else { "after the handshake" };
    println!("{client}: {} {} {when}", request.method(), request.uri().path());
    let mut head = Response::new(());
    if is_early && !request.method().is_safe() {
        // The client sends it again when the handshake is complete.
        *head.status_mut() = StatusCode::TOO_EARLY;
    }
    stream.send_response(head).await?;
    stream.send_data(format!("{} came {when}\n", request.method()).into()).await?;
    stream.finish().await?;
    // The client may not have ended the request yet (RFC 9114, section 4.1).
    stream.stop_sending(Code::H3_NO_ERROR);
    Ok(())
}

async fn visit_twice(url: &str, ca_file: &str) -> Result<(), Failure> {
    let url: Uri = url.parse()?;
    let host = url.host().ok_or("the URL has no host")?.trim_matches(['[', ']']);
    let config = ClientConfig::builder(CryptoProvider::default())
        .application_protocols(["h3"])
        .trust(TrustAnchors::from_pem(&std::fs::read(ca_file)?)?)?
        .sessions(Arc::new(MemoryClientSessions::new(16)))
        .early_data(true)
        .build()?;
    let mut addresses = lookup_host((host, url.port_u16().unwrap_or(443))).await?;
    let address = addresses.next().ok_or("the host has no address")?;
    let from: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let mut endpoint = handclasp_quinn::client_endpoint(from)?;
    endpoint.set_default_client_config(handclasp_quinn::client_config(Arc::new(config))?);

    let connection = endpoint.connect(address, host)?.await?;
    print!("first visit: {}", fetch(connection, &url).await?);
    // The server has sent a session before the answer. The second connection begins with it.
    match endpoint.connect(address, host)?.into_0rtt() {
        Ok((connection, accepted)) => {
            // This fails if the data are rejected after h3 has opened streams.
            let answer = fetch(connection, &url).await;
            if accepted.await {
                print!("second visit, 0-RTT data accepted: {}", answer?);
            } else {
                // The rejection may have come before, between or after what h3 wrote. What was written before is lost,
                // and with it perhaps h3's own streams. So ask again on a new connection.
                let connection = endpoint.connect(address, host)?.await?;
                print!("second visit, 0-RTT data refused: {}", fetch(connection, &url).await?);
            }
        }
        Err(connecting) => {
            let answer = fetch(connecting.await?, &url).await?;
            print!("second visit, without 0-RTT data: {answer}");
        }
    }
    endpoint.wait_idle().await;
    Ok(())
}

/// Sends a GET, and returns the answer. It needs no complete handshake.
async fn fetch(connection: Connection, url: &Uri) -> Result<String, Failure> {
    let (mut http, requests) = h3::client::new(h3_quinn::Connection::new(connection)).await?;
    // The connection goes on until `get` drops its sender of requests.
    let (_, answer) = tokio::join!(poll_fn(|context| http.poll_close(context)), get(requests, url));
    answer
}

async fn get(mut requests: SendRequest, url: &Uri) -> Result<String, Failure> {
    let mut stream = requests.send_request(Request::get(url).body(())?).await?;
    // This fails if the server has answered already, and has stopped the request (RFC 9114, section 4.1). Without an
    // answer, the next line fails.
    let _ = stream.finish().await;
    let head = stream.recv_response().await?;
    let mut body = Vec::new();
    while let Some(mut data) = stream.recv_data().await? {
        body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    Ok(format!("{}, {}", head.status(), String::from_utf8_lossy(&body)))
}
