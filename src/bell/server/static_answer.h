/*
 * Answers with files: heads, and contents from memory (see bell/http/static_file.h for the rules).
 */
#ifndef BELL_SERVER_STATIC_ANSWER_H
#define BELL_SERVER_STATIC_ANSWER_H

#include "bell/http/response.h"
#include "bell/http/static_file.h"
#include "bell/server/http_server_internal.h"
#include "bell/status.h"

/*
 * Can answers have the fields that from asks for? BELL_EINVAL no: a field that an answer writes
 * itself (bell_http_response_write_head, bell_http_static_is_own_field), or a value with a control
 * character; BELL_ELIMIT together they are too long; BELL_ENOMEM.
 */
BELL_NODISCARD bell_status bell_static_check_fields(const struct bell_http_static *from);
/* The Cache-Control of a file below from. */
bell_slice bell_static_cache_control(const struct bell_http_static *from, bell_slice name);
/*
 * Decides about a file in memory; *content is the whole of it in the chosen encoding.
 * BELL_ENOTFOUND: there is no such file; BELL_EREFUSED: there is, but in no encoding that the
 * client takes.
 */
BELL_NODISCARD bell_status bell_static_decide_memory(const struct bell_http_request *r,
                                                     const struct bell_http_static *from,
                                                     bell_slice name,
                                                     struct bell_http_static_answer *answer,
                                                     bell_slice *content);
/* Queues the head. */
BELL_NODISCARD bell_status bell_static_answer_queue(struct bell_connection *c,
                                                    const struct bell_http_static *from,
                                                    const struct bell_http_static_answer *answer,
                                                    bell_slice date,
                                                    bell_http_connection connection);
/* Queues bytes that stay where they are, without copying them. */
BELL_NODISCARD bell_status bell_static_send_memory(struct bell_connection *c, bell_slice bytes);

#endif
