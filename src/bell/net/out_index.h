/*
 * Where in a long out queue the frame with a key is: a table from key to node.
 *
 * A queue has one only while it is long enough for a walk to be dear. Belongs to its queue.
 */
#ifndef BELL_NET_OUT_INDEX_H
#define BELL_NET_OUT_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct bell_out_index;
struct bell_out_node;

/* NULL without memory. */
struct bell_out_index *bell_out_index_create(void);
/* Takes NULL. */
void bell_out_index_destroy(struct bell_out_index *x);
/* key is not 0; one that is there points to the new node from now on. false without memory: the
 * index is not complete any more and must go. */
bool bell_out_index_set(struct bell_out_index *x, uint64_t key, struct bell_out_node *node);
/* The node is going; nothing when the key stands for another one or is not there. */
void bell_out_index_remove(struct bell_out_index *x, uint64_t key,
                           const struct bell_out_node *node);
/* NULL when there is none. */
struct bell_out_node *bell_out_index_find(const struct bell_out_index *x, uint64_t key);

#endif
