//! The accounts of the last connections, which are pages of their own.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use handclasp::CryptoProvider;
use handclasp_explain::page;

use crate::watch::Watch;

/// How many connections are remembered.
const MOST: usize = 64;

#[derive(Default)]
pub struct Accounts(Mutex<State>);

#[derive(Default)]
struct State {
    last: u64,
    watches: VecDeque<Watch>,
}

impl Accounts {
    /// Watches another connection.
    pub fn watch(&self) -> Watch {
        let mut state = self.lock();
        state.last += 1;
        Watch::new(state.last)
    }

    /// Remembers a connection whose handshake is complete.
    pub fn keep(&self, watch: &Watch) {
        let mut state = self.lock();
        if state.watches.len() >= MOST {
            state.watches.pop_front();
        }
        state.watches.push_back(watch.clone());
    }

    /// The page of the connection with this number, if it is remembered.
    pub fn page(&self, number: u64) -> Option<String> {
        let watch = self.lock().watches.iter().find(|watch| watch.number() == number).cloned();
        let options = page::Options::new(CryptoProvider::default());
        page::html(&watch?.account(), &options).ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
