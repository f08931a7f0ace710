"""Fetches / with curl_cffi: libcurl over BoringSSL, with the ClientHello of a browser.

    fetch.py PORT AUTHORITY BROWSER [GROUPS]

GROUPS are BoringSSL's names with colons between them, in place of the browser's. Without arguments, the
version of libcurl is printed. HANDCLASP_CURL_CFFI may name the folder that curl_cffi is installed in.
"""

import io
import os
import sys

sys.path.insert(0, os.environ.get("HANDCLASP_CURL_CFFI", ""))
try:
    from curl_cffi import Curl, CurlOpt
except ImportError as error:
    sys.exit(print("without curl_cffi:", error))

curl = Curl()
if len(sys.argv) == 1:
    sys.exit(print(curl.version().decode()))

port, authority, browser, *groups = sys.argv[1:]
if curl.impersonate(browser) != 0:
    sys.exit(print("curl_cffi does not know", browser))
if groups:
    curl.setopt(CurlOpt.SSL_EC_CURVES, groups[0].encode())
body = io.BytesIO()
curl.setopt(CurlOpt.WRITEDATA, body)
curl.setopt(CurlOpt.URL, f"https://server.example:{port}/".encode())
curl.setopt(CurlOpt.RESOLVE, [f"server.example:{port}:127.0.0.1"])
curl.setopt(CurlOpt.PROXY, b"")
curl.setopt(CurlOpt.CAINFO, authority.encode())
curl.setopt(CurlOpt.TIMEOUT_MS, 15_000)
curl.perform()
print("fetched", body.getvalue().decode())
