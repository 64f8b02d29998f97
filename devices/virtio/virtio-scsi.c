/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-scsi.h"

#include "devices/virtio/virtio-scsi-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* virtio 1.2, section 5.6: the controller's configuration and life. */

#define MAX_QUEUES         8u
#define QUEUE_SIZE         256u
#define CONTROL_QUEUE_SIZE 64u
#define SENSE_DEFAULT      96u
#define CDB_DEFAULT        32u
#define CDB_MAX            255u
#define MAX_SECTORS        0xffffu
#define COMMANDS_PER_LUN   128u

/* Section 5.6.4, struct virtio_scsi_config. */
enum {
  CONFIG_NUM_QUEUES = 0,
  CONFIG_SEG_MAX = 4,
  CONFIG_MAX_SECTORS = 8,
  CONFIG_CMD_PER_LUN = 12,
  CONFIG_EVENT_INFO_SIZE = 16,
  CONFIG_SENSE_SIZE = 20,
  CONFIG_CDB_SIZE = 24,
  CONFIG_MAX_CHANNEL = 28,
  CONFIG_MAX_TARGET = 30,
  CONFIG_MAX_LUN = 32,
  CONFIG_SIZE = 36,
};

static void
scsi_kick (VirtioDevice *vdev, Virtq *vq)
{
  VirtioScsi *scsi = (VirtioScsi *)vdev;

  if (vq->index == SCSI_QUEUE_CONTROL)
    virtio_scsi_control (scsi, vq);
  else if (vq->index == SCSI_QUEUE_EVENT)
    virtio_scsi_send_events (scsi);
  else
    virtio_scsi_serve (scsi, vq);
}

/* --- configuration --- */

static void
show_sizes (VirtioScsi *scsi)
{
  store_le32 (scsi->virtio.config + CONFIG_SENSE_SIZE, scsi->sense_size);
  store_le32 (scsi->virtio.config + CONFIG_CDB_SIZE, scsi->cdb_size);
}

static void
scsi_config_write (VirtioDevice *vdev, unsigned offset, uint64_t value, unsigned size)
{
  VirtioScsi *scsi = (VirtioScsi *)vdev;

  if (offset == CONFIG_SENSE_SIZE && size == 4 && value <= SCSI_SENSE_MAX)
    scsi->sense_size = value;
  else if (offset == CONFIG_CDB_SIZE && size == 4 && value >= 6 && value <= CDB_MAX)
    scsi->cdb_size = value;
  else
    GUEST_ERROR (vdev, "configuration at 0x%x can't be 0x%" G_GINT64_MODIFIER "x", offset, value);
  show_sizes (scsi);
}

static void
scsi_virtio_reset (VirtioDevice *vdev)
{
  VirtioScsi *scsi = (VirtioScsi *)vdev;

  scsi->blocked = false;
  scsi->waiting_targets = 0;
  scsi->sense_size = SENSE_DEFAULT;
  scsi->cdb_size = CDB_DEFAULT;
  scsi->n_events = 0;
  scsi->events_missed = false;
  memset (scsi->subscribed, 0, sizeof scsi->subscribed);
  show_sizes (scsi);
}

/* Section 5.6.4; the host's units may take less in one command. */
static void
fill_config (VirtioScsi *scsi, unsigned n_queues)
{
  uint8_t *config = scsi->virtio.config;
  uint32_t max_sectors = MAX_SECTORS;

  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    if (scsi->units[i].kind == SCSI_HOST)
      max_sectors = MIN (max_sectors, scsi_host_max_transfer (scsi->units[i].host) / 512);
  scsi->virtio.config_size = CONFIG_SIZE;
  store_le32 (config + CONFIG_NUM_QUEUES, n_queues);
  store_le32 (config + CONFIG_SEG_MAX, QUEUE_SIZE - 2);
  store_le32 (config + CONFIG_MAX_SECTORS, max_sectors);
  store_le32 (config + CONFIG_CMD_PER_LUN, COMMANDS_PER_LUN);
  store_le32 (config + CONFIG_EVENT_INFO_SIZE, 16);
  store_le16 (config + CONFIG_MAX_CHANNEL, 0);
  store_le16 (config + CONFIG_MAX_TARGET, VIRTIO_SCSI_N_TARGETS - 1);
  store_le32 (config + CONFIG_MAX_LUN, 0);
}

static const VirtioClass scsi_virtio = {
  .id = VIRTIO_ID_SCSI,
  .class_code = 0x010000,
  .kick = scsi_kick,
  .config_write = scsi_config_write,
  .reset = scsi_virtio_reset,
};

/* --- the device --- */

