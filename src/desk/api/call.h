/*
 * Call: one HTTP request on its way through work and back.
 *
 * The request itself is gone when its handler returns, so a call copies what it needs. A call goes
 * through one or more steps; each runs on a lane of work and, when it is done, goes on to `then`
 * with the call's next step or its answer. A step that is refused ends the call with that refusal.
 */
#ifndef DESK_API_CALL_H
#define DESK_API_CALL_H

#include "base/arena.h"
#include "base/buf.h"
#include "bell/http_server.h"
#include "desk/api/api.h"
#include "desk/domain/account.h"
#include "desk/domain/login.h"
#include "desk/proto/decode.h"
#include "desk/proto/types.h"
#include "desk/work/threads.h"

#include <stdbool.h>

struct api {
    struct api_options with;
    const struct bell_io_server *io; /* (borrowed) NULL until it is made */
    struct login_limits *limits;     /* (owned) */
    bool has_secure_cookie;          /* people come over https, says the public URL */
    uint64_t started_at_ms;
};

struct api_call;
typedef struct outcome (*api_run_fn)(struct api_call *call, struct tx *tx);
typedef void (*api_then_fn)(struct api_call *call);

struct api_call {
    struct work_item work;
    struct api *api;             /* (borrowed) */
    bell_http_exchange exchange; /* to be answered once */
    api_run_fn run;
    api_then_fn then;
    struct bell_arena arena;   /* texts of the request */
    struct bell_arena results; /* texts of what run gave */
    bool has_secure_cookie;    /* this client comes over https */
    bool has_secret;
    desk_secret secret;       /* of the cookie */
    bell_slice address;       /* of the peer, in the arena */
    bell_slice browser;       /* User-Agent, in the arena */
    struct session_self self; /* who asks; after api_run_find */
    int64_t target;           /* the number in the path */
    union {
        struct setup_request setup;
        struct login_request login;
        struct agent_add_request agent_add;
        struct agent_password_request password;
    } request;
    bell_slice password; /* those of the request, to be wiped at the end */
    bell_slice old_password;
    struct login_proof proof;
    struct password_hash hash;
    desk_secret new_secret; /* of a session just made */
    struct agent agent;
    struct agent *agents;
    struct session *sessions;
    size_t count; /* of agents or sessions */
    bool flag;
};

/* What a request must be like. */
enum api_kind {
    API_READS,       /* nothing special */
    API_CHANGES,     /* from the desk's own pages */
    API_CHANGES_BODY /* likewise, with a JSON body */
};

/*
 * Checks the request and defers its answer. NULL: it was answered (or will be with 500, for want of
 * memory); the handler just returns.
 */
struct api_call *api_call_begin(struct api *api, struct bell_http_request *request,
                                enum api_kind kind);
/* The number behind ":name"; false: it is none, and the call was answered with 404 and is gone. */
bool api_call_take_number(struct api_call *call, const struct bell_http_request *request,
                          const char *name);
/*
 * For use around a decoder of the body: false means that it failed, and the call was answered and
 * is gone.
 */
bool api_call_decoded(struct api_call *call, bell_status st, const struct decode_failure *why);

/* Goes on with a step; answered with busy when work has no room. Any thread, the call's alone. */
void api_call_step(struct api_call *call, enum work_lane lane, api_run_fn run, api_then_fn then);

/* A last step that nobody waits for, after api_call_send. Ends the call. */
void api_call_step_unanswered(struct api_call *call, enum work_lane lane, api_run_fn run);

/* Answers. Each ends the call, but for the first: 200 with this body, and the call stays. */
void api_call_send(struct api_call *call, bell_status encoded, struct bell_buf *body,
                   bell_slice set_cookie);
void api_call_answer(struct api_call *call, bell_status encoded, struct bell_buf *body);
void api_call_answer_with_cookie(struct api_call *call, bell_status encoded, struct bell_buf *body,
                                 bell_slice set_cookie);
void api_call_answer_ok(struct api_call *call);
void api_call_refuse(struct api_call *call, struct outcome outcome);
/* Wipes and frees it. */
void api_call_end(struct api_call *call);

/* An empty body to encode into. */
void api_body_init(struct bell_buf *body);

/*
 * To begin a run with: who asks? On the writer the use is noted in passing. ERROR_NOT_LOGGED_IN.
 */
struct outcome api_run_find(struct api_call *call, struct tx *tx);
/* The same; ERROR_FORBIDDEN when it is no owner. */
struct outcome api_run_find_owner(struct api_call *call, struct tx *tx);

/* The routes of the other files. As bell_http_server_route. */
BELL_NODISCARD bell_status api_mount_login(struct api *api);
BELL_NODISCARD bell_status api_mount_agents(struct api *api);
BELL_NODISCARD bell_status api_mount_sessions(struct api *api);
BELL_NODISCARD bell_status api_mount_status(struct api *api);

#endif
