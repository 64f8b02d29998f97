/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host's USB devices, in trees made like /sys. */
#include "app/base/error.h"
#include "app/usb/usb-claim.h"
#include "app/usb/usb-match.h"
#include "app/usb/usb-open.h"
#include "app/usb/usb-private.h"
#include "app/workspace/permissions.h"
#include "scratch.h"
#include "usb-tree.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const uint8_t storage[][3] = { { 0x08, 0x06, 0x50 }, { 0 } },
                     keys[][3] = { { 3, 1, 1 }, { 3, 0, 0 }, { 0 } }, mouse[][3] = { { 3, 1, 2 }, { 0 } },
                     camera[][3] = { { 0x0e, 1, 0 }, { 0x0e, 2, 0 }, { 1, 1, 0 }, { 0 } };

static const UsbTreeDevice stick = { "2-1.4",      2, 7,       "0951:1666",   "Kingston", "DataTraveler 3.0",
                                     "60A44C4251", 0, storage, "usb-storage", NULL },
                           keyboard = { "1-2", 1, 3,    "046d:c31c", "Logitech", "Logitech USB Keyboard",
                                        NULL,  0, keys, "usbhid",    "keyboard" },
                           pointer = { "1-10", 1, 9,     "046d:c077", "Logitech", "USB Optical Mouse",
                                       NULL,   0, mouse, "usbhid",    "mouse" },
                           webcam = { "1-9",      1,    8,      "046d:082d", NULL, "HD Pro Webcam C920",
                                      "A1B2C3D4", 0xef, camera, NULL,        NULL },
                           hub = { "2-1", 2,    2,     "05e3:0610", "GenesysLogic", "USB2.0 Hub", NULL,
                                   9,     NULL, "hub", NULL };

static const HostUsb *
at (GPtrArray *devices, guint i)
{
  g_assert_cmpuint (i, <, devices->len);
  return g_ptr_array_index (devices, i);
}

static void
test_list (void)
{
  g_autoptr (Scratch) root = scratch_new ();
  g_autoptr (GPtrArray) devices = NULL;
  g_autofree char *label = NULL, *same = NULL, *id = NULL;

  devices = host_usb_list (root);
  g_assert_cmpuint (devices->len, ==, 0); /* not even /sys */
  g_ptr_array_unref (devices);
  usb_tree_plug (root, &hub);
  usb_tree_plug (root, &stick);
  usb_tree_plug (root, &keyboard);
  usb_tree_plug (root, &pointer);
  usb_tree_plug (root, &webcam);
  devices = host_usb_list (root);
  g_assert_cmpuint (devices->len, ==, 4);
  g_assert_cmpstr (at (devices, 0)->port, ==, "1-2");
  g_assert_cmpstr (at (devices, 1)->port, ==, "1-9");
  g_assert_cmpstr (at (devices, 2)->port, ==, "1-10");
  g_assert_cmpstr (at (devices, 3)->port, ==, "2-1.4");
  g_assert_cmpuint (at (devices, 3)->vendor, ==, 0x0951);
  g_assert_cmpuint (at (devices, 3)->number, ==, 7);
  g_assert_cmpstr (at (devices, 3)->serial, ==, "60A44C4251");
  g_assert_cmpfloat (at (devices, 3)->speed, ==, 480);
  g_assert_true (at (devices, 3)->accessible);
  g_assert_cmpstr (at (devices, 3)->drivers[0], ==, "usb-storage");
  g_assert_null (at (devices, 3)->drivers[1]);
  label = host_usb_label (at (devices, 3));
  g_assert_cmpstr (label, ==, "Kingston DataTraveler 3.0");
  same = host_usb_label (at (devices, 0));
  g_assert_cmpstr (same, ==, "Logitech USB Keyboard");
  id = host_usb_id (at (devices, 3));
  g_assert_cmpstr (id, ==, "0951:1666");
}

