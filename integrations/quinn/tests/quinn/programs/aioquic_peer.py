"""A client or a server of aioquic, for stacks.rs: its streams are echoes.

    aioquic_peer.py server --chain FILE --key FILE [--clients AUTHORITY] [--suites NUMBERS] [--retry]
        [--early] [--updates]
    aioquic_peer.py client --address PORT --authority FILE --protocol NAME --length BYTES
        [--chain FILE --key FILE] [--suites NUMBERS] [--versions NUMBERS] [--first PORT] [--early]
        [--updates]

A client with --first connects to that port before, for a session. With --updates, both roles update their
keys at the second stream. Without arguments, the version is printed. HANDCLASP_AIOQUIC may name the folder
that aioquic is installed in.
"""

import argparse
import asyncio
import os
import sys

sys.path.insert(0, os.environ.get("HANDCLASP_AIOQUIC", ""))
try:
    import aioquic
    from aioquic import asyncio as quic
    from aioquic import tls
    from aioquic.quic import crypto, events
    from aioquic.quic.configuration import QuicConfiguration
except ImportError as error:
    sys.exit(print("without aioquic:", error))

NAME = "server.example"


def numbers(text):
    return [int(number, 0) for number in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["client", "server"])
    for name in ["address", "authority", "chain", "clients", "first", "key", "protocol"]:
        parser.add_argument(f"--{name}")
    for name in ["suites", "versions"]:
        parser.add_argument(f"--{name}", type=numbers)
    for name in ["early", "retry", "updates"]:
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--length", type=int)
    return parser.parse_args()


def say(*words):
    print(*words, flush=True)


def report_key_updates():
    update = crypto.CryptoPair._update_key

    def update_and_report(pair, trigger):
        update(pair, trigger)
        say("key update:", trigger)

    crypto.CryptoPair._update_key = update_and_report


def request_client_certificates():
    """aioquic has this for its own tests: it checks the signature, and no chain."""
    create = tls.Context.__init__

    def create_and_request(context, **options):
        create(context, **options)
        context._request_client_certificate = True

    tls.Context.__init__ = create_and_request


class Protocol(quic.QuicConnectionProtocol):
    def quic_event_received(self, event):
        super().quic_event_received(event)
        if isinstance(event, events.HandshakeCompleted):
            resumed, early = event.session_resumed, event.early_data_accepted
            say(f"connected: protocol {event.alpn_protocol}, resumed {resumed}, early data {early}")
            if self._quic._version_negotiated_incompatible:
                say("a Version Negotiation packet came")
            if self._quic.tls._peer_certificate is not None:
                say("the peer has a certificate")
        elif isinstance(event, events.ConnectionTerminated):
            say(f"closed: code {event.error_code:#x}, {event.reason_phrase}")


def configuration(options, is_client):
    result = QuicConfiguration(is_client=is_client, max_datagram_size=1400)
    result.alpn_protocols = [options.protocol or "test/1"]
    if options.chain:
        result.load_cert_chain(options.chain, options.key)
    if options.suites:
        result.cipher_suites = [tls.CipherSuite(number) for number in options.suites]
    if options.versions:
        result.supported_versions = options.versions
        result.original_version = options.versions[0]
    if is_client:
        result.server_name = NAME
        result.load_verify_locations(options.authority)
    return result


async def serve(options):
    if options.clients:
        request_client_certificates()
    tickets = {}
    streams = 0

    def keep(ticket):
        if not options.early:
            ticket.max_early_data_size = None
        tickets[ticket.ticket] = ticket

    async def echo(reader, writer):
        nonlocal streams
        streams += 1
        if options.updates and streams == 2:
            writer.transport.protocol.request_key_update()
        while data := await reader.read(65_536):
            writer.write(data)
        writer.write_eof()

    server = await quic.serve(
        "127.0.0.1",
        0,
        configuration=configuration(options, False),
        create_protocol=Protocol,
        retry=options.retry,
        session_ticket_fetcher=lambda label: tickets.pop(label, None),
        session_ticket_handler=keep,
        stream_handler=lambda reader, writer: asyncio.ensure_future(echo(reader, writer)),
    )
    say("port", server._transport.get_extra_info("sockname")[1])
    await asyncio.Event().wait()


async def echo_once(protocol, data):
    reader, writer = await protocol.create_stream()
    writer.write(data)
    writer.write_eof()
    received = await reader.read()
    if received != data:
        raise ConnectionError(f"{len(received)} bytes of {len(data)} came back")
    say("echoed", len(data))


async def connect(options):
    target = configuration(options, True)
    tickets = []

    async def talk(port, data, wait_connected):
        async with quic.connect(
            "127.0.0.1",
            int(port),
            configuration=target,
            create_protocol=Protocol,
            session_ticket_handler=tickets.append,
            wait_connected=wait_connected,
        ) as protocol:
            await echo_once(protocol, data)
            if options.updates:
                # No update before a packet of the present keys was acknowledged (RFC 9001, section 6.1).
                await protocol.ping()
                protocol.request_key_update()
                await echo_once(protocol, data)
            # What the server says of the end, and its tickets.
            await protocol.ping()

    if options.first:
        await talk(options.first, b"first", True)
        target.session_ticket = tickets[-1]
        if not options.early:
            target.session_ticket.max_early_data_size = None
    data = bytes(number * number // 7 % 251 for number in range(options.length))
    await talk(options.address, data, not options.early)


def main():
    if len(sys.argv) == 1:
        return say("aioquic", aioquic.__version__)
    options = parse_arguments()
    report_key_updates()
    try:
        asyncio.run(serve(options) if options.role == "server" else connect(options))
    except ConnectionError as error:
        sys.exit(say("failed:", error))


main()
