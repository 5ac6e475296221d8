/** The running local stack, as its env file describes it: addresses, tokens, and a hub to kill. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const WAIT_MS = 60_000; // a test that waits longer for something has failed
const ENV_FILE = path.resolve(CHECKOUT, process.env.OSY_ENV_FILE ?? '.local/env');

/** Lines of the form export NAME='value', where ' inside a value is written '\''. */
function parseEnv(text) {
  const lines = text.matchAll(/^export (\w+)=(?:'((?:[^']|'\\'')*)'|(.*))$/gm);
  return Object.fromEntries(Array.from(lines, ([, name, quoted, plain]) => [name, quoted?.replaceAll("'\\''", "'") ?? plain]));
}

export async function readStack() {
  const env = parseEnv(await readFile(ENV_FILE, 'utf8'));
  return { ...env, restaurantId: env.DEMO_RESTAURANT_ID, edgeUrl: env.EDGE_URL.replace(/\/$/, '') };
}

async function api(stack, ...args) {
  const { stdout } = await run(path.join(stack.BIN_DIR, 'ordersync-api'), args, { env: { ...process.env, ...stack } });
  return stdout.trim();
}

export function mintToken(stack, role, { restaurantIds = [stack.restaurantId], subject } = {}) {
  const restaurants = restaurantIds.flatMap((id) => ['--restaurant', id]);
  return api(stack, 'token', '--role', role, ...restaurants, ...(subject ? ['--subject', subject] : []));
}

/** Every token of that user ends. */
export function revokeTokens(stack, subject) {
  return api(stack, 'revoke', '--user', subject);
}

/** A restaurant that nobody else knows; its id. */
export async function makeRestaurant(stack, name) {
  return sql(
    stack,
    `WITH made AS (INSERT INTO restaurants (id, name, currency) VALUES (gen_random_uuid(), '${name}', 'KRW') RETURNING id)
     INSERT INTO restaurant_streams (restaurant_id) SELECT id FROM made RETURNING restaurant_id`,
  );
}

/** Waits for what no page tells. */
export async function until(condition) {
  const end = Date.now() + WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it did not come to this: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** For what no page can do: to make a restaurant impatient. */
export async function sql(stack, text) {
  const { stdout } = await run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text, stack.DATABASE_URL]);
  return stdout.trim();
}

/** The name, as `deploy/local/ctl` knows it, of the hub that holds most sockets. */
export async function busiestHub(stack) {
  const sockets = await Promise.all(stack.HUB_ADMIN_URLS.split(' ').map(countSockets));
  return `hub-${sockets.indexOf(Math.max(...sockets)) + 1}`;
}

async function countSockets(adminUrl) {
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
  const values = metrics.matchAll(/^ordersync_hub_sockets(?:\{[^}]*\})? (\d+)/gm);
  return Array.from(values, ([, value]) => Number(value)).reduce((sum, value) => sum + value, 0);
}

/** `kill` ends a program as kill -9 does, `start` returns when it is ready again. */
export async function control(verb, name) {
  await run(path.join(CHECKOUT, 'deploy/local/ctl'), ['--state', path.dirname(ENV_FILE), verb, name]);
}
