/* The handlers of privacy/routes.c. */
#pragma once

struct api_request;
struct api_worker;

void api_handle_erase_user(struct api_worker *worker, struct api_request *request);
