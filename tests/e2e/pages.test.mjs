/**
 * The pages in Chromium, against the whole stack: what a restaurant and its customer see. Needs a running stack
 * (deploy/local/up --detach); OSY_ENV_FILE names its env file. One file, because the tests share one restaurant.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  DESK,
  PHONE,
  card,
  fillGuest,
  launchBrowser,
  openDashboard,
  openDevice,
  openLink,
  openMenu,
  openTablet,
  orderDishes,
  placeOrder,
  takePicture,
  tap,
  waitForCardStatus,
  waitForTrackedStatus,
  waitUntilLive,
} from './pages.mjs';
import { askAsOwner, busiestHub, control, makeKitchen, makeRestaurant, mintToken, readStack, revokeTokens, setSoldOut, sql, until } from './stack.mjs';

let stack;
let browser;

before(async () => {
  stack = await readStack();
  /* Tests place orders while no tablet is there; the one about tablets that leave would have them refused. */
  await changeRestaurant({ refuse_when_unreachable: 'false' });
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await changeRestaurant({ refuse_when_unreachable: 'DEFAULT' });
});

/** Gives settings of the restaurant other values. */
function changeRestaurant(settings) {
  const changes = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return sql(stack, `UPDATE restaurants SET ${changes.join(', ')} WHERE id = '${stack.restaurantId}'`);
}

test('an order rings, is cooked and handed over, and its customer sees each step, though a hub dies', async (t) => {
  const tablet = await openTablet(t, browser, stack);
  assert.equal(new URL(tablet.url()).hash, '', 'the token is still in the address bar');

  const { page: phone, code } = await placeOrder(t, browser, stack);
  await tablet.locator(`.card[data-code="${code}"][data-ringing="true"]`).waitFor();
  const orderId = await card(tablet, code).getAttribute('data-order-id');
  const shown = `SELECT count(displayed_at) FROM order_receipts WHERE order_id = '${orderId}'`;
  await until(async () => (await sql(stack, shown)) === '1');
  assert.equal(await tablet.locator('body').getAttribute('data-ringing'), 'true');
  await card(tablet, code).getByText('첫 손님').waitFor();
  await card(tablet, code).getByText('Less spicy, please').waitFor();

  await tap(tablet, code, 'accept');
  await waitForCardStatus(tablet, code, 'ACCEPTED');
  assert.equal(await card(tablet, code).getAttribute('data-ringing'), null);
  await waitForTrackedStatus(phone, 'ACCEPTED');

  const hub = await busiestHub(stack);
  const reconnected = Promise.all([tablet, phone].map((page) => page.waitForEvent('websocket')));
  await control('kill', hub);
  t.after(() => control('start', hub));
  await reconnected;
  await Promise.all([tablet, phone].map(waitUntilLive));

  await tap(tablet, code, 'prepare');
  await waitForTrackedStatus(phone, 'PREPARING');
  const { code: finished } = await placeOrder(t, browser, stack, { note: '' });
  for (const action of ['accept', 'prepare', 'ready']) await tap(tablet, finished, action);
  await waitForCardStatus(tablet, finished, 'READY');
  const { code: next } = await placeOrder(t, browser, stack, { name: '둘째 손님', note: '문 앞에 놓아 주세요' });
  await card(tablet, next).getByText('둘째 손님').waitFor();
  await takePicture(tablet, 'tablet');
  await takePicture(phone, 'track');

  await tap(tablet, code, 'ready');
  await waitForTrackedStatus(phone, 'READY');
  await tap(tablet, code, 'complete');
  await waitForTrackedStatus(phone, 'COMPLETED');
  await card(tablet, code).waitFor({ state: 'detached' });
});

