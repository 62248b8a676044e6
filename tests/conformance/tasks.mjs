// A server whose tools become tasks (io.modelcontextprotocol/tasks), which the SDK's servers cannot do yet:
// what the suite expects of one, written by hand. Only 2026-07-28 is spoken, the only revision that has
// the extension. The way to it, stdio or HTTP, is at the end.
//
//     node tasks.mjs stdio
//     node tasks.mjs http        the first line of stdout is the URL; ends when stdin does
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';

const REVISION = '2026-07-28';
const TASKS = 'io.modelcontextprotocol/tasks';
const META = 'io.modelcontextprotocol/';
const ENDED = ['completed', 'failed', 'cancelled'];

const complete = (members) => ({ resultType: 'complete', ...members });
const said = (text, more) => ({ content: [{ type: 'text', text }], ...more });
const form = (message, properties) => ({
    method: 'elicitation/create',
    params: { message, requestedSchema: { type: 'object', properties, required: Object.keys(properties) } },
});

class Refused extends Error {
    constructor(code, message, data) {
        super(message);
        this.error = { code, message, ...(data && { data }) };
    }
}
const needed = (capabilities) =>
    new Refused(-32021, 'Missing required client capability', { requiredCapabilities: capabilities });

// Tasks ------------------------------------------------------------------------------------------------

const tasks = new Map();

class Task {
    id = randomUUID();
    status = 'working';
    createdAt = new Date().toISOString();
    lastUpdatedAt = this.createdAt;
    open = {};
    waiting = [];

    /** A task that does `work`; what that returns is the result, what it throws the failure. */
    constructor(work) {
        tasks.set(this.id, this);
        work(this).then(
            (result) => this.becomes('completed', { result: complete(result) }),
            (error) => this.becomes('failed', { error: { code: -32603, message: error.message } }),
        );
    }

    becomes(status, more = {}) {
        if (ENDED.includes(this.status)) return;
        Object.assign(this, { status, lastUpdatedAt: new Date().toISOString(), more });
        if (ENDED.includes(status)) this.open = {};
    }

    /** Asks for all of `requests` at once; returns the answers when there is one for each. */
    asks(requests) {
        this.open = requests;
        this.becomes('input_required');
        return new Promise((resolve) => {
            const answers = {};
            this.answer = (responses) => {
                for (const [key, response] of Object.entries(responses)) {
                    if (!(key in this.open)) continue;
                    answers[key] = response;
                    delete this.open[key];
                }
                if (Object.keys(this.open).length) return;
                this.becomes('working');
                resolve(answers);
            };
        });
    }

    /** As a call is answered that became this task, or as `tasks/get` shows it. */
    shown(resultType, more) {
        const { id: taskId, status, createdAt, lastUpdatedAt } = this;
        return { resultType, taskId, status, createdAt, lastUpdatedAt, ttlMs: 60_000, pollIntervalMs: 100, ...more };
    }

    get() {
        const asked = this.status === 'input_required' && { inputRequests: this.open };
        return this.shown('complete', { ...asked, ...this.more });
    }
}

// Tools ------------------------------------------------------------------------------------------------

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

// What each does as a task; `alone` where it can do the same without one.
const TOOLS = {
    greet: { now: ({ name }) => said(`Hello, ${name}!`) },
    slow_compute: {
        alone: true,
        work: async (_task, { seconds = 0, label = '' }) => {
            await pause(seconds);
            return said(`computed ${label} in ${seconds} s`);
        },
    },
    failing_job: { work: async () => said('this tool fails', { isError: true }) },
    protocol_error_job: {
        work: async () => {
            throw new Error('the job broke');
        },
    },
    confirm_delete: {
        work: async (task, { filename }) => {
            const { sure } = await task.asks({ sure: form(`Delete ${filename}?`, { confirm: { type: 'boolean' } }) });
            return said(sure.content?.confirm ? `deleted ${filename}` : `kept ${filename}`);
        },
    },
    multi_input: {
        work: async (task) => {
            const properties = { name: { type: 'string' }, confirm: { type: 'boolean' } };
            const { first, second } = await task.asks({ first: form('First?', properties), second: form('Second?', properties) });
            return said(`${first.content?.name} and ${second.content?.name}`);
        },
    },
    test_tool_with_task: {
        // Asks before it makes the task, and goes on with what was answered.
        first: (responses) =>
            responses?.user_name ? undefined : { user_name: form('What is your name?', { name: { type: 'string' } }) },
        work: async (_task, _args, responses) => said(`Hello, ${responses.user_name.content?.name}!`),
    },
};

