//! Queries over TLS 1.3, with the channel binding required: with certificates of several kinds, and with another
//! server in between.

use std::error::Error;
use std::process::Command;
use std::sync::Arc;

use crate::cluster::{Cluster, PASSWORD};
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::{ClientConfig, CryptoProvider, TrustAnchors};
use handclasp_postgres::{MakeTlsConnector, TlsConnector, handclasp, tokio_postgres};
use handclasp_testing::process::{Folder, Process, available};
use handclasp_testing::{Identity, examples};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::{Client, Config};

fn config(port: u16, binding: ChannelBinding) -> Config {
    let mut config = Config::new();
    config.host("localhost").hostaddr([127, 0, 0, 1].into()).port(port);
    config.user("postgres").password(PASSWORD).dbname("postgres");
    config.ssl_mode(SslMode::Require).channel_binding(binding);
    config
}

fn connector(anchors: TrustAnchors) -> Connector {
    let config = ClientConfig::builder(CryptoProvider::default()).trust(anchors).unwrap();
    Connector::new(Arc::new(config.build().unwrap()))
}

async fn connect(
    port: u16,
    anchors: TrustAnchors,
    binding: ChannelBinding,
) -> Result<Client, tokio_postgres::Error> {
    let tls = MakeTlsConnector::new(connector(anchors));
    let (client, connection) = config(port, binding).connect(tls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The error and its causes.
fn words(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", words(cause)),
        None => error.to_string(),
    }
}

async fn tls_version(client: &Client) -> String {
    let sql = "select version from pg_stat_ssl where pid = pg_backend_pid()";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_work_with_the_channel_binding_required() {
    let Some(mut cluster) = Cluster::new("queries") else { return };
    let identity = Identity::p256();
    cluster.serve_identity(&identity);
    let connected = connect(cluster.port, identity.anchors(), ChannelBinding::Require).await;
    let client = connected.unwrap();
    assert_eq!(tls_version(&client).await, "TLSv1.3");
    let long = client.query_one("select repeat('0123456789', 2000000)", &[]).await.unwrap();
    let long: &str = long.get(0);
    assert!(long.len() == 20_000_000 && long.ends_with("0123456789"));
    let back = client.query_one("select length($1)", &[&long]).await.unwrap();
    assert_eq!(back.get::<_, i32>(0), 20_000_000);

    let other = Identity::p256().anchors();
    let refused = connect(cluster.port, other, ChannelBinding::Require).await.err().unwrap();
    assert!(words(&refused).contains("no trust anchor"), "{}", words(&refused));

    // The example does the same.
    let files = examples::Files::new(&identity);
    let options = format!(
        "host=localhost hostaddr=127.0.0.1 port={} user=postgres password='{PASSWORD}'",
        cluster.port
    );
    let program = example();
    let mut query = Process::start(&program, &[&options, &files.anchor, "select 6 * 7, 'x'"]);
    assert!(query.wait_for_end().success(), "{}", query.wait_for(""));
    query.wait_for("42 | x");
}

fn example() -> String {
    let features: &[&str] = match cfg!(feature = "ring") {
        true => &[],
        false => &["--no-default-features", "--features", "aws-lc-rs"],
    };
    examples::build_with("integrations/postgres", "query", features)
}

fn openssl_is_here() -> bool {
    available("openssl", "version", |version| version.starts_with("OpenSSL 3"))
}

/// A certificate of the program `openssl` that is its own issuer, and its key.
struct SelfSigned {
    chain: String,
    key: String,
}

fn self_signed(options: &[&str]) -> SelfSigned {
    let folder = Folder::new();
    let (chain, key) = (folder.path("chain.pem"), folder.path("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-noenc", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", &key, "-out", &chain])
        .args(options)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = |path: &str| std::fs::read_to_string(path).unwrap();
    SelfSigned { chain: text(&chain), key: text(&key) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binding_has_the_hash_of_each_signature() {
    let Some(mut cluster) = Cluster::new("hashes") else { return };
    if !openssl_is_here() {
        return;
    }
    const P384: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    const RSA: &[&str] = &["-newkey", "rsa:2048"];
    for (key, hash) in [(P384, "-sha384"), (RSA, "-sha256"), (RSA, "-sha384"), (RSA, "-sha512")] {
        let SelfSigned { chain, key } = self_signed(&[key, &[hash]].concat());
        cluster.serve(&chain, &key);
        let anchors = TrustAnchors::from_pem(chain.as_bytes()).unwrap();
        let client = connect(cluster.port, anchors, ChannelBinding::Require).await;
        let client = client.unwrap_or_else(|error| panic!("{hash}: {}", words(&error)));
        assert_eq!(tls_version(&client).await, "TLSv1.3");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hash_there_is_no_binding() {
    // PostgreSQL has none for Ed25519 either.
    let Some(mut cluster) = Cluster::new("ed25519") else { return };
    if !openssl_is_here() {
        return;
    }
    let SelfSigned { chain, key } = self_signed(&["-newkey", "ed25519"]);
    cluster.serve(&chain, &key);
    let anchors = TrustAnchors::from_pem(chain.as_bytes()).unwrap();
    let required = connect(cluster.port, anchors.clone(), ChannelBinding::Require).await;
    let refused = required.err().unwrap();
    let words = words(&refused);
    assert!(words.contains("server did not use channel binding"), "{words}");
    let client = connect(cluster.port, anchors, ChannelBinding::Disable).await;
    assert_eq!(tls_version(&client.unwrap()).await, "TLSv1.3");
}

/// A server in between that has a certificate of its own, and passes everything on.
async fn server_between(identity: &Identity, behind: u16, anchors: TrustAnchors) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = Acceptor::new(identity.server_config());
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut ssl_request = [0; 8];
            near.read_exact(&mut ssl_request).await.unwrap();
            near.write_all(b"S").await.unwrap();
            let mut near = acceptor.accept(near).await.unwrap();
            let mut far = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
            far.write_all(&ssl_request).await.unwrap();
            assert_eq!(far.read_u8().await.unwrap(), b'S');
            let connector = connector(anchors.clone());
            let mut far = connector.connect("localhost".try_into().unwrap(), far).await.unwrap();
            // The client may be refused.
            let _ = copy_bidirectional(&mut near, &mut far).await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_between_cannot_use_the_password() {
    let Some(mut cluster) = Cluster::new("between") else { return };
    let (identity, between) = (Identity::p256(), Identity::p256());
    cluster.serve_identity(&identity);
    let port = server_between(&between, cluster.port, identity.anchors()).await;
    // Its certificate is trusted, too.
    let unbound = connect(port, between.anchors(), ChannelBinding::Disable).await;
    assert_eq!(tls_version(&unbound.unwrap()).await, "TLSv1.3");
    let refused = connect(port, between.anchors(), ChannelBinding::Require).await.err().unwrap();
    assert!(words(&refused).contains("SCRAM"), "{}", words(&refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_the_caller_is_taken_too() {
    let Some(mut cluster) = Cluster::new("raw") else { return };
    let identity = Identity::p256();
    cluster.serve_identity(&identity);
    let socket = TcpStream::connect(("127.0.0.1", cluster.port)).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let tls = TlsConnector::new(connector(identity.anchors()), name);
    let config = config(cluster.port, ChannelBinding::Require);
    let (client, connection) = config.connect_raw(socket, tls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(tls_version(&client).await, "TLSv1.3");
}
