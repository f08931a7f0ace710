//! Tokens that fail, are away, or hang.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use handclasp_pkcs11::handclasp::registry::SignatureScheme;
use handclasp_pkcs11::{Options, Pin, Pkcs11Uri, TokenError, TokenKey};
use handclasp_testing::process::Process;

use super::handshakes::{client, greet, runtime, serve};
use super::token::{self, MODULE, PIN, TestToken, open, with_token};

const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;

/// The module as another part of this process has it, and a session with the token `web`.
pub fn own_session() -> (Pkcs11, Session) {
    let module = Pkcs11::new(MODULE).unwrap();
    let _ = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    let slots = module.get_slots_with_initialized_token().unwrap();
    let session = module.open_rw_session(slots[0]).unwrap();
    let _ = session.login(UserType::User, Some(&AuthPin::from(PIN.to_owned())));
    (module, session)
}

/// Puts another key in the place of `key`. Open sessions end.
pub fn replace_key(token: &TestToken) {
    let (module, session) = own_session();
    for object in session.find_objects(&[]).unwrap() {
        session.destroy_object(object).unwrap();
    }
    token.p256("key");
    drop(session);
    module.finalize().unwrap();
}

#[test]
fn what_the_uri_names_wrongly_is_said_with_what_there_is() {
    with_token("failures::what_the_uri_names_wrongly_is_said_with_what_there_is", |token| {
        token.set_up();
        let key = token.p256("key");
        let other = token.p256("other");
        token.init("second");
        let open = |text: &str, chain: &token::Key| {
            let uri: Pkcs11Uri = text.parse().unwrap();
            let result = TokenKey::open(&uri, chain.chain.clone(), &Options::default());
            let error = result.unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            error.to_string()
        };
        let end = format!("?module-path={MODULE}&pin-value={PIN}");
        let cases = [
            (
                "pkcs11:token=web;object=key?pin-value=hunter2".to_owned(),
                "no PKCS#11 module is named",
            ),
            (
                "pkcs11:token=web?module-path=/nowhere.so&pin-value=hunter2".to_owned(),
                "the PKCS#11 module /nowhere.so cannot be loaded",
            ),
            (
                format!("pkcs11:token=webb;object=key{end}"),
                "no token fits pkcs11:token=webb;object=key; present are: \"",
            ),
            (format!("pkcs11:object=key{end}"), "several tokens fit pkcs11:object=key: add token="),
            (
                format!("pkcs11:token=web;object=keyy{end}"),
                "it shows these: object=key id=%01, object=other id=%02",
            ),
            (
                format!("pkcs11:token=web{end}"),
                "several private keys of the token fit pkcs11:token=web: add object= or id=",
            ),
            (
                format!("pkcs11:token=web;object=key;type=cert{end}"),
                "that of another object than the private key",
            ),
            (format!("pkcs11:token=web;object=key?module-path={MODULE}"), "the token wants a PIN"),
            (
                format!("pkcs11:token=web;object=key?module-path={MODULE}&pin-source=/nowhere"),
                "the PIN cannot be read from /nowhere",
            ),
        ];
        for (text, words) in cases {
            let error = open(&text, &key);
            assert!(error.contains(words), "{text}: {error}");
        }
        let words = open(&format!("pkcs11:token=web;object=key{end}"), &other);
        assert!(words.contains("the certificate is for another key"), "{words}");
        let ed25519 = token.certified("ed25519", &["ED25519"]);
        let words = open(&format!("pkcs11:token=web;object=key{end}"), &ed25519);
        assert!(words.contains("the certificate is for another key"), "{words}");
    });
}

