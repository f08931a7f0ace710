//! What a hostile peer can make one connection cost: the most heap that it holds between two
//! records and within a call, and the time for each byte that the peer sends, beside rustls in the
//! same run. The transport's buffers are left out, on both sides.
//!
//! Heap figures are counts and the same in every run. Times are medians over rounds; of these, the
//! ratios count.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp::connection::{Connection, Received};
use handclasp::credential::{CertificateCompression, CertificateList};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::CertificateDer;
use handclasp::registry::{
    CertificateCompressionAlgorithm, ContentType, HandshakeType, NamedGroup,
};
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::wire::ExtensionType;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, ServerConfig, ServerConnection, TrustAnchors,
};
use handclasp_testing::authority::root;
use handclasp_testing::compression::Bomb;
use handclasp_testing::forge::{Forger, Secrets};
use handclasp_testing::measure::{self, median};
use handclasp_testing::written::{extension, handshake_message, record, vector16};
use handclasp_testing::{Identity, server_name};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const ROUNDS: usize = 7;

/// The end that is attacked.
enum Victim {
    Ours(Box<dyn core::ops::DerefMut<Target = Connection>>),
    Theirs(Box<rustls::Connection>),
}

impl Victim {
    /// Gives it bytes; false once it refuses. The application reads what there is to read.
    fn take(&mut self, bytes: &mut [u8]) -> bool {
        match self {
            Self::Ours(end) => {
                let mut start = 0;
                while start < bytes.len() {
                    match end.receive(&mut bytes[start..]) {
                        Ok((0, Received::Incomplete)) => break,
                        Ok((consumed, _)) => start += consumed,
                        Err(_) => return false,
                    }
                }
                true
            }
            Self::Theirs(end) => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    if end.read_tls(&mut rest).is_err() || end.process_new_packets().is_err() {
                        return false;
                    }
                    let _ = std::io::copy(&mut end.reader(), &mut std::io::sink());
                }
                true
            }
        }
    }

    fn outgoing(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Ours(end) => {
                out.extend_from_slice(end.outgoing());
                let length = out.len();
                end.sent(length);
            }
            Self::Theirs(end) => {
                while end.wants_write() {
                    end.write_tls(&mut out).unwrap();
                }
            }
        }
        out
    }
}

/// What one attack came to.
struct Cost {
    /// Bytes that were taken before the connection was refused, if it was.
    taken: usize,
    refused: bool,
    /// The most heap that the connection held between two records.
    held: usize,
    /// The most heap that it held within a call.
    most: usize,
    /// Of the connection's whole life.
    nanos: f64,
    sent: usize,
}

/// Makes a victim, brings it to where the attack begins, and attacks it record by record.
fn attack(prepare: &dyn Fn() -> (Victim, Vec<Vec<u8>>)) -> Cost {
    let (mut times, mut cost) = (Vec::new(), None);
    for _ in 0..ROUNDS {
        let before = ALLOCATOR.current_usage();
        let (mut victim, records) = prepare();
        // The records are the attacker's.
        let theirs: usize = records.iter().map(Vec::capacity).sum::<usize>()
            + records.capacity() * size_of::<Vec<u8>>();
        let mut buffer = Vec::with_capacity(1 << 17);
        let (mut spent, mut taken, mut refused) = (Duration::ZERO, 0, false);
        let (mut held, mut most) = (0, 0);
        let others = before + theirs + buffer.capacity();
        for record in &records {
            buffer.clear();
            buffer.extend_from_slice(record);
            ALLOCATOR.reset_peak_usage();
            let start = Instant::now();
            refused = !victim.take(&mut buffer);
            spent += start.elapsed();
            taken += record.len();
            held = held.max(ALLOCATOR.current_usage().saturating_sub(others));
            most = most.max(ALLOCATOR.peak_usage().saturating_sub(others));
            if refused {
                break;
            }
        }
        let sent = victim.outgoing().len();
        let nanos = spent.as_nanos() as f64 / taken.max(1) as f64;
        times.push(nanos);
        cost = Some(Cost { taken, refused, held, most, nanos, sent });
    }
    let cost = cost.expect("there is a round");
    Cost { nanos: median(times), ..cost }
}

