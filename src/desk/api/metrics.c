#include "desk/api/metrics.h"

#include "base/compiler.h"

#include <inttypes.h>

static const char COUNTER[] = "counter";
static const char GAUGE[] = "gauge";

struct metric {
    const char *name;
    const char *type;
    const char *help;
    double value;
};

bell_status metrics_print(const struct metrics *metrics, struct bell_buf *out)
{
    const struct work_counters *work = &metrics->work;
    const struct gateway_counters *gateway = &metrics->gateway;
    const struct metric lines[] = {
        {"deskbell_uptime_seconds", GAUGE, "Since the start.", (double)metrics->uptime_ms / 1e3},
        {"deskbell_online", GAUGE, "1 while somebody is there to answer.",
         gateway->online ? 1.0 : 0.0},
        {"deskbell_visitor_connections", GAUGE, "WebSockets of visitors, open now.",
         (double)gateway->visitor_connections},
        {"deskbell_agent_connections", GAUGE, "WebSockets of agents, open now.",
         (double)gateway->agent_connections},
        {"deskbell_commands_total", COUNTER, "Commands taken from WebSockets.",
         (double)gateway->commands},
        {"deskbell_refusals_total", COUNTER, "Commands refused.", (double)gateway->refusals},
        {"deskbell_rate_refusals_total", COUNTER, "Commands refused for their rate.",
         (double)gateway->rate_refusals},
        {"deskbell_misuse_closes_total", COUNTER, "Connections closed for misuse.",
         (double)gateway->misuse_closes},
        {"deskbell_desk_events_total", COUNTER, "Events told to consoles.",
         (double)gateway->desk_events},
        {"deskbell_visitor_events_total", COUNTER, "Events told to visitors.",
         (double)gateway->visitor_events},
        {"deskbell_writes_total", COUNTER, "Commands answered by the writer.",
         (double)work->writes},
        {"deskbell_reads_total", COUNTER, "Commands answered by readers.", (double)work->reads},
        {"deskbell_password_hashes_total", COUNTER, "Slow steps of log-ins and passwords.",
         (double)work->slow},
        {"deskbell_queue_refusals_total", COUNTER, "Commands refused because a queue was full.",
         (double)work->refused},
        {"deskbell_store_failures_total", COUNTER, "Commands that failed because the store did.",
         (double)work->failed},
        {"deskbell_commits_total", COUNTER, "Transactions on disk; one fsync each.",
         (double)work->commits},
        {"deskbell_committed_writes_total", COUNTER, "Commands in those transactions.",
         (double)work->committed},
        {"deskbell_commit_seconds_total", COUNTER, "Time spent in commits.",
         (double)work->commit_ns / 1e9},
        {"deskbell_batch_largest", GAUGE, "Commands of the largest transaction so far.",
         (double)work->batch_largest},
        {"deskbell_queue_length", GAUGE, "Commands waiting or under way.", (double)work->waiting},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(lines); i++) {
        bell_status st = bell_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n",
                                         lines[i].name, lines[i].help, lines[i].name, lines[i].type,
                                         lines[i].name, lines[i].value);
        if (st != BELL_OK) {
            return st;
        }
    }
    return BELL_OK;
}
