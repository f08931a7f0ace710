//! Which cipher suites does the server take?

use handclasp::registry::CipherSuiteId;
use serde::Serialize;

use super::advice::Advice;
use super::offer::{self, Answer, Offer};
use super::prober::Prober;
use super::section::{Row, Section};

#[derive(Clone, Debug, Serialize)]
pub struct CipherSuites {
    /// Each suite was offered alone.
    pub offers: Vec<Offer>,
    /// The suite that the server took from a usual offer.
    pub chosen: Option<String>,
}

impl CipherSuites {
    /// Offers each suite of the provider alone.
    pub fn ask(prober: &mut Prober, chosen: Option<CipherSuiteId>) -> Self {
        let mut offers = Vec::new();
        for suite in prober.provider().cipher_suites {
            let mut provider = prober.provider();
            provider.cipher_suites = vec![suite.clone()];
            let probe = prober.probe(prober.config_builder(provider));
            offers.push(Offer::new(suite.id.to_string(), Answer::of(&probe)));
        }
        Self { offers, chosen: chosen.map(|suite| suite.to_string()) }
    }
}

impl Section for CipherSuites {
    fn title(&self) -> &'static str {
        "Cipher suites"
    }

    fn rows(&self) -> Vec<Row> {
        offer::rows(&self.offers, self.chosen.as_ref())
    }

    fn advice(&self) -> Vec<Advice> {
        let mandatory = CipherSuiteId::TLS_AES_128_GCM_SHA256.to_string();
        let mut refused = self.offers.iter().filter(|offer| offer.is_refused());
        if !refused.any(|offer| offer.name == mandatory) {
            return Vec::new();
        }
        let text = format!("turn on {mandatory}: RFC 9846, section 9.1, has it mandatory");
        vec![Advice::improvement("no-mandatory-suite", text)]
    }
}
