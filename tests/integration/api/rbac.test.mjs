/**
 * The matrix of rights: every route of the route table, asked by everybody: without a token, as the guest of an order, and in
 * every role, of this restaurant and of another. What each is told follows from the table's permissions and from three
 * rules about whose things a path is about; a route for which there is no rule fails.
 */
import { before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { makeRestaurant, newOrder, program, request } from './stack.mjs';
import { anywhere } from './people.mjs';

/** What anybody may ask without a token. Whoever adds a route to this list has thought about it. */
const PUBLIC = new Set([
  'GET /health',
  'GET /ready',
  'GET /metrics',
  'GET /.well-known/jwks.json',
  'GET /docs',
  'GET /docs/:file',
  'POST /api/v1/orders',
  'GET /api/v1/restaurants/:id',
  'GET /api/v1/restaurants/:id/menu',
  'GET /api/v1/restaurants/:id/popular',
  'POST /api/v1/auth/signup',
  'POST /api/v1/users',
  'POST /api/v1/auth/login',
  'POST /api/v1/auth/refresh',
]);

/** Whose things a path is about; the first that fits. */
const SCOPES = [
  ['restaurant', /^\/api\/v1\/restaurants\/me(\/|$)/],
  ['order', /^\/api\/v1\/orders\/:id(\/|$)/],
  ['own', /^\/api\/v1\/(auth|users|orders|audit)(\/|$)/],
];

const { routes } = JSON.parse((await program('routes', '--json')).join('\n'));
const spec = parse(readFileSync(fileURLToPath(new URL('../../../docs/openapi.yaml', import.meta.url)), 'utf8'), { merge: true });

let mine, other, callers;

before(async () => {
  const mint = async (...args) => (await program('token', ...args))[0];
  const place = async (restaurant) => (await request('POST', '/api/v1/orders', { body: newOrder(restaurant.id, [[restaurant.dish, 1]]) })).body;
  const [first, second] = [await makeRestaurant(), await makeRestaurant()];
  mine = { ...first, order: await place(first) };
  other = { ...second, order: await place(second) };
  callers = [
    { name: 'nobody', role: null },
    { name: 'the guest of the order', role: 'guest', token: mine.order.tracking_token, covers: { order: true } },
    { name: 'the guest of another order', role: 'guest', token: other.order.tracking_token, covers: {} },
    { name: 'a customer', role: 'customer', token: await mint('--role', 'customer'), covers: {} },
    { name: 'staff', role: 'staff', token: await mint('--role', 'staff', '--restaurant', mine.id), covers: { order: true, restaurant: true } },
    { name: 'foreign staff', role: 'staff', token: await mint('--role', 'staff', '--restaurant', other.id), covers: {} },
    { name: 'the owner', role: 'owner', token: await mint('--role', 'owner', '--restaurant', mine.id), covers: { order: true, restaurant: true } },
    { name: 'a foreign owner', role: 'owner', token: await mint('--role', 'owner', '--restaurant', other.id), covers: {} },
    { name: 'an admin', role: 'admin', token: await mint('--role', 'admin'), covers: { order: true, restaurant: true } },
  ];
});

const isPublic = (route) => route.permission === 'public';

function scopeOf(route) {
  if (isPublic(route)) return 'public';
  return SCOPES.find(([, pattern]) => pattern.test(route.path))?.[0];
}

/** A request that the route would take from the right person, where the contract shows one. */
function exampleBody(route) {
  const names = [...route.path.matchAll(/:(\w+)/g)].length;
  const template = Object.keys(spec.paths).find((path) => {
    const pattern = new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '(:\\w+|accept|reject|prepare|ready|complete)')}$`);
    return pattern.test(route.path) && [...path.matchAll(/\{/g)].length >= names;
  });
  const content = spec.paths[template]?.[route.method.toLowerCase()]?.requestBody?.content?.['application/json'];
  return content?.example ?? Object.values(content?.examples ?? {})[0]?.value ?? {};
}

function ask(route, caller, orderId) {
  const id = /\/orders\/:id/.test(route.path) ? orderId : /\/restaurants\/:id/.test(route.path) ? mine.id : randomUUID();
  const path = route.path.replace(/:\w+/g, (name) => (name === ':id' ? id : randomUUID()));
  const query = scopeOf(route) === 'restaurant' || route.path.includes('/orders/:id') ? `?restaurant_id=${mine.id}` : '';
  const body = route.method === 'GET' || route.method === 'DELETE' ? undefined : exampleBody(route);
  return request(route.method, path + query, { token: caller.token, body, headers: anywhere() });
}

/** What the rules say of this cell: a status, or that it is anything but a refusal of rights. */
function expected(route, caller) {
  if (isPublic(route)) return 'let in';
  if (!caller.role) return 401;
  if (!route.roles.includes(caller.role)) return 403;
  const scope = scopeOf(route);
  return scope === 'own' || caller.covers[scope] ? 'let in' : 404;
}

test('every public route is meant to be public', () => {
  for (const route of routes.filter(isPublic)) assert.ok(PUBLIC.has(`${route.method} ${route.path}`), `${route.method} ${route.path} is open to everybody`);
});

test('there is a rule for every route, and every permission has a holder', () => {
  for (const route of routes) {
    assert.ok(scopeOf(route), `no rule says whose things ${route.method} ${route.path} is about`);
    assert.ok(route.roles.length > 0, `nobody may ${route.method} ${route.path}`);
  }
});

const CODES = { 401: ['UNAUTHENTICATED'], 403: ['INSUFFICIENT_PERMISSION'] };
/** What somebody is told whose the thing is not. */
const FOREIGN = { restaurant: 'RESTAURANT_NOT_FOUND', order: 'ORDER_NOT_FOUND' };

for (const route of routes)
  test(`${route.method} ${route.path} (${route.permission})`, { timeout: 60_000 }, async () => {
    for (const caller of callers) {
      const wanted = expected(route, caller);
      const { status, body } = await ask(route, caller, mine.order.order.order_id);
      const told = `${caller.name}: ${status} ${body?.code ?? ''}`;
      if (wanted === 'let in') {
        assert.ok(status !== 401 || !CODES[401].includes(body.code), told);
        assert.ok(status !== 403 || !CODES[403].includes(body.code), told);
        assert.ok(status < 500 || route.path === '/ready', told);
        assert.notEqual(body?.code, FOREIGN[scopeOf(route)] ?? 'none', told);
      } else {
        assert.equal(status, wanted, told);
        if (CODES[wanted]) assert.ok(CODES[wanted].includes(body.code), told);
      }
    }
  });

test('an order of somebody else is told from none in no way', async () => {
  for (const route of routes.filter((route) => scopeOf(route) === 'order'))
    for (const caller of callers.filter(({ role }) => route.roles.includes(role) && role !== 'admin')) {
      const foreign = caller.covers.order ? other.order.order.order_id : mine.order.order.order_id;
      const [theirs, none] = [await ask(route, caller, foreign), await ask(route, caller, randomUUID())];
      const { request_id: a, ...first } = theirs.body;
      const { request_id: b, ...second } = none.body;
      assert.ok(a && b);
      assert.deepEqual([theirs.status, first], [none.status, second], `${route.method} ${route.path} by ${caller.name}`);
    }
});
