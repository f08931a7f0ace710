//! Pre-shared keys, as they are written on the command line.

use handclasp::config::{ConfigError, PreSharedKey};

use crate::failure::Failure;

/// The keys that `--psk IDENTITY:HEX` names. What is wrong is told without the secret.
pub fn pre_shared_keys(options: &[String]) -> Result<Vec<PreSharedKey>, Failure> {
    options.iter().map(|option| pre_shared_key(option)).collect()
}

fn pre_shared_key(option: &str) -> Result<PreSharedKey, Failure> {
    let hint = "make a key of 32 random bytes: openssl rand -hex 32";
    let parts = option.rsplit_once(':').filter(|(identity, _)| !identity.is_empty());
    let Some((identity, secret)) = parts else {
        return Err(Failure::misuse("--psk takes IDENTITY:HEX").hint(hint));
    };
    let Ok(secret) = hex::decode(secret) else {
        let problem = format!("--psk {identity}: its key is not in hexadecimal digits");
        return Err(Failure::misuse(problem).hint(hint));
    };
    PreSharedKey::external(identity.as_bytes(), &secret).map_err(|error: ConfigError| {
        Failure::misuse(format!("--psk {identity}: {error}")).hint(hint)
    })
}