#[test]
fn a_wrong_pin_is_said_and_a_pin_may_be_in_a_file_or_in_the_options() {
    with_token(
        "failures::a_wrong_pin_is_said_and_a_pin_may_be_in_a_file_or_in_the_options",
        |token| {
            token.set_up();
            let key = token.p256("key");
            let wrong =
                format!("pkcs11:token=web;object=key?module-path={MODULE}&pin-value=hunter2");
            let result =
                TokenKey::open(&wrong.parse().unwrap(), key.chain.clone(), &Options::default());
            let error = result.unwrap_err();
            assert_eq!(error, TokenError::PinIncorrect { last_try: false });
            assert!(error.to_string().starts_with("the PIN is wrong"), "{error}");

            let file = token.path("pin");
            std::fs::write(&file, format!("{PIN}\n")).unwrap();
            let text =
                format!("pkcs11:token=web;id=%01?module-path={MODULE}&pin-source=file:{file}");
            let uri: Pkcs11Uri = text.parse().unwrap();
            TokenKey::open(&uri, key.chain.clone(), &Options::default()).unwrap();
            for (mode, is_readable) in [(0o600, false), (0o644, true)] {
                std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
                assert_eq!(uri.pin_is_readable_by_all(), is_readable, "{mode:o}");
            }
            let mut options = Options::default();
            options.pin = Some(Pin::new(PIN));
            options.module = Some(MODULE.into());
            let uri: Pkcs11Uri = "pkcs11:token=web;object=key".parse().unwrap();
            let opened = TokenKey::open(&uri, key.chain.clone(), &options).unwrap();
            assert!(!format!("{opened:?} {options:?}").contains(PIN));
        },
    );
}

#[test]
fn a_module_that_was_finalized_is_used_again() {
    with_token("failures::a_module_that_was_finalized_is_used_again", |token| {
        token.set_up();
        let key = open(&token.p256("key"), &Options::default());
        key.sign_and_wait(SCHEME, b"message").unwrap();
        let (module, session) = own_session();
        drop(session);
        module.finalize().unwrap();
        // The handle of the session means nothing now: another one is opened within the same signature.
        key.sign_and_wait(SCHEME, b"message").unwrap();
    });
}

#[test]
fn a_token_that_is_away_fails_its_handshakes_and_is_used_again_when_it_is_back() {
    with_token(
        "failures::a_token_that_is_away_fails_its_handshakes_and_is_used_again_when_it_is_back",
        |token| {
            token.set_up();
            let failures = Arc::new(Mutex::new(Vec::new()));
            let mut options = Options::default();
            let seen = Arc::clone(&failures);
            options.on_failure =
                Some(Arc::new(move |error| seen.lock().unwrap().push(error.clone())));
            let key = open(&token.p256("key"), &options);
            let config = client(token);
            let runtime = runtime();
            let address = runtime.block_on(serve(vec![key.certified_key()], key.clone()));
            runtime.block_on(greet(&config, address)).unwrap();

            let (tokens, away) = (token.path("tokens"), token.path("away"));
            std::fs::rename(&tokens, &away).unwrap();
            std::fs::create_dir(&tokens).unwrap();
            finalize();
            let error = runtime.block_on(greet(&config, address)).unwrap_err();
            assert!(error.to_string().contains("internal_error"), "{error}");
            let said = failures.lock().unwrap().clone();
            assert!(matches!(&said[..], [TokenError::TokenNotFound { .. }]), "{said:?}");

            std::fs::remove_dir_all(&tokens).unwrap();
            std::fs::rename(&away, &tokens).unwrap();
            finalize();
            runtime.block_on(greet(&config, address)).unwrap();
            assert_eq!(failures.lock().unwrap().len(), 1);
        },
    );
}

/// SoftHSM looks for tokens when it is initialized.
fn finalize() {
    let module = Pkcs11::new(MODULE).unwrap();
    let _ = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    module.finalize().unwrap();
}

