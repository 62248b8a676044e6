#!/usr/bin/env python3
"""A schema-driven tester (schemathesis) against the REST API of a daemon, by its own /openapi.json.

It makes requests of all kinds, lawful and not, one by one and in sequences, and fails on any answer
that is a 5xx, is not in the document, or is not of the form that the document gives it. That a
request of the right form is accepted is not asked for: a program that is not there, or a duration that
is none, has the right form too.

    python3 tests/rest/run.py target/debug/conductor                    # a short run
    python3 tests/rest/run.py target/debug/conductor --examples 600     # some 10,000 requests
    python3 tests/rest/run.py --install-only

Exit code 0: all as the document says, or skipped because Python lacks what an installation needs.
1: something was not. 2: the package could not be installed, or the daemon did not start.
"""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from official import Daemon, Failed, fresh, must, run, say  # noqa: E402

VENV = HERE / ".venv"


def install():
    source, mark = HERE / "requirements.txt", VENV / "installed.txt"
    if fresh(mark, source):
        return
    say("installing schemathesis")
    must([sys.executable, "-m", "venv", VENV], "no virtual environment", HERE)
    must([VENV / "bin" / "pip", "install", "--quiet", "-r", source], "pip", HERE)
    mark.write_text(source.read_text())


def missing_tools():
    """What an installation needs and this machine has not."""
    modules = ["pip", "venv", "ensurepip"]
    missing = [name for name in modules if run([sys.executable, "-c", f"import {name}"], 20)[0] != 0]
    return missing if sys.version_info >= (3, 10) else [*missing, "python 3.10 or newer"]


def tried(binary, examples, seconds):
    with tempfile.TemporaryDirectory(prefix="conductor-rest-") as folder:
        folder = Path(folder)
        (folder / "state").mkdir(mode=0o700)
        settings = folder / "conductor.json"
        settings.write_text(json.dumps({
            "listen": {"http": "127.0.0.1:0"},
            "state": {"dir": str(folder / "state")},
            "mcpServers": {"sample": {"command": [str(binary), "sample-server"]}},
        }))
        with Daemon(binary, settings) as daemon:
            base = daemon.url().removesuffix("/mcp")
            token = (folder / "state" / "admin.token").read_text().strip()
            # One worker: CPython counts the depth of a syntax tree for the process, not for the thread, so
            # that two threads of the tester that read source code at once end in a SystemError.
            code, out, err = run([
                VENV / "bin" / "schemathesis", "run", f"{base}/openapi.json",
                "--header", f"Authorization: Bearer {token}",
                "--checks", "all", "--exclude-checks", "positive_data_acceptance",
                "--max-examples", examples, "--workers", 1, "--no-color",
            ], seconds, cwd=folder)
            alive = daemon.child.poll() is None
            panics = [line for line in daemon.lines if "panicked" in line]
    summary = re.search(r"Test cases:\n +(.*)", out)
    say(f"rest: {summary.group(1) if summary else 'no summary'}")
    if code != 0 or not alive or panics:
        say(out[-6000:] + err[-2000:] + "".join(panics))
        say(f"FAILED: exit code {code}, daemon {'alive' if alive else 'dead'}, {len(panics)} panics")
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", nargs="?", type=Path, help="the daemon's program")
    parser.add_argument("--examples", type=int, default=10, help="requests made of each kind")
    parser.add_argument("--seconds", type=int, default=900, help="how long all of it may take")
    parser.add_argument("--install-only", action="store_true")
    args = parser.parse_args()
    if missing := missing_tools():
        say(f"SKIPPED: rest needs {', '.join(missing)}")
        return 0
    try:
        install()
        if args.install_only:
            return 0
        if args.binary is None:
            parser.error("name the daemon's program")
        return 0 if tried(args.binary.resolve(), args.examples, args.seconds) else 1
    except Failed as failure:
        say(f"FAILED: {failure}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
