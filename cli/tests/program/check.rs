//! `handclasp check`: the findings are what the servers were configured to do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use handclasp::config::ServerConfigBuilder;
use handclasp::credential::{Brotli, CertificateList, Zlib};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::UnixTime;
use handclasp::pki_types::pem::PemObject;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer};
use handclasp::registry::{CipherSuiteId, NamedGroup};
use handclasp::session::{StrikeRegister, TicketKeys};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{CertifiedKey, ServerConfig, ServerConnection, Stream, TrustAnchors};
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::{Process, available};
use serde_json::Value;

use crate::common::{Files, handclasp, text};

/// How a server behaves after the handshake.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    CloseNotify,
    /// It closes the transport alone.
    Truncated,
    /// It sends data all the time, and reads nothing.
    Talkative,
    /// It answers what it receives with a record that is not protected with its keys.
    WrongKeys,
}

/// A server of this configuration, as long as the test runs.
fn serve(builder: ServerConfigBuilder, files: &Files, ending: Ending) -> String {
    let server = OneServer { config: build(builder, files), ending };
    serve_with(server.clone(), server)
}

/// What answers a connection.
#[derive(Clone)]
struct OneServer {
    config: Arc<ServerConfig>,
    ending: Ending,
}

/// With the certificate of these files.
fn build(builder: ServerConfigBuilder, files: &Files) -> Arc<ServerConfig> {
    let pem = files.read("cert.pem");
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(files.read("key.pem").as_bytes()).unwrap();
    let key = CertifiedKey::from_der(chain, &key).unwrap();
    Arc::new(builder.build(Arc::new(CertificateList::new(vec![Arc::new(key)]))).unwrap())
}

/// Two servers behind one address, as long as the test runs. The first one answers the first connection.
fn serve_with(first: OneServer, others: OneServer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut servers = vec![others, first];
        for socket in listener.incoming() {
            let server =
                if servers.len() > 1 { servers.pop().unwrap() } else { servers[0].clone() };
            let socket = socket.unwrap();
            thread::spawn(move || answer(server.config, socket, server.ending));
        }
    });
    address
}

fn answer(config: Arc<ServerConfig>, socket: TcpStream, ending: Ending) {
    let mut handle = socket.try_clone().unwrap();
    let mut stream = Stream::new(ServerConnection::new(config), socket);
    // A check makes handshakes fail on purpose.
    if stream.handshake().is_err() {
        return;
    }
    match ending {
        Ending::CloseNotify | Ending::Truncated => {
            if stream.read_to_end(&mut Vec::new()).is_err() {
                return;
            }
        }
        Ending::Talkative => {
            while stream.write_all(b"and another thing").and_then(|()| stream.flush()).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
            return;
        }
        Ending::WrongKeys => {
            // The stream may have received it together with the client's Finished.
            handle.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            let _ = handle.read(&mut [0; 1000]);
            handle.set_read_timeout(None).unwrap();
            let _ = handle.write_all(&[&[23, 3, 3, 0, 32][..], &[0xaa; 32]].concat());
            let _ = handle.read_to_end(&mut Vec::new());
            return;
        }
    }
    match ending {
        Ending::Truncated => handle.shutdown(std::net::Shutdown::Both).unwrap(),
        _ => stream.close().unwrap(),
    }
}

fn builder() -> ServerConfigBuilder {
    ServerConfig::builder(CryptoProvider::default())
}

/// A server that requires a certificate of the authority of these files.
fn serve_with_client_certificates(files: &Files) -> String {
    let anchors = TrustAnchors::from_pem(files.read("ca.pem").as_bytes()).unwrap();
    let signatures = CryptoProvider::default().signatures;
    let verifier = Arc::new(TrustAnchorVerifier::for_clients(anchors, signatures));
    let server = builder().client_authentication(ClientAuthentication::required(verifier));
    serve(server, files, Ending::CloseNotify)
}

/// The findings as JSON, and the exit code.
fn check(address: &str, ca: &str, more: &[&str]) -> (Value, Option<i32>) {
    let output = handclasp(["check", address, "--ca", ca, "--json"]).args(more).output().unwrap();
    let found = serde_json::from_slice(&output.stdout);
    (found.unwrap_or_else(|_| panic!("{}", text(&output.stderr))), output.status.code())
}

