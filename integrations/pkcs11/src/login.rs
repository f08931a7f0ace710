//! Logins to tokens. A PIN that a token has refused is not tried again in this process: tokens lock after a few.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use handclasp::certificate::Digests;

use crate::error::TokenError;
use crate::pin::Pin;

/// The tokens that this process has logged in to. A token may hang, so this lock is held only to find the token.
static TOKENS: Mutex<BTreeMap<TokenName, Arc<Mutex<Refusals>>>> = Mutex::new(BTreeMap::new());

/// What a token says of itself. The path of its module is no part of it: a module may have several paths.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct TokenName {
    manufacturer: String,
    model: String,
    serial: String,
    label: String,
}

impl TokenName {
    fn of(info: &TokenInfo) -> Self {
        Self {
            manufacturer: info.manufacturer_id().to_owned(),
            model: info.model().to_owned(),
            serial: info.serial_number().to_owned(),
            label: info.label().to_owned(),
        }
    }
}

/// The PINs that a token has refused. Its lock is held during a login: there is one login at a time.
#[derive(Default)]
struct Refusals(Vec<Refusal>);

struct Refusal {
    pin: PinDigest,
    error: TokenError,
}

/// The SHA-256 of a PIN. `None` is a PIN that the user types at the token.
#[derive(PartialEq, Eq)]
struct PinDigest(Option<Vec<u8>>);

/// A session that logs in, and its token.
pub(crate) struct LoginTarget<'a> {
    pub(crate) module: &'a Pkcs11,
    pub(crate) slot: Slot,
    pub(crate) session: &'a Session,
}

/// What a user logs in to a token with.
pub(crate) struct Login {
    pin: Option<Pin>,
    digests: Digests,
}

impl Login {
    pub(crate) fn new(pin: Option<Pin>, digests: Digests) -> Self {
        Self { pin, digests }
    }

    pub(crate) fn has_pin(&self) -> bool {
        self.pin.is_some()
    }

    /// Logs the user in for all sessions of the process with the token ([`UserType::User`]), or for one signature
    /// ([`UserType::ContextSpecific`]).
    pub(crate) fn log_in(&self, to: &LoginTarget<'_>, user: UserType) -> Result<(), TokenError> {
        let name = TokenName::of(&to.module.get_token_info(to.slot)?);
        let token = refusals_of(name);
        let mut refusals = token.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = self.digest();
        if let Some(refusal) = refusals.0.iter().find(|refusal| refusal.pin == digest) {
            return Err(refusal.error.clone());
        }
        let result = self.try_once(to, user);
        if let Err(error @ TokenError::PinIncorrect { .. }) = &result {
            refusals.0.push(Refusal { pin: digest, error: error.clone() });
        }
        result
    }

    fn try_once(&self, to: &LoginTarget<'_>, user: UserType) -> Result<(), TokenError> {
        if matches!(user, UserType::User) {
            let state = to.session.get_session_info()?.session_state();
            if matches!(state, SessionState::RoUser | SessionState::RwUser) {
                return Ok(());
            }
        }
        let info = to.module.get_token_info(to.slot)?;
        let result = match &self.pin {
            Some(_) if info.user_pin_final_try() => return Err(TokenError::PinFinalTry),
            Some(pin) => to.session.login_with_raw(user, &pin.for_login()),
            // The user types the PIN at the token.
            None if info.protected_authentication_path() => to.session.login(user, None),
            None if matches!(user, UserType::ContextSpecific) => return Err(TokenError::PinNeeded),
            // Another part of the process may log in. If not, the key is not found.
            None => return Ok(()),
        };
        let mut error = match result {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => return Ok(()),
            Err(error) => TokenError::from(error),
        };
        if let TokenError::PinIncorrect { last_try } = &mut error {
            *last_try =
                to.module.get_token_info(to.slot).is_ok_and(|info| info.user_pin_final_try());
        }
        Err(error)
    }

    fn digest(&self) -> PinDigest {
        PinDigest(self.pin.as_ref().map(|pin| (self.digests.sha256)(pin.bytes()).to_vec()))
    }
}

fn refusals_of(name: TokenName) -> Arc<Mutex<Refusals>> {
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(tokens.entry(name).or_default())
}
