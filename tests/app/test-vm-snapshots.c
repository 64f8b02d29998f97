/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Machines that run are taken snapshots of, go back to them, and are suspended. Needs KVM, of any kind. */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/library/library.h"
#include "app/session/local-session.h"
#include "app/snapshot/doctor.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-take.h"
#include "app/snapshot/snapshot-tree.h"
#include "tests/app/scratch.h"

#include <glib/gstdio.h>
#include <string.h>

#define MIB (UINT64_C (1) << 20)

extern const guint8 counting_guest[], counting_guest_end[];

typedef struct {
  char *scratch, *output;
  BonsaiLibrary *library;
  BonsaiVm *vm;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = vm_config_new ("counter");
  g_autoptr (GError) error = NULL;
  VmDisk *disk;

  fixture->scratch = scratch_new ();
  fixture->output = g_build_filename (fixture->scratch, "output", NULL);
  fixture->library = bonsai_library_new (fixture->scratch, &error);
  g_assert_no_error (error);
  config->kernel = g_build_filename (fixture->scratch, "kernel", NULL);
  g_assert_true (g_file_set_contents (config->kernel, (const char *)counting_guest,
                                      counting_guest_end - counting_guest, NULL));
  config->memory = 64 * MIB;
  disk = vm_config_add_disk (config, "disks/disk0.img", 16 * MIB);
  vm_config_set (&disk->options.format, "raw");
  vm_config_add_serial (config, fixture->output);
  fixture->vm = bonsai_library_create (fixture->library, config, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  scratch_finalize (fixture->library);
  scratch_free (fixture->scratch);
  g_free (fixture->output);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static gboolean
start (Fixture *fixture, BonsaiStartFlags flags, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_start_async (fixture->vm, BONSAI_START_HEADLESS | flags, NULL, keep_result, &result);
  wait_until (result != NULL);
  return bonsai_vm_start_finish (fixture->vm, result, error);
}

static void
control (Fixture *fixture, BonsaiControl what)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  bonsai_vm_control_async (fixture->vm, what, 0, NULL, keep_result, &result);
  wait_until (result != NULL);
  bonsai_vm_control_finish (fixture->vm, result, &error);
  g_assert_no_error (error);
}

static void
power_off (Fixture *fixture)
{
  control (fixture, BONSAI_CONTROL_POWER_OFF);
  wait_until (!bonsai_vm_is_hosted_here (fixture->vm));
}

/* @arguments: as text. */
static GVariant *
change (Fixture *fixture, const char *operation, const char *arguments, GError **error)
{
  g_autoptr (BonsaiSession) session = g_object_ref (bonsai_vm_get_session (fixture->vm));
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_session_change_snapshots_async (session, operation,
                                         g_variant_new_parsed (arguments != NULL ? arguments : "@a{sv} {}"),
                                         NULL, keep_result, &result);
  wait_until (result != NULL);
  return bonsai_session_change_snapshots_finish (session, result, error);
}

/* The id of the new node. */
static char *
take (Fixture *fixture, const char *name)
{
  g_autofree char *arguments = g_strdup_printf ("{'name': <'%s'>}", name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = change (fixture, "take", arguments, &error);
  char *id = NULL;
  guint64 pause = 0;

  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (result, "id", "s", &id));
  g_assert_true (g_variant_lookup (result, "pause", "t", &pause));
  g_test_message ("%s: the guest stood for %.1f ms", name, (double)pause / 1e6);
  return id;
}

static void
restore (Fixture *fixture, const char *node)
{
  g_autofree char *arguments = g_strdup_printf ("{'node': <'%s'>}", node);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = change (fixture, "restore", arguments, &error);
  guint64 time = 0;

  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (result, "time", "t", &time));
  g_test_message ("it went back in %.1f ms", (double)time / 1e6);
}

/* --- what the guest says --- */

