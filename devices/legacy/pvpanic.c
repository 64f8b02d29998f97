/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/pvpanic.h"

#include "vmm/base/error.h"

#define PVPANIC_PORT 0x505

/* "Bit Definition" */
enum {
  EVENT_PANICKED = 1 << 0,     /* to be dealt with by the host */
  EVENT_CRASH_LOADED = 1 << 1, /* to be told only: a crash kernel of the guest's deals with it */
  EVENTS = EVENT_PANICKED | EVENT_CRASH_LOADED,
};

typedef struct {
  Device device;
  BoardAction action;
  uint8_t told; /* events since the reset */
} Pvpanic;

/* Reads give the events that the device knows. */
static uint64_t
pvpanic_read (Device *device, uint64_t offset, unsigned size)
{
  return EVENTS;
}

static void
pvpanic_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Pvpanic *self = (Pvpanic *)device;
  uint8_t news = value & EVENTS & ~self->told;

  TRACE (device, "event", "events=0x%02x news=0x%02x", (unsigned)value & 0xff, news);
  if (value & ~(uint64_t)EVENTS)
    GUEST_ERROR (device, "events 0x%02x are unknown", (unsigned)value & 0xff & ~EVENTS);
  self->told |= news;
  if (news & EVENT_CRASH_LOADED)
    board_request (device->board, BOARD_REQUEST_PANIC, BOARD_ACTION_NOTIFY,
                   "The guest's kernel panicked; its crash kernel takes over");
  if (news & EVENT_PANICKED)
    board_request (device->board, BOARD_REQUEST_PANIC, self->action, "The guest's kernel panicked");
}

static const BusOps pvpanic_ops = { .read = pvpanic_read, .write = pvpanic_write, .max_size = 1 };

static bool
pvpanic_realize (Device *device, const void *config, GError **error)
{
  ((Pvpanic *)device)->action = ((const PvpanicConfig *)config)->action;
  device_add_ports (device, &pvpanic_ops, PVPANIC_PORT, 1);
  return true;
}

static void
pvpanic_reset (Device *device)
{
  ((Pvpanic *)device)->told = 0;
}

static bool
pvpanic_check (const void *object, const void *incoming, GError **error)
{
  if ((((const Pvpanic *)incoming)->told & ~EVENTS) == 0)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "the panic port has told of events that there are not");
  return false;
}

static const StateField pvpanic_fields[] = {
  STATE_U8 (Pvpanic, told, 1),
  STATE_END,
};

static const StateTable pvpanic_state = {
  .name = "pvpanic",
  .version = 1,
  .fields = pvpanic_fields,
  .object_size = sizeof (Pvpanic),
  .check = pvpanic_check,
};

const DeviceClass pvpanic_class = {
  .id = "pvpanic",
  .size = sizeof (Pvpanic),
  .realize = pvpanic_realize,
  .reset = pvpanic_reset,
  .state = &pvpanic_state,
};