async function call({ name, arguments: args = {}, inputResponses }, can) {
    const tool = TOOLS[name];
    if (!tool) throw new Refused(-32602, `Unknown tool: ${name}`);
    if (tool.now) return complete(tool.now(args));
    const tasked = can.extensions?.[TASKS];
    if (!tasked && tool.alone) return complete(await tool.work(undefined, args));
    if (!tasked) throw needed({ extensions: { [TASKS]: {} } });
    const inputRequests = tool.first?.(inputResponses);
    if (inputRequests) return { resultType: 'input_required', inputRequests, requestState: 'asked' };
    return new Task((task) => tool.work(task, args, inputResponses)).shown('task');
}

// Methods ----------------------------------------------------------------------------------------------

const SEEN = { ttlMs: 0, cacheScope: 'private' };
const METHODS = {
    'server/discover': () => complete({
        supportedVersions: [REVISION], capabilities: { tools: {}, extensions: { [TASKS]: {} } }, ...SEEN,
        _meta: { [`${META}serverInfo`]: { name: 'conformance-tasks', version: '1.0.0' } },
    }),
    'ping': () => complete({}),
    'tools/list': () => complete({
        tools: Object.keys(TOOLS).map((name) => ({ name, inputSchema: { type: 'object' } })), ...SEEN,
    }),
    'tools/call': call,
    'tasks/get': (params, can) => task(params, can).get(),
    'tasks/update': (params, can) => {
        task(params, can).answer?.(params.inputResponses ?? {});
        return complete({});
    },
    'tasks/cancel': (params, can) => {
        task(params, can).becomes('cancelled');
        return complete({});
    },
};

function task({ taskId }, can) {
    if (!can.extensions?.[TASKS]) throw needed({ extensions: { [TASKS]: {} } });
    const found = tasks.get(taskId);
    if (!found) throw new Refused(-32602, `Unknown task: ${taskId}`);
    return found;
}

/** The answer to one request; `headers` are those it came with over HTTP. */
async function answer({ id, method, params = {} }, headers) {
    try {
        const meta = params._meta ?? {};
        if (meta[`${META}protocolVersion`] !== REVISION) {
            const data = { supported: [REVISION], requested: meta[`${META}protocolVersion`] ?? '' };
            throw new Refused(-32022, 'Unsupported protocol version', data);
        }
        if (!METHODS[method]) throw new Refused(-32601, `Unknown method: ${method}`);
        if (headers) repeats(headers, method, params);
        const result = await METHODS[method](params, meta[`${META}clientCapabilities`] ?? {});
        return { jsonrpc: '2.0', id, result };
    } catch (error) {
        return { jsonrpc: '2.0', id, error: error.error ?? { code: -32603, message: String(error) } };
    }
}

/** Headers have to say what the body says. */
function repeats(headers, method, params) {
    const name = { 'tools/call': params.name }[method] ?? (method.startsWith('tasks/') ? params.taskId : undefined);
    for (const [header, value] of [['mcp-method', method], ['mcp-name', name], ['mcp-protocol-version', REVISION]]) {
        if (value !== undefined && headers[header] !== value) {
            throw new Refused(-32020, `${header} is ${headers[header]} and the body says ${value}`);
        }
    }
}

// Ways -------------------------------------------------------------------------------------------------

const STATUS = { [-32601]: 404, [-32020]: 400, [-32021]: 400, [-32022]: 400, [-32700]: 400 };

function serveHttp() {
    const server = createServer(async (req, res) => {
        const parts = [];
        for await (const part of req) parts.push(part);
        if (req.method !== 'POST') return res.writeHead(405, { allow: 'POST' }).end();
        const message = JSON.parse(Buffer.concat(parts).toString());
        if (message.id === undefined) return res.writeHead(202).end();
        const body = await answer(message, req.headers);
        res.writeHead(STATUS[body.error?.code] ?? 200, { 'content-type': 'application/json' });
        res.end(JSON.stringify(body));
    });
    server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/mcp`));
    process.stdin.on('end', () => process.exit(0)).resume();
}

async function serveStdio() {
    for await (const line of createInterface({ input: process.stdin })) {
        const message = JSON.parse(line);
        if (message.id !== undefined) void answer(message).then((body) => console.log(JSON.stringify(body)));
    }
    process.exit(0);
}

await (process.argv[2] === 'http' ? serveHttp() : serveStdio());
