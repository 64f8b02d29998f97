/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host bridge and LPC bridge: who answers where, interrupt routing, power management, reset. */
#include "devices/platform/ich9-lpc.h"
#include "devices/platform/pci-config.h"
#include "devices/platform/q35-host.h"
#include "devices/platform/vm-generation.h"

#include "devices/pci/pci-registers.h"
#include "tests/bench-device/bench.h"
#include "vmm/base/bytes.h"

#define LPC   PCI_DEVFN (31, 0)
#define HOST  PCI_DEVFN (0, 0)
#define ROM   0x40000u
#define RAM   (UINT64_C (16) << 20)
#define PM(r) (ICH9_PM_BASE + (r))

/* The bench has RAM from 0; the bridge's own RAM is mapped above it when PAM opens what the bench leaves
 * free. So the bench's bank is hidden first. */
static void
hide_bank (MemoryBank *bank, void *data)
{
  memory_bank_map (bank, BANK_HIDDEN);
}

static void
setup (Bench *bench, void *data)
{
  Board *board = bench_board (bench);
  PciBus *bus = bench_own (bench, pci_bus_new (board, NULL, NULL), (GDestroyNotify)pci_bus_free);
  const PciConfigConfig access = { .bus = bus };
  const Ich9LpcConfig lpc = { { bus, LPC }, data };
  Q35HostConfig host = { .place = { bus, HOST } };
  uint8_t *rom;

  guest_memory_foreach (board->memory, hide_bank, NULL);
  host.ram = guest_memory_add_bank (board->memory, "ram-low", RAM, BANK_RAM, NULL);
  host.bios = guest_memory_add_bank (board->memory, "bios", ROM, BANK_ROM, NULL);
  rom = memory_bank_data (host.bios);
  for (unsigned i = 0; i < ROM; i++)
    rom[i] = i >> 12;
  memory_bank_map (host.bios, UINT64_C (0x100000000) - ROM);
  host.pci_config = bench_add (bench, &pci_config_class, NULL, &access);
  bench_add (bench, &q35_host_class, NULL, &host);
  bench_add (bench, &ich9_lpc_class, NULL, &lpc);
}

static void
config_address (Bench *bench, uint8_t devfn, unsigned offset)
{
  bench_out32 (bench, 0xcf8, 0x80000000u | devfn << 8 | (offset & 0xfc));
}

static void
config_write8 (Bench *bench, uint8_t devfn, unsigned offset, uint8_t value)
{
  config_address (bench, devfn, offset);
  bench_out8 (bench, 0xcfc + offset % 4, value);
}

static void
config_write32 (Bench *bench, uint8_t devfn, unsigned offset, uint32_t value)
{
  config_address (bench, devfn, offset);
  bench_out32 (bench, 0xcfc, value);
}

static uint32_t
config_read32 (Bench *bench, uint8_t devfn, unsigned offset)
{
  config_address (bench, devfn, offset);
  return bench_in32 (bench, 0xcfc);
}

/* What the guest's memory shows, or -1 if nothing but the bus answers. */
static int
peek (Bench *bench, uint64_t address)
{
  uint8_t value;

  return guest_read (bench_board (bench)->memory, address, &value, 1) ? value : -1;
}

static bool
poke (Bench *bench, uint64_t address, uint8_t value)
{
  return guest_write (bench_board (bench)->memory, address, &value, 1);
}

/* --- configuration access --- */

static void
test_config_ports (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  g_assert_cmphex (config_read32 (bench, HOST, 0), ==, 0x29c08086);
  g_assert_cmphex (config_read32 (bench, LPC, 0), ==, 0x29188086);
  g_assert_cmphex (config_read32 (bench, PCI_DEVFN (7, 0), 0), ==, 0xffffffff);
  g_assert_cmphex (bench_in32 (bench, 0xcf8), ==, 0x80003800);
  config_address (bench, LPC, 0);
  g_assert_cmphex (bench_in16 (bench, 0xcfe), ==, 0x2918);
  bench_out32 (bench, 0xcf8, 0x80010000); /* bus 1 */
  g_assert_cmphex (bench_in32 (bench, 0xcfc), ==, 0xffffffff);
  bench_out32 (bench, 0xcf8, 0);
  g_assert_cmphex (bench_in32 (bench, 0xcfc), ==, 0xffffffff);
}

