/** A Redis that fails over: Sentinels are asked where the master is, and clients get every event once whatever becomes of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../api/own.mjs';
import { Place, restaurants, subjectOf } from './place.mjs';
import { Watched } from './redis.mjs';

const TIMEOUT = { timeout: 120_000 };
const place = await Place.make();

describe('a Redis behind Sentinels', TIMEOUT, () => {
  let redis, tablets;

  before(async () => {
    redis = await Watched.start();
    await place.start(redis, { ORDERSYNC_CHECK_INTERVAL_MS: '600000' });
    await place.whole();
    tablets = await place.tablets();
    await Promise.all(tablets.map((tablet) => tablet.next('caught_up')));
  });
  after(() => place.stop());

  /** An order of each restaurant comes to its tablet, next. */
  async function orderAll() {
    for (const [index, restaurant] of restaurants.entries()) {
      const id = await place.order(restaurant);
      assert.equal(await subjectOf(tablets[index]), id);
    }
  }

  /** The same, and no gap had to be filled. */
  async function orderLive() {
    const repairs = await place.repairs();
    await orderAll();
    assert.equal(await place.repairs(), repairs);
  }

  const hasStreams = async (server) => (await server.ask('DBSIZE')) >= restaurants.length;

  test('brings events live', async () => {
    await orderLive();
    assert.ok(await hasStreams(await redis.master()));
  });

  for (const [what, happens, mends] of [
    ['was told to hand over', () => redis.swap(), () => {}],
    ['was killed', (master) => master.kill(), (master) => master.begin()],
    ['hangs', (master) => master.pause(), (master) => master.resume()],
  ]) {
    test(`is followed when its master ${what}, and every event comes once, in order`, async () => {
      const former = await redis.master();
      await happens(former);
      await orderAll();
      const master = await redis.follow(former);
      await orderAll();
      await place.whole();
      await orderLive();
      assert.ok(await hasStreams(master));
      await mends(former); // and nobody goes back to it
      await redis.settle();
      await place.whole();
      await orderLive();
      assert.equal(await redis.master(), master);
    });
  }

  test('is found by whoever is told first that a replica is the master', async () => {
    const master = await redis.master();
    const url = await redis.urlBeside(redis.servers.find((server) => server !== master));
    const hub = await place.startHub({ url }, { ORDERSYNC_CHECK_INTERVAL_MS: '600000' });
    await until('the hub has found it', async () => (await hub.metric('redis_up')) === 1);
    const tablet = await place.tablet(restaurants[0], { hub });
    await tablet.next('caught_up');
    await orderAll();
    await tablet.next('event');
    await hub.stop();
  });

  test('is found by whoever comes while the first Sentinel is dead and the second hangs', async () => {
    const [first, second] = redis.sentinels;
    first.kill();
    second.pause();
    const hub = await place.startHub(redis, { ORDERSYNC_CHECK_INTERVAL_MS: '600000' });
    const tablet = await place.tablet(restaurants[0], { hub });
    await tablet.next('caught_up');
    await orderAll();
    await tablet.next('event');
    second.resume();
    await hub.stop();
  });
});

test('a single Redis that becomes a replica is left, and taken again when it is the master', TIMEOUT, async () => {
  const { servers } = await Watched.start(); // the Sentinels are not asked
  const [server] = servers;
  const url = new URL(server.url);
  url.password = encodeURIComponent(server.password);
  await place.start({ url: url.href });
  await place.whole();
  const tablet = await place.tablet(restaurants[0]);
  await tablet.next('caught_up');
  await server.ask('REPLICAOF', '127.0.0.1', '1');
  const late = await place.order(restaurants[0]);
  assert.equal(await subjectOf(tablet), late);
  await server.ask('REPLICAOF', 'NO', 'ONE');
  const live = await place.order(restaurants[0]);
  assert.equal(await subjectOf(tablet), live);
  tablet.socket.close();
  await place.stop();
});
