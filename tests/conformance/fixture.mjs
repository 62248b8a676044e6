// What the suite expects a server to offer: tools, prompts and resources under the names it asks for.
// How a client reaches them (stdio, HTTP, which era) is `server.mjs`'s.
//
// Everything is written once for both eras: a handler that needs something from the user or the model
// returns what it needs, and the SDK either says so in the result or asks with requests of its own.
import { randomBytes } from 'node:crypto';
import {
    McpServer, ResourceTemplate, acceptedContent, createRequestStateCodec, fromJsonSchema, inputRequired,
    CLIENT_CAPABILITIES_META_KEY,
} from '@modelcontextprotocol/server';
import { memorySkillFiles, SkillsExtension } from '@modelcontextprotocol/server/ext/skills';
import * as z from 'zod/v4';

const IMAGE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const SOUND = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';

// Every request of the newer era is served by a new instance: what one seals another must open.
const sealed = createRequestStateCodec({ key: randomBytes(32) });

// How often each list has changed: what one instance changes the others list as well.
const changes = { tools: 0, prompts: 0 };

const text = (words) => ({ type: 'text', text: words });
const answer = (...content) => ({ content });
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const form = (message, properties, required = Object.keys(properties)) =>
    inputRequired.elicit({ message, requestedSchema: { type: 'object', properties, required } });
const sample = (words, maxTokens) =>
    inputRequired.createMessage({ messages: [{ role: 'user', content: text(words) }], maxTokens });
const NAME = () => form('What is your name?', { name: { type: 'string' } });
const CONFIRM = () => form('Please confirm', { ok: { type: 'boolean' } });
const need = async (inputRequests, state) =>
    inputRequired({ inputRequests, ...(state && { requestState: await sealed.mint(state) }) });

// Tools ---------------------------------------------------------------------------------------------

function content(tool) {
    tool('test_simple_text', 'One text', () => answer(text('This is a simple text response for testing.')));
    tool('test_image_content', 'One image', () => answer({ type: 'image', data: IMAGE, mimeType: 'image/png' }));
    tool('test_audio_content', 'One sound', () => answer({ type: 'audio', data: SOUND, mimeType: 'audio/wav' }));
    const embedded = (name, mimeType, words) => ({
        type: 'resource', resource: { uri: `test://${name}`, mimeType, text: words },
    });
    tool('test_embedded_resource', 'One resource', () =>
        answer(embedded('embedded-resource', 'text/plain', 'This is an embedded resource content.')));
    tool('test_multiple_content_types', 'A text, an image and a resource', () => answer(
        text('Multiple content types test:'),
        { type: 'image', data: IMAGE, mimeType: 'image/png' },
        embedded('mixed-content-resource', 'application/json', JSON.stringify({ test: 'data', value: 123 })),
    ));
    tool('test_error_handling', 'Fails', () => {
        throw new Error('This tool intentionally returns an error for testing');
    });
    tool('test_streaming_elicitation', 'Asks for nothing', () => answer(text('no request of the server')));
}

function whileRunning(tool, change) {
    tool('test_tool_with_logging', 'Logs while it runs', async (_args, ctx) => {
        for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
            await ctx.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } });
            await wait(30);
        }
        return answer(text('logged three times'));
    });
    tool('test_logging_tool', 'Logs if the request wants it', async (_args, ctx) => {
        await ctx.mcpReq.log('info', 'test_logging_tool runs');
        return answer(text('logged'));
    });
    tool('test_tool_with_progress', 'Tells how far it is', async (_args, ctx) => {
        const progressToken = ctx.mcpReq._meta?.progressToken;
        for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
            const params = { progressToken, progress, total: 100, message: `Completed step ${progress} of 100` };
            await ctx.mcpReq.notify({ method: 'notifications/progress', params });
            await wait(30);
        }
        return answer(text(String(progressToken ?? 'no progress token')));
    });
    tool('test_reconnection', 'Closes its stream before it answers', async (_args, ctx) => {
        ctx.http?.closeSSE?.();
        await wait(1500);
        return answer(text('answered after the stream was closed'));
    });
    tool('test_trigger_tool_change', 'The tools change', () => {
        change('tools');
        return answer(text('tools changed'));
    });
    tool('test_trigger_prompt_change', 'The prompts change', () => {
        change('prompts');
        return answer(text('prompts changed'));
    });
}

