#include "api/http/proxies.h"

#include <stdio.h>
#include <string.h>

#define FORWARDED_HOPS_MAX 16

static bool is_trusted(const struct api_networks *trusted, const char *text)
{
    uint8_t address[API_ADDRESS_BYTES];
    return trusted && api_address_parse(text, address) && api_networks_contain(trusted, address);
}

/* text[0..length) without brackets and port. An IPv6 address without brackets has no port. */
static void strip_port(const char **text, size_t *length)
{
    const char *colon = memchr(*text, ':', *length), *bracket;

    if (*length > 0 && **text == '[') {
        bracket = memchr(*text, ']', *length);
        if (!bracket || (bracket + 1 < *text + *length && bracket[1] != ':'))
            return;
        *length = (size_t)(bracket - *text) - 1;
        ++*text;
    } else if (colon && !memchr(colon + 1, ':', *length - (size_t)(colon + 1 - *text))) {
        *length = (size_t)(colon - *text);
    }
}

/* The last element of list[0..*length), trimmed; *length becomes what is before it. False: none that is
 * an address. */
static bool take_last(const char *list, size_t *length, char out[API_ADDRESS_TEXT_BYTES])
{
    size_t end = *length, start, element_length;
    uint8_t address[API_ADDRESS_BYTES];
    const char *element;

    while (end > 0 && (list[end - 1] == ' ' || list[end - 1] == '\t'))
        end--;
    start = end;
    while (start > 0 && list[start - 1] != ',')
        start--;
    *length = start > 0 ? start - 1 : 0;
    while (start < end && (list[start] == ' ' || list[start] == '\t'))
        start++;
    element = list + start;
    element_length = end - start;
    strip_port(&element, &element_length);
    if (element_length == 0 || element_length >= API_ADDRESS_TEXT_BYTES)
        return false;
    memcpy(out, element, element_length);
    out[element_length] = '\0';
    return api_address_parse(out, address);
}

void api_proxies_client(const struct api_networks *trusted, const char *peer, const char *forwarded,
                        char client[API_ADDRESS_TEXT_BYTES])
{
    size_t length = forwarded ? strlen(forwarded) : 0;
    char hop[API_ADDRESS_TEXT_BYTES];

    snprintf(client, API_ADDRESS_TEXT_BYTES, "%s", peer);
    for (int hops = 0; hops < FORWARDED_HOPS_MAX && length > 0; hops++) {
        if (!is_trusted(trusted, client) || !take_last(forwarded, &length, hop))
            return;
        memcpy(client, hop, sizeof hop);
    }
}
