/** Forged access tokens: each is made by somebody who knows something, and none opens anything. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { constants, createHmac, createPublicKey, createSign, generateKeyPairSync, randomUUID, sign as signWith } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { DEMO, env, mintToken, request } from './stack.mjs';

const LEAST = 40;
const LIST = '/api/v1/restaurants/me/orders?limit=1';

// The worst case: whoever forges here even has the key, and may be stopped by one wrong word alone.
const kid = readdirSync(env.ORDERSYNC_KEYS_DIR)
  .map((name) => /^jwt-(.*)\.key\.pem$/.exec(name)?.[1])
  .filter(Boolean)
  .sort()
  .at(-1);
const read = (suffix) => readFileSync(path.join(env.ORDERSYNC_KEYS_DIR, `jwt-${kid}.${suffix}.pem`), 'utf8');
const ours = { private: read('key'), public: read('pub') };
const theirs = generateKeyPairSync('rsa', { modulusLength: 2048 });

const now = Math.floor(Date.now() / 1000);
const header = { alg: 'RS256', typ: 'at+jwt', kid };
const claims = { iss: 'ordersync', aud: 'ordersync', sub: randomUUID(), jti: randomUUID(), role: 'staff', iat: now, nbf: now, exp: now + 600, restaurant_ids: [DEMO] };

const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const rsa = (text, hash = 'RSA-SHA256', key = ours.private) => createSign(hash).update(text).sign(key).toString('base64url');
const hmac = (text, secret, hash = 'sha256') => createHmac(hash, secret).update(text).digest('base64url');

/** A token of these, signed as ours are unless sign says otherwise. */
function make({ head = header, body = claims, sign = (text) => rsa(text) } = {}) {
  const text = `${b64(head)}.${b64(body)}`;
  return `${text}.${sign(text)}`;
}
const withHead = (change) => make({ head: { ...header, ...change } });
const withClaims = (change) => make({ body: { ...claims, ...change } });
const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));

const good = make();
const [head, body, signature] = good.split('.');
const jwk = theirs.publicKey.export({ format: 'jwk' });
const signedByThem = (more = {}) => make({ head: { ...header, ...more }, sign: (text) => rsa(text, 'RSA-SHA256', theirs.privateKey) });
const withHmac = (secret, more = {}) => make({ head: { ...header, alg: 'HS256', ...more }, sign: (text) => hmac(text, secret) });
/** The last character says two bits more than the last byte has: another text for the same bytes. */
const respell = (text) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(text.at(-1));
  return text.slice(0, -1) + alphabet[last ^ 1];
};
/** As respell, for whatever length: claims are padded with a blank until their last group is open. */
const openEnded = (() => {
  for (let blanks = 0; ; blanks++) {
    const text = JSON.stringify(claims) + ' '.repeat(blanks);
    if (text.length % 3 !== 0) return b64(text);
  }
})();

