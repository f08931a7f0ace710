//! The input is the DER of a CRL by the authority of the chain, whose leaf it may revoke.

#![no_main]

use handclasp::certificate::{CertificateRevocationList, RevocationMode};
use handclasp_fuzz::revocation;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(crl) = CertificateRevocationList::from_der(data) else { return };
    let _ = format!("{crl:?} {} {} {:?}", crl.issuer(), crl.this_update(), crl.next_update());
    assert!(crl.len() <= data.len());
    for serial in [&[][..], &[1], &[0x10, 0x00], &[0xff; 20]] {
        assert!(!crl.lists(serial) || !crl.is_empty());
    }
    let crls = [crl];
    for mode in [RevocationMode::IfPresent, RevocationMode::Require] {
        revocation::play(&crls, None, mode, data);
    }
});