fn report(name: &str, limit: &str, ours: &Cost, theirs: &Cost) {
    let taken = |cost: &Cost| match cost.refused {
        true => format!("{} then refused", cost.taken),
        false => format!("{}, all", cost.taken),
    };
    for (who, cost) in [("handclasp", ours), ("rustls", theirs)] {
        println!(
            "| {name} | {who} | {} | {} | {} | {:.1} | {} | {} |",
            taken(cost),
            cost.held,
            cost.most,
            cost.nanos,
            cost.sent,
            if who == "rustls" { "" } else { limit }
        );
    }
}

fn main() {
    println!("| attack | end | bytes taken | heap held | peak | ns/byte | bytes it says | limit |");
    println!("|---|---|---|---|---|---|---|---|");
    let identity = Identity::p256();
    before(&identity);
    after(&identity);
    on_clients(&identity);
}

fn our_server(identity: &Identity) -> Arc<ServerConfig> {
    let mut provider = CryptoProvider::ring();
    let random = provider.random.clone();
    provider.cipher_suites.truncate(1);
    provider.groups.retain(|group| group.name() == NamedGroup::X25519);
    let key = CertifiedKey::from_der(identity.chain.clone(), &identity.key).unwrap();
    let tickets = Arc::new(TicketKeys::random(random).unwrap());
    let builder = ServerConfig::builder(provider).sessions(tickets);
    Arc::new(builder.build(Arc::new(CertificateList::new(vec![Arc::new(key)]))).unwrap())
}

fn their_server(identity: &Identity) -> Arc<rustls::ServerConfig> {
    let mut config = Arc::unwrap_or_clone(measure::rustls(identity).1);
    config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    config.send_tls13_tickets = 2;
    Arc::new(config)
}

fn servers(identity: &Identity) -> [Box<dyn Fn() -> Victim>; 2] {
    let (ours, theirs) = (our_server(identity), their_server(identity));
    [
        Box::new(move || Victim::Ours(Box::new(ServerConnection::new(ours.clone())))),
        Box::new(move || {
            let server = rustls::ServerConnection::new(theirs.clone()).unwrap();
            Victim::Theirs(Box::new(server.into()))
        }),
    ]
}

/// A server whose client sends these records, and nothing before them.
fn against_servers(identity: &Identity, name: &str, limit: &str, records: &[Vec<u8>]) {
    let [ours, theirs] = servers(identity).map(|start| attack(&|| (start(), records.to_vec())));
    report(name, limit, &ours, &theirs);
}

fn before(identity: &Identity) {
    // As long as a ClientHello can be, less a byte.
    let header = [&[1, 2, 1, 0x44][..], &[7; 0x02_0143]].concat();
    let pieces = |length: usize| {
        header.chunks(length).map(|piece| record(ContentType::HANDSHAKE, piece)).collect()
    };
    let whole: Vec<_> = pieces(16_384);
    let limit = "handshake_message";
    against_servers(identity, "a ClientHello that never ends", limit, &whole);
    let bytes: Vec<_> = pieces(1);
    against_servers(identity, "the same in records of one byte", limit, &bytes);
    let flood = vec![record(ContentType::HANDSHAKE, &[]); 10_000];
    against_servers(identity, "empty handshake records", "none is taken", &flood);
    let flood = vec![record(ContentType::CHANGE_CIPHER_SPEC, &[1]); 10_000];
    against_servers(identity, "change_cipher_spec", "change_cipher_specs", &flood);

    let groups = |count: u16| (0..count).map(|code| 0x4000 + code);
    let shares = groups(8_000).flat_map(|code| [&code.to_be_bytes()[..], &[0, 1, 1]].concat());
    let listed = groups(8_000).flat_map(u16::to_be_bytes);
    let hello = client_hello(listed.collect(), shares.collect(), None);
    against_servers(identity, "8,000 key shares", "handshake_message", &hello);
    let hello = client_hello(Vec::new(), Vec::new(), Some(1_400));
    against_servers(identity, "1,400 pre-shared keys", "16 tickets are looked at", &hello);
    let mut extensions = Vec::new();
    (0x5000..0x5000 + 14_000_u16)
        .for_each(|kind| extensions.extend(extension(ExtensionType(kind), &[])));
    let hello = long_hello(extensions, Vec::new(), Vec::new(), None);
    against_servers(identity, "14,000 extensions", "handshake_message", &hello);
}

