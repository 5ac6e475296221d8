/* The routes of what people may have done with their own data. */
#pragma once
#include "api/http/router.h"

extern const struct api_route api_privacy_routes[];
