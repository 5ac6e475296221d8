/** What PostgreSQL's catalogue says of row security: everything that escapes it, as one line each. */

/** Tables without row security, and why that is right. */
const FREE = {
  audit_chains: 'the heads of the chains: numbers and hashes',
  hub_leases: 'which hubs run',
  login_attempts: 'how often was tried to sign in, by digests',
  revocations: 'ids of users and sessions, which every program has to know',
  schema_migrations: 'what the schema is',
  user_emails: 'whose a digest of an address is: asked before it is known who signs in',
};

/** Functions that run as the owner, and why that is right. */
const DEFINERS = {
  make_audit_partitions: 'the worker makes partitions, which are the owner\'s',
};

/** Policies of the API that name no scope, and why that is right. */
const INDIRECT = {
  common: 'the ladder of all restaurants that have none of their own',
  of_orders: 'lets through what belongs to an order that its own policies let through',
};

/** Unique keys without the tenant: of ids that the API makes up itself, so that nobody can try foreign ones. */
const GLOBAL_KEYS = {
  orders_pkey: 'UUIDv7 of the API',
  order_items_pkey: "the order's id",
  order_events_by_order: "the order's id",
  order_watches_pkey: "the order's id",
  order_alerts_pkey: "the order's id",
  audit_logs_pkey: 'place in a chain',
};

const ROLES = ['ordersync_api', 'ordersync_worker', 'ordersync_hub', 'ordersync_admin'];
const list = (names) => names.map((name) => `'${name}'`).join(', ');
const HERE = 'relnamespace = current_schema()::regnamespace';

