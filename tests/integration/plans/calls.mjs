/**
 * With which parameters, as SQL, the programs run each statement; a row per way that might be planned differently.
 * Statements without parameters need no row, nor do those of sessions whose plans depend on none (OSY_PG_PROBES_ONLY):
 * with one, it is also seen how many rows they read.
 */
const restaurantId = (index) => `01890000-0000-7000-8000-${(0x10000 + index).toString(16).padStart(12, '0')}`;
export const SCOPE = restaurantId(7); // in whose name the API asks
const RESTAURANT = `'${SCOPE}'`;
const ORDER = `'0196d5c6-1c00-7abc-8def-0123456789ab'`; // in the middle of the history
const PERSON = `md5('user 7')::uuid`;
const SESSION = `md5('session of ' || md5('user 7')::uuid)::uuid`;
const DIGEST = `sha256(md5('user 7')::uuid::text::bytea)`;
export const USER = `'01890000-0000-7000-8000-0000000000aa'`;
const EVERYTHING = `'{${Array.from({ length: 2000 }, (_, index) => restaurantId(index))}}'`; // a hub that has all topics
const SOME = `'{${Array.from({ length: 32 }, (_, index) => restaurantId(index))}}'`; // a dashboard's

// Of the audit log's lists, from $5 on: the newest page of all times.
const UNBOUNDED = ['NULL', 'NULL', 'NULL', 'NULL', '51'];
// Of list_orders.sql, from $5 on: id, from, to, least and greatest total, code.
const [FIRST, DAY, NEXT_DAY] = [`'01941f29-7c00-7000-8000-000000000000'`, `'2025-01-01T00:00:00Z'`, `'2025-01-02T00:00:00Z'`];
const ANY = Array(6).fill('NULL');
const filters = [[FIRST, DAY], ['NULL', 'NULL', NEXT_DAY], ['NULL', 'NULL', 'NULL', '100'], ['NULL', 'NULL', 'NULL', 'NULL', '100'], ['NULL', 'NULL', 'NULL', 'NULL', 'NULL', '1234']].map(
  (values) => [...values, ...ANY].slice(0, ANY.length),
);
/** The first item of a menu, and something of each kind that refers to it. */
const item = restaurantId(7).replace(/^(.{24})..../, '$11001');
const category = restaurantId(7).replace(/^(.{24})..../, '$12000');
const PART = `'${item}'`;
const PARTS = {
  category: { name: 'A' },
  item: { category_id: category, name: 'A', unit_amount: 1 },
  option_group: { item_id: item, name: 'A', min_choices: 0, max_choices: 1 },
  option: { group_id: item, name: 'A' },
  price_rule: { name: 'A', item_id: item, weekdays: [1], starts: '10:00', ends: '11:00', amount: 1 },
};

