//! The alerts that RFC 9846 names, one by one: for each rule of sections 4 and 5 that has an alert,
//! an honest message is changed so that it breaks the rule, and the alert is the RFC's.

#[path = "alerts/client_flight.rs"]
mod client_flight;
#[path = "alerts/client_hello.rs"]
mod client_hello;
mod common;
#[path = "alerts/extensions.rs"]
mod extensions;
#[path = "alerts/message.rs"]
mod message;

#[path = "hostile/peers.rs"]
mod peers;
#[path = "alerts/post_handshake_auth.rs"]
mod post_handshake_auth;
#[path = "alerts/pre_shared_keys.rs"]
mod pre_shared_keys;
#[path = "alerts/records.rs"]
mod records;
#[path = "alerts/server_flight.rs"]
mod server_flight;
