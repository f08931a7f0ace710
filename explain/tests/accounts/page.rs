//! Pages of accounts.

use base64ct::{Base64, Encoding};
use handclasp::crypto::CryptoProvider;
use handclasp_explain::page::{self, Failure, Options};
use handclasp_explain::{Account, CertificateName, Connection, Field, Hex, Value};
use handclasp_testing::Identity;
use serde_json::json;

use crate::recorded::decode;
use crate::support::{
    Tapped, all_kinds, early_data_to_a_stranger, no_client_certificate, of_kind,
    refused_certificate,
};

/// What an ordinary page may have.
const MOST_BYTES: usize = 300_000;

fn html(connections: Vec<Connection>) -> String {
    page::html(&Account::new(connections), &Options::new(CryptoProvider::default())).unwrap()
}

/// What is between two texts.
fn between<'p>(page: &'p str, start: &str, end: &str) -> &'p str {
    let (_, rest) = page.split_once(start).unwrap_or_else(|| panic!("{start} is not there"));
    rest.split_once(end).unwrap().0
}

/// The JSON in the page.
fn data(page: &str) -> serde_json::Value {
    let json = between(page, "<script id=\"data\" type=\"application/json\">", "</script>");
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_page_is_one_small_file_with_the_account_in_it() {
    for Tapped { kind, client, server, .. } in &all_kinds() {
        for connection in [client, server] {
            let page = html(vec![connection.clone()]);
            assert!(page.len() <= MOST_BYTES, "{kind}: {} bytes", page.len());
            for reference in [" src=", "<link", "@import", "url(", "http://", "https://", " style="]
            {
                assert!(!page.contains(reference), "{kind}: {reference}");
            }
            let account = serde_json::to_value(Account::new(vec![connection.clone()])).unwrap();
            assert_eq!(data(&page)["account"], account, "{kind}");
            for message in &connection.messages {
                assert!(
                    page.contains(&format!(">{}</span>", message.name)),
                    "{kind}: {}",
                    message.name
                );
            }
        }
    }
}

#[test]
fn the_policy_has_the_hashes_of_the_script_and_the_style() {
    let tapped = all_kinds();
    let page = html(vec![of_kind(&tapped, "full").client.clone()]);
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let (_, script) = page.rsplit_once("<script>").unwrap();
    let script = script.split_once("</script>").unwrap().0;
    let style = between(&page, "<style>", "</style>");
    let provider = CryptoProvider::default();
    for (directive, text) in [("script-src", script), ("style-src", style)] {
        let hash = Base64::encode_string(&provider.sha256.digest(text.as_bytes()));
        // The template escapes the quotes and the padding of the hash.
        let policy = policy.replace("&#39;", "'").replace("&#x27;", "'").replace("&#61;", "=");
        let wanted = format!("{directive} 'sha256-{hash}'");
        assert!(policy.contains(&wanted), "{wanted} is not in {policy}");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
    }
}

#[test]
fn the_page_of_a_refused_certificate_says_what_the_certificate_shows() {
    let identity = Identity::valid_in_years(vec!["other.example".into()], 2000, 3000);
    let page = html(vec![refused_certificate(identity).server]);
    let words = between(&page, "Why it ended", "The messages");
    assert!(words.contains("The client asked for"), "{words}");
    assert!(words.contains("DNS:other.example"), "{words}");
    assert!(words.contains("Connect with a name that the certificate has"), "{words}");
    assert!(!page.contains("a certificate was corrupt"), "the alert says it, and it is not so");
}

/// What the page says the server authenticated by.
fn authentication(connection: Connection) -> String {
    let page = html(vec![connection]);
    between(&page, "Server authenticated by</dt><dd>", "</dd>").to_owned()
}

#[test]
fn a_server_has_authenticated_only_to_a_client_that_accepted_its_certificate() {
    let tapped = all_kinds();
    let expired = Identity::valid_in_years(vec!["server.example".into()], 2000, 2010);
    for Tapped { server, bytes, key_log, .. } in
        [of_kind(&tapped, "refused"), &refused_certificate(expired)]
    {
        for connection in [server.clone(), decode(bytes, key_log)] {
            let words = authentication(connection);
            assert!(words.ends_with(": shown, refused by the client"), "{words}");
        }
        let before_alert = &bytes[..bytes.len() - 1];
        let words = authentication(decode(before_alert, key_log));
        assert!(words.ends_with("it is not seen whether the client accepted them"), "{words}");
    }
    let Tapped { client, server, bytes, key_log, .. } = of_kind(&tapped, "full");
    for connection in [client.clone(), server.clone(), decode(bytes, key_log)] {
        let words = authentication(connection);
        assert!(words.starts_with("its certificate and a signature"), "{words}");
    }
}

#[test]
fn the_page_of_a_recorded_refusal_says_what_was_sent_and_what_to_change() {
    let tapped = all_kinds();
    let Tapped { bytes, key_log, .. } = of_kind(&tapped, "refused");
    let page = html(vec![decode(bytes, key_log)]);
    let words = between(&page, "<section class=\"diagnosis\"", "</section>");
    for expected in [
        "which was not sent along; the client does not trust it",
        "is a root, add it to those that the client trusts",
        "the server must send its certificate along",
        "Certificates that it sent",
        "What was sent does not show which authorities the client trusts.",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
}

#[test]
fn the_page_says_that_a_client_shows_no_certificate_and_when_the_server_checks_it() {
    let Tapped { client, bytes, key_log, .. } = no_client_certificate();
    for connection in [client, decode(&bytes, &key_log)] {
        let page = html(vec![connection]);
        for expected in [
            "The client shows no certificate",
            "The server decides whether it goes on without one.",
            "In TLS 1.3 the client finishes first",
        ] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        // The one of the server.
        assert_eq!(page.matches("checks the name of a server").count(), 1);
    }
}

#[test]
fn the_page_of_a_failure_begins_with_the_diagnosis() {
    let tapped = all_kinds();
    let connection = of_kind(&tapped, "refused").client.clone();
    let page = html(vec![connection.clone()]);
    let diagnosis = page.find("Why it ended").unwrap();
    assert!(diagnosis < page.find("The messages").unwrap());
    assert!(page.contains("the alert unknown_ca (48), which usually means"), "{page}");
    let mut options = Options::new(CryptoProvider::default());
    let mut failure = Failure::new("the authority <is> not trusted");
    failure.remedies = vec!["name it with --ca".to_owned()];
    options.failure = Some(failure);
    let page = page::html(&Account::new(vec![connection]), &options).unwrap();
    assert!(page.contains("The authority &#60;is&#62; not trusted"), "{page}");
    assert!(page.contains("Name it with --ca"));
    // The reason is known: the usual one may be another.
    assert!(
        page.contains("with the alert unknown_ca (48).") && page.contains("</strong> (48)</span>")
    );
    assert!(!page.contains("usually means"), "{page}");
    let fine = html(vec![of_kind(&tapped, "full").client.clone()]);
    assert!(!fine.contains("Why it ended"));
}

#[test]
fn the_page_names_the_sides_and_the_likely_cause_of_an_alert_of_the_other_side() {
    let tapped = all_kinds();
    let Tapped { client, server, .. } = of_kind(&tapped, "refused");
    let mut failure = Failure::new("the peer sent the alert unknown_ca; this side was waiting");
    failure.causes = vec!["the peer may not trust this side: \"the peer\"".into(), "second".into()];
    let mut options = Options::new(CryptoProvider::default());
    options.failure = Some(failure);
    let diagnosis = |connection: &Connection| {
        let page = page::html(&Account::new(vec![connection.clone()]), &options).unwrap();
        let (_, rest) = page.split_once("<section class=\"diagnosis\"").unwrap();
        rest.split_once("</section>").unwrap().0.to_owned()
    };
    let words = diagnosis(server);
    let likely =
        "<p class=\"what\">Probably: the client may not trust the server: &#34;the peer&#34;";
    assert!(words.contains(likely), "{words}");
    assert!(
        words.contains("<li>Second") && words.contains("<li>The server was waiting"),
        "{words}"
    );
    assert!(!words.contains("sent the alert unknown_ca;"), "{words}");
    // The client has sent the alert itself, and knows why.
    let words = diagnosis(client);
    assert!(words.contains("<p class=\"what\">The server sent the alert"), "{words}");
}

#[test]
fn values_that_mean_nothing_are_in_no_list_and_their_word_is_explained() {
    let tapped = all_kinds();
    let page = html(vec![of_kind(&tapped, "retried").client.clone()]);
    let (shown, _) = page.split_once("<script id=\"data\"").unwrap();
    assert!(!shown.contains("GREASE 0x"), "{shown}");
    assert!(shown.contains("reserved values that mean nothing"), "{shown}");
}

/// Replaces all text of a peer in these fields.
fn poison(fields: &mut [Field], text: &str) {
    for field in fields {
        match &mut field.value {
            Some(Value::Text(value)) => text.clone_into(value),
            Some(Value::Bytes(bytes)) => *bytes = Hex(text.as_bytes().to_vec()),
            _ => {}
        }
        poison(&mut field.fields, text);
    }
}

/// A connection in which a peer has put this text wherever it can.
fn poisoned(connection: &Connection, text: &str) -> Connection {
    let mut connection = connection.clone();
    connection.client = Some(text.to_owned());
    connection.server = Some(text.to_owned());
    for message in &mut connection.messages {
        poison(&mut message.fields, text);
    }
    for choice in &mut connection.choices {
        let offers = choice.offered_by_client.iter_mut().chain(&mut choice.offered_by_server);
        for value in offers.chain(&mut choice.chosen) {
            *value = Value::Text(text.to_owned());
        }
    }
    for certificate in connection.certificates.iter_mut().flat_map(|list| &mut list.certificates) {
        certificate.subject = Some(text.to_owned());
        certificate.issuer = Some(text.to_owned());
        certificate.extended_key_usage = Some(text.to_owned());
        for CertificateName { name, .. } in &mut certificate.names {
            text.clone_into(name);
        }
    }
    for node in &mut connection.key_schedule {
        node.label = format!("{}{text}", node.label);
    }
    connection
}

#[test]
fn text_of_a_peer_stays_text() {
    let tapped = all_kinds();
    let connection = &of_kind(&tapped, "a client certificate").client;
    let plain = html(vec![connection.clone()]);
    for text in [
        "<script>alert(1)</script>",
        "</script><img onerror=alert(1)>",
        "\"><svg onload='alert(1)'>",
        "<!--",
        "a\u{202e}b\u{2066}c\u{200b}d",
        "\u{0}\u{1b}[31m\u{7f}",
        "{{ 7 * 7 }}",
    ] {
        let poisoned = poisoned(connection, text);
        let page = html(vec![poisoned.clone()]);
        let count = |page: &str, what: &str| page.matches(what).count();
        for markup in ["<script", "<img", "<!--", "onerror=alert(1)>", "<svg", "</script"] {
            assert_eq!(count(&page, markup), count(&plain, markup), "{text:?}: {markup}");
        }
        let is_unseen = |character: char| {
            character != '\n'
                && (character.is_control() || "\u{202e}\u{2066}\u{200b}".contains(character))
        };
        assert!(!page.contains(is_unseen), "{text:?}: {:?}", page.find(is_unseen));
        let account = serde_json::to_value(Account::new(vec![poisoned])).unwrap();
        assert_eq!(data(&page)["account"], account, "{text:?} is not whole in the data");
    }
}

#[test]
fn an_account_of_several_connections_has_a_list_of_them() {
    let tapped = all_kinds();
    let mut first = of_kind(&tapped, "full").client.clone();
    let mut second = of_kind(&tapped, "refused").client.clone();
    (first.number, second.number) = (1, 2);
    let page = html(vec![first, second]);
    assert!(page.contains("<title>2 TLS connections</title>"));
    for number in [1, 2] {
        assert!(page.contains(&format!("<a href=\"#c{number}\">")));
        assert!(page.contains(&format!("<article id=\"c{number}\"")));
    }
    let empty = html(Vec::new());
    assert_eq!(data(&empty)["account"]["connections"], json!([]));
}

#[test]
fn secrets_are_in_a_page_only_with_a_warning() {
    let tapped = all_kinds();
    let mut connection = of_kind(&tapped, "full").client.clone();
    let warning = "This page has the secrets of the connection in it";
    assert!(!html(vec![connection.clone()]).contains(warning));
    connection.key_schedule[0].value = Some(Hex(vec![0xab; 32]));
    let page = html(vec![connection]);
    assert!(page.contains(warning) && page.contains(&"ab".repeat(32)));
}

#[test]
fn the_diagnosis_of_the_library_is_on_the_page_with_both_lists() {
    let error = handclasp::Error::from(handclasp::ErrorKind::NoApplicationProtocol {
        ours: vec!["h2".into()],
        theirs: vec!["http/1.1".into()],
    });
    let tapped = all_kinds();
    let account = Account::new(vec![of_kind(&tapped, "refused").client.clone()]);
    let mut options = Options::new(CryptoProvider::default());
    options.failure = Some(Failure::from(&error.diagnosis()));
    let page = page::html(&account, &options).unwrap();
    let diagnosis = between(&page, "<section class=\"diagnosis\"", "</section>");
    for words in
        ["The client", "<bdi>h2</bdi>", "The server", "<bdi>http/1.1</bdi>", "What to change"]
    {
        assert!(diagnosis.contains(words), "{words}: {diagnosis}");
    }
}

/// What goes into the early secrets of the page, in their order.
fn inputs_of_early_secrets(connection: &Connection) -> Vec<String> {
    let page = html(vec![connection.clone()]);
    let formulas = page.split("HKDF-Extract(salt = 0, IKM = ").skip(1);
    formulas.map(|rest| rest.split_once(")</").unwrap().0.to_owned()).collect()
}

#[test]
fn the_early_secret_is_that_of_the_key_that_was_chosen() {
    let mut tapped = all_kinds();
    tapped.push(early_data_to_a_stranger());
    for Tapped { kind, client, server, bytes, key_log } in &tapped {
        let expected: &[&str] = match *kind {
            "resumed, with a KeyUpdate" | "early data" | "early data that are rejected" => {
                &["pre-shared key"]
            }
            "an external key" => &["pre-shared key"],
            // One for the 0-RTT data, and one for the handshake.
            "early data to a stranger" => &["pre-shared key", "0 (no pre-shared key)"],
            _ => &["0 (no pre-shared key)"],
        };
        let recorded = decode(bytes, key_log);
        assert_eq!(inputs_of_early_secrets(&recorded), expected, "{kind}");
        // The last one is what the handshake went on with.
        for live in [client, server] {
            let inputs = inputs_of_early_secrets(live);
            assert_eq!(inputs.last().map(String::as_str), expected.last().copied(), "{kind}");
        }
    }
}
