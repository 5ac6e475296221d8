/** The examples in the README are what people copy, so they have to run. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { caughtUp, eventMessage, hello } from './fakes.mjs';

/** An edge with one empty list of orders, and a hub that sends one event to whoever resumes. */
async function startEdge(t) {
  const server = http.createServer((request, response) =>
    response.end(JSON.stringify({ orders: [], next: null, position: 'p0' })),
  );
  const hub = new WebSocketServer({ server });
  hub.on('connection', (socket) =>
    socket.on('message', (data) => {
      const { type, restaurants } = JSON.parse(String(data));
      if (type !== 'resume') return;
      const stream = restaurants ? { restaurant_id: restaurants[0].id } : {};
      const messages = [hello, { ...caughtUp, ...stream }, { ...eventMessage('p1', 'a', 1), ...stream }];
      if (restaurants) messages.push({ type: 'presence', ...stream, reachable: true, since: null, devices: [] });
      for (const message of messages) socket.send(JSON.stringify(message));
    }),
  );
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const client of hub.clients) client.terminate();
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const examples = Array.from(readme.matchAll(/```js\n([^]*?)```/g), ([, text]) => text);

/** Runs an example until its output has everything that is expected. */
async function runExample(t, example, ...expected) {
  /* Inside the package, so that its own name resolves as well as `ws`. */
  const folder = await mkdtemp(fileURLToPath(new URL('../dist/example-', import.meta.url)));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(`${folder}/example.mjs`, example);
  const env = { ...process.env, EDGE_URL: await startEdge(t), TOKEN: 'token', RESTAURANT: 'r' };
  const child = spawn(process.execPath, [`${folder}/example.mjs`], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    if (expected.every((pattern) => pattern.test(output))) return;
  }
  assert.fail(`the example ended: ${output}`);
}

test('the first example prints the state and each event', { timeout: 30_000 }, (t) =>
  runExample(t, examples[0], /connection: live/, /order\.created version 1/));

test('the dashboard prints events and presence', { timeout: 30_000 }, (t) =>
  runExample(t, examples[1], /^r .*order\.created$/m, /^r true 0$/m));
