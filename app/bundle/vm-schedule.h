/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-section.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * When snapshots are taken by the clock, and which of those stay: "schedule" in vm.json.
 *
 * Threading: none; a plain value.
 */
typedef enum {
  VM_KEEP_LAST,   /* the newest, whenever they were taken */
  VM_KEEP_HOURLY, /* the newest of an hour, for so many hours in which there is one */
  VM_KEEP_DAILY,  /* of a day, in local time */
  VM_KEEP_WEEKLY, /* Monday to Sunday */
  VM_KEEP_MONTHLY,
  VM_N_KEEPS,
} VmKeep;
extern const char *const vm_keep_names[]; /* "last", "hourly", …; NULL ends */

typedef struct {
  unsigned every;            /* seconds; 0: none is taken */
  unsigned keep[VM_N_KEEPS]; /* how many; what one of them keeps stays */
  bool disks_only;           /* without memory: going back there is as after a power failure */
} VmSchedule;

#define VM_SCHEDULE_MIN_S    60u
#define VM_SCHEDULE_MAX_S    (366u * 24 * 3600)
#define VM_SCHEDULE_MAX_KEEP 1000u

/* hourly=24,daily=7,weekly=4 */
void vm_schedule_set_default_keep (VmSchedule *schedule);

/* "15m", "1h", "2d", "1w". Seconds, or 0 with @error set. */
unsigned vm_schedule_parse_every (const char *text, GError **error);
/* The largest unit that fits exactly. (transfer full) */
char *vm_schedule_format_every (unsigned seconds);

/* "hourly=24,daily=7": those that aren't named are 0. */
bool vm_schedule_parse_keep (const char *text, VmSchedule *schedule, GError **error);
/* (transfer full) */
char *vm_schedule_format_keep (const VmSchedule *schedule);

/* --- vm.json --- */

/* "schedule" of the machine @section, if it is there. */
bool vm_schedule_read (const JsonSection *section, VmSchedule *schedule);
/* The same into @machine, which has what was read: members that aren't known stay. */
void vm_schedule_write (JsonObject *machine, const VmSchedule *schedule);

G_END_DECLS
