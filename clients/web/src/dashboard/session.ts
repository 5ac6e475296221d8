/**
 * Who looks: a token, and the restaurants that it names. An admin's names none; a link may bring them instead
 * (`#token=...&restaurants=a,b`). They live in sessionStorage, so a reload keeps them and closing the page forgets them.
 */
import { restaurantsOf } from '../common/access-token.js';
import { readFragment, removeFragment } from '../common/fragment.js';

export interface Session {
  token: string;
  restaurantIds: string[];
}

const STORAGE_KEY = 'ordersync.dashboard';

/** null: nobody has signed in. */
export function loadSession(): Session | null {
  const fragment = readFragment();
  const token = fragment.get('token');
  if (!token) return readStored();
  const session = createSession(token, fragment.get('restaurants')?.split(','));
  saveSession(session);
  removeFragment();
  return session;
}

export function createSession(token: string, restaurantIds?: string[]): Session {
  return { token, restaurantIds: restaurantIds ?? restaurantsOf(token) };
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
