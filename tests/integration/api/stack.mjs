/** The running local stack, its tokens, and requests whose replies are held against docs/openapi.yaml. */
import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));
const ENV_FILE = path.resolve(CHECKOUT, process.env.OSY_ENV_FILE ?? '.local/env');

/** The shell that wrote the file is the one that reads it best. */
function readEnv() {
  const text = execFileSync('bash', ['-c', 'set -a; . "$1"; env -0', 'bash', ENV_FILE], { encoding: 'utf8' });
  return Object.fromEntries(text.split('\0').filter(Boolean).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

export const env = readEnv();
export const API = env.API_URLS.split(' ')[0];
export const DEMO = env.DEMO_RESTAURANT_ID;

const run = promisify(execFile);

export async function program(...args) {
  const { stdout } = await run(path.join(env.BIN_DIR, 'ordersync-api'), args, { env });
  return stdout.trim().split('\n');
}

export async function mintToken(role, ...restaurants) {
  const [token] = await program('token', '--role', role, ...restaurants.flatMap((id) => ['--restaurant', id]));
  return token;
}

/** For what no endpoint can do yet: to close a restaurant, to take an item off the menu. */
export async function sql(text, database = env.DATABASE_URL) {
  const { stdout } = await run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text, database]);
  return stdout.trim();
}

// ---- the contract ----

export const spec = parse(readFileSync(path.join(CHECKOUT, 'docs/openapi.yaml'), 'utf8'), { merge: true });
// OpenAPI's own words around the schemas (example, xml, ...) mean nothing to a validator.
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(spec, 'openapi');

export const resolve = (node) => (node?.$ref ? resolve(at(node.$ref)) : node);
const at = (ref) => ref.slice(2).split('/').reduce((node, name) => node[unescape(name)], spec);
const unescape = (name) => name.replaceAll('~1', '/').replaceAll('~0', '~');
const escape = (name) => name.replaceAll('~', '~0').replaceAll('/', '~1');

const templates = Object.keys(spec.paths)
  // A path that is spelled out wins over one with parameters.
  .sort((a, b) => a.split('{').length - b.split('{').length)
  .map((template) => ({ template, pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`) }));

const validators = new Map();

function validator(pointer) {
  if (!validators.has(pointer)) validators.set(pointer, ajv.compile({ $ref: `openapi#${pointer}` }));
  return validators.get(pointer);
}

/** null, or what keeps value from fitting a schema of the document. */
export function schemaProblemOf(schema, value) {
  const validate = ajv.compile(schema.$ref ? { $ref: `openapi${schema.$ref}` } : rebase(schema));
  return validate(value) ? null : ajv.errorsText(validate.errors);
}

/** A schema taken out of the document, which still refers to it. */
function rebase(node) {
  if (!node || typeof node !== 'object') return node;
  if (Array.isArray(node)) return node.map(rebase);
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, key === '$ref' ? `openapi${value}` : rebase(value)]));
}

const PROBLEM = '/components/schemas/Problem';

/** Where the schema of this reply is. Problems that any request can get are described once, for all. */
function schemaPointer(method, pathname, status, type) {
  const template = templates.find(({ pattern }) => pattern.test(pathname))?.template;
  const response = spec.paths[template]?.[method.toLowerCase()]?.responses?.[status];
  if (!response) {
    assert.ok(status >= 400, `${method} ${pathname} answered ${status}, which is not documented`);
    return PROBLEM;
  }
  if (type === undefined && !resolve(response).content) return undefined; // no body, as documented
  const base = response.$ref ? response.$ref.slice(1) : `/paths/${escape(template)}/${method.toLowerCase()}/responses/${status}`;
  assert.ok(resolve(response).content?.[type], `${method} ${pathname} ${status}: ${type} is not documented`);
  return `${base}/content/${escape(type)}/schema`;
}

function check(method, pathname, status, type, body) {
  const pointer = schemaPointer(method, pathname, status, type);
  if (!pointer) return;
  const validate = validator(pointer);
  assert.ok(validate(body), `${method} ${pathname} ${status} breaks ${pointer}: ${ajv.errorsText(validate.errors)}`);
}

/**
 * Sends body (an object, or a text or buffer as it is) and returns {status, body, headers}, having checked
 * that the reply is as documented.
 */
export async function request(method, target, { token, body, key, headers = {}, api = API } = {}) {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(`${api}${target}`, {
    method,
    body: body === undefined || isRaw ? body : JSON.stringify(body),
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(key ? { 'idempotency-key': key } : {}),
      ...headers,
    },
  });
  const type = response.headers.get('content-type')?.split(';')[0];
  const text = await response.text();
  const json = type?.endsWith('json') ? JSON.parse(text) : text;
  assert.ok(response.headers.get('x-request-id'), 'every reply has a request id');
  check(method, new URL(target, api).pathname, response.status, type, json);
  if (response.status >= 400) assert.equal(json.status, response.status);
  return { status: response.status, body: json, headers: response.headers };
}

/** A restaurant of the caller's own, with a dish whose stock is counted and one whose is not. */
export async function makeRestaurant(database = env.DATABASE_URL) {
  const [restaurant, menu, dish, counted] = Array.from({ length: 4 }, () => randomUUID());
  await sql(`
    INSERT INTO restaurants (id, name, currency) VALUES ('${restaurant}', 'Test', 'KRW');
    INSERT INTO restaurant_streams (restaurant_id) VALUES ('${restaurant}');
    INSERT INTO menus (id, restaurant_id, name) VALUES ('${menu}', '${restaurant}', 'Menu');
    INSERT INTO menu_items (id, restaurant_id, menu_id, name, unit_amount, stock, position)
    VALUES ('${dish}', '${restaurant}', '${menu}', '비빔밥 Bibimbap', 9000, NULL, 1),
           ('${counted}', '${restaurant}', '${menu}', '갈비 Galbi', 21000, 10, 2)`, database);
  return { id: restaurant, dish, counted };
}

export function newOrder(restaurantId, items, more = {}) {
  return {
    restaurant_id: restaurantId,
    items: items.map(([itemId, quantity]) => ({ item_id: itemId, quantity })),
    customer: { name: 'CANARY 손님', phone: '+82 10-0000-0000', address: 'CANARY 서울 1' },
    ...more,
  };
}

export async function menuOf(restaurantId) {
  const { status, body } = await request('GET', `/api/v1/restaurants/${restaurantId}/menu`);
  assert.equal(status, 200);
  return body.items;
}
