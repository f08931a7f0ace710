//! Which application protocols does the server take (ALPN, RFC 7301)?

use serde::Serialize;

use super::advice::Advice;
use super::offer::{self, Answer, Offer, accepted};
use super::prober::Prober;
use super::section::{Row, Section};

/// The most protocols that are offered one by one.
const MAX_PROTOCOLS: usize = 8;
/// A protocol that no server knows.
const UNKNOWN: &str = "handclasp-check";

#[derive(Clone, Debug, Serialize)]
pub struct ApplicationProtocols {
    /// Each protocol was offered alone.
    pub offers: Vec<Offer>,
    /// The protocol that the server took from all of them.
    pub chosen: Option<String>,
    /// What the server does with a protocol that it cannot know.
    pub unknown: Answer,
}

impl ApplicationProtocols {
    pub fn ask(prober: &mut Prober, chosen: Option<&[u8]>) -> Self {
        let mut offers = Vec::new();
        for name in prober.application_protocols().into_iter().take(MAX_PROTOCOLS) {
            let answer = offer_alone(prober, &name);
            offers.push(Offer::new(name, answer));
        }
        let unknown = offer_alone(prober, UNKNOWN);
        let chosen = chosen.map(handclasp_explain::words::printable);
        Self { offers, chosen, unknown }
    }
}

/// Offers one protocol. A server that does not name it has not accepted it.
fn offer_alone(prober: &mut Prober, name: &str) -> Answer {
    let builder = prober.config_builder(prober.provider()).application_protocols([name]);
    let probe = prober.probe(builder);
    let answer = Answer::of(&probe);
    match &probe {
        Ok(probe) if answer == Answer::Accepted => {
            let agreed = &probe.client.connection.parameters().application_protocol;
            if agreed.is_none() { Answer::Ignored } else { answer }
        }
        _ => answer,
    }
}

impl Section for ApplicationProtocols {
    fn title(&self) -> &'static str {
        "Application protocols (ALPN)"
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = offer::rows(&self.offers, self.chosen.as_ref());
        let unknown = match &self.unknown {
            Answer::Ignored => "are ignored".to_owned(),
            Answer::Accepted => "are accepted".to_owned(),
            Answer::Refused { alert: Some(alert) } => format!("are refused with {alert}"),
            Answer::Refused { alert: None } => "the server closes the connection".to_owned(),
            Answer::Unknown { reason } => format!("not known: {reason}"),
        };
        rows.push(Row::new("unknown ones", unknown));
        rows
    }

    fn advice(&self) -> Vec<Advice> {
        let mut advice = Vec::new();
        let takes_some = !accepted(&self.offers).is_empty();
        if self.unknown == Answer::Ignored && takes_some {
            advice.push(Advice::note(
                "unknown-protocol-ignored",
                "the server has application protocols, and serves a client that has none of them: RFC 7301, \
                 section 3.2, has the alert no_application_protocol for it, which protects from attacks \
                 across protocols",
            ));
        }
        advice
    }
}
