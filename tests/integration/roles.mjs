/** As whom programs come to PostgreSQL (docs/operations.md, "Database roles"). */

/**
 * The same database as `kind`: api, worker, hub or admin, of the stack whose settings env has. A URL that names none
 * of the stack's roles (a server of the test's own, say) stays as it is.
 */
export function as(kind, url, env) {
  if (!url?.startsWith('postgresql://ordersync')) return url;
  const { username, password } = new URL(env[`${kind.toUpperCase()}_DATABASE_URL`]);
  return Object.assign(new URL(url), { username, password }).href;
}
