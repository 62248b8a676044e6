// The server that the suite tests: stdio or HTTP, both eras, from the official SDK.
// What it offers is in `fixture.mjs`.
//
//     node server.mjs stdio
//     node server.mjs http        the first line of stdout is the URL; ends when stdin does
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { createMcpHandler, isInitializeRequest, isLegacyRequest } from '@modelcontextprotocol/server';
import {
    NodeStreamableHTTPServerTransport, localhostHostValidation, localhostOriginValidation, toNodeHandler, toWebRequest,
} from '@modelcontextprotocol/node';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { create } from './fixture.mjs';

const CHANGED = { tools: 'sendToolListChanged', prompts: 'sendPromptListChanged' };
const tellClient = (kind, server) => server[CHANGED[kind]]();

/** Events of one session, so that a client that comes back gets what it missed. */
class Events {
    kept = [];

    async storeEvent(stream, message) {
        this.kept.push({ stream, message });
        return String(this.kept.length - 1);
    }

    async getStreamIdForEventId(id) {
        return this.kept[Number(id)]?.stream;
    }

    async replayEventsAfter(last, { send }) {
        const { stream } = this.kept[Number(last)];
        for (const [at, event] of this.kept.entries()) {
            const missed = at > Number(last) && event.stream === stream && event.message?.jsonrpc;
            if (missed) await send(String(at), event.message);
        }
        return stream;
    }
}

/** Sessions of the older era; the newer one has none. */
class Sessions {
    open = new Map();

    async handle(req, res, body) {
        const id = req.headers['mcp-session-id'];
        if (id && !this.open.has(id)) return refuse(res, 404, -32001, 'Session not found');
        if (id) return this.open.get(id).handleRequest(req, res, body);
        if (!isInitializeRequest(body)) return refuse(res, 400, -32000, 'Session ID required');
        const transport = new NodeStreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            eventStore: new Events(),
            retryInterval: 2000,
            onsessioninitialized: (made) => void this.open.set(made, transport),
            onsessionclosed: (gone) => void this.open.delete(gone),
        });
        await create(tellClient).connect(transport);
        return transport.handleRequest(req, res, body);
    }
}

function refuse(res, status, code, message) {
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } }));
}

async function read(req) {
    const parts = [];
    for await (const part of req) parts.push(part);
    return Buffer.concat(parts).toString();
}

function serveHttp() {
    const modern = createMcpHandler(
        () => create((kind) => (kind === 'tools' ? modern.notify.toolsChanged() : modern.notify.promptsChanged())),
        { legacy: 'reject' },
    );
    const newer = toNodeHandler(modern);
    const older = new Sessions();
    const guards = [localhostHostValidation(), localhostOriginValidation()];
    const server = createServer(async (req, res) => {
        if (!guards.every((guard) => guard(req, res))) return;
        try {
            if (req.method !== 'POST') return await older.handle(req, res);
            const raw = await read(req);
            let body;
            try {
                body = JSON.parse(raw);
            } catch {
                return refuse(res, 400, -32700, 'Parse error');
            }
            const legacy = await isLegacyRequest(await toWebRequest(req, body), body);
            return await (legacy ? older.handle(req, res, body) : newer(req, res, body));
        } catch (error) {
            console.error(error);
            if (!res.headersSent) refuse(res, 500, -32603, 'Internal error');
        }
    });
    server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/mcp`));
    process.stdin.on('end', () => process.exit(0)).resume();
}

if (process.argv[2] === 'stdio') serveStdio(() => create(tellClient));
else if (process.argv[2] === 'http') serveHttp();
else throw new Error('say stdio or http');
