-- Restaurants' own affairs: what they say about themselves, when they are open, and how they take orders.

-- What an order's writing asks a restaurant stands in the row that it reads anyway. Times that have passed mean nothing:
-- the worker clears them away, but nobody waits for it.
ALTER TABLE restaurants
    ADD COLUMN open_times          tstzmultirange,       -- of the days ahead, from opening_hours; null: no hours, open as it accepts
    ADD COLUMN paused_until        timestamptz,
    ADD COLUMN pause_reason        text CHECK (char_length(pause_reason) <= 200), -- customers may read it
    ADD COLUMN busy_until          timestamptz,
    ADD COLUMN busy_minutes        integer CHECK (busy_minutes BETWEEN 1 AND 240), -- how much longer everything takes until then
    ADD COLUMN prep_minutes        integer CHECK (prep_minutes BETWEEN 1 AND 600), -- null: says nothing about it
    ADD COLUMN auto_accept_after_s integer CHECK (auto_accept_after_s BETWEEN 0 AND 3600), -- null: people accept
    ADD CHECK ((busy_until IS NULL) = (busy_minutes IS NULL));
CREATE INDEX restaurants_paused_until ON restaurants (paused_until) WHERE paused_until IS NOT NULL;
CREATE INDEX restaurants_busy_until ON restaurants (busy_until) WHERE busy_until IS NOT NULL;

-- What a restaurant is behind its name. The encrypted columns (shared/column_cipher.h) are its owners'.
CREATE TABLE restaurant_profiles (
    restaurant_id       uuid PRIMARY KEY REFERENCES restaurants (id),
    description         text NOT NULL DEFAULT '' CHECK (char_length(description) <= 2000), -- customers read it
    phone               bytea,
    address             bytea,
    registration_number bytea,
    representative      bytea
);

-- The hours as people set them: weekly is {"monday": [{"opens": "11:00", "closes": "22:00"}], ...}, exceptions
-- [{"date": "2026-12-25", "ranges": [...], "reason": "..."}], which take the place of their day's. A range that closes
-- no later than it opens ends on the next day.
CREATE TABLE opening_hours (
    restaurant_id uuid PRIMARY KEY REFERENCES restaurants (id),
    weekly        json NOT NULL,
    exceptions    json NOT NULL,
    planned_at    timestamptz NOT NULL                   -- when open_times was last made from it
);
CREATE INDEX opening_hours_planned_at ON opening_hours (planned_at);

-- When somebody is open who has such hours, from the day before `first` (whose last range may reach into it) for `days` days, on the
-- clocks of time_zone. What clocks skip is counted on from before the jump, what they show twice is the second time.
CREATE FUNCTION opening_times(weekly json, exceptions json, time_zone text, first date, days integer)
    RETURNS tstzmultirange LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(range_agg(tstzrange(starts, ends)), '{}')
      FROM (SELECT (day.date + opens) AT TIME ZONE time_zone AS starts,
                   (day.date + (closes <= opens)::integer + closes) AT TIME ZONE time_zone AS ends
              FROM (SELECT first + n AS date FROM generate_series(-1, days - 1) n) day
              LEFT JOIN LATERAL (SELECT special -> 'ranges' AS ranges
                                   FROM json_array_elements(exceptions) special
                                  WHERE (special ->> 'date')::date = day.date) exception ON true
             CROSS JOIN LATERAL json_to_recordset(coalesce(exception.ranges,
                    weekly -> (ARRAY['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'])
                              [extract(isodow FROM day.date)::integer]))
                   AS range (opens time, closes time)) hours
     WHERE starts < ends; -- all of it may lie in an hour that clocks skip
END;

-- The first moment from `earliest` on at which a restaurant with these open_times takes orders; null: none is known.
CREATE FUNCTION next_opening(open_times tstzmultirange, earliest timestamptz) RETURNS timestamptz LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN open_times IS NULL OR open_times @> earliest THEN earliest
                ELSE (SELECT min(lower(times)) FROM unnest(open_times) times WHERE lower(times) > earliest) END;
END;

-- When an order is expected to be ready, as the restaurant last said.
ALTER TABLE orders
    ADD COLUMN ready_at  timestamptz,                    -- null: nobody has said
    ADD COLUMN accept_at timestamptz;                    -- when it accepts itself if it is still PENDING; null: people do
CREATE INDEX orders_accept_at ON orders (accept_at) WHERE status = 'PENDING' AND accept_at IS NOT NULL;
ALTER TYPE public_order ADD ATTRIBUTE ready_at text;

