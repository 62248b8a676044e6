#!/usr/bin/env python3
"""The official conformance suite against a server behind the gateway.

A server from the official SDK (server.mjs) is tested by the suite (its newest release and its newest
pre-release, every revision each knows) directly, and then through one daemon at /servers/NAME/mcp
where it is a child on stdio and a remote server over HTTP, each spoken to by the rules of either era.
A scenario that passes directly must pass through the gateway, check by check; what does not yet is
in exceptions.toml, with the reason.

    python3 tests/conformance/run.py target/debug/conductor
    python3 tests/conformance/run.py target/debug/conductor --only tools-call
    python3 tests/conformance/run.py --install-only

Exit code 0: all passed, or skipped because npm is absent (a line says so; --no-skip makes that a
failure). 1: something failed, or an exception is not needed any more. 2: the packages could not be
installed, or a process not started.
"""

import argparse
import fnmatch
import json
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from official import Daemon, Failed, Service, fresh, must, node_from, run, say  # noqa: E402

HERE = Path(__file__).resolve().parent
SUITE_SECONDS = 120
AT_ONCE = 2

# How the daemon reaches the server: what its entry says beside command or url.
ROUTES = {
    "stdio": {},
    "stdio-modern": {"protocol": "modern"},
    "http": {},
    "http-legacy": {"protocol": "legacy"},
}

