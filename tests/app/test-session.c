/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session seen from another process: over its socket. */
#include "app/base/error.h"
#include "app/session/disk-message.h"
#include "app/session/remote-session.h"
#include "app/session/runtime-dir.h"
#include "app/session/session-server.h"
#include "tests/app/fake-session.h"
#include "tests/app/scratch.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

typedef struct {
  FakeSession *fake;
  SessionServer *server;
  BonsaiSession *remote;
} Fixture;

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static RemoteSession *
connect_to (const char *uuid, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  remote_session_connect_async (uuid, NULL, keep_result, &result);
  wait_until (result != NULL);
  return remote_session_connect_finish (result, error);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->fake = fake_session_new ();
  fixture->server = session_server_new (BONSAI_SESSION (fixture->fake), &error);
  g_assert_no_error (error);
  fixture->remote = BONSAI_SESSION (connect_to (fixture->fake->uuid, &error));
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_object (&fixture->remote);
  g_clear_pointer (&fixture->server, session_server_free);
  g_assert_finalize_object (fixture->fake);
}

static gboolean
control (Fixture *fixture, BonsaiControl what, unsigned timeout_ms, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_session_control_async (fixture->remote, what, timeout_ms, NULL, keep_result, &result);
  wait_until (result != NULL);
  return bonsai_session_control_finish (fixture->remote, result, error);
}

static void
test_properties (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpstr (bonsai_session_get_uuid (fixture->remote), ==, fixture->fake->uuid);
  g_assert_cmpstr (bonsai_session_get_name (fixture->remote), ==, "Fake “one”");
  g_assert_cmpint (bonsai_session_get_state (fixture->remote), ==, BONSAI_STATE_RUNNING);
  g_assert_cmpint (bonsai_session_get_pid (fixture->remote), ==, getpid ());
  g_assert_null (bonsai_session_get_message (fixture->remote));

  fake_session_set_state (fixture->fake, BONSAI_STATE_PAUSED, BONSAI_REASON_IO_ERROR, "disk0 is full");
  wait_until (bonsai_session_get_state (fixture->remote) == BONSAI_STATE_PAUSED);
  g_assert_cmpint (bonsai_session_get_reason (fixture->remote), ==, BONSAI_REASON_IO_ERROR);
  g_assert_cmpstr (bonsai_session_get_message (fixture->remote), ==, "disk0 is full");
}

