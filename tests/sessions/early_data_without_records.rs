//! 0-RTT data without records, as QUIC carries them; and a server that says yes where it must not.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::config::ClientConfigBuilder;
use handclasp::handshake::{EarlyData, Handshake, Step};
use handclasp::psk::PskList;
use handclasp::{Level, ServerConfig};
use handclasp_testing::sessions::{self, Pair, client as client_at, server_at, talk, time};
use handclasp_testing::{narrow_provider, server_name};

/// Both ends without records, as QUIC carries them.
fn raw(pair: &Pair, config: &Arc<ServerConfig>, at: u64) -> (Handshake, Handshake) {
    raw_with(pair.client_builder(), config, at)
}

fn raw_with(
    builder: ClientConfigBuilder,
    config: &Arc<ServerConfig>,
    at: u64,
) -> (Handshake, Handshake) {
    let client = Handshake::client(Arc::new(builder.build().unwrap()), server_name(), time(at));
    let server = Handshake::server(config.clone(), time(at));
    (client.without_records().unwrap(), server.without_records().unwrap())
}

/// Carries messages, each changed by `edit`, until there are no more. Returns the 0-RTT secrets.
fn run(
    client: &mut Handshake,
    server: &mut Handshake,
    edit: impl Fn(&mut Vec<u8>),
) -> Result<Vec<Vec<u8>>, handclasp::Error> {
    let mut secrets = Vec::new();
    loop {
        let sent = pass(client, server, &mut secrets, |_| {})?;
        let answered = pass(server, client, &mut secrets, &edit)?;
        if !sent && !answered {
            return Ok(secrets);
        }
    }
}

fn pass(
    from: &mut Handshake,
    to: &mut Handshake,
    secrets: &mut Vec<Vec<u8>>,
    edit: impl Fn(&mut Vec<u8>),
) -> Result<bool, handclasp::Error> {
    let mut moved = false;
    while let Some(step) = from.next_step() {
        match step {
            Step::Send { level, mut bytes } => {
                assert_ne!(level, Level::EarlyData, "no message is sent with 0-RTT data");
                edit(&mut bytes);
                to.receive(level, &bytes)?;
                moved = true;
            }
            Step::ReadKeys { level: Level::EarlyData, secret }
            | Step::WriteKeys { level: Level::EarlyData, secret } => {
                secrets.push(secret.as_bytes().to_vec());
            }
            _ => {}
        }
    }
    Ok(moved)
}

#[test]
fn without_records_there_is_no_end_of_early_data() {
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000));
    let (mut client, mut server) = raw(&pair, &config, 0);
    assert_eq!(run(&mut client, &mut server, |_| {}).unwrap().len(), 0);
    let (mut client, mut server) = raw(&pair, &config, 1);
    let secrets = run(&mut client, &mut server, |_| {}).unwrap();
    assert_eq!(secrets.len(), 2, "one to write with, one to read with");
    assert_eq!(secrets[0], secrets[1]);
    for end in [&client, &server] {
        assert!(end.is_complete());
        assert_eq!(end.parameters().early_data, EarlyData::Accepted);
    }
    // After a retry the messages go on at their own levels.
    let retries = pair.server_with(narrow_provider(0, 1));
    let config = pair.finish(retries.early_data(1000, pair.register.clone()));
    let (mut client, mut server) = raw(&pair, &config, 2);
    assert_eq!(run(&mut client, &mut server, |_| {}).unwrap().len(), 1);
    for end in [&client, &server] {
        assert!(end.is_complete() && end.parameters().retried);
        assert_eq!(end.parameters().early_data, EarlyData::Rejected);
    }
}

/// Puts this extension into EncryptedExtensions, if the message begins the bytes.
fn add_extension(bytes: &mut Vec<u8>, extension: &[u8]) {
    if bytes.first() != Some(&8) {
        return;
    }
    let length = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
    bytes.splice(6 + length..6 + length, extension.iter().copied());
    for at in [3, 5] {
        bytes[at] += u8::try_from(extension.len()).unwrap();
    }
}

#[test]
fn a_client_takes_no_yes_that_does_not_fit_its_offer() {
    const YES: [u8; 4] = [0, 42, 0, 0];
    let yes = |bytes: &mut Vec<u8>| add_extension(bytes, &YES);
    let refusal = |client: &mut Handshake, server: &mut Handshake| {
        let error = run(client, server, yes).unwrap_err();
        assert!(error.to_string().contains("early_data"), "{error}");
        error.alert_sent()
    };
    // None were offered.
    let pair = Pair::new();
    let config = pair.finish(pair.early_server(1000));
    let (mut client, mut server) = raw(&pair, &config, 0);
    let unsupported = Some(AlertDescription::UNSUPPORTED_EXTENSION);
    assert_eq!(refusal(&mut client, &mut server), unsupported);

    // Another key than the first was chosen.
    pair.meet(&config);
    let key = sessions::shared_key;
    let keys = Arc::new(PskList::new(vec![key()]));
    let other = pair.server_builder().sessions(sessions::ticket_keys()).pre_shared_keys(keys);
    let builder = pair.client_builder().pre_shared_keys(vec![key()]);
    let (mut client, mut server) = raw_with(builder, &pair.finish(other), 1);
    let illegal = Some(AlertDescription::ILLEGAL_PARAMETER);
    assert_eq!(refusal(&mut client, &mut server), illegal);

    // No key was chosen at all, and then another suite, and another protocol.
    pair.meet(&config);
    let other = pair.finish(pair.server_builder().sessions(sessions::ticket_keys()));
    let (mut client, mut server) = raw(&pair, &other, 1);
    assert_eq!(refusal(&mut client, &mut server), illegal);
    pair.meet(&config);
    let other = pair.finish(pair.server_with(narrow_provider(2, 0)));
    let (mut client, mut server) = raw(&pair, &other, 1);
    assert_eq!(refusal(&mut client, &mut server), illegal);
    let protocols = ["test/2", "test/1"];
    let config = pair.finish(pair.early_server(1000).application_protocols(protocols));
    let first = pair.client_builder().application_protocols(["test/1"]);
    talk(&mut client_at(first, 0), &mut server_at(&config, 0)).checked();
    let both = pair.client_builder().application_protocols(["test/1", "test/2"]);
    let (mut client, mut server) = raw_with(both, &config, 1);
    assert_eq!(refusal(&mut client, &mut server), illegal);
}
