/** Which line of an order the server refused, and what is said to whoever wrote it. */
import type { ApiError } from '@ordersync/client';
import { t } from '../common/language.js';
import type { CartLine, LineProblem } from './cart.js';

export interface Refusal {
  line: CartLine;
  problem: LineProblem;
}

/** null: it is no line that was refused. `sent` is what was, in its order. */
export function findRefusal(error: ApiError, sent: readonly CartLine[]): Refusal | null {
  const named = error.code === 'INVALID_REQUEST' ? lineNamedIn(error.problem.detail) : error.line;
  const line = named === null ? sent.find(({ item }) => item.item_id === error.itemId) : sent[named];
  return line ? { line, problem: problemOf(error, line) } : null;
}

/** Which line the server's INVALID_REQUEST names ('items[2].options' ...), if it is one. */
export function lineNamedIn(detail: string): number | null {
  const named = /'items\[(\d+)\]/.exec(detail)?.[1];
  return named === undefined ? null : Number(named);
}

function problemOf(error: ApiError, { item, options }: CartLine): LineProblem {
  switch (error.code) {
    case 'UNKNOWN_ITEM':
    case 'ITEM_UNAVAILABLE':
    case 'OUT_OF_STOCK':
      return { kind: 'itemGone' };
    case 'UNKNOWN_OPTION':
    case 'OPTION_UNAVAILABLE':
      return { kind: 'optionGone', name: options.find(({ option_id }) => option_id === error.optionId)?.name ?? item.name };
    case 'OPTION_COUNT':
      return { kind: 'optionCount', name: item.option_groups.find(({ group_id }) => group_id === error.groupId)?.name ?? item.name };
    default:
      return { kind: 'refused' };
  }
}

export function describeLineProblem(problem: LineProblem): string {
  switch (problem.kind) {
    case 'itemGone':
      return t().lineItemGone;
    case 'fewer':
      return t().lineFewer(problem.left);
    case 'optionGone':
      return t().lineOptionGone(problem.name);
    case 'optionCount':
      return t().lineOptionCount(problem.name);
    case 'refused':
      return t().lineRefused;
  }
}
