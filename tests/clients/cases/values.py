"""The tensors that the clients send, and the URLs of the servers."""

import json
import os
import re
import time
import urllib.request

import ml_dtypes
import numpy as np

IRIS = os.environ["IRIS_URL"]
IDENTITY = os.environ["IDENTITY_URL"]
COMPRESSING = os.environ["COMPRESSING_URL"]
OPENAI = os.environ["OPENAI_URL"]
# The same engine with a short limit of the time of a stream.
ENDING = os.environ["ENDING_URL"]
GENERATION = os.environ["GENERATION_URL"]
# Absent without the real weights.
REAL_GENERATION = os.environ.get("REAL_GENERATION_URL")

# One flower of each species, and the species.
FLOWERS = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]], np.float32)
SPECIES = ["setosa", "versicolor", "virginica"]

# A tensor that compresses well.
REPETITIVE = np.repeat(np.arange(100, dtype=np.float32), 100)

TEXTS = np.array([["", "ä\n\"\0\U0001f600"], ["c" * 70_000, "[1, 2]"]], np.object_)
BYTES = np.array([[b"", b"\xff\x00\xfe"], [bytes(range(256)) * 300, b"text"]], np.object_)


def numbers():
    """Returns a tensor of each numeric datatype, with the ends of its range, by the name of the datatype."""
    whole = {f"{sign}INT{bits}": np.dtype(f"{sign.lower()}int{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)}
    tensors = {"BOOL": np.array([[True, False, True], [False, False, True]])}
    for name, dtype in whole.items():
        ends = np.iinfo(dtype)
        tensors[name] = np.array([[ends.min, ends.max, 0], [1, 2, 3]], dtype)
    for name, dtype in {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64, "BF16": ml_dtypes.bfloat16}.items():
        ends = ml_dtypes.finfo(dtype)
        tensors[name] = np.array([[ends.max, ends.min, ends.tiny], [0.1, -0.0, 1 / 3]], dtype)
    return tensors


def same(got, sent):
    """Returns True if two tensors are equal bit for bit. Texts are equal to their UTF-8."""
    if sent.dtype == np.object_:
        flat = [[as_bytes(value) for value in tensor.flatten()] for tensor in (got, sent)]
        return got.shape == sent.shape and flat[0] == flat[1]
    return got.dtype == sent.dtype and got.shape == sent.shape and got.tobytes() == sent.tobytes()


def as_bytes(value):
    """Converts an element of BYTES to bytes."""
    return value if isinstance(value, bytes) else value.encode()


def plain(url, body=None, headers=None):
    """Sends a request without any of the clients, and returns the headers and the body."""
    request = urllib.request.Request(url, body, headers or {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers, answer.read()


def version(url, model):
    """Returns the version of a model from its metadata."""
    return json.loads(plain(f"{url}/v2/models/{model}")[1])["versions"][0]


def in_flight(url, count):
    """Waits until this number of requests is in flight, and returns whether it ever is."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + 30
    while time.monotonic() < end:
        text = opener.open(f"{url}/metrics", timeout=30).read().decode()
        counts = re.findall(r"^chariot_in_flight_requests\{.*\} (\d+)$", text, re.MULTILINE)
        if counts and sum(map(int, counts)) == count:
            return True
        time.sleep(0.05)
    return False
