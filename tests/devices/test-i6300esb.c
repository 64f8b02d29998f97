/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The watchdog timer against the 6300ESB data sheet (300641-004US), chapter 16. */
#include "devices/legacy/i6300esb.h"

#include "tests/devices/pci-bench.h"

#define GSI 10

enum { CONFIG = 0x60, LOCK = 0x68 };
enum { LOCKED = 1, ENABLE = 2, FREE_RUNNING = 4 };
enum { INT_NONE = 3, FAST = 4, OUTPUT_OFF = 0x20 };

#define PRELOAD_1 PCI_BENCH_BAR (0)
#define PRELOAD_2 (PCI_BENCH_BAR (0) + 4)
#define INTERRUPT (PCI_BENCH_BAR (0) + 8)
#define RELOAD    (PCI_BENCH_BAR (0) + 12)

/* 33 MHz, divided by 2^15: 993 us a tick. */
#define TICK (INT64_C (32768) * 1000000 / 33000)

static void
setup (Bench *bench, void *data)
{
  const I6300esbConfig config = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (3, 0) },
                                  .action = BOARD_ACTION_RESET };

  bench_add (bench, &i6300esb_class, NULL, &config);
  pci_bench_map (bench);
}

static Bench *
start (void)
{
  return bench_new_with (setup, NULL);
}

static void
unlock (Bench *bench)
{
  bench_write16 (bench, RELOAD, 0x80);
  bench_write16 (bench, RELOAD, 0x86);
}

static void
set_preloads (Bench *bench, uint32_t first, uint32_t second)
{
  unlock (bench);
  bench_write32 (bench, PRELOAD_1, first);
  unlock (bench);
  bench_write32 (bench, PRELOAD_2, second);
}

static void
set_lock (Bench *bench, uint8_t value)
{
  pci_bench_write_config (bench, LOCK, value, 1);
}

static void
feed (Bench *bench)
{
  unlock (bench);
  bench_write16 (bench, RELOAD, 0x100);
}

static unsigned
fired (Bench *bench)
{
  return bench_requests (bench, BOARD_REQUEST_WATCHDOG);
}

static void
test_identity (void)
{
  g_autoptr (Bench) bench = start ();

  g_assert_cmphex (pci_bench_read_config (bench, 0, 4), ==, 0x25ab8086);
  g_assert_cmphex (pci_bench_read_config (bench, 10, 2), ==, 0x0880);
  g_assert_cmphex (bench_read32 (bench, PRELOAD_1), ==, 0xfffff);
  g_assert_cmphex (bench_read32 (bench, PRELOAD_2), ==, 0xfffff);
}

/* 16.2: the first stage interrupts, the second drives the pin and leaves WDT_TIMEOUT. */
static void
test_two_stages (void)
{
  g_autoptr (Bench) bench = start ();

  set_preloads (bench, 1000, 500);
  set_lock (bench, ENABLE);
  bench_advance_clock (bench, 999 * TICK);
  g_assert_false (bench_irq (bench, GSI));
  bench_advance_clock (bench, TICK + 1000);
  g_assert_true (bench_irq (bench, GSI));
  g_assert_cmphex (bench_read32 (bench, INTERRUPT), ==, 1);
  g_assert_cmpuint (fired (bench), ==, 0);
  g_assert_cmphex (bench_read16 (bench, RELOAD), ==, 0);

  bench_advance_clock (bench, 499 * TICK);
  g_assert_cmpuint (fired (bench), ==, 0);
  bench_advance_clock (bench, TICK + 1000);
  g_assert_cmpuint (fired (bench), ==, 1);
  g_assert_cmpint (bench_request_status (bench), ==, BOARD_ACTION_RESET);
  g_assert_cmphex (bench_read16 (bench, RELOAD), ==, 0x200);

  /* The interrupt is given up by writing 1; the timeout by the same with the register open. */
  bench_write32 (bench, INTERRUPT, 1);
  g_assert_false (bench_irq (bench, GSI));
  bench_advance_clock (bench, 3600 * NS_PER_SECOND);
  g_assert_cmpuint (fired (bench), ==, 1);
}

/* 16.2: "When the host fails to reload": one that doesn't fail is left alone. */
static void
test_feeding (void)
{
  g_autoptr (Bench) bench = start ();

  pci_bench_write_config (bench, CONFIG, INT_NONE, 2);
  set_preloads (bench, 1000, 1000);
  set_lock (bench, ENABLE);
  for (unsigned i = 0; i < 100; i++)
    {
      bench_advance_clock (bench, 1500 * TICK); /* in the second stage already */
      g_assert_false (bench_irq (bench, GSI));  /* WDT_INT_TYPE: disabled */
      feed (bench);
    }
  g_assert_cmpuint (fired (bench), ==, 0);
  bench_advance_clock (bench, 2001 * TICK);
  g_assert_cmpuint (fired (bench), ==, 1);
}

