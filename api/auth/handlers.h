/* The handlers of auth/routes.c that have a file of their own. */
#pragma once

struct api_request;
struct api_worker;

void api_handle_create_revocation(struct api_worker *worker, struct api_request *request);
void api_handle_sign_up(struct api_worker *worker, struct api_request *request);
void api_handle_create_user(struct api_worker *worker, struct api_request *request);
void api_handle_login(struct api_worker *worker, struct api_request *request);
void api_handle_refresh(struct api_worker *worker, struct api_request *request);
void api_handle_logout(struct api_worker *worker, struct api_request *request);
void api_handle_get_me(struct api_worker *worker, struct api_request *request);
void api_handle_list_sessions(struct api_worker *worker, struct api_request *request);
void api_handle_delete_session(struct api_worker *worker, struct api_request *request);
void api_handle_delete_sessions(struct api_worker *worker, struct api_request *request);
void api_handle_change_password(struct api_worker *worker, struct api_request *request);
void api_handle_offer_totp(struct api_worker *worker, struct api_request *request);
void api_handle_confirm_totp(struct api_worker *worker, struct api_request *request);
void api_handle_disable_totp(struct api_worker *worker, struct api_request *request);
