/** What is on record, over HTTP: changes with both values, security events without a flood, and who may look. */
import { before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { until } from '../api/own.mjs';
import { anywhere, signUp } from '../api/people.mjs';
import { makeRestaurant, newOrder, program, request, sql } from '../api/stack.mjs';

const PATH = '/api/v1/audit';
const TIMEOUT = { timeout: 120_000 };
const actor = randomUUID();
let restaurant, owner;

const mint = async (...args) => (await program('token', ...args))[0];
const list = async (query = '', token = owner) => {
  const { status, body } = await request('GET', `${PATH}${query}`, { token });
  assert.equal(status, 200);
  return body;
};

before(async () => {
  restaurant = await makeRestaurant();
  owner = await mint('--role', 'owner', '--restaurant', restaurant.id, '--subject', actor);
});

test('a change is listed with who made it, and both values in the clear', TIMEOUT, async () => {
  const steps = [{ reason: 'not_accepted', action: 'call', target: 'CANARY 010' }];
  for (const body of [{ steps }, { steps: [] }])
    assert.equal((await request('PUT', '/api/v1/restaurants/me/escalation', { token: owner, body })).status, 200);
  const { entries } = await list('?action=escalation.set');
  assert.equal(entries.length, 2);
  assert.deepEqual([entries[0].old.is_default, entries[0].new.is_default], [false, true]);
  assert.equal(entries[1].new.steps[0].target, 'CANARY 010');
  assert.deepEqual([entries[0].actor_role, entries[0].actor_id, entries[0].subject_id], ['owner', actor, restaurant.id]);
  assert.equal(entries[0].address, '127.0.0.1');
  assert.match(entries[0].trace_id, /^[0-9a-f]{32}$/);
  const plain = await sql(`SELECT count(*) FROM audit_logs WHERE restaurant_id = '${restaurant.id}' AND position('CANARY'::bytea IN old_value || new_value) > 0`);
  assert.equal(plain, '0');
});

test('pages join without a hole, and filters hold', TIMEOUT, async () => {
  for (let i = 0; i < 5; i++) await list(`?limit=${i + 1}&actor_id=${actor}`);
  const seen = [];
  let query = '?action=audit.read&limit=2';
  for (let page = await list(query); ; page = await list(`${query}&after=${page.next}`)) {
    seen.push(...page.entries);
    if (!page.next) break;
  }
  assert.ok(seen.length >= 5);
  assert.equal(new Set(seen.map(({ id }) => id)).size, seen.length);
  assert.ok(seen.every(({ action }) => action === 'audit.read'));
  assert.ok(seen.every(({ at }, i) => i === 0 || at <= seen[i - 1].at));
  const [, second] = seen;
  assert.ok((await list(`?action=audit.read&to=${seen[0].at}`)).entries.every(({ at }) => at < seen[0].at));
  assert.ok((await list(`?from=${second.at}`)).entries.every(({ at }) => at >= second.at));
  assert.deepEqual((await list(`?actor_id=${randomUUID()}`)).entries, []);
});

test('the steps of an order are listed by its id, and nobody else sees them', TIMEOUT, async () => {
  const { body: { order } } = await request('POST', '/api/v1/orders', { body: newOrder(restaurant.id, [[restaurant.dish, 1]]) });
  const { entries } = await list(`?subject_id=${order.order_id}`);
  assert.deepEqual(entries.map(({ action, actor_role: role }) => [action, role]), [['order.created', 'guest']]);
  assert.ok((await list()).entries.every(({ action }) => !action.startsWith('order.')));
  const other = await makeRestaurant();
  const stranger = await mint('--role', 'owner', '--restaurant', other.id);
  assert.deepEqual((await list(`?subject_id=${order.order_id}`, stranger)).entries, []);
  assert.equal((await request('GET', `${PATH}?restaurant_id=${restaurant.id}`, { token: stranger })).status, 404);
  const admin = await mint('--role', 'admin');
  assert.equal((await list(`?restaurant_id=${restaurant.id}&subject_id=${order.order_id}`, admin)).entries.length, 1);
});

test('where customers and guests were is told to administrators alone', TIMEOUT, async () => {
  const customer = await signUp();
  const admin = await mint('--role', 'admin');
  const origins = async (subject, token) =>
    (await list(`?restaurant_id=${restaurant.id}&subject_id=${subject}`, token)).entries.map(({ actor_role: role, session_id: session, address }) => ({ role, session, address }));
  for (const [role, token, session] of [['guest'], ['customer', customer.access_token, customer.session_id]]) {
    const headers = anywhere();
    const { body } = await request('POST', '/api/v1/orders', { token, headers, body: newOrder(restaurant.id, [[restaurant.dish, 1]]) });
    const id = body.order.order_id;
    assert.deepEqual(await origins(id, owner), [{ role, session: null, address: null }]);
    assert.deepEqual(await origins(id, admin), [{ role, session: session ?? null, address: headers['x-forwarded-for'] }]);
  }
});

for (const [query, named] of [
  ['subject_id=1', 'subject_id'],
  ['actor_id=x', 'actor_id'],
  ['action=A%27', 'action'],
  ['from=yesterday', 'from'],
  ['to=2026-01-31', 'to'],
  ['limit=0', 'limit'],
  ['limit=201', 'limit'],
  ['after=1', 'after'],
])
  test(`${query} is refused, and the field is named`, async () => {
    const { status, body } = await request('GET', `${PATH}?${query}`, { token: owner });
    assert.equal(status, 400);
    assert.match(body.detail, new RegExp(`'${named}'`));
  });

test('denials are on record, and many of them are few rows', TIMEOUT, async () => {
  const user = randomUUID();
  const staff = await mint('--role', 'staff', '--restaurant', restaurant.id, '--subject', user);
  const headers = anywhere();
  const address = headers['x-forwarded-for'];
  for (let i = 0; i < 50; i++) assert.equal((await request('GET', PATH, { token: staff, headers })).status, 403);
  assert.equal((await request('GET', PATH, { token: 'not.a.token', headers })).status, 401);
  const count = (action) => sql(`SELECT count(*) FROM audit_logs WHERE action = '${action}' AND address = '${address}'`);
  await until('the refused token is on record', async () => (await count('token.refused')) === '1');
  const denied = Number(await count('access.denied'));
  assert.ok(denied >= 1 && denied <= 2, `${denied} rows`);
  const row = await sql(`SELECT actor_role, actor_id, subject_id FROM audit_logs WHERE action = 'access.denied' AND address = '${address}' LIMIT 1`);
  assert.equal(row, `staff|${user}|${user}`);
});

test('neighbours behind one address are not blamed for each other', TIMEOUT, async () => {
  const [one, other] = [randomUUID(), randomUUID()];
  const headers = anywhere();
  for (const [subject, times] of [[one, 1], [other, 20]]) {
    const token = await mint('--role', 'staff', '--restaurant', restaurant.id, '--subject', subject);
    for (let i = 0; i < times; i++) assert.equal((await request('GET', PATH, { token, headers })).status, 403);
  }
  for (const subject of [one, other])
    await until('the denial is on record', async () =>
      (await sql(`SELECT count(*) > 0 FROM audit_logs WHERE action = 'access.denied' AND actor_id = '${subject}' AND subject_id = '${subject}'`)) === 't');
});

test('whoever has a whole IPv6 network is one address', TIMEOUT, async () => {
  const user = randomUUID();
  const token = await mint('--role', 'staff', '--restaurant', restaurant.id, '--subject', user);
  const network = anywhere()['x-forwarded-for'].replace(/::.*/, '::');
  for (let i = 1; i <= 20; i++)
    assert.equal((await request('GET', PATH, { token, headers: { 'x-forwarded-for': `${network}${i}` } })).status, 403);
  assert.equal((await request('GET', PATH, { token: 'not.a.token', headers: { 'x-forwarded-for': `${network}1` } })).status, 401);
  await until('what came last is on record', async () =>
    (await sql(`SELECT count(*) FROM audit_logs WHERE action = 'token.refused' AND address = '${network}1'`)) === '1');
  const denied = Number(await sql(`SELECT count(*) FROM audit_logs WHERE action = 'access.denied' AND actor_id = '${user}'`));
  assert.ok(denied >= 1 && denied <= 2, `${denied} rows`);
});

test('the whole log is in order, whatever the tests have done', TIMEOUT, async () => {
  const lines = await program('audit', 'verify', '--json');
  assert.equal(JSON.parse(lines.at(-1)).findings, 0);
});