const forgeries = {
  'unsigned, alg none': make({ head: { ...header, alg: 'none' }, sign: () => '' }),
  'unsigned, alg None': make({ head: { ...header, alg: 'None' }, sign: () => '' }),
  'unsigned, alg NONE, with our signature': make({ head: { ...header, alg: 'NONE' } }),
  'unsigned, but called RS256': make({ sign: () => '' }),
  'HS256 with the public key as the secret': withHmac(ours.public),
  'HS256 with the public key without its last line break': withHmac(ours.public.trimEnd()),
  'HS256 with the public key as DER': withHmac(createPublicKey(ours.public).export({ type: 'spki', format: 'der' })),
  'HS256 with the modulus': withHmac(Buffer.from(createPublicKey(ours.public).export({ format: 'jwk' }).n, 'base64url')),
  'HS256 with an empty secret': withHmac(''),
  'HS384': make({ head: { ...header, alg: 'HS384' }, sign: (text) => hmac(text, ours.public, 'sha384') }),
  'RS384 by our key': make({ head: { ...header, alg: 'RS384' }, sign: (text) => rsa(text, 'RSA-SHA384') }),
  'RS512 by our key, called RS256': make({ sign: (text) => rsa(text, 'RSA-SHA512') }),
  'PS256 by our key': make({ head: { ...header, alg: 'PS256' }, sign: (text) => signWith('sha256', text, { key: ours.private, padding: constants.RSA_PKCS1_PSS_PADDING }).toString('base64url') }),
  'PS256 by our key, called RS256': make({ sign: (text) => signWith('sha256', text, { key: ours.private, padding: constants.RSA_PKCS1_PSS_PADDING }).toString('base64url') }),
  'ES256': make({ head: { ...header, alg: 'ES256' }, sign: (text) => signWith('sha256', text, { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url') }),
  'EdDSA': make({ head: { ...header, alg: 'EdDSA' }, sign: (text) => signWith(null, text, generateKeyPairSync('ed25519').privateKey).toString('base64url') }),
  'alg in small letters': withHead({ alg: 'rs256' }),
  'alg as a list': withHead({ alg: ['RS256'] }),
  'no alg': make({ head: without(header, 'alg') }),
  'another key under our name': signedByThem(),
  'another key under its own name': signedByThem({ kid: 'theirs' }),
  'another key, shown as jwk': signedByThem({ jwk }),
  'another key, to be fetched by jku': signedByThem({ kid: 'theirs', jku: 'http://127.0.0.1:1/jwks.json' }),
  'another key, to be fetched by x5u': signedByThem({ kid: 'theirs', x5u: 'http://127.0.0.1:1/cert.pem' }),
  'another key, shown as x5c': signedByThem({ x5c: [theirs.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] }),
  'a key that is a path': withHmac('', { kid: '../../../../dev/null' }),
  'our key by its path': withHead({ kid: `../keys/jwt-${kid}` }),
  'a key that is SQL': withHead({ kid: `x' UNION SELECT 'key` }),
  'a key that is a command': withHead({ kid: `${kid}; id` }),
  'our key and a NUL': withHead({ kid: `${kid}\0x` }),
  'a key of no name': withHead({ kid: '' }),
  'a key that is a number': withHead({ kid: 1 }),
  'no key': make({ head: without(header, 'kid') }),
  'an extension that must be understood': withHead({ crit: ['exp'] }),
  'an unencoded payload (b64 false)': withHead({ crit: ['b64'], b64: false }),
  'an identity token (typ JWT)': withHead({ typ: 'JWT' }),
  'no typ': make({ head: without(header, 'typ') }),
  'a header with two algs': make({ head: `{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"${kid}"}` }),
  'expired a second ago': withClaims({ exp: now - 1 }),
  'no exp': make({ body: without(claims, 'exp') }),
  'exp as a text': withClaims({ exp: String(now + 600) }),
  'exp as a fraction': withClaims({ exp: now + 600.5 }),
  'exp that never comes': withClaims({ exp: 1e18 }),
  'a life of more than 30 days': withClaims({ exp: now + 31 * 24 * 3600 }),
  'not valid yet': withClaims({ nbf: now + 300 }),
  'issued in the future': withClaims({ iat: now + 300 }),
  'no iat': make({ body: without(claims, 'iat') }),
  'for another audience': withClaims({ aud: 'somebody' }),
  'for several audiences': withClaims({ aud: ['ordersync', 'somebody'] }),
  'of another issuer': withClaims({ iss: 'ordersync.example.com' }),
  'nobody\'s': make({ body: without(claims, 'sub') }),
  'root\'s': withClaims({ sub: 'root' }),
  'no jti': make({ body: without(claims, 'jti') }),
  'a role that there is not': withClaims({ role: 'superuser' }),
  'two roles': withClaims({ role: ['staff', 'admin'] }),
  'no role': make({ body: without(claims, 'role') }),
  'staff of nothing': make({ body: without(claims, 'restaurant_ids') }),
  'claims with two roles': make({ body: JSON.stringify(claims).replace('"role":"staff"', '"role":"staff","role":"admin"') }),
  'more rights after signing': `${head}.${b64({ ...claims, role: 'admin' })}.${signature}`,
  'another header after signing': `${b64({ ...header, x: 1 })}.${body}.${signature}`,
  'a signature cut short': good.slice(0, -8),
  'a signature with more behind it': `${good}AAAA`,
  'a signature with padding': `${good}=`,
  'a signature of zeros': `${head}.${body}.${'A'.repeat(signature.length)}`,
  'the same claims in another spelling': `${head}.${respell(openEnded)}.${rsa(`${head}.${openEnded}`)}`,
  'claims signed in another spelling': `${head}.${respell(openEnded)}.${rsa(`${head}.${respell(openEnded)}`)}`,
  'the standard alphabet instead of the one for URLs': `${head}.${body}.${signature.replaceAll('-', '+').replaceAll('_', '/')}`,
  'two parts': `${head}.${body}`,
  'four parts': `${good}.${signature}`,
  'five parts': `${head}..${body}.${signature}.${signature}`,
  'claims that are a list': make({ body: [claims] }),
  'claims that are nothing': make({ body: '' }),
  'a token in a token': make({ body: JSON.stringify(good) }),
  'a blank in it': `${head}. ${body}.${signature}`,
  'more than 4 KiB': withClaims({ padding: 'x'.repeat(4096) }),
  'dots': '..',
  'a word': 'token',
};

test('the token that they are made from is good', async () => {
  for (const token of [good, await mintToken('staff', DEMO), `${head}.${openEnded}.${rsa(`${head}.${openEnded}`)}`])
    assert.equal((await request('GET', LIST, { token })).status, 200);
});

test(`there are ${LEAST} forgeries at least`, () => {
  assert.ok(new Set(Object.values(forgeries)).size >= LEAST);
});

for (const [what, token] of Object.entries(forgeries))
  test(`refused: ${what}`, async () => {
    const { status, body: problem, headers } = await request('GET', LIST, { token });
    assert.equal(status, 401);
    assert.equal(problem.code, 'UNAUTHENTICATED');
    assert.match(headers.get('www-authenticate'), /^Bearer error="invalid_token"/);
  });
