/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine that is started and powered off again and again in one process leaves nothing there. Needs KVM,
 * of any kind. BONSAI_TEST_CYCLES: how often; after a tenth of that the process is as it is to stay. */
#include "app/library/library.h"
#include "tests/app/scratch.h"
#include "tests/app/tiny-guest.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#define CYCLES      60
#define FIRST_LIMIT 20            /* cycles, at least, until all is in place */
#define GROWTH      (4096 * 1024) /* bytes that the heap may waver by: a page for each of a thousand */

typedef struct {
  gsize memory; /* resident, bytes */
  unsigned descriptors, threads;
} Footprint;

static unsigned
count_entries (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  unsigned n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

/* proc(5), /proc/PID/statm: the second number, in pages. What was freed, and the heap keeps, wavers by megabytes from
 * one look to the next: it goes first. */
static Footprint
look (void)
{
  g_autofree char *text = NULL;
  unsigned long pages = 0;

  malloc_trim (0);
  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%*u %lu", &pages), ==, 1);
  return (Footprint){ pages * (gsize)sysconf (_SC_PAGESIZE), count_entries ("/proc/self/fd"),
                      count_entries ("/proc/self/task") };
}

static void
run_once (BonsaiVm *vm)
{
  g_autoptr (GError) error = NULL;

  tiny_guest_start (vm, &error);
  g_assert_no_error (error);
  tiny_guest_control (vm, BONSAI_CONTROL_POWER_OFF, 0, &error);
  g_assert_no_error (error);
  wait_until (!bonsai_vm_is_hosted_here (vm));
}

static void
test_cycles (LibraryFixture *fixture, gconstpointer data)
{
  const char *wish = g_getenv ("BONSAI_TEST_CYCLES");
  unsigned n = wish ? (unsigned)g_ascii_strtoull (wish, NULL, 10) : CYCLES, first = MAX (n / 10, FIRST_LIMIT);
  BonsaiVm *vm = tiny_guest_create_sleeper (fixture);
  Footprint before = { 0 }, after;

  bonsai_vm_watch (vm, TRUE); /* as a library's window does */
  for (unsigned i = 0; i < n; i++)
    {
      run_once (vm);
      if (i + 1 == first)
        before = look ();
    }
  after = look ();
  g_test_message ("after %u cycles: %zu KiB, %u descriptors, %u threads; after %u: %zu KiB, %u, %u", first,
                  before.memory >> 10, before.descriptors, before.threads, n, after.memory >> 10,
                  after.descriptors, after.threads);
  g_assert_cmpuint (after.descriptors, <=, before.descriptors);
  g_assert_cmpuint (after.threads, <=, before.threads + 2); /* GLib's pool has more or fewer */
#ifndef __SANITIZE_ADDRESS__                                /* which keeps what was freed */
  g_assert_cmpuint (after.memory, <=, before.memory + GROWTH);
#endif
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/vm/cycles", LibraryFixture, NULL, library_fixture_set_up, test_cycles,
              library_fixture_tear_down);
  return g_test_run ();
}
