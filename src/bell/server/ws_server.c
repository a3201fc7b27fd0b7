#include "bell/ws_server.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/versioned.h"
#include "bell/net/blob.h"
#include "bell/server/guard_internal.h"
#include "bell/server/metrics_internal.h"
#include "bell/server/ws_server_internal.h"
#include "bell/tls.h"
#include "bell/ws/close_code.h"
#include "bell/ws/extension.h"
#include "bell/ws/handshake.h"

#include <assert.h>

static const bell_ws_options DEFAULTS = {
    .max_message_bytes = 1024 * 1024,
    .heartbeat_ms = 30000,
    .idle_timeout_ms = 75000,
    .close_timeout_ms = 5000,
    .upgrade_timeout_ms = 10000,
    .queue =
        {
            .max_bytes = 4 * 1024 * 1024,
            .max_messages = 65536,
            .close_code = BELL_WS_CLOSE_TRY_LATER,
            .overflow = BELL_OVERFLOW_CLOSE,
        },
    .max_retained_bytes = (size_t)64 * 1024 * 1024,
    .max_retained = 10000,
    .deflate =
        {
            .server_max_window_bits = BELL_WS_MAX_WINDOW_BITS,
            .client_max_window_bits = BELL_WS_MAX_WINDOW_BITS,
            .level = 3,
            .memory_level = 8,
            .threshold_bytes = 256,
        },
};

void bell_ws_options_init_sized(bell_ws_options *options, size_t options_bytes)
{
    bell_versioned_write(options, options_bytes, &DEFAULTS, sizeof DEFAULTS);
}

/* ---- the mark above which who does not read is not read ---- */

/* Two receives: with less, a quick peer whose answers go out once a turn would stop and go. */
enum { HIGH_MARK_MAX_BYTES = 512 * 1024 };

