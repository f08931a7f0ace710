//! The alerts that RFC 9846 names, one by one: for each rule of sections 4 and 5 that has an alert,
//! an honest message is changed so that it breaks the rule, and the alert is the RFC's.

mod cert_with_extern_psk;
mod client_flight;
mod client_hello;
mod extensions;
mod post_handshake_auth;
mod pre_shared_keys;
mod records;
mod server_flight;
