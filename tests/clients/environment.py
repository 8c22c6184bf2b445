"""Virtual environments, created once per list of requirements and then reused. Used by `run.py` and by the scripts of
tests/peers. Needs only the standard library, because it runs before anything is installed."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Messages of pip if the registry is not reachable or has no package for this Python or platform.
ABSENT = (
    "(from versions: none)",
    "Temporary failure in name resolution",
    "Failed to establish a new connection",
    "NewConnectionError",
    "ConnectTimeout",
    "ReadTimeoutError",
    "ProxyError",
    "Connection refused",
)


class Skipped(Exception):
    """Raised if the machine lacks something that the tests need."""


def cargo():
    """Returns the cargo to call: the calling one, if any."""
    return os.environ.get("CARGO", "cargo")


def target_directory():
    """Returns the target directory of cargo, according to its configuration."""
    metadata = [cargo(), "metadata", "--format-version", "1", "--no-deps"]
    return Path(json.loads(subprocess.check_output(metadata, cwd=ROOT))["target_directory"])


def prepare(name, requirements, limit=600):
    """Returns the Python of a virtual environment with these requirements, and creates it if necessary. Raises Skipped
    if Python, the registry or the time limit does not allow it, and CalledProcessError if the requirements are
    invalid."""
    text = requirements.read_text()
    digest = hashlib.sha256("\n".join([text, sys.version, sys.executable]).encode()).hexdigest()[:12]
    directory = target_directory() / "python" / f"{name}-{digest}"
    python, complete = directory / "bin" / "python", directory / "complete"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with open(directory.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(directory, ignore_errors=True)
            make(directory)
            print(f"{name}: installing {', '.join(named(text))}", flush=True)
            install(python, requirements, limit)
            complete.touch()
    return python


def make(directory):
    """Creates an empty virtual environment."""
    made = subprocess.run([sys.executable, "-m", "venv", directory], capture_output=True, text=True)
    if made.returncode:
        raise Skipped(f"this Python cannot create virtual environments: {last_line(made.stdout + made.stderr)}")


def install(python, requirements, limit):
    """Runs pip. Nothing is compiled, and an unreachable registry fails fast."""
    command = [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--retries", "1", "--timeout", "15", "--requirement", requirements]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Skipped(f"pip has not installed the requirements within {limit} s") from None
    if done.returncode:
        if any(sign in done.stdout for sign in ABSENT):
            raise Skipped(f"the registry is not reachable or has no package for this Python: {last_line(done.stdout)}")
        print(done.stdout, flush=True)
        raise subprocess.CalledProcessError(done.returncode, "pip install")


def named(requirements):
    """Returns the lines of a requirements file that are not empty and not comments."""
    return [line for line in map(str.strip, requirements.splitlines()) if line and not line.startswith("#")]


def last_line(text):
    """Returns the last line that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
