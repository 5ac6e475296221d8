/** Who is let in, and how a hub lets go: the rate of upgrades, pings, overload, drain, and not knowing who is revoked. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { before, describe, test } from 'node:test';
import { Hub, RESTAURANT, placeOrder, restaurantPath, seed, stack, staffToken, until } from './hub.mjs';

const TIMEOUT = { timeout: 60_000 };
const NO_REDIS = { ORDERSYNC_REDIS_URL: 'redis://127.0.0.1:1/0' };

let token;
before(async () => {
  await seed();
  token = await staffToken();
});

const upgrade = () =>
  `GET ${restaurantPath()} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ordersync.v1\r\n\r\n';

/** A way to PostgreSQL that can be cut: {url, cut(), mend(), close()}. While it is cut nothing gets through. */
async function makeWay() {
  const target = new URL(stack.ORDERSYNC_DATABASE_URL);
  const sockets = new Set();
  let isCut = false;
  const server = net.createServer((near) => {
    const far = isCut ? null : net.connect(Number(target.port), target.hostname);
    for (const socket of far ? [near, far] : [near]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far?.destroy();
      });
    }
    if (far) near.pipe(far).pipe(near);
    else near.resume();
  });
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = server.address().port;
  return {
    url: url.href,
    cut() {
      isCut = true;
      sockets.forEach((socket) => socket.destroy());
    },
    mend() {
      isCut = false;
      sockets.forEach((socket) => socket.destroy());
    },
    close() {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    },
  };
}

describe('upgrades', TIMEOUT, () => {
  test('beyond the rate are refused with 503, while live sockets go on, and admitted later', async () => {
    const hub = await Hub.start({ ORDERSYNC_UPGRADES_PER_SECOND: '5' });
    const tablet = await hub.tablet(token);
    await tablet.through('caught_up');
    const answers = await Promise.all(Array.from({ length: 40 }, () => refused(hub)));
    const turnedAway = answers.filter((answer) => answer.startsWith('HTTP/1.1 503 '));
    assert.ok(turnedAway.length > 0);
    for (const answer of turnedAway) assert.match(answer, /\r\nRetry-After: [123]\r\n[^]*\r\nrate\n$/);
    assert.equal(await hub.metric('upgrades_refused_total', '{reason="rate"}'), turnedAway.length);
    const { order } = await placeOrder();
    assert.equal((await tablet.through('event')).at(-1).event.subject, order.order_id);
    await until(async () => (await refused(hub)).startsWith('HTTP/1.1 101 '));
    tablet.socket.close();
    await hub.stop();
  });

  /** Asks for an upgrade; the answer's head, or all of it when it was refused. The socket is left at once. */
  function refused(hub) {
    return new Promise((resolve) => {
      const socket = net.connect(hub.port, '127.0.0.1');
      let answer = '';
      socket.setEncoding('latin1').on('data', (text) => {
        answer += text;
        if (answer.startsWith('HTTP/1.1 101 ')) socket.destroy();
      });
      socket.on('error', () => {}).on('close', () => resolve(answer));
      socket.write(upgrade());
    });
  }

  test('are turned away with 1013 when too many questions wait for the database', async () => {
    const way = await makeWay();
    way.cut(); // connections are made, and nobody answers
    const hub = await Hub.start({
      ...NO_REDIS,
      ORDERSYNC_DATABASE_URL: way.url,
      ORDERSYNC_DATABASE_THREADS: '1',
      ORDERSYNC_DATABASE_QUEUE: '1',
    });
    const restaurants = Array.from({ length: 8 }, (_, i) => restaurantPath(RESTAURANT.replace(/.$/, i.toString())));
    const admin = await staffToken(...restaurants.flatMap((target) => ['--restaurant', target.split('/')[3]]));
    const clients = restaurants.map((target) => hub.connect(target, { token: admin }));
    const { code } = await Promise.any(clients.map(({ closed }) => closed));
    assert.equal(code, 1013);
    clients.forEach(({ socket }) => socket.terminate());
    way.close();
    await hub.stop();
  });
});

