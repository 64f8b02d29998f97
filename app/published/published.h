/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/jobs/jobs.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Templates that the administrator of this computer offers to all its users: folders as machines have, each
 * complete by itself, which everybody can read and only root can change. What is made of one is a copy.
 *
 * Threading: any thread; blocking.
 */
typedef struct {
  char *name;
  char *notes;      /* (nullable) */
  char *path;       /* its folder */
  char *publisher;  /* who published it */
  unsigned version; /* of the template that it was */
  gint64 time;      /* when it was published: seconds since 1970 */
} PublishedTemplate;

PublishedTemplate *published_template_copy (const PublishedTemplate *published);
void published_template_free (PublishedTemplate *published);

/* $BONSAI_TEMPLATES if set, else /var/lib/bonsai/templates. (transfer full) */
char *published_folder (void);

/* By name. Those that others than root, or this user, could have changed aren't offered. (transfer full): of
 * PublishedTemplate */
GPtrArray *published_list (void);

/* BONSAI_ERROR_NOT_FOUND: there is none. (transfer full) */
PublishedTemplate *published_find (const char *name, GError **error);

/* Makes a machine called @name in the folder @parent. @job: (nullable). Returns: (transfer full): its bundle,
 * or NULL with @error set; BONSAI_ERROR_BUSY: another version was published meanwhile. */
char *published_clone (const PublishedTemplate *published, const char *parent, const char *name,
                       const ImageJob *job, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PublishedTemplate, published_template_free)

G_END_DECLS