static void
test_ecam (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  g_assert_cmphex (bench_read32 (bench, Q35_ECAM_BASE), ==, 0xffffffff);
  config_write32 (bench, HOST, Q35_PCIEXBAR, (uint32_t)Q35_ECAM_BASE | 1);
  g_assert_cmphex (bench_read32 (bench, Q35_ECAM_BASE), ==, 0x29c08086);
  g_assert_cmphex (bench_read16 (bench, Q35_ECAM_BASE + (LPC << 12) + 2), ==, 0x2918);
  g_assert_cmphex (bench_read32 (bench, Q35_ECAM_BASE + (1 << 20)), ==, 0xffffffff);
  config_write32 (bench, HOST, Q35_PCIEXBAR, 0xd0000001);
  g_assert_cmphex (bench_read32 (bench, 0xd0000000), ==, 0x29c08086);
  g_assert_cmphex (bench_read32 (bench, Q35_ECAM_BASE), ==, 0xffffffff);
  bench_write32 (bench, 0xd0000000 + Q35_PCIEXBAR, 0); /* it moves the window under itself */
  g_assert_cmphex (bench_read32 (bench, 0xd0000000), ==, 0xffffffff);
}

static void
test_reset_register (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  bench_out8 (bench, 0xcf9, 0x02);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_RESET), ==, 0);
  bench_out8 (bench, 0xcf9, 0x06);
  bench_out8 (bench, 0xcf9, 0x06); /* no rise */
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_RESET), ==, 1);
  bench_out8 (bench, 0x92, 0x03);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_RESET), ==, 2);
}

/* --- PAM --- */

static void
test_pam (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  /* After reset: ROM at the end of the first MiB, the same as below 4 GiB; nothing before it. */
  g_assert_cmpint (peek (bench, 0xfffff), ==, 0x3f);
  g_assert_cmpint (peek (bench, 0xe0000), ==, 0x20);
  g_assert_cmpint (peek (bench, 0xc0000), ==, -1);
  g_assert_cmphex (bench_read8 (bench, 0xc0000), ==, 0xff);
  g_assert_false (poke (bench, 0xf0000, 1));
  g_assert_true (poke (bench, 0x9ffff, 1));
  g_assert_true (poke (bench, 0x100000, 1));
  g_assert_cmpint (peek (bench, 0xa0000), ==, -1);

  /* Each segment alone. */
  config_write8 (bench, HOST, Q35_PAM0 + 1, 0x30);
  g_assert_true (poke (bench, 0xc4000, 0x77));
  g_assert_cmpint (peek (bench, 0xc4000), ==, 0x77);
  g_assert_cmpint (peek (bench, 0xc0000), ==, -1);
  config_write8 (bench, HOST, Q35_PAM0 + 1, 0x10);
  g_assert_cmpint (peek (bench, 0xc4000), ==, 0x77);
  g_assert_false (poke (bench, 0xc4000, 0x78));

  /* Shadowing: writes go to RAM while reads still see ROM. */
  config_write8 (bench, HOST, Q35_PAM0, 0x20);
  g_assert_cmpint (peek (bench, 0xf0000), ==, 0x30);
  bench_write8 (bench, 0xf0000, 0x99);
  g_assert_cmpint (peek (bench, 0xf0000), ==, 0x30);
  config_write8 (bench, HOST, Q35_PAM0, 0x10);
  g_assert_cmpint (peek (bench, 0xf0000), ==, 0x99);
  bench_write8 (bench, 0xf0000, 0x9a);
  g_assert_cmpint (peek (bench, 0xf0000), ==, 0x99);

  bench_reset (bench);
  g_assert_cmpint (peek (bench, 0xf0000), ==, 0x30);
  g_assert_cmpint (peek (bench, 0xc4000), ==, -1);
}

