/*
 * A dashboard: the restaurants that one session has chosen, and a subscription to each. The choice may
 * change at any time: what is no longer chosen ends, what is new begins, and the rest goes on
 * undisturbed. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/messages.h"

struct hub_dashboard;
struct hub_session;

/* session is borrowed: it owns the dashboard. */
struct hub_dashboard *hub_dashboard_create(struct hub_session *session);
/* Leaves every topic. NULL is fine. */
void hub_dashboard_destroy(struct hub_dashboard *dashboard);

/* The whole new choice; the session may see all of it, and names no restaurant twice. */
void hub_dashboard_choose(struct hub_dashboard *dashboard, const struct hub_choice *choices,
                          size_t count);
/* As for a subscription (hub/subscription.h), for each of them. */
void hub_dashboard_pump(struct hub_dashboard *dashboard);
void hub_dashboard_end(struct hub_dashboard *dashboard);
int64_t hub_dashboard_deadline_ms(const struct hub_dashboard *dashboard); /* the first; 0: none */
int64_t hub_dashboard_view_age_ms(const struct hub_dashboard *dashboard); /* the worst; 0: none */
