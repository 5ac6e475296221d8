/**
 * Several Redis servers, each with its part of the restaurants: that each has its own and no other's, that one which is
 * away or hangs is felt by its own restaurants alone, and that a restaurant which gets another server loses nothing.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { until } from '../api/own.mjs';
import { Place, restaurants, subjectOf } from './place.mjs';
import { Redis } from './redis.mjs';

const TIMEOUT = { timeout: 120_000 };
const streamOf = (restaurant) => `os:{${restaurant}}:log`;

/** The restaurants whose stream a server has. */
async function owned(server) {
  const found = await Promise.all(restaurants.map((restaurant) => server.ask('EXISTS', streamOf(restaurant))));
  return restaurants.filter((_, index) => found[index] === 1);
}

/** One for all tests; each starts programs of its own on it. */
const place = await Place.make();

// --- three of them -------------------------------------------------------------------------------

describe('three Redis servers', TIMEOUT, () => {
  let servers, tablets;
  const shares = {}; // of each server: its restaurants

  before(async () => {
    servers = { a: await Redis.start(), b: await Redis.start(), c: await Redis.start() };
    await place.start(servers, { ORDERSYNC_CHECK_INTERVAL_MS: '600000' });
    await place.whole();
    tablets = await place.tablets();
    await Promise.all(tablets.map((tablet) => tablet.next('caught_up')));
  });
  after(() => place.stop());

  /** An order of each restaurant of that server comes to its tablet. */
  async function orderAt(name) {
    for (const restaurant of shares[name]) {
      const id = await place.order(restaurant);
      assert.equal(await subjectOf(tablets[restaurants.indexOf(restaurant)]), id);
    }
  }

  test('bring the events of every restaurant live', async () => {
    const ids = [];
    for (const restaurant of restaurants) ids.push(await place.order(restaurant));
    assert.deepEqual(await Promise.all(tablets.map(subjectOf)), ids);
    assert.equal(await place.repairs(), 0);
  });

  test('have each restaurant once, and something to do each', async () => {
    for (const [name, server] of Object.entries(servers)) {
      shares[name] = await owned(server);
      assert.ok(shares[name].length > 0, `${name} has nothing`);
    }
    assert.deepEqual(Object.values(shares).flat().sort(), restaurants);
  });

  test('give a newcomer what it missed', async () => {
    for (const restaurant of restaurants) {
      const first = await place.tablet(restaurant);
      const { position } = await first.next('caught_up');
      first.socket.close();
      const id = await place.order(restaurant);
      assert.equal(await subjectOf(tablets[restaurants.indexOf(restaurant)]), id); // the hub has it, so it is missed
      const late = await place.tablet(restaurant, { position });
      assert.equal(await subjectOf(late), id);
      late.socket.close();
    }
  });

  for (const [what, begin, end] of [
    ['killed', (server) => server.kill(), (server) => server.begin()],
    ['hanging', (server) => server.pause(), (server) => server.resume()],
  ]) {
    describe(`of which one is ${what}`, TIMEOUT, () => {
      before(async () => {
        begin(servers.a);
        await until('it is missed', async () => (await place.hub.metric('redis_up')) === 0);
      });

      test('the others go on as before', async () => {
        const repairs = await place.repairs();
        await orderAt('b');
        await orderAt('c');
        assert.equal(await place.repairs(), repairs);
      });

      test('its restaurants get their events from PostgreSQL', async () => {
        const repairs = await place.repairs();
        await orderAt('a');
        assert.equal(await place.repairs(), repairs + shares.a.length);
      });

      test('hub and API are ready, and say that Redis is down', async () => {
        const hub = await fetch(`${place.hub.adminUrl}/ready`);
        assert.deepEqual([hub.status, (await hub.json()).redis], [200, 'down']);
        const up = Object.keys(servers).map((name) => place.hub.metric('redis_server_up', `{server="${name}"}`));
        assert.deepEqual(await Promise.all(up), [0, 1, 1]);
        await until('the API says so', async () => {
          const api = await fetch(`http://127.0.0.1:${place.api.port}/ready`);
          return api.status === 200 && (await api.json()).redis === 'down';
        });
      });

      test('it is filled when it is back, and events come live again', async () => {
        await end(servers.a);
        await place.whole();
        await until('its streams are there', async () => (await owned(servers.a)).length === shares.a.length);
        const repairs = await place.repairs();
        await orderAt('a');
        assert.equal(await place.repairs(), repairs);
      });
    });
  }
});

