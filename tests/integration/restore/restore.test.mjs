/**
 * A database that goes back: a standby that lagged is promoted, a backup is restored to a point in time. What was lost
 * is lost; but no client may go on from it, no number that is given out again may be taken for the lost one, and
 * everybody must come to what is true now. When nothing was lost, nobody may notice.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { PROGRAM, start, until } from '../api/own.mjs';
import { env } from '../api/stack.mjs';
import { Hub, RESTAURANT, orderPath, restaurantPath } from '../hub/hub.mjs';
import { Address, Postgres, makeFolder, startRedis } from './servers.mjs';

const TIMEOUT = { timeout: 120_000 };
const run = promisify(execFile);

// --- the three ways -----------------------------------------------------------------------------

/** A standby that follows through an address of its own, which can be cut. */
async function standBy(primary) {
  const link = await Address.open();
  link.leadTo(primary);
  const standby = await primary.backUp({ primary_conninfo: `host=127.0.0.1 port=${link.port} user=test application_name=standby` });
  await standby.start('standby');
  return { standby, link };
}

const hasAll = async (primary, standby) => {
  const written = await primary.sql('SELECT pg_current_wal_lsn()');
  return (await standby.sql(`SELECT pg_last_wal_replay_lsn() >= '${written}'`)) === 't';
};

/** Each begins with a primary, marks what will be kept, and brings the server that takes over. */
const WAYS = {
  'a standby that lagged and was promoted': async () => {
    const primary = await Postgres.create();
    const { standby, link } = await standBy(primary);
    return {
      primary,
      keep: async () => {
        await until('the standby has it all', () => hasAll(primary, standby));
        link.leadTo(null);
      },
      takeOver: async () => {
        await primary.stop();
        await standby.promote();
        return standby;
      },
    };
  },

  'a backup that was restored to a point in time': async () => {
    const archive = await makeFolder();
    const primary = await Postgres.create({ archive_mode: 'on', archive_command: `cp %p ${archive}/%f` });
    const backup = await primary.backUp({
      restore_command: `cp ${archive}/%f %p`,
      recovery_target_name: 'here',
      recovery_target_action: 'promote',
    });
    return {
      primary,
      keep: () => primary.sql(`SELECT pg_create_restore_point('here')`),
      takeOver: async () => {
        const last = await primary.sql('SELECT pg_walfile_name(pg_switch_wal())');
        await until('the log is archived', async () => (await primary.sql(`SELECT last_archived_wal >= '${last}' FROM pg_stat_archiver`)) === 't');
        await primary.stop();
        await backup.start('recovery');
        await until('the restored server is up', async () => (await backup.sql('SELECT pg_is_in_recovery()')) === 'f');
        return backup;
      },
    };
  },
};

// --- a stack of our own -------------------------------------------------------------------------