static void
test_smram_lock (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  config_write8 (bench, HOST, Q35_SMRAM, 0x4a);
  g_assert_cmphex (config_read32 (bench, HOST, 0x9c) >> 8 & 0xff, ==, 0x4a);
  config_write8 (bench, HOST, Q35_SMRAM, 0x5a);
  g_assert_cmphex (config_read32 (bench, HOST, 0x9c) >> 8 & 0xff, ==, 0x1a);
  config_write8 (bench, HOST, Q35_SMRAM, 0x4a);
  g_assert_cmphex (config_read32 (bench, HOST, 0x9c) >> 8 & 0xff, ==, 0x1a);
  bench_reset (bench);
  g_assert_cmphex (config_read32 (bench, HOST, 0x9c) >> 8 & 0xff, ==, 0x02);
}

/* --- PIRQ --- */

static void
test_pirq (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);
  Device *lpc = bench_find (bench, "ich9-lpc");
  IrqPin first = ich9_lpc_connect (lpc, 2);
  IrqPin second = ich9_lpc_connect (lpc, 2);
  IrqPin other = ich9_lpc_connect (lpc, 6);

  irq_pin_set (&first, true);
  g_assert_true (bench_irq (bench, 18));
  g_assert_false (bench_irq (bench, 11));
  config_write8 (bench, LPC, ICH9_LPC_PIRQA_ROUT + 2, 11);
  g_assert_true (bench_irq (bench, 11));

  /* Two functions on one PIRQ, and two PIRQs on one ISA interrupt. */
  irq_pin_set (&second, true);
  irq_pin_set (&first, false);
  g_assert_true (bench_irq (bench, 18));
  config_write8 (bench, LPC, ICH9_LPC_PIRQE_ROUT + 2, 11);
  irq_pin_set (&other, true);
  g_assert_true (bench_irq (bench, 22));
  irq_pin_set (&second, false);
  g_assert_false (bench_irq (bench, 18));
  g_assert_true (bench_irq (bench, 11));
  config_write8 (bench, LPC, ICH9_LPC_PIRQE_ROUT + 2, ICH9_PIRQ_DISABLED | 11);
  g_assert_false (bench_irq (bench, 11));
  g_assert_true (bench_irq (bench, 22));
  config_write8 (bench, LPC, ICH9_LPC_PIRQE_ROUT + 2, 0); /* IRQ 0 may not be routed to */
  g_assert_false (bench_irq (bench, 0));
}

static void
test_slot_wiring (void)
{
  g_assert_cmpuint (ich9_lpc_slot_pirq (1, 0), ==, 5);
  g_assert_cmpuint (ich9_lpc_slot_pirq (4, 0), ==, 4);
  g_assert_cmpuint (ich9_lpc_slot_pirq (4, 3), ==, 7);
  g_assert_cmpuint (ich9_lpc_slot_pirq (31, 0), ==, 0);
  g_assert_cmpuint (ich9_lpc_slot_pirq (31, 2), ==, 2);
}

/* --- power management --- */

static Bench *
start_pm (void)
{
  Bench *bench = bench_new_with (setup, NULL);

  config_write32 (bench, LPC, ICH9_LPC_PMBASE, ICH9_PM_BASE | 1);
  g_assert_cmphex (bench_in32 (bench, PM (ICH9_PM_TIMER)), ==, 0xffffffff);
  config_write8 (bench, LPC, ICH9_LPC_ACPI_CNTL, ICH9_ACPI_EN);
  return bench;
}

/* ACPI 6.3, 4.8.2.1: 3.579545 MHz, 24 bits. */
static void
test_pm_timer (void)
{
  g_autoptr (Bench) bench = start_pm ();
  uint32_t start = bench_in32 (bench, PM (ICH9_PM_TIMER));

  bench_advance_clock (bench, NS_PER_SECOND);
  g_assert_cmpuint ((bench_in32 (bench, PM (ICH9_PM_TIMER)) - start) & 0xffffff, ==, 3579545);

  /* Its top bit changes every 2.34 s: a status bit, and an SCI if that is enabled. */
  bench_out16 (bench, PM (ICH9_PM1_STATUS), 0xffff);
  bench_out8 (bench, ICH9_APM_PORT, ICH9_APM_ENABLE_ACPI);
  g_assert_cmphex (bench_in16 (bench, PM (ICH9_PM1_CONTROL)) & 1, ==, 1);
  bench_out16 (bench, PM (ICH9_PM1_ENABLE), 1);
  bench_advance_clock (bench, NS_PER_SECOND);
  g_assert_false (bench_irq (bench, ICH9_SCI_GSI));
  bench_advance_clock (bench, NS_PER_SECOND);
  g_assert_true (bench_irq (bench, ICH9_SCI_GSI));
  g_assert_cmphex (bench_in16 (bench, PM (ICH9_PM1_STATUS)) & 1, ==, 1);
  bench_out16 (bench, PM (ICH9_PM1_STATUS), 1);
  g_assert_false (bench_irq (bench, ICH9_SCI_GSI));
  bench_advance_clock (bench, 5 * NS_PER_SECOND);
  g_assert_true (bench_irq (bench, ICH9_SCI_GSI));
}

