/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/uart16550.h"

#include "vmm/base/error.h"

/* PC16550D data sheet, section 8 "Registers" */
enum {
  UART_RBR_THR = 0,
  UART_IER = 1,
  UART_IIR_FCR = 2,
  UART_LCR = 3,
  UART_MCR = 4,
  UART_LSR = 5,
  UART_MSR = 6,
  UART_SCR = 7,
};

enum {
  IER_RX = 0x01,
  IER_THRE = 0x02,
  IER_LINE = 0x04,
  IER_MODEM = 0x08,

  IIR_NONE = 0x01,
  IIR_MODEM = 0x00,
  IIR_THRE = 0x02,
  IIR_RX = 0x04,
  IIR_LINE = 0x06,
  IIR_TIMEOUT = 0x0c,
  IIR_FIFO = 0xc0,

  FCR_ENABLE = 0x01,
  FCR_CLEAR_RX = 0x02,
  FCR_CLEAR_TX = 0x04,

  LCR_DLAB = 0x80,

  MCR_DTR = 0x01,
  MCR_RTS = 0x02,
  MCR_OUT1 = 0x04,
  MCR_OUT2 = 0x08,
  MCR_LOOP = 0x10,

  LSR_DATA = 0x01,
  LSR_OVERRUN = 0x02,
  LSR_BREAK = 0x10,
  LSR_THRE = 0x20,
  LSR_TEMT = 0x40,
  LSR_ERRORS = 0x1e,

  MSR_DELTAS = 0x0f,
  MSR_CTS = 0x10,
  MSR_DSR = 0x20,
  MSR_RI = 0x40,
  MSR_DCD = 0x80,
};

#define RX_FIFO_SIZE   16
#define TX_BUFFER_SIZE 4096
#define TX_BURST       2048      /* characters before the transmitter rests */
#define REST_TIME      NS_PER_MS /* an emptied FIFO's: 16 characters at some 115200 baud */

typedef struct {
  Device device;
  SerialCable *cable;
  IrqPin irq;
  LoopTimer *rest_timer, *tx_rest_timer;
  bool flush_scheduled;

  uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
  uint8_t dll, dlm;
  bool thre_pending; /* THRE interrupt not yet acknowledged */
  uint8_t rx_fifo[RX_FIFO_SIZE];
  uint8_t rx_head, rx_count;
  bool rx_filled; /* since it was last empty */
  bool resting;   /* it was full and is empty: no input for a moment */
  bool used_rts;  /* the guest has raised RTS: it means something that it lowers it */
  uint8_t tx_buffer[TX_BUFFER_SIZE];
  uint16_t tx_count;
  uint16_t tx_burst; /* characters since it last rested */
  bool tx_resting;
} Uart;

static unsigned
rx_capacity (const Uart *uart)
{
  return (uart->fcr & FCR_ENABLE) ? RX_FIFO_SIZE : 1;
}

static unsigned
rx_trigger (const Uart *uart)
{
  static const uint8_t levels[] = { 1, 4, 8, 14 };

  return (uart->fcr & FCR_ENABLE) ? levels[uart->fcr >> 6] : 1;
}

/* Section 8.6.1 and table III: the pending source of highest priority. */
static uint8_t
interrupt_id (const Uart *uart)
{
  if ((uart->ier & IER_LINE) && (uart->lsr & LSR_ERRORS))
    return IIR_LINE;
  if ((uart->ier & IER_RX) && uart->rx_count >= rx_trigger (uart))
    return IIR_RX;
  /* The timeout of four character times passes at once: characters take no time here. */
  if ((uart->ier & IER_RX) && uart->rx_count > 0)
    return IIR_TIMEOUT;
  if ((uart->ier & IER_THRE) && uart->thre_pending)
    return IIR_THRE;
  if ((uart->ier & IER_MODEM) && (uart->msr & MSR_DELTAS))
    return IIR_MODEM;
  return IIR_NONE;
}

/* OUT2 gates the interrupt on a PC's serial adapter. */
static void
uart_update_irq (Uart *uart)
{
  bool gate = (uart->mcr & MCR_OUT2) && !(uart->mcr & MCR_LOOP);

  irq_pin_set (&uart->irq, gate && interrupt_id (uart) != IIR_NONE);
}

static bool
wants_input (const Uart *uart)
{
  bool asks = (uart->mcr & MCR_RTS) || !uart->used_rts;

  return asks && !uart->rx_filled && !uart->resting && uart->rx_count < rx_capacity (uart)
         && !(uart->mcr & MCR_LOOP);
}