/* One receive and the headers of its echo: what may still come behind the mark. */
enum { ROOM_ABOVE_MARK_BYTES = BELL_STREAM_MAX_RECEIVE_BYTES + 8 * 1024 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * Half of the bytes, but no more than keeps a quick peer going: a limit may be large for the sake
 * of one large message, and many who do not read must not fill it each. And the answers to what one
 * receive brings must still fit; hence of the messages only a quarter, tiny ones come by the ten
 * thousands.
 */
static size_t usual_mark(size_t max_bytes)
{
    size_t mark = smaller(max_bytes / 2, HIGH_MARK_MAX_BYTES);
    mark =
        max_bytes > ROOM_ABOVE_MARK_BYTES ? smaller(mark, max_bytes - ROOM_ABOVE_MARK_BYTES) : mark;
    return mark == 0 ? 1 : mark;
}

bell_status bell_ws_queue_complete(bell_ws_queue_options *q)
{
    q->high_bytes = q->high_bytes == 0 ? usual_mark(q->max_bytes) : q->high_bytes;
    q->high_messages = q->high_messages == 0 ? q->max_messages / 4 : q->high_messages;
    q->low_bytes = q->low_bytes == 0 ? q->high_bytes : q->low_bytes;
    q->low_messages = q->low_messages == 0 ? q->high_messages : q->low_messages;
    q->overflow = q->overflow == BELL_OVERFLOW_DEFAULT ? BELL_OVERFLOW_CLOSE : q->overflow;
    const bell_option_rule rules[] = {
        {"max_bytes", q->max_bytes > 0},
        {"max_messages", q->max_messages > 0},
        {"high_bytes", q->high_bytes <= q->max_bytes},
        {"high_messages", q->high_messages <= q->max_messages},
        {"low_bytes", q->low_bytes <= q->high_bytes},
        {"low_messages", q->low_messages <= q->high_messages},
        {"overflow", (unsigned)q->overflow <= BELL_OVERFLOW_DROP_NEWEST},
        {"close_code", bell_ws_close_code_is_sendable(q->close_code)},
    };
    return bell_option_check("bell_ws_queue_options", rules, BELL_ARRAY_LEN(rules));
}

/* ---- life ---- */

static void subprotocols_free(struct bell_ws_server *ws)
{
    for (size_t i = 0; i < ws->subprotocol_count; i++) {
        bell_mem_free_text(ws->subprotocols[i]);
    }
    bell_mem_free(ws->subprotocols);
}

static bell_status subprotocols_copy(struct bell_ws_server *ws, const bell_ws_options *options)
{
    ws->subprotocols = bell_mem_zalloc_array(options->subprotocol_count, sizeof(bell_slice));
    if (ws->subprotocols == NULL) {
        return BELL_ENOMEM;
    }
    for (size_t i = 0; i < options->subprotocol_count; i++) {
        bell_slice name = bell_slice_from(options->subprotocols[i]);
        const bell_option_rule rule = {"subprotocols", bell_ws_handshake_is_token(name)};
        bell_status st = bell_option_check("bell_ws_options", &rule, 1);
        if (st != BELL_OK) {
            return st;
        }
        char *copy = bell_mem_copy_text(name);
        if (copy == NULL) {
            return BELL_ENOMEM;
        }
        ws->subprotocols[ws->subprotocol_count++] = bell_slice_make(copy, name.n);
    }
    return BELL_OK;
}

uint8_t bell_ws_server_subprotocol(const struct bell_ws_server *ws, bell_slice name)
{
    for (size_t i = 0; i < ws->subprotocol_count; i++) {
        if (name.n > 0 && bell_slice_equal(ws->subprotocols[i], name)) {
            return (uint8_t)(i + 1); /* BELL_WS_MAX_SUBPROTOCOLS is small */
        }
    }
    return 0;
}

static bool is_between(uint8_t value, uint8_t least, uint8_t most)
{
    return value >= least && value <= most;
}

static bell_status deflate_check(const bell_ws_deflate_options *o)
{
    const bell_option_rule rules[] = {
        {"server_max_window_bits",
         is_between(o->server_max_window_bits, BELL_WS_MIN_WINDOW_BITS, BELL_WS_MAX_WINDOW_BITS)},
        {"client_max_window_bits",
         is_between(o->client_max_window_bits, BELL_WS_MIN_WINDOW_BITS, BELL_WS_MAX_WINDOW_BITS)},
        {"level", is_between(o->level, 1, 9)},
        {"memory_level", is_between(o->memory_level, 1, 9)},
    };
    return !o->is_enabled
               ? BELL_OK
               : bell_option_check("bell_ws_deflate_options", rules, BELL_ARRAY_LEN(rules));
}

static bell_status options_check(const bell_ws_options *o)
{
    const bell_option_rule rules[] = {
        {"max_message_bytes", o->max_message_bytes > 0},
        {"close_timeout_ms", o->close_timeout_ms > 0},
        {"upgrade_timeout_ms", o->upgrade_timeout_ms > 0},
        {"subprotocol_count", o->subprotocol_count <= BELL_WS_MAX_SUBPROTOCOLS},
    };
    bell_status st = bell_option_check("bell_ws_options", rules, BELL_ARRAY_LEN(rules));
    return st == BELL_OK ? deflate_check(&o->deflate) : st;
}

bell_status bell_ws_server_create_sized(const struct bell_component *component,
                                        size_t component_bytes, const bell_ws_options *options,
                                        size_t options_bytes, struct bell_ws_server **out)
{
    struct bell_component callbacks = {0};
    bell_ws_options known = DEFAULTS;
    const bell_ws_options *o = &known;
    if (!bell_versioned_read(&callbacks, sizeof callbacks, component, component_bytes) ||
        !bell_versioned_read(&known, sizeof known, options, options_bytes)) {
        return BELL_ENOTSUP;
    }
    bell_status st = options_check(o);
    if (st == BELL_OK) {
        st = bell_ws_queue_complete(&known.queue);
    }
    if (st != BELL_OK) {
        return st;
    }
    struct bell_ws_server *ws = bell_mem_zalloc(sizeof *ws);
    if (ws == NULL) {
        return BELL_ENOMEM;
    }
    (void)pthread_mutex_init(&ws->retained_lock, NULL);
    ws->component = callbacks;
    ws->options = *o;
    ws->limits =
        (bell_ws_limits){.max_frame_bytes = o->max_frame_bytes != 0
                                                ? o->max_frame_bytes
                                                : bell_ws_assembler_most_bytes(
                                                      o->max_message_bytes, o->deflate.is_enabled),
                         .max_message_bytes = o->max_message_bytes};
    st = subprotocols_copy(ws, o);
    if (st != BELL_OK) {
        bell_ws_server_destroy(ws);
        return st;
    }
    ws->options.subprotocols = NULL; /* borrowed during create only */
    *out = ws;
    return BELL_OK;
}

void bell_ws_server_destroy(struct bell_ws_server *ws)
{
    if (ws == NULL) {
        return;
    }
    if (ws->is_client && ws->io != NULL) {
        bell_io_server_remove_client(ws->io, ws);
    }
    bell_ws_server_unbind(ws);
    for (size_t i = 0; i < ws->guard_count; i++) {
        bell_guard_destroy(ws->guards[i]);
    }
    subprotocols_free(ws);
    bell_metrics_forget_topics(ws);
    (void)pthread_mutex_destroy(&ws->retained_lock);
    bell_tls_client_destroy(ws->default_tls);
    bell_mem_free(ws);
}

bell_status bell_ws_server_add_guard(struct bell_ws_server *ws, struct bell_guard *guard)
{
    bool has_started = ws->io != NULL && ws->io->phase != BELL_IO_NEW;
    if (ws->is_client || has_started || ws->guard_count == BELL_WS_MAX_GUARDS) {
        bell_guard_destroy(guard);
        return ws->is_client || has_started ? BELL_ESTATE : BELL_ELIMIT;
    }
    ws->guards[ws->guard_count++] = guard;
    return BELL_OK;
}

bell_status bell_ws_server_bind(struct bell_ws_server *ws, struct bell_io_server *io)
{
    if (ws->io != NULL) {
        return BELL_ESTATE;
    }
    ws->loops = bell_mem_zalloc_array(io->loop_count, sizeof *ws->loops);
    if (ws->loops == NULL) {
        return BELL_ENOMEM;
    }
    for (; ws->loop_count < io->loop_count; ws->loop_count++) {
        struct bell_ws_loop *loop = &ws->loops[ws->loop_count];
        loop->ws = ws;
        bell_ws_packer_init(&loop->packer, &ws->options);
        bell_status st = bell_ws_retained_table_init(&loop->retained);
        if (st == BELL_OK) {
            st = bell_topic_table_create(&loop->topics);
        }
        if (st == BELL_OK && !ws->is_client) {
            loop->ping = bell_ws_frame_create(BELL_WS_PING, bell_slice_make(NULL, 0), false, NULL);
            st = loop->ping == NULL ? BELL_ENOMEM : BELL_OK;
        }
        if (st != BELL_OK) {
            bell_topic_table_destroy(loop->topics);
            bell_ws_retained_table_finish(&loop->retained);
            bell_ws_server_unbind(ws);
            return st;
        }
    }
    if (bell_ws_retained_table_init(&ws->retained) != BELL_OK) {
        bell_ws_server_unbind(ws);
        return BELL_ENOMEM;
    }
    ws->io = io;
    return BELL_OK;
}

void bell_ws_server_unbind(struct bell_ws_server *ws)
{
    for (uint32_t i = 0; i < ws->loop_count; i++) {
        bell_topic_table_destroy(ws->loops[i].topics);
        bell_ws_retained_table_finish(&ws->loops[i].retained);
        bell_ws_packer_finish(&ws->loops[i].packer);
        bell_blob_unref(ws->loops[i].ping);
    }
    bell_ws_retained_table_finish(&ws->retained);
    atomic_store(&ws->retained_count, 0);
    atomic_store(&ws->retained_bytes, 0);
    bell_mem_free(ws->loops);
    ws->loops = NULL;
    ws->loop_count = 0;
    ws->io = NULL;
}
