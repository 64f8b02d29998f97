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

/* The place of the device @key; NULL: of none. What is there comes before what is waited for. */
static Device *
find (Pc *pc, const char *key)
{
  Device *found = NULL;

  for (unsigned i = 0; i < PC_N_USB_HOSTS && pc->usb_hosts[i] != NULL; i++)
    {
      g_autofree char *has = usb_host_key (pc->usb_hosts[i]);

      if (g_strcmp0 (has, key) == 0 && (found == NULL || usb_host_is_plugged (pc->usb_hosts[i])))
        found = pc->usb_hosts[i];
    }
  return found;
}

/* The place that waits for the device, wherever it is plugged in by now. */
static Device *
find_waiting (Pc *pc, const char *id)
{
  for (unsigned i = 0; id[0] != '\0' && i < PC_N_USB_HOSTS && pc->usb_hosts[i] != NULL; i++)
    {
      g_autofree char *has = usb_host_id (pc->usb_hosts[i]);

      if (!usb_host_is_plugged (pc->usb_hosts[i]) && g_strcmp0 (has, id) == 0)
        return pc->usb_hosts[i];
    }
  return NULL;
}

static bool
is_key (const char *key)
{
  return key[0] != '\0' && strlen (key) < USB_HOST_KEY_SIZE;
}

/* Where it goes: a place that waits for it, or a free one. usb_lock is held. */
static Device *
choose (Pc *pc, const UsbHostName *device, GError **error)
{
  const char *key = device->key, *name = device->name;
  Device *place = find (pc, key), *waiting = find_waiting (pc, device->id);

  if (pc->usb_hosts[0] == NULL)
    g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                 "The machine \"%s\" has no USB, so %s can't be attached: switch USB on in its settings, and "
                 "start it anew",
                 pc->spec->name, name);
  else if (!is_key (key))
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "“%s” is no USB device of the host's: name it as “1-2.3”", key);
  else if (place != NULL && usb_host_is_plugged (place))
    g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY, "The machine \"%s\" has %s (%s) already", pc->spec->name,
                 name, key);
  else if (waiting != NULL)
    return waiting;
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

static bool
open_and_plug (Device *place, int fd, const UsbHostName *name, const char *guard, GError **error)
{
  UsbLink *link = usb_link_open (fd, guard, error);

  if (link != NULL && usb_host_plug (place, link, name, error))
    return true;
  g_clear_pointer (&link, usb_link_free);
  g_prefix_error (error, "“%s” (port %s) can't be attached: ", name->name, name->key);
  return false;
}

bool
pc_attach_usb (Pc *pc, int fd, const PcUsb *device, const char *guard, GError **error)
{
  const UsbHostName name = { device->key, device->id, device->name };
  Device *place;
  bool done;

  g_mutex_lock (&pc->usb_lock);
  place = choose (pc, &name, error);
  done = place != NULL && open_and_plug (place, fd, &name, guard, error);
  g_mutex_unlock (&pc->usb_lock);
  return done;
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
pc_forget_usb (Pc *pc)
{
  g_mutex_lock (&pc->usb_lock);
  for (unsigned i = 0; i < PC_N_USB_HOSTS && pc->usb_hosts[i] != NULL; i++)
    usb_host_forget (pc->usb_hosts[i]);
  g_mutex_unlock (&pc->usb_lock);
}

void
pc_usb_free (PcUsb *device)
{
  g_free (device->key);
  g_free (device->id);
  g_free (device->name);
  g_free (device);
}

/* What is in @place, or waited for there; NULL: nothing. */
static PcUsb *
look_at (Device *place)
{
  char *key = usb_host_key (place), *id, *name;

  if (key == NULL)
    return NULL;
  id = usb_host_id (place);
  name = usb_host_name (place);
  return g_memdup2 (&(PcUsb){ key, id != NULL ? id : g_strdup (""), name != NULL ? name : g_strdup (key),
                              usb_host_is_plugged (place) },
                    sizeof (PcUsb));
}

GPtrArray *
pc_list_usb (Pc *pc)
{
  GPtrArray *devices = g_ptr_array_new_with_free_func ((GDestroyNotify)pc_usb_free);

  for (unsigned i = 0; i < PC_N_USB_HOSTS && pc->usb_hosts[i] != NULL; i++)
    {
      PcUsb *device = look_at (pc->usb_hosts[i]);

      if (device != NULL)
        g_ptr_array_add (devices, device);
    }
  return devices;
}

void
pc_watch_usb (Pc *pc, PcUsbLostFunc lost, void *data)
{
  for (unsigned i = 0; i < PC_N_USB_HOSTS && pc->usb_hosts[i] != NULL; i++)
    usb_host_set_lost (pc->usb_hosts[i], lost, data);
}

static void
take (Pc *pc, const PcUsb *device, UsbLink *link)
{
  const UsbHostName name = { device->key, device->id, device->name };
  g_autoptr (GError) error = NULL;
  Device *place = choose (pc, &name, &error);

  if (place != NULL && usb_host_plug (place, link, &name, &error))
    return;
  usb_link_free (link);
  g_warning ("%s: “%s” (port %s) is the host's again: %s", pc->spec->name, device->name, device->key,
             error->message);
}

/* What is the guest's now stays so, whatever it had then: it is pulled out and plugged in again. */
void
pc_take_usb (Pc *pc, Pc *predecessor)
{
  for (unsigned i = 0; i < PC_N_USB_HOSTS && predecessor->usb_hosts[i] != NULL; i++)
    {
      g_autoptr (PcUsb) device = look_at (predecessor->usb_hosts[i]);
      UsbLink *link = usb_host_unplug (predecessor->usb_hosts[i]);

      if (link != NULL && device != NULL)
        take (pc, device, link);
      else if (link != NULL)
        usb_link_free (link);
    }
}
