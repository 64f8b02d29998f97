/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine that is started and powered off again and again in one process leaves nothing there. Needs KVM,
 * of any kind. BONSAI_TEST_CYCLES: how often; after a tenth of that the process is as it is to stay. */
#include "app/library/library.h"
#include "tests/app/scratch.h"
#include "tests/app/tiny-guest.h"

#include <malloc.h>
#include <string.h>

#define CYCLES      60
#define FIRST_LIMIT 20            /* cycles, at least, until all is in place */
#define GROWTH      (1024 * 1024) /* bytes that the heap may waver by: one for each of a thousand is 1 KiB */

typedef struct {
  gsize heap; /* bytes in use */
  unsigned mappings, descriptors, threads;
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

static unsigned
count_mappings (void)
{
  g_autofree char *text = NULL;
  unsigned n = 0;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &text, NULL, NULL));
  for (const char *at = text; (at = strchr (at, '\n')) != NULL; at++)
    n++;
  return n;
}

/* Not what is resident: the last machine's memory and its threads' stacks may still be going. */
static Footprint
look (void)
{
  struct mallinfo2 heap = mallinfo2 ();

  return (Footprint){ heap.uordblks + heap.hblkhd, count_mappings (), count_entries ("/proc/self/fd"),
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
  g_test_message (
    "after %u cycles: %zu KiB, %u mappings, %u descriptors, %u threads; after %u: %zu KiB, %u, %u, %u", first,
    before.heap >> 10, before.mappings, before.descriptors, before.threads, n, after.heap >> 10,
    after.mappings, after.descriptors, after.threads);
  g_assert_cmpuint (after.descriptors, <=, before.descriptors);
  g_assert_cmpuint (after.threads, <=, before.threads + 2); /* GLib's pool has more or fewer */
  g_assert_cmpuint (after.mappings, <, before.mappings + (n - first) / 2);
  g_assert_cmpuint (after.heap, <=,
                    before.heap + GROWTH); /* nothing with a sanitizer's heap, which looks for leaks */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/vm/cycles", LibraryFixture, NULL, library_fixture_set_up, test_cycles,
              library_fixture_tear_down);
  return g_test_run ();
}
