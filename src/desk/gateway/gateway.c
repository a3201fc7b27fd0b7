/*
 * The gateway put together: two WebSocket servers with their guards, presence, rates, the clock.
 */
#include "desk/gateway/gateway.h"

#include "base/clock.h"
#include "base/mem.h"
#include "bell/metrics.h"
#include "bell/guard.h"
#include "bell/http_server.h"
#include "bell/ws_server.h"
#include "desk/gateway/agent_session.h"
#include "desk/gateway/clock_thread.h"
#include "desk/gateway/gateway_internal.h"
#include "desk/gateway/visitor_session.h"
#include "desk/gateway/watch.h"
#include "desk/proto/decode.h"

enum {
    /* Whoever says hello is remembered for good: by far more people look than write. */
    NEW_VISITORS_PER_CONVERSATION = 500,
    RATE_KEYS = 65536, /* visitors, and addresses, that are remembered at a time: 1 MiB each */
    CONNECTION_RETRY_S = 10, /* of a refusal for too many connections */
    MS_PER_S = 1000,
    LOOK_EVERY_MS = 2000,      /* so long an agent removed on the command line may stay connected */
    EXPIRE_EVERY_MS = 3600000, /* log-ins that ended by themselves are swept up */
};

/* ---- presence becomes events ---- */

static void on_agent_changed(int64_t agent, bool online, bool connected, void *user)
{
    const struct gateway *gateway = user;
    fanout_tell_presence(gateway->fanout, agent, online, connected);
}

static void on_online_changed(bool online, void *user)
{
    const struct gateway *gateway = user;
    fanout_tell_online(gateway->fanout, online);
}

/* ---- the clock ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t on_tick(uint64_t now_ms, void *user)
{
    struct gateway *gateway = user;
    struct gateway_schedule *schedule = &gateway->schedule;
    if (now_ms >= schedule->look_at_ms) {
        watch_look(gateway);
        schedule->look_at_ms = now_ms + LOOK_EVERY_MS;
    }
    if (now_ms >= schedule->expire_at_ms) {
        watch_expire_sessions(gateway);
        schedule->expire_at_ms = now_ms + EXPIRE_EVERY_MS;
    }
    uint64_t next_ms = presence_tick(gateway->presence, now_ms);
    return earlier(next_ms, earlier(schedule->look_at_ms, schedule->expire_at_ms));
}

void gateway_wake_clock(struct gateway *gateway)
{
    if (gateway->clock_thread != NULL) {
        clock_thread_wake(gateway->clock_thread);
    }
}

/* ---- servers and guards ---- */

static bell_status add_connections_guard(struct bell_ws_server *ws, uint32_t max)
{
    struct bell_guard *guard;
    bell_status st = bell_guard_connections_create(max, CONNECTION_RETRY_S, &guard);
    return st != BELL_OK ? st : bell_ws_server_add_guard(ws, guard);
}

/* Only pages of the desk itself may use an agent's cookie. */
static bell_status add_origin_guard(struct bell_ws_server *ws, const char *public_origin)
{
    const char *const origins[] = {"same", public_origin};
    bool has_public = public_origin != NULL && public_origin[0] != '\0';
    struct bell_guard *guard;
    bell_status st = bell_guard_origin_create(origins, has_public ? 2 : 1, &guard);
    return st != BELL_OK ? st : bell_ws_server_add_guard(ws, guard);
}

static bell_status create_servers(struct gateway *gateway, const struct gateway_options *options)
{
    static const char *const VISITOR_PROTOCOLS[] = {VISITOR_SUBPROTOCOL};
    static const char *const AGENT_PROTOCOLS[] = {AGENT_SUBPROTOCOL};
    bell_ws_options ws;
    bell_ws_options_init(&ws);
    ws.max_message_bytes = COMMAND_MAX_BYTES;
    ws.max_frame_bytes = COMMAND_MAX_BYTES;
    ws.queue.max_bytes = options->send_queue_bytes;
    ws.subprotocols = VISITOR_PROTOCOLS;
    ws.subprotocol_count = 1;
    struct bell_component component = visitor_component(gateway);
    bell_status st = bell_ws_server_create(&component, &ws, &gateway->visitors);
    if (st == BELL_OK) {
        ws.subprotocols = AGENT_PROTOCOLS;
        component = agent_component(gateway);
        st = bell_ws_server_create(&component, &ws, &gateway->agents);
    }
    if (st == BELL_OK) {
        st = add_origin_guard(gateway->agents, options->public_origin);
    }
    if (st == BELL_OK) {
        st = add_connections_guard(gateway->visitors, options->connections_per_address);
    }
    if (st == BELL_OK) {
        st = add_connections_guard(gateway->agents, options->connections_per_address);
    }
    return st;
}

