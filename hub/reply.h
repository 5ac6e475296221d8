/* Plain HTTP answers: the few that a hub gives. Each ends the connection. */
#pragma once
#include <stdbool.h>

#include "hub/upgrade.h"
#include "shared/buffer.h"

struct hub;

/* Appends a whole response. body is left out (but counted) when is_head. */
void hub_reply_write(struct osy_buffer *out, int status, const char *content_type,
                     const struct osy_buffer *body, bool is_head);
/* Appends the answer to a request that does not become a socket. */
void hub_reply_refuse(struct osy_buffer *out, const struct hub_refusal *refusal, bool is_head);

/* The admin pages: /health, /ready and /metrics. is_get: GET or HEAD. */
void hub_admin_answer(struct hub *hub, const char *path, bool is_get, bool is_head,
                      struct osy_buffer *out);
