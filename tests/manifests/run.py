"""Creates the virtual environment with the schemas and validates the manifests in it. `run` calls it with a suitable
Python."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEPLOY = ROOT / "deploy"

# The options of `describe` for manifests other than those in `deploy/`.
VARIANTS = {
    "in-flight.k8s": ["--image-cpu", "digits:1", "--format", "k8s", "--scale-by", "in-flight"],
    "gpu.k8s": ["--image-gpu", "digits:1-cuda", "--format", "k8s"],
    "gpu.kserve": ["--image-gpu", "digits:1-cuda", "--format", "kserve", "--base-url", "/m-{model_id}"],
}
# The virtual environments are shared code with the tests of clients.
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
    with tempfile.TemporaryDirectory() as scratch:
        try:
            files = sorted(DEPLOY.glob("*.yaml")) + list(rendered(Path(scratch)))
        except subprocess.SubprocessError as fault:
            print(f"manifests: FAILED: {fault}")
            return 1
        return subprocess.run([python, "-W", "ignore", HERE / "check.py", *files]).returncode


def rendered(scratch):
    """Writes further manifests with `describe` of a built engine; none if no engine is built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [engine for profile in ("debug", "release") if (engine := target / profile / "digits").is_file()]
    if not built:
        print("manifests: digits is not built (cargo build -p digits): skipping its variants")
        return
    engine = max(built, key=lambda engine: engine.stat().st_mtime)
    for name, arguments in VARIANTS.items():
        file = scratch / f"{name}.yaml"
        file.write_text(subprocess.run([engine, "describe", *arguments], check=True, stdout=PIPE, text=True).stdout)
        yield file


if __name__ == "__main__":
    sys.exit(main())