test('the customer and the kitchen read when an order will be ready, and when that changes', async (t) => {
  const tablet = await openTablet(t, browser, stack);
  const { page: phone, code } = await placeOrder(t, browser, stack);
  const orderId = await card(tablet, code).getAttribute('data-order-id');
  const token = await mintToken(stack, 'staff');
  const take = async (step, minutes) => {
    const url = `${stack.edgeUrl}/api/v1/restaurants/me/orders/${orderId}/${step}`;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const reply = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ ready_in_min: minutes }) });
    return (await reply.json()).order.ready_at;
  };
  for (const [step, minutes] of [['accept', 20], ['estimate', 45]]) {
    const readyAt = await take(step, minutes);
    for (const place of [phone, card(tablet, code)]) await place.locator(`.estimate time[datetime="${readyAt}"]`).getByText('Ready about').waitFor();
  }
  await tap(tablet, code, 'prepare');
  await tap(tablet, code, 'ready');
  await waitForTrackedStatus(phone, 'READY');
  assert.equal(await phone.locator('.estimate').count(), 0);
});

test('a rejected order tells its customer why, in the customer’s own language', async (t) => {
  const tablet = await openTablet(t, browser, stack, { language: 'ko-KR' });
  const { page: phone, code } = await placeOrder(t, browser, stack, { language: 'en-US' });
  await tap(tablet, code, 'reject');
  await tablet.locator('.reason-dialog [data-reason]').first().click();
  await card(tablet, code).waitFor({ state: 'detached' });
  await waitForTrackedStatus(phone, 'REJECTED');
  assert.match(await phone.locator('.reason').innerText(), /An item is sold out/);
});

test('a reason of one’s own reaches the customer as it was typed, and as text', async (t) => {
  const tablet = await openTablet(t, browser, stack);
  const { page: phone, code } = await placeOrder(t, browser, stack);
  await tap(tablet, code, 'reject');
  await tablet.locator('.reason-dialog summary').click();
  await tablet.locator('.reason-dialog [name="other"]').fill('<b>Gas</b> is out & the oven too');
  await tablet.locator('.reason-dialog form button').click();
  await waitForTrackedStatus(phone, 'REJECTED');
  assert.match(await phone.locator('.reason').innerText(), /<b>Gas<\/b> is out & the oven too/);
});

test('of two tablets that accept the same order one is told that the other was faster', async (t) => {
  const first = await openTablet(t, browser, stack);
  const second = await openTablet(t, browser, stack);
  const { page: phone, code } = await placeOrder(t, browser, stack);
  await Promise.all([first, second].map((tablet) => card(tablet, code).waitFor()));
  /* The second tablet's tap is held until the first one's has won. */
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await second.route(/\/accept\b/, async (route) => {
    await released;
    await route.continue();
  });
  await tap(second, code, 'accept');
  await tap(first, code, 'accept');
  await waitForTrackedStatus(phone, 'ACCEPTED');
  release();
  const notice = second.locator('.notice[data-kind="warning"]', { hasText: code });
  await notice.waitFor();
  assert.match(await notice.innerText(), /Somebody was faster/);
  await waitForCardStatus(second, code, 'ACCEPTED');
});

test('a cancelled order leaves the tablet with a notice, and the customer cannot cancel it again', async (t) => {
  const tablet = await openTablet(t, browser, stack);
  const { page: phone, code } = await placeOrder(t, browser, stack);
  await card(tablet, code).waitFor();
  await phone.locator('[data-action="cancel"]').click();
  await phone.locator('[data-action="confirm-cancel"]').click();
  await waitForTrackedStatus(phone, 'CANCELLED');
  await card(tablet, code).waitFor({ state: 'detached' });
  await tablet.locator('.notice', { hasText: code }).waitFor();
  assert.equal(await phone.locator('[data-action="cancel"]').count(), 0);
});

test('a tablet that was reloaded shows the orders it had, with their customers', async (t) => {
  const tablet = await openTablet(t, browser, stack);
  const { code } = await placeOrder(t, browser, stack);
  await card(tablet, code).waitFor();
  await tablet.reload();
  await waitUntilLive(tablet);
  await card(tablet, code).getByText('첫 손님').waitFor();
  assert.equal(await card(tablet, code).getAttribute('data-ringing'), 'true');
});