static void
test_kinds (void)
{
  static const struct {
    const UsbTreeDevice *device;
    const char *kind, *icon;
  } cases[] = { { &stick, "mass-storage", "drive-removable-media-symbolic" },
                { &keyboard, "hid", "input-keyboard-symbolic" },
                { &pointer, "hid", "input-mouse-symbolic" },
                { &webcam, "video", "camera-web-symbolic" } };
  g_autoptr (Scratch) root = scratch_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HostUsb) usb = NULL;

      usb_tree_plug (root, cases[i].device);
      usb = host_usb_read (root, cases[i].device->port);
      g_assert_cmpstr (host_usb_kind (usb), ==, cases[i].kind);
      g_assert_cmpstr (host_usb_icon (usb), ==, cases[i].icon);
    }
}

/* A vendor that says nothing is found in the hardware database, if there is one; else it is its number. */
static void
test_names (void)
{
  g_autoptr (Scratch) root = scratch_new ();
  g_autoptr (HostUsb) usb = NULL;

  usb_tree_plug (root, &webcam);
  usb = host_usb_read (root, "1-9");
  g_assert_true (g_str_has_prefix (usb->vendor_name, "Logitech") || g_str_equal (usb->vendor_name, "046d"));
  g_assert_cmpstr (usb->product_name, ==, "HD Pro Webcam C920");
}

static void
test_hostile_texts (void)
{
  static const struct {
    const char *bytes, *text;
  } cases[] = { { "  two\n\twords \r\n", "two words" },
                { "a\033[2Jb\007", "a[2Jb" },
                { "right\342\200\256left", "rightleft" },
                { "\377\376x", "\357\277\275\357\277\275x" },
                { "\n\033\n", NULL },
                { "", NULL } };
  g_autofree char *long_text = g_strnfill (5000, 'x');
  g_autofree char *cut = usb_clean_text (long_text, 5000);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = usb_clean_text (cases[i].bytes, strlen (cases[i].bytes));

      g_assert_cmpstr (text, ==, cases[i].text);
    }
  g_assert_cmpuint (strlen (cut), ==, USB_TEXT_MAX);
}

/* Descriptors that are cut off, or lie about their length, are read as far as they go. */
static void
test_hostile_descriptors (void)
{
  uint8_t bytes[256];
  g_autoptr (GRand) rand = g_rand_new_with_seed (8);

  for (guint i = 0; i < 20000; i++)
    {
      g_autoptr (GArray) classes = g_array_new (FALSE, FALSE, sizeof (UsbClass));
      gsize length = (gsize)g_rand_int_range (rand, 0, sizeof bytes);
      g_autofree uint8_t *exact = NULL;

      for (gsize j = 0; j < length; j++)
        bytes[j] = (uint8_t)g_rand_int_range (rand, 0, g_rand_boolean (rand) ? 12 : 256);
      exact = g_memdup2 (bytes, length);
      usb_read_classes (exact, length, classes);
      g_assert_cmpuint (classes->len, <=, 64);
    }
}

static void
test_forms (void)
{
  static const char *const ports[] = { "1-2", "1-2.3", "12-1.2.3.4.5.6", NULL };
  static const char *const others[] = { "",        "1",       "1-",     "1-2.",   "usb1",
                                        "1-2:1.0", "1-0:1.0", "1-2.3 ", "../1-2", "1-1.2.3.4.5.6.7",
                                        "1234-1",  NULL };
  uint16_t vendor, product;

  for (guint i = 0; ports[i] != NULL; i++)
    g_assert_true (host_usb_is_port (ports[i]));
  for (guint i = 0; others[i] != NULL; i++)
    g_assert_false (host_usb_is_port (others[i]));
  g_assert_true (host_usb_parse_id ("046D:c52b", &vendor, &product));
  g_assert_cmpuint (vendor, ==, 0x046d);
  g_assert_cmpuint (product, ==, 0xc52b);
  g_assert_false (host_usb_parse_id ("46d:c52b", &vendor, &product));
  g_assert_false (host_usb_parse_id ("046d-c52b", &vendor, &product));
  g_assert_false (host_usb_parse_id ("046d:c52bx", &vendor, &product));
}

