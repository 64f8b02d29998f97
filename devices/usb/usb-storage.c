/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-storage-private.h"

#include "vmm/base/error.h"
#include "vmm/base/iov.h"

enum {
  BULK_RESET = 0xff,  /* Bulk-Only Transport, section 3.1 */
  GET_MAX_LUN = 0xfe, /* section 3.2 */
};

/* --- transfers that wait --- */

static GQueue *
queue_of (UsbStorage *storage, const UsbTransfer *transfer)
{
  return &storage->waiting[(uintptr_t)transfer->data][transfer->stream];
}

UsbTransfer *
storage_take_transfer (UsbStorage *storage, StoragePipe pipe, unsigned stream)
{
  GList *link = g_queue_pop_head_link (&storage->waiting[pipe][stream]);

  return link != NULL ? link->data : NULL;
}

int
storage_read_message (UsbTransfer *transfer, uint8_t *data, size_t size)
{
  int length = (int)MIN (transfer->length, INT32_MAX);

  if (!usb_transfer_map (transfer))
    {
      usb_transfer_done (transfer, USB_NO_MEMORY, 0);
      return -1;
    }
  iov_gather (transfer->iov, transfer->n_iov, 0, data, size);
  usb_transfer_done (transfer, USB_OK, transfer->length);
  return length;
}

void
storage_serve (UsbStorage *storage, unsigned slot)
{
  storage->ready |= UINT64_C (1) << slot;
  if (storage->serving)
    return;
  storage->serving = true;
  while (storage->ready != 0)
    {
      unsigned next = (unsigned)__builtin_ctzll (storage->ready);

      storage->ready &= ~(UINT64_C (1) << next);
      if (storage->usb.alternate == STORAGE_UAS)
        storage_uas_serve (storage, next);
      else if (next == 0)
        storage_bulk_serve (storage);
    }
  storage->serving = false;
}

/* --- control transfers --- */

static void
control (UsbStorage *storage, UsbTransfer *transfer)
{
  const UsbSetup *setup = &transfer->setup;
  uint8_t answer[2] = { 0 };

  switch (USB_REQUEST (setup->type, setup->request))
    {
    case USB_REQUEST (USB_IN | USB_TYPE_CLASS | USB_TO_INTERFACE, GET_MAX_LUN):
      usb_transfer_answer (transfer, answer, 1);
      break;
    case USB_REQUEST (USB_TYPE_CLASS | USB_TO_INTERFACE, BULK_RESET):
      storage_bulk_reset (storage);
      usb_transfer_done (transfer, USB_OK, 0);
      break;
    case USB_REQUEST (USB_IN | USB_TO_ENDPOINT, USB_GET_STATUS):
      answer[0] = storage->wedged;
      usb_transfer_answer (transfer, answer, 2);
      break;
    case USB_REQUEST (USB_TO_ENDPOINT, USB_CLEAR_FEATURE):
      usb_transfer_done (transfer, USB_OK, 0);
      break;
    default:
      if (!usb_standard_request (&storage->usb, transfer, &storage->descriptors))
        usb_transfer_done (transfer, USB_STALL, 0);
    }
}

/* --- the class --- */

static void
submit (UsbDevice *usb, UsbTransfer *transfer)
{
  UsbStorage *storage = (UsbStorage *)usb;
  int pipe;

  if (transfer->endpoint == 0)
    {
      control (storage, transfer);
      return;
    }
  pipe = storage_find_pipe (storage, transfer->endpoint);
  if (pipe < 0 || transfer->stream > STORAGE_N_STREAMS
      || (transfer->stream != 0) != (pipe >= STORAGE_PIPE_STATUS))
    {
      usb_transfer_done (transfer, USB_STALL, 0);
      return;
    }
  transfer->data = (void *)(uintptr_t)pipe;
  transfer->link.data = transfer;
  g_queue_push_tail_link (queue_of (storage, transfer), &transfer->link);
  storage_serve (storage, transfer->stream);
}