test('the language follows the browser, can be switched, and is remembered', async (t) => {
  const { page: phone } = await placeOrder(t, browser, stack, { language: 'ko-KR' });
  assert.equal(await phone.locator('html').getAttribute('lang'), 'ko');
  assert.match(await phone.locator('h1').innerText(), /매장의 확인/);
  await phone.locator('[data-language="en"]').click();
  assert.match(await phone.locator('h1').innerText(), /Waiting for the restaurant/);
  await phone.reload();
  await waitUntilLive(phone);
  assert.match(await phone.locator('h1').innerText(), /Waiting for the restaurant/);
});

test('the ordering page names the fields that are missing or wrong, and places nothing', async (t) => {
  const { page } = await placeOrder(t, browser, stack);
  await page.goto(`${stack.edgeUrl}/order/#restaurant=${stack.restaurantId}`);
  let posts = 0;
  page.on('request', (request) => {
    if (request.method() === 'POST') posts++;
  });
  await page.locator('[data-step="add"]:not(:disabled)').first().click();
  await fillGuest(page, { name: '', phone: 'call me' });
  await page.locator('[data-action="place-order"]').click();
  assert.match(await page.locator('#guest-name-problem').innerText(), /fill this in/);
  assert.match(await page.locator('#guest-phone-problem').innerText(), /phone number/);
  assert.equal(await page.locator('#guest-address-problem').innerText(), '');
  assert.equal(posts, 0);
});

