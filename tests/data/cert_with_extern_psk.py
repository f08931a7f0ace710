"""Derives the keys of a recorded handshake with tls_cert_with_extern_psk (RFC 9973), and compares.

    cert_with_extern_psk.py compare

It has nothing in common with the library: it reads the messages as JSON from its input, and derives
everything from the external key, the shares and the messages, by RFC 9846, section 7.1. The shared
secret of the recordings is the SHA-256 of both shares, the lesser one first. The Python package cryptography
checks the signatures. Without arguments, its version is printed. HANDCLASP_CRYPTOGRAPHY may name the folder
that it is installed in.
"""

import hashlib
import hmac
import json
import os
import sys

sys.path.insert(0, os.environ.get("HANDCLASP_CRYPTOGRAPHY", ""))
try:
    import cryptography
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
except ImportError as error:
    sys.exit(print("without cryptography:", error))

HASHES = {b"\x13\x01": hashlib.sha256, b"\x13\x02": hashlib.sha384}
HELLO_RETRY_REQUEST = hashlib.sha256(b"HelloRetryRequest").digest()
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, CERTIFICATE_VERIFY, FINISHED = 1, 2, 11, 15, 20
PRE_SHARED_KEY, CERT_WITH_EXTERN_PSK, KEY_SHARE = 41, 33, 51


