//! Errors about arguments. They do not repeat the arguments, because one may be a key.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

const HIDDEN: &str = "(hidden: it may be a secret)";

/// The parser's error without the values that it would repeat. In `--psk alice: 00ff...` the key is an
/// unexpected argument. In place of an unknown command, it shows the commands of this program.
pub fn without_values(mut error: clap::Error, program: &clap::Command) -> clap::Error {
    let replace = |error: &mut clap::Error, kind: ContextKind| {
        let value = ContextValue::String(HIDDEN.to_owned());
        error.insert(kind, value);
    };
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) {
        if !value.is_empty() {
            replace(&mut error, ContextKind::InvalidValue);
        }
    }
    if error.kind() == ErrorKind::InvalidSubcommand {
        replace(&mut error, ContextKind::InvalidSubcommand);
        let tip = StyledStr::from(commands_of(program));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
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

fn commands_of(program: &clap::Command) -> String {
    let names: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
    format!("the commands are {}", names.join(", "))
}

/// Whether this is only the name of an option.
fn is_option(argument: &str) -> bool {
    const LONGEST: usize = 20;
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    argument.strip_prefix("--").is_some_and(is_name) && argument.len() <= LONGEST
}
