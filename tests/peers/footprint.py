"""Measures the footprint of the example `digits` and of the same model on FastAPI and uvicorn: size, memory at rest,
and time from start to readiness. `footprint` calls it with the static binary of the image."""

import argparse
import base64
import contextlib
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

import environment  # noqa: E402

DIGITS = environment.ROOT / "examples" / "digits"
DEADLINE = 60
PORT = 18088
WEB = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def request():
    """Returns a request with one sample."""
    image = base64.b64encode((DIGITS / "samples" / "3-59.png").read_bytes()).decode()
    return json.dumps({"inputs": [{"name": "digit", "datatype": "BYTES", "shape": [1], "data": [image]}]}).encode()


def memory(pid):
    """Returns the memory of a process in bytes: resident, and the part that is not shared with other processes."""
    fields = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    size = {name: int(value.split()[0]) * 1024 for name, value in fields.items()}
    return size["Rss"], size["Private_Clean"] + size["Private_Dirty"]


def run(command, settings):
    """Starts an engine, waits until it is ready, sends one request and stops it. Returns the seconds until readiness
    and the memory before and after the request."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CHARIOT_") and name != "LOG_LEVEL"}
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=env | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError):
                if WEB.open(f"http://127.0.0.1:{PORT}/ready", timeout=5).status == 200:
                    break
            if process.poll() is not None or time.perf_counter() - begin > DEADLINE:
                raise RuntimeError(f"{command[0]} is not ready; port {PORT} may be in use")
            time.sleep(0.001)
        took = time.perf_counter() - begin
        rest = memory(process.pid)
        asked = urllib.request.Request(
            f"http://127.0.0.1:{PORT}/infer", request(), {"Content-Type": "application/json"}
        )
        answer = json.load(WEB.open(asked, timeout=30))
        if answer["outputs"][0]["data"] != ["3"]:
            raise RuntimeError(f"{command[0]} answered {answer}")
        return took, rest, memory(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def size(*places, leave_out=()):
    """Returns the total size of all files in some directories, in bytes."""
    total, seen = 0, set()
    for place in places:
        for directory, below, files in os.walk(place):
            # `config-...` has the objects for linking an interpreter.
            below[:] = [name for name in below if name not in leave_out and not name.startswith("config-")]
            for file in files:
                known = os.lstat(os.path.join(directory, file))
                if (known.st_dev, known.st_ino) not in seen:
                    seen.add((known.st_dev, known.st_ino))
                    total += known.st_size
    return total


def python_sizes(python):
    """Returns the sizes of what the Python engine needs: its packages, and the interpreter with its library. Excludes
    tests, compiled copies and pip, like a small image."""
    leave_out = ("test", "tests", "__pycache__", "pip", "ensurepip", "idlelib", "site-packages")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.check_output([python, "-c", code], text=True).strip()
    library = size(sysconfig.get_path("stdlib"), leave_out=leave_out)
    shared = Path(sysconfig.get_config_var("LIBDIR") or "") / (sysconfig.get_config_var("LDLIBRARY") or "")
    files = [Path(sys.executable).resolve()] + ([shared.resolve()] if shared.suffix == ".so" else [])
    interpreter = library + sum(file.stat().st_size for file in files if file.exists())
    return size(packages, leave_out=("tests", "__pycache__", "pip")), interpreter


def measure(command, settings, times):
    """Returns the medians of some runs, after one that is discarded."""
    run(command, settings)
    runs = [run(command, settings) for _ in range(times)]
    took = [took for took, _, _ in runs]
    resident = statistics.median(rest[0] for _, rest, _ in runs)
    own = statistics.median(rest[1] for _, rest, _ in runs)
    after = statistics.median(after[0] for _, _, after in runs)
    return statistics.median(took), min(took), max(took), resident, own, after


def megabytes(count):
    """Formats bytes for people."""
    return f"{count / 1e6:.1f} MB"


def main():
    asked = argparse.ArgumentParser(prog="tests/peers/footprint", description="Measure the footprint of an engine and of FastAPI.")
    asked.add_argument("engine", type=Path, help="the static binary of digits")
    asked.add_argument("--times", type=int, default=20, help="number of starts of each")
    asked = asked.parse_args()

    python = environment.prepare("fastapi", HERE / "fastapi" / "requirements.txt")
    model = str(DIGITS / "model")
    ours = {"CHARIOT_ENGINE_HOST": "127.0.0.1", "CHARIOT_ENGINE_PORT": str(PORT), "CHARIOT_ENGINE_DRAIN_DELAY": "0s"}
    ours |= {"CHARIOT_ENGINE_MODEL_DIR": model}
    # The compiled copy of its own file must not appear in this repository; the first run creates those of its packages.
    theirs = {"PYTHONDONTWRITEBYTECODE": ""}
    rust = measure([asked.engine], ours, asked.times)
    fastapi = measure([python, HERE / "fastapi" / "digits.py", str(PORT), model], theirs, asked.times)
    packages, interpreter = python_sizes(python)

    rows = [
        ("size of an image", megabytes(asked.engine.stat().st_size), megabytes(packages + interpreter)),
        ("from start to readiness, median", f"{rust[0] * 1000:.0f} ms", f"{fastapi[0] * 1000:.0f} ms"),
        ("fastest and slowest", *(f"{one[1] * 1000:.0f} to {one[2] * 1000:.0f} ms" for one in (rust, fastapi))),
        ("resident at rest", megabytes(rust[3]), megabytes(fastapi[3])),
        ("of which not shared with other processes", megabytes(rust[4]), megabytes(fastapi[4])),
        ("resident after one request", megabytes(rust[5]), megabytes(fastapi[5])),
    ]
    print(f"\n| of `digits`, {asked.times} starts each | chariot-engine | FastAPI and uvicorn, numpy |\n|---|---:|---:|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(f"\nPython {sys.version.split()[0]}: packages {megabytes(packages)}, interpreter {megabytes(interpreter)}")


main()
