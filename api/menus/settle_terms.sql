-- api/menus/settle_terms.sql: notes which items' price cannot be read from their row alone, after a change of the menu, in
-- its transaction, which holds the restaurant's stream. $1 uuid: restaurant.
UPDATE menu_items item
   SET has_terms = wanted.has_terms
  FROM (SELECT i.id,
               EXISTS (SELECT FROM option_groups g WHERE g.restaurant_id = $1::uuid AND g.item_id = i.id)
               OR EXISTS (SELECT FROM price_rules rule
                           WHERE rule.restaurant_id = $1::uuid AND rule.active
                             AND (rule.item_id = i.id OR rule.category_id = i.menu_id
                                  OR num_nonnulls(rule.item_id, rule.category_id) = 0)) AS has_terms
          FROM menu_items i
         WHERE i.restaurant_id = $1::uuid) wanted
 WHERE item.restaurant_id = $1::uuid AND item.id = wanted.id AND item.has_terms <> wanted.has_terms;
