/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "tests/image/runner.h"

G_BEGIN_DECLS

/*
 * CrashLog: what was asked of a disk before it crashed, and what it may hold then.
 *
 * Each word of 8 bytes tells which act wrote it. After a crash it must be what the last act wrote that a
 * flush has promised, or any later one. A discarded word may be anything that it was before, or zero.
 *
 * The log can lie in memory shared with a process that is killed: an act's line is complete before the
 * request is submitted, and each mark is one store.
 */
#define CRASH_WORD     8u
#define CRASH_MAX_ACTS 16384u

typedef enum {
  ACT_WRITE,
  ACT_ZERO,
  ACT_DISCARD,
  ACT_GROW, /* @length: the new size */
} CrashActKind;

typedef enum {
  ACT_SUBMITTED,
  ACT_DONE,
  ACT_FLUSHED,
} CrashActMark;

typedef struct {
  uint8_t kind;
  uint8_t mark;            /* atomic */
  uint64_t offset, length; /* bytes, whole words */
} CrashAct;

enum {
  ACT_BASE,    /* what the disk held at first */
  ACT_NOTHING, /* zeroes */
  ACT_FIRST,
};

typedef struct {
  uint64_t size;       /* of the disk at first, bytes */
  uint64_t limit;      /* and at most */
  uint64_t base_size;  /* of what lies below, or 0 */
  uint64_t base_shown; /* of it; when the disk grows, no more of it may show */
  uint32_t n_acts;     /* atomic */
  uint32_t first;      /* that happened after the last crash */
  uint32_t *promised;  /* for the verifier: the act of each word, at the last crash */
  CrashAct acts[CRASH_MAX_ACTS];
} CrashLog;

/* In memory that children share. @limit: the most that the disk may grow to. */
CrashLog *crash_log_new (uint64_t size, uint64_t limit, uint64_t base_size);
void crash_log_free (CrashLog *log);

/* Adds an act. Returns its number, 0: the log is full. */
uint32_t crash_log_add (CrashLog *log, CrashActKind kind, uint64_t offset, uint64_t length);
void crash_log_mark (CrashLog *log, uint32_t act, CrashActMark mark);
CrashActMark crash_log_get_mark (const CrashLog *log, uint32_t act);

/* What act @act writes at @offset (a whole word). */
uint64_t crash_log_word (const CrashLog *log, uint32_t act, uint64_t offset);
void crash_log_fill (const CrashLog *log, uint32_t act, uint64_t offset, uint8_t *data, uint64_t length);

/* Fails the run unless @image holds what it must. Then what it holds becomes promised: the log goes on from
 * there. */
void crash_log_verify (CrashLog *log, Run *run, Image *image);

/* The disk below of overlays: some stretches are written. @image: empty, of @base_size. */
void crash_log_write_base (const CrashLog *log, Run *run, Image *image);

G_END_DECLS
