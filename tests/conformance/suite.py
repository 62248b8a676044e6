"""What the suite says, and what follows from it: outcomes check by check, exceptions, the table.

It leaves what is tested, and how it is reached, to `run.py`.
"""

import fnmatch
import json
import tempfile
import tomllib
from collections import namedtuple
from pathlib import Path

from official import Failed, run, say

HERE = Path(__file__).resolve().parent
SUITE_SECONDS = 120

# What the suite is asked to do at once: its package, the words, and how many scenarios must pass
# directly, so that a broken server makes the run fail and not empty.
Part = namedtuple("Part", "revision package words least")
RELEASE, NEXT = "conformance", "conformance-next"

# Of several outcomes under one name the worst counts.
WORST = ["INFO", "SUCCESS", "SKIPPED", "WARNING", "FAILURE"]


def ask(node, part, words, only="", env=None):
    """What the suite finds: for each scenario each check's outcome and what it says."""
    program = HERE / "node_modules" / part.package / "dist" / "index.js"
    with tempfile.TemporaryDirectory(prefix="conductor-conformance-") as folder:
        words = [node, program, *words, "--output-dir", folder, *part.words]
        code, out, err = run(words, SUITE_SECONDS, env=env, cwd=HERE)
        paths = Path(folder).glob("*/checks.json")
        found = {scenario_of(path.parent, words[2]): read_checks(path) for path in paths}
    if not found:
        raise Failed(f"the suite found nothing ({code}):\n{out[-2000:]}{err[-2000:]}")
    return {name: checks for name, checks in found.items() if only in name}


def scenario_of(folder, role):
    """`server-NAME-2026-11-21T10-58-00-586Z`, or that without `server-`, as the suite names folders."""
    name = folder.name.removeprefix("server-") if role == "server" else folder.name
    return name.rsplit("-", 6)[0]


def read_checks(path):
    """By id and name: one id may stand for several things that are checked."""
    worst = {}
    for check in json.loads(path.read_text()):
        key = check["id"], check["name"]
        outcome = check["status"], check.get("errorMessage") or check.get("description", "")
        worst[key] = max(worst.get(key, ("INFO", "")), outcome, key=lambda one: WORST.index(one[0]))
    return worst


def passes(checks):
    states = [state for state, _ in checks.values()]
    return "SUCCESS" in states and not {"FAILURE", "WARNING"} & set(states)


def lost(directly, through):
    """Ids of checks that succeed directly and not through the gateway, and what is said of them."""
    absent = ("ABSENT", "the suite did not get that far")
    return {
        key[0]: f"{through.get(key, absent)[0].lower()}: {through.get(key, absent)[1]}"
        for key, (state, _) in directly.items()
        if state == "SUCCESS" and through.get(key, absent)[0] != "SUCCESS"
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
                and {revision, revision.removesuffix(" released")} & set(entry.get("revisions", [revision]))
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

    def head(self, title, routes):
        say(f"\n{title:<46}{'revision':<20}{'direct':<8}" + "".join(f"{route:<14}" for route in routes))

    def row(self, role, part, scenario, directly, through):
        """`through` is what the suite found, by route and scenario."""
        revision = part.revision + (" released" if part.package == RELEASE else "")
        title, words = f"{role} {revision}", []
        self.count(title, "direct", "ok" if passes(directly) else "-")
        for route in through:
            if not passes(directly):
                words.append("-")
                continue
            failed = lost(directly, through[route].get(scenario, {}))
            word, wrong = self.exceptions.judge(scenario, revision, route, failed)
            words.append(word)
            self.wrong += [f"{scenario} ({revision}, {route}): {what}" for what in wrong]
            self.count(title, route, word)
        head = f"{scenario:<46}{revision:<20}{'ok' if passes(directly) else '-':<8}"
        say(head + "".join(f"{word:<14}" for word in words))

    def count(self, title, route, word):
        of = self.counts.setdefault(title, {}).setdefault(route, {"ok": 0, "known": 0, "FAIL": 0, "-": 0})
        of[word] += 1

    def end(self, whole):
        if whole:
            self.wrong += self.exceptions.unused()
        say("\nscenarios that pass")
        for title, routes in self.counts.items():
            counts = "  ".join(f"{route} {of['ok']}" for route, of in routes.items())
            say(f"  {title:<28} {counts}")
        for what in self.wrong:
            say(f"FAIL {what[:400]}")
        every = [
            of for routes in self.counts.values() for route, of in routes.items() if route != "direct"
        ]
        passed, known = (sum(of[word] for of in every) for word in ["ok", "known"])
        say(f"{passed} passed, {len(self.wrong)} failed, {known} skipped")
        return 1 if self.wrong else 0
