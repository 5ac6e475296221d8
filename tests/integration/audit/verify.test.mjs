/**
 * The audit log against somebody who owns the database: whatever is done to its rows behind the programs' backs,
 * `ordersync-api audit verify` finds and names it. Each test has a copy of one database.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PROGRAM, start, until } from '../api/own.mjs';
import { env, sql } from '../api/stack.mjs';
import { atEnd } from '../endings.mjs';
import { Postgres } from '../restore/servers.mjs';

const TIMEOUT = { timeout: 600_000 };
const QUICK = { wal_level: 'minimal', max_wal_senders: 0, fsync: 'off' };
const run = promisify(execFile);
let server;
let copies = 0;

const urlOf = (database) => server.url.replace('/postgres', `/${database}`);

/** Rows of two chains: links of one row and of several, with values and without. */
const FILL = `
  SET app.audit_chain = 1;
  SELECT record_audit('settings.set', gen_random_uuid(), gen_random_uuid(), '\\x01', '\\x02') FROM generate_series(1, 10);
  SELECT record_audits(array_agg(ROW (gen_random_uuid(), moment.at, gen_random_uuid(), 'guest', NULL, NULL, '192.0.2.1', 'order.created',
                                      gen_random_uuid(), repeat('0', 32), NULL, NULL)::audit_entry)) FROM generate_series(1, 8), (SELECT clock_timestamp() AS at) moment;
  SELECT record_audit('webhook.set', NULL, gen_random_uuid(), NULL, NULL) FROM generate_series(1, 12);
  SET app.audit_chain = 2;
  SELECT record_audit('session.begun', NULL, gen_random_uuid(), NULL, '\\x03') FROM generate_series(1, 5);`;
const LAST = 30; // number of chain 1

before(async () => {
  server = await Postgres.create(QUICK);
  await sql('CREATE DATABASE untouched', server.url);
  await run(PROGRAM, ['migrate'], { env: { ...env, ORDERSYNC_DATABASE_URL: urlOf('untouched') } });
  await sql(FILL, urlOf('untouched'));
}, TIMEOUT);

/** The URL of a copy in which this was done, past the triggers. */
async function tampered(text = 'SELECT') {
  const name = `copy_${copies++}`;
  await sql(`CREATE DATABASE ${name} TEMPLATE untouched`, server.url);
  await sql(`SET session_replication_role = replica; ${text}`, urlOf(name));
  return urlOf(name);
}

/** {status, findings, summary, stderr}. Without the folder of keys: nobody needs them to verify. */
async function verify(database, ...args) {
  const settings = { ...env, ORDERSYNC_DATABASE_URL: database, ...(args.includes('--heads') ? {} : { ORDERSYNC_KEYS_DIR: '' }) };
  const { status, stdout, stderr } = await new Promise((resolve) => {
    execFile(PROGRAM, ['audit', 'verify', '--json', ...args], { env: settings }, (error, out, err) =>
      resolve({ status: error ? error.code : 0, stdout: out, stderr: err }),
    );
  });
  const lines = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return { status, findings: lines.slice(0, -1), summary: lines.at(-1), stderr };
}

const rowOf = (database, number) => sql(`SELECT id FROM audit_logs WHERE chain_id = 1 AND number = ${number}`, database);

const told = ({ findings }) => findings.map(({ fault, chain, number, last }) => `${fault} ${chain}:${number}-${last}`);

