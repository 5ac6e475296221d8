/** Webhooks and ladders: setting them, and what a real receiver gets. */
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeSchema, start, until } from './own.mjs';
import { makeRestaurant, mintToken, newOrder, request, sql } from './stack.mjs';

const WEBHOOK = '/api/v1/restaurants/me/webhook';
const LADDER = '/api/v1/restaurants/me/escalation';
const database = await makeSchema();
const settings = { ORDERSYNC_DATABASE_URL: database, ORDERSYNC_WATCH_INTERVAL_MS: '50', ORDERSYNC_WEBHOOK_RETRY_MS: '20' };
const open = { ORDERSYNC_WEBHOOK_ALLOW_PRIVATE: 'true' };
const strict = `http://127.0.0.1:${(await start('serve', settings)).port}`;
const api = `http://127.0.0.1:${(await start('serve', { ...settings, ...open })).port}`;
const work = (more = {}) => start('work', { ...settings, ...open, ...more });
const ask = (text) => sql(text, database);

/** A receiver on this machine that answers what the test says, and what it has received. */
async function receive(answer, makeServer = createServer) {
  const requests = [];
  const server = makeServer(async (incoming, reply) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    requests.push({ headers: incoming.headers, body: Buffer.concat(chunks) });
    answer(reply, requests.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}/hook`, requests };
}
const say = (status) => (reply) => reply.writeHead(status).end();

/** As docs/webhooks.md tells a receiver to do it. */
function isSigned(secret, { headers, body }) {
  const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers['ordersync-signature']) ?? [];
  const mac = createHmac('sha256', Buffer.from(secret, 'hex')).update(`${t}.${headers['ordersync-delivery']}.`).update(body);
  return Math.abs(Date.now() / 1000 - t) < 300 && mac.digest('hex') === v1;
}

/** A restaurant whose ladder is these steps, and a place for its webhook. */
async function makeLaddered(steps, url) {
  const restaurant = await makeRestaurant(database);
  await ask(`UPDATE restaurants SET reject_after_s = NULL WHERE id = '${restaurant.id}'`);
  const owner = await mintToken('owner', restaurant.id);
  const set = await request('PUT', LADDER, { token: owner, body: { steps }, api });
  assert.equal(set.status, 200);
  const webhook = url && (await request('PUT', WEBHOOK, { token: owner, body: { url }, api })).body;
  return { ...restaurant, owner, secret: webhook?.secret };
}

async function place(restaurant) {
  const { body } = await request('POST', '/api/v1/orders', { body: newOrder(restaurant.id, [[restaurant.dish, 1]]), api });
  return body.order;
}

const column = (order, name, step = 1) => ask(`SELECT ${name} FROM order_alerts WHERE order_id = '${order.order_id}' AND step = ${step}`);
const finished = (order, step) => until('finished', async () => (await column(order, 'finished_at', step)) !== '');
const ONE_WEBHOOK = [{ reason: 'not_accepted', after_s: 1, action: 'webhook' }];

test('a webhook gets a signed message without personal data, and once it has answered no other', async () => {
  const receiver = await receive(say(204));
  const restaurant = await makeLaddered(ONE_WEBHOOK, receiver.url);
  const worker = await work();
  const order = await place(restaurant);
  await finished(order);
  assert.equal(receiver.requests.length, 1);
  const [{ headers, body }] = receiver.requests;
  assert.ok(isSigned(restaurant.secret, receiver.requests[0]));
  assert.ok(!isSigned('00'.repeat(32), receiver.requests[0]));
  assert.equal(headers['ordersync-delivery'], await column(order, 'delivery_id'));
  assert.equal(headers['content-type'], 'application/json');
  const { waiting_ms: waiting, at, ...message } = JSON.parse(body);
  assert.deepEqual(message, {
    type: 'order.alerted', order_id: order.order_id, restaurant_id: restaurant.id, status: 'PENDING', step: 1, reason: 'not_accepted',
  });
  assert.ok(waiting >= 1000);
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
  assert.equal(await column(order, "outcome || ' ' || attempts || ' ' || detail"), 'done 1 answered 204');
  await worker.stop();
});

test('a receiver that fails is asked again with the same delivery id, until it takes the message', async () => {
  const receiver = await receive((reply, n) => reply.writeHead(n < 4 ? 500 : 200).end('x'.repeat(n === 4 ? 200_000 : 0)));
  const restaurant = await makeLaddered(ONE_WEBHOOK, receiver.url);
  const worker = await work();
  const order = await place(restaurant);
  await finished(order);
  assert.equal(await column(order, "outcome || ' ' || attempts"), 'done 4');
  assert.equal(new Set(receiver.requests.map(({ headers }) => headers['ordersync-delivery'])).size, 1);
  assert.ok(receiver.requests.every((each) => isSigned(restaurant.secret, each)));
  await worker.stop();
});

for (const [what, answer, detail] of [
  ['refuses', say(500), 'answered 500'],
  ['sends us elsewhere', (reply) => reply.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'answered 302'],
  ['hangs up', (reply) => reply.destroy(), ''],
  ['never answers', () => {}, 'Timeout was reached'],
]) {
  test(`a receiver that ${what} is given up after seven tries`, async () => {
    const receiver = await receive(answer);
    const restaurant = await makeLaddered(ONE_WEBHOOK, receiver.url);
    const worker = await work({ ORDERSYNC_WEBHOOK_TIMEOUT_MS: '200' });
    const order = await place(restaurant);
    await finished(order);
    assert.equal(receiver.requests.length, 7);
    assert.equal(await column(order, "outcome || ' ' || attempts"), 'failed 7');
    assert.ok((await column(order, 'detail')).startsWith(detail));
    await worker.stop();
  });
}

test('a receiver that cannot prove its name over TLS gets nothing', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ordersync-'));
  after(() => rmSync(folder, { recursive: true }));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(folder, name));
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-days', '1']);
  const receiver = await receive(say(200), (listener) => createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, listener));
  const restaurant = await makeLaddered(ONE_WEBHOOK, receiver.url.replace('http:', 'https:'));
  const worker = await work();
  const order = await place(restaurant);
  await finished(order);
  assert.equal(receiver.requests.length, 0);
  assert.match(await column(order, "outcome || ': ' || detail"), /^failed: .*certificate/);
  await worker.stop();
});

test('a receiver that hangs does not keep the messages of others', async () => {
  const stuck = await makeLaddered(ONE_WEBHOOK, (await receive(() => {})).url);
  const receiver = await receive(say(200));
  const other = await makeLaddered(ONE_WEBHOOK, receiver.url);
  await Promise.all(Array.from({ length: 20 }, () => place(stuck)));
  const worker = await work({ ORDERSYNC_WEBHOOK_TIMEOUT_MS: '30000' }); // longer than the test may take
  await until('under way', async () => (await ask(`SELECT count(*) FROM order_alerts WHERE restaurant_id = '${stuck.id}' AND attempts > 0`)) !== '0');
  const order = await place(other);
  await finished(order);
  const tried = await ask(`SELECT count(*) FROM order_alerts WHERE restaurant_id = '${stuck.id}' AND attempts > 0`);
  assert.ok(tried <= 4, `${tried} of 20 are more than its share`);
  await worker.stop();
  await ask(`UPDATE order_alerts SET outcome = 'failed', next_at = NULL WHERE restaurant_id = '${stuck.id}'`); // not for the next tests
});

for (const [point, least] of [['claimed', 1], ['answered', 2]]) {
  test(`a worker that dies at sender.${point} leaves its message to another`, async () => {
    const receiver = await receive(say(200));
    const restaurant = await makeLaddered(ONE_WEBHOOK, receiver.url);
    const order = await place(restaurant);
    const doomed = await work({ OSY_FAILPOINTS: `sender.${point}=kill` });
    assert.deepEqual(await doomed.ended, [null, 'SIGKILL']);
    await ask(`UPDATE order_alerts SET next_at = now() WHERE order_id = '${order.order_id}'`); // the lease's end
    const heir = await work();
    await finished(order);
    assert.equal(receiver.requests.length, least);
    assert.equal(new Set(receiver.requests.map(({ headers }) => headers['ordersync-delivery'])).size, 1);
    await heir.stop();
  });
}

test('steps without a provider or a webhook are skipped with the reason, and the ladder goes on', async () => {
  const restaurant = await makeLaddered([
    { reason: 'not_accepted', after_s: 1, action: 'sms', target: '+82 2-000-0000' },
    { reason: 'not_accepted', after_s: 1, action: 'call', target: '+82 2-000-0000' },
    { reason: 'not_accepted', after_s: 1, action: 'email', target: 'kitchen@example.com' },
    { reason: 'not_accepted', after_s: 1, action: 'webhook' },
    { reason: 'not_accepted', after_s: 2, action: 'alert' },
  ]);
  const worker = await work();
  const order = await place(restaurant);
  await finished(order, 5);
  for (const step of [1, 2, 3, 4]) {
    await finished(order, step);
    assert.equal(await column(order, 'outcome', step), 'skipped');
    assert.match(await column(order, 'detail', step), step < 4 ? /no provider/ : /no webhook/);
  }
  assert.equal(await column(order, 'outcome', 5), 'done');
  const metrics = await (await fetch(`http://127.0.0.1:${worker.port}/metrics`)).text();
  assert.match(metrics, /escalation_messages_total\{action="sms",outcome="skipped"\} 1/);
  await worker.stop();
});

