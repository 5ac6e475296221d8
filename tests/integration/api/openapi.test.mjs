/**
 * docs/openapi.yaml against the running API: the document is sound, its examples do what they say, and no request that
 * can be made out of its schemas gets an answer that it does not describe. `request` holds every reply against it.
 */
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { createGenerator } from 'json-schema-faker';

import { DEMO, makeRestaurant, mintToken, newOrder, request, schemaProblemOf, spec, sql, resolve } from './stack.mjs';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const SEED = Number(process.env.OSY_FUZZ_SEED ?? randomInt(2 ** 31));
const BODIES = 20; // of each operation
/** An address of nobody's: what it does wrong (log in, say) is not counted against the other tests. */
const headers = { 'x-forwarded-for': '198.51.100.77' };

const operations = Object.entries(spec.paths).flatMap(([template, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({
    ...item[method],
    name: `${method.toUpperCase()} ${template}`,
    method: method.toUpperCase(),
    template,
    parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(resolve),
    content: resolve(item[method].requestBody)?.content?.['application/json'],
  })),
);

// ---- a place to try things in ----

let owner, admin, customer, restaurant, order;

before(async () => {
  restaurant = await makeRestaurant();
  [owner, admin, customer] = await Promise.all([mintToken('owner', restaurant.id), mintToken('admin'), mintToken('customer')]);
  await freshOrder();
});

/** Whatever was tried before (a pause, hours, a switch): the restaurant takes orders. */
async function freshOrder() {
  await sql(`UPDATE restaurants SET accepting = true, paused_until = NULL, open_times = NULL WHERE id = '${restaurant.id}'`);
  const { body } = await request('POST', '/api/v1/orders', { token: customer, body: newOrder(restaurant.id, [[restaurant.dish, 1]]), headers });
  ({ order } = body);
}

/** The examples name the demo restaurant; they are tried in one of the test's own. */
function localize(value) {
  const item = (number) => `${DEMO.slice(0, -3)}${number}`;
  const text = JSON.stringify(value)
    .replaceAll(DEMO, restaurant.id)
    .replaceAll(item(101), restaurant.dish)
    .replaceAll(item(102), restaurant.counted);
  return JSON.parse(text);
}

const exampleOf = (node) => node?.example ?? Object.values(node?.examples ?? {})[0]?.value ?? resolve(node?.schema)?.examples?.[0] ?? resolve(node?.schema)?.example;

function valueOf(parameter) {
  if (parameter.name === 'order_id') return order.order_id;
  if (parameter.name === 'restaurant_id') return restaurant.id;
  const example = exampleOf(parameter) ?? parameter.schema?.enum?.[0] ?? parameter.schema?.default;
  return example === undefined ? randomUUID() : localize(example);
}

function targetOf(operation, query = {}) {
  const target = operation.parameters
    .filter((parameter) => parameter.in === 'path')
    .reduce((path, parameter) => path.replace(`{${parameter.name}}`, encodeURIComponent(valueOf(parameter))), operation.template);
  const required = operation.parameters.filter((parameter) => parameter.in === 'query' && (parameter.required || parameter.name === 'restaurant_id'));
  const search = new URLSearchParams([...required.map((parameter) => [parameter.name, valueOf(parameter)]), ...Object.entries(query)]);
  return search.size > 0 ? `${target}?${search}` : target;
}

const needsToken = (operation) => (operation.security ?? []).some((scheme) => scheme.accessToken);

/** As the owner, and where an owner may not, as an admin, or as the customer whose order it is. */
async function call(operation, target, body) {
  const send = (token) => request(operation.method, target, { token, body, headers });
  if (!needsToken(operation)) return send(undefined);
  let reply;
  for (const token of [owner, admin, customer]) {
    reply = await send(token);
    if (reply.status !== 403) break;
  }
  return reply;
}

// ---- the document ----

test('the document is valid OpenAPI', async () => {
  const result = await new Validator().validate(structuredClone(spec));
  assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
});

/** `{description: so many (3,000), to all}`: YAML takes what stands behind a comma for another name, without a value. */
test('no comma has broken a description', () => {
  const isData = new Set(['example', 'examples', 'default', 'enum', 'const']);
  const broken = (node, path) =>
    Object.entries(node).flatMap(([name, value]) => {
      if (isData.has(name)) return [];
      if (value === null) return [`${path}/${name}`];
      return typeof value === 'object' ? broken(value, `${path}/${name}`) : [];
    });
  assert.deepEqual(broken(spec, ''), []);
});

test('every operation has a name of its own, a summary and its errors', () => {
  const names = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(names).size, names.length);
  for (const { name, operationId, summary, responses, security, content } of operations) {
    assert.ok(operationId && summary, name);
    const statuses = Object.keys(responses);
    assert.ok(statuses.some((status) => status < 400), `${name}: what does success look like?`);
    if (security?.length) assert.ok(statuses.includes('401'), `${name}: 401 is missing`);
    if (content) assert.ok(statuses.includes('400'), `${name}: 400 is missing`);
  }
});

