//! An account as a page for a browser: one HTML file, which loads nothing from elsewhere.
//!
//! Much of an account comes from a peer, which may be hostile. The template escapes all text, the data for
//! the script are JSON in which `<` is escaped, and the script only sets text. Should markup of a peer get
//! in all the same, the Content-Security-Policy has the hashes of the one script and the one style that may
//! be used, and allows no connection.

mod certificates;
mod choices;
mod diagnosis;
mod overview;
mod savings;
mod schedule;
mod sequence;
mod text;

use std::collections::BTreeMap;

use askama::Template;
use base64ct::{Base64, Encoding};
use handclasp::crypto::CryptoProvider;
use handclasp::diagnosis::{Diagnosis, Offer};
use serde::Serialize;

use self::sequence::Content;
use crate::account::{Account, Connection, Field, Outcome};
use crate::words;

/// The script of a page. It has the function `show`, which makes the articles of [`Part`]s work.
pub const SCRIPT: &str = include_str!("page.js");

/// The style of a page, also for other pages that look the same.
pub const STYLE: &str = include_str!("page.css");

/// What a page is made with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// For the hashes in the Content-Security-Policy.
    pub provider: CryptoProvider,
    /// Why the last connection failed, if the library has said it: the page begins with it.
    pub failure: Option<Failure>,
}

impl Options {
    /// A page of an account alone.
    pub fn new(provider: CryptoProvider) -> Self {
        Self { provider, failure: None }
    }
}

/// Why a connection failed, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What happened.
    pub happened: String,
    /// What may be behind it: guesses.
    pub causes: Vec<String>,
    /// What to change.
    pub remedies: Vec<String>,
    /// What the observed side offered, as far as it matters.
    pub offers: Vec<Offer>,
    /// What its peer offered.
    pub peer_offers: Vec<Offer>,
}

impl Failure {
    /// What happened, and no more.
    pub fn new(happened: impl Into<String>) -> Self {
        let (causes, remedies) = (Vec::new(), Vec::new());
        let (offers, peer_offers) = (Vec::new(), Vec::new());
        Self { happened: happened.into(), causes, remedies, offers, peer_offers }
    }
}

impl From<&Diagnosis> for Failure {
    fn from(diagnosis: &Diagnosis) -> Self {
        Self {
            happened: diagnosis.happened.clone(),
            causes: diagnosis.causes.clone(),
            remedies: diagnosis.remedies.iter().map(|remedy| remedy.text.clone()).collect(),
            offers: diagnosis.offers.clone(),
            peer_offers: diagnosis.peer_offers.clone(),
        }
    }
}

/// The page of an account, as HTML.
///
/// # Errors
/// The account cannot be written as JSON, which no account is known to cause.
pub fn html(account: &Account, options: &Options) -> Result<String, std::io::Error> {
    let mut connections = Vec::new();
    let last = account.connections.len().saturating_sub(1);
    for index in 0..account.connections.len() {
        let failure = if index == last { options.failure.as_ref() } else { None };
        connections.extend(ConnectionView::new(account, index, failure));
    }
    let title = match connections.as_slice() {
        [only] => only.overview.title.clone(),
        _ => format!("{} TLS connections", connections.len()),
    };
    let page = Page {
        title,
        policy: policy(&options.provider),
        style: STYLE,
        script: SCRIPT,
        data: data(account)?,
        has_secrets: account.has_secrets(),
        version: env!("CARGO_PKG_VERSION"),
        connections,
    };
    page.render().map_err(std::io::Error::other)
}

/// A connection in a list, as JSON for a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Its number in the capture.
    pub number: u64,
    /// What it is.
    pub title: String,
    /// `good`, `bad` or `open`: how it looks.
    pub mood: &'static str,
    /// How it ended, in a line, and what in the account may be the cause.
    pub outcome: String,
    /// Its two ends and when it began.
    pub source: String,
    /// The number of the connection that gave the ticket that it was resumed with.
    pub resumed_from: Option<u64>,
}

impl From<&Connection> for Summary {
    fn from(connection: &Connection) -> Self {
        let overview = overview::of(connection);
        let mut outcome = overview.outcome;
        let has_failed = matches!(connection.outcome, Outcome::Failed | Outcome::FailedLater);
        if has_failed {
            if let Some(cause) = diagnosis::cause(connection) {
                outcome += &format!(" {cause}");
            }
        }
        Self {
            number: connection.number,
            title: overview.title,
            mood: overview.mood,
            outcome,
            source: overview.source,
            resumed_from: connection.resumed_from.map(|origin| origin.connection),
        }
    }
}

