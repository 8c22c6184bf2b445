"""Sends a body that the server refuses, and prints the status and the `Retry-After` of the response.

Usage: refused.py CLIENT URL BYTES, where CLIENT is urllib, requests, requests-chunked or httpx.
"""

import sys

client, url, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
body = bytes(size)


def pieces():
    for at in range(0, size, 1 << 16):
        yield body[at : at + (1 << 16)]


if client == "urllib":
    import urllib.error
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        response = opener.open(url, data=body, timeout=60)
        status, headers, text = response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        status, headers, text = error.code, error.headers, error.read()
else:
    try:
        module = __import__(client.split("-")[0])
    except ImportError:
        print(f"skipped: {client} not found")
        sys.exit()
    if client == "httpx":
        session, sent = module.Client(trust_env=False), {"content": body}
    else:
        session, sent = module.Session(), {"data": pieces() if client.endswith("chunked") else body}
        session.trust_env = False
    response = session.post(url, timeout=60, **sent)
    status, headers, text = response.status_code, response.headers, response.content

assert b'"error"' in text, text
print(status, headers.get("Retry-After"))
