//! Nothing that the program prints has a byte of a key, a ticket key, a pre-shared key or a session,
//! however it is given and however it is damaged.

use std::process::Command;

use crate::common::{Files, Server, handclasp, run_with_input, text};
use handclasp_testing::damage::{Spellings, body, damaged};

/// An address that cannot be listened at: a server that starts in spite of all ends there.
const NOWHERE: &str = "192.0.2.1:1";

/// Everything that the program prints.
fn output_of(mut command: Command) -> String {
    // A key log is made under the name that is given, which may be a damaged key.
    let folder = Files::new();
    let output = command.current_dir(folder.path("")).output().unwrap();
    let printed = [&output.stdout[..], &output.stderr].concat();
    assert_ne!(output.status.code(), None, "{command:?}");
    String::from_utf8_lossy(&printed).into_owned()
}

/// Spellings of a key's half that differs from other keys.
fn spellings_of(pem: &str) -> Spellings {
    use base64::Engine;
    let text = body(pem);
    let der = base64::engine::general_purpose::STANDARD.decode(&text).unwrap();
    Spellings::new(&der[36..68], &[&text[48..]])
}

#[test]
fn a_damaged_key_is_not_printed_by_any_option_that_names_it() {
    let files = Files::new();
    let key = files.read("key.pem").replace("\r\n", "\n");
    let spellings = spellings_of(&key);
    let (ca, cert, good) = (files.path("ca.pem"), files.path("cert.pem"), files.path("key.pem"));
    for damaged in damaged(&key) {
        files.write_bytes("damaged", &damaged.text);
        let bad = files.path("damaged");
        let serve = ["serve", "--listen", NOWHERE];
        let connect = ["connect", "localhost:1", "--ca", &ca];
        let verify = ["verify", &cert, "--ca", &ca];
        for (base, more) in [
            (&serve[..], vec!["--cert", &cert, "--key", &bad]),
            (&serve, vec!["--cert", &bad, "--key", &good]),
            (&serve, vec!["--cert", &cert, "--key", &good, "--client-ca", &bad]),
            (&serve, vec!["--cert", &cert, "--key", &good, "--ticket-keys", &bad]),
            (&serve, vec!["--cert", &cert, "--key", &good, "--ocsp", &bad]),
            (&connect, vec!["--client-cert", &cert, "--client-key", &bad]),
            (&connect, vec!["--client-cert", &bad, "--client-key", &good]),
            (&connect, vec!["--session", &bad]),
            (&["connect", "localhost:1"], vec!["--ca", &bad]),
            (&["connect", "localhost:1"], vec!["--raw-public-key", &bad]),
            (&verify, vec!["--crl", &bad]),
            (&verify, vec!["--ocsp", &bad]),
            (&verify, vec!["--intermediates", &bad]),
            (&["verify", &cert], vec!["--ca", &bad]),
            (&["verify", &bad], vec!["--ca", &ca]),
            (&["verify"], vec!["--batch", &bad]),
        ] {
            for json in [false, true] {
                let mut command = handclasp([]);
                command.args(base).args(&more).args(json.then_some("--json"));
                let context = format!("{more:?}, {}", damaged.how);
                spellings.assert_not_in(&output_of(command), &context);
            }
        }
        let mut command = handclasp(["connect", "localhost:1"]);
        command.env("SSL_CERT_FILE", &bad);
        spellings.assert_not_in(&output_of(command), damaged.how);
    }
}

#[test]
fn a_key_in_the_place_of_a_path_or_another_value_is_not_printed() {
    let files = Files::new();
    let key = files.read("key.pem").replace("\r\n", "\n");
    let spellings = spellings_of(&key);
    let (ca, cert, base64) = (files.path("ca.pem"), files.path("cert.pem"), body(&key));
    for value in [key.clone(), base64, key.replace('\n', "\\n"), key.replace('\n', " ")] {
        // What begins with a dash is an option for the parser, unless it stands behind `=`.
        for option in ["--key", "--cert", "--ticket-keys", "--client-ca", "--tickets", "--listen"] {
            let mut command = handclasp(["serve", "--cert", &cert, "--listen", NOWHERE]);
            command.arg(format!("{option}={value}"));
            spellings.assert_not_in(&output_of(command), option);
        }
        for option in
            ["--ca", "--session", "--raw-public-key", "--pin", "--psk", "--keylog", "--pks"]
        {
            for argument in [vec![format!("{option}={value}")], vec![option.into(), value.clone()]]
            {
                let mut command = handclasp(["connect", "localhost:1"]);
                command.args(argument);
                spellings.assert_not_in(&output_of(command), option);
            }
        }
        for base in [vec![], vec!["connect"], vec!["connect", "localhost:1"], vec!["verify", &ca]] {
            let mut command = handclasp([]);
            command.args(base).arg(&value);
            spellings.assert_not_in(&output_of(command), "positional");
        }
    }
}

