/** What a hub does without Redis, without PostgreSQL, without both, and when it is asked to stop. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Hub, acceptOrder, orderPath, placeOrder, restaurantPath, seed, staffToken, until } from './hub.mjs';

const TIMEOUT = { timeout: 60_000 };
const NO_REDIS = { ORDERSYNC_REDIS_URL: 'redis://127.0.0.1:1/0' };
const NO_DATABASE = { ORDERSYNC_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing' };

let token;
before(async () => {
  await seed();
  token = await staffToken();
});

describe('a hub without Redis', TIMEOUT, () => {
  let hub;
  before(async () => (hub = await Hub.start(NO_REDIS)));
  after(() => hub?.stop());

  test('finds new events in PostgreSQL, in order', async () => {
    const tablet = await hub.tablet(token);
    await tablet.next('caught_up');
    const placed = [];
    for (let i = 0; i < 3; i++) placed.push((await placeOrder()).order.order_id);
    for (const id of placed) assert.equal((await tablet.next('event')).event.subject, id);
    assert.ok((await hub.metric('gaps_repaired_total', '{source="database"}')) > 0);
    tablet.socket.close();
  });

  test('serves customers, too', async () => {
    const mine = await placeOrder();
    const customer = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await customer.opened;
    customer.say({ type: 'resume', position: mine.position });
    await customer.next('hello');
    await customer.next('caught_up');
    await acceptOrder(mine.order.order_id, token);
    assert.equal((await customer.next('event')).event.type, 'order.accepted');
    customer.socket.close();
  });

  test('is ready, and says what is missing', async () => {
    const response = await fetch(`${hub.adminUrl}/ready`);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { status: 'ready', database: 'ok', redis: 'down', revocations: 'ok' });
  });
});

describe('a hub without PostgreSQL', TIMEOUT, () => {
  let hub;
  before(async () => (hub = await Hub.start(NO_DATABASE)));
  after(() => hub?.stop());

  test('serves tablets from Redis', async () => {
    await placeOrder();
    const tablet = await hub.tablet(token);
    await tablet.next('caught_up');
    const { order } = await placeOrder();
    assert.equal((await tablet.next('event')).event.subject, order.order_id);
    tablet.socket.close();
  });

  test('replays from Redis what is whole there', async () => {
    const first = await hub.tablet(token);
    const { position } = await first.next('caught_up');
    const { order } = await placeOrder();
    await first.next('event'); // answered is not published: now it is there
    first.socket.close();
    const tablet = await hub.tablet(token, position);
    assert.equal((await tablet.next('event')).event.subject, order.order_id);
    await tablet.next('caught_up');
    tablet.socket.close();
  });

  test('serves a customer from what Redis has of the order', async () => {
    const mine = await placeOrder();
    const other = await Hub.start(NO_DATABASE);
    const customer = other.connect(orderPath(mine), { token: mine.tracking_token });
    await customer.opened;
    customer.say({ type: 'resume', position: mine.position });
    await customer.next('hello');
    await customer.next('caught_up');
    await acceptOrder(mine.order.order_id, token);
    assert.equal((await customer.next('event')).event.type, 'order.accepted');
    customer.socket.close();
    await other.stop();
  });
});

describe('a hub without either', TIMEOUT, () => {
  test('is not ready, and sends clients away with 1013 after a while', async () => {
    const hub = await Hub.start({ ...NO_REDIS, ...NO_DATABASE, ORDERSYNC_DATA_TIMEOUT_MS: '500' });
    const client = hub.connect(restaurantPath(), { token });
    assert.equal((await client.closed).code, 1013);
    const response = await fetch(`${hub.adminUrl}/ready`);
    assert.equal(response.status, 503);
    assert.deepEqual(await response.json(), { status: 'not ready', database: 'down', redis: 'down', revocations: 'unknown' });
    assert.equal((await fetch(`${hub.adminUrl}/health`)).status, 200);
    await hub.stop();
  });
});

describe('a hub that is asked to stop', TIMEOUT, () => {
  test('tells every socket when to come back, closes with 1012 and ends with 0', async () => {
    const hub = await Hub.start({ ORDERSYNC_DRAIN_MS: '1000' });
    const tablets = await Promise.all(Array.from({ length: 20 }, () => hub.tablet(token)));
    await Promise.all(tablets.map((tablet) => tablet.next('caught_up')));
    hub.process.kill('SIGTERM');
    await until(async () => (await fetch(`${hub.adminUrl}/ready`)).status === 503);
    const refused = hub.connect(restaurantPath(), { token });
    assert.equal((await refused.closed).code, 1006);
    for (const tablet of tablets) {
      const { reconnect_in_ms: delay } = await tablet.next('drain');
      assert.ok(delay >= 0 && delay < 200, `${delay} ms`); // of ORDERSYNC_DRAIN_MS no part: the closes are spread
      assert.equal((await tablet.closed).code, 1012);
    }
    assert.deepEqual(await hub.exited, { code: 0, signal: null });
  });

  test('ends at once when it is asked twice', async () => {
    const hub = await Hub.start({ ORDERSYNC_DRAIN_MS: '60000' });
    const tablets = await Promise.all([hub.tablet(token), hub.tablet(token)]);
    hub.process.kill('SIGTERM');
    await until(async () => (await fetch(`${hub.adminUrl}/ready`)).status === 503);
    hub.process.kill('SIGTERM');
    assert.deepEqual(await hub.exited, { code: 1, signal: null });
    await Promise.all(tablets.map(({ closed }) => closed));
  });
});

describe('the admin pages', TIMEOUT, () => {
  let hub;
  before(async () => (hub = await Hub.start()));
  after(() => hub?.stop());

  test('are three, and only to be read', async () => {
    const metrics = await fetch(`${hub.adminUrl}/metrics`);
    assert.match(metrics.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
    assert.match(await metrics.text(), /^ordersync_hub_sockets\{kind="restaurant"\} 0$/m);
    assert.equal((await fetch(`${hub.adminUrl}/health`, { method: 'HEAD' })).status, 200);
    assert.equal((await fetch(`${hub.adminUrl}/metrics`, { method: 'POST' })).status, 405);
    assert.equal((await fetch(`${hub.adminUrl}/`)).status, 404);
    assert.equal((await fetch(`${hub.adminUrl}${restaurantPath()}`)).status, 404);
  });

  test('and logs tell no token and no payload', async () => {
    const talkative = await Hub.start({ ORDERSYNC_LOG_LEVEL: 'debug' });
    const mine = await placeOrder();
    const clients = [
      talkative.connect(restaurantPath(), { token }),
      talkative.connect(orderPath(mine), { token: mine.tracking_token }),
      talkative.connect(restaurantPath(), { token: mine.tracking_token }),
      talkative.connect(`${restaurantPath()}?token=${mine.tracking_token}`, { token }),
    ];
    const [tablet, customer, ...refused] = clients;
    await Promise.all([tablet.next('hello'), customer.next('hello'), ...refused.map(({ closed }) => closed)]);
    tablet.say(`{"type":"${mine.tracking_token}"}`);
    await tablet.closed;
    customer.socket.close();
    await talkative.stop();
    for (const secret of [token, mine.tracking_token, 'Bibimbap']) assert.ok(!talkative.log.includes(secret));
  });
});
