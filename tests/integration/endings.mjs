/**
 * What has to be ended with a file of tests, whatever has become of them. A failed test leaves programs, servers and
 * sockets behind, and node waits for whatever is open: without this the file would never end. A test that does not end
 * by itself gives up its file: what it waits for is ended under it, so it fails, and so do those after it.
 */
import { after, afterEach, beforeEach } from 'node:test';

const PATIENCE_MS = 300_000; // for one test; many have a shorter limit of their own, which spares the rest of their file

const endings = new Set();
let isOver = false;

/** Calls end() when all tests of the file are over, what was begun last first. The function that is returned takes that back. */
export function atEnd(end) {
  endings.add(end);
  return () => endings.delete(end);
}

/** For loops that ask again and again. */
export function assertNotOver() {
  if (isOver) throw new Error('the tests of this file are over');
}

async function endAll() {
  isOver = true;
  const failures = [];
  for (const end of [...endings].reverse()) {
    endings.delete(end);
    await Promise.resolve().then(end).catch((error) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

let watchdog;
beforeEach(() => {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => endAll().catch(() => {}), PATIENCE_MS).unref();
});
afterEach(() => clearTimeout(watchdog));
after(endAll);
