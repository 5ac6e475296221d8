/**
 * A key management service as AWS KMS is: Decrypt and GenerateDataKey over HTTPS, requests signed with Signature Version 4.
 * Written from AWS's documents with node:crypto alone, so that nothing of what it checks is shared with what is checked.
 */
import { execFile } from 'node:child_process';
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { atEnd } from '../endings.mjs';

const SKEW_MS = 5 * 60_000; // what AWS allows
export const REGION = 'eu-north-1';
export const KEY_ID = 'arn:aws:kms:eu-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

// ---- Signature Version 4 ----

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();
const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function canonicalRequest({ method, url, headers, signed, body }) {
  const { pathname, searchParams } = new URL(url, 'https://host');
  const query = [...searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const lines = signed.map((name) => `${name}:${headers[name].trim().replace(/ +/g, ' ')}\n`);
  return [method, pathname, query.join('&'), lines.join(''), signed.join(';'), sha256(body)].join('\n');
}

/** The signature, in hexadecimal, of a request whose headers' names are in lower case; scope is date/region/service/aws4_request. */
export function sign(request, scope, secret) {
  const stringToSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonicalRequest(request))].join('\n');
  const key = scope.split('/').reduce(hmac, `AWS4${secret}`);
  return hmac(key, stringToSign).toString('hex');
}

// ---- the service ----

class Refusal extends Error {
  constructor(type, message = '', status = 400) {
    super(message);
    Object.assign(this, { type, status });
  }
}

const timeOf = (stamp) => Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));

/** Throws what AWS answers to a request that is not signed by who it says. */
function authenticate(request, users, now) {
  const { headers } = request;
  const match = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? '');
  if (!match) throw new Refusal(headers.authorization ? 'IncompleteSignatureException' : 'MissingAuthenticationTokenException');
  const [, id, scope, names, signature] = match;
  const user = users.get(id);
  const token = headers['x-amz-security-token'];
  if (!user || user.token !== token) throw new Refusal('UnrecognizedClientException', 'The security token included in the request is invalid.');
  if (user.hasEnded) throw new Refusal('ExpiredTokenException', 'The security token included in the request is expired');
  const signed = names.split(';');
  const needed = Object.keys(headers).filter((name) => name === 'host' || name === 'content-type' || name.startsWith('x-amz-'));
  const stamp = headers['x-amz-date'] ?? '';
  if (needed.some((name) => !signed.includes(name)) || signed.some((name) => !headers[name])) throw new Refusal('InvalidSignatureException', 'a header is not signed');
  if (signed.join() !== [...signed].sort().join()) throw new Refusal('InvalidSignatureException', 'headers are not in order');
  if (scope !== `${stamp.slice(0, 8)}/${REGION}/kms/aws4_request`) throw new Refusal('InvalidSignatureException', 'Credential should be scoped to a valid region.');
  if (!(Math.abs(timeOf(stamp) - now) <= SKEW_MS)) throw new Refusal('InvalidSignatureException', `Signature expired: ${stamp}`);
  const expected = sign({ ...request, signed }, scope, user.secret);
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(signature)))
    throw new Refusal('InvalidSignatureException', `The request signature we calculated does not match: ${canonicalRequest({ ...request, signed })}`);
  return user;
}

/** A context is authenticated whatever the order of its names. */
const aadOf = (context) => Buffer.from(JSON.stringify(Object.entries(context ?? {}).sort()));

class Vault {
  #keys = new Map([[KEY_ID, randomBytes(32)], ['alias/of-another', randomBytes(32)]]);
  secrets = []; // whatever was ever given out

