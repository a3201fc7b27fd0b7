#include "desk/gateway/peer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "desk/gateway/gateway_internal.h"
#include "desk/gateway/reply.h"

/*
 * Going beyond the rate is refused, not punished; who goes on and on in spite of the refusals is
 * counted as misusing the desk now and then.
 */
enum { RATE_REFUSALS_PER_MISUSE = 20 };

/* Why a command goes no further. */
enum verdict { MAY, RATE, BUSY };

void peer_init(struct peer *peer, const struct peer_kind *kind, struct gateway *gateway,
               struct bell_ws_server *ws, bell_conn conn, uint32_t under_way_max)
{
    peer->kind = kind;
    peer->gateway = gateway;
    peer->ws = ws;
    peer->conn = conn;
    atomic_init(&peer->references, 1);
    atomic_init(&peer->under_way, 0);
    peer->under_way_max = under_way_max;
}

void peer_ref(struct peer *peer)
{
    (void)atomic_fetch_add_explicit(&peer->references, 1, memory_order_relaxed);
}

void peer_unref(struct peer *peer)
{
    /* The last one must see everything the others did to the session before they let go. */
    if (atomic_fetch_sub_explicit(&peer->references, 1, memory_order_acq_rel) == 1) {
        peer->kind->destroy(peer);
    }
}

void peer_count_misuse(struct peer *peer)
{
    static struct bell_log_limit limit;
    if (misuse_add(&peer->misuse)) {
        gateway_count(&peer->gateway->counts.misuse_closes);
        bell_log_limited(&limit, BELL_LOG_INFO, "connection closed for misuse conn=%llx",
                         (unsigned long long)peer->conn);
        peer_close(peer, CLOSE_MISUSE, BELL_LIT("too many bad commands"));
    }
}

/* *wait_ms is set for RATE and BUSY. */
static enum verdict judge(struct peer *peer, uint64_t *wait_ms)
{
    *wait_ms = bucket_take(&peer->bucket, &peer->gateway->command_rate, bell_clock_now_ms());
    if (*wait_ms > 0) {
        gateway_count(&peer->gateway->counts.rate_refusals);
        if (++peer->rate_refusals % RATE_REFUSALS_PER_MISUSE == 0) {
            peer_count_misuse(peer);
        }
        return RATE;
    }
    if (atomic_load_explicit(&peer->under_way, memory_order_relaxed) >= peer->under_way_max) {
        *wait_ms = PEER_BUSY_RETRY_MS;
        return BUSY;
    }
    return MAY;
}

static void refuse_wait(struct peer *peer, struct reply_to to, enum desk_error error,
                        uint64_t wait_ms)
{
    struct outcome outcome = outcome_refused(error);
    outcome.retry_after_ms = (int64_t)wait_ms;
    peer->kind->refuse(peer, to, outcome);
}

bool peer_admit(struct peer *peer, struct reply_to to, bool fits_phase)
{
    uint64_t wait_ms;
    enum verdict verdict = judge(peer, &wait_ms);
    if (verdict != MAY) {
        refuse_wait(peer, to, verdict == RATE ? ERROR_RATE_LIMITED : ERROR_BUSY, wait_ms);
        return false;
    }
    if (!fits_phase) {
        peer->kind->refuse(peer, to, outcome_refused(ERROR_NOT_READY));
        peer_count_misuse(peer);
        return false;
    }
    misuse_forgive(&peer->misuse); /* a good command makes good for a bad one */
    return true;
}

static void refuse_text(struct peer *peer, const struct decode_failure *why)
{
    uint64_t wait_ms;
    if (judge(peer, &wait_ms) == RATE) {
        refuse_wait(peer, (struct reply_to){why->has_ref, why->ref, why->has_id, why->id},
                    ERROR_RATE_LIMITED, wait_ms);
        return;
    }
    peer->kind->refuse_text(peer, why);
    peer_count_misuse(peer);
}

void peer_on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                     void *user)
{
    struct gateway *gateway = user;
    struct peer *peer = bell_ws_get_user(ws, conn);
    if (peer == NULL) {
        return; /* aborted in on_open */
    }
    gateway_count(&gateway->counts.commands);
    /* An answer that cannot be sent ends the connection at once, and on_close lets go too. */
    peer_ref(peer);
    struct decode_failure why = {.error = ERROR_BAD_JSON};
    bell_status st =
        message->type == BELL_TEXT ? peer->kind->take(peer, message->data, &why) : BELL_EPROTO;
    if (st == BELL_EPROTO) {
        refuse_text(peer, &why);
    } else if (st != BELL_OK) {
        bell_ws_abort(ws, conn); /* no memory, not the client's fault: it comes again */
    }
    peer_unref(peer);
}

void peer_begin(struct peer *peer)
{
    peer_ref(peer);
    (void)atomic_fetch_add_explicit(&peer->under_way, 1, memory_order_relaxed);
}

void peer_end(struct peer *peer)
{
    (void)atomic_fetch_sub_explicit(&peer->under_way, 1, memory_order_relaxed);
    peer_unref(peer);
}

char *peer_copy_field(bell_slice value, size_t max)
{
    char *copy = bell_mem_copy_text(bell_slice_make(value.p, value.n < max ? value.n : max));
    for (char *p = copy; p != NULL && *p != '\0'; p++) {
        if (*p < ' ' || *p > '~') {
            *p = '?';
        }
    }
    return copy;
}

void peer_send(const struct peer *peer, bell_slice text)
{
    static struct bell_log_limit limit;
    bell_status st = bell_ws_send(peer->ws, peer->conn, BELL_TEXT, text);
    if (st != BELL_OK && st != BELL_ECLOSED && st != BELL_ELIMIT) {
        /* The peer would wait for this for ever; after a new connection it asks again. */
        bell_log_limited(&limit, BELL_LOG_WARN, "cannot send conn=%llx status=%s",
                         (unsigned long long)peer->conn, bell_status_name(st));
        bell_ws_abort(peer->ws, peer->conn);
    }
}

void peer_close(const struct peer *peer, uint16_t code, bell_slice reason)
{
    if (bell_ws_close(peer->ws, peer->conn, code, reason) == BELL_ENOMEM) {
        bell_ws_abort(peer->ws, peer->conn);
    }
}
