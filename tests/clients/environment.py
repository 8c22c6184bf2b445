"""Virtual environments that are made once for a list of requirements and then found again. `run.py` beside this and the
script of tests/peers make theirs here. Only the standard library is used: this runs before anything is installed."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What pip says when it has not reached a registry, and when the registry has nothing for this Python or this platform.
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
    """Something that this machine does not have."""


def cargo():
    """The cargo to call: the one that called this, if one did."""
    return os.environ.get("CARGO", "cargo")


def target_directory():
    """Where cargo builds, whatever its configuration says."""
    metadata = [cargo(), "metadata", "--format-version", "1", "--no-deps"]
    return Path(json.loads(subprocess.check_output(metadata, cwd=ROOT))["target_directory"])


def prepare(name, requirements, limit=600):
    """The Python of a virtual environment that has these requirements, made now if it is not there yet. Raises Skipped
    where Python, the registry or the time does not allow it, and CalledProcessError where the requirements are at
    fault."""
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
    """An empty virtual environment."""
    made = subprocess.run([sys.executable, "-m", "venv", directory], capture_output=True, text=True)
    if made.returncode:
        raise Skipped(f"this Python makes no virtual environments: {last_line(made.stdout + made.stderr)}")


def install(python, requirements, limit):
    """What pip is asked for. Nothing is compiled, and a registry that does not answer is given up soon."""
    command = [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--retries", "1", "--timeout", "15", "--requirement", requirements]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Skipped(f"pip has not installed the requirements in {limit} s") from None
    if done.returncode:
        if any(sign in done.stdout for sign in ABSENT):
            raise Skipped(f"the registry is not reached, or has nothing for this Python: {last_line(done.stdout)}")
        print(done.stdout, flush=True)
        raise subprocess.CalledProcessError(done.returncode, "pip install")


def named(requirements):
    """The lines of a requirements file that name something."""
    return [line for line in map(str.strip, requirements.splitlines()) if line and not line.startswith("#")]


def last_line(text):
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "nothing was said")
