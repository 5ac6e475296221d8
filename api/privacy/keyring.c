#include "api/privacy/keyring.h"

#include "api/privacy/aws_kms.h"

struct osy_key_service *api_key_service_create(const struct api_config *config,
                                               struct osy_error *err)
{
    if (!*config->kms_url) {
        osy_error_set(err, OSY_ERR_INVALID, "ORDERSYNC_KMS_URL is required");
        return NULL;
    }
    return api_aws_kms_create(
        &(struct api_aws_kms_options){.url = config->kms_url,
                                      .key_id = config->kms_key_id,
                                      .region = config->kms_region,
                                      .credentials_file = config->kms_credentials_file,
                                      .ca_file = config->kms_ca_file,
                                      .timeout_ms = config->kms_timeout_ms},
        err);
}

struct osy_keyring *api_keyring_load(const struct api_config *config, unsigned want,
                                     struct osy_error *err)
{
    struct osy_key_service *service = NULL;

    if ((want & OSY_KEYS_DATA) && *config->kms_url) {
        service = api_key_service_create(config, err);
        if (!service)
            return NULL;
    }
    return osy_keyring_load_with(config->keys_dir, want, service, err);
}
