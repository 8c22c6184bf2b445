"""Creates the virtual environment of the clients, starts the engines without a given URL, and runs the cases. `run`
calls it with a suitable Python."""

import argparse
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import engines
import environment
import javascript

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"

# The engine and the settings behind each URL that the cases use.
SERVED = {
    "iris": ("iris", {}),
    "identity": ("identity", {}),
    "compressing": ("identity", {"CHARIOT_ENGINE_COMPRESS_RESPONSES": "true"}),
    "openai": ("openai", {}),
    "ending": ("openai", {"CHARIOT_ENGINE_STREAM_TIMEOUT": "200ms"}),
    "generation": ("text-generation", {"CHARIOT_ENGINE_MODEL_DIR": str(EXAMPLES / "text-generation/tests/tiny")}),
}

# The same engine with its real weights.
REAL = "text-generation"


def main():
    asked = argparse.ArgumentParser(prog="tests/clients/run", description="Run real clients against the examples.")
    asked.add_argument("--install-only", action="store_true", help="install the clients and exit")
    asked.add_argument("--python", action="store_true", help="install the clients, print their Python and exit")
    asked.add_argument("--only", default="", metavar="TEXT", help="run only cases whose names contain this text")
    for name, (package, settings) in SERVED.items():
        with_settings = "".join(f" with {variable}={value}" for variable, value in settings.items())
        asked.add_argument(f"--{name}", metavar="URL", help=f"URL of a running {package}{with_settings}; default: start one")
    asked = asked.parse_args()

    try:
        python = environment.prepare("clients", HERE / "requirements.txt")
        if asked.python:
            print(python)
            return 0
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
    """Runs the cases against the given engines, and starts the others."""
    urls = {name: getattr(asked, name) for name in SERVED}
    missing = sorted({SERVED[name][0] for name, url in urls.items() if not url})
    binaries = engines.build(*missing) if missing else {}
    with contextlib.ExitStack() as started:
        if weights():
            urls["real_generation"] = started.enter_context(engines.engine(engines.build(REAL)[REAL], REAL))
        for name, (package, settings) in SERVED.items():
            if not urls[name]:
                urls[name] = started.enter_context(engines.engine(binaries[package], package, **settings))
        env = os.environ | {f"{name.upper()}_URL": url for name, url in urls.items()}
        # The engines are local, even if the registry is behind a proxy.
        env |= {"NO_PROXY": "*", "no_proxy": "*", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([python, "-m", "cases", asked.only], cwd=HERE, env=env, timeout=300).returncode
        return done or javascript.run(HERE / "node", urls["openai"], urls["ending"])


def weights():
    """Returns True if the real weights are there or can be fetched, and prints why not."""
    fetched = subprocess.run([EXAMPLES / REAL / "fetch"], capture_output=True, text=True)
    if fetched.returncode:
        print(f"real clients: SKIPPED: {REAL} with its real weights: {fetched.stderr.strip()}")
    return not fetched.returncode


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
