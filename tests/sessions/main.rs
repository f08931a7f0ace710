//! What outlives a connection: tickets, pre-shared keys, 0-RTT data, and whose they are.

mod asked_again;
mod cert_with_extern_psk;
mod clocks;
mod deferred_sessions;
mod early_data;
mod early_data_without_records;
mod external_keys;
mod pre_shared_keys;
mod remembered_signatures;
mod replay_checks;
mod resumption;
mod resumption_of_clients;
mod shared_sessions;
mod shown_peers;
mod suites_of_keys;
mod ticket_keys;
mod tickets;
