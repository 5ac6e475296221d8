/**
 * Who this tablet is: a token and a restaurant. They come in the fragment of the set-up link and live in
 * sessionStorage, so a reload keeps them, and closing the page forgets them.
 */
import { readFragment, removeFragment } from '../common/fragment.js';

export interface Session {
  token: string;
  restaurantId: string;
}

const STORAGE_KEY = 'ordersync.tablet';

/** null: the tablet has to be set up. */
export function loadSession(): Session | null {
  const fragment = readFragment();
  const token = fragment.get('token');
  const restaurantId = fragment.get('restaurant');
  if (!token || !restaurantId) return readStored();
  const session = { token, restaurantId };
  saveSession(session);
  removeFragment();
  return session;
}

export function saveSession(session: Session): void {
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify(session));
}

export function forgetSession(): void {
  sessionStorage.removeItem(STORAGE_KEY);
}

function readStored(): Session | null {
  const stored = sessionStorage.getItem(STORAGE_KEY);
  return stored ? (JSON.parse(stored) as Session) : null;
}
