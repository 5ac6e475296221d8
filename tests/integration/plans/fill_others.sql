-- After tests/bench/fill_orders.sql: what else a database holds that has been in use for a while.
UPDATE orders SET status = 'PENDING' WHERE status = 'ACCEPTED';
UPDATE orders SET customer_id = md5((total_amount + hashtext(id::text) % 5000)::text)::uuid; -- some dozens of each
INSERT INTO order_items (restaurant_id, order_id, line, item_id, name, quantity, unit_amount, counted)
SELECT restaurant_id, id, line, md5(line::text)::uuid, 'Dish', 1, 9000, false FROM orders CROSS JOIN generate_series(1, 2) AS line;
INSERT INTO idempotency (restaurant_id, key_hash, body_hash, order_id, order_version, created_at)
SELECT restaurant_id, sha256(id::text::bytea), sha256('body'), id, 1, now() - random() * interval '25 hours' FROM orders;
INSERT INTO request_replies (key_hash, body_hash, status, body, created_at)
SELECT sha256(n::text::bytea), sha256('body'), 201, '\x00', now() - random() * interval '25 hours' FROM generate_series(1, 200000) AS n;
INSERT INTO audit_logs (id, at, restaurant_id, actor_role, action, subject_id, chain_id, number, digest)
SELECT gen_random_uuid(), created_at, restaurant_id, 'guest', 'order.created', id, 1 + n % 8, 1 + n / 8, sha256('')
  FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM orders) numbered;
-- Sign-ins, which are no restaurant's, and after them what the restaurants did, who have been busy since.
INSERT INTO audit_logs (id, at, restaurant_id, actor_role, actor_id, action, subject_id, chain_id, number, digest)
SELECT gen_random_uuid(), timestamptz '2025-06-01 00:00Z', NULL, 'customer', md5('user ' || n)::uuid, 'auth.login', md5('user ' || n)::uuid, 9, n, sha256('')
  FROM generate_series(1, 40000) AS n
UNION ALL
SELECT gen_random_uuid(), timestamptz '2025-06-02 00:00Z', restaurants.id, 'owner', restaurants.id, 'menu.item_set', restaurants.id, 10,
       row_number() OVER (ORDER BY restaurants.id, n), sha256('')
  FROM restaurants CROSS JOIN generate_series(1, 20) AS n;

-- The stack's hub, a lease that has run out, and ten devices of each restaurant: one that is here, and nine that were.
INSERT INTO hub_leases (incarnation, hub_id, expires_at)
VALUES (md5('hub')::uuid, 'hub-1', now() + interval '1 hour'), (md5('dead')::uuid, 'hub-2', now() - interval '1 minute');
INSERT INTO devices (restaurant_id, device, incarnation, connected_at, left_at)
SELECT id, 'device-' || n, md5(CASE n WHEN 1 THEN 'hub' ELSE 'hub of run ' || n END)::uuid, now() - n * interval '4 days',
       CASE WHEN n > 1 THEN now() - n * interval '3 days' END
  FROM restaurants CROSS JOIN generate_series(1, 10) AS n;
INSERT INTO restaurant_reachability (restaurant_id, reachable, since) SELECT id, true, now() FROM restaurants;
INSERT INTO receipts (restaurant_id, order_id, is_displayed, devices, at)
SELECT restaurant_id, id, is_displayed, '{device-1,device-2}', ARRAY[created_at, created_at]
  FROM orders CROSS JOIN unnest('{false,true}'::boolean[]) AS is_displayed;

-- A few orders are watched now; of every second one somebody was told, and a few messages are still to be sent.
INSERT INTO order_watches (order_id, restaurant_id, next_at)
SELECT id, restaurant_id, now() + random() * interval '1 minute' FROM orders WHERE status = 'PENDING';
INSERT INTO order_alerts (order_id, step, restaurant_id, at, reason, action, waiting_ms, outcome, delivery_id, next_at)
SELECT id, 1, restaurant_id, now() - interval '10 minutes', 'not_accepted', 'webhook', 90000,
       CASE WHEN n % 500 = 0 THEN 'waiting' ELSE 'done' END, gen_random_uuid(), CASE WHEN n % 500 = 0 THEN now() END
  FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM orders) AS o
 WHERE n % 2 = 0;
INSERT INTO webhooks (restaurant_id, url, secret, created_at) SELECT id, 'https://example.org/', '\x00', now() FROM restaurants;
INSERT INTO escalation_steps (restaurant_id, step, reason, action)
SELECT id, step, 'not_accepted', 'alert' FROM restaurants CROSS JOIN generate_series(1, 3) AS step;
INSERT INTO revocations (kind, id, revoked_at)
SELECT 'session', gen_random_uuid(), now() - random() * interval '30 days' FROM generate_series(1, 20000);

-- People, half of whom are signed in with a session that has been refreshed.
INSERT INTO users (id, role, email, name, password_hash)
SELECT md5('user ' || n)::uuid, 'customer', '\x00', '\x00', '' FROM generate_series(1, 40000) AS n;
INSERT INTO user_emails (email_index, user_id) SELECT sha256(id::text::bytea), id FROM users;
INSERT INTO recovery_codes (user_id, code_hash) SELECT id, sha256('code') FROM users;
INSERT INTO memberships (user_id, restaurant_id)
SELECT u.id, r.id FROM (SELECT id, row_number() OVER () AS n FROM users) AS u
  JOIN (SELECT id, row_number() OVER () AS n FROM restaurants) AS r ON u.n % 2000 + 1 = r.n;
INSERT INTO sessions (id, user_id, token_hash, rotated_at, address, expires_at)
SELECT md5('session of ' || id)::uuid, id, sha256(id::text::bytea), now(), '\x00', now() + random() * interval '30 days' FROM users;
INSERT INTO spent_tokens (session_id, user_id, token_hash) SELECT id, user_id, sha256('old') FROM sessions;
INSERT INTO login_attempts (key, failures, last_at)
SELECT sha256(n::text::bytea), 1, now() - random() * interval '25 hours' FROM generate_series(1, 100000) AS n;
INSERT INTO subject_keys (id, user_id, wrapped) SELECT md5('key of ' || id)::uuid, id, '\x00' FROM users;
INSERT INTO statutory_records (order_id, restaurant_id, user_id, ordered_at, keep_until, data_key, record)
SELECT md5('erased ' || n)::uuid, gen_random_uuid(), gen_random_uuid(), now(), now() + random() * interval '5 years', '\x00', '\x00'
  FROM generate_series(1, 40000) AS n;

-- Every item has two groups of three options, and every category a price rule.
INSERT INTO option_groups (id, restaurant_id, item_id, name, min_choices, max_choices)
SELECT CASE n WHEN 1 THEN id ELSE md5(id::text || n)::uuid END, restaurant_id, id, 'Group', 0, 3
  FROM menu_items CROSS JOIN generate_series(1, 2) AS n;
INSERT INTO item_options (id, restaurant_id, group_id, name)
SELECT CASE n WHEN 1 THEN id ELSE md5('option ' || id || n)::uuid END, restaurant_id, id, 'Option'
  FROM option_groups CROSS JOIN generate_series(1, 3) AS n;
INSERT INTO price_rules (id, restaurant_id, name, category_id, weekdays, starts, ends, percent)
SELECT gen_random_uuid(), restaurant_id, 'Rule', id, '{1,2,3,4,5,6,7}', '00:00', '24:00', -10
  FROM menus CROSS JOIN generate_series(1, 6);
UPDATE menu_items SET has_terms = true;
ANALYZE;
