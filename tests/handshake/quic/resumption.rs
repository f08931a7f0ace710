//! Sessions and 0-RTT data of QUIC.

use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use handclasp::ServerConfig;
use handclasp::config::Limits;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoError;
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::UnixTime;
use handclasp::quic::Version;
use handclasp::session::{
    ClientSession, ClientSessionStore, EarlyDataOffer, EarlyDataPolicy, MAX_RESUMPTION_DATA_LENGTH,
    ReplayCheck, SessionStore,
};
use handclasp::verify::ClientAuthentication;
use handclasp::{AnswerLater, Error, ErrorKind, Level, Reply};
use handclasp_testing::server_name;
use handclasp_testing::sessions::{Pair, RegisterElsewhere, time};
use zeroize::Zeroizing;

use super::ends::{
    End, SERVER_PARAMETERS, assert_all_keys_match, assert_keys_match, client_with_sessions,
    connected, pass, run, server_with_early_data,
};

/// A first connection: then the client has a session, which has passed through its bytes.
fn meet(pair: &Pair, server: &Arc<ServerConfig>) {
    let client = client_with_sessions(pair);
    let (mut client, mut server) = (End::client(&client, 0), End::server(server, 0));
    client.connection.set_resumption_data(b"of the client").unwrap();
    server.connection.set_resumption_data(b"of the server").unwrap();
    run(&mut client, &mut server).unwrap();
    assert_eq!(client.connection.parameters().resumption_data, b"");
    let now: UnixTime = time(0);
    let session = pair.store.take(&server_name(), now).unwrap();
    assert_eq!(session.resumption_data(), b"of the client");
    pair.store.forget(&server_name());
    pair.store.put(ClientSession::from_bytes(&session.to_bytes()).unwrap());
}

#[test]
fn accepted_0_rtt_data_have_keys_and_the_remembered_parameters() {
    let pair = Pair::new();
    let server = server_with_early_data(&pair);
    meet(&pair, &server);
    let mut client = End::client(&client_with_sessions(&pair), 1);
    let mut server = End::server(&server, 1);
    let remembered = client.connection.remembered_transport_parameters();
    assert_eq!(remembered, Some(SERVER_PARAMETERS));
    assert_eq!(client.connection.parameters().resumption_data, b"of the client");
    pass(&mut client, &mut server).unwrap();
    assert_eq!(client.events, ["WriteKeys(EarlyData)"]);
    run(&mut client, &mut server).unwrap();
    assert_keys_match(&client.write[0].keys, &server.read[0].keys);
    assert_all_keys_match(&client, &server);
    assert_all_keys_match(&server, &client);
    for end in [&client, &server] {
        let parameters = end.connection.parameters();
        assert_eq!(parameters.early_data, EarlyData::Accepted);
        assert_eq!(parameters.pre_shared_key, Some(PskKind::Resumption));
    }
    assert_eq!(server.connection.parameters().resumption_data, b"of the server");
    let discarded = client.events.iter().filter(|event| *event == "DiscardKeys(EarlyData)");
    assert_eq!(discarded.count(), 1, "{:?}", client.events);
}

#[test]
fn keys_of_rejected_0_rtt_data_are_discarded() {
    let pair = Pair::new();
    meet(&pair, &server_with_early_data(&pair));
    let server = pair.finish(pair.server_builder().application_protocols(["h3"]));
    let [client, server] = connected(&client_with_sessions(&pair), &server, 1);
    assert_eq!(client.connection.parameters().early_data, EarlyData::Rejected);
    assert!(!server.has_read_keys(Level::EarlyData));
    let place = |event: &str| client.events.iter().position(|it| it == event).unwrap();
    assert!(place("DiscardKeys(EarlyData)") < place("ReadKeys(Application)"));
}

