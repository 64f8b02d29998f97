/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the host has room for one more machine, and what it says if not. */
#include "app/base/error.h"
#include "app/capacity/host-room.h"
#include "tests/app/scratch.h"

#include <string.h>
#include <unistd.h>

#define GIB (UINT64_C (1) << 30)

static GArray *
neighbours_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (Neighbour));
}

static void
add (GArray *neighbours, const char *name, uint64_t size, uint64_t resident)
{
  const Neighbour one = { (char *)name, 2, size, resident };

  g_array_append_val (neighbours, one);
}

static void
test_alone (void)
{
  const HostMemory host = { 8 * GIB, 3 * GIB, GIB / 2 }, unknown = { 0 };
  g_autoptr (GArray) none = neighbours_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (admission_check (&host, none, "Web", 3 * GIB + GIB / 2, &error));
  g_assert_false (admission_check (&host, none, "Web", 4 * GIB, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NO_ROOM);
  g_assert_nonnull (
    strstr (error->message, "“Web” may use 4.0\u00a0GiB of memory, and this host has 3.5\u00a0GiB left"));
  g_assert_nonnull (strstr (error->message, "all the same"));
  g_clear_error (&error);
  g_assert_true (admission_check (&unknown, none, "Web", 4 * GIB, &error));
}

static void
test_promises (void)
{
  const HostMemory host = { 16 * GIB, 4 * GIB, 0 };
  g_autoptr (GArray) neighbours = neighbours_new ();
  g_autoptr (GError) error = NULL;
  Promises promises;

  add (neighbours, "Mail", 4 * GIB, GIB);
  add (neighbours, "Small", GIB, 2 * GIB); /* its process has more than its guest was promised */
  promises = promises_sum_up (neighbours);
  g_assert_cmpuint (promises.machines, ==, 2);
  g_assert_cmpuint (promises.cpus, ==, 4);
  g_assert_cmpuint (promises.size, ==, 5 * GIB);
  g_assert_cmpuint (promises.claims, ==, 3 * GIB);
  g_assert_true (admission_check (&host, neighbours, "Web", 3 * GIB, &error));
  g_assert_false (admission_check (&host, neighbours, "Web", 3 * GIB + 1, &error));
  g_assert_nonnull (strstr (error->message, "may still claim 3.0\u00a0GiB"));
  g_assert_nonnull (strstr (error->message, "“Mail” is the largest"));
}

static void
test_host (void)
{
  HostMemory memory = host_room_read_memory ();

  g_assert_cmpuint (memory.total, >, 0);
  g_assert_cmpuint (memory.available, <=, memory.total);
}

static void
test_ksm (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *run = g_build_filename (scratch, "run", NULL);
  g_autofree char *pages = g_build_filename (scratch, "pages_sharing", NULL);
  g_autofree char *missing = g_build_filename (scratch, "missing", NULL);
  KsmState state;

  g_assert_false (host_room_read_ksm (missing).exists);
  g_assert_true (g_file_set_contents (run, "1\n", -1, NULL));
  g_assert_true (g_file_set_contents (pages, "1000\n", -1, NULL));
  state = host_room_read_ksm (scratch);
  g_assert_true (state.exists && state.runs);
  g_assert_cmpuint (state.saved, ==, 1000 * (uint64_t)sysconf (_SC_PAGESIZE));
  g_assert_true (g_file_set_contents (run, "0\n", -1, NULL));
  g_assert_false (host_room_read_ksm (scratch).runs);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/admission/alone", test_alone);
  g_test_add_func ("/admission/promises", test_promises);
  g_test_add_func ("/admission/host", test_host);
  g_test_add_func ("/admission/ksm", test_ksm);
  return g_test_run ();
}