static void
test_control (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (control (fixture, BONSAI_CONTROL_PAUSE, 0, &error));
  wait_until (bonsai_session_get_state (fixture->remote) == BONSAI_STATE_PAUSED);
  g_assert_true (control (fixture, BONSAI_CONTROL_RESUME, 0, &error));
  g_assert_false (control (fixture, BONSAI_CONTROL_SHUTDOWN, 7000, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT);
  g_assert_cmpstr (error->message, ==, "It sleeps “on”");
  g_assert_cmpstr (fixture->fake->log->str, ==, "control 0 0\ncontrol 1 0\ncontrol 2 7000\n");
}

static void
test_input (Fixture *fixture, gconstpointer data)
{
  static const BonsaiInput events[] = {
    { .kind = BONSAI_INPUT_KEY, .code = 4, .down = true },
    { .kind = BONSAI_INPUT_KEY, .code = 4 },
    { .kind = BONSAI_INPUT_MOTION, .x = -5, .y = 6 },
    { .kind = BONSAI_INPUT_POSITION, .x = 1, .y = 32767 },
    { .kind = BONSAI_INPUT_BUTTON, .code = 2, .down = 1 },
    { .kind = BONSAI_INPUT_WHEEL, .x = 1, .y = -1 },
    { .kind = BONSAI_INPUT_RELEASE_ALL },
  };
  g_autoptr (GString) expected = g_string_new (NULL);

  for (unsigned round = 0; round < 50; round++)
    for (unsigned i = 0; i < G_N_ELEMENTS (events); i++)
      {
        bonsai_session_input (fixture->remote, &events[i]);
        g_string_append_printf (expected, "input %d %u %d %d %d\n", events[i].kind, events[i].code,
                                events[i].down, events[i].x, events[i].y);
      }
  wait_until (fixture->fake->log->len >= expected->len);
  g_assert_cmpstr (fixture->fake->log->str, ==, expected->str);
}

static void
test_grab (Fixture *fixture, gconstpointer data)
{
  static const int widths[] = { 0, 320 };

  for (unsigned i = 0; i < G_N_ELEMENTS (widths); i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (Surface) surface = NULL;
      g_autoptr (GError) error = NULL;

      bonsai_session_grab_async (fixture->remote, 0, widths[i], widths[i], NULL, keep_result, &result);
      wait_until (result != NULL);
      surface = bonsai_session_grab_finish (fixture->remote, result, &error);
      g_assert_no_error (error);
      g_assert_cmpint (surface->width, ==, widths[i] != 0 ? widths[i] : 1023);
      g_assert_cmpint (surface->height, ==, 300);
      for (int y = 0; y < surface->height; y++)
        for (int x = 0; x < surface->width; x++)
          g_assert_cmphex (((uint32_t *)((char *)surface->pixels + (gsize)y * surface->stride))[x], ==,
                           (uint32_t)(y << 12 | x));
    }
}

static void
count_up (int *n)
{
  (*n)++;
}

/* A watcher that goes without a word watches no longer. */
static void
test_watch (Fixture *fixture, gconstpointer data)
{
  g_autoptr (BonsaiSession) other = BONSAI_SESSION (connect_to (fixture->fake->uuid, NULL));
  int n_changes = 0;

  g_signal_connect_swapped (fixture->remote, "thumbnail-changed", G_CALLBACK (count_up), &n_changes);
  bonsai_session_watch (fixture->remote, true);
  bonsai_session_watch (other, true);
  bonsai_session_watch (other, true);
  wait_until (fixture->fake->n_watchers == 3);
  g_signal_emit_by_name (fixture->fake, "thumbnail-changed");
  wait_until (n_changes == 1);
  g_clear_object (&other);
  wait_until (fixture->fake->n_watchers == 1);
  bonsai_session_watch (fixture->remote, false);
  wait_until (fixture->fake->n_watchers == 0);
}

static void
test_medium_and_console (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GAsyncResult) changed = NULL, ejected = NULL, up = NULL, down = NULL, shown = NULL;
  g_autoptr (GError) error = NULL;

  bonsai_session_change_medium_async (fixture->remote, "cd1", "/a b.iso", true, NULL, keep_result, &changed);
  wait_until (changed != NULL);
  g_assert_true (bonsai_session_change_medium_finish (fixture->remote, changed, &error));
  bonsai_session_change_medium_async (fixture->remote, NULL, NULL, false, NULL, keep_result, &ejected);
  wait_until (ejected != NULL);
  g_assert_true (bonsai_session_change_medium_finish (fixture->remote, ejected, &error));
  g_assert_cmpstr (fixture->fake->log->str, ==, "medium cd1 /a b.iso 1\nmedium (null) (null) 0\n");

  bonsai_session_set_link_async (fixture->remote, "net1", true, NULL, keep_result, &up);
  wait_until (up != NULL);
  g_assert_true (bonsai_session_set_link_finish (fixture->remote, up, &error));
  bonsai_session_set_link_async (fixture->remote, "net0", false, NULL, keep_result, &down);
  wait_until (down != NULL);
  g_assert_false (bonsai_session_set_link_finish (fixture->remote, down, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (g_str_has_suffix (fixture->fake->log->str, "link net1 up\nlink net0 down\n"));

  g_assert_false (bonsai_session_get_console_open (fixture->remote));
  bonsai_session_show_console_async (fixture->remote, true, NULL, keep_result, &shown);
  wait_until (shown != NULL);
  g_assert_true (bonsai_session_show_console_finish (fixture->remote, shown, &error));
  wait_until (bonsai_session_get_console_open (fixture->remote));
}

static void
test_disk (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GAsyncResult) grown = NULL, limited = NULL;
  g_autoptr (GError) error = NULL;

  bonsai_session_change_disk_async (fixture->remote, "disk0", 1ull << 40, NULL, NULL, keep_result, &grown);
  wait_until (grown != NULL);
  g_assert_true (bonsai_session_change_disk_finish (fixture->remote, grown, &error));
  bonsai_session_change_disk_async (fixture->remote, "disk1", 0, &(ImageLimits){ 1, 2, 3, 4 }, NULL,
                                    keep_result, &limited);
  wait_until (limited != NULL);
  g_assert_true (bonsai_session_change_disk_finish (fixture->remote, limited, &error));
  g_assert_cmpstr (fixture->fake->log->str, ==, "disk disk0 1099511627776\ndisk disk1 0 1 2 3 4\n");
}

static Counters *
look (Fixture *fixture)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Counters *counters;

  bonsai_session_get_counters_async (fixture->remote, NULL, keep_result, &result);
  wait_until (result != NULL);
  counters = bonsai_session_get_counters_finish (fixture->remote, result, &error);
  g_assert_no_error (error);
  return counters;
}

