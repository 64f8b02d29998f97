/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-console-private.h"
#include "devices/virtio/virtio-private.h"
#include "vmm/base/error.h"

/* Channels: ports that have somebody on the host instead of a cable. */

static void run_events (Device *device);

static void
schedule_events (VirtioConsole *console)
{
  if (console->events_scheduled)
    return;
  console->events_scheduled = true;
  device_call (&console->virtio.pci.device, run_events);
}

/* What the guest wrote goes nowhere; as much as was there at once, for it may write faster. */
static void
discard (VirtioConsole *console, unsigned port)
{
  Virtq *vq = console_out (console, port);
  VirtqChain chain;

  for (unsigned i = 0; i < vq->size && virtq_pop (vq, &chain); i++)
    virtq_push (vq, &chain, 0);
  console->ports[port].n_taken = 0;
  virtq_notify (vq);
}

/* --- events --- */

typedef void (*ChannelEvent) (void *data);

/* The next thing to tell of a channel; NULL: nothing. */
static ChannelEvent
next_event (Channel *channel)
{
  const ChannelEvents *events = channel->events;
  bool open = channel->console->ports[channel->port].guest_open && !channel->closing;

  if (events == NULL)
    return NULL;
  if (channel->knows_open && channel->readable)
    {
      channel->readable = false;
      return events->readable;
    }
  if (channel->knows_open && !open)
    {
      discard (channel->console, channel->port);
      channel->knows_open = channel->closing = channel->writable = channel->wants_room = false;
      virtq_kick_again (&channel->console->virtio.queues[CONSOLE_QUEUE_CONTROL_OUT]);
      return events->closed;
    }
  if (!channel->knows_open && open)
    {
      channel->knows_open = channel->readable = true;
      return events->opened;
    }
  if (channel->knows_open && channel->writable)
    {
      channel->writable = false;
      return events->writable;
    }
  return NULL;
}

/* Whoever is told calls back: without the lock. */
static void
run_events (Device *device)
{
  VirtioConsole *console = (VirtioConsole *)device;

  console->events_scheduled = false;
  for (unsigned i = 1; i < console->n_ports; i++)
    {
      Channel *channel = &console->channels[i];
      ChannelEvent event = next_event (channel);
      void *data = channel->data;

      if (event == NULL)
        continue;
      /* What follows, when the loop comes back: one that talks without end must not keep it for itself. */
      schedule_events (console);
      device_unlock (device);
      event (data);
      device_lock (device);
    }
}

void
console_channel_opened (VirtioConsole *console, unsigned port)
{
  schedule_events (console);
}

void
console_channel_closed (VirtioConsole *console, unsigned port)
{
  Channel *channel = &console->channels[port];

  channel->closing = channel->readable = channel->knows_open;
  if (!channel->knows_open)
    discard (console, port);
  schedule_events (console);
}

bool
console_channel_is_closing (const VirtioConsole *console)
{
  for (unsigned i = 1; i < console->n_ports; i++)
    if (console->channels[i].closing)
      return true;
  return false;
}

void
console_channel_out (VirtioConsole *console, unsigned port)
{
  Channel *channel = &console->channels[port];

  if (channel->events == NULL)
    discard (console, port);
  else if (!channel->readable)
    {
      channel->readable = true;
      schedule_events (console);
    }
}

void
console_channel_in (VirtioConsole *console, unsigned port)
{
  Channel *channel = &console->channels[port];

  if (!channel->wants_room)
    return;
  channel->wants_room = false;
  channel->writable = true;
  schedule_events (console);
}

void
console_channels_changed (VirtioConsole *console)
{
  for (unsigned i = 1; i < console->n_ports; i++)
    {
      console->channels[i].closing = false;
      console->channels[i].readable = console->channels[i].writable = console->channels[i].events != NULL;
    }
  schedule_events (console);
}

/* --- the host's end (channel.h) --- */

const char *
channel_name (const Channel *channel)
{
  return channel->name;
}

bool
channel_open (Channel *channel, const ChannelEvents *events, void *data, GError **error)
{
  Device *device = &channel->console->virtio.pci.device;
  bool is_free;

  device_lock (device);
  is_free = channel->events == NULL;
  if (is_free)
    {
      TRACE (device, "channel", "%s is open", channel->name);
      discard (channel->console, channel->port);
      channel->events = events;
      channel->data = data;
      channel->knows_open = channel->closing = channel->readable = channel->writable = channel->wants_room =
        false;
      console_tell_guest (channel->console);
      schedule_events (channel->console);
    }
  device_unlock (device);
  if (!is_free)
    g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY, "The channel %s to the guest is in use.", channel->name);
  return is_free;
}

static void
close_on_loop (void *data)
{
  Channel *channel = data;
  Device *device = &channel->console->virtio.pci.device;

  device_lock (device);
  TRACE (device, "channel", "%s is closed", channel->name);
  channel->events = NULL;
  channel->closing = false;
  discard (channel->console, channel->port);
  console_tell_guest (channel->console);
  virtq_kick_again (&channel->console->virtio.queues[CONSOLE_QUEUE_CONTROL_OUT]);
  device_unlock (device);
}

void
channel_close (Channel *channel)
{
  loop_call_sync (channel->console->virtio.pci.device.board->loop, close_on_loop, channel);
}

/* From the first chain, from where the last read ended; one that isn't through goes back into the queue. */
static size_t
read_locked (Channel *channel, uint8_t *bytes, size_t size)
{
  ConsolePort *port = &channel->console->ports[channel->port];
  Virtq *vq = console_out (channel->console, channel->port);
  size_t done = 0;
  unsigned n_chains = 0;
  VirtqChain chain;

  while (done < size && n_chains++ < vq->size && virtq_pop (vq, &chain))
    {
      size_t part = virtq_chain_read (&chain, port->n_taken, bytes + done, size - done);

      done += part;
      port->n_taken += part;
      if (port->n_taken < chain.out_size && part > 0)
        {
          virtq_park (vq, &chain);
          break;
        }
      port->n_taken = 0;
      virtq_push (vq, &chain, 0);
    }
  if (done == 0 && n_chains > vq->size)
    virtq_kick_again (vq); /* empty chains only */
  virtq_notify (vq);
  return done;
}

size_t
channel_read (Channel *channel, void *bytes, size_t size)
{
  Device *device = &channel->console->virtio.pci.device;
  size_t done = 0;

  device_lock (device);
  if (channel->knows_open && size > 0)
    done = read_locked (channel, bytes, size);
  if (done > 0)
    TRACE (device, "read", "%s size=%zu", channel->name, done);
  device_unlock (device);
  return done;
}

static size_t
write_locked (Channel *channel, const uint8_t *bytes, size_t size)
{
  Virtq *vq = console_in (channel->console, channel->port);
  size_t done = 0;
  VirtqChain chain;

  for (unsigned i = 0; done < size && i < vq->size && virtq_pop (vq, &chain); i++)
    {
      size_t part = virtq_chain_write (&chain, 0, bytes + done, size - done);

      done += part;
      virtq_push (vq, &chain, (uint32_t)part);
    }
  channel->wants_room = done < size;
  virtq_notify (vq);
  return done;
}

size_t
channel_write (Channel *channel, const void *bytes, size_t size)
{
  Device *device = &channel->console->virtio.pci.device;
  size_t done = 0;

  device_lock (device);
  if (channel->knows_open && !channel->closing)
    done = write_locked (channel, bytes, size);
  if (done > 0)
    TRACE (device, "write", "%s size=%zu", channel->name, done);
  device_unlock (device);
  return done;
}
