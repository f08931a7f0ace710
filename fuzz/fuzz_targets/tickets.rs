//! A server opens hostile tickets: as they are, and as the sealed content of its own tickets, so
//! that what is inside one varies too.

#![no_main]

use std::sync::{Arc, LazyLock};

use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp::pki_types::UnixTime;
use handclasp::registry::ExtensionType;
use handclasp::session::{SessionStore, TicketKeys};
use handclasp::wire::ClientHello;
use handclasp::{Level, ServerConfig};
use handclasp_fuzz::peers::{self, Scenario};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Arc<TicketKeys>> = LazyLock::new(|| {
    let bytes: Vec<u8> = (0..32).collect();
    let random = CryptoProvider::ring().random;
    Arc::new(TicketKeys::from_bytes(&bytes, random).expect("the key is one"))
});

static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let builder = ServerConfig::builder(CryptoProvider::ring()).sessions(KEYS.clone());
    let resolver = Arc::new(handclasp::config::AnswerLater);
    Arc::new(builder.build(resolver).expect("the configuration is complete"))
});

static RECORDED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let recorded = &peers::record_messages(Scenario::Plain)[0];
    assert_eq!(recorded.from, Side::Client);
    recorded.bytes[4..].to_vec()
});

/// An honest ClientHello that offers this ticket, with a binder of zeros.
fn hello(ticket: &[u8]) -> Vec<u8> {
    let body = &RECORDED[..];
    let hello = ClientHello::parse(body).expect("it is honest");
    let vector = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let extension =
        |kind: ExtensionType, body: &[u8]| [&kind.0.to_be_bytes()[..], &vector(body)].concat();
    let mut extensions = Vec::new();
    for it in hello.extensions.iter() {
        extensions.extend(extension(it.kind, it.body));
    }
    if hello.psk_key_exchange_modes.is_none() {
        extensions.extend(extension(ExtensionType::PSK_KEY_EXCHANGE_MODES, &[1, 1]));
    }
    let identities = vector(&[&vector(ticket)[..], &[0; 4]].concat());
    let binders = vector(&[&[32][..], &[0; 32]].concat());
    let keys = [identities, binders].concat();
    extensions.extend(extension(ExtensionType::PRE_SHARED_KEY, &keys));
    let before = hello.extensions.iter().map(|it| it.body.len() + 4).sum::<usize>() + 2;
    let body = [&body[..body.len() - before], &vector(&extensions)].concat();
    let length = (body.len() as u32).to_be_bytes();
    [&[1][..], &length[1..], &body].concat()
}

fuzz_target!(|data: &[u8]| {
    let now = UnixTime::since_unix_epoch(core::time::Duration::from_secs(1_800_000_000));
    assert_eq!(KEYS.take(data, now), Reply::Now(None), "it was not sealed here");
    let sealed = KEYS.put(data, now).expect("there is randomness");
    assert_eq!(KEYS.take(&sealed, now).expect("it was sealed here").as_slice(), data);
    for ticket in [data, &sealed] {
        if !(1..0x4000).contains(&ticket.len()) {
            continue;
        }
        let handshake = handclasp::handshake::Handshake::server(CONFIG.clone(), now);
        let mut server =
            handclasp::transport::raw::RawHandshake::new(handshake, None).expect("a server starts");
        match server.receive(Level::Initial, &hello(ticket)) {
            // Passed over: the certificate is asked for.
            Ok(()) => assert!(server.handshake().question().is_some()),
            Err(error) => assert_eq!(
                error.alert_sent(),
                Some(handclasp::alert::AlertDescription::DECRYPT_ERROR),
                "a good session, and a binder of zeros: {error}"
            ),
        }
    }
});
