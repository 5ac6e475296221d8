/** What a person does on the pages, so that the tests read like the story they tell. */
import { mkdir, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { CHECKOUT, mintToken } from './stack.mjs';

/* How long a step may take at most; tests wait for what happens, not for time. Sanitized builds are slow. */
const PATIENCE_MS = 30_000;

const TABLET = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, hasTouch: true, timezoneId: 'Asia/Seoul' };
export const DESK = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

export function launchBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page in a context of its own: another device, with nothing stored. Errors on the page fail the test. */
export async function openDevice(t, browser, device, language) {
  const context = await browser.newContext({ ...device, locale: language });
  t.after(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) errors.push(message.text());
  });
  t.after(() => {
    if (errors.length > 0) throw new Error(`the page reported: ${errors.join('; ')}`);
  });
  return page;
}

/**
 * Listens to the bell for a browser without ears: one strike plays its tones within a second, a bell that hurries
 * has further ones on its way.
 */
function listenToBell() {
  window.bellHurried = false;
  window.OscillatorNode = class extends OscillatorNode {
    start(when) {
      if (when > this.context.currentTime + 1) window.bellHurried = true;
      super.start(when);
    }
  };
}

/** Stands between a page and its hub: passes on what both say, and lets the test speak as the hub. */
async function interceptSockets(page) {
  let last;
  await page.routeWebSocket(/\/ws\//, (socket) => {
    socket.connectToServer();
    last = socket;
  });
  return (message) => last.send(JSON.stringify(message));
}

/** Opens the link that sets a page up. */
export async function openLink(page, stack, path, fragment) {
  await page.goto(`${stack.edgeUrl}${path}#${new URLSearchParams(fragment)}`);
}

/** A tablet that is live, with its sound on; sayAsHub(message) speaks to it as its hub would. */
export async function openTablet(t, browser, stack, { language = 'en-US', subject, restaurantId = stack.restaurantId, device = TABLET } = {}) {
  const page = await openDevice(t, browser, device, language);
  await page.addInitScript(listenToBell);
  page.sayAsHub = await interceptSockets(page);
  const token = await mintToken(stack, 'staff', { subject, restaurantIds: [restaurantId] });
  await openLink(page, stack, '/tablet/', { token, restaurant: restaurantId });
  await waitUntilLive(page);
  await page.locator('.sound-gate').click();
  await page.locator('body[data-sound="on"]').waitFor();
  return page;
}

/** The owner's dashboard, live. */
export async function openDashboard(t, browser, stack, { language = 'en-US', device = DESK, restaurantIds } = {}) {
  const page = await openDevice(t, browser, device, language);
  await openLink(page, stack, '/dashboard/', { token: await mintToken(stack, 'owner', { restaurantIds }) });
  await waitUntilLive(page);
  return page;
}

/** The ordering page on a customer's phone. */
export async function openMenu(t, browser, stack, { language = 'en-US', restaurantId = stack.restaurantId } = {}) {
  const page = await openDevice(t, browser, PHONE, language);
  await page.goto(`${stack.edgeUrl}/order/#restaurant=${restaurantId}`);
  return page;
}

/** Orders two dishes; what comes of it is for the caller to see. */
export async function orderDishes(page, guest = {}) {
  const dishes = page.locator('.menu li:not([data-sold-out])');
  await dishes.nth(0).locator('[data-step="add"]').click();
  await dishes.nth(0).locator('[data-step="add"]').click();
  await dishes.nth(1).locator('[data-step="add"]').click();
  await fillGuest(page, guest);
  await page.locator('[data-action="place-order"]').click();
}

/** Orders two dishes through the ordering page; returns the customer's phone, which now shows the tracking page. */
export async function placeOrder(t, browser, stack, { language = 'en-US', ...guest } = {}) {
  const page = await openMenu(t, browser, stack, { language });
  await orderDishes(page, guest);
  await page.waitForURL(/\/track\//);
  await waitUntilLive(page);
  return { page, code: await page.locator('.headline .code b').innerText() };
}

export async function fillGuest(page, { name = '첫 손님', phone = '010-1234-5678', note = 'Less spicy, please' } = {}) {
  await page.locator('[name="name"]').fill(name);
  await page.locator('[name="phone"]').fill(phone);
  await page.locator('[name="address"]').fill('서울시 마포구 월드컵로 12, 302호');
  await page.locator('[name="note"]').fill(note);
}

export async function waitUntilLive(page) {
  await page.locator('.connection[data-state="live"]').waitFor();
}

export function card(tablet, code) {
  return tablet.locator(`.card[data-code="${code}"]`);
}

/** Taps a button of an order's card. */
export async function tap(tablet, code, action) {
  await card(tablet, code).locator(`[data-action="${action}"]`).click();
}

export async function waitForCardStatus(tablet, code, status) {
  await tablet.locator(`.card[data-code="${code}"][data-status="${status}"]`).waitFor();
}

/** Waits until the customer's page says that the order has got to status. */
export async function waitForTrackedStatus(phone, status) {
  await phone.locator(`h1[data-status="${status}"]`).waitFor();
}

const imagesFolder =
  process.env.OSY_SCREENSHOTS === '1'
    ? path.join(CHECKOUT, 'docs/images')
    : await mkdtemp(path.join(os.tmpdir(), 'ordersync-images-'));

export async function takePicture(page, name) {
  await mkdir(imagesFolder, { recursive: true });
  await page.screenshot({ path: path.join(imagesFolder, `${name}.png`), animations: 'disabled' });
}
