/**
 * The messages of `ordersync.v1`. A frame from a hub holds one or more JSON objects separated by
 * newlines; types and fields that this version does not know are ignored, as the protocol demands.
 */
import { ProtocolError } from './events.js';

export type ResetReason = 'unknown_position' | 'too_old';
export type AckState = 'received' | 'displayed';

export type ServerMessage =
  | { type: 'hello'; hub: string; position: string; heartbeat_ms: number }
  | { type: 'event'; position: string; event: object }
  | { type: 'caught_up'; position: string }
  | { type: 'reset'; position: string; reason: ResetReason }
  | { type: 'pong' }
  | { type: 'expiring'; expires_in_ms: number }
  | { type: 'drain'; reconnect_in_ms: number }
  | { type: 'error'; code: string; detail: string };

export type ClientMessage =
  | { type: 'auth'; token: string }
  | { type: 'resume'; position: string | null }
  | { type: 'ack'; position: string; state: AckState; device: string }
  | { type: 'ping'; id: number };

/** The fields a message must have to be used, and their types. */
const FIELDS: Record<ServerMessage['type'], Record<string, 'string' | 'number' | 'object'>> = {
  hello: { hub: 'string', position: 'string', heartbeat_ms: 'number' },
  event: { position: 'string', event: 'object' },
  caught_up: {},
  reset: { position: 'string', reason: 'string' },
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
