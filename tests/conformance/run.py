#!/usr/bin/env python3
"""The official conformance suite against the gateway, as a server and as a client.

As a server: one made with the official SDK (server.mjs), and one with tasks (tasks.mjs), are tested by the
suite (its newest release and its newest pre-release, every revision each knows) directly, and then through
one daemon at /servers/NAME/mcp where each is a child on stdio and a remote server over HTTP, spoken to by the
rules of either era. As a client: a client of the official SDK (client.mjs) does what the suite asks
for at the suite's own server, directly and through a daemon that has that server as its only one.
What passes directly must pass through the gateway, check by check; what does not, and what is not asked
for, is in exceptions.toml, with the reason. `suite.py` judges.

    python3 tests/conformance/run.py target/debug/conductor
    python3 tests/conformance/run.py target/debug/conductor --only tools-call
    python3 tests/conformance/run.py --install-only
    python3 tests/conformance/run.py --newest

Exit code 0: all passed, or skipped because npm is absent (a line says so; --no-skip makes that a
failure). 1: something failed, an exception is not needed any more, or there is a newer suite (--newest). 2:
the packages could not be installed, or a process not started.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Semaphore

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from official import Daemon, Failed, Service, fresh, must, node_from, run, say  # noqa: E402
from suite import (  # noqa: E402
    HERE, NEXT, RELEASE, Exceptions, Part, Table, ask, passes, scenarios,
)

AT_ONCE = 3
SUITE = "@modelcontextprotocol/conformance"

# A server that is tested, and how the daemon reaches it: what the entry says beside command or url.
Tested = namedtuple("Tested", "program routes")
SDK = Tested("server.mjs", {
    "stdio": {},
    "stdio-modern": {"protocol": "modern"},
    "http": {},
    "http-legacy": {"protocol": "legacy"},
})
# The same where callers do not share it: for what depends on that.
APART = Tested("server.mjs", {"http-apart": {"protocol": "legacy", "isolation": "perCall"}})
TASKS = Tested("tasks.mjs", {"stdio": {}, "http": {}})
TESTED = [SDK, APART, TASKS]


def whole(revision, package=NEXT):
    version = ["--spec-version", revision] if package == NEXT else []
    return "--suite", "all", *version


SERVERS = [
    Part(SDK, "2025-03-26", NEXT, whole("2025-03-26"), 1),
    Part(SDK, "2025-06-18", NEXT, whole("2025-06-18"), 27),
    Part(SDK, "2025-11-25", NEXT, whole("2025-11-25"), 33),
    Part(SDK, "2026-07-28", NEXT, whole("2026-07-28"), 40),
    Part(APART, "2026-07-28", NEXT, ("--scenario", "input-required-result-basic-list-roots"), 1),
    Part(APART, "2026-07-28", NEXT, ("--scenario", "input-required-result-multiple-input-requests"), 1),
    Part(SDK, "extension", NEXT, ("--scenario", "sep-2640-skills-directory"), 1),
    Part(SDK, "extension", NEXT, ("--scenario", "sep-2640-skills-enumeration"), 1),
    Part(SDK, "extension", NEXT, ("--scenario", "sep-2640-skills-manifest"), 1),
    Part(SDK, "2025-11-25", RELEASE, whole("2025-11-25", RELEASE), 31),
    # Among others those of the extension, which no other choice names together.
    Part(TASKS, "extension", NEXT, ("--suite", "pending"), 9, "tasks-"),
]


def client_part(scenario, revision, package=NEXT):
    timed = package == NEXT and revision != "extension"
    version = ["--spec-version", revision] if timed else []
    return Part(None, revision, package, ("--scenario", scenario, *version), 1)


CLIENTS = [
    client_part("initialize", "2025-06-18"),
    client_part("tools_call", "2025-06-18"),
    client_part("initialize", "2025-11-25"),
    client_part("tools_call", "2025-11-25"),
    client_part("elicitation-sep1034-client-defaults", "2025-11-25"),
    client_part("sse-retry", "2025-11-25"),
    client_part("json-schema-2020-12-preservation", "2025-11-25"),
    client_part("tools_call", "2026-07-28"),
    client_part("request-metadata", "2026-07-28"),
    client_part("sep-2322-client-request-state", "2026-07-28"),
    client_part("http-standard-headers", "2026-07-28"),
    client_part("http-custom-headers", "2026-07-28"),
    client_part("http-invalid-tool-headers", "2026-07-28"),
    client_part("json-schema-ref-no-deref", "2026-07-28"),
    client_part("json-schema-2020-12-preservation", "2026-07-28"),
    client_part("sep-2640-client-no-prefetch", "extension"),
    client_part("sep-2640-client-verify-digest", "extension"),
    client_part("sep-2640-client-verify-frontmatter", "extension"),
    client_part("sep-2640-client-verify-size", "extension"),
    client_part("initialize", "2025-11-25", RELEASE),
    client_part("tools_call", "2025-11-25", RELEASE),
    client_part("elicitation-sep1034-client-defaults", "2025-11-25", RELEASE),
    client_part("sse-retry", "2025-11-25", RELEASE),
]


# Installing ---------------------------------------------------------------------------------------


def install():
    mark, lock = HERE / "node_modules" / ".installed", HERE / "package-lock.json"
    if not fresh(mark, lock):
        must(["npm", "ci", "--no-audit", "--no-fund"], "npm ci", HERE)
        mark.write_text(lock.read_text())


def newest():
    """Whether the newest release and the newest pre-release of the suite are those that are run."""
    ours = json.loads((HERE / "package.json").read_text())["dependencies"]
    code, out, err = run(["npm", "view", SUITE, "versions", "--json"], 60)
    if code != 0:
        raise Failed(f"npm view: {code}\n{err[-2000:]}")
    versions = json.loads(out)  # oldest first
    there = {
        RELEASE: [version for version in versions if "-" not in version][-1],
        NEXT: versions[-1],
    }
    late = [name for name, version in there.items() if ours[name] != f"npm:{SUITE}@{version}"]
    for name in late:
        say(f"FAIL {name} is {ours[name]}, and there is {there[name]}")
    return 1 if late else 0


def missing():
    tools = [tool for tool in ["node", "npm"] if not shutil.which(tool)]
    return [*tools, *(["python 3.11 or newer"] if sys.version_info < (3, 11) else [])]


# The run ------------------------------------------------------------------------------------------


def name_of(tested, route):
    return f"{Path(tested.program).stem}-{route}"


def settings(folder, node, urls):
    entries = {}
    for tested in TESTED:
        child = {"command": node, "args": [str(HERE / tested.program), "stdio"]}
        for route, more in tested.routes.items():
            way = {"url": urls[tested.program]} if route.startswith("http") else child
            entries[name_of(tested, route)] = {**way, **more, "required": True}
    text = {
        "listen": {"http": "127.0.0.1:0"}, "state": {"dir": f"{folder}/state"}, "mcpServers": entries,
    }
    path = Path(folder) / "conductor.json"
    path.write_text(json.dumps(text, indent=2))
    return path


def wait_until_ready(base):
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > end:
                raise Failed(f"the daemon is not ready: {error}") from error
        time.sleep(0.05)


def everything(binary, node, only):
    table = Table(Exceptions(HERE / "exceptions.toml"))
    room = Semaphore(AT_ONCE)

    def asked(*words, **more):
        with room:
            return ask(node, *words, **more)

    as_server(table, asked, binary, node, only)
    as_client(table, asked, binary, node, only)
    if not only:
        table.compare(scenarios(node, NEXT) | scenarios(node, RELEASE))
    return table.end()


@contextmanager
def listening(node):
    """The servers, and where each listens."""
    with ExitStack() as stack:
        services = {
            program: stack.enter_context(Service([node, HERE / program, "http"], "stdout"))
            for program in {tested.program for tested in TESTED}
        }
        yield {
            program: service.wait_for(lambda line: line.strip(), f"{program} does not listen")
            for program, service in services.items()
        }


def as_server(table, asked, binary, node, only):
    with (
        tempfile.TemporaryDirectory(prefix="conductor-conformance-") as folder,
        listening(node) as urls,
        Daemon(binary, settings(folder, node, urls)) as daemon,
        ExitStack() as stack,
    ):
        base = daemon.url().removesuffix("/mcp")
        wait_until_ready(base)
        table.head("as a server", [route for tested in TESTED for route in tested.routes])
        found = [(part, {}) for part in SERVERS]
        for tested in TESTED:
            ways = {"direct": urls[tested.program]}
            ways |= {route: f"{base}/servers/{name_of(tested, route)}/mcp" for route in tested.routes}
            for route, url in ways.items():
                # All ways at once, but on each one part after the other, as one client would go.
                turns = stack.enter_context(ThreadPoolExecutor(1))
                for part, routes in found:
                    if part.tested == tested:
                        words = ["server", "--url", url]
                        routes[route] = turns.submit(asked, part, words, only)
        for part, routes in found:
            rows(table, "server", part, routes, only)


def as_client(table, asked, binary, node, only):
    # The suite runs a command with a shell: the node it means is put first.
    folder = Path(shutil.which(node)).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    environments = {
        "direct": environment,
        "client": {**environment, "CONFORMANCE_GATEWAY": str(binary)},
    }
    words = ["client", "--command", "node client.mjs"]
    table.head("as a client", ["client"])
    parts = [part for part in CLIENTS if only in part.words[1]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [
            (part, {
                route: pool.submit(asked, part, words, env=env)
                for route, env in environments.items()
            })
            for part in parts
        ]
        for part, routes in found:
            rows(table, "client", part, routes, only)


def rows(table, role, part, asked, only):
    found = {route: one.result() for route, one in asked.items()}
    directly = found.pop("direct")
    good = sum(passes(checks) for checks in directly.values())
    if good < part.least and not only:
        bad = [name for name, checks in directly.items() if not passes(checks)]
        table.wrong.append(f"{' '.join(part.words)}: directly only {good} pass; not {', '.join(bad)}")
    for scenario in sorted(directly):
        table.row(role, part, scenario, directly[scenario], found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("conductor", nargs="?", help="the gateway's binary")
    parser.add_argument("--install-only", action="store_true", help="install the packages and end")
    parser.add_argument("--newest", action="store_true", help="ask the registry for a newer suite and end")
    parser.add_argument("--only", metavar="TEXT", default="", help="only scenarios with TEXT in their name")
    parser.add_argument("--no-skip", action="store_true", help="what is missing is a failure")
    args = parser.parse_args()
    if not (args.conductor or args.install_only or args.newest):
        parser.error("name the conductor binary")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    if lacking := missing():
        say(f"SKIPPED: conformance needs {', '.join(lacking)}")
        return 1 if args.no_skip else 0
    try:
        if args.newest:
            return newest()
        install()
        if args.install_only:
            return 0
        if not (node := node_from(HERE, (22, 0, 0))):
            say("SKIPPED: conformance needs node 22, and the package that brings one is for x86-64 Linux")
            return 1 if args.no_skip else 0
        return everything(Path(args.conductor).resolve(), node, args.only)
    except Failed as error:
        say(f"FAIL {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
