// This file lets an official TypeScript client list all tools and call some, read a prompt and a
// resource, and prints what it got.
// It judges nothing; run.py does. Argument: one JSON text, see run.py.

import { setTimeout as sleep } from "node:timers/promises";

const task = JSON.parse(process.argv[2]);

async function connect() {
  const info = { name: "conductor-interop", version: "1" };
  if (task.sdk === "1") {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = await import(
      "@modelcontextprotocol/sdk/client/streamableHttp.js"
    );
    const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
    const client = new Client(info);
    await client.connect(transport(StreamableHTTPClientTransport, StdioClientTransport));
    return client;
  }
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const client = new Client(info, { versionNegotiation: { mode: task.mode } });
  await client.connect(transport(StreamableHTTPClientTransport, StdioClientTransport));
  return client;
}

function transport(Http, Stdio) {
  if (task.url) {
    return new Http(new URL(task.url));
  }
  const [command, ...args] = task.command;
  return new Stdio({ command, args, env: { ...process.env, ...task.env }, stderr: "inherit" });
}

async function listAll(client) {
  const names = [];
  let cursor;
  do {
    const page = await client.listTools(cursor ? { cursor } : undefined, { cacheMode: "bypass" });
    names.push(...page.tools.map((tool) => tool.name));
    cursor = page.nextCursor;
  } while (cursor);
  return names;
}

// The names of prompts, the addresses of resources, and one of each.
async function library(client, wanted) {
  const prompts = (await client.listPrompts()).prompts.map((prompt) => prompt.name);
  const resources = (await client.listResources()).resources.map((resource) => resource.uri);
  const prompt = await client.getPrompt({ name: wanted.prompt });
  const uri = resources.find((uri) => uri.startsWith(wanted.under));
  return { prompts, resources, prompt, read: await client.readResource({ uri }) };
}

const client = await connect();
// Servers behind a gateway come up one after the other: wait for the value, within a limit.
const end = Date.now() + task.listSeconds * 1000;
let tools = await listAll(client);
const missing = () => task.calls.filter((call) => !tools.includes(call.tool));
while (missing().length > 0 && Date.now() < end) {
  await sleep(200);
  tools = await listAll(client);
}
const results = [];
for (const call of task.calls) {
  try {
    results.push(await client.callTool({ name: call.tool, arguments: call.arguments }));
  } catch (error) {
    results.push({ thrown: String(error) });
  }
}
const found = task.library ? await library(client, task.library) : null;
await client.close();
const answer = JSON.stringify({ tools, results, library: found });
process.stdout.write(answer + "\n", () => process.exit(0));
