//! Modules that hang, and tokens that claim what is not so.

use std::path::Path;
use std::time::Duration;

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use handclasp_pkcs11::handclasp::registry::SignatureScheme;
use handclasp_pkcs11::{Options, Pkcs11Uri, TokenError, TokenKey};

use super::failures::{own_session, replace_key};
use super::handshakes::runtime;
use super::token::{self, MODULE, PIN, TestToken, open, run, with_token};

const SCHEME: SignatureScheme = SignatureScheme::ECDSA_SECP256R1_SHA256;

/// A fault of `faulty_module.c`, which says what each does.
#[derive(Clone, Copy)]
pub enum Fault {
    Hangs,
    FinalTry,
    NoSha512,
    Removed,
}

/// SoftHSM's module with this fault. Returns its path.
pub fn faulty_module(token: &TestToken, fault: Fault) -> String {
    let name = match fault {
        Fault::Hangs => "HANGS",
        Fault::FinalTry => "FINAL_TRY",
        Fault::NoSha512 => "NO_SHA512",
        Fault::Removed => "REMOVED",
    };
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pkcs11/faulty_module.c");
    let module = token.path(&format!("{name}.so"));
    let softhsm = format!("-DSOFTHSM=\"{MODULE}\"");
    let marker = format!("-DMARKER=\"{}\"", token.path("marker"));
    let fault = format!("-D{name}");
    run("cc", &["-shared", "-fPIC", &softhsm, &marker, &fault, "-o", &module, source, "-ldl"]);
    module
}

fn uri(module: &str) -> Pkcs11Uri {
    format!("pkcs11:token=web;object=key?module-path={module}&pin-value={PIN}").parse().unwrap()
}

#[test]
fn a_module_that_hangs_does_not_hold_up_another() {
    with_token("faulty_modules::a_module_that_hangs_does_not_hold_up_another", |token| {
        token.set_up();
        let key = token.p256("key");
        let hangs = uri(&faulty_module(token, Fault::Hangs));
        let chain = key.chain.clone();
        // This waits for longer than the test lasts.
        std::thread::spawn(move || TokenKey::open(&hangs, chain, &Options::default()));
        while !Path::new(&token.path("marker")).exists() {
            std::thread::yield_now();
        }
        open(&key, &Options::default()).sign_and_wait(SCHEME, b"message").unwrap();
    });
}

#[test]
fn a_scheme_that_the_token_does_not_sign_with_is_not_offered() {
    with_token(
        "faulty_modules::a_scheme_that_the_token_does_not_sign_with_is_not_offered",
        |token| {
            token.set_up();
            let key = token.import("key", &["RSA"]);
            let module = uri(&faulty_module(token, Fault::NoSha512));
            let key = TokenKey::open(&module, key.chain, &Options::default()).unwrap();
            let schemes =
                [SignatureScheme::RSA_PSS_RSAE_SHA256, SignatureScheme::RSA_PSS_RSAE_SHA384];
            assert_eq!(key.schemes(), schemes);
            for scheme in schemes {
                key.sign_and_wait(scheme, b"message").unwrap();
            }
        },
    );
}

#[test]
fn a_token_that_is_removed_while_it_signs_is_used_again_when_it_is_back() {
    with_token(
        "faulty_modules::a_token_that_is_removed_while_it_signs_is_used_again_when_it_is_back",
        |token| {
            token.set_up();
            let key = token.p256("key");
            let module = uri(&faulty_module(token, Fault::Removed));
            let key = TokenKey::open(&module, key.chain, &Options::default()).unwrap();
            std::fs::write(token.path("marker"), "").unwrap();
            for _ in 0..2 {
                assert_eq!(key.sign_and_wait(SCHEME, b"message"), Err(TokenError::Removed));
            }
            std::fs::remove_file(token.path("marker")).unwrap();
            key.sign_and_wait(SCHEME, b"message").unwrap();
        },
    );
}

fn public_keys(session: &Session, label: &str) -> Vec<ObjectHandle> {
    let class = Attribute::Class(ObjectClass::PUBLIC_KEY);
    session.find_objects(&[class, Attribute::Label(label.into())]).unwrap()
}

#[test]
fn the_public_key_of_another_key_with_the_same_id_is_not_believed() {
    with_token(
        "faulty_modules::the_public_key_of_another_key_with_the_same_id_is_not_believed",
        |token| {
            token.set_up();
            token.p256("key");
            let other = token.p256("other");
            let (_module, session) = own_session();
            let id = AttributeType::Id;
            let own = public_keys(&session, "key")[0];
            let id = session.get_attributes(own, &[id]).unwrap();
            session.destroy_object(own).unwrap();
            session.copy_object(public_keys(&session, "other")[0], &id).unwrap();
            let result = TokenKey::open(&token::uri("key"), other.chain, &Options::default());
            assert_eq!(result.map(drop), Err(TokenError::KeyMismatch));
        },
    );
}

#[test]
fn another_key_without_its_public_half_does_not_sign_when_the_token_is_back() {
    with_token(
        "faulty_modules::another_key_without_its_public_half_does_not_sign_when_the_token_is_back",
        |token| {
            token.set_up();
            let first = token.p256("key");
            let (_module, session) = own_session();
            session.destroy_object(public_keys(&session, "key")[0]).unwrap();
            let key = open(&first, &Options::default());
            drop(session);
            replace_key(token);
            let (module, session) = own_session();
            session.destroy_object(public_keys(&session, "key")[0]).unwrap();
            drop(session);
            module.finalize().unwrap();
            let error = key.sign_and_wait(SCHEME, b"message").unwrap_err();
            assert_eq!(error, TokenError::KeyChanged);
        },
    );
}

#[test]
fn a_timeout_may_be_of_any_length() {
    with_token("faulty_modules::a_timeout_may_be_of_any_length", |token| {
        token.set_up();
        let mut options = Options::default();
        options.timeout = Duration::MAX;
        let key = open(&token.p256("key"), &options);
        key.sign_and_wait(SCHEME, b"message").unwrap();
        runtime().block_on(key.sign_later(SCHEME, b"message".to_vec())).unwrap();
        options.timeout = Duration::ZERO;
        let key = open(&token.p256("another"), &options);
        key.sign_and_wait(SCHEME, b"message").unwrap_err();
    });
}