# What the suite is asked to do at once: its package, the words, and how many scenarios must pass
# directly, so that a broken server makes the run fail and not empty.
Part = namedtuple("Part", "revision package words least")
RELEASE, NEXT = "conformance", "conformance-next"
PARTS = [
    Part("2025-03-26", NEXT, ["--suite", "all", "--spec-version", "2025-03-26"], 1),
    Part("2025-06-18", NEXT, ["--suite", "all", "--spec-version", "2025-06-18"], 27),
    Part("2025-11-25", NEXT, ["--requirements", "2025-11-25"], 33),
    Part("2026-07-28", NEXT, ["--requirements", "2026-07-28"], 40),
    Part("extension", NEXT, ["--scenario", "sep-2640-skills-directory"], 1),
    Part("extension", NEXT, ["--scenario", "sep-2640-skills-enumeration"], 1),
    Part("extension", NEXT, ["--scenario", "sep-2640-skills-manifest"], 1),
    Part("2025-11-25", RELEASE, ["--suite", "all"], 31),
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


# The suite ----------------------------------------------------------------------------------------

# Of several outcomes under one name the worst counts.
WORST = ["INFO", "SUCCESS", "SKIPPED", "WARNING", "FAILURE"]


def ask_suite(node, part, url, only):
    """What the suite finds at `url`: for each scenario each check's outcome and what it says."""
    program = HERE / "node_modules" / part.package / "dist" / "index.js"
    with tempfile.TemporaryDirectory(prefix="conductor-conformance-") as folder:
        words = [node, program, "server", "--url", url, "--output-dir", folder, *part.words]
        code, out, err = run(words, SUITE_SECONDS, cwd=folder)
        found = {scenario_of(path.parent): read_checks(path) for path in Path(folder).glob("*/checks.json")}
    if not found:
        raise Failed(f"the suite found nothing ({code}):\n{out[-2000:]}{err[-2000:]}")
    return {name: checks for name, checks in found.items() if only in name}


def scenario_of(folder):
    """`server-NAME-2026-11-21T10-58-00-586Z`, as the suite names its folders."""
    return folder.name.removeprefix("server-").rsplit("-", 6)[0]


def read_checks(path):
    worst = {}
    for check in json.loads(path.read_text()):
        outcome = check["status"], check.get("errorMessage") or check.get("description", "")
        known = worst.get(check["id"], ("INFO", ""))
        worst[check["id"]] = max(known, outcome, key=lambda one: WORST.index(one[0]))
    return worst


def passes(checks):
    states = [state for state, _ in checks.values()]
    return "SUCCESS" in states and not {"FAILURE", "WARNING"} & set(states)


def lost(directly, through):
    """Checks that succeed directly and not through the gateway, and what is said of them."""
    absent = ("absent", "the suite did not get that far")
    return {
        check: f"{through.get(check, absent)[0].lower()}: {through.get(check, absent)[1]}"
        for check, (state, _) in directly.items()
        if state == "SUCCESS" and through.get(check, absent)[0] != "SUCCESS"
    }


# Exceptions ---------------------------------------------------------------------------------------


class Exceptions:
    def __init__(self, path):
        self.entries = tomllib.loads(path.read_text()).get("exception", [])
        self.met = [0] * len(self.entries)

    def covering(self, scenario, revision, route):
        for at, entry in enumerate(self.entries):
            if (
                any(fnmatch.fnmatchcase(scenario, pattern) for pattern in entry["scenarios"])
                and revision in entry.get("revisions", [revision])
                and route in entry.get("routes", [route])
            ):
                self.met[at] += 1
                yield entry

    def judge(self, scenario, revision, route, failed):
        """A word for the table, and what is wrong."""
        left, stale = dict(failed), []
        for entry in self.covering(scenario, revision, route):
            excused = entry.get("checks", list(failed))
            stale += [f"excepted, but {check} passes" for check in entry.get("checks", []) if check not in failed]
            stale += ["excepted, but passes"] if not failed else []
            left = {check: why for check, why in left.items() if check not in excused}
        wrong = [f"{check}: {why}" for check, why in left.items()] + stale
        return ("FAIL" if wrong else "known" if failed else "ok"), wrong

    def unused(self):
        return [
            f"exceptions.toml: nothing matches {', '.join(entry['scenarios'])}"
            for entry, met in zip(self.entries, self.met, strict=True) if not met
        ]


# The table ----------------------------------------------------------------------------------------


class Table:
    def __init__(self, exceptions):
        self.exceptions = exceptions
        self.counts = {}
        self.wrong = []
        say(f"{'scenario':<46}{'revision':<20}{'direct':<8}" + "".join(f"{route:<14}" for route in ROUTES))

    def row(self, part, scenario, directly, through):
        revision = part.revision + (" released" if part.package == RELEASE else "")
        words = []
        for route in ROUTES:
            if not passes(directly):
                words.append("-")
                continue
            failed = lost(directly, through[route].get(scenario, {}))
            word, wrong = self.exceptions.judge(scenario, part.revision, route, failed)
            words.append(word)
            self.wrong += [f"{scenario} ({revision}, {route}): {what}" for what in wrong]
            self.count(revision, route, word)
        self.count(revision, "direct", "ok" if passes(directly) else "-")
        head = f"{scenario:<46}{revision:<20}{'ok' if passes(directly) else '-':<8}"
        say(head + "".join(f"{word:<14}" for word in words))

    def count(self, revision, route, word):
        of = self.counts.setdefault(revision, {}).setdefault(route, {"ok": 0, "known": 0, "FAIL": 0, "-": 0})
        of[word] += 1

    def end(self, whole):
        if whole:
            self.wrong += self.exceptions.unused()
        say("\nscenarios that pass, of those that pass directly")
        for revision, routes in self.counts.items():
            total = routes["direct"]["ok"]
            counts = "".join(f"{route} {routes[route]['ok']}  " for route in ROUTES if route in routes)
            say(f"  {revision:<20} {total:>3} directly   {counts}")
        for what in self.wrong:
            say(f"FAIL {what[:400]}")
        every = [of for routes in self.counts.values() for route, of in routes.items() if route in ROUTES]
        passed, known = (sum(of[word] for of in every) for word in ["ok", "known"])
        say(f"{passed} passed, {len(self.wrong)} failed, {known} skipped")
        return 1 if self.wrong else 0


# The run ------------------------------------------------------------------------------------------


def settings(folder, node, url):
    server = {"command": node, "args": [str(HERE / "server.mjs"), "stdio"]}
    entries = {
        route: {**({"url": url} if route.startswith("http") else server), **more, "required": True}
        for route, more in ROUTES.items()
    }
    text = {"listen": {"http": "127.0.0.1:0"}, "state": {"dir": f"{folder}/state"}, "mcpServers": entries}
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
    with (
        tempfile.TemporaryDirectory(prefix="conductor-conformance-") as folder,
        Service([node, HERE / "server.mjs", "http"], "stdout") as server,
    ):
        url = server.wait_for(lambda line: line.strip(), "the server does not listen")
        with Daemon(binary, settings(folder, node, url)) as daemon:
            base = daemon.url().removesuffix("/mcp")
            wait_until_ready(base)
            urls = {route: f"{base}/servers/{route}/mcp" for route in ROUTES}
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for part in PARTS:
                    one_part(table, pool, node, part, {"direct": url, **urls}, only)
    return table.end(whole=not only)


def one_part(table, pool, node, part, urls, only):
    """One part over all routes at once; the server keeps nothing that they could share."""
    asked = {route: pool.submit(ask_suite, node, part, url, only) for route, url in urls.items()}
    found = {route: one.result() for route, one in asked.items()}
    directly = found.pop("direct")
    good = sum(passes(checks) for checks in directly.values())
    if good < part.least and not only:
        bad = [name for name, checks in directly.items() if not passes(checks)]
        table.wrong.append(f"{' '.join(part.words)}: directly only {good} pass; not {', '.join(bad)}")
    for scenario in sorted(directly):
        table.row(part, scenario, directly[scenario], found)


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
