//! `handclasp verify`: results, reasons and exit codes, of one chain and of many.

use std::process::Output;

use crate::common::{Files, handclasp, run_with_input, text};
use handclasp_testing::authority::{self, Authority};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType, date_time_ymd};
use serde_json::{Value, json};

/// The serial numbers of the certificates that are not a root's.
const LEAF: u64 = 0x1eaf;
const INTERMEDIATE: u64 = 0xca;

const NOON: &str = "2026-07-30T12:00:00Z";

/// The certificate, valid in 2026.
fn dated(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn params(subject: &str) -> CertificateParams {
    dated(authority::params(subject))
}

fn authority_params(subject: &str) -> CertificateParams {
    dated(authority::authority_params(subject))
}

/// A root, an intermediate and a leaf in PEM, made once for each test.
struct Chain {
    root: Authority,
    intermediate: Authority,
    leaf: String,
}

impl Chain {
    fn new() -> Self {
        let key = || KeyPair::generate().unwrap();
        let root = Authority::self_signed(authority_params("root"), key()).unwrap();
        let mut intermediate = authority_params("a");
        intermediate.serial_number = Some(INTERMEDIATE.into());
        let intermediate = Authority::signed_by(intermediate, key(), &root).unwrap();
        let mut leaf = params("leaf");
        leaf.subject_alt_names = vec![
            SanType::DnsName("a.example".try_into().unwrap()),
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
            SanType::Rfc822Name("a@b.example".try_into().unwrap()),
        ];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.serial_number = Some(LEAF.into());
        let leaf = leaf.signed_by(&key(), &intermediate).unwrap().pem();
        Self { root, intermediate, leaf }
    }

    fn files(&self) -> Files {
        let files = Files::new();
        files.write("chain.pem", &format!("{}{}", self.leaf, self.intermediate.pem()));
        files.write("leaf.pem", &self.leaf);
        files.write("intermediate.pem", &self.intermediate.pem());
        files.write("root.pem", &self.root.pem());
        files
    }

    /// A case that is accepted.
    fn case(&self, id: &str) -> Value {
        json!({
            "id": id, "chain": [self.leaf], "intermediates": [self.intermediate.pem()],
            "roots": [self.root.pem()], "names": ["dns:a.example"], "time": NOON,
        })
    }
}

/// A CRL of the authority, in PEM, with these serial numbers.
fn crl(issuer: &Authority, revoked: &[u64]) -> String {
    let params = authority::crl_params(revoked.iter().copied());
    params.signed_by(issuer).unwrap().pem().unwrap()
}

/// `handclasp verify` with these files and options, at noon if they do not say when.
fn verify(files: &Files, chain: &str, ca: &str, options: &[&str]) -> Output {
    let (chain, ca) = (files.path(chain), files.path(ca));
    let mut command = handclasp(["verify", &chain, "--ca", &ca]);
    if !options.contains(&"--time") {
        command.args(["--time", NOON]);
    }
    command.args(options).output().unwrap()
}

fn batch(lines: &[String]) -> Vec<Value> {
    let output = run_with_input(handclasp(["verify", "--batch", "-"]), lines.join("\n").as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Verdict and reason of a case, with these fields set.
fn result_of(chain: &Chain, fields: Value) -> (String, String) {
    let mut case = chain.case("x");
    for (name, value) in fields.as_object().unwrap() {
        case[name] = value.clone();
    }
    let [verdict]: [Value; 1] = batch(&[case.to_string()]).try_into().unwrap();
    assert_eq!(verdict["id"], "x");
    let word = |name: &str| verdict[name].as_str().unwrap().to_owned();
    assert!(!word("detail").is_empty());
    (word("verdict"), word("reason"))
}

#[test]
fn an_accepted_chain_shows_its_path() {
    let files = Chain::new().files();
    let names = ["--name", "a.example", "--name", "192.0.2.1", "--name", "a@b.example"];
    let output = verify(&files, "chain.pem", "root.pem", &names);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(printed.contains("✓ CN=a (intermediate 1)"), "{printed}");
    assert!(printed.contains("accepted: CN=leaf <- CN=a <- CN=root"), "{printed}");
    assert!(!text(&output.stderr).contains("no name was asked for"));

    let intermediate = files.path("intermediate.pem");
    let output = verify(&files, "leaf.pem", "root.pem", &["--intermediates", &intermediate]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("no name was asked for"));
}

#[test]
fn a_rejected_chain_says_why_and_what_to_do() {
    let files = Chain::new().files();
    let rejected = |chain: &str, ca: &str, options: &[&str], words: &[&str]| {
        let output = verify(&files, chain, ca, options);
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        for words in words {
            assert!(printed.contains(words), "{words:?} is not in {printed}");
        }
    };
    let issuer = "send the certificate of \"CN=a\"";
    rejected("leaf.pem", "root.pem", &[], &["rejected (unknown-issuer)", issuer]);
    let name = ["--name", "b.example"];
    rejected("chain.pem", "root.pem", &name, &["rejected (name-mismatch)", "such as a.example"]);
    let late = ["--time", "2027-07-30T12:00:00Z"];
    rejected("chain.pem", "root.pem", &late, &["rejected (expired)", "clock"]);
    let client = ["--purpose", "client"];
    rejected("chain.pem", "root.pem", &client, &["rejected (wrong-extended-key-usage)"]);
    rejected("chain.pem", "root.pem", &["--max-depth", "0"], &["rejected (limit-exceeded)"]);
    rejected("chain.pem", "ca.pem", &[], &["rejected (unknown-issuer)", "\"CN=root\""]);
}

#[test]
fn json_has_the_verdict_the_reason_the_path_and_the_attempts() {
    let files = Chain::new().files();
    let accepted = verify(&files, "chain.pem", "root.pem", &["--json"]);
    let object: Value = serde_json::from_slice(&accepted.stdout).unwrap();
    assert_eq!(object["verdict"], "accepted");
    assert_eq!(object["path"], json!(["CN=leaf", "CN=a", "CN=root"]));
    assert_eq!(object["attempts"].as_array().unwrap().len(), 3);

    let rejected = verify(&files, "chain.pem", "root.pem", &["--json", "--name", "b.example"]);
    assert_eq!(rejected.status.code(), Some(1));
    let object: Value = serde_json::from_slice(&rejected.stdout).unwrap();
    assert_eq!(object["verdict"], "rejected");
    assert_eq!(object["reason"], "name-mismatch");
    assert_eq!(object["certificate"], "CN=leaf");
    assert_eq!(object["attempts"][0]["reason"], "name-mismatch");
    assert_eq!(object["attempts"][2]["outcome"], "accepted");
}

#[test]
fn files_in_der_and_several_authorities() {
    let chain = Chain::new();
    let files = chain.files();
    std::fs::write(files.path("root.der"), chain.root.der()).unwrap();
    let output = verify(&files, "chain.pem", "root.der", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let root = files.path("root.pem");
    let output = verify(&files, "chain.pem", "ca.pem", &["--ca", &root]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn wrong_use() {
    let files = Chain::new().files();
    let misuse = |chain: &str, ca: &str, options: &[&str], words: &str| {
        let output = verify(&files, chain, ca, options);
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {printed}");
        assert!(printed.contains(words), "{options:?}: {printed}");
    };
    misuse("missing.pem", "root.pem", &[], "cannot be read");
    misuse("key.pem", "root.pem", &[], "no certificate");
    misuse("chain.pem", "key.pem", &[], "no certificate");
    misuse("chain.pem", "root.pem", &["--name", "not a name"], "--name");
    misuse("chain.pem", "root.pem", &["--purpose", "both"], "server, client or any");
    misuse("chain.pem", "root.pem", &["--profile", "lax"], "default or strict");
    let mut command = handclasp(["verify", &files.path("chain.pem"), "--time", "yesterday"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("RFC 3339"));
    assert_eq!(handclasp(["verify"]).output().unwrap().status.code(), Some(2));
    let both = handclasp(["verify", &files.path("chain.pem"), "--batch", "-"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
    let missing = files.path("missing.jsonl");
    let output = handclasp(["verify", "--batch", &missing]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_batch_answers_each_line_in_order_and_stops_at_none() {
    let chain = Chain::new();
    let lines = [
        chain.case("first").to_string(),
        "{".to_owned(),
        String::new(),
        "[1, 2]".to_owned(),
        json!({"id": "no chain", "roots": []}).to_string(),
        json!({"id": "empty chain", "chain": [], "roots": []}).to_string(),
        json!({"id": 7, "chain": [chain.leaf], "roots": [], "time": NOON}).to_string(),
        json!({"chain": [chain.leaf], "roots": []}).to_string(),
        chain.case("last").to_string(),
    ];
    let verdicts = batch(&lines);
    let printed: Vec<_> = verdicts
        .iter()
        .map(|it| {
            (it["id"].clone(), it["verdict"].as_str().unwrap(), it["reason"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        printed,
        [
            (json!("first"), "accepted", "accepted"),
            (json!(null), "error", "not-json"),
            (json!(null), "error", "not-a-case"),
            (json!("no chain"), "error", "not-a-case"),
            (json!("empty chain"), "error", "not-a-case"),
            (json!(7), "rejected", "unknown-issuer"),
            (json!(null), "error", "not-a-case"),
            (json!("last"), "accepted", "accepted"),
        ]
    );
}

#[test]
fn a_batch_is_read_from_a_file_too() {
    let files = Files::new();
    let chain = Chain::new();
    files.write("batch.jsonl", &format!("{}\n{}\n", chain.case("a"), chain.case("b")));
    let output = handclasp(["verify", "--batch", &files.path("batch.jsonl")]).output().unwrap();
    assert_eq!(text(&output.stdout).matches("\"accepted\"").count(), 4);
}

#[test]
fn fields_of_a_case() {
    let chain = Chain::new();
    let result_of = |fields| result_of(&chain, fields);
    let accepted = ("accepted".to_owned(), "accepted".to_owned());
    let rejected = |reason: &str| ("rejected".to_owned(), reason.to_owned());
    assert_eq!(result_of(json!({})), accepted);
    let all = ["dns:a.example", "ip:192.0.2.1", "email:a@b.example"];
    assert_eq!(result_of(json!({"names": all})), accepted);
    assert_eq!(
        result_of(json!({"names": ["dns:a.example", "ip:192.0.2.2"]})),
        rejected("name-mismatch")
    );
    assert_eq!(
        result_of(json!({"names": null, "intermediates": null})),
        rejected("unknown-issuer")
    );
    assert_eq!(result_of(json!({"purpose": "client"})), rejected("wrong-extended-key-usage"));
    assert_eq!(result_of(json!({"purpose": "any", "max_depth": 1})), accepted);
    assert_eq!(result_of(json!({"max_depth": 0})), rejected("limit-exceeded"));
    assert_eq!(result_of(json!({"time": "2025-12-31T23:59:59Z"})), rejected("not-yet-valid"));
    // No certificate of the chain has a policy.
    assert_eq!(result_of(json!({"initial_explicit_policy": true})), rejected("policy-required"));
    let inhibited = json!({
        "user_initial_policy_set": ["2.23.140.1.2.1"], "initial_explicit_policy": false,
        "initial_policy_mapping_inhibit": true, "initial_any_policy_inhibit": true,
        "anchor_dates": "ignored",
    });
    assert_eq!(result_of(inhibited), accepted);
    let in_chain = json!({"chain": [chain.leaf, chain.intermediate.pem()], "intermediates": []});
    assert_eq!(result_of(in_chain), accepted);
    for fields in [
        json!({"time": "noon"}),
        json!({"purpose": "both"}),
        json!({"profile": "lax"}),
        json!({"names": ["a.example"]}),
        json!({"max_depth": -1}),
        json!({"user_initial_policy_set": ["1"]}),
        json!({"initial_explicit_policy": "yes"}),
        json!({"anchor_dates": "maybe"}),
        json!({"chain": "leaf"}),
    ] {
        assert_eq!(result_of(fields.clone()).0, "error", "{fields}");
    }
}

#[test]
fn a_name_that_is_none_is_matched_by_nothing() {
    let chain = Chain::new();
    for name in ["dns:*.example", "dns:192.0.2.1", "dns:", "dns:a b", "ip:a.example", "email:a"] {
        let verdict = result_of(&chain, json!({"names": [name]}));
        assert_eq!(verdict, ("rejected".to_owned(), "name-mismatch".to_owned()), "{name}");
    }
}

#[test]
fn a_malformed_certificate_is_rejected_and_no_error() {
    let chain = Chain::new();
    let rejected = ("rejected".to_owned(), "malformed".to_owned());
    let accepted = ("accepted".to_owned(), "accepted".to_owned());
    let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    for pem in
        ["", "nothing", broken, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"]
    {
        assert_eq!(result_of(&chain, json!({"chain": [pem]})), rejected, "{pem:?}");
        assert_eq!(result_of(&chain, json!({"roots": [pem]})), rejected, "{pem:?}");
        assert_eq!(result_of(&chain, json!({"intermediates": [pem]})), rejected, "{pem:?}");
        // It only counts where it is needed.
        let roots = json!({"roots": [pem, chain.root.pem()]});
        assert_eq!(result_of(&chain, roots), accepted, "{pem:?}");
        let intermediates = json!({"intermediates": [pem, chain.intermediate.pem()]});
        assert_eq!(result_of(&chain, intermediates), accepted, "{pem:?}");
    }
}

#[test]
fn crls_count_and_must_speak_for_the_certificate_itself() {
    let chain = Chain::new();
    let result_of = |fields| result_of(&chain, fields);
    let (clean, of_root) = (crl(&chain.intermediate, &[]), crl(&chain.root, &[]));
    let accepted = ("accepted".to_owned(), "accepted".to_owned());
    let rejected = |reason: &str| ("rejected".to_owned(), reason.to_owned());
    assert_eq!(result_of(json!({"crls": []})), accepted);
    assert_eq!(result_of(json!({"crls": [clean]})), accepted);
    assert_eq!(
        result_of(json!({"crls": [crl(&chain.intermediate, &[LEAF])]})),
        rejected("revoked")
    );
    let of_intermediate = crl(&chain.root, &[INTERMEDIATE]);
    assert_eq!(result_of(json!({"crls": [clean, of_intermediate]})), rejected("revoked"));
    // What is there must speak for the leaf, unless less is asked for; and more can be.
    assert_eq!(result_of(json!({"crls": [of_root]})).0, "rejected");
    assert_eq!(result_of(json!({"crls": [of_root], "revocation": "if-present"})), accepted);
    assert_eq!(result_of(json!({"crls": [clean], "revocation": "require"})).0, "rejected");
    assert_eq!(result_of(json!({"crls": [clean, of_root], "revocation": "require"})), accepted);
    assert_eq!(result_of(json!({"revocation": "require"})).0, "rejected");
    let off = json!({"crls": [crl(&chain.intermediate, &[LEAF])], "revocation": "off"});
    assert_eq!(result_of(off), accepted);
    for broken in ["", "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"] {
        assert_eq!(
            result_of(json!({"crls": [clean, broken]})),
            rejected("crl-malformed"),
            "{broken:?}"
        );
    }
    // A response that is none, in base64 and not.
    for ocsp in ["AAAA", "?", ""] {
        let (verdict, reason) = result_of(json!({"ocsp": ocsp}));
        assert_eq!(verdict, "rejected", "{ocsp:?}: {reason}");
    }
    assert_eq!(result_of(json!({"ocsp": null, "crls": null})), accepted);
}

#[test]
fn crls_and_responses_in_files() {
    let chain = Chain::new();
    let files = chain.files();
    let verify = |options: &[&str]| {
        let output = verify(&files, "chain.pem", "root.pem", options);
        (output.status.code(), text(&output.stderr))
    };
    files.write("clean.pem", &crl(&chain.intermediate, &[]));
    files.write("revoked.pem", &crl(&chain.intermediate, &[LEAF]));
    files.write("nothing.pem", "nothing");
    let (clean, revoked) = (files.path("clean.pem"), files.path("revoked.pem"));
    assert_eq!(verify(&["--crl", &clean]).0, Some(0));
    let (code, printed) = verify(&["--crl", &clean, "--crl", &revoked]);
    assert!(code == Some(1) && printed.contains("rejected (revoked)"), "{printed}");
    assert_eq!(verify(&["--crl", &revoked, "--revocation", "off"]).0, Some(0));
    assert_eq!(verify(&["--crl", &files.path("nothing.pem")]).0, Some(2));
    assert_eq!(verify(&["--crl", &clean, "--revocation", "maybe"]).0, Some(2));
    assert_eq!(verify(&["--ocsp", &files.path("nothing.pem")]).0, Some(1));
    assert_eq!(verify(&["--ocsp", &files.path("missing.der")]).0, Some(2));
}

/// Evidence that `openssl` made: see `x509/tests/data/README.md`.
#[test]
fn responses_in_files_and_in_batches() {
    use base64::Engine;
    let data =
        |name: &str| format!("{}/../x509/tests/data/revocation/{name}", env!("CARGO_MANIFEST_DIR"));
    let made = "2026-11-25T12:00:00Z";
    for (leaf, response, code, reason) in [
        ("leaf.pem", "good.der", 0, "accepted"),
        ("leaf.pem", "delegated.der", 0, "accepted"),
        ("gone.pem", "revoked.der", 1, "revoked"),
        ("gone.pem", "good.der", 1, "ocsp-other-certificate"),
    ] {
        let (ca, leaf, response) = (data("ca.pem"), data(leaf), data(response));
        let mut command = handclasp(["verify", &leaf, "--ca", &ca, "--ocsp", &response]);
        let output = command.args(["--time", made, "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(object["reason"], reason);

        let read = |file: &str| std::fs::read(file).unwrap();
        let ocsp = base64::engine::general_purpose::STANDARD.encode(read(&response));
        let case = json!({
            "id": 1, "chain": [text(&read(&leaf))], "roots": [text(&read(&ca))], "ocsp": ocsp,
            "time": made,
        });
        assert_eq!(batch(&[case.to_string()])[0]["reason"], reason);
    }
}

#[test]
fn policies_and_the_dates_of_anchors() {
    let policy = |arc: u8| vec![0x30, 6, 0x30, 4, 6, 2, 0x2a, arc];
    let with = |params: CertificateParams, arc| {
        let mut params = params;
        params.custom_extensions =
            vec![rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 32], policy(arc))];
        params
    };
    let key = || KeyPair::generate().unwrap();
    let mut root = authority_params("root");
    root.not_after = date_time_ymd(2026, 7, 1);
    let root = Authority::self_signed(root, key()).unwrap();
    let authority = with(authority_params("a"), 3);
    let authority = Authority::signed_by(authority, key(), &root).unwrap();
    let leaf = with(params("leaf"), 3).signed_by(&key(), &authority).unwrap();
    let files = Files::new();
    files.write("chain.pem", &format!("{}{}", leaf.pem(), authority.pem()));
    files.write("root.pem", &root.pem());
    let (chain, root) = (files.path("chain.pem"), files.path("root.pem"));
    for (options, reason) in [
        (&[][..], None),
        (&["--explicit-policy"], None),
        (&["--explicit-policy", "--policy", "1.2.3"], None),
        (&["--explicit-policy", "--policy", "1.2.4", "--policy", "1.2.3"], None),
        (&["--explicit-policy", "--policy", "1.2.4"], Some("policy-required")),
        (&["--policy", "1.2.4"], None),
        (&["--inhibit-any-policy", "--inhibit-policy-mapping", "--explicit-policy"], None),
        (&["--anchor-dates", "ignored"], None),
        (&["--anchor-dates", "checked"], Some("expired")),
    ] {
        let mut command = handclasp(["verify", &chain, "--ca", &root, "--time", NOON]);
        let output = command.args(options).output().unwrap();
        assert_eq!(output.status.success(), reason.is_none(), "{options:?}");
        let printed = text(&output.stderr);
        assert!(reason.is_none_or(|reason| printed.contains(reason)), "{options:?}: {printed}");
    }
    let output = handclasp(["verify", &chain, "--policy", "policy"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
