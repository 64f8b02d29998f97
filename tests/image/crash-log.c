/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/crash-log.h"

#include "vmm/base/bytes.h"

#include <sys/mman.h>

#define CHUNK      65536u
#define BASE_PIECE 24576u /* every other one of the disk below is written */

static void *
shared_memory (size_t size)
{
  void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (memory == MAP_FAILED)
    g_error ("no memory for a log");
  return memory;
}

static size_t
promised_size (const CrashLog *log)
{
  return log->limit / CRASH_WORD * sizeof *log->promised;
}

CrashLog *
crash_log_new (uint64_t size, uint64_t limit, uint64_t base_size)
{
  CrashLog *log = shared_memory (sizeof *log);

  log->size = size;
  log->limit = limit;
  log->base_size = base_size;
  log->base_shown = MIN (size, base_size);
  log->n_acts = log->first = ACT_FIRST;
  log->acts[ACT_NOTHING].kind = ACT_ZERO;
  log->promised = shared_memory (promised_size (log));
  return log;
}

void
crash_log_free (CrashLog *log)
{
  munmap (log->promised, promised_size (log));
  munmap (log, sizeof *log);
}

uint32_t
crash_log_add (CrashLog *log, CrashActKind kind, uint64_t offset, uint64_t length)
{
  uint32_t act = __atomic_load_n (&log->n_acts, __ATOMIC_RELAXED);

  if (act >= CRASH_MAX_ACTS)
    return 0;
  log->acts[act] = (CrashAct){ .kind = kind, .mark = ACT_SUBMITTED, .offset = offset, .length = length };
  __atomic_store_n (&log->n_acts, act + 1, __ATOMIC_RELEASE);
  return act;
}

void
crash_log_mark (CrashLog *log, uint32_t act, CrashActMark mark)
{
  __atomic_store_n (&log->acts[act].mark, mark, __ATOMIC_RELEASE);
}

CrashActMark
crash_log_get_mark (const CrashLog *log, uint32_t act)
{
  return __atomic_load_n (&log->acts[act].mark, __ATOMIC_ACQUIRE);
}

uint64_t
crash_log_word (const CrashLog *log, uint32_t act, uint64_t offset)
{
  uint64_t hash =
    (offset / CRASH_WORD + 1) * UINT64_C (0x9e3779b97f4a7c15) + act * UINT64_C (0xff51afd7ed558ccd);

  if (act == ACT_BASE && (offset >= log->base_shown || offset / BASE_PIECE % 2 == 1))
    return 0;
  if (log->acts[act].kind != ACT_WRITE)
    return 0;
  return (uint64_t)(act + 1) << 32 | hash >> 32;
}

void
crash_log_fill (const CrashLog *log, uint32_t act, uint64_t offset, uint8_t *data, uint64_t length)
{
  for (uint64_t at = 0; at < length; at += CRASH_WORD)
    store_le64 (data + at, crash_log_word (log, act, offset + at));
}

/* --- after the crash --- */

static bool
covers (const CrashLog *log, uint32_t act, uint64_t offset)
{
  const CrashAct *a = &log->acts[act];

  return act < ACT_FIRST || (a->kind != ACT_GROW && offset >= a->offset && offset - a->offset < a->length);
}

/* Whether @word was there before act @before, or is what a hole shows. */
static bool
was_there (const CrashLog *log, uint32_t before, uint64_t offset, uint64_t word)
{
  uint32_t act = (uint32_t)(word >> 32) - 1;

  if (word == 0 || word == crash_log_word (log, ACT_BASE, offset))
    return true;
  return act < before && covers (log, act, offset) && word == crash_log_word (log, act, offset);
}

static bool
may_be (const CrashLog *log, uint32_t act, uint64_t offset, uint64_t word)
{
  return log->acts[act].kind == ACT_DISCARD ? was_there (log, act, offset, word)
                                            : word == crash_log_word (log, act, offset);
}