test('a secret that cannot be read yet is one failed try, and the message goes out once it can be', async () => {
  const receiver = await receive(say(200));
  const restaurant = await makeLaddered(ONE_WEBHOOK, receiver.url);
  const flip = () => ask(`UPDATE webhooks SET secret = set_byte(secret, 20, get_byte(secret, 20) # 1) WHERE restaurant_id = '${restaurant.id}'`);
  await flip();
  const worker = await work({ ORDERSYNC_WEBHOOK_RETRY_MS: '500' });
  const order = await place(restaurant);
  await until('a failed try', async () => (await column(order, "outcome || ' ' || (detail <> '')")) === 'waiting true');
  await flip();
  await finished(order);
  assert.equal(await column(order, 'outcome'), 'done');
  assert.equal(receiver.requests.length, 1);
  await worker.stop();
});

test('a name that leads to this machine is refused where the connection is made', async () => {
  const restaurant = await makeLaddered(ONE_WEBHOOK);
  const reply = await request('PUT', WEBHOOK, { token: restaurant.owner, body: { url: 'https://localhost:8443/hook' }, api: strict });
  assert.equal(reply.status, 200);
  const worker = await work({ ORDERSYNC_WEBHOOK_ALLOW_PRIVATE: 'false' });
  const order = await place(restaurant);
  await finished(order);
  assert.equal(await column(order, "outcome || ': ' || detail"), 'failed: its address is not a public one');
  await worker.stop();
});