/* The lines from byte @from on that are whole, as numbers. */
static GArray *
numbers (Fixture *fixture, gsize from)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  GArray *values = g_array_new (false, false, sizeof (guint64));
  gsize length;

  g_assert_true (g_file_get_contents (fixture->output, &text, &length, NULL));
  g_assert_cmpuint (from, <=, length);
  lines = g_strsplit (text + from, "\n", -1);
  for (unsigned i = 0; lines[i] != NULL && lines[i + 1] != NULL; i++)
    if (strlen (lines[i]) == 8)
      {
        guint64 value = g_ascii_strtoull (lines[i], NULL, 16);

        g_array_append_val (values, value);
      }
  return values;
}

static gsize
said (Fixture *fixture)
{
  GStatBuf st;

  return g_stat (fixture->output, &st) == 0 ? (gsize)st.st_size : 0;
}

static bool
has_counted (Fixture *fixture, gsize from, guint64 *last)
{
  g_autoptr (GArray) values = numbers (fixture, from);

  if (values->len < 3)
    return false;
  *last = g_array_index (values, guint64, values->len - 1);
  return true;
}

/* Waits for some more lines. Returns: the last number. */
static guint64
count (Fixture *fixture)
{
  gsize from = said (fixture);
  guint64 last = 0;

  wait_until (has_counted (fixture, from, &last));
  return last;
}

/* What it counts from @from on goes up by ones, but where it was somewhere else all at once. Returns: how
 * often. */
static unsigned
count_leaps (Fixture *fixture, gsize from)
{
  g_autoptr (GArray) values = numbers (fixture, from);
  unsigned n = 0;

  for (guint i = 1; i < values->len; i++)
    n += g_array_index (values, guint64, i) != g_array_index (values, guint64, i - 1) + 1;
  return n;
}

/* Nothing is left over. */
static void
assert_sound (Fixture *fixture)
{
  const DoctorHow how = { .thorough = true };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) findings = doctor_examine (bonsai_vm_get_path (fixture->vm), &how, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < findings->len; i++)
    {
      const DoctorFinding *finding = g_ptr_array_index (findings, i);

      g_test_message ("%s: %s", finding->path, finding->message);
    }
  g_assert_cmpuint (findings->len, ==, 0);
}

/* --- the stories --- */

static void
test_there_and_back (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = NULL, *second = NULL;
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (GError) error = NULL;
  guint64 at_first, at_second, now;

  g_assert_true (start (fixture, 0, &error));
  g_assert_no_error (error);
  at_first = count (fixture);
  first = take (fixture, "first");
  at_second = count (fixture);
  second = take (fixture, "second");
  now = count (fixture);
  g_assert_cmpuint (now, >, at_second);
  g_assert_cmpuint (at_second, >, at_first);

  for (unsigned i = 0; i < 3; i++)
    {
      gsize from;

      restore (fixture, first);
      from = said (fixture);
      g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_RUNNING);
      now = count (fixture);
      g_assert_cmpuint (now, >, at_first);
      restore (fixture, second);
      g_assert_cmpuint (count (fixture), >, at_second);
      g_assert_cmpuint (count_leaps (fixture, from), <=, 1);
    }

  tree = snapshot_tree_read (bonsai_vm_get_path (fixture->vm), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tree->nodes->len, ==, 2);
  g_assert_cmpstr (tree->current->id, ==, second);
  g_assert_cmpstr (tree->current->parent->id, ==, first);
  power_off (fixture);
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_STOPPED);
  assert_sound (fixture);
}

/* One that stands stays so; who had paused it lets it run on where it was. */
static void
test_paused (Fixture *fixture, gconstpointer data)
{
  g_autofree char *node = NULL, *arguments = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;
  guint64 then;
  gsize from;

  g_assert_true (start (fixture, 0, &error));
  then = count (fixture);
  control (fixture, BONSAI_CONTROL_PAUSE);
  node = take (fixture, "paused");
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_PAUSED);
  control (fixture, BONSAI_CONTROL_RESUME);
  count (fixture);
  arguments = g_strdup_printf ("{'node': <'%s'>, 'paused': <true>}", node);
  result = change (fixture, "restore", arguments, &error);
  g_assert_no_error (error);
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_PAUSED);
  from = said (fixture);
  control (fixture, BONSAI_CONTROL_RESUME);
  g_assert_cmpuint (count (fixture), >, then);
  g_assert_cmpuint (count_leaps (fixture, from), ==, 0);
  power_off (fixture);
}

