//! The PKCS#11 modules that are loaded in this process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use handclasp::pem::printable_path;

use crate::error::TokenError;

/// A module is initialized once in a process, for all who use it, and stays loaded: many modules cannot be unloaded.
/// A module may hang while it is loaded or initialized: each has a lock of its own, and this one is held only to find
/// the module.
static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// A module, once it is loaded.
type Module = Mutex<Option<Pkcs11>>;

/// The module in this file, loaded and initialized. Another part of the process may have initialized it before, or
/// finalized it since.
pub(crate) fn load(path: &Path) -> Result<Pkcs11, TokenError> {
    let failed =
        |error: &Error| TokenError::Module { path: printable_path(path), reason: reason(error) };
    let found = find(path);
    let mut loaded = found.lock().unwrap_or_else(PoisonError::into_inner);
    let module = match &*loaded {
        Some(module) => module.clone(),
        None => {
            let module = Pkcs11::new(path).map_err(|error| failed(&error))?;
            *loaded = Some(module.clone());
            module
        }
    };
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(module),
        Err(error) => Err(failed(&error)),
    }
}

fn find(path: &Path) -> Arc<Module> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(modules.entry(path.to_owned()).or_default())
}

fn reason(error: &Error) -> String {
    match error {
        Error::LibraryLoading(error) => error.to_string(),
        Error::Pkcs11(code, function) => format!("C_{function:?}: {code:?}"),
        error => error.to_string(),
    }
}
