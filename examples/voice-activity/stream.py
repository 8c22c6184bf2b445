#!/usr/bin/env python3
"""Sends a WAV file (16 kHz, one channel, 16 bits) to the engine piece by piece, as a live source would, and prints when speech
begins and ends.

    examples/voice-activity/stream.py FILE.wav [HOST:PORT]
"""

import http.client
import json
import sys
import uuid
import wave

RATE, PIECE = 16_000, 512
SPEECH = 0.5
# The pieces without speech after which it has ended: a tenth of a second.
PAUSE = 3


class Stream:
    """A stream of the engine, on a connection that is kept open."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=10)
        self.parameters = {"sequence_id": str(uuid.uuid4()), "sequence_start": True, "sample_rate": RATE}

    def send(self, samples, end=False):
        """Returns the probability of speech in each of these pieces, which are samples as bytes."""
        count = len(samples) // (2 * PIECE)
        parameters = {"binary_data_size": len(samples)}
        audio = {"name": "audio", "datatype": "INT16", "shape": [count, PIECE], "parameters": parameters}
        request = json.dumps({"inputs": [audio], "parameters": {**self.parameters, "sequence_end": end}}).encode()
        headers = {"Inference-Header-Content-Length": str(len(request))}
        self.connection.request("POST", "/v2/models/voice-activity/infer", request + samples, headers)
        response = self.connection.getresponse()
        body = json.load(response)
        if response.status != 200:
            sys.exit(f"stream.py: status {response.status}: {body['error']}")
        self.parameters["sequence_start"] = False
        return body["outputs"][0]["data"]


def pieces(path):
    """Iterates over the pieces of a file, the last one filled up with silence, and whether each is the last."""
    with wave.open(path) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            sys.exit(f"stream.py: {path}: expected 16 kHz, one channel and 16 bits")
        left = -(-file.getnframes() // PIECE)
        while left > 0:
            left -= 1
            yield file.readframes(PIECE).ljust(2 * PIECE, b"\0"), left == 0


def main():
    path, address = (sys.argv[1:] + ["localhost:8080"])[:2]
    stream = Stream(address)
    speaks, silent = False, 0
    for number, (samples, end) in enumerate(pieces(path)):
        (probability,) = stream.send(samples, end)
        silent = 0 if probability >= SPEECH else silent + 1
        if not speaks and silent == 0:
            speaks = True
            print(f"{number * PIECE / RATE:6.2f} s  speech")
        elif speaks and silent == PAUSE:
            speaks = False
            print(f"{(number + 1 - PAUSE) * PIECE / RATE:6.2f} s  silence")


main()
