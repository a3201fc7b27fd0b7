/*
 * Tasks and timers by the I/O server itself.
 */
#include "base/mem.h"
#include "bell/io_server.h"
#include "bell/net/mailbox.h"
#include "bell/server/app_timer.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/server_loop.h"

struct task_mail {
    struct bell_mail mail; /* first */
    struct bell_io_server *io;
    bell_io_task_fn task;
    void *user;
};

/* Delivered or discarded: a task runs in any case. */
static void run(struct bell_mail *mail)
{
    struct task_mail *m = (struct task_mail *)(void *)mail;
    m->task(m->io, m->user);
    bell_server_loop_task_end(&m->io->loops[0]);
    bell_mem_free(m);
}

bell_status bell_io_server_run_task(struct bell_io_server *io, bell_io_task_fn task, void *user)
{
    struct bell_server_loop *home = &io->loops[0];
    if (!bell_server_loop_task_begin(home)) {
        return BELL_EAGAIN;
    }
    struct task_mail *m = bell_mem_alloc(sizeof *m);
    if (m == NULL) {
        bell_server_loop_task_end(home);
        return BELL_ENOMEM;
    }
    *m = (struct task_mail){
        .mail = {.deliver = run, .discard = run}, .io = io, .task = task, .user = user};
    bell_loop_post(&home->loop, &m->mail);
    return BELL_OK;
}

bell_status bell_io_server_start_timer(struct bell_io_server *io, uint32_t delay_ms,
                                       uint32_t period_ms, bell_io_timer_fn ring, void *user,
                                       bell_io_timer *timer)
{
    return bell_app_timer_start(bell_io_server_loop_here(io), io, (void (*)(void))ring, delay_ms,
                                period_ms, user, timer);
}

bell_status bell_io_server_cancel_timer(struct bell_io_server *io, bell_io_timer timer)
{
    return bell_app_timer_cancel(bell_io_server_loop_here(io), io, timer);
}
