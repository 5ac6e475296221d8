/** `ordersync-api serve` as a process: how it ends, and how it refuses to begin. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { atEnd } from '../endings.mjs';
import { PROGRAM, start, until } from './own.mjs';
import { env, makeRestaurant, newOrder, request, sql } from './stack.mjs';

const serve = () => start('serve');

/** A connection whose received text is asked for by what it must hold. */
async function dial(port) {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  let text = '';
  socket.on('data', (data) => (text += data));
  await once(socket, 'connect');
  const closed = once(socket, 'end');
  const received = async (part) => {
    while (!text.includes(part)) await once(socket, 'data');
    const taken = text;
    text = '';
    return taken;
  };
  return { socket, received, closed, rest: () => text };
}

const accepts = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

/** Holds the row that every writer of the restaurant's orders needs, until it is called. */
async function holdStream(restaurant) {
  const psql = spawn('psql', ['-XAtq', env.DATABASE_URL], { stdio: ['pipe', 'pipe', 'inherit'] });
  atEnd(() => psql.kill());
  psql.stdin.write(`BEGIN; SELECT 'held' FROM restaurant_streams WHERE restaurant_id = '${restaurant.id}' FOR UPDATE;\n`);
  await once(psql.stdout, 'data');
  return () => psql.stdin.end('ROLLBACK;\n');
}

test('an order for which the writer has no room gets 503 and Retry-After, whatever is in it', async () => {
  const restaurant = await makeRestaurant();
  const { port, stop } = await start('serve', { ORDERSYNC_ORDER_QUEUE: '1', ORDERSYNC_ORDER_DEADLINE_MS: '60000' });
  const api = `http://127.0.0.1:${port}`;
  const post = (body) => request('POST', '/api/v1/orders', { api, body });
  const order = newOrder(restaurant.id, [[restaurant.dish, 1]]);
  const release = await holdStream(restaurant);

  const first = post(order);
  await until('the writer has the first order', async () => /^order_writer_queue_depth 1$/m.test(await (await fetch(`${api}/metrics`)).text()));
  for (const body of [order, 'this is not JSON']) {
    const { status, body: problem, headers } = await post(body);
    assert.deepEqual([status, problem.code, headers.get('retry-after')], [503, 'OVERLOADED', '1']);
  }
  release();
  assert.equal((await first).status, 201);
  assert.equal((await post(order)).status, 201);
  await stop();
});

