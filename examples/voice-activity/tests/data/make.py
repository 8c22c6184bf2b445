#!/usr/bin/env python3
"""Makes the files of this folder: `speech.wav`, a recording at 16 kHz, and `speech.json`, the probabilities of speech in it as
Python computes them.

    tests/data/make.py silero_vad_16k_op15.onnx

The argument is the file of the package silero-vad that takes one piece a call. Requires the program espeak-ng (1.51) and the packages numpy and onnxruntime. `speech.wav` is kept if it exists, so that
another version of espeak-ng does not change it.
"""

import io
import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy
import onnxruntime

RATE, PIECE, CONTEXT = 16_000, 512, 64
HERE = Path(__file__).resolve().parent


def spoken(text):
    """Returns a text as speech."""
    command = ["espeak-ng", "-v", "en-us", "-s", "150", "--stdout", text]
    wav = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    with wave.open(io.BytesIO(wav)) as file:
        rate = file.getframerate()
    # The header ends at 44. It claims more frames than there are.
    return resampled(numpy.frombuffer(wav[44:], "<i2") / 32768, rate)


def resampled(samples, rate):
    """Returns samples at RATE, without the frequencies that it has no room for."""
    count = len(samples) * RATE // rate
    spectrum = numpy.fft.rfft(samples)[: count // 2 + 1]
    return numpy.fft.irfft(spectrum, count) * count / len(samples)


def recording():
    """Returns two sentences with pauses and a little noise, as a whole number of pieces."""
    pause = lambda seconds: numpy.zeros(int(seconds * RATE))
    parts = [pause(0.5), spoken("The train leaves at nine."), pause(0.8), spoken("Do not be late."), pause(0.6)]
    samples = numpy.concatenate(parts)
    samples = numpy.pad(samples, (0, -len(samples) % PIECE))
    noise = numpy.random.default_rng(1).normal(0, 0.002, len(samples))
    return numpy.clip(numpy.round((0.7 * samples + noise) * 32768), -32768, 32767).astype("<i2")


def probabilities(session, samples):
    """Returns the probability of speech in each piece, as the package silero-vad computes it."""
    state, context, result = numpy.zeros((2, 1, 128), numpy.float32), numpy.zeros(CONTEXT, numpy.float32), []
    for piece in samples.astype(numpy.float32).reshape(-1, PIECE) / numpy.float32(32768):
        audio = numpy.concatenate([context, piece])
        inputs = {"input": audio[None], "state": state, "sr": numpy.array(RATE, numpy.int64)}
        output, state = session.run(None, inputs)
        context = audio[-CONTEXT:]
        result.append(round(float(output[0, 0]), 6))
    return result


def main():
    path = HERE / "speech.wav"
    if not path.exists():
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(recording().tobytes())
    with wave.open(str(path)) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2")
    session = onnxruntime.InferenceSession(sys.argv[1])
    # What each of four streams begins with differs by this many pieces.
    starts = {str(start): probabilities(session, samples[start * PIECE :]) for start in (0, 10, 20, 30)}
    (HERE / "speech.json").write_text(json.dumps(starts) + "\n")


main()
