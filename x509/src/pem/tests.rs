//! What a PEM text can be, and what is said of one that is not in order.

use super::*;

fn section(label: &str, der: &[u8]) -> String {
    use base64ct::Encoding;
    let text = base64ct::Base64::encode_string(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|it| core::str::from_utf8(it).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn one() -> String {
    section("CERTIFICATE", &[1; 100])
}

fn two() -> String {
    section("CERTIFICATE", &[2; 100])
}

fn kind(text: &str) -> (Option<usize>, PemErrorKind) {
    let PemError { line, kind } = certificates(text.as_bytes()).unwrap_err();
    (line, kind)
}

#[test]
fn sections_are_read_in_order_and_text_around_them_is_passed_over() {
    let request = section("CERTIFICATE REQUEST", &[3; 10]);
    let text = format!("subject=CN = FRONT-END SERVER\n{}\n{request}a - b\n{}", one(), two());
    let expected = [vec![1; 100], vec![2; 100]];
    for text in [
        text.clone(),
        text.replace('\n', "\r\n"),
        text.replace('\n', "\r"),
        text.replace('\n', " \n"),
        format!("\u{feff}{}\u{feff}{}", one(), two()),
        format!("{}{}", one(), two().trim_end()),
    ] {
        let found = certificates(text.as_bytes()).unwrap();
        assert_eq!(found.iter().map(|it| it.to_vec()).collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn what_readers_would_pass_over_is_an_error_with_its_line() {
    use Label::{Certificate, Crl};
    let lines = one().lines().count();
    let body = "AAAA";
    let begin = "-----BEGIN CERTIFICATE-----";
    let end = "-----END CERTIFICATE-----";
    for (text, line, expected) in [
        (format!("{}{}", one().trim_end(), two()), lines, PemErrorKind::EndAndBeginOnOneLine),
        (format!("{}\n {}", one(), two()), lines + 2, PemErrorKind::MalformedBoundary),
        (one().replace('\n', "\\n"), 1, PemErrorKind::EscapedLineBreaks),
        (format!("{begin}\n{body}\\n{body}\n{end}"), 2, PemErrorKind::EscapedLineBreaks),
        (one().replace('\n', " "), 1, PemErrorKind::MalformedBoundary),
        (one().replace('\n', ""), 1, PemErrorKind::MalformedBoundary),
        (format!("{begin}{body}\n{end}"), 1, PemErrorKind::MalformedBoundary),
        (format!("----BEGIN CERTIFICATE-----\n{body}\n{end}"), 1, PemErrorKind::MalformedBoundary),
        (
            format!("—–BEGIN CERTIFICATE—–\n{body}\n—–END CERTIFICATE—–"),
            1,
            PemErrorKind::MalformedBoundary,
        ),
        (
            format!("{}{}", one(), two().replace(" CERT", "\tCERT")),
            lines + 1,
            PemErrorKind::MalformedBoundary,
        ),
        (
            format!("{}{}", one(), two().replace(" CERT", "\u{a0}CERT")),
            lines + 1,
            PemErrorKind::MalformedBoundary,
        ),
        (format!("{}{}", one(), two().to_lowercase()), lines + 1, PemErrorKind::MalformedBoundary),
        (format!("{begin}\n{body}"), 1, PemErrorKind::MissingEnd(Certificate)),
        (format!("{begin}\n{body}\n{}", one()), 1, PemErrorKind::MissingEnd(Certificate)),
        (format!("{body}\n{end}"), 2, PemErrorKind::MissingBegin(Certificate)),
        (
            format!("{begin}\n{body}\n-----END X509 CRL-----"),
            1,
            PemErrorKind::LabelMismatch { begin: Certificate, end: Crl },
        ),
        (format!("{begin}\nAAAA\nAA*A\n{end}"), 3, PemErrorKind::Base64(Certificate)),
        (format!("{begin}\nAAAAA\n{end}"), 1, PemErrorKind::Base64(Certificate)),
        (format!("{begin}\n{end}"), 1, PemErrorKind::Empty(Certificate)),
        (format!("{begin}\nX-Name: value\n\n{body}\n{end}"), 1, PemErrorKind::Headers(Certificate)),
        (
            section("TRUSTED CERTIFICATE", &[1]),
            1,
            PemErrorKind::UnsupportedLabel(Label::TrustedCertificate),
        ),
        (
            section("X509 CERTIFICATE", &[1]),
            1,
            PemErrorKind::UnsupportedLabel(Label::OldCertificate),
        ),
        (section("PKCS7", &[1]), 1, PemErrorKind::UnsupportedLabel(Label::Pkcs7)),
    ] {
        assert_eq!(kind(&text), (Some(line), expected), "{text}");
    }
}

#[test]
fn a_file_that_is_no_pem_is_called_what_it_is() {
    let utf16 =
        |order: fn(u16) -> [u8; 2]| one().encode_utf16().flat_map(order).collect::<Vec<_>>();
    for text in [
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        [&[0xff, 0xfe][..], &utf16(u16::to_le_bytes)].concat(),
        [&[0xfe, 0xff][..], &utf16(u16::to_be_bytes)].concat(),
    ] {
        assert_eq!(certificates(&text).unwrap_err().kind, PemErrorKind::Utf16);
    }
    let der = [&[0x30, 0x81, 200][..], &[0; 200]].concat();
    assert_eq!(certificates(&der).unwrap_err().kind, PemErrorKind::Binary);
    assert_eq!(private_key(&[0x30, 2, 0, 0]).unwrap_err().kind, PemErrorKind::Binary);
    let nothing = certificates(section("PRIVATE KEY", &[1]).as_bytes()).unwrap_err();
    let (wanted, labels) = (Content::Certificate, vec![Label::PrivateKey]);
    assert_eq!(nothing.kind, PemErrorKind::NotFound { wanted, labels });
    assert!(certificates(b"hello").unwrap_err().to_string().contains("no certificate"));
    assert!(each_certificate(b"hello").is_empty());
}

#[test]
fn private_keys_are_found_under_their_labels_and_encrypted_ones_are_called_so() {
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        let text = format!("{}{}", section("EC PARAMETERS", &[6, 0]), section(label, &[7; 50]));
        let key = private_key(text.as_bytes()).unwrap();
        assert_eq!((key.label().to_string(), key.der().secret_der()), (label.into(), &[7; 50][..]));
        assert!(!format!("{key:?}").contains('7'), "{key:?}");
    }
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
        DEK-Info: AES-128-CBC,B094\n\nO2qJ\n-----END RSA PRIVATE KEY-----\n";
    for text in [legacy.to_owned(), section("ENCRYPTED PRIVATE KEY", &[1])] {
        let error = private_key(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind, PemErrorKind::Encrypted);
        assert!(error.to_string().contains("openssl pkey"), "{error}");
    }
    let openssh = private_key(section("OPENSSH PRIVATE KEY", &[1]).as_bytes()).unwrap_err();
    assert!(openssh.to_string().contains("ssh-keygen"), "{openssh}");
}

#[test]
fn a_second_key_in_a_text_is_refused_with_its_line() {
    let certificate = one();
    for (label, wanted) in
        [("PRIVATE KEY", Content::PrivateKey), ("PUBLIC KEY", Content::PublicKey)]
    {
        let first = section(label, &[4; 100]);
        let second = section(label, &[5; 100]);
        let line = (first.clone() + &certificate).lines().count() + 1;
        for second in [&second, &first] {
            let text = format!("{first}{certificate}{second}");
            let error = match wanted {
                Content::PrivateKey => private_key(text.as_bytes()).map(drop),
                _ => public_key(text.as_bytes()).map(drop),
            };
            let error = error.unwrap_err();
            assert_eq!(
                error,
                PemError { line: Some(line), kind: PemErrorKind::MoreThanOne(wanted) }
            );
            assert!(error.to_string().contains(&format!("a second {wanted}")), "{error}");
        }
    }
    let other_label = section("PRIVATE KEY", &[4; 100]) + &section("EC PRIVATE KEY", &[5; 100]);
    let error = private_key(other_label.as_bytes()).unwrap_err();
    assert_eq!(error.kind, PemErrorKind::MoreThanOne(Content::PrivateKey));
}

#[test]
fn a_path_that_is_the_content_of_a_file_is_not_shown() {
    for path in ["key.pem", "/no/such/directory/of/keys/for/a/long/name.key", "key"] {
        assert_eq!(printable_path(Path::new(path)), path);
    }
    let base64 = "MC4CAQAwBQYDK2VwBCIEIJ4IbFRLw9QoQl3gPCQJdkUiSeBbQHzMi2VSf88lApo";
    let hexadecimal = "000102030405060708090a0b0c0d0e0f";
    let short = "AAECAwQFBgcICQoLDA0ODw==";
    for path in [base64, hexadecimal, short, "-----BEGIN PRIVATE KEY-----", "a\nb"] {
        assert!(!printable_path(Path::new(path)).contains(path), "{path}");
    }
}
