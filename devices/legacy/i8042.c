/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/i8042.h"

#include "devices/legacy/ps2-keyboard.h"
#include "devices/legacy/ps2-mouse.h"
#include "vmm/base/error.h"

#define DATA_PORT      0x60
#define COMMAND_PORT   0x64
#define KEYBOARD_GSI   1
#define MOUSE_GSI      12
#define CONTROLLER_RAM 32

/* Status register and command byte (PS/2 Technical Reference, "Keyboard and Auxiliary Device Controller") */
enum {
  STATUS_OUTPUT_FULL = 0x01,
  STATUS_SYSTEM = 0x04,
  STATUS_COMMAND = 0x08,
  STATUS_UNLOCKED = 0x10,
  STATUS_FROM_MOUSE = 0x20,

  CTR_KEYBOARD_IRQ = 0x01,
  CTR_MOUSE_IRQ = 0x02,
  CTR_SYSTEM = 0x04,
  CTR_KEYBOARD_OFF = 0x10,
  CTR_MOUSE_OFF = 0x20,
  CTR_TRANSLATE = 0x40,

  OUT_NO_RESET = 0x01,
  OUT_A20 = 0x02,
  OUT_KEYBOARD_IRQ = 0x10,
  OUT_MOUSE_IRQ = 0x20,
};

enum {
  CMD_READ_RAM = 0x20,
  CMD_WRITE_RAM = 0x60,
  CMD_MOUSE_OFF = 0xa7,
  CMD_MOUSE_ON = 0xa8,
  CMD_MOUSE_TEST = 0xa9,
  CMD_SELF_TEST = 0xaa,
  CMD_KEYBOARD_TEST = 0xab,
  CMD_KEYBOARD_OFF = 0xad,
  CMD_KEYBOARD_ON = 0xae,
  CMD_READ_INPUT_PORT = 0xc0,
  CMD_READ_OUTPUT_PORT = 0xd0,
  CMD_WRITE_OUTPUT_PORT = 0xd1,
  CMD_WRITE_KEYBOARD_BUFFER = 0xd2,
  CMD_WRITE_MOUSE_BUFFER = 0xd3,
  CMD_WRITE_MOUSE = 0xd4,
  CMD_PULSE = 0xf0, /* 0xf0..0xff: output lines whose bit is 0 go low; bit 0 resets the PC */
};

/* What the output buffer's byte came from. */
enum { FROM_CONTROLLER, FROM_KEYBOARD, FROM_MOUSE };

typedef struct {
  Device device;
  IrqPin keyboard_irq, mouse_irq;
  LoopTimer *repeat_timer;
  InputHub *hub;
  InputSink *sink;

  uint8_t ram[CONTROLLER_RAM]; /* byte 0 is the command byte */
  uint8_t pending_command;     /* waits for its byte at the data port, or 0 */
  bool last_was_command;
  uint8_t output_port;
  uint8_t output;
  bool output_full;
  uint8_t output_source;
  bool release_prefix; /* of the translation */
  Ps2Keyboard keyboard;
  Ps2Mouse mouse;
} I8042;

static void
update_irq (I8042 *kbc)
{
  uint8_t ctr = kbc->ram[0];
  bool from_mouse = kbc->output_source == FROM_MOUSE;

  irq_pin_set (&kbc->keyboard_irq, kbc->output_full && !from_mouse && (ctr & CTR_KEYBOARD_IRQ));
  irq_pin_set (&kbc->mouse_irq, kbc->output_full && from_mouse && (ctr & CTR_MOUSE_IRQ));
}

static void
put_output (I8042 *kbc, uint8_t byte, uint8_t source)
{
  kbc->output = byte;
  kbc->output_source = source;
  kbc->output_full = true;
}

/* The next keyboard byte as the guest shall see it, or -1. */
static int
next_keyboard_byte (I8042 *kbc)
{
  int byte;

  while ((byte = ps2_queue_pop (&kbc->keyboard.queue)) >= 0)
    {
      if (!(kbc->ram[0] & CTR_TRANSLATE))
        return byte;
      byte = ps2_translate_set2 (byte, &kbc->release_prefix);
      if (byte >= 0)
        return byte;
    }
  return -1;
}

