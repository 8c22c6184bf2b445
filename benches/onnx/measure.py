"""Measures chariot-onnx with MiniLM beside ONNX Runtime that Python calls directly, by turns, and checks its vectors. `run`
calls it with a program that it has built."""

import argparse
import contextlib
import datetime
import json
import multiprocessing
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import minilm
import numpy
import onnxruntime
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "onnx.md"
BEGIN, END = "<!-- onnx:begin -->", "<!-- onnx:end -->"

LENGTHS = (16, 128)
TEXTS = 64
CONNECTIONS = 8
CORES = len(os.sched_getaffinity(0))
# As many texts in a call as an engine has at once for each of its workers.
SHARE = max(1, CONNECTIONS // CORES)
WARM_UP = 1.0
STARTS = 5
DEADLINE = 60
GOAL = 0.95

LIBRARY = Path(onnxruntime.__file__).parent / "capi" / f"libonnxruntime.so.{onnxruntime.__version__}"
BACKENDS = {"onnx-runtime": f"chariot-onnx, ONNX Runtime {onnxruntime.__version__}", "tract": "chariot-onnx, tract"}


def tokenizer(folder):
    """Returns the tokenizer as the engine uses it: without the padding of its file."""
    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.no_padding()
    made.enable_truncation(minilm.MAX_TOKENS)
    return made


def texts(folder, length):
    """Returns texts of `length` tokens, always the same ones."""
    made = tokenizer(folder)
    # Words of one token each; two tokens mark the beginning and the end.
    words = sorted(word for word in made.get_vocab() if word.isascii() and word.isalpha() and len(word) > 3)
    chosen = random.Random(7)
    found = [" ".join(chosen.choices(words, k=length - 2)) for _ in range(TEXTS)]
    assert all(len(made.encode(text).ids) == length for text in found)
    return found


def cpu(pid):
    """Returns the CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Engine:
    """The program as a process of its own, and connections to it."""

    def __init__(self, program, folder, backend):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = {"CHARIOT_ENGINE_HOST": "127.0.0.1", "CHARIOT_ENGINE_PORT": str(self.port), "LOG_LEVEL": "warn"}
        settings |= {"CHARIOT_ENGINE_DRAIN_DELAY": "0s", "ONNX_BACKEND": backend, "ORT_DYLIB_PATH": str(LIBRARY)}
        given = {name: value for name, value in os.environ.items() if not name.startswith("CHARIOT_")}
        self.log = tempfile.TemporaryFile()
        begin = time.perf_counter()
        command = [program, "--model", folder / "model.onnx"]
        self.process = subprocess.Popen(command, env=given | settings, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            self.wait_until_ready(begin)
        except BaseException:
            self.stop()
            raise
        self.start = time.perf_counter() - begin

    def wait_until_ready(self, begin):
        web = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            with contextlib.suppress(OSError):
                if web.open(f"http://127.0.0.1:{self.port}/ready", timeout=5).status == 200:
                    return
            if self.process.poll() is not None or time.perf_counter() - begin > DEADLINE:
                self.log.seek(0)
                raise RuntimeError(f"the engine is not ready; it said:\n{self.log.read().decode()[-4000:]}")
            time.sleep(0.001)

    def vectors(self, asked):
        """Returns the vectors of some texts, which share a request."""
        connection = Connection(self.port)
        return [numpy.array(vector) for vector in json.loads(connection.ask(request(asked)))["outputs"][0]["data"]]

    def measure(self, asked, length, seconds):
        """Returns the texts per second and the CPU seconds per text, for texts that each are a request."""
        requests = [request([text]) for text in asked[length]]
        self.load(requests, WARM_UP)
        before, begin = cpu(self.process.pid), time.perf_counter()
        done = self.load(requests, seconds)
        took = time.perf_counter() - begin
        return done / took, (cpu(self.process.pid) - before) / done

    def load(self, requests, seconds):
        """Keeps every connection busy for a time, and returns the number of requests."""
        end = time.perf_counter() + seconds
        counts, faults = [0] * CONNECTIONS, []

        def caller(index):
            try:
                connection, next_one = Connection(self.port), index
                while time.perf_counter() < end:
                    connection.ask(requests[next_one % len(requests)])
                    next_one += CONNECTIONS
                    counts[index] += 1
            except Exception as fault:
                faults.append(fault)

        callers = [threading.Thread(target=caller, args=(index,)) for index in range(CONNECTIONS)]
        for one in callers:
            one.start()
        for one in callers:
            one.join()
        if faults:
            raise RuntimeError(f"a request failed: {faults[0]}")
        return sum(counts)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Connection:
    """A connection that is kept. It reads no more of a response than it must, so that the client takes little time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request):
        """Sends a request, and returns the body of its response."""
        self.socket.sendall(request)
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self.more()
        head = bytes(received[:end]).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        while len(received) < end + 4 + length:
            received += self.more()
        body = bytes(received[end + 4 :])
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"expected status 200, got {head[:20]!r}: {body[:500]!r}")
        return body

    def more(self):
        part = self.socket.recv(65536)
        if not part:
            raise RuntimeError("the engine closed the connection")
        return part