static void
update_input_watch (Uart *uart)
{
  serial_cable_watch_input (uart->cable, wants_input (uart));
}

static void
on_rested (Device *device)
{
  Uart *uart = (Uart *)device;

  uart->resting = false;
  update_input_watch (uart);
}

/* The receive FIFO is empty. */
static void
rx_emptied (Uart *uart)
{
  uart->lsr &= ~LSR_DATA;
  if (uart->rx_filled)
    {
      uart->resting = true;
      loop_timer_arm (uart->rest_timer, vm_clock_now (uart->device.board->clock) + REST_TIME);
    }
  uart->rx_filled = false;
}

static void
rx_push (Uart *uart, uint8_t byte)
{
  if (uart->rx_count >= rx_capacity (uart))
    {
      uart->lsr |= LSR_OVERRUN;
      return;
    }
  uart->rx_fifo[(uart->rx_head + uart->rx_count++) % RX_FIFO_SIZE] = byte;
  uart->lsr |= LSR_DATA;
}

static uint8_t
rx_pop (Uart *uart)
{
  uint8_t byte;

  if (uart->rx_count == 0)
    return 0;
  byte = uart->rx_fifo[uart->rx_head];
  uart->rx_head = (uart->rx_head + 1) % RX_FIFO_SIZE;
  if (--uart->rx_count == 0)
    rx_emptied (uart);
  update_input_watch (uart);
  return byte;
}

static void
on_input (Device *device)
{
  Uart *uart = (Uart *)device;
  uint8_t bytes[RX_FIFO_SIZE];
  size_t n = 0;

  if (wants_input (uart))
    n = serial_cable_read (uart->cable, bytes, rx_capacity (uart) - uart->rx_count);
  for (size_t i = 0; i < n; i++)
    rx_push (uart, bytes[i]);
  uart->rx_filled |= uart->rx_count == rx_capacity (uart);
  update_input_watch (uart);
  uart_update_irq (uart);
}

/* The transmitter has room again (or always had). */
static void
tx_ready (Uart *uart)
{
  if ((uart->lsr & LSR_THRE) || uart->tx_resting || uart->tx_count == TX_BUFFER_SIZE)
    return;
  uart->lsr |= LSR_THRE | LSR_TEMT;
  uart->thre_pending = true;
  uart_update_irq (uart);
}

static void
tx_flush (Device *device)
{
  Uart *uart = (Uart *)device;
  size_t n = serial_cable_write (uart->cable, uart->tx_buffer, uart->tx_count);

  uart->flush_scheduled = false;
  memmove (uart->tx_buffer, uart->tx_buffer + n, uart->tx_count - n);
  uart->tx_count -= n;
  serial_cable_watch_room (uart->cable, uart->tx_count > 0);
  tx_ready (uart);
}

static void
on_tx_rested (Device *device)
{
  Uart *uart = (Uart *)device;

  uart->tx_resting = false;
  tx_ready (uart);
}

static void
arm_timers (Uart *uart)
{
  int64_t then = vm_clock_now (uart->device.board->clock) + REST_TIME;

  if (uart->resting && !loop_timer_is_armed (uart->rest_timer))
    loop_timer_arm (uart->rest_timer, then);
  if (uart->tx_resting && !loop_timer_is_armed (uart->tx_rest_timer))
    loop_timer_arm (uart->tx_rest_timer, then);
}

static void
transmit (Uart *uart, uint8_t byte)
{
  if (uart->mcr & MCR_LOOP)
    rx_push (uart, byte);
  else if (uart->tx_count == 0 && !serial_cable_is_connected (uart->cable))
    serial_cable_write (uart->cable, &byte, 1); /* to nobody: nothing to wait for */
  else if (uart->tx_count < TX_BUFFER_SIZE)
    {
      uart->tx_buffer[uart->tx_count++] = byte;
      if (!uart->flush_scheduled)
        {
          uart->flush_scheduled = true;
          device_call (&uart->device, tx_flush);
        }
    }

  if (++uart->tx_burst >= TX_BURST)
    {
      uart->tx_burst = 0;
      uart->tx_resting = true;
      arm_timers (uart);
    }
  if (uart->tx_resting || uart->tx_count == TX_BUFFER_SIZE)
    {
      uart->lsr &= ~(LSR_THRE | LSR_TEMT);
      uart->thre_pending = false;
    }
  else
    uart->thre_pending = true;
}