static void
cancel (UsbDevice *usb, UsbTransfer *transfer)
{
  g_queue_unlink (queue_of ((UsbStorage *)usb, transfer), &transfer->link);
  usb_transfer_done (transfer, USB_CANCELLED, 0);
}

static void
configured (UsbDevice *usb)
{
  UsbStorage *storage = (UsbStorage *)usb;

  storage_drop_all (storage);
  storage->wedged = false;
}

static void
bus_reset (UsbDevice *usb)
{
  UsbStorage *storage = (UsbStorage *)usb;

  configured (usb);
  scsi_unit_reset (&storage->unit, false);
}

/* --- discs and sizes that change --- */

/* On the loop's thread, without locks. */
static void
image_resized (Image *image, void *data)
{
  UsbStorage *storage = data;

  device_lock (&storage->usb.device);
  if (storage->unit.image == image)
    scsi_unit_attention (&storage->unit, 0x2a, 0x09); /* SBC-3: capacity data has changed */
  device_unlock (&storage->usb.device);
}

bool
usb_storage_change_medium (Device *device, Image *image, bool force, GError **error)
{
  UsbStorage *storage = (UsbStorage *)device;
  Image *old = NULL;
  bool fine;

  device_lock (device);
  fine = scsi_change_disc (&storage->unit, image, force, &old, error);
  device_unlock (device);
  image_close (old);
  return fine;
}

/* --- its life --- */

static bool
realize (Device *device, const void *config, GError **error)
{
  const UsbStorageConfig *storage_config = config;
  UsbStorage *storage = (UsbStorage *)device;

  for (unsigned pipe = 0; pipe < STORAGE_N_PIPES; pipe++)
    for (unsigned stream = 0; stream <= STORAGE_N_STREAMS; stream++)
      g_queue_init (&storage->waiting[pipe][stream]);
  scsi_unit_init (&storage->unit, device, &storage_config->unit);
  storage_describe (storage, storage_config->speed);
  if (storage->unit.kind == SCSI_DISK)
    image_on_resize (storage->unit.image, image_resized, storage);
  return usb_realize (&storage->usb, &storage_config->place, storage_config->speed, error);
}

void
usb_storage_pull (Device *device)
{
  UsbStorage *storage = (UsbStorage *)device;
  Image *image;

  usb_unrealize (&storage->usb);
  device_lock (device);
  storage_drop_all (storage);
  image = g_steal_pointer (&storage->unit.image);
  device_unlock (device);
  if (image != NULL && storage->unit.kind == SCSI_DISK)
    image_on_resize (image, NULL, NULL);
  image_close (image);
}

static void
unrealize (Device *device)
{
  usb_storage_pull (device);
  storage_free_spare ((UsbStorage *)device);
}

static void
reset (Device *device)
{
  UsbStorage *storage = (UsbStorage *)device;

  storage->usb.configuration = storage->usb.alternate = 0;
  storage->usb.remote_wakeup = storage->usb.suspended = false;
  storage->blocked = false;
  configured (&storage->usb);
  scsi_unit_reset (&storage->unit, true);
}

static void
stopped (Device *device)
{
  UsbStorage *storage = (UsbStorage *)device;

  if (storage->unit.image != NULL)
    image_let_through (storage->unit.image);
}

/* Also what was saved in the middle, and what had no room. */
static void
started (Device *device)
{
  UsbStorage *storage = (UsbStorage *)device;

  storage->blocked = false;
  storage_wake (storage);
}

const UsbDeviceClass usb_storage_class = {
  .device = { .id = "usb-storage",
              .size = sizeof (UsbStorage),
              .realize = realize,
              .unrealize = unrealize,
              .reset = reset,
              .stopped = stopped,
              .started = started,
              .state = &usb_storage_state },
  .bus_reset = bus_reset,
  .configured = configured,
  .submit = submit,
  .cancel = cancel,
};
