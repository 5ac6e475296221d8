import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { ApiError, OrderSyncApi } from '../dist/index.js';

/** An API against a real HTTP server which answers with what respond returns; requests are kept. */
async function setUp(t, respond) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({ method: request.method, url: request.url, headers: request.headers, body });
    const { status = 200, headers = {}, json, text } = respond(request);
    response.writeHead(status, headers).end(text ?? JSON.stringify(json));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const times = [];
  const api = new OrderSyncApi({
    baseUrl: `http://127.0.0.1:${server.address().port}`,
    getToken: () => 'secret',
    onServerTime: (time) => times.push(time),
  });
  return { api, requests, times };
}

test('a change carries token, idempotency key, version and reason', async (t) => {
  const { api, requests, times } = await setUp(t, () => ({ json: { order: { version: 2 }, position: 'p' } }));
  const reply = await api.changeOrder('o1', 'reject', { reason: 'busy', version: 1, idempotencyKey: 'k1' });
  assert.equal(reply.order.version, 2);
  const [request] = requests;
  assert.equal(request.method, 'POST');
  assert.equal(request.url, '/api/v1/restaurants/me/orders/o1/reject');
  assert.equal(request.headers.authorization, 'Bearer secret');
  assert.equal(request.headers['idempotency-key'], 'k1');
  assert.deepEqual(JSON.parse(request.body), { reason: 'busy', version: 1 });
  assert.equal(times.length, 1);
});

test('a customer cancels under the path of the order itself', async (t) => {
  const { api, requests } = await setUp(t, () => ({ json: { order: {}, position: 'p' } }));
  await api.changeOrder('o1', 'cancel');
  assert.equal(requests[0].url, '/api/v1/orders/o1/cancel');
});

test('a list is asked for with its filters, and a customer asks for their own', async (t) => {
  const { api, requests } = await setUp(t, () => ({ json: { orders: [], next: null } }));
  await api.listOrders({ from: new Date(0), to: new Date(1000), minAmount: 1, maxAmount: 2, code: '7KX2M', status: ['READY'] });
  await api.listOwnOrders({ limit: 5, after: 'c1' });
  await api.listOrders({ phone: '010-0000-0000', code: '7KX2M' });
  assert.deepEqual([requests[2].method, requests[2].url, requests[2].body], ['POST', '/api/v1/restaurants/me/orders/search?code=7KX2M', '{"phone":"010-0000-0000"}']);
  const [list, own] = requests.map(({ url }) => new URL(url, 'http://x'));
  assert.deepEqual(Object.fromEntries(list.searchParams), {
    status: 'READY',
    from: '1970-01-01T00:00:00.000Z',
    to: '1970-01-01T00:00:01.000Z',
    min_amount: '1',
    max_amount: '2',
    code: '7KX2M',
  });
  assert.equal(own.pathname, '/api/v1/orders/mine');
  assert.deepEqual(Object.fromEntries(own.searchParams), { limit: '5', after: 'c1' });
});

test('an order is placed again under its own path', async (t) => {
  const { api, requests } = await setUp(t, () => ({ status: 201, json: { order: {}, position: 'p' } }));
  await api.reorder('o1', { note: 'No onions' }, 'k1');
  const [{ method, url, headers, body }] = requests;
  assert.deepEqual([method, url, headers['idempotency-key']], ['POST', '/api/v1/orders/o1/reorder', 'k1']);
  assert.deepEqual(JSON.parse(body), { note: 'No onions' });
});

test('the whole list is every page, with the position of the first', async (t) => {
  const pages = {
    first: { orders: [{ order_id: 'a' }, { order_id: 'b' }], next: 'c1', position: 'p1' },
    c1: { orders: [{ order_id: 'b' }, { order_id: 'c' }], next: null, position: 'p2' },
  };
  const { api, requests } = await setUp(t, (request) => {
    const after = new URL(request.url, 'http://x').searchParams.get('after');
    return { json: pages[after ?? 'first'] };
  });
  const { orders, position } = await api.listAllOrders({ status: ['PENDING', 'READY'] });
  assert.deepEqual(
    orders.map((order) => order.order_id),
    ['a', 'b', 'c'],
  );
  assert.equal(position, 'p1');
  assert.equal(requests[0].url, '/api/v1/restaurants/me/orders?status=PENDING%2CREADY');
});