static bool
scsi_realize (Device *device, const void *config, GError **error)
{
  const VirtioScsiConfig *scsi_config = config;
  VirtioScsi *scsi = (VirtioScsi *)device;
  unsigned n_queues = MAX (scsi_config->n_queues, 1);
  uint64_t features = VIRTIO_FEATURE (SCSI_F_HOTPLUG) | VIRTIO_FEATURE (SCSI_F_CHANGE);

  g_return_val_if_fail (n_queues <= MAX_QUEUES, false);
  if (!virtio_realize (&scsi->virtio, &scsi_virtio, &scsi_config->place, features, error))
    return false;
  virtio_add_queue (&scsi->virtio, CONTROL_QUEUE_SIZE);
  virtio_add_queue (&scsi->virtio, CONTROL_QUEUE_SIZE);
  for (unsigned i = 0; i < n_queues; i++)
    virtio_add_queue (&scsi->virtio, QUEUE_SIZE);
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    {
      scsi->units[i].kind = scsi_config->units[i].kind;
      scsi->units[i].host = scsi_config->units[i].host;
    }
  fill_config (scsi, n_queues);
  if (virtio_realized (&scsi->virtio, error))
    {
      for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
        if (scsi_config->units[i].kind != SCSI_NO_UNIT)
          virtio_scsi_fill_unit (scsi, i, &scsi_config->units[i]);
      return true;
    }
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    scsi->units[i].host = NULL; /* the caller keeps it */
  return false;
}

static void
scsi_unrealize (Device *device)
{
  VirtioScsi *scsi = (VirtioScsi *)device;

  device_lock (device);
  virtio_abandon (&scsi->virtio);
  device_unlock (device);
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    virtio_scsi_close_backend (g_steal_pointer (&scsi->units[i].image),
                               g_steal_pointer (&scsi->units[i].host));
  virtio_unrealize (device);
  virtio_scsi_free_spare (scsi);
}

static void
scsi_reset (Device *device)
{
  VirtioScsi *scsi = (VirtioScsi *)device;

  virtio_reset (device);
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    if (scsi->units[i].kind != SCSI_NO_UNIT)
      scsi_unit_reset (&scsi->units[i], true);
}

static void
scsi_stopped (Device *device)
{
  VirtioScsi *scsi = (VirtioScsi *)device;

  virtio_stopped (device);
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    if (scsi->units[i].image != NULL)
      image_let_through (scsi->units[i].image);
}

/* The user made room: what was parked comes out of the queues again. */
static void
scsi_started (Device *device)
{
  VirtioScsi *scsi = (VirtioScsi *)device;

  scsi->blocked = false;
  scsi->waiting_targets = 0;
  virtio_started (device);
}

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const VirtioScsi *other = incoming;

  if (other->sense_size <= SCSI_SENSE_MAX && other->cdb_size >= 6 && other->cdb_size <= CDB_MAX
      && other->n_events <= SCSI_MAX_EVENTS)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
               "The saved state of %s has sense data of %u bytes, commands of %u bytes and %u events",
               ((const Device *)object)->name, other->sense_size, other->cdb_size, other->n_events);
  return false;
}

static void
after_load (void *object)
{
  VirtioScsi *scsi = object;

  scsi->blocked = false;
  show_sizes (scsi);
}

static const StateField scsi_fields[] = {
  STATE_STRUCT (VirtioScsi, virtio, &virtio_device_state, 1),
  STATE_STRUCTS (VirtioScsi, units, &scsi_unit_state, 1),
  STATE_U32 (VirtioScsi, sense_size, 1),
  STATE_U32 (VirtioScsi, cdb_size, 1),
  STATE_BYTES (VirtioScsi, subscribed, 1),
  STATE_U8 (VirtioScsi, n_events, 1),
  STATE_BOOL (VirtioScsi, events_missed, 1),
  STATE_U32 (VirtioScsi, events, 1),
  STATE_U32 (VirtioScsi, event_targets, 1),
  STATE_U32 (VirtioScsi, event_reasons, 1),
  STATE_U16 (VirtioScsi, waiting_targets, 1),
  STATE_END,
};

static const StateTable scsi_state = {
  .name = "virtio-scsi",
  .version = 1,
  .fields = scsi_fields,
  .object_size = sizeof (VirtioScsi),
  .check = check_state,
  .after_load = after_load,
};

const DeviceClass virtio_scsi_class = {
  .id = "virtio-scsi",
  .size = sizeof (VirtioScsi),
  .realize = scsi_realize,
  .unrealize = scsi_unrealize,
  .reset = scsi_reset,
  .stopped = scsi_stopped,
  .started = scsi_started,
  .state = &scsi_state,
};
