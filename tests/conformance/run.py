#!/usr/bin/env python3
"""The official conformance suite against the gateway, as a server and as a client.

As a server: one made with the official SDK (server.mjs) is tested by the suite (its newest release and
its newest pre-release, every revision each knows) directly, and then through one daemon at
/servers/NAME/mcp where it is a child on stdio and a remote server over HTTP, each spoken to by the
rules of either era. As a client: a client of the official SDK (client.mjs) does what the suite asks
for at the suite's own server, directly and through a daemon that has that server as its only one.
What passes directly must pass through the gateway, check by check; what does not yet is in
exceptions.toml, with the reason. Signing in (auth/*) is not asked for: it is not built yet.

    python3 tests/conformance/run.py target/debug/conductor
    python3 tests/conformance/run.py target/debug/conductor --only tools-call
    python3 tests/conformance/run.py --install-only

Exit code 0: all passed, or skipped because npm is absent (a line says so; --no-skip makes that a
failure). 1: something failed, or an exception is not needed any more. 2: the packages could not be
installed, or a process not started.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from official import Daemon, Failed, Service, fresh, must, node_from, run, say  # noqa: E402
from suite import HERE, NEXT, RELEASE, Exceptions, Part, Table, ask, passes  # noqa: E402

AT_ONCE = 2

# How the daemon reaches the server: what its entry says beside command or url.
ROUTES = {
    "stdio": {},
    "stdio-modern": {"protocol": "modern"},
    "http": {},
    "http-legacy": {"protocol": "legacy"},
}

SERVERS = [
    Part("2025-03-26", NEXT, ["--suite", "all", "--spec-version", "2025-03-26"], 1),
    Part("2025-06-18", NEXT, ["--suite", "all", "--spec-version", "2025-06-18"], 27),
    Part("2025-11-25", NEXT, ["--requirements", "2025-11-25"], 33),
    Part("2026-07-28", NEXT, ["--requirements", "2026-07-28"], 40),
    Part("extension", NEXT, ["--scenario", "sep-2640-skills-directory"], 1),
    Part("extension", NEXT, ["--scenario", "sep-2640-skills-enumeration"], 1),
    Part("extension", NEXT, ["--scenario", "sep-2640-skills-manifest"], 1),
    Part("2025-11-25", RELEASE, ["--suite", "all"], 31),
]


def client_part(scenario, revision, package=NEXT):
    version = ["--spec-version", revision] if package == NEXT else []
    return Part(revision, package, ["--scenario", scenario, *version], 1)


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


def missing():
    tools = [tool for tool in ["node", "npm"] if not shutil.which(tool)]
    return [*tools, *(["python 3.11 or newer"] if sys.version_info < (3, 11) else [])]


# The run ------------------------------------------------------------------------------------------


def settings(folder, node, url):
    server = {"command": node, "args": [str(HERE / "server.mjs"), "stdio"]}
    entries = {
        route: {**({"url": url} if route.startswith("http") else server), **more, "required": True}
        for route, more in ROUTES.items()
    }
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
    with ThreadPoolExecutor(AT_ONCE) as pool:
        as_server(table, pool, binary, node, only)
        as_client(table, pool, binary, node, only)
    return table.end(whole=not only)


def as_server(table, pool, binary, node, only):
    with (
        tempfile.TemporaryDirectory(prefix="conductor-conformance-") as folder,
        Service([node, HERE / "server.mjs", "http"], "stdout") as server,
    ):
        url = server.wait_for(lambda line: line.strip(), "the server does not listen")
        with Daemon(binary, settings(folder, node, url)) as daemon:
            base = daemon.url().removesuffix("/mcp")
            wait_until_ready(base)
            urls = {"direct": url, **{route: f"{base}/servers/{route}/mcp" for route in ROUTES}}
            table.head("as a server", ROUTES)
            for part in SERVERS:
                # All routes at once: the server keeps nothing that they could share.
                asked = {
                    route: pool.submit(ask, node, part, ["server", "--url", url], only)
                    for route, url in urls.items()
                }
                rows(table, "server", part, asked, only)


def as_client(table, pool, binary, node, only):
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
    asked = [
        (part, {
            route: pool.submit(ask, node, part, words, "", env)
            for route, env in environments.items()
        })
        for part in parts
    ]
    for part, routes in asked:
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
    parser.add_argument("--only", metavar="TEXT", default="", help="only scenarios with TEXT in their name")
    parser.add_argument("--no-skip", action="store_true", help="what is missing is a failure")
    args = parser.parse_args()
    if not (args.conductor or args.install_only):
        parser.error("name the conductor binary")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    if lacking := missing():
        say(f"SKIPPED: conformance needs {', '.join(lacking)}")
        return 1 if args.no_skip else 0
    try:
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