  #key(id) {
    const key = this.#keys.get(id);
    if (!key) throw new Refusal('NotFoundException', `Key '${id}' does not exist`);
    return key;
  }

  GenerateDataKey({ KeyId, KeySpec, EncryptionContext }) {
    if (KeySpec !== 'AES_256') throw new Refusal('ValidationException');
    const secret = randomBytes(32);
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key(KeyId), nonce).setAAD(aadOf(EncryptionContext));
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
    const blob = Buffer.concat([Buffer.from([KeyId.length]), Buffer.from(KeyId), nonce, sealed, cipher.getAuthTag()]);
    this.secrets.push(secret);
    return { KeyId, Plaintext: secret.toString('base64'), CiphertextBlob: blob.toString('base64') };
  }

  Decrypt({ KeyId, CiphertextBlob, EncryptionContext }) {
    const blob = Buffer.from(CiphertextBlob ?? '', 'base64');
    const end = 1 + blob[0];
    const wrappedWith = blob.subarray(1, end).toString();
    if (!this.#keys.has(wrappedWith)) throw new Refusal('InvalidCiphertextException');
    if (this.#key(KeyId) !== this.#key(wrappedWith)) throw new Refusal('IncorrectKeyException');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key(KeyId), blob.subarray(end, end + 12)).setAAD(aadOf(EncryptionContext));
      decipher.setAuthTag(blob.subarray(-16));
      const secret = Buffer.concat([decipher.update(blob.subarray(end + 12, -16)), decipher.final()]);
      return { KeyId, Plaintext: secret.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
    } catch {
      throw new Refusal('InvalidCiphertextException');
    }
  }
}

async function makeCertificate(folder) {
  const [key, certificate] = ['key.pem', 'certificate.pem'].map((name) => path.join(folder, name));
  await promisify(execFile)('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=a test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate,
  ]);
  return { key: await readFile(key), cert: await readFile(certificate), file: certificate };
}

async function readBody(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

/**
 * kms.settings are what programs need to use it. kms.clockMs is added to its time; kms.failures are given, first to last, instead
 * of answers; while kms.isSilent nothing is answered, and while kms.isAway nobody gets through (the
 * port stays ours); stop is its end. kms.calls are those that it took as genuine.
 */
export async function makeKms({ token } = {}) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'ordersync-kms-'));
  atEnd(() => rm(folder, { recursive: true }));
  const { key, cert, file } = await makeCertificate(folder);
  const user = { id: 'AKIATESTTESTTESTTEST', secret: randomBytes(30).toString('base64'), token };
  const users = new Map([[user.id, user]]);
  const vault = new Vault();
  const kms = { user, calls: [], tries: 0, failures: [], clockMs: 0, isSilent: false, isAway: false, secrets: vault.secrets };

  const answer = (request, body) => {
    kms.tries++;
    const asked = { method: request.method, url: request.url, headers: request.headers, body };
    if (request.headers['content-type'] !== 'application/x-amz-json-1.1') throw new Refusal('UnknownOperationException', '', 404);
    const [service, operation] = (request.headers['x-amz-target'] ?? '').split('.');
    if (request.method !== 'POST' || service !== 'TrentService' || !['Decrypt', 'GenerateDataKey'].includes(operation)) throw new Refusal('UnknownOperationException', '', 404);
    const caller = authenticate(asked, users, Date.now() + kms.clockMs);
    const failure = kms.failures.shift();
    if (failure) throw new Refusal(failure.type, 'CANARY of a fault', failure.status);
    if (caller.mayNot === operation) throw new Refusal('AccessDeniedException', `User is not authorized to perform: kms:${operation}`);
    const parameters = JSON.parse(body);
    const answered = vault[operation](parameters);
    kms.calls.push({ operation, parameters });
    return answered;
  };
  const server = https.createServer({ key, cert }, async (request, response) => {
    const body = await readBody(request);
    if (kms.isSilent) return;
    let [status, reply] = [200];
    try {
      reply = answer(request, body);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      [status, reply] = [error.status, { __type: `com.amazonaws.kms#${error.type}`, message: error.message }];
    }
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(reply));
  });
  server.on('connection', (socket) => kms.isAway && socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  kms.stop = async () => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  atEnd(kms.stop);

  const credentials = path.join(folder, 'credentials');
  kms.writeCredentials = ({ id, secret, token: session } = user, mode = 0o600) =>
    rm(credentials, { force: true }).then(() =>
      writeFile(credentials, ['[default]', `aws_access_key_id = ${id}`, `aws_secret_access_key = ${secret}`, ...(session ? [`aws_session_token = ${session}`] : []), ''].join('\n'), { mode }),
    );
  await kms.writeCredentials();
  kms.settings = {
    ORDERSYNC_KMS_URL: `https://127.0.0.1:${server.address().port}`,
    ORDERSYNC_KMS_KEY_ID: KEY_ID,
    ORDERSYNC_KMS_REGION: REGION,
    ORDERSYNC_KMS_CREDENTIALS_FILE: credentials,
    ORDERSYNC_KMS_CA_FILE: file,
  };
  return kms;
}