/// Accepts 0-RTT data only of sessions with what the server keeps now.
#[derive(Debug)]
struct SameData(&'static [u8]);

impl EarlyDataPolicy for SameData {
    fn accept(&self, offer: &EarlyDataOffer) -> Reply<bool> {
        let shown = format!("{offer:?}");
        assert!(shown.contains("resumption_data: 13 bytes"), "{shown}");
        Reply::Now(offer.resumption_data == self.0)
    }
}

#[test]
fn a_policy_sees_what_the_server_has_kept_in_the_ticket() {
    for (now, expected) in
        [(&b"of the server"[..], EarlyData::Accepted), (b"other limits", EarlyData::Rejected)]
    {
        let pair = Pair::new();
        meet(&pair, &server_with_early_data(&pair));
        let builder = pair.early_server(1000).application_protocols(["h3"]);
        let server = pair.finish(builder.early_data_policy(Arc::new(SameData(now))));
        let [client, _] = connected(&client_with_sessions(&pair), &server, 1);
        assert_eq!(client.connection.parameters().early_data, expected);
    }
}

#[test]
fn keys_of_0_rtt_data_are_there_when_the_register_has_answered() {
    for (answer, expected) in
        [(ReplayCheck::New, EarlyData::Accepted), (ReplayCheck::Unknown, EarlyData::Rejected)]
    {
        let (pair, register) = (Pair::new(), RegisterElsewhere::new());
        let builder = pair.server_builder().application_protocols(["h3"]);
        let server = pair.finish(builder.early_data(1000, register));
        meet(&pair, &server);
        let mut client = End::client(&client_with_sessions(&pair), 1);
        let mut server = End::server(&server, 1);
        run(&mut client, &mut server).unwrap();
        let question = server.connection.question();
        assert!(matches!(question, Some(Question::CheckReplay(_))), "{question:?}");
        assert!(!server.has_read_keys(Level::EarlyData));
        let number = server.connection.question_number().unwrap();
        server.connection.answer(number, Answer::ReplayCheck(answer)).unwrap();
        run(&mut client, &mut server).unwrap();
        assert_eq!(client.connection.parameters().early_data, expected);
        assert_eq!(server.connection.parameters().early_data, expected);
        assert!(!server.connection.is_handshaking());
    }
}

/// A server with this context, if there is one.
fn server_with_context(config: &Arc<ServerConfig>, context: Option<&[u8]>, at: u64) -> End {
    let mut server = End::server(config, at);
    if let Some(context) = context {
        server.connection.set_early_data_context(context).unwrap();
    }
    server
}

/// RFC 9000, section 7.4.1.
#[test]
fn early_data_of_a_session_with_another_context_are_rejected() {
    let contexts = [None, Some(&b""[..]), Some(b"limits"), Some(b"lower limits")];
    for before in contexts {
        for now in contexts {
            let pair = Pair::new();
            let server_config = server_with_early_data(&pair);
            let mut client = End::client(&client_with_sessions(&pair), 0);
            run(&mut client, &mut server_with_context(&server_config, before, 0)).unwrap();

            let mut client = End::client(&client_with_sessions(&pair), 1);
            let mut server = server_with_context(&server_config, now, 1);
            run(&mut client, &mut server).unwrap();
            let parameters = client.connection.parameters();
            assert_eq!(parameters.pre_shared_key, Some(PskKind::Resumption));
            let expected = if before == now { EarlyData::Accepted } else { EarlyData::Rejected };
            assert_eq!(parameters.early_data, expected, "{before:?} {now:?}");
        }
    }
}

#[test]
fn an_early_data_context_is_limited_and_of_a_server() {
    let pair = Pair::new();
    let mut server = End::server(&server_with_early_data(&pair), 0).connection;
    let mut client = End::client(&client_with_sessions(&pair), 0).connection;
    server.set_early_data_context(&[7; 4096]).unwrap();
    for refused in
        [server.set_early_data_context(&[7; 4097]), client.set_early_data_context(b"limits")]
    {
        assert!(matches!(refused.unwrap_err().kind(), ErrorKind::Misuse(_)));
    }
}

#[test]
fn a_session_is_resumed_under_its_version_only() {
    let pair = Pair::new();
    let server_config = server_with_early_data(&pair);
    meet(&pair, &server_config);
    let mut client = End::client_of_version(&client_with_sessions(&pair), Version::V2, 1);
    let mut server = End::server_of_version(&server_config, Version::V2, 1);
    run(&mut client, &mut server).unwrap();
    assert_eq!(client.connection.parameters().pre_shared_key, None);
    assert_eq!(client.connection.parameters().early_data, EarlyData::NotOffered);

    // A server does not trust clients with that.
    meet(&pair, &server_config);
    let mut client = End::client(&client_with_sessions(&pair), 1);
    let mut server = End::server_of_version(&server_config, Version::V2, 1);
    run(&mut client, &mut server).unwrap();
    assert_eq!(server.connection.parameters().pre_shared_key, None);

    // Nor is a session of TLS over TCP one of QUIC.
    let pair = Pair::new();
    pair.meet(&pair.finish(pair.early_server(1000)));
    let [client, _] = connected(&client_with_sessions(&pair), &server_with_early_data(&pair), 1);
    assert_eq!(client.connection.parameters().pre_shared_key, None);
}

/// Sends tickets in `count` messages. Returns the error of the client.
fn send_tickets([client, server]: &mut [End; 2], count: usize) -> Result<(), Error> {
    for _ in 0..count {
        server.connection.send_tickets(1)?;
        pass(server, client)?;
    }
    Ok(())
}

/// Application data do not pass through the library, so it cannot count messages between them.
#[test]
fn a_server_may_send_many_tickets_and_not_a_flood_of_them() {
    let pair = Pair::new();
    let server = server_with_early_data(&pair);
    send_tickets(&mut connected(&client_with_sessions(&pair), &server, 0), 1000).unwrap();

    let limit = 40;
    let mut limits = Limits::DEFAULT;
    limits.quic_messages_per_minute = limit;
    let builder = pair.client_builder().application_protocols(["h3"]).limits(limits);
    let mut ends = connected(&Arc::new(builder.build().unwrap()), &server, 0);
    // The first tickets count, too.
    for (at, count) in [(0, limit - 2), (61, limit), (122, limit)] {
        ends[0].connection.set_time(time(at));
        send_tickets(&mut ends, count).unwrap();
    }
    let error = send_tickets(&mut ends, 1).unwrap_err();
    let exceeded = ErrorKind::LimitExceeded { name: "quic_messages_per_minute", limit };
    assert_eq!(error.kind(), &exceeded);
}

#[test]
fn data_for_a_session_are_limited() {
    let pair = Pair::new();
    let server = server_with_early_data(&pair);
    let mut server = End::server(&server, 0).connection;
    server.set_resumption_data(&[7; MAX_RESUMPTION_DATA_LENGTH]).unwrap();
    let error = server.set_resumption_data(&[7; MAX_RESUMPTION_DATA_LENGTH + 1]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misuse(_)));
    server.check().unwrap();
}