test('a webhook is set, shown without its secret, renewed and deleted by its owner', async () => {
  const restaurant = await makeRestaurant(database);
  const [owner, staff, stranger] = await Promise.all([
    mintToken('owner', restaurant.id), mintToken('staff', restaurant.id), mintToken('owner', (await makeRestaurant(database)).id),
  ]);
  const url = 'https://example.com/hooks?shop=1';
  assert.equal((await request('GET', WEBHOOK, { token: owner, api })).body.code, 'WEBHOOK_NOT_FOUND');
  const first = await request('PUT', WEBHOOK, { token: owner, body: { url }, api });
  assert.equal(first.body.url, url);
  const second = await request('PUT', WEBHOOK, { token: owner, body: { url }, api });
  assert.notEqual(second.body.secret, first.body.secret);
  const shown = await request('GET', WEBHOOK, { token: owner, api });
  assert.deepEqual(shown.body, { url, created_at: second.body.created_at });
  assert.equal(await ask(`SELECT position(decode('${second.body.secret}', 'hex') IN secret) FROM webhooks WHERE restaurant_id = '${restaurant.id}'`), '0');
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const body = method === 'PUT' ? { url } : undefined;
    assert.equal((await request(method, WEBHOOK, { token: staff, body, api })).status, 403);
    assert.equal((await request(method, WEBHOOK, { body, api })).status, 401);
    assert.equal((await request(method, `${WEBHOOK}?restaurant_id=${restaurant.id}`, { token: stranger, body, api })).status, 404);
  }
  assert.equal((await request('DELETE', WEBHOOK, { token: owner, api })).status, 204);
  assert.equal((await request('DELETE', WEBHOOK, { token: owner, api })).body.code, 'WEBHOOK_NOT_FOUND');
  assert.equal(
    await ask(`SELECT string_agg(action || ' ' || actor_role, ', ' ORDER BY at) FROM audit_logs WHERE subject_id = '${restaurant.id}'`),
    'webhook.set owner, webhook.set owner, webhook.deleted owner',
  );
});

test('bad URLs are refused by name', async () => {
  const restaurant = await makeRestaurant(database);
  const owner = await mintToken('owner', restaurant.id);
  for (const body of [
    {}, { url: 1 }, { url: '' }, { url: 'x'.repeat(1001) }, { url: 'nowhere' }, { url: 'http://example.com/' }, { url: 'https://example.com:22/' },
    { url: 'https://127.0.0.1/' }, { url: 'https://2130706433/' }, { url: 'https://[::ffff:10.0.0.1]/' }, { url: 'https://u:p@example.com/' },
  ]) {
    const { status, body: problem } = await request('PUT', WEBHOOK, { token: owner, body, api: strict });
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(problem.detail, /'url'/);
  }
});

