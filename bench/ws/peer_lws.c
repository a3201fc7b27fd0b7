/*
 * Echo server on libwebsockets, as its own examples do it: one message for each writable callback,
 * its own poll loop, one thread.
 *
 *     peer-lws --port N [--relay] [--deflate]
 */
#include "base/mem.h"

#include <libwebsockets.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    USAGE_STATUS = 2,
    RECEIVE_BYTES = 128 * 1024,
    MAX_DESCRIPTORS = 20000, /* libwebsockets reserves memory for all that it may have */
    MAX_WAITING = 64,        /* messages for one client */
};

/* One message for all who get it. libwebsockets writes the frame's head before the text. */
struct message {
    size_t size;
    uint32_t references;
    enum lws_write_protocol type;
    unsigned char bytes[]; /* LWS_PRE of room, then the text */
};

struct session {
    struct lws *wsi;
    struct session *next;
    struct session **link;    /* what points to us */
    struct message *incoming; /* (owned) */
    struct message **waiting; /* (owned) NULL = nothing; room for MAX_WAITING */
    uint32_t first;
    uint32_t count;
};

static struct session *sessions;
static bool is_relay;

static void release(struct message *m)
{
    if (m != NULL && --m->references == 0) {
        bell_mem_free(m);
    }
}

static bool push(struct session *s, struct message *m)
{
    if (s->waiting == NULL) {
        s->waiting = bell_mem_alloc(MAX_WAITING * sizeof(struct message *));
    }
    if (s->waiting == NULL || s->count == MAX_WAITING) {
        return false;
    }
    m->references++;
    s->waiting[(s->first + s->count++) % MAX_WAITING] = m;
    return lws_callback_on_writable(s->wsi) >= 0;
}

static bool take(struct session *s, const void *bytes, size_t size)
{
    size_t old = s->incoming == NULL ? 0 : s->incoming->size;
    struct message *m = bell_mem_resize(s->incoming, sizeof *m + LWS_PRE + old + size);
    if (m == NULL) {
        return false;
    }
    s->incoming = m;
    if (size > 0) {
        memcpy(m->bytes + LWS_PRE + old, bytes, size);
    }
    m->size = old + size;
    m->references = 1;
    if (!lws_is_final_fragment(s->wsi) || lws_remaining_packet_payload(s->wsi) > 0) {
        return true;
    }
    m->type = lws_frame_is_binary(s->wsi) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
    s->incoming = NULL;
    bool is_well = true;
    if (!is_relay) {
        is_well = push(s, m);
    }
    for (struct session *other = sessions; is_relay && other != NULL; other = other->next) {
        is_well = (other == s || push(other, m)) && is_well;
    }
    release(m);
    return is_well;
}

static bool write_next(struct session *s)
{
    if (s->count == 0) {
        return true;
    }
    struct message *m = s->waiting[s->first];
    s->first = (s->first + 1) % MAX_WAITING;
    if (--s->count == 0) {
        bell_mem_free(s->waiting);
        s->waiting = NULL;
    }
    int written = lws_write(s->wsi, m->bytes + LWS_PRE, m->size, m->type);
    bool is_well = written >= (int)m->size;
    release(m);
    return is_well && (s->count == 0 || lws_callback_on_writable(s->wsi) >= 0);
}

static void leave(struct session *s)
{
    *s->link = s->next;
    if (s->next != NULL) {
        s->next->link = s->link;
    }
    release(s->incoming);
    for (; s->count > 0; s->count--) {
        release(s->waiting[s->first]);
        s->first = (s->first + 1) % MAX_WAITING;
    }
    bell_mem_free(s->waiting);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    struct session *s = user;
    if (reason == LWS_CALLBACK_ESTABLISHED) {
        *s = (struct session){.wsi = wsi, .next = sessions, .link = &sessions};
        if (sessions != NULL) {
            sessions->link = &s->next;
        }
        sessions = s;
    } else if (reason == LWS_CALLBACK_RECEIVE) {
        return take(s, in, size) ? 0 : -1;
    } else if (reason == LWS_CALLBACK_SERVER_WRITEABLE) {
        return write_next(s) ? 0 : -1;
    } else if (reason == LWS_CALLBACK_CLOSED) {
        leave(s);
    }
    return 0;
}

static int usage(void)
{
    (void)fputs("usage: peer-lws --port N [--relay] [--deflate]\n", stderr);
    return USAGE_STATUS;
}

int main(int argc, char **argv)
{
    static const struct lws_protocols PROTOCOLS[] = {
        {"", on_event, sizeof(struct session), RECEIVE_BYTES, 0, NULL, 0},
        {NULL, NULL, 0, 0, 0, NULL, 0},
    };
    static const struct lws_extension EXTENSIONS[] = {
        {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"},
        {NULL, NULL, NULL},
    };
    struct lws_context_creation_info options = {
        .iface = "127.0.0.1",
        .protocols = PROTOCOLS,
        .fd_limit_per_thread = MAX_DESCRIPTORS,
    };
    /* -1 of a type that differs between versions: stay who we are. */
    memset(&options.gid, UINT8_MAX, sizeof options.gid);
    memset(&options.uid, UINT8_MAX, sizeof options.uid);
    bool has_port = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--relay") == 0) {
            is_relay = true;
        } else if (strcmp(argv[i], "--deflate") == 0) {
            options.extensions = EXTENSIONS;
        } else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
            char *end = NULL;
            errno = 0;
            options.port = (int)strtol(argv[++i], &end, 10);
            has_port =
                *end == '\0' && errno == 0 && options.port >= 0 && options.port <= UINT16_MAX;
        } else {
            return usage();
        }
    }
    if (!has_port) {
        return usage();
    }
    const struct rlimit files = {.rlim_cur = MAX_DESCRIPTORS, .rlim_max = MAX_DESCRIPTORS};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context *context = lws_create_context(&options);
    struct lws_vhost *host = context == NULL ? NULL : lws_get_vhost_by_name(context, "default");
    if (host == NULL) {
        (void)fputs("peer-lws: libwebsockets does not start\n", stderr);
        return EXIT_FAILURE;
    }
    printf("peer-lws ready port=%d\n", lws_get_vhost_listen_port(host));
    (void)fflush(stdout);
    while (lws_service(context, 0) >= 0) {
    }
    lws_context_destroy(context);
    return EXIT_SUCCESS;
}
