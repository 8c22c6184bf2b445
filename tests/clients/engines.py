"""The engines of the examples as processes: built by cargo, started on free ports, stopped with the script."""

import contextlib
import json
import os
import re
import subprocess
import threading
import time
import urllib.request

from environment import ROOT, cargo

DEADLINE = 60
# The word of the log line that names the address on which an engine listens.
LISTENING = "listening"


def build(*packages, release=False):
    """Builds some packages and returns their binaries by name."""
    command = [cargo(), "build", "--quiet", "--message-format", "json-render-diagnostics"]
    command += ["--release"] * release + [word for package in packages for word in ("-p", package)]
    messages = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    built = [json.loads(line) for line in messages.splitlines() if line.startswith("{")]
    return {message["target"]["name"]: message["executable"] for message in built if message.get("executable")}


@contextlib.contextmanager
def engine(executable, package, **settings):
    """Starts an engine, yields its URL once it is ready, and stops it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CHARIOT_") and name != "LOG_LEVEL"}
    env |= {"CHARIOT_ENGINE_HOST": "127.0.0.1", "CHARIOT_ENGINE_PORT": "0", "CHARIOT_ENGINE_LOG_FORMAT": "json"}
    env |= {"CHARIOT_ENGINE_DRAIN_DELAY": "0s", "CARGO_MANIFEST_DIR": str(ROOT / "examples" / package)}
    process = subprocess.Popen([executable], env=env | settings, stdout=subprocess.PIPE, text=True)
    log, port = [], []
    found = threading.Event()

    def read():
        for line in process.stdout:
            log.append(line)
            address = re.search(r"127\.0\.0\.1:([0-9]+)", line)
            if LISTENING in line and address:
                port.append(int(address[1]))
                found.set()
        found.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        if not found.wait(DEADLINE) or not port:
            raise RuntimeError(f"{package} does not listen; output:\n{''.join(log)}")
        url = f"http://127.0.0.1:{port[0]}"
        wait_until_ready(f"{url}/v2/health/ready", process)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def wait_until_ready(url, process):
    """Polls until the status is 200, while the process must keep running."""
    asked = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + DEADLINE
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"the process exited with {process.returncode} before it was ready")
        with contextlib.suppress(OSError):
            if asked.open(url, timeout=5).status == 200:
                return
        if time.monotonic() > end:
            raise RuntimeError(f"the process is not ready after {DEADLINE} s")
        time.sleep(0.05)