/** Each finds what is wrong: a query of one column. */
const QUESTIONS = {
  // Partitions are tables of their own: who asks one by its name meets its row security, not its parent's.
  'tables without forced row security': `
    SELECT relname FROM pg_class
     WHERE relkind IN ('r', 'p') AND ${HERE} AND NOT (relrowsecurity AND relforcerowsecurity) AND relname NOT IN (${list(Object.keys(FREE))})`,
  'tables of strange kinds': `SELECT relname FROM pg_class WHERE relkind IN ('f', 'm') AND ${HERE}`,
  'tables that need no exception': `
    SELECT name FROM unnest(ARRAY[${list(Object.keys(FREE))}]) AS name
     WHERE NOT EXISTS (SELECT FROM pg_class WHERE relname = name AND ${HERE} AND NOT relrowsecurity)`,
  'policies for everybody': `SELECT polrelid::regclass || ': ' || polname FROM pg_policy JOIN pg_class c ON c.oid = polrelid WHERE ${HERE} AND 0 = ANY (polroles)`,
  // The API acts for strangers: whatever it may read or change is bound to its scope.
  'policies that let the API see everything': `
    SELECT polrelid::regclass || ': ' || polname FROM pg_policy JOIN pg_class c ON c.oid = polrelid
     WHERE ${HERE} AND 'ordersync_api'::regrole = ANY (polroles) AND polcmd <> 'a'
       AND pg_get_expr(polqual, polrelid) !~ 'scope_(restaurants|user|order|is_admin)\\(\\)' AND polname NOT IN (${list(Object.keys(INDIRECT))})`,
  // Every statement asks once who it is, not every row.
  'policies that ask for the scope row by row': `
    SELECT polrelid::regclass || ': ' || polname FROM pg_policy JOIN pg_class c ON c.oid = polrelid
     WHERE ${HERE} AND concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) ~ 'scope_'
       AND replace(concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), E'\\n', ' ') !~ 'SELECT (unnest\\()?scope_'`,
  'views that see with their owner\'s eyes': `
    SELECT relname FROM pg_class WHERE relkind = 'v' AND ${HERE} AND NOT coalesce(reloptions @> '{security_invoker=true}', false)`,
  'functions that run as their owner': `
    SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND prosecdef AND proname NOT IN (${list(Object.keys(DEFINERS))})`,
  'functions that run as their owner, with anybody\'s search path, or for anybody': `
    SELECT proname FROM pg_proc
     WHERE pronamespace = current_schema()::regnamespace AND prosecdef
       AND (NOT coalesce(array_to_string(proconfig, ' ') ~ 'search_path=.*pg_temp$', false) OR has_function_privilege('public', oid, 'EXECUTE'))`,
  'roles with more than a program needs': `
    SELECT rolname FROM pg_roles
     WHERE rolname IN (${list([...ROLES, 'ordersync'])}) AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)`,
  'roles that are others, too': `
    SELECT member::regrole || ' is ' || roleid::regrole FROM pg_auth_members WHERE member::regrole::text IN (${list(ROLES)})`,
  'roles that are missing': `SELECT name FROM unnest(ARRAY[${list(ROLES)}]) AS name WHERE to_regrole(name) IS NULL`,
  'roles of programs that own something': `
    SELECT DISTINCT refobjid::regrole || ' owns ' || classid::regclass || ' ' || objid FROM pg_shdepend
     WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND refobjid::regrole::text IN (${list(ROLES)})`,
  'privileges that no program needs': `
    SELECT grantee::regrole || ' may ' || privilege_type || ' ' || relname
      FROM pg_class CROSS JOIN LATERAL aclexplode(relacl)
     WHERE ${HERE} AND grantee <> relowner AND (privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER') OR is_grantable)`,
  'privileges for everybody': `
    SELECT relname || ': ' || privilege_type FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) WHERE ${HERE} AND grantee = 0`,
  'the audit log can be rewritten': `
    SELECT grantee::regrole || ' may ' || privilege_type FROM pg_class CROSS JOIN LATERAL aclexplode(relacl)
     WHERE ${HERE} AND relname LIKE 'audit_logs%' AND grantee <> relowner AND privilege_type NOT IN ('SELECT', 'INSERT')`,
  'roles that may make things in the schema': `
    SELECT name FROM unnest(ARRAY[${list(ROLES)}]) AS name
     WHERE has_schema_privilege(name, current_schema(), 'CREATE') OR has_database_privilege(name, current_database(), 'CREATE, TEMPORARY')`,
  'privileges that tables to come will have': `
    SELECT defaclrole::regrole || ' gives ' || defaclobjtype::text FROM pg_default_acl`,
  // Names, phones, addresses, notes: those who do without shall.
  'encrypted columns that the hub can read': `
    SELECT attrelid::regclass || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
     WHERE ${HERE} AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped AND atttypid = 'bytea'::regtype
       AND has_column_privilege('ordersync_hub', attrelid, attnum, 'SELECT')`,
  'unique keys that tell of other tenants': `
    SELECT DISTINCT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
      JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'by_restaurant'
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'restaurant_id'
     WHERE ${HERE} AND i.indisunique AND NOT a.attnum = ANY (i.indkey) AND i.indexrelid::regclass::text NOT IN (${list(Object.keys(GLOBAL_KEYS))})`,
  'personal columns that the worker can read': `
    SELECT attrelid::regclass || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
     WHERE ${HERE} AND attnum > 0 AND attname ~ '^(customer_name|customer_phone|customer_address|note|line_notes|email|name|phone|address|password_hash|totp_secret|record)$'
       AND atttypid = 'bytea'::regtype AND has_column_privilege('ordersync_worker', attrelid, attnum, 'SELECT')`,
  'what statutory records hold, for others than an administrator': `
    SELECT name FROM unnest(ARRAY[${list(ROLES.filter((role) => role !== 'ordersync_admin'))}]) AS name
     WHERE has_column_privilege(name, 'statutory_records', 'record', 'SELECT') OR has_column_privilege(name, 'statutory_records', 'data_key', 'SELECT')`,
};

/** Every complaint, as `question: what`. ask: runs a query, and gives its only column as lines. */
export async function complaints(ask) {
  const found = [];
  for (const [question, query] of Object.entries(QUESTIONS)) {
    for (const line of (await ask(query)).split('\n').filter(Boolean)) found.push(`${question}: ${line}`);
  }
  return found;
}
