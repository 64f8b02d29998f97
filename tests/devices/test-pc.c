/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole PC on a board without KVM: its map, its state, and a guest that writes random values
 * to every port, register and configuration space. Arguments: the number of accesses, a seed.
 */
#include "devices/platform/pc-private.h"

#include "devices/pci/pci-registers.h"
#include "devices/platform/ich9-lpc.h"
#include "devices/platform/pc-map.h"
#include "tests/bench-device/bench.h"
#include "vmm/base/bytes.h"

#include <glib/gstdio.h>
#include <stdlib.h>

#define DISK_SIZE (1 << 20)

static unsigned n_accesses = 100000;
static uint32_t seed = 0xb05a1;

typedef struct {
  MachineSpec *spec;
  char *folder;
  GPtrArray *files;
  Pc *pc; /* the first that was made; twins come and go */
} Fixture;

static const char *
make_file (Fixture *f, const char *name, size_t size)
{
  g_autofree char *content = g_malloc0 (MAX (size, 1));
  char *path = g_build_filename (f->folder, name, NULL);

  g_assert_true (g_file_set_contents (path, content, size, NULL));
  g_ptr_array_add (f->files, path);
  return path;
}

static void
fixture_set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("bonsai-pc-XXXXXX", NULL);
  f->files = g_ptr_array_new_with_free_func (g_free);
  f->spec = machine_spec_new ();
  f->spec->memory = BENCH_RAM_SIZE;
  f->spec->debug_exit = true;
  f->spec->debugcon = g_strdup (make_file (f, "debugcon", 0));
  f->spec->serial[0] = (SerialSpec){ SERIAL_FILE, g_strdup (make_file (f, "serial", 0)) };
  f->spec->serial[1] = (SerialSpec){ SERIAL_PTY, g_build_filename (f->folder, "serial.pty", NULL) };
  f->spec->watchdog = true;
  g_free (((NicSpec *)f->spec->nics->pdata[0])->network);
  ((NicSpec *)f->spec->nics->pdata[0])->network = g_strdup ("none");
  machine_spec_add_disk (f->spec, DISK_KIND_DISK, DISK_BUS_VIRTIO, make_file (f, "disk0", DISK_SIZE), true);
  machine_spec_add_disk (f->spec, DISK_KIND_DISK, DISK_BUS_AHCI, make_file (f, "disk1", DISK_SIZE), true);
  machine_spec_add_disk (f->spec, DISK_KIND_CDROM, DISK_BUS_AHCI, make_file (f, "cd0", DISK_SIZE), true);
}

static void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  for (unsigned i = 0; i < f->files->len; i++)
    g_unlink (f->files->pdata[i]);
  g_rmdir (f->folder);
  g_ptr_array_unref (f->files);
  g_free (f->folder);
  machine_spec_unref (f->spec);
}

static void
hide_bank (MemoryBank *bank, void *data)
{
  memory_bank_map (bank, BANK_HIDDEN);
}

/* On the loop's thread, which outlives the board here: the screen is drawn there. */
typedef struct {
  Pc *pc;
  EventLoop *loop;
} OwnedPc;

static void
free_pc (void *data)
{
  pc_free (((OwnedPc *)data)->pc);
}

static void
free_owned_pc (void *data)
{
  loop_call_sync (((OwnedPc *)data)->loop, free_pc, data);
  g_free (data);
}

static void
setup (Bench *bench, void *data)
{
  Fixture *f = data;
  Pc *pc = pc_alloc (f->spec);
  OwnedPc *owned = bench_own (bench, g_new (OwnedPc, 1), free_owned_pc);
  g_autoptr (GError) error = NULL;

  *owned = (OwnedPc){ pc, bench_board (bench)->loop };
  if (!f->pc)
    f->pc = pc;
  guest_memory_foreach (bench_board (bench)->memory, hide_bank, NULL);
  g_assert_true (pc_build (bench_board (bench), pc, &error));
  g_assert_no_error (error);
  bench_reset (bench);
  pc_set_up_pci (pc);
}

