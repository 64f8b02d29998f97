/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/usb-own.h"

#include "app/base/error.h"

#include <glib/gi18n.h>
#include <string.h>

static void
clear (UsbOwn *own)
{
  g_free (own->identity);
  g_free (own->port);
  g_free (own->name);
}

static void
own_free (gpointer own)
{
  clear (own);
  g_free (own);
}

GPtrArray *
usb_own_new (void)
{
  return g_ptr_array_new_with_free_func (own_free);
}

UsbOwn *
usb_own_find (const GPtrArray *all, const char *port)
{
  UsbOwn *found = NULL;

  for (guint i = 0; i < all->len; i++)
    {
      UsbOwn *own = g_ptr_array_index (all, i);

      if (g_str_equal (own->port, port) && (found == NULL || own->is_here))
        found = own;
    }
  return found;
}

bool
usb_own_is (const UsbOwn *own, const HostUsb *usb)
{
  g_autofree char *identity = host_usb_identity (usb), *label = host_usb_label (usb);

  if (own->identity[0] != '\0')
    return g_str_equal (own->identity, identity);
  return g_str_equal (own->port, usb->port) && g_str_equal (own->name, label);
}

UsbOwn *
usb_own_find_wanted (const GPtrArray *all, const HostUsb *usb)
{
  for (guint i = 0; i < all->len; i++)
    {
      UsbOwn *own = g_ptr_array_index (all, i);

      if (!own->is_here && usb_own_is (own, usb))
        return own;
    }
  return NULL;
}

static UsbOwn *
add (GPtrArray *all)
{
  UsbOwn *own = g_new0 (UsbOwn, 1);

  g_ptr_array_add (all, own);
  return own;
}

void
usb_own_take (GPtrArray *all, const char *port, const HostUsb *usb, const char *name)
{
  UsbOwn *own = usb != NULL ? usb_own_find_wanted (all, usb) : NULL;

  if (own == NULL)
    own = usb_own_find (all, port);
  if (own == NULL)
    own = add (all);
  clear (own);
  *own =
    (UsbOwn){ usb != NULL ? host_usb_identity (usb) : g_strdup (""), g_strdup (port), g_strdup (name), true };
}

const UsbOwn *
usb_own_want (GPtrArray *all, const char *port, const char *identity, const char *name)
{
  UsbOwn *own;

  for (guint i = 0; i < all->len; i++)
    {
      own = g_ptr_array_index (all, i);
      if (!own->is_here && g_str_equal (own->identity, identity) && g_str_equal (own->port, port))
        return own;
    }
  own = add (all);
  *own = (UsbOwn){ g_strdup (identity), g_strdup (port), g_strdup (name), false };
  return own;
}

/* "0951:1666:60A44C4251" */
static const char *
serial_of (const char *identity)
{
  const char *end = strchr (identity, ':');

  end = end != NULL ? strpbrk (end + 1, ":@") : NULL;
  return end != NULL && *end == ':' ? end + 1 : NULL;
}

void
usb_own_set_absent_error (const UsbOwn *own, GError **error)
{
  const char *serial = serial_of (own->identity);

  if (serial != NULL)
    g_set_error (
      error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
      _ ("“%s”, serial number %s, was attached when the state was saved from which the machine went on, "
         "and isn't plugged in any more; plug it in, at any port"),
      own->name, serial);
  else
    g_set_error (
      error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
      _ ("“%s” was attached when the state was saved from which the machine went on, and isn't at port "
         "%s any more; plug it in there"),
      own->name, own->port);
}
