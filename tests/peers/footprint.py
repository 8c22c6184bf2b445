"""Measures what an engine takes: its size, its memory at rest, and the time from its start until it is ready, for the
example `digits` and for the same model on FastAPI and uvicorn. `footprint` beside this calls it with a Python that is
known to do, and the static binary of the image."""

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
    """A request about one sample."""
    picture = base64.b64encode((DIGITS / "samples" / "3-59.png").read_bytes()).decode()
    return json.dumps({"inputs": [{"name": "digit", "datatype": "BYTES", "shape": [1], "data": [picture]}]}).encode()


def memory(pid):
    """What a process keeps in memory, in bytes: resident, and of that what no other process shares."""
    fields = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    size = {name: int(value.split()[0]) * 1024 for name, value in fields.items()}
    return size["Rss"], size["Private_Clean"] + size["Private_Dirty"]


def run(command, settings):
    """Starts an engine, waits until it is ready, asks it once and ends it. Returns the seconds until it was ready and its
    memory before and after the question."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CHARIOT_") and name != "LOG_LEVEL"}
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=env | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError):
                if WEB.open(f"http://127.0.0.1:{PORT}/ready", timeout=5).status == 200:
                    break
            if process.poll() is not None or time.perf_counter() - begin > DEADLINE:
                raise RuntimeError(f"{command[0]} is not ready; it may be that port {PORT} is taken")
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
    """The bytes of all files in some directories."""
    total, seen = 0, set()
    for place in places:
        for directory, below, files in os.walk(place):
            # In `config-...` is what an interpreter is linked of.
            below[:] = [name for name in below if name not in leave_out and not name.startswith("config-")]
            for file in files:
                known = os.lstat(os.path.join(directory, file))
                if (known.st_dev, known.st_ino) not in seen:
                    seen.add((known.st_dev, known.st_ino))
                    total += known.st_size
    return total


def python_sizes(python):
    """What the Python engine needs beside its own file: its packages, and the interpreter with its library. Tests,
    compiled copies and pip are left out, as a small image would."""
    leave_out = ("test", "tests", "__pycache__", "pip", "ensurepip", "idlelib", "site-packages")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.check_output([python, "-c", code], text=True).strip()
    library = size(sysconfig.get_path("stdlib"), leave_out=leave_out)
    shared = Path(sysconfig.get_config_var("LIBDIR") or "") / (sysconfig.get_config_var("LDLIBRARY") or "")
    files = [Path(sys.executable).resolve()] + ([shared.resolve()] if shared.suffix == ".so" else [])
    interpreter = library + sum(file.stat().st_size for file in files if file.exists())
    return size(packages, leave_out=("tests", "__pycache__", "pip")), interpreter


def measure(command, settings, times):
    """The medians over some runs, after one that is not counted."""
    run(command, settings)
    runs = [run(command, settings) for _ in range(times)]
    took = [took for took, _, _ in runs]
    resident = statistics.median(rest[0] for _, rest, _ in runs)
    own = statistics.median(rest[1] for _, rest, _ in runs)
    after = statistics.median(after[0] for _, _, after in runs)
    return statistics.median(took), min(took), max(took), resident, own, after


def megabytes(count):
    """Bytes as a person reads them."""
    return f"{count / 1e6:.1f} MB"


def main():
    asked = argparse.ArgumentParser(prog="tests/peers/footprint", description="What an engine takes, beside FastAPI.")
    asked.add_argument("engine", type=Path, help="the static binary of digits")
    asked.add_argument("--times", type=int, default=20, help="how often each is started")
    asked = asked.parse_args()

    python = environment.prepare("fastapi", HERE / "fastapi" / "requirements.txt")
    model = str(DIGITS / "model")
    ours = {"CHARIOT_ENGINE_HOST": "127.0.0.1", "CHARIOT_ENGINE_PORT": str(PORT), "CHARIOT_ENGINE_DRAIN_DELAY": "0s"}
    ours |= {"CHARIOT_ENGINE_MODEL_DIR": model}
    # Compiled copies of its own file stay out of this repository; those of its packages are made by the first run.
    theirs = {"PYTHONDONTWRITEBYTECODE": ""}
    rust = measure([asked.engine], ours, asked.times)
    fastapi = measure([python, HERE / "fastapi" / "digits.py", str(PORT), model], theirs, asked.times)
    packages, interpreter = python_sizes(python)

    rows = [
        ("what an image must hold", megabytes(asked.engine.stat().st_size), megabytes(packages + interpreter)),
        ("from start to ready, median", f"{rust[0] * 1000:.0f} ms", f"{fastapi[0] * 1000:.0f} ms"),
        ("fastest and slowest", *(f"{one[1] * 1000:.0f} to {one[2] * 1000:.0f} ms" for one in (rust, fastapi))),
        ("resident at rest", megabytes(rust[3]), megabytes(fastapi[3])),
        ("of that, shared with no other process", megabytes(rust[4]), megabytes(fastapi[4])),
        ("resident after one answer", megabytes(rust[5]), megabytes(fastapi[5])),
    ]
    print(f"\n| of `digits`, {asked.times} starts each | chariot-engine | FastAPI and uvicorn, numpy |\n|---|---:|---:|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(f"\nPython {sys.version.split()[0]}: packages {megabytes(packages)}, interpreter {megabytes(interpreter)}")


main()
