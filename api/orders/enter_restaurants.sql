-- api/orders/enter_restaurants.sql: whose rows the writer's statements behind it see, until the transaction ends.
-- $1 uuid[]: the restaurants. (Who does what stands in the statements' parameters: a batch has many actors.)
SELECT set_config('app.restaurants', ARRAY(SELECT DISTINCT unnest($1::uuid[]))::text, true);
