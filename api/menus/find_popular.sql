-- api/menus/find_popular.sql: what was ordered most, as the JSON of the reply. $1 uuid: restaurant; $2 uuid[]: items, the best
-- first; $3 bigint[]: how many of each. One row or none. What the menu has no more is left out.
SELECT row_to_json(reply)::text
  FROM (SELECT r.id AS restaurant_id,
               (SELECT coalesce(array_to_json(array_agg(row_to_json(line))), '[]')
                  FROM (SELECT i.id AS item_id, i.name, best.ordered
                          FROM unnest($2::uuid[], $3::bigint[]) WITH ORDINALITY AS best (item_id, ordered, n)
                          JOIN menu_items i ON i.restaurant_id = r.id AND i.id = best.item_id
                         ORDER BY best.n) line) AS items
          FROM restaurants r
         WHERE r.id = $1::uuid) reply;