/// The names of what was accepted.
fn accepted(findings: &Value, question: &str) -> Vec<String> {
    let offers = findings[question]["offers"].as_array().unwrap().iter();
    let accepted = offers.filter(|offer| offer["answer"] == "accepted");
    accepted.map(|offer| offer["name"].as_str().unwrap().to_owned()).collect()
}

fn codes(findings: &Value) -> Vec<&str> {
    let advice = findings["advice"].as_array().unwrap();
    advice.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

/// Files with a certificate that is long enough to be compressed, and is its own authority.
fn files_with_many_names() -> Files {
    let files = Files::new();
    let names = (0..40).map(|number| format!("name-{number}.example"));
    let names: Vec<_> = names.chain(["127.0.0.1".to_owned()]).collect();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(names).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    files.write("ca.pem", &certificate);
    files.write("cert.pem", &certificate);
    files.write("key.pem", &key.serialize_pem());
    files
}

#[test]
fn a_server_with_everything_is_good() {
    let files = files_with_many_names();
    let random = CryptoProvider::default().random;
    // A register that is as old as this takes early data at once.
    let since = UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs() - 3600));
    let server = builder()
        .application_protocols(["http/1.1"])
        .certificate_compression(vec![Arc::new(Zlib), Arc::new(Brotli)])
        .sessions(Arc::new(TicketKeys::random(random).unwrap()))
        .tickets(3)
        .ticket_lifetime(7200)
        .early_data(500, Arc::new(StrikeRegister::new(since)));
    let address = serve(server, &files, Ending::CloseNotify);
    let (found, code) = check(&address, &files.path("ca.pem"), &[]);
    assert_eq!(code, Some(0));
    assert_eq!(found["verdict"], "good", "{:?}", codes(&found));
    assert_eq!(codes(&found), ["early-data-accepted"]);
    assert_eq!(found["groups"]["post_quantum_chosen"], true);
    assert!(accepted(&found, "groups").contains(&"secp384r1".to_owned()));
    assert_eq!(found["key_share"]["usual_shares_cost_a_retry"], false);
    assert_eq!(found["key_share"]["wanted_group"], "X25519MLKEM768");
    assert_eq!(accepted(&found, "cipher_suites").len(), 3);
    assert_eq!(accepted(&found, "signature_schemes"), ["ecdsa_secp256r1_sha256"]);
    assert_eq!(accepted(&found, "application_protocols"), ["http/1.1"]);
    let unknown = &found["application_protocols"]["unknown"];
    assert_eq!(unknown["alert"], "no_application_protocol");
    let tickets = found["tickets"]["tickets"].as_array().unwrap();
    assert_eq!(tickets.len(), 3);
    assert_eq!(
        (&tickets[0]["lifetime"], &tickets[0]["max_early_data_size"]),
        (&7200.into(), &500.into())
    );
    assert_eq!(found["resumption"]["result"]["result"], "resumed");
    assert_eq!(found["early_data"]["result"]["result"], "accepted");
    let algorithms = found["compression"]["algorithms"].as_array().unwrap();
    assert_eq!(algorithms.len(), 2, "{algorithms:?}");
    assert_eq!(found["record_size_limit"]["limit"], 16385);
    assert_eq!(found["key_update"]["result"], "answered");
    assert_eq!(found["client_certificate"]["is_requested"], false);
    assert_eq!(found["closing"]["result"], "close_notify");
    let (first, resumed) = (&found["cost"]["first"], &found["cost"]["resumed"]);
    assert_eq!((&first["round_trips"], &resumed["round_trips"]), (&1.into(), &1.into()));
    assert!(first["server_bytes"].as_u64() > resumed["server_bytes"].as_u64());
    assert!(found["connections"].as_u64().unwrap() < 40);
}