-- What opening_hours come to from now on, for as many days as open_times look ahead: the worker plans anew every day, so
-- without any worker restaurants would open and close for two weeks.
CREATE FUNCTION planned_times(weekly json, exceptions json, time_zone text) RETURNS tstzmultirange LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT opening_times(weekly, exceptions, time_zone, (now() AT TIME ZONE time_zone)::date, 15);
END;

-- A restaurant as everybody may see it, in the form that replies and events send. closes_at and opens_at are null where
-- nothing is known of it, which is also so where the plan of open_times ends.
CREATE FUNCTION public_restaurant(restaurant uuid) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT row_to_json(said)::text
      FROM (SELECT r.id AS restaurant_id, r.name, coalesce(profile.description, '') AS description, r.currency,
                   r.time_zone, r.accepting, state.is_open AS open,
                   CASE WHEN state.is_reached AND r.accepting AND NOT state.is_open
                        THEN utc_text(next_opening(r.open_times, greatest(now(), r.paused_until))) END AS opens_at,
                   CASE WHEN state.is_open
                        THEN (SELECT utc_text(upper(times)) FROM unnest(r.open_times) times
                               WHERE times @> now() AND upper(times) < upper(r.open_times)) END AS closes_at,
                   CASE WHEN state.is_paused THEN utc_text(r.paused_until) END AS paused_until,
                   CASE WHEN state.is_paused THEN r.pause_reason END AS pause_reason,
                   CASE WHEN state.is_busy THEN utc_text(r.busy_until) END AS busy_until,
                   r.prep_minutes + CASE WHEN state.is_busy THEN r.busy_minutes ELSE 0 END AS prep_minutes,
                   r.version
              FROM restaurants r
              LEFT JOIN restaurant_profiles profile ON profile.restaurant_id = r.id
              LEFT JOIN restaurant_reachability reachability ON reachability.restaurant_id = r.id
             CROSS JOIN LATERAL (SELECT coalesce(r.paused_until > now(), false) AS is_paused,
                                        coalesce(r.busy_until > now(), false) AS is_busy,
                                        coalesce(r.open_times @> now(), true) AS is_in_hours,
                                        NOT r.refuse_when_unreachable OR coalesce(reachability.reachable, true) AS is_reached) now_
             CROSS JOIN LATERAL (SELECT now_.*, r.accepting AND now_.is_in_hours AND now_.is_reached AND NOT now_.is_paused
                                        AS is_open) state
             WHERE r.id = restaurant) said;
END;

-- Clears away pauses and busy times that are over, at most `most` of each, and tells the restaurants' sockets. Who is being
-- changed at this moment comes next time. Streams are locked in ascending order of restaurants, as by all writers.
CREATE FUNCTION end_respites(most integer) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    ended record;
BEGIN
    FOR ended IN
        SELECT due.id, due.paused_until <= now() AS is_pause
          FROM (SELECT id, paused_until FROM restaurants
                 WHERE id IN (SELECT id FROM (SELECT id FROM restaurants WHERE paused_until <= now()
                                               ORDER BY paused_until LIMIT most) pauses
                               UNION
                              SELECT id FROM (SELECT id FROM restaurants WHERE busy_until <= now()
                                               ORDER BY busy_until LIMIT most) busy)
                   AND (paused_until <= now() OR busy_until <= now()) -- again, of the row that was locked
                   FOR NO KEY UPDATE SKIP LOCKED) due
         ORDER BY due.id
    LOOP
        UPDATE restaurants r
           SET paused_until = CASE WHEN r.paused_until > now() THEN r.paused_until END,
               pause_reason = CASE WHEN r.paused_until > now() THEN r.pause_reason END,
               busy_until = CASE WHEN r.busy_until > now() THEN r.busy_until END,
               busy_minutes = CASE WHEN r.busy_until > now() THEN r.busy_minutes END,
               version = version + 1
         WHERE r.id = ended.id;
        PERFORM emit_restaurant_event(ended.id, CASE WHEN ended.is_pause THEN 'restaurant.resumed' ELSE 'restaurant.busy_ended' END,
                                      ended.id, public_restaurant(ended.id));
        PERFORM record_audit(CASE WHEN ended.is_pause THEN 'restaurant.resumed' ELSE 'restaurant.busy_ended' END,
                             ended.id, ended.id, NULL, NULL);
        RETURN NEXT ended.id;
    END LOOP;
END $$;
