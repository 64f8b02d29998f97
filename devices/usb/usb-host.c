/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-host-private.h"

#include "vmm/base/error.h"

/* --- who waits for the end --- */

static void
set_settled (UsbHost *host, bool settled)
{
  g_mutex_lock (&host->settled_lock);
  host->settled = settled;
  g_cond_broadcast (&host->settled_cond);
  g_mutex_unlock (&host->settled_lock);
}

static void
wait_settled (UsbHost *host)
{
  g_mutex_lock (&host->settled_lock);
  while (!host->settled)
    g_cond_wait (&host->settled_cond, &host->settled_lock);
  g_mutex_unlock (&host->settled_lock);
}

/* What was pulled out of the host is let go at once; else whoever pulls it out of the guest goes on. */
void
usb_host_settle (UsbHost *host)
{
  if (!host->leaving || host->n_urbs > 0 || host->work != WORK_NONE)
    return;
  if (host->gone && host->link != NULL && !host->closing)
    {
      host->closing = true;
      host->link->ops->watch (host->link, NULL);
      usb_host_begin_work (host, WORK_CLOSE, 0, 0, NULL);
    }
  else if (!host->closing)
    set_settled (host, true);
}

/* --- coming and going --- */

void
usb_host_clear (UsbHost *host)
{
  host->key[0] = host->id[0] = host->name[0] = '\0';
  host->link = NULL;
  host->leaving = host->closing = false;
  host->topology = (UsbTopology){ 0 };
}

/* Whole characters of it. */
static void
keep_text (char *place, size_t size, const char *text)
{
  const char *end;

  g_strlcpy (place, text, size);
  if (!g_utf8_validate (place, -1, &end))
    place[end - place] = '\0';
}

static void
remember (UsbHost *host, const UsbHostName *name)
{
  keep_text (host->key, sizeof host->key, name->key);
  keep_text (host->id, sizeof host->id, name->id);
  keep_text (host->name, sizeof host->name, name->name);
}

/* To the guest it is gone: its transfers end. */
static void
leave (UsbHost *host)
{
  host->leaving = true;
  usb_unplug (&host->usb);
  if (host->worked)
    usb_host_end_work (host);
}

static void
on_gone (void *data)
{
  UsbHost *host = data;

  if (host->gone)
    return;
  TRACE (host, "gone", "key=%s urbs=%u", host->key, host->n_urbs);
  host->gone = true;
  if (!host->leaving)
    leave (host);
  usb_host_settle (host);
}

static bool
check_place (const UsbHost *host, GError **error)
{
  if (host->link == NULL && !host->leaving)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY, "%s, which was there, is still going", host->name);
  return false;
}

static bool
check_descriptors (UsbHost *host, const UsbLink *link, GError **error)
{
  if (usb_topology_init (&host->topology, link->descriptors, link->descriptors_size))
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "it describes itself in a way that can't be");
  return false;
}

static bool
plug (UsbHost *host, UsbLink *link, const UsbHostName *name, GError **error)
{
  if (!check_place (host, error) || !check_descriptors (host, link, error))
    return false;
  host->link = link;
  host->used = true;
  host->gone = host->full = host->closing = host->reset_wanted = false;
  link->gone = on_gone;
  link->data = host;
  if (!usb_plug (&host->usb, link->speed))
    {
      host->link = NULL;
      g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                   "all USB ports of the machine are taken; detach another device before");
      return false;
    }
  remember (host, name);
  set_settled (host, false);
  link->ops->watch (link, &host->usb.device);
  TRACE (host, "plug", "key=%s speed=%u port=%u", host->key, link->speed, host->usb.port);
  return true;
}

bool
usb_host_plug (Device *device, UsbLink *link, const UsbHostName *name, GError **error)
{
  bool done;

  device_lock (device);
  done = plug ((UsbHost *)device, link, name, error);
  device_unlock (device);
  return done;
}

UsbLink *
usb_host_unplug (Device *device)
{
  UsbHost *host = (UsbHost *)device;
  UsbLink *link = NULL;
  bool waits;

  device_lock (device);
  waits = host->link != NULL;
  if (waits && !host->leaving)
    {
      TRACE (host, "unplug", "key=%s urbs=%u", host->key, host->n_urbs);
      leave (host);
      usb_host_settle (host);
    }
  device_unlock (device);
  if (waits)
    wait_settled (host);

  device_lock (device);
  if (host->link != NULL)
    {
      link = host->link;
      link->ops->watch (link, NULL);
    }
  usb_host_clear (host);
  device_unlock (device);
  return link;
}

/* --- what is asked --- */

void
usb_host_set_lost (Device *device, UsbHostLostFunc lost, void *data)
{
  UsbHost *host = (UsbHost *)device;

  device_lock (device);
  host->lost = lost;
  host->lost_data = data;
  device_unlock (device);
}