/** Digests, links and heads of chain 1 made anew, as somebody would who knows how: the owner of the database can. */
const MADE_ANEW = `
  DO $$ DECLARE r audit_logs; hash bytea := ''; digests bytea := ''; BEGIN
    FOR r IN SELECT * FROM audit_logs WHERE chain_id = 1 ORDER BY number LOOP
      r.digest := audit_digest(1, r.number, ROW (r.id, r.at, r.restaurant_id, r.actor_role, r.actor_id, r.session_id, r.address, r.action,
                                                 r.subject_id, r.trace_id, r.old_value, r.new_value)::audit_entry);
      digests := digests || r.digest;
      IF r.hash IS NOT NULL THEN
        hash := sha256(hash || digests); digests := '';
      END IF;
      UPDATE audit_logs l SET digest = r.digest, hash = CASE WHEN r.hash IS NOT NULL THEN made.hash END
        FROM (SELECT hash) made WHERE l.chain_id = 1 AND l.number = r.number AND l.id = r.id;
    END LOOP;
    UPDATE audit_chains c SET number = (SELECT max(number) FROM audit_logs WHERE chain_id = 1), hash = made.hash FROM (SELECT hash) made WHERE c.id = 1;
  END $$`;

describe('what is found in the database alone', TIMEOUT, () => {
  test('an untouched log is in order, and no key is needed to see that', async () => {
    const { status, findings, summary } = await verify(await tampered());
    assert.deepEqual(findings, []);
    assert.equal(status, 0);
    assert.deepEqual([summary.rows, summary.chains, summary.findings], [LAST + 5, 2, 0]);
  });

  for (const [what, text, ...expected] of [
    ['an altered row', `UPDATE audit_logs SET actor_role = 'nobody' WHERE chain_id = 1 AND number = 7`, 'altered 1:7-7'],
    ['an altered time', `UPDATE audit_logs SET at = at - interval '1 second' WHERE chain_id = 1 AND number = 7`, 'altered 1:7-7'],
    ['an altered value', `UPDATE audit_logs SET new_value = '\\x04' WHERE chain_id = 2 AND number = 3`, 'altered 2:3-3'],
    ['a row inside of a link', `UPDATE audit_logs SET address = NULL WHERE chain_id = 1 AND number = 13`, 'altered 1:13-13'],
    ['an altered row with its digest', `UPDATE audit_logs l SET actor_role = 'nobody', digest = audit_digest(1, 7, ROW (l.id, l.at, l.restaurant_id, 'nobody',
        l.actor_id, l.session_id, l.address, l.action, l.subject_id, l.trace_id, l.old_value, l.new_value)::audit_entry) WHERE chain_id = 1 AND number = 7`, 'unlinked 1:7-7'],
    ['a deleted row', `DELETE FROM audit_logs WHERE chain_id = 1 AND number = 7`, 'missing 1:7-7'],
    ['deleted rows of two links', `DELETE FROM audit_logs WHERE chain_id = 1 AND number BETWEEN 9 AND 12`, 'missing 1:9-12'],
    ['the first rows', `DELETE FROM audit_logs WHERE chain_id = 1 AND number < 4`, 'missing 1:1-3'],
    ['two rows that changed places', `UPDATE audit_logs SET number = CASE number WHEN 22 THEN 24 ELSE 22 END WHERE chain_id = 1 AND number IN (22, 24)`,
      'altered 1:22-22', 'reordered 1:24-24'],
    ['rows of two chains that changed places', `UPDATE audit_logs SET chain_id = 3 - chain_id WHERE number = 2`, 'altered 1:2-2', 'altered 2:2-2'],
    ['a cut tail', `DELETE FROM audit_logs WHERE chain_id = 1 AND number > 25`, 'truncated 1:26-30'],
    ['a chain without rows', `DELETE FROM audit_logs WHERE chain_id = 2`, 'truncated 2:1-5'],
    ['a fork', `INSERT INTO audit_logs SELECT gen_random_uuid(), at + interval '1 second', restaurant_id, 'nobody', actor_id, action, subject_id, trace_id, session_id,
        address, old_value, new_value, chain_id, number, digest, hash FROM audit_logs WHERE chain_id = 1 AND number = 20`, 'forked 1:20-20'],
    ['a row behind the head', `UPDATE audit_chains SET number = 29, hash = (SELECT hash FROM audit_logs WHERE chain_id = 1 AND number = 29) WHERE id = 1`, 'inserted 1:30-30'],
    ['a chain that nobody has written', `DELETE FROM audit_chains WHERE id = 2`, 'inserted 2:1-5'],
    ['a head that was altered', `UPDATE audit_chains SET hash = sha256('') WHERE id = 1`, 'rewritten 1:30-30'],
  ])
    test(`${what} is found and named`, async () => {
      const result = await verify(await tampered(text));
      assert.deepEqual(told(result), expected);
      assert.equal(result.status, 1);
    });

  test('a finding names the row', async () => {
    const database = await tampered(`UPDATE audit_logs SET action = 'nothing' WHERE chain_id = 1 AND number = 7`);
    const { findings } = await verify(database);
    assert.equal(findings[0].row, await rowOf(database, 7));
  });

  test('a part of the log can be verified', async () => {
    const database = await tampered(`UPDATE audit_logs SET actor_role = 'nobody' WHERE chain_id = 1 AND number = 7`);
    const at = await sql(`SELECT utc_text(at + interval '1 millisecond') FROM audit_logs WHERE chain_id = 1 AND number = 11`, database);
    assert.deepEqual(told(await verify(database, '--since', at)), []);
    assert.deepEqual(told(await verify(database, '--until', at)), ['altered 1:7-7']);
  });

  for (const [what, text] of [
    ['UPDATE', `UPDATE audit_logs SET action = ''`],
    ['DELETE', 'DELETE FROM audit_logs'],
    ['TRUNCATE', 'TRUNCATE audit_logs'],
    ['TRUNCATE of a partition', `DO $$ BEGIN EXECUTE (SELECT format('TRUNCATE %s', tableoid::regclass) FROM audit_logs LIMIT 1); END $$`],
  ])
    test(`${what} is refused, even to a superuser`, async () => {
      await assert.rejects(sql(text, await tampered()), /can only be appended to/);
    });
});

