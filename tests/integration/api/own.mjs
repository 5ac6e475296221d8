/** Programs of a test's own, and a place in the database where the stack's programs do not meddle. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { assertNotOver, atEnd } from '../endings.mjs';
import { as } from '../roles.mjs';
import { env, sql } from './stack.mjs';

export const PROGRAM = path.join(env.BIN_DIR, 'ordersync-api');
const WAIT_MS = 60_000; // a test that waits longer for something has failed

/** All tests have one address: who tests the limits sets others. */
const EXEMPT = { ORDERSYNC_RATE_EXEMPT: '127.0.0.1' };

const ROLES = { serve: 'api', work: 'worker' };

/** A process on a port that the system chooses, and the lines of its log as they come. */
export async function start(command, more = {}) {
  const settings = { ...env, ORDERSYNC_LISTEN: '127.0.0.1:0', ORDERSYNC_ADMIN_LISTEN: '127.0.0.1:0', ORDERSYNC_LOG_LEVEL: 'info', ...EXEMPT, ...more };
  const child = spawn(PROGRAM, [command], {
    env: { ...settings, ORDERSYNC_DATABASE_URL: as(ROLES[command], settings.ORDERSYNC_DATABASE_URL, env) },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const forget = atEnd(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit').finally(forget);
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const logged = async (event) => {
    for (;;) {
      const { value, done } = await lines.next();
      assert.ok(!done, `the log ended without ${event}`);
      const line = JSON.parse(value);
      if (line.event === event) return line;
    }
  };
  const { port, admin_port: adminPort } = await logged('started');
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { child, ended, logged, stop, port: port ?? adminPort };
}

/** The URL of a schema of its own, with all tables, as their owner. */
export async function makeSchema() {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const database = `${env.DATABASE_URL}?options=${encodeURIComponent(`-c search_path=${name} -c client_min_messages=warning`)}`;
  await sql(`CREATE SCHEMA ${name}`);
  atEnd(() => sql(`SET client_min_messages = warning; DROP SCHEMA ${name} CASCADE`));
  await promisify(execFile)(PROGRAM, ['migrate'], { env: { ...env, ORDERSYNC_DATABASE_URL: database } });
  return database;
}

/** Asks again and again until the answer is true, and returns it. */
export async function until(what, ask) {
  for (const end = Date.now() + WAIT_MS; Date.now() < end; await pause(50)) {
    assertNotOver();
    const answer = await ask();
    if (answer) return answer;
  }
  assert.fail(`it did not come to this: ${what}`);
}
