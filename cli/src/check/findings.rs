//! All findings about a server.

use serde::Serialize;

use super::advice::{Advice, Severity};
use super::application_protocols::ApplicationProtocols;
use super::certificates::Certificates;
use super::cipher_suites::CipherSuites;
use super::client_certificate::ClientCertificate;
use super::closing::Closing;
use super::compression::Compression;
use super::cost::Cost;
use super::early_data::EarlyData;
use super::first_handshake::FirstHandshake;
use super::groups::Groups;
use super::key_share::KeyShare;
use super::key_update::KeyUpdate;
use super::prober::{MAX_CONNECTIONS, MAX_TIME, Prober};
use super::record_size_limit::RecordSizeLimit;
use super::resumption::Resumption;
use super::section::Section;
use super::signature_schemes::SignatureSchemes;
use super::tickets::Tickets;
use super::verdict::Verdict;
use crate::failure::Failure;

/// The version of the form of the JSON, which `docs/check.md` describes.
const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    pub schema_version: u32,
    /// HOST:PORT.
    pub server: String,
    pub verdict: Verdict,
    /// The faults first.
    pub advice: Vec<Advice>,
    pub connections: u32,
    pub milliseconds: u64,
    pub groups: Groups,
    pub key_share: KeyShare,
    pub cipher_suites: CipherSuites,
    pub signature_schemes: SignatureSchemes,
    pub certificates: Certificates,
    pub compression: Compression,
    pub application_protocols: ApplicationProtocols,
    pub tickets: Tickets,
    pub resumption: Resumption,
    pub early_data: EarlyData,
    pub client_certificate: ClientCertificate,
    pub record_size_limit: RecordSizeLimit,
    pub key_update: KeyUpdate,
    pub closing: Closing,
    pub cost: Cost,
}

impl Findings {
    /// Asks all questions.
    ///
    /// # Errors
    /// When the first handshake fails: then there is nothing to check.
    pub fn gather(server: &str, prober: &mut Prober) -> Result<Self, Failure> {
        let first = FirstHandshake::perform(prober)?;
        // The tickets first: they are for connections that follow soon.
        let resumption = Resumption::ask(prober, &first.tickets);
        let early_data = EarlyData::ask(prober, &first.tickets);
        let compression = Compression::ask(prober, &first.account);
        let key_share = KeyShare::ask(prober, &first.account);
        let groups = Groups::ask(prober, first.group);
        let cipher_suites = CipherSuites::ask(prober, first.cipher_suite);
        let signature_schemes = SignatureSchemes::ask(prober, first.signature_scheme);
        let application_protocol = first.application_protocol.as_deref();
        let application_protocols = ApplicationProtocols::ask(prober, application_protocol);
        let key_update = KeyUpdate::ask(prober, &first.client_certificate);
        let cost = Cost {
            first: first.cost,
            resumed: resumption.cost.clone(),
            early_data: early_data.cost.clone(),
        };
        let mut findings = Self {
            schema_version: SCHEMA_VERSION,
            server: server.to_owned(),
            verdict: Verdict::Good,
            advice: Vec::new(),
            connections: 0,
            milliseconds: 0,
            groups,
            key_share,
            cipher_suites,
            signature_schemes,
            certificates: first.certificates,
            compression,
            application_protocols,
            tickets: first.tickets,
            resumption,
            early_data,
            client_certificate: first.client_certificate,
            record_size_limit: first.record_size_limit,
            key_update,
            closing: first.closing,
            cost,
        };
        findings.connections = prober.connections;
        findings.milliseconds = u64::try_from(prober.elapsed().as_millis()).unwrap_or(u64::MAX);
        findings.add_advice(prober.is_cut_short);
        Ok(findings)
    }

    /// The sections of the report in their order.
    pub fn sections(&self) -> [&dyn Section; 15] {
        [
            &self.certificates,
            &self.groups,
            &self.key_share,
            &self.cipher_suites,
            &self.signature_schemes,
            &self.application_protocols,
            &self.tickets,
            &self.resumption,
            &self.early_data,
            &self.compression,
            &self.record_size_limit,
            &self.key_update,
            &self.client_certificate,
            &self.closing,
            &self.cost,
        ]
    }

    fn add_advice(&mut self, is_cut_short: bool) {
        let mut advice: Vec<_> =
            self.sections().iter().flat_map(|section| section.advice()).collect();
        if is_cut_short {
            let seconds = MAX_TIME.as_secs();
            let text = format!(
                "the check is not complete: it makes at most {MAX_CONNECTIONS} connections in {seconds} \
                 seconds"
            );
            advice.push(Advice::note("cut-short", text));
        }
        advice.sort_by_key(|one| match one.severity {
            Severity::Fault => 0,
            Severity::Improvement => 1,
            Severity::Note => 2,
        });
        self.verdict = Verdict::of(&advice);
        self.advice = advice;
    }
}
