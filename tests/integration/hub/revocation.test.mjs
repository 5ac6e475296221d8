/** Tokens that end before their time: what becomes of the sockets that live by them, with Redis and without. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Hub, mintToken, orderPath, placeOrder, restaurantPath, revoke, seed, stack, staffToken, until } from './hub.mjs';
import { Link } from './link.mjs';

const TIMEOUT = { timeout: 120_000 };
const NOWHERE = { ORDERSYNC_REDIS_URL: 'redis://127.0.0.1:1/0' };
const NO_DATABASE = { ORDERSYNC_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing' };
const SOCKETS = 1000;

before(() => seed());

/** Live sockets by one token, opened some at a time. */
async function openTablets(hub, token, count) {
  const tablets = [];
  while (tablets.length < count) {
    const some = await Promise.all(Array.from({ length: Math.min(50, count - tablets.length) }, () => hub.tablet(token)));
    await Promise.all(some.map((tablet) => tablet.through('caught_up')));
    tablets.push(...some);
  }
  return tablets;
}

/** Places orders until it is stopped, the next one when the witness has heard of the one before. */
function keepOrdering(witness) {
  let isOver = false;
  const placing = (async () => {
    while (!isOver) {
      await placeOrder();
      await witness.through('event');
    }
  })();
  return async () => {
    isOver = true;
    await placing;
  };
}

/** When the last of these sockets got its last event. Set before the events come. */
function watchEvents(tablets) {
  const seen = { last: 0 };
  for (const { socket } of tablets)
    socket.on('message', (data) => {
      if (data.toString().includes('"type":"event"')) seen.last = performance.now();
    });
  return seen;
}

for (const [how, settings] of [
  ['with Redis', {}],
  ['without Redis', NOWHERE],
]) {
  test(`revoking a user ${how} closes all of the user's sockets and nobody else's`, TIMEOUT, async (t) => {
    const hub = await Hub.start(settings);
    const [user, other] = [randomUUID(), randomUUID()];
    const [token, otherToken] = [await staffToken('--subject', user), await staffToken('--subject', other)];
    const tablets = await openTablets(hub, token, SOCKETS);
    const [bystander] = await openTablets(hub, otherToken, 1);
    const seen = watchEvents(tablets);
    const stopOrdering = keepOrdering(bystander);
    await until(() => tablets.every(({ messages }) => messages.some(({ type }) => type === 'event')));

    await revoke('--user', user, settings);
    const revokedAt = performance.now();
    const ends = await Promise.all(tablets.map(({ closed }) => closed));
    t.diagnostic(`${how}: last event ${(seen.last - revokedAt).toFixed(0)} ms after the revocation, ` +
      `last of ${SOCKETS} closes ${(performance.now() - revokedAt).toFixed(0)} ms after it`);

    for (const { code } of ends) assert.equal(code, 4401);
    for (const { messages } of tablets) assert.equal(messages.at(-1).code, 'TOKEN_REVOKED');
    const heard = bystander.messages.length;
    await until(() => bystander.messages.length > heard);
    await stopOrdering();
    assert.equal(await hub.metric('sockets_revoked_total'), SOCKETS);
    bystander.socket.close();
    await hub.stop();
  });
}

