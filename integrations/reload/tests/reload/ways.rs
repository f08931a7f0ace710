//! The ways in which programs replace files. The reloader does not poll here: the operating system reports each.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use crate::site::{Clients, Events, Site, chain_pem, key_pem, wait_until, write_secret};
use handclasp_reload::handclasp::certificate::CertificateSummary;
use handclasp_reload::{CertificateFiles, KeyFiles, ReloadingCertificates};
use handclasp_testing::Identity;
use handclasp_testing::process::Folder;

/// Waits until clients get the certificate of this identity.
fn wait_for(certificates: &Arc<ReloadingCertificates>, identity: &Identity) {
    let clients = Clients::new(certificates, &[identity]);
    let serial = CertificateSummary::parse(&identity.chain[0]).unwrap().serial;
    wait_until("the new certificate", || certificates.status()[0].contents.contains(&serial));
    assert!(clients.get(identity));
}

/// Replaces the identity three times, in this way.
fn replace(site: &Site, way: impl Fn(&Site, &Identity)) {
    let events = Events::default();
    let reloader = events.reloader();
    let certificates = site.certificates(&reloader);
    for _ in 0..3 {
        let identity = Identity::p256();
        way(site, &identity);
        wait_for(&certificates, &identity);
    }
}

#[test]
fn files_that_are_written_in_place_are_loaded() {
    let site = Site::new(&Identity::p256());
    replace(&site, |site, identity| site.write(identity));
}

#[test]
fn files_that_are_renamed_into_place_are_loaded() {
    let site = Site::new(&Identity::p256());
    replace(&site, |site, identity| {
        let (chain, key) = (format!("{}.new", site.chain), format!("{}.new", site.key));
        fs::write(&chain, chain_pem(identity)).unwrap();
        write_secret(&key, &key_pem(identity));
        fs::rename(&key, &site.key).unwrap();
        fs::rename(&chain, &site.chain).unwrap();
    });
}

/// As vim does: the old file is renamed, a new one is written, and the old one is removed.
#[test]
fn files_that_an_editor_replaces_are_loaded() {
    let site = Site::new(&Identity::p256());
    replace(&site, |site, identity| {
        for (path, content) in [(&site.chain, chain_pem(identity)), (&site.key, key_pem(identity))]
        {
            let backup = format!("{path}~");
            fs::rename(path, &backup).unwrap();
            write_secret(path, &content);
            fs::remove_file(&backup).unwrap();
        }
    });
}

#[test]
fn files_that_are_removed_and_made_again_are_loaded() {
    let site = Site::new(&Identity::p256());
    let events = Events::default();
    let reloader = events.reloader();
    let certificates = site.certificates(&reloader);
    for _ in 0..2 {
        fs::remove_file(&site.chain).unwrap();
        fs::remove_file(&site.key).unwrap();
        wait_until("the error", || certificates.status()[0].failure.is_some());
        let identity = Identity::p256();
        site.write(&identity);
        wait_for(&certificates, &identity);
        assert_eq!(certificates.status()[0].failure, None);
    }
    events.wait_for("chain.pem cannot be read: ");
}

#[test]
fn a_folder_that_is_removed_and_made_again_is_watched_again() {
    let above = Folder::new();
    let folder = above.path("tls");
    let files = KeyFiles::new(format!("{folder}/chain.pem"), format!("{folder}/key.pem"));
    let make = |identity: &Identity| {
        fs::create_dir(&folder).unwrap();
        fs::write(format!("{folder}/chain.pem"), chain_pem(identity)).unwrap();
        write_secret(&format!("{folder}/key.pem"), &key_pem(identity));
    };
    make(&Identity::p256());
    let events = Events::default();
    let certificates = events.reloader().certificates(CertificateFiles::new([files])).unwrap();
    for _ in 0..2 {
        fs::remove_dir_all(&folder).unwrap();
        wait_until("the error", || certificates.status()[0].failure.is_some());
        let identity = Identity::p256();
        make(&identity);
        wait_for(&certificates, &identity);
    }
}

/// A volume of Kubernetes: the files are links into `..data`, which is a link to a folder. A new link is renamed over
/// it.
#[test]
fn a_volume_of_kubernetes_is_loaded() {
    let volume = Volume::new();
    volume.swap(1, &Identity::p256());
    let events = Events::default();
    let files = CertificateFiles::new([volume.files()]);
    let certificates = events.reloader().certificates(files).unwrap();
    for number in 2..5 {
        let identity = Identity::p256();
        volume.swap(number, &identity);
        wait_for(&certificates, &identity);
    }
    assert!(!events.contain("not loaded"), "{:?}", events.words());
}

