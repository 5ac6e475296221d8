/*
 * Health: /health (the process lives), /ready (it can serve) and /metrics. PostgreSQL and Redis are asked
 * once a second on a thread of its own, so that a busy worker pool does not make a healthy process look
 * dead, and the answer to /ready is always at hand on the loop.
 * Not ready: PostgreSQL does not answer, nobody could tell for too long who is revoked, or the process is draining. Redis down is told and costs latency,
 * not readiness.
 */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "api/http/router.h"
#include "shared/error.h"

struct api_config;
struct api_health;
struct osy_metrics;

extern const struct api_route api_health_routes[]; /* need context->health and context->metrics */

struct api_health *api_health_create(uv_loop_t *loop, const struct api_config *config,
                                     struct osy_metrics *metrics, struct osy_error *err);
void api_health_set_draining(struct api_health *health);
/* Waits for a check under way; memory goes when libuv has closed the handles. NULL is fine. */
void api_health_destroy(struct api_health *health);