/* Moves one waiting byte to the output buffer if it is free; the keyboard goes first. */
static void
pump (I8042 *kbc)
{
  int byte;

  if (!kbc->output_full && !(kbc->ram[0] & CTR_KEYBOARD_OFF) && (byte = next_keyboard_byte (kbc)) >= 0)
    put_output (kbc, byte, FROM_KEYBOARD);
  ps2_mouse_report (&kbc->mouse);
  if (!kbc->output_full && !(kbc->ram[0] & CTR_MOUSE_OFF) && (byte = ps2_queue_pop (&kbc->mouse.queue)) >= 0)
    put_output (kbc, byte, FROM_MOUSE);
  update_irq (kbc);
}

static void
arm_repeat (I8042 *kbc, unsigned ms)
{
  loop_timer_arm (kbc->repeat_timer, vm_clock_now (kbc->device.board->clock) + ms * NS_PER_MS);
}

static void
on_repeat (Device *device)
{
  I8042 *kbc = (I8042 *)device;

  if (ps2_keyboard_repeat (&kbc->keyboard))
    arm_repeat (kbc, ps2_keyboard_period_ms (&kbc->keyboard));
  pump (kbc);
}

/* --- the guest's side --- */

static void
write_output_port (I8042 *kbc, uint8_t value)
{
  kbc->output_port = value;
  if (!(value & OUT_NO_RESET))
    board_request (kbc->device.board, BOARD_REQUEST_RESET, 0, NULL);
}

static uint8_t
read_output_port (const I8042 *kbc)
{
  bool from_mouse = kbc->output_source == FROM_MOUSE;
  uint8_t full = kbc->output_full ? (from_mouse ? OUT_MOUSE_IRQ : OUT_KEYBOARD_IRQ) : 0;

  return (kbc->output_port & (OUT_NO_RESET | OUT_A20)) | full;
}

static void
run_command (I8042 *kbc, uint8_t command)
{
  switch (command)
    {
    case CMD_READ_RAM ... CMD_READ_RAM + CONTROLLER_RAM - 1:
      put_output (kbc, kbc->ram[command - CMD_READ_RAM], FROM_CONTROLLER);
      break;
    case CMD_WRITE_RAM ... CMD_WRITE_RAM + CONTROLLER_RAM - 1:
    case CMD_WRITE_OUTPUT_PORT ... CMD_WRITE_MOUSE:
      kbc->pending_command = command;
      break;
    case CMD_MOUSE_OFF:
      kbc->ram[0] |= CTR_MOUSE_OFF;
      break;
    case CMD_MOUSE_ON:
      kbc->ram[0] &= ~CTR_MOUSE_OFF;
      break;
    case CMD_SELF_TEST:
      kbc->ram[0] |= CTR_SYSTEM;
      put_output (kbc, 0x55, FROM_CONTROLLER);
      break;
    case CMD_MOUSE_TEST:
    case CMD_KEYBOARD_TEST:
      put_output (kbc, 0x00, FROM_CONTROLLER);
      break;
    case CMD_KEYBOARD_OFF:
      kbc->ram[0] |= CTR_KEYBOARD_OFF;
      break;
    case CMD_KEYBOARD_ON:
      kbc->ram[0] &= ~CTR_KEYBOARD_OFF;
      break;
    case CMD_READ_INPUT_PORT:
      put_output (kbc, 0x80, FROM_CONTROLLER); /* keyboard not locked */
      break;
    case CMD_READ_OUTPUT_PORT:
      put_output (kbc, read_output_port (kbc), FROM_CONTROLLER);
      break;
    case CMD_PULSE ... 0xff:
      if (!(command & 1))
        board_request (kbc->device.board, BOARD_REQUEST_RESET, 0, NULL);
      break;
    default:
      GUEST_ERROR (kbc, "controller command 0x%02x does not exist", command);
    }
}

