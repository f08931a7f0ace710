//! The demonstration: a handshake of a client and a server in this process, explained from both sides.

use std::sync::Arc;

use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::{PrivateKeyDer, ServerName};
use handclasp::transport::memory;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, ServerConfig, ServerConnection, TrustAnchors,
};
use handclasp_explain::Account;

use crate::event_log::{NoReport, Reporter, SharedEventLog, Side};
use crate::failure::Failure;
use crate::html;
use crate::json;
use crate::stdout::stdout;
use crate::summary::Summary;
use crate::text_report::{TextReport, dim, heading, lines, paint};

const NAME: &str = "server.example";

const INTRODUCTION: &str = "\
    A certificate for server.example was just made, and an authority that issued it. The client trusts that \
    authority. Both sides are in this process; each line says who does what, and how long it took. What is \
    sent is explained once, where it is sent.";

/// Performs a handshake in memory and explains it.
pub fn run(html: &html::HtmlArguments, json: bool) -> Result<(), Failure> {
    let (anchors, key) = identity()?;
    let misuse = |error: handclasp::config::ConfigError| Failure::failed(error.to_string());
    let client = ClientConfig::builder(CryptoProvider::default())
        .trust(anchors)
        .and_then(|builder| builder.application_protocols(["h2", "http/1.1"]).build())
        .map_err(misuse)?;
    let server = ServerConfig::builder(CryptoProvider::default())
        .application_protocols(["http/1.1"])
        .build(Arc::new(handclasp::credential::CertificateList::new(vec![Arc::new(key)])))
        .map_err(misuse)?;

    if !json {
        let title = heading("A TLS 1.3 handshake (RFC 9846), seen from both sides");
        print(&format!("{title}{}", paint(dim(), &lines(INTRODUCTION))));
    }
    let reporter: Box<dyn Reporter> = match json {
        true => Box::new(NoReport),
        false => Box::new(TextReport::new(stdout())),
    };
    let event_log = SharedEventLog::with_account(false, reporter, html.shows_secrets());
    let options = |side| {
        let mut options = Options::default();
        options.observer = Some(event_log.observer(side));
        options
    };
    let name = ServerName::try_from(NAME).map_err(|error| Failure::failed(error.to_string()))?;
    let mut server = ServerConnection::with_options(Arc::new(server), options(Side::Server))?;
    event_log.start();
    let mut client = ClientConnection::with_options(Arc::new(client), name, options(Side::Client))?;
    memory::exchange(&mut client, &mut server)?;
    event_log.finish();
    html.write(&event_log.recorder(Side::Client), None)?;

    if json {
        // The same handshake, as each side saw it.
        let connections =
            [Side::Client, Side::Server].map(|side| event_log.recorder(side).connection());
        let account = Account::new(connections.into());
        json::write_line(&mut stdout(), &json::account(&account));
    } else {
        let summary = Summary::new(Side::Client, &client, event_log.tally(Side::Client));
        let other = Summary::new(Side::Server, &server, event_log.tally(Side::Server));
        let text = summary.text(Some(other.tally));
        // The path of the program: cargo does not install it.
        let program = std::env::args().next().unwrap_or_else(|| "handclasp".into());
        let farewell = lines(&format!(
            "{program} connect HOST:443 explains a handshake with a server on the network, and {program} \
             explain FILE a capture; {program} help has the commands, {program} help COMMAND its options."
        ));
        print(&format!("{text}\n{}", paint(dim(), &farewell)));
    }
    Ok(())
}

/// An authority, and a server's certificate that it has issued.
fn identity() -> Result<(TrustAnchors, CertifiedKey), Failure> {
    let failed = |error: rcgen::Error| Failure::failed(format!("making a certificate: {error}"));
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "An authority for this demonstration");
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let authority = rcgen::CertifiedIssuer::self_signed(params, key).map_err(failed)?;

    let mut params = rcgen::CertificateParams::new(vec![NAME.into()]).map_err(failed)?;
    params.distinguished_name.push(rcgen::DnType::CommonName, NAME);
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, &authority).map_err(failed)?;

    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let mut anchors = TrustAnchors::new();
    anchors.add(authority.der().clone()).map_err(|error| failed(&error))?;
    let der = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| failed(&error))?;
    let key = CertifiedKey::from_der(vec![certificate.der().clone()], &der);
    Ok((anchors, key.map_err(|error| failed(&error))?))
}

fn print(text: &str) {
    // `stdout` remembers a failure.
    let _ = stdout().write_all(text.as_bytes());
}
