/*
 * How fast are messages stored? Without network and JSON: commands go straight to desk/work.
 *
 *   store-post [--conversations N] [--posts N] [--length N] [--bytes N] [--batch N] [--folder DIR]
 *
 * N conversations at a time; in each the visitor and an agent answer one another as soon as the
 * last message is acknowledged, and after --length messages a new visitor comes. Prints posts per
 * second, posts per commit, the time of a commit and the processor time of each thread per post.
 * The folder is removed afterwards.
 */
#include "base/clock.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/random.h"
#include "desk/bus/bus.h"
#include "desk/domain/account.h"
#include "desk/domain/conversation.h"
#include "desk/domain/site.h"
#include "desk/domain/visitor.h"
#include "desk/store/store.h"
#include "desk/work/threads.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct options {
    long conversations;
    long posts;
    long length;
    long bytes;
    long batch;
    const char *folder;
};

struct bench;

/* One conversation of the replay; at most one command of it is under way. */
struct talk {
    struct work_item item;
    struct bench *bench;
    struct visitor_self self;
    int64_t conversation;
    int64_t last;
    long posted;
    desk_id id;
    uint64_t sent_ns;
    struct bell_arena arena;
};

struct bench {
    struct options options;
    struct work *work;
    int64_t agent;
    bell_slice text;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long under_way;
    long started; /* posts */
    long acknowledged;
    uint64_t events;
    uint64_t latency_ns;
    uint64_t latency_max_ns;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "store-post: %s\n", what);
    exit(1);
}

static void submit(struct talk *talk)
{
    talk->sent_ns = bell_clock_now_ns();
    if (work_submit(talk->bench->work, WORK_WRITE, &talk->item) != BELL_OK) {
        die("the queue is full");
    }
}

static struct outcome run_hello(struct work_item *item, struct tx *tx)
{
    struct talk *talk = BELL_CONTAINER_OF(item, struct talk, item);
    bell_arena_finish(&talk->arena);
    const struct visitor_command_hello hello = {.site = BELL_LIT("demo"),
                                                .page = BELL_LIT("http://127.0.0.1:8080/demo/"),
                                                .language = BELL_LIT("en")};
    struct visitor_hello_result result;
    struct outcome o =
        visitor_hello(tx, &hello, BELL_LIT(""), BELL_LIT("Bench"), &talk->arena, &result);
    if (outcome_is_done(o)) {
        talk->self = result.self;
    }
    return o;
}

static struct outcome run_post(struct work_item *item, struct tx *tx)
{
    struct talk *talk = BELL_CONTAINER_OF(item, struct talk, item);
    struct posted posted = {0};
    struct outcome o;
    if (talk->posted % 2 == 0) {
        const struct visitor_command_post post = {.id = talk->id, .text = talk->bench->text};
        o = visitor_post(tx, &talk->self, &post, true, &posted);
    } else {
        const struct agent_command_post post = {.id = talk->id,
                                                .conversation = talk->conversation,
                                                .text = talk->bench->text,
                                                .seen = talk->last};
        o = conversation_post(tx, talk->bench->agent, &post, &posted);
    }
    talk->conversation = posted.conversation;
    talk->last = posted.number;
    return o;
}

static void next_step(struct talk *talk);

static void on_hello(struct work_item *item)
{
    struct talk *talk = BELL_CONTAINER_OF(item, struct talk, item);
    if (!outcome_is_done(item->outcome)) {
        die("hello was refused");
    }
    next_step(talk);
}

static void on_posted(struct work_item *item)
{
    struct talk *talk = BELL_CONTAINER_OF(item, struct talk, item);
    struct bench *bench = talk->bench;
    if (!outcome_is_done(item->outcome)) {
        die("a post was refused");
    }
    uint64_t took_ns = bell_clock_now_ns() - talk->sent_ns;
    bench->latency_ns += took_ns;
    bench->latency_max_ns = took_ns > bench->latency_max_ns ? took_ns : bench->latency_max_ns;
    bench->acknowledged++;
    talk->posted++;
    next_step(talk);
}

