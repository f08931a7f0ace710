//! A diagnosis, and an error, as one line for a log.

use core::fmt;

use super::data::Diagnosis;
use crate::error::Error;
use crate::error::circumstances::{Offer, Parameter};

impl Diagnosis {
    /// The lists of the two sides, in words, unless [`happened`](Self::happened) has them. Empty if there
    /// are none.
    pub fn lists(&self) -> String {
        if self.has_lists {
            return String::new();
        }
        let [own, peer] = [&self.offers, &self.peer_offers].map(|offers| in_words(offers));
        match (own.is_empty(), peer.is_empty()) {
            (true, true) => String::new(),
            (false, true) => format!("this side's {own}"),
            (true, false) => format!("the peer's {peer}"),
            (false, false) => format!("this side's {own}; the peer's {peer}"),
        }
    }
}

fn in_words(offers: &[Offer]) -> String {
    let texts: Vec<_> = offers.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// One line for a log: what happened, the lists of the two sides, what may be behind it, and what to change.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.happened)?;
        let lists = self.lists();
        if !lists.is_empty() {
            write!(f, "; {lists}")?;
        }
        for cause in &self.causes {
            write!(f, "; {cause}")?;
        }
        for remedy in &self.remedies {
            write!(f, "; {}", remedy.text)?;
        }
        Ok(())
    }
}

/// The line of its [diagnosis](Error::diagnosis).
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.diagnosis(), f)
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            Parameter::ServerName | Parameter::Certificate => {
                write!(f, "{} \"{}\"", self.what, self.values.join("\", \""))
            }
            // Names of authorities have commas in them.
            Parameter::TrustAnchors => write!(f, "{} [{}]", self.what, self.values.join("; ")),
            _ => write!(f, "{} [{}]", self.what, self.values.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Offer, Parameter};
    use crate::error::{Error, ErrorKind};

    #[test]
    fn names_of_trust_anchors_are_separated_by_what_is_not_in_them() {
        let values = vec!["C=US, O=a, CN=b".to_owned(), "CN=c".to_owned()];
        let offer = Offer { what: Parameter::TrustAnchors, values };
        assert_eq!(offer.to_string(), "trust anchors [C=US, O=a, CN=b; CN=c]");
    }

    /// A program that logs its error has the diagnosis in its log.
    #[test]
    fn the_text_of_an_error_says_what_to_change() {
        let error = Error::from(ErrorKind::NoApplicationProtocol {
            ours: vec!["h2".into()],
            theirs: vec!["http/1.1".into()],
        });
        let line = error.to_string();
        assert_eq!(line, error.diagnosis().to_string());
        for words in
            ["[http/1.1]", "[h2]", "alert sent: no_application_protocol", "that both sides"]
        {
            assert!(line.contains(words), "{line}");
        }
        assert!(!line.contains('\n'), "{line}");
    }
}
