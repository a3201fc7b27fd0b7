#include "bell/server/static_answer.h"

#include "bell/net/blob.h"
#include "bell/server/connection.h"
#include "bell/server/server_loop.h"

#include <assert.h>

enum {
    HEAD_MAX_BYTES = 16 * 1024,
    OWN_BYTES = 2 * 1024, /* of it, for what tells of the file: type, ETag, range, … */
    MAX_FIELDS = BELL_HTTP_MAX_STATIC_FIELDS + BELL_HTTP_MAX_FILE_FIELDS
};

bell_status bell_static_check_fields(const struct bell_http_static *from)
{
    bell_http_field fields[1 + BELL_HTTP_MAX_FILE_FIELDS] = {
        {BELL_LIT("Cache-Control"), from->cache_control}};
    assert(from->field_count <= BELL_HTTP_MAX_FILE_FIELDS);
    for (size_t i = 0; i < from->field_count; i++) {
        if (bell_http_static_is_own_field(from->fields[i].name)) {
            return BELL_EINVAL;
        }
        fields[1 + i] = from->fields[i];
    }
    const bell_http_response_head head = {.content_type = BELL_LIT("text/plain"),
                                          .fields = fields,
                                          .field_count = 1 + from->field_count,
                                          .status = 200};
    struct bell_buf text;
    bell_buf_init(&text, HEAD_MAX_BYTES - OWN_BYTES);
    bell_status st = bell_http_response_write_head(&text, &head);
    bell_buf_finish(&text);
    return st;
}

bell_slice bell_static_cache_control(const struct bell_http_static *from, bell_slice name)
{
    bell_slice prefix = from->immutable_prefix;
    if (prefix.n > 0 && name.n >= prefix.n &&
        bell_slice_equal(bell_slice_make(name.p, prefix.n), prefix)) {
        return BELL_LIT("public, max-age=31536000, immutable");
    }
    return from->cache_control;
}

static const bell_http_file *file_find(const struct bell_http_static *from, bell_slice name)
{
    for (size_t i = 0; i < from->file_count; i++) {
        if (bell_slice_equal(from->files[i].path, name)) {
            return &from->files[i];
        }
    }
    return NULL;
}

static bell_slice content_of(const bell_http_file *file, bell_http_encoding encoding)
{
    switch (encoding) {
    case BELL_HTTP_IDENTITY:
        break;
    case BELL_HTTP_GZIP:
        return file->gzip;
    case BELL_HTTP_BROTLI:
        return file->brotli;
    }
    return file->plain;
}

bell_status bell_static_decide_memory(const struct bell_http_request *r,
                                      const struct bell_http_static *from, bell_slice name,
                                      struct bell_http_static_answer *answer, bell_slice *content)
{
    const bell_http_file *file = file_find(from, name);
    if (file == NULL) {
        return BELL_ENOTFOUND;
    }
    bell_http_encoding wanted[BELL_HTTP_ENCODING_COUNT];
    size_t count = bell_http_accept_encodings(&r->head, wanted);
    size_t at = 0;
    while (at < count && wanted[at] != BELL_HTTP_IDENTITY && content_of(file, wanted[at]).n == 0) {
        at++;
    }
    if (at == count) {
        return BELL_EREFUSED;
    }
    bell_http_encoding encoding = wanted[at];
    *content = content_of(file, encoding);
    const bell_http_static_file facts = {
        .size_bytes = content->n,
        .mtime_s = -1,
        .encoding = encoding,
        .type = {.type = file->content_type,
                 .is_compressible = file->brotli.n > 0 || file->gzip.n > 0},
        .cache_control = bell_static_cache_control(from, name),
        .tag = file->etag,
    };
    bell_http_static_decide(&r->head, &facts, r->c->stream.loop->now_s, answer);
    return BELL_OK;
}

bell_status bell_static_answer_queue(struct bell_connection *c, const struct bell_http_static *from,
                                     const struct bell_http_static_answer *answer, bell_slice date,
                                     bell_http_connection connection)
{
    bell_http_field fields[MAX_FIELDS];
    size_t count = 0;
    for (size_t i = 0; i < answer->field_count; i++) {
        fields[count++] = answer->fields[i];
    }
    assert(from->field_count <= MAX_FIELDS - BELL_HTTP_MAX_STATIC_FIELDS);
    for (size_t i = 0; i < from->field_count; i++) {
        fields[count++] = from->fields[i];
    }
    const bell_http_response_head head = {
        .date = date,
        .content_type = answer->content_type,
        .fields = fields,
        .field_count = count,
        .content_length = answer->length,
        .status = answer->status,
        .connection = connection,
    };
    struct bell_buf text;
    bell_buf_init(&text, HEAD_MAX_BYTES);
    bell_status st = bell_http_response_write_head(&text, &head);
    if (st == BELL_OK) {
        st = bell_stream_send(&c->stream, bell_buf_slice(&text), bell_slice_make(NULL, 0));
    }
    bell_buf_finish(&text);
    return st;
}

bell_status bell_static_send_memory(struct bell_connection *c, bell_slice bytes)
{
    struct bell_blob *blob = bell_blob_create_static(bytes);
    if (blob == NULL) {
        return BELL_ENOMEM;
    }
    bell_status st = bell_stream_send_blob(&c->stream, blob);
    bell_blob_unref(blob);
    return st;
}
