//! Many cases in one process: a JSON object per line, and a result per line.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handclasp::certificate::{
    AnchorDates, CertificateRevocationList, InvalidPolicyIdentifier, LoadedAnchors,
    PolicyIdentifier, Profile, Purpose,
};
use handclasp::pem::{self, printable_path};
use handclasp::pki_types::{CertificateDer, UnixTime};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::case::{Case, Policies};
use super::evidence::Evidence;
use super::parse;
use crate::failure::Failure;
use crate::stdout;

/// A line of the input.
struct Line {
    id: Value,
    /// PEM, the end-entity certificate first.
    chain: Vec<String>,
    intermediates: Option<Vec<String>>,
    roots: Vec<String>,
    crls: Option<Vec<String>>,
    ocsp: Option<String>,
    names: Option<Vec<String>>,
    time: Option<String>,
    purpose: Option<String>,
    profile: Option<String>,
    max_depth: Option<usize>,
    revocation: Option<String>,
    anchor_dates: Option<String>,
    /// Object identifiers; without the field, every policy is acceptable.
    user_initial_policy_set: Option<Vec<String>>,
    initial_explicit_policy: Option<bool>,
    initial_policy_mapping_inhibit: Option<bool>,
    initial_any_policy_inhibit: Option<bool>,
}

impl Line {
    fn read(value: &Value) -> Result<Self, String> {
        Ok(Self {
            id: value.get("id").cloned().unwrap_or_default(),
            chain: field(value, "chain")?,
            intermediates: field(value, "intermediates")?,
            roots: field(value, "roots")?,
            crls: field(value, "crls")?,
            ocsp: field(value, "ocsp")?,
            names: field(value, "names")?,
            time: field(value, "time")?,
            purpose: field(value, "purpose")?,
            profile: field(value, "profile")?,
            max_depth: field(value, "max_depth")?,
            revocation: field(value, "revocation")?,
            anchor_dates: field(value, "anchor_dates")?,
            user_initial_policy_set: field(value, "user_initial_policy_set")?,
            initial_explicit_policy: field(value, "initial_explicit_policy")?,
            initial_policy_mapping_inhibit: field(value, "initial_policy_mapping_inhibit")?,
            initial_any_policy_inhibit: field(value, "initial_any_policy_inhibit")?,
        })
    }
}

/// The field of this name. The error does not contain the decoder's text, which quotes the value: it may
/// be a key.
fn field<T: DeserializeOwned>(value: &Value, name: &str) -> Result<T, String> {
    let field = value.get(name).cloned().unwrap_or_default();
    serde_json::from_value(field)
        .map_err(|_| format!("the field {name} is missing, or of another kind"))
}

/// Verifies each line of a file, or of standard input if it is `-`. A line that is no case gets an error
/// as its result, and does not stop the others.
pub fn run(file: &Path) -> Result<(), Failure> {
    let unreadable = |error: io::Error| {
        Failure::misuse(format!("--batch {}: cannot be read: {error}", printable_path(file)))
    };
    let mut input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file).map_err(unreadable)?))
    };
    let mut out = io::stdout().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        if let Err(error) = writeln!(out, "{}", answer(&line)).and_then(|()| out.flush()) {
            return stdout::ended(&error);
        }
    }
}

fn result(id: &Value, verdict: &str, reason: &str, detail: &str) -> Value {
    json!({"id": id, "verdict": verdict, "reason": reason, "detail": detail})
}

/// The result of a line.
fn answer(line: &[u8]) -> Value {
    let value = match serde_json::from_slice::<Value>(line) {
        Ok(value) => value,
        Err(error) => return result(&Value::Null, "error", "not-json", &error.to_string()),
    };
    let id = value.get("id").cloned().unwrap_or_default();
    match Line::read(&value).and_then(case) {
        Ok(case) => match case.explain().result {
            Ok(path) => result(&id, "accepted", "accepted", &path.to_string()),
            Err(error) => result(&id, "rejected", case.code(&error), &error.to_string()),
        },
        Err(detail) => result(&id, "error", "not-a-case", &detail),
    }
}