#[test]
fn what_a_server_lacks_is_found() {
    let files = Files::new();
    let mut provider = CryptoProvider::default();
    provider.groups.retain(|group| group.name() == NamedGroup::SECP384R1);
    provider.cipher_suites.retain(|suite| suite.id == CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256);
    let server = ServerConfig::builder(provider).record_size_limit(None);
    let address = serve(server, &files, Ending::Truncated);
    let (found, code) = check(&address, &files.path("ca.pem"), &[]);
    assert_eq!(code, Some(0), "{:?}", codes(&found));
    assert_eq!(found["verdict"], "improvable");
    for code in [
        "no-post-quantum",
        "no-secp256r1",
        "key-share-costs-a-retry",
        "no-mandatory-suite",
        "no-tickets",
        "no-close-notify",
    ] {
        assert!(codes(&found).contains(&code), "{code}: {:?}", codes(&found));
    }
    assert_eq!(accepted(&found, "groups"), ["secp384r1"]);
    assert_eq!(accepted(&found, "cipher_suites"), ["TLS_CHACHA20_POLY1305_SHA256"]);
    assert_eq!(found["cost"]["first"]["round_trips"], 2);
    assert_eq!(found["resumption"]["result"]["result"], "no_ticket");
    assert_eq!(found["record_size_limit"]["limit"], Value::Null);
    assert_eq!(found["compression"]["algorithms"], serde_json::json!([]));
    assert_eq!(found["closing"]["result"], "truncated");
    assert_eq!(found["application_protocols"]["unknown"]["answer"], "ignored");
}

#[test]
fn a_certificate_that_is_refused_is_a_fault_and_the_rest_is_checked() {
    let files = Files::new();
    let address = serve(builder(), &files, Ending::CloseNotify);
    let ca = files.path("ca.pem");
    let (found, code) = check(&address, &ca, &["--name", "another.example"]);
    assert_eq!(code, Some(1));
    assert_eq!(found["verdict"], "faulty");
    assert_eq!(found["advice"][0]["severity"], "fault");
    assert_eq!(found["certificates"]["is_accepted"], false);
    assert!(found["certificates"]["reason"].as_str().unwrap().contains("another.example"));
    assert_eq!(accepted(&found, "cipher_suites").len(), 3);
}

#[test]
fn a_server_that_requires_a_certificate_of_the_client_says_so() {
    let files = Files::new();
    let address = serve_with_client_certificates(&files);
    let (ca, cert, key) = (files.path("ca.pem"), files.path("cert.pem"), files.path("key.pem"));
    let (found, code) = check(&address, &ca, &[]);
    let asked = &found["client_certificate"];
    assert_eq!(code, Some(0), "what the server did not show is no fault: {:?}", codes(&found));
    assert_eq!((&asked["is_requested"], &asked["is_sent"]), (&true.into(), &false.into()));
    assert_eq!(asked["refused_with"], "certificate_required");
    assert_eq!(codes(&found), ["client-certificate-required"]);
    assert_eq!(found["tickets"]["is_known"], false);
    assert_eq!(found["key_update"]["result"], "unknown");
    assert_eq!(found["resumption"]["result"]["result"], "unknown");
    assert_eq!(found["early_data"]["result"]["result"], "unknown");
    let (found, _) = check(&address, &ca, &["--client-cert", &cert, "--client-key", &key]);
    let asked = &found["client_certificate"];
    assert_eq!((&asked["is_sent"], &asked["refused_with"]), (&true.into(), &Value::Null));
}

/// Another server than the user means could ask for it.
#[test]
fn a_server_whose_certificate_is_refused_gets_none_of_the_client() {
    let files = Files::new();
    let address = serve_with_client_certificates(&files);
    let (ca, cert, key) = (files.path("ca.pem"), files.path("cert.pem"), files.path("key.pem"));
    let own = ["--client-cert", &cert, "--client-key", &key, "--name", "another.example"];
    let (found, code) = check(&address, &ca, &own);
    assert_eq!(code, Some(1));
    let asked = &found["client_certificate"];
    assert_eq!((&asked["is_sent"], &asked["is_withheld"]), (&false.into(), &true.into()));
    assert_eq!(asked["refused_with"], "certificate_required");
    assert!(codes(&found).contains(&"client-certificate-withheld"), "{:?}", codes(&found));
}

#[test]
fn the_verdict_is_about_the_certificates_that_are_shown() {
    let (files, others) = (Files::new(), Files::new());
    let good = OneServer { config: build(builder(), &files), ending: Ending::CloseNotify };
    let bad = OneServer { config: build(builder(), &others), ending: Ending::CloseNotify };
    for (first, second, is_accepted) in [(&good, &bad, true), (&bad, &good, false)] {
        let address = serve_with(first.clone(), second.clone());
        let (found, _) = check(&address, &files.path("ca.pem"), &[]);
        assert_eq!(found["certificates"]["is_accepted"], is_accepted);
        assert_eq!(found["verdict"] == "faulty", !is_accepted, "{:?}", codes(&found));
    }
}

