/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of machines that run when the host shuts down, with a logind of our own on a bus of our own.
 * Needs KVM, of any kind. */
#include "app/host/host-session.h"
#include "tests/app/scratch.h"

#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <poll.h>
#include <unistd.h>

#define MIB         (UINT64_C (1) << 20)
#define PATIENCE_MS 3000

extern const guint8 counting_guest[], counting_guest_end[];

typedef struct {
  char *scratch;
  BonsaiLibrary *library;
  BonsaiVm *vm;

  GTestDBus *daemon;
  GDBusConnection *logind_bus, *bus;
  GDBusNodeInfo *node;
  guint object, name, desktop_name;
  bool named;
  unsigned n_locks; /* given so far */
  int lock;         /* the other end of the last one; -1: none */
  HostSession *host;
  const char *desktop_said; /* the last call: a constant */
  unsigned n_answers;
} Fixture;

/* --- logind: org.freedesktop.login1(5) --- */

static const char logind_xml[] =
  "<node><interface name='org.freedesktop.login1.Manager'>"
  "<method name='Inhibit'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
  "<arg type='s' direction='in'/><arg type='s' direction='in'/><arg type='h' direction='out'/></method>"
  "<signal name='PrepareForShutdown'><arg type='b'/></signal>"
  "<signal name='PrepareForSleep'><arg type='b'/></signal>"
  "<property name='InhibitDelayMaxUSec' type='t' access='read'/>"
  "</interface></node>";

static void
on_call (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
         const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data)
{
  Fixture *fixture = data;
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  const char *what, *mode;
  int ends[2];

  g_assert_cmpstr (method, ==, "Inhibit");
  g_variant_get (parameters, "(&s&s&s&s)", &what, NULL, NULL, &mode);
  g_assert_cmpstr (what, ==, "shutdown");
  g_assert_cmpstr (mode, ==, "delay");
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  if (fixture->lock >= 0)
    close (fixture->lock);
  fixture->lock = ends[0];
  fixture->n_locks++;
  g_unix_fd_list_append (fds, ends[1], NULL);
  close (ends[1]);
  g_dbus_method_invocation_return_value_with_unix_fd_list (invocation, g_variant_new ("(h)", 0), fds);
}

static GVariant *
on_get (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
        const char *property, GError **error, gpointer data)
{
  return g_variant_new_uint64 (PATIENCE_MS * UINT64_C (1000));
}

static void
on_name (GDBusConnection *bus, const char *name, gpointer data)
{
  ((Fixture *)data)->named = true;
}

/* Whether the host is asked to wait now. */
static bool
is_delayed (Fixture *fixture)
{
  struct pollfd end = { .fd = fixture->lock, .events = POLLIN };

  return fixture->lock >= 0 && poll (&end, 1, 0) == 0;
}

/* --- the desktop's session: org.gnome.SessionManager --- */

#define CLIENT_PATH "/org/gnome/SessionManager/Client7"

static const char desktop_xml[] =
  "<node><interface name='org.gnome.SessionManager'>"
  "<method name='RegisterClient'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
  "<arg type='o' direction='out'/></method>"
  "<method name='UnregisterClient'><arg type='o' direction='in'/></method>"
  "</interface><interface name='org.gnome.SessionManager.ClientPrivate'>"
  "<method name='EndSessionResponse'><arg type='b' direction='in'/><arg type='s' direction='in'/></method>"
  "<signal name='QueryEndSession'><arg type='u'/></signal><signal name='EndSession'><arg type='u'/></signal>"
  "</interface></node>";

static void
on_desktop_call (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                 const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data)
{
  Fixture *fixture = data;
  gboolean fine;

  fixture->desktop_said = g_intern_string (method);
  if (g_str_equal (method, "RegisterClient"))
    {
      g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", CLIENT_PATH));
      return;
    }
  if (g_str_equal (method, "EndSessionResponse"))
    {
      g_variant_get (parameters, "(b&s)", &fine, NULL);
      g_assert_true (fine);
      fixture->n_answers++;
    }
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static void
set_up_desktop (Fixture *fixture)
{
  static const GDBusInterfaceVTable table = { .method_call = on_desktop_call };
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (desktop_xml, NULL);

  g_dbus_connection_register_object (fixture->logind_bus, "/org/gnome/SessionManager", node->interfaces[0],
                                     &table, fixture, NULL, NULL);
  g_dbus_connection_register_object (fixture->logind_bus, CLIENT_PATH, node->interfaces[1], &table, fixture,
                                     NULL, NULL);
  fixture->named = false;
  fixture->desktop_name =
    g_bus_own_name_on_connection (fixture->logind_bus, "org.gnome.SessionManager",
                                  G_BUS_NAME_OWNER_FLAGS_NONE, on_name, NULL, fixture, NULL);
  wait_until (fixture->named);
}

static void
emit_desktop (Fixture *fixture, const char *signal)
{
  g_dbus_connection_emit_signal (fixture->logind_bus, NULL, CLIENT_PATH,
                                 "org.gnome.SessionManager.ClientPrivate", signal, g_variant_new ("(u)", 0),
                                 NULL);
}

static void
emit (Fixture *fixture, const char *signal, gboolean value)
{
  g_dbus_connection_emit_signal (fixture->logind_bus, NULL, "/org/freedesktop/login1",
                                 "org.freedesktop.login1.Manager", signal, g_variant_new ("(b)", value),
                                 NULL);
}

/* Whatever was said has been heard. */
static void
hear_all (Fixture *fixture)
{
  g_autoptr (GVariant) reply = NULL;

  g_dbus_connection_flush_sync (fixture->logind_bus, NULL, NULL);
  reply = g_dbus_connection_call_sync (fixture->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "GetId", NULL, NULL, G_DBUS_CALL_FLAGS_NONE,
                                       -1, NULL, NULL);
  g_assert_nonnull (reply);
  while (g_main_context_iteration (NULL, false))
    ;
}

static GDBusConnection *
connect_to (GTestDBus *daemon)
{
  return g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (daemon),
                                                 G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                                   | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                 NULL, NULL, NULL);
}