fn client_hello(groups: Vec<u8>, shares: Vec<u8>, keys: Option<usize>) -> Vec<Vec<u8>> {
    long_hello(Vec::new(), groups, shares, keys)
}

/// A ClientHello that is good but for its size, in records: with these groups and shares before
/// those of x25519, and with so many pre-shared keys.
fn long_hello(
    mut extensions: Vec<u8>,
    mut groups: Vec<u8>,
    mut shares: Vec<u8>,
    keys: Option<usize>,
) -> Vec<Vec<u8>> {
    groups.extend_from_slice(&[0, 29]);
    shares.extend_from_slice(&[&[0, 29, 0, 32][..], &[9; 32]].concat());
    extensions.extend(extension(ExtensionType::SUPPORTED_VERSIONS, &[2, 3, 4]));
    extensions.extend(extension(ExtensionType::SUPPORTED_GROUPS, &vector16(&groups)));
    extensions
        .extend(extension(ExtensionType::SIGNATURE_ALGORITHMS, &vector16(&[4, 3, 8, 4, 8, 7])));
    extensions.extend(extension(ExtensionType::KEY_SHARE, &vector16(&shares)));
    if let Some(count) = keys {
        extensions.extend(extension(ExtensionType::PSK_KEY_EXCHANGE_MODES, &[1, 1]));
        let identity = |number: usize| {
            let number = (number as u32).to_be_bytes();
            [&[0, 4][..], &number, &number].concat()
        };
        let identities: Vec<u8> = (0..count).flat_map(identity).collect();
        let binders = [&[32][..], &[5; 32]].concat().repeat(count);
        let keys = [vector16(&identities), vector16(&binders)].concat();
        extensions.extend(extension(ExtensionType::PRE_SHARED_KEY, &keys));
    }
    let head = [&[3, 3][..], &[8; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let body = [head, vector16(&extensions)].concat();
    let message = handshake_message(HandshakeType::CLIENT_HELLO, &body);
    message.chunks(16_384).map(|piece| record(ContentType::HANDSHAKE, piece)).collect()
}

/// A handshake between the victim and one of our ends, whose secrets forge what follows.
fn connect(victim: &mut Victim, attacker: &mut Connection) {
    loop {
        let mut to_victim = attacker.outgoing().to_vec();
        attacker.sent(to_victim.len());
        assert!(victim.take(&mut to_victim));
        let mut to_attacker = victim.outgoing();
        let mut start = 0;
        while start < to_attacker.len() {
            start += attacker.receive(&mut to_attacker[start..]).unwrap().0;
        }
        if to_victim.is_empty() && to_attacker.is_empty() {
            return assert!(!attacker.is_handshaking());
        }
    }
}

/// A connected server, and the records that the forger makes.
fn connected_server(
    start: &dyn Fn() -> Victim,
    identity: &Identity,
    forge: &dyn Fn(&mut Forger) -> Vec<Vec<u8>>,
) -> (Victim, Vec<Vec<u8>>) {
    let secrets = Arc::new(Secrets::default());
    let mut anchors = TrustAnchors::new();
    anchors.add(identity.anchor.clone()).unwrap();
    let builder = ClientConfig::builder(CryptoProvider::ring()).key_log(secrets.clone());
    let config = Arc::new(builder.trust(anchors).unwrap().build().unwrap());
    let mut victim = start();
    let mut attacker = ClientConnection::new(config, server_name());
    connect(&mut victim, &mut attacker);
    (victim, forge(&mut secrets.forger("CLIENT_TRAFFIC_SECRET_0")))
}

fn after(identity: &Identity) {
    type Forge = dyn Fn(&mut Forger) -> Vec<Vec<u8>>;
    let message = [&[24, 0, 0xff, 0xf0][..], &[7; 0xffef]].concat();
    let never_ends = move |forger: &mut Forger| {
        message.chunks(16_384).map(|piece| forger.seal(ContentType::HANDSHAKE, piece)).collect()
    };
    const DATA: ContentType = ContentType::APPLICATION_DATA;
    let rows: [(&str, &str, &Forge); 4] = [
        ("a message after the handshake that never ends", "its type and length", &never_ends),
        ("KeyUpdate, each with a request", "messages_without_data", &|forger| {
            (0..5_000).map(|_| forger.update(true)).collect()
        }),
        ("the same, with a byte of data after each", "none: one answer is owed", &|forger| {
            (0..5_000).map(|_| [forger.update(true), forger.seal(DATA, &[1])].concat()).collect()
        }),
        ("application data, a byte in each record", "none: it is data", &|forger| {
            (0..5_000).map(|_| forger.seal(DATA, &[1])).collect()
        }),
    ];
    for (name, limit, forge) in rows {
        let [ours, theirs] =
            servers(identity).map(|start| attack(&|| connected_server(&*start, identity, forge)));
        report(name, limit, &ours, &theirs);
    }
}

fn clients(identity: &Identity) -> [Box<dyn Fn() -> Victim>; 2] {
    let anchor = identity.anchor.clone();
    let theirs = Arc::unwrap_or_clone(measure::rustls(identity).0);
    [
        Box::new(move || {
            let mut anchors = TrustAnchors::new();
            anchors.add(anchor.clone()).unwrap();
            let builder = ClientConfig::builder(CryptoProvider::ring());
            let builder = builder.certificate_compression(algorithms());
            let sessions = Arc::new(MemoryClientSessions::new(256));
            let config = builder.trust(anchors).unwrap().sessions(sessions).build().unwrap();
            Victim::Ours(Box::new(ClientConnection::new(config.into(), server_name())))
        }),
        Box::new(move || {
            let mut config = theirs.clone();
            config.resumption = rustls::client::Resumption::in_memory_sessions(256);
            let client = rustls::ClientConnection::new(config.into(), server_name()).unwrap();
            Victim::Theirs(Box::new(client.into()))
        }),
    ]
}

fn on_clients(identity: &Identity) {
    let [ours, theirs] =
        clients(identity).map(|start| attack(&|| flooded_with_tickets(&*start, identity)));
    report("tickets of 8,000 bytes", "messages_without_data, the store's capacity", &ours, &theirs);

    // Authorities of one name, none of which has signed the server's certificate.
    let bag: Vec<_> = (0..30).map(|_| stranger()).collect();
    let chain = [&identity.chain[..], &bag].concat();
    let other = Identity::p256();
    let victims = clients(&other).map(|start| attack(&|| answered(&*start, identity, &chain, &[])));
    let [ours, theirs] = victims;
    report("30 certificates that lead nowhere", "certificates, signature_checks", &ours, &theirs);

    let long = [&identity.chain[..], &[long_certificate(250_000)]].concat();
    let victims =
        clients(identity).map(|start| attack(&|| answered(&*start, identity, &long, &[])));
    let [ours, theirs] = victims;
    report("a Certificate of 250,000 bytes", "certificate_message", &ours, &theirs);

    for (name, bomb) in bombs() {
        let bomb: Arc<dyn CertificateCompression> = Arc::new(bomb);
        let [ours, theirs] = clients(identity).map(|start| {
            attack(&|| answered(&*start, identity, &chain, std::slice::from_ref(&bomb)))
        });
        report(name, "the length that it says", &ours, &theirs);
    }
}

/// The algorithms of the features that are on.
fn algorithms() -> Vec<Arc<dyn CertificateCompression>> {
    vec![
        #[cfg(feature = "brotli")]
        Arc::new(handclasp::credential::Brotli),
        #[cfg(feature = "zlib")]
        Arc::new(handclasp::credential::Zlib),
    ]
}

/// Streams that say they are the Certificate, and are far longer, or cost memory in other ways.
fn bombs() -> Vec<(&'static str, Bomb)> {
    let mut bombs = Vec::new();
    for algorithm in algorithms() {
        let (code, stream) = (algorithm.algorithm(), algorithm.compress(&vec![0; 5 << 20]));
        let name = match code {
            CertificateCompressionAlgorithm::ZLIB => "zlib: 5 MiB for a Certificate",
            _ => "brotli: 5 MiB for a Certificate",
        };
        bombs.push((name, Bomb { algorithm: code, stream: stream.unwrap() }));
    }
    #[cfg(feature = "brotli")]
    {
        use handclasp_testing::brotli_streams;

        let algorithm = CertificateCompressionAlgorithm::BROTLI;
        for (name, stream) in [
            ("brotli: a window of 16 MiB", brotli_streams::window(24).uncompressed()),
            (
                "brotli: a \"large window\" of 1 GiB",
                brotli_streams::large_window(30).uncompressed(),
            ),
            ("brotli: 768 prefix codes", brotli_streams::window(24).prefix_codes()),
            (
                "brotli: 768 prefix codes for each byte",
                brotli_streams::window(24).prefix_codes_for_each_byte(180),
            ),
        ] {
            bombs.push((name, Bomb { algorithm, stream }));
        }
    }
    bombs
}

/// A certificate of this length, or a little more, that has signed nothing.
fn long_certificate(length: usize) -> CertificateDer<'static> {
    let mut params = rcgen::CertificateParams::default();
    let content = vec![4; length];
    let oid = [1, 3, 6, 1, 4, 1, 99_999, 1];
    params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&oid, content));
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
}

