//! What handshakes use, while files may be read.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::Status;

/// What was made of the contents of files, and the status of these. Its locks are not held while files are read.
#[derive(Debug)]
pub(crate) struct InUse<T> {
    value: RwLock<Arc<T>>,
    status: Mutex<Vec<Status>>,
}

impl<T> InUse<T> {
    pub(crate) fn new(value: T, status: Vec<Status>) -> Self {
        Self { value: RwLock::new(Arc::new(value)), status: Mutex::new(status) }
    }

    pub(crate) fn value(&self) -> Arc<T> {
        Arc::clone(&self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn status(&self) -> Vec<Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn replace(&self, value: T) {
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }

    pub(crate) fn set_status(&self, status: Vec<Status>) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}
