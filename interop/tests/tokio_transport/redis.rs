//! The example for Redis, with a real server that requires client certificates.

use handclasp_testing::Identity;
use handclasp_testing::der::pem_text;
use handclasp_testing::examples::{Files, start};
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::redis_server::RedisServer;

use crate::relay::Relay;

#[test]
fn the_example_for_redis_uses_a_client_certificate_and_connects_again() {
    if !RedisServer::is_available() {
        return;
    }
    let (identity, clients) = (Identity::p256(), Identity::p256());
    let (files, of_client) = (Files::new(&identity), Files::new(&clients));
    let authority = files.folder.file("clients.pem", pem_text("CERTIFICATE", &clients.anchor));
    let port = free_tcp_port();
    let mut server = RedisServer::start_with(
        &[
            &["--tls-port", &port.to_string(), "--tls-protocols", "TLSv1.3"][..],
            &["--tls-cert-file", &files.chain, "--tls-key-file", &files.key],
            &["--tls-ca-cert-file", &authority, "--tls-auth-clients", "yes"],
        ]
        .concat(),
    );
    let relay = Relay::new(port);
    let address = format!("localhost:{}", relay.port());
    let arguments = [&*address, &files.anchor, &of_client.chain, &of_client.key];
    let mut client = start("redis", &arguments);
    for value in 1..=3 {
        client.say("visits\n");
        client.wait_for(&format!("visits: {value}\n"));
    }
    assert_eq!(server.command(&["GET", "visits"]), "3");
    // More than a record.
    client.say(&format!("{}\n", "a long name ".repeat(10_000)));
    client.wait_for("a long name : 1\n");

    // A connection that is half-open: after one timeout there is another connection.
    relay.server_is_gone();
    client.say("late\n");
    client.wait_for("late: failed: ");
    relay.server_is_back();
    client.say("in time\n");
    client.wait_for("in time: 1\n");

    server.kill();
    client.say("gone\n");
    client.wait_for("gone: failed: ");
    server.restart();
    // The first line may find out that the old connection has ended.
    client.say("first\n");
    client.wait_for("first: ");
    client.say("second\n");
    client.wait_for("second: 1\n");

    // A certificate of another authority: the server says so after the client's handshake is complete.
    let stranger = Files::new(&Identity::p256());
    let arguments = [&*address, &files.anchor, &stranger.chain, &stranger.key];
    let mut client = start("redis", &arguments);
    client.say("visits\n");
    let output = client.wait_for("visits: failed: ");
    assert!(output.contains("unknown_ca"), "{output}");
}
