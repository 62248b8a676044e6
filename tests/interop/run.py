#!/usr/bin/env python3
"""Official MCP clients against official MCP servers through the gateway.

Five real servers (everything, filesystem, memory from npm; time, git from PyPI) stand behind one
daemon. The TypeScript SDK (2.x in both negotiation modes, 1.x), the Python SDK (2.x, 1.x) and the
command line of MCP Inspector each list all tools and call one on each server, over HTTP and over
`conductor stdio`. Names must be `server.tool` and every result the right one. The SDKs also list
prompts and resources of all and read one of each of `everything`.

    python3 tests/interop/run.py target/debug/conductor
    python3 tests/interop/run.py --direct        # the same without a gateway, server by server
    python3 tests/interop/run.py --install-only

Exit code 0: all passed, or skipped because npm or pip is absent (a line says so; --no-skip makes
that a failure). 1: a check failed. 2: the packages could not be installed, or the daemon not started.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from official import Daemon, Failed, fresh, last_lines, must, node_from, run, say  # noqa: E402

HERE = Path(__file__).resolve().parent
BIN = HERE / "node_modules" / ".bin"
V2 = HERE / ".venv" / "v2"
V1 = HERE / ".venv" / "v1"
CLIENT_SECONDS = 90
LIST_SECONDS = 40


# Installing ---------------------------------------------------------------------------------------


def install():
    mark = HERE / "node_modules" / ".installed"
    if not fresh(mark, HERE / "package.json"):
        words = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
        must(words, "npm install", HERE)
        mark.write_text((HERE / "package.json").read_text())
    for place, name in [(V2, "requirements.txt"), (V1, "requirements-v1.txt")]:
        mark = place / ".installed"
        if not fresh(mark, HERE / name):
            must([sys.executable, "-m", "venv", place], f"venv for {name}", HERE)
            pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet"]
            must([*pip, "--disable-pip-version-check", "-r", HERE / name], f"pip install {name}", HERE)
            mark.write_text((HERE / name).read_text())


def missing_tools():
    missing = [tool for tool in ["node", "npm", "git"] if not shutil.which(tool)]
    for module in ["pip", "venv", "ensurepip"]:
        if run([sys.executable, "-c", f"import {module}"], 20)[0] != 0:
            missing.append(f"python module {module}")
    if sys.version_info < (3, 10):
        missing.append("python 3.10 or newer")
    return missing


# What stands behind the gateway, and what is asked of it --------------------------------------------


class World:
    """A folder with everything the servers work on."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.files = self.folder / "files"
        self.files.mkdir()
        (self.files / "hello.txt").write_text("hello from a file\n")
        self.repo = self.folder / "repo"
        self.repo.mkdir()
        (self.repo / "a.txt").write_text("a\n")
        author = ["-c", "user.name=interop", "-c", "user.email=interop@example.invalid"]
        must(["git", "init", "-q"], "git init", self.repo)
        must(["git", "add", "a.txt"], "git add", self.repo)
        must(["git", *author, "commit", "-q", "-m", "first interop commit"], "git commit", self.repo)
        self.round = 0

    def servers(self):
        memory = self.folder / "memory.json"
        return {
            "everything": {"command": str(BIN / "mcp-server-everything"), "args": ["stdio"]},
            "filesystem": {
                "command": str(BIN / "mcp-server-filesystem"), "args": [str(self.files)],
            },
            "memory": {
                "command": str(BIN / "mcp-server-memory"), "args": [],
                "env": {"MEMORY_FILE_PATH": str(memory)},
            },
            "time": {
                "command": str(V2 / "bin" / "mcp-server-time"), "args": ["--local-timezone", "UTC"],
            },
            "git": {
                "command": str(V2 / "bin" / "mcp-server-git"),
                "args": ["--repository", str(self.repo)],
            },
        }

    def calls(self):
        """One call for each server and a text that must be in its result; new for every client."""
        self.round += 1
        entity = {"name": f"entity-{self.round}", "entityType": "test", "observations": ["seen"]}
        zones = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
        return [
            ("everything", "echo", {"message": f"round {self.round}"}, f"round {self.round}"),
            ("filesystem", "read_text_file", {"path": str(self.files / "hello.txt")},
             "hello from a file"),
            ("memory", "create_entities", {"entities": [entity]}, f"entity-{self.round}"),
            ("time", "convert_time", zones, "21:00"),
            ("git", "git_log", {"repo_path": str(self.repo), "max_count": 1},
             "first interop commit"),
        ]

    def settings(self, name):
        """A settings file of its own for every gateway: state, port and servers."""
        servers = {key: {**value, "required": True} for key, value in self.servers().items()}
        text = {
            "listen": {"http": "127.0.0.1:0"},
            "state": {"dir": str(self.folder / f"state-{name}")},
            "mcpServers": servers,
        }
        path = self.folder / f"conductor-{name}.json"
        path.write_text(json.dumps(text, indent=2))
        return path


