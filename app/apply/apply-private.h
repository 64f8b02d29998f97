/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/apply/apply-merge.h"

G_BEGIN_DECLS

/* A machine of a file that is being laid over its description. */
typedef struct {
  const ApplyFile *file;
  ApplyWish *wish;
  bool is_new;
  GError **error;
} Merge;

/* Sets the error, with the place of @pointer in the file. Returns: always false. */
bool apply_fail (const Merge *merge, const char *pointer, const char *message);

/* Member @name of the object at @to becomes @value, of @from in the file (RFC 7396). */
void apply_merge_member (const Merge *merge, JsonObject *into, const char *name, JsonNode *value,
                         const char *to, const char *from);

/* apply-devices.c: "disks" or "networks" of @machine. */
bool apply_merge_list (Merge *merge, JsonObject *machine, const char *name, JsonNode *value,
                       const char *from);

G_END_DECLS
