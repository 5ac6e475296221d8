/** docs/getting-started.md as a new user meets it: its blocks, one behind the other, in a shell. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';

const DOCUMENT = new URL('../../../docs/getting-started.md', import.meta.url);
const CHECKOUT = new URL('../../..', import.meta.url);

test('every block of the guide works, and the order is served', async () => {
  const blocks = [...readFileSync(DOCUMENT, 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block);
  assert.ok(blocks.length >= 8, 'the guide has its blocks');
  const script = ['set -euo pipefail', ...blocks].join('\n');
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: CHECKOUT, env: process.env });
  for (const line of [/^restaurant [0-9a-f-]{36}$/m, /^recovery codes: 10$/m, /^Bibimbap 9000$/m, /^ACCEPTED\nPREPARING\nREADY\nCOMPLETED$/m, /order\.created/, /order\.completed/])
    assert.match(stdout, line);
});
