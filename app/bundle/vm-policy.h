/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/json-section.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * VmPolicy: what becomes of a machine by itself: "policy" in vm.json (SCHEMA.md). Unlike the rest of vm.json
 * it refuses members that it doesn't know: a rule of which a part isn't understood would act where its owner
 * didn't want it to.
 *
 * Immutable. Threading: any thread.
 */
typedef enum {
  VM_METRIC_CPU,              /* 1: all its processors are busy */
  VM_METRIC_MEMORY,           /* 1: all its memory is in use, by its guest's account, else by the host's */
  VM_METRIC_DISK,             /* bytes per second, read and written */
  VM_METRIC_NETWORK,          /* bytes per second, received and sent */
  VM_METRIC_HOST_CPU,         /* 1: all the host's processors are busy */
  VM_METRIC_HOST_MEMORY,      /* 1: all the host's memory is in use */
  VM_METRIC_HOST_BATTERY,     /* 1: the host's batteries are full */
  VM_METRIC_HOST_ON_BATTERY,  /* 1: it runs on them; else 0 */
  VM_METRIC_HOST_TEMPERATURE, /* °C, of its hottest part */
  VM_N_METRICS,
} VmMetric;
extern const char *const vm_metric_names[]; /* "cpu", "memory", …; NULL ends */

/* How its values are written: shares as "90%", temperatures as "85C", the others, bytes per second, as "50M".
 */
bool vm_metric_is_share (VmMetric metric);
bool vm_metric_is_temperature (VmMetric metric);
/* Whether histories know it, so that a dry run can tell. */
bool vm_metric_has_history (VmMetric metric);

typedef struct {
  VmMetric what;
  bool over;   /* it holds above @at; else below */
  double at;   /* above which, or below which, it begins to hold */
  double back; /* at which it ends: no higher than @at if @over, else no lower */
} VmCondition;

typedef enum {
  VM_ACTION_NOTIFY,   /* tells the user */
  VM_ACTION_CPU_CAP,  /* lets a machine have less, or more, of its processors; taken back with the rule */
  VM_ACTION_SNAPSHOT, /* takes one */
  VM_ACTION_SUSPEND,  /* to disk */
  VM_ACTION_RUN,      /* a program */
} VmActionKind;
extern const char *const vm_action_names[]; /* "notify", "cpu-cap", …; NULL ends */

typedef struct {
  VmActionKind kind;
  char *text;      /* NOTIFY: (nullable): what else is said */
  char *machine;   /* CPU_CAP: (nullable): name or UUID of another machine */
  double share;    /* CPU_CAP: of the time of its processors, over 0 to 1 */
  bool disks_only; /* SNAPSHOT: without memory */
  GStrv command;   /* RUN */
} VmAction;

typedef struct {
  char *name;
  GArray *conditions;       /* of VmCondition: all of them at once */
  unsigned hold, back_hold; /* seconds for which they have to hold, or not to hold any more */
  bool unwatched;           /* never while the machine has a window */
  GPtrArray *actions;       /* of VmAction */
} VmRule;

/* Restarts after a crash or a hang (app/policy/back-off.h); seconds. */
typedef struct {
  bool enabled;
  unsigned first;   /* the pause before the first */
  unsigned longest; /* pauses double up to this */
  unsigned settled; /* whoever runs for so long has got over it */
  unsigned tries;   /* how many in a row; 0: as many as it takes */
} VmRestart;

typedef struct {
  VmRestart restart;
  bool on_demand;     /* who connects to one of its forwarded ports starts it */
  double cpu_cap;     /* over 0 to 1: of the time of its processors; 1: no cap */
  VmRule *idle;       /* (nullable): what "idle-suspend" means, as a rule */
  GPtrArray *rules;   /* of VmRule, without @idle */
  JsonObject *source; /* what was read */
} VmPolicy;

/* What holds if nothing is said: no restarts, no cap, no rules. (transfer full) */
VmPolicy *vm_policy_new (void);
VmPolicy *vm_policy_ref (VmPolicy *policy);
void vm_policy_unref (VmPolicy *policy);

/* Whether it says nothing. */
bool vm_policy_is_empty (const VmPolicy *policy);

/**
 * vm_policy_parse:
 * @text: what stands at "policy", by itself; @length bytes, any bytes at all
 * @file: how errors call it
 *
 * Returns: (transfer full), or NULL with @error set: "FILE:LINE:COLUMN: rules[0].for: …"
 * (BONSAI_ERROR_INVALID).
 */
VmPolicy *vm_policy_parse (const char *text, gsize length, const char *file, GError **error);
/* The same of an object that is a policy. */
VmPolicy *vm_policy_read_object (const JsonSection *section);
/* The text, with a final newline. (transfer full) */
char *vm_policy_to_json (const VmPolicy *policy);

/* A copy of @policy in which @member ("restart") is @value (transfer full); NULL: it goes. (transfer full),
 * or NULL with @error set: it isn't right. */
VmPolicy *vm_policy_with (const VmPolicy *policy, const char *member, JsonNode *value, GError **error);

/* --- vm.json --- */

/* "policy" of the machine @section takes the place of *@policy, if it is there. */
bool vm_policy_read (const JsonSection *section, VmPolicy **policy);
/* The same into @machine. */
void vm_policy_write (JsonObject *machine, const VmPolicy *policy);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmPolicy, vm_policy_unref)

G_END_DECLS
