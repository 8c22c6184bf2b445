"""Installs the peers, serves an identity model on each and on our engine, runs the suite against all, and writes the
comparison. `run` calls it with a suitable Python."""

import argparse
import contextlib
import datetime
import json
import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The virtual environments and the start of engines are shared code with the tests of clients.
CLIENTS = HERE.parent / "clients"
sys.path.insert(0, str(CLIENTS))

import engines  # noqa: E402
import environment  # noqa: E402
import report  # noqa: E402

LEVEL = "chariot"


def free_ports(count):
    """Returns free ports of the loopback interface."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def peer(command, port, logs, **settings):
    """Starts a peer, yields its URL once its model is ready, and stops it."""
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "*", "no_proxy": "*"} | settings
    with open(logs, "w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        engines.wait_until_ready(f"{url}/v2/models/identity/ready", process)
        yield url
    except RuntimeError as fault:
        raise RuntimeError(f"{fault}; it said:\n{Path(logs).read_text()[-4000:]}") from None
    finally:
        process.terminate()
        try:
            process.wait(engines.DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()


def kserve(python, directory):
    """Starts KServe's `ModelServer`."""
    (port,) = free_ports(1)
    return peer([python, HERE / "kserve" / "identity.py", str(port)], port, directory / "kserve.log")


def mlserver(python, directory):
    """Starts MLServer."""
    http, grpc, metrics = free_ports(3)
    settings = {"HTTP_PORT": http, "GRPC_PORT": grpc, "METRICS_PORT": metrics, "METRICS_DIR": directory}
    settings |= {"HOST": "127.0.0.1", "PARALLEL_WORKERS": 0, "DEBUG": "false"}
    settings = {f"MLSERVER_{name}": str(value) for name, value in settings.items()}
    command = [python.parent / "mlserver", "start", HERE / "mlserver"]
    return peer(command, http, directory / "mlserver.log", **settings)


def ask(url):
    """Returns the metadata of a server."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/v2", timeout=30) as answer:
        return json.load(answer)


def suite(executable, url, directory):
    """Returns the results of the suite for a server. Failed cases are results; a run without cases is an error."""
    found = directory / "found.json"
    command = [executable, "--url", url, "--model", "identity", "--level", LEVEL, "--json", found]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"the suite exited with {done.returncode}:\n{done.stdout}")
    return json.loads(found.read_text())


def version(python, package):
    """Returns the versions of an installed package and of its Python."""
    code = f"import platform, importlib.metadata as m; print(m.version('{package}'), platform.python_version())"
    return subprocess.check_output([python, "-c", code], text=True).split()


def main():
    asked = argparse.ArgumentParser(prog="tests/peers/run", description="Compare our engine with two peers on the conformance suite.")
    default = environment.ROOT / "docs" / "conformance.md"
    asked.add_argument("file", nargs="?", type=Path, default=default, help="file to write")
    asked = asked.parse_args()

    # KServe's server is part of the package of its client, which the tests of clients install.
    pythons = {
        "kserve": environment.prepare("clients", CLIENTS / "requirements.txt"),
        "mlserver": environment.prepare("mlserver", HERE / "mlserver" / "requirements.txt"),
    }
    built = engines.build("conformance", "identity", release=True)
    results = []
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        ours = engines.engine(built["identity"], "identity")
        theirs = [
            ("KServe ModelServer", kserve(pythons["kserve"], directory), version(pythons["kserve"], "kserve")),
            ("MLServer", mlserver(pythons["mlserver"], directory), version(pythons["mlserver"], "mlserver")),
        ]
        for name, server, versions in [("chariot-engine", ours, None), *theirs]:
            with server as url:
                said = ask(url)
                number, about = versions or (said["version"], None)
                found = suite(built["conformance"], url, directory)
                results.append(report.Result(name, number, about, said.get("extensions") or [], found))
                print(results[-1].line(), flush=True)
    asked.file.parent.mkdir(parents=True, exist_ok=True)
    asked.file.write_text(report.document(results, datetime.date.today()))
    print(f"written: {asked.file}")
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    try:
        sys.exit(main())
    except (environment.Skipped, subprocess.SubprocessError, RuntimeError) as fault:
        sys.exit(f"peers: FAILED: {fault}")
