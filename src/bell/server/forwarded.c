#include "bell/server/forwarded.h"

#include "bell/http/text.h"

#include <string.h>

/* Digits only, as many as a port may have. */
static bool is_port(bell_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
    }
    return text.n > 0 && text.n <= 5;
}

/* "192.0.2.1", "2001:db8::1"; some proxies add a port: "192.0.2.1:4711", "[2001:db8::1]:4711". */
static bool address_read(bell_slice text, bell_address *out)
{
    const char *colon = text.n == 0 ? NULL : memchr(text.p, ':', text.n);
    size_t before = colon == NULL ? text.n : (size_t)(colon - text.p);
    if (text.n > 0 && text.p[0] == '[') {
        const char *end = memchr(text.p, ']', text.n);
        size_t n = end == NULL ? 0 : (size_t)(end - text.p);
        bell_slice behind = {text.p + n + 1, text.n - n - 1};
        return end != NULL && colon != NULL && colon < end &&
               (behind.n == 0 ||
                (behind.p[0] == ':' && is_port((bell_slice){behind.p + 1, behind.n - 1}))) &&
               bell_address_parse((bell_slice){text.p + 1, n - 1}, out) == BELL_OK;
    }
    bool has_port = colon != NULL && memchr(text.p, '.', before) != NULL;
    if (has_port && !is_port((bell_slice){colon + 1, text.n - before - 1})) {
        return false;
    }
    return bell_address_parse((bell_slice){text.p, has_port ? before : text.n}, out) == BELL_OK;
}

/*
 * The walk from the end, done from the beginning, so that nothing need be remembered: reached is
 * where a walk that began at the entry just read would end. An entry that is a listed proxy goes on
 * to where the one before it ended; others end it themselves.
 */
struct walk {
    const bell_network *proxies;
    size_t count;
    bell_address reached;
    bool has_reached; /* the entry just read is an address */
};

static void walk_entry(struct walk *w, bell_slice text)
{
    bell_address address;
    if (!address_read(text, &address)) {
        w->has_reached = false;
    } else if (!w->has_reached || !bell_networks_have(w->proxies, w->count, &address)) {
        w->reached = address;
        w->has_reached = true;
    }
}

/*
 * The elements of a list; empty ones do not count (RFC 9110 section 5.6.1.2). Quotes mean nothing
 * here, unlike in bell_http_list_next: one that a client sends must not swallow what proxies
 * append.
 */
static bool next_element(bell_slice *list, bell_slice *out)
{
    while (list->n > 0) {
        const char *comma = memchr(list->p, ',', list->n);
        size_t n = comma == NULL ? list->n : (size_t)(comma - list->p);
        size_t used = comma == NULL ? n : n + 1;
        *out = bell_http_trim((bell_slice){list->p, n});
        *list = (bell_slice){list->p + used, list->n - used};
        if (out->n > 0) {
            return true;
        }
    }
    return false;
}

static void address_of(const bell_http_head *head, const bell_network *proxies, size_t count,
                       bell_client *client)
{
    struct walk w = {.proxies = proxies, .count = count};
    bell_slice list;
    bell_slice element;
    uint32_t index = 0;
    while (bell_http_head_next(head, BELL_LIT("X-Forwarded-For"), &index, &list)) {
        while (next_element(&list, &element)) {
            walk_entry(&w, element);
        }
    }
    if (w.has_reached) {
        client->address = w.reached;
    }
}

static void scheme_of(const bell_http_head *head, bell_client *client)
{
    bell_slice list;
    bell_slice element;
    uint32_t index = 0;
    while (bell_http_head_next(head, BELL_LIT("X-Forwarded-Proto"), &index, &list)) {
        while (next_element(&list, &element)) {
            client->is_secure = bell_http_equal_nocase(element, BELL_LIT("https"));
        }
    }
}

void bell_forwarded_read(const bell_http_head *head, const bell_network *proxies, size_t count,
                         bell_client *client)
{
    if (count > 0 && bell_networks_have(proxies, count, &client->address)) {
        scheme_of(head, client);
        address_of(head, proxies, count, client);
    }
}
