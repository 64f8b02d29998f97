/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/usb/usb-watch.h"

#include "app/usb/usb-claim.h"

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <libudev.h>
#include <unistd.h>

struct UsbWatch {
  UsbWatchFunc changed;
  void *data;
  struct udev *udev;
  struct udev_monitor *monitor;
  GSource *source;       /* of the monitor */
  GFileMonitor *devices; /* of a made-up /sys */
  GFileMonitor *claims;
};

/* A device with its interfaces comes as several messages. */
static gboolean
on_messages (int fd, GIOCondition condition, gpointer data)
{
  UsbWatch *watch = data;
  struct udev_device *device;
  bool news = false;

  while ((device = udev_monitor_receive_device (watch->monitor)) != NULL)
    {
      udev_device_unref (device);
      news = true;
    }
  if (news)
    watch->changed (watch->data);
  return G_SOURCE_CONTINUE;
}

/* udevd passes them on when it has set who may open the device. */
static void
listen_to_udev (UsbWatch *watch)
{
  const char *sender = access ("/run/udev/control", F_OK) == 0 ? "udev" : "kernel";

  watch->udev = udev_new ();
  watch->monitor = watch->udev != NULL ? udev_monitor_new_from_netlink (watch->udev, sender) : NULL;
  if (watch->monitor == NULL
      || udev_monitor_filter_add_match_subsystem_devtype (watch->monitor, "usb", "usb_device") < 0
      || udev_monitor_enable_receiving (watch->monitor) < 0)
    {
      g_info ("USB devices that come and go aren't heard of");
      return;
    }
  watch->source = g_unix_fd_source_new (udev_monitor_get_fd (watch->monitor), G_IO_IN);
  g_source_set_callback (watch->source, G_SOURCE_FUNC (on_messages), watch, NULL);
  g_source_attach (watch->source, g_main_context_get_thread_default ());
}

static void
on_file_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, UsbWatch *watch)
{
  if (event != G_FILE_MONITOR_EVENT_CHANGED)
    watch->changed (watch->data);
}

static GFileMonitor *
watch_folder (UsbWatch *watch, const char *path)
{
  g_autoptr (GFile) folder = g_file_new_for_path (path);
  GFileMonitor *monitor = g_file_monitor_directory (folder, G_FILE_MONITOR_NONE, NULL, NULL);

  if (monitor != NULL)
    g_signal_connect (monitor, "changed", G_CALLBACK (on_file_changed), watch);
  return monitor;
}

UsbWatch *
usb_watch_new (const char *root, UsbWatchFunc changed, void *data)
{
  UsbWatch *watch = g_new0 (UsbWatch, 1);
  g_autofree char *claims = usb_claim_folder ();
  g_autofree char *devices = g_strconcat (root, "/sys/bus/usb/devices", NULL);

  watch->changed = changed;
  watch->data = data;
  g_mkdir_with_parents (claims, 0700);
  watch->claims = watch_folder (watch, claims);
  if (root[0] == '\0')
    listen_to_udev (watch);
  else
    watch->devices = watch_folder (watch, devices);
  return watch;
}

static void
drop_monitor (UsbWatch *watch, GFileMonitor **monitor)
{
  if (*monitor == NULL)
    return;
  g_signal_handlers_disconnect_by_data (*monitor, watch);
  g_file_monitor_cancel (*monitor);
  g_clear_object (monitor);
}

void
usb_watch_free (UsbWatch *watch)
{
  if (watch == NULL)
    return;
  if (watch->source != NULL)
    {
      g_source_destroy (watch->source);
      g_source_unref (watch->source);
    }
  if (watch->monitor != NULL)
    udev_monitor_unref (watch->monitor);
  if (watch->udev != NULL)
    udev_unref (watch->udev);
  drop_monitor (watch, &watch->devices);
  drop_monitor (watch, &watch->claims);
  g_free (watch);
}
