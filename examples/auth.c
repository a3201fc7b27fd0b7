/*
 * Who may come in is decided before the handshake is answered, and not on the loop: a thread looks
 * the token up, as a database or another service would, and decides from there. The name it found
 * belongs to the connection from on_open on.
 *
 *     auth [ADDR:PORT]       then ws://…/?token=blue or ?token=green, or a cookie "token"
 */
#include <bell/bell.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_BYTES = 64, MAX_WAITING = 1000, TEXT_BYTES = 1024 };

/* One upgrade that waits for its decision. */
struct question {
    struct question *next;
    struct bell_ws_server *ws;
    bell_http_exchange exchange;
    char token[TOKEN_BYTES + 1];
};

/* The thread that knows the people, and its queue, which has a bound. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    struct question *first;
    struct question **last;
    size_t waiting;
} desk = {.lock = PTHREAD_MUTEX_INITIALIZER, .not_empty = PTHREAD_COND_INITIALIZER};

static const char *find_person(const char *token)
{
    static const char *const PEOPLE[][2] = {{"blue", "Ann"}, {"green", "Ben"}};
    for (size_t i = 0; i < sizeof PEOPLE / sizeof PEOPLE[0]; i++) {
        if (strcmp(token, PEOPLE[i][0]) == 0) { /* real secrets: compare in constant time */
            return PEOPLE[i][1];
        }
    }
    return NULL;
}

static void decide(const struct question *q)
{
    const char *person = find_person(q->token);
    char *name = person == NULL ? NULL : strdup(person);
    if (name != NULL) {
        /* free runs when nobody is there any more to get the name. */
        const bell_ws_acceptance terms = {.user = name, .discard = free};
        if (bell_ws_accept_later(q->ws, q->exchange, &terms) != BELL_OK) {
            free(name);
        }
        return;
    }
    const bell_http_response refusal = {.status = 401,
                                        .content_type = BELL_LIT("text/plain"),
                                        .body = BELL_LIT("nobody has this token\n")};
    if (bell_ws_reject_later(q->ws, q->exchange, &refusal) != BELL_OK) {
        (void)fprintf(stderr, "auth: somebody waits in vain until the time is over\n");
    }
}

static void *answer_questions(void *arg)
{
    for (;;) {
        (void)pthread_mutex_lock(&desk.lock);
        while (desk.first == NULL) {
            (void)pthread_cond_wait(&desk.not_empty, &desk.lock);
        }
        struct question *q = desk.first;
        desk.first = q->next;
        desk.waiting--;
        (void)pthread_mutex_unlock(&desk.lock);
        decide(q);
        free(q);
    }
    return NULL;
}

/* false: too many wait already. */
static bool ask(struct question *q)
{
    (void)pthread_mutex_lock(&desk.lock);
    bool has_room = desk.waiting < MAX_WAITING;
    if (has_room) {
        struct question **end = desk.first == NULL ? &desk.first : desk.last;
        *end = q;
        desk.last = &q->next;
        desk.waiting++;
        (void)pthread_cond_signal(&desk.not_empty);
    }
    (void)pthread_mutex_unlock(&desk.lock);
    return has_room;
}

static void refuse(struct bell_http_request *request, uint16_t status)
{
    const bell_http_response refusal = {.status = status};
    if (bell_http_respond(request, &refusal) != BELL_OK) {
        return; /* 500 then */
    }
}

static void on_upgrade(struct bell_ws_server *ws, struct bell_http_request *request, void *user)
{
    char room[TOKEN_BYTES];
    bell_slice token;
    if (bell_http_request_query_value(request, "token", room, sizeof room, &token) != BELL_OK) {
        token = bell_http_request_cookie(request, "token");
    }
    struct question *q = calloc(1, sizeof *q);
    if (q == NULL || token.n == 0 || token.n > TOKEN_BYTES) {
        refuse(request, q == NULL ? 503 : 401);
        free(q);
        return;
    }
    memcpy(q->token, token.p, token.n);
    q->ws = ws;
    q->exchange = bell_http_request_defer(request);
    if (!ask(q)) {
        const bell_http_response busy = {.status = 503};
        if (bell_ws_reject_later(ws, q->exchange, &busy) != BELL_OK) {
            (void)fprintf(stderr, "auth: somebody waits in vain until the time is over\n");
        }
        free(q);
    }
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *message,
                       void *user)
{
    char text[TEXT_BYTES];
    const char *name = bell_ws_get_user(ws, conn);
    if (message->data.n > TEXT_BYTES / 2) {
        (void)!bell_ws_close(ws, conn, 1009, BELL_LIT("shorter, please"));
        return;
    }
    int n = snprintf(text, sizeof text, "%s: %.*s", name, BELL_FMT(message->data));
    if (bell_ws_broadcast(ws, BELL_TEXT, bell_slice_make(text, (size_t)n), 0) != BELL_OK) {
        bell_ws_abort(ws, conn);
    }
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *event,
                     void *user)
{
    free(bell_ws_get_user(ws, conn));
}

int main(int argc, char **argv)
{
    const struct bell_component room = {
        .on_upgrade = on_upgrade, .on_message = on_message, .on_close = on_close};
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:8080";
    pthread_t thread;
    if (argc > 2 || address[0] == '-') {
        (void)fprintf(stderr, "usage: auth [ADDR:PORT]\n");
        return 2;
    }
    if (pthread_create(&thread, NULL, answer_questions, NULL) != 0) {
        (void)fprintf(stderr, "auth: no thread\n");
        return 1;
    }
    (void)pthread_detach(thread);
    return bell_serve(address, &room) == BELL_OK ? 0 : 1;
}