fn stranger() -> CertificateDer<'static> {
    root("benchmark authority").der().clone()
}

fn flooded_with_tickets(start: &dyn Fn() -> Victim, identity: &Identity) -> (Victim, Vec<Vec<u8>>) {
    let secrets = Arc::new(Secrets::default());
    let key = CertifiedKey::from_der(identity.chain.clone(), &identity.key).unwrap();
    let builder = ServerConfig::builder(CryptoProvider::ring()).key_log(secrets.clone());
    let config = builder.build(Arc::new(CertificateList::new(vec![Arc::new(key)]))).unwrap();
    let mut attacker = ServerConnection::new(config.into());
    let mut victim = start();
    connect(&mut victim, &mut attacker);
    let mut forger = secrets.forger("SERVER_TRAFFIC_SECRET_0");
    let tickets = (0..1_000_u16).map(|number| {
        let [high, low] = number.to_be_bytes();
        let head = [0, 0, 0x0e, 0x10, 1, 2, 3, 4, 2, high, low];
        let body = [&head[..], &vector16(&[7; 8_000]), &[0, 0]].concat();
        let ticket = handshake_message(HandshakeType::NEW_SESSION_TICKET, &body);
        forger.seal(ContentType::HANDSHAKE, &ticket)
    });
    (victim, tickets.collect())
}

/// A client, and the flight of a server with this chain.
fn answered(
    start: &dyn Fn() -> Victim,
    identity: &Identity,
    chain: &[CertificateDer<'static>],
    compression: &[Arc<dyn CertificateCompression>],
) -> (Victim, Vec<Vec<u8>>) {
    let key = CertifiedKey::from_der(chain.to_vec(), &identity.key).unwrap();
    let builder = ServerConfig::builder(CryptoProvider::ring());
    let builder = builder.certificate_compression(compression.to_vec());
    let config = builder.build(Arc::new(CertificateList::new(vec![Arc::new(key)]))).unwrap();
    let mut attacker = ServerConnection::new(config.into());
    let mut victim = start();
    let mut hello = victim.outgoing();
    let mut begin = 0;
    while begin < hello.len() {
        begin += attacker.receive(&mut hello[begin..]).unwrap().0;
    }
    (victim, vec![attacker.outgoing().to_vec()])
}