def request(asked):
    """Returns a request for the vectors of some texts."""
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [len(asked)], "data": asked}]
    body = json.dumps({"inputs": inputs}).encode()
    head = f"POST /infer HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Direct:
    """Processes, one for each core, in which Python calls ONNX Runtime with one thread, like the workers of an engine."""

    def __init__(self, folder):
        # Forked processes would share the threads and locks of this one.
        context = multiprocessing.get_context("spawn")
        begin = time.perf_counter()
        self.pipes, self.processes = [], []
        for _ in range(CORES):
            ours, theirs = context.Pipe()
            process = context.Process(target=direct, args=(folder, theirs), daemon=True)
            process.start()
            self.pipes.append(ours)
            self.processes.append(process)
        for pipe in self.pipes:
            pipe.recv()
        self.start = time.perf_counter() - begin

    def measure(self, asked, length, seconds, count, whole):
        """Returns the texts per second and the CPU seconds per text. Takes `count` texts a call, and if `whole` also makes
        the tokens and the vectors, instead of running the model alone."""
        for time_of_call in (WARM_UP, seconds):
            before, begin = [cpu(process.pid) for process in self.processes], time.perf_counter()
            for pipe in self.pipes:
                pipe.send((asked[length], time_of_call, count, whole))
            done = sum(pipe.recv() for pipe in self.pipes)
            took = time.perf_counter() - begin
        used = sum(cpu(process.pid) for process in self.processes) - sum(before)
        return done / took, used / done

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.join()


