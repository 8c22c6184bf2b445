"""Makes the virtual environment with the schemas, and has the manifests checked there. `run` beside this calls it with a
Python that is known to do."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEPLOY = HERE.parents[1] / "deploy"
# How environments are made is the same for the tests of clients.
sys.path.insert(0, str(HERE.parent / "clients"))

import environment  # noqa: E402


def main():
    try:
        python = environment.prepare("manifests", HERE / "requirements.txt")
    except environment.Skipped as reason:
        print(f"manifests: SKIPPED: {reason}")
        return 0
    except subprocess.SubprocessError as fault:
        print(f"manifests: FAILED: {fault}")
        return 1
    if "--install-only" in sys.argv[1:]:
        print("manifests: installed")
        return 0
    files = sorted(DEPLOY.glob("*.yaml"))
    return subprocess.run([python, "-W", "ignore", HERE / "check.py", *files]).returncode


if __name__ == "__main__":
    sys.exit(main())