test('WebSocket pings count as messages: a client that does nothing else is closed with 1008', TIMEOUT, async () => {
  const hub = await Hub.start();
  const [eager, calm] = [await hub.tablet(token), await hub.tablet(token)];
  await Promise.all([eager.through('caught_up'), calm.through('caught_up')]);
  // One at a time: pings that wait together are answered together, and count as one.
  eager.socket.on('pong', () => eager.socket.ping()).ping();
  calm.socket.ping();
  assert.equal((await eager.closed).code, 1008);
  assert.equal(eager.messages.at(-1).code, 'RATE_LIMITED');
  calm.say({ type: 'ping', id: 1 });
  await calm.through('pong');
  calm.socket.close();
  await hub.stop();
});

describe('a hub that leaves', TIMEOUT, () => {
  test('is not ready at once, but serves whoever comes until balancers had their time', async () => {
    const hub = await Hub.start({ ORDERSYNC_DRAIN_WAIT_MS: '5000' });
    const early = await hub.tablet(token);
    await early.through('caught_up');
    hub.process.kill('SIGTERM');
    await until(async () => (await fetch(`${hub.adminUrl}/ready`)).status === 503);
    const late = await hub.tablet(token);
    await late.through('caught_up');
    const { order } = await placeOrder();
    for (const tablet of [early, late]) {
      assert.equal((await tablet.through('event')).at(-1).event.subject, order.order_id);
      await tablet.through('drain');
      assert.equal((await tablet.closed).code, 1012);
    }
    assert.deepEqual(await hub.exited, { code: 0, signal: null });
  });

  test('sends what is queued before it says so', async () => {
    const hub = await Hub.start();
    const tablet = await hub.tablet(token);
    await tablet.through('caught_up');
    tablet.socket._socket.pause();
    const placed = [];
    while ((await hub.metric('queue_bytes')) === 0) {
      const orders = await Promise.all(Array.from({ length: 20 }, () => placeOrder()));
      placed.push(...orders.map(({ order }) => order.order_id));
    }
    hub.process.kill('SIGTERM');
    await until(() => hub.log.includes('"event":"hub_drain"'));
    tablet.socket._socket.resume();
    const heard = (await tablet.through('drain')).flatMap(({ event }) => (event?.type === 'order.created' ? [event.subject] : []));
    assert.deepEqual(heard.sort(), placed.sort());
    assert.equal((await tablet.closed).code, 1012);
    assert.deepEqual(await hub.exited, { code: 0, signal: null });
  });
});

test('a hub that cannot ask who is revoked closes its sockets with 1013 and admits nobody, until it can', TIMEOUT, async () => {
  const way = await makeWay();
  const hub = await Hub.start({
    ...NO_REDIS,
    ORDERSYNC_DATABASE_URL: way.url,
    ORDERSYNC_REVOCATION_POLL_MS: '100',
    ORDERSYNC_REVOCATION_MAX_AGE_MS: '1000',
  });
  await until(async () => (await fetch(`${hub.adminUrl}/ready`)).status === 200);
  const tablets = await Promise.all([hub.tablet(token), hub.tablet(token)]);
  await Promise.all(tablets.map((tablet) => tablet.through('caught_up')));
  way.cut();
  for (const tablet of tablets) assert.equal((await tablet.closed).code, 1013);
  const response = await fetch(`${hub.adminUrl}/ready`);
  assert.equal(response.status, 503);
  assert.equal((await response.json()).revocations, 'unknown');
  assert.match(await hub.exchange(upgrade()), /^HTTP\/1.1 503 [^]*\r\nrevocations_unknown\n$/);
  way.mend();
  await until(async () => (await fetch(`${hub.adminUrl}/ready`)).status === 200);
  const back = await hub.tablet(token);
  await back.through('caught_up');
  back.socket.close();
  await hub.stop();
  way.close();
});