describe('what only signed heads show', TIMEOUT, () => {
  /** The folder in which a worker has signed what is in this database. */
  async function signHeads(database, more = {}) {
    const folder = more.folder ?? mkdtempSync(path.join(tmpdir(), 'ordersync-heads-'));
    if (!more.folder) atEnd(() => rmSync(folder, { recursive: true, force: true }));
    const worker = await start('work', { ORDERSYNC_DATABASE_URL: database, ORDERSYNC_AUDIT_HEADS_DIR: folder, ORDERSYNC_AUDIT_HEADS_MS: '100' });
    await until('heads are signed', () => readdirSync(folder).some((name) => name.endsWith('.jsonl')));
    if (more.whileUp) await more.whileUp(worker);
    await worker.stop();
    return folder;
  }
  const fileOf = (folder) => path.join(folder, readdirSync(folder).find((name) => name.endsWith('.jsonl')));

  test('a log that goes on is in order', async () => {
    const database = await tampered();
    const folder = await signHeads(database);
    await sql(`SELECT record_audit('settings.set', NULL, gen_random_uuid(), NULL, NULL)`, database);
    await signHeads(database, { folder }); // a restart goes on with the same file
    assert.equal(readFileSync(fileOf(folder), 'utf8').split('\n').filter(Boolean).length, 2);
    const { status, findings, summary } = await verify(database, '--heads', folder);
    assert.deepEqual([status, findings], [0, []]);
    assert.equal(summary.signed_heads, 3);
  });

  test('a tail that was cut with its head', async () => {
    const database = await tampered();
    const folder = await signHeads(database);
    await sql(`SET session_replication_role = replica; DELETE FROM audit_logs WHERE chain_id = 1 AND number > 25;
               UPDATE audit_chains SET number = 25, hash = (SELECT hash FROM audit_logs WHERE chain_id = 1 AND number = 25) WHERE id = 1`, database);
    assert.deepEqual(told(await verify(database)), []);
    assert.deepEqual(told(await verify(database, '--heads', folder)), ['truncated 1:26-30']);
    await sql(`SET app.audit_chain = 1; SELECT record_audit('settings.set', NULL, gen_random_uuid(), NULL, NULL) FROM generate_series(1, 9)`, database);
    assert.deepEqual(told(await verify(database)), []); // it has grown over the cut
    assert.deepEqual(told(await verify(database, '--heads', folder)), ['rewritten 1:30-30']);
  });

  test('a chain that was made anew', async () => {
    const database = await tampered();
    const folder = await signHeads(database);
    await sql(`SET session_replication_role = replica; UPDATE audit_logs SET actor_role = 'nobody' WHERE chain_id = 1 AND number = 7; ${MADE_ANEW}`, database);
    assert.deepEqual(told(await verify(database)), []);
    const result = await verify(database, '--heads', folder);
    assert.deepEqual(told(result), ['rewritten 1:30-30']);
    assert.equal(result.status, 1);
  });

  test('a running worker notices it, too', async () => {
    const database = await tampered();
    await signHeads(database, {
      whileUp: async (worker) => {
        await sql(`SET session_replication_role = replica; UPDATE audit_logs SET actor_role = 'nobody' WHERE chain_id = 1 AND number = 7; ${MADE_ANEW}`, database);
        assert.equal((await worker.logged('audit_chain_broken')).chain, '1');
      },
    });
  });

  for (const [what, alter, named] of [
    ['altered', (lines) => [lines[0].replace('[1,', '[3,'), lines[1]], /line 1: its signature is wrong/],
    ['taken out', (lines) => [lines[1]], /line 1: the line before it/],
    ['doubled', (lines) => [lines[0], lines[0], lines[1]], /line 2: the line before it/],
    ['put in', (lines) => [...lines, lines[1].replace(/"kid":"[^"]+"/, '"kid":"mine"')], /line 3: its key is not known/],
  ])
    test(`a line of heads that was ${what}`, async () => {
      const database = await tampered();
      const folder = await signHeads(database);
      await sql(`SELECT record_audit('settings.set', NULL, gen_random_uuid(), NULL, NULL)`, database);
      await signHeads(database, { folder });
      const file = fileOf(folder);
      writeFileSync(file, `${alter(readFileSync(file, 'utf8').split('\n').filter(Boolean)).join('\n')}\n`);
      const { status, stderr } = await verify(database, '--heads', folder);
      assert.equal(status, 2);
      assert.match(stderr, named);
    });

  test('what a dying worker left of a line is no harm', async () => {
    const database = await tampered();
    const folder = await signHeads(database);
    appendFileSync(fileOf(folder), '{"time":"20');
    assert.equal((await verify(database, '--heads', folder)).status, 0);
    await sql(`SELECT record_audit('settings.set', NULL, gen_random_uuid(), NULL, NULL)`, database);
    await signHeads(database, { folder });
    assert.equal((await verify(database, '--heads', folder)).status, 0);
  });

  /** A month of long ago, with a chain, the third, that has no later row. */
  const OLD_MONTH = `
    CREATE TABLE audit_logs_202001 PARTITION OF audit_logs FOR VALUES FROM ('2020-01-01 00:00Z') TO ('2020-02-01 00:00Z');
    SET app.audit_chain = 3;
    SELECT record_audits(ARRAY[ROW (gen_random_uuid(), '2020-01-31 00:00Z', NULL, 'system', NULL, NULL, NULL, 'settings.set',
                                    gen_random_uuid(), '', NULL, NULL)::audit_entry]) FROM generate_series(1, 4)`;

  test('a month that is too old is dropped, and no chain is missed', async () => {
    const database = await tampered();
    await sql(OLD_MONTH, database);
    const folder = await signHeads(database);
    assert.equal((await verify(database, '--heads', folder)).status, 0);
    await sql('DROP TABLE audit_logs_202001', database);
    await sql(`SET app.audit_chain = 1; SELECT record_audit('settings.set', NULL, gen_random_uuid(), NULL, NULL)`, database);
    const lines = () => readFileSync(fileOf(folder), 'utf8').split('\n').length;
    const before = lines();
    await signHeads(database, {
      folder,
      whileUp: async ({ port }) => {
        await until('it has looked and signed', () => lines() > before);
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        assert.match(text, /^audit_broken_chains 0$/m);
      },
    });
    const rest = await verify(database, '--heads', folder, '--since', '2020-02-01T00:00:00.000Z');
    assert.deepEqual([rest.status, told(rest), rest.summary.chains], [0, [], 3]);
    await sql(`SET session_replication_role = replica; DELETE FROM audit_logs WHERE chain_id = 3 AND at > '2020-02-01'`, database);
    assert.deepEqual(told(await verify(database)), ['truncated 3:1-5']);
  });

  test('a chain that a session holds and does not write is named before the drop, and goes on when that has ended', async () => {
    const [question] = /^SELECT head\.id[^;]+/m.exec(readFileSync(fileURLToPath(new URL('../../../docs/operations.md', import.meta.url)), 'utf8'));
    const database = await tampered();
    const ask = () => sql(question.replace('YYYYMM', '202001'), database);
    await sql(OLD_MONTH, database);
    const holder = spawn('psql', ['-XAtq', database], { env: { ...process.env, PGAPPNAME: 'holder' }, stdio: ['pipe', 'pipe', 'ignore'] });
    atEnd(() => holder.kill());
    holder.stdin.write(`SELECT pg_backend_pid() FROM pg_advisory_lock(hashtext('audit_chains'), 3);\n`);
    const held = String((await once(holder.stdout, 'data'))[0]).trim();
    const folder = await signHeads(database);
    assert.equal(await ask(), `3|${held}|holder`);

    const ended = once(holder, 'exit');
    await sql(`SELECT pg_terminate_backend(${held})`, database);
    holder.stdin.end();
    await ended;
    await signHeads(database, { folder, whileUp: () => until('the worker goes on with it', async () => (await ask()) === '') });
    await sql('DROP TABLE audit_logs_202001', database);
    assert.equal((await verify(database, '--heads', folder, '--since', '2020-02-01T00:00:00.000Z')).status, 0);
  });

  for (const [what, remains] of [['nothing', ''], ['a part of a line', '{"time":"20']])
    test(`a month of which only ${what} was written is begun again, after the month before`, async () => {
      const database = await tampered();
      const folder = await signHeads(database);
      const file = fileOf(folder);
      renameSync(file, path.join(folder, 'heads-202001.jsonl'));
      writeFileSync(file, remains);
      await sql(`SET app.audit_chain = 1; SELECT record_audit('settings.set', NULL, gen_random_uuid(), NULL, NULL)`, database);
      await signHeads(database, { folder, whileUp: () => until('the month is begun', () => readFileSync(file, 'utf8').endsWith('\n')) });
      const [line, ...more] = readFileSync(file, 'utf8').split('\n').filter(Boolean);
      assert.deepEqual(JSON.parse(line).heads.map(([chain, number]) => [chain, number]), [[1, LAST + 1], [2, 5]]);
      assert.deepEqual(more, []);
      assert.deepEqual([(await verify(database, '--heads', folder)).status, told(await verify(database, '--heads', folder))], [0, []]);
    });
});

test('the command says what it does not understand', async () => {
  for (const [args, named] of [
    [['--since', 'yesterday'], /--since/],
    [['--until', '2026-01-31'], /--until/],
    [['--everything'], /--help/],
    [['now'], /now/],
    [['--heads', '/no/such/folder'], /\/no\/such\/folder/],
  ]) {
    const { status, stderr } = await verify(env.DATABASE_URL, ...args);
    assert.equal(status, 2);
    assert.match(stderr, named);
  }
});