static void
test_suspend (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (start (fixture, 0, &error));
  count (fixture);
  for (unsigned i = 0; i < 2; i++)
    {
      guint64 then = count (fixture);

      g_clear_pointer (&result, g_variant_unref);
      result = change (fixture, "suspend", NULL, &error);
      g_assert_no_error (error);
      wait_until (!bonsai_vm_is_hosted_here (fixture->vm));
      g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_SUSPENDED);
      assert_sound (fixture);
      g_assert_true (start (fixture, 0, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (count (fixture), >, then);
      g_assert_null (bonsai_vm_get_config (fixture->vm)->resume);
    }
  power_off (fixture);
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_STOPPED);
  assert_sound (fixture);
}

/* A state that can't be loaded stays, and the machine can be booted without it. */
static void
test_damaged_state (Fixture *fixture, gconstpointer data)
{
  g_autofree char *state = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (start (fixture, 0, &error));
  count (fixture);
  result = change (fixture, "suspend", NULL, &error);
  g_assert_no_error (error);
  wait_until (!bonsai_vm_is_hosted_here (fixture->vm));
  state = g_build_filename (bonsai_vm_get_path (fixture->vm), "suspended", "state", NULL);
  g_assert_true (g_file_set_contents (state, "rubbish", -1, NULL));
  g_assert_false (start (fixture, 0, &error));
  g_assert_nonnull (strstr (error->message, "--discard-state"));
  g_clear_error (&error);
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_SUSPENDED);
  g_assert_true (g_file_test (state, G_FILE_TEST_EXISTS));
  g_assert_true (start (fixture, BONSAI_START_DISCARD_STATE, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count (fixture), <, 1000);
  power_off (fixture);
  assert_sound (fixture);
}

static void
test_take_first (Fixture *fixture, gconstpointer data)
{
  g_autofree char *node = NULL, *arguments = NULL, *taken = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;
  guint64 before;

  g_assert_true (start (fixture, 0, &error));
  count (fixture);
  node = take (fixture, "early");
  before = count (fixture);
  arguments = g_strdup_printf ("{'node': <'%s'>, 'take-first': <'late'>}", node);
  result = change (fixture, "restore", arguments, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (result, "taken", "s", &taken));
  count (fixture);
  restore (fixture, taken);
  g_assert_cmpuint (count (fixture), >, before);
  power_off (fixture);
  assert_sound (fixture);
}

/* Of a machine that was off: it is off again. Its next start boots. */
static void
test_back_to_off (Fixture *fixture, gconstpointer data)
{
  const SnapshotTake what = { .name = "fresh" };
  g_autofree char *node = NULL, *arguments = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;

  node = snapshot_take (bonsai_vm_get_path (fixture->vm), &what, &error);
  g_assert_no_error (error);
  g_assert_true (start (fixture, 0, &error));
  count (fixture);
  arguments = g_strdup_printf ("{'node': <'%s'>}", node);
  result = change (fixture, "restore", arguments, &error);
  g_assert_no_error (error);
  wait_until (!bonsai_vm_is_hosted_here (fixture->vm));
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_STOPPED);
  assert_sound (fixture);
}

