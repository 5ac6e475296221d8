#include "api/auth/email.h"

#include <string.h>

#define LOCAL_MAX 64
#define LABEL_MAX 63

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Words with dots between them. */
static bool is_local_part(const char *text, size_t length)
{
    char before = '.';
    if (length == 0 || length > LOCAL_MAX)
        return false;
    for (size_t i = 0; i < length; before = text[i++]) {
        if (text[i] == '.'
                ? before == '.'
                : !is_letter_or_digit(text[i]) && !strchr("!#$%&'*+-/=?^_`{|}~", text[i]))
            return false;
    }
    return before != '.';
}

static bool is_label(const char *text, size_t length)
{
    if (length == 0 || length > LABEL_MAX || text[0] == '-' || text[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_letter_or_digit(text[i]) && text[i] != '-')
            return false;
    }
    return true;
}

/* Labels with dots between them, two at least. */
static bool is_domain(const char *text)
{
    size_t count = 0;
    for (;; text++) {
        size_t length = strcspn(text, ".");
        if (!is_label(text, length))
            return false;
        count++;
        text += length;
        if (!*text)
            return count >= 2;
    }
}

static bool is_address(const char *email)
{
    const char *at = strrchr(email, '@');
    return at && is_local_part(email, (size_t)(at - email)) && is_domain(at + 1);
}

bool api_email_parse(const char *field, const char *text, char email[API_EMAIL_BYTES],
                     struct osy_error *err)
{
    size_t length = 0;
    text += strspn(text, " ");
    length = strlen(text);
    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (length > API_EMAIL_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' must have at most %d characters", field,
                             API_EMAIL_MAX);
    for (size_t i = 0; i < length; i++)
        email[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
    email[length] = '\0';
    return is_address(email) ||
           osy_error_set(err, OSY_ERR_INVALID, "'%s' must be an e-mail address", field);
}

void api_email_index(const struct osy_keyring *keyring, const char *email,
                     uint8_t digest[OSY_BLIND_INDEX_BYTES])
{
    osy_blind_index(keyring, "users.email", email, strlen(email), digest);
}