/* Section 8.7: in loop-back mode the modem outputs drive the modem inputs. */
static void
update_modem_status (Uart *uart)
{
  uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD; /* a peer that is always ready */

  if (uart->mcr & MCR_LOOP)
    lines = ((uart->mcr & MCR_RTS) ? MSR_CTS : 0) | ((uart->mcr & MCR_DTR) ? MSR_DSR : 0)
            | ((uart->mcr & MCR_OUT1) ? MSR_RI : 0) | ((uart->mcr & MCR_OUT2) ? MSR_DCD : 0);

  uint8_t changed = (uart->msr ^ lines) & 0xf0;
  if ((changed & MSR_RI) && (lines & MSR_RI)) /* TERI marks the trailing edge only */
    changed &= ~MSR_RI;
  uart->msr = lines | (uart->msr & MSR_DELTAS) | (changed >> 4);
}

static uint8_t
read_iir (Uart *uart)
{
  uint8_t id = interrupt_id (uart);

  if (id == IIR_THRE)
    uart->thre_pending = false;
  return id | ((uart->fcr & FCR_ENABLE) ? IIR_FIFO : 0);
}

static uint64_t
uart_read (Device *device, uint64_t offset, unsigned size)
{
  Uart *uart = (Uart *)device;
  bool dlab = uart->lcr & LCR_DLAB;
  uint8_t value = 0;

  switch (offset)
    {
    case UART_RBR_THR:
      value = dlab ? uart->dll : rx_pop (uart);
      break;
    case UART_IER:
      value = dlab ? uart->dlm : uart->ier;
      break;
    case UART_IIR_FCR:
      value = read_iir (uart);
      break;
    case UART_LCR:
      value = uart->lcr;
      break;
    case UART_MCR:
      value = uart->mcr;
      break;
    case UART_LSR:
      value = uart->lsr;
      uart->lsr &= ~LSR_ERRORS;
      break;
    case UART_MSR:
      value = uart->msr;
      uart->msr &= ~MSR_DELTAS;
      break;
    case UART_SCR:
      value = uart->scr;
      break;
    }
  TRACE (device, "read", "reg=%u value=0x%02x", (unsigned)offset, value);
  uart_update_irq (uart);
  return value;
}

static void
write_fcr (Uart *uart, uint8_t value)
{
  bool toggled = (value ^ uart->fcr) & FCR_ENABLE;

  uart->fcr = value & (FCR_ENABLE | 0xc8);
  if (toggled || (value & FCR_CLEAR_RX))
    {
      uart->rx_count = 0;
      rx_emptied (uart);
      uart->lsr &= ~LSR_ERRORS;
    }
  update_input_watch (uart);
}

static void
write_ier (Uart *uart, uint8_t value)
{
  /* Enabling THRE while the holding register is empty interrupts at once (section 8.8). */
  if ((value & ~uart->ier & IER_THRE) && (uart->lsr & LSR_THRE))
    uart->thre_pending = true;
  uart->ier = value & 0x0f;
}

static void
uart_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Uart *uart = (Uart *)device;
  bool dlab = uart->lcr & LCR_DLAB;

  TRACE (device, "write", "reg=%u value=0x%02x", (unsigned)offset, (unsigned)value & 0xff);
  switch (offset)
    {
    case UART_RBR_THR:
      if (dlab)
        uart->dll = value;
      else
        transmit (uart, value);
      break;
    case UART_IER:
      if (dlab)
        uart->dlm = value;
      else
        write_ier (uart, value);
      break;
    case UART_IIR_FCR:
      write_fcr (uart, value);
      break;
    case UART_LCR:
      uart->lcr = value;
      break;
    case UART_MCR:
      uart->mcr = value & 0x1f;
      uart->used_rts |= (value & MCR_RTS) && !(value & MCR_LOOP);
      update_modem_status (uart);
      update_input_watch (uart);
      break;
    case UART_SCR:
      uart->scr = value;
      break;
    }
  uart_update_irq (uart);
}

static const BusOps uart_ops = { .read = uart_read, .write = uart_write, .max_size = 1 };

