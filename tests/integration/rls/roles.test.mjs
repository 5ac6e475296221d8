/** What each program's role must not do, tried: PostgreSQL refuses each. And what the worker must, when nobody looks. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { env, sql } from '../api/stack.mjs';
import { as } from '../roles.mjs';

const EVERYBODY = [
  'CREATE TABLE mine (id integer)',
  'CREATE TEMPORARY TABLE mine (id integer)',
  'CREATE SCHEMA mine',
  'CREATE ROLE mine',
  'TRUNCATE orders',
  'DROP TABLE orders',
  'DROP POLICY whole ON orders',
  'ALTER TABLE orders DISABLE ROW LEVEL SECURITY',
  'ALTER TABLE orders NO FORCE ROW LEVEL SECURITY',
  'ALTER VIEW order_receipts RESET (security_invoker)',
  'CREATE POLICY mine ON orders USING (true)',
  'GRANT ordersync TO CURRENT_USER',
  'SET ROLE ordersync',
  'SET SESSION AUTHORIZATION postgres',
  'ALTER ROLE CURRENT_USER BYPASSRLS',
  'COPY restaurants TO PROGRAM \'cat\'',
  'SELECT pg_read_file(\'PG_VERSION\')',
  'SELECT * FROM pg_authid',
  'UPDATE audit_logs SET action = action',
  'DELETE FROM audit_logs',
  'SELECT * FROM audit_logs_default',
  'DROP TRIGGER audit_logs_append_only ON audit_logs',
  'SELECT protect(\'orders\')',
  'SELECT allow(\'orders\', api => \'TRUNCATE\')',
  'INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, \'mine\', repeat(\'0\', 64))',
];

const FORBIDDEN = {
  api: [
    ...EVERYBODY,
    'SELECT make_audit_partitions(2)',
    'SELECT record FROM statutory_records',
    'DELETE FROM statutory_records',
    'DELETE FROM orders',
    'DELETE FROM order_events',
    'UPDATE order_events SET data = data',
    'DELETE FROM restaurants',
    'DELETE FROM revocations',
    'UPDATE receipts SET at = at',
    'INSERT INTO devices (restaurant_id, device, incarnation, connected_at) VALUES (gen_random_uuid(), \'x\', gen_random_uuid(), now())',
    'SELECT * FROM order_watches',
    'SET row_security = off; SELECT * FROM orders',
  ],
  worker: [
    ...EVERYBODY,
    'SELECT customer_name FROM orders',
    'SELECT customer_phone, customer_address, note FROM orders',
    'SELECT orders FROM orders',
    'UPDATE orders SET customer_name = customer_name',
    'SELECT phone FROM restaurant_profiles',
    'SELECT email FROM users',
    'SELECT password_hash FROM users',
    'SELECT token_hash FROM sessions',
    'SELECT record FROM statutory_records',
    'INSERT INTO orders (id) VALUES (gen_random_uuid())',
    'DELETE FROM orders',
    'DELETE FROM order_events',
  ],
  hub: [
    ...EVERYBODY,
    'SELECT make_audit_partitions(2)',
    'SELECT customer_name FROM orders',
    'SELECT * FROM orders',
    'SELECT name FROM restaurants',
    'SELECT * FROM users',
    'SELECT * FROM sessions',
    'SELECT * FROM webhooks',
    'SELECT * FROM audit_logs',
    'SELECT * FROM restaurant_profiles',
    'SELECT * FROM idempotency',
    'SELECT * FROM statutory_records',
    'UPDATE orders SET status = status',
    'INSERT INTO order_events (restaurant_id, seq) VALUES (gen_random_uuid(), 1)',
    'UPDATE restaurant_streams SET seq = seq',
    'DELETE FROM receipts',
    'DELETE FROM devices',
    'INSERT INTO revocations (kind, id, revoked_at) VALUES (\'user\', gen_random_uuid(), now())',
  ],
  admin: [...EVERYBODY, 'SELECT make_audit_partitions(2)'],
};

for (const [kind, statements] of Object.entries(FORBIDDEN)) {
  describe(`as the role of ${kind}`, { concurrency: 2 }, () => {
    const database = as(kind, env.DATABASE_URL, env);
    test('somebody is there at all', async () => assert.equal(await sql('SELECT 1', database), '1'));

    for (const statement of statements) {
      test(`refused: ${statement}`, async () => {
        // In a transaction that is rolled back: a test that finds something leaves the stack as it was.
        const attempt = sql(`BEGIN; ${statement}; ROLLBACK`, database);
        await assert.rejects(attempt, /permission denied|must be (owner|superuser|member)|must be a |must have admin option|query would be affected by row-level security/);
      });
    }
  });
}

const BACKGROUND = new URL('../../../api/background/', import.meta.url);

describe('as the role of worker, which does these by itself', () => {
  for (const file of readdirSync(BACKGROUND).filter((name) => name.endsWith('.sql')))
    test(`allowed: ${file}`, async () => {
      const text = readFileSync(new URL(file, BACKGROUND), 'utf8').replace(/^--.*$/gm, '').replace(/\$\d+/g, "'1'");
      await sql(`BEGIN; ${text}; ROLLBACK`, as('worker', env.DATABASE_URL, env));
    });
});
