//! Errors about arguments. They do not repeat the arguments, because one may be a key.

use clap::error::{ContextKind, ContextValue, ErrorKind};

const NOT_REPEATED: &str = "(not repeated here)";

/// The parser's error without the values that it would repeat. In `--psk alice: 00ff...` the key is an
/// unexpected argument.
pub fn without_values(mut error: clap::Error) -> clap::Error {
    let replace = |error: &mut clap::Error, kind: ContextKind| {
        let value = ContextValue::String(NOT_REPEATED.to_owned());
        error.insert(kind, value);
    };
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) {
        if !value.is_empty() {
            replace(&mut error, ContextKind::InvalidValue);
        }
    }
    if error.kind() == ErrorKind::InvalidSubcommand {
        replace(&mut error, ContextKind::InvalidSubcommand);
        error.remove(ContextKind::Suggested);
    }
    if error.kind() == ErrorKind::UnknownArgument {
        match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(argument)) if is_option(argument) => {}
            _ => replace(&mut error, ContextKind::InvalidArg),
        }
        error.remove(ContextKind::Suggested);
    }
    error
}

/// Whether this is only the name of an option.
fn is_option(argument: &str) -> bool {
    const LONGEST: usize = 20;
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    argument.strip_prefix("--").is_some_and(is_name) && argument.len() <= LONGEST
}