static void
test_edits (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = NULL, *second = NULL, *arguments = NULL;
  g_autoptr (GVariant) renamed = NULL, deleted = NULL, refused = NULL;
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (GError) error = NULL;
  guint32 n = 0;

  g_assert_true (start (fixture, 0, &error));
  first = take (fixture, "first");
  second = take (fixture, "second");
  refused = change (fixture, "rename", "{'node': <'third'>, 'name': <'better'>}", &error);
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  renamed = change (fixture, "rename", "{'node': <'second'>, 'name': <'better'>, 'note': <'x'>}", &error);
  g_assert_no_error (error);
  arguments = g_strdup_printf ("{'node': <'%s'>}", first);
  deleted = change (fixture, "delete", arguments, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (deleted, "count", "u", &n));
  g_assert_cmpuint (n, ==, 1);
  refused = change (fixture, "fly", NULL, &error);
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
  g_clear_error (&error);
  refused = change (fixture, "take", "{'name': <5>}", &error);
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
  g_clear_error (&error);
  refused = change (fixture, "delete", NULL, &error);
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
  g_clear_error (&error);

  tree = snapshot_tree_read (bonsai_vm_get_path (fixture->vm), &error);
  g_assert_cmpuint (tree->nodes->len, ==, 1);
  count (fixture);
  restore (fixture, second);
  count (fixture);
  power_off (fixture);
}

/* As a user asks for it, as soon as the session has tidied up after a snapshot. */
static bool
work_on_disk (Fixture *fixture, const char *what, guint layer, GError **error)
{
  const BonsaiDiskWork work = { .disk = "disk0", .work = what, .layer = layer };

  for (;;)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) failure = NULL;

      bonsai_session_work_on_disk_async (bonsai_vm_get_session (fixture->vm), &work, NULL, keep_result,
                                         &result);
      wait_until (result != NULL);
      if (bonsai_session_work_on_disk_finish (bonsai_vm_get_session (fixture->vm), result, &failure))
        return true;
      if (strstr (failure->message, "busy with a snapshot") != NULL)
        continue;
      g_propagate_error (error, g_steal_pointer (&failure));
      return false;
    }
}

/* What snapshots need can't be written to by work on the running machine's disk; what they don't need can. */
static void
test_guarded_layers (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = NULL, *second = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (start (fixture, 0, &error));
  first = take (fixture, "first");
  g_assert_false (work_on_disk (fixture, "commit", 0, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "“first”"));
  g_clear_error (&error);
  second = take (fixture, "second");
  g_assert_false (work_on_disk (fixture, "merge", 1, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (work_on_disk (fixture, "merge", G_MAXUINT, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_true (work_on_disk (fixture, "flatten", 0, &error));
  g_assert_no_error (error);
  count (fixture);
  restore (fixture, first);
  count (fixture);
  power_off (fixture);
  assert_sound (fixture);
}

/* It runs on, and its tree is as it was. */
/* --- by the clock --- */

static unsigned
count_scheduled (Fixture *fixture, unsigned *n_others)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bonsai_vm_get_path (fixture->vm), NULL);
  unsigned n = 0;

  for (guint i = 0; i < tree->nodes->len; i++)
    n += ((SnapshotNode *)g_ptr_array_index (tree->nodes, i))->scheduled;
  if (n_others != NULL)
    *n_others = tree->nodes->len - n;
  return n;
}

static bool
is_due (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = change (fixture, "get-schedule", NULL, &error);

  g_assert_no_error (error);
  return g_variant_lookup (answer, "due", "x", NULL);
}

/* Waits until the clock has taken another one, and what goes for it has gone. */
static void
wait_for_clock (Fixture *fixture, const char *last)
{
  g_autoptr (SnapshotTree) tree = NULL;

  do
    {
      g_main_context_iteration (NULL, true);
      g_clear_pointer (&tree, snapshot_tree_free);
      tree = snapshot_tree_read (bonsai_vm_get_path (fixture->vm), NULL);
    }
  while (tree->current == NULL || g_str_equal (tree->current->id, last));
}

static char *
current (Fixture *fixture)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bonsai_vm_get_path (fixture->vm), NULL);

  return g_strdup (tree->current != NULL ? tree->current->id : "");
}

