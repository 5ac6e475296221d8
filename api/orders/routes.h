/* The endpoints of orders (docs/openapi.yaml). They need the writer, the workers and the keyring. */
#pragma once
#include "api/http/router.h"

extern const struct api_route api_order_routes[];
