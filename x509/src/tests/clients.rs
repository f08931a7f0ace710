//! The certificates of clients: the same validation, for another purpose.

use super::*;

fn client_leaf(usages: &[ExtendedKeyUsagePurpose]) -> CertificateParams {
    let mut leaf = params("client");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = usages.to_vec();
    leaf
}

fn check(leaf: &CertificateParams, authority: CertificateParams) -> Check {
    let mut check = chain(leaf, authority);
    check.purpose = Purpose::Client;
    // A client is not reached by a name; what its names mean, the application says.
    check.name = None;
    check
}

const SERVER: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ServerAuth;
const CLIENT: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ClientAuth;

#[test]
fn a_client_without_a_single_name() {
    let check = check(&client_leaf(&[CLIENT]), authority_params("a"));
    assert_eq!(check.subjects(), ["CN=client", "CN=a", "CN=root"]);
}

#[test]
fn a_server_is_no_client_and_a_client_no_server() {
    let wrong =
        |certificate: &str, purpose, allowed| error(certificate, wrong_usage(purpose, allowed));
    let mut server = check(&client_leaf(&[SERVER]), authority_params("a"));
    assert_eq!(
        server.run().unwrap_err(),
        wrong("CN=client", Purpose::Client, "server authentication")
    );
    server.purpose = Purpose::Server;
    assert!(server.run().is_ok());
    let mut client = check(&client_leaf(&[CLIENT]), authority_params("a"));
    client.purpose = Purpose::Server;
    assert_eq!(
        client.run().unwrap_err(),
        wrong("CN=client", Purpose::Server, "client authentication")
    );
    client.purpose = Purpose::Any;
    assert!(client.run().is_ok());
    // Both, and none, which limits nothing.
    for usages in [&[SERVER, CLIENT][..], &[]] {
        assert!(check(&client_leaf(usages), authority_params("a")).run().is_ok());
    }
}

#[test]
fn an_authority_for_servers_issues_no_clients() {
    let mut authority = authority_params("a");
    authority.extended_key_usages = vec![SERVER];
    let mut check = check(&client_leaf(&[CLIENT]), authority.clone());
    let wrong = wrong_usage(Purpose::Client, "server authentication");
    assert_eq!(check.run().unwrap_err(), error("CN=a", wrong));
    authority.extended_key_usages.push(CLIENT);
    check = self::check(&client_leaf(&[CLIENT]), authority);
    assert!(check.run().is_ok());
}

#[test]
fn a_client_s_dates_key_usage_and_constraints_hold_as_a_server_s_do() {
    let mut leaf = client_leaf(&[CLIENT]);
    leaf.not_after = date_time_ymd(2026, 2, 1);
    let error = check(&leaf, authority_params("a")).run().unwrap_err();
    assert_eq!(error.kind.code(), "expired");

    let mut leaf = client_leaf(&[CLIENT]);
    leaf.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    let error = check(&leaf, authority_params("a")).run().unwrap_err();
    let (missing, has) = ("digitalSignature", vec!["keyEncipherment"]);
    assert_eq!(error.kind, CertificateErrorKind::WrongKeyUsage { missing, has });

    let mut leaf = client_leaf(&[CLIENT]);
    leaf.subject_alt_names = leaf_params().subject_alt_names;
    let mut authority = authority_params("a");
    authority.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.org".into())],
        excluded_subtrees: Vec::new(),
    });
    let error = check(&leaf, authority).run().unwrap_err();
    assert_eq!(error.kind.code(), "name-not-permitted");
}