/** What the suite of 2025-11-25 asks for: one round, whatever the wire. */
function oneRound(tool) {
    tool('test_sampling', 'Asks the model', z.object({ prompt: z.string() }), ({ prompt }, ctx) => {
        const said = ctx.mcpReq.inputResponses?.said;
        return said ? answer(text(`LLM response: ${said.content?.text}`)) : need({ said: sample(prompt, 100) });
    });
    const asks = (name, about, schema, message, properties, required) =>
        tool(name, about, schema, (args, ctx) => {
            const told = ctx.mcpReq.inputResponses?.told;
            if (!told) return need({ told: form(message(args), properties, required) });
            return answer(text(`User response: action=${told.action}, content=${JSON.stringify(told.content ?? {})}`));
        });
    asks('test_elicitation', 'Asks the user', z.object({ message: z.string() }), ({ message }) => message,
        { response: { type: 'string', description: "User's response" } });
    asks('test_elicitation_sep1034_defaults', 'Asks with defaults', z.object({}), () => 'Please review', {
        name: { type: 'string', description: 'User name', default: 'John Doe' },
        age: { type: 'integer', description: 'User age', default: 30 },
        score: { type: 'number', description: 'User score', default: 95.5 },
        status: { type: 'string', description: 'Status', enum: ['active', 'inactive', 'pending'], default: 'active' },
        verified: { type: 'boolean', description: 'Verification status', default: true },
    }, []);
    const titled = (...titles) => titles.map((title, at) => ({ const: `value${at + 1}`, title }));
    const options = ['option1', 'option2', 'option3'];
    asks('test_elicitation_sep1330_enums', 'Asks with choices', z.object({}), () => 'Please select', {
        untitledSingle: { type: 'string', description: 'one', enum: options },
        titledSingle: { type: 'string', description: 'one', oneOf: titled('First', 'Second', 'Third') },
        legacyEnum: {
            type: 'string', description: 'one', enum: ['opt1', 'opt2', 'opt3'],
            enumNames: ['Option One', 'Option Two', 'Option Three'],
        },
        untitledMulti: {
            type: 'array', description: 'some', minItems: 1, maxItems: 3, items: { type: 'string', enum: options },
        },
        titledMulti: {
            type: 'array', description: 'some', minItems: 1, maxItems: 3,
            items: { anyOf: titled('First', 'Second', 'Third') },
        },
    }, []);
}