// --- PostgreSQL away -----------------------------------------------------------------------------

test('a hub without PostgreSQL serves what the servers have that are left', TIMEOUT, async () => {
  const servers = { a: await Redis.start(), b: await Redis.start() };
  const nothing = { ORDERSYNC_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing' };
  await place.start(servers);
  for (const restaurant of restaurants) await place.order(restaurant);
  const blind = await place.startHub(servers, nothing);
  const [left] = await owned(servers.b);
  servers.a.kill();
  const tablet = await place.tablet(left, { hub: blind });
  await tablet.next('caught_up');
  const id = await place.order(left);
  assert.equal(await subjectOf(tablet), id);
  await blind.stop();
  await place.stop();
});

// --- one more ------------------------------------------------------------------------------------

describe('a server more', TIMEOUT, () => {
  let servers, more, moved;
  const positions = new Map();

  before(async () => {
    servers = { a: await Redis.start(), b: await Redis.start() };
    more = { ...servers, c: await Redis.start() };
    await place.start(servers);
    await place.whole();
    const tablets = await place.tablets();
    for (const restaurant of restaurants) await place.order(restaurant);
    for (const [index, tablet] of tablets.entries()) {
      await tablet.next('caught_up');
      positions.set(restaurants[index], (await tablet.next('event')).position);
      tablet.socket.close();
    }
  });
  after(() => place.stop());

  test('gets its part of the streams from a worker that knows it, and nothing else moves', async () => {
    const worker = await place.startWorker(more);
    await until('it is filled', async () => {
      const before = moved?.length;
      moved = await owned(more.c);
      return moved.length > 0 && moved.length === before;
    });
    const [a, b] = [await owned(servers.a), await owned(servers.b)];
    assert.deepEqual([...a, ...b].sort(), restaurants);
    assert.ok(moved.length < restaurants.length);
    assert.deepEqual(await place.worker.stop(), [0, null]);
    place.worker = worker;
  });

  test('serves a hub that knows it, while the API does not yet', async () => {
    const hub = await place.startHub(more);
    const tablet = await place.tablet(moved[0], { hub });
    await tablet.next('caught_up');
    const id = await place.order(moved[0]);
    assert.equal(await subjectOf(tablet), id); // by way of the worker
    await place.hub.stop();
    place.hub = hub;
  });

  test('loses nothing: every client resumes from where it was with the old ones', async () => {
    assert.deepEqual(await place.api.stop(), [0, null]);
    place.api = await place.startApi(more);
    await place.whole();
    for (const restaurant of restaurants) {
      const id = await place.order(restaurant);
      const tablet = await place.tablet(restaurant, { position: positions.get(restaurant) });
      // The order is answered when it is committed: the hub may have its event before or after the tablet has caught up.
      const told = [];
      while (told.at(-1) !== id) told.push((await tablet.through('event')).at(-1).event.subject);
      assert.equal(told.length, restaurant === moved[0] ? 2 : 1);
      tablet.socket.close();
    }
  });
});

// --- revocations ---------------------------------------------------------------------------------

describe('a revocation', TIMEOUT, () => {
  let servers;
  before(async () => {
    servers = { a: await Redis.start(), b: await Redis.start(), c: await Redis.start() };
    // Nobody looks into PostgreSQL for them of his own accord, so Redis it is that tells.
    await place.start(servers, { ORDERSYNC_REVOCATION_POLL_MS: '60000' });
    await place.whole();
  });
  after(() => place.stop());

  test('reaches the sockets of every server', async () => {
    const subject = randomUUID();
    const [token] = await place.call('token', '--role', 'staff', '--subject', subject, ...restaurants.flatMap((id) => ['--restaurant', id]));
    const tablets = await place.tablets({ token });
    await place.call('revoke', '--user', subject);
    for (const { code } of await Promise.all(tablets.map(({ closed }) => closed))) assert.equal(code, 4401);
  });

  test('comes by way of PostgreSQL while Redis is away', async () => {
    const hub = await place.startHub(servers, { ORDERSYNC_REVOCATION_POLL_MS: '100' });
    const subject = randomUUID();
    const [token] = await place.call('token', '--role', 'staff', '--subject', subject, '--restaurant', restaurants[0]);
    for (const server of Object.values(servers)) server.kill();
    const tablet = await place.tablet(restaurants[0], { hub, token });
    await place.call('revoke', '--user', subject);
    assert.equal((await tablet.closed).code, 4401);
    await hub.stop();
  });
});
