/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/legacy/rtc.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <glib.h>
#include <time.h>

/* MC146818A data sheet, "Registers"; the century byte is the PC's (ACPI FADT CENTURY). */
enum {
  RTC_SECONDS = 0x00,
  RTC_SECONDS_ALARM = 0x01,
  RTC_MINUTES = 0x02,
  RTC_MINUTES_ALARM = 0x03,
  RTC_HOURS = 0x04,
  RTC_HOURS_ALARM = 0x05,
  RTC_WEEKDAY = 0x06,
  RTC_DAY = 0x07,
  RTC_MONTH = 0x08,
  RTC_YEAR = 0x09,
  RTC_A = 0x0a,
  RTC_B = 0x0b,
  RTC_C = 0x0c,
  RTC_D = 0x0d,
  RTC_CENTURY = 0x32,
};

enum {
  A_UIP = 0x80,
  A_DIVIDER_32K = 0x20,
  A_DIVIDER_MASK = 0x70,
  A_RATE = 0x0f,

  B_SET = 0x80,
  B_PERIODIC = 0x40,
  B_ALARM = 0x20,
  B_UPDATE = 0x10,
  B_BINARY = 0x04,
  B_24H = 0x02,

  C_IRQ = 0x80,
  C_PERIODIC = 0x40,
  C_ALARM = 0x20,
  C_UPDATE = 0x10,

  D_VALID = 0x80,
};

/* What SeaBIOS reads from CMOS: memory sizes and the number of processors beyond the first. */
enum {
  CMOS_EQUIPMENT = 0x14,
  CMOS_BASE_MEMORY = 0x15,
  CMOS_EXTENDED_MEMORY = 0x17,
  CMOS_EXTENDED_MEMORY_2 = 0x30,
  CMOS_MEMORY_ABOVE_16M = 0x34,
  CMOS_MEMORY_ABOVE_4G = 0x5b,
  CMOS_EXTRA_CPUS = 0x5f,
};

#define CMOS_SIZE      128
#define RTC_GSI        8
#define US_PER_SECOND  INT64_C (1000000)
#define UPDATE_TIME_US 244 /* data sheet: UIP precedes an update by 244 µs */

typedef struct {
  Device device;
  IrqPin irq;
  LoopTimer *periodic_timer; /* virtual clock */
  LoopTimer *second_timer;   /* host clock: alarm and update-ended */
  uint8_t index;
  uint8_t cmos[CMOS_SIZE];
  uint64_t offset_us;      /* guest time less host time, two's complement */
  uint64_t periodic_start; /* virtual ns at which the periodic interrupt was set up */
  uint64_t periodic_ticks; /* periods since then */
  uint64_t last_second;    /* the last second whose update was told to the guest */
} Rtc;

static int64_t
rtc_now_us (const Rtc *rtc)
{
  return g_get_real_time () + (int64_t)rtc->offset_us;
}

static uint8_t
encode (const Rtc *rtc, int value)
{
  value = (value % 100 + 100) % 100; /* a guest may set the clock to before the common era */
  return (rtc->cmos[RTC_B] & B_BINARY) ? value : (value / 10) << 4 | value % 10;
}

static int
decode (const Rtc *rtc, uint8_t value)
{
  return (rtc->cmos[RTC_B] & B_BINARY) ? value : (value >> 4) * 10 + (value & 0x0f);
}

