/* What the scenarios of the load client share. */
#ifndef WS_LOAD_H
#define WS_LOAD_H

#include "client.h"
#include "stats.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { LOAD_TURN_MS = 100 };

struct load_options {
    struct client_options client;
    uint32_t at_once; /* connections that are opened side by side */
    double warm_up_s;
    double seconds; /* measured */
    pid_t pid;      /* of the server, whose processor time and memory is measured; 0 = unknown */
};

/* The clock and what has been used, at a moment or between two. */
struct load_span {
    uint64_t clock_ns;
    uint64_t server_cpu_ns;
    uint64_t client_cpu_ns;
};

struct load {
    const struct load_options *options;
    struct client client;
    struct load_span begin; /* a moment */
    struct load_span took;  /* since then */
    uint32_t next;          /* connection to be opened */
    bool is_measuring;
    bool is_over; /* nothing new is begun */
    uint64_t messages;
    struct stats_spans spans; /* from sending a message to its last answer */
};

/* Each runs one scenario and prints one line of JSON. */
void load_echo(struct load *l);      /* every connection sends, and sends again when answered */
void load_broadcast(struct load *l); /* the first sends to all others */
void load_open(struct load *l);      /* opens all, rests, and has each answer once */
void load_churn(struct load *l);     /* opens, closes, opens… */

void load_begin(struct load *l); /* sets begin */
void load_end(struct load *l);   /* sets took */
/* Opens all connections, at_once side by side. scenario.on_open must call load_open_next. */
void load_open_all(struct load *l);
void load_open_next(struct load *l);
/* Runs through warm-up and measured time, then until is_idle says that all is answered. */
void load_run(struct load *l, bool (*is_idle)(const struct load *));
/* Prints the line of JSON. counted: the name of what messages are; own: further pairs, "" or "…, ".
 */
void load_print(const struct load *l, const char *scenario, const char *counted, const char *own);

#endif
