/**
 * What row security lets through. First at the API, whose connections serve one restaurant after the other; then as
 * the API's role in PostgreSQL itself, with statements that forget what those of the API never forget.
 * OSY_RLS_REQUESTS: how many requests (20,000, and 5,000 in a quick run; 100,000 are half a minute to two with sanitizers).
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { makeSchema, PROGRAM, start } from '../api/own.mjs';
import { env, sql } from '../api/stack.mjs';
import { as } from '../roles.mjs';

const TIMEOUT = { timeout: 600_000 };
const TENANTS = 50;
const ORDERS = 6; // of each
const REQUESTS = Number(process.env.OSY_RLS_REQUESTS ?? (process.env.OSY_QUICK === 'yes' ? 5_000 : 20_000));
const SOCKETS = 8, PIPELINED = 8;
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

const owner = await makeSchema();
const asApi = as('api', owner, env);
const ask = (text) => sql(text, owner);
const lines = async (text) => (await ask(text)).split('\n').filter(Boolean);
let tenants, tenantOf, api;

// --- 50 restaurants with orders -----------------------------------------------------------------

async function mintTokens(restaurants) {
  const running = promisify(execFile)(PROGRAM, ['token', '--role', 'owner', '--each'], { env });
  running.child.stdin.end(restaurants.join('\n') + '\n');
  return (await running).stdout.trim().split('\n');
}

/** One request's reply on a socket of its own: for what happens once. */
async function once(request) {
  let reply;
  await talk([request], (one) => (reply = one));
  return reply;
}

async function makeTenants() {
  const { stdout } = await promisify(execFile)(PROGRAM, ['seed', '--restaurants', String(TENANTS)], { env: { ...env, ORDERSYNC_DATABASE_URL: owner } });
  const ids = stdout.trim().split('\n');
  const tokens = await mintTokens(ids);
  tenants = ids.map((id, index) => ({ id, token: tokens[index], orders: [] }));
  await ask('UPDATE restaurants SET display_within_s = 3600, accept_within_s = 3600, reject_after_s = NULL');
}

const post = (tenant, item) => ({
  tenant, method: 'POST', path: '/api/v1/orders', status: 201,
  body: JSON.stringify({ restaurant_id: tenant.id, items: [{ item_id: item, quantity: 1 }], customer: { name: 'Test', phone: '+82 10 0000 0000', address: 'Somewhere 1' } }),
});

async function makeOrders() {
  const items = new Map((await lines('SELECT DISTINCT ON (restaurant_id) restaurant_id, id FROM menu_items')).map((line) => line.split('|')));
  for (const tenant of tenants) tenant.item = items.get(tenant.id);
  const wanted = tenants.flatMap((tenant) => Array(ORDERS).fill(post(tenant, tenant.item)));
  await talk(wanted, ({ request, body }) => request.tenant.orders.push(JSON.parse(body).order.order_id));
}

/** Whose each id is that anybody could meet. */
async function learnIds() {
  const tables = { restaurants: ['id', 'id'], menus: ['restaurant_id', 'id'], menu_items: ['restaurant_id', 'id'], orders: ['restaurant_id', 'id'], order_events: ['restaurant_id', 'id'] };
  const queries = Object.entries(tables).map(([table, [tenant, id]]) => `SELECT ${tenant}, ${id} FROM ${table}`);
  tenantOf = new Map((await lines(queries.join(' UNION ALL '))).map((line) => line.split('|').reverse()));
}

// --- requests -----------------------------------------------------------------------------------

function write({ tenant, method = 'GET', path, body, isPublic }) {
  const token = isPublic || method === 'POST' ? '' : `Authorization: Bearer ${tenant.token}\r\n`;
  const content = body ? `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` : '';
  return `${method} ${path} HTTP/1.1\r\nHost: test\r\n${token}${content}\r\n${body ?? ''}`;
}

/** Sends requests over one connection, several under way at once; replies come in their order. */
function talk(requests, onReply) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(api.port, '127.0.0.1');
    let sent = 0, answered = 0, held = Buffer.alloc(0);
    const send = () => {
      let text = '';
      while (sent < requests.length && sent - answered < PIPELINED) text += write(requests[sent++]);
      if (text) socket.write(text);
    };
    const take = () => {
      const end = held.indexOf('\r\n\r\n');
      if (end < 0) return false;
      const head = held.toString('latin1', 0, end);
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
      if (held.length < end + 4 + length) return false;
      onReply({ request: requests[answered++], status: Number(head.slice(9, 12)), body: held.toString('utf8', end + 4, end + 4 + length) });
      held = held.subarray(end + 4 + length);
      return true;
    };
    socket.on('error', reject).on('close', () => (answered === requests.length ? resolve() : reject(new Error(`${answered} of ${requests.length} answered`))));
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      try {
        while (take());
      } catch (error) {
        reject(error);
        socket.destroy();
      }
      if (answered === requests.length) socket.end();
      else send();
    });
    send();
  });
}