/* The only keyboard is told, until there is another, whatever that is plugged into. */
static void
test_sole (void)
{
  g_autoptr (Scratch) root = scratch_new ();
  g_autoptr (HostUsb) only = NULL, second = NULL, only_mouse = NULL;

  usb_tree_plug (root, &keyboard);
  usb_tree_plug (root, &pointer);
  usb_tree_add_input (root, "sys/devices/virtual", "keyboard"); /* a program's */
  only = host_usb_read (root, "1-2");
  g_assert_cmpint (only->sole, ==, USB_SOLE_KEYBOARD);
  only_mouse = host_usb_read (root, "1-10");
  g_assert_cmpint (only_mouse->sole, ==, USB_SOLE_MOUSE);
  usb_tree_add_input (root, "sys/devices/platform/i8042/serio0", "keyboard");
  second = host_usb_read (root, "1-2");
  g_assert_cmpint (second->sole, ==, USB_SOLE_NONE);
}

static void
test_node (void)
{
  g_autoptr (Scratch) root = scratch_new ();
  g_autoptr (HostUsb) usb = NULL, other = NULL;
  int fd;

  usb_tree_plug (root, &stick);
  usb_tree_plug (root, &webcam);
  usb = host_usb_read (root, "2-1.4");
  other = host_usb_read (root, "1-9");
  fd = open (usb->node, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_true (host_usb_is_open_as (usb, fd));
  g_assert_false (host_usb_is_open_as (other, fd));
  close (fd);
}

static void
test_claims (void)
{
  g_autoptr (Scratch) root = scratch_new ();
  g_autoptr (HostUsb) usb = NULL;
  g_autoptr (UsbClaim) second = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *holder = NULL, *uuid = NULL, *nobody = NULL;
  UsbClaim *first;

  usb_tree_plug (root, &stick);
  usb = host_usb_read (root, "2-1.4");
  g_assert_null (usb_claim_holder (usb->port, NULL));
  first = usb_claim_take (usb, "2f0f5f8e-6a5c-4b8e-9d63-0b9f3f1c7a11", "Web server", &error);
  g_assert_no_error (error);
  holder = usb_claim_holder (usb->port, &uuid);
  g_assert_cmpstr (holder, ==, "Web server");
  g_assert_cmpstr (uuid, ==, "2f0f5f8e-6a5c-4b8e-9d63-0b9f3f1c7a11");
  g_assert_null (usb_claim_take (usb, "8e5a2c5e-0000-4b8e-9d63-0b9f3f1c7a11", "Other", &error));
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "Kingston DataTraveler 3.0"));
  g_assert_nonnull (strstr (error->message, "Web server"));
  g_clear_error (&error);
  usb_claim_release (first);
  nobody = usb_claim_holder (usb->port, NULL);
  g_assert_null (nobody);
  second = usb_claim_take (usb, "8e5a2c5e-0000-4b8e-9d63-0b9f3f1c7a11", "Other", &error);
  g_assert_no_error (error);
}

/* A program that sends a descriptor as bonsai-usb-open does, as if polkit had let it; others aren't taken for
 * the device, and who says no has cancelled it. */