/* On the announcer, and on the main thread before it has begun. */
static void next_step(struct talk *talk)
{
    struct bench *bench = talk->bench;
    (void)pthread_mutex_lock(&bench->lock);
    bool is_over = bench->started == bench->options.posts;
    if (is_over) {
        bench->under_way--;
        (void)pthread_cond_signal(&bench->changed);
    } else if (talk->self.visitor != 0 && talk->posted < bench->options.length) {
        bench->started++;
    }
    (void)pthread_mutex_unlock(&bench->lock);
    if (is_over) {
        return;
    }
    bool is_new = talk->self.visitor == 0 || talk->posted == bench->options.length;
    talk->item = (struct work_item){.run = is_new ? run_hello : run_post,
                                    .done = is_new ? on_hello : on_posted};
    if (is_new) {
        talk->posted = 0;
    }
    bell_random_fill(talk->id.b, sizeof talk->id.b);
    submit(talk);
}

static void on_events(const struct event_list *events, void *user)
{
    struct bench *bench = user;
    bench->events += events->count;
}

/* --- setting up --- */

struct setup {
    struct work_item item;
    struct bench *bench;
    atomic_bool is_over;
};

static struct outcome run_setup(struct work_item *item, struct tx *tx)
{
    struct setup *setup = BELL_CONTAINER_OF(item, struct setup, item);
    struct outcome o = site_ensure_demo(tx);
    const struct agent_add_request request = {
        .name = BELL_LIT("Bench"), .email = BELL_LIT("bench@example.com"), .role = ROLE_OWNER};
    const struct password_hash hash = {"nobody logs in"};
    struct agent agent = {0};
    if (outcome_is_done(o)) {
        o = account_add(tx, ACCOUNT_DESK, &request, &hash, &agent);
        setup->bench->agent = agent.agent;
    }
    return o;
}

static void on_setup(struct work_item *item)
{
    struct setup *setup = BELL_CONTAINER_OF(item, struct setup, item);
    if (!outcome_is_done(item->outcome)) {
        die("setting up was refused");
    }
    atomic_store(&setup->is_over, true);
}

/* --- telling --- */

/* Processor time of each thread, from /proc/self/task (see proc(5)). */
static void print_threads(long posts)
{
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) {
        return;
    }
    double tick_us = 1e6 / (double)sysconf(_SC_CLK_TCK);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        char path[512];
        char line[512] = {0};
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/stat", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL) {
            continue;
        }
        const char *read = fgets(line, sizeof line, file);
        (void)fclose(file);
        char *name = strchr(line, '(');
        char *after = strrchr(line, ')');
        unsigned long user = 0;
        unsigned long kernel = 0;
        if (read == NULL || name == NULL || after == NULL) {
            continue;
        }
        *after = '\0';
        char *field = after + 2; /* field 3; utime and stime are 14 and 15 */
        for (int i = 3; i < 14 && field != NULL; i++) {
            field = strchr(field, ' ');
            field = field == NULL ? NULL : field + 1;
        }
        if (field != NULL) {
            user = strtoul(field, &field, 10);
            kernel = strtoul(field, NULL, 10);
        }
        if (user + kernel > 0) {
            printf("  %-16s %6.1f us/post  (user %.1f, kernel %.1f)\n", name + 1,
                   (double)(user + kernel) * tick_us / (double)posts,
                   (double)user * tick_us / (double)posts,
                   (double)kernel * tick_us / (double)posts);
        }
    }
    (void)closedir(tasks);
}

