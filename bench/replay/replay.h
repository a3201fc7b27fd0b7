/*
 * Replay of dialogues by real visitors and agents over WebSockets, with every arrival checked.
 *
 * Each *slot* plays one dialogue after the other: it connects as a new visitor and says the
 * visitor's turns; the agent's turns are said by one of the agents' consoles, which stay connected
 * throughout. The next turn goes when the one before is acknowledged and has reached the other
 * side. Whoever loses the connection connects again, catches up as a real client does, and repeats
 * what was not acknowledged under the same id.
 *
 * What is checked on every arrival, at the visitor and at *every* console: a conversation's numbers
 * follow each other without gaps, desk events likewise, turns come in order, once and with exactly
 * their text, and every place tells the same number for the same message.
 *
 * A message's id tells its place, so that nothing has to be searched:
 *
 *     8 random bytes of this run | u32 number of the play | u32 number of the turn (big-endian)
 *
 * One thread.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "base/compiler.h"
#include "client.h"
#include "dialogues.h"
#include "samples.h"
#include "scan.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAX_AGENTS = 64,
    ID_DIGITS = 32,
    SECRET_DIGITS = 64,
    COOKIE_BYTES = 256,
    NONCE_BYTES = 8,
    LINE_MAX_BYTES = 128 * 1024, /* of a command: more than the longest text needs */
};

struct replay_options {
    const char *address;
    uint16_t port;
    const char *site;
    uint32_t play_count;  /* dialogues to play; the file's are repeated when they are fewer */
    uint32_t slot_count;  /* dialogues at a time */
    double rate;          /* turns per second over all; 0 = as fast as it goes */
    double seconds;       /* start no turn after this time; 0 = until all is played */
    uint64_t receipt_ms;  /* receipts are sent at most this often per conversation and side */
    uint64_t patience_ms; /* give up when nothing has arrived for so long */
    const volatile sig_atomic_t *stop; /* becomes 1 when the time is up; NULL = never */
};

/* A dialogue that was or is being played. */
struct play {
    const struct dialogue *dialogue; /* (borrowed) */
    int64_t conversation;            /* 0 = not known yet */
    uint32_t *numbers;               /* (owned) of each turn; 0 = not known yet */
    uint8_t *is_acked;               /* (owned) of each turn */
    uint32_t *console_shown;         /* (owned) turns that each console has shown */
    uint32_t visitor_shown;          /* turns that the visitor has shown */
    int64_t visitor_last;            /* highest number the visitor has without gaps */
    uint32_t agent;                  /* index of the console that answers */
    uint32_t slot;                   /* where it is played */
};

/* A conversation as the consoles see it. */
struct room {
    uint32_t play; /* number of the play + 1; 0 = not known yet */
    int64_t *last; /* (owned) highest number that each console has without gaps */
};

struct replay;

enum slot_step {
    SLOT_FREE,    /* no play is left for it */
    SLOT_WAITING, /* the next turn may go as soon as the rate allows */
    SLOT_SAID,    /* a turn is under way */
    SLOT_LEAVING, /* the play is over, the connection is being closed */
};

/* Where one dialogue at a time is played, and the connection of its visitor. */
struct slot {
    struct conn conn;
    struct replay *replay; /* (borrowed) */
    enum slot_step step;
    uint32_t play; /* number of the current one */
    uint32_t turn; /* the next or current one */
    bool is_acked; /* of the turn under way */
    bool is_shown; /* at the other side */
    uint64_t said_at_ns;
    uint64_t retry_at_ms; /* 0, or when to say the turn again (it was refused for the moment) */
    int64_t seen;         /* what a refusal as stale named; else 0 */

    /* The visitor. */
    bool has_welcome;              /* on this connection */
    char visitor[ID_DIGITS + 1];   /* empty until the first welcome */
    char token[SECRET_DIGITS + 1]; /* likewise */
    int64_t own_pending;           /* number of an own message above a gap; 0 = none */
    bool is_asking;                /* for the messages after visitor_last */
    int64_t read_sent;
    uint64_t read_due_ms; /* 0 = nothing to send */
    uint64_t connect_at_ms;
    uint32_t failures; /* to connect, in a row */

    /* The agent's side of the conversation. */
    int64_t agent_read;
    uint64_t agent_read_due_ms; /* 0 = nothing to send */

    struct slot *next_ready; /* in the list of those that may speak */
    bool is_ready;           /* stands in that list */
};

struct console {
    struct conn conn;
    struct replay *replay; /* (borrowed) */
    uint32_t index;
    char cookie[COOKIE_BYTES];
    bool has_welcome;          /* on this connection */
    bool was_welcome;          /* on some connection: event counts */
    int64_t event;             /* the last desk event without gaps */
    int64_t high;              /* the highest heard of */
    bool is_asking;            /* for the events after event */
    uint64_t delivered_due_ms; /* 0 = nothing to send */
    uint64_t connect_at_ms;
    uint32_t failures;
};