class Schedule:
    """The functions of section 7.1, with the hash of a cipher suite."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        self.length = algorithm().digest_size

    def hash(self, data):
        return self.algorithm(data).digest()

    def extract(self, salt, secret):
        return hmac.new(salt, secret, self.algorithm).digest()

    def expand_label(self, secret, label, context):
        label = b"tls13 " + label.encode()
        info = self.length.to_bytes(2, "big") + bytes([len(label)]) + label
        info += bytes([len(context)]) + context
        return hmac.new(secret, info + b"\x01", self.algorithm).digest()

    def finished(self, secret, transcript):
        key = self.expand_label(secret, "finished", b"")
        return hmac.new(key, self.hash(transcript), self.algorithm).digest()


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, length):
        assert len(self.data) >= length, "it is too short"
        part, self.data = self.data[:length], self.data[length:]
        return part

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def vector(self, length):
        return self.take(self.number(length))


def extensions(data):
    reader, found = Reader(data), {}
    while reader.data:
        kind = reader.number(2)
        found[kind] = reader.vector(2)
    return found


def client_hello(message):
    reader = Reader(message[4:])
    reader.take(2 + 32)
    reader.vector(1), reader.vector(2), reader.vector(1)
    return extensions(reader.vector(2))


def server_hello(message):
    reader = Reader(message[4:])
    reader.take(2)
    random = reader.take(32)
    reader.vector(1)
    suite = reader.take(2)
    reader.take(1)
    return random, suite, extensions(reader.vector(2))


def offered_psks(body):
    reader = Reader(body)
    identities, binders = Reader(reader.vector(2)), Reader(reader.vector(2))
    names, macs = [], []
    while identities.data:
        names.append(identities.vector(2))
        identities.take(4)
    binders_length = 2 + len(binders.data)
    while binders.data:
        macs.append(binders.vector(1))
    return names, macs, binders_length


def share_of(kind, body):
    reader = Reader(body)
    if kind == SERVER_HELLO:
        return {reader.number(2): reader.vector(2)}
    shares, found = Reader(reader.vector(2)), {}
    while shares.data:
        group = shares.number(2)
        found[group] = shares.vector(2)
    return found


def is_signed(certificate, signed, verify):
    """Does the signature of a CertificateVerify hold?"""
    reader = Reader(certificate[4:])
    reader.vector(1)
    der = Reader(reader.vector(3)).vector(3)
    fields = Reader(verify[4:])
    assert fields.number(2) == 0x0807, "the recordings are signed with Ed25519"
    try:
        x509.load_der_x509_certificate(der).public_key().verify(fields.vector(2), signed)
    except InvalidSignature:
        return False
    return True


def main():
    recording = json.load(sys.stdin)
    secret = bytes.fromhex(recording["key"])
    messages = [(it["from"], bytes.fromhex(it["message"])) for it in recording["messages"]]
    logged = {label: bytes.fromhex(value) for label, value in recording["secrets"].items()}
    same, signatures = 0, 0

    def compare(name, derived, there):
        nonlocal same
        assert derived == there, f"{name}: {derived.hex()} is derived, {there.hex()} is there"
        same += 1

    # Up to the ServerHello. After a HelloRetryRequest, a hash stands for the first ClientHello.
    before = b""
    first = messages.pop(0)[1]
    answer = messages.pop(0)[1]
    random, suite, answered = server_hello(answer)
    schedule = Schedule(HASHES[suite])
    assert client_hello(first)[CERT_WITH_EXTERN_PSK] == b""
    if random == HELLO_RETRY_REQUEST:
        assert CERT_WITH_EXTERN_PSK not in answered
        before = b"\xfe\x00\x00" + bytes([schedule.length]) + schedule.hash(first) + answer
        first = messages.pop(0)[1]
        answer = messages.pop(0)[1]
        random, _, answered = server_hello(answer)
    offered = client_hello(first)
    assert offered[CERT_WITH_EXTERN_PSK] == b"" and answered[CERT_WITH_EXTERN_PSK] == b""
    assert list(offered)[-1] == PRE_SHARED_KEY, "pre_shared_key is the last extension"

    # The binder of the key that was selected, and the key schedule.
    names, binders, length = offered_psks(offered[PRE_SHARED_KEY])
    selected = int.from_bytes(answered[PRE_SHARED_KEY], "big")
    assert names[selected].decode() == recording["identity"]
    no_secret, no_messages = bytes(schedule.length), schedule.hash(b"")
    early = schedule.extract(no_secret, secret)
    binder_key = schedule.expand_label(early, recording["binder_label"], no_messages)
    compare("binder", schedule.finished(binder_key, before + first[:-length]), binders[selected])
    (group, server_share), = share_of(SERVER_HELLO, answered[KEY_SHARE]).items()
    client_share = share_of(CLIENT_HELLO, offered[KEY_SHARE])[group]
    shared = hashlib.sha256(b"".join(sorted([client_share, server_share]))).digest()
    handshake = schedule.extract(schedule.expand_label(early, "derived", no_messages), shared)
    transcript = before + first + answer
    digest = schedule.hash(transcript)
    client = schedule.expand_label(handshake, "c hs traffic", digest)
    server = schedule.expand_label(handshake, "s hs traffic", digest)
    for label, derived in [
        ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", client),
        ("SERVER_HANDSHAKE_TRAFFIC_SECRET", server),
    ]:
        compare(label, derived, logged[label])

    # The authentication of both sides, and what follows the server's Finished.
    main_secret = schedule.extract(schedule.expand_label(handshake, "derived", no_messages), no_secret)
    certificates, kinds = {}, []
    for sender, message in messages:
        kind = message[0]
        kinds.append((sender, kind))
        if kind == CERTIFICATE:
            certificates[sender] = message
        if kind == CERTIFICATE_VERIFY:
            signed = b" " * 64 + f"TLS 1.3, {sender} CertificateVerify".encode() + b"\x00"
            signed += schedule.hash(transcript)
            is_right = is_signed(certificates[sender], signed, message)
            assert is_right, f"CertificateVerify of the {sender}: the signature is wrong"
            signatures += 1
        if kind == FINISHED:
            base = client if sender == "client" else server
            compare(f"Finished of the {sender}", schedule.finished(base, transcript), message[4:])
        transcript += message
        if (sender, kind) == ("server", FINISHED):
            digest = schedule.hash(transcript)
            for label, words in [
                ("CLIENT_TRAFFIC_SECRET_0", "c ap traffic"),
                ("SERVER_TRAFFIC_SECRET_0", "s ap traffic"),
            ]:
                compare(label, schedule.expand_label(main_secret, words, digest), logged[label])
    assert ("server", CERTIFICATE_VERIFY) in kinds, "the server authenticates with a certificate"
    print(f"hash length: {schedule.length}, same values: {same}, signatures: {signatures}")


if sys.argv[1:] == ["compare"]:
    main()
else:
    print("cryptography", cryptography.__version__)
