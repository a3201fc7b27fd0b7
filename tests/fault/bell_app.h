/*
 * The application under the fault tests of libbell: a server with everything in it, and peers who
 * use all of it and look closely at what they get. What fails must not end the program but shows in
 * the result.
 */
#ifndef TEST_FAULT_BELL_APP_H
#define TEST_FAULT_BELL_APP_H

#include "peer.h"
#include "service.h"

#include <stdbool.h>

enum { APP_FILE_BYTES = 300 * 1024 };

/* Makes and removes the folder with the file that is served; for cmocka. */
int app_folder_make(void **state);
int app_folder_remove(void **state);

/* Two loops. What was made before a failure is in *s: service_finish is due in any case. */
bell_status app_compose(struct service *s);
/* One request of each kind. Were all answered as they should be? */
bool app_ask_all(const struct service *s);
/* A WebSocket's life, and calls from this thread, which is none of the loops. Was all well? */
bool app_talk(const struct service *s);

/* Waits until no WebSocket is left, and all have heard open and close. */
void app_wait_closed(const struct service *s);
/* Each WebSocket that was opened has heard its close. */
void app_expect_all_closed(void);

/* What the component has heard last; after app_wait_closed. */
bell_status app_last_error(void); /* BELL_OK = nothing since app_forget_error */
void app_forget_error(void);
bell_close_event app_last_close(void); /* without its reason */

/* A WebSocket that has no topic. */
void app_websocket_open(const struct service *s, struct peer *p);
/* One more request on a connection that has been there for long. */
void app_is_served(struct peer *p);

#endif
