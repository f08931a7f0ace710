//! The choice of a whole configuration by the ClientHello.

use std::sync::Arc;

use super::ServerConfig;
use crate::reply::{AnswerLater, Reply};
use crate::wire::ClientHello;

/// Chooses a server's configuration by the ClientHello: by the server name, the application protocols, or
/// anything else in it. See
/// [`ServerConfigBuilder::config_resolver`](super::ServerConfigBuilder::config_resolver).
///
/// A function implements it, if it answers at once:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
/// use handclasp::config::{ConfigChoice, ConfigResolver, ServerConfig};
/// use handclasp::wire::ClientHello;
///
/// /// One configuration for each name, in lower case. Other names are refused.
/// fn by_name(configs: HashMap<String, Arc<ServerConfig>>) -> impl ConfigResolver {
///     move |hello: &ClientHello<'_>| {
///         let name = hello.dns_name().unwrap_or_default();
///         match configs.get(&name) {
///             Some(config) => ConfigChoice::Use(config.clone()),
///             None => ConfigChoice::Refuse,
///         }
///     }
/// }
/// ```
///
/// [`AnswerLater`] implements it, too. The handshake then waits for the answer to
/// [`Question::ChooseConfig`](crate::handshake::Question::ChooseConfig).
pub trait ConfigResolver: Send + Sync {
    /// The configuration for this ClientHello.
    ///
    /// Choose by [`ClientHello::dns_name`], which is the name that the connection has afterwards. Do not
    /// compare [`server_name`](crate::wire::ClientExtensions::server_name), the bytes that the client has
    /// sent: `ADMIN.example.org` and `admin.example.org.` are other bytes for the same name. A
    /// server_name that is neither a DNS name nor an IP address was refused before. The rest of the
    /// content is not checked yet: the client may not even offer TLS 1.3.
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<ConfigChoice>;
}

/// Which configuration a server uses for a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConfigChoice {
    /// The one that the connection was made with.
    Keep,
    /// This one. Its own resolver of configurations is not asked.
    Use(Arc<ServerConfig>),
    /// None: the server does not serve the name that the client requests. The alert is
    /// `unrecognized_name`. If the ClientHello has no server_name, it is `missing_extension` (RFC 9846,
    /// section 9.2).
    Refuse,
}

impl<F> ConfigResolver for F
where
    F: Fn(&ClientHello<'_>) -> ConfigChoice + Send + Sync,
{
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<ConfigChoice> {
        Reply::Now(self(hello))
    }
}

impl ConfigResolver for AnswerLater {
    fn resolve(&self, _: &ClientHello<'_>) -> Reply<ConfigChoice> {
        Reply::Later
    }
}
