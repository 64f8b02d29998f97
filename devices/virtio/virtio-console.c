/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-console.h"

#include "devices/virtio/virtio-console-private.h"
#include "devices/virtio/virtio-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* virtio 1.2, section 5.3: configuration, life, and port 0, the terminal. */

#define QUEUE_SIZE         64u
#define CONTROL_QUEUE_SIZE 32u
#define CHUNK_SIZE         4096u
#define MAX_CHUNKS         64u /* that are sent before others get their turn */

/* Section 5.3.4, struct virtio_console_config. */
enum {
  CONFIG_COLS = 0,
  CONFIG_ROWS = 2,
  CONFIG_MAX_NR_PORTS = 4,
  CONFIG_EMERG_WR = 8,
  CONFIG_SIZE = 12,
};

/* --- the terminal --- */

static void
send_to_cable (VirtioConsole *console)
{
  ConsolePort *port = &console->ports[0];
  Virtq *vq = console_out (console, 0);
  bool full = false;
  VirtqChain chain;

  for (unsigned i = 0; !full && virtq_pop (vq, &chain); i++)
    {
      uint8_t bytes[CHUNK_SIZE];
      size_t size = virtq_chain_read (&chain, port->n_taken, bytes, sizeof bytes);
      size_t sent = serial_cable_write (console->cable, bytes, size);

      port->n_taken += sent;
      full = sent < size;
      if (full || (sent > 0 && port->n_taken < chain.out_size))
        virtq_park (vq, &chain);
      else
        {
          port->n_taken = 0;
          virtq_push (vq, &chain, 0);
        }
      if (i == MAX_CHUNKS)
        {
          virtq_kick_again (vq);
          break;
        }
    }
  serial_cable_watch_room (console->cable, full);
  virtq_notify (vq);
}

/* What the cable has waits there until the guest offers buffers. */
static void
take_from_cable (VirtioConsole *console)
{
  Virtq *vq = console_in (console, 0);
  bool wait = false;
  VirtqChain chain;

  for (unsigned i = 0; i < vq->size && !wait && virtq_pop (vq, &chain); i++)
    {
      uint8_t bytes[CHUNK_SIZE];
      size_t size = serial_cable_read (console->cable, bytes, MIN (chain.in_size, sizeof bytes));

      wait = size == 0 && chain.in_size > 0;
      if (wait)
        virtq_park (vq, &chain);
      else
        virtq_push (vq, &chain, (uint32_t)virtq_chain_write (&chain, 0, bytes, size));
      if (i == vq->size - 1u)
        virtq_kick_again (vq);
    }
  serial_cable_watch_input (console->cable, wait);
  virtq_notify (vq);
}

static void
on_input (Device *device)
{
  take_from_cable ((VirtioConsole *)device);
}

static void
on_room (Device *device)
{
  send_to_cable ((VirtioConsole *)device);
}

static const SerialCableEvents cable_events = { .input = on_input, .room = on_room };

bool
virtio_console_plug (Device *device, int fd, bool force, GError **error)
{
  bool done;

  device_lock (device);
  done = serial_cable_plug (((VirtioConsole *)device)->cable, fd, force, error);
  device_unlock (device);
  return done;
}

void
virtio_console_take_cable (Device *device, Device *from)
{
  SerialCableEnd end;

  device_lock (from);
  end = serial_cable_give (((VirtioConsole *)from)->cable);
  device_unlock (from);
  device_lock (device);
  serial_cable_take (((VirtioConsole *)device)->cable, end);
  device_unlock (device);
}

/* --- virtio --- */

static void
console_kick (VirtioDevice *vdev, Virtq *vq)
{
  VirtioConsole *console = (VirtioConsole *)vdev;
  unsigned port = vq->index / 2 - 1;

  if (vq->index == CONSOLE_QUEUE_IN)
    take_from_cable (console);
  else if (vq->index == CONSOLE_QUEUE_OUT)
    send_to_cable (console);
  else if (vq->index == CONSOLE_QUEUE_CONTROL_IN)
    console_tell_guest (console);
  else if (vq->index == CONSOLE_QUEUE_CONTROL_OUT)
    console_hear_guest (console);
  else if (vq->index % 2 == 0)
    console_channel_in (console, port);
  else
    console_channel_out (console, port);
}

static void
show_size (VirtioConsole *console)
{
  store_le16 (console->virtio.config + CONFIG_COLS, console->columns);
  store_le16 (console->virtio.config + CONFIG_ROWS, console->rows);
}

void
virtio_console_resize (Device *device, uint16_t columns, uint16_t rows)
{
  VirtioConsole *console = (VirtioConsole *)device;

  device_lock (device);
  if (console->columns != columns || console->rows != rows)
    {
      console->columns = columns;
      console->rows = rows;
      show_size (console);
      TRACE (device, "resize", "columns=%u rows=%u", columns, rows);
      if (console->ports[0].ready)
        console->ports[0].to_tell |= CONSOLE_TELL_SIZE;
      console_tell_guest (console);
      virtio_config_changed (&console->virtio);
    }
  device_unlock (device);
}

/* Section 5.3.4: a character of an early or dying guest. */
static void
console_config_write (VirtioDevice *vdev, unsigned offset, uint64_t value, unsigned size)
{
  uint8_t byte = value & 0xff;

  if (offset == CONFIG_EMERG_WR)
    serial_cable_write (((VirtioConsole *)vdev)->cable, &byte, 1);
  else
    GUEST_ERROR (vdev, "configuration at 0x%x can't be written", offset);
}

