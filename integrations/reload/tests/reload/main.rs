//! Certificates, keys, trust anchors and CRLs that change while handshakes use them: real files, in each way in which
//! programs replace them.

mod certificates;
mod ends;
mod load;
mod site;
mod status;
mod trust;
#[cfg(unix)]
mod ways;