/* 16.2: 80h, then 86h; one write each. */
static void
test_unlock_sequence (void)
{
  g_autoptr (Bench) bench = start ();

  bench_write32 (bench, PRELOAD_1, 5);
  g_assert_cmphex (bench_read32 (bench, PRELOAD_1), ==, 0xfffff);
  bench_write16 (bench, RELOAD, 0x86);
  bench_write32 (bench, PRELOAD_1, 5);
  bench_write16 (bench, RELOAD, 0x80);
  bench_write16 (bench, RELOAD, 0x80);
  bench_write32 (bench, PRELOAD_1, 5);
  g_assert_cmphex (bench_read32 (bench, PRELOAD_1), ==, 0xfffff);
  unlock (bench);
  bench_write32 (bench, PRELOAD_1, 0x12345678);
  g_assert_cmphex (bench_read32 (bench, PRELOAD_1), ==, 0x45678);
  bench_write32 (bench, PRELOAD_1, 5);
  g_assert_cmphex (bench_read32 (bench, PRELOAD_1), ==, 0x45678);
}

/* WDT_PRE_SEL: 2^5 rather than 2^15. */
static void
test_prescaler (void)
{
  g_autoptr (Bench) bench = start ();

  pci_bench_write_config (bench, CONFIG, INT_NONE | FAST, 2);
  set_preloads (bench, 0xfffff, 0xfffff);
  set_lock (bench, ENABLE);
  bench_advance_clock (bench, 2 * NS_PER_SECOND);
  g_assert_cmpuint (fired (bench), ==, 0); /* 2 * 1.017 s */
  bench_advance_clock (bench, 50 * NS_PER_MS);
  g_assert_cmpuint (fired (bench), ==, 1);
}

/* WDT_LOCK: the register stays until a reset. WDT_ENABLE: without the lock it may be stopped. */
static void
test_lock (void)
{
  g_autoptr (Bench) bench = start ();

  set_preloads (bench, 1000, 1000);
  set_lock (bench, ENABLE);
  set_lock (bench, 0);
  bench_advance_clock (bench, 5000 * TICK);
  g_assert_cmpuint (fired (bench), ==, 0);

  set_lock (bench, ENABLE | LOCKED);
  set_lock (bench, 0);
  g_assert_cmphex (pci_bench_read_config (bench, LOCK, 1), ==, ENABLE | LOCKED);
  bench_round_trip_state (bench);
  bench_advance_clock (bench, 5000 * TICK);
  g_assert_cmpuint (fired (bench), ==, 1);

  /* A hard reset stops it; why it came is remembered. */
  bench_reset (bench);
  g_assert_cmphex (pci_bench_read_config (bench, LOCK, 1), ==, 0);
  pci_bench_map (bench);
  g_assert_cmphex (bench_read16 (bench, RELOAD), ==, 0x200);
  unlock (bench);
  bench_write16 (bench, RELOAD, 0x200);
  g_assert_cmphex (bench_read16 (bench, RELOAD), ==, 0);
  bench_advance_clock (bench, 5000 * NS_PER_SECOND);
  g_assert_cmpuint (fired (bench), ==, 1);
}

/* WDT_OUTPUT: the second stage ends without consequences. */
static void
test_output_disabled (void)
{
  g_autoptr (Bench) bench = start ();

  pci_bench_write_config (bench, CONFIG, INT_NONE | OUTPUT_OFF, 2);
  set_preloads (bench, 10, 10);
  set_lock (bench, ENABLE);
  bench_advance_clock (bench, 100 * TICK);
  g_assert_cmpuint (fired (bench), ==, 0);
  g_assert_cmphex (bench_read16 (bench, RELOAD), ==, 0x200);
}

/* WDT_TOUT_CNF: one stage, of the second preload value, whose end changes the pin. It goes low the first
 * time. */
static void
test_free_running (void)
{
  g_autoptr (Bench) bench = start ();

  set_preloads (bench, 10, 1000);
  set_lock (bench, ENABLE | FREE_RUNNING);
  bench_advance_clock (bench, 999 * TICK);
  g_assert_cmpuint (fired (bench), ==, 0);
  bench_advance_clock (bench, 2 * TICK);
  g_assert_cmpuint (fired (bench), ==, 1);
  g_assert_false (bench_irq (bench, GSI));
  bench_advance_clock (bench, 10000 * TICK);
  g_assert_cmpuint (fired (bench), ==, 1); /* told once */
}

static void
test_state (void)
{
  g_autoptr (Bench) bench = start ();

  set_preloads (bench, 1000, 1000);
  set_lock (bench, ENABLE);
  bench_advance_clock (bench, 500 * TICK);
  bench_round_trip_state (bench);
  bench_write16 (bench, RELOAD, 0x80);
  bench_advance_clock (bench, 1000 * TICK);
  bench_round_trip_state (bench);
  bench_advance_clock (bench, 1000 * TICK);
  bench_round_trip_state (bench);
  g_assert_cmpuint (fired (bench), ==, 1);
}

static void
test_mad_guest (void)
{
  g_autoptr (Bench) bench = start ();

  bench_fuzz_with (bench, 1, 50000, pci_bench_fuzz_step, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/i6300esb/identity", test_identity);
  g_test_add_func ("/i6300esb/two-stages", test_two_stages);
  g_test_add_func ("/i6300esb/feeding", test_feeding);
  g_test_add_func ("/i6300esb/unlock-sequence", test_unlock_sequence);
  g_test_add_func ("/i6300esb/prescaler", test_prescaler);
  g_test_add_func ("/i6300esb/lock", test_lock);
  g_test_add_func ("/i6300esb/output-disabled", test_output_disabled);
  g_test_add_func ("/i6300esb/free-running", test_free_running);
  g_test_add_func ("/i6300esb/state", test_state);
  g_test_add_func ("/i6300esb/mad-guest", test_mad_guest);
  return g_test_run ();
}
