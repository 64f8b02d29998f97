/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bonsai-usb-guard CONFIGURATION DRIVERS: run by whoever takes a USB device from the host's drivers
 * (usb-guard.h). */
#include "devices/usb/usb-guard.h"

#include <errno.h>
#include <linux/usbdevice_fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define N_INTERFACES      32u
#define PATIENCE_MS       1000u
#define GET_CONFIGURATION 8u

/* The pipe gives nothing but its end. */
static void
wait_for_end (void)
{
  char byte;
  ssize_t n;

  do
    n = read (STDIN_FILENO, &byte, 1);
  while (n > 0 || (n < 0 && errno == EINTR));
}

static unsigned
get_configuration (int device)
{
  uint8_t value = 0;
  struct usbdevfs_ctrltransfer request = {
    .bRequestType = 0x80, .bRequest = GET_CONFIGURATION, .wLength = 1, .timeout = PATIENCE_MS, .data = &value
  };

  return ioctl (device, USBDEVFS_CONTROL, &request) == 1 ? value : 0;
}

/* What was under way ends with that. */
static void
release_all (int device)
{
  for (unsigned interface = 0; interface < N_INTERFACES; interface++)
    ioctl (device, USBDEVFS_RELEASEINTERFACE, &interface);
}

/* A device that was in the middle of something begins anew; one that isn't there any more minds nothing. */
static void
give_back (int device, unsigned configuration, unsigned long drivers)
{
  release_all (device);
  ioctl (device, USBDEVFS_RESET, NULL);
  if (configuration != 0 && get_configuration (device) != configuration)
    ioctl (device, USBDEVFS_SETCONFIGURATION, &configuration);
  for (unsigned interface = 0; interface < N_INTERFACES; interface++)
    {
      struct usbdevfs_ioctl command = { .ifno = (int)interface, .ioctl_code = USBDEVFS_CONNECT };

      if (drivers >> interface & 1)
        ioctl (device, USBDEVFS_IOCTL, &command);
    }
}

int
main (int argc, char **argv)
{
  if (argc != 3)
    {
      fputs ("Usage: bonsai-usb-guard CONFIGURATION DRIVERS, with the device as descriptor 3\n", stderr);
      return 2;
    }
  setsid ();
  signal (SIGTERM, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  wait_for_end ();
  give_back (USB_GUARD_DEVICE_FD, (unsigned)strtoul (argv[1], NULL, 0), strtoul (argv[2], NULL, 0));
  return 0;
}
