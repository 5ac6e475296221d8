#include "api/orders/page.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "shared/base64url.h"

#define CURSOR_TEXT_BYTES (OSY_BASE64URL_LENGTH(OSY_UUID_BYTES) + 1)

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200 };

static bool parse_limit(struct api_order_page *page, const char *text, struct osy_error *err)
{
    page->limit = LIMIT_DEFAULT;
    if (!text)
        return true;
    size_t digits = strspn(text, "0123456789");
    page->limit = digits <= 3 ? atoi(text) : 0;
    if (digits == 0 || text[digits] != '\0' || page->limit < 1 || page->limit > LIMIT_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "'limit' must be an integer from 1 to %d",
                             LIMIT_MAX);
    return true;
}

static bool parse_after(struct api_order_page *page, const char *text, struct osy_error *err)
{
    size_t length = 0;
    page->has_after = text != NULL;
    if (!text)
        return true;
    if (strlen(text) == CURSOR_TEXT_BYTES - 1 &&
        osy_base64url_decode(text, strlen(text), page->after.bytes, &length) &&
        length == OSY_UUID_BYTES)
        return true;
    return osy_error_set(err, OSY_ERR_INVALID, "'after' must be the 'next' of the page before");
}

bool api_order_page_read(struct api_request *request, struct api_order_page *page,
                         struct osy_error *err)
{
    const char *limit = NULL, *after = NULL;
    return api_request_query(request, "limit", &limit, err) &&
           api_request_query(request, "after", &after, err) && parse_limit(page, limit, err) &&
           parse_after(page, after, err);
}

int api_order_page_rows(const struct api_order_page *page)
{
    return page->limit + 1;
}

static void append_next(struct osy_buffer *out, const PGresult *rows, int last_row, int id_column)
{
    struct osy_uuid id = {{0}};
    char cursor[CURSOR_TEXT_BYTES];
    osy_uuid_parse(PQgetvalue(rows, last_row, id_column), OSY_UUID_TEXT_BYTES - 1, &id);
    osy_base64url_encode(id.bytes, OSY_UUID_BYTES, cursor);
    osy_buffer_texts(out, "\"", cursor, "\"", NULL);
}

void api_order_page_append(struct osy_buffer *out, const struct api_order_page *page,
                           const PGresult *rows, int id_column, int data_column)
{
    int count = PQntuples(rows);
    if (count > 0 && PQgetisnull(rows, 0, id_column))
        count = 0;
    int shown = count < page->limit ? count : page->limit;
    osy_buffer_text(out, "\"orders\":[");
    for (int row = 0; row < shown; row++) {
        if (row > 0)
            osy_buffer_char(out, ',');
        osy_buffer_append(out, PQgetvalue(rows, row, data_column),
                          (size_t)PQgetlength(rows, row, data_column));
    }
    osy_buffer_text(out, "],\"next\":");
    if (count > shown)
        append_next(out, rows, shown - 1, id_column);
    else
        osy_buffer_text(out, "null");
}