#[test]
fn a_server_that_is_never_silent_is_not_taken_for_one_that_fails() {
    let files = Files::new();
    let config = build(builder(), &files);
    let talkative = OneServer { config: config.clone(), ending: Ending::Talkative };
    let other = OneServer { config, ending: Ending::CloseNotify };
    let address = serve_with(talkative, other);
    let (found, code) = check(&address, &files.path("ca.pem"), &[]);
    assert_eq!(
        (code, &found["closing"]["result"]),
        (Some(0), &"open".into()),
        "{}",
        found["closing"]
    );
}

#[test]
fn wrong_keys_after_a_key_update_are_a_fault() {
    let files = Files::new();
    let address = serve(builder(), &files, Ending::WrongKeys);
    let (found, code) = check(&address, &files.path("ca.pem"), &[]);
    assert_eq!((code, &found["key_update"]["result"]), (Some(1), &"wrong".into()));
    assert!(codes(&found).contains(&"key-update-wrong"), "{:?}", codes(&found));
}

/// A server may serve one client at a time, and may log each connection that ends without close_notify.
#[test]
fn connections_are_made_one_after_the_other_and_closed() {
    let files = Files::new();
    let random = CryptoProvider::default().random;
    let server = builder().sessions(Arc::new(TicketKeys::random(random).unwrap()));
    let config = build(server, &files);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let ends = Arc::new(Mutex::new(Vec::new()));
    let (most_open, all_ends) = (most.clone(), ends.clone());
    thread::spawn(move || {
        for socket in listener.incoming() {
            most_open.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let connection = ServerConnection::new(config.clone());
            let mut stream = Stream::new(connection, socket.unwrap());
            let (open, all_ends) = (open.clone(), all_ends.clone());
            thread::spawn(move || {
                if stream.handshake().is_ok() {
                    let end = stream.read_to_end(&mut Vec::new());
                    all_ends.lock().unwrap().push(end.map_err(|error| error.to_string()));
                }
                open.fetch_sub(1, Ordering::SeqCst);
                let _ = stream.close();
            });
        }
    });
    let (found, _) = check(&address, &files.path("ca.pem"), &[]);
    assert_eq!(found["resumption"]["result"]["result"], "resumed");
    let ends = ends.lock().unwrap();
    assert!(ends.len() > 10, "{ends:?}");
    assert!(ends.iter().all(|end| *end == Ok(0)), "{ends:?}");
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

/// A certificate for the address of the tests that expired in 2020.
fn expired() -> rcgen::CertificateParams {
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    params
}

/// The text of the advice with this code.
fn advice_text<'f>(found: &'f Value, code: &str) -> &'f str {
    let advice = found["advice"].as_array().unwrap();
    let Some(one) = advice.iter().find(|one| one["code"] == code) else { panic!("{advice:?}") };
    one["text"].as_str().unwrap()
}

#[test]
fn an_expired_certificate_that_is_not_needed_is_to_be_left_out() {
    let files = Files::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let old = expired().self_signed(&key).unwrap().pem();
    files.write("cert.pem", &(files.read("cert.pem") + &old));
    let address = serve(builder(), &files, Ending::CloseNotify);
    let (found, _) = check(&address, &files.path("ca.pem"), &[]);
    assert_eq!(found["certificates"]["is_accepted"], true);
    let advice = advice_text(&found, "expired-certificate-sent");
    assert!(advice.contains("leave out") && advice.contains(" days ago"), "{advice}");
    assert!(!codes(&found).contains(&"few-days-left"), "{:?}", codes(&found));
    let printed = handclasp(["check", &address, "--ca", &files.path("ca.pem")]).output().unwrap();
    let printed = text(&printed.stdout);
    assert!(printed.contains("expired ") && !printed.contains(" -"), "{printed}");
}

