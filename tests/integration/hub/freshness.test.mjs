/** How old a hub's view is, and that it says so: without PostgreSQL, and after the hub itself did not run for a while. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, test } from 'node:test';
import { Gate, Hub, orderPath, placeOrder, restaurantPath, seed, stack, staffToken, until } from './hub.mjs';

const TIMEOUT = { timeout: 60_000 };
const STALE_MS = 1000;
const SETTINGS = { ORDERSYNC_STALE_MS: String(STALE_MS), ORDERSYNC_CHECK_INTERVAL_MS: '200' };
/** Only what happens can make such a hub speak. */
const NO_BEAT = { ...SETTINGS, ORDERSYNC_HEARTBEAT_MS: '600000' };

let token;
before(async () => {
  await seed();
  token = await staffToken();
});

const isStale = ({ view_age_ms: age }) => age >= STALE_MS;

/** The first heartbeat of that kind; events before it are passed over. */
async function heartbeat(client, wanted) {
  for (;;) {
    const message = (await client.through('heartbeat')).at(-1);
    if (isStale(message) === wanted) return message;
  }
}

describe('the age of the view', TIMEOUT, () => {
  test('is told in hello and in every heartbeat, and stays small while all is well', async () => {
    const hub = await Hub.start({ ...SETTINGS, ORDERSYNC_HEARTBEAT_MS: '200', ORDERSYNC_STALE_MS: '30000' });
    const tablet = await hub.tablet(token);
    const [hello] = tablet.messages;
    assert.equal(hello.heartbeat_ms, 200);
    assert.equal(hello.stale_after_ms, 30000);
    assert.ok(hello.view_age_ms < 30000);
    await tablet.next('caught_up');
    for (let i = 0; i < 5; i++) assert.ok((await tablet.next('heartbeat')).view_age_ms < 30000);
    tablet.socket.close();
    await hub.stop();
  });

  test('passes the limit and falls below it again, for tablets and customers, though events go on', async () => {
    const database = await Gate.open(stack.ORDERSYNC_DATABASE_URL);
    const hub = await Hub.start({ ...NO_BEAT, ORDERSYNC_DATABASE_URL: database.url });
    const mine = await placeOrder();
    const tablet = await hub.tablet(token);
    const customer = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await customer.opened;
    customer.say({ type: 'resume', position: null });
    for (const client of [tablet, customer]) {
      await client.through('caught_up');
      assert.ok(!isStale(client.messages[0]));
    }

    database.shut();
    await Promise.all([heartbeat(tablet, true), heartbeat(customer, true)]);
    await until(async () => (await hub.metric('view_age_seconds')) >= STALE_MS / 1000);
    const { order } = await placeOrder(); // through Redis
    assert.equal((await tablet.next('event')).event.subject, order.order_id);

    database.reopen();
    await Promise.all([heartbeat(tablet, false), heartbeat(customer, false)]);
    tablet.socket.close();
    customer.socket.close();
    await hub.stop();
    database.close();
  });

  test('is told to whoever comes while it is old', async () => {
    const database = await Gate.open(stack.ORDERSYNC_DATABASE_URL);
    const hub = await Hub.start({ ...NO_BEAT, ORDERSYNC_DATABASE_URL: database.url });
    const first = await hub.tablet(token);
    await first.next('caught_up');
    database.shut();
    await heartbeat(first, true);
    const second = await hub.tablet(token);
    assert.ok(isStale(second.messages[0]));
    database.reopen();
    await heartbeat(second, false);
    first.socket.close();
    second.socket.close();
    await hub.stop();
    database.close();
  });

  test('is old without PostgreSQL even if Redis has every event', async () => {
    await placeOrder();
    const hub = await Hub.start({ ...NO_BEAT, ORDERSYNC_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing' });
    const tablet = await hub.tablet(token);
    assert.ok(isStale(tablet.messages[0]));
    tablet.socket.close();
    await hub.stop();
  });
});

describe('a hub that was frozen', TIMEOUT, () => {
  /** Lets the hub stand still until that much of the limit has passed for everybody else. */
  async function freeze(hub, meanwhile) {
    const began = Date.now();
    hub.process.kill('SIGSTOP');
    await meanwhile();
    await until(() => Date.now() - began > 2 * STALE_MS);
    hub.process.kill('SIGCONT');
  }

  test('counts that time, delivers what came meanwhile in order and once, and closes for those who left', async () => {
    const hub = await Hub.start(NO_BEAT);
    const [stays, leaves] = await Promise.all([hub.tablet(token), hub.tablet(token)]);
    await Promise.all([stays.next('caught_up'), leaves.next('caught_up')]);
    const placed = [];
    await freeze(hub, async () => {
      leaves.socket.terminate();
      for (let i = 0; i < 3; i++) placed.push((await placeOrder()).order.order_id);
    });
    const got = [];
    while (got.length < placed.length) got.push((await stays.through('event')).at(-1).event.subject);
    assert.deepEqual(got, placed);
    await until(async () => (await hub.metric('sockets', '{kind="restaurant"}')) === 1);
    assert.match(hub.log, /"event":"hub_frozen"/);
    assert.equal(stays.messages.filter(({ type }) => type === 'event').length, placed.length);
    stays.socket.close();
    await hub.stop();
  });

  test('tells its age as soon as it runs again and PostgreSQL does not answer', async () => {
    const database = await Gate.open(stack.ORDERSYNC_DATABASE_URL);
    const hub = await Hub.start({ ...NO_BEAT, ORDERSYNC_DATABASE_URL: database.url });
    const tablet = await hub.tablet(token);
    await tablet.next('caught_up');
    await freeze(hub, () => database.shut());
    const { view_age_ms: age } = await heartbeat(tablet, true);
    assert.ok(age >= 2 * STALE_MS, `${age} ms`);
    tablet.socket.close();
    database.reopen();
    await hub.stop();
    database.close();
  });

  test('does not give up a client whose pong waits to be read', async () => {
    const hub = await Hub.start({ ...NO_BEAT, ORDERSYNC_PING_IDLE_MS: '200', ORDERSYNC_PONG_TIMEOUT_MS: '500' });
    const tablet = hub.connect(restaurantPath(), { token, autoPong: false });
    await tablet.opened;
    tablet.say({ type: 'resume', position: null });
    await tablet.through('caught_up');
    await once(tablet.socket, 'ping');
    await freeze(hub, () => tablet.socket.pong());
    tablet.say({ type: 'ping', id: 1 });
    assert.equal((await tablet.through('pong')).at(-1).id, 1);
    tablet.socket.close();
    await hub.stop();
  });
});
