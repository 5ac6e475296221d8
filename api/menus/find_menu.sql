-- api/menus/find_menu.sql: a restaurant and what can be ordered there now, with the prices of now. $1 uuid: restaurant.
-- One row or none: the JSON of the reply; the number of the restaurant's last event, so that it is known which changes this
-- menu has in it; and for how many ms it holds if nobody changes anything, 5 minutes at most.
-- A counted stock changes with each order, so it is left open: "stock" is then "@" and the item's id (find_stock.sql).
SELECT (SELECT row_to_json(reply)::text
          FROM (SELECT (SELECT row_to_json(head)
                          FROM (SELECT r.id AS restaurant_id, r.name, r.currency, r.accepting) head) AS restaurant,
                       (SELECT coalesce(array_to_json(array_agg(row_to_json(category))), '[]')
                          FROM (SELECT m.id AS category_id, m.name, m.description
                                  FROM menus m
                                 WHERE m.restaurant_id = r.id
                                 ORDER BY m.position, m.id) category) AS categories,
                       (SELECT coalesce(array_to_json(array_agg(row_to_json(item))), '[]')
                          FROM (SELECT i.id AS item_id, i.menu_id AS category_id, i.name, i.description,
                                       CASE WHEN i.has_terms THEN rule_amount(r.id, i.id, i.menu_id, i.unit_amount,
                                                                              now() AT TIME ZONE r.time_zone)
                                            ELSE i.unit_amount END AS unit_amount,
                                       i.unit_amount AS usual_amount, i.image_url, array_to_json(i.allergens) AS allergens,
                                       array_to_json(i.tags) AS tags,
                                       i.available OR coalesce(i.sold_out_until <= now(), false) AS available,
                                       CASE WHEN i.stock IS NOT NULL THEN '@' || i.id END AS stock,
                                       CASE WHEN i.has_terms THEN (
                                           SELECT coalesce(array_to_json(array_agg(row_to_json(option_group))), '[]')
                                             FROM (SELECT g.id AS group_id, g.name, g.min_choices, g.max_choices, (
                                                          SELECT coalesce(array_to_json(array_agg(row_to_json(option))), '[]')
                                                            FROM (SELECT o.id AS option_id, o.name, o.extra_amount,
                                                                         o.available OR coalesce(o.sold_out_until <= now(), false)
                                                                             AS available
                                                                    FROM item_options o
                                                                   WHERE o.restaurant_id = r.id AND o.group_id = g.id
                                                                   ORDER BY o.position, o.id) option) AS options
                                                     FROM option_groups g
                                                    WHERE g.restaurant_id = r.id AND g.item_id = i.id
                                                    ORDER BY g.position, g.id) option_group)
                                       ELSE '[]' END AS option_groups, i.version
                                  FROM menu_items i
                                  JOIN menus m ON m.restaurant_id = r.id AND m.id = i.menu_id
                                 WHERE i.restaurant_id = r.id
                                 ORDER BY m.position, m.id, i.position, i.id) item) AS items) reply) AS menu,
       coalesce(s.seq, 0) AS seq,
       (SELECT least(300000, floor(extract(epoch FROM min(change.at) - now()) * 1000)::bigint)
          FROM (SELECT i.sold_out_until FROM menu_items i WHERE i.restaurant_id = r.id
                 UNION ALL
                SELECT o.sold_out_until FROM item_options o WHERE o.restaurant_id = r.id
                 UNION ALL
                SELECT (local.day + clock.time) AT TIME ZONE r.time_zone
                  FROM price_rules rule
                 CROSS JOIN LATERAL (VALUES (rule.starts), (rule.ends)) AS clock (time)
                 CROSS JOIN LATERAL (VALUES ((now() AT TIME ZONE r.time_zone)::date),
                                            ((now() AT TIME ZONE r.time_zone)::date + 1)) AS local (day)
                 WHERE rule.restaurant_id = r.id AND rule.active
                 UNION ALL -- a clock that is put forward or back, which it is at a quarter of an hour, may begin or end one, too
                SELECT to_timestamp(floor(extract(epoch FROM now()) / 900) * 900 + 900)
                 WHERE EXISTS (SELECT FROM price_rules rule WHERE rule.restaurant_id = r.id AND rule.active)
               ) AS change (at)
         WHERE change.at > now()) AS valid_ms
  FROM restaurants r
  LEFT JOIN restaurant_streams s ON s.restaurant_id = r.id
 WHERE r.id = $1::uuid;
