/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/policy/evaluator.h"

#include <math.h>

#define MAX_GAP 3 /* steps: samples come late on a busy host */

typedef struct {
  const VmRule *rule;
  bool fired;
  gint64 since; /* since when it holds, or, once fired, is back; G_MININT64: it doesn't */
} Watch;

struct Evaluator {
  VmPolicy *policy;
  GArray *watches; /* of Watch */
  bool begun;
  gint64 last; /* of the last sample */
  guint step;  /* of that */
};

static void
watch (Evaluator *evaluator, const VmRule *rule)
{
  const Watch fresh = { rule, false, G_MININT64 };

  g_array_append_val (evaluator->watches, fresh);
}

Evaluator *
evaluator_new (VmPolicy *policy)
{
  Evaluator *evaluator = g_new0 (Evaluator, 1);

  evaluator->policy = vm_policy_ref (policy);
  evaluator->watches = g_array_new (FALSE, FALSE, sizeof (Watch));
  for (guint i = 0; i < policy->rules->len; i++)
    watch (evaluator, g_ptr_array_index (policy->rules, i));
  if (policy->idle != NULL)
    watch (evaluator, policy->idle);
  return evaluator;
}

void
evaluator_free (Evaluator *evaluator)
{
  g_array_unref (evaluator->watches);
  vm_policy_unref (evaluator->policy);
  g_free (evaluator);
}

/* --- one sample --- */

typedef enum { NO, YES, UNKNOWN } Answer;

static Answer
look_at (const VmCondition *condition, const PolicySample *sample, bool fired)
{
  double value = sample->values[condition->what], limit = fired ? condition->back : condition->at;

  if (isnan (value))
    return UNKNOWN;
  return (condition->over ? value > limit : value < limit) ? YES : NO;
}

/* Whether all conditions hold; one that certainly doesn't is enough to know. */
static Answer
ask (const Watch *watch, const PolicySample *sample)
{
  const GArray *conditions = watch->rule->conditions;
  Answer answer = YES;

  if (watch->rule->unwatched && sample->watched)
    return NO;
  for (guint i = 0; i < conditions->len; i++)
    {
      Answer one = look_at (&g_array_index (conditions, VmCondition, i), sample, watch->fired);

      if (one == NO)
        return NO;
      if (one == UNKNOWN)
        answer = UNKNOWN;
    }
  return answer;
}

static void
feed (Watch *watch, const PolicySample *sample, PolicyFiringFunc func, void *data)
{
  Answer answer = ask (watch, sample);
  gint64 hold = watch->fired ? watch->rule->back_hold : watch->rule->hold;

  if (answer != (watch->fired ? NO : YES))
    {
      watch->since = G_MININT64;
      return;
    }
  if (watch->since == G_MININT64)
    watch->since = sample->time - sample->step;
  if (sample->time - watch->since < hold)
    return;
  func (&(PolicyFiring){ watch->rule, watch->fired, sample->time }, data);
  watch->fired = !watch->fired;
  watch->since = G_MININT64;
}

/* The machine, or the host, stood still in between. */
static void
forget_what_held (Evaluator *evaluator)
{
  for (guint i = 0; i < evaluator->watches->len; i++)
    g_array_index (evaluator->watches, Watch, i).since = G_MININT64;
}

void
evaluator_feed (Evaluator *evaluator, const PolicySample *sample, PolicyFiringFunc func, void *data)
{
  if (evaluator->begun && sample->time <= evaluator->last)
    return;
  if (evaluator->begun
      && sample->time - evaluator->last > (gint64)MAX_GAP * MAX (evaluator->step, sample->step))
    forget_what_held (evaluator);
  evaluator->begun = true;
  evaluator->last = sample->time;
  evaluator->step = sample->step;
  for (guint i = 0; i < evaluator->watches->len; i++)
    feed (&g_array_index (evaluator->watches, Watch, i), sample, func, data);
}

/* --- what it is about --- */

bool
evaluator_needs (const Evaluator *evaluator, VmMetric metric)
{
  for (guint i = 0; i < evaluator->watches->len; i++)
    {
      const GArray *conditions = g_array_index (evaluator->watches, Watch, i).rule->conditions;

      for (guint j = 0; j < conditions->len; j++)
        if (g_array_index (conditions, VmCondition, j).what == metric)
          return true;
    }
  return false;
}

bool
evaluator_has_fired (const Evaluator *evaluator, const char *name)
{
  for (guint i = 0; i < evaluator->watches->len; i++)
    {
      const Watch *watch = &g_array_index (evaluator->watches, Watch, i);

      if (g_str_equal (watch->rule->name, name))
        return watch->fired;
    }
  return false;
}
