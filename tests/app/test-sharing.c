/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"
#include "app/bundle/vm-config.h"
#include "app/session/session-door.h"

#include <string.h>
#include <unistd.h>

#define SESSION "org.bonsaivm.Session1"

static VmSharing *
give (VmSharing *sharing, const char *user, VmRole role)
{
  VmSharing *changed = vm_sharing_with (sharing, user, role, NULL);

  g_assert_nonnull (changed);
  vm_sharing_unref (sharing);
  return changed;
}

static void
test_roles (void)
{
  static const char *const none[] = { NULL }, *const staff[] = { "staff", NULL };
  g_autoptr (VmSharing) sharing = vm_sharing_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (vm_sharing_is_empty (sharing));
  g_assert_cmpint (vm_sharing_find (sharing, "anna", staff), ==, VM_ROLE_NONE);
  sharing = give (sharing, "anna", VM_ROLE_VIEWER);
  sharing = give (sharing, "@staff", VM_ROLE_OPERATOR);
  g_assert_cmpint (vm_sharing_find (sharing, "anna", none), ==, VM_ROLE_VIEWER);
  g_assert_cmpint (vm_sharing_find (sharing, "anna", staff), ==, VM_ROLE_OPERATOR);
  g_assert_cmpint (vm_sharing_find (sharing, "ann", none), ==, VM_ROLE_NONE);
  g_assert_cmpint (vm_sharing_find (sharing, "@staff", none), ==, VM_ROLE_NONE);
  g_assert_cmpint (vm_sharing_find (sharing, "staff", none), ==, VM_ROLE_NONE);
  sharing = give (sharing, "anna", VM_ROLE_OPERATOR); /* one role each */
  g_assert_cmpuint (g_strv_length (sharing->users[VM_ROLE_VIEWER]), ==, 0);
  sharing = give (sharing, "anna", VM_ROLE_NONE);
  sharing = give (sharing, "@staff", VM_ROLE_NONE);
  g_assert_true (vm_sharing_is_empty (sharing));
  for (guint i = 0; i < 6; i++)
    {
      static const char *const wrong[] = { "", "@", "a b", "-x", "@@x", "a/b" };

      g_assert_null (vm_sharing_with (sharing, wrong[i], VM_ROLE_VIEWER, &error));
      g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID);
      g_clear_error (&error);
    }
}

static VmConfig *
parse (const char *sharing, GError **error)
{
  g_autofree char *text =
    g_strdup_printf ("{ \"bonsai\": 1, \"uuid\": \"2f0f5f8e-6a5c-4b8e-9d63-0b9f3f1c7a11\", \"name\": \"x\", "
                     "\"memory\": \"64M\", \"cpus\": 1,\n"
                     "\"sharing\": %s }",
                     sharing);

  return vm_config_parse (text, strlen (text), "vm.json", error);
}

static void
test_description (void)
{
  static const char *const wrong[] = { "[]", "{ \"owners\": [] }", "{ \"viewers\": \"anna\" }",
                                       "{ \"viewers\": [ \"a b\" ] }", "{ \"operators\": [ 1 ] }" };
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config =
    parse ("{ \"operators\": [ \"anna\" ], \"viewers\": [ \"@staff\" ] }", &error);
  g_autoptr (VmConfig) again = NULL;
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = vm_config_to_json (config);
  again = vm_config_parse (text, strlen (text), "vm.json", NULL);
  g_assert_nonnull (again);
  g_assert_true (vm_sharing_equal (config->sharing, again->sharing));
  g_assert_cmpstr (again->sharing->users[VM_ROLE_OPERATOR][0], ==, "anna");
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_assert_null (parse (wrong[i], &error));
      g_assert_true (g_str_has_prefix (error->message, "vm.json:2:"));
      g_assert_nonnull (strstr (error->message, "sharing"));
      g_clear_error (&error);
    }
}

/* Every method that there is: what a role may is said here once more. */
static void
test_methods (void)
{
  static const char viewer[] = " Watch Grab GetCounters GetMemory ";
  static const char operator[] =
    " Pause Resume Reset PowerOff Shutdown Key Motion Position Button Wheel ReleaseAll OpenSerial ";
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "app", "session",
                                                 "org.bonsaivm.Session1.xml", NULL),
                  *xml = NULL;
  g_autoptr (GDBusNodeInfo) node = NULL;
  GDBusInterfaceInfo *interface;

  g_assert_true (g_file_get_contents (path, &xml, NULL, NULL));
  node = g_dbus_node_info_new_for_xml (xml, NULL);
  interface = g_dbus_node_info_lookup_interface (node, SESSION);
  for (guint i = 0; interface->methods[i] != NULL; i++)
    {
      const char *name = interface->methods[i]->name;
      g_autofree char *word = g_strdup_printf (" %s ", name);
      bool sees = strstr (viewer, word) != NULL, works = sees || strstr (operator, word) != NULL;

      g_assert_false (session_door_allows (VM_ROLE_NONE, SESSION, name));
      g_assert_true (session_door_allows (VM_ROLE_VIEWER, SESSION, name) == sees);
      g_assert_true (session_door_allows (VM_ROLE_OPERATOR, SESSION, name) == works);
    }
  g_assert_true (session_door_allows (VM_ROLE_VIEWER, "org.freedesktop.DBus.Properties", "GetAll"));
  g_assert_false (session_door_allows (VM_ROLE_OPERATOR, "org.freedesktop.DBus.Properties", "Set"));
  g_assert_false (session_door_allows (VM_ROLE_OPERATOR, NULL, "Pause"));
  g_assert_false (session_door_allows (VM_ROLE_OPERATOR, SESSION, NULL));
  g_assert_false (session_door_allows (VM_ROLE_OPERATOR, "org.bonsaivm.Other", "Pause"));
}

static void
test_users (void)
{
  g_autoptr (VmSharing) sharing = give (vm_sharing_new (), "daemon", VM_ROLE_VIEWER);

  sharing = give (sharing, "@mail", VM_ROLE_OPERATOR);
  g_assert_cmpint (session_door_find_role (sharing, 1), ==, VM_ROLE_VIEWER);
  g_assert_cmpint (session_door_find_role (sharing, 8), ==, VM_ROLE_OPERATOR);
  g_assert_cmpint (session_door_find_role (sharing, 4242424), ==, VM_ROLE_NONE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sharing/roles", test_roles);
  g_test_add_func ("/sharing/description", test_description);
  g_test_add_func ("/sharing/methods", test_methods);
  g_test_add_func ("/sharing/users", test_users);
  return g_test_run ();
}
