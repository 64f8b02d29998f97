/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/base/number.h"
#include "vmm/base/published.h"
#include "vmm/base/trace.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

static void
test_number (void)
{
  uint64_t number = 7;
  int64_t integer = 7;

  g_assert_false (number_parse ("", 10, 0, 9, &number));
  g_assert_false (number_parse (" 1", 10, 0, 9, &number));
  g_assert_false (number_parse ("+1", 10, 0, 9, &number));
  g_assert_false (number_parse ("-1", 10, 0, UINT64_MAX, &number));
  g_assert_false (number_parse ("1x", 10, 0, 9, &number));
  g_assert_false (number_parse ("a", 10, 0, 20, &number));
  g_assert_false (number_parse ("10", 10, 0, 9, &number));
  g_assert_false (number_parse ("0", 10, 1, 9, &number));
  g_assert_false (number_parse ("18446744073709551616", 10, 0, UINT64_MAX, &number));
  g_assert_cmpuint (number, ==, 7);
  errno = EAGAIN;
  g_assert_true (number_parse ("18446744073709551615", 10, 0, UINT64_MAX, &number));
  g_assert_cmpuint (number, ==, UINT64_MAX);
  g_assert_true (number_parse ("fFfE", 16, 0, UINT32_MAX, &number));
  g_assert_cmpuint (number, ==, 0xfffe);

  g_assert_false (number_parse_signed ("-", -9, 9, &integer));
  g_assert_false (number_parse_signed ("--1", -9, 9, &integer));
  g_assert_false (number_parse_signed ("-10", -9, 9, &integer));
  g_assert_false (number_parse_signed ("-9223372036854775809", INT64_MIN, INT64_MAX, &integer));
  g_assert_false (number_parse_signed ("9223372036854775808", INT64_MIN, INT64_MAX, &integer));
  g_assert_cmpint (integer, ==, 7);
  g_assert_true (number_parse_signed ("-9223372036854775808", INT64_MIN, INT64_MAX, &integer));
  g_assert_true (integer == INT64_MIN);
  g_assert_true (number_parse_signed ("9", -9, 9, &integer));
  g_assert_cmpint (integer, ==, 9);
}

static void
test_errno_codes (void)
{
  static const struct {
    int saved_errno;
    VmmError code;
  } cases[] = {
    { EACCES, VMM_ERROR_PERMISSION }, { EPERM, VMM_ERROR_PERMISSION }, { ENOMEM, VMM_ERROR_RESOURCE },
    { ENOSPC, VMM_ERROR_RESOURCE },   { EMFILE, VMM_ERROR_RESOURCE },  { ENFILE, VMM_ERROR_RESOURCE },
    { EBUSY, VMM_ERROR_BUSY },        { EIO, VMM_ERROR_FAILED },       { ENOENT, VMM_ERROR_FAILED },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (vmm_set_errno_error (&error, cases[i].saved_errno, "Can't read “%s”", "x"));
      g_assert_error (error, VMM_ERROR, (int)cases[i].code);
      g_assert_true (g_str_has_prefix (error->message, "Can't read “x”: "));
    }
  g_assert_false (vmm_set_errno_error (NULL, EIO, "Nobody listens"));
}

