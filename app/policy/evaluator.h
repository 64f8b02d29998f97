/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-policy.h"

G_BEGIN_DECLS

/*
 * Evaluator: which rules of a machine's policy fire, and when they are over. Samples go in, firings come out;
 * it knows no clock but the samples' and does nothing itself, so that a machine that runs and a dry run over
 * what was get the same answer.
 *
 * A rule fires when all its conditions held in every sample of so many seconds. It is over when one of them
 * has been back, by the other side of its hysteresis, in every sample of so many others; only then it may
 * fire again. What is unknown, and what lies behind a gap in the samples, speaks neither for nor against.
 *
 * Threading: none.
 */
typedef struct Evaluator Evaluator;

/* What was the case in the seconds before @time. */
typedef struct {
  gint64 time; /* seconds, of any clock; no sample is taken that isn't later than the one before */
  guint step;  /* seconds */
  double values[VM_N_METRICS]; /* NaN: unknown */
  bool watched;                /* the machine has a window */
} PolicySample;

typedef struct {
  const VmRule *rule; /* the policy's */
  bool back;          /* it is over; else it fires */
  gint64 time;        /* of the sample that did it */
} PolicyFiring;

typedef void (*PolicyFiringFunc) (const PolicyFiring *firing, void *data);

/* Keeps a reference to @policy. */
Evaluator *evaluator_new (VmPolicy *policy);
void evaluator_free (Evaluator *evaluator);

/* @func is called for each rule that fires or is over by this sample, in the policy's order. */
void evaluator_feed (Evaluator *evaluator, const PolicySample *sample, PolicyFiringFunc func, void *data);

/* Whether any rule looks at @metric. */
bool evaluator_needs (const Evaluator *evaluator, VmMetric metric);

/* Whether the rule that is called @name has fired, and isn't over. */
bool evaluator_has_fired (const Evaluator *evaluator, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Evaluator, evaluator_free)

G_END_DECLS