test('a conflict tells the present order and who was first', async (t) => {
  const { api } = await setUp(t, () => ({
    status: 409,
    headers: { 'Content-Type': 'application/problem+json' },
    json: { status: 409, code: 'ORDER_CONFLICT', detail: 'd', order: { version: 3 }, changed_by: 'staff' },
  }));
  const error = await api.changeOrder('o1', 'accept').catch((reason) => reason);
  assert.ok(error instanceof ApiError);
  assert.equal(error.code, 'ORDER_CONFLICT');
  assert.equal(error.order.version, 3);
  assert.equal(error.changedBy, 'staff');
});

test('Retry-After is told in milliseconds', async (t) => {
  const { api } = await setUp(t, () => ({
    status: 503,
    headers: { 'Retry-After': '3' },
    json: { code: 'OVERLOADED', detail: 'd' },
  }));
  const error = await api.getOrder('o1').catch((reason) => reason);
  assert.equal(error.status, 503);
  assert.equal(error.retryAfterMs, 3000);
});

test('a page of a proxy, or a reply that is not JSON, is an error of the same class', async (t) => {
  const { api } = await setUp(t, () => ({ status: 502, text: '<html>Bad Gateway</html>' }));
  const error = await api.getMenu('r').catch((reason) => reason);
  assert.ok(error instanceof ApiError);
  assert.equal(error.code, 'UNEXPECTED_REPLY');
  assert.equal(error.status, 502);
});

test('no answer at all is an error of the same class', async () => {
  const api = new OrderSyncApi({ baseUrl: 'http://127.0.0.1:1' });
  const error = await api.getMenu('r').catch((reason) => reason);
  assert.ok(error instanceof ApiError);
  assert.equal(error.code, 'UNREACHABLE');
  assert.equal(error.status, 0);
});

test('settings that were read are written back without what is not theirs', async (t) => {
  const chosen = { offline_after_s: 300, refuse_when_unreachable: true, display_within_s: 20, accept_within_s: 90, reject_after_s: null };
  const { api, requests } = await setUp(t, () => ({ json: { restaurant_id: 'r1', ...chosen } }));
  await api.putSettings({ ...(await api.getSettings('r1')), accept_within_s: 60 }, 'r1');
  assert.deepEqual(
    requests.map(({ method, url }) => [method, url]),
    [
      ['GET', '/api/v1/restaurants/me/settings?restaurant_id=r1'],
      ['PUT', '/api/v1/restaurants/me/settings?restaurant_id=r1'],
    ],
  );
  assert.equal(requests[1].headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(requests[1].body), { ...chosen, accept_within_s: 60 });
});

test('devices and the timeline of an order are read from their own paths', async (t) => {
  const { api, requests } = await setUp(t, () => ({ json: { devices: [], entries: [] } }));
  assert.deepEqual((await api.listDevices()).devices, []);
  assert.deepEqual((await api.getTimeline('o/1')).entries, []);
  assert.deepEqual(
    requests.map(({ url }) => url),
    ['/api/v1/restaurants/me/devices', '/api/v1/orders/o%2F1/timeline'],
  );
});

test('those in the kitchen read the menu as it was written, and say what is sold out', async (t) => {
  const { api, requests } = await setUp(t, () => ({ json: { changed: ['i1'] } }));
  await api.getOwnMenu('r1');
  assert.deepEqual(await api.setSoldOut({ items: ['i1'], sold_out: true, until: '2026-12-24T09:00:00.000Z' }, 'r1'), { changed: ['i1'] });
  assert.deepEqual(requests.map(({ method, url }) => [method, url]), [
    ['GET', '/api/v1/restaurants/me/menu?restaurant_id=r1'],
    ['POST', '/api/v1/restaurants/me/menu/sold-out?restaurant_id=r1'],
  ]);
  assert.deepEqual(JSON.parse(requests[1].body), { items: ['i1'], sold_out: true, until: '2026-12-24T09:00:00.000Z' });
});

test('a closed restaurant tells when it opens, or that this is not known', async (t) => {
  for (const opensAt of ['2026-01-31T12:00:00.000Z', null]) {
    const { api } = await setUp(t, () => ({ status: 409, json: { code: 'RESTAURANT_CLOSED', detail: 'Closed.', opens_at: opensAt } }));
    await assert.rejects(api.createOrder({}), (error) => error.opensAt === opensAt);
  }
});

test('a refused option tells its line, and itself or its group', async (t) => {
  const problem = { code: 'OPTION_COUNT', detail: 'Too few.', item_id: 'i1', line: 2, group_id: 'g1' };
  const { api } = await setUp(t, () => ({ status: 422, json: problem }));
  await assert.rejects(api.createOrder({}), ({ itemId, line, groupId, optionId }) => {
    assert.deepEqual([itemId, line, groupId, optionId], ['i1', 2, 'g1', null]);
    return true;
  });
});
