/**
 * How PostgreSQL runs our statements when the tables are full: whatever touches a large table does so by an index, with
 * a condition on it, and does not throw away most of what it reads. New statements are found by themselves; how one
 * with parameters is called stands in calls.mjs.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PROGRAM } from '../api/own.mjs';
import { env } from '../api/stack.mjs';
import { Postgres } from '../restore/servers.mjs';
import { calls, SCOPE, USER } from './calls.mjs';
import { statements } from './statements.mjs';

const TIMEOUT = { timeout: 600_000 };
const RESTAURANTS = 2000;
const ORDERS = 200_000;
const LARGE_ROWS = 10_000;
const WASTED_ROWS = 20_000; // so many, a tenth of all orders, no statement may read in vain; a restaurant has a hundred

/** Tables that stay below that: at most some rows for each restaurant, hub or waiting order. */
const SMALL = ['audit_chains', 'escalation_steps', 'hub_leases', 'menus', 'opening_hours', 'order_watches', 'restaurant_profiles', 'restaurant_reachability', 'restaurant_streams', 'restaurants', 'schema_migrations', 'webhooks'];

/** Statements that read all of a large table, and why that is right. */
const EXCEPTIONS = {
  'api/audit/read_rows.sql': ['audit_logs_default', 'verifies the whole log'],
  'api/auth/list_users.sql': ['users', 'a command that prints all of them'],
  'api/presence/judge_reachability.sql': ['devices', 'judges all restaurants by all of their devices'],
  'api/presence/end_leases.sql': ['devices', 'only when a hub has died; an index would cost each device that comes or goes'],
  'hub/find_devices.sql': ['devices', 'once for each connection that a hub makes; an index would cost each device that comes or goes'],
  'hub/end_lease.sql': ['devices', 'once, when a hub ends; an index would cost each device that comes or goes'],
  'api/presence/delete_old_devices.sql': ['devices', 'every ten minutes; an index would cost each device that comes or goes'],
};

/** What is missing without an index: who notices. */
const GUARDED = {
  'DROP INDEX orders_by_restaurant': 'api/orders/list_orders.sql',
  'DROP INDEX orders_by_restaurant, orders_active': 'api/orders/list_open_orders.sql',
  'DROP INDEX orders_by_phone, orders_by_restaurant': 'api/orders/search_orders.sql',
  'DROP INDEX orders_by_customer': 'api/orders/list_own_orders.sql',
  'DROP INDEX orders_pending, orders_active': 'api/escalation/enrol_orders.sql',
  'ALTER TABLE orders DROP CONSTRAINT orders_pkey': 'api/orders/find_order.sql',
  'ALTER TABLE order_events DROP CONSTRAINT order_events_pkey': 'hub/find_events.sql',
  'DROP INDEX order_events_by_order': 'api/orders/change_orders.sql',
  'ALTER TABLE order_items DROP CONSTRAINT order_items_pkey': 'api/orders/change_orders.sql',
  'DROP INDEX receipts_by_order': 'api/orders/find_timeline.sql',
  'ALTER TABLE idempotency DROP CONSTRAINT idempotency_pkey': 'api/orders/create_orders.sql',
  'DROP INDEX idempotency_by_age': 'api/background/delete_expired_keys.sql',
  'ALTER TABLE request_replies DROP CONSTRAINT request_replies_pkey': 'api/db/find_reply.sql',
  'DROP INDEX request_replies_by_age': 'api/background/delete_old_replies.sql',
  'DROP INDEX request_replies_by_user': 'api/privacy/erase_replies.sql',
  'DROP INDEX sessions_by_user, sessions_by_expiry': 'api/auth/list_sessions.sql',
  'DROP INDEX sessions_by_expiry': 'api/background/delete_old_sessions.sql',
  'DROP INDEX login_attempts_by_age': 'api/background/delete_old_attempts.sql',
  'DROP INDEX audit_logs_of_platform_by_action': 'api/audit/list_platform_by_action.sql',
  'DROP INDEX audit_logs_of_platform_by_actor': 'api/audit/list_platform_by_actor.sql',
  'DROP INDEX audit_logs_by_subject': 'api/orders/find_timeline.sql',
  'ALTER TABLE devices DROP CONSTRAINT devices_pkey': 'api/restaurants/list_devices.sql',
  'ALTER TABLE menu_items DROP CONSTRAINT menu_items_pkey': 'api/menus/find_menu.sql',
  'DROP INDEX order_alerts_waiting': 'api/escalation/claim_messages.sql',
  'DROP INDEX revocations_by_time': 'shared/find_revocations.sql',
};

