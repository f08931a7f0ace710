//! The option to use an external key together with certificates.

/// Whether a client or a server uses an external key together with certificates (RFC 9973): the
/// certificates, or raw public keys, authenticate, and the key goes into the key schedule as well. Then a
/// quantum computer that breaks the key exchange does not reveal the data, unless the key is known, too. It
/// could also forge the signatures. An attacker who has it, but not the key, still cannot complete a handshake that
/// uses the key; one who has both can impersonate.
///
/// **Where certificates are used with a key, the key must not be the sole basis of authentication** (RFC 9973,
/// section 7), also if only two parties know it. Beside the extension it never is. But a peer that has the key
/// can leave the extension out, and then the key authenticates alone, as in RFC 9846. Only
/// [`Required`](Self::Required) prevents that, and only on the side that has it. A peer without the key cannot
/// take the extension away: the binder and Finished are over it.
///
/// If others know the key as well, it must be `Required`: each member of the group could impersonate
/// each other member. A client needs it to be safe from other members in the role of the server, and a
/// server needs it to be safe from members that leave out the certificate which the server demands of its
/// clients.
///
/// The rules of [`PreSharedKey`](super::PreSharedKey) hold for the key, except that more than two parties may know
/// one that is `Required`: it has 128 bits of entropy at least, and its identity is sent in the clear. What was
/// sent under the key should not be sent on a connection without one, too: its lengths and times can show an
/// attacker that it is the same (RFC 9973, section 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertWithExternPsk {
    /// It does not. A key that is used authenticates alone.
    #[default]
    Disabled,
    /// It does, if the peer does. Otherwise a key alone is used, which then authenticates, or
    /// certificates alone.
    /// [`PeerParameters::cert_with_extern_psk`](crate::handshake::PeerParameters::cert_with_extern_psk)
    /// says whether both were used.
    ///
    /// A client ends the handshake after a HelloRetryRequest with a suite for which it has no key: its second
    /// ClientHello would have to keep the extension, and could not have a key beside it (RFC 9973, sections
    /// 4 and 5). A server that knows one of the keys chooses a suite for it.
    Optional,
    /// It does, and goes on with nothing else: the peer cannot make it use a key alone, or certificates
    /// alone.
    ///
    /// - On a client, a handshake with a server for which there is no key fails before anything is sent.
    /// - A server refuses a client without the extension with `missing_extension`, and one that has none
    ///   of its keys with `unknown_psk_identity`. So it resumes no sessions.
    Required,
}
