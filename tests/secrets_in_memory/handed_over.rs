//! What is left of a connection that has given its keys away.

use handclasp::connection::{ExtractedSecrets, Received, RecordStep};
use handclasp::registry::ContentType;

use super::{SUITES, leaves_nothing};

/// Does all steps, as an owner that forgets the keys before. Returns the contents to send.
fn do_steps(end: &mut ExtractedSecrets) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    while let Some(step) = end.post_handshake.next_step() {
        match step {
            RecordStep::Send { content, .. } => contents.push(content),
            RecordStep::ReadKeys(keys) => end.read = keys,
            RecordStep::WriteKeys(keys) => end.write = keys,
        }
    }
    contents
}

fn deliver(contents: Vec<Vec<u8>>, to: &mut ExtractedSecrets) {
    for mut content in contents {
        let received = to.post_handshake.receive(ContentType::HANDSHAKE, &mut content).unwrap();
        assert_eq!(received, Received::Handled);
    }
}

#[test]
fn nothing_is_left_of_keys_that_were_given_away_and_of_those_after_them() {
    for (number, provider) in SUITES.into_iter().enumerate() {
        leaves_nothing(&format!("keys that were given away, suite {number}"), |world| {
            let (client, server) = world.plain(provider);
            let (mut client, mut server) = (world.client(client, 0), world.server(server, 0));
            world.meet(&mut client, &mut server);
            let mut client = client.into_secrets().unwrap();
            let mut server = server.into_secrets().unwrap();
            client.post_handshake.update_keys(true).unwrap();
            deliver(do_steps(&mut client), &mut server);
            deliver(do_steps(&mut server), &mut client);
            assert!(do_steps(&mut client).is_empty());
            assert_eq!(client.read.key(), server.write.key());
            assert_eq!(client.write.iv(), server.read.iv());
        });
    }
}
