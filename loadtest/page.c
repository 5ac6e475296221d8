#include "loadtest/page.h"

#include <string.h>

#include "embedded/load_core.h"

static const char place[] = "\"REPORT\"";

/* `<` occurs only inside of JSON's texts, where it may as well be escaped: so neither `</script>` nor `<!--` can. */
static void append_escaped(struct osy_buffer *out, const char *json, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (json[i] == '<')
            osy_buffer_text(out, "\\u003c");
        else
            osy_buffer_char(out, json[i]);
    }
}

void load_page_write(struct osy_buffer *out, const char *json, size_t length)
{
    const char *at = strstr(html_page, place);
    osy_buffer_append(out, html_page, (size_t)(at - html_page));
    append_escaped(out, json, length);
    osy_buffer_text(out, at + strlen(place));
}
