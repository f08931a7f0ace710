//! A private key of a token, with its certificate.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use handclasp::certificate::EndEntity;
use handclasp::credential::KeySource;
use handclasp::crypto::{CryptoError, SigningKey};
use handclasp::handshake::{Answer, Question};
use handclasp::pki_types::CertificateDer;
use handclasp::registry::{CertificateType, SignatureScheme};
use handclasp::{CertifiedKey, Connection, Error};

use crate::error::TokenError;
use crate::mechanism::PssKey;
use crate::options::{FailureHandler, Options};
use crate::session::{KeySession, Token};
use crate::trial::Trial;
use crate::uri::Pkcs11Uri;
use crate::waiting::{Asker, Job};
use crate::workers::{Limits, WorkerKey, Workers};

/// How long [`TokenKey::open`] and [`certificates`] wait for the token.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest [`Options::timeout`]: a day. A longer one is taken for this one.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// A private key of a token, with its certificate. Clones share the sessions with the token.
///
/// There are two ways to use it:
/// - [`certified_key`](Self::certified_key) leaves signatures open, and the key answers them later, while no thread
///   of the runtime blocks. With tokio, the key is the `QuestionHandler` of an acceptor or a connector. Without, it
///   [answers](Self::answer) a connection.
/// - [`blocking_certified_key`](Self::blocking_certified_key) signs while the handshake waits, as a key in memory
///   does. It is for programs with a thread for each connection.
///
/// The sessions are closed when the last clone is dropped.
#[derive(Clone)]
pub struct TokenKey {
    shared: Arc<Shared>,
}

struct Shared {
    certified: CertifiedKey,
    spki: Vec<u8>,
    schemes: Vec<SignatureScheme>,
    timeout: Duration,
    on_failure: Option<FailureHandler>,
    workers: Workers,
}