/* What went to files, the log and the database together. */
static void print_written(long posts)
{
    FILE *file = fopen("/proc/self/io", "r");
    char line[128];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "wchar: ", 7) == 0) {
            printf("written          %.0f bytes per post\n",
                   strtod(line + 7, NULL) / (double)posts);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void print_result(const struct bench *bench, double seconds)
{
    struct work_counters c;
    work_read_counters(bench->work, &c);
    double posts = (double)bench->acknowledged;
    printf("posts            %ld in %.2f s, %.0f per second\n", bench->acknowledged, seconds,
           posts / seconds);
    printf("commits          %" PRIu64 ", %.1f posts each, largest %" PRIu64 ", %.2f ms each\n",
           c.commits, (double)c.committed / (double)c.commits, c.batch_largest,
           (double)c.commit_ns / 1e6 / (double)c.commits);
    printf("acknowledged     after %.2f ms, at most %.2f ms\n",
           (double)bench->latency_ns / 1e6 / posts, (double)bench->latency_max_ns / 1e6);
    printf("events           %" PRIu64 "\n", bench->events);
    print_written(bench->acknowledged);
    print_threads(bench->acknowledged);
}

static void remove_folder(const char *folder)
{
    static const char *const names[] = {"deskbell.db", "deskbell.db-wal", "deskbell.db-shm",
                                        "deskbell.lock"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(names); i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void bench_run(struct bench *bench)
{
    struct setup setup = {.item = {.run = run_setup, .done = on_setup}, .bench = bench};
    if (work_submit(bench->work, WORK_WRITE, &setup.item) != BELL_OK) {
        die("the queue is full");
    }
    while (!atomic_load(&setup.is_over)) {
        (void)usleep(1000);
    }
    size_t n = (size_t)bench->options.conversations;
    struct talk *talks = bell_mem_zalloc_array(n, sizeof *talks);
    if (talks == NULL) {
        die("out of memory");
    }
    bench->under_way = bench->options.conversations;
    uint64_t start_ns = bell_clock_now_ns();
    for (size_t i = 0; i < n; i++) {
        talks[i].bench = bench;
        bell_arena_init(&talks[i].arena, 1 << 20);
        next_step(&talks[i]);
    }
    (void)pthread_mutex_lock(&bench->lock);
    while (bench->under_way > 0) {
        (void)pthread_cond_wait(&bench->changed, &bench->lock);
    }
    (void)pthread_mutex_unlock(&bench->lock);
    double seconds = (double)(bell_clock_now_ns() - start_ns) / 1e9;
    print_result(bench, seconds);
    for (size_t i = 0; i < n; i++) {
        bell_arena_finish(&talks[i].arena);
    }
    bell_mem_free(talks);
}

static void options_read(struct options *options, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--conversations") == 0) {
            options->conversations = strtol(value, NULL, 10);
        } else if (strcmp(argv[i], "--posts") == 0) {
            options->posts = strtol(value, NULL, 10);
        } else if (strcmp(argv[i], "--length") == 0) {
            options->length = strtol(value, NULL, 10);
        } else if (strcmp(argv[i], "--bytes") == 0) {
            options->bytes = strtol(value, NULL, 10);
        } else if (strcmp(argv[i], "--batch") == 0) {
            options->batch = strtol(value, NULL, 10);
        } else if (strcmp(argv[i], "--folder") == 0) {
            options->folder = value;
        } else {
            die("unknown option");
        }
    }
    if (argc % 2 == 0 || options->conversations < 1 || options->posts < 1 || options->length < 1 ||
        options->bytes < 1 || options->bytes > 8000 || options->batch < 0) {
        die("wrong options, see the head of store_post.c");
    }
}

int main(int argc, char **argv)
{
    static char text[8000];
    char made[] = "store-post-XXXXXX";
    struct bench bench = {
        .options = {.conversations = 500, .posts = 200000, .length = 14, .bytes = 60}};
    options_read(&bench.options, argc, argv);
    memset(text, 'x', sizeof text);
    bench.text = bell_slice_make(text, (size_t)bench.options.bytes);
    (void)pthread_mutex_init(&bench.lock, NULL);
    (void)pthread_cond_init(&bench.changed, NULL);
    const char *folder = bench.options.folder == NULL ? mkdtemp(made) : bench.options.folder;
    if (folder == NULL) {
        die("cannot make a folder here");
    }
    char why[STORE_WHY_BYTES];
    struct store *store = NULL;
    struct bus *bus = NULL;
    const struct store_options store_options = {.folder = bell_slice_from(folder),
                                                .is_server = true};
    if (store_open(&store_options, why, &store) != BELL_OK) {
        die(why);
    }
    if (bus_create(&bus) != BELL_OK || bus_subscribe(bus, on_events, &bench) != BELL_OK) {
        die("out of memory");
    }
    const struct work_options options = {
        .store = store, .bus = bus, .batch_max = (uint32_t)bench.options.batch};
    if (work_create(&options, &bench.work) != BELL_OK) {
        die("cannot start");
    }
    bench_run(&bench);
    work_destroy(bench.work);
    bus_destroy(bus);
    store_close(store);
    remove_folder(folder);
    return 0;
}
