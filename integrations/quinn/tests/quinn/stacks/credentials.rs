//! Certificates and keys as files.

use handclasp_testing::Identity;
use handclasp_testing::der::pem_text;
use handclasp_testing::process::Folder;

/// The chain and the key of this identity.
pub fn credential_files(folder: &Folder, name: &str, identity: &Identity) -> [String; 2] {
    let chain: String =
        identity.chain.iter().map(|certificate| pem_text("CERTIFICATE", certificate)).collect();
    let key = pem_text("PRIVATE KEY", identity.key.secret_der());
    [folder.file(&format!("{name}-chain.pem"), chain), folder.file(&format!("{name}-key.pem"), key)]
}

/// The certificate of the authority of this identity.
pub fn authority_file(folder: &Folder, name: &str, identity: &Identity) -> String {
    folder.file(&format!("{name}.pem"), pem_text("CERTIFICATE", &identity.anchor))
}