impl TokenKey {
    /// Opens the key that the URI names, and checks that it is that of the certificate: `chain` has that first, then
    /// those of its issuers. This loads the module, logs in, signs once with each scheme, and verifies the signatures.
    /// If the token shows the public half of the key, that is compared, too. Schemes that the token does not sign with
    /// are left out. The calling thread waits for at most [`OPEN_TIMEOUT`]: call it where blocking is allowed.
    ///
    /// A call that times out leaves a thread that waits for the module. It ends when the module answers, so do not
    /// repeat such a call quickly.
    ///
    /// The module is native code that runs in this process: load only one that you trust.
    ///
    /// # Errors
    /// [`TokenError`]: each variant says when.
    pub fn open(
        uri: &Pkcs11Uri,
        chain: Vec<CertificateDer<'static>>,
        options: &Options,
    ) -> Result<Self, TokenError> {
        let certificate = end_entity(&chain)?;
        let spki = certificate.subject_public_key_info().to_vec();
        let pss_key = PssKey::of(&spki).ok_or_else(|| {
            let what = "limited by its certificate to parameters that TLS 1.3 does not have";
            TokenError::UnsupportedKey(what.to_owned())
        })?;
        let (uri, owned) = (uri.clone(), options.clone());
        let opened = within(OPEN_TIMEOUT, move || {
            let token = Token::new(&uri, &owned)?;
            let session = token.open_key()?;
            let trial = Trial { certificate, provider: owned.provider };
            let methods = trial.usable_methods(&session, pss_key)?;
            Ok(Opened { key: WorkerKey { token, trial, methods }, session })
        })?;
        let Opened { key, session } = opened;
        let schemes: Vec<SignatureScheme> =
            key.methods.iter().map(|method| method.scheme).collect();
        let certified = CertifiedKey::new(chain, KeySource::Remote { schemes: schemes.clone() })?;
        let most = session.most_sessions().and_then(|most| usize::try_from(most).ok());
        let limits = Limits {
            most_threads: options.sessions.min(most.unwrap_or(usize::MAX)).max(1),
            max_waiting: options.max_waiting,
            timeout: options.timeout.min(LONGEST_TIMEOUT),
        };
        let workers = Workers::start(key, session, &limits)?;
        let (timeout, on_failure) = (limits.timeout, options.on_failure.clone());
        let shared = Shared { certified, spki, schemes, timeout, on_failure, workers };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The certificate, for a configuration whose signatures are answered later: see [`TokenKey`].
    pub fn certified_key(&self) -> CertifiedKey {
        self.shared.certified.clone()
    }

    /// The certificate, for a configuration that signs while the handshake waits. The thread that processes the
    /// handshake blocks, for at most [`Options::timeout`]. The error of such a handshake does not say why the token
    /// could not sign: [`Options::on_failure`] is called with the reason.
    ///
    /// # Errors
    /// None for a key that [`open`](Self::open) has made: it has checked the same.
    pub fn blocking_certified_key(&self) -> Result<CertifiedKey, TokenError> {
        let chain = self.shared.certified.chain().to_vec();
        Ok(CertifiedKey::new(chain, KeySource::Local(Arc::new(self.clone())))?)
    }

    /// The schemes that the token signs with, the preferred one first.
    pub fn schemes(&self) -> &[SignatureScheme] {
        &self.shared.schemes
    }

    /// Whether this is the private key of that certificate or raw public key.
    pub fn is_key_of(&self, certified: &CertifiedKey) -> bool {
        let Some(certificate) = certified.chain().first() else { return false };
        if certified.certificate_type() == CertificateType::RAW_PUBLIC_KEY {
            return **certificate == *self.shared.spki;
        }
        let parsed = EndEntity::parse(certificate);
        parsed.is_ok_and(|parsed| parsed.subject_public_key_info() == self.shared.spki)
    }

    /// Signs this message, and not its hash. The calling thread waits.
    ///
    /// # Errors
    /// [`TokenError`]: each variant says when.
    pub fn sign_and_wait(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        let (asker, answer) = mpsc::sync_channel(1);
        let (message, asked) = (message.to_vec(), Instant::now());
        let job = Job { scheme, message, asked, asker: Asker::Thread(asker) };
        let result = self.shared.workers.push(job).and_then(|()| {
            let answer = answer.recv_timeout(self.shared.timeout);
            answer.unwrap_or_else(|error| Err(self.no_answer(error)))
        });
        self.report(result)
    }

    fn no_answer(&self, error: mpsc::RecvTimeoutError) -> TokenError {
        match error {
            mpsc::RecvTimeoutError::Timeout => TokenError::TimedOut(self.shared.timeout),
            mpsc::RecvTimeoutError::Disconnected => thread_ended(),
        }
    }

    /// Signs this message, and not its hash. Dropping the future gives the signature up.
    ///
    /// # Errors
    /// [`TokenError`]: each variant says when.
    #[cfg(feature = "tokio")]
    pub async fn sign_later(
        &self,
        scheme: SignatureScheme,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, TokenError> {
        let (asker, answer) = tokio::sync::oneshot::channel();
        let job = Job { scheme, message, asked: Instant::now(), asker: Asker::Task(asker) };
        if let Err(error) = self.shared.workers.push(job) {
            return self.report(Err(error));
        }
        let result = match tokio::time::timeout(self.shared.timeout, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(thread_ended()),
            Err(_) => Err(TokenError::TimedOut(self.shared.timeout)),
        };
        self.report(result)
    }

    /// Answers a connection that waits for a signature of this key, and returns whether it did. The calling thread
    /// waits. Call it when the handshake of a [`Stream`](handclasp::Stream) returns
    /// [`WouldBlock`](std::io::ErrorKind::WouldBlock), and then the handshake again. A token that cannot sign ends the
    /// connection, and its error says why.
    ///
    /// # Errors
    /// That of the connection, if the answer ends it.
    pub fn answer(&self, connection: &mut Connection) -> Result<bool, Error> {
        let Some(number) = connection.question_number() else { return Ok(false) };
        let Some(Question::Sign(sign)) = connection.question() else { return Ok(false) };
        if !self.is_key_of(&sign.certificate) {
            return Ok(false);
        }
        let signature = self.sign_and_wait(sign.scheme, &sign.message);
        connection.answer(number, answer_of(signature))?;
        Ok(true)
    }

    fn report(&self, result: Result<Vec<u8>, TokenError>) -> Result<Vec<u8>, TokenError> {
        if let (Err(error), Some(on_failure)) = (&result, &self.shared.on_failure) {
            on_failure(error);
        }
        result
    }
}

/// The answer to a question for a signature.
pub(crate) fn answer_of(signature: Result<Vec<u8>, TokenError>) -> Answer {
    match signature {
        Ok(signature) => Answer::Signature(Ok(signature)),
        Err(error) => Answer::Unavailable(error.to_string()),
    }
}

/// It blocks.
impl SigningKey for TokenKey {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.shared.schemes
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.sign_and_wait(scheme, message).map_err(|_| CryptoError)
    }

    fn public_key(&self) -> Option<Vec<u8>> {
        Some(self.shared.spki.clone())
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("schemes", &self.shared.schemes).finish_non_exhaustive()
    }
}

/// The certificate of the token that the URI names, and those of its issuers that the token has. This waits at most
/// [`OPEN_TIMEOUT`]. It logs in only if there is a PIN.
///
/// # Errors
/// [`TokenError`]: each variant says when.
pub fn certificates(
    uri: &Pkcs11Uri,
    options: &Options,
) -> Result<Vec<CertificateDer<'static>>, TokenError> {
    let (uri, options) = (uri.clone(), options.clone());
    let chain = within(OPEN_TIMEOUT, move || Token::new(&uri, &options)?.certificates())?;
    Ok(chain.into_iter().map(CertificateDer::from).collect())
}

/// What [`TokenKey::open`] gets from the token.
struct Opened {
    key: WorkerKey,
    session: KeySession,
}

fn end_entity(chain: &[CertificateDer<'static>]) -> Result<EndEntity, TokenError> {
    use handclasp::config::ConfigError;
    let first = chain.first().ok_or(ConfigError::Empty("certificates"))?;
    Ok(EndEntity::parse(first).map_err(ConfigError::from)?)
}

/// Runs this in a thread, and waits for it at most so long: a module may hang. The thread stays until it returns.
fn within<T: Send + 'static>(
    timeout: Duration,
    run: impl FnOnce() -> Result<T, TokenError> + Send + 'static,
) -> Result<T, TokenError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name("pkcs11".to_owned());
    let spawned = thread.spawn(move || drop(sender.send(run())));
    spawned.map_err(|error| TokenError::NoThread(error.to_string()))?;
    receiver.recv_timeout(timeout).unwrap_or_else(|error| match error {
        mpsc::RecvTimeoutError::Timeout => Err(TokenError::TimedOut(timeout)),
        mpsc::RecvTimeoutError::Disconnected => Err(thread_ended()),
    })
}

fn thread_ended() -> TokenError {
    TokenError::NoThread("it has ended".to_owned())
}