static void
set_up_logind (Fixture *fixture)
{
  static const GDBusInterfaceVTable table = { .method_call = on_call, .get_property = on_get };

  fixture->lock = -1;
  fixture->daemon = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (fixture->daemon);
  fixture->logind_bus = connect_to (fixture->daemon);
  fixture->bus = connect_to (fixture->daemon);
  fixture->node = g_dbus_node_info_new_for_xml (logind_xml, NULL);
  fixture->object =
    g_dbus_connection_register_object (fixture->logind_bus, "/org/freedesktop/login1",
                                       fixture->node->interfaces[0], &table, fixture, NULL, NULL);
  fixture->name = g_bus_own_name_on_connection (fixture->logind_bus, "org.freedesktop.login1",
                                                G_BUS_NAME_OWNER_FLAGS_NONE, on_name, NULL, fixture, NULL);
  wait_until (fixture->named);
}

/* --- the machine --- */

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (VmConfig) config = vm_config_new ("counter");
  VmDisk *disk;

  set_up_logind (fixture);
  fixture->scratch = scratch_new ();
  fixture->library = bonsai_library_new (fixture->scratch, NULL);
  config->kernel = g_build_filename (fixture->scratch, "kernel", NULL);
  g_assert_true (g_file_set_contents (config->kernel, (const char *)counting_guest,
                                      counting_guest_end - counting_guest, NULL));
  config->memory = 64 * MIB;
  config->at_host_shutdown = (VmAtShutdown)GPOINTER_TO_INT (data);
  disk = vm_config_add_disk (config, "disks/disk0.img", 16 * MIB);
  vm_config_set (&disk->options.format, "raw");
  fixture->vm = bonsai_library_create (fixture->library, config, NULL);
  g_assert_nonnull (fixture->vm);
  fixture->host = host_session_new (fixture->library, fixture->bus);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  host_session_free (fixture->host);
  scratch_finalize (fixture->library);
  g_bus_unown_name (fixture->name);
  if (fixture->desktop_name != 0)
    g_bus_unown_name (fixture->desktop_name);
  g_dbus_connection_unregister_object (fixture->logind_bus, fixture->object);
  g_dbus_node_info_unref (fixture->node);
  g_object_unref (fixture->bus);
  g_object_unref (fixture->logind_bus);
  g_test_dbus_down (fixture->daemon);
  g_object_unref (fixture->daemon);
  if (fixture->lock >= 0)
    close (fixture->lock);
  scratch_free (fixture->scratch);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static void
start (Fixture *fixture)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  bonsai_vm_start_async (fixture->vm, BONSAI_START_HEADLESS, NULL, keep_result, &result);
  wait_until (result != NULL);
  bonsai_vm_start_finish (fixture->vm, result, &error);
  g_assert_no_error (error);
}

static void
wait_for_end (Fixture *fixture)
{
  wait_until (!bonsai_vm_is_hosted_here (fixture->vm));
}

static void
power_off (Fixture *fixture)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_control_async (fixture->vm, BONSAI_CONTROL_POWER_OFF, 0, NULL, keep_result, &result);
  wait_for_end (fixture);
  wait_until (result != NULL);
}

/* --- the stories --- */

static void
test_shutdown (Fixture *fixture, gconstpointer data)
{
  VmAtShutdown policy = (VmAtShutdown)GPOINTER_TO_INT (data);
  gint64 begun;

  g_assert_false (is_delayed (fixture));
  start (fixture);
  wait_until (is_delayed (fixture));
  emit (fixture, "PrepareForShutdown", FALSE);
  emit (fixture, "PrepareForSleep", TRUE);
  emit (fixture, "PrepareForSleep", FALSE);
  begun = g_get_monotonic_time ();
  emit (fixture, "PrepareForShutdown", TRUE);
  wait_until (!is_delayed (fixture));
  g_test_message ("%.2f s", (double)(g_get_monotonic_time () - begun) / G_USEC_PER_SEC);
  g_assert_cmpint (g_get_monotonic_time () - begun, <, PATIENCE_MS * 1000);
  g_assert_false (bonsai_vm_is_hosted_here (fixture->vm));
  /* A guest that doesn't hear that it is to shut down is suspended. */
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==,
                   policy == VM_AT_SHUTDOWN_POWER_OFF ? BONSAI_STATE_STOPPED : BONSAI_STATE_SUSPENDED);
  g_assert_cmpuint (fixture->n_locks, ==, 1);

  /* The host stays on, and the machine does what it is told. */
  emit (fixture, "PrepareForShutdown", FALSE);
  emit (fixture, "PrepareForSleep", FALSE);
  hear_all (fixture);
  start (fixture);
  wait_until (is_delayed (fixture));
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_RUNNING);
  power_off (fixture);
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_STOPPED);
}