test('a restaurant has the common ladder until it has its own, and again when it has none', async () => {
  const restaurant = await makeRestaurant(database);
  const owner = await mintToken('owner', restaurant.id);
  const get = async () => (await request('GET', LADDER, { token: owner, api })).body;
  const common = await get();
  assert.equal(common.is_default, true);
  assert.deepEqual(common.steps.map(({ reason, action }) => [reason, action]), [
    ['not_displayed', 'alert'], ['not_accepted', 'alert'], ['not_accepted', 'webhook'],
  ]);
  const steps = [
    { reason: 'not_displayed', action: 'alert' },
    { reason: 'not_accepted', after_s: 120, action: 'call', target: '+82 2-000-0000' },
  ];
  const own = {
    is_default: false,
    steps: [
      { step: 1, reason: 'not_displayed', after_s: null, action: 'alert', target: null },
      { step: 2, reason: 'not_accepted', after_s: 120, action: 'call', target: '+82 2-000-0000' },
    ],
  };
  assert.deepEqual((await request('PUT', LADDER, { token: owner, body: { steps: [...steps, ...steps] }, api })).body.steps.length, 4);
  assert.deepEqual((await request('PUT', LADDER, { token: owner, body: { steps }, api })).body, own);
  assert.deepEqual(await get(), own);
  assert.deepEqual((await request('PUT', LADDER, { token: owner, body: { steps: [] }, api })).body, common);
  const staff = await mintToken('staff', restaurant.id);
  assert.equal((await request('GET', LADDER, { token: staff, api })).status, 403);
  assert.equal((await request('PUT', LADDER, { token: staff, body: { steps }, api })).status, 403);
});

test('what is kept of a target is what was checked', async () => {
  const restaurant = await makeLaddered([{ reason: 'not_accepted', action: 'call', target: ' +82 2-000-0000\u3000' }]);
  assert.equal(await ask(`SELECT target = '+82 2-000-0000' FROM escalation_steps WHERE restaurant_id = '${restaurant.id}'`), 't');
});

test('of ladders that are set at once one is set, not a mixture', async () => {
  const restaurant = await makeRestaurant(database);
  const owner = await mintToken('owner', restaurant.id);
  const ladders = [1, 4, 7, 10].map((count) => Array(count).fill({ reason: 'not_accepted', after_s: count, action: 'alert' }));
  const put = (steps) => request('PUT', LADDER, { token: owner, body: { steps }, api });
  for (let round = 0; round < 30; round++) {
    const replies = await Promise.all(ladders.map(put));
    assert.ok(replies.every(({ status }) => status === 200));
    const { steps } = (await request('GET', LADDER, { token: owner, api })).body;
    assert.ok(steps.every(({ after_s: after }) => after === steps.length), JSON.stringify(steps));
    await put([]);
  }
});

test('bad steps are refused by name', async () => {
  const restaurant = await makeRestaurant(database);
  const owner = await mintToken('owner', restaurant.id);
  const good = { reason: 'not_accepted', action: 'alert' };
  for (const [steps, name] of [
    ['none', 'steps'],
    [Array(21).fill(good), 'steps'],
    [[good, 1], 'steps[1]'],
    [[{ ...good, reason: 'bored' }], 'steps[0].reason'],
    [[good, { ...good, action: 'pigeon' }], 'steps[1].action'],
    [[{ ...good, after_s: 0 }], 'steps[0].after_s'],
    [[{ ...good, after_s: 86401 }], 'steps[0].after_s'],
    [[{ ...good, target: 'me' }], 'steps[0].target'],
    [[{ ...good, action: 'sms' }], 'steps[0].target'],
    [[{ ...good, action: 'sms', target: ' ' }], 'steps[0].target'],
    [[{ ...good, action: 'sms', target: 'a\nb' }], 'steps[0].target'],
    [[{ ...good, mood: 1 }], 'steps[0].mood'],
  ]) {
    const { status, body } = await request('PUT', LADDER, { token: owner, body: { steps }, api });
    assert.equal(status, 400, JSON.stringify(steps));
    assert.ok(body.detail.includes(`'${name}'`), body.detail);
  }
});
