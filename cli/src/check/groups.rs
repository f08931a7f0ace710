//! Which groups does the server take for the key exchange, and is one of them post-quantum?

use std::sync::Arc;

use handclasp::crypto::KeyExchangeGroup;
use handclasp::registry::NamedGroup;
use serde::Serialize;

use super::advice::Advice;
use super::offer::{self, Answer, Offer};
use super::prober::Prober;
use super::section::{Row, Section};

/// The groups that have ML-KEM in them.
const POST_QUANTUM: [NamedGroup; 5] = [
    NamedGroup::X25519_MLKEM768,
    NamedGroup::SECP256R1_MLKEM768,
    NamedGroup::SECP384R1_MLKEM1024,
    NamedGroup::MLKEM768,
    NamedGroup::MLKEM1024,
];

#[derive(Clone, Debug, Serialize)]
pub struct Groups {
    /// Each group was offered alone.
    pub offers: Vec<Offer>,
    /// The group that the server took from a usual offer.
    pub chosen: Option<String>,
    /// Whether the offer had a post-quantum group in it.
    pub post_quantum_offered: bool,
    /// A post-quantum group is accepted.
    pub post_quantum: bool,
    /// The server took one from a usual offer.
    pub post_quantum_chosen: bool,
}

impl Groups {
    /// Offers each group of the provider alone.
    pub fn ask(prober: &mut Prober, chosen: Option<NamedGroup>) -> Self {
        let mut offers = Vec::new();
        let groups: Vec<Arc<dyn KeyExchangeGroup>> = prober.provider().groups;
        for group in &groups {
            let mut provider = prober.provider();
            provider.groups = vec![Arc::clone(group)];
            let probe = prober.probe(prober.config_builder(provider));
            offers.push(Offer::new(group.name().to_string(), Answer::of(&probe)));
        }
        let chosen_is_post_quantum = chosen.is_some_and(|group| POST_QUANTUM.contains(&group));
        let post_quantum: Vec<_> = offers.iter().filter(is_post_quantum).collect();
        let accepted = post_quantum.iter().any(|offer| offer.is_accepted());
        Self {
            post_quantum_offered: !post_quantum.is_empty(),
            post_quantum: accepted || chosen_is_post_quantum,
            post_quantum_chosen: chosen_is_post_quantum,
            chosen: chosen.map(|group| group.to_string()),
            offers,
        }
    }

    fn offer_of(&self, group: NamedGroup) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.name == group.to_string())
    }
}

fn is_post_quantum(offer: &&Offer) -> bool {
    POST_QUANTUM.iter().any(|group| offer.name == group.to_string())
}

impl Section for Groups {
    fn title(&self) -> &'static str {
        "Key exchange"
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = offer::rows(&self.offers, self.chosen.as_ref());
        if self.post_quantum_offered {
            rows.push(Row::yes_or_no("post-quantum", self.post_quantum));
        }
        rows
    }

    fn advice(&self) -> Vec<Advice> {
        let mut advice = Vec::new();
        let mut hybrids = self.offers.iter().filter(is_post_quantum);
        let all_are_refused = hybrids.all(Offer::is_refused);
        if self.post_quantum_offered && !self.post_quantum && all_are_refused {
            advice.push(Advice::improvement(
                "no-post-quantum",
                "turn on the group X25519MLKEM768: connections that are recorded today could be decrypted \
                 with a quantum computer later",
            ));
        } else if self.post_quantum && !self.post_quantum_chosen {
            advice.push(Advice::improvement(
                "post-quantum-not-preferred",
                "prefer the post-quantum group: the server has one, and took another from a client that \
                 offers it first",
            ));
        }
        if self.offer_of(NamedGroup::SECP256R1).is_some_and(Offer::is_refused) {
            advice.push(Advice::improvement(
                "no-secp256r1",
                "turn on the group secp256r1: RFC 9846, section 9.1, has it mandatory, and a client may \
                 have no other",
            ));
        }
        advice
    }
}
