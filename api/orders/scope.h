/* Whose orders a request is about. */
#pragma once
#include <stdbool.h>

#include "shared/uuid.h"

struct api_order_command;
struct api_request;

/*
 * The restaurant that "me" means: the one of the token, or the one that the parameter restaurant_id names,
 * which the token must cover. False: a reply was given (400 INVALID_REQUEST, 404 RESTAURANT_NOT_FOUND).
 */
bool api_scope_restaurant(struct api_request *request, struct osy_uuid *restaurant_id);
/* Notes in command who asks, for audit and `changed_by`, and the trace. */
void api_scope_note_actor(const struct api_request *request, struct api_order_command *command);
