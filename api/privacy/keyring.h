/* The keyring of this installation: its folder, and AWS KMS where that is set (ORDERSYNC_KMS_URL). */
#pragma once
#include "api/config.h"
#include "shared/error.h"
#include "shared/keys.h"

/* As osy_keyring_load. Blocks while KMS is asked for data keys that lie wrapped, if those are wanted. */
struct osy_keyring *api_keyring_load(const struct api_config *config, unsigned want,
                                     struct osy_error *err);
/* NULL with OSY_ERR_INVALID when none is set. */
struct osy_key_service *api_key_service_create(const struct api_config *config,
                                               struct osy_error *err);
