//! Other implementations, and programs that run beside the tests, as peers.

mod curl;
mod gnutls;
mod gnutls_client_authentication;
mod gnutls_tickets;
#[cfg(any(feature = "ml-kem", feature = "aws-lc-rs"))]
mod go;
mod message_queues;
mod openssl;
mod openssl_client_authentication;
mod openssl_pre_shared_keys;
mod openssl_tickets;
mod private_ca;
mod revocation;
mod rustls;
mod rustls_tickets;
