/** 32 random hexadecimal digits, for instance for an Idempotency-Key. Not crypto.randomUUID(): that exists in secure contexts only. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