async function startStack(primary) {
  const address = await Address.open();
  address.leadTo(primary);
  const redis = await startRedis();
  const settings = { ORDERSYNC_DATABASE_URL: address.url, ORDERSYNC_REDIS_URL: redis.url };
  const call = (...args) => run(PROGRAM, args, { env: { ...env, ...settings } });
  await call('migrate');
  await call('seed', '--restaurants', '1');
  const [token] = (await call('token', '--role', 'staff', '--restaurant', RESTAURANT)).stdout.trim().split('\n');
  const [api, worker, hub] = await Promise.all([start('serve', settings), start('work', settings), Hub.start({ ...settings, ORDERSYNC_CHECK_INTERVAL_MS: '200' })]);
  const url = `http://127.0.0.1:${api.port}/api/v1`;

  const ask = async (where, options) => {
    const response = await fetch(url + where, options);
    if (!response.ok) throw new Error(`${where}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const post = (where, body, more) =>
    ask(where, { method: 'POST', headers: { 'content-type': 'application/json', ...more }, body: JSON.stringify(body) });
  const { items } = await ask(`/restaurants/${RESTAURANT}/menu`);
  const item = items.find(({ available, stock }) => available && stock === null);

  const place = () =>
    post('/orders', {
      restaurant_id: RESTAURANT,
      items: [{ item_id: item.item_id, quantity: 1 }],
      customer: { name: 'Test', phone: '+82 10 0000 0000', address: 'Somewhere 1' },
    });
  const accept = ({ order }) => post(`/restaurants/me/orders/${order.order_id}/accept`, {}, { authorization: `Bearer ${token}` });

  const open = async (target, { token: theirs = token, position = null }) => {
    const client = hub.connect(target, { token: theirs });
    await client.opened;
    client.say({ type: 'resume', position });
    return client;
  };
  return {
    address,
    redis,
    hub,
    place,
    accept,
    tablet: (position) => open(restaurantPath(), { position }),
    customer: (placed, position = placed.position) => open(orderPath(placed), { token: placed.tracking_token, position }),
    stop: async () => {
      await hub.stop();
      for (const program of [api, worker]) assert.deepEqual(await program.stop(), [0, null]);
    },
  };
}

/** The next message of that type, and no other but what tells of time alone. */
async function next(client, type) {
  for (;;) {
    const [message] = await client.through(type).then((all) => all.filter((one) => !['hello', 'heartbeat'].includes(one.type)));
    assert.equal(message.type, type, JSON.stringify(message));
    return message;
  }
}

async function nextEvents(client, count) {
  const ids = [];
  while (ids.length < count) ids.push((await next(client, 'event')).event.id);
  return ids;
}

/** What is said to a client that comes back with that position. */
async function comesBack(opening) {
  const client = await opening;
  const said = await until('the client is answered', () => client.messages.find(({ type }) => type === 'caught_up' || type === 'reset'));
  client.socket.close();
  return said.type;
}

const trueIds = async (server, after = 0) =>
  (await server.sql(`SELECT id FROM order_events WHERE restaurant_id = '${RESTAURANT}' AND seq > ${after} ORDER BY seq`)).split('\n').filter(Boolean);

/** Number and event id of each entry of the restaurant's stream. */
async function entries(redis) {
  const found = await redis.ask('XRANGE', `os:{${RESTAURANT}}:log`, '-', '+');
  return found.map(([number, [, envelope]]) => [number.split('-')[0], /"id":"([^"]+)"/.exec(envelope)[1]].join(' '));
}

const trueEntries = async (server) => (await trueIds(server)).map((id, index) => `${index + 1} ${id}`);

// --- what is lost -------------------------------------------------------------------------------

for (const [way, begin] of Object.entries(WAYS)) {
  describe(way, TIMEOUT, () => {
    let stack, server, kept, keptAt, lostAt, lostOrder, lostStatus, sockets;

    before(async () => {
      const history = await begin();
      stack = await startStack(history.primary);
      const tablet = await stack.tablet();
      await next(tablet, 'caught_up');
      kept = await stack.place();
      keptAt = (await next(tablet, 'event')).position;
      const customer = await stack.customer(kept);
      await next(customer, 'caught_up');
      await history.keep();

      await stack.accept(kept);
      lostStatus = (await next(customer, 'event')).position;
      lostOrder = await stack.place();
      const other = await stack.customer(lostOrder);
      await next(other, 'caught_up');
      await next(tablet, 'event');
      lostAt = (await next(tablet, 'event')).position;
      sockets = [tablet, customer, other];

      stack.address.leadTo(null);
      server = await history.takeOver();
      stack.address.leadTo(server);
    }, TIMEOUT);
    after(() => stack?.stop());

    test('ends every socket that has been given what was lost', async () => {
      for (const socket of sockets) assert.equal((await socket.closed).code, 1011);
    });

    test('makes clients reload that have what was lost, and only them', async () => {
      assert.equal(await comesBack(stack.tablet(lostAt)), 'reset');
      assert.equal(await comesBack(stack.tablet(keptAt)), 'caught_up');
      assert.equal(await comesBack(stack.customer(kept, lostStatus)), 'reset');
      assert.equal(await comesBack(stack.customer(kept)), 'caught_up');
      assert.equal((await (await stack.customer(lostOrder)).closed).code, 4404);
    });

    test('brings what has taken the lost numbers to everybody, once and in order', async () => {
      const reloaded = await stack.tablet(lostAt);
      await next(reloaded, 'reset');
      await until('orders are taken again', () => stack.place().catch(() => null));
      for (let i = 0; i < 3; i++) await stack.place();
      const fresh = await trueIds(server, 1);
      assert.ok(fresh.length >= 4);
      assert.deepEqual(await nextEvents(reloaded, fresh.length), fresh);
      const late = await stack.tablet(keptAt);
      assert.deepEqual(await nextEvents(late, fresh.length), fresh);
      await next(late, 'caught_up');
      for (const client of [reloaded, late]) client.socket.close();
    });

    test('never takes a number that was given out again for the lost one', async () => {
      assert.equal(await comesBack(stack.tablet(lostAt)), 'reset');
      assert.equal(await comesBack(stack.customer(kept, lostStatus)), 'reset');
    });

    test('heals Redis', async () => {
      await until('Redis has what is true', async () => {
        const found = await entries(stack.redis);
        const expected = await trueEntries(server);
        return found.length > 0 && found.every((entry) => expected.includes(entry)) && found.at(-1) === expected.at(-1);
      });
    });

    test('leaves a hub that fills what Redis lost again within moments', async () => {
      await stack.redis.ask('FLUSHALL');
      // An alert may join them meanwhile.
      await until('Redis is filled again', async () => (await entries(stack.redis)).join() === (await trueEntries(server)).join());
    });
  });
}

// --- when nothing is lost -----------------------------------------------------------------------

describe('a synchronous standby that was promoted', TIMEOUT, () => {
  test('has everything: sockets stay, and clients resume without a reload', async () => {
    const primary = await Postgres.create();
    const { standby } = await standBy(primary);
    await primary.sql(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await primary.sql('SELECT pg_reload_conf()');
    await until('the standby is waited for', async () => (await primary.sql('SELECT sync_state FROM pg_stat_replication')) === 'sync');
    const stack = await startStack(primary);
    const tablet = await stack.tablet();
    await next(tablet, 'caught_up');
    const placed = [await stack.place(), await stack.place()];
    await stack.accept(placed[0]);
    const before = await nextEvents(tablet, 2);
    const { position, event } = await next(tablet, 'event');

    stack.address.leadTo(null);
    await primary.stop();
    await standby.promote();
    stack.address.leadTo(standby);

    assert.equal(await comesBack(stack.tablet(position)), 'caught_up');
    assert.equal(await comesBack(stack.customer(placed[0])), 'caught_up');
    await until('orders are taken again', () => stack.place().catch(() => null));
    const all = await trueIds(standby);
    assert.deepEqual(all.slice(0, 3), [...before, event.id]);
    assert.deepEqual(await nextEvents(tablet, all.length - 3), all.slice(3));
    tablet.socket.close();
    await stack.stop();
  });
});
