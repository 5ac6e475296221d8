// A PostgreSQL that is there and says no.

import { pause, until } from '../tools.mjs'

/**
 * COMMIT itself fails, for a third of the transactions, as a serializable or a full server's would: whoever takes
 * the statements' success for the transaction's is found out.
 */
async function failCommits({ stack, isQuick }) {
  await stack.query(`
    CREATE FUNCTION chaos_fail_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF random() < 0.3 THEN RAISE SQLSTATE '40001' USING MESSAGE = 'chaos: this commit fails'; END IF;
      RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER chaos_fail_commit AFTER INSERT ON order_events
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_fail_commit();`)
  await pause(isQuick ? 3000 : 10_000)
  await stack.query('DROP TRIGGER chaos_fail_commit ON order_events; DROP FUNCTION chaos_fail_commit()')
}

/** Somebody holds the counter rows, and with them every order. They are taken in the writers' order, or it would be a deadlock. */
async function holdLocks({ stack, isQuick }) {
  const seconds = isQuick ? 2 : 8
  await stack.query(`BEGIN; SELECT count(*) FROM (SELECT 1 FROM restaurant_streams ORDER BY restaurant_id FOR UPDATE) held; SELECT pg_sleep(${seconds}); COMMIT`)
}

/** Every backend of ours is told to go, again and again. */
async function terminate({ stack, random, isQuick }) {
  for (let i = 0; i < (isQuick ? 5 : 20); i++) {
    await stack.queryAsSuperuser("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'ordersync-%'")
    await pause(400 * random())
  }
  await until('PostgreSQL answers', () => stack.query('SELECT 1').then(() => true, () => false))
}

/** An event that no frame can carry would hold up its whole stream: PostgreSQL has to refuse it. */
async function writePoison({ stack }) {
  for (const data of ["E'{\\n}'", "repeat('x', 70000)"]) {
    const write = `UPDATE order_events SET data = ${data} WHERE seq = (SELECT min(seq) FROM order_events)`
    const error = await stack.query(`BEGIN; ${write}; ROLLBACK`).then(() => null, (refused) => refused)
    if (!error?.message.includes('order_events_fit_frames')) throw new Error(`PostgreSQL takes an event whose data is ${data}`)
  }
}

export const postgresFaults = {
  rows_poisoned: { does: 'somebody writes events that no frame can carry', run: writePoison },
  commits_fail: { does: 'a third of all commits fails at the very end', run: failCommits },
  locks_held: { does: 'the rows that every order needs are locked by somebody else', run: holdLocks },
  backends_terminated: { does: "PostgreSQL ends the connections of all programs, again and again", run: terminate },
}