struct replay_counts {
    uint64_t said;      /* turns sent, repeats not counted */
    uint64_t acked;     /* turns acknowledged */
    uint64_t shown;     /* turns that reached the other side */
    uint64_t consoles;  /* arrivals of turns at consoles: each reaches all of them */
    uint64_t repeated;  /* turns sent again */
    uint64_t refused;   /* for the moment: too fast or too busy */
    uint64_t lost;      /* connections that ended without being asked to */
    uint64_t catch_ups; /* pages asked for because of a gap */
    uint64_t errors;    /* broken promises */
    uint64_t played;    /* dialogues */
};

struct replay {
    struct replay_options options;
    struct client client;
    const struct dialogues *dialogues; /* (borrowed) */
    uint8_t nonce[NONCE_BYTES];
    struct play *plays;       /* (owned) */
    uint32_t next_play;       /* the next one to begin */
    struct slot *slots;       /* (owned) */
    struct console *consoles; /* (owned) */
    uint32_t console_count;
    struct room *rooms; /* (owned) index: number of the conversation */
    size_t room_count;
    struct slot *ready_first;
    struct slot *ready_last;
    bool is_stopping;     /* the time is up: no further turn */
    uint64_t now_ms;      /* of this turn of the loop */
    uint64_t next_say_ns; /* with a rate: not before */
    uint64_t begun_ns;
    uint64_t last_ack_ns;
    uint64_t last_arrival_ms;
    struct replay_counts counts;
    struct samples to_ack;
    struct samples to_other;
    struct bell_buf line; /* where commands are written */
};

/* A message as any event shows it. */
struct shown {
    int64_t number;
    bell_slice id;   /* empty when it has none */
    bell_slice text; /* escaped */
};

/* A refusal as any event tells it. */
struct refusal {
    bell_slice id; /* empty when it is not about a message */
    bell_slice error;
    int64_t number;
    int64_t retry_after_ms;
};

/* replay.c */

BELL_NODISCARD bell_status replay_init(struct replay *r, const struct replay_options *options,
                                       const struct dialogues *dialogues,
                                       const char *const *cookies, uint32_t cookie_count);
void replay_finish(struct replay *r);
/* Plays everything. false: something was wrong, or it did not come to its end. */
bool replay_run(struct replay *r);
/* Writes what was measured, a "name value" per line. */
void replay_print(struct replay *r);
/* One line of JSON per play, for the comparison with the store. */
bool replay_write_transcript(const struct replay *r, const char *path);
/* A broken promise: counted, and the first ones are printed. */
void replay_complain(struct replay *r, const char *fmt, ...) BELL_PRINTF(2, 3);
/* When to try to connect again. */
uint64_t replay_backoff_ms(const struct replay *r, uint32_t failures);

/* Sends a command on a connection. */
void replay_send(struct replay *r, struct conn *c, const char *fmt, ...) BELL_PRINTF(3, 4);
/* Memory that must be there: without it a measurement means nothing, so it exits. */
void *replay_zalloc(size_t count, size_t size_bytes);

/* play.c: what both sides of a dialogue share */

/* Begins the next play in a slot, or leaves it free. */
void play_begin(struct slot *s);
/* The slot's turn may go. */
void play_make_ready(struct slot *s);
/* Lets go as many turns as the rate allows. */
void play_speak(struct replay *r, uint64_t now_ns);
/* Says the turn under way again. */
void play_repeat(struct slot *s);
/* The play and turn of an id of this run; false when it is none. */
bool play_find(const struct replay *r, bell_slice id, uint32_t *play, uint32_t *turn);
/* The turn with this id was acknowledged under this number. */
void play_on_stored(struct replay *r, bell_slice id, int64_t number);
void play_on_refused(struct replay *r, const struct refusal *why);
/* A message with an id has come to a console, in the order of its conversation. */
void play_on_console_shows(struct console *a, const struct shown *m, int64_t conversation);
/* The same at the visitor; text.p is NULL for an own message of which only the number came. */
void play_on_visitor_shows(struct slot *s, const struct shown *m);
/* Reads a message object. */
struct shown play_scan_message(struct scan *scan);

/* visitor.c */
extern const struct conn_events VISITOR_EVENTS;
void visitor_connect(struct slot *s);
void visitor_say(struct slot *s, const char *id, bell_slice text_json);
/* Receipts and connecting again, when it is time. */
void visitor_tick(struct slot *s);

/* console.c */
extern const struct conn_events CONSOLE_EVENTS;
void console_connect(struct console *a);
void console_say(struct console *a, const struct slot *s, const char *id, bell_slice text_json);
/* Tells that the agent has read a slot's conversation as far as it goes. */
void console_send_read(struct console *a, const struct slot *s);
void console_tick(struct console *a);

#endif