/// A secret as Kubernetes mounts it.
struct Volume(Folder);

impl Volume {
    fn new() -> Self {
        let folder = Folder::new();
        for name in ["tls.crt", "tls.key"] {
            symlink(format!("..data/{name}"), folder.path(name)).unwrap();
        }
        Self(folder)
    }

    fn files(&self) -> KeyFiles {
        KeyFiles::new(self.0.path("tls.crt"), self.0.path("tls.key"))
    }

    /// As the kubelet does it.
    fn swap(&self, number: usize, identity: &Identity) {
        let name = format!("..2026_11_30_{number}");
        let folder = self.0.path(&name);
        fs::create_dir(&folder).unwrap();
        fs::write(Path::new(&folder).join("tls.crt"), chain_pem(identity)).unwrap();
        let key = Path::new(&folder).join("tls.key");
        write_secret(key.to_str().unwrap(), &key_pem(identity));
        let before = fs::read_link(self.0.path("..data"));
        let link = self.0.path("..data_tmp");
        symlink(&name, &link).unwrap();
        fs::rename(&link, self.0.path("..data")).unwrap();
        if let Ok(before) = before {
            fs::remove_dir_all(self.0.path(before.to_str().unwrap())).unwrap();
        }
    }
}

/// As certbot renews: new files in `archive`, and each link in `live` is removed and made again.
#[test]
fn links_that_certbot_makes_again_are_loaded() {
    let folder = Folder::new();
    for name in ["archive", "live", "archive/a", "live/a"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    let renew = |number: usize, identity: &Identity| {
        let contents = [("fullchain", chain_pem(identity)), ("privkey", key_pem(identity))];
        for (name, content) in &contents {
            write_secret(&folder.path(&format!("archive/a/{name}{number}.pem")), content);
        }
        for (name, _) in contents {
            let link = folder.path(&format!("live/a/{name}.pem"));
            let _ = fs::remove_file(&link);
            symlink(format!("../../archive/a/{name}{number}.pem"), &link).unwrap();
        }
    };
    renew(1, &Identity::p256());
    let files =
        KeyFiles::new(folder.path("live/a/fullchain.pem"), folder.path("live/a/privkey.pem"));
    let events = Events::default();
    let certificates = events.reloader().certificates(CertificateFiles::new([files])).unwrap();
    for number in 2..4 {
        let identity = Identity::p256();
        renew(number, &identity);
        wait_for(&certificates, &identity);
    }
    // The file behind the link is written in place.
    let identity = Identity::p256();
    fs::write(folder.path("archive/a/privkey3.pem"), key_pem(&identity)).unwrap();
    fs::write(folder.path("archive/a/fullchain3.pem"), chain_pem(&identity)).unwrap();
    wait_for(&certificates, &identity);
}

/// A release that is a folder behind a link, which is replaced above it.
#[test]
fn a_link_to_a_folder_on_the_way_is_followed() {
    let folder = Folder::new();
    let release = |number: usize, identity: &Identity| {
        let release = folder.path(&format!("release-{number}"));
        fs::create_dir_all(format!("{release}/tls")).unwrap();
        fs::write(format!("{release}/tls/chain.pem"), chain_pem(identity)).unwrap();
        write_secret(&format!("{release}/tls/key.pem"), &key_pem(identity));
        symlink(&release, folder.path("next")).unwrap();
        fs::rename(folder.path("next"), folder.path("current")).unwrap();
    };
    release(1, &Identity::p256());
    let (chain, key) = (folder.path("current/tls/chain.pem"), folder.path("current/tls/key.pem"));
    let events = Events::default();
    let files = CertificateFiles::new([KeyFiles::new(chain, key)]);
    let certificates = events.reloader().certificates(files).unwrap();
    for number in 2..4 {
        let identity = Identity::p256();
        release(number, &identity);
        wait_for(&certificates, &identity);
    }
}

/// A write through another name of the file, in another folder, is not reported: as with a network file system.
#[test]
fn what_the_system_does_not_report_is_found_by_polling() {
    let site = Site::new(&Identity::p256());
    let elsewhere = Folder::new();
    let names = [(&site.chain, elsewhere.path("chain")), (&site.key, elsewhere.path("key"))];
    for (name, other) in &names {
        fs::hard_link(name, other).unwrap();
    }
    let events = Events::default();
    let reloader = events.builder().poll_interval(std::time::Duration::from_millis(20));
    let certificates = site.certificates(&reloader.start().unwrap());
    let identity = Identity::p256();
    fs::write(&names[0].1, chain_pem(&identity)).unwrap();
    fs::write(&names[1].1, key_pem(&identity)).unwrap();
    wait_for(&certificates, &identity);
}
