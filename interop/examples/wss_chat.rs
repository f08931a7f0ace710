//! A chat for browsers: an HTTPS page and a `wss://` socket, which shows the handshake of each
//! connection. `wss_chat [ADDRESS:PORT [AUTHORITY_FILE]]` makes a certificate and says how to trust it.

#[path = "wss_chat/accounts.rs"]
mod accounts;
#[path = "wss_chat/certificate.rs"]
mod certificate;
#[path = "wss_chat/page.rs"]
mod page;
#[path = "wss_chat/rooms.rs"]
mod rooms;
#[path = "wss_chat/socket.rs"]
mod socket;
#[path = "wss_chat/watch.rs"]
mod watch;

use std::fs::File;
use std::io::{Cursor, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use certificate::Fresh;
use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::pki_types::UnixTime;
use handclasp::session::{MemorySessions, StrikeRegister};
use handclasp::transport::tokio::Acceptor;
use handclasp::{CryptoProvider, ServerConfig};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rooms::Rooms;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long an idle connection for pages stays open. It is short, so that the next visit needs a
/// handshake.
const PAGE_LIFETIME: Duration = Duration::from_secs(4);
/// How long requests may still take at the end of a connection.
const PAGE_GRACE: Duration = Duration::from_secs(10);

/// What all connections share.
#[derive(Clone, Default)]
struct Site {
    rooms: Arc<Rooms>,
    accounts: Arc<Accounts>,
}

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8443".into());
    let file = arguments.next().map(PathBuf::from);
    let fresh = Fresh::new()?;
    let acceptor = acceptor(&fresh)?;
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let in_temporary_files =
        || std::env::temp_dir().join(format!("wss_chat-{}-ca.pem", address.port()));
    introduce(&fresh, address, &file.unwrap_or_else(in_temporary_files))?;
    let site = Site::default();
    loop {
        let (socket, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // For example, too many open files. This is temporary, so the server continues.
                eprintln!("cannot accept a client: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, site) = (acceptor.clone(), site.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(acceptor, socket, client, site).await {
                println!("{client}  ended: {error}");
            }
        });
    }
}

/// A ticket can be used once, and 0-RTT data once per ticket: a reload resumes, a replay does not.
fn acceptor(fresh: &Fresh) -> Result<Acceptor, Failure> {
    let provider = CryptoProvider::default();
    let sessions = MemorySessions::new(10_000, Arc::clone(&provider.random));
    let config = ServerConfig::builder(provider)
        .application_protocols(["h2", "http/1.1"])
        .sessions(Arc::new(sessions))
        .early_data(8 * 1024, Arc::new(StrikeRegister::new(UnixTime::now())))
        .build(Arc::new(CertificateList::new(vec![Arc::clone(&fresh.key)])))?;
    Ok(Acceptor::new(Arc::new(config)).plain_http_reply(
        *b"HTTP/1.1 400 Bad Request\r\n\
        Content-Type: text/plain\r\nContent-Length: 33\r\nConnection: close\r\n\r\n\
        The chat is at https://, instead\n",
    ))
}

fn introduce(fresh: &Fresh, address: SocketAddr, file: &Path) -> Result<(), Failure> {
    // A file of our own: a file that another user has put there must not be imported.
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => File::create_new(file)?.write_all(fresh.authority_pem.as_bytes())?,
    }
    let (file, port, hash) = (file.display(), address.port(), &fresh.spki_hash);
    println!("The chat is at https://localhost:{port}/");
    println!("Its certificate is fresh. To trust it, until it stops, do one of these:");
    println!("- Import {file} as an authority (it can vouch for this machine's names only).");
    println!(
        "- chromium --user-data-dir=\"$(mktemp -d)\" --ignore-certificate-errors-spki-list={hash} \\"
    );
    println!("      https://localhost:{port}/");
    println!("- curl --cacert {file} https://localhost:{port}/");
    println!("SPKI hash {hash}");
    println!("listening on {address}");
    Ok(())
}

async fn serve(
    acceptor: Acceptor,
    socket: TcpStream,
    client: SocketAddr,
    site: Site,
) -> Result<(), Failure> {
    socket.set_nodelay(true)?;
    let mut watch = site.accounts.watch();
    let mut options = Options::default();
    options.observer = Some(watch.observer());
    let mut stream = acceptor.accept_with(options, socket).await?;
    watch.settle(client, stream.connection().parameters());
    site.accounts.keep(&watch);
    println!("{}", watch.summary("tls"));

    // The handshake is complete, so 0-RTT data are as safe as other data. They come first.
    let early = Cursor::new(stream.take_early_data());
    let (reader, writer) = tokio::io::split(stream.close_on_shutdown());
    let stream = TokioIo::new(tokio::io::join(early.chain(reader), writer));
    let service = service_fn(|request| page::answer(request, site.clone(), watch.clone()));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    let mut connection = pin!(builder.serve_connection_with_upgrades(stream, service));
    tokio::select! {
        result = &mut connection => return result,
        () = sleep(PAGE_LIFETIME) => connection.as_mut().graceful_shutdown(),
    }
    timeout(PAGE_GRACE, connection).await?
}
