//! The system's `openssl`, version 3.

use std::net::SocketAddr;

use crate::process::{Process, available};

pub fn is_here() -> bool {
    available("openssl", "version", |version| version.starts_with("OpenSSL 3."))
}

/// Starts `openssl s_server` with these arguments. The system chooses the port, and openssl prints it.
pub fn s_server(arguments: &[&str]) -> (Process, SocketAddr) {
    let first = ["s_server", "-accept", "127.0.0.1:0"];
    let process = Process::start("openssl", &[&first, arguments].concat());
    let ready = "ACCEPT 127.0.0.1:";
    let output = process.wait_for(ready);
    let port = output.split(ready).nth(1).unwrap().lines().next().unwrap();
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    (process, address)
}