static void
console_virtio_reset (VirtioDevice *vdev)
{
  VirtioConsole *console = (VirtioConsole *)vdev;

  memset (console->ports, 0, sizeof console->ports);
  serial_cable_watch_room (console->cable, false);
  serial_cable_watch_input (console->cable, false);
  console_channels_changed (console);
}

static const VirtioClass console_virtio = {
  .id = VIRTIO_ID_CONSOLE,
  .class_code = 0x078000, /* a communication controller */
  .kick = console_kick,
  .config_write = console_config_write,
  .reset = console_virtio_reset,
};

/* --- the device --- */

static void
add_channels (VirtioConsole *console, const char *const *names)
{
  for (unsigned i = 0; i < VIRTIO_CONSOLE_MAX_CHANNELS && names[i] != NULL; i++)
    {
      unsigned port = console->n_ports++;

      console->channels[port] = (Channel){ .console = console, .port = port, .name = g_strdup (names[i]) };
      virtio_add_queue (&console->virtio, QUEUE_SIZE);
      virtio_add_queue (&console->virtio, QUEUE_SIZE);
    }
}

static bool
console_realize (Device *device, const void *config, GError **error)
{
  const VirtioConsoleConfig *console_config = config;
  VirtioConsole *console = (VirtioConsole *)device;
  VirtioDevice *vdev = &console->virtio;
  uint64_t features = VIRTIO_FEATURE (CONSOLE_F_SIZE) | VIRTIO_FEATURE (CONSOLE_F_MULTIPORT)
                      | VIRTIO_FEATURE (CONSOLE_F_EMERG_WRITE);

  console->cable = serial_cable_new (device, &cable_events, &console_config->cable, error);
  if (console->cable == NULL
      || !virtio_realize (vdev, &console_virtio, &console_config->place, features, error))
    return false;
  virtio_add_queue (vdev, QUEUE_SIZE);
  virtio_add_queue (vdev, QUEUE_SIZE);
  virtio_add_queue (vdev, CONTROL_QUEUE_SIZE);
  virtio_add_queue (vdev, CONTROL_QUEUE_SIZE);
  console->n_ports = 1;
  add_channels (console, console_config->channels);
  vdev->config_size = CONFIG_SIZE;
  store_le32 (vdev->config + CONFIG_MAX_NR_PORTS, console->n_ports);
  return virtio_realized (vdev, error);
}

static void
console_unrealize (Device *device)
{
  VirtioConsole *console = (VirtioConsole *)device;

  virtio_unrealize (device);
  g_clear_pointer (&console->cable, serial_cable_free);
  for (unsigned i = 1; i < console->n_ports; i++)
    g_clear_pointer (&console->channels[i].name, g_free);
}

Channel *
virtio_console_channel (Device *device, const char *name)
{
  VirtioConsole *console = (VirtioConsole *)device;

  for (unsigned i = 1; i < console->n_ports; i++)
    if (g_str_equal (console->channels[i].name, name))
      return &console->channels[i];
  return NULL;
}

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const VirtioConsole *console = object, *other = incoming;

  for (unsigned i = 0; i < CONSOLE_MAX_PORTS; i++)
    {
      const ConsolePort *port = &other->ports[i];
      unsigned allowed = i == 0 ? CONSOLE_TELL_ADD | CONSOLE_TELL_IS_CONSOLE | CONSOLE_TELL_SIZE
                                : CONSOLE_TELL_ADD | CONSOLE_TELL_NAME;

      if (i < console->n_ports ? (port->to_tell & ~allowed) == 0
                               : port->to_tell == 0 && !port->ready && !port->guest_open)
        continue;
      g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                   "The saved state of %s has a port %u that this machine's device lacks",
                   ((const Device *)object)->name, i);
      return false;
    }
  return true;
}

/* Whoever is at the host's ends is told of what changed. */
static void
after_load (void *object)
{
  VirtioConsole *console = object;

  show_size (console);
  console_channels_changed (console);
}

static const StateField port_fields[] = {
  STATE_U8 (ConsolePort, to_tell, 1),      STATE_BOOL (ConsolePort, ready, 1),
  STATE_BOOL (ConsolePort, guest_open, 1), STATE_BOOL (ConsolePort, told_open, 1),
  STATE_U32 (ConsolePort, n_taken, 1),     STATE_END,
};

static const StateTable port_state = {
  .name = "virtio-console-port",
  .version = 1,
  .fields = port_fields,
  .object_size = sizeof (ConsolePort),
};

static const StateField console_fields[] = {
  STATE_STRUCT (VirtioConsole, virtio, &virtio_device_state, 1),
  STATE_STRUCTS (VirtioConsole, ports, &port_state, 1),
  STATE_U16 (VirtioConsole, columns, 1),
  STATE_U16 (VirtioConsole, rows, 1),
  STATE_END,
};

static const StateTable console_state = {
  .name = "virtio-console",
  .version = 1,
  .fields = console_fields,
  .object_size = sizeof (VirtioConsole),
  .check = check_state,
  .after_load = after_load,
};

const DeviceClass virtio_console_class = {
  .id = "virtio-console",
  .size = sizeof (VirtioConsole),
  .realize = console_realize,
  .unrealize = console_unrealize,
  .reset = virtio_reset,
  .stopped = virtio_stopped,
  .started = virtio_started,
  .state = &console_state,
};
