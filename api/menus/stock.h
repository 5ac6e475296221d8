/* How much there is of counted items, put into a menu as it is read (find_menu.sql leaves it open). */
#pragma once
#include <libpq-fe.h>
#include <stdbool.h>

#include "shared/buffer.h"

/* Whether the menu has something left open. */
bool api_menu_stock_is_open(const char *menu);
/* Appends the menu with the rows of find_stock.sql filled in; an item that is counted no more: null. */
void api_menu_stock_fill(const char *menu, const PGresult *stock, struct osy_buffer *out);
