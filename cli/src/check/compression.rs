//! Does the server compress its certificates (RFC 8879)?

use std::sync::Arc;

use handclasp::credential::{Brotli, CertificateCompression, Zlib};
use handclasp_explain::{Connection, Message};
use serde::Serialize;

use super::advice::Advice;
use super::offer::list;
use super::prober::Prober;
use super::section::{Row, Section};

/// Certificates of more bytes are worth compressing: with the rest of the flight they do not fit into the
/// first packets that a server sends.
const MANY_BYTES: usize = 3000;

#[derive(Clone, Debug, Serialize)]
pub struct Compression {
    pub algorithms: Vec<CompressionAlgorithm>,
    /// The length of the Certificate message without compression, in bytes.
    pub uncompressed_length: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CompressionAlgorithm {
    pub name: String,
    /// The length of the CompressedCertificate message.
    pub length: usize,
}

/// The algorithms that a check offers.
pub fn algorithms() -> Vec<Arc<dyn CertificateCompression>> {
    vec![Arc::new(Brotli), Arc::new(Zlib)]
}

impl Compression {
    /// The first connection offered all algorithms. If the server took one, the others are offered without
    /// it.
    pub fn ask(prober: &mut Prober, first: &Connection) -> Self {
        let mut left = algorithms();
        let mut compression = Self {
            algorithms: Vec::new(),
            uncompressed_length: first.message("Certificate").map(|message| message.length),
        };
        let mut account = first.clone();
        while let Some(message) = account.message("CompressedCertificate") {
            let Some(algorithm) = compression.add(message) else { break };
            left.retain(|one| one.algorithm().to_string() != algorithm);
            if left.is_empty() {
                break;
            }
            let builder = prober.config_builder(prober.provider());
            let probe = prober.probe(builder.certificate_compression(left.clone()));
            let Ok(probe) = probe else { break };
            account = probe.account();
        }
        compression
    }

    /// Adds the algorithm of a message, and returns its name.
    fn add(&mut self, message: &Message) -> Option<String> {
        let name = message.find("algorithm")?.code()?.to_string();
        let uncompressed = message.find("uncompressed_length").and_then(|it| it.number());
        self.uncompressed_length = uncompressed.and_then(|length| usize::try_from(length).ok());
        self.algorithms.push(CompressionAlgorithm { name: name.clone(), length: message.length });
        Some(name)
    }
}

impl Section for Compression {
    fn title(&self) -> &'static str {
        "Certificate compression"
    }

    fn rows(&self) -> Vec<Row> {
        let names: Vec<_> = self.algorithms.iter().map(|it| it.name.as_str()).collect();
        let mut rows = vec![Row::new("algorithms", list(&names))];
        if let Some(length) = self.uncompressed_length {
            rows.push(Row::new("Certificate", format!("{length} bytes")));
        }
        if let Some(best) = self.algorithms.iter().min_by_key(|it| it.length) {
            rows.push(Row::new("compressed", format!("{} bytes ({})", best.length, best.name)));
        }
        rows
    }

    fn advice(&self) -> Vec<Advice> {
        match self.uncompressed_length {
            Some(length) if self.algorithms.is_empty() && length > MANY_BYTES => {
                let text = format!(
                    "compress the certificates (RFC 8879), or send fewer: they are {length} bytes, and \
                     compression usually saves a third"
                );
                vec![Advice::improvement("certificates-not-compressed", text)]
            }
            _ => Vec::new(),
        }
    }
}
