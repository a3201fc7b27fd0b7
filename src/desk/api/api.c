#include "desk/api/api.h"

#include "base/clock.h"
#include "base/mem.h"
#include "desk/api/call.h"

#include <string.h>

bell_status api_create(const struct api_options *options, struct api **out)
{
    static const char HTTPS[] = "https://";
    struct api *api = bell_mem_zalloc(sizeof *api);
    if (api == NULL) {
        return BELL_ENOMEM;
    }
    api->with = *options;
    api->started_at_ms = bell_clock_now_ms();
    api->has_secure_cookie = options->public_origin != NULL &&
                             strncmp(options->public_origin, HTTPS, sizeof HTTPS - 1) == 0;
    api->limits = login_limits_create(options->login_attempts, options->login_window_s);
    if (api->limits == NULL) {
        bell_mem_free(api);
        return BELL_ENOMEM;
    }
    *out = api;
    return BELL_OK;
}

void api_destroy(struct api *api)
{
    if (api != NULL) {
        login_limits_destroy(api->limits);
        bell_mem_free(api);
    }
}

void api_set_io(struct api *api, const struct bell_io_server *io)
{
    api->io = io;
}

bell_status api_mount(struct api *api)
{
    bell_status st = api_mount_login(api);
    if (st == BELL_OK) {
        st = api_mount_agents(api);
    }
    if (st == BELL_OK) {
        st = api_mount_sessions(api);
    }
    return st != BELL_OK ? st : api_mount_status(api);
}