static void
test_bytes (void)
{
  uint8_t bytes[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

  g_assert_cmphex (load_le16 (bytes + 1), ==, 0x0302);
  g_assert_cmphex (load_be32 (bytes + 1), ==, 0x02030405);
  g_assert_cmphex (load_le64 (bytes + 1), ==, UINT64_C (0x0908070605040302));
  g_assert_cmphex (load_le (bytes, 3), ==, 0x030201);
  store_le (bytes, 3, 0xaabbccdd);
  g_assert_cmphex (load_be32 (bytes), ==, 0xddccbb04);
  g_assert_cmphex (low_bytes (UINT64_MAX, 2), ==, 0xffff);
  g_assert_cmphex (low_bytes (UINT64_MAX, 8), ==, UINT64_MAX);
}

static char *
trace_three_events (const char *patterns)
{
  g_autofree char *folder = g_dir_make_tmp ("bonsai-trace-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "trace", NULL);
  g_autoptr (GError) error = NULL;
  Tracer *tracer = tracer_new (patterns, path, &error);
  char *text = NULL;

  g_assert_no_error (error);
  tracer_emit (tracer, "ahci0", "read", "lba=%d", 7);
  tracer_emit (tracer, "rtc", "alarm", "%s", "bad\nline\033[2J");
  tracer_emit (tracer, "rtc", "guest-error", "%s", "none");
  tracer_free (tracer);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_unlink (path);
  g_rmdir (folder);
  return text;
}

static void
test_trace_patterns (void)
{
  g_autofree char *all = trace_three_events ("*");
  g_autofree char *some = trace_three_events (" ahci*, rtc:alarm ");
  g_autofree char *errors = trace_three_events ("*:guest-error");
  g_autofree char *none = trace_three_events ("");
  g_auto (GStrv) lines = g_strsplit (all, "\n", -1);

  g_assert_cmpuint (g_strv_length (lines), ==, 4);
  g_assert_true (g_str_has_suffix (lines[0], " ahci0:read lba=7"));
  g_assert_true (g_str_has_suffix (lines[1], " rtc:alarm bad?line?[2J"));
  g_assert_nonnull (strstr (some, "ahci0:read"));
  g_assert_nonnull (strstr (some, "rtc:alarm"));
  g_assert_null (strstr (some, "guest-error"));
  g_assert_true (strstr (errors, "rtc:guest-error") && !strstr (errors, "alarm"));
  g_assert_cmpstr (none, ==, "");
}

static void
test_trace_long_lines (void)
{
  g_autofree char *folder = g_dir_make_tmp ("bonsai-trace-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "trace", NULL);
  g_autofree char *long_text = g_strnfill (100000, 'x');
  g_autofree char *text = NULL;
  Tracer *tracer = tracer_new ("*", path, NULL);

  tracer_emit (tracer, long_text, "event", "%s", long_text);
  tracer_emit (tracer, "a", "event", "%s", long_text);
  tracer_free (tracer);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpuint (strlen (text), <=, 2048);
  g_assert_cmpint (text[strlen (text) - 1], ==, '\n');
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_trace_wants (void)
{
  g_autoptr (Tracer) tracer = tracer_new ("ahci*,rtc:alarm", NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (tracer_wants (tracer, "ahci0"));
  g_assert_true (tracer_wants (tracer, "rtc"));
  g_assert_false (tracer_wants (tracer, "vga"));
  g_assert_false (tracer_wants (NULL, "vga"));
  g_assert_null (tracer_new ("*", "/nowhere/at/all", &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_FAILED);
}

/* --- Published --- */

#define ALIVE      0x616c697665u
#define N_READERS  3u
#define N_REPLACES 20000u

static int n_values;

static void *
value_new (void)
{
  uint64_t *value = g_new (uint64_t, 1);

  *value = ALIVE;
  g_atomic_int_inc (&n_values);
  return value;
}

static void
value_free (void *value)
{
  *(uint64_t *)value = 0;
  g_atomic_int_add (&n_values, -1);
  g_free (value);
}

typedef struct {
  Published published;
  int n_reading; /* threads that are at it */
  int stop;
} PublishedTest;

static gpointer
read_for_long (gpointer data)
{
  PublishedTest *test = data;

  g_atomic_int_inc (&test->n_reading);
  while (!g_atomic_int_get (&test->stop))
    {
      PublishedReader reader;
      const uint64_t *value = published_enter (&test->published, &reader);

      g_assert_cmpuint (*value, ==, ALIVE);
      published_leave (reader);
    }
  return NULL;
}

static void
test_published_threads (void)
{
  PublishedTest *test = g_new0 (PublishedTest, 1);
  GThread *readers[N_READERS];

  published_init (&test->published, value_new (), value_free);
  for (unsigned i = 0; i < N_READERS; i++)
    readers[i] = g_thread_new ("reader", read_for_long, test);
  while (g_atomic_int_get (&test->n_reading) < (int)N_READERS)
    g_thread_yield ();
  for (unsigned i = 0; i < N_REPLACES; i++)
    {
      published_replace (&test->published, value_new ());
      g_assert_cmpuint (published_n_retired (&test->published), <=, 64);
    }
  g_atomic_int_set (&test->stop, 1);
  for (unsigned i = 0; i < N_READERS; i++)
    g_thread_join (readers[i]);
  published_clear (&test->published);
  g_free (test);
  g_assert_cmpint (g_atomic_int_get (&n_values), ==, 0);
}

static void
test_published_reader_keeps_its_value (void)
{
  Published *published = g_new0 (Published, 1);
  PublishedReader reader, later;
  const uint64_t *old, *new;

  published_init (published, value_new (), value_free);
  old = published_enter (published, &reader);
  for (unsigned i = 0; i < 10; i++)
    published_replace (published, value_new ());
  g_assert_cmpuint (*old, ==, ALIVE);
  g_assert_cmpuint (published_n_retired (published), ==, 10);
  new = published_enter (published, &later);
  g_assert_true (old != new);
  published_leave (reader);
  published_leave (later);

  /* The readers have left: all but the newest few are freed. */
  for (unsigned i = 0; i < 3; i++)
    published_replace (published, value_new ());
  g_assert_cmpuint (published_n_retired (published), <=, 2);
  published_clear (published);
  g_free (published);
  g_assert_cmpint (g_atomic_int_get (&n_values), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/error/errno-codes", test_errno_codes);
  g_test_add_func ("/base/bytes", test_bytes);
  g_test_add_func ("/base/number", test_number);
  g_test_add_func ("/base/trace/patterns", test_trace_patterns);
  g_test_add_func ("/base/trace/long-lines", test_trace_long_lines);
  g_test_add_func ("/base/trace/wants", test_trace_wants);
  g_test_add_func ("/base/published/reader-keeps-its-value", test_published_reader_keeps_its_value);
  g_test_add_func ("/base/published/threads", test_published_threads);
  return g_test_run ();
}
