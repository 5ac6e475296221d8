/** The statements that run in production: every .sql file of the tiers, and how the programs run it. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));
const TIERS = ['api', 'hub', 'shared'];
const NOT_STATEMENTS = /\/migrations\/|\/prepare_migrations\.sql$/; // scripts of several statements, run at deployment

const read = (file) => readFileSync(path.join(CHECKOUT, file), 'utf8');
const files = (tier, ending) =>
  readdirSync(path.join(CHECKOUT, tier), { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${tier}/${name}`)
    .sort();

/** `-c name=value` of the sessions that allow the planner nothing but probes of indexes, as the programs set them. */
const PROBES_ONLY = 'OSY_PG_PROBES_ONLY';
const probesOnly = [...read('shared/pg_settings.h').matchAll(/-c (\w+)=(\w+)/g)].map(([, name, value]) => [name, value]);

const withoutComments = (text) => text.replace(/--.*$/gm, '').trim().replace(/;$/, '');

/** A session is made in the module that names the statement, or, for handlers of requests, in the pool of workers. */
const pool = read('api/http/workers.c');
const isProbesOnly = (source) => (/\bstruct api_worker\b/.test(source) ? pool : source).includes(PROBES_ONLY);

function sessionsOf(name, sources) {
  const users = sources.filter((source) => new RegExp(`\\bsql_${name}\\b`).test(source));
  return [...new Set(users.map(isProbesOnly))].map((only) => (only ? probesOnly : []));
}

function readTier(tier) {
  const sources = files(tier, '.c').map(read);
  return files(tier, '.sql')
    .filter((file) => !NOT_STATEMENTS.test(file))
    .map((file) => {
      const text = withoutComments(read(file));
      const parameters = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
      return { file, text, parameters, sessions: sessionsOf(path.basename(file, '.sql'), sources) };
    });
}

/** {file, text, parameters: how many, sessions: for each kind that runs it, its settings as [name, value]...}. */
export const statements = TIERS.flatMap(readTier);
