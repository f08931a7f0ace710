//! One of several servers with the same name: `fleet_server ADDRESS:PORT CHAIN_FILE KEY_FILE REDIS_URL SEALING_KEY_FILE`.
//! It resumes sessions of the others, and all of them together accept 0-RTT data once.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use handclasp_redis::fred::prelude::{
    Builder, ClientLike, Config, EventInterface, Pool, ReconnectPolicy,
};
use handclasp_redis::handclasp::credential::CertificateList;
use handclasp_redis::handclasp::transport::tokio::Acceptor;
use handclasp_redis::handclasp::zeroize::Zeroizing;
use handclasp_redis::handclasp::{CertifiedKey, CryptoProvider, ServerConfig};
use handclasp_redis::{
    FleetAnswers, RedisSessions, RedisStore, RedisStrikeRegister, SealingKeys, stay_connected,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

const USAGE: &str =
    "usage: fleet_server ADDRESS:PORT CHAIN_FILE KEY_FILE REDIS_URL SEALING_KEY_FILE";

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, chain, key, url, sealing_key] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let sealing_key = Zeroizing::new(std::fs::read(sealing_key)?);
    let pool = connect_to_the_store(url)?;
    let store =
        RedisStore::new(pool.clone(), "fleet_server", SealingKeys::from_bytes(&sealing_key)?)?;
    let (sessions, register) = (RedisSessions::new(&store)?, RedisStrikeRegister::new(&store)?);
    if let Err(error) = try_the_store(&pool, &register).await {
        eprintln!("there is no resumption yet: the store at {}: {error}", addresses(&pool));
    }

    let key = CertifiedKey::from_pem_files(chain, key)?;
    let config = ServerConfig::builder(CryptoProvider::default())
        .sessions(Arc::new(sessions.clone()))
        .early_data(16_384, Arc::new(register.clone()))
        .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
    let answers = FleetAnswers::new().sessions(&sessions).register(&register);
    let acceptor = Acceptor::new(Arc::new(config)).answers(answers);

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (socket, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // There may be too many open files for a moment: the server continues.
                eprintln!("cannot accept a client: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(acceptor, socket).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

/// The server starts without the store, too, and reaches it later.
fn connect_to_the_store(url: &str) -> Result<Pool, Box<dyn Error>> {
    let mut config = Config::from_url(url)?;
    config.fail_fast = false;
    let mut builder = Builder::from_config(config);
    builder.set_policy(ReconnectPolicy::new_constant(0, 500));
    builder.with_connection_config(|connection| {
        // Disables Nagle's algorithm: otherwise a call may wait until the store has acknowledged the previous one.
        connection.tcp.nodelay = Some(true);
        connection.unresponsive.max_timeout = Some(Duration::from_secs(2));
        connection.unresponsive.interval = Duration::from_millis(500);
    });
    let pool = builder.build_pool(2)?;
    for client in pool.clients() {
        // In a cluster, `connect` alone is not enough.
        tokio::spawn(stay_connected(client.clone()));
    }
    Ok(pool)
}

/// A wrong address, a wrong password or a missing right is an error here. The server starts in spite of it.
async fn try_the_store(pool: &Pool, register: &RedisStrikeRegister) -> Result<(), Box<dyn Error>> {
    let mut errors = pool.next().error_rx();
    tokio::select! {
        connected = pool.wait_for_connect() => connected?,
        error = errors.recv() => return Err(error?.0.into()),
        () = tokio::time::sleep(Duration::from_secs(2)) => return Err("it does not answer".into()),
    }
    Ok(register.refresh().await?)
}

/// HOST:PORT of each node. The URL may have a password, so it is not shown.
fn addresses(pool: &Pool) -> String {
    let nodes = pool.next().client_config().server.hosts();
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn serve(acceptor: Acceptor, socket: TcpStream) -> std::io::Result<()> {
    let server = socket.local_addr()?;
    let mut stream = acceptor.accept(socket).await?;
    let parameters = stream.connection().parameters();
    let is_resumed = parameters.pre_shared_key.is_some();
    let early_data = parameters.early_data.code();
    // `read` never returns 0-RTT data. A server that does not take them must not accept them.
    let received = stream.take_early_data().len();
    let answer = format!(
        "server {server}: resumed: {is_resumed}, 0-RTT data: {early_data}, {received} bytes\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.close().await
}
