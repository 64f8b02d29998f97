/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What /sys tells of devices (the kernel's Documentation/ABI/stable/sysfs-bus-usb). */
#include "app/usb/usb-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAX_ATTRIBUTE 65536

/* Bytes, with a NUL behind them; NULL: there is no such attribute. */
static char *
read_attribute (const char *folder, const char *name, gsize *length)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *bytes = NULL;
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t n;

  *length = 0;
  if (fd < 0)
    return NULL;
  bytes = g_malloc (MAX_ATTRIBUTE + 1);
  while (*length < MAX_ATTRIBUTE && (n = read (fd, bytes + *length, MAX_ATTRIBUTE - *length)) != 0)
    if (n > 0)
      *length += (gsize)n;
    else if (errno != EINTR)
      break;
  close (fd);
  bytes[*length] = '\0';
  return g_steal_pointer (&bytes);
}

static char *
read_text (const char *folder, const char *name)
{
  gsize length;
  g_autofree char *bytes = read_attribute (folder, name, &length);

  return bytes != NULL ? usb_clean_text (bytes, length) : NULL;
}

static bool
read_number (const char *folder, const char *name, unsigned base, unsigned max, unsigned *value)
{
  g_autofree char *text = read_text (folder, name);
  guint64 number;

  if (text == NULL || !g_ascii_string_to_unsigned (text, base, 0, max, &number, NULL))
    return false;
  *value = (unsigned)number;
  return true;
}

static void
read_names (HostUsb *usb, const char *folder)
{
  g_autofree char *vendor = NULL, *product = NULL;

  usb->vendor_name = read_text (folder, "manufacturer");
  usb->product_name = read_text (folder, "product");
  if (usb->vendor_name == NULL || usb->product_name == NULL)
    usb_look_up_names (usb->vendor, usb->product, &vendor, &product);
  if (usb->vendor_name == NULL)
    usb->vendor_name = vendor != NULL ? g_steal_pointer (&vendor) : g_strdup_printf ("%04x", usb->vendor);
  if (usb->product_name == NULL)
    usb->product_name = product != NULL ? g_steal_pointer (&product) : g_strdup_printf ("%04x", usb->product);
  usb->serial = read_text (folder, "serial");
}

/* --- interfaces --- */

static void
add_interface_class (HostUsb *usb, const char *folder)
{
  unsigned code, subclass = 0, protocol = 0;

  if (!read_number (folder, "bInterfaceClass", 16, 0xff, &code))
    return;
  read_number (folder, "bInterfaceSubClass", 16, 0xff, &subclass);
  read_number (folder, "bInterfaceProtocol", 16, 0xff, &protocol);
  usb_add_class (usb->classes, (UsbClass){ (uint8_t)code, (uint8_t)subclass, (uint8_t)protocol });
}

/* Programs that have it open, as virtual machines do, appear as "usbfs". */
static void
add_driver (GPtrArray *drivers, const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "driver", NULL);
  g_autofree char *link = g_file_read_link (path, NULL);
  g_autofree char *name = link != NULL ? g_path_get_basename (link) : NULL;

  if (name != NULL && !g_str_equal (name, "usbfs")
      && !g_ptr_array_find_with_equal_func (drivers, name, g_str_equal, NULL))
    g_ptr_array_add (drivers, g_steal_pointer (&name));
}

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* The interfaces of the configuration that is in use are folders, "1-2:1.0". */
static void
read_interfaces (HostUsb *usb, const char *folder)
{
  g_autofree char *prefix = g_strconcat (usb->port, ":", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *drivers = g_ptr_array_new ();
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, prefix))
      {
        g_autofree char *interface = g_build_filename (folder, name, NULL);

        add_interface_class (usb, interface);
        add_driver (drivers, interface);
      }
  g_ptr_array_sort (drivers, compare_texts);
  g_ptr_array_add (drivers, NULL);
  usb->drivers = (GStrv)g_ptr_array_free (drivers, FALSE);
}

static void
read_classes (HostUsb *usb, const char *folder)
{
  gsize length;
  g_autofree char *bytes = read_attribute (folder, "descriptors", &length);

  if (bytes != NULL)
    usb_read_classes ((const uint8_t *)bytes, length, usb->classes);
}

/* --- devices --- */

static bool
is_hub (const char *folder)
{
  unsigned code = 0;

  return read_number (folder, "bDeviceClass", 16, 0xff, &code) && code == USB_CODE_HUB;
}

static HostUsb *
read_device (const char *root, const char *devices, const char *port)
{
  g_autofree char *folder = g_build_filename (devices, port, NULL);
  g_autofree char *speed = NULL;
  g_autoptr (HostUsb) usb = NULL;
  unsigned bus, number, vendor, product;

  if (!host_usb_is_port (port) || !read_number (folder, "busnum", 10, 999, &bus)
      || !read_number (folder, "devnum", 10, 999, &number)
      || !read_number (folder, "idVendor", 16, 0xffff, &vendor)
      || !read_number (folder, "idProduct", 16, 0xffff, &product) || is_hub (folder))
    return NULL;
  usb = g_new0 (HostUsb, 1);
  usb->port = g_strdup (port);
  usb->bus = bus;
  usb->number = number;
  usb->vendor = (uint16_t)vendor;
  usb->product = (uint16_t)product;
  usb->classes = g_array_new (FALSE, FALSE, sizeof (UsbClass));
  usb->node = g_strdup_printf ("%s/dev/bus/usb/%03u/%03u", root, bus, number);
  usb->accessible = access (usb->node, R_OK | W_OK) == 0;
  speed = read_text (folder, "speed");
  usb->speed = speed != NULL ? CLAMP (g_ascii_strtod (speed, NULL), 0, 1e6) : 0;
  read_names (usb, folder);
  read_classes (usb, folder);
  read_interfaces (usb, folder);
  return g_steal_pointer (&usb);
}

static char *
devices_folder (const char *root)
{
  return g_strconcat (root, "/sys/bus/usb/devices", NULL);
}

HostUsb *
host_usb_read (const char *root, const char *port)
{
  g_autofree char *folder = devices_folder (root);
  g_autoptr (GPtrArray) one = g_ptr_array_new ();
  HostUsb *usb = read_device (root, folder, port);

  if (usb == NULL)
    return NULL;
  g_ptr_array_add (one, usb);
  usb_find_sole (root, one);
  return usb;
}

/* Numbers in ports as such: 1-10 comes after 1-9. */
static int
compare (gconstpointer a, gconstpointer b)
{
  const HostUsb *first = *(HostUsb *const *)a, *second = *(HostUsb *const *)b;

  return strverscmp (first->port, second->port);
}

GPtrArray *
host_usb_list (const char *root)
{
  g_autofree char *folder = devices_folder (root);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *devices = g_ptr_array_new_with_free_func ((GDestroyNotify)host_usb_free);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      HostUsb *usb = read_device (root, folder, name);

      if (usb != NULL)
        g_ptr_array_add (devices, usb);
    }
  g_ptr_array_sort (devices, compare);
  usb_find_sole (root, devices);
  return devices;
}
