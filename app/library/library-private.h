/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/events/event-log.h"
#include "app/history/recorder.h"
#include "app/library/library.h"
#include "app/session/consoles.h"

G_BEGIN_DECLS

struct _BonsaiLibrary {
  GObject parent;

  char *folder;
  Consoles *consoles;
  Recorder *recorder;
  EventLog *events;
  GPtrArray *vms;        /* of BonsaiVm, sorted */
  GHashTable *monitors;  /* BonsaiVm → GFileMonitor of its bundle */
  GFileMonitor *monitor; /* of the folder */
  guint refresh_id;
  guint desktop_id; /* a look at the desktop's entries is due */
  bool one_only;    /* bonsai_library_keep_only */
};

/* Follows what happens in its bundle, at its present path. */
void bonsai_library_watch (BonsaiLibrary *library, BonsaiVm *vm);

/* Takes the machine off the list. */
void bonsai_library_forget (BonsaiLibrary *library, BonsaiVm *vm);
BonsaiVm *bonsai_library_find_by_path (BonsaiLibrary *library, const char *path);

/* Whether it is known of each machine what it does (others are asked over their sockets). */
bool bonsai_library_is_settled (BonsaiLibrary *library);

/* Of the library in @folder. Any thread. (transfer full) */
char *library_trash_folder (const char *folder);
char **library_list_trash (const char *folder);
/* The item that @key means: itself, or the newest machine of that name, UUID or folder. */
char *library_find_in_trash (const char *folder, const char *key, GError **error);
/* --- library-clones.c: linked clones --- */

/* Whether all linked clones of @bundle, the machine @name, lie in the trash; *@has_any: there are some. */
bool library_check_clones (BonsaiLibrary *library, const char *bundle, const char *name, bool *has_any,
                           GError **error);
/* Whether none of those of @bundle, which lies in the trash itself, does. Any thread, as what follows. */
bool library_check_clones_in_trash (const char *folder, const char *bundle, const char *name, GError **error);
/* The item of the machine on which that of @config lies. (transfer full) (nullable) */
char *library_find_origin_in_trash (const char *folder, const VmConfig *config);
/* What @config describes is gone for good; if what it lay on is in the trash, that needn't know it any more. */
void library_forget_clone_in_trash (const char *folder, const VmConfig *config);
/* Puts clones before what they lie on. */
void library_order_trash (const char *folder, char **items);

/* "…/web.bonsai" → "web" */
char *library_slug_of_folder (const char *path);

G_END_DECLS
