#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/page.h"

static char *page_of(const char *json)
{
    struct osy_buffer out = OSY_BUFFER_INIT;
    load_page_write(&out, json, strlen(json));
    return osy_buffer_take(&out, NULL);
}

static size_t count(const char *text, const char *what)
{
    size_t found = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        found++;
    return found;
}

static void no_text_of_the_figures_can_end_the_script(void **state)
{
    char *plain = page_of("{}");
    char *page = page_of("{\"name\":\"</script><script>alert(1)</script><!--\"}");
    (void)state;
    assert_int_equal(count(page, "</script"), count(plain, "</script"));
    assert_int_equal(count(page, "<!--"), count(plain, "<!--"));
    assert_non_null(strstr(page, "\\u003c/script>\\u003cscript>alert(1)"));
    free(plain);
    free(page);
}

static void the_page_holds_the_figures_and_needs_nothing_else(void **state)
{
    char *page = page_of("{\"good\":true}");
    (void)state;
    assert_non_null(strstr(page, "{\"good\":true}"));
    assert_null(strstr(page, "\"REPORT\""));
    assert_null(strstr(page, " src="));
    assert_null(strstr(page, "url("));
    assert_null(strstr(page, "@import"));
    assert_null(strstr(page, "<link"));
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_text_of_the_figures_can_end_the_script),
        cmocka_unit_test(the_page_holds_the_figures_and_needs_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