test('every request body has an example, and examples fit their schemas', () => {
  for (const { name, content, responses, template, method } of operations) {
    if (content) {
      const example = exampleOf(content);
      assert.notEqual(example, undefined, `${name}: the request has no example`);
      assert.equal(schemaProblemOf(content.schema, example), null, `${name}: the request's example`);
    }
    for (const [status, response] of Object.entries(responses)) {
      const reply = resolve(response).content?.['application/json'];
      const example = exampleOf(reply);
      if (example !== undefined)
        assert.equal(schemaProblemOf(reply.schema, example), null, `${method} ${template} ${status}: the reply's example`);
    }
  }
});

test('a token that is shown must be good, also where none is needed', async () => {
  for (const operation of operations.filter((one) => !needsToken(one))) {
    const { status } = await request(operation.method, targetOf(operation), { token: 'no-token', headers });
    assert.equal(status, 401, operation.name);
  }
  assert.ok(spec.paths['/api/v1/orders'].post.responses['401'], 'whoever orders has to deal with it');
});

// ---- the examples ----

/** Whether all that its path names is there. */
const isWithinReach = ({ parameters }) =>
  parameters.every((parameter) => parameter.in !== 'path' || parameter.name.match(/^(order|restaurant)_id$/) || exampleOf(parameter) !== undefined || parameter.schema?.enum);

for (const operation of operations) {
  test(`example: ${operation.name}`, async () => {
    await freshOrder();
    const example = operation.content && localize(exampleOf(operation.content));
    const reply = await call(operation, targetOf(operation), example);
    const told = `${reply.status} ${JSON.stringify(reply.body)}`;
    assert.ok(reply.status < 500, told);
    if (isWithinReach(operation) && !operation['x-example-needs']) assert.ok(reply.status < 400, told);
  });
}

// ---- anything that could be sent ----

const hostile = ['', ' ', 'null', '[]', '{', '"text"', '{"a":1,"a":1}', '{"\\u0000":1}', '{"__proto__":{}}', '['.repeat(200), `{"a":"${'x'.repeat(70000)}"}`, '\ufeff{}', '{"a":1e999}', '{}garbage'];
const odd = [null, true, -1, 0, 1.5, 1e15, '', ' ', '\u0000', '\u202e', 'x'.repeat(5000), '💥', "' OR 1=1 --", [], {}, [[[]]], '00000000-0000-0000-0000-000000000000'];

function* placesOf(value, parent, key) {
  if (parent) yield [parent, key];
  if (value && typeof value === 'object') for (const inner of Object.keys(value)) yield* placesOf(value[inner], value, inner);
}

/** Changes one place: another value, none, or one too many. */
function mutate(value, pick) {
  const whole = { value: structuredClone(value) };
  const places = [...placesOf(whole.value, whole, 'value')];
  const [parent, key] = places[pick(places.length)];
  const way = pick(4);
  if (way === 0 && !Array.isArray(parent)) delete parent[key];
  else if (way === 1 && parent[key] && typeof parent[key] === 'object') parent[key].surplus = odd[pick(odd.length)];
  else parent[key] = odd[pick(odd.length)];
  return whole.value;
}

/** Small numbers by a seed (Park and Miller's generator), so that a run can be repeated. */
function picker(seed) {
  let state = (seed % 2147483646) + 1;
  return (below) => (state = (state * 48271) % 2147483647) % below;
}

for (const [index, operation] of operations.filter(({ content }) => content).entries()) {
  test(`fuzz, seed ${SEED}: ${operation.name}`, async () => {
    const pick = picker(SEED + index);
    const generator = createGenerator({ seed: SEED + index, optionalsProbability: 0.7 });
    const schema = { ...structuredClone(operation.content.schema), components: spec.components };
    const target = targetOf(operation);
    for (let i = 0; i < BODIES; i++) {
      const base = i % 2 ? localize(exampleOf(operation.content)) : await generator.generate(schema);
      const body = i % 4 === 0 ? base : mutate(base, pick);
      const { status } = await call(operation, target, JSON.stringify(body) ?? '');
      assert.ok(status < 500, `${status} for ${JSON.stringify(body)}`);
    }
    for (const body of hostile.filter((text) => text || resolve(operation.requestBody).required)) {
      const { status } = await call(operation, target, body);
      assert.ok(status >= 400 && status < 500, `${status} for ${body.slice(0, 100)}`);
    }
  });
}

for (const operation of operations.filter(({ parameters }) => parameters.some((one) => one.in === 'query'))) {
  test(`odd parameters: ${operation.name}`, async () => {
    const example = operation.content && localize(exampleOf(operation.content));
    for (const { name } of operation.parameters.filter((one) => one.in === 'query'))
      for (const value of odd.filter((one) => typeof one !== 'object')) {
        const { status } = await call(operation, targetOf(operation, { [name]: String(value).slice(0, 500) }), example);
        assert.ok(status < 500, `${status} for ${name}=${value}`);
      }
  });
}

test('after all that the API is well', async () => {
  assert.equal((await request('GET', '/health')).status, 200);
});
