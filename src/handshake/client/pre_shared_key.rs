//! The pre_shared_key extension of a ClientHello (RFC 9846, section 4.3.11).

use super::{Context, Shared};
use crate::config::PreSharedKey;
use crate::crypto::{CipherSuite, HashAlgorithm};
use crate::error::Error;
use crate::key_schedule::{EarlySecret, Transcript};
use crate::registry::ExtensionType;
use crate::wire::codec::{Prefix, write_vector};
use crate::wire::write_extension;

/// The keys to offer, each with a suite of its hash. After a HelloRetryRequest only those of the
/// chosen suite's hash are left (section 4.2.4).
pub(super) fn offered<'a>(
    shared: &'a Shared,
    retried: Option<&CipherSuite>,
) -> Vec<(&'a PreSharedKey, CipherSuite)> {
    let suite_of = |hash: HashAlgorithm| match retried {
        Some(suite) => Some(suite).filter(|suite| suite.hash.algorithm() == hash),
        None => {
            let mut suites = shared.config.provider.cipher_suites.iter();
            suites.find(|suite| suite.hash.algorithm() == hash)
        }
    };
    let keys = shared.config.pre_shared_keys.iter();
    let keys = keys.filter(|key| key.is_for(&shared.server_name));
    keys.filter_map(|key| suite_of(key.hash()).map(|suite| (key, *suite))).collect()
}

/// Writes the extension with zeros where the binders will be. It must be the last one.
pub(super) fn write(keys: &[(&PreSharedKey, CipherSuite)], out: &mut Vec<u8>) {
    write_extension(out, ExtensionType::PRE_SHARED_KEY, |out| {
        write_vector(out, Prefix::U16, |out| {
            for (key, _) in keys {
                write_vector(out, Prefix::U16, |out| out.extend_from_slice(key.identity()));
                // The age of a key that is no ticket is zero.
                out.extend_from_slice(&0_u32.to_be_bytes());
            }
        });
        write_vector(out, Prefix::U16, |out| {
            for (_, suite) in keys {
                let length = suite.hash.output_length();
                write_vector(out, Prefix::U8, |out| out.resize(out.len() + length, 0));
            }
        });
    });
}

/// Computes the binders over the message up to them, and puts them in (section 4.3.11.2).
/// `transcript` is what came before: the first ClientHello's hash and the HelloRetryRequest.
pub(super) fn bind(
    keys: &[(&PreSharedKey, CipherSuite)],
    transcript: Option<&Transcript>,
    message: &mut [u8],
    context: &mut Context<'_>,
) -> Result<(), Error> {
    let lengths = keys.iter().map(|(_, suite)| 1 + suite.hash.output_length());
    let start = message.len().saturating_sub(2 + lengths.sum::<usize>());
    let Some((truncated, binders)) = message.split_at_mut_checked(start) else { return Ok(()) };
    let mut at = 2;
    for (key, suite) in keys {
        let hash = match transcript {
            Some(transcript) => transcript.current_with(truncated),
            None => suite.hash.digest(truncated),
        };
        let early = EarlySecret::new(*suite, Some(key.secret()), context.observers);
        let binder = early.binder_key(key.kind(), context.observers)?;
        let binder = binder.finished(&hash, context.observers)?;
        let length = binder.as_bytes().len();
        if let Some(place) = binders.get_mut(at + 1..at + 1 + length) {
            place.copy_from_slice(binder.as_bytes());
        }
        at += 1 + length;
    }
    Ok(())
}
