/* The authentication domain's routes; login comes here. */
#pragma once
#include "api/http/router.h"

extern const struct api_route api_auth_routes[];