test('a dish is ordered with its options, which are chosen, counted into the price, and may be changed', async (t) => {
  const kitchen = await makeKitchen(stack, 'Soup Kitchen');
  await setSoldOut(stack, kitchen.restaurant, { options: [kitchen.Truffle], sold_out: true });
  const phone = await openMenu(t, browser, stack, { restaurantId: kitchen.restaurant });
  const option = (name) => phone.getByRole('form', { name: 'Choose options: Soup' }).getByLabel(name);
  const confirm = phone.locator('[data-action="confirm-options"]');
  const lines = phone.locator('.checkout .lines li');
  await phone.getByRole('button', { name: 'Choose options: Soup' }).click();
  assert.equal(await option('Regular').getAttribute('type'), 'radio');
  assert.equal(await option('Egg').getAttribute('type'), 'checkbox');
  assert.equal(await option('Truffle').isDisabled(), true);
  await phone.getByRole('group', { name: /^Size ?Choose 1$/ }).waitFor();
  assert.equal(await option('Regular').evaluate((input) => input === document.activeElement), true);

  await confirm.click();
  await phone.locator('.picker [role="alert"]', { hasText: 'Choose 1' }).waitFor();
  assert.equal(await lines.count(), 0);
  await option('Large').check();
  await option('Egg').check();
  await option('Tofu').check();
  await confirm.filter({ hasText: '₩11,700' }).waitFor();
  await takePicture(phone, 'order-options');
  await phone.keyboard.press('Enter'); /* the keyboard is still where it was */
  await lines.filter({ hasText: 'Large, Egg, Tofu' }).waitFor();

  await phone.getByRole('button', { name: 'Choose options: Soup' }).click();
  await option('Regular').focus();
  await phone.keyboard.press('Space');
  await confirm.click();
  await lines.filter({ hasText: 'Regular' }).getByRole('button', { name: 'Add Soup' }).click();
  await phone.locator('.checkout .total', { hasText: '₩29,700' }).waitFor();
  await lines.filter({ hasText: 'Tofu' }).getByRole('button', { name: 'Change options: Soup' }).click();
  await option('Tofu').uncheck();
  await confirm.click();
  await phone.locator('.checkout .total', { hasText: '₩29,000' }).waitFor();
  assert.ok((await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, 'it is wider than the screen');

  await fillGuest(phone);
  await phone.locator('[data-action="place-order"]').click();
  await phone.waitForURL(/\/track\//);
  const { orders } = await askAsOwner(stack, kitchen.restaurant, 'GET', 'orders');
  const sold = orders[0].items.map(({ quantity, unit_amount, options }) => [quantity, unit_amount, options.map(({ name }) => name).join()]);
  assert.deepEqual(sold, [[1, 11_000, 'Large,Egg'], [2, 9000, 'Regular']]);
});

test('what the restaurant changes meanwhile is said at its line, and the order goes through once that is mended', async (t) => {
  const kitchen = await makeKitchen(stack, 'Changing Kitchen');
  const phone = await openMenu(t, browser, stack, { restaurantId: kitchen.restaurant });
  const pick = async (...options) => {
    for (const option of options) await phone.locator('.picker').getByLabel(option).check();
    await phone.locator('[data-action="confirm-options"]').click();
  };
  const place = () => phone.locator('[data-action="place-order"]').click();
  const line = (text) => phone.locator('.checkout .lines li', { hasText: text });
  await phone.getByRole('button', { name: 'Add Rice' }).click();
  for (const options of [['Regular'], ['Large', 'Egg']]) {
    await phone.getByRole('button', { name: 'Choose options: Soup' }).click();
    await pick(...options);
  }
  await fillGuest(phone);

  await setSoldOut(stack, kitchen.restaurant, { items: [kitchen.rice], options: [kitchen.Egg], sold_out: true });
  await place();
  await line('Large').getByText('“Egg” is sold out').waitFor();
  await line('Rice').getByText('Sold out').waitFor();
  assert.equal(await line('Regular').getAttribute('data-problem'), null);
  await takePicture(phone, 'order-refused');
  await line('Rice').getByRole('button', { name: 'Remove' }).click();
  await line('Large').getByRole('button', { name: 'Change options: Soup' }).click();
  await pick('Tofu');

  await askAsOwner(stack, kitchen.restaurant, 'PATCH', `menu/option-groups/${kitchen.toppings}`, { min_choices: 1 });
  await place();
  await line('Regular').getByText('“Toppings” is another one now').waitFor();
  assert.equal(await line('Large').getAttribute('data-problem'), null);
  await line('Regular').getByRole('button', { name: 'Change options: Soup' }).click();
  await pick('Tofu');
  await place();
  await phone.waitForURL(/\/track\//);
});

test('a closed or paused restaurant says when it takes orders again, by the reader’s clock, and then does', async (t) => {
  const { restaurant } = await makeKitchen(stack, 'Early Kitchen');
  const ask = (method, path, body) => askAsOwner(stack, restaurant, method, path, body);
  const phone = await openDevice(t, browser, { ...PHONE, timezoneId: 'America/New_York' }, 'en-US');
  await openLink(phone, stack, '/order/', { restaurant });
  await phone.getByRole('button', { name: 'Add Rice' }).click();
  await fillGuest(phone);
  const place = phone.locator('[data-action="place-order"]');
  const notice = (text) => phone.locator('[data-notice="opening"]', { hasText: text }).waitFor();

  /* Seoul's half past ten is half past eight or nine of the evening before in New York, and never now. */
  const hours = Object.fromEntries(['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'].map((day) => [day, []]));
  const open = new Date(Date.now() + 2 * 86_400_000);
  const date = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Seoul' }).format(open);
  await ask('PUT', 'hours', { time_zone: 'Asia/Seoul', weekly: hours, exceptions: [{ date, ranges: [{ opens: '10:30', closes: '11:30' }] }] });
  await place.click();
  const opensAt = new Date(`${date}T10:30:00+09:00`);
  const form = { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit', timeZone: 'America/New_York' };
  const shown = new Intl.DateTimeFormat('en', form).format(opensAt);
  await notice(`It takes orders again from ${shown}.`);
  assert.equal(await place.isDisabled(), true);
  await takePicture(phone, 'order-closed');

  await ask('PUT', 'hours', { time_zone: 'Asia/Seoul', weekly: null, exceptions: [] });
  await ask('POST', 'pause', { minutes: 30, reason: 'Too many orders' });
  await phone.reload();
  await notice('paused for a while: Too many orders. It takes orders again from');
  assert.equal(await place.isDisabled(), true);

  /* What it was told is as good as over: it asks again by itself, and once more when it gets no answer. */
  const { opens_at, ...profile } = await ask('POST', 'resume', {});
  const over = new Date().toISOString();
  const closed = { ...profile, open: false, opens_at: over, paused_until: over };
  const answer = (handle) => phone.route(`**/api/v1/restaurants/${restaurant}`, handle, { times: 1 }); // the last one is the first
  await answer((route) => route.abort());
  await answer((route) => route.fulfill({ json: closed }));
  await phone.reload();
  await notice('paused for a while.');
  await phone.getByRole('button', { name: 'Add Rice' }).click();
  await fillGuest(phone);
  await phone.locator('[data-notice="opening"]').waitFor({ state: 'detached' });
  await place.click();
  await phone.waitForURL(/\/track\//);
});

test('the kitchen reads what was chosen of each dish, and how a single one is wanted', async (t) => {
  const kitchen = await makeKitchen(stack, 'Careful Kitchen');
  const tablet = await openTablet(t, browser, stack, { restaurantId: kitchen.restaurant });
  const items = [
    { item_id: kitchen.soup, quantity: 1, options: [kitchen.Regular] },
    { item_id: kitchen.soup, quantity: 2, options: [kitchen.Large, kitchen.Tofu], note: 'Without <salt>' },
  ];
  const order = { restaurant_id: kitchen.restaurant, items, customer: { name: 'Guest', phone: '010-0000-0000', address: '1 Main Street' } };
  const reply = await fetch(`${stack.edgeUrl}/api/v1/orders`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order) });
  assert.equal(reply.status, 201);
  const line = (text) => tablet.locator('.card .items li', { hasText: text });
  await line('Large, Tofu').getByText('Without <salt>').waitFor();
  await line('Regular').waitFor();
  assert.equal(await line('Regular').locator('.note').count(), 0);
  await takePicture(tablet, 'tablet-options');
});

test('two taps on the tablet make a dish or an option sold out, and there again, beside the orders', async (t) => {
  const kitchen = await makeKitchen(stack, 'Busy Kitchen');
  const tablet = await openTablet(t, browser, stack, { restaurantId: kitchen.restaurant });
  const row = (id) => tablet.locator(`[data-part-id="${id}"]`);
  const tapRow = (id, action) => row(id).locator(`[data-action="${action}"]`).click();
  const isOffered = async (id) => {
    const menu = await (await fetch(`${stack.edgeUrl}/api/v1/restaurants/${kitchen.restaurant}/menu`)).json();
    return [...menu.items, ...menu.items.flatMap((item) => item.option_groups.flatMap((group) => group.options))].find((part) => [part.item_id, part.option_id].includes(id)).available;
  };
  const settled = (id, isSoldOut) => tablet.locator(`[data-part-id="${id}"][data-sold-out="${isSoldOut}"][aria-busy="false"]`).waitFor();

  await tablet.locator('[data-action="menu"]').click();
  await tapRow(kitchen.rice, 'until-tomorrow');
  await settled(kitchen.rice, true);
  await row(kitchen.rice).getByText(/^Sold out until .*5:00/).waitFor();
  await tapRow(kitchen.Egg, 'for-good');
  await settled(kitchen.Egg, true);
  assert.deepEqual(await Promise.all([kitchen.rice, kitchen.Egg, kitchen.soup].map(isOffered)), [false, false, true]);
  for (const button of await tablet.locator('.part button').all()) assert.ok((await button.boundingBox()).height >= 48);

  const phone = await openMenu(t, browser, stack, { restaurantId: kitchen.restaurant });
  await phone.getByRole('button', { name: 'Choose options: Soup' }).click();
  await phone.locator('.picker').getByLabel('Regular').check();
  await phone.locator('[data-action="confirm-options"]').click();
  await fillGuest(phone);
  await phone.locator('[data-action="place-order"]').click();
  await phone.waitForURL(/\/track\//);
  const order = tablet.locator('.card[data-ringing="true"]');
  await order.locator('[data-action="accept"]').waitFor();
  await order.locator('.items .options', { hasText: 'Regular' }).waitFor();
  await phone.locator('.receipt .options', { hasText: 'Regular' }).waitFor();
  await takePicture(tablet, 'sold-out');
  await order.locator('[data-action="accept"]').click();
  await tablet.locator('.card[data-status="ACCEPTED"]').waitFor();
  await row(kitchen.Egg).waitFor(); /* the menu is still beside it */

  await tapRow(kitchen.Egg, 'back-on');
  await settled(kitchen.Egg, false);
  assert.equal(await isOffered(kitchen.Egg), true);
  await tablet.reload();
  await waitUntilLive(tablet);
  await tablet.locator('[data-action="menu"]').focus();
  await tablet.keyboard.press('Enter');
  await settled(kitchen.rice, true);
  await tapRow(kitchen.rice, 'back-on');
  await settled(kitchen.rice, false);
  assert.equal(await isOffered(kitchen.rice), true);
  await tablet.keyboard.press('Escape');
  await tablet.locator('.menu-panel').waitFor({ state: 'hidden' });
});

test('a switch that did not arrive goes back to where it was, and says so', async (t) => {
  const kitchen = await makeKitchen(stack, 'Far Kitchen');
  const tablet = await openTablet(t, browser, stack, { restaurantId: kitchen.restaurant, device: PHONE });
  const rice = tablet.locator(`[data-part-id="${kitchen.rice}"]`);
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await tablet.route('**/menu/sold-out*', async (route) => {
    await released;
    await route.abort();
  });
  await tablet.locator('[data-action="menu"]').click();
  await rice.locator('[data-action="for-good"]').click();
  await tablet.locator(`[data-part-id="${kitchen.rice}"][data-sold-out="true"][aria-busy="true"]`).waitFor();
  release();
  await tablet.locator('.notice[data-kind="warning"]', { hasText: 'Rice: not changed' }).waitFor();
  await tablet.locator(`[data-part-id="${kitchen.rice}"][data-sold-out="false"][aria-busy="false"]`).waitFor();
  await takePicture(tablet, 'sold-out-phone');
  assert.ok((await tablet.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, 'it is wider than the screen');
  await tablet.unroute('**/menu/sold-out*');
  await rice.locator('[data-action="for-good"]').click();
  await tablet.locator(`[data-part-id="${kitchen.rice}"][data-sold-out="true"][aria-busy="false"]`).waitFor();
});

test('a tracking link with a wrong token shows nothing of the order', async (t) => {
  const { page, code } = await placeOrder(t, browser, stack);
  const link = new URL(page.url());
  const fragment = new URLSearchParams(link.hash.slice(1));
  fragment.set('token', `${fragment.get('token')}x`);
  await page.goto('about:blank');
  await page.goto(`${stack.edgeUrl}/track/#${fragment}`);
  await page.locator('.problem').waitFor();
  assert.doesNotMatch(await page.locator('body').innerText(), new RegExp(code));
});

test('a tablet whose hub hears nothing turns red, does not call it a lost connection, and recovers', async (t) => {
  const tablet = await openTablet(t, browser, stack);
  await control('kill', 'postgres');
  t.after(() => control('start', 'postgres').catch(() => {})); /* it runs already, unless the test has failed */
  await tablet.locator('.connection[data-state="stale"][data-level="bad"]').waitFor();
  const connection = tablet.locator('.bar .connection');
  assert.match(await connection.innerText(), /Connected, but new orders may be missing. Last checked 0:\d\d ago/);
  assert.equal(await connection.getByRole('button').isVisible(), false, 'to reconnect would not help');
  await takePicture(tablet, 'stale');
  await control('start', 'postgres');
  await tablet.locator('.connection[data-state="live"][data-level="ok"]').waitFor();
  const { code } = await placeOrder(t, browser, stack);
  await card(tablet, code).waitFor();
});

test('a tablet believes its hub, in the reader’s own language', async (t) => {
  const tablet = await openTablet(t, browser, stack, { language: 'ko-KR' });
  const connection = tablet.locator('.bar .connection');
  tablet.sayAsHub({ type: 'heartbeat', view_age_ms: 45_000 });
  await tablet.locator('.connection[data-state="stale"]').waitFor();
  assert.match(await connection.innerText(), /연결되어 있지만 새 주문이 빠져 있을 수 있습니다. 마지막 확인: 0:4\d 전/);
  tablet.sayAsHub({ type: 'heartbeat', view_age_ms: 14_999 });
  await tablet.locator('.connection[data-state="live"][data-level="ok"]').waitFor();
});

test('an order that nobody answers rings again and is marked, until somebody does', async (t) => {
  await changeRestaurant({ accept_within_s: 1 });
  t.after(() => changeRestaurant({ accept_within_s: 'DEFAULT' }));
  const tablet = await openTablet(t, browser, stack);
  const { code } = await placeOrder(t, browser, stack);
  await tablet.locator(`.card[data-code="${code}"][data-alert="not_accepted"]`).waitFor();
  assert.match(await card(tablet, code).innerText(), /Still waiting for an answer/);
  assert.ok(await tablet.evaluate(() => window.bellHurried), 'the bell did not hurry');
  await tap(tablet, code, 'accept');
  await waitForCardStatus(tablet, code, 'ACCEPTED');
  assert.equal(await card(tablet, code).getAttribute('data-alert'), null);
});

test('the owner sees tablets come and go, and orders arrive and move on', async (t) => {
  await changeRestaurant({ offline_after_s: 10 });
  t.after(() => changeRestaurant({ offline_after_s: 'DEFAULT' }));
  const dashboard = await openDashboard(t, browser, stack);
  const tablet = await openTablet(t, browser, stack);
  const device = await tablet.evaluate(() => localStorage.getItem('ordersync.device'));
  await dashboard.locator(`.devices [data-device="${device}"]`).waitFor();
  await dashboard.locator('.restaurant[data-reachable="yes"]').waitFor();

  const { code } = await placeOrder(t, browser, stack);
  await card(tablet, code).waitFor();
  await dashboard.locator(`.events [data-code="${code}"][data-status="PENDING"]`).waitFor();
  const waiting = await tablet.locator('[data-column="new"] .card').count();
  await dashboard.locator(`.figures [data-status="PENDING"][data-count="${waiting}"]`).waitFor();
  assert.match(await dashboard.locator('.oldest').innerText(), /Oldest waiting\s+\d+:\d\d/);
  await tap(tablet, code, 'accept');
  await dashboard.locator(`.events [data-code="${code}"][data-status="ACCEPTED"]`).waitFor();
  await dashboard.locator(`.figures [data-status="PENDING"][data-count="${waiting - 1}"]`).waitFor();
  await takePicture(dashboard, 'dashboard');

  await tablet.close();
  await dashboard.locator(`.devices [data-device="${device}"]`).waitFor({ state: 'detached' });
  await dashboard.locator('.restaurant[data-reachable="no"]').waitFor();
  assert.match(await dashboard.locator('.reach').innerText(), /^Offline since /);
});

test('an owner of two restaurants chooses which to see, also on a phone, and the choice is kept', async (t) => {
  const second = await makeRestaurant(stack, 'Second Kitchen');
  const restaurantIds = [stack.restaurantId, second];
  const dashboard = await openDashboard(t, browser, stack, { language: 'ko-KR', device: PHONE, restaurantIds });
  const shown = (id) => dashboard.locator(`.restaurant[data-restaurant="${id}"]`);
  for (const id of restaurantIds) await shown(id).locator('.figures [data-count]').first().waitFor();
  await shown(second).locator('.reach', { hasText: '연결된 적 없음' }).waitFor();
  const width = await dashboard.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(width <= 0, `${width} px wider than the screen`);

  await dashboard.locator('.chooser summary').click();
  await dashboard.locator(`[data-choose="${stack.restaurantId}"]`).uncheck();
  await shown(stack.restaurantId).waitFor({ state: 'detached' });
  assert.equal(await dashboard.locator(`[data-choose="${second}"]`).isDisabled(), true, 'the last one stays');
  await dashboard.reload();
  await waitUntilLive(dashboard);
  await shown(second).waitFor();
  assert.equal(await shown(stack.restaurantId).count(), 0);
});

test('a dashboard says which restaurants it cannot show, and shows the others', async (t) => {
  const foreign = await makeRestaurant(stack, 'Not Yours');
  const strange = [foreign, randomUUID(), 'no-uuid'];
  const dashboard = await openDevice(t, browser, DESK, 'en-US');
  const token = await mintToken(stack, 'owner');
  await openLink(dashboard, stack, '/dashboard/', { token, restaurants: [...strange, stack.restaurantId].join() });
  await waitUntilLive(dashboard);
  const notice = dashboard.locator('.problem');
  for (const id of strange) await notice.filter({ hasText: id }).waitFor();
  await dashboard.locator(`.restaurant[data-restaurant="${stack.restaurantId}"] .figures [data-count]`).first().waitFor();
  assert.equal(await dashboard.locator('.restaurant').count(), 1);
  await dashboard.locator('[data-language="ko"]').click();
  await notice.filter({ hasText: '볼 수 없는 매장' }).waitFor();
});

test('a page of which no restaurant is left says so, instead of trying for ever', async (t) => {
  const [tablet, dashboard] = [await openDevice(t, browser, DESK, 'en-US'), await openDevice(t, browser, DESK, 'en-US')];
  const foreign = await makeRestaurant(stack, 'Not Yours');
  const token = await mintToken(stack, 'staff');
  for (const restaurant of [foreign, randomUUID(), 'no-uuid']) {
    for (const page of [tablet, dashboard]) await page.goto('about:blank');
    await openLink(tablet, stack, '/tablet/', { token, restaurant });
    await openLink(dashboard, stack, '/dashboard/', { token, restaurants: restaurant });
    for (const page of [tablet, dashboard]) {
      await page.locator('.problem', { hasText: 'There is nothing here' }).waitFor();
      await page.locator('[name="token"]').waitFor();
    }
  }
});

test('a tablet whose token is revoked shows no orders any more, and asks for another one', async (t) => {
  const subject = randomUUID();
  const tablet = await openTablet(t, browser, stack, { subject });
  await revokeTokens(stack, subject);
  await tablet.locator('.problem', { hasText: 'The session has ended' }).waitFor();
  assert.equal(await tablet.locator('.card').count(), 0);
  await tablet.reload();
  await tablet.locator('[name="token"]').waitFor();
});

test('an order for a restaurant whose tablets are all gone is refused, until one is back', async (t) => {
  const isReachable = (answer) => async () =>
    (await sql(stack, `SELECT reachable FROM restaurant_reachability WHERE restaurant_id = '${stack.restaurantId}'`)) === answer;
  const isOnRecord = `SELECT count(*) > 0 FROM devices JOIN hub_leases USING (incarnation)
                       WHERE restaurant_id = '${stack.restaurantId}' AND left_at IS NULL AND expires_at > now()`;
  const last = await openTablet(t, browser, stack);
  /* From here on the restaurant stays reachable until this tablet leaves, whatever was judged of those before it. */
  await until(async () => (await sql(stack, isOnRecord)) === 't');
  await until(isReachable('t'));
  await changeRestaurant({ offline_after_s: 10, refuse_when_unreachable: 'true' });
  t.after(() => changeRestaurant({ offline_after_s: 'DEFAULT', refuse_when_unreachable: 'false' }));
  await last.close();
  await until(isReachable('f'));
  const phone = await openMenu(t, browser, stack);
  await orderDishes(phone);
  await phone.locator('.problem', { hasText: 'cannot be reached' }).waitFor();

  const tablet = await openTablet(t, browser, stack);
  await until(isReachable('t'));
  const cards = await tablet.locator('.card').count();
  await phone.locator('[data-action="place-order"]').click();
  await waitForTrackedStatus(phone, 'PENDING');
  await tablet.locator('.card').nth(cards).waitFor();
});

test('a dashboard without a token asks for one; a token of no restaurant shows nothing', async (t) => {
  const page = await openDevice(t, browser, DESK, 'en-US');
  await page.goto(`${stack.edgeUrl}/dashboard/`);
  await page.locator('[name="token"]').fill(await mintToken(stack, 'customer', { restaurantIds: [] }));
  await page.locator('form button').click();
  await page.locator('.problem', { hasText: 'belongs to no restaurant' }).waitFor();
});