/** What the suite of 2026-07-28 asks for: results that say what is missing, state, more rounds. */
function rounds(tool) {
    const prefix = 'test_input_required_result_';
    const once = (name, about, key, request, done) => tool(name, about, (_args, ctx) => {
        const got = ctx.mcpReq.inputResponses?.[key];
        return got ? answer(text(done(got))) : need({ [key]: request() });
    });
    tool(`${prefix}elicitation`, 'Asks for a name', (_args, ctx) => {
        const name = acceptedContent(ctx.mcpReq.inputResponses, 'user_name')?.name;
        return typeof name === 'string' ? answer(text(`Hello, ${name}!`)) : need({ user_name: NAME() });
    });
    once(`${prefix}sampling`, 'Asks the model', 'capital_question',
        () => sample('What is the capital of France?', 100), (got) => `Sampling response: ${got.content?.text}`);
    once(`${prefix}list_roots`, 'Asks for roots', 'client_roots', () => inputRequired.listRoots(),
        (got) => `Roots: ${got.roots?.map((root) => root.uri).join(', ')}`);
    once('test_missing_capability', 'Needs a model', 'llm_answer', () => sample('Say pong', 16), () => 'sampled');
    for (const kind of ['request_state', 'tampered_state']) {
        tool(`${prefix}${kind}`, 'Keeps state', (_args, ctx) => {
            const known = ctx.mcpReq.requestState();
            const confirmed = acceptedContent(ctx.mcpReq.inputResponses, 'confirm');
            return known && confirmed ? answer(text('state-ok: sealed by this server')) : need({ confirm: CONFIRM() }, { kind });
        });
    }
    tool(`${prefix}multiple_inputs`, 'Asks for three things', (_args, ctx) => {
        const got = ctx.mcpReq.inputResponses;
        const name = acceptedContent(got, 'user_name')?.name;
        const greeting = got?.greeting?.content?.text;
        const roots = got?.client_roots?.roots;
        if (name && greeting && roots) return answer(text(`${greeting} ${name}, ${roots.length} roots`));
        const all = { user_name: NAME(), greeting: sample('Generate a greeting', 50), client_roots: inputRequired.listRoots() };
        return need(all, { kind: 'multiple' });
    });
    tool(`${prefix}multi_round`, 'Asks twice', (_args, ctx) => {
        const state = ctx.mcpReq.requestState();
        const got = ctx.mcpReq.inputResponses;
        const name = acceptedContent(got, 'step1')?.name;
        const color = acceptedContent(got, 'step2')?.color;
        if (state?.round === 2 && color) return answer(text(`Multi-round complete: ${state.name} likes ${color}`));
        if (state?.round === 1 && name) {
            const second = form('Step 2: What is your favorite color?', { color: { type: 'string' } });
            return need({ step2: second }, { round: 2, name });
        }
        return need({ step1: form('Step 1: What is your name?', { name: { type: 'string' } }) }, { round: 1 });
    });
    tool(`${prefix}capabilities`, 'Asks for what the client can do', (_args, ctx) => {
        if (ctx.mcpReq.inputResponses) return answer(text('got what the client can do'));
        const can = ctx.mcpReq.envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
        const inputs = {
            ...(can.elicitation && { user_name: NAME() }),
            ...(can.sampling && { greeting: sample('Generate a greeting', 50) }),
            ...(can.roots && { client_roots: inputRequired.listRoots() }),
        };
        return Object.keys(inputs).length ? need(inputs) : answer(text('the client can do nothing'));
    });
}

function schemas(tool) {
    const region = { type: 'string', 'x-mcp-header': 'Region' };
    const mirrored = { type: 'object', properties: { region, level: { type: 'integer' } } };
    tool('test_x_mcp_header', 'An argument that is mirrored in a header', fromJsonSchema(mirrored),
        (args) => answer(text(`region=${args.region}`)));
    tool('json_schema_2020_12_tool', 'Words of JSON Schema 2020-12', fromJsonSchema({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        $defs: {
            address: {
                $anchor: 'addressDef', type: 'object',
                properties: { street: { type: 'string' }, city: { type: 'string' } },
            },
        },
        properties: {
            name: { type: 'string' },
            address: { $ref: '#/$defs/address' },
            contactMethod: { type: 'string', enum: ['phone', 'email'] },
            phone: { type: 'string' },
            email: { type: 'string' },
        },
        allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
        if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
        then: { required: ['phone'] },
        else: { required: ['email'] },
        additionalProperties: false,
    }), (args) => answer(text(JSON.stringify(args))));
}

// Prompts and resources --------------------------------------------------------------------------------

