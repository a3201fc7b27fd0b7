/*
 * Answers with files: from memory at once; from the disk chunk by chunk, each read by the file
 * thread once the socket has taken most of the one before.
 */
#include "bell/server/http_session_internal.h"

#include "base/mem.h"
#include "bell/net/blob.h"
#include "bell/server/connection.h"
#include "bell/server/file_thread.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/static_answer.h"

/* The first chunk or all of it is under way: the head goes first. */
static void file_opened(struct bell_connection *c, struct bell_file_job *job)
{
    struct bell_http_session *s = c->u.http;
    struct bell_http_static_answer answer;
    bell_http_head head = bell_http_parser_head(&s->parser, s->in.p);
    bell_http_static_decide(&head, &job->file, c->stream.loop->now_s, &answer);
    bell_status st = bell_static_answer_queue(c, job->from, &answer, bell_http_session_date(c),
                                              bell_http_session_persistence(c));
    job->offset = answer.first_byte;
    job->left_bytes = s->is_head_request ? 0 : answer.length;
    s->file = job;
    if (st != BELL_OK) {
        bell_connection_close(c);
        return;
    }
    bell_http_file_on_sent(c);
}

/* Asks for the next chunk once the socket has taken most of the last one. */
void bell_http_file_on_sent(struct bell_connection *c)
{
    struct bell_http_session *s = c->u.http;
    struct bell_file_job *job = s->file;
    if (job->left_bytes == 0) {
        bell_file_job_destroy(job);
        s->file = NULL;
        bell_http_session_go_on(c);
        return;
    }
    bell_http_session_timer_update(c);
    if (c->stream.out.bytes < BELL_FILE_CHUNK_BYTES) {
        s->file = NULL;
        bell_file_thread_read(bell_server_loop_of(c)->server->http->files, job);
    }
}

/* What is answered when the file was not opened; 0: something else went wrong. */
static uint16_t refusal_of(bell_status st)
{
    switch ((int)st) {
    case BELL_ENOTFOUND:
        return 404;
    case BELL_EREFUSED: /* RFC 9110 section 12.5.3 */
        return 406;
    case BELL_ELIMIT:
        return 503;
    default:
        return 0;
    }
}

void bell_http_file_on_job(struct bell_connection *c, struct bell_file_job *job)
{
    bell_http_session_touch(c);
    uint16_t status = refusal_of(job->status);
    if (status != 0) {
        bell_file_job_destroy(job);
        if (bell_http_session_plain(c, status, NULL, 0) != BELL_OK) {
            bell_connection_close(c);
            return;
        }
        bell_http_session_go_on(c);
        return;
    }
    if (job->status != BELL_OK) {
        /* The head has promised a length that cannot be kept: the peer must see a broken answer. */
        bell_file_job_destroy(job);
        bell_connection_close(c);
        return;
    }
    if (job->chunk == NULL) {
        file_opened(c, job);
        return;
    }
    struct bell_blob *chunk = job->chunk;
    job->chunk = NULL;
    c->u.http->file = job;
    bell_status st = bell_stream_send_blob(&c->stream, chunk);
    bell_blob_unref(chunk);
    if (st != BELL_OK) {
        bell_connection_close(c);
        return;
    }
    bell_http_file_on_sent(c);
}

static bell_status serve_memory(const struct bell_http_request *r,
                                const struct bell_http_static *from, bell_slice name)
{
    struct bell_connection *c = r->c;
    struct bell_http_static_answer answer;
    bell_slice content;
    bell_status st = bell_static_decide_memory(r, from, name, &answer, &content);
    if (st != BELL_OK) {
        return bell_http_session_plain(c, refusal_of(st), NULL, 0);
    }
    st = bell_static_answer_queue(c, from, &answer, bell_http_session_date(c),
                                  bell_http_session_persistence(c));
    if (st == BELL_OK && !c->u.http->is_head_request && answer.length > 0) {
        st = bell_static_send_memory(
            c, bell_slice_make(content.p + answer.first_byte, (size_t)answer.length));
    }
    return st;
}

static bell_status serve_disk(struct bell_http_request *r, const struct bell_http_static *from,
                              bell_slice name)
{
    struct bell_connection *c = r->c;
    struct bell_file_job *job = bell_mem_zalloc(sizeof *job);
    if (job == NULL) {
        return BELL_ENOMEM;
    }
    job->home = bell_server_loop_of(c);
    job->conn = bell_connection_handle(c);
    job->number = c->request_number;
    job->from = from;
    job->fd = -1;
    job->encoding_count = bell_http_accept_encodings(&r->head, job->encodings);
    memcpy(job->name, name.p, name.n + 1); /* with its zero byte */
    job->file.type = bell_http_content_type_of(name);
    job->file.cache_control = bell_static_cache_control(from, name);
    bell_status st = bell_file_thread_open(r->server->files, job);
    if (st != BELL_OK) {
        bell_file_job_destroy(job);
        return bell_http_session_plain(c, refusal_of(st), NULL, 0);
    }
    r->state = BELL_HTTP_DEFERRED;
    return BELL_OK;
}

bell_status bell_http_file_serve(struct bell_http_request *r, const struct bell_http_static *from)
{
    char room[BELL_HTTP_MAX_FILE_NAME_BYTES];
    bell_slice name;
    bell_slice below = bell_http_match_param(&r->match, BELL_LIT("*"));
    if (bell_http_static_name(below, from->index, room, &name) != BELL_OK) {
        return bell_http_session_plain(r->c, 404, NULL, 0);
    }
    return from->directory_fd < 0 ? serve_memory(r, from, name) : serve_disk(r, from, name);
}
