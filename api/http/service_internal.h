/* For request.c: the service hears of every reply to a request that it has seen. */
#pragma once

struct api_request;
struct api_service;

void api_service_observe(struct api_service *service, const struct api_request *request);
