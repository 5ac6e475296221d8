-- api/restaurants/find_menu.sql: a restaurant and what it sells, as the JSON of the reply. $1 uuid: restaurant.
-- One row or none.
SELECT row_to_json(reply)::text
  FROM (SELECT (SELECT row_to_json(head)
                  FROM (SELECT r.id AS restaurant_id, r.name, r.currency, r.accepting) head) AS restaurant,
               (SELECT coalesce(array_to_json(array_agg(row_to_json(line))), '[]')
                  FROM (SELECT i.id AS item_id, i.name, i.unit_amount, i.available, i.stock, i.version
                          FROM menu_items i
                          JOIN menus m ON m.id = i.menu_id
                         WHERE i.restaurant_id = r.id
                         ORDER BY m.position, i.position, i.id) line) AS items
          FROM restaurants r
         WHERE r.id = $1::uuid) reply;