const run = promisify(execFile);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
let server, large, indexes;

// --- a full database ----------------------------------------------------------------------------

/** Nobody needs what is in it after a crash, and statistics are those of fill_others.sql. */
const QUICK = { wal_level: 'minimal', max_wal_senders: 0, full_page_writes: 'off', synchronous_commit: 'off', max_wal_size: '4GB', shared_buffers: '256MB', autovacuum: 'off' };

/** What comes of a script, or of the files that args name. */
async function psql(script, ...args) {
  const running = run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...args, server.url], { maxBuffer: 1 << 26 });
  running.child.stdin.end(script);
  return (await running).stdout.trim();
}
const program = (...args) => run(PROGRAM, args, { env: { ...env, ORDERSYNC_DATABASE_URL: server.url } });

async function fill() {
  await program('migrate');
  await program('seed', '--restaurants', String(RESTAURANTS));
  const numbers = { restaurants: RESTAURANTS, turns: ORDERS / RESTAURANTS, first: 0, last: ORDERS - 1 };
  const variables = Object.entries(numbers).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
  const scripts = ['../../bench/fill_orders.sql', '../../bench/settle_streams.sql', 'fill_others.sql'];
  await psql('', ...variables, ...scripts.flatMap((script) => ['-f', here(script)]));
}

const rows = async (query) => (await psql(query)).split('\n').filter(Boolean);
/** Partitions count by themselves, since plans name them. */
const findTables = (more) => rows(`SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ${more}`);

/** By name: the column that an index begins with, and whether it holds only some rows of its table. */
async function findIndexes() {
  const found = await rows(`SELECT indexrelid::regclass, pg_get_indexdef(indexrelid, 1, true), indpred IS NOT NULL FROM pg_index`);
  return new Map(found.map((row) => row.split('|')).map(([name, column, isPartial]) => [name, { column, isPartial: isPartial === 't' }]));
}

// --- plans --------------------------------------------------------------------------------------

const isGenericOnly = (settings) => settings.some(([name, value]) => name === 'plan_cache_mode' && value === 'force_generic_plan');

/** Each way in which this statement may be planned, and run where the values are known. */
function ways({ file, parameters, sessions }) {
  const rows = parameters === 0 ? [[]] : calls[file];
  return sessions.flatMap((settings) => {
    const generic = { name: 'generic plan', mode: 'generic', settings, values: Array(parameters).fill('NULL') };
    if (!rows && isGenericOnly(settings)) return [generic];
    assert.ok(rows, `calls.mjs must say how ${file} is called`);
    const mode = isGenericOnly(settings) ? 'generic' : 'custom';
    return [generic, ...rows.map((values) => ({ name: `called with (${values.join(', ').slice(0, 100)})`, mode, settings, values, runs: true }))];
  });
}

/** The plan's root, and, where there are values, what came of it. change: made beforehand, and rolled back with the rest. */
async function explain(text, { mode, settings, values, runs = false }, role, change) {
  const list = values.length > 0 ? `(${values.join(', ')})` : '';
  const lines = [
    ...settings.map(([name, value]) => `SET ${name} = ${value};`),
    `SET plan_cache_mode = force_${mode}_plan;`,
    `BEGIN; ${change ?? ''};`,
    `SET LOCAL ROLE ${role}; SET LOCAL app.restaurants = '{${SCOPE}}'; SET LOCAL app.user_id = ${USER}; SET LOCAL app.actor_role = 'admin';`, // who may see most
    `PREPARE statement AS ${text};`,
    `EXPLAIN (FORMAT JSON, ANALYZE ${runs}, TIMING off) EXECUTE statement ${list};`,
    'ROLLBACK;',
  ];
  return JSON.parse(await psql(lines.join('\n')))[0].Plan;
}

/** Every node, with the nodes above it. */
function* nodes(node, above = []) {
  yield { node, above };
  for (const child of node.Plans ?? []) yield* nodes(child, [...above, node]);
}

/** A condition on a later column alone reads the whole index. One that holds only some rows is a condition in itself. */
function hasCondition(node) {
  const index = indexes.get(node['Index Name']);
  return index !== undefined && (index.isPartial || new RegExp(`\\b${index.column}\\b`).test(node['Index Cond']));
}
const isConditioned = (scan) => [...nodes(scan)].some(({ node }) => hasCondition(node));
/** Without a condition an index is read from one end on, which is fine if somebody stops it: not one who wants all first. */
const WANT_ALL = ['Sort', 'Aggregate', 'Hash', 'WindowAgg', 'Materialize', 'ModifyTable'];
function isStopped(above) {
  const [nearest] = above.map((node) => node['Node Type']).filter((type) => type === 'Limit' || WANT_ALL.includes(type)).slice(-1);
  return nearest === 'Limit';
}
const wasted = (node) => ((node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)) * (node['Actual Loops'] ?? 0);

