#include "service.h"

#include "base/clock.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void service_init(struct service *s, const bell_http_options *options)
{
    *s = (struct service){0};
    assert_int_equal(bell_http_server_create(options, &s->http), BELL_OK);
}

void service_add_websocket(struct service *s, const struct bell_component *component,
                           const bell_ws_options *options)
{
    assert_int_equal(bell_ws_server_create(component, options, &s->ws), BELL_OK);
    assert_int_equal(bell_http_server_websocket(s->http, "/ws", s->ws), BELL_OK);
}

void service_start(struct service *s, uint32_t threads)
{
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = threads;
    assert_int_equal(bell_io_server_create(s->http, &options, &s->io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s->io, "127.0.0.1:0"), BELL_OK);
    s->port = bell_io_server_port(s->io, 0);
    assert_int_equal(bell_io_server_start(s->io), BELL_OK);
}

void service_finish(struct service *s)
{
    bell_io_server_destroy(s->io);
    bell_http_server_destroy(s->http);
    bell_ws_server_destroy(s->ws);
    assert_int_equal(bell_mem_live(), 0);
}

int read_answer(struct peer *p, char *body, size_t size)
{
    char head[4096];
    int status = peer_read_head(p, head, sizeof head);
    const char *length = status == 0 ? NULL : strstr(head, "Content-Length: ");
    size_t n = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    assert_true(n < size);
    assert_true(peer_read(p, body, n));
    body[n] = '\0';
    return status;
}

void wait_posted(sem_t *told)
{
    enum { WAIT_S = 60 };
    struct timespec until;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
    until.tv_sec += WAIT_S;
    assert_int_equal(sem_timedwait(told, &until), 0);
}

uint64_t now_ms(void)
{
    return bell_clock_now_ms();
}