#[test]
fn a_pin_that_was_refused_is_not_tried_again() {
    with_token("failures::a_pin_that_was_refused_is_not_tried_again", |token| {
        token.set_up();
        let key = open(&token.p256("key"), &Options::default());
        let (module, session) = own_session();
        session.set_pin(&AuthPin::from(PIN.to_owned()), &AuthPin::from("5555".to_owned())).unwrap();
        drop(session);
        module.finalize().unwrap();
        for _ in 0..2 {
            let error = key.sign_and_wait(SCHEME, b"message").unwrap_err();
            assert_eq!(error, TokenError::PinIncorrect { last_try: false });
        }
        // The second signature has not asked the token: with the old PIN again, it would sign.
        let module = Pkcs11::new(MODULE).unwrap();
        let slots = module.get_slots_with_initialized_token().unwrap();
        let session = module.open_rw_session(slots[0]).unwrap();
        session.login(UserType::User, Some(&AuthPin::from("5555".to_owned()))).unwrap();
        session.set_pin(&AuthPin::from("5555".to_owned()), &AuthPin::from(PIN.to_owned())).unwrap();
        session.logout().unwrap();
        let error = key.sign_and_wait(SCHEME, b"message").unwrap_err();
        assert_eq!(error, TokenError::PinIncorrect { last_try: false });
    });
}

#[test]
fn another_key_under_the_same_name_does_not_sign() {
    with_token("failures::another_key_under_the_same_name_does_not_sign", |token| {
        token.set_up();
        let key = open(&token.p256("key"), &Options::default());
        replace_key(token);
        let error = key.sign_and_wait(SCHEME, b"message").unwrap_err();
        assert_eq!(error, TokenError::KeyChanged);
    });
}

/// SoftHSM waits for the locks of its files.
const HOLD_LOCKS: &str = "import fcntl, glob, sys
files = [open(path, 'r+') for path in glob.glob(sys.argv[1] + '/*/*')]
for file in files:
    fcntl.lockf(file, fcntl.LOCK_EX)
print('locked', flush=True)
sys.stdin.read()
";

#[test]
fn a_token_that_hangs_is_given_up_and_signs_when_it_is_free() {
    with_token("failures::a_token_that_hangs_is_given_up_and_signs_when_it_is_free", |token| {
        token.set_up();
        let mut options = Options::default();
        options.sessions = 1;
        options.max_waiting = 1;
        options.timeout = Duration::from_millis(500);
        let key = open(&token.p256("key"), &options);
        let locks = Process::start("python3", &["-c", HOLD_LOCKS, &token.path("tokens")]);
        locks.wait_for("locked");
        // The session is gone, and opening another one waits for the locks.
        finalize();
        let error = key.sign_and_wait(SCHEME, b"message").unwrap_err();
        assert_eq!(error, TokenError::TimedOut(options.timeout));
        runtime().block_on(async {
            // The thread hangs. One signature may wait for it, and a second one not.
            let waits = key.sign_later(SCHEME, b"message".to_vec());
            let refused = async {
                tokio::task::yield_now().await;
                key.sign_later(SCHEME, b"message".to_vec()).await
            };
            let (waited, refused) = tokio::join!(waits, refused);
            assert_eq!(waited, Err(TokenError::TimedOut(options.timeout)));
            assert_eq!(refused, Err(TokenError::Busy(1)));
        });
        drop(locks);
        // How long the thread needs to be free again depends on the machine.
        while let Err(error) = key.sign_and_wait(SCHEME, b"message") {
            let is_late = matches!(error, TokenError::TimedOut(_) | TokenError::Overloaded);
            assert!(is_late, "{error}");
        }
    });
}

#[test]
fn a_key_does_not_sign_for_the_certificate_of_another() {
    with_token("failures::a_key_does_not_sign_for_the_certificate_of_another", |token| {
        token.set_up();
        let key = open(&token.p256("key"), &Options::default());
        let other = open(&token.p256("other"), &Options::default());
        let runtime = runtime();
        let address = runtime.block_on(serve(vec![key.certified_key()], other));
        let error = runtime.block_on(greet(&client(token), address)).unwrap_err();
        assert!(error.to_string().contains("internal_error"), "{error}");
    });
}