/// One connection, for a page that is open already and has [`SCRIPT`] and [`STYLE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Part {
    /// What the connection is.
    pub title: String,
    /// The element `article`, as HTML in which all text of a peer is escaped.
    pub article: String,
    /// What the function `show` of the script takes, as JSON.
    pub data: String,
}

/// The part of a page for the connection with this number, if the account has it. The connection that gave
/// its ticket may be in the account, too: the page compares their costs.
///
/// # Errors
/// The account cannot be written as JSON, which no account is known to cause.
pub fn part(account: &Account, number: u64) -> Result<Option<Part>, std::io::Error> {
    let mut connections = account.connections.iter();
    let Some(index) = connections.position(|connection| connection.number == number) else {
        return Ok(None);
    };
    let Some(mut connection) = ConnectionView::new(account, index, None) else { return Ok(None) };
    connection.index = 0;
    let title = connection.overview.title.clone();
    let alone = Account::new(vec![account.connections[index].clone()]);
    let article = Article { connection }.render().map_err(std::io::Error::other)?;
    Ok(Some(Part { title, article, data: data(&alone)? }))
}

#[derive(Template)]
#[template(path = "connection.html")]
struct Article {
    connection: ConnectionView,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    title: String,
    policy: String,
    style: &'static str,
    script: &'static str,
    data: String,
    has_secrets: bool,
    version: &'static str,
    connections: Vec<ConnectionView>,
}

/// What the page shows of a connection.
struct ConnectionView {
    /// Its place in the data of the script.
    index: usize,
    number: u64,
    overview: overview::Overview,
    diagnosis: Option<diagnosis::Diagnosis>,
    sequence: sequence::Sequence,
    choices: Vec<choices::ChoiceView>,
    chains: Vec<certificates::Chain>,
    schedule: schedule::Schedule,
    savings: savings::Savings,
}

impl ConnectionView {
    fn new(account: &Account, index: usize, failure: Option<&Failure>) -> Option<Self> {
        let connection = account.connections.get(index)?;
        Some(Self {
            index,
            number: connection.number,
            overview: overview::of(connection),
            diagnosis: diagnosis::of(connection, failure),
            sequence: sequence::of(connection, failure),
            choices: choices::of(connection),
            chains: certificates::of(connection),
            schedule: schedule::of(connection),
            savings: savings::of(account, connection),
        })
    }
}

/// A Content-Security-Policy under which nothing runs but the page's own script.
fn policy(provider: &CryptoProvider) -> String {
    format!("{}; script-src 'sha256-{}'", style_policy(provider), hash(SCRIPT, provider))
}

/// A Content-Security-Policy for a page with [`STYLE`] and without a script.
pub fn style_policy(provider: &CryptoProvider) -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(STYLE, provider)
    )
}

fn hash(text: &str, provider: &CryptoProvider) -> String {
    Base64::encode_string(&provider.sha256.digest(text.as_bytes()))
}

/// What the script reads.
#[derive(Serialize)]
struct Data<'a> {
    account: &'a Account,
    /// The meanings of the fields in it, by their keys.
    meanings: BTreeMap<&'static str, &'static str>,
}

/// The JSON of the account, in a form that may stand in a `script` element.
fn data(account: &Account) -> Result<String, std::io::Error> {
    let mut meanings = BTreeMap::new();
    let messages = account.connections.iter().flat_map(|connection| &connection.messages);
    for message in messages {
        add_meanings(&message.fields, &mut meanings);
    }
    let json = serde_json::to_string(&Data { account, meanings })?;
    Ok(escaped(&json))
}

/// The same JSON in plain ASCII, in which neither the end of the element nor a comment can be. What is not
/// ASCII is in strings only.
fn escaped(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{7f}'.. => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    ascii.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => ascii.push(character),
        }
    }
    ascii
}

fn add_meanings(fields: &[Field], meanings: &mut BTreeMap<&'static str, &'static str>) {
    for field in fields {
        meanings.entry(field.meaning).or_insert_with(|| words::meaning(field.meaning));
        add_meanings(&field.fields, meanings);
    }
}