static PciBus *
bus_of (Bench *bench)
{
  return ((PciDevice *)bench_find (bench, "ich9-lpc"))->bus;
}

/* --- the map --- */

typedef struct {
  uint8_t devfn;
  uint32_t id;
} Place;

static void
test_slots (Fixture *f, gconstpointer unused)
{
  static const Place places[] = {
    { PCI_DEVFN (0, 0), 0x29c08086 },  { PCI_DEVFN (1, 0), 0x11111234 },  { PCI_DEVFN (2, 0), 0x10441af4 },
    { PCI_DEVFN (3, 0), 0x10411af4 },  { PCI_DEVFN (8, 0), 0x10421af4 },  { PCI_DEVFN (31, 0), 0x29188086 },
    { PCI_DEVFN (31, 2), 0x29228086 }, { PCI_DEVFN (29, 0), 0x25ab8086 }, { PCI_DEVFN (26, 0), 0x10431af4 },
    { PCI_DEVFN (25, 0), 0x10451af4 }, { PCI_DEVFN (28, 0), 0x10521af4 }, { PCI_DEVFN (28, 1), 0x10521af4 },
    { PCI_DEVFN (27, 0), 0x293e8086 },
  };
  g_autoptr (Bench) bench = bench_new_with (setup, f);
  PciBus *bus = bus_of (bench);
  unsigned n = 0;

  for (unsigned devfn = 0; devfn < 256; devfn++)
    n += pci_bus_find (bus, devfn) != NULL;
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (places));
  for (unsigned i = 0; i < n; i++)
    g_assert_cmphex (pci_bus_config_read (bus, places[i].devfn, 0, 4), ==, places[i].id);
}

/* What firmware would do: no BAR is left out, none overlaps another, all are decoded. */
static void
test_bars (Fixture *f, gconstpointer unused)
{
  g_autoptr (Bench) bench = bench_new_with (setup, f);
  PciBus *bus = bus_of (bench);
  unsigned n = 0;

  for (unsigned devfn = 0; devfn < 256; devfn++)
    {
      PciDevice *pci = pci_bus_find (bus, devfn);

      for (unsigned i = 0; pci && i < PCI_N_BARS; i++)
        {
          if (pci->bars[i].kind == PCI_BAR_NONE)
            continue;
          n++;
          g_assert_true (pci->bars[i].mapped);
          if (pci->bars[i].kind == PCI_BAR_IO)
            continue;
          g_assert_cmphex (pci->bars[i].address, >=, PC_WINDOW_START);
          g_assert_cmphex (pci->bars[i].address + pci->bars[i].size, <=, PC_WINDOW_END);
        }
      if (pci && pci->config[PCI_INTERRUPT_PIN])
        g_assert_cmpuint (pci->config[PCI_INTERRUPT_LINE] & ~1u, ==, 10);
    }
  g_assert_cmpuint (n, >=, 8);
}

static void
test_ids_keep_their_places (void)
{
  bool taken[16] = { false };

  g_assert_cmpint (pc_take_place ("disk3", taken, 16), ==, 3);
  g_assert_cmpint (pc_take_place ("disk0", taken, 16), ==, 0);
  g_assert_cmpint (pc_take_place ("other3", taken, 16), ==, 1); /* taken: the first free one */
  g_assert_cmpint (pc_take_place ("disk99", taken, 16), ==, 2);
  g_assert_cmpint (pc_take_place ("root", taken, 16), ==, 4);
  for (unsigned i = 0; i < 11; i++)
    g_assert_cmpint (pc_take_place ("x", taken, 16), >=, 0);
  g_assert_cmpint (pc_take_place ("x", taken, 16), ==, -1);
}

static void
test_state (Fixture *f, gconstpointer unused)
{
  g_autoptr (Bench) bench = bench_new_with (setup, f);

  bench_round_trip_state (bench);
}

/* --- the mad guest --- */