static void
test_schedule (Fixture *fixture, gconstpointer data)
{
  const VmSchedule schedule = { .every = 1, .keep = { [VM_KEEP_LAST] = 2 }, .disks_only = data != NULL };
  g_autofree char *own = NULL, *arguments = NULL, *at_pause = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;
  unsigned n_others;
  guint64 then;

  g_assert_true (start (fixture, 0, &error));
  g_assert_false (is_due (fixture));
  local_session_set_schedule (LOCAL_SESSION (bonsai_vm_get_session (fixture->vm)), &schedule);
  g_assert_true (is_due (fixture));
  for (unsigned i = 0; i < 4; i++)
    {
      g_autofree char *before = current (fixture);

      if (i == 2)
        {
          own = take (fixture, "mine");
          g_free (before);
          before = g_strdup (own);
        }
      wait_for_clock (fixture, before);
    }
  g_assert_cmpuint (count_scheduled (fixture, &n_others), <=, 3);
  g_assert_cmpuint (n_others, ==, 1);

  /* Of a machine that stands one more is taken, then there is nothing to keep. */
  control (fixture, BONSAI_CONTROL_PAUSE);
  wait_until (!is_due (fixture));
  at_pause = current (fixture);
  g_usleep (1500 * 1000);
  g_main_context_iteration (NULL, false);
  g_assert_false (is_due (fixture));
  control (fixture, BONSAI_CONTROL_RESUME);
  wait_for_clock (fixture, at_pause);

  /* No more; and one of them is as good as any. */
  result = change (fixture, "set-schedule", "{'every': <''>}", &error);
  g_assert_no_error (error);
  local_session_set_schedule (LOCAL_SESSION (bonsai_vm_get_session (fixture->vm)), &(VmSchedule){ 0 });
  g_assert_false (is_due (fixture));
  then = count (fixture);
  restore (fixture, at_pause);
  if (data != NULL)
    g_assert_cmpuint (count (fixture), <, then);
  else
    g_assert_cmpuint (count (fixture), >, 0);
  power_off (fixture);
  /* Layers may have been about to become one. */
  snapshot_collect (bonsai_vm_get_path (fixture->vm), false, NULL, &error);
  g_assert_no_error (error);
  assert_sound (fixture);
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) result = NULL;
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (GError) error = NULL;
  guint64 then;

  g_assert_true (start (fixture, 0, &error));
  then = count (fixture);
  for (unsigned i = 0; i < 2; i++)
    {
      static const char *const operations[] = { "take", "suspend" };
      g_autoptr (GAsyncResult) done = NULL;

      bonsai_session_change_snapshots_async (bonsai_vm_get_session (fixture->vm), operations[i],
                                             g_variant_new ("a{sv}", NULL), NULL, keep_result, &done);
      bonsai_session_cancel_snapshot (bonsai_vm_get_session (fixture->vm));
      wait_until (done != NULL);
      result = bonsai_session_change_snapshots_finish (bonsai_vm_get_session (fixture->vm), done, &error);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&error);
      g_assert_cmpuint (count (fixture), >, then);
    }
  tree = snapshot_tree_read (bonsai_vm_get_path (fixture->vm), &error);
  g_assert_cmpuint (tree->nodes->len, ==, 0);
  power_off (fixture);
  assert_sound (fixture);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
    gconstpointer data;
  } tests[] = {
    { "/vm-snapshots/there-and-back", test_there_and_back, NULL },
    { "/vm-snapshots/paused", test_paused, NULL },
    { "/vm-snapshots/suspend", test_suspend, NULL },
    { "/vm-snapshots/damaged-state", test_damaged_state, NULL },
    { "/vm-snapshots/take-first", test_take_first, NULL },
    { "/vm-snapshots/back-to-off", test_back_to_off, NULL },
    { "/vm-snapshots/edits", test_edits, NULL },
    { "/vm-snapshots/guarded-layers", test_guarded_layers, NULL },
    { "/vm-snapshots/cancel", test_cancel, NULL },
    { "/vm-snapshots/schedule", test_schedule, NULL },
    { "/vm-snapshots/schedule-disks", test_schedule, "disks" },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, tests[i].data, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