/* The delay is there while a machine runs, and only then. */
static void
test_delay (Fixture *fixture, gconstpointer data)
{
  for (unsigned i = 1; i <= 2; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;

      start (fixture);
      wait_until (is_delayed (fixture));
      g_assert_cmpuint (fixture->n_locks, ==, i);
      bonsai_vm_control_async (fixture->vm, BONSAI_CONTROL_POWER_OFF, 0, NULL, keep_result, &result);
      wait_until (!is_delayed (fixture));
      g_assert_false (bonsai_vm_is_hosted_here (fixture->vm));
    }
}

/* The process is asked to end while a snapshot is being taken, and nobody answers on the bus. */
static void
test_end (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GAsyncResult) taken = NULL, ended = NULL, again = NULL;
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  g_dbus_connection_close_sync (fixture->bus, NULL, NULL);
  start (fixture);
  bonsai_session_change_snapshots_async (bonsai_vm_get_session (fixture->vm), "take",
                                         g_variant_new ("a{sv}", NULL), NULL, keep_result, &taken);
  host_session_end_async (fixture->host, keep_result, &ended);
  host_session_end_async (fixture->host, keep_result, &again);
  wait_until (ended != NULL && again != NULL && taken != NULL);
  host_session_end_finish (ended);
  host_session_end_finish (again);
  g_assert_false (bonsai_vm_is_hosted_here (fixture->vm));
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_SUSPENDED);
}

/* The user logs out of a desktop. A process without windows has nothing to do with that. */
static void
test_log_out (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GApplication) application = NULL;

  set_up_desktop (fixture);
  start (fixture);
  wait_until (is_delayed (fixture));
  g_assert_null (fixture->desktop_said);
  power_off (fixture);

  application = g_application_new ("org.bonsaivm.Test", G_APPLICATION_NON_UNIQUE);
  g_application_set_default (application);
  start (fixture);
  wait_until (g_strcmp0 (fixture->desktop_said, "RegisterClient") == 0);
  emit_desktop (fixture, "QueryEndSession");
  wait_until (fixture->n_answers == 1);
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_RUNNING);
  emit_desktop (fixture, "EndSession");
  wait_until (fixture->n_answers == 2);
  g_assert_false (bonsai_vm_is_hosted_here (fixture->vm));
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_SUSPENDED);
  wait_until (g_strcmp0 (fixture->desktop_said, "UnregisterClient") == 0);
  g_application_set_default (NULL);
}

/* Without a machine there is nothing to be done. */
static void
test_nothing (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GAsyncResult) ended = NULL;

  emit (fixture, "PrepareForShutdown", TRUE);
  host_session_end_async (fixture->host, keep_result, &ended);
  wait_until (ended != NULL);
  g_assert_cmpuint (fixture->n_locks, ==, 0);
}

/* One that is started when the host is about to shut down. */
static void
test_late_start (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;

  bonsai_vm_start_async (fixture->vm, BONSAI_START_HEADLESS, NULL, keep_result, &result);
  emit (fixture, "PrepareForShutdown", TRUE);
  wait_until (result != NULL);
  wait_for_end (fixture);
  g_assert_cmpint (bonsai_vm_get_state (fixture->vm), ==, BONSAI_STATE_SUSPENDED);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    VmAtShutdown policy;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/host-session/suspend", VM_AT_SHUTDOWN_SUSPEND, test_shutdown },
    { "/host-session/shutdown", VM_AT_SHUTDOWN_SHUTDOWN, test_shutdown },
    { "/host-session/power-off", VM_AT_SHUTDOWN_POWER_OFF, test_shutdown },
    { "/host-session/delay", VM_AT_SHUTDOWN_SUSPEND, test_delay },
    { "/host-session/end", VM_AT_SHUTDOWN_SUSPEND, test_end },
    { "/host-session/log-out", VM_AT_SHUTDOWN_SUSPEND, test_log_out },
    { "/host-session/nothing", VM_AT_SHUTDOWN_SUSPEND, test_nothing },
    { "/host-session/late-start", VM_AT_SHUTDOWN_SUSPEND, test_late_start },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  scratch_env (scratch, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, GINT_TO_POINTER (tests[i].policy), set_up, tests[i].test, tear_down);
  return g_test_run ();
}
