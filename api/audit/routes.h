/* The audit domain's routes. */
#pragma once
#include "api/http/router.h"

extern const struct api_route api_audit_routes[];
