//! Which signature schemes can the server sign with?

use handclasp::crypto::CryptoProvider;
use handclasp::registry::SignatureScheme;
use serde::Serialize;

use super::advice::{Answer, Row};
use super::offer::{self, Offer, Taken};
use super::prober::Prober;

#[derive(Clone, Debug, Serialize)]
pub struct SignatureSchemes {
    /// Each scheme was offered alone, beside those that are for certificates only.
    pub offers: Vec<Offer>,
    /// The scheme that the server took from a usual offer.
    pub chosen: Option<String>,
}

impl SignatureSchemes {
    /// Offers each scheme of the provider alone.
    pub fn ask(prober: &mut Prober, chosen: Option<SignatureScheme>) -> Self {
        let mut offers = Vec::new();
        let schemes: Vec<_> = prober.provider().signatures.schemes().collect();
        for scheme in schemes {
            if !scheme.signs_handshakes() {
                continue;
            }
            let provider = only(prober.provider(), scheme);
            let probe = prober.probe(prober.client(provider));
            offers.push(Offer::new(scheme.to_string(), Taken::of(&probe)));
        }
        Self { offers, chosen: chosen.map(|scheme| scheme.to_string()) }
    }
}

/// A provider that verifies handshakes with this scheme only. Certificates may still be signed with RSA.
fn only(mut provider: CryptoProvider, scheme: SignatureScheme) -> CryptoProvider {
    let rows = &mut provider.signatures.by_scheme;
    rows.retain(|row| row.scheme == scheme || !row.scheme.signs_handshakes());
    provider
}

impl Answer for SignatureSchemes {
    fn title(&self) -> &'static str {
        "Signatures"
    }

    fn rows(&self) -> Vec<Row> {
        offer::rows(&self.offers, self.chosen.as_ref())
    }
}
