/** No table, view or function escapes row security, and no program's role can do more than its program. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeSchema } from '../api/own.mjs';
import { env, sql } from '../api/stack.mjs';
import { complaints } from './catalogue.mjs';

/** What the catalogue test would say if somebody did this. Each in a transaction that is rolled back. */
const MISTAKES = {
  'CREATE TABLE forgotten (id uuid, restaurant_id uuid)': 'tables without forced row security: forgotten',
  'ALTER TABLE orders NO FORCE ROW LEVEL SECURITY': 'tables without forced row security: orders',
  'ALTER TABLE menus DISABLE ROW LEVEL SECURITY': 'tables without forced row security: menus',
  'ALTER TABLE audit_logs_default NO FORCE ROW LEVEL SECURITY': 'tables without forced row security: audit_logs_default',
  'CREATE POLICY open ON orders USING (true)': 'policies for everybody: orders: open',
  'CREATE POLICY open ON orders FOR SELECT TO ordersync_api USING (true)': 'policies that let the API see everything: orders: open',
  'CREATE POLICY slow ON orders TO ordersync_api USING (restaurant_id = ANY (scope_restaurants()))': 'policies that ask for the scope row by row: orders: slow',
  'CREATE VIEW everything AS SELECT * FROM orders': "views that see with their owner's eyes: everything",
  'CREATE MATERIALIZED VIEW everything AS SELECT * FROM orders': 'tables of strange kinds: everything',
  'CREATE FUNCTION everything() RETURNS SETOF orders LANGUAGE sql SECURITY DEFINER AS $$ SELECT * FROM orders $$': 'functions that run as their owner: everything',
  'GRANT EXECUTE ON FUNCTION make_audit_partitions TO PUBLIC': "functions that run as their owner, with anybody's search path, or for anybody: make_audit_partitions",
  'ALTER FUNCTION make_audit_partitions RESET search_path': "functions that run as their owner, with anybody's search path, or for anybody: make_audit_partitions",
  'GRANT TRUNCATE ON orders TO ordersync_api': 'privileges that no program needs: ordersync_api may TRUNCATE orders',
  'GRANT SELECT ON orders TO PUBLIC': 'privileges for everybody: orders: SELECT',
  'GRANT DELETE ON audit_logs TO ordersync_api': 'the audit log can be rewritten: ordersync_api may DELETE',
  'GRANT SELECT ON orders TO ordersync_hub': 'encrypted columns that the hub can read: orders.customer_name',
  'GRANT SELECT (note) ON orders TO ordersync_worker': 'personal columns that the worker can read: orders.note',
  'GRANT SELECT ON statutory_records TO ordersync_api': 'what statutory records hold, for others than an administrator: ordersync_api',
  'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ordersync_api': 'privileges that tables to come will have: ordersync gives r',
};

const schema = await makeSchema();

describe('the catalogue', { concurrency: false }, () => {
  test('has nothing that escapes, in the stack\'s own schema', async () => {
    assert.deepEqual(await complaints((query) => sql(query, env.DATABASE_URL)), []);
  });

  test('nor in a new one', async () => {
    assert.deepEqual(await complaints((query) => sql(query, schema)), []);
  });

  for (const [mistake, complaint] of Object.entries(MISTAKES)) {
    test(`shows: ${mistake}`, async () => {
      const found = await complaints((query) => sql(`BEGIN; ${mistake}; ${query}; ROLLBACK`, schema));
      assert.ok(found.includes(complaint), found.join('\n'));
    });
  }
});