const ROLES = ['ordersync_api', 'ordersync_worker', 'ordersync_hub', 'ordersync_admin'];

/** What only commands run: `migrate` as the owner of the database. */
const OF_COMMANDS = { 'api/auth/list_users.sql': 'ordersync_admin', 'api/db/record_migration.sql': 'test' };

const SCANS = ['Seq Scan', 'Index Scan', 'Index Only Scan', 'Bitmap Heap Scan']; // by TID: rows that another scan has found

function complaint({ node, above }) {
  const name = `${node['Node Type']} on ${node['Relation Name']}`;
  if (node['Node Type'] === 'Seq Scan') return name;
  if (!isConditioned(node) && !isStopped(above)) return `${name} without a condition`;
  if (wasted(node) >= WASTED_ROWS) return `${name} reads ${wasted(node)} rows in vain`;
  return undefined;
}

/**
 * As whom programs run it: the first role that lacks no privilege. The API comes first, because row security adds
 * conditions to its statements alone; to the others' the policies add nothing.
 */
async function findRole(statement) {
  if (OF_COMMANDS[statement.file]) return OF_COMMANDS[statement.file];
  const way = { ...ways(statement)[0], runs: false };
  for (const role of ROLES) {
    try {
      await explain(statement.text, way, role);
      return role;
    } catch (error) {
      if (!/permission denied/.test(error.stderr)) throw error;
    }
  }
  return assert.fail('no role may run it');
}

/** The plan of a statement that was run, or, where this role is refused what these values ask for, that was only planned. */
async function explainAs(role, statement, way, change) {
  try {
    return await explain(statement.text, way, role, change);
  } catch (error) {
    if (!way.runs || !/row-level security|permission denied/.test(error.stderr)) throw error;
    return explain(statement.text, { ...way, runs: false }, role, change);
  }
}

/** What is wrong with how this statement reads large tables: [table, text]... */
async function judge(statement, change) {
  const found = [];
  const role = await findRole(statement);
  for (const way of ways(statement)) {
    const scans = [...nodes(await explainAs(role, statement, way, change))].filter(({ node }) => SCANS.includes(node['Node Type']) && large.has(node['Relation Name']));
    for (const scan of scans) {
      const text = complaint(scan);
      if (text) found.push([scan.node['Relation Name'], `${text}; ${way.name}, by ${role}`]);
    }
  }
  return found;
}

// --- the tests ----------------------------------------------------------------------------------

describe('plans on full tables', TIMEOUT, () => {
  before(async () => {
    server = await Postgres.create(QUICK);
    await fill();
    large = new Set(await findTables(`AND reltuples >= ${LARGE_ROWS}`));
    indexes = await findIndexes();
  }, TIMEOUT);

  test('every table is large here, unless it is small in life', async () => {
    const empty = (await findTables('')).filter((table) => !large.has(table) && !/^audit_logs_2/.test(table));
    assert.deepEqual(empty.sort(), SMALL, 'fill_others.sql must fill a new table, or it belongs into SMALL');
  });

  for (const statement of statements) {
    const [exempt] = EXCEPTIONS[statement.file] ?? [];
    test(`${statement.file} reads large tables by an index${exempt ? `, but ${exempt}` : ''}`, async () => {
      assert.ok(statement.sessions.length > 0, `nobody runs ${statement.file}`);
      const found = await judge(statement);
      assert.deepEqual(found.filter(([table]) => table !== exempt).map(([, text]) => text), []);
      if (exempt) assert.ok(found.length > 0, 'the exception is needed no more');
    });
  }

  for (const [change, file] of Object.entries(GUARDED)) {
    test(`${file} is caught after ${change}`, async () => {
      const found = await judge(statements.find((statement) => statement.file === file), `${change} CASCADE`);
      assert.ok(found.length > 0);
    });
  }

  test('calls and exceptions are of statements that there are', () => {
    const files = statements.map(({ file }) => file);
    assert.deepEqual([...Object.keys(calls), ...Object.keys(EXCEPTIONS)].filter((file) => !files.includes(file)), []);
  });
});
