/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-host-private.h"

/* What the host does in its own time: a thread asks it, the device's transfers wait until it is done. */

static int
ask (UsbLink *link, UsbHostWork work, unsigned value, unsigned setting)
{
  switch (work)
    {
    case WORK_RESET:
      return link->ops->reset (link);
    case WORK_CONFIGURE:
      return link->ops->set_configuration (link, value);
    case WORK_INTERFACE:
      return link->ops->set_interface (link, value, setting);
    case WORK_CLEAR_HALT:
      return link->ops->clear_halt (link, (uint8_t)value);
    case WORK_CLOSE:
      usb_link_free (link);
      return 0;
    default:
      return 0;
    }
}

/* It was pulled out of the host, and is gone by now. With the lock, which is let go meanwhile. */
static void
tell_lost (UsbHost *host)
{
  UsbHostLostFunc lost = host->lost;
  void *data = host->lost_data;
  g_autofree char *key = g_strdup (host->key), *name = g_strdup (host->name);

  usb_host_clear (host);
  if (lost != NULL)
    lost (key, name, data);
}

static gpointer
work_in_thread (gpointer data)
{
  UsbHost *host = data;
  int result = ask (host->link, host->work, host->value, host->setting);

  device_lock (&host->usb.device);
  host->result = result;
  host->worked = true;
  if (!host->stopped || host->leaving)
    usb_host_end_work (host);
  device_unlock (&host->usb.device);
  return NULL;
}

void
usb_host_begin_work (UsbHost *host, UsbHostWork work, unsigned value, unsigned setting, UsbTransfer *transfer)
{
  TRACE (host, "work", "kind=%u value=%u setting=%u", work, value, setting);
  host->work = work;
  host->value = value;
  host->setting = setting;
  host->worked = false;
  host->work_transfer = transfer;
  g_thread_unref (g_thread_new ("usb-host", work_in_thread, host));
}

static void
note (UsbHost *host, UsbHostWork work)
{
  if (work == WORK_CONFIGURE)
    {
      host->usb.configuration = (uint8_t)host->value;
      usb_topology_configure (&host->topology, host->value);
    }
  else if (work == WORK_INTERFACE)
    usb_topology_set (&host->topology, host->value, host->setting);
}

void
usb_host_end_work (UsbHost *host)
{
  UsbHostWork work = host->work;
  UsbTransfer *transfer = g_steal_pointer (&host->work_transfer);

  TRACE (host, "worked", "kind=%u result=%d", work, host->result);
  host->work = WORK_NONE;
  host->worked = false;
  if (work == WORK_CLOSE)
    tell_lost (host);
  else if (host->result == 0 && !host->reset_wanted)
    note (host, work);
  if (transfer != NULL)
    usb_transfer_done (transfer, host->result == 0 ? USB_OK : USB_STALL, 0);
  if (work == WORK_CLOSE)
    {
      g_mutex_lock (&host->settled_lock);
      host->settled = true;
      g_cond_broadcast (&host->settled_cond);
      g_mutex_unlock (&host->settled_lock);
      return;
    }
  if (host->result == -ENODEV)
    host->link->gone (host->link->data);
  if (host->reset_wanted && !host->leaving)
    {
      host->reset_wanted = host->used = false;
      usb_host_begin_work (host, WORK_RESET, 0, 0, NULL);
      return;
    }
  usb_host_settle (host);
  usb_host_pump (host);
}
