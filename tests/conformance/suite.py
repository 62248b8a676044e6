"""What the suite says, and what follows from it: outcomes check by check, exceptions, the table.

It leaves what is tested, and how it is reached, to `run.py`.
"""

import fnmatch
import json
import re
import tempfile
import tomllib
from collections import namedtuple
from pathlib import Path

from official import Failed, run, say

HERE = Path(__file__).resolve().parent
SUITE_SECONDS = 120

# What the suite is asked to do at once: of which server, its package, the words, how many scenarios must
# pass directly, so that a broken server makes the run fail and not empty, and how the names begin of
# those that are meant.
Part = namedtuple("Part", "tested revision package words least prefix", defaults=[""])
RELEASE, NEXT = "conformance", "conformance-next"

# Of several outcomes under one name the worst counts.
WORST = ["INFO", "SUCCESS", "SKIPPED", "WARNING", "FAILURE"]


def program_of(package):
    return HERE / "node_modules" / package / "dist" / "index.js"


def scenarios(node, package):
    """All that the suite has, by package, role, name and revision. The released one speaks one revision."""
    code, out, err = run([node, program_of(package), "list"], SUITE_SECONDS, cwd=HERE)
    found, role = set(), None
    for line in out.splitlines():
        if line.endswith(":"):
            role = line.split()[0].lower()
        elif match := re.fullmatch(r"\s+- (\S+) \[(.*)\]", line):
            name, revisions = match.groups()
            speaks = ["2025-11-25"] if package == RELEASE else revisions.split(",")
            found |= {(package, role, name, revision) for revision in speaks}
    if not found:
        raise Failed(f"the suite lists nothing ({code}):\n{out[-2000:]}{err[-2000:]}")
    return found


def ask(node, part, words, only="", env=None):
    """What the suite finds: for each scenario each check's outcome and what it says."""
    program = program_of(part.package)
    with tempfile.TemporaryDirectory(prefix="conductor-conformance-") as folder:
        words = [node, program, *words, "--output-dir", folder, *part.words]
        code, out, err = run(words, SUITE_SECONDS, env=env, cwd=HERE)
        paths = Path(folder).glob("*/checks.json")
        found = {scenario_of(path.parent, words[2]): read_checks(path) for path in paths}
    if not found:
        raise Failed(f"the suite found nothing ({code}):\n{out[-2000:]}{err[-2000:]}")
    meant = (name for name in found if only in name and name.startswith(part.prefix))
    return {name: found[name] for name in meant}


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
    """Ids of checks that succeed directly and not through the gateway, or fail only through it, and what
    is said of them."""
    absent, bad = ("ABSENT", "the suite did not get that far"), {"FAILURE", "WARNING"}
    gone = {
        key: through.get(key, absent) for key, (state, _) in directly.items()
        if state == "SUCCESS" and through.get(key, absent)[0] != "SUCCESS"
    }
    new = {
        key: outcome for key, outcome in through.items()
        if outcome[0] in bad and directly.get(key, absent)[0] not in bad
    }
    return {key[0]: f"{state.lower()}: {why}" for key, (state, why) in (gone | new).items()}


# Exceptions ---------------------------------------------------------------------------------------


def names(entry, scenario):
    return any(fnmatch.fnmatchcase(scenario, pattern) for pattern in entry["scenarios"])


class Exceptions:
    def __init__(self, path):
        text = tomllib.loads(path.read_text())
        self.entries = text.get("exception", [])
        self.unasked = text.get("unasked", [])
        self.met = [0] * len(self.entries)

    def covering(self, scenario, revision, route):
        for at, entry in enumerate(self.entries):
            if (
                names(entry, scenario)
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

    def unexplained(self, missing):
        """Of the scenarios that are not asked for, by role, name and revision, those without a reason; and
        reasons that nothing needs."""
        covers = lambda entry, it: entry["role"] == it[0] and names(entry, it[1])
        wrong = [
            f"{scenario} ({role}, {revision}): the suite has it, and it is not asked for"
            for role, scenario, revision in sorted(missing)
            if not any(covers(entry, (role, scenario)) for entry in self.unasked)
        ]
        return wrong + [
            f"exceptions.toml: not asked for, but nothing matches {', '.join(entry['scenarios'])}"
            for entry in self.unasked if not any(covers(entry, one) for one in missing)
        ]


# The table ----------------------------------------------------------------------------------------


class Table:
    def __init__(self, exceptions):
        self.exceptions = exceptions
        self.counts = {}
        self.wrong = []
        self.asked = set()

    def head(self, title, routes):
        self.routes = routes = list(dict.fromkeys(routes))
        say(f"\n{title:<46}{'revision':<20}{'direct':<8}" + "".join(f"{route:<14}" for route in routes))

    def row(self, role, part, scenario, directly, through):
        """`through` is what the suite found, by route and scenario."""
        revision = part.revision + (" released" if part.package == RELEASE else "")
        title, words = f"{role} {revision}", []
        self.asked.add((part.package, role, scenario, part.revision))
        self.count(title, "direct", "ok" if passes(directly) else "-")
        for route in self.routes:
            if route not in through:
                words.append("")
                continue
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

    def compare(self, there):
        """Whether everything is asked for that the packages have, by package, role, name and revision."""
        missing = {
            (role, scenario, revision) for package, role, scenario, revision in there - self.asked
        }
        self.wrong += self.exceptions.unexplained(missing) + self.exceptions.unused()

    def end(self):
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
