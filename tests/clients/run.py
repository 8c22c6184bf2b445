"""Makes the clients' virtual environment, starts the engines that no URL was given for, and runs the cases. `run` beside
this calls it with a Python that is known to do."""

import argparse
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import engines
import environment

HERE = Path(__file__).resolve().parent

# Which engine stands behind each URL that the cases ask for, and with which settings.
SERVED = {
    "iris": ("iris", {}),
    "identity": ("identity", {}),
    "compressing": ("identity", {"CHARIOT_ENGINE_COMPRESS_RESPONSES": "true"}),
}


def main():
    asked = argparse.ArgumentParser(prog="tests/clients/run", description="Real clients against iris and identity.")
    asked.add_argument("--install-only", action="store_true", help="install the clients, and run nothing")
    asked.add_argument("--only", default="", metavar="TEXT", help="run the cases with this text in their names")
    for name, (package, settings) in SERVED.items():
        told = "".join(f" with {variable}={value}" for variable, value in settings.items())
        asked.add_argument(f"--{name}", metavar="URL", help=f"where {package} is served{told}; absent: it is started")
    asked = asked.parse_args()

    try:
        python = environment.prepare("clients", HERE / "requirements.txt")
        if not asked.install_only:
            return run(python, asked)
        print("real clients: installed")
    except environment.Skipped as reason:
        print(f"real clients: SKIPPED: {reason}")
    except (subprocess.SubprocessError, RuntimeError) as fault:
        print(f"real clients: FAILED: {fault}")
        return 1
    return 0


def run(python, asked):
    """Runs the cases against the engines that were given, and the others, which are started."""
    urls = {name: getattr(asked, name) for name in SERVED}
    missing = sorted({SERVED[name][0] for name, url in urls.items() if not url})
    binaries = engines.build(*missing) if missing else {}
    with contextlib.ExitStack() as started:
        for name, (package, settings) in SERVED.items():
            if not urls[name]:
                urls[name] = started.enter_context(engines.engine(binaries[package], package, **settings))
        env = os.environ | {f"{name.upper()}_URL": url for name, url in urls.items()}
        # The engines are on this machine, whatever the way to the registry is.
        env |= {"NO_PROXY": "*", "no_proxy": "*", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run([python, "-m", "cases", asked.only], cwd=HERE, env=env, timeout=300).returncode


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