static void
test_power_button (void)
{
  g_autoptr (Bench) bench = start_pm ();
  Device *lpc = bench_find (bench, "ich9-lpc");

  bench_out16 (bench, PM (ICH9_PM1_ENABLE), 0x100);
  ich9_lpc_press_power_button (lpc);
  g_assert_false (bench_irq (bench, ICH9_SCI_GSI)); /* ACPI mode is off */
  bench_out8 (bench, ICH9_APM_PORT, ICH9_APM_ENABLE_ACPI);
  g_assert_true (bench_irq (bench, ICH9_SCI_GSI));
  g_assert_cmphex (bench_in16 (bench, PM (ICH9_PM1_STATUS)) & 0x100, ==, 0x100);
  bench_out16 (bench, PM (ICH9_PM1_STATUS), 0x100);
  g_assert_false (bench_irq (bench, ICH9_SCI_GSI));
  bench_out8 (bench, ICH9_APM_PORT, ICH9_APM_DISABLE_ACPI);
  ich9_lpc_press_power_button (lpc);
  g_assert_false (bench_irq (bench, ICH9_SCI_GSI));
}

static void
test_soft_off (void)
{
  g_autoptr (Bench) bench = start_pm ();

  bench_out16 (bench, PM (ICH9_PM1_CONTROL), 5 << 10 | 1 << 13); /* no such sleep */
  bench_out16 (bench, PM (ICH9_PM1_CONTROL), ICH9_SLEEP_TYPE_OFF << 10);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_POWER_OFF), ==, 0);
  bench_out16 (bench, PM (ICH9_PM1_CONTROL), ICH9_SLEEP_TYPE_OFF << 10 | 1 << 13);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_POWER_OFF), ==, 1);
}

/* Firmware looks here whether system management mode has been set up. */
static void
test_smi_is_set_up (void)
{
  g_autoptr (Bench) bench = start_pm ();

  g_assert_cmphex (bench_in32 (bench, PM (ICH9_SMI_ENABLE)) & 1 << 5, !=, 0);
}

static void
test_rcba (void)
{
  g_autoptr (Bench) bench = start_pm ();

  config_write32 (bench, LPC, ICH9_LPC_RCBA, ICH9_RCBA | 1);
  g_assert_cmphex (bench_read32 (bench, ICH9_RCBA + 0x3410), ==, 0x20);
  config_write32 (bench, LPC, ICH9_LPC_RCBA, 0);
  g_assert_cmphex (bench_read32 (bench, ICH9_RCBA + 0x3410), ==, 0xffffffff);
}

/* "Virtual Machine Generation ID": "a 128-bit, cryptographically random integer value identifier", a GUID in
 * memory; the guest is notified when it has changed, and not otherwise. */
