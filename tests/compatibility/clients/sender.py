"""Sends a request with one of Python's clients, and prints the response as `clients.rs` reads it: the status, the
headers, an empty line, the body.

    sender.py LIBRARY post|stream|twice URL FILE [GATE]
"""

import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

HEADERS = {"Content-Type": "application/json"}
EVENTS = HEADERS | {"Accept": "text/event-stream"}
TIMEOUT = 60


def show(status, headers, body):
    """Prints a response."""
    print(status)
    for name, value in headers:
        print(f"{name}: {value}")
    print(f"\n{body.decode()}", flush=True)


def tell(line):
    """Prints a line of events."""
    print(line.decode() if isinstance(line, bytes) else line, flush=True)


def rounds(mode):
    """Yields for each request whether it is the last."""
    if mode == "twice":
        yield False
    yield True


def wait_for(gate):
    """Waits until a file exists."""
    end = time.monotonic() + TIMEOUT
    while not Path(gate).exists():
        if time.monotonic() > end:
            raise TimeoutError(gate)
        time.sleep(0.005)


def with_urllib(mode, url, body, _):
    """The standard library's client, which opens a connection for each request."""
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, body, EVENTS if mode == "stream" else HEADERS)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        if mode == "stream":
            for line in response:
                tell(line.rstrip())
        else:
            show(response.status, response.headers.items(), response.read())


def with_http_client(mode, url, body, gate):
    """The standard library's connection."""
    import http.client

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT)
    for last in rounds(mode):
        connection.request("POST", parts.path, body, EVENTS if mode == "stream" else HEADERS)
        response = connection.getresponse()
        if mode == "stream":
            for line in response:
                tell(line.rstrip())
        else:
            show(response.status, response.getheaders(), response.read())
        if not last:
            wait_for(gate)


def with_requests(mode, url, body, gate):
    """requests, with a session."""
    import requests

    with requests.Session() as session:
        if mode == "stream":
            with session.post(url, data=body, headers=EVENTS, stream=True, timeout=TIMEOUT) as response:
                for line in response.iter_lines(chunk_size=1):
                    tell(line)
            return
        for last in rounds(mode):
            response = session.post(url, data=body, headers=HEADERS, timeout=TIMEOUT)
            show(response.status_code, response.headers.items(), response.content)
            if not last:
                wait_for(gate)


def with_httpx(mode, url, body, gate):
    """httpx, with a client whose connections stay open for as long as the test needs."""
    import httpx

    limits = httpx.Limits(keepalive_expiry=TIMEOUT)
    with httpx.Client(timeout=TIMEOUT, limits=limits) as client:
        if mode == "stream":
            with client.stream("POST", url, content=body, headers=EVENTS) as response:
                for line in response.iter_lines():
                    tell(line)
            return
        for last in rounds(mode):
            response = client.post(url, content=body, headers=HEADERS)
            show(response.status_code, response.headers.items(), response.content)
            if not last:
                wait_for(gate)


def with_aiohttp(mode, url, body, gate):
    """aiohttp, with a session whose connections stay open for as long as the test needs."""
    import asyncio

    import aiohttp

    async def send():
        connector = aiohttp.TCPConnector(keepalive_timeout=TIMEOUT)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(TIMEOUT)) as session:
            for last in rounds(mode):
                async with session.post(url, data=body, headers=EVENTS if mode == "stream" else HEADERS) as response:
                    if mode == "stream":
                        async for line in response.content:
                            tell(line.rstrip())
                    else:
                        show(response.status, response.headers.items(), await response.read())
                if not last:
                    wait_for(gate)

    asyncio.run(send())


def text_of(body):
    """Returns the text of the request in a file, for clients that build requests themselves."""
    return json.loads(body)["inputs"][0]["data"][0]


def with_tritonclient(_, url, body, __):
    """NVIDIA's client. It shows a status and a message, but no headers."""
    import numpy
    import tritonclient.http as triton

    with triton.InferenceServerClient(urlsplit(url).netloc, connection_timeout=TIMEOUT, network_timeout=TIMEOUT) as client:
        given = triton.InferInput("text", [1], "BYTES")
        given.set_data_from_numpy(numpy.array([text_of(body).encode()], dtype=object))
        try:
            value = client.infer("compatibility", [given]).as_numpy("text")[0]
        except triton.InferenceServerException as error:
            show(error.status() or 0, [], json.dumps({"error": error.message()}).encode())
        else:
            show(200, [], value)


def with_kserve(_, url, body, __):
    """KServe's client."""
    import asyncio

    import httpx
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

    async def send():
        client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=TIMEOUT))
        request = InferRequest("compatibility", [InferInput("text", [1], "BYTES", [text_of(body)])])
        try:
            response = await client.infer(url.removesuffix("/infer"), request, model_name="compatibility")
        except httpx.HTTPStatusError as error:
            show(error.response.status_code, error.response.headers.items(), error.response.content)
        else:
            show(200, [], json.dumps(response.outputs[0].data[0]).encode())
        finally:
            await client.close()

    asyncio.run(send())


if __name__ == "__main__":
    library, mode, url, path, *gate = sys.argv[1:]
    globals()[f"with_{library}"](mode, url, Path(path).read_bytes(), gate[0] if gate else None)
