//! Pre-shared keys of the command line.

use handclasp::config::ConfigError;
use handclasp::psk::PreSharedKey;
use handclasp::zeroize::Zeroizing;

use crate::failure::Failure;

/// The keys of `--psk IDENTITY:HEX`. Errors do not contain the secret.
pub fn pre_shared_keys(options: &[String]) -> Result<Vec<PreSharedKey>, Failure> {
    options.iter().map(|option| pre_shared_key(option)).collect()
}

fn pre_shared_key(option: &str) -> Result<PreSharedKey, Failure> {
    let hint = "make a key of 32 random bytes: openssl rand -hex 32";
    let parts = option.rsplit_once(':').filter(|(identity, _)| !identity.is_empty());
    let Some((identity, secret)) = parts else {
        return Err(Failure::misuse("--psk takes IDENTITY:HEX").hint(hint));
    };
    let name = named(identity);
    // The decoder's error quotes what it cannot read.
    let Ok(secret) = hex::decode(secret).map(Zeroizing::new) else {
        let problem = format!("{name}: its key is not in hexadecimal digits, two for each byte");
        return Err(Failure::misuse(problem).hint(hint));
    };
    PreSharedKey::external(identity.as_bytes(), &secret)
        .map_err(|error: ConfigError| Failure::misuse(format!("{name}: {error}")).hint(hint))
}

/// The option with its identity, unless the identity may be the key or a part of it.
fn named(identity: &str) -> String {
    /// As long as the shortest key in base64 is, or longer.
    const AS_LONG_AS_KEYS: usize = 22;
    let is_hexadecimal = identity.bytes().all(|byte| byte.is_ascii_hexdigit());
    match identity.contains(':') || is_hexadecimal || identity.len() >= AS_LONG_AS_KEYS {
        true => "a --psk".to_owned(),
        false => format!("--psk {identity}"),
    }
}
