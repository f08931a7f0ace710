//! PINs that are wrong: the token must not lock.

use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use handclasp_pkcs11::handclasp::registry::SignatureScheme;
use handclasp_pkcs11::{Options, Pkcs11Uri, TokenError, TokenKey, certificates};

use super::failures::own_session;
use super::faulty_modules::{Fault, faulty_module};
use super::token::{self, MODULE, PIN, open, with_token};

const WRONG_PIN: &str = "4321";
const REFUSED: TokenError = TokenError::PinIncorrect { last_try: false };

fn uri(module: &str, pin: &str) -> Pkcs11Uri {
    format!("pkcs11:token=web;object=key?module-path={module}&pin-value={pin}").parse().unwrap()
}

#[test]
fn a_wrong_pin_is_not_tried_again_by_another_key_of_the_process() {
    with_token("pins::a_wrong_pin_is_not_tried_again_by_another_key_of_the_process", |token| {
        token.set_up();
        let chain = token.p256("key").chain;
        let options = Options::default();
        let open = |uri: &Pkcs11Uri| TokenKey::open(uri, chain.clone(), &options).unwrap_err();
        assert_eq!(open(&uri(MODULE, WRONG_PIN)), REFUSED);
        // If the token was asked again, it would accept the PIN from here on.
        let (_module, session) = own_session();
        let [old, new] = [PIN, WRONG_PIN].map(|pin| AuthPin::from(pin.to_owned()));
        session.set_pin(&old, &new).unwrap();
        session.logout().unwrap();
        assert_eq!(open(&uri(MODULE, WRONG_PIN)), REFUSED);
        assert_eq!(certificates(&uri(MODULE, WRONG_PIN), &options), Err(REFUSED));
        // The same module by another path.
        let link = token.path("link.so");
        std::os::unix::fs::symlink(MODULE, &link).unwrap();
        assert_eq!(open(&uri(&link, WRONG_PIN)), REFUSED);
        // Another PIN is another try.
        assert_eq!(open(&uri(MODULE, PIN)), REFUSED);
        session.login(UserType::User, Some(&new)).unwrap();
        session.set_pin(&new, &old).unwrap();
        session.logout().unwrap();
        assert_eq!(open(&uri(MODULE, PIN)), REFUSED);
    });
}

#[test]
fn a_pin_that_is_refused_for_one_signature_is_not_tried_for_the_next() {
    with_token(
        "pins::a_pin_that_is_refused_for_one_signature_is_not_tried_for_the_next",
        |token| {
            const SCHEME: SignatureScheme = SignatureScheme::RSA_PSS_RSAE_SHA256;
            token.set_up();
            let mut options = Options::default();
            options.sessions = 1;
            let key = open(&token.always_authenticated("key"), &options);
            key.sign_and_wait(SCHEME, b"message").unwrap();
            let (_module, session) = own_session();
            let [old, new] = [PIN, WRONG_PIN].map(|pin| AuthPin::from(pin.to_owned()));
            session.set_pin(&old, &new).unwrap();
            assert_eq!(key.sign_and_wait(SCHEME, b"message"), Err(REFUSED));
            // If the token was asked again, it would accept the PIN.
            session.set_pin(&new, &old).unwrap();
            assert_eq!(key.sign_and_wait(SCHEME, b"message"), Err(REFUSED));
        },
    );
}

#[test]
fn a_pin_is_not_tried_when_one_more_wrong_one_locks_the_token() {
    with_token("pins::a_pin_is_not_tried_when_one_more_wrong_one_locks_the_token", |token| {
        token.set_up();
        let key = token.p256("key");
        let module = faulty_module(token, Fault::FinalTry);
        let open = |pin| {
            let result = TokenKey::open(&uri(&module, pin), key.chain.clone(), &Options::default());
            result.map(drop)
        };
        assert_eq!(open(WRONG_PIN), Err(TokenError::PinFinalTry));
        assert_eq!(open(PIN), Err(TokenError::PinFinalTry));
        // Where another part of the process has logged in, no PIN is needed.
        let (_module, session) = own_session();
        open(PIN).unwrap();
        drop(session);
        // SoftHSM has counted no wrong PIN.
        token::open(&key, &Options::default());
    });
}
