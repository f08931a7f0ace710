//! A server opens hostile tickets: as they are, and as the sealed content of its own tickets, so
//! that what is inside one varies too; and a store that is asked later answers with hostile bytes.

#![no_main]

use core::time::Duration;
use std::sync::{Arc, LazyLock};

use handclasp::alert::AlertDescription;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, Handshake, Question, Side};
use handclasp::pki_types::UnixTime;
use handclasp::registry::HandshakeType;
use handclasp::session::{SessionStore, TicketKeys};
use handclasp::wire::{ClientHello, ExtensionType};
use handclasp::{Error, Level, Reply, ServerConfig};
use handclasp_testing::deterministic::{self, Scenario};
use handclasp_testing::sessions::{Elsewhere, LIFETIME};
use handclasp_testing::written::{extension, handshake_message, vector16};
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

static KEYS: LazyLock<Arc<TicketKeys>> = LazyLock::new(|| {
    let bytes: Vec<u8> = (0..32).collect();
    let random = CryptoProvider::default().random;
    Arc::new(TicketKeys::from_bytes(&bytes, random).expect("the key is one"))
});

static ASKING: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let builder = ServerConfig::builder(CryptoProvider::default()).sessions(Elsewhere::new());
    let resolver = Arc::new(handclasp::AnswerLater);
    Arc::new(builder.build(resolver).expect("the configuration is complete"))
});

static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let builder = ServerConfig::builder(CryptoProvider::default()).sessions(KEYS.clone());
    let resolver = Arc::new(handclasp::AnswerLater);
    Arc::new(builder.build(resolver).expect("the configuration is complete"))
});

static RECORDED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let recorded = &deterministic::record_messages(Scenario::Plain)[0];
    assert_eq!(recorded.from, Side::Client);
    recorded.bytes[4..].to_vec()
});

/// An honest ClientHello that offers this ticket, with a binder of zeros.
fn hello(ticket: &[u8]) -> Vec<u8> {
    let body = &RECORDED[..];
    let hello = ClientHello::parse(body).expect("it is honest");
    let mut extensions = Vec::new();
    for it in hello.extensions.iter() {
        extensions.extend(extension(it.kind, it.body));
    }
    if hello.psk_key_exchange_modes.is_none() {
        extensions.extend(extension(ExtensionType::PSK_KEY_EXCHANGE_MODES, &[1, 1]));
    }
    let identities = vector16(&[&vector16(ticket)[..], &[0; 4]].concat());
    let binders = vector16(&[&[32][..], &[0; 32]].concat());
    let keys = [identities, binders].concat();
    extensions.extend(extension(ExtensionType::PRE_SHARED_KEY, &keys));
    let before = hello.extensions.iter().map(|it| it.body.len() + 4).sum::<usize>() + 2;
    let body = [&body[..body.len() - before], &vector16(&extensions)].concat();
    handshake_message(HandshakeType::CLIENT_HELLO, &body)
}

fuzz_target!(|data: &[u8]| {
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
    assert_eq!(KEYS.take(data, now), Reply::Now(None), "it was not sealed here");
    let sealed = KEYS.put(data, now, LIFETIME).expect("there is randomness");
    assert_eq!(KEYS.take(&sealed, now), Reply::Now(Some(Zeroizing::new(data.to_vec()))));
    for ticket in [data, &sealed] {
        if !(1..0x4000).contains(&ticket.len()) {
            continue;
        }
        let mut server = server(&CONFIG, now);
        let result = server.receive(Level::Initial, &hello(ticket));
        passed_over_or_refused(&server, result);
    }
    let mut server = server(&ASKING, now);
    server.receive(Level::Initial, &hello(b"a ticket")).expect("the ticket is asked about");
    let Some(Question::TakeSession(asked)) = server.question() else {
        panic!("{:?}", server.question())
    };
    assert_eq!(asked.ticket, b"a ticket");
    let number = server.question_number().expect("a question is open");
    let result = server.answer(number, Answer::Session(Some(Zeroizing::new(data.to_vec()))));
    passed_over_or_refused(&server, result);
});

fn server(config: &Arc<ServerConfig>, now: UnixTime) -> Handshake {
    Handshake::server(Arc::clone(config), now).without_records().expect("a server starts")
}

fn passed_over_or_refused(server: &Handshake, result: Result<(), Error>) {
    match result {
        Ok(()) => {
            let question = server.question();
            assert!(matches!(question, Some(Question::ChooseCertificate(_))), "{question:?}");
        }
        Err(error) => assert_eq!(
            error.alert_sent(),
            Some(AlertDescription::DECRYPT_ERROR),
            "a good session, and a binder of zeros: {error}"
        ),
    }
}
