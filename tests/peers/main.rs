//! Other implementations, and programs that run beside the tests, as peers.

#[cfg(any(feature = "ml-kem", feature = "aws-lc-rs"))]
mod boringssl;
mod curl;
mod failures;
mod gnutls;
mod gnutls_client_authentication;
mod gnutls_tickets;
#[cfg(any(feature = "ml-kem", feature = "aws-lc-rs"))]
mod groups;
mod message_queues;
#[cfg(feature = "aws-lc-rs")]
mod ml_dsa;
mod openssl;
mod openssl_client_authentication;
mod openssl_into_secrets;
mod openssl_pre_shared_keys;
mod openssl_tickets;
mod private_ca;
#[cfg(any(feature = "ml-kem", feature = "aws-lc-rs"))]
mod programs;
mod revocation;
mod rustls;
mod rustls_tickets;