static void
test_generation (void)
{
  static char first[] = "00112233-4455-6677-8899-aabbccddeeff",
              second[] = "10112233-4455-6677-8899-aabbccddeeff";
  const unsigned event = 1u << VM_GENERATION_GPE;
  g_autoptr (Bench) bench = bench_new_with (setup, first), twin = bench_new_with (setup, second);
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  g_assert_cmphex (bench_read64 (bench, VM_GENERATION_BASE), ==, 0x6677445500112233);
  g_assert_cmphex (bench_read64 (bench, VM_GENERATION_BASE + 8), ==, 0xffeeddccbbaa9988);
  bench_write32 (bench, VM_GENERATION_BASE, 0);
  g_assert_cmphex (bench_read32 (bench, VM_GENERATION_BASE), ==, 0x00112233);
  g_assert_cmphex (bench_read8 (twin, VM_GENERATION_BASE + 3), ==, 0x10);

  config_write32 (bench, LPC, ICH9_LPC_PMBASE, ICH9_PM_BASE | 1);
  config_write8 (bench, LPC, ICH9_LPC_ACPI_CNTL, ICH9_ACPI_EN);
  bench_out8 (bench, ICH9_APM_PORT, ICH9_APM_ENABLE_ACPI);
  bench_out8 (bench, PM (ICH9_GPE0_ENABLE), event);
  state_save (ich9_lpc_class.state, bench_find (bench, "ich9-lpc"), state);
  g_assert_true (
    state_load (ich9_lpc_class.state, bench_find (bench, "ich9-lpc"), state->data, state->len, &error));
  g_assert_no_error (error);
  g_assert_false (bench_irq (bench, ICH9_SCI_GSI));
  g_assert_true (
    state_load (ich9_lpc_class.state, bench_find (twin, "ich9-lpc"), state->data, state->len, &error));
  g_assert_no_error (error);
  board_started (bench_board (bench));
  g_assert_false (bench_irq (bench, ICH9_SCI_GSI));
  board_started (bench_board (twin));
  g_assert_true (bench_irq (twin, ICH9_SCI_GSI));
  g_assert_cmphex (bench_in8 (twin, PM (ICH9_GPE0_STATUS)), ==, event);
  g_assert_cmphex (bench_read32 (twin, VM_GENERATION_BASE), ==, 0x10112233);
  bench_out8 (twin, PM (ICH9_GPE0_STATUS), event);
  g_assert_false (bench_irq (twin, ICH9_SCI_GSI));

  /* From then on that is the one that it knows. */
  g_byte_array_set_size (state, 0);
  state_save (ich9_lpc_class.state, bench_find (twin, "ich9-lpc"), state);
  g_assert_true (
    state_load (ich9_lpc_class.state, bench_find (twin, "ich9-lpc"), state->data, state->len, &error));
  board_started (bench_board (twin));
  g_assert_false (bench_irq (twin, ICH9_SCI_GSI));
}

/* --- all --- */

static void
test_state (void)
{
  g_autoptr (Bench) bench = start_pm ();

  config_write8 (bench, HOST, Q35_PAM0, 0x30);
  config_write32 (bench, HOST, Q35_PCIEXBAR, (uint32_t)Q35_ECAM_BASE | 1);
  config_write8 (bench, LPC, ICH9_LPC_PIRQA_ROUT, 10);
  bench_out8 (bench, ICH9_APM_PORT, ICH9_APM_ENABLE_ACPI);
  bench_out16 (bench, PM (ICH9_PM1_ENABLE), 0x101);
  bench_round_trip_state (bench);
}

static void
fuzz_config (Bench *bench, GRand *rand, void *data)
{
  uint8_t devfn = g_rand_boolean (rand) ? HOST : LPC;

  config_write32 (bench, devfn, g_rand_int_range (rand, 0, 256), g_rand_int (rand));
}

static void
test_fuzz (void)
{
  g_autoptr (Bench) bench = start_pm ();

  bench_fuzz_with (bench, 0x1c49, 50000, fuzz_config, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/chipset/config-ports", test_config_ports);
  g_test_add_func ("/chipset/ecam", test_ecam);
  g_test_add_func ("/chipset/reset-register", test_reset_register);
  g_test_add_func ("/chipset/pam", test_pam);
  g_test_add_func ("/chipset/smram-lock", test_smram_lock);
  g_test_add_func ("/chipset/pirq", test_pirq);
  g_test_add_func ("/chipset/slot-wiring", test_slot_wiring);
  g_test_add_func ("/chipset/pm-timer", test_pm_timer);
  g_test_add_func ("/chipset/power-button", test_power_button);
  g_test_add_func ("/chipset/soft-off", test_soft_off);
  g_test_add_func ("/chipset/smi", test_smi_is_set_up);
  g_test_add_func ("/chipset/rcba", test_rcba);
  g_test_add_func ("/chipset/generation", test_generation);
  g_test_add_func ("/chipset/state", test_state);
  g_test_add_func ("/chipset/fuzz", test_fuzz);
  return g_test_run ();
}