static uint8_t
encode_hour (const Rtc *rtc, int hour)
{
  if (rtc->cmos[RTC_B] & B_24H)
    return encode (rtc, hour);
  return encode (rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static int
decode_hour (const Rtc *rtc, uint8_t value)
{
  if (rtc->cmos[RTC_B] & B_24H)
    return decode (rtc, value);
  return decode (rtc, value & 0x7f) % 12 + ((value & 0x80) ? 12 : 0);
}

/* Fills the ten time bytes from the clock; with SET they stand still. */
static void
refresh_time (Rtc *rtc)
{
  time_t seconds = rtc_now_us (rtc) / US_PER_SECOND;
  struct tm tm;

  if ((rtc->cmos[RTC_B] & B_SET) || !gmtime_r (&seconds, &tm))
    return;
  rtc->cmos[RTC_SECONDS] = encode (rtc, tm.tm_sec);
  rtc->cmos[RTC_MINUTES] = encode (rtc, tm.tm_min);
  rtc->cmos[RTC_HOURS] = encode_hour (rtc, tm.tm_hour);
  rtc->cmos[RTC_WEEKDAY] = encode (rtc, tm.tm_wday + 1);
  rtc->cmos[RTC_DAY] = encode (rtc, tm.tm_mday);
  rtc->cmos[RTC_MONTH] = encode (rtc, tm.tm_mon + 1);
  rtc->cmos[RTC_YEAR] = encode (rtc, tm.tm_year % 100);
  rtc->cmos[RTC_CENTURY] = encode (rtc, (tm.tm_year / 100 + 19) % 100);
}

/* The guest set the clock: keeps its difference from the host's. */
static void
adopt_time (Rtc *rtc)
{
  struct tm tm = {
    .tm_sec = decode (rtc, rtc->cmos[RTC_SECONDS]),
    .tm_min = decode (rtc, rtc->cmos[RTC_MINUTES]),
    .tm_hour = decode_hour (rtc, rtc->cmos[RTC_HOURS]),
    .tm_mday = decode (rtc, rtc->cmos[RTC_DAY]),
    .tm_mon = decode (rtc, rtc->cmos[RTC_MONTH]) - 1,
    .tm_year = decode (rtc, rtc->cmos[RTC_CENTURY]) * 100 + decode (rtc, rtc->cmos[RTC_YEAR]) - 1900,
  };

  rtc->offset_us = (uint64_t)((int64_t)timegm (&tm) * US_PER_SECOND - g_get_real_time ());
  rtc->last_second = rtc_now_us (rtc) / US_PER_SECOND;
}

static void
update_irq (Rtc *rtc)
{
  uint8_t pending = rtc->cmos[RTC_C] & rtc->cmos[RTC_B] & (C_PERIODIC | C_ALARM | C_UPDATE);

  rtc->cmos[RTC_C] = (rtc->cmos[RTC_C] & ~C_IRQ) | (pending ? C_IRQ : 0);
  irq_pin_set (&rtc->irq, pending != 0);
}

/* --- the periodic interrupt --- */

/* Data sheet, table 5 for a 32.768 kHz time base: 0 when the divider is held or the rate is none. */
static int64_t
periodic_interval (const Rtc *rtc)
{
  unsigned rate = rtc->cmos[RTC_A] & A_RATE;

  if (rate == 0 || (rtc->cmos[RTC_A] & A_DIVIDER_MASK) != A_DIVIDER_32K)
    return 0;
  if (rate <= 2)
    rate += 7;
  return NS_PER_SECOND * (INT64_C (1) << (rate - 1)) / 32768;
}

/* Arms for the next period boundary after now; lost periods are not made up for. */
static void
arm_periodic (Rtc *rtc)
{
  int64_t interval = periodic_interval (rtc);
  int64_t now = vm_clock_now (rtc->device.board->clock);
  int64_t elapsed = now - (int64_t)rtc->periodic_start;

  if (interval == 0 || !(rtc->cmos[RTC_B] & B_PERIODIC))
    {
      loop_timer_cancel (rtc->periodic_timer);
      return;
    }
  rtc->periodic_ticks = MAX (elapsed, 0) / interval + 1;
  loop_timer_arm (rtc->periodic_timer,
                  (int64_t)rtc->periodic_start + (int64_t)rtc->periodic_ticks * interval);
}

static void
on_periodic (Device *device)
{
  Rtc *rtc = (Rtc *)device;

  rtc->cmos[RTC_C] |= C_PERIODIC;
  TRACE (device, "periodic", "tick=%" G_GUINT64_FORMAT, rtc->periodic_ticks);
  update_irq (rtc);
  arm_periodic (rtc);
}

static void
restart_periodic (Rtc *rtc)
{
  rtc->periodic_start = vm_clock_now (rtc->device.board->clock);
  arm_periodic (rtc);
}

/* --- once a second: update-ended and alarm --- */

static bool
alarm_byte_matches (uint8_t alarm, uint8_t now)
{
  return (alarm & 0xc0) == 0xc0 || alarm == now; /* 0xc0..0xff: "don't care" */
}

static bool
alarm_is_now (const Rtc *rtc)
{
  return alarm_byte_matches (rtc->cmos[RTC_SECONDS_ALARM], rtc->cmos[RTC_SECONDS])
         && alarm_byte_matches (rtc->cmos[RTC_MINUTES_ALARM], rtc->cmos[RTC_MINUTES])
         && alarm_byte_matches (rtc->cmos[RTC_HOURS_ALARM], rtc->cmos[RTC_HOURS]);
}

static void
arm_second (Rtc *rtc)
{
  int64_t now = rtc_now_us (rtc);

  if (!(rtc->cmos[RTC_B] & (B_ALARM | B_UPDATE)) || (rtc->cmos[RTC_B] & B_SET))
    {
      loop_timer_cancel (rtc->second_timer);
      return;
    }
  int64_t wait_us = US_PER_SECOND - now % US_PER_SECOND;
  loop_timer_arm (rtc->second_timer, (g_get_monotonic_time () + wait_us) * NS_PER_US);
}

/* Tells the guest of the update that ended since it last looked. */
static void
catch_up (Rtc *rtc)
{
  uint64_t second = rtc_now_us (rtc) / US_PER_SECOND;

  if (second == rtc->last_second || (rtc->cmos[RTC_B] & B_SET))
    return;
  rtc->last_second = second;
  refresh_time (rtc);
  rtc->cmos[RTC_C] |= C_UPDATE;
  if (alarm_is_now (rtc))
    rtc->cmos[RTC_C] |= C_ALARM;
}

static void
on_second (Device *device)
{
  Rtc *rtc = (Rtc *)device;

  catch_up (rtc);
  update_irq (rtc);
  arm_second (rtc);
}

/* --- registers --- */

static bool
is_time_register (unsigned index)
{
  return index <= RTC_YEAR || index == RTC_CENTURY;
}

static uint8_t
read_a (Rtc *rtc)
{
  bool updating =
    !(rtc->cmos[RTC_B] & B_SET) && US_PER_SECOND - rtc_now_us (rtc) % US_PER_SECOND <= UPDATE_TIME_US;

  return rtc->cmos[RTC_A] | (updating ? A_UIP : 0);
}

static uint8_t
read_c (Rtc *rtc)
{
  uint8_t value;

  catch_up (rtc);
  update_irq (rtc);
  value = rtc->cmos[RTC_C];
  rtc->cmos[RTC_C] = 0;
  update_irq (rtc);
  return value;
}

static uint8_t
rtc_read_register (Rtc *rtc)
{
  switch (rtc->index)
    {
    case RTC_A:
      return read_a (rtc);
    case RTC_C:
      return read_c (rtc);
    case RTC_D:
      return D_VALID;
    default:
      if (is_time_register (rtc->index))
        refresh_time (rtc);
      return rtc->cmos[rtc->index];
    }
}

static void
write_b (Rtc *rtc, uint8_t value)
{
  uint8_t old = rtc->cmos[RTC_B];

  if (value & B_SET)
    {
      refresh_time (rtc);
      value &= ~B_UPDATE; /* data sheet: SET clears UIE */
    }
  rtc->cmos[RTC_B] = value;
  if ((old & B_SET) && !(value & B_SET))
    adopt_time (rtc);
  if ((old ^ value) & B_PERIODIC)
    restart_periodic (rtc);
  arm_second (rtc);
  update_irq (rtc);
}

static void
write_time (Rtc *rtc, uint8_t value)
{
  bool alarm =
    rtc->index == RTC_SECONDS_ALARM || rtc->index == RTC_MINUTES_ALARM || rtc->index == RTC_HOURS_ALARM;

  if (!alarm)
    refresh_time (rtc);
  rtc->cmos[rtc->index] = value;
  if (!alarm && !(rtc->cmos[RTC_B] & B_SET))
    adopt_time (rtc);
}

static void
rtc_write_register (Rtc *rtc, uint8_t value)
{
  switch (rtc->index)
    {
    case RTC_A:
      rtc->cmos[RTC_A] = value & ~A_UIP;
      restart_periodic (rtc);
      break;
    case RTC_B:
      write_b (rtc, value);
      break;
    case RTC_C:
    case RTC_D:
      break; /* read-only */
    default:
      if (is_time_register (rtc->index))
        write_time (rtc, value);
      else
        rtc->cmos[rtc->index] = value;
    }
}

static uint64_t
rtc_read (Device *device, uint64_t offset, unsigned size)
{
  Rtc *rtc = (Rtc *)device;
  uint8_t value = offset ? rtc_read_register (rtc) : 0xff; /* the index port is write-only */

  TRACE (device, "read", "reg=0x%02x value=0x%02x", rtc->index, value);
  return value;
}

static void
rtc_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Rtc *rtc = (Rtc *)device;

  if (offset == 0)
    {
      rtc->index = value & 0x7f; /* bit 7 masks NMIs, which this PC doesn't raise */
      return;
    }
  TRACE (device, "write", "reg=0x%02x value=0x%02x", rtc->index, (unsigned)value & 0xff);
  rtc_write_register (rtc, value);
}

static const BusOps rtc_ops = { .read = rtc_read, .write = rtc_write, .max_size = 1 };

/* --- life --- */

static void
fill_memory_sizes (Rtc *rtc, const RtcConfig *config)
{
  uint64_t extended_kib = MIN (config->ram_below_4g / 1024 - MIN (config->ram_below_4g / 1024, 1024), 65535);
  uint64_t above_16m = config->ram_below_4g > 16 * 1024 * 1024 ? config->ram_below_4g - 16 * 1024 * 1024 : 0;
  uint64_t above_16m_units = MIN (above_16m / 65536, 65535);
  uint64_t above_4g_units = MIN (config->ram_above_4g / 65536, 0xffffff);

  store_le16 (rtc->cmos + CMOS_BASE_MEMORY, 640);
  store_le16 (rtc->cmos + CMOS_EXTENDED_MEMORY, extended_kib);
  store_le16 (rtc->cmos + CMOS_EXTENDED_MEMORY_2, extended_kib);
  store_le16 (rtc->cmos + CMOS_MEMORY_ABOVE_16M, above_16m_units);
  store_le (rtc->cmos + CMOS_MEMORY_ABOVE_4G, 3, above_4g_units);
}

static bool
rtc_realize (Device *device, const void *config, GError **error)
{
  Rtc *rtc = (Rtc *)device;
  const RtcConfig *rc = config;

  rtc->irq = irq_line_connect (device->board->irq[RTC_GSI]);
  rtc->periodic_timer = device_timer_new (device, on_periodic);
  rtc->second_timer = device_host_timer_new (device, on_second);
  rtc->cmos[RTC_A] = A_DIVIDER_32K | 6;
  rtc->cmos[RTC_B] = B_24H;
  rtc->cmos[CMOS_EQUIPMENT] = 0x06; /* PS/2 mouse, FPU, no floppy */
  rtc->cmos[CMOS_EXTRA_CPUS] = MIN (rc->n_cpus - 1, 255);
  fill_memory_sizes (rtc, rc);
  if (rc->local_time)
    {
      g_autoptr (GDateTime) now = g_date_time_new_now_local ();
      rtc->offset_us = (uint64_t)g_date_time_get_utc_offset (now);
    }
  device_add_ports (device, &rtc_ops, 0x70, 2);
  return true;
}

static void
rtc_unrealize (Device *device)
{
  Rtc *rtc = (Rtc *)device;

  device_timer_free (rtc->periodic_timer);
  device_timer_free (rtc->second_timer);
}

/* Data sheet, "RESET": interrupt enables and flags clear; time and RAM stay. */
static void
rtc_reset (Device *device)
{
  Rtc *rtc = (Rtc *)device;

  rtc->index = 0;
  rtc->cmos[RTC_B] &= ~(B_PERIODIC | B_ALARM | B_UPDATE | B_SET);
  rtc->cmos[RTC_C] = 0;
  rtc->last_second = rtc_now_us (rtc) / US_PER_SECOND;
  loop_timer_cancel (rtc->periodic_timer);
  loop_timer_cancel (rtc->second_timer);
  update_irq (rtc);
}

static bool
rtc_check (const void *object, const void *incoming, GError **error)
{
  const Rtc *rtc = incoming;

  if (rtc->index < CMOS_SIZE && rtc->periodic_start <= INT64_MAX / 2)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "the clock's index or period start is out of range");
  return false;
}

static void
rtc_after_load (void *object)
{
  Rtc *rtc = object;

  arm_periodic (rtc);
  arm_second (rtc);
  update_irq (rtc);
}

static const StateField rtc_fields[] = {
  STATE_U8 (Rtc, index, 1),           STATE_BYTES (Rtc, cmos, 1),      STATE_U64 (Rtc, offset_us, 1),
  STATE_U64 (Rtc, periodic_start, 1), STATE_U64 (Rtc, last_second, 1), STATE_END,
};

static const StateTable rtc_state = {
  .name = "rtc",
  .version = 1,
  .fields = rtc_fields,
  .object_size = sizeof (Rtc),
  .check = rtc_check,
  .after_load = rtc_after_load,
};

const DeviceClass rtc_class = {
  .id = "rtc",
  .size = sizeof (Rtc),
  .realize = rtc_realize,
  .unrealize = rtc_unrealize,
  .reset = rtc_reset,
  .state = &rtc_state,
};