test('SIGTERM lets a request that is half here finish, then the process ends with 0', async () => {
  const restaurant = await makeRestaurant();
  const body = Buffer.from(JSON.stringify(newOrder(restaurant.id, [[restaurant.dish, 2]])));
  const { child, ended, logged, port } = await serve();
  const { socket, received, closed, rest } = await dial(port);

  // The server says 100 once it has the headers, so the request is in flight when the signal comes.
  socket.write(
    'POST /api/v1/orders HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n' +
      `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  await received('HTTP/1.1 100 Continue\r\n\r\n');
  socket.write(body.subarray(0, 10));
  child.kill('SIGTERM');
  await logged('stopping');
  while (await accepts(port)); // the listener closes just after that line

  socket.end(body.subarray(10));
  await closed;
  const [head, reply] = rest().split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 201 /);
  assert.match(head, /\r\nConnection: close(\r\n|$)/i);
  const { order } = JSON.parse(reply);
  assert.equal(await sql(`SELECT count(*) FROM orders WHERE id = '${order.order_id}'`), '1');
  await logged('stopped');
  assert.deepEqual(await ended, [0, null]);
});

test('a second signal ends the process at once', async () => {
  const { child, ended, logged, port } = await serve();
  const { socket, received } = await dial(port);
  socket.on('error', () => {}); // it is cut
  socket.write('POST /api/v1/orders HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
  await received('HTTP/1.1 100 Continue\r\n\r\n');
  child.kill('SIGTERM');
  await logged('stopping');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [128 + 15, null]);
});

test('without descriptors it closes what it cannot take, goes on with what it has, and recovers', { timeout: 30_000 }, async () => {
  const { child, ended, port } = await serve();
  const prlimit = (...args) => promisify(execFile)('prlimit', ['--pid', child.pid, ...args]);
  const { stdout: before } = await prlimit('--nofile', '--noheadings', '--output', 'SOFT');
  const kept = await dial(port);
  const ask = async () => {
    kept.socket.write('GET /health HTTP/1.1\r\nHost: test\r\n\r\n');
    assert.match(await kept.received('{"status":"ok"}'), /^HTTP\/1\.1 200 /);
  };
  await ask();
  await prlimit('--nofile=10:'); // fewer than it has open
  for (let i = 0; i < 20; i++) {
    const refused = connect(port, '127.0.0.1').on('error', () => {}).resume();
    await new Promise((resolve) => refused.once('close', resolve));
  }
  await ask();
  await prlimit(`--nofile=${before.trim()}:`);
  const welcome = await dial(port);
  welcome.socket.write('GET /health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
  await welcome.received('{"status":"ok"}');
  kept.socket.destroy();
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

/** What --check-config says to this environment. */
function checkConfig(command, more) {
  return new Promise((resolve) => {
    execFile(PROGRAM, [command, '--check-config'], { env: { ...env, ...more } }, (error, stdout, stderr) =>
      resolve({ status: error ? error.code : 0, stdout, stderr }),
    );
  });
}

for (const command of ['serve', 'work']) {
  test(`${command} --check-config accepts the stack's own settings and shows no password`, async () => {
    const url = 'postgresql://test:CANARY@127.0.0.1/none';
    const { status, stdout, stderr } = await checkConfig(command, { ORDERSYNC_DATABASE_URL: url });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /ORDERSYNC_DATABASE_URL/);
    assert.doesNotMatch(stdout, /CANARY/);
  });

  for (const [what, name, value] of [
    ['a name that it does not know', 'ORDERSYNC_LISTENN', '127.0.0.1:1'],
    ['text for a number', 'ORDERSYNC_WORKER_THREADS', 'many'],
    ['a number out of range', 'ORDERSYNC_STREAM_EVENTS', '9'],
    ['an address without a port', 'ORDERSYNC_LISTEN', '127.0.0.1'],
    ['a word that is no choice', 'ORDERSYNC_LOG_LEVEL', 'loud'],
    ['a bad network', 'ORDERSYNC_TRUSTED_PROXIES', '10.0.0.0/99'],
    ['a bad network without limits', 'ORDERSYNC_RATE_EXEMPT', 'localhost'],
    ['an origin with a path', 'ORDERSYNC_CORS_ORIGINS', 'https://shop.example/'],
    ['a missing URL', 'ORDERSYNC_REDIS_URL', ''],
    ['two ways to Redis', 'ORDERSYNC_REDIS_URLS', 'a=redis://127.0.0.1:1'],
  ]) {
    test(`${command} --check-config refuses ${what}, and names the setting`, async () => {
      const { status, stderr } = await checkConfig(command, { [name]: value });
      assert.equal(status, 2);
      assert.match(stderr, new RegExp(`\\b${name}\\b`));
    });
  }
}

test('a token for each line of standard input, and a line that names nothing is refused by its number', async () => {
  const one = '01890000-0000-7000-8000-000000000001';
  const two = '01890000-0000-7000-8000-000000000002';
  const mint = (input, ...args) => {
    const done = promisify(execFile)(PROGRAM, ['token', '--role', 'staff', '--each', ...args], { env });
    done.child.stdin.end(input);
    return done;
  };
  const { stdout } = await mint(`${one}\n${one} ${two}\n`);
  const claims = stdout.trim().split('\n').map((token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')));
  assert.deepEqual(claims.map(({ restaurant_ids: ids }) => ids), [[one], [one, two]]);
  assert.notEqual(claims[0].sub, claims[1].sub);
  await assert.rejects(mint(`${one}\n\n`), { code: 2, stderr: /line 2: no restaurant/ });
  await assert.rejects(mint('x\n'), { code: 2, stderr: /line 1: --restaurant must be a UUID/ });
  await assert.rejects(mint('', '--restaurant', one), { code: 2, stderr: /--each takes restaurants from standard input/ });
});
