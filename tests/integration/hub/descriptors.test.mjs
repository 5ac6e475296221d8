/** What a hub does with too few file descriptors: at its start, and when they are taken away while it runs. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { Hub, placeOrder, restaurantPath, seed, staffToken, until } from './hub.mjs';

const TIMEOUT = { timeout: 60_000 };
const run = promisify(execFile);

let token;
before(async () => {
  await seed();
  token = await staffToken();
});

/** In front of a program: a hard limit, which not even root can raise in it. */
const limitedTo = (files) => [
  ...(process.getuid() === 0 ? ['setpriv', '--bounding-set', '-sys_resource', '--inh-caps', '-sys_resource'] : []),
  'bash', '-c', `ulimit -n ${files} && exec "$0"`,
];

const ask = (hub) =>
  hub.exchange(
    `GET ${restaurantPath()} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ordersync.v1\r\n\r\n',
  );

test('a hub under a low limit promises fewer sockets, says so, and refuses the others politely', TIMEOUT, async () => {
  const hub = await Hub.start({}, limitedTo(200));
  const line = JSON.parse(hub.log.split('\n').find((entry) => entry.includes('sockets_limited_by_open_files')));
  assert.ok(line.sockets > 0 && line.sockets < 72, `${line.sockets} sockets`);
  const tablets = await Promise.all(Array.from({ length: line.sockets }, () => hub.tablet(token)));
  await Promise.all(tablets.map((tablet) => tablet.through('caught_up')));
  assert.match(await ask(hub), /^HTTP\/1.1 503 [^]*\r\nRetry-After: [123]\r\n[^]*\r\nfull\n$/);
  assert.equal((await fetch(`${hub.adminUrl}/ready`)).status, 200);
  const { order } = await placeOrder();
  for (const tablet of tablets) assert.equal((await tablet.through('event')).at(-1).event.subject, order.order_id);
  await hub.stop();
});

test('a hub under a limit that serves nobody does not start, and says what it needs', TIMEOUT, async () => {
  await assert.rejects(Hub.start({}, limitedTo(100)), /hub_start_failed.*limit of 100 open files.*ORDERSYNC_SOCKETS_MAX/s);
});

test('a hub whose descriptors are taken away turns callers away, serves its sockets, and recovers', TIMEOUT, async () => {
  const hub = await Hub.start();
  const limitTo = (files) => run('prlimit', ['--pid', hub.process.pid, `--nofile=${files}:`]);
  const serves = async (tablets) => {
    const { order } = await placeOrder();
    for (const tablet of tablets) assert.equal((await tablet.through('event')).at(-1).event.subject, order.order_id);
  };
  const isTurnedAway = async () => {
    let answered = 0;
    for (let i = 0; i < 20; i++) {
      const reply = await ask(hub).catch((error) => error.code);
      if (reply === 'ECONNRESET') continue; // the request came after the answer, and its reset overtook that
      assert.match(reply, /^HTTP\/1.1 503 [^]*\r\nRetry-After: [123]\r\n/);
      answered++;
    }
    assert.ok(answered > 0);
  };
  const { stdout: before } = await run('prlimit', ['--pid', hub.process.pid, '--nofile', '--noheadings', '--output', 'SOFT']);
  const tablets = await Promise.all(Array.from({ length: 20 }, () => hub.tablet(token)));
  await Promise.all(tablets.map((tablet) => tablet.through('caught_up')));

  // The last ones are kept for PostgreSQL and Redis.
  await limitTo(64);
  await isTurnedAway();
  await serves(tablets);

  // None is left but the one held back, which is good for turning callers away, one after the other.
  const used = new Set(readdirSync(`/proc/${hub.process.pid}/fd`).map(Number));
  let free = 0;
  while (used.has(free)) free++;
  await limitTo(free);
  await isTurnedAway();
  await serves(tablets);

  // Not even that one: callers wait until there are some.
  await limitTo(10);
  const caller = hub.connect(restaurantPath(), { token });
  await serves(tablets);
  await until(() => hub.log.includes('descriptors_exhausted'));
  await limitTo(before.trim());
  await caller.opened;
  await caller.through('hello');
  assert.equal(hub.log.split('descriptors_exhausted').length - 1, 1, 'said once, not for each caller or try');
  await hub.stop();
});
