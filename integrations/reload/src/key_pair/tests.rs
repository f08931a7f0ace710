//! OCSP responses that are outdated.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::zeroize::Zeroizing;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, IsCa, SerialNumber,
};

use super::*;

type Authority = CertifiedIssuer<'static, rcgen::KeyPair>;

/// The contents of the files of a pair. The OCSP response is current for an hour. `None` without OpenSSL.
fn contents(change: impl FnOnce(&mut CertificateParams)) -> Option<Vec<Text>> {
    if let Err(error) = Command::new("openssl").arg("version").output() {
        let is_required = std::env::var("HANDCLASP_REQUIRE_PEERS").is_ok_and(|value| value == "1");
        assert!(!is_required, "openssl: {error}");
        return None;
    }
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = Authority::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from(vec![0x11]));
    change(&mut params);
    let key = rcgen::KeyPair::generate().unwrap();
    let own = params.signed_by(&key, &authority).unwrap().pem();
    let response = ocsp_response(&authority, &own);
    let chain = own + &authority.pem();
    let texts = [chain.into_bytes(), key.serialize_pem().into_bytes(), response];
    Some(texts.into_iter().map(Zeroizing::new).collect())
}

/// What OpenSSL's responder says of the certificate with the serial number 0x11. The packaged crate has this test, but
/// not `handclasp-testing`, which has a function like this one.
fn ocsp_response(authority: &Authority, certificate: &str) -> Vec<u8> {
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let name = format!("handclasp-reload-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("ca.key"), authority.key().serialize_pem()).unwrap();
    fs::write(folder.join("leaf.pem"), certificate).unwrap();
    fs::write(folder.join("index"), "V\t350101000000Z\t\t11\tunknown\t/CN=a\n").unwrap();
    let arguments = "ocsp -index index -CA ca.pem -rsigner ca.pem -rkey ca.key -issuer ca.pem \
                     -cert leaf.pem -nmin 60 -respout response -noverify";
    let mut responder = Command::new("openssl");
    let output = responder.args(arguments.split(' ')).current_dir(&folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let response = fs::read(folder.join("response")).unwrap();
    fs::remove_dir_all(folder).unwrap();
    response
}

fn must_staple(params: &mut CertificateParams) {
    let oid = [1, 3, 6, 1, 5, 5, 7, 1, 24];
    params.custom_extensions =
        vec![CustomExtension::from_oid_content(&oid, vec![0x30, 3, 2, 1, 5])];
}

fn load(texts: &[Text], now: UnixTime) -> Result<KeyPair, ReloadError> {
    let crypto = Arc::new(CryptoProvider::default());
    KeyFiles::new("chain", "key").with_ocsp("ocsp").load(texts, now, &crypto)
}

fn in_hours(hours: u64) -> UnixTime {
    let now = UnixTime::now().as_secs();
    UnixTime::since_unix_epoch(Duration::from_secs(now + hours * 3600))
}

fn has_staple(pair: &KeyPair) -> bool {
    !Arc::ptr_eq(pair.key(), &pair.key)
}

#[test]
fn a_response_that_becomes_outdated_is_not_sent_any_more() {
    let Some(texts) = contents(|_| {}) else { return };
    let mut pair = load(&texts, in_hours(0)).unwrap();
    assert!(!pair.update(in_hours(0)), "nothing has changed");
    assert!(has_staple(&pair) && pair.warnings(in_hours(0)).is_empty());
    assert!(pair.update(in_hours(2)));
    assert!(!has_staple(&pair));
    assert!(matches!(pair.warnings(in_hours(2))[..], [Warning::Staple { .. }]));
    assert!(pair.describe().ends_with("without its OCSP response, which is outdated"));
    // The clock was wrong.
    assert!(pair.update(in_hours(0)) && has_staple(&pair));
    assert!(pair.warnings(in_hours(0)).is_empty());
}

#[test]
fn an_outdated_response_does_not_prevent_a_start_and_replaces_no_current_one() {
    let (Some(texts), Some(expired)) =
        (contents(|_| {}), contents(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1)))
    else {
        return;
    };
    let later = in_hours(2);
    let outdated = load(&texts, later).unwrap();
    assert!(!has_staple(&outdated));
    assert!(matches!(outdated.warnings(later)[..], [Warning::Staple { .. }]));
    let in_use = load(&texts, in_hours(0)).unwrap();
    let error = outdated.check_may_replace(&in_use, later).unwrap_err();
    assert!(matches!(error, ReloadError::Staple { .. }), "{error}");
    // Peers refuse the other certificate, and may accept this one.
    let expired = load(&expired, later).unwrap();
    outdated.check_may_replace(&expired, later).unwrap();
}

#[test]
fn a_certificate_that_demands_a_response_keeps_an_outdated_one() {
    let Some(texts) = contents(must_staple) else { return };
    let later = in_hours(2);
    let mut pair = load(&texts, in_hours(0)).unwrap();
    assert!(!pair.update(later));
    for pair in [pair, load(&texts, later).unwrap()] {
        assert!(has_staple(&pair));
        assert!(matches!(pair.warnings(later)[..], [Warning::Staple { .. }]));
    }
}

#[test]
fn a_response_about_another_certificate_is_an_error_also_when_it_is_outdated() {
    let (Some(mut texts), Some(other)) = (contents(|_| {}), contents(|_| {})) else { return };
    texts[2] = other[2].clone();
    for hours in [0, 2] {
        let error = load(&texts, in_hours(hours)).unwrap_err();
        assert!(matches!(error, ReloadError::Staple { .. }), "{error}");
    }
}
