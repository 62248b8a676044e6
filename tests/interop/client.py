# This file lets an official Python client list all tools and call some, read a prompt and a
# resource, and prints what it got.
# It judges nothing; run.py does. Argument: one JSON text, see run.py.

import asyncio
import json
import os
import sys
import time
from contextlib import asynccontextmanager

import mcp
from mcp import StdioServerParameters


def parameters(task):
    command, *args = task["command"]
    return StdioServerParameters(command=command, args=args, env={**os.environ, **task["env"]})


@asynccontextmanager
async def connect(task):
    if task["sdk"] == "2":
        from mcp.client import Client

        async with Client(task.get("url") or parameters(task), cache=None) as client:
            yield client
        return
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamable_http_client

    url = task.get("url")
    transport = streamable_http_client(url) if url else stdio_client(parameters(task))
    async with transport as streams, mcp.ClientSession(streams[0], streams[1]) as session:
        await session.initialize()
        yield session


async def list_all(client, task):
    names, cursor = [], None
    while True:
        if task["sdk"] == "2" or cursor is None:
            page = await (client.list_tools(cursor=cursor) if cursor else client.list_tools())
        else:
            page = await client.list_tools(params=mcp.types.PaginatedRequestParams(cursor=cursor))
        names += [tool.name for tool in page.tools]
        cursor = getattr(page, "next_cursor", None) or getattr(page, "nextCursor", None)
        if not cursor:
            return names


async def library(client, wanted):
    """The names of prompts, the addresses of resources, and one of each."""
    prompts = (await client.list_prompts()).prompts
    resources = (await client.list_resources()).resources
    prompt = await client.get_prompt(wanted["prompt"])
    inside = [str(it.uri) for it in resources if str(it.uri).startswith(wanted["under"])]
    read = await client.read_resource(inside[0])
    dump = {"mode": "json", "by_alias": True, "exclude_none": True}
    return {
        "prompts": [it.name for it in prompts],
        "resources": [str(it.uri) for it in resources],
        "prompt": prompt.model_dump(**dump),
        "read": read.model_dump(**dump),
    }


async def main(task):
    async with connect(task) as client:
        # Servers behind a gateway come up one after the other: wait for the value, within a limit.
        end = time.monotonic() + task["listSeconds"]
        wanted = {call["tool"] for call in task["calls"]}
        tools = await list_all(client, task)
        while not wanted <= set(tools) and time.monotonic() < end:
            await asyncio.sleep(0.2)
            tools = await list_all(client, task)
        results = []
        for call in task["calls"]:
            try:
                result = await client.call_tool(call["tool"], call["arguments"])
                results.append(result.model_dump(mode="json", by_alias=True, exclude_none=True))
            except Exception as error:  # what it was is told, not handled
                results.append({"thrown": repr(error)})
        wanted = task.get("library")
        found = await library(client, wanted) if wanted else None
        print(json.dumps({"tools": tools, "results": results, "library": found}))


asyncio.run(main(json.loads(sys.argv[1])))
