"""The client for JavaScript: installed by npm once per lock file, and run by Node.js. `run.py` calls it."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess

from environment import last_line, target_directory

# The oldest Node.js that the client runs on.
OLDEST = 20

# Messages of npm if the registry is not reachable.
ABSENT = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EAI_FAIL")


def run(cases, *urls):
    """Runs the cases of a directory against engines, and returns the exit code. 0 if they are skipped, with a word."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        print("openai for Node.js: SKIPPED: node or npm not found")
        return 0
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.match(r"v(\d+)", version)[1]) < OLDEST:
        print(f"openai for Node.js: SKIPPED: Node.js {OLDEST} or newer not found, only {version.strip()}")
        return 0
    digest = hashlib.sha256((cases / "package-lock.json").read_bytes()).hexdigest()[:12]
    directory = target_directory() / "node" / f"clients-{digest}"
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json", "openai.mjs"):
            shutil.copy(cases / name, directory)
        if not (directory / "complete").exists():
            command = [npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]
            done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300)
            if done.returncode:
                output = done.stdout + done.stderr
                if any(sign in output for sign in ABSENT):
                    print(f"openai for Node.js: SKIPPED: the registry is not reachable: {last_line(output)}")
                    return 0
                print(f"openai for Node.js: FAILED: npm ci: {output}")
                return 1
            (directory / "complete").touch()
    env = os.environ | {"NO_PROXY": "*", "no_proxy": "*"}
    return subprocess.run([node, "openai.mjs", *urls], cwd=directory, env=env, timeout=300).returncode
