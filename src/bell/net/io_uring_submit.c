/*
 * io_uring: the table of handles, and what is noted in the ring for the kernel.
 */
#include "bell/net/io_uring_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* ---- slots ---- */

static bell_status slots_grow(struct bell_io *io)
{
    if (io->slot_count + CHUNK_SLOTS >= NO_SLOT) {
        return BELL_ENOMEM;
    }
    struct bell_uring_slot **chunks =
        bell_mem_resize(io->chunks, (io->chunk_count + 1) * sizeof *chunks);
    if (chunks == NULL) {
        return BELL_ENOMEM;
    }
    io->chunks = chunks;
    chunks[io->chunk_count] = bell_mem_zalloc_array(CHUNK_SLOTS, sizeof **chunks);
    if (chunks[io->chunk_count] == NULL) {
        return BELL_ENOMEM;
    }
    io->chunk_count++;
    return BELL_OK;
}

bell_status bell_uring_slot_take(struct bell_io *io, struct bell_io_handle *h)
{
    uint32_t slot = io->free_slot;
    if (slot != NO_SLOT) {
        io->free_slot = bell_uring_slot_at(io, slot)->next;
    } else {
        if (io->slot_count == io->chunk_count * CHUNK_SLOTS && slots_grow(io) != BELL_OK) {
            return BELL_ENOMEM;
        }
        slot = io->slot_count++;
    }
    struct bell_uring_slot *s = bell_uring_slot_at(io, slot);
    uint32_t generation = s->generation + 1U;
    *s = (struct bell_uring_slot){.u.handle = h, .generation = generation & GENERATION_MASK};
    h->slot = slot & NO_SLOT;
    return BELL_OK;
}

static void to_free(struct bell_io *io, uint32_t slot)
{
    bell_uring_slot_at(io, slot)->next = io->free_slot & NO_SLOT;
    io->free_slot = slot;
}

void bell_uring_slot_give(struct bell_io *io, struct bell_io_handle *h)
{
    struct bell_uring_slot *s = bell_uring_slot_at(io, h->slot);
    bell_uring_held_drop(s);
    s->u.handle = NULL;
    if (!s->is_listed) {
        to_free(io, h->slot);
    }
}

struct bell_uring_slot *bell_uring_unlist(struct bell_io *io, uint32_t *list)
{
    while (*list != NO_SLOT) {
        uint32_t slot = *list;
        struct bell_uring_slot *s = bell_uring_slot_at(io, slot);
        *list = s->next;
        s->is_listed = false;
        if (bell_uring_handle_of(s) != NULL) {
            return s;
        }
        to_free(io, slot);
    }
    return NULL;
}

void bell_uring_list(struct bell_io *io, struct bell_uring_slot *s)
{
    if (!s->is_listed) {
        uint32_t slot = bell_uring_handle_of(s)->slot;
        s->is_listed = true;
        s->next = NO_SLOT;
        if (io->listed == NO_SLOT) {
            io->listed = slot;
        } else {
            bell_uring_slot_at(io, io->listed_last)->next = slot & NO_SLOT;
        }
        io->listed_last = slot;
        io->listed_starved += s->is_starved;
        io->must_not_wait = true;
    }
}

/* ---- submitting ---- */

bell_status bell_uring_submit(struct bell_io *io)
{
    int n = 0;
    do {
        n = io_uring_submit_and_get_events(&io->ring);
    } while (!bell_uring_is_submitted(io) && (n >= 0 || bell_uring_may_go_on(-n)));
    bell_uring_note_submitted(io); /* else nothing goes on any more */
    return bell_uring_is_submitted(io) ? BELL_OK : BELL_EIO;
}

struct io_uring_sqe *bell_uring_next_sqe(struct bell_io *io)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);
    if (sqe == NULL && io->is_enabled && bell_uring_submit(io) == BELL_OK) {
        sqe = io_uring_get_sqe(&io->ring);
    }
    return sqe;
}

