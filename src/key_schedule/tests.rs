//! Known answers: the traces of RFC 8448.

use super::hkdf::Hkdf;
use super::*;
use crate::crypto::{CryptoProvider, StaticOrArc, hkdf_expand};

fn suite() -> StaticOrArc<CipherSuite> {
    CryptoProvider::default().cipher_suites[0].clone()
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn digest(text: &str) -> Digest {
    Digest::new(&bytes(text))
}

fn secret(suite: StaticOrArc<CipherSuite>, text: &str) -> TrafficSecret {
    TrafficSecret::from_bytes(suite, &bytes(text)).unwrap()
}

/// Compares as hexadecimal text, which reads better when it fails.
#[track_caller]
fn same(actual: &[u8], expected: &str) {
    assert_eq!(hex::encode(actual), expected);
}

#[test]
fn the_schedule_of_section_3() {
    let none = &mut Observers::default();
    let shared = SharedSecret::new(bytes(
        "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d",
    ));
    let early = EarlySecret::new(&suite(), LabelPrefix::Tls13, None, none).unwrap();
    same(
        early.stage.secret.as_bytes(),
        "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a",
    );
    let handshake = early.into_handshake(Some(&shared), none).unwrap();
    same(
        handshake.0.secret.as_bytes(),
        "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac",
    );

    let hash = digest("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
    let HandshakeTraffic { client, server, main } = handshake.into_traffic(&hash, none).unwrap();
    same(client.as_bytes(), "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    same(server.as_bytes(), "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    let KeyAndIv { key, iv } = server.derive_key_and_iv(none).unwrap();
    same(key.as_bytes(), "3fce516009c21727d0f2e4e86ee403bc");
    same(iv.as_slice(), "5d313eb2671276ee13000b30");

    same(
        main.0.secret.as_bytes(),
        "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919",
    );
    let hash = digest("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");
    same(
        client.finished(&hash, none).unwrap().as_bytes(),
        "a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61",
    );
    let ApplicationTraffic { client, server, exporter } = main.traffic(&hash, none).unwrap();
    same(client.as_bytes(), "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
    same(server.as_bytes(), "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
    same(
        exporter.secret.as_bytes(),
        "fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50",
    );

    let hash = digest("209145a96ee8e2a122ff810047cc952684658d6049e86429426db87c54ad143d");
    let resumption = main.into_resumption(&hash, none).unwrap();
    same(
        resumption.secret.as_bytes(),
        "7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c",
    );
    same(resumption.psk(&[0, 0], none).unwrap().as_bytes(), PSK);
}

/// The PSK of section 3's ticket, which section 4 resumes with.
const PSK: &str = "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3";

/// The resuming ClientHello of section 4.
const CLIENT_HELLO: &str = "\
010001fc03031bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d9500000613011303130201\
0001cd0000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400\
3300260024001d0020e4ffb68ac05f8d96c99da26698346c6be16482badddafe051a66b4f18d668f0b002a0000002b00\
03020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00020101001c\
000240010015005700000000000000000000000000000000000000000000000000000000000000000000000000000000\
000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
2900dd00b800b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa90bf1b0070ad3c498883c936\
7c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff5dd36d64e861be7fd61d2827db279cce145077d454a3\
664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa5906c5b3f7d8f92f228bda40dda721470f9fbf2\
97b5aea617646fac5c03272e970727c621a79141ef5f7de6505e5bfbc388e93343694093934ae4d357fad6aacb002120\
3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d";

#[test]
fn the_early_secrets_and_the_binder_of_section_4() {
    let none = &mut Observers::default();
    let mut early =
        EarlySecret::new(&suite(), LabelPrefix::Tls13, Some(&bytes(PSK)), none).unwrap();
    same(
        early.stage.secret.as_bytes(),
        "9b2188e9b2fc6d64d71dc329900e20bb41915000f678aa839cbb797cb7d8332c",
    );
    let message = bytes(CLIENT_HELLO);
    let hello = crate::wire::ClientHello::parse(&message[MESSAGE_HEADER..]).unwrap();
    let psks = hello.pre_shared_keys.unwrap();
    let (_, sent) = psks.iter().next().unwrap();

    let truncated = &message[..message.len() - psks.binders_length()];
    let hash = suite().hash.digest(truncated);
    same(&hash, "63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14");
    let key = early.binder_key(PskKind::Resumption, none).unwrap();
    same(key.as_bytes(), "69fe131a3bbad5d63c64eebcc30e395b9d8107726a13d074e389dbc8a4e47256");
    assert!(key.finished(&hash, none).unwrap().verify(sent));
    let external = early.binder_key(PskKind::External, none).unwrap();
    assert!(!external.finished(&hash, none).unwrap().verify(sent), "the kinds do not mix");

    let hash = suite().hash.digest(&message);
    same(&hash, "08ad0fa05d7c7233b1775ba2ff9f4c5b8b59276b7f227f13a976245f5d960913");
    let EarlyTraffic { client: traffic, exporter } = early.early_traffic(&hash, none).unwrap();
    same(traffic.as_bytes(), "3fbbe6a60deb66c30a32795aba0eff7eaa10105586e7be5c09678d63b6caab62");
    let KeyAndIv { key, iv } = traffic.derive_key_and_iv(none).unwrap();
    same(key.as_bytes(), "920205a5b7bf2115e6fc5c2942834f54");
    same(iv.as_slice(), "6d475f0993c8e564610db2b9");
    same(
        exporter.secret.as_bytes(),
        "b2026866610937d7423e5be90862ccf24c0e6091186d34f812089ff5be2ef7df",
    );
}

const MESSAGE_HEADER: usize = crate::wire::MESSAGE_HEADER_LENGTH;

/// The two ClientHellos, the HelloRetryRequest and the ServerHello of section 5, in their order.
const RETRIED: [&str; 4] = [
    "\
010000b00303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f00000613011303130201\
0000810000000b0009000006736572766572ff01000100000a00080006001d00170018003300260024001d0020e8e8e3\
f3b93a25ed97a14a7dcacb8a272c6288e585c6484d05262fcad062ad1f002b0003020304000d0020001e040305030603\
020308040805080604010501060102010402050206020202002d00020101001c00024001",
    "\
020000ac0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c00130100008400330002\
0017002c0074007271dcd04bb88bc3189119398a00000000eefafc76c146b823b096f8aacad365dd0030953f4edf6256\
36e5f21bb2e23fcc654b1b5b40318d10d137abcbb87574e36e8a1f025f7dfa5d6e50781b5eda4aa15b0c8be778257d16\
aa3030e9e7841dd9e4c0342267e8ca0caf571fb2b7cff0f934b0002b00020304",
    "\
010001fc0303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f00000613011303130201\
0001cd0000000b0009000006736572766572ff01000100000a00080006001d001700180033004700450017004104a6da\
7392ec591e17abfd535964b99894d13befb221b3def2ebe3830eac8f0151812677c4d6d2237e85cf01d6910cfb83954e\
76ba7352830534159897e8065780002b0003020304000d0020001e040305030603020308040805080604010501060102\
010402050206020202002c0074007271dcd04bb88bc3189119398a00000000eefafc76c146b823b096f8aacad365dd00\
30953f4edf625636e5f21bb2e23fcc654b1b5b40318d10d137abcbb87574e36e8a1f025f7dfa5d6e50781b5eda4aa15b\
0c8be778257d16aa3030e9e7841dd9e4c0342267e8ca0caf571fb2b7cff0f934b0002d00020101001c00024001001500\
af0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
0000000000000000000000000000000000000000000000000000000000000000",
    "\
020000770303bb341d847fd789c47c387172dc0c9bf147fccacb5043d86ca4c598d3ff571b9800130100004f00330045\
0017004104583e054b7a66672ae020ad9d2686fcc85b5ad41a134a0f03ee72b893052bd85b4c8de6776f5b04ac07d835\
40eab3e3d9c547bc6528c4317d294686093a6cad7d002b00020304",
];

#[test]
fn the_message_hash_of_section_5() {
    let [first, retry, second, server_hello] = RETRIED.map(bytes);
    let mut transcript = Transcript::after_retry(&suite(), &suite().hash.digest(&first));
    for message in [retry, second, server_hello] {
        transcript.add_bytes(&message);
    }
    same(&transcript.current(), "8aa8e828ec2f8a884fec95a3139de01c15a3daa7ff5bfc3f4bfcc21b438d7bf8");
}

/// The transcript keeps the hash of the messages so far. It must not outlive the next message.
#[test]
fn the_hash_is_that_of_all_messages_also_after_it_was_asked_for() {
    let mut transcript = Transcript::of(&suite(), b"first");
    assert_eq!(transcript.current(), suite().hash.digest(b"first"));
    assert_eq!(transcript.current(), suite().hash.digest(b"first"));
    let other = transcript.fork_with(b" other");
    assert_eq!(other.current(), suite().hash.digest(b"first other"));
    transcript.add_bytes(b" second");
    assert_eq!(transcript.current(), suite().hash.digest(b"first second"));
}

#[test]
fn an_update_expands_with_its_label_to_the_length_of_the_hash() {
    let none = &mut Observers::default();
    for suite in CryptoProvider::default().cipher_suites {
        let length = suite.hash.output_length();
        let before = TrafficSecret::from_bytes(suite.clone(), &vec![7; length]).unwrap();
        // HkdfLabel, written out by hand.
        let mut label = vec![0, length as u8, 17];
        label.extend(b"tls13 traffic upd\0");
        let mut expected = vec![0; length];
        hkdf_expand(&*suite.hash, before.as_bytes(), &label, &mut expected).unwrap();
        let after = before.update(none).unwrap();
        assert_eq!(after.as_bytes(), expected);
        assert_ne!(after.as_bytes(), vec![7; length]);
    }
}

/// The RFCs have no values for it: the HkdfLabels are written out here.
#[test]
fn each_secret_of_dtls_has_the_labels_of_dtls() {
    let none = &mut Observers::default();
    let expand = |secret: &[u8], label: &[u8], context: &[u8], length: u8| {
        let mut info = vec![0, length, 6 + label.len() as u8];
        info.extend_from_slice(b"dtls13");
        info.extend_from_slice(label);
        info.push(context.len() as u8);
        info.extend_from_slice(context);
        let mut output = vec![0; length.into()];
        hkdf_expand(&*suite().hash, secret, &info, &mut output).unwrap();
        output
    };
    let hash = suite().hash.digest(b"messages");
    let early = EarlySecret::new(&suite(), LabelPrefix::Dtls13, None, none).unwrap();
    let shared = SharedSecret::new(vec![7; 32]);
    let salt = expand(early.stage.secret.as_bytes(), b"derived", &suite().hash.digest(b""), 32);
    let handshake = early.into_handshake(Some(&shared), none).unwrap();
    let expected = suite().hash.hmac_key(&salt).sign(&[shared.as_bytes()]).unwrap();
    assert_eq!(handshake.0.secret.as_bytes(), expected.as_bytes());

    let handshake_secret = handshake.0.secret.clone();
    let HandshakeTraffic { client, .. } = handshake.into_traffic(&hash, none).unwrap();
    let expected = expand(handshake_secret.as_bytes(), b"c hs traffic", &hash, 32);
    assert_eq!(client.as_bytes(), expected);
    let KeyAndIv { key, iv } = client.derive_key_and_iv(none).unwrap();
    assert_eq!(key.as_bytes(), expand(client.as_bytes(), b"key", b"", 16));
    assert_eq!(iv.as_slice(), expand(client.as_bytes(), b"iv", b"", 12));
    let next = expand(client.as_bytes(), b"traffic upd", b"", 32);
    assert_eq!(client.update(none).unwrap().as_bytes(), next);
}

#[test]
fn what_does_not_fit_a_label_is_refused() {
    let (hash, prefix) = (suite().hash.clone(), LabelPrefix::Tls13);
    let mut output = [0; 32];
    let mut fits = |label: usize, context: usize| {
        let label = "x".repeat(label);
        expand_label(&*hash, prefix, &[1; 32], &label, &vec![0; context], &mut output).is_ok()
    };
    assert!(fits(249, 255));
    assert!(!fits(250, 0));
    assert!(!fits(0, 256));
    let exporter = ExporterSecret::new(Hkdf { hash: hash.clone(), prefix }, Secret::zeros(32));
    assert!(exporter.export("label", b"", &mut vec![0; 255 * 32]).is_ok());
    assert!(exporter.export("label", b"", &mut vec![0; 255 * 32 + 1]).is_err());
}

#[test]
fn debug_output_names_the_suite_and_no_secret() {
    let shown = format!("{:?}", secret(suite(), PSK));
    assert!(!shown.contains("4ecd"), "{shown}");
}
