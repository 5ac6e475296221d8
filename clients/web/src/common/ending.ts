/** Why a page ends: what no further try can cure, whether the socket tells it or a load, and the words for it. */
import { ApiError, type FinalReason } from '@ordersync/client';
import { t } from './language.js';

export type Ending = Exclude<FinalReason, 'application'>;

/* By their codes: a 404 of a proxy that is being changed says nothing about a restaurant. */
const NOT_A_RESTAURANT = ['RESTAURANT_NOT_FOUND', 'INVALID_REQUEST'];

/** What the failure of loading a restaurant's orders means for it; null: another try may help. */
export function endingOf(error: unknown): Ending | null {
  if (!(error instanceof ApiError)) return null;
  if (error.status === 401) return 'unauthorized';
  if (error.status === 403) return 'forbidden';
  return NOT_A_RESTAURANT.includes(error.code) ? 'not_found' : null;
}

export function describeEnding(ending: Ending): string {
  const words = { unauthorized: t().endedUnauthorized, forbidden: t().endedForbidden, not_found: t().endedNotFound };
  return words[ending];
}
