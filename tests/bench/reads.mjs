/** The requests of tests/bench/reads: at a fixed rate, whatever becomes of them, over connections that stay. */
import { execFile } from 'node:child_process';
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';

const { values } = parseArgs({ options: { restaurants: { type: 'string' }, rate: { type: 'string' }, seconds: { type: 'string' }, rounds: { type: 'string' } } });
const [restaurants, rate, seconds, rounds] = ['restaurants', 'rate', 'seconds', 'rounds'].map((name) => Number(values[name]));
const CONNECTIONS = 32;
const TIMEOUT_MS = 15_000; // of silence: the API answers or gives up before
const run = promisify(execFile);
const api = new URL(process.env.API_URLS.split(' ')[0]);
const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });

const restaurantId = (index) => `01890000-0000-7000-8000-${(0x10000 + index).toString(16).padStart(12, '0')}`;
const pick = (list) => list[Math.floor(Math.random() * list.length)];

// --- who asks -----------------------------------------------------------------------------------

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signed here: `ordersync-api token` checks its key each time, which takes longer than all that follows. */
function mintAll() {
  const folder = process.env.ORDERSYNC_KEYS_DIR;
  const kid = readdirSync(folder).map((name) => /^jwt-(.+)\.key\.pem$/.exec(name)?.[1]).filter(Boolean).sort().at(-1);
  const key = createPrivateKey(readFileSync(path.join(folder, `jwt-${kid}.key.pem`)));
  const iat = Math.floor(Date.now() / 1000);
  return Array.from({ length: restaurants }, (_, index) => {
    const id = restaurantId(index);
    const claims = { iss: 'ordersync', aud: 'ordersync', sub: randomUUID(), jti: randomUUID(), role: 'staff', iat, nbf: iat, exp: iat + 86400, restaurant_ids: [id] };
    const text = `${encode({ alg: 'RS256', typ: 'at+jwt', kid })}.${encode(claims)}`;
    return { id, token: `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}` };
  });
}

// --- what they ask ------------------------------------------------------------------------------

const LIST = '/api/v1/restaurants/me/orders';
/** A position in the middle of the history: an order's id begins with its time, and a page needs no order of its own. */
async function findMiddle() {
  const { stdout } = await run('psql', ['-XAtq', '-c', `SELECT replace(id::text, '-', '') FROM orders WHERE created_at < timestamptz '2025-01-01 00:00Z' + (SELECT max(seq) FROM restaurant_streams) * ${restaurants} / 2 * interval '5 seconds' ORDER BY id DESC LIMIT 1`, process.env.DATABASE_URL]);
  return Buffer.from(stdout.trim(), 'hex').toString('base64url');
}

const middle = await findMiddle();
const KINDS = {
  'open orders (10)': () => `${LIST}?status=PENDING,ACCEPTED,PREPARING,READY`,
  'newest 50': () => LIST,
  'newest 100': () => `${LIST}?limit=100`,
  '50 from the middle': () => `${LIST}?after=${middle}`,
  menu: ({ id }) => `/api/v1/restaurants/${id}/menu`,
};

/** Calls done, once, with the status, 0 when no whole reply came, and the length of the body. */
function ask(who, target, done) {
  let status = 0;
  let bytes = 0;
  const request = http.get({ host: api.hostname, port: api.port, agent, path: target, headers: { authorization: `Bearer ${who.token}` } }, (reply) => {
    reply.on('data', (piece) => { bytes += piece.length; }).on('end', () => { status = reply.statusCode; }).on('error', () => {});
  });
  request.setTimeout(TIMEOUT_MS, () => request.destroy());
  request.on('error', () => {}).on('close', () => done(status, bytes));
}

// --- what it costs ------------------------------------------------------------------------------

const statOf = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
/** User and system time of a process and of its children, those that have ended too, in seconds. */
function cpuSeconds(pid) {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = statOf(name);
      return Number(stat[1]) === pid || Number(name) === pid ? [stat] : [];
    } catch {
      return []; // it has ended
    }
  });
  return children.reduce((sum, stat) => sum + stat.slice(11, 13).reduce((a, b) => a + Number(b), 0) / 100, 0);
}

// --- a run --------------------------------------------------------------------------------------

const nowMs = () => performance.now();

async function load(targetOf, staff) {
  const total = rate * seconds;
  const result = { latencies: [], bytes: 0, failed: 0 };
  const beganMs = nowMs();
  let sent = 0;
  let done = 0;
  await new Promise((resolve) => {
    const finish = (status, bytes, latencyMs) => {
      result.latencies.push(status === 200 ? latencyMs : Infinity); // a refusal is no quick answer
      result.bytes += bytes;
      result.failed += status !== 200;
      done++;
      if (done === total) resolve();
    };
    const send = () => {
      for (const due = Math.min(total, Math.floor(((nowMs() - beganMs) * rate) / 1000)); sent < due; sent++) {
        if (sent - done >= rate) { // a second behind: it will not catch up, and this has to end
          finish(0, 0, Infinity);
          continue;
        }
        const dueMs = beganMs + (sent * 1000) / rate;
        const who = pick(staff);
        ask(who, targetOf(who), (status, bytes) => finish(status, bytes, nowMs() - dueMs));
      }
      if (sent < total) setTimeout(send, 1);
    };
    send();
  });
  result.seconds = (nowMs() - beganMs) / 1000;
  return result;
}

const PIDS = { api: Number(process.env.API_PIDS), postgres: Number(process.env.POSTGRES_PIDS) };
const usages = () => Object.fromEntries(Object.entries(PIDS).map(([name, pid]) => [name, cpuSeconds(pid)]));
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];

async function measure(targetOf, staff) {
  const before = usages();
  const { latencies, bytes, failed, seconds: took } = await load(targetOf, staff);
  const after = usages();
  latencies.sort((a, b) => a - b);
  const served = latencies.length - failed;
  const us = (name) => ((after[name] - before[name]) * 1e6) / served;
  return {
    p50: quantile(latencies, 0.5), p90: quantile(latencies, 0.9), p99: quantile(latencies, 0.99), max: latencies.at(-1),
    perSecond: served / took, failed, bytes: bytes / served, apiUs: us('api'), postgresUs: us('postgres'),
  };
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}
const COLUMNS = [['p50', 1], ['p90', 1], ['p99', 1], ['max', 0], ['perSecond', 0], ['failed', 0], ['bytes', 0], ['apiUs', 0], ['postgresUs', 0]];
const HEADS = ['p50 ms', 'p90', 'p99', 'max', 'replies/s', 'failed', 'bytes', 'api us', 'postgres us'];

const line = (cells) => console.log(cells.map((cell, i) => (i === 0 ? String(cell).padEnd(20) : String(cell).padStart(12))).join(''));

const staff = mintAll();
await load(() => LIST, staff); // connections, plans, caches
console.log(`${rate} requests/s for ${seconds} s each, ${rounds} rounds, median of the rounds; us: CPU time for each request`);
line(['', ...HEADS]);
const results = new Map(Object.keys(KINDS).map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const [name, targetOf] of Object.entries(KINDS)) results.get(name).push(await measure(targetOf, staff));
}
for (const [name, list] of results) line([name, ...COLUMNS.map(([column, digits]) => median(list.map((result) => result[column])).toFixed(digits))]);
agent.destroy();
