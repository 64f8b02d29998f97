/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb-host.h"
#include "devices/usb/usb-topology.h"

G_BEGIN_DECLS

/*
 * Between the parts of UsbHost. The lock is held everywhere.
 *
 *   usb-host.c           its life: plugging, the machine's stops, what is saved
 *   usb-host-work.c      what takes time: a thread does it, transfers wait meanwhile
 *   usb-host-transfer.c  from the guest's transfers to urbs and back
 *   usb-host-iso.c       the same for isochronous ones
 *   usb-topology.c       what a device says that it has
 *   usb-link-*.c         the way to the host
 */
#define USB_HOST_MAX_LENGTH  (4u << 20) /* of a transfer */
#define USB_HOST_MAX_CONTROL 4096u      /* as libusb has it */
#define USB_HOST_MAX_PACKETS 32u        /* of an isochronous urb */

typedef struct UsbHost UsbHost;

typedef enum {
  WORK_NONE,
  WORK_RESET,
  WORK_CONFIGURE,
  WORK_INTERFACE,
  WORK_CLEAR_HALT,
  WORK_CLOSE
} UsbHostWork;

/* A urb and the guest's transfers that it serves: one, or as many as it has packets. */
typedef struct {
  UsbUrb urb;
  UsbHost *host;
  GList link; /* of finished */
  unsigned n; /* of transfers */
  bool telling;
  UsbTransfer *transfers[USB_HOST_MAX_PACKETS]; /* NULL: was taken back */
} HostUrb;

struct UsbHost {
  UsbDevice usb;
  char key[USB_HOST_KEY_SIZE], id[USB_HOST_ID_SIZE],
    name[USB_HOST_NAME_SIZE]; /* "": nothing is there, or expected */

  /* Not saved. */
  UsbLink *link; /* or NULL */
  UsbHostLostFunc lost;
  void *lost_data;
  UsbTopology topology;
  unsigned n_urbs;       /* that the link has */
  GQueue waiting;        /* of UsbTransfer: until work is done, or there is room */
  GQueue finished;       /* of HostUrb: until the machine goes on */
  GQueue packets[2][16]; /* of UsbTransfer: isochronous ones until they are flushed; [1]: IN */
  bool stopped;          /* the machine stands still */
  bool full;             /* the host takes no more for now */
  bool used;             /* since its reset */
  bool gone;             /* it was pulled out of the host */
  bool telling;          /* packets are being told: what comes meanwhile goes to the host together */
  bool reset_wanted;     /* as soon as work is done */
  bool leaving;          /* it is being pulled out of the guest */
  bool closing;          /* the link is going */

  UsbHostWork work;        /* being done, or done and not told */
  unsigned value, setting; /* of it */
  int result;
  bool worked;                /* it is done */
  UsbTransfer *work_transfer; /* (nullable): which asked for it */

  GMutex settled_lock;
  GCond settled_cond;
  bool settled; /* settled_lock: nothing is under way, and nothing will be */
};

/* usb-host.c: something was done: whoever waits for the end may be told. */
void usb_host_settle (UsbHost *host);
/* Its device is others', or there is none. */
void usb_host_clear (UsbHost *host);

/* usb-host-work.c */
void usb_host_begin_work (UsbHost *host, UsbHostWork work, unsigned value, unsigned setting,
                          UsbTransfer *transfer);
void usb_host_end_work (UsbHost *host);

/* usb-host-transfer.c */
void usb_host_submit (UsbDevice *usb, UsbTransfer *transfer);
void usb_host_cancel (UsbDevice *usb, UsbTransfer *transfer);
/* What waits goes on, if it may. */
void usb_host_pump (UsbHost *host);
/* What was done while the machine stood is told. */
void usb_host_tell_finished (UsbHost *host);
HostUrb *usb_host_urb_new (UsbHost *host, UsbKind kind, uint8_t endpoint, size_t length, unsigned n_packets);
/* False: it can't be; @urb is freed, the transfers are as before. */
int usb_host_urb_submit (HostUrb *urb);
void usb_host_urb_free (HostUrb *urb);

/* usb-host-iso.c */
void usb_host_submit_packet (UsbHost *host, UsbTransfer *transfer);
bool usb_host_cancel_packet (UsbHost *host, UsbTransfer *transfer);
void usb_host_flush (UsbDevice *usb, uint8_t endpoint);
void usb_host_finish_packets (HostUrb *urb);

G_END_DECLS
