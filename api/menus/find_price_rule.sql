-- api/menus/find_price_rule.sql: a price rule. $1 uuid: restaurant; $2 uuid: rule. One row or none: its JSON, its version.
SELECT row_to_json(thing)::text, version
  FROM (SELECT id, name, item_id, category_id, array_to_json(weekdays) AS weekdays, left(starts::text, 5) AS starts,
               left(ends::text, 5) AS ends, percent, amount, priority, active, version
          FROM price_rules
         WHERE restaurant_id = $1::uuid AND id = $2::uuid) thing;