#[test]
fn a_pre_shared_key_is_not_printed() {
    let files = Files::new();
    let (ca, cert, key) = (files.path("ca.pem"), files.path("cert.pem"), files.path("key.pem"));
    let hex = "9f83d7c52be46a1708fdb350e92c7a4d6b18f5c3a07e924d";
    let spellings = Spellings::new(b"", &[hex]);
    for option in [
        hex.to_owned(),
        format!("alice:{hex}0"),
        format!("alice:{hex}x"),
        format!("alice:{}", &hex[..14]),
        format!("alice:0x{hex}"),
        format!("alice: {hex}"),
        format!("alice:{hex}:x"),
        format!("{hex}:alice"),
        format!("{hex}:00"),
        format!(":{hex}"),
        format!("alice={hex}"),
        format!("alice:{hex}\n:"),
    ] {
        let options = [
            vec!["--psk".to_owned(), option.clone()],
            vec![format!("--psk={option}")],
            vec!["--psk".into(), "alice:".into(), option.clone()],
            vec!["--pks".into(), option.clone()],
            vec![format!("--pks={option}")],
            vec!["-psk".into(), option.clone()],
            vec![option.clone()],
        ];
        for options in options {
            let mut command = handclasp(["connect", "localhost:1", "--ca", &ca]);
            command.args(&options);
            spellings.assert_not_in(&output_of(command), &format!("{options:?}"));
            let mut command = handclasp(["serve", "--cert", &cert, "--key", &key]);
            command.args(["--listen", NOWHERE]).args(&options);
            spellings.assert_not_in(&output_of(command), &format!("{options:?}"));
        }
    }
    let mut command = handclasp(["connect", "--psk", "alice"]);
    command.arg(hex);
    spellings.assert_not_in(&output_of(command), "the key in the place of the address");
}

#[test]
fn a_damaged_session_is_not_printed() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let (ca, session) = (files.path("ca.pem"), files.path("session"));
    let connect = || {
        let mut command = handclasp(["connect", &server.address, "--ca", &ca]);
        command.args(["--session", &session]);
        output_of(command)
    };
    assert!(connect().contains("kept 2 sessions"));
    let kept = files.read("session");
    let line = kept.lines().next().unwrap();
    // The name, the version and the dates are no secret.
    let spellings = Spellings::new(b"", &[&line[60..]]);
    let middle = line.len() / 2;
    for text in [
        format!("{line}0"),
        format!("{}x{}", &line[..middle], &line[middle + 1..]),
        format!("{}é{}", &line[..middle], &line[middle..]),
        line[..middle].to_owned(),
        line.replace('0', " "),
        format!("{line}{line}"),
        format!("{kept}{line}Z"),
        format!("03{}", &line[2..]),
        format!("ff{}", &line[2..]),
    ] {
        files.write("session", &text);
        let shown = connect();
        spellings.assert_not_in(&shown, "session");
    }
}

#[test]
fn a_key_in_a_case_of_a_batch_is_not_printed() {
    let files = Files::new();
    let key = files.read("key.pem");
    let spellings = spellings_of(&key);
    for field in ["chain", "intermediates", "roots", "crls", "ocsp", "names", "time"] {
        for value in
            [serde_json::json!(key), serde_json::json!([key]), serde_json::json!({"a": key})]
        {
            let mut case = serde_json::json!({"id": 1, "chain": [], "roots": []});
            case[field] = value;
            let output =
                run_with_input(handclasp(["verify", "--batch", "-"]), case.to_string().as_bytes());
            let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
            assert!(shown.contains("verdict"), "{shown}");
            spellings.assert_not_in(&shown, field);
        }
    }
    for field in ["purpose", "profile", "max_depth", "revocation"] {
        let mut case = serde_json::json!({"id": 1, "chain": [files.read("cert.pem")], "roots": []});
        case[field] = key.clone().into();
        let output =
            run_with_input(handclasp(["verify", "--batch", "-"]), case.to_string().as_bytes());
        spellings.assert_not_in(&text(&output.stdout), field);
    }
}