function prompts(server) {
    const says = (...contents) => ({ messages: contents.map((part) => ({ role: 'user', content: part })) });
    const prompt = (name, description, argsSchema, handler) =>
        server.registerPrompt(name, argsSchema ? { description, argsSchema } : { description }, handler);
    prompt('test_simple_prompt', 'One message', null, () => says(text('This is a simple prompt for testing.')));
    prompt('test_prompt_with_arguments', 'Two arguments', z.object({ arg1: z.string(), arg2: z.string() }),
        ({ arg1, arg2 }) => says(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)));
    prompt('test_prompt_with_embedded_resource', 'A resource', z.object({ resourceUri: z.string() }),
        ({ resourceUri: uri }) => says(
            { type: 'resource', resource: { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } },
            text('Please process the embedded resource above.'),
        ));
    prompt('test_prompt_with_image', 'An image', null, () =>
        says({ type: 'image', data: IMAGE, mimeType: 'image/png' }, text('Please analyze the image above.')));
    prompt('test_input_required_result_prompt', 'Asks before it answers', null, (ctx) => {
        const context = acceptedContent(ctx.mcpReq.inputResponses, 'user_context')?.context;
        if (context) return says(text(`Use the following context: ${context}`));
        return need({ user_context: form('What context should the prompt use?', { context: { type: 'string' } }) });
    });
}

function resources(server) {
    const resource = (name, at, about, part) =>
        server.registerResource(name, at, about, (uri, variables) => ({
            contents: [{ uri: String(uri), mimeType: about.mimeType, ...part(variables) }],
        }));
    const plain = { description: 'For testing', mimeType: 'text/plain' };
    resource('static-text', 'test://static-text', plain, () => ({
        text: 'This is the content of the static text resource.',
    }));
    resource('static-binary', 'test://static-binary', { ...plain, mimeType: 'image/png' }, () => ({ blob: IMAGE }));
    resource('watched-resource', 'test://watched-resource', plain, () => ({ text: 'Watched resource content' }));
    const template = new ResourceTemplate('test://template/{id}/data', { list: undefined });
    resource('template', template, { ...plain, mimeType: 'application/json' }, ({ id }) => ({
        text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
    }));
}

const skill = `---
name: greet
description: How to greet people
---
Say hello. The words are in words/words.txt.
`;
const greet = { [`${'SKILL'}.md`]: skill, 'words/words.txt': 'hello' };
const skills = await SkillsExtension.load(
    memorySkillFiles(Object.fromEntries(Object.entries(greet).map(([name, file]) => [`greet/${name}`, file]))),
);

/** A new instance of the server; `change(kind)` is called when its tools or prompts are to change. */
export function create(change) {
    const lists = { listChanged: true };
    const server = new McpServer({ name: 'conformance-fixture', version: '1.0.0' }, {
        capabilities: {
            tools: lists, prompts: lists, resources: { ...lists, subscribe: true }, logging: {}, completions: {},
        },
        requestState: { verify: sealed.verify },
    });
    const tool = (name, description, ...rest) => {
        const [inputSchema, handler] = rest.length === 2 ? rest : [z.object({}), rest[0]];
        return server.registerTool(name, { description, inputSchema }, handler);
    };
    const about = (kind) => `The ${kind} have changed ${changes[kind]} times`;
    const listed = {
        tools: tool('test_changing_tool', about('tools'), () => answer(text(about('tools')))),
        prompts: server.registerPrompt('test_changing_prompt', { description: about('prompts') }, () =>
            ({ messages: [{ role: 'user', content: text(about('prompts')) }] })),
    };
    content(tool);
    whileRunning(tool, (kind) => {
        changes[kind] += 1;
        listed[kind].description = about(kind);
        change(kind, server);
    });
    oneRound(tool);
    rounds(tool);
    schemas(tool);
    prompts(server);
    resources(server);
    skills.attach(server);
    for (const method of ['resources/subscribe', 'resources/unsubscribe', 'logging/setLevel']) {
        server.server.setRequestHandler(method, () => ({}));
    }
    const completion = { values: [], total: 0, hasMore: false };
    server.server.setRequestHandler('completion/complete', () => ({ completion }));
    return server;
}
