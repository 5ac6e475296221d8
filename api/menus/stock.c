#include "api/menus/stock.h"

#include <string.h>

#include "shared/uuid.h"

/* It cannot be part of somebody's text: there the quotes would be escaped. */
#define OPEN "\"stock\":\"@"

enum { ID_LENGTH = OSY_UUID_TEXT_BYTES - 1 };

bool api_menu_stock_is_open(const char *menu)
{
    return strstr(menu, OPEN) != NULL;
}

/* The rows ascend by id. */
static const char *find(const PGresult *stock, const char *id)
{
    int low = 0, high = PQntuples(stock);
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = memcmp(PQgetvalue(stock, middle, 0), id, ID_LENGTH);
        if (order == 0)
            return PQgetvalue(stock, middle, 1);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return "null";
}

void api_menu_stock_fill(const char *menu, const PGresult *stock, struct osy_buffer *out)
{
    for (const char *open; (open = strstr(menu, OPEN));) {
        const char *id = open + strlen(OPEN);
        osy_buffer_append(out, menu, (size_t)(id - menu) - strlen("\"@"));
        osy_buffer_text(out, find(stock, id));
        menu = id + ID_LENGTH + strlen("\"");
    }
    osy_buffer_text(out, menu);
}