/// The case in a line, or why there is none.
fn case(line: Line) -> Result<Case, String> {
    if line.id.is_null() {
        return Err("it has no id".into());
    }
    let mut chain = line.chain.iter().flat_map(|text| certificates(text));
    let end_entity = chain.next().ok_or("its chain is empty")?;
    let mut intermediates: Vec<_> = chain.collect();
    intermediates.extend(line.intermediates.iter().flatten().flat_map(|text| certificates(text)));
    let mut anchors = LoadedAnchors::default();
    let roots = line.roots.iter().flat_map(|text| certificates(text));
    (1..).zip(roots).for_each(|(number, root)| anchors.add(number, root));
    let evidence = evidence(&line)?;
    let policies = policies(&line)?;
    let names = line.names.unwrap_or_default().into_iter().map(|name| {
        parse::tagged_name(&name)
            .ok_or("one of its names does not begin with dns:, ip: or email:".to_owned())
    });
    Ok(Case {
        end_entity,
        intermediates,
        anchors,
        evidence,
        names: names.collect::<Result<_, _>>()?,
        time: match line.time {
            Some(text) => parse::time(&text).map_err(|error| option("time", error))?,
            None => UnixTime::now(),
        },
        purpose: match line.purpose {
            Some(text) => parse::purpose(&text).map_err(|error| option("purpose", error))?,
            None => Purpose::Server,
        },
        profile: match line.profile {
            Some(text) => parse::profile(&text).map_err(|error| option("profile", error))?,
            None => Profile::Default,
        },
        policies,
        anchor_dates: match line.anchor_dates {
            Some(text) => {
                parse::anchor_dates(&text).map_err(|error| option("anchor_dates", error))?
            }
            None => AnchorDates::Ignored,
        },
        max_depth: line.max_depth,
    })
}

/// What is wrong with a field.
fn option(name: &str, reason: impl Display) -> String {
    format!("{name}: {reason}")
}

fn evidence(line: &Line) -> Result<Evidence, String> {
    let mut evidence = Evidence::default();
    for crl in line.crls.iter().flatten() {
        evidence.add(CertificateRevocationList::from_pem(crl.as_bytes()));
    }
    // As with certificates, text that is not base64 is a malformed response.
    let ocsp = line.ocsp.as_ref();
    evidence.ocsp = ocsp.map(|text| STANDARD.decode(text.trim()).unwrap_or_default());
    if let Some(text) = &line.revocation {
        let mode = parse::revocation(text).map_err(|error| option("revocation", error))?;
        evidence.mode = Some(mode);
    }
    Ok(evidence)
}

fn policies(line: &Line) -> Result<Policies, String> {
    let user_policy_set = match &line.user_initial_policy_set {
        Some(set) => Some(set.iter().map(|text| policy(text)).collect::<Result<_, _>>()?),
        None => None,
    };
    Ok(Policies {
        user_policy_set,
        explicit_policy: line.initial_explicit_policy.unwrap_or_default(),
        policy_mapping_inhibit: line.initial_policy_mapping_inhibit.unwrap_or_default(),
        any_policy_inhibit: line.initial_any_policy_inhibit.unwrap_or_default(),
    })
}

fn policy(text: &str) -> Result<PolicyIdentifier, String> {
    text.parse().map_err(|error: InvalidPolicyIdentifier| option("user_initial_policy_set", error))
}

/// The certificates in a text. Text that is not PEM is a malformed certificate: the case is rejected,
/// and is no error.
fn certificates(text: &str) -> Vec<CertificateDer<'static>> {
    let malformed = || CertificateDer::from(Vec::new());
    let mut found: Vec<_> = pem::each_certificate(text.as_bytes())
        .into_iter()
        .map(|certificate| certificate.unwrap_or_else(|_| malformed()))
        .collect();
    if found.is_empty() {
        found.push(malformed());
    }
    found
}
