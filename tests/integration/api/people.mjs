/** People who sign in: an address of their own each, so that nobody's failures lock somebody else out. */
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { request } from './stack.mjs';

const hex = (bytes) => randomBytes(bytes).toString('hex');

/** Behind the trusted proxy of this machine: a client somewhere in 2001:db8::/32. */
export function anywhere() {
  const [a, b, c] = [hex(2), hex(2), hex(2)];
  return { 'x-forwarded-for': `2001:db8:${a}:${b}::${c}` };
}

export const newEmail = () => `canary.${hex(8)}@example.com`;
export const PASSWORD = 'CANARY correct horse battery';

export async function post(path, body, { token, headers = anywhere() } = {}) {
  return request('POST', path, { body, token, headers });
}

/** A customer: what they know, and the reply that signed them up. */
export async function signUp(more = {}) {
  const email = newEmail();
  const reply = await post('/api/v1/users', { email, password: PASSWORD, name: 'CANARY 손님', ...more });
  assert.equal(reply.status, 201, JSON.stringify(reply.body));
  return { email, password: PASSWORD, ...reply.body };
}

/** An owner with a restaurant. */
export async function signUpOwner(more = {}) {
  const email = newEmail();
  const restaurant = { name: 'Test', currency: 'KRW', time_zone: 'Asia/Seoul' };
  const reply = await post('/api/v1/auth/signup', { email, password: PASSWORD, name: 'CANARY 사장님', restaurant, ...more });
  assert.equal(reply.status, 201, JSON.stringify(reply.body));
  return { email, password: PASSWORD, ...reply.body };
}

export const logIn = (who, more = {}, options = {}) => post('/api/v1/auth/login', { email: who.email, password: who.password, ...more }, options);

export const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

/** The code of an authenticator app (RFC 6238), by an implementation that is not the server's. */
export function totp(secret, step = Math.floor(Date.now() / 30_000)) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
