//! What is served, and what is said, when files change.

use std::fs;
use std::sync::Arc;

use crate::site::{Clients, Events, Site, chain_pem, key_pem, write_secret};
use handclasp_reload::handclasp::certificate::CertificateSummary;
use handclasp_reload::handclasp::credential::CertificateResolver;
use handclasp_reload::{
    CertificateFiles, Event, KeyFiles, ReloadError, Reloader, ReloadingCertificates, Warning,
};
use handclasp_testing::process::{Folder, available};
use handclasp_testing::{Identity, NAME, authority};

fn names(names: &[&str]) -> Identity {
    Identity::with_names(names.iter().map(|name| (*name).to_owned()).collect())
}

/// The first identity is served, and clients also trust the second one.
struct Served {
    first: Identity,
    second: Identity,
    site: Site,
    events: Events,
    reloader: Reloader,
    certificates: Arc<ReloadingCertificates>,
    clients: Clients,
}

impl Served {
    fn new() -> Self {
        let (first, second) = (Identity::p256(), Identity::p256());
        let (site, events) = (Site::new(&first), Events::default());
        let reloader = events.reloader();
        let certificates = site.certificates(&reloader);
        let clients = Clients::new(&certificates, &[&first, &second]);
        Self { first, second, site, events, reloader, certificates, clients }
    }
}

#[test]
fn a_new_pair_is_in_use_after_reload_now_and_the_status_says_so() {
    let Served { first, second, site, events, reloader, certificates, clients } = Served::new();
    assert!(clients.get(&first));
    assert!(reloader.reload_now().is_empty(), "nothing has changed");
    let before = certificates.status().remove(0);
    assert_eq!((&before.failure, before.warnings.len()), (&None, 0));

    site.write(&second);
    reloader.reload_now();
    assert!(clients.get(&second));
    let status = certificates.status().remove(0);
    let summary = CertificateSummary::parse(&second.chain[0]).unwrap();
    assert_eq!(status.expires, Some(summary.not_after));
    assert!(status.contents.contains(&summary.serial), "{status:?}");
    assert!(status.loaded_at >= before.loaded_at);
    let loaded = format!("{}, {}: loaded the certificate", site.chain, site.key);
    events.wait_for(&loaded);
}

#[test]
fn bad_files_keep_the_old_pair_and_say_why() {
    let Served { first, second, site, events, reloader, certificates, clients } = Served::new();
    let (chain, key) = (chain_pem(&second), key_pem(&second));
    let expired = Identity::valid_in_years(vec![NAME.into()], 2020, 2021);
    let future = Identity::valid_in_years(vec![NAME.into()], 2200, 2201);
    for (chain, key, words) in [
        (&*chain, &*key_pem(&first), "belongs to another key than the private key"),
        (&chain_pem(&first), &key, "belongs to another key than the private key"),
        (&chain[..chain.len() / 2], &key, "chain.pem: "),
        (&chain, &key[..key.len() / 2], "key.pem: "),
        ("", &key, "chain.pem: "),
        (&chain, "", "key.pem: "),
        (&chain_pem(&expired), &key_pem(&expired), "only from 2020-01-01"),
        (&chain_pem(&future), &key_pem(&future), "only from 2200-01-01"),
    ] {
        fs::write(&site.chain, chain).unwrap();
        fs::write(&site.key, key).unwrap();
        reloader.reload_now();
        assert!(clients.get(&first));
        let failure = certificates.status().remove(0).failure.unwrap();
        assert!(failure.error.to_string().contains(words), "{}, not {words}", failure.error);
        events.wait_for(&failure.error.to_string());
    }
    let files = format!("{}, {}: ", site.chain, site.key);
    let recovered = format!("{files}have the contents again that are in use");
    assert!(!events.contain(&recovered));
    assert!(reloader.reload_now().is_empty(), "the same error is reported once");
    // The key does not belong to any message.
    let secret = &key_pem(&second)[60..100];
    assert!(!events.contain(secret) && !format!("{certificates:?}").contains(secret));

    site.write(&first);
    reloader.reload_now();
    assert_eq!(certificates.status()[0].failure, None, "the files are what is in use");
    events.wait_for(&recovered);
    site.write(&second);
    reloader.reload_now();
    assert!(clients.get(&second));
}