# The clients ----------------------------------------------------------------------------------------


def sdk_client(words, sdk, mode=None):
    """A client script; it is given the whole task at once."""

    def ask(target, calls):
        task = {"sdk": sdk, "mode": mode, "env": {}, "listSeconds": LIST_SECONDS, **target}
        task["calls"] = [{"tool": tool, "arguments": arguments} for tool, arguments in calls]
        code, out, err = run([*words, json.dumps(task)], CLIENT_SECONDS, cwd=HERE)
        if code != 0:
            raise AssertionError(f"the client ended with {code}: {last_lines(err)}")
        answer = json.loads(out.strip().splitlines()[-1])
        return answer["tools"], answer["results"], answer["library"]

    return ask


def inspector(node):
    """The Inspector's command line: a new process, and over stdio a new gateway, for every method."""

    def once(target, words):
        base = [node, BIN / "mcp-inspector", "--cli"]
        if "url" in target:
            base += [target["url"], "--transport", "http"]
        else:
            for key, value in target.get("env", {}).items():
                base += ["-e", f"{key}={value}"]
            base += ["--transport", "stdio"]
            # Behind `--` so that the command's own switches are not taken for the Inspector's.
            words = [*words, "--", *target["command"]]
        code, out, err = run([*base, *words], CLIENT_SECONDS)
        if code != 0:
            raise AssertionError(f"the Inspector ended with {code}: {last_lines(out + err)}")
        return json.loads(out[out.index("{"):])

    def ask(target, calls):
        listed = once(target, ["--method", "tools/list"])
        results = []
        for tool, arguments in calls:
            words = ["--method", "tools/call", "--tool-name", tool]
            for key, value in arguments.items():
                text = value if isinstance(value, str) else json.dumps(value)
                words += ["--tool-arg", f"{key}={text}"]
            results.append(once(target, words))
        return [tool["name"] for tool in listed["tools"]], results, None

    return ask


def clients():
    node = node_from(HERE, (22, 19, 0))  # the Inspector needs a newer one than the SDKs
    typescript, python = ["node", HERE / "client.mjs"], HERE / "client.py"
    found = {
        "typescript 2.4.0": sdk_client(typescript, "2", "legacy"),
        "typescript 2.4.0 auto": sdk_client(typescript, "2", "auto"),
        "typescript 1.32.2": sdk_client(typescript, "1"),
        "python 2.3.0": sdk_client([V2 / "bin" / "python", python], "2"),
        "python 1.30.0": sdk_client([V1 / "bin" / "python", python], "1"),
    }
    if node:
        found["inspector 2.12.0"] = inspector(node)
    else:
        say("SKIPPED: the Inspector, which needs node 22.19 or newer")
    return found


# Judging --------------------------------------------------------------------------------------------


def check(ask, target, calls, separator):
    """Nothing if all is right, else what is wrong, for each server."""
    def name(server, tool):
        return f"{server}{separator}{tool}" if separator else tool

    asked = [(name(server, tool), arguments) for server, tool, arguments, _ in calls]
    if any(server == "everything" for server, *_ in calls):
        under = "demo://everything/" if separator else "demo://"
        target = {**target, "library": {"prompt": name("everything", "simple-prompt"), "under": under}}
    try:
        tools, results, library = ask(target, asked)
    except (AssertionError, ValueError, KeyError, IndexError) as error:
        return {server: str(error) for server, *_ in calls}
    wrong = {}
    for (server, tool, _, expected), result in zip(calls, results, strict=True):
        texts = [part.get("text", "") for part in result.get("content", [])]
        if name(server, tool) not in tools:
            wrong[server] = f"{name(server, tool)} is not listed among {len(tools)} tools"
        elif len(set(tools)) != len(tools):
            wrong[server] = "a tool is listed twice"
        elif result.get("isError") or not any(expected in text for text in texts):
            wrong[server] = f"wrong result: {json.dumps(result)[:400]}"
    if library is not None and "everything" not in wrong:
        wrong |= check_library(library, target["library"])
    servers = {server for server, *_ in calls}
    if separator:
        strange = [tool for tool in tools if tool.split(separator)[0] not in servers]
        if strange:
            wrong[calls[0][0]] = f"tools of no server: {strange[:3]}"
    return wrong


