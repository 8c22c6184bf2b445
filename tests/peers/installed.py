"""Installs the peers that benches/bench measures, and prints how to start them, as JSON. `{port}`, `{port2}` and
`{port3}` in commands and settings stand for free ports. A peer that cannot be installed is left out, with a message."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENTS = HERE.parent / "clients"
sys.path.insert(0, str(CLIENTS))

import environment  # noqa: E402

IDENTITY = "/v2/models/identity"


def version(python, package):
    """Returns the version of an installed package."""
    code = f"import importlib.metadata as m; print(m.version('{package}'))"
    return subprocess.check_output([python, "-c", code], text=True).strip()


def fastapi():
    """Returns FastAPI on uvicorn, as the platform's example uses it."""
    python = environment.prepare("fastapi", HERE / "fastapi" / "requirements.txt")
    return {
        "name": f"FastAPI {version(python, 'fastapi')}",
        "command": [python, HERE / "fastapi" / "models.py", "{port}"],
        "ready": "/ready",
        "paths": {"identity": "/identity", "picture": "/picture"},
    }


def kserve():
    """Returns KServe's `ModelServer`, which is part of the package of its client."""
    python = environment.prepare("clients", CLIENTS / "requirements.txt")
    return {
        "name": f"KServe {version(python, 'kserve')}",
        "command": [python, HERE / "kserve" / "identity.py", "{port}"],
        "ready": f"{IDENTITY}/ready",
        "paths": {"identity": f"{IDENTITY}/infer"},
        "binary": True,
    }


def mlserver():
    """Returns MLServer without worker processes."""
    python = environment.prepare("mlserver", HERE / "mlserver" / "requirements.txt")
    metrics = environment.target_directory() / "python" / "mlserver-metrics"
    metrics.mkdir(parents=True, exist_ok=True)
    settings = {"HTTP_PORT": "{port}", "GRPC_PORT": "{port2}", "METRICS_PORT": "{port3}", "METRICS_DIR": str(metrics)}
    settings |= {"HOST": "127.0.0.1", "PARALLEL_WORKERS": "0", "DEBUG": "false"}
    return {
        "name": f"MLServer {version(python, 'mlserver')}",
        "command": [python.parent / "mlserver", "start", HERE / "mlserver"],
        "env": {f"MLSERVER_{name}": value for name, value in settings.items()},
        "ready": f"{IDENTITY}/ready",
        "paths": {"identity": f"{IDENTITY}/infer"},
    }


def litserve():
    """Returns LitServe with one worker process."""
    python = environment.prepare("litserve", HERE / "litserve" / "requirements.txt")
    return {
        "name": f"LitServe {version(python, 'litserve')}",
        "command": [python, HERE / "litserve" / "identity.py", "{port}"],
        "ready": "/health",
        "paths": {"identity": "/predict"},
    }


def main():
    found = []
    # Only the result goes to standard output.
    with contextlib.redirect_stdout(sys.stderr):
        for peer in (fastapi, kserve, mlserver, litserve):
            try:
                found.append(peer())
            except environment.Skipped as reason:
                print(f"{peer.__name__}: SKIPPED: {reason}", file=sys.stderr)
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    try:
        main()
    except subprocess.SubprocessError as fault:
        sys.exit(f"installed: FAILED: {fault}")
