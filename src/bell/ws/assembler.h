/*
 * Message assembler: bytes from a peer become messages, pings, pongs and a close (RFC 6455 sections
 * 5.4, 5.5, 7 and 8.1). Holds the frame decoder. Compressed messages (RFC 7692) come out as they
 * came in: what is held of one are the bytes that arrived, not what they may grow into.
 *
 * No I/O. A message that lies whole in one piece of the input and in one frame is delivered in
 * place, without a copy; else memory follows the bytes that have arrived (256, or at most twice as
 * many), and it is given back when the message is delivered. Text is checked as its bytes arrive: a
 * bad byte fails at once, wherever frames and pieces are cut.
 *
 * The result does not depend on how the input is cut into pieces. An assembler belongs to one
 * connection, and so to one loop thread.
 */
#ifndef BELL_WS_ASSEMBLER_H
#define BELL_WS_ASSEMBLER_H

#include "base/utf8.h"
#include "bell/slice.h"
#include "bell/status.h"
#include "bell/ws/decoder.h"
#include "bell/ws/frame.h"
#include "bell/ws_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bell_ws_partial;

/* In bytes of payload. */
typedef struct {
    uint64_t max_frame_bytes;
    size_t max_message_bytes; /* what its frames hold together */
} bell_ws_limits;

/* All fields are private. */
struct bell_ws_assembler {
    struct bell_ws_decoder decoder;
    struct bell_ws_partial *message; /* (owned) what has come of a message; NULL while nothing */
    struct bell_ws_partial
        *control;          /* (owned) what has come of a control frame; NULL while nothing */
    struct bell_utf8 utf8; /* of the text message under way */
    uint8_t type;          /* bell_message_type of the message under way; 0 = none */
    bool has_ended;        /* a Close frame or an error came: the rest is ignored */
    bool is_deflated;      /* the message under way is compressed */
    uint16_t close_code;   /* after an error: how to close */
};

/*
 * What has come. All are needed, on_deflated only after bell_ws_assembler_allow_deflate. Slices are
 * borrowed until the callback returns.
 *
 * A callback returns true to go on. false stops the feed, which returns BELL_ECLOSED at once and
 * touches neither the assembler nor the input again: the callback may have finished the one and
 * freed the other. If it has not, feeding what is left in the input goes on with the next event.
 *
 * on_message   one whole message; text is valid UTF-8
 * on_ping      the answer is a Pong with the same payload (at most 125 bytes; section 5.5.3)
 * on_pong      nobody has to do anything
 * on_close     the peer's Close frame: the code is receivable (close_code.h) or 1005 when it had
 *              none; the reason is valid UTF-8 of at most 123 bytes. Nothing follows it.
 * on_deflated  the payload of one whole compressed message, to be inflated and checked
 */
typedef struct {
    bool (*on_message)(bell_message_type type, bell_slice data, void *user);
    bool (*on_ping)(bell_slice payload, void *user);
    bool (*on_pong)(bell_slice payload, void *user);
    bool (*on_close)(uint16_t code, bell_slice reason, void *user);
    bool (*on_deflated)(bell_message_type type, bell_slice payload, void *user);
} bell_ws_events;

/* Allocates nothing. */
void bell_ws_assembler_init(struct bell_ws_assembler *a, enum bell_ws_role role);
/*
 * permessage-deflate was agreed on. What is compressed may be an eighth and 1 KiB longer than the
 * limit of a message: random bytes grow by a little, and each fragment by an empty block.
 */
void bell_ws_assembler_allow_deflate(struct bell_ws_assembler *a);
/* How many bytes all frames of a message of at most max_message_bytes may have together. */
size_t bell_ws_assembler_most_bytes(size_t max_message_bytes, bool is_deflated);
/* Frees what is held of messages that never came to their end. */
void bell_ws_assembler_finish(struct bell_ws_assembler *a);

/*
 * Uses up *in and calls events. They and limits are borrowed for the call. Payloads are unmasked in
 * place: the bytes behind *in change.
 *
 * BELL_OK      all of *in was used, or ignored since the peer's Close frame or an error came before
 * BELL_ECLOSED a callback said stop; *in is what follows its event
 * BELL_EPROTO  the peer broke the protocol (1002) or sent text that is not UTF-8 (1007)
 * BELL_ELIMIT  a frame or message announces more than its limit (1009)
 * BELL_ENOMEM  (1011)
 *
 * After the last three: close with bell_ws_assembler_close_code. What is fed later is ignored
 * (section 7.1.7), and what was held of a message is freed already.
 */
BELL_NODISCARD bell_status bell_ws_assembler_feed(struct bell_ws_assembler *a, bell_ws_input *in,
                                                  const bell_ws_limits *limits,
                                                  const bell_ws_events *events, void *user);

/* The code to close with after an error of feed: 1002, 1007, 1009 or 1011; else 0. */
uint16_t bell_ws_assembler_close_code(const struct bell_ws_assembler *a);

/* Bytes of memory held for what has come of a message; 0 while idle. */
size_t bell_ws_assembler_held_bytes(const struct bell_ws_assembler *a);

#endif
