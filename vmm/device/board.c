/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/device/board.h"

#include "vmm/base/error.h"
#include "vmm/device/device-private.h"

#define PORT_LIMIT UINT64_C (0x10000)
#define MMIO_LIMIT (UINT64_C (1) << 52)

Board *
board_new (Hypervisor *hypervisor, EventLoop *loop, VmClock *clock, Tracer *tracer, unsigned n_cpus,
           BoardRequestFunc on_request, void *data, GError **error)
{
  Board *board = g_new0 (Board, 1);

  board->hypervisor = hypervisor;
  board->memory = guest_memory_new (hypervisor);
  board->ports = bus_new ("ports", PORT_LIMIT);
  board->mmio = bus_new ("mmio", MMIO_LIMIT);
  board->clock = clock;
  board->loop = loop;
  board->tracer = tracer;
  board->n_cpus = n_cpus;
  board->devices = g_ptr_array_new ();
  board->on_request = on_request;
  board->on_request_data = data;
  g_mutex_init (&board->drain_lock);
  for (unsigned gsi = 0; gsi < BOARD_N_GSIS; gsi++)
    board->irq[gsi] = irq_line_new (hypervisor, gsi);
  return board;
}

static void
do_nothing (void *data)
{
}

/* What was queued for the loop by now has run when this returns. */
static void
flush_calls (Board *board)
{
  loop_call_sync (board->loop, do_nothing, NULL);
}

static void
end_device (void *data)
{
  device_end (data);
}

static void
end_devices (void *data)
{
  Board *board = data;

  for (unsigned i = board->devices->len; i-- > 0;)
    device_end (board->devices->pdata[i]);
}

typedef struct {
  GMutex lock;
  GCond cond;
  bool drained;
} DrainWait;

static void
drain_ended (void *data)
{
  DrainWait *wait = data;

  g_mutex_lock (&wait->lock);
  wait->drained = true;
  g_cond_signal (&wait->cond);
  g_mutex_unlock (&wait->lock);
}

static void
wait_until_drained (Board *board)
{
  DrainWait wait = { .drained = false };

  g_mutex_init (&wait.lock);
  g_cond_init (&wait.cond);
  board_when_drained (board, drain_ended, &wait);
  g_mutex_lock (&wait.lock);
  while (!wait.drained)
    g_cond_wait (&wait.cond, &wait.lock);
  g_mutex_unlock (&wait.lock);
  g_mutex_clear (&wait.lock);
  g_cond_clear (&wait.cond);
}

void
board_free (Board *board)
{
  g_return_if_fail (!loop_is_current (board->loop));

  wait_until_drained (board);
  loop_call_sync (board->loop, end_devices, board);
  flush_calls (board);
  for (unsigned i = board->devices->len; i-- > 0;)
    device_free (board->devices->pdata[i]);
  g_ptr_array_unref (board->devices);
  for (unsigned gsi = 0; gsi < BOARD_N_GSIS; gsi++)
    irq_line_free (board->irq[gsi]);
  bus_free (board->ports);
  bus_free (board->mmio);
  guest_memory_free (board->memory);
  g_mutex_clear (&board->drain_lock);
  g_free (board);
}

/* --- devices --- */

static void
reset_device (Device *device)
{
  if (!device->klass->reset)
    return;
  device_lock (device);
  device->klass->reset (device);
  device_unlock (device);
}

static void
join_board (void *data)
{
  Device *device = data;

  g_ptr_array_add (device->board->devices, device);
}

static void
leave_board (void *data)
{
  Device *device = data;

  g_ptr_array_remove (device->board->devices, device);
  device_end (device);
}

Device *
board_add (Board *board, const DeviceClass *klass, const char *name, const void *config, GError **error)
{
  Device *device;

  if (!name)
    name = klass->id;
  if (board_find (board, name))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "The machine has two devices named “%s”; give one of them another id", name);
      return NULL;
    }

  device = device_new (board, klass, name);
  if (klass->realize && !klass->realize (device, config, error))
    {
      loop_call_sync (board->loop, end_device, device);
      flush_calls (board);
      device_free (device);
      return NULL;
    }
  loop_call_sync (board->loop, join_board, device);
  reset_device (device);
  return device;
}

void
board_remove (Board *board, Device *device)
{
  loop_call_sync (board->loop, leave_board, device);
  flush_calls (board);
  device_free (device);
}

Device *
board_find (Board *board, const char *name)
{
  for (unsigned i = 0; i < board->devices->len; i++)
    {
      Device *device = board->devices->pdata[i];

      if (g_str_equal (device->name, name))
        return device;
    }
  return NULL;
}

void
board_reset (Board *board)
{
  for (unsigned i = 0; i < board->devices->len; i++)
    reset_device (board->devices->pdata[i]);
}

void
board_stopped (Board *board)
{
  for (unsigned i = 0; i < board->devices->len; i++)
    {
      Device *device = board->devices->pdata[i];

      device_lock (device);
      if (device->klass->stopped)
        device->klass->stopped (device);
      device_unlock (device);
    }
}

void
board_started (Board *board)
{
  for (unsigned i = 0; i < board->devices->len; i++)
    {
      Device *device = board->devices->pdata[i];

      device_lock (device);
      if (device->klass->started)
        device->klass->started (device);
      device_unlock (device);
    }
}

/* --- requests --- */

void
board_request (Board *board, BoardRequest request, int status, const char *message)
{
  if (board->on_request)
    board->on_request (board, request, status, message, board->on_request_data);
}

/* --- work in flight --- */

void
board_io_begin (Board *board)
{
  g_atomic_int_inc (&board->in_flight);
}

/* On the loop's thread, where no more work can begin while this looks. */
static void
tell_drained (void *data)
{
  Board *board = data;
  LoopFunc func = NULL;
  void *func_data = NULL;

  g_mutex_lock (&board->drain_lock);
  if (g_atomic_int_get (&board->in_flight) == 0)
    {
      func = board->on_drained;
      func_data = board->on_drained_data;
      board->on_drained = NULL;
    }
  g_mutex_unlock (&board->drain_lock);
  if (func)
    func (func_data);
}

void
board_io_end (Board *board)
{
  if (!g_atomic_int_dec_and_test (&board->in_flight))
    return;
  g_mutex_lock (&board->drain_lock);
  if (board->on_drained)
    loop_call (board->loop, tell_drained, board);
  g_mutex_unlock (&board->drain_lock);
}

void
board_when_drained (Board *board, LoopFunc func, void *data)
{
  g_mutex_lock (&board->drain_lock);
  board->on_drained = func;
  board->on_drained_data = data;
  loop_call (board->loop, tell_drained, board);
  g_mutex_unlock (&board->drain_lock);
}

bool
board_is_drained (Board *board)
{
  return g_atomic_int_get (&board->in_flight) == 0;
}
