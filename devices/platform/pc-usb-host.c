/* SPDX-License-Identifier: GPL-3.0-or-later */
/* USB devices of the host's that come and go while the machine runs. */
#include "devices/platform/pc-private.h"

#include "devices/usb/usb-host.h"
#include "vmm/base/error.h"

#include <string.h>

bool
pc_add_usb_hosts (Pc *pc, UsbBus *bus, GError **error)
{
  const UsbHostConfig config = { .bus = bus };

  for (unsigned i = 0; i < PC_N_USB_HOSTS; i++)
    {
      g_autofree char *name = g_strdup_printf ("usb-host%u", i);

      pc->usb_hosts[i] = board_add (pc->board, &usb_host_class.device, name, &config, error);
      if (pc->usb_hosts[i] == NULL)
        return false;
    }
  return true;
}

/* The place of the device @key; NULL: of none. */
static Device *
find (Pc *pc, const char *key)
{
  for (unsigned i = 0; i < PC_N_USB_HOSTS && pc->usb_hosts[i] != NULL; i++)
    {
      g_autofree char *has = usb_host_key (pc->usb_hosts[i]);

      if (g_strcmp0 (has, key) == 0)
        return pc->usb_hosts[i];
    }
  return NULL;
}

/* Where it goes: a place that waits for it, or a free one. usb_lock is held. */
static Device *
choose (Pc *pc, const char *key, const char *name, GError **error)
{
  Device *place = find (pc, key);

  if (pc->usb_hosts[0] == NULL)
    g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                 "The machine \"%s\" has no USB, so %s can't be attached: switch USB on in its settings, and "
                 "start it anew",
                 pc->spec->name, name);
  else if (key[0] == '\0' || strlen (key) >= USB_HOST_KEY_SIZE)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "“%s” is no USB device of the host's: name it as “1-2.3”", key);
  else if (place != NULL && usb_host_is_plugged (place))
    g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY, "The machine \"%s\" has %s (%s) already", pc->spec->name,
                 name, key);
  else if (place == NULL && (place = find (pc, NULL)) == NULL)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_BUSY,
      "The machine \"%s\" has %u USB devices of the host's, as many as it can: detach one before %s (%s) is "
      "attached",
      pc->spec->name, PC_N_USB_HOSTS, name, key);
  else
    return place;
  return NULL;
}

bool
pc_attach_usb (Pc *pc, int fd, const char *key, const char *name, const char *guard, GError **error)
{
  UsbLink *link = NULL;
  Device *place;

  g_mutex_lock (&pc->usb_lock);
  place = choose (pc, key, name, error);
  if (place != NULL)
    link = usb_link_open (fd, guard, error);
  if (link != NULL && !usb_host_plug (place, link, key, name, error))
    g_clear_pointer (&link, usb_link_free);
  g_mutex_unlock (&pc->usb_lock);
  return link != NULL;
}

bool
pc_detach_usb (Pc *pc, const char *key, GError **error)
{
  UsbLink *link;
  Device *place;

  g_mutex_lock (&pc->usb_lock);
  place = find (pc, key);
  link = place != NULL ? usb_host_unplug (place) : NULL;
  g_mutex_unlock (&pc->usb_lock);
  if (link != NULL)
    usb_link_free (link);
  if (place == NULL)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The machine \"%s\" has no USB device of the host's at %s", pc->spec->name, key);
  return place != NULL;
}

void
pc_expect_usb (Pc *pc, const char *key, const char *name)
{
  Device *place;

  g_mutex_lock (&pc->usb_lock);
  place = find (pc, key);
  if (place == NULL)
    place = find (pc, NULL);
  if (place != NULL && key[0] != '\0' && strlen (key) < USB_HOST_KEY_SIZE)
    usb_host_expect (place, key, name);
  g_mutex_unlock (&pc->usb_lock);
}

static void
usb_free (gpointer data)
{
  PcUsb *device = data;

  g_free (device->key);
  g_free (device->name);
  g_free (device);
}

GPtrArray *
pc_list_usb (Pc *pc)
{
  GPtrArray *devices = g_ptr_array_new_with_free_func (usb_free);

  for (unsigned i = 0; i < PC_N_USB_HOSTS && pc->usb_hosts[i] != NULL; i++)
    {
      PcUsb device = { usb_host_key (pc->usb_hosts[i]), usb_host_name (pc->usb_hosts[i]),
                       usb_host_is_plugged (pc->usb_hosts[i]) };

      if (device.key != NULL)
        g_ptr_array_add (devices, g_memdup2 (&device, sizeof device));
      else
        g_free (device.name);
    }
  return devices;
}

void
pc_watch_usb (Pc *pc, PcUsbLostFunc lost, void *data)
{
  for (unsigned i = 0; i < PC_N_USB_HOSTS && pc->usb_hosts[i] != NULL; i++)
    usb_host_set_lost (pc->usb_hosts[i], lost, data);
}

/* What is the guest's now stays so, whatever it had then: it is pulled out and plugged in again. */
void
pc_take_usb (Pc *pc, Pc *predecessor)
{
  for (unsigned i = 0; i < PC_N_USB_HOSTS && predecessor->usb_hosts[i] != NULL; i++)
    {
      Device *from = predecessor->usb_hosts[i], *to;
      g_autofree char *key = usb_host_key (from), *name = usb_host_name (from);
      g_autoptr (GError) error = NULL;
      UsbLink *link = key != NULL ? usb_host_unplug (from) : NULL;

      if (link == NULL)
        continue;
      to = choose (pc, key, name, &error);
      if (to != NULL && usb_host_plug (to, link, key, name, &error))
        continue;
      usb_link_free (link);
      g_warning ("%s: %s", pc->spec->name, error->message);
    }
}
