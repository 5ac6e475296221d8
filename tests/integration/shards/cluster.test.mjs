/**
 * A Redis Cluster: every restaurant's events go through the node that has its slot; slots move and masters die
 * under load, and clients get every event once, in order, on the sockets that they have.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { until } from '../api/own.mjs';
import { Place, restaurants, subjectOf } from './place.mjs';
import { Cluster } from './redis.mjs';

const TIMEOUT = { timeout: 240_000 };
const streamOf = (restaurant) => `os:{${restaurant}}:log`;
const place = await Place.make();

describe('a cluster', TIMEOUT, () => {
  let cluster, tablets;
  let closed = 0;
  const ordered = new Map(restaurants.map((restaurant) => [restaurant, 0]));

  before(async () => {
    cluster = await Cluster.start();
    // Neither looks into PostgreSQL of his own accord: what comes, comes by way of Redis or of what it makes them notice.
    await place.start(cluster, { ORDERSYNC_CHECK_INTERVAL_MS: '600000', ORDERSYNC_REVOCATION_POLL_MS: '60000' });
    await place.whole();
    tablets = await place.tablets();
    await Promise.all(tablets.map((tablet) => tablet.next('caught_up')));
    for (const tablet of tablets) tablet.closed.then(() => closed++);
  });
  after(() => place.stop());

  const tabletOf = (restaurant) => tablets[restaurants.indexOf(restaurant)];

  async function order(restaurant) {
    const id = await place.order(restaurant);
    ordered.set(restaurant, ordered.get(restaurant) + 1);
    return id;
  }

  /** An order of each of these restaurants comes to its tablet, next. */
  async function orderAll(some = restaurants) {
    for (const restaurant of some) {
      const id = await order(restaurant);
      assert.equal(await subjectOf(tabletOf(restaurant)), id);
    }
    assert.equal(closed, 0);
  }

  /** The same, and no gap had to be filled. */
  async function orderLive() {
    const repairs = await place.repairs();
    await orderAll();
    assert.equal(await place.repairs(), repairs);
  }

  /** Orders of all restaurants until work is done; then every tablet has got its own, in order. */
  async function orderDuring(work) {
    const ids = new Map(restaurants.map((restaurant) => [restaurant, []]));
    let isOver = false;
    const over = work.finally(() => (isOver = true));
    while (!isOver) for (const restaurant of restaurants) ids.get(restaurant).push(await order(restaurant));
    await over;
    for (const restaurant of restaurants)
      for (const id of ids.get(restaurant)) assert.equal(await subjectOf(tabletOf(restaurant)), id);
    assert.equal(closed, 0);
  }

  const unpublished = async () => {
    const text = await (await fetch(`http://127.0.0.1:${place.api.port}/metrics`)).text();
    return Number(/^events_publish_failed_total (\d+)/m.exec(text)[1]);
  };

  const slotOf = (restaurant) => cluster.slotOf(streamOf(restaurant));

  /** How many events of the restaurant a server has. */
  const length = (server, restaurant) => server.ask('XLEN', streamOf(restaurant));

  /** The number of the newest event that it has. */
  async function newest(server, restaurant) {
    const [[id]] = await server.ask('XREVRANGE', streamOf(restaurant), '+', '-', 'COUNT', 1);
    return Number(id.split('-')[0]);
  }

  async function ownerAndOther(restaurant) {
    const slot = await slotOf(restaurant);
    const from = await cluster.owner(slot);
    const to = (await cluster.masters()).find((server) => server !== from);
    return { slot, from, to };
  }

  test('brings the events of every restaurant live, each by way of the node that has it', async () => {
    await orderLive();
    const owners = new Set();
    for (const restaurant of restaurants) {
      const owner = await cluster.owner(await slotOf(restaurant));
      assert.equal(await length(owner, restaurant), ordered.get(restaurant));
      owners.add(owner);
    }
    assert.equal(owners.size, 3);
  });

  test('passes a revocation on to hubs that listen to another node', async () => {
    const subject = randomUUID();
    const [token] = await place.call('token', '--role', 'staff', '--subject', subject, '--restaurant', restaurants[0]);
    const tablet = await place.tablet(restaurants[0], { token });
    await place.call('revoke', '--user', subject);
    assert.equal((await tablet.closed).code, 4401);
  });

  test('gives a slot away step by step, and what is published meanwhile arrives', async () => {
    const [restaurant] = restaurants;
    const { slot, from, to } = await ownerAndOther(restaurant);
    await cluster.beginMove(slot, from, to);
    await orderAll([restaurant]); // the stream is where it was
    await cluster.moveKeys(slot, from, to);
    const failed = await unpublished();
    const asked = await order(restaurant); // goes where ASK says, and the hub listens at the old place
    await cluster.endMove(slot, from, to);
    assert.equal(await subjectOf(tabletOf(restaurant)), asked);
    await orderAll([restaurant]);
    assert.equal(await unpublished(), failed);
    assert.equal(await length(to, restaurant), ordered.get(restaurant));
    await until('events come live again', async () => {
      const repairs = await place.repairs();
      await orderAll([restaurant]);
      return (await place.repairs()) === repairs;
    });
  });

  test('moves slots under load, there and back', async () => {
    const [one, other] = await cluster.masters();
    const moves = async (from, to) => {
      for (const restaurant of restaurants) {
        const slot = await slotOf(restaurant);
        if ((await cluster.owner(slot)) === from) await cluster.move(slot, from, to);
      }
    };
    await orderDuring(moves(one, other).then(() => moves(other, one)));
    for (const restaurant of restaurants) {
      const owner = await cluster.owner(await slotOf(restaurant));
      assert.notEqual(owner, other);
      assert.equal(await length(owner, restaurant), ordered.get(restaurant));
    }
    await orderLive();
  });

  for (const [what, happens, mends] of [
    ['is killed', (server) => server.kill(), (server) => server.begin()],
    ['hangs', (server) => server.pause(), (server) => server.resume()],
  ]) {
    test(`goes on with a replica when a master ${what} under load`, async () => {
      const slot = await slotOf(restaurants[0]);
      const former = await cluster.owner(slot);
      happens(former);
      const follower = until('the replica has taken over', async () => {
        const owner = await cluster.owner(slot, former);
        return owner !== former && owner;
      });
      await orderDuring(follower);
      await place.whole();
      await orderLive();
      const owner = await follower;
      assert.equal(await newest(owner, restaurants[0]), ordered.get(restaurants[0])); // holes are read in PostgreSQL
      await mends(former);
      await cluster.settle();
      await place.whole();
      await orderLive();
    });
  }

  test('is found by way of any seed that lives', async () => {
    const url = cluster.url.replace('@', '@127.0.0.1:1;');
    const hub = await place.startHub({ url }, { ORDERSYNC_CHECK_INTERVAL_MS: '600000' });
    await until('the hub has found it', async () => (await hub.metric('redis_up')) === 1);
    const tablet = await place.tablet(restaurants[0], { hub });
    await tablet.next('caught_up');
    await orderAll([restaurants[0]]);
    await tablet.next('event');
    await hub.stop();
  });
});

test('programs start without the cluster, and find it when it is there', TIMEOUT, async () => {
  const cluster = await Cluster.start();
  for (const server of cluster.servers) server.pause();
  await place.start(cluster);
  const tablet = await place.tablet(restaurants[0]);
  await tablet.next('caught_up');
  const late = await place.order(restaurants[0]);
  assert.equal(await subjectOf(tablet), late);
  for (const server of cluster.servers) server.resume();
  await cluster.settle();
  await place.whole();
  const live = await place.order(restaurants[0]);
  assert.equal(await subjectOf(tablet), live);
  tablet.socket.close();
  await place.stop();
});