describe('a revoked token', TIMEOUT, () => {
  let hub;
  before(async () => (hub = await Hub.start()));
  after(() => hub?.stop());

  const refusal = async (token) => {
    const client = hub.connect(restaurantPath(), { token });
    const { code } = await client.closed;
    return [code, client.messages[0]?.code];
  };

  test('opens no socket any more, although the hub has known it as good; one of later does', async () => {
    const user = randomUUID();
    const [shown, hidden] = [await staffToken('--subject', user), await staffToken('--subject', user)];
    const [tablet] = await openTablets(hub, shown, 1);
    await revoke('--user', user);
    assert.equal((await tablet.closed).code, 4401);
    assert.deepEqual(await refusal(shown), [4401, 'TOKEN_REVOKED']);
    assert.deepEqual(await refusal(hidden), [4401, 'TOKEN_REVOKED']);
    // Those of the revocation's own second are gone with it.
    const next = await until(async () => {
      const token = await staffToken('--subject', user);
      const client = hub.connect(restaurantPath(), { token });
      const isGood = await Promise.race([client.through('hello').then(() => true, () => false), client.closed.then(() => false)]);
      client.socket.close();
      return isGood && token;
    });
    const [back] = await openTablets(hub, next, 1);
    back.socket.close();
  });

  test('is refused as a renewal, and ends the socket', async () => {
    const [user, session] = [randomUUID(), randomUUID()];
    const [good, bad] = [await staffToken('--subject', user), await staffToken('--subject', user, '--session', session)];
    await revoke('--session', session);
    await until(async () => (await refusal(bad))[1] === 'TOKEN_REVOKED');
    const [tablet] = await openTablets(hub, good, 1);
    tablet.say({ type: 'auth', token: bad });
    assert.equal((await tablet.closed).code, 4401);
  });

  test('of a session leaves the other sessions of its user alone', async () => {
    const [user, mine, theirs] = [randomUUID(), randomUUID(), randomUUID()];
    const [first] = await openTablets(hub, await staffToken('--subject', user, '--session', mine), 1);
    const [second] = await openTablets(hub, await staffToken('--subject', user, '--session', theirs), 1);
    await revoke('--session', mine);
    assert.equal((await first.closed).code, 4401);
    second.say({ type: 'ping', id: 1 });
    await second.through('pong');
    second.socket.close();
  });

  test('no longer matters to a socket that was renewed by another', async () => {
    const [user, old] = [randomUUID(), randomUUID()];
    const [tablet] = await openTablets(hub, await staffToken('--subject', user, '--session', old), 1);
    tablet.say({ type: 'auth', token: await staffToken('--subject', user, '--session', randomUUID()) });
    tablet.say({ type: 'ping', id: 1 });
    await tablet.through('pong');
    const [witness] = await openTablets(hub, await staffToken('--subject', user, '--session', old), 1);
    await revoke('--session', old);
    await witness.closed;
    tablet.say({ type: 'ping', id: 2 });
    await tablet.through('pong');
    tablet.socket.close();
  });

  test("is no business of a customer's", async () => {
    const mine = await placeOrder();
    const customer = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await customer.through('hello');
    await revoke('--user', randomUUID());
    customer.say({ type: 'ping', id: 1 });
    await customer.through('pong');
    customer.socket.close();
  });

  test('is known to a hub that starts later', async () => {
    const user = randomUUID();
    const token = await mintToken('--role', 'admin', '--subject', user);
    await revoke('--user', user);
    const late = await Hub.start(NOWHERE);
    await until(async () => (await fetch(`${late.adminUrl}/ready`)).status === 200);
    const client = late.connect(restaurantPath(), { token });
    assert.equal((await client.closed).code, 4401);
    assert.equal(client.messages[0].code, 'TOKEN_REVOKED');
    await late.stop();
  });
});

test('a hub that has never known who is revoked is not ready', TIMEOUT, async () => {
  const hub = await Hub.start(NO_DATABASE);
  await until(async () => (await (await fetch(`${hub.adminUrl}/ready`)).json()).redis === 'ok');
  const response = await fetch(`${hub.adminUrl}/ready`);
  assert.equal(response.status, 503);
  assert.equal((await response.json()).revocations, 'unknown');
  await hub.stop();
});

const QUICK = { ORDERSYNC_REVOCATION_POLL_MS: '100', ORDERSYNC_REVOCATION_MAX_AGE_MS: '1000' };
const isBlind = async (hub) => (await hub.metric('revocations_stale')) === 1;

test('Redis alone does not tell a hub who was revoked before it started', TIMEOUT, async () => {
  const hub = await Hub.start({ ...QUICK, ...NO_DATABASE });
  await until(() => isBlind(hub));
  await hub.stop();
});

test('nor who was revoked while Redis was away', TIMEOUT, async () => {
  const [database, redis] = [await Link.to(stack.ORDERSYNC_DATABASE_URL), await Link.to(stack.ORDERSYNC_REDIS_URL)];
  const hub = await Hub.start({ ...QUICK, ORDERSYNC_DATABASE_URL: database.url, ORDERSYNC_REDIS_URL: redis.url });
  const ready = async () => (await fetch(`${hub.adminUrl}/ready`)).json();
  await until(async () => (await ready()).redis === 'ok' && (await ready()).revocations === 'ok');
  redis.cut();
  await until(async () => (await ready()).redis === 'down');
  database.cut();
  redis.restore();
  await until(() => isBlind(hub));
  database.restore();
  await until(async () => !(await isBlind(hub)));
  await hub.stop();
  for (const link of [database, redis]) link.close();
});