static void
uart_reset (Device *device)
{
  Uart *uart = (Uart *)device;

  uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = 0;
  uart->dll = 12; /* 9600 baud */
  uart->dlm = 0;
  uart->msr = MSR_CTS | MSR_DSR | MSR_DCD;
  uart->lsr = uart->tx_count < TX_BUFFER_SIZE ? LSR_THRE | LSR_TEMT : 0;
  uart->thre_pending = false;
  uart->rx_head = uart->rx_count = 0;
  uart->rx_filled = uart->resting = uart->used_rts = false;
  uart->tx_resting = false;
  uart->tx_burst = 0;
  loop_timer_cancel (uart->rest_timer);
  loop_timer_cancel (uart->tx_rest_timer);
  update_input_watch (uart);
  uart_update_irq (uart);
}

static const SerialCableEvents cable_events = { .input = on_input, .room = tx_flush };

static bool
uart_realize (Device *device, const void *config, GError **error)
{
  Uart *uart = (Uart *)device;
  const UartConfig *uc = config;

  uart->cable = serial_cable_new (device, &cable_events, &uc->cable, error);
  if (!uart->cable)
    return false;
  uart->rest_timer = device_timer_new (device, on_rested);
  uart->tx_rest_timer = device_timer_new (device, on_tx_rested);
  uart->irq = irq_line_connect (device->board->irq[uc->gsi]);
  device_add_ports (device, &uart_ops, uc->base, 8);
  return true;
}

static void
uart_unrealize (Device *device)
{
  Uart *uart = (Uart *)device;

  if (uart->cable)
    tx_flush (device);
  if (uart->rest_timer)
    device_timer_free (uart->rest_timer);
  if (uart->tx_rest_timer)
    device_timer_free (uart->tx_rest_timer);
  g_clear_pointer (&uart->cable, serial_cable_free);
}

bool
uart16550_plug (Device *device, int fd, bool force, GError **error)
{
  bool done;

  device_lock (device);
  done = serial_cable_plug (((Uart *)device)->cable, fd, force, error);
  device_unlock (device);
  return done;
}

void
uart16550_take_cable (Device *device, Device *from)
{
  SerialCableEnd end;

  device_lock (from);
  end = serial_cable_give (((Uart *)from)->cable);
  device_unlock (from);
  device_lock (device);
  serial_cable_take (((Uart *)device)->cable, end);
  device_unlock (device);
}

static bool
uart_check (const void *object, const void *incoming, GError **error)
{
  const Uart *uart = incoming;

  if (uart->rx_head < RX_FIFO_SIZE && uart->rx_count <= RX_FIFO_SIZE && uart->tx_count <= TX_BUFFER_SIZE)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "the serial port's FIFO counters are out of range");
  return false;
}

static void
uart_after_load (void *object)
{
  Uart *uart = object;

  update_input_watch (uart);
  uart_update_irq (uart);
  arm_timers (uart);
  if (uart->tx_count > 0)
    device_call (&uart->device, tx_flush);
}

static const StateField uart_fields[] = {
  STATE_U8 (Uart, ier, 1),
  STATE_U8 (Uart, fcr, 1),
  STATE_U8 (Uart, lcr, 1),
  STATE_U8 (Uart, mcr, 1),
  STATE_U8 (Uart, lsr, 1),
  STATE_U8 (Uart, msr, 1),
  STATE_U8 (Uart, scr, 1),
  STATE_U8 (Uart, dll, 1),
  STATE_U8 (Uart, dlm, 1),
  STATE_BOOL (Uart, thre_pending, 1),
  STATE_BYTES (Uart, rx_fifo, 1),
  STATE_U8 (Uart, rx_head, 1),
  STATE_U8 (Uart, rx_count, 1),
  STATE_BYTES (Uart, tx_buffer, 1),
  STATE_U16 (Uart, tx_count, 1),
  STATE_BOOL (Uart, rx_filled, 2),
  STATE_BOOL (Uart, resting, 2),
  STATE_BOOL (Uart, used_rts, 2),
  STATE_U16 (Uart, tx_burst, 2),
  STATE_BOOL (Uart, tx_resting, 2),
  STATE_END,
};

static const StateTable uart_state = {
  .name = "uart16550",
  .version = 2,
  .fields = uart_fields,
  .object_size = sizeof (Uart),
  .check = uart_check,
  .after_load = uart_after_load,
};

const DeviceClass uart16550_class = {
  .id = "uart16550",
  .size = sizeof (Uart),
  .realize = uart_realize,
  .unrealize = uart_unrealize,
  .reset = uart_reset,
  .state = &uart_state,
};