def check_library(library, wanted):
    """Nothing if prompts and resources of the server everything are right."""
    messages = library["prompt"].get("messages", [])
    contents = library["read"].get("contents", [])
    if wanted["prompt"] not in library["prompts"]:
        return {"everything": f"no {wanted['prompt']} among {library['prompts'][:5]}"}
    if not any(message["content"].get("text") for message in messages):
        return {"everything": f"wrong prompt: {json.dumps(library['prompt'])[:400]}"}
    if not any(content.get("text") for content in contents):
        return {"everything": f"wrong resource: {json.dumps(library['read'])[:400]}"}
    if any(not content["uri"].startswith(wanted["under"]) for content in contents):
        return {"everything": f"another server's address: {contents[0]['uri']}"}
    return {}


class Table:
    def __init__(self, servers):
        self.servers = servers
        self.failures = []
        self.passed = 0
        say(f"{'client':<24}{'over':<8}" + "".join(f"{name:<12}" for name in servers) + "seconds")

    def row(self, client, over, wrong, seconds):
        cells = "".join(f"{'FAIL' if name in wrong else 'ok':<12}" for name in self.servers)
        say(f"{client:<24}{over:<8}{cells}{seconds:.1f}")
        self.passed += len(self.servers) - len(wrong)
        self.failures += [f"{client} over {over}, {name}: {why}" for name, why in wrong.items()]

    def end(self):
        for failure in self.failures:
            say(f"FAIL {failure}")
        say(f"{self.passed} passed, {len(self.failures)} failed")
        return 1 if self.failures else 0


# The runs -------------------------------------------------------------------------------------------


def through_gateway(binary, world, only):
    table = Table(list(world.servers()))
    with Daemon(binary, world.settings("serve")) as daemon:
        url = daemon.url()
        for name, ask in chosen(only):
            if name.startswith("inspector"):
                wait_for_all(url, world)
            measure(table, name, "http", lambda: check(ask, {"url": url}, world.calls(), "."))
    for name, ask in chosen(only):
        settings = world.settings("stdio-" + name.replace(" ", "-"))
        target = {"command": [str(binary), "stdio", "--config", str(settings)]}
        measure(table, name, "stdio", lambda: check(ask, target, world.calls(), "."))
    return table.end()


def wait_for_all(url, world):
    """The Inspector lists once: let another client see all tools first."""
    words = [V2 / "bin" / "python", HERE / "client.py"]
    check(sdk_client(words, "2"), {"url": url}, world.calls(), ".")


def directly(world, only):
    servers = world.servers()
    table = Table(list(servers))
    for name, ask in chosen(only):
        def every():
            wrong = {}
            for call in world.calls():
                server = servers[call[0]]
                command = [server["command"], *server["args"]]
                target = {"command": command, "env": server.get("env", {})}
                wrong |= check(ask, target, [call], None)
            return wrong
        measure(table, name, "direct", every)
    return table.end()


def chosen(only):
    return [(name, ask) for name, ask in clients().items() if not only or only in name]


def measure(table, client, over, what):
    began = time.monotonic()
    wrong = what()
    table.row(client, over, wrong, time.monotonic() - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("conductor", nargs="?", help="the gateway's binary")
    parser.add_argument("--direct", action="store_true", help="without a gateway")
    parser.add_argument("--install-only", action="store_true", help="install the packages and end")
    parser.add_argument("--only", metavar="TEXT", help="only clients with TEXT in their name")
    parser.add_argument("--no-skip", action="store_true", help="what is missing is a failure")
    args = parser.parse_args()
    if not (args.conductor or args.direct or args.install_only):
        parser.error("name the conductor binary, or say --direct")
    missing = missing_tools()
    if missing:
        say(f"SKIPPED: interop needs {', '.join(missing)}")
        return 1 if args.no_skip else 0
    try:
        install()
        if args.install_only:
            return 0
        with tempfile.TemporaryDirectory(prefix="conductor-interop-") as folder:
            world = World(folder)
            if args.direct:
                return directly(world, args.only)
            return through_gateway(Path(args.conductor).resolve(), world, args.only)
    except Failed as error:
        say(f"FAIL {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
