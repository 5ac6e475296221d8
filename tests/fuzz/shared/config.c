/* A variable from the environment, known or not: accepted or refused, and nothing leaks. */
#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/config.h"

struct settings {
    int64_t number;
    bool flag;
    char *address, *choice, *text;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const struct osy_setting table[] = {
        OSY_SETTING_INT(struct settings, number, "ORDERSYNC_NUMBER", "1", -5, 100, "a number"),
        OSY_SETTING_BOOL(struct settings, flag, "ORDERSYNC_FLAG", "no", "a flag"),
        OSY_SETTING_ADDRESS(struct settings, address, "ORDERSYNC_LISTEN", "[::1]:1", "an address"),
        OSY_SETTING_CHOICE(struct settings, choice, "ORDERSYNC_CHOICE", "a", "a|bc|d", "a choice"),
        OSY_SETTING_STRING(struct settings, text, "ORDERSYNC_TEXT", "", 0, 10, "a text"),
        OSY_SETTING_END,
    };
    char *variable = osy_strndup((const char *)bytes, length);
    char *environment[] = {variable, NULL};
    struct settings settings = {.number = 0};
    struct osy_error err;

    if (osy_config_load(table, environment, &settings, &err) &&
        (settings.number < -5 || settings.number > 100))
        __builtin_trap();
    osy_config_free(table, &settings);
    free(variable);
    return 0;
}