static void
test_polkit (void)
{
  static const char *const script =
    "#!/usr/bin/python3\n"
    "import array, os, socket, sys\n"
    "assert sys.argv[1].endswith('bonsai-usb-open'), sys.argv\n"
    "if sys.argv[3] == '8': sys.exit(126)\n"
    "path = os.environ['BONSAI_USB_ROOT'] + ('/dev/bus/usb/002/007' if sys.argv[2:] == ['2', '7'] else "
    "'/other')\n"
    "fd = os.open(path, os.O_RDWR | os.O_CREAT)\n"
    "end = socket.socket(fileno=1)\n"
    "end.sendmsg([b'0'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))])\n";
  g_autoptr (Scratch) root = scratch_new ();
  g_autofree char *program = g_build_filename (root, "pkexec", NULL);
  g_autofree char *opener = g_build_filename (root, "bonsai-usb-open", NULL);
  g_autofree char *path = g_strdup_printf ("%s:%s", root, g_getenv ("PATH"));
  g_autoptr (HostUsb) usb = NULL, refused = NULL, other = NULL;
  g_autoptr (GError) error = NULL;
  int fd;

  g_assert_true (g_file_set_contents_full (program, script, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
  g_assert_true (
    g_file_set_contents_full (opener, "#!/bin/false\n", -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
  g_setenv ("PATH", path, TRUE);
  g_setenv ("BONSAI_USB_ROOT", root, TRUE);
  usb_tree_plug (root, &stick);
  usb_tree_plug (root, &webcam);
  usb_tree_plug (root, &pointer);
  usb = host_usb_read (root, "2-1.4");
  fd = usb_open_by_polkit (usb, &error);
  g_assert_no_error (error);
  g_assert_true (host_usb_is_open_as (usb, fd));
  close (fd);
  refused = host_usb_read (root, "1-9");
  g_assert_cmpint (usb_open_by_polkit (refused, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  other = host_usb_read (root, "1-10");
  g_assert_cmpint (usb_open_by_polkit (other, &error), ==, -1);
  g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "ATTR{idVendor}==\"046d\", ATTR{idProduct}==\"c077\""));
  g_unsetenv ("BONSAI_USB_ROOT");
}

/* Rules are as wide as what they leave out. */
static void
test_rules (void)
{
  static const struct {
    VmUsbRule rule;
    bool stick, webcam;
  } cases[] = {
    { { .device = "0951:1666" }, true, false },
    { { .device = "0951:1666", .serial = "60A44C4251" }, true, false },
    { { .device = "0951:1666", .serial = "60A44C4252" }, false, false },
    { { .device = "0951:1666", .port = "2-1.4" }, true, false },
    { { .device = "0951:1666", .port = "1-9" }, false, false },
    { { .port = "1-9" }, false, true },
    { { .device = "046D:082D" }, false, true },
    { { .serial = "60A44C4251" }, false, false }, /* anybody can say that */
  };
  g_autoptr (Scratch) root = scratch_new ();
  g_autoptr (HostUsb) a = NULL, b = NULL;
  g_autoptr (GPtrArray) rules = vm_usb_rules_new ();
  g_autofree char *text = NULL, *where = NULL, *why = NULL;

  usb_tree_plug (root, &stick);
  usb_tree_plug (root, &webcam);
  a = host_usb_read (root, "2-1.4");
  b = host_usb_read (root, "1-9");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpint (usb_rule_matches (&cases[i].rule, a), ==, cases[i].stick);
      g_assert_cmpint (usb_rule_matches (&cases[i].rule, b), ==, cases[i].webcam);
    }
  usb_rules_add_for (rules, a, false);
  usb_rules_add_for (rules, a, true);
  g_assert_true (vm_usb_rules_check (rules, &where, &why));
  g_assert_true (usb_rules_find_match (rules, a) == g_ptr_array_index (rules, 0));
  g_assert_null (usb_rules_find_match (rules, b));
  text = usb_rule_describe (g_ptr_array_index (rules, 1));
  g_assert_cmpstr (text, ==, "0951:1666, serial number 60A44C4251, at port 2-1.4");
}

/* Every function of a device has to be of a class that is allowed. */
/* Which piece it is: by its serial number wherever it is, else by its port. */
static void
test_identity (void)
{
  HostUsb usb = {
    .vendor = 0x0951, .product = 0x1666, .serial = (char *)"60A44C4251", .port = (char *)"2-1.4"
  };
  g_autoptr (GString) serial = g_string_new (NULL);
  g_autofree char *numbered = host_usb_identity (&usb), *elsewhere = NULL, *plain = NULL, *cut = NULL;

  g_assert_cmpstr (numbered, ==, "0951:1666:60A44C4251");
  usb.port = (char *)"1-3";
  elsewhere = host_usb_identity (&usb);
  g_assert_cmpstr (elsewhere, ==, numbered);
  usb.serial = NULL;
  plain = host_usb_identity (&usb);
  g_assert_cmpstr (plain, ==, "0951:1666@1-3");
  for (unsigned i = 0; i < USB_TEXT_MAX; i++)
    g_string_append (serial, "€");
  usb.serial = serial->str;
  cut = host_usb_identity (&usb);
  g_assert_cmpuint (strlen (cut), <, USB_IDENTITY_MAX);
  g_assert_cmpuint (strlen (cut), >, USB_IDENTITY_MAX - 8);
  g_assert_true (g_utf8_validate (cut, -1, NULL));
}

/* What a start begins with: what rules name, nobody has, and the host can do without. */
static void
test_open_by_rules (void)
{
  g_autoptr (Scratch) root = scratch_new ();
  g_autoptr (GPtrArray) rules = vm_usb_rules_new (), opened = usb_open_by_rules (root, rules);
  const UsbOpened *first;
  UsbClaim *claim;

  g_assert_cmpuint (opened->len, ==, 0);
  vm_usb_rules_add (rules)->device = g_strdup ("0951:1666");
  vm_usb_rules_add (rules)->port = g_strdup ("1-2");
  usb_tree_plug (root, &stick);
  usb_tree_plug (root, &keyboard);
  usb_tree_plug (root, &webcam);
  g_ptr_array_unref (opened);
  opened = usb_open_by_rules (root, rules);
  g_assert_cmpuint (opened->len, ==, 1);
  first = g_ptr_array_index (opened, 0);
  g_assert_cmpstr (first->usb->port, ==, "2-1.4");
  g_assert_true (host_usb_is_open_as (first->usb, first->fd));
  claim = usb_claim_take (first->usb, "8e5a2c5e-0000-4b8e-9d63-0b9f3f1c7a11", "Other", NULL);
  g_ptr_array_unref (opened);
  opened = usb_open_by_rules (root, rules);
  g_assert_cmpuint (opened->len, ==, 0);
  usb_claim_release (claim);
}

static void
test_permissions (void)
{
  static const char *const video[] = { "video", NULL }, *const both[] = { "video", "audio", NULL },
                           *const any[] = { "any", NULL }, *const none[] = { NULL };
  static const struct {
    const char *const *allowed;
    bool webcam, stick;
  } cases[] = { { NULL, true, true },
                { any, true, true },
                { none, false, false },
                { video, false, false },
                { both, true, false } };
  g_autoptr (Scratch) root = scratch_new ();
  g_autoptr (HostUsb) a = NULL, b = NULL;

  usb_tree_plug (root, &webcam);
  usb_tree_plug (root, &stick);
  a = host_usb_read (root, "1-9");
  b = host_usb_read (root, "2-1.4");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Permissions permissions;
      g_autoptr (GError) error = NULL;

      permissions_init (&permissions);
      permissions.usb = g_strdupv ((char **)cases[i].allowed);
      g_assert_cmpint (permissions_check_usb (&permissions, a, "Lab", NULL), ==, cases[i].webcam);
      g_assert_cmpint (permissions_check_usb (&permissions, b, "Lab", &error), ==, cases[i].stick);
      if (!cases[i].stick)
        {
          g_assert_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED);
          g_assert_nonnull (strstr (error->message, "mass-storage"));
        }
      permissions_clear (&permissions);
    }
}

int
main (int argc, char **argv)
{
  char *run = scratch_new ();
  int status;

  scratch_env (run, "XDG_RUNTIME_DIR");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/usb/list", test_list);
  g_test_add_func ("/usb/kinds", test_kinds);
  g_test_add_func ("/usb/names", test_names);
  g_test_add_func ("/usb/hostile-texts", test_hostile_texts);
  g_test_add_func ("/usb/hostile-descriptors", test_hostile_descriptors);
  g_test_add_func ("/usb/forms", test_forms);
  g_test_add_func ("/usb/sole", test_sole);
  g_test_add_func ("/usb/node", test_node);
  g_test_add_func ("/usb/claims", test_claims);
  g_test_add_func ("/usb/polkit", test_polkit);
  g_test_add_func ("/usb/rules", test_rules);
  g_test_add_func ("/usb/identity", test_identity);
  g_test_add_func ("/usb/open-by-rules", test_open_by_rules);
  g_test_add_func ("/usb/permissions", test_permissions);
  status = g_test_run ();
  scratch_free (run);
  return status;
}
