/** The edge of deploy/nginx as strangers meet it: what it refuses itself, and in which words. */
import { before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../api/own.mjs';
import { env } from '../api/stack.mjs';
import { atEnd } from '../endings.mjs';

const CONFIG = fileURLToPath(new URL('../../../deploy/nginx/ordersync.conf.in', import.meta.url));

const PAGE = '<!doctype html><title>A page</title>';

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const STACK = `server ${new URL(env.API_URLS.split(' ')[0]).host};`;

/** An nginx of the test's own before the stack's API, or others, for which 127.0.0.1 is as foreign as any address. */
async function startEdge(apis = STACK) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ordersync-edge-'));
  const port = await freePort();
  const hub = new URL(env.HUB_URLS.split(' ')[0]).host;
  const words = {
    USER: userInfo().username, LISTEN: `127.0.0.1:${port}`, WORKERS: '1', API_SERVERS: apis, HUB_SERVERS: `server ${hub};`,
    PAGES: folder, WS_ORIGIN: 'ws://127.0.0.1', RUN: folder, DESCRIPTORS: '4096', CONNECTIONS: '1024', EXEMPT: '',
  };
  const text = readFileSync(CONFIG, 'utf8').replace(/^ *#.*$/gm, '').replace(/@([A-Z_]+)@/g, (_, word) => words[word]);
  mkdirSync(path.join(folder, 'tmp'));
  writeFileSync(path.join(folder, 'nginx.conf'), text);
  writeFileSync(path.join(folder, 'index.html'), PAGE);
  const child = spawn('nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf'), '-e', 'stderr', '-g', 'daemon off;'], { stdio: ['ignore', 'ignore', 'inherit'] });
  atEnd(() => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  await until('the edge answers', () => fetch(`${url}/health`).then(({ ok }) => ok, () => false));
  return { url, port };
}

let edge;
before(async () => (edge = await startEdge()));

const MENU = `/api/v1/restaurants/${env.DEMO_RESTAURANT_ID}/menu`;

/** Sends text as it is, and returns status, headers and body of the reply behind which the edge closes. */
async function send(text) {
  const socket = net.connect(edge.port, '127.0.0.1').setEncoding('utf8');
  let answer = '';
  socket.on('data', (data) => (answer += data)).on('error', () => {});
  socket.write(text);
  await new Promise((resolve) => socket.on('close', resolve));
  const [head, body] = answer.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body: JSON.parse(body) };
}

const get = (target, headers = '') => send(`GET ${target} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n${headers}\r\n`);

for (const [what, call, status, code] of [
  ['a request line that is too long', () => get(`/api/${'x'.repeat(5000)}`), 414, 'URI_TOO_LONG'],
  ['a header that is too long', () => get(MENU, `X-Long: ${'x'.repeat(5000)}\r\n`), 431, 'HEADERS_TOO_LARGE'],
  ['too many headers', () => get(MENU, `X-Long: ${'x'.repeat(3900)}\r\n`.repeat(6)), 431, 'HEADERS_TOO_LARGE'],
  ['what is not HTTP', () => send('GET\r\n\r\n'), 400, 'INVALID_REQUEST'],
  ['a body that is too large', () => send('POST /api/v1/orders HTTP/1.1\r\nHost: edge\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 65537\r\n\r\n'), 413, 'BODY_TOO_LARGE'],
]) {
  test(`${what} is refused in the API's words`, async () => {
    const reply = await call();
    assert.deepEqual([reply.status, reply.body.status, reply.body.code], [status, status, code]);
    assert.match(reply.head, /^content-type: application\/problem\+json/m);
    assert.match(reply.head, /^x-content-type-options: nosniff/m);
    assert.match(reply.body.request_id, /^[0-9a-f]{32}$/);
  });
}

/** An API that is healthy, and dies of each other request before it has answered. */
async function startDying(arrived) {
  const server = http.createServer((incoming, outgoing) => {
    if (incoming.url === '/health') return outgoing.end('{}');
    arrived.push(incoming.method);
    incoming.resume().on('end', () => incoming.socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(() => server.close().closeAllConnections());
  return `server 127.0.0.1:${server.address().port} max_fails=0;`;
}

test('what may have taken effect is not repeated at another API', async () => {
  const arrived = [];
  const { url } = await startEdge(`${await startDying(arrived)} ${await startDying(arrived)}`);
  for (const [method, times] of [['GET', 2], ['POST', 1], ['PATCH', 1], ['PUT', 1], ['DELETE', 1]]) {
    arrived.length = 0;
    const response = await fetch(`${url}/api/v1/users/me`, { method, ...(method === 'GET' ? {} : { body: '{"name":"CANARY"}' }) });
    const { status, code } = await response.json();
    assert.deepEqual([method, status, response.status, code], [method, 503, 503, 'UNAVAILABLE']);
    assert.deepEqual(arrived, Array.from({ length: times }, () => method));
  }
});

test('a PUT comes to the API as it is, and is refused by the edge when it is too large', async () => {
  const put = (body) => fetch(`${edge.url}/api/v1/restaurants/me/hours`, { method: 'PUT', body, headers: { 'content-type': 'application/json' } });
  const answer = await put('{}');
  assert.deepEqual([answer.status, (await answer.json()).code], [401, 'UNAUTHENTICATED']);
  const refused = await put('x'.repeat(65537));
  assert.deepEqual([refused.status, (await refused.json()).code], [413, 'BODY_TOO_LARGE']);
});

test('a flood from one address is refused by the edge, and what comes through is answered', async () => {
  const replies = [];
  const ask = async () => {
    const response = await fetch(`${edge.url}/`);
    replies.push({ status: response.status, body: await response.text(), headers: response.headers });
  };
  const askOften = async () => {
    for (let i = 0; i < 60; i++) await ask();
  };
  await Promise.all(Array.from({ length: 50 }, askOften)); // far more than the burst, and than comes in a second
  const refused = replies.filter(({ status }) => status === 429);
  assert.ok(refused.length > 0, 'nothing was refused');
  for (const { body, headers } of refused) {
    assert.equal(JSON.parse(body).code, 'RATE_LIMITED');
    assert.equal(headers.get('retry-after'), '1');
    assert.match(headers.get('content-type'), /^application\/problem\+json/);
  }
  for (const { status, body } of replies.filter((reply) => reply.status !== 429)) assert.deepEqual([status, body], [200, PAGE]);
});
