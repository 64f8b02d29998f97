/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Where its owner keeps a machine: "group" and "tags" in vm.json. A group is a path of names, "Work/Web"; a
 * machine is in one at most. Tags are words or short texts; it has any number of them, in order, none twice.
 * Case does not tell tags apart.
 *
 * Threading: none; plain values.
 */
#define VM_GROUP_SEPARATOR '/'
#define VM_GROUP_MAX_DEPTH 8
#define VM_GROUP_MAX_NAME  80 /* bytes */
#define VM_TAGS_MAX        32
#define VM_TAG_MAX         80 /* bytes */

/* As people write it: without blanks around names, and without empty names. *@group: NULL: none. (transfer
 * full) */
bool vm_group_parse (const char *text, char **group, GError **error);
/* Whether it is as vm_group_parse has it. *@why: (transfer full): what is wrong. */
bool vm_group_is_valid (const char *group, char **why);
/* Whether @group (nullable) is @ancestor or lies in it. */
bool vm_group_is_within (const char *group, const char *ancestor);

/* "web, old": sorted, each once. (transfer full): NULL: none, or with @error set: wrong. */
GStrv vm_tags_parse (const char *text, GError **error);
/* "old, web". @tags: (nullable). (transfer full) */
char *vm_tags_format (const char *const *tags);
bool vm_tags_are_valid (const char *const *tags, char **why);
bool vm_tags_contain (const char *const *tags, const char *tag);
/* @tags (nullable) with @add (nullable), without @remove (nullable). (transfer full) */
GStrv vm_tags_change (const char *const *tags, const char *const *add, const char *const *remove);

G_END_DECLS