static void
test_counters (Fixture *fixture, gconstpointer data)
{
  g_autofree Counters *first = look (fixture), *second = look (fixture);

  for (unsigned i = 0; i < N_COUNTERS; i++)
    {
      g_assert_cmpuint (first->values[i], ==, 1000 * i + 1);
      g_assert_cmpuint (counters_growth (first, second, i), ==, 1);
    }
  g_assert_cmpfloat_with_epsilon (counters_rate (first, second, COUNTER_CPU_TIME), 1, 1e-6);
  g_assert_cmpfloat_with_epsilon (counters_rate (first, second, COUNTER_NET_SENT), 1e9, 1);
  g_assert_cmpfloat (counters_rate (first, first, COUNTER_NET_SENT), ==, 0);
  /* After going back to a snapshot. */
  second->values[COUNTER_DISK_READS] = 5;
  g_assert_cmpuint (counters_growth (first, second, COUNTER_DISK_READS), ==, 5);
}

static DiskSpec *
attach (Fixture *fixture, const DiskSpec *disk, bool any_bus, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_session_attach_disk_async (fixture->remote, disk, any_bus, NULL, keep_result, &result);
  wait_until (result != NULL);
  return bonsai_session_attach_disk_finish (fixture->remote, result, error);
}

static gboolean
detach (Fixture *fixture, const char *disk, bool force, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_session_detach_disk_async (fixture->remote, disk, force, NULL, keep_result, &result);
  wait_until (result != NULL);
  return bonsai_session_detach_disk_finish (fixture->remote, result, error);
}

