/** The load test's report in Chromium: one file, opened from the disk, that draws itself and asks nobody for anything. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { DESK, PHONE, launchBrowser, openDevice } from './pages.mjs';
import { readStack } from './stack.mjs';

const LOAD = '--tablets 12 --customers 12 --dashboards 1 --restaurants 6 --rate 20 --ramp 100 --seconds 4 --generators 2 --ack';

let folder, url, browser;

before(async () => {
  const stack = await readStack();
  folder = await mkdtemp(path.join(os.tmpdir(), 'ordersync-report-'));
  const program = path.join(stack.BIN_DIR, 'ordersync-loadtest');
  await promisify(execFile)(program, [...LOAD.split(' '), '--out', folder], { env: { ...process.env, ...stack } });
  url = pathToFileURL(path.join(folder, 'report.html')).href;
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true });
});

async function open(t, device) {
  const page = await openDevice(t, browser, device);
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(url);
  return { page, asked };
}

for (const [name, device] of [['a desk', DESK], ['a phone', PHONE], ['a desk at night', { ...DESK, colorScheme: 'dark' }]])
  test(`on ${name} it draws every curve and fits the screen`, async (t) => {
    const { page, asked } = await open(t, device);
    await page.getByText('all arrived').waitFor();
    for (const title of ['Latency by percentile', 'Latency, second by second', 'Rates', 'CPU', 'Memory', 'Sockets'])
      await page.locator('figure', { has: page.getByRole('heading', { name: title, exact: true }) }).locator('svg path').first().waitFor({ state: 'attached' });
    assert.equal(await page.locator('svg path').evaluateAll((paths) => paths.some((one) => /NaN|Infinity/.test(one.getAttribute('d')))), false);
    for (const title of ['Where the time goes', 'What it cost', 'Latencies']) await page.getByRole('heading', { name: title, exact: true }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
    assert.deepEqual(asked, [url]);
  });

test('the legend tells what is under the pointer', async (t) => {
  const { page } = await open(t, DESK);
  const rates = page.locator('figure', { has: page.getByRole('heading', { name: 'Rates' }) });
  await rates.locator('svg').hover();
  await rates.getByText(/^deliveries [\d.,k]+\/s$/).waitFor();
});