/* The room for an address is for one at a time: most loops have one listener. */
static void accept_note(struct bell_io *io, struct io_uring_sqe *sqe,
                        const struct bell_uring_slot *s)
{
    uint64_t user_data = bell_uring_user_data(OP_ACCEPT, s);
    int fd = bell_uring_handle_of(s)->fd;
    if (io->from_of == 0) {
        io->from_of = user_data;
        io->from_bytes = sizeof io->from;
        io_uring_prep_multishot_accept(sqe, fd, (struct sockaddr *)(void *)&io->from,
                                       &io->from_bytes, SOCK_CLOEXEC);
    } else {
        io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    }
    io_uring_sqe_set_data64(sqe, user_data);
}

bell_status bell_uring_arm(struct bell_io *io, struct bell_uring_slot *s)
{
    struct io_uring_sqe *sqe = bell_uring_next_sqe(io);
    if (sqe == NULL) {
        return BELL_ENOMEM;
    }
    if (bell_uring_handle_of(s)->kind == BELL_IO_LISTENER) {
        accept_note(io, sqe, s);
    } else {
        if (s->is_starved) {
            io_uring_prep_recv(sqe, bell_uring_handle_of(s)->fd, NULL, io->share_bytes, 0);
        } else {
            io_uring_prep_recv_multishot(sqe, bell_uring_handle_of(s)->fd, NULL, 0, 0);
        }
        sqe->flags |= IOSQE_BUFFER_SELECT;
        s->is_large = s->wants_large;
        s->short_receives = 0;
        sqe->buf_group = s->is_large ? GROUP_LARGE : GROUP_COMMON;
        io_uring_sqe_set_data64(sqe, bell_uring_user_data(bell_uring_shot_of(s), s));
    }
    s->is_armed = true;
    io->has_noted_arm = true;
    return BELL_OK;
}

bell_status bell_uring_cancel(struct bell_io *io, enum bell_uring_operation op,
                              const struct bell_uring_slot *s)
{
    struct io_uring_sqe *sqe = bell_uring_next_sqe(io);
    if (sqe == NULL) {
        return BELL_ENOMEM;
    }
    io_uring_prep_cancel64(sqe, bell_uring_user_data(op, s), 0);
    io_uring_sqe_set_data64(sqe, (uint64_t)OP_NONE << OPERATION_SHIFT);
    return BELL_OK;
}

static void poll_note(struct io_uring_sqe *sqe, int fd, unsigned events, enum bell_uring_poll how)
{
    if (how == POLL_ON) {
        io_uring_prep_poll_multishot(sqe, fd, events);
    } else {
        io_uring_prep_poll_add(sqe, fd, events);
    }
}

bell_status bell_uring_poll_arm(struct bell_io *io, struct bell_uring_slot *s,
                                enum bell_uring_poll how)
{
    if (!s->is_send_watched) {
        struct io_uring_sqe *sqe = bell_uring_next_sqe(io);
        if (sqe == NULL) {
            return BELL_ENOMEM;
        }
        poll_note(sqe, bell_uring_handle_of(s)->fd, POLLOUT, how);
        io_uring_sqe_set_data64(sqe, bell_uring_user_data(OP_POLL, s));
        s->is_send_watched = how == POLL_ON;
    }
    s->send = SEND_POLLING;
    bell_uring_handle_of(s)->is_send_waiting = true;
    return BELL_OK;
}

void bell_uring_watch(struct bell_io *io, struct bell_uring_slot *s, enum bell_uring_poll how)
{
    struct io_uring_sqe *sqe = s->is_watched ? NULL : bell_uring_next_sqe(io);
    if (sqe != NULL) {
        /* Errors and hang-ups are told whatever is asked for. */
        poll_note(sqe, bell_uring_handle_of(s)->fd,
                  bell_uring_handle_of(s)->kind == BELL_IO_LISTENER ? POLLIN : 0U, how);
        io_uring_sqe_set_data64(sqe, bell_uring_user_data(OP_WATCH, s));
        s->is_watched = true;
    }
}

void bell_uring_wake_arm(struct bell_io *io)
{
    struct io_uring_sqe *sqe = io->is_wake_armed ? NULL : bell_uring_next_sqe(io);
    if (sqe != NULL) {
        io_uring_prep_read(sqe, io->wake_fd, &io->wake_count, sizeof io->wake_count, 0);
        io_uring_sqe_set_data64(sqe, (uint64_t)OP_WAKE << OPERATION_SHIFT);
        io->is_wake_armed = true;
    }
}