#[test]
fn an_expired_certificate_is_named_also_if_it_is_refused_for_another_reason() {
    let (files, others) = (Files::new(), Files::new());
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = handclasp_testing::authority::root("another authority");
    let certificate = expired().signed_by(&key, &authority).unwrap();
    files.write("cert.pem", &certificate.pem());
    files.write("key.pem", &key.serialize_pem());
    let address = serve(builder(), &files, Ending::CloseNotify);
    let (found, code) = check(&address, &others.path("ca.pem"), &[]);
    assert_eq!(code, Some(1));
    assert_ne!(found["certificates"]["code"], "expired");
    let text = advice_text(&found, "expired-certificate");
    assert!(text.starts_with("renew the server's certificate: it expired "), "{text}");
    // One sentence is enough if that is the reason.
    files.write("authority.pem", &authority.pem());
    let (found, _) = check(&address, &files.path("authority.pem"), &[]);
    assert_eq!(found["certificates"]["code"], "expired");
    assert!(!codes(&found).contains(&"expired-certificate"), "{:?}", codes(&found));
}

#[test]
fn schemes_for_which_a_server_has_no_key_do_not_look_like_failures() {
    let files = Files::new();
    let address = serve(builder(), &files, Ending::CloseNotify);
    let (ca, page) = (files.path("ca.pem"), files.path("check.html"));
    let output = handclasp(["check", &address, "--ca", &ca, "--html", &page]).output().unwrap();
    let printed = text(&output.stdout);
    let words: Vec<_> = printed.split_whitespace().collect();
    assert!(words.join(" ").contains("(the server has no key for them"), "{printed}");
    let html = files.read("check.html");
    let advice = "let the server send tickets";
    assert_eq!(html.matches(advice).count(), 1, "advice is on the page once");
}

#[test]
fn text_and_page_have_every_question() {
    let files = Files::new();
    let address = serve(builder(), &files, Ending::CloseNotify);
    let (ca, page) = (files.path("ca.pem"), files.path("check.html"));
    let mut command = handclasp(["check", &address, "--ca", &ca, "--html", &page]);
    let output = command.env("COLUMNS", "60").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let (printed, page) = (text(&output.stdout), files.read("check.html"));
    for title in [
        "Certificates",
        "Key exchange",
        "Key share",
        "Cipher suites",
        "Signatures",
        "Application protocols (ALPN)",
        "Tickets",
        "Resumption",
        "0-RTT data",
        "Certificate compression",
        "Record size limit",
        "KeyUpdate",
        "Client certificate",
        "Closing",
        "Cost of a handshake",
    ] {
        assert!(printed.contains(title), "{title}: {printed}");
        assert!(page.contains(&format!(">{title}</h2>")), "{title}");
    }
    // Fingerprints and pins have no place to break.
    let long = |line: &&str| line.chars().count() > 60 && line.contains(' ');
    let breaks = |line: &&str| !["SHA-256", "pin"].iter().any(|name| line.contains(name));
    let long: Vec<_> = printed.lines().filter(long).filter(breaks).collect();
    assert_eq!(long, Vec::<&str>::new());
    assert!(page.starts_with("<!doctype html>") && page.contains("Content-Security-Policy"));
    assert!(!page.contains("<script"), "the page needs no script");
}

