/* The endpoints of restaurants (docs/openapi.yaml). They need the workers. */
#pragma once
#include "api/http/router.h"

extern const struct api_route api_restaurant_routes[];