static bell_status create_rates(struct gateway *gateway, const struct gateway_options *options)
{
    gateway->command_rate = bucket_rate_of(options->command_rate, options->command_burst);
    bell_status st = rate_table_create(options->message_rate, MS_PER_S, options->message_burst,
                                       RATE_KEYS, &gateway->messages);
    if (st == BELL_OK) {
        st = rate_table_create(options->conversations_per_address, options->conversations_window_ms,
                               options->conversations_per_address, RATE_KEYS,
                               &gateway->conversations);
    }
    uint64_t new_visitors = options->conversations_per_address * NEW_VISITORS_PER_CONVERSATION;
    return st != BELL_OK ? st
                         : rate_table_create(new_visitors, options->conversations_window_ms,
                                             new_visitors, RATE_KEYS, &gateway->new_visitors);
}

static bell_status create_people(struct gateway *gateway, const struct gateway_options *options)
{
    const struct presence_listener listener = {on_agent_changed, on_online_changed, gateway};
    bell_status st = presence_create(options->presence_grace_ms, &listener, &gateway->presence);
    return st != BELL_OK ? st : roster_create(&gateway->roster);
}

bell_status gateway_create(const struct gateway_options *options, struct gateway **out)
{
    struct gateway *gateway = bell_mem_zalloc(sizeof *gateway);
    if (gateway == NULL) {
        return BELL_ENOMEM;
    }
    gateway->work = options->work;
    gateway->bus = options->bus;
    gateway->session_lifetime_us = options->session_lifetime_us;
    bell_status st = create_rates(gateway, options);
    if (st == BELL_OK) {
        st = create_people(gateway, options);
    }
    if (st == BELL_OK) {
        st = create_servers(gateway, options);
    }
    if (st == BELL_OK) {
        const struct fanout_options fanout = {gateway->bus, gateway->visitors, gateway->agents,
                                              gateway->presence, gateway->roster};
        st = fanout_create(&fanout, &gateway->fanout);
    }
    if (st != BELL_OK) {
        gateway_destroy(gateway);
        return st;
    }
    *out = gateway;
    return BELL_OK;
}

void gateway_destroy(struct gateway *gateway)
{
    if (gateway == NULL) {
        return;
    }
    clock_thread_destroy(gateway->clock_thread);
    fanout_destroy(gateway->fanout);
    bell_ws_server_destroy(gateway->visitors);
    bell_ws_server_destroy(gateway->agents);
    roster_destroy(gateway->roster);
    presence_destroy(gateway->presence);
    rate_table_destroy(gateway->messages);
    rate_table_destroy(gateway->conversations);
    rate_table_destroy(gateway->new_visitors);
    bell_mem_free(gateway);
}

bell_status gateway_mount(struct gateway *gateway, struct bell_http_server *http)
{
    bell_status st = bell_http_server_websocket(http, VISITOR_PATH, gateway->visitors);
    if (st == BELL_OK) {
        st = bell_http_server_websocket(http, AGENT_PATH, gateway->agents);
    }
    if (st == BELL_OK) {
        st = bell_metrics_name_topic(gateway->visitors, TOPIC_VISITORS);
    }
    return st != BELL_OK ? st : bell_metrics_name_topic(gateway->agents, TOPIC_DESK);
}

bell_status gateway_start(struct gateway *gateway)
{
    return clock_thread_start(on_tick, gateway, &gateway->clock_thread);
}

void gateway_stop(struct gateway *gateway)
{
    if (gateway->clock_thread != NULL) {
        clock_thread_stop(gateway->clock_thread);
    }
}

/* ---- questions ---- */

bool gateway_agent_is_connected(const struct gateway *gateway, int64_t agent)
{
    return presence_is_connected(gateway->presence, agent);
}

static uint64_t load(const atomic_uint_fast64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

void gateway_read_counters(const struct gateway *gateway, struct gateway_counters *out)
{
    *out = (struct gateway_counters){
        .visitor_connections = bell_ws_connection_count(gateway->visitors),
        .agent_connections = bell_ws_connection_count(gateway->agents),
        .commands = load(&gateway->counts.commands),
        .refusals = load(&gateway->counts.refusals),
        .rate_refusals = load(&gateway->counts.rate_refusals),
        .misuse_closes = load(&gateway->counts.misuse_closes),
        .desk_events = fanout_desk_count(gateway->fanout),
        .visitor_events = fanout_visitor_count(gateway->fanout),
        .online = presence_is_online(gateway->presence),
    };
}