#[test]
fn a_server_that_cannot_be_reached_or_speaks_no_tls_is_a_failure() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        socket.write_all(b"SSH-2.0-server\r\n").unwrap();
        let _ = socket.read_to_end(&mut Vec::new());
    });
    for _ in 0..2 {
        let output = handclasp(["check", &address, "--ca", &ca, "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stdout), "");
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(error["event"], "error");
    }
    serving.join().unwrap();
}

#[test]
fn a_server_that_goes_away_leaves_answers_that_are_not_known() {
    let files = Files::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let chain = vec![CertificateDer::from_pem_slice(files.read("cert.pem").as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(files.read("key.pem").as_bytes()).unwrap();
    let config = ServerConfig::new(CertifiedKey::from_der(chain, &key).unwrap()).unwrap();
    let serving = thread::spawn(move || {
        let socket = listener.accept().unwrap().0;
        // Before the next connection, which would be reset otherwise.
        drop(listener);
        answer(Arc::new(config), socket, Ending::CloseNotify);
    });
    let (found, code) = check(&address, &files.path("ca.pem"), &[]);
    serving.join().unwrap();
    assert_eq!(code, Some(0), "{:?}", codes(&found));
    assert_eq!(found["certificates"]["is_accepted"], true);
    assert_eq!(accepted(&found, "groups"), Vec::<String>::new());
    for question in ["groups", "cipher_suites", "signature_schemes"] {
        for offer in found[question]["offers"].as_array().unwrap() {
            assert_eq!(offer["answer"], "unknown", "{offer}");
        }
    }
    assert_eq!(found["key_update"]["result"], "unknown");
    // What is not known is no reason to change something.
    assert_eq!(codes(&found), ["no-tickets"]);
}

#[test]
fn s_server_does_what_it_was_told_to() {
    if !available("openssl", "version", |version| version.starts_with("OpenSSL 3.")) {
        return;
    }
    let files = Files::new();
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let first = ["s_server", "-accept", "127.0.0.1:0", "-cert", &cert, "-key", &key, "-tls1_3"];
    let more = [
        "-groups",
        "P-384:X25519",
        "-ciphersuites",
        "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
        "-num_tickets",
        "1",
        "-alpn",
        "h2",
        "-max_early_data",
        "700",
    ];
    let process = Process::start("openssl", &[&first[..], &more].concat());
    let ready = "ACCEPT 127.0.0.1:";
    let output = process.wait_for(ready);
    let port = output.split(ready).nth(1).unwrap().lines().next().unwrap();
    let (found, code) = check(&format!("127.0.0.1:{port}"), &files.path("ca.pem"), &[]);
    assert_eq!(code, Some(0), "{:?}", codes(&found));
    assert_eq!(accepted(&found, "groups"), ["x25519", "secp384r1"]);
    let suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"];
    assert_eq!(accepted(&found, "cipher_suites"), suites);
    assert_eq!(accepted(&found, "signature_schemes"), ["ecdsa_secp256r1_sha256"]);
    assert_eq!(accepted(&found, "application_protocols"), ["h2"]);
    let tickets = found["tickets"]["tickets"].as_array().unwrap();
    assert_eq!((tickets.len(), &tickets[0]["max_early_data_size"]), (1, &700.into()));
    assert_eq!(found["resumption"]["result"]["result"], "resumed");
    assert_eq!(found["record_size_limit"]["limit"], Value::Null);
    // OpenSSL sends its KeyUpdate before its next data.
    assert_eq!(found["key_update"]["result"], "silent");
    assert_eq!(found["closing"]["result"], "close_notify");
}

#[test]
fn nginx_does_what_it_was_told_to() {
    if !available("nginx", "-v", |_| true) {
        return;
    }
    let files = Files::new();
    let (folder, cert, key) = (files.path(""), files.path("cert.pem"), files.path("key.pem"));
    let port = free_tcp_port();
    let ca = files.path("ca.pem");
    files.write(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; pid {folder}nginx.pid; error_log stderr;\n\
             events {{}}\n\
             http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};\n\
             fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};\n\
             server {{ listen 127.0.0.1:{port} ssl http2; ssl_protocols TLSv1.3;\n\
             ssl_certificate {cert}; ssl_certificate_key {key}; ssl_early_data on;\n\
             ssl_ecdh_curve X25519:secp384r1; ssl_verify_client optional;\n\
             ssl_client_certificate {ca}; }} }}\n"
        ),
    );
    let config = files.path("nginx.conf");
    let _nginx = Process::start("nginx", &["-p", &folder, "-e", "stderr", "-c", &config]);
    let address = format!("127.0.0.1:{port}");
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(&address).is_err() {
        assert!(Instant::now() < deadline, "nginx does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    let (found, _) = check(&address, &ca, &[]);
    assert_eq!(accepted(&found, "groups"), ["x25519", "secp384r1"]);
    assert_eq!(accepted(&found, "application_protocols"), ["h2", "http/1.1"]);
    assert_eq!(found["tickets"]["tickets"].as_array().unwrap().len(), 2);
    assert_eq!(found["resumption"]["result"]["result"], "resumed");
    assert_eq!(found["early_data"]["result"]["result"], "accepted");
    assert_eq!(found["client_certificate"]["is_requested"], true);
    assert_eq!(found["client_certificate"]["refused_with"], Value::Null);
    assert_eq!(found["key_share"]["usual_shares_cost_a_retry"], false);
    assert_eq!(found["key_share"]["wanted_group"], "x25519");
}
