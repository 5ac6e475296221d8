/* Routes of escalation: where a restaurant is told of orders that wait, and by which steps. */
#pragma once
#include "api/http/router.h"

extern const struct api_route api_escalation_routes[];
