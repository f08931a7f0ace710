//! Certificates that are compressed with brotli and zlib, with rustls as the peer (RFC 8879).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handclasp::connection::Options;
use handclasp::credential::{Brotli, CertificateCompression, Zlib};
use handclasp::observer::{Event, Observer};
use handclasp::registry::HandshakeType;
use handclasp::{ClientConnection, ServerConnection};
use handclasp_testing::compression::{client, server};
use handclasp_testing::{Identity, rustls_peer, server_name};
use rustls::compress::{
    BROTLI_COMPRESSOR, BROTLI_DECOMPRESSOR, ZLIB_COMPRESSOR, ZLIB_DECOMPRESSOR,
};

/// Whether a CompressedCertificate came.
#[derive(Clone, Default)]
struct Seen(Arc<AtomicBool>);

impl Observer for Seen {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::MessageReceived(_, message) = event {
            if message.kind == HandshakeType::COMPRESSED_CERTIFICATE {
                self.0.store(true, Ordering::Relaxed);
            }
        }
    }
}

#[test]
fn rustls_and_we_read_each_others_with_each_algorithm() {
    // With a chain that is long enough for an algorithm to find something in it.
    let mut identity = Identity::p256();
    identity.chain.push(identity.anchor.clone());
    let both: [Arc<dyn CertificateCompression>; 2] = [Arc::new(Brotli), Arc::new(Zlib)];
    let theirs = [(BROTLI_COMPRESSOR, BROTLI_DECOMPRESSOR), (ZLIB_COMPRESSOR, ZLIB_DECOMPRESSOR)];
    for (algorithm, (compressor, decompressor)) in both.into_iter().zip(theirs) {
        let seen = Seen::default();
        let config = client(&identity, vec![algorithm.clone()]);
        let mut options = Options::default();
        options.observer = Some(Box::new(seen.clone()));
        let mut ours = ClientConnection::with_options(config, server_name(), options);
        let mut config =
            rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
        config.cert_compressors = vec![compressor];
        rustls_peer::exchange(&mut ours, &mut rustls_peer::server(config)).checked();
        assert!(!ours.is_handshaking() && seen.0.load(Ordering::Relaxed));

        // rustls does not show whether ours came compressed: the server's flight is shorter.
        let lengths = [vec![], vec![algorithm]].map(|algorithms| {
            let config = server(&identity, algorithms);
            let mut ours = ServerConnection::new(config);
            let mut config = rustls_peer::client_config(&identity, rustls_peer::default_provider());
            config.cert_decompressors = vec![decompressor];
            let mut theirs = rustls_peer::client(config);
            let mut hello = Vec::new();
            theirs.write_tls(&mut hello).unwrap();
            ours.receive(&mut hello).unwrap();
            let length = ours.outgoing().len();
            rustls_peer::exchange(&mut ours, &mut theirs).checked();
            assert!(!ours.is_handshaking() && !theirs.is_handshaking());
            length
        });
        assert!(lengths[1] + 20 < lengths[0], "{lengths:?}");
    }
}
