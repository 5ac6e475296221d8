/** A transaction of the test's own, in whose way a request comes: so what happens at the same moment happens every time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { atEnd } from '../endings.mjs';
import { until } from './own.mjs';
import { env, sql } from './stack.mjs';

/** Runs the statements and keeps their locks. */
export async function hold(statements, database = env.DATABASE_URL) {
  const psql = spawn('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', database], { stdio: ['pipe', 'pipe', 'inherit'] });
  const forget = atEnd(() => psql.kill('SIGKILL'));
  const ended = once(psql, 'exit').finally(forget);
  const lines = createInterface({ input: psql.stdout })[Symbol.asyncIterator]();
  psql.stdin.write(`BEGIN; ${statements}; SELECT pg_backend_pid();\n`);
  const { value: pid } = await lines.next();
  const isMet = async () => (await sql(`SELECT count(*) FROM pg_stat_activity WHERE ${pid} = ANY (pg_blocking_pids(pid))`)) !== '0';
  return {
    isMet,
    release() {
      psql.stdin.end('COMMIT;\n');
      return ended;
    },
  };
}

/** The reply to a request that meets the statements before they are committed. */
export async function meet(statements, request) {
  const held = await hold(statements);
  let isAnswered = false; // who waits for nobody has not looked
  const reply = request().finally(() => (isAnswered = true));
  await until('the request waits for the lock', async () => isAnswered || held.isMet());
  await held.release();
  return reply;
}