static void
finish_command (I8042 *kbc, uint8_t command, uint8_t byte)
{
  switch (command)
    {
    case CMD_WRITE_RAM ... CMD_WRITE_RAM + CONTROLLER_RAM - 1:
      kbc->ram[command - CMD_WRITE_RAM] = byte;
      break;
    case CMD_WRITE_OUTPUT_PORT:
      write_output_port (kbc, byte);
      break;
    case CMD_WRITE_KEYBOARD_BUFFER:
      put_output (kbc, byte, FROM_KEYBOARD);
      break;
    case CMD_WRITE_MOUSE_BUFFER:
      put_output (kbc, byte, FROM_MOUSE);
      break;
    case CMD_WRITE_MOUSE:
      ps2_mouse_write (&kbc->mouse, byte);
      break;
    }
}

static void
write_data (I8042 *kbc, uint8_t byte)
{
  uint8_t command = kbc->pending_command;

  kbc->pending_command = 0;
  if (command)
    {
      finish_command (kbc, command, byte);
      return;
    }
  kbc->ram[0] &= ~CTR_KEYBOARD_OFF; /* talking to the keyboard turns it on */
  kbc->release_prefix = false;
  ps2_keyboard_write (&kbc->keyboard, byte);
  if (kbc->hub)
    input_hub_set_leds (kbc->hub, (kbc->keyboard.leds >> 1 & 3) | (kbc->keyboard.leds & 1) << 2);
}

static uint8_t
read_status (const I8042 *kbc)
{
  return STATUS_UNLOCKED | (kbc->ram[0] & CTR_SYSTEM ? STATUS_SYSTEM : 0)
         | (kbc->last_was_command ? STATUS_COMMAND : 0) | (kbc->output_full ? STATUS_OUTPUT_FULL : 0)
         | (kbc->output_full && kbc->output_source == FROM_MOUSE ? STATUS_FROM_MOUSE : 0);
}

/* Reading takes the byte; the line falls in between, so the next byte gives an edge of its own. */
static uint8_t
read_data (I8042 *kbc)
{
  uint8_t byte = kbc->output;

  kbc->output_full = false;
  update_irq (kbc);
  pump (kbc);
  return byte;
}

static uint64_t
data_read (Device *device, uint64_t offset, unsigned size)
{
  uint8_t byte = read_data ((I8042 *)device);

  TRACE (device, "data-read", "value=0x%02x", byte);
  return byte;
}

static void
data_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  I8042 *kbc = (I8042 *)device;

  TRACE (device, "data-write", "value=0x%02x", (unsigned)value & 0xff);
  kbc->last_was_command = false;
  write_data (kbc, value);
  pump (kbc);
}

static uint64_t
status_read (Device *device, uint64_t offset, unsigned size)
{
  return read_status ((I8042 *)device);
}

static void
command_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  I8042 *kbc = (I8042 *)device;

  TRACE (device, "command", "value=0x%02x", (unsigned)value & 0xff);
  kbc->last_was_command = true;
  kbc->pending_command = 0;
  run_command (kbc, value);
  pump (kbc);
}

static const BusOps data_ops = { .read = data_read, .write = data_write, .max_size = 1 };
static const BusOps command_ops = { .read = status_read, .write = command_write, .max_size = 1 };

/* --- the user's side: any thread, so the device's lock is taken --- */

static void
on_key (void *sink, KeyUsage usage, bool down)
{
  I8042 *kbc = sink;

  device_lock (&kbc->device);
  if (ps2_keyboard_key (&kbc->keyboard, usage, down))
    arm_repeat (kbc, ps2_keyboard_delay_ms (&kbc->keyboard));
  if (kbc->keyboard.repeat_usage == 0)
    loop_timer_cancel (kbc->repeat_timer);
  pump (kbc);
  device_unlock (&kbc->device);
}

static void
on_motion (void *sink, int dx, int dy)
{
  I8042 *kbc = sink;

  device_lock (&kbc->device);
  ps2_mouse_move (&kbc->mouse, dx, dy);
  pump (kbc);
  device_unlock (&kbc->device);
}

static void
on_button (void *sink, PointerButton button, bool down)
{
  I8042 *kbc = sink;

  device_lock (&kbc->device);
  ps2_mouse_button (&kbc->mouse, button, down);
  pump (kbc);
  device_unlock (&kbc->device);
}

