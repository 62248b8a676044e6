"""A server that does as its arguments say; for tests of the running system."""
import json
import os
import signal
import sys

habits = set(sys.argv[1:])
if "stubborn" in habits:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def result(method, params):
    if method == "initialize":
        us = {"name": "test", "version": "1"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": us}
    if method == "tools/list":
        return {"tools": [{"name": "do", "inputSchema": {"type": "object"}}]}
    if method == "tools/call":
        how = params.get("arguments", {}).get("how")
        if how == "die":
            os._exit(7)
        return None if how == "hang" else {"pid": os.getpid()}
    if method == "ping":
        return None if "mute" in habits else {}
    return {}


while True:
    line = sys.stdin.readline()
    if not line:
        if "stubborn" in habits:
            signal.pause()
            continue
        break
    message = json.loads(line)
    if "id" not in message or "method" not in message:
        continue
    answer = result(message["method"], message.get("params", {}))
    if answer is not None:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer}), flush=True)
