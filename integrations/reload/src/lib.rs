#![doc = include_str!("example.md")]
// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

mod certificates;
mod crls;
mod event;
mod folders;
mod in_use;
mod key_pair;
mod part;
mod reloader;
mod status;
mod trust;

pub use certificates::{CertificateFiles, ReloadingCertificates};
pub use event::{Event, ReloadError, Warning};
pub use handclasp;
pub use key_pair::KeyFiles;
pub use reloader::{Reloader, ReloaderBuilder};
pub use status::{Failure, Status};
pub use trust::{ReloadingVerifier, TrustFiles};
