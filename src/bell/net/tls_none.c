/*
 * Where the build has no TLS: nothing can be created, so the rest is never called.
 */
#include "bell/net/tls.h"

#include "base/versioned.h"

void bell_tls_options_init_sized(bell_tls_options *options, size_t options_bytes)
{
    const bell_tls_options none = {.min_version = BELL_TLS_1_2};
    bell_versioned_write(options, options_bytes, &none, sizeof none);
}

bell_status bell_tls_create_sized(const bell_tls_options *options, size_t options_bytes,
                                  struct bell_tls **out)
{
    (void)options;
    (void)options_bytes;
    (void)out;
    return BELL_ENOTSUP;
}

void bell_tls_destroy(struct bell_tls *tls)
{
    (void)tls;
}

bell_status bell_tls_add_certificate(struct bell_tls *tls, const char *certificate_file,
                                     const char *key_file)
{
    (void)tls;
    (void)certificate_file;
    (void)key_file;
    return BELL_ENOTSUP;
}

bell_status bell_tls_reload(struct bell_tls *tls)
{
    (void)tls;
    return BELL_ENOTSUP;
}

const char *bell_tls_why(const struct bell_tls *tls)
{
    (void)tls;
    return "this libbell was built without TLS";
}

void bell_tls_client_options_init_sized(bell_tls_client_options *options, size_t options_bytes)
{
    const bell_tls_client_options none = {.min_version = BELL_TLS_1_2};
    bell_versioned_write(options, options_bytes, &none, sizeof none);
}

bell_status bell_tls_client_create_sized(const bell_tls_client_options *options,
                                         size_t options_bytes, struct bell_tls_client **out)
{
    (void)options;
    (void)options_bytes;
    (void)out;
    return BELL_ENOTSUP;
}

void bell_tls_client_destroy(struct bell_tls_client *client)
{
    (void)client;
}

bell_status bell_tls_server_session_create(struct bell_loop *loop, struct bell_tls *tls,
                                           struct bell_tls_session **out)
{
    (void)loop;
    (void)tls;
    (void)out;
    return BELL_ENOTSUP;
}

bell_status bell_tls_client_session_create(struct bell_loop *loop, struct bell_tls_client *client,
                                           const char *host, struct bell_tls_session **out)
{
    (void)loop;
    (void)client;
    (void)host;
    (void)out;
    return BELL_ENOTSUP;
}

void bell_tls_session_destroy(struct bell_tls_session *session)
{
    (void)session;
}

bell_status bell_tls_session_read(struct bell_tls_session *session, bell_slice *in, char **bytes,
                                  size_t *n)
{
    (void)session;
    (void)in;
    (void)bytes;
    *n = 0;
    return BELL_ENOTSUP;
}

bell_status bell_tls_session_write(struct bell_tls_session *session,
                                   const struct bell_out_queue *queue, bool is_last)
{
    (void)session;
    (void)queue;
    (void)is_last;
    return BELL_ENOTSUP;
}

const struct bell_out_queue *bell_tls_session_wire(const struct bell_tls_session *session)
{
    static const struct bell_out_queue NONE = {.bytes = 0};
    (void)session;
    return &NONE;
}

size_t bell_tls_session_taken(struct bell_tls_session *session, size_t n)
{
    (void)session;
    return n;
}

size_t bell_tls_session_covered(const struct bell_tls_session *session)
{
    (void)session;
    return 0;
}

bool bell_tls_session_owes_end(const struct bell_tls_session *session)
{
    (void)session;
    return false;
}

bool bell_tls_session_is_new(const struct bell_tls_session *session)
{
    (void)session;
    return false;
}

bool bell_tls_session_has_failed(const struct bell_tls_session *session)
{
    (void)session;
    return false;
}

const char *bell_tls_session_why(const struct bell_tls_session *session)
{
    (void)session;
    return "";
}

bell_tls_agreement bell_tls_session_agreement(const struct bell_tls_session *session)
{
    (void)session;
    return (bell_tls_agreement){.version = BELL_TLS_1_2};
}

struct bell_tls_wait *bell_tls_session_wait(struct bell_tls_session *session)
{
    (void)session;
    return NULL;
}

uint32_t bell_tls_session_steps_per_turn(const struct bell_tls_session *session)
{
    (void)session;
    return 0;
}

void bell_tls_loop_destroy(struct bell_tls_loop *home)
{
    (void)home;
}
