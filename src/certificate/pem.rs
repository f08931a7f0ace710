//! PEM (RFC 7468), read so that nothing in it is passed over without a word.

use pki_types::pem::PemObject;

use super::error::printable;

/// The sections with this label, each decoded or with what is wrong with it. A section that begins
/// within a line is not found, as readers of PEM have it; at the end it is told of.
pub(super) fn sections<T: PemObject>(text: &[u8], label: &str) -> Vec<Result<T, String>> {
    let found = T::pem_slice_iter(text);
    let mut found: Vec<_> =
        found.map(|it| it.map_err(|error| printable(&error.to_string()))).collect();
    let begin = format!("-----BEGIN {label}-----");
    let windows = text.windows(begin.len());
    let begun = windows.filter(|window| *window == begin.as_bytes()).count();
    if begun > found.len() {
        found.push(Err(format!(
            "{begin} stands there {begun} times, and {} were found: each BEGIN and each END must \
             be a line of its own",
            found.len()
        )));
    }
    found
}
