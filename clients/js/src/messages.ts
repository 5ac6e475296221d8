/**
 * The messages of `ordersync.v1`. A frame from a hub holds one or more JSON objects separated by
 * newlines; types and fields that this version does not know are ignored, as the protocol demands.
 */
import { ProtocolError } from './events.js';

export type ResetReason = 'unknown_position' | 'too_old';
export type AckState = 'received' | 'displayed';

/** A restaurant's devices, and whether orders can reach it. */
export interface Presence {
  restaurant_id: string;
  /** null: no device has ever come. */
  reachable: boolean | null;
  /** RFC 3339, UTC: since when it is so. */
  since: string | null;
  devices: { device: string; connected_at: string }[];
}

/** A restaurant's open orders. */
export interface Figures {
  restaurant_id: string;
  open: Record<'PENDING' | 'ACCEPTED' | 'PREPARING' | 'READY', number>;
  oldest_pending_at: string | null;
  as_of: string;
}

/** What belongs to one stream; a dashboard has several, and restaurant_id tells which. */
export type StreamMessage = { restaurant_id?: string } & (
  | { type: 'event'; position: string; event: object }
  | { type: 'caught_up'; position: string }
  | { type: 'reset'; position: string; reason: ResetReason }
);

export type ServerMessage =
  | StreamMessage
  | { type: 'hello'; hub: string; heartbeat_ms: number; view_age_ms: number; stale_after_ms: number }
  | { type: 'heartbeat'; view_age_ms: number }
  | ({ type: 'presence' } & Presence)
  | ({ type: 'figures' } & Figures)
  | { type: 'pong' }
  | { type: 'expiring'; expires_in_ms: number }
  | { type: 'drain'; reconnect_in_ms: number }
  | { type: 'error'; code: string; detail: string };

export type ClientMessage =
  | { type: 'auth'; token: string }
  | { type: 'resume'; position: string | null; device?: string }
  | { type: 'resume'; restaurants: { id: string; position: string | null }[] }
  | { type: 'ack'; position: string; state: AckState; device: string }
  | { type: 'ping'; id: number };

/** The fields a message must have to be used, and their types. */
const FIELDS: Record<ServerMessage['type'], Record<string, 'string' | 'number' | 'object'>> = {
  hello: { hub: 'string', heartbeat_ms: 'number', view_age_ms: 'number', stale_after_ms: 'number' },
  event: { position: 'string', event: 'object' },
  caught_up: { position: 'string' },
  reset: { position: 'string', reason: 'string' },
  heartbeat: { view_age_ms: 'number' },
  presence: { restaurant_id: 'string', devices: 'object' },
  figures: { restaurant_id: 'string', open: 'object', as_of: 'string' },
  pong: {},
  expiring: {},
  drain: { reconnect_in_ms: 'number' },
  error: { code: 'string' },
};

/** Throws ProtocolError; nothing of a broken frame is used. */
export function parseFrame(frame: string): ServerMessage[] {
  return frame
    .split('\n')
    .filter((line) => line !== '')
    .map(parseMessage)
    .filter((message): message is ServerMessage => message !== null);
}

function parseMessage(line: string): ServerMessage | null {
  const message = parseObject(line);
  const type = message['type'];
  if (typeof type !== 'string') throw new ProtocolError('a message without a type');
  if (!Object.prototype.hasOwnProperty.call(FIELDS, type)) return null;
  for (const [name, expected] of Object.entries(FIELDS[type as ServerMessage['type']])) {
    const value = message[name];
    if (typeof value !== expected || value === null) throw new ProtocolError(`a ${type} message without its ${name}`);
  }
  return message as ServerMessage;
}

function parseObject(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ProtocolError('a line which is not JSON');
  }
  if (typeof value !== 'object' || value === null) throw new ProtocolError('a line which is not a JSON object');
  return value as Record<string, unknown>;
}
