/* The endpoints of menus (docs/openapi.yaml). They need the workers and the cache of menus. */
#pragma once
#include "api/http/router.h"

extern const struct api_route api_menu_routes[];
