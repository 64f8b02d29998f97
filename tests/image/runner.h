/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * A test of many random runs. Each run is a process of its own, made from a seed; one that fails, crashes or
 * takes too long prints what it did, and how to do that again. The report is TAP, one test for each case.
 *
 *   test-x [--runs N] [--jobs N] [--case NAME] [--seed SEED] [--first SEED]
 *
 * --seed plays that one run, in this process, and keeps its files.
 */
typedef struct {
  uint32_t seed;
  GRand *rand;      /* of that seed */
  char *folder;     /* of this run's files */
  GString *journal; /* what was done, for whoever looks for the cause */
} Run;

typedef struct {
  const char *name;
  void (*run) (Run *run, const void *data);
  const void *data;
  unsigned runs; /* without --runs */
} RunCase;

int runner_main (int argc, char **argv, const RunCase *cases, unsigned n_cases);

/* A line of the journal. */
void run_log (Run *run, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Ends the run. */
void run_fail (Run *run, const char *format, ...) G_GNUC_PRINTF (2, 3) G_GNUC_NORETURN;

/* @low .. @high, both included. */
uint64_t run_between (Run *run, uint64_t low, uint64_t high);

/* Mostly small: 1 .. 2^@bits, every power of two as likely as another. */
uint64_t run_scale (Run *run, unsigned bits);

/* True once in @n. */
bool run_once_in (Run *run, unsigned n);

G_END_DECLS
