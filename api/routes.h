/* All routes of the API: the tables of its domains. */
#pragma once
#include "api/http/router.h"

extern const struct api_route *const api_route_tables[]; /* ends with NULL */
