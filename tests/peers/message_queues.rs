//! An example in which something else than a socket carries the handshake.

use handclasp_testing::examples;
use handclasp_testing::process::Process;

#[test]
fn a_connection_goes_through_message_queues() {
    let mut example = Process::start(&examples::build(".", "message_queues"), &[]);
    assert!(example.wait_for_end().success(), "{}", example.wait_for(""));
    let output = example.wait_for("the client sent");
    assert!(output.contains("400 bytes came back: a message through the queues"), "{output}");
}
