/*
 * Loop: one thread that owns its streams and timers whole.
 *
 * A turn: wait and deliver completions; deliver mails; fire timers; send what the turn has queued,
 * one send per stream; free what was closed. Time is read once a turn, when the wait is over.
 * Nobody but the loop thread touches a loop, except bell_loop_post, bell_loop_wake and
 * bell_loop_stop.
 */
#ifndef BELL_NET_LOOP_H
#define BELL_NET_LOOP_H

#include "base/counter.h"
#include "bell/net/alarm.h"
#include "bell/net/io.h"
#include "bell/net/mailbox.h"
#include "bell/net/out_queue.h"
#include "bell/net/timer.h"
#include "bell/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bell_stream;

/* Turns are counted by how long they take; the last class has no limit. */
enum { BELL_LOOP_TURN_CLASSES = 11 };
extern const uint32_t bell_loop_turn_limits_us[BELL_LOOP_TURN_CLASSES - 1];

/* What the loop has done; written by its thread, read by any. On cache lines of its own. */
struct bell_loop_counters {
    char before[64];             /* what is here nobody touches */
    bell_counter received_bytes; /* from sockets */
    bell_counter sent_bytes;     /* taken by sockets */
    bell_counter busy_ns;        /* between waits */
    bell_counter turns[BELL_LOOP_TURN_CLASSES];
    char behind[64];
};
struct bell_tls_loop;
struct bell_tls_wait;

/* What the owner of a loop is told; on the loop thread. */
typedef struct {
    void (*on_accept)(struct bell_io_handle *listener, int fd, const bell_address *peer,
                      void *user);
    void (*on_accept_failed)(struct bell_io_handle *listener, void *user);
    /* A timer of this loop's wheel is due. */
    void (*on_time)(struct bell_timer *timer, uint64_t now_ms, void *user);
    /* An alarm of this loop rings. */
    void (*on_alarm)(const struct bell_alarm *alarm, void *user);
    /* Once per turn in which the loop was woken, before mails are delivered. */
    void (*on_wake)(void *user);
    /* What was put off must be done or queued: what the turn has queued is sent next. May be called
     * more than once in a turn. */
    void (*on_settle)(void *user);
    /* First thing the thread does, and the end of its turns. */
    void (*on_start)(void *user);
    void (*on_stop)(void *user);
    /* What was to be sent is sent. Mails that are posted until this returns are discarded on this
     * thread, later ones on that of whoever posts them. */
    void (*on_rest)(void *user);
    /* Last thing the thread does. */
    void (*on_end)(void *user);
} bell_loop_events;

struct bell_loop {
    struct bell_io *io; /* (owned) */
    struct bell_timer_wheel timers;
    struct bell_alarm_table alarms;
    struct bell_mailbox mailbox;
    struct bell_out_pool pool;       /* of its streams' queues */
    uint64_t now_ms;                 /* monotonic, of this turn */
    int64_t now_s;                   /* wall clock, of this turn: seconds since 1970 */
    struct bell_stream *dirty;       /* (borrowed) streams with something new to send */
    struct bell_stream *closed;      /* (borrowed) streams to be freed at the end of the turn */
    struct bell_tls_loop *tls;       /* (owned) NULL until there is a TLS session */
    struct bell_tls_wait *handshake; /* (borrowed) last of a ring of those that wait for a turn */
    uint32_t handshake_steps;        /* taken in this turn */
    bool has_mail;                   /* that was put off for the next turn, which begins at once */
    bool is_behind; /* set by the owner: it has put off work, and the next turn begins at once */
    bell_loop_events events;
    void *user;
    pthread_t thread;
    uint32_t index; /* of this loop in its server */
    atomic_bool must_stop;
    bool is_running;     /* the thread was started and not yet joined */
    bell_status failure; /* why it could not go on, BELL_OK = it could; before on_stop */
    uint64_t awake_ns;   /* when the last wait ended */
    uint32_t spin_us;    /* how long to look before sleeping at most, 0 = never; set before start */
    bool spins;          /* the last wait was shorter than that */
    struct bell_loop_counters counters;
};

/* back_end: of bell_io_choose. BELL_ENOMEM, BELL_EIO, BELL_ENOTSUP. The loop must not move in
 * memory. */
BELL_NODISCARD bell_status bell_loop_init(struct bell_loop *loop, uint32_t index,
                                          bell_io_back_end back_end, const bell_loop_events *events,
                                          void *user);
/* The thread must have ended and all streams be closed. Discards mails. */
void bell_loop_finish(struct bell_loop *loop);
/* BELL_ENOMEM */
BELL_NODISCARD bell_status bell_loop_start(struct bell_loop *loop);
/* Asks the thread to end after its turn. Any thread and signal handlers. */
void bell_loop_stop(struct bell_loop *loop);
/* Waits for the end of the thread. Not on the loop's thread. */
void bell_loop_join(struct bell_loop *loop);
/* Gives a mail to the loop. Any thread. */
void bell_loop_post(struct bell_loop *loop, struct bell_mail *mail);
/* Any thread and signal handlers. */
void bell_loop_wake(struct bell_loop *loop);
/* The loop of the calling thread, NULL when it is none. */
struct bell_loop *bell_loop_current(void);
/* Frees the memory of streams closed since. For the end of a loop's life; turns do it themselves.
 */
void bell_loop_reap(struct bell_loop *loop);

#endif
