"""Sends a file to /data over HTTP/3 with curl_cffi, which is libcurl over ngtcp2 and BoringSSL, and prints
whether it came back.

    curl_peer.py --address PORT --authority FILE --data FILE [--chain FILE --key FILE] [--groups NAMES]
        [--first PORT]

With --first, it fetches from that port before, for a session. Without arguments, the version of libcurl is
printed. HANDCLASP_CURL_CFFI may name the folder that curl_cffi is installed in.
"""

import argparse
import io
import os
import sys

sys.path.insert(0, os.environ.get("HANDCLASP_CURL_CFFI", ""))
try:
    from curl_cffi import Curl, CurlError, CurlHttpVersion, CurlOpt
except ImportError as error:
    sys.exit(print("without curl_cffi:", error))

curl = Curl()
if len(sys.argv) == 1:
    sys.exit(print(curl.version().decode()))

parser = argparse.ArgumentParser()
for name in ["address", "authority", "chain", "data", "first", "groups", "key"]:
    parser.add_argument(f"--{name}")
options = parser.parse_args()


def send(port, data):
    body = io.BytesIO()
    curl.setopt(CurlOpt.WRITEDATA, body)
    curl.setopt(CurlOpt.HTTP_VERSION, CurlHttpVersion.V3ONLY)
    curl.setopt(CurlOpt.URL, f"https://server.example:{port}/data".encode())
    curl.setopt(CurlOpt.RESOLVE, [f"server.example:{port}:127.0.0.1"])
    curl.setopt(CurlOpt.PROXY, b"")
    curl.setopt(CurlOpt.CAINFO, options.authority.encode())
    curl.setopt(CurlOpt.TIMEOUT_MS, 30_000)
    curl.setopt(CurlOpt.FRESH_CONNECT, 1)
    curl.setopt(CurlOpt.VERBOSE, 1)
    curl.setopt(CurlOpt.POST, 1)
    curl.setopt(CurlOpt.POSTFIELDS, data)
    curl.setopt(CurlOpt.POSTFIELDSIZE_LARGE, len(data))
    if options.chain:
        curl.setopt(CurlOpt.SSLCERT, options.chain.encode())
        curl.setopt(CurlOpt.SSLKEY, options.key.encode())
    if options.groups:
        curl.setopt(CurlOpt.SSL_EC_CURVES, options.groups.encode())
    try:
        curl.perform()
    except CurlError as error:
        sys.exit(print("failed:", error))
    if body.getvalue() != data:
        sys.exit(print(f"{len(body.getvalue())} bytes of {len(data)} came back"))
    print("echoed", len(data))


if options.first:
    send(options.first, b"first")
with open(options.data, "rb") as file:
    send(options.address, file.read())
