/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "usb-tree.h"

#include <glib/gstdio.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static void G_GNUC_PRINTF (3, 4) write_file (const char *folder, const char *name, const char *format, ...)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_assert_cmpint (g_mkdir_with_parents (parent, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
link_to (const char *target, const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_assert_cmpint (symlink (target, path), ==, 0);
}

void
usb_tree_add_input (const char *root, const char *folder, const char *kind)
{
  g_autofree char *inputs = g_build_filename (root, "sys/class/input", NULL);
  g_autofree char *name = g_strdup_printf ("input%u", g_str_hash (folder) % 1000);
  g_autofree char *target = g_build_filename (root, folder, "input", name, NULL);
  bool keyboard = g_str_equal (kind, "keyboard");

  /* As the kernel prints them of such devices. */
  write_file (target, "capabilities/key", "%s\n",
              keyboard ? "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
                       : "70000 0 0 0 0");
  write_file (target, "capabilities/rel", "%s\n", keyboard ? "0" : "103");
  write_file (target, "capabilities/abs", "0\n");
  link_to (target, inputs, name);
}

/* USB 2.0, sections 9.6.1 and 9.6.5, and a configuration between them. */
static void
write_descriptors (const char *folder, const UsbTreeDevice *device)
{
  g_autofree char *path = g_build_filename (folder, "descriptors", NULL);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  const uint8_t head[] = { 18, 1, 0, 2, device->device_class, 0, 0, 64 }, configuration[9] = { 9, 2 };

  g_byte_array_append (bytes, head, sizeof head);
  g_byte_array_set_size (bytes, 18);
  memset (bytes->data + sizeof head, 0, 18 - sizeof head);
  g_byte_array_append (bytes, configuration, sizeof configuration);
  for (unsigned i = 0; device->interfaces != NULL && device->interfaces[i][0] != 0; i++)
    {
      const uint8_t *class = device->interfaces[i];

      g_byte_array_append (bytes, (uint8_t[]){ 9, 4, (uint8_t)i, 0, 0, class[0], class[1], class[2], 0 }, 9);
    }
  g_assert_true (g_file_set_contents (path, (char *)bytes->data, bytes->len, NULL));
}

static void
write_interface (const char *folder, const UsbTreeDevice *device, unsigned i)
{
  g_autofree char *name = g_strdup_printf ("%s:1.%u", device->port, i);
  g_autofree char *interface = g_build_filename (folder, name, NULL);
  g_autofree char *driver = g_strdup_printf ("../../drivers/%s", device->driver);

  write_file (interface, "bInterfaceClass", "%02x\n", device->interfaces[i][0]);
  write_file (interface, "bInterfaceSubClass", "%02x\n", device->interfaces[i][1]);
  write_file (interface, "bInterfaceProtocol", "%02x\n", device->interfaces[i][2]);
  if (device->driver != NULL)
    link_to (driver, interface, "driver");
}

void
usb_tree_plug (const char *root, const UsbTreeDevice *device)
{
  g_autofree char *relative = g_strdup_printf ("sys/devices/pci0000:00/usb%u/%s", device->bus, device->port);
  g_autofree char *folder = g_build_filename (root, relative, NULL);
  g_autofree char *list = g_build_filename (root, "sys/bus/usb/devices", NULL);
  g_autofree char *node = g_strdup_printf ("dev/bus/usb/%03u/%03u", device->bus, device->number);
  g_auto (GStrv) id = g_strsplit (device->id, ":", 2);

  write_file (root, node, "node of %s", device->port);
  write_file (folder, "busnum", "%u\n", device->bus);
  write_file (folder, "devnum", "%u\n", device->number);
  write_file (folder, "idVendor", "%s\n", id[0]);
  write_file (folder, "idProduct", "%s\n", id[1]);
  write_file (folder, "bDeviceClass", "%02x\n", device->device_class);
  write_file (folder, "speed", "480\n");
  if (device->manufacturer != NULL)
    write_file (folder, "manufacturer", "%s\n", device->manufacturer);
  if (device->product != NULL)
    write_file (folder, "product", "%s\n", device->product);
  if (device->serial != NULL)
    write_file (folder, "serial", "%s\n", device->serial);
  write_descriptors (folder, device);
  for (unsigned i = 0; device->interfaces != NULL && device->interfaces[i][0] != 0; i++)
    write_interface (folder, device, i);
  if (device->input != NULL)
    {
      g_autofree char *interface = g_strdup_printf ("%s/%s:1.0", relative, device->port);

      usb_tree_add_input (root, interface, device->input);
    }
  link_to (folder, list, device->port);
}

void
usb_tree_unplug (const char *root, const char *port)
{
  g_autofree char *path = g_build_filename (root, "sys/bus/usb/devices", port, NULL);

  g_assert_cmpint (g_unlink (path), ==, 0);
}
