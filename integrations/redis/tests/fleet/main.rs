//! A fleet: eight server processes behind one address, with one Redis, as clients and attackers meet it.

mod balancer;
mod client;
mod early_data;
mod harness;
mod load;
mod outages;
mod process;
mod replays;
mod resumption;
mod rotation;
mod server;
mod setup;
mod store;
mod threads;