/// Keeps the times at which it is asked for tickets.
#[derive(Debug, Default)]
struct Times(Mutex<Vec<UnixTime>>);

impl SessionStore for Times {
    fn put(&self, _: &[u8], now: UnixTime, _: Duration) -> Result<Vec<u8>, CryptoError> {
        self.0.lock().unwrap().push(now);
        Ok(vec![1; 9])
    }

    fn take(&self, _: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        Reply::Now(None)
    }
}

#[test]
fn the_clock_goes_on_until_an_answer_comes_and_until_tickets_are_sent() {
    const LONGER_THAN_A_SECOND: Duration = Duration::from_millis(1100);
    let (pair, times) = (Pair::new(), Arc::new(Times::default()));
    let client_authentication = ClientAuthentication::optional(Arc::new(AnswerLater));
    let server = pair
        .server_builder()
        .application_protocols(["h3"])
        .client_authentication(client_authentication)
        .sessions(times.clone())
        .tickets(1);
    let key = CertificateList::new(vec![Arc::new(pair.identity.certified_key())]);
    let client = pair.client_builder().application_protocols(["h3"]);
    let client = client.client_certificates(Arc::new(key)).build().unwrap();
    let mut client = End::client(&Arc::new(client), 0);
    let mut server = End::server(&pair.finish(server), 0);
    run(&mut client, &mut server).unwrap();
    let mut server = server.connection;
    let number = server.question_number().unwrap();
    sleep(LONGER_THAN_A_SECOND);
    server.answer(number, Answer::Peer(Ok(()))).unwrap();
    assert!(!server.is_handshaking());
    sleep(LONGER_THAN_A_SECOND);
    server.send_tickets(1).unwrap();
    let times = times.0.lock().unwrap().clone();
    assert_eq!(times.len(), 2);
    assert!(times[0] >= time(1) && times[1] >= time(2), "{times:?}");
}