export const calls = {
  'api/audit/find_hashes.sql': [[`'{1,2,3}'`, `'{10,20,30}'`, `'{00,00,00}'`]],
  'api/audit/list_by_restaurant.sql': [
    [RESTAURANT, 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', '51'],
    [RESTAURANT, 'NULL', USER, `'webhook.set'`, `now() - interval '1 day'`, 'now()', '1735689600000000', USER, '51'],
  ],
  'api/audit/list_by_subject.sql': [[RESTAURANT, ORDER, 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', '51']],
  'api/audit/list_platform.sql': [
    ['NULL', 'NULL', 'NULL', 'NULL', ...UNBOUNDED],
    ['NULL', 'NULL', 'NULL', 'NULL', `now() - interval '1 day'`, 'now()', '1735689600000000', USER, '51'],
  ],
  'api/audit/list_platform_by_action.sql': [['NULL', 'NULL', 'NULL', `'key.rewrapped'`, ...UNBOUNDED]],
  'api/audit/list_platform_by_actor.sql': [
    ['NULL', 'NULL', USER, 'NULL', ...UNBOUNDED],
    ['NULL', 'NULL', USER, `'auth.login'`, `now() - interval '1 day'`, 'now()', '1735689600000000', USER, '51'],
  ],
  'api/audit/read_rows.sql': [['NULL', 'NULL']],
  'api/audit/record_change.sql': [[`'webhook.set'`, RESTAURANT, RESTAURANT, 'NULL', `'\\x00'`]],
  'api/audit/record_notes.sql': [[`'[{"at_ms": 1, "actor_role": "guest", "address": "192.0.2.1", "action": "access.denied", "subject_id": "00000000-0000-0000-0000-000000000000", "trace_id": "", "new_value": "\\\\x00"}]'`]],
  'api/auth/count_attempt.sql': [[`sha256('1')`, `sha256('2')`, DIGEST]],
  'api/auth/disable_totp.sql': [[PERSON]],
  'api/auth/enable_totp.sql': [[PERSON, `ARRAY[sha256('a'), sha256('b')]`]],
  'api/auth/end_sessions.sql': [[PERSON, 'NULL', 'NULL', '0', `'logout'`], [PERSON, SESSION, 'NULL', '0', `'logout'`]],
  'api/auth/find_order_restaurant.sql': [[ORDER]],
  'api/auth/find_user.sql': [[PERSON]],
  'api/auth/find_user_by_email.sql': [[DIGEST]],
  'api/auth/insert_restaurant.sql': [[USER, `'Test'`, `'KRW'`, `'Asia/Seoul'`]],
  'api/auth/insert_session.sql': [[USER, PERSON, DIGEST, 'NULL', `'\\x00'`, '2592000']],
  'api/auth/insert_user.sql': [[USER, `'customer'`, `'\\x00'`, `sha256('new')`, `'\\x00'`, `''`, `'{}'`]],
  'api/auth/list_sessions.sql': [[PERSON]],
  'api/auth/lock_session.sql': [[SESSION, PERSON, DIGEST]],
  'api/auth/offer_totp.sql': [[PERSON, `'\\x00'`]],
  'api/auth/record_event.sql': [[`'auth.login'`, PERSON]],
  'api/auth/return_attempt.sql': [[`sha256('1')`, `sha256('2')`, 'true'], [`sha256('1')`, `sha256('2')`, 'false']],
  'api/auth/rotate_session.sql': [[SESSION, DIGEST, `sha256('new')`, `'\\x00'`, '2592000']],
  'api/auth/lock_user.sql': [[PERSON]],
  'api/auth/set_password_hash.sql': [[PERSON, `''`, `''`]],
  'api/auth/set_user_disabled.sql': [[PERSON, 'true']],
  'api/auth/set_user_role.sql': [[PERSON, `'staff'`, `'{01890000-0000-7000-8000-000000010007}'`]],
  'api/auth/use_recovery_code.sql': [[PERSON, `sha256('code')`]],
  'api/auth/use_totp_step.sql': [[PERSON, '1']],
  'api/background/delete_old_attempts.sql': [['1000']],
  'api/background/delete_old_sessions.sql': [['1000']],
  'api/auth/record_revocation.sql': [[`'session'`, USER, 'NULL']],
  'api/background/delete_expired_keys.sql': [['1000']],
  'api/background/delete_old_revocations.sql': [['2592000']],
  'api/background/delete_old_replies.sql': [['1000']],
  'api/db/claim_key.sql': [['1']],
  'api/db/find_reply.sql': [[`sha256('1')`]],
  'api/db/keep_reply.sql': [[`sha256('1')`, `sha256('body')`, USER, '201', `'\\x00'`]],
  'api/db/enter_scope.sql': [[`'{01890000-0000-7000-8000-000000000001}'`, USER, `'staff'`, USER, USER, `''`, `''`, 'NULL']],
  'api/db/record_migration.sql': [['9999', `'9999_test'`, `repeat('0', 64)`]],
  'api/escalation/delete_old_alerts.sql': [['35', '1000']],
  'api/escalation/delete_webhook.sql': [[RESTAURANT]],
  'api/escalation/find_ladder.sql': [[RESTAURANT]],
  'api/escalation/find_orders_to_accept.sql': [['100']],
  'api/escalation/find_webhook.sql': [[RESTAURANT]],
  'api/escalation/lock_ladder.sql': [[RESTAURANT]],
  'api/escalation/postpone_acceptances.sql': [[`ARRAY[${ORDER}]::uuid[]`]],
  'api/escalation/postpone_watch.sql': [[ORDER]],
  'api/escalation/put_ladder.sql': [[RESTAURANT, `'[{"reason": "not_accepted", "action": "alert"}]'`]],
  'api/escalation/put_webhook.sql': [[RESTAURANT, `'https://example.org/'`, `'\\x00'`]],
  'api/events/find_changed_streams.sql': [['NULL', '1000'], [`now() - interval '1 second'`, '1000']],
  'api/events/find_events.sql': [[RESTAURANT, '50', '1000']],
  'api/menus/emit_change.sql': [[RESTAURANT, PART, `'{}'`, `''`]],
  'api/menus/count_sold.sql': [[RESTAURANT, '50', '60']],
  'api/menus/find_days.sql': [[RESTAURANT, '7']],
  'api/menus/find_low_stock.sql': [[SOME]],
  'api/menus/find_popular.sql': [[RESTAURANT, `'{${item}}'`, `'{5}'`]],
  'api/menus/tell_low_stock.sql': [[SOME]],
  'api/menus/count_menu.sql': [[RESTAURANT]],
  ...Object.fromEntries(
    ['category', 'item', 'option_group', 'option', 'price_rule'].flatMap((kind) => [
      [`api/menus/find_${kind}.sql`, [[RESTAURANT, PART]]],
      [`api/menus/put_${kind}.sql`, [[RESTAURANT, PART, `'${JSON.stringify(PARTS[kind])}'`]]],
      [`api/menus/delete_${kind}.sql`, [[RESTAURANT, PART]]],
    ]),
  ),
  'api/menus/find_menu.sql': [[RESTAURANT]],
  'api/menus/find_own_menu.sql': [[RESTAURANT]],
  'api/menus/find_stock.sql': [[RESTAURANT]],
  'api/menus/set_sold_out.sql': [[RESTAURANT, `'{${item}}'`, `'{${item}}'`, 'true', 'NULL']],
  'api/menus/set_stock.sql': [[RESTAURANT, PART, '5']],
  'api/menus/settle_terms.sql': [[RESTAURANT]],
  'api/orders/lock_streams.sql': [[SOME]],
  'api/orders/find_order.sql': [[ORDER]],
  'api/orders/find_timeline.sql': [[ORDER]],
  'api/orders/list_open_orders.sql': [
    [RESTAURANT, `'{PENDING,ACCEPTED,PREPARING,READY}'`, 'NULL', '101'],
    [RESTAURANT, `'{PENDING}'`, ORDER, '51'],
  ],
  'api/orders/list_orders.sql': [
    [RESTAURANT, 'NULL', 'NULL', '51', ...ANY],
    [RESTAURANT, 'NULL', ORDER, '201', ...ANY],
    [RESTAURANT, `'{REJECTED,CANCELLED}'`, 'NULL', '51', ...ANY], // there are none: the whole history of the restaurant is read, but of no other
    // Every filter alone and all of them together; what a restaurant has outside of a range of times is not read.
    ...filters.map((values) => [RESTAURANT, 'NULL', 'NULL', '51', ...values]),
    [RESTAURANT, `'{COMPLETED,REJECTED}'`, ORDER, '51', FIRST, DAY, NEXT_DAY, '1', '1000000', '12345'],
  ],
  'api/orders/search_orders.sql': [
    [RESTAURANT, 'NULL', 'NULL', '51', ...ANY, `sha256('0')`],
    [RESTAURANT, `'{COMPLETED}'`, ORDER, '51', FIRST, DAY, NEXT_DAY, '1', '1000000', '12345', `sha256('0')`],
  ],
  'api/orders/find_people.sql': [[ORDER, RESTAURANT]],
  'api/orders/list_own_orders.sql': [
    [USER, 'NULL', '51'],
    [USER, ORDER, '201'],
  ],
  'api/privacy/delete_old_records.sql': [['1000']],
  'api/privacy/destroy_subject_key.sql': [[USER]],
  'api/privacy/erase_account.sql': [[USER]],
  'api/privacy/lock_owned_restaurants.sql': [[PERSON]],
  'api/privacy/erase_order.sql': [[ORDER, RESTAURANT, USER, 'now()', '1827', `'\\x00'`, `'\\x00'`]],
  'api/privacy/erase_replies.sql': [[USER]],
  'api/privacy/find_order_to_erase.sql': [[ORDER]],
  'api/privacy/find_orders_of_user.sql': [[USER, '200']],
  'api/privacy/find_record.sql': [[ORDER]],
  'api/privacy/find_subject_key.sql': [[USER]],
  'api/privacy/ensure_subject_key.sql': [[USER, ORDER, `'\\x00'`]],
  'api/presence/delete_old_devices.sql': [['90', '1000']],
  'api/presence/delete_old_receipts.sql': [['35', '1000']],
  'api/presence/judge_reachability.sql': [['true']],
  'api/restaurants/announce.sql': [[RESTAURANT, `'restaurant.updated'`, `''`]],
  'api/restaurants/change_hours.sql': [[RESTAURANT, `'Asia/Seoul'`, `'{}'`, `'[]'`], [RESTAURANT, `'Asia/Seoul'`, 'NULL', `'[]'`]],
  'api/restaurants/change_profile.sql': [[RESTAURANT, `'{"name": "Name"}'`]],
  'api/restaurants/change_settings.sql': [[RESTAURANT, `'{"prep_minutes": 20}'`]],
  'api/restaurants/end_busy.sql': [[RESTAURANT]],
  'api/restaurants/find_hours.sql': [[RESTAURANT]],
  'api/restaurants/find_profile.sql': [[RESTAURANT]],
  'api/restaurants/find_public.sql': [[RESTAURANT]],
  'api/restaurants/find_settings.sql': [[RESTAURANT]],
  'api/restaurants/find_time_zone.sql': [[`'Asia/Seoul'`]],
  'api/restaurants/list_devices.sql': [[RESTAURANT]],
  'api/restaurants/list_staff.sql': [[RESTAURANT]],
  'api/restaurants/lock_restaurant.sql': [[RESTAURANT]],
  'api/restaurants/pause.sql': [[RESTAURANT, '1800000000000', `'Too much'`]],
  'api/restaurants/remove_membership.sql': [[RESTAURANT, USER]],
  'api/restaurants/resume.sql': [[RESTAURANT]],
  'api/restaurants/start_busy.sql': [[RESTAURANT, '1800000000000', '15']],
  'api/restaurants/seed_restaurants.sql': [[EVERYTHING, EVERYTHING, `'{Dish}'`, `'{9000}'`, `'{NULL}'`]],
  'hub/find_events.sql': [[RESTAURANT, '50', '100']],
  'hub/find_customers.sql': [[`'{0196d5c6-1c00-7abc-8def-0123456789ab}'`]],
  'hub/find_figures.sql': [[SOME], [EVERYTHING]],
  'hub/find_heads.sql': [[SOME], [EVERYTHING]],
  'hub/find_order_events.sql': [[`'{0196d5c6-1c00-7abc-8def-0123456789ab}'`]],
  'hub/find_presence.sql': [[SOME], [EVERYTHING]],
  'shared/find_revocations.sql': [['extract(epoch FROM now())::bigint - 60']],
};