/** A small generator of our own, so that a run can be repeated. */
function makeDice(seed) {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const KINDS = [
  () => ({ path: '/api/v1/restaurants/me/orders', status: 200 }),
  (tenant, dice) => ({ path: `/api/v1/orders/${tenant.orders[dice(ORDERS)]}`, status: 200 }),
  (tenant, dice, other) => ({ path: `/api/v1/orders/${other.orders[dice(ORDERS)]}`, status: 404 }),
  (tenant, dice, other) => ({ path: `/api/v1/orders/${other.orders[dice(ORDERS)]}/timeline`, status: 404 }),
  (tenant, dice) => ({ path: `/api/v1/orders/${tenant.orders[dice(ORDERS)]}/timeline`, status: 200 }),
  () => ({ path: '/api/v1/restaurants/me/settings', status: 200 }),
  () => ({ path: '/api/v1/restaurants/me/devices', status: 200 }),
  (tenant, dice, other) => ({ path: `/api/v1/restaurants/me/settings?restaurant_id=${other.id}`, status: 404 }),
  (tenant) => ({ path: `/api/v1/restaurants/${tenant.id}/menu`, status: 200, isPublic: true }),
];

function choose(dice) {
  const index = dice(TENANTS);
  const tenant = tenants[index], other = tenants[(index + 1 + dice(TENANTS - 1)) % TENANTS];
  if (dice(50) === 0) return post(tenant, tenant.item);
  return { tenant, ...KINDS[dice(KINDS.length)](tenant, dice, other) };
}

/** Foreign ids in a reply; those of the request itself may be told back. */
const foreign = ({ request, body }) => (body.match(UUID) ?? []).filter((id) => tenantOf.has(id) && tenantOf.get(id) !== request.tenant.id && !request.path.includes(id));

describe(`${REQUESTS} requests of ${TENANTS} restaurants on the same connections`, () => {
  before(async () => {
    api = await start('serve', { ORDERSYNC_DATABASE_URL: owner, ORDERSYNC_WORKER_THREADS: '3' });
    await makeTenants();
    await makeOrders();
    await learnIds();
  }, TIMEOUT);
  after(() => api.stop());

  test('bring no foreign row', TIMEOUT, async () => {
    const seen = { foreign: 0, own: 0 }, wrong = [];
    const check = (reply) => {
      seen.foreign += foreign(reply).length;
      seen.own += (reply.body.match(UUID) ?? []).filter((id) => tenantOf.get(id) === reply.request.tenant.id).length;
      if (reply.status !== reply.request.status || foreign(reply).length > 0) wrong.push(`${reply.request.path}: ${reply.status} ${reply.body.slice(0, 200)}`);
    };
    await Promise.all(Array.from({ length: SOCKETS }, (_, socket) => {
      const dice = makeDice(socket + 1);
      return talk(Array.from({ length: REQUESTS / SOCKETS }, () => choose(dice)), check);
    }));
    assert.deepEqual(wrong.slice(0, 5), []);
    assert.equal(seen.foreign, 0);
    assert.ok(seen.own > REQUESTS, 'the replies have rows at all');
  });

  test('a guest sees the order of the token, and no other of the restaurant', async () => {
    const tracked = JSON.parse((await once(post(tenants[0], tenants[0].item))).body);
    const guest = { tenant: { ...tenants[0], token: tracked.tracking_token } };
    assert.equal((await once({ ...guest, path: `/api/v1/orders/${tracked.order.order_id}` })).status, 200);
    assert.equal((await once({ ...guest, path: `/api/v1/orders/${tenants[0].orders[0]}` })).status, 404);
  });
});

// --- as the API's role, without the API ----------------------------------------------------------

const quote = (text) => `'${text}'`;
const scoped = (restaurant, statement) => sql(`BEGIN; SET LOCAL app.restaurants = '{${restaurant}}'; ${statement}; COMMIT`, asApi);
const refusal = (attempt) => attempt.then(() => assert.fail('it was not refused'), (error) => error.stderr.match(/ERROR: +(.*)/)[1]);

/** Tables with rows of restaurants that the API may read, and the column that says whose. */
const PROTECTED = `
  SELECT c.relname, substring(pg_get_expr(p.polqual, p.polrelid) FROM '\\(?(\\w+) IN')
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
   WHERE p.polname = 'by_restaurant' AND c.relnamespace = current_schema()::regnamespace
     AND has_table_privilege('ordersync_api', c.oid, 'SELECT')`;

describe('as the role of the API', () => {
  let tables;
  before(async () => {
    tables = (await lines(PROTECTED)).map((line) => line.split('|'));
    assert.ok(tables.length >= 15);
  });

  test('a statement that forgets the scope sees no rows, and no error', async () => {
    for (const [table] of tables.filter(([name]) => name !== 'escalation_steps')) assert.equal(await sql(`SELECT count(*) FROM ${table}`, asApi), '0', table);
    assert.equal(await sql('SELECT count(*) FROM escalation_steps WHERE restaurant_id IS NOT NULL', asApi), '0');
    // A setting that was once local to a transaction reads as empty afterwards, not as null.
    const again = await sql(`BEGIN; SET LOCAL app.restaurants = '{${tenants[0].id}}'; COMMIT; SELECT count(*) FROM orders`, asApi);
    assert.equal(again, '0');
  });

  test('a statement that names no tenant sees those of the scope alone', async () => {
    for (const [table, column] of tables) {
      const seen = await scoped(tenants[1].id, `SELECT count(*) FILTER (WHERE ${column} <> '${tenants[1].id}') FROM ${table}`);
      assert.equal(seen, '0', table);
    }
    assert.equal(await scoped(tenants[1].id, 'SELECT count(*) >= 6 FROM orders'), 't');
    const both = `${tenants[1].id},${tenants[2].id}`;
    assert.equal(await scoped(both, 'SELECT count(DISTINCT restaurant_id) FROM orders'), '2');
  });

  test('nothing of another restaurant can be changed', async () => {
    const [own, other] = tenants;
    const before = await ask('SELECT md5(string_agg(m::text, $$,$$ ORDER BY restaurant_id, id)) FROM menu_items m');
    await scoped(own.id, `UPDATE menu_items SET unit_amount = 1 WHERE restaurant_id = '${other.id}'; DELETE FROM menu_items WHERE restaurant_id = '${other.id}'; UPDATE orders SET status = 'CANCELLED' WHERE id = '${other.orders[0]}'`);
    await refusal(scoped(own.id, `UPDATE menu_items SET restaurant_id = '${other.id}'`));
    assert.equal(await ask('SELECT md5(string_agg(m::text, $$,$$ ORDER BY restaurant_id, id)) FROM menu_items m'), before);
    assert.equal(await ask(`SELECT status FROM orders WHERE id = '${other.orders[0]}'`), 'PENDING');
  });

  test('whether something exists at another restaurant cannot be told by inserting it', async () => {
    const [own, other] = tenants;
    const nobody = '01890000-0000-7000-8000-00000fffffff';
    const [menu] = await lines(`SELECT id FROM menus WHERE restaurant_id = '${other.id}'`);
    const insert = (restaurant, id) => refusal(scoped(own.id, `INSERT INTO menus (id, restaurant_id, name) VALUES (${quote(id)}, ${quote(restaurant)}, 'Test')`));
    const said = await Promise.all([insert(other.id, menu), insert(other.id, nobody), insert(nobody, nobody)]);
    assert.deepEqual(new Set(said).size, 1, said.join('\n'));
    assert.match(said[0], /row-level security/);
    // Nor by an id that one has oneself, too: the tenant is part of the key.
    await scoped(own.id, `INSERT INTO menus (id, restaurant_id, name) VALUES ('${menu}', '${own.id}', 'Test'); ROLLBACK`);
  });

  test('a person sees what is theirs alone', async () => {
    const person = '01890000-0000-7000-8000-0000000000aa';
    await ask(`UPDATE orders SET customer_id = '${person}' WHERE id IN ('${tenants[3].orders[0]}', '${tenants[4].orders[0]}')`);
    const seen = (statement, user) => sql(`BEGIN; SET LOCAL app.user_id = '${user}'; ${statement}; COMMIT`, asApi);
    assert.equal(await seen('SELECT count(*) FROM orders', person), '2');
    assert.equal(await seen('SELECT count(DISTINCT order_id) FROM order_events', person), '2');
    assert.equal(await seen('SELECT count(*) FROM orders', tenants[0].id), '0');
    assert.equal(await seen('WITH changed AS (UPDATE orders SET note = NULL RETURNING id) SELECT count(*) FROM changed', person), '2'); // erasing
    await refusal(seen(`UPDATE orders SET customer_id = '${tenants[0].id}'`, person));
    assert.equal(await seen('WITH gone AS (DELETE FROM menus RETURNING id) SELECT count(*) FROM gone', person), '0');
  });
});
