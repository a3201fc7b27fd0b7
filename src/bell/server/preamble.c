#include "bell/server/preamble.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "bell/http/response.h"
#include "bell/net/proxy_header.h"
#include "bell/server/connection.h"
#include "bell/server/drain.h"
#include "bell/server/http_server_internal.h"
#include "bell/server/http_session_internal.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"

static uint64_t deadline_ms(const struct bell_connection *c)
{
    const struct bell_server_loop *home = bell_server_loop_of(c);
    uint32_t timeout_ms = home->server->http->options.head_timeout_ms;
    if (home->is_draining && timeout_ms > BELL_DRAIN_GRACE_MS) {
        timeout_ms = BELL_DRAIN_GRACE_MS;
    }
    return bell_connection_active_ms(c) + timeout_ms;
}

void bell_preamble_timer_update(struct bell_connection *c)
{
    bell_connection_set_deadline(c, deadline_ms(c));
}

static void buffer_destroy(struct bell_buf *buffer)
{
    if (buffer != NULL) {
        bell_buf_finish(buffer);
        bell_mem_free(buffer);
    }
}

void bell_preamble_destroy(struct bell_connection *c)
{
    buffer_destroy(c->u.preamble);
    c->u.preamble = NULL;
}

/* The proxy and we are set up differently: somebody must look. */
static void refuse(struct bell_connection *c)
{
    static struct bell_log_limit limit;
    char peer[BELL_ADDRESS_TEXT_BYTES];
    const bell_http_response_head head = {
        .date = bell_http_session_date(c), .status = 400, .connection = BELL_HTTP_CONNECTION_CLOSE};
    (void)bell_address_format(&c->peer, peer);
    bell_log_limited(&limit, BELL_LOG_WARN, "connection refused why=proxy_header proxy=%s", peer);
    bell_http_session_say_last(c, &head, false);
}

/* Most headers come in one piece and need no memory. */
static bell_status keep(struct bell_connection *c, bell_slice bytes)
{
    if (c->u.preamble == NULL) {
        c->u.preamble = bell_mem_alloc(sizeof *c->u.preamble);
        if (c->u.preamble == NULL) {
            return BELL_ENOMEM;
        }
        bell_buf_init(c->u.preamble, (size_t)BELL_PROXY_MAX_BYTES + BELL_IO_MAX_RECEIVE_BYTES);
    }
    return bell_buf_append(c->u.preamble, bytes);
}

void bell_preamble_on_receive(struct bell_connection *c, bell_slice bytes)
{
    bell_proxy_header header;
    bool was_kept = c->u.preamble != NULL;
    if (was_kept && keep(c, bytes) != BELL_OK) {
        bell_connection_close(c);
        return;
    }
    bell_slice all = was_kept ? bell_buf_slice(c->u.preamble) : bytes;
    bell_status st = bell_proxy_header_read(all, &header);
    if (st == BELL_EAGAIN) {
        if (!was_kept && keep(c, bytes) != BELL_OK) {
            bell_connection_close(c);
        }
        return;
    }
    if (st != BELL_OK) {
        refuse(c);
        return;
    }
    if (header.has_source) {
        c->peer = header.source;
    }
    c->is_secure = header.is_secure;
    struct bell_buf *buffer = c->u.preamble;
    bell_connection_become_http(
        c, bell_slice_make(all.p + header.size_bytes, all.n - header.size_bytes));
    buffer_destroy(buffer); /* held the client's first bytes until here */
}

void bell_preamble_on_time(struct bell_connection *c, uint64_t now_ms)
{
    if (now_ms >= deadline_ms(c)) {
        bell_connection_close(c);
    } else {
        bell_preamble_timer_update(c);
    }
}
