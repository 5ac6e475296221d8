/* The handlers of auth/routes.c that have a file of their own. */
#pragma once

struct api_request;
struct api_worker;

void api_handle_create_revocation(struct api_worker *worker, struct api_request *request);
