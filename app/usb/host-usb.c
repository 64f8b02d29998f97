/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/host-usb.h"

#include <string.h>
#include <sys/stat.h>

void
host_usb_free (HostUsb *usb)
{
  if (usb == NULL)
    return;
  g_free (usb->port);
  g_free (usb->vendor_name);
  g_free (usb->product_name);
  g_free (usb->serial);
  g_free (usb->node);
  g_strfreev (usb->drivers);
  if (usb->classes != NULL)
    g_array_unref (usb->classes);
  g_free (usb);
}

HostUsb *
host_usb_copy (const HostUsb *usb)
{
  HostUsb *copy = g_memdup2 (usb, sizeof *usb);

  copy->port = g_strdup (usb->port);
  copy->vendor_name = g_strdup (usb->vendor_name);
  copy->product_name = g_strdup (usb->product_name);
  copy->serial = g_strdup (usb->serial);
  copy->node = g_strdup (usb->node);
  copy->drivers = g_strdupv (usb->drivers);
  copy->classes = g_array_copy (usb->classes);
  return copy;
}

const char *
host_usb_root (void)
{
  const char *root = g_getenv ("BONSAI_USB_ROOT");

  return root != NULL ? root : "";
}

/* A fake one is a file. */
bool
host_usb_is_open_as (const HostUsb *usb, int fd)
{
  struct stat is, wanted;

  return fstat (fd, &is) == 0 && stat (usb->node, &wanted) == 0 && is.st_rdev == wanted.st_rdev
         && (S_ISCHR (is.st_mode) || (is.st_dev == wanted.st_dev && is.st_ino == wanted.st_ino));
}

/* Many say who made them in their own name as well. */
char *
host_usb_label (const HostUsb *usb)
{
  if (g_str_has_prefix (usb->product_name, usb->vendor_name))
    return g_strdup (usb->product_name);
  return g_strdup_printf ("%s %s", usb->vendor_name, usb->product_name);
}

char *
host_usb_id (const HostUsb *usb)
{
  return g_strdup_printf ("%04x:%04x", usb->vendor, usb->product);
}

/* Long serial numbers are cut, at a character. */
char *
host_usb_identity (const HostUsb *usb)
{
  bool has_serial = usb->serial != NULL;
  char *text = g_strdup_printf ("%04x:%04x%c%s", usb->vendor, usb->product, has_serial ? ':' : '@',
                                has_serial ? usb->serial : usb->port);
  char *end;

  if (strlen (text) >= USB_IDENTITY_MAX)
    {
      end = g_utf8_find_prev_char (text, text + USB_IDENTITY_MAX);
      *end = '\0';
    }
  return text;
}

bool
host_usb_parse_id (const char *text, uint16_t *vendor, uint16_t *product)
{
  if (strlen (text) != 9 || text[4] != ':')
    return false;
  for (unsigned i = 0; i < 9; i++)
    if (i != 4 && !g_ascii_isxdigit (text[i]))
      return false;
  *vendor = (uint16_t)g_ascii_strtoull (text, NULL, 16);
  *product = (uint16_t)g_ascii_strtoull (text + 5, NULL, 16);
  return true;
}

static const char *
skip_number (const char *at)
{
  unsigned n = 0;

  for (; g_ascii_isdigit (*at) && n <= 3; n++)
    at++;
  return n >= 1 && n <= 3 ? at : NULL;
}

bool
host_usb_is_port (const char *text)
{
  const char *at = skip_number (text);
  unsigned hubs = 0;

  /* USB 2.0, section 4.1.1: at most seven tiers, of which the host is one and the device another. */
  for (char before = '-'; at != NULL && *at == before && hubs < 6; hubs++, before = '.')
    at = skip_number (at + 1);
  return at != NULL && *at == '\0' && hubs > 0;
}
