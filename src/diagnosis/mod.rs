//! Why a connection failed, and what to change: [`Diagnosis`].
//!
//! [`Error::diagnosis`](crate::Error::diagnosis) makes one of an error, and
//! [`Connection::diagnose`](crate::Connection::diagnose) also of an error of the transport. It is data, and
//! its `Display` is one line for a log:
//!
//! ```
//! use handclasp::diagnosis::{Fault, Setting};
//! use handclasp::{Error, ErrorKind};
//!
//! let error = Error::from(ErrorKind::NoApplicationProtocol {
//!     ours: vec!["h2".into()],
//!     theirs: vec!["http/1.1".into()],
//! });
//! let diagnosis = error.diagnosis();
//! assert_eq!(diagnosis.code, "no-application-protocol");
//! assert_eq!(diagnosis.fault, Fault::Unknown);
//! assert_eq!(diagnosis.peer_offers[0].values, ["http/1.1"]);
//! assert_eq!(diagnosis.remedies[0].setting, Some(Setting::ApplicationProtocols));
//! println!("{diagnosis}");
//! ```
//!
//! What a peer means by an alert, and why it is silent, can only be guessed: such sentences are in
//! [`causes`](Diagnosis::causes), and say "usually" or "may". Nothing is made before it is asked for.

mod alert;
mod certificate;
mod credentials;
mod data;
mod kinds;
mod line;
mod lists;
mod other_protocol;
mod record;
mod transport;

pub use crate::error::circumstances::{Offer, Parameter};
pub use crate::side::Side;
pub use crate::stage::Stage;
pub use data::{Diagnosis, Fault, Remedy, Setting};