static char *
copy (Device *device, const char *text)
{
  char *result;

  device_lock (device);
  result = text[0] != '\0' ? g_strdup (text) : NULL;
  device_unlock (device);
  return result;
}

char *
usb_host_key (Device *device)
{
  return copy (device, ((UsbHost *)device)->key);
}

char *
usb_host_id (Device *device)
{
  return copy (device, ((UsbHost *)device)->id);
}

char *
usb_host_name (Device *device)
{
  return copy (device, ((UsbHost *)device)->name);
}

bool
usb_host_is_plugged (Device *device)
{
  const UsbHost *host = (UsbHost *)device;
  bool plugged;

  device_lock (device);
  plugged = host->link != NULL && !host->leaving;
  device_unlock (device);
  return plugged;
}

void
usb_host_forget (Device *device)
{
  UsbHost *host = (UsbHost *)device;

  device_lock (device);
  if (host->link == NULL)
    usb_host_clear (host);
  device_unlock (device);
}

/* --- the device --- */

static bool
realize (Device *device, const void *config, GError **error)
{
  const UsbHostConfig *host_config = config;
  UsbHost *host = (UsbHost *)device;

  g_mutex_init (&host->settled_lock);
  g_cond_init (&host->settled_cond);
  usb_join (&host->usb, host_config->bus);
  return true;
}

/* The loop, which stands while this runs, is done without. */
static void
let_go (UsbHost *host)
{
  device_lock (&host->usb.device);
  host->stopped = false;
  if (host->link != NULL && !host->leaving)
    leave (host);
  while (host->link != NULL && !host->closing && host->n_urbs > 0)
    host->link->ops->handle (host->link, 1000);
  usb_host_settle (host);
  device_unlock (&host->usb.device);
  wait_settled (host);
  if (host->link != NULL)
    {
      device_lock (&host->usb.device);
      host->link->ops->watch (host->link, NULL);
      device_unlock (&host->usb.device);
    }
}

static void
unrealize (Device *device)
{
  UsbHost *host = (UsbHost *)device;

  if (host->link != NULL)
    let_go (host);
  if (host->link != NULL)
    usb_link_free (g_steal_pointer (&host->link));
  usb_unrealize (&host->usb);
  g_mutex_clear (&host->settled_lock);
  g_cond_clear (&host->settled_cond);
}

/* The board's: what the host has to do waits until the guest resets its port. */
static void
reset (Device *device)
{
  UsbHost *host = (UsbHost *)device;

  host->usb.configuration = 0;
  host->usb.remote_wakeup = host->usb.suspended = false;
  usb_topology_configure (&host->topology, 0);
}

static void
bus_reset (UsbDevice *usb)
{
  UsbHost *host = (UsbHost *)usb;

  usb_topology_configure (&host->topology, 0);
  if (!host->used || host->leaving || host->link == NULL)
    return;
  if (host->work != WORK_NONE)
    {
      host->reset_wanted = true;
      return;
    }
  host->used = false;
  usb_host_begin_work (host, WORK_RESET, 0, 0, NULL);
}

static void
stopped (Device *device)
{
  ((UsbHost *)device)->stopped = true;
}

static void
started (Device *device)
{
  UsbHost *host = (UsbHost *)device;

  host->stopped = false;
  usb_host_tell_finished (host);
  if (host->worked)
    usb_host_end_work (host);
  usb_host_pump (host);
}

/* --- what is saved --- */

static bool
is_text (const char *text, size_t size)
{
  return memchr (text, '\0', size) != NULL && g_utf8_validate (text, -1, NULL);
}

static bool
check (const void *object, const void *incoming, GError **error)
{
  const UsbHost *live = object, *host = incoming;

  if (is_text (host->key, sizeof host->key) && is_text (host->id, sizeof host->id)
      && is_text (host->name, sizeof host->name))
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state of %s has a device's name that can't be",
               live->usb.device.name);
  return false;
}

static const StateField fields[] = {
  STATE_BYTES (UsbHost, key, 1),
  STATE_BYTES (UsbHost, name, 1),
  STATE_BYTES (UsbHost, id, 2),
  STATE_END,
};

static const StateTable state = {
  .name = "usb-host",
  .version = 2,
  .fields = fields,
  .object_size = sizeof (UsbHost),
  .check = check,
};

const UsbDeviceClass usb_host_class = {
  .device = { .id = "usb-host",
              .size = sizeof (UsbHost),
              .realize = realize,
              .unrealize = unrealize,
              .reset = reset,
              .stopped = stopped,
              .started = started,
              .state = &state },
  .bus_reset = bus_reset,
  .submit = usb_host_submit,
  .flush = usb_host_flush,
  .cancel = usb_host_cancel,
};