/* @open: acts that no flush promised. */
static bool
is_allowed (const CrashLog *log, uint32_t promised, const GArray *open, uint64_t offset, uint64_t word)
{
  if (may_be (log, promised, offset, word))
    return true;
  for (unsigned i = 0; i < open->len; i++)
    {
      uint32_t act = g_array_index (open, uint32_t, i);

      if (act > promised && covers (log, act, offset) && may_be (log, act, offset, word))
        return true;
    }
  return false;
}

static void G_GNUC_NORETURN
fail_at (const CrashLog *log, Run *run, uint32_t promised, uint64_t offset, uint64_t word)
{
  for (uint32_t i = ACT_FIRST; i < log->n_acts; i++)
    if (covers (log, i, offset))
      run_log (run, "act %u: kind %u, %" G_GUINT64_FORMAT " + %" G_GUINT64_FORMAT ", mark %u", i,
               log->acts[i].kind, log->acts[i].offset, log->acts[i].length, log->acts[i].mark);
  run_fail (run,
            "the word at %" G_GUINT64_FORMAT " is %016" G_GINT64_MODIFIER
            "x; act %u, kind %u, promised %016" G_GINT64_MODIFIER "x",
            offset, word, promised, log->acts[promised].kind, crash_log_word (log, promised, offset));
}

/* Brings @promised up to the crash, and gathers what no flush promised. Returns the size that is promised. */
static uint64_t
collect (CrashLog *log, GArray *open, uint64_t *most)
{
  uint64_t sure = log->size;

  *most = log->size;
  for (uint32_t i = log->first; i < log->n_acts; i++)
    {
      const CrashAct *act = &log->acts[i];

      if (act->kind == ACT_GROW)
        {
          *most = MAX (*most, act->length);
          if (act->mark != ACT_SUBMITTED)
            sure = MAX (sure, act->length);
        }
      else if (act->mark != ACT_FLUSHED)
        g_array_append_val (open, i);
      else
        for (uint64_t w = act->offset / CRASH_WORD; w < (act->offset + act->length) / CRASH_WORD; w++)
          log->promised[w] = i;
    }
  return sure;
}

static uint32_t
act_of (const CrashLog *log, uint64_t offset, uint64_t word)
{
  if (word == crash_log_word (log, ACT_BASE, offset))
    return ACT_BASE;
  return word == 0 ? ACT_NOTHING : (uint32_t)(word >> 32) - 1;
}

void
crash_log_verify (CrashLog *log, Run *run, Image *image)
{
  g_autoptr (GArray) open = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  g_autofree uint8_t *data = g_malloc (CHUNK);
  uint64_t most, sure = collect (log, open, &most), size = image_size (image);

  if (size < sure || size > most)
    run_fail (run, "%" G_GUINT64_FORMAT " bytes, not %" G_GUINT64_FORMAT " .. %" G_GUINT64_FORMAT, size, sure,
              most);
  for (uint64_t offset = 0, n; offset < size; offset += n)
    {
      int result;

      n = MIN (size - offset, CHUNK);
      result = image_run (image, IMAGE_READ, offset, data, n);
      if (result != 0)
        run_fail (run, "reading at %" G_GUINT64_FORMAT ": %s", offset, g_strerror (-result));
      for (uint64_t at = 0; at < n; at += CRASH_WORD)
        {
          uint64_t word = load_le64 (data + at);
          uint32_t *promised = &log->promised[(offset + at) / CRASH_WORD];

          if (!is_allowed (log, *promised, open, offset + at, word))
            fail_at (log, run, *promised, offset + at, word);
          *promised = act_of (log, offset + at, word);
        }
    }
  log->size = size;
  log->first = log->n_acts;
}

void
crash_log_write_base (const CrashLog *log, Run *run, Image *image)
{
  g_autofree uint8_t *data = g_malloc (BASE_PIECE);

  for (uint64_t offset = 0; offset < log->base_size; offset += 2 * BASE_PIECE)
    {
      uint64_t n = MIN (BASE_PIECE, log->base_size - offset);
      int result;

      crash_log_fill (log, ACT_BASE, offset, data, n);
      result = image_run (image, IMAGE_WRITE, offset, data, n);
      if (result != 0)
        run_fail (run, "writing the disk below: %s", g_strerror (-result));
    }
}
