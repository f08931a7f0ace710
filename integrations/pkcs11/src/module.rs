//! The PKCS#11 modules that are loaded in this process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use handclasp::pem::printable_path;

use crate::error::TokenError;

/// A module is initialized once in a process, for all who use it, and stays loaded: many modules cannot be unloaded.
static MODULES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// The module in this file, loaded and initialized. Another part of the process may have initialized it before, or
/// finalized it since.
pub(crate) fn load(path: &Path) -> Result<Pkcs11, TokenError> {
    let failed =
        |error: &Error| TokenError::Module { path: printable_path(path), reason: reason(error) };
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    let module = match modules.get(path) {
        Some(module) => module.clone(),
        None => {
            let module = Pkcs11::new(path).map_err(|error| failed(&error))?;
            modules.insert(path.to_owned(), module.clone());
            module
        }
    };
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(module),
        Err(error) => Err(failed(&error)),
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::LibraryLoading(error) => error.to_string(),
        Error::Pkcs11(code, function) => format!("C_{function:?}: {code:?}"),
        error => error.to_string(),
    }
}