#[test]
fn files_that_cannot_be_used_at_the_start_are_an_error() {
    let site = Site::new(&Identity::p256());
    let reloader = Events::default().reloader();
    for path in ["/nowhere/chain.pem", "/dev/zero", "/"] {
        let files = CertificateFiles::new([KeyFiles::new(path, &site.key)]);
        let error = reloader.certificates(files).unwrap_err();
        assert!(matches!(error, ReloadError::Unreadable { .. }), "{error}");
    }
    fs::write(&site.chain, "no certificate").unwrap();
    let error = reloader.certificates(CertificateFiles::new([site.files()])).unwrap_err();
    assert!(error.to_string().contains("chain.pem: "), "{error}");
}

#[cfg(unix)]
#[test]
fn a_fifo_is_not_waited_for() {
    let identity = Identity::p256();
    let site = Site::new(&identity);
    let events = Events::default();
    let reloader = events.reloader();
    let certificates = site.certificates(&reloader);
    fs::remove_file(&site.key).unwrap();
    let status = std::process::Command::new("mkfifo").arg(&site.key).status().unwrap();
    assert!(status.success());
    reloader.reload_now();
    events.wait_for("key.pem cannot be read: it is not a regular file");
    assert!(Clients::new(&certificates, &[&identity]).get(&identity));
    assert!(reloader.certificates(CertificateFiles::new([site.files()])).is_err());
}

#[test]
fn an_expired_certificate_is_loaded_at_the_start_with_a_warning() {
    let expired = Identity::valid_in_years(vec![NAME.into()], 2020, 2021);
    let site = Site::new(&expired);
    let events = Events::default();
    let reloader = events.reloader();
    let certificates = site.certificates(&reloader);
    let [Warning::NotValidNow { .. }] = certificates.status()[0].warnings[..] else {
        panic!("{:?}", certificates.status())
    };
    assert!(events.contain("is in use, and is valid only from 2020-01-01"), "{:?}", events.words());
    let good = Identity::p256();
    site.write(&good);
    reloader.reload_now();
    assert!(Clients::new(&certificates, &[&good]).get(&good));
    assert!(certificates.status()[0].warnings.is_empty());
}

/// A chain of a certificate that is valid and of an authority that is not valid any more after 2020, or 2090.
fn chain_of_authority_until(year: i32) -> (String, String) {
    let mut params = authority::authority_params("an authority");
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = authority::Authority::self_signed(params, key).unwrap();
    let params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let own = params.signed_by(&key, &authority).unwrap().pem();
    (own + &authority.pem(), key.serialize_pem())
}

#[test]
fn the_dates_of_the_whole_chain_count() {
    let (folder, events) = (Folder::new(), Events::default());
    let reloader = events.reloader();
    let (chain_file, key_file) = (folder.path("chain"), folder.path("key"));
    let write = |(chain, key): (String, String)| {
        fs::write(&chain_file, chain).unwrap();
        write_secret(&key_file, &key);
        reloader.reload_now();
    };
    let start = || {
        let files = KeyFiles::new(&chain_file, &key_file);
        reloader.certificates(CertificateFiles::new([files])).unwrap()
    };
    write(chain_of_authority_until(2090));
    let certificates = start();
    let expires = || certificates.status().remove(0).expires.unwrap().to_string();
    assert_eq!(expires(), "2090-01-01 00:00:00 UTC");
    // An application sets a gauge to it.
    let loaded = events.all().into_iter().find_map(|event| match event {
        Event::Loaded { expires, .. } => expires,
        _ => None,
    });
    assert_eq!(loaded.unwrap().to_string(), expires());

    write(chain_of_authority_until(2020));
    let failure = certificates.status().remove(0).failure.unwrap().error;
    let ReloadError::NotValidNow { subject, .. } = failure else { panic!("{failure}") };
    assert!(subject.contains("an authority"), "{subject}");
    assert_eq!(expires(), "2090-01-01 00:00:00 UTC");
    let warnings = start().status().remove(0).warnings;
    assert!(matches!(warnings[..], [Warning::NotValidNow { .. }]), "{warnings:?}");
}