/* All that a disk can be arrives, its passphrase byte for byte. */
static void
test_attach (Fixture *fixture, gconstpointer data)
{
  static const char secret[] = "per\tfect\n\n";
  g_autoptr (GBytes) bytes = g_bytes_new_static (secret, strlen (secret));
  const DiskSpec all = {
    .id = (char *)"disk3",
    .kind = DISK_KIND_CDROM,
    .bus = DISK_BUS_SCSI,
    .path = (char *)"/a b.img",
    .read_only = true,
    .options = { .format = (char *)"qcow2",
                 .cache = DISK_CACHE_UNSAFE,
                 .discard = DISK_DISCARD_IGNORE,
                 .serial = (char *)"S1",
                 .secret_file = (char *)"/key",
                 .secret = bytes,
                 .limits = { 1, 2, 3, 4 } },
  };
  const DiskSpec least = { .path = (char *)"nbd://host/disk" };
  g_autoptr (GError) error = NULL;
  g_autoptr (DiskSpec) became = attach (fixture, &all, false, &error);
  g_autoptr (DiskSpec) other = attach (fixture, &least, true, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (became->id, ==, "disk9");
  g_assert_cmpstr (became->path, ==, "/a b.img");
  g_assert_cmpstr (became->options.format, ==, "qcow2");
  g_assert_null (became->options.secret);
  g_assert_cmpint (other->bus, ==, DISK_BUS_SCSI);
  g_assert_cmpstr (other->options.format, ==, "vdi");
  g_assert_cmpstr (fixture->fake->log->str, ==,
                   "attach disk3 1 2 /a b.img 1 qcow2 3 1 S1 /key per\tfect\n\n 4\n"
                   "attach (null) 0 any 0 nbd://host/disk 0 (null) 0 0 (null) (null) none 0\n");

  g_string_truncate (fixture->fake->log, 0);
  g_assert_true (detach (fixture, "disk9", true, &error));
  g_assert_false (detach (fixture, "disk9", false, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_assert_cmpstr (fixture->fake->log->str, ==, "detach disk9 1\ndetach disk9 0\n");
}

/* What isn't understood is refused, and never reaches the machine. */
static void
test_attach_refused (void)
{
  static const char *const settings[] = {
    "{'path': <'relative.img'>}", "{'path': <'file://disk'>}",
    "{'secret-file': <'key'>}",   "{'path': <7>}",
    "{'bus': <'ide'>}",           "{'cache': <true>}",
    "{'read-only': <'yes'>}",     "{'limits': <(uint64 1, uint64 2)>}",
    "{'secret': <handle 0>}",     "{'colour': <'blue'>}",
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      g_autoptr (GVariant) value = g_variant_parse (G_VARIANT_TYPE ("a{sv}"), settings[i], NULL, NULL, NULL);
      g_autoptr (GError) error = NULL;
      bool any_bus;

      g_assert_nonnull (value);
      g_assert_null (disk_message_parse (value, NULL, &any_bus, &error));
      g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
    }
}

/* The end is told before the connection goes. */
static void
keep_change (GString *told, const char *key, const char *name, const char *state)
{
  g_string_append_printf (told, "%s %s %s", key, name, state);
}

/* A descriptor arrives, what becomes of it comes back. */
static void
test_usb (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GAsyncResult) attached = NULL, detached = NULL, listed = NULL;
  g_autoptr (GVariant) devices = NULL;
  g_autoptr (GString) told = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = NULL, *text = NULL;
  struct stat info;

  g_signal_connect_swapped (fixture->remote, "usb-changed", G_CALLBACK (keep_change), told);
  bonsai_session_attach_usb_async (fixture->remote, STDIN_FILENO, "1-2.3", "A “stick”", NULL, keep_result, &attached);
  wait_until (attached != NULL);
  g_assert_true (bonsai_session_attach_usb_finish (fixture->remote, attached, &error));
  g_assert_cmpint (fstat (STDIN_FILENO, &info), ==, 0);
  expected = g_strdup_printf ("attach %lu 1-2.3 A “stick”\n", (unsigned long)info.st_ino);
  g_assert_cmpstr (fixture->fake->log->str, ==, expected);
  wait_until (told->len > 0);
  g_assert_cmpstr (told->str, ==, "1-2.3 A “stick” attached");

  bonsai_session_list_usb_async (fixture->remote, NULL, keep_result, &listed);
  wait_until (listed != NULL);
  devices = bonsai_session_list_usb_finish (fixture->remote, listed, &error);
  g_assert_no_error (error);
  text = g_variant_print (devices, FALSE);
  g_assert_cmpstr (text, ==, "[('1-2', '1111:2222@1-2', 'Stick', 'missing')]");

  bonsai_session_detach_usb_async (fixture->remote, "3-1", NULL, keep_result, &detached);
  wait_until (detached != NULL);
  g_assert_false (bonsai_session_detach_usb_finish (fixture->remote, detached, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND);
  g_assert_cmpstr (error->message, ==, "There is no 3-1");
}

static void
test_end (Fixture *fixture, gconstpointer data)
{
  fixture->fake->exit_status = 33;
  fake_session_set_state (fixture->fake, BONSAI_STATE_CRASHED, BONSAI_REASON_TRIPLE_FAULT, "Triple fault");
  g_clear_pointer (&fixture->server, session_server_free);
  wait_until (bonsai_session_get_state (fixture->remote) == BONSAI_STATE_CRASHED);
  g_assert_cmpint (bonsai_session_get_reason (fixture->remote), ==, BONSAI_REASON_TRIPLE_FAULT);
  g_assert_cmpint (bonsai_session_get_exit_status (fixture->remote), ==, 33);
}

static void
test_host_lost (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->server, session_server_free);
  wait_until (bonsai_session_get_state (fixture->remote) == BONSAI_STATE_CRASHED);
  g_assert_cmpint (bonsai_session_get_reason (fixture->remote), ==, BONSAI_REASON_HOST_LOST);
}

static void
test_nobody_there (void)
{
  g_autofree char *uuid = g_uuid_string_random ();
  g_autoptr (GError) error = NULL;

  g_assert_null (connect_to (uuid, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING);
}

/* Runs in a process of user @uid: speaks D-Bus's greeting (D-Bus specification 0.38, "Authentication
 * Protocol") and says whether it was let in. 0: refused, 1: let in, 2: did not even get to the socket. */
static int
knock_as (const char *path, uid_t uid)
{
  g_autofree char *digits = g_strdup_printf ("%u", uid);
  g_autoptr (GString) greeting = g_string_new_len ("\0AUTH EXTERNAL ", 15);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);
  char answer[64] = "";

  for (const char *at = digits; *at != '\0'; at++)
    g_string_append_printf (greeting, "%02x", *at);
  g_string_append (greeting, "\r\n");
  if (uid != geteuid () && (setgid (uid) < 0 || setuid (uid) < 0))
    return 3;
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (connect (fd, (struct sockaddr *)&address, sizeof address) < 0)
    return errno == EACCES ? 2 : 3;
  if (write (fd, greeting->str, greeting->len) < 0 || read (fd, answer, sizeof answer - 1) < 0)
    return 0;
  return g_str_has_prefix (answer, "OK") ? 1 : 0;
}

static int
knock (const char *path, uid_t uid)
{
  pid_t pid = fork (), ended = 0;
  int status;

  if (pid == 0)
    _exit (knock_as (path, uid));
  /* The server accepts on this thread. */
  wait_until (ended == pid || (ended = waitpid (pid, &status, WNOHANG)) == pid);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

/* Another user doesn't get through the folder; and with the folder open, not past the greeting. */
static void
test_other_user (Fixture *fixture, gconstpointer data)
{
  g_autofree char *folder = runtime_dir_path (), *path = runtime_dir_socket (fixture->fake->uuid);
  struct stat st;

  g_assert_cmpint (stat (folder, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0700);
  g_assert_cmpint (knock (path, geteuid ()), ==, 1);
  if (geteuid () != 0)
    {
      g_test_skip ("needs root, to become another user");
      return;
    }
  g_assert_cmpint (knock (path, NOBODY), ==, 2);
  for (char *at = strchr (path + 1, '/'); at != NULL; at = strchr (at + 1, '/'))
    {
      *at = '\0';
      if (g_str_has_prefix (path, g_getenv ("BONSAI_TEST_SCRATCH")))
        chmod (path, 0755);
      *at = '/';
    }
  chmod (path, 0777);
  g_assert_cmpint (knock (path, NOBODY), ==, 0);
  chmod (folder, 0700);
}

static GVariant *
ask (Fixture *fixture, const char *operation, GVariant *arguments, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_session_ask_guest_async (fixture->remote, operation, arguments, NULL, keep_result, &result);
  wait_until (result != NULL);
  return bonsai_session_ask_guest_finish (fixture->remote, result, error);
}

/* What the guest is asked passes both ways; whoever froze it and goes has it thawed. */
static void
test_guest (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;
  guint32 count = 0;

  g_assert_null (ask (fixture, "exec", g_variant_new_parsed ("{'command': <['/bin/ls', '-l']>}"), &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_assert_cmpstr (error->message, ==, "The agent said “no”");
  g_clear_error (&error);
  g_assert_cmpstr (fixture->fake->log->str, ==, "ask exec {'command': <['/bin/ls', '-l']>}\n");

  g_string_truncate (fixture->fake->log, 0);
  g_assert_null (ask (fixture, "info", NULL, &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_clear_error (&error);
  g_assert_cmpstr (fixture->fake->log->str, ==, "ask info {}\n");

  g_string_truncate (fixture->fake->log, 0);
  answer = ask (fixture, "freeze", g_variant_new_parsed ("{'timeout': <uint32 600>}"), &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (answer, "count", "u", &count) && count == 2);
  g_clear_object (&fixture->remote);
  wait_until (strstr (fixture->fake->log->str, "ask thaw {'id': <uint32 7>}\n") != NULL);
  /* Nobody waits for the answer, but it comes. */
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

/* A folder that others may enter is refused. */
static void
test_open_folder (void)
{
  g_autofree char *folder = runtime_dir_path ();
  g_autoptr (GError) error = NULL;
  g_autoptr (FakeSession) fake = fake_session_new ();

  g_assert_true (runtime_dir_ensure (&error));
  g_assert_cmpint (chmod (folder, 0770), ==, 0);
  g_assert_null (session_server_new (BONSAI_SESSION (fake), &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_assert_cmpint (chmod (folder, 0700), ==, 0);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/session/properties", test_properties },
    { "/session/control", test_control },
    { "/session/input", test_input },
    { "/session/grab", test_grab },
    { "/session/watch", test_watch },
    { "/session/medium-and-console", test_medium_and_console },
    { "/session/disk", test_disk },
    { "/session/counters", test_counters },
    { "/session/attach", test_attach },
    { "/session/usb", test_usb },
    { "/session/guest", test_guest },
    { "/session/end", test_end },
    { "/session/host-lost", test_host_lost },
    { "/session/other-user", test_other_user },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  g_setenv ("BONSAI_TEST_SCRATCH", scratch, TRUE);
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  g_test_add_func ("/session/attach-refused", test_attach_refused);
  g_test_add_func ("/session/nobody-there", test_nobody_there);
  g_test_add_func ("/session/open-folder", test_open_folder);
  return g_test_run ();
}