static void
access_bar (Bench *bench, PciDevice *pci, GRand *rand)
{
  const PciBar *bar = &pci->bars[g_rand_int_range (rand, 0, PCI_N_BARS)];
  Board *board = bench_board (bench);
  Bus *bus = bar->kind == PCI_BAR_IO ? board->ports : board->mmio;
  unsigned size = 1u << g_rand_int_range (rand, 0, bus == board->ports ? 3 : 4);
  uint64_t limit, address;

  if (!bar->mapped || bar->bank)
    return;
  limit = g_rand_boolean (rand) ? MIN (bar->size, 256) : bar->size;
  address = bar->address + (g_rand_int (rand) % limit & ~(uint64_t)(size - 1));
  if (g_rand_int_range (rand, 0, 3) == 0)
    bus_read (bus, address, size);
  else
    bus_write (bus, address, low_bytes ((uint64_t)g_rand_int (rand) << 32 | g_rand_int (rand), size), size);
}

static void
access_config (Bench *bench, uint8_t devfn, GRand *rand)
{
  unsigned offset =
    g_rand_int_range (rand, 0, 8) ? g_rand_int_range (rand, 0, 256) : g_rand_int_range (rand, 0, 4096);
  uint64_t address = PC_ECAM_BASE + ((uint64_t)devfn << 12) + offset;

  if (g_rand_boolean (rand))
    {
      bench_out32 (bench, 0xcf8, 0x80000000u | devfn << 8 | (offset & 0xfc));
      if (g_rand_boolean (rand))
        bench_out32 (bench, 0xcfc, g_rand_int (rand));
      else
        bench_in8 (bench, 0xcfc + offset % 4);
    }
  else if (g_rand_boolean (rand))
    bench_write16 (bench, address, g_rand_int (rand));
  else
    bench_read32 (bench, address);
}

/* Numbers and addresses that structures in memory may hold. */
static void
scribble (Pc *pc, GRand *rand)
{
  uint8_t *ram = memory_bank_data (pc->ram_low);
  uint64_t page = (uint64_t)g_rand_int_range (rand, 0, BENCH_RAM_SIZE / 4096) * 4096;

  for (unsigned i = 0; i < 512; i++)
    store_le64 (ram + page + 8 * i, g_rand_int (rand) >> g_rand_int_range (rand, 0, 32));
}

/* One more thing that the guest does: places BARs anew now and then, so that what it broke is in reach again.
 */
static void
mad_step (Bench *bench, GRand *rand, void *data)
{
  Pc *pc = ((Fixture *)data)->pc;
  uint8_t devfn;

  do
    devfn = g_rand_int_range (rand, 0, 256);
  while (!pci_bus_find (pc->bus, devfn));

  for (unsigned i = 0; i < 8; i++)
    access_bar (bench, pci_bus_find (pc->bus, devfn), rand);
  switch (g_rand_int_range (rand, 0, 16))
    {
    case 0:
      pc_set_up_pci (pc);
      break;
    case 1:
      scribble (pc, rand);
      break;
    case 2:
      bench_write32 (bench, g_rand_int (rand) & ~3u, g_rand_int (rand));
      break;
    case 3:
      bench_out8 (bench, g_rand_int (rand), g_rand_int (rand));
      break;
    default:
      access_config (bench, devfn, rand);
    }
}

static void
test_fuzz (Fixture *f, gconstpointer unused)
{
  g_autoptr (Bench) bench = bench_new_with (setup, f);

  bench_fuzz_with (bench, seed, n_accesses, mad_step, f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    n_accesses = strtoul (argv[1], NULL, 10);
  if (argc > 2)
    seed = strtoul (argv[2], NULL, 0);
#define ADD(name, func) g_test_add (name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("/pc/slots", test_slots);
  ADD ("/pc/bars", test_bars);
  g_test_add_func ("/pc/places", test_ids_keep_their_places);
  ADD ("/pc/state", test_state);
  ADD ("/pc/fuzz", test_fuzz);
#undef ADD
  return g_test_run ();
}
