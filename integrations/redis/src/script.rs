//! Scripts that the store runs.

use fred::clients::{Client, WithOptions};
use fred::interfaces::ClientLike;
use fred::types::{CustomCommand, Value};

use crate::Error;

/// A script, or what the store finds it by.
#[derive(Clone, Copy)]
pub(crate) enum ScriptSource<'a> {
    Text(&'a str),
    /// The SHA-1 of the text of a script that the store was sent before, in hexadecimal.
    Hash(&'a str),
}

/// Runs a script that has one key, with the options of the client. fred's own methods for scripts lose them: their calls
/// have no timeout, and are repeated after a lost connection.
pub(crate) async fn run_script(
    client: &WithOptions<Client>,
    script: ScriptSource<'_>,
    key: &str,
    arguments: Vec<Value>,
) -> Result<Value, Error> {
    const NUMBER_OF_KEYS: i64 = 1;
    let (command, script) = match script {
        ScriptSource::Text(text) => ("EVAL", text),
        ScriptSource::Hash(hash) => ("EVALSHA", hash),
    };
    let mut all = vec![Value::from(script), Value::from(NUMBER_OF_KEYS), Value::from(key)];
    all.extend(arguments);
    // The key decides which node of a cluster is asked.
    let command = CustomCommand::new_static(command, key, false);
    client.custom(command, all).await.map_err(Error::Store)
}
