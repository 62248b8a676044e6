// What the suite asks of a client, done with the official SDK: at the suite's own server, or through a
// gateway that has that server as its only one. What was right about it is the suite's to say.
//
//     node client.mjs URL       CONFORMANCE_GATEWAY names the gateway's binary; without it, directly
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { SkillsClient } from '@modelcontextprotocol/client/ext/skills';

const { CONFORMANCE_GATEWAY: binary, MCP_CONFORMANCE_SCENARIO: scenario } = process.env;
const { MCP_CONFORMANCE_PROTOCOL_VERSION: version, MCP_CONFORMANCE_CONTEXT: context } = process.env;
const modern = version >= '2026';

/** Calls these tools one after the other; a tool that refuses is no failure of the client. */
async function callAll(client, calls) {
    for (const [name, args] of calls) await client.callTool({ name, arguments: args }).catch(console.error);
}

const callEvery = (args) => async (client) => {
    const { tools } = await client.listTools();
    await callAll(client, tools.map((tool) => [tool.name, args]));
};

/** Loads every skill and then what belongs to it; one that is not what it was said to be is left alone. */
const loadSkills = async (client) => {
    const skills = new SkillsClient(client);
    for (const skill of (await skills.list()).skills) {
        try {
            await skills.read(skill);
            for (const { uri } of skill.resources) await skills.read(skill, uri);
        } catch (error) {
            console.error(error);
        }
    }
};

const SCENARIOS = {
    'initialize': (client) => client.listTools(),
    'tools_call': callEvery({ a: 5, b: 3 }),
    'elicitation-sep1034-client-defaults': callEvery({}),
    'sse-retry': callEvery({}),
    'request-metadata': (client) => client.listTools(),
    'sep-2322-client-request-state': callEvery({}),
    'http-standard-headers': async (client) => {
        await callEvery({})(client);
        for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
        for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name, arguments: {} });
    },
    'http-custom-headers': async (client) => {
        await client.listTools();
        await callAll(client, JSON.parse(context).toolCalls.map((call) => [call.name, call.arguments]));
    },
    'http-invalid-tool-headers': callEvery({ region: 'us-west1' }),
    'json-schema-ref-no-deref': (client) => client.listTools(),
    'json-schema-2020-12-preservation': async (client) => {
        const { tools } = await client.listTools();
        const { inputSchema: schema } = tools.find((tool) => tool.name === 'json_schema_2020_12_tool');
        await client.callTool({ name: 'json_schema_echo', arguments: { schema } });
    },
    'sep-2640-client-no-prefetch': (client) => new SkillsClient(client).list(),
    'sep-2640-client-verify-digest': loadSkills,
    'sep-2640-client-verify-frontmatter': loadSkills,
    'sep-2640-client-verify-size': loadSkills,
};

/** A gateway before `url`: where it is, and how it is ended. */
async function gateway(url) {
    const folder = mkdtempSync(join(tmpdir(), 'conductor-conformance-'));
    const settings = join(folder, 'conductor.json');
    const listen = { http: '127.0.0.1:0' };
    // Extensions are offered where client and server speak revisions of one kind; this server speaks both.
    const suite = !modern && scenario.startsWith('sep-2640') ? { url, protocol: 'legacy' } : { url };
    writeFileSync(settings, JSON.stringify({ listen, state: { dir: join(folder, 'state') }, mcpServers: { suite } }));
    const words = ['serve', '--log-format', 'json', '--config', settings];
    const daemon = spawn(binary, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise((done) => daemon.on('exit', done));
    const end = async () => {
        daemon.kill('SIGTERM');
        await ended;
        rmSync(folder, { recursive: true });
    };
    process.on('SIGTERM', () => void end().then(() => process.exit(1)));
    let at;
    let ready = false;
    for await (const line of createInterface(daemon.stderr)) {
        const said = JSON.parse(line);
        const { message, addr } = said.fields ?? said;
        if (message === 'listening' && String(addr).includes(':')) at = addr;
        // Before that, nobody knows which extensions the server has.
        ready ||= message === 'server ready';
        if (!at || !ready) continue;
        daemon.stderr.resume();
        return { url: `http://${at}/servers/suite/mcp`, end };
    }
    throw new Error('the gateway does not listen, or its server does not come up');
}

async function main(url) {
    const { url: at, end } = binary ? await gateway(url) : { url, end: () => {} };
    const client = new Client({ name: 'conformance-client', version: '1.0.0' }, {
        capabilities: { roots: {}, sampling: {}, elicitation: { form: { applyDefaults: true } } },
        versionNegotiation: { mode: modern ? 'auto' : 'legacy' },
    });
    client.setRequestHandler('elicitation/create', ({ params }) => {
        const asks = params.requestedSchema?.properties ?? {};
        return { action: 'accept', content: 'confirmed' in asks ? { confirmed: true } : {} };
    });
    try {
        await client.connect(new StreamableHTTPClientTransport(new URL(at)));
        await SCENARIOS[scenario](client);
        await client.close();
    } finally {
        await end();
    }
}

await main(process.argv[2]);
