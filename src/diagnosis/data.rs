//! The data of a [`Diagnosis`].

use core::time::Duration;

use crate::alert::AlertDescription;
use crate::error::circumstances::Circumstances;

use crate::error::circumstances::{Offer, Parameter};
use crate::side::Side;
use crate::stage::Stage;

/// Why a connection failed, and what to change: see the [module](super).
///
/// Texts may quote the peer: they are escaped and of limited length, and contain no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// A stable name of what happened, for metrics: the code of the certificate's error or of the
    /// transport's (`silence`, `reset`, `transport-error`), `not-tls` for another protocol, and otherwise
    /// [`ErrorKind::code`](crate::ErrorKind::code).
    pub code: &'static str,
    /// Where the fault is, as far as this side can know.
    pub fault: Fault,
    /// Which end this side is. `None` for an error that no connection had.
    pub side: Option<Side>,
    /// What this side was waiting for.
    pub stage: Option<Stage>,
    /// What happened: a sentence.
    pub happened: String,
    /// The alert that this side has sent.
    pub alert_sent: Option<AlertDescription>,
    /// The alert that the peer has sent.
    pub alert_received: Option<AlertDescription>,
    /// What this side offered, takes or has shown, as far as it matters here.
    pub offers: Vec<Offer>,
    /// What the peer offered, takes or has shown, as far as this side knows it and it matters here.
    pub peer_offers: Vec<Offer>,
    /// What may be behind it: sentences that are guesses, the likeliest first.
    pub causes: Vec<String>,
    /// What to change.
    pub remedies: Vec<Remedy>,
    /// The bytes of the peer's records that came. `None` without records.
    pub bytes_received: Option<u64>,
    /// The time since the connection was made.
    pub elapsed: Option<Duration>,
    /// `happened` has the lists already.
    pub(super) has_lists: bool,
}

/// Where a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// At this side: its configuration, its certificate, its application or its provider.
    ThisSide,
    /// At the peer.
    Peer,
    /// At the transport: the connection ended, or the peer was silent.
    Transport,
    /// This side cannot know. The configurations of the two may not fit, or something between them may
    /// have changed bytes.
    Unknown,
}

impl Fault {
    /// A stable name for programs, in lower case with hyphens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ThisSide => "this-side",
            Self::Peer => "peer",
            Self::Transport => "transport",
            Self::Unknown => "unknown",
        }
    }
}

/// What to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remedy {
    /// What to change: a sentence about one thing.
    pub text: String,
    /// The setting of this side that is to be changed. `None` where something else is: the peer, the
    /// certificate of an authority, a clock.
    pub setting: Option<Setting>,
    /// A value for the setting, where one is likely: such as the name that the certificate has.
    pub value: Option<String>,
}

/// A setting of this side. A program names its own option for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// The trust anchors for the peer's certificate.
    TrustAnchors,
    /// The name that a client expects in the server's certificate.
    ServerName,
    /// The application protocols.
    ApplicationProtocols,
    /// The external pre-shared keys.
    PreSharedKeys,
    /// The certificate of this side, and its key.
    Certificate,
    /// What a server asks its clients for.
    ClientAuthentication,
    /// The groups of the key exchange.
    Groups,
    /// The command of the application's protocol that begins TLS: `smtp`, `imap` or `postgres` are values.
    StartTls,
    /// The limits of this side.
    Limits,
}

impl Setting {
    /// A stable name for programs, in lower case with hyphens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TrustAnchors => "trust-anchors",
            Self::ServerName => "server-name",
            Self::ApplicationProtocols => "application-protocols",
            Self::PreSharedKeys => "pre-shared-keys",
            Self::Certificate => "certificate",
            Self::ClientAuthentication => "client-authentication",
            Self::Groups => "groups",
            Self::StartTls => "starttls",
            Self::Limits => "limits",
        }
    }
}

impl Diagnosis {
    pub(super) fn new(code: &'static str, happened: String) -> Self {
        Self {
            code,
            fault: Fault::Unknown,
            side: None,
            stage: None,
            happened,
            alert_sent: None,
            alert_received: None,
            offers: Vec::new(),
            peer_offers: Vec::new(),
            causes: Vec::new(),
            remedies: Vec::new(),
            bytes_received: None,
            elapsed: None,
            has_lists: false,
        }
    }

    pub(super) fn set_circumstances(&mut self, circumstances: &Circumstances) {
        self.side = Some(circumstances.side);
        self.stage = Some(circumstances.stage);
        self.bytes_received = circumstances.traffic.map(|traffic| traffic.bytes_received);
        self.elapsed = circumstances.traffic.map(|traffic| traffic.elapsed);
    }

    // The functions that follow are not inlined: they are called in a hundred places.

    #[inline(never)]
    pub(super) fn cause(&mut self, text: &str) {
        self.causes.push(text.to_owned());
    }

    /// Something is to be changed that is no setting of this side.
    #[inline(never)]
    pub(super) fn remedy(&mut self, text: &str) {
        self.remedies.push(Remedy { text: text.to_owned(), setting: None, value: None });
    }

    /// A setting of this side is to be given this value.
    #[inline(never)]
    pub(super) fn set(&mut self, setting: Setting, value: &str, text: &str) {
        let (setting, value) = (Some(setting), Some(value.to_owned()));
        self.remedies.push(Remedy { text: text.to_owned(), setting, value });
    }

    /// A setting of this side is to be changed.
    #[inline(never)]
    pub(super) fn change(&mut self, setting: Setting, text: &str) {
        let setting = Some(setting);
        self.remedies.push(Remedy { text: text.to_owned(), setting, value: None });
    }
}

/// The lists of this side, by what they contain.
pub(super) fn own_offers(
    circumstances: Option<&Circumstances>,
    wanted: &[Parameter],
) -> Vec<Offer> {
    let Some(circumstances) = circumstances else { return Vec::new() };
    let mut offers = circumstances.own_offers();
    if let Some(name) = &circumstances.server_name {
        offers.push(Offer::new(Parameter::ServerName, vec![name.clone()]));
    }
    offers.retain(|offer| wanted.contains(&offer.what));
    offers
}