def direct(folder, pipe):
    """Is a process of `Direct`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    made = tokenizer(folder)
    run(session, made.encode_batch(["ready"]))
    pipe.send(None)
    while True:
        asked, seconds, count, whole = pipe.recv()
        groups = [asked[at : at + count] for at in range(0, len(asked) - count + 1, count)]
        inputs = [feed(made.encode_batch(group)) for group in groups]
        end, done = time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            index = done // count % len(groups)
            if whole:
                pooled(run(session, made.encode_batch(groups[index])))
            else:
                session.run(None, inputs[index])
            done += count
        pipe.send(done)


def feed(encoded):
    """Returns the inputs of the model for texts of the same number of tokens."""
    ids = numpy.array([one.ids for one in encoded], numpy.int64)
    return {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}


def run(session, encoded):
    return session.run(None, feed(encoded))[0]


def pooled(of_tokens):
    """Returns the vectors of texts, of length 1."""
    mean = of_tokens.mean(1)
    return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)


def check(engine, folder, asked):
    """Compares the vectors of an engine with those of numpy, for texts alone and together. Returns the largest difference
    of a number and the smallest cosine."""
    some = ["hello", "This is an example sentence", "Grüße aus Köln: naïve café", "日本語 and an emoji 😀", asked[128][0] * 3]
    some += [asked[16][0], asked[128][0]]
    made, reference = tokenizer(folder), minilm.Reference()
    expected = [reference.vector(made.encode(text).ids) for text in some]
    got = [engine.vectors([text])[0] for text in some] + engine.vectors(some)
    pairs = list(zip(expected * 2, got, strict=True))
    difference = max(float(numpy.abs(one - other).max()) for one, other in pairs)
    cosine = min(float(one @ other / numpy.linalg.norm(one) / numpy.linalg.norm(other)) for one, other in pairs)
    if difference > 1e-4 or cosine < 0.9999:
        raise RuntimeError(f"the vectors differ from the reference: by {difference:.2g}, with a cosine of {cosine:.6f}")
    return difference, cosine


def starts(begin):
    """Returns the median time from a start to readiness."""
    times = []
    for _ in range(STARTS):
        started = begin()
        times.append(started.start)
        started.stop()
    return statistics.median(times)


def measured(program, folder, rounds, seconds):
    """Returns the results of all rounds, the times of starts, and the differences from the reference."""
    asked = {length: texts(folder, length) for length in LENGTHS}
    begin = {name: lambda backend=backend: Engine(program, folder, backend) for backend, name in BACKENDS.items()}
    took = {name: starts(one) for name, one in begin.items()} | {"direct": starts(lambda: Direct(folder))}
    found = {}
    with contextlib.ExitStack() as running:
        engines = {}
        for name, one in begin.items():
            engines[name] = one()
            running.callback(engines[name].stop)
        python = Direct(folder)
        running.callback(python.stop)
        differences = {name: check(engine, folder, asked) for name, engine in engines.items()}

        def alone(length, count, whole=False):
            return lambda: python.measure(asked, length, seconds, count, whole)

        for length in LENGTHS:
            turns = {name: lambda engine=engine: engine.measure(asked, length, seconds) for name, engine in engines.items()}
            turns |= {f"ONNX Runtime alone, {count} a call": alone(length, count) for count in sorted({1, SHARE})}
            turns[f"tokens, ONNX Runtime and vectors in Python, {SHARE} a call"] = alone(length, SHARE, True)
            results = {name: [] for name in turns}
            for number in range(rounds):
                for name in list(turns)[:: -1 if number % 2 else 1]:
                    results[name].append(turns[name]())
                    rate, used = results[name][-1]
                    print(f"{length} tokens, round {number + 1}: {name}: {rate:.1f}/s, {used * 1e3:.2f} ms of CPU", flush=True)
            found[length] = results
    return found, took, differences


def against(results, name):
    """Returns how many texts per CPU second there are for each one of ONNX Runtime alone, at the number of texts a call
    that takes it the least: the ratio of every round."""
    best = min(
        (other for other in results if other.startswith("ONNX Runtime alone")),
        key=lambda other: statistics.median(used for _, used in results[other]),
    )
    return [theirs / ours for (_, ours), (_, theirs) in zip(results[name], results[best])]


def report(found, took, differences, options):
    """Returns the results as Markdown."""
    cpu_name = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ":unknown")
    versions = f"ONNX Runtime {onnxruntime.__version__}, Python {platform.python_version()}, profile `{options.profile}`"
    lines = [
        f"{cpu_name.split(':', 1)[1].strip()}, {CORES} cores, Linux {platform.release().split('-')[0]}; {versions}; "
        f"{datetime.date.today()}. {options.rounds} rounds of {options.seconds:g} s, {CONNECTIONS} connections.",
    ]
    for length, results in found.items():
        lines += ["", f"### {length} tokens a text", ""]
        lines += ["| | texts/s | CPU per text | texts per CPU second, relative |", "|---|---:|---:|---|"]
        for name, rounds in results.items():
            rate, used = (statistics.median(one[at] for one in rounds) for at in (0, 1))
            ratios = against(results, name)
            low, high = min(ratios), max(ratios)
            ratio = "1" if low == high == 1 else f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"
            lines.append(f"| {name} | {rate:.1f} | {used * 1e3:.2f} ms | {ratio} |")
    lines += ["", "### Starts and vectors", "", "| | start to ready | largest difference | smallest cosine |", "|---|---:|---:|---:|"]
    for name, seconds in took.items():
        if name in differences:
            difference, cosine = differences[name]
            lines.append(f"| {name} | {seconds * 1e3:.0f} ms | {difference:.1e} | {cosine:.8f} |")
        else:
            lines.append(f"| {CORES} processes of Python with ONNX Runtime | {seconds * 1e3:.0f} ms | | |")
    return "\n".join(lines)


def main():
    asked = argparse.ArgumentParser(prog="benches/onnx/run", description="Measure chariot-onnx with a real model.")
    asked.add_argument("program", type=Path, help="the program chariot-onnx")
    asked.add_argument("folder", type=Path, help="folder for the model")
    asked.add_argument("--profile", required=True, help="profile with which the program is built")
    asked.add_argument("--rounds", type=int, default=5, help="number of rounds (default: 5)")
    asked.add_argument("--seconds", type=float, default=3, help="duration of each measurement (default: 3)")
    asked.add_argument("--write", action="store_true", help="write the results into docs/onnx.md")
    options = asked.parse_args()

    minilm.write(options.folder)
    found, took, differences = measured(options.program, options.folder, options.rounds, options.seconds)
    text = report(found, took, differences, options)
    print(f"\n{text}\n")
    if options.write:
        before, rest = DOCUMENT.read_text().split(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
    name = BACKENDS["onnx-runtime"]
    missed = {length: ratio for length, all_ in found.items() if (ratio := statistics.median(against(all_, name))) < GOAL}
    for length, ratio in missed.items():
        print(f"below the goal of {GOAL}: {ratio:.2f} at {length} tokens")


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as fault:
        sys.exit(f"onnx: FAILED: {fault}")