static void
on_wheel (void *sink, int horizontal, int vertical)
{
  I8042 *kbc = sink;

  device_lock (&kbc->device);
  ps2_mouse_wheel (&kbc->mouse, vertical);
  pump (kbc);
  device_unlock (&kbc->device);
}

static const InputSinkOps sink_ops = {
  .key = on_key,
  .motion = on_motion,
  .button = on_button,
  .wheel = on_wheel,
};

/* --- life --- */

static bool
i8042_realize (Device *device, const void *config, GError **error)
{
  I8042 *kbc = (I8042 *)device;
  const I8042Config *kc = config;

  kbc->keyboard_irq = irq_line_connect (device->board->irq[KEYBOARD_GSI]);
  kbc->mouse_irq = irq_line_connect (device->board->irq[MOUSE_GSI]);
  kbc->repeat_timer = device_timer_new (device, on_repeat);
  device_add_ports (device, &data_ops, DATA_PORT, 1);
  device_add_ports (device, &command_ops, COMMAND_PORT, 1);
  if (kc->hub)
    {
      kbc->hub = input_hub_ref (kc->hub);
      kbc->sink = input_hub_add_sink (kbc->hub, &sink_ops, kbc);
    }
  return true;
}

static void
i8042_unrealize (Device *device)
{
  I8042 *kbc = (I8042 *)device;

  g_clear_pointer (&kbc->sink, input_sink_remove);
  g_clear_pointer (&kbc->hub, input_hub_unref);
  device_timer_free (kbc->repeat_timer);
}

static void
i8042_reset (Device *device)
{
  I8042 *kbc = (I8042 *)device;

  memset (kbc->ram, 0, sizeof kbc->ram);
  kbc->ram[0] = CTR_TRANSLATE | CTR_KEYBOARD_IRQ | CTR_MOUSE_IRQ;
  kbc->pending_command = 0;
  kbc->last_was_command = false;
  kbc->output_port = OUT_NO_RESET | OUT_A20;
  kbc->output_full = false;
  kbc->output_source = FROM_CONTROLLER;
  kbc->release_prefix = false;
  ps2_keyboard_reset (&kbc->keyboard);
  ps2_mouse_reset (&kbc->mouse);
  loop_timer_cancel (kbc->repeat_timer);
  update_irq (kbc);
}

static bool
i8042_check (const void *object, const void *incoming, GError **error)
{
  const I8042 *kbc = incoming;

  if (ps2_keyboard_is_sane (&kbc->keyboard) && ps2_mouse_is_sane (&kbc->mouse)
      && kbc->output_source <= FROM_MOUSE)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "the keyboard controller's queues are out of range");
  return false;
}

static void
i8042_after_load (void *object)
{
  I8042 *kbc = object;

  if (kbc->keyboard.repeat_usage)
    arm_repeat (kbc, ps2_keyboard_delay_ms (&kbc->keyboard));
  update_irq (kbc);
}

static const StateField i8042_fields[] = {
  STATE_BYTES (I8042, ram, 1),
  STATE_U8 (I8042, pending_command, 1),
  STATE_BOOL (I8042, last_was_command, 1),
  STATE_U8 (I8042, output_port, 1),
  STATE_U8 (I8042, output, 1),
  STATE_BOOL (I8042, output_full, 1),
  STATE_U8 (I8042, output_source, 1),
  STATE_BOOL (I8042, release_prefix, 1),
  STATE_STRUCT (I8042, keyboard, &ps2_keyboard_state, 1),
  STATE_STRUCT (I8042, mouse, &ps2_mouse_state, 1),
  STATE_END,
};

static const StateTable i8042_state = {
  .name = "i8042",
  .version = 1,
  .fields = i8042_fields,
  .object_size = sizeof (I8042),
  .check = i8042_check,
  .after_load = i8042_after_load,
};

const DeviceClass i8042_class = {
  .id = "i8042",
  .size = sizeof (I8042),
  .realize = i8042_realize,
  .unrealize = i8042_unrealize,
  .reset = i8042_reset,
  .state = &i8042_state,
};
