/** The HTTP API's reference in Chromium: it shows every operation, tries one, and asks nobody but this server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DESK, launchBrowser, openDevice, takePicture } from './pages.mjs';
import { readStack } from './stack.mjs';

let stack, browser;

before(async () => {
  stack = await readStack();
  browser = await launchBrowser();
});

after(() => browser?.close());

test('it describes the API and tries a request out', async (t) => {
  const page = await openDevice(t, browser, DESK);
  const foreign = [];
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== stack.edgeUrl) foreign.push(request.url());
  });
  await page.goto(`${stack.edgeUrl}/docs/`);
  await page.getByRole('heading', { name: 'OrderSync HTTP API' }).waitFor();
  const operation = page.locator('#operations-service-keySet');
  await operation.locator('.opblock-summary-control').click();
  await takePicture(page, 'docs');
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  await operation.locator('.live-responses-table').getByText('"RS256"').first().waitFor();
  assert.deepEqual(foreign, []);
});
