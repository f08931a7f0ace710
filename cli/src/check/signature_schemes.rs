//! Which signature schemes can the server sign with?

use handclasp::crypto::CryptoProvider;
use handclasp::registry::SignatureScheme;
use serde::Serialize;

use super::offer::{Answer, Offer, accepted, list};
use super::prober::Prober;
use super::section::{Row, Section};

/// The alert of a server that cannot sign with what is offered (RFC 9846, section 4.3.3).
const HANDSHAKE_FAILURE: &str = "handshake_failure";

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
            let probe = prober.probe(prober.config_builder(provider));
            offers.push(Offer::new(scheme.to_string(), Answer::of(&probe)));
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

impl Section for SignatureSchemes {
    fn title(&self) -> &'static str {
        "Signatures"
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![Row::new("accepted", list(&accepted(&self.offers)))];
        let mut unused = Vec::new();
        let mut others = Vec::new();
        for Offer { name, answer } in &self.offers {
            match answer {
                Answer::Accepted => {}
                // Not a fault: a key is for one scheme, or for a few.
                Answer::Refused { alert: Some(alert) } if alert == HANDSHAKE_FAILURE => {
                    unused.push(name.clone());
                }
                _ => others.push(format!("{name} ({})", answer.words())),
            }
        }
        if !unused.is_empty() {
            let names = list(&unused);
            let text = format!("{names} (the server has no key for them, or they are turned off)");
            rows.push(Row::new("not used", text));
        }
        if !others.is_empty() {
            rows.push(Row::new("not accepted", list(&others)));
        }
        rows.extend(self.chosen.clone().map(|name| Row::new("chosen", name)));
        rows
    }
}