#[cfg(unix)]
#[test]
fn a_key_that_each_user_can_read_is_loaded_with_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let identity = Identity::p256();
    let site = Site::new(&identity);
    let events = Events::default();
    let reloader = events.reloader();
    let certificates = site.certificates(&reloader);
    assert!(certificates.status()[0].warnings.is_empty());
    fs::set_permissions(&site.key, fs::Permissions::from_mode(0o644)).unwrap();
    reloader.reload_now();
    events.wait_for("each user of this machine can read the private key");
    fs::set_permissions(&site.key, fs::Permissions::from_mode(0o640)).unwrap();
    reloader.reload_now();
    assert!(certificates.status()[0].warnings.is_empty());
    events.wait_for("no more: each user of this machine can read the private key");
}

#[test]
fn each_name_has_its_pair_and_a_bad_pair_delays_no_other() {
    let (a, b) = (names(&["a.example"]), names(&["*.b.example"]));
    let (new_a, new_b) = (names(&["a.example"]), names(&["*.b.example", "c.example"]));
    let sites = [Site::new(&a), Site::new(&b)];
    let events = Events::default();
    let reloader = events.reloader();
    let files = CertificateFiles::new(sites.iter().map(Site::files)).only_known_names();
    let certificates = reloader.certificates(files).unwrap();
    let clients = Clients::new(&certificates, &[&a, &b, &new_a, &new_b]);
    let gets = |name: &str, identity: &Identity| {
        assert_eq!(clients.connect(name).unwrap(), identity.chain[0], "{name}");
    };
    gets("a.example", &a);
    gets("x.b.example", &b);
    assert!(clients.connect("c.example").is_err());
    assert!(!certificates.serves(Some("c.example")));

    fs::write(&sites[0].chain, "nonsense").unwrap();
    sites[1].write(&new_b);
    reloader.reload_now();
    gets("a.example", &a);
    gets("y.b.example", &new_b);
    gets("c.example", &new_b);
    assert!(certificates.serves(Some("c.example")));
    let status = certificates.status();
    assert!(status[0].failure.is_some() && status[1].failure.is_none());

    sites[0].write(&new_a);
    reloader.reload_now();
    gets("a.example", &new_a);
}

#[test]
fn an_ocsp_response_is_replaced_with_its_chain() {
    if !available("openssl", "version", |version| version.starts_with("OpenSSL ")) {
        return;
    }
    let authority = authority::root("an authority");
    let issue = |serial: u8| {
        let mut params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.serial_number = Some(rcgen::SerialNumber::from(vec![serial]));
        let key = rcgen::KeyPair::generate().unwrap();
        let own = params.signed_by(&key, &authority).unwrap().pem();
        let response = authority::ocsp_response(&authority, &own, &format!("{serial:02X}"));
        (own + &authority.pem(), key.serialize_pem(), response)
    };
    let (chain, key, response) = issue(0x11);
    let folder = Folder::new();
    let (chain_file, ocsp_file) = (folder.file("chain", chain), folder.file("ocsp", &response));
    let key_file = folder.path("key");
    write_secret(&key_file, &key);
    let events = Events::default();
    let reloader = events.reloader();
    let files = KeyFiles::new(&chain_file, &key_file).with_ocsp(&ocsp_file);
    let certificates = reloader.certificates(CertificateFiles::new([files])).unwrap();
    let contents = || certificates.status().remove(0).contents;
    assert!(contents().contains("serial number 11") && contents().contains("an OCSP response"));

    let (chain, key, other) = issue(0x12);
    fs::write(&chain_file, chain).unwrap();
    fs::write(&key_file, key).unwrap();
    reloader.reload_now();
    events.wait_for("is not about this certificate");
    let failure = certificates.status().remove(0).failure.unwrap();
    assert!(matches!(failure.error, ReloadError::Staple { .. }), "{failure:?}");
    assert!(contents().contains("serial number 11"));
    fs::write(&ocsp_file, other).unwrap();
    reloader.reload_now();
    assert!(contents().contains("serial number 12"), "{:?}", events.words());
    fs::write(&ocsp_file, "no response").unwrap();
    reloader.reload_now();
    assert!(certificates.status()[0].failure.is_some() && contents().contains("serial number 12"));
}
