/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PC with every device, on the host's KVM: whenever it is paused, its state fits into a new machine, which
 * then has that very state, bit by bit, and goes on from there. */
#include "devices/platform/pc.h"

#include "tests/devices/state-difference.h"
#include "vmm/base/bytes.h"
#include "vmm/device/device-private.h"
#include "vmm/kvm/host-check.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_S 60
#define DISK_SIZE  (2u << 20)

/* Of pc-state-guest.S. */
extern const uint8_t pc_state_sector[], pc_state_sector_end[];
#define MAD      0x7000u
#define N_DONE   0x7004u
#define N_ERRORS 0x7008u
#define TABLE    0x100000u
#define N_TABLE  20000u

static const DiskBus buses[] = { DISK_BUS_VIRTIO, DISK_BUS_AHCI, DISK_BUS_SCSI, DISK_BUS_NVME, DISK_BUS_USB };

static uint32_t seed = 0xb05a1;

typedef struct {
  char *folder;
  unsigned generation;
  Pc *pc;
  GRand *rand;
  const char *const *but; /* what of the states may differ on this host */
} Fixture;

/* The real-time clock shows the host's time, and the count of a local APIC's timer goes on while the machine
 * stands. */
#define OF_CLOCKS                                                                                            \
  "board/rtc/cmos+0: *", "board/rtc/cmos+8: *", "board/rtc/last_second+0: *", "vcpus[?]/lapic[0]/regs+912: *"
static const char *const but[] = { OF_CLOCKS, NULL };
/* A KVM of kind PVM gives guests the host's time-stamp counter, which never stands either: an MSR that KVM's
 * list has at this place. */
static const char *const but_pvm[] = { OF_CLOCKS, "vcpus[?]/msrs[0]/value+64: *", NULL };

/* --- machines: each has files of its own --- */

static char *
file_of (Fixture *f, unsigned generation, const char *name)
{
  return g_strdup_printf ("%s/%u-%s", f->folder, generation, name);
}

static void
write_disk (Fixture *f, unsigned number)
{
  g_autofree char *name = g_strdup_printf ("disk%u", number), *path = file_of (f, 0, name);
  g_autofree uint8_t *content = g_malloc0 (DISK_SIZE);

  for (unsigned i = 0; i < DISK_SIZE / 512; i++)
    store_le32 (content + 512 * i, i);
  if (number == 0)
    memcpy (content, pc_state_sector, 512);
  g_assert_true (g_file_set_contents (path, (const char *)content, DISK_SIZE, NULL));
}

static void
add_disk (Fixture *f, MachineSpec *spec, DiskKind kind, DiskBus bus, const char *name)
{
  g_autofree char *path = file_of (f, f->generation, name);

  machine_spec_add_disk (spec, kind, bus, path, kind == DISK_KIND_CDROM);
}

static MachineSpec *
make_spec (Fixture *f)
{
  MachineSpec *spec = machine_spec_new ();

  g_free (spec->uuid);
  spec->uuid = g_strdup ("0b9f9a0e-6b0a-4c39-a8c7-6f3d1a5b7c11");
  spec->memory = 64 << 20;
  spec->n_cpus = 2;
  spec->graphics = GRAPHICS_VIRTIO;
  spec->heads = 2;
  spec->watchdog = true;
  spec->sound = true;
  spec->sound_record = file_of (f, f->generation, "sound.wav");
  spec->serial[1] = (SerialSpec){ SERIAL_FILE, file_of (f, f->generation, "serial") };
  spec->serial[2] = (SerialSpec){ SERIAL_PTY, file_of (f, f->generation, "pty") };
  spec->serial[3] = (SerialSpec){ SERIAL_SOCKET, file_of (f, f->generation, "socket") };
  g_ptr_array_set_size (spec->nics, 0);
  machine_spec_add_nic (spec, "none", "52:54:00:00:00:01");
  machine_spec_add_nic (spec, "none", "52:54:00:00:00:02")->model = NIC_MODEL_E1000E;
  for (unsigned i = 0; i < G_N_ELEMENTS (buses); i++)
    {
      g_autofree char *name = g_strdup_printf ("disk%u", i);

      add_disk (f, spec, DISK_KIND_DISK, buses[i], name);
    }
  add_disk (f, spec, DISK_KIND_CDROM, DISK_BUS_AHCI, "disk1");
  machine_spec_add_disk (spec, DISK_KIND_CDROM, DISK_BUS_SCSI, NULL, true);
  return spec;
}

static void
on_event (Machine *machine, const MachineEvent *event, void *data)
{
  if (event->state == MACHINE_ENDED && event->message != NULL)
    g_test_message ("The machine ended: %s", event->message);
}

static Pc *
make_pc (Fixture *f)
{
  g_autoptr (MachineSpec) spec = make_spec (f);
  g_autoptr (GError) error = NULL;
  Pc *pc = pc_new (spec, on_event, NULL, &error);

  g_assert_no_error (error);
  return pc;
}

static HostKvmKind
kind_of_kvm (void)
{
  g_autoptr (HostReport) report = host_check (NULL);

  return report->kind;
}

static void
fixture_set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("bonsai-state-XXXXXX", NULL);
  f->but = kind_of_kvm () == HOST_KVM_PVM ? but_pvm : but;
  f->rand = g_rand_new_with_seed (seed);
  for (unsigned i = 0; i < G_N_ELEMENTS (buses); i++)
    write_disk (f, i);
  f->pc = make_pc (f);
}

static void
remove_files (Fixture *f)
{
  g_autoptr (GDir) folder = g_dir_open (f->folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->folder, name, NULL);

      g_unlink (path);
    }
}

static void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  pc_free (f->pc);
  remove_files (f);
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_rand_free (f->rand);
  g_free (f->folder);
}

/* --- what the guest does --- */

typedef struct {
  const char *name;
  MemoryBank *found;
} Search;

static void
look_at (MemoryBank *bank, void *data)
{
  Search *search = data;

  if (g_str_equal (memory_bank_name (bank), search->name))
    search->found = bank;
}

static uint8_t *
ram_of (Pc *pc)
{
  Search search = { "ram-low", NULL };

  guest_memory_foreach (machine_board (pc_machine (pc))->memory, look_at, &search);
  g_assert_nonnull (search.found);
  return memory_bank_data (search.found);
}

static uint32_t
read_number (Pc *pc, uint64_t address)
{
  return GUINT32_FROM_LE (__atomic_load_n ((uint32_t *)(ram_of (pc) + address), __ATOMIC_SEQ_CST));
}

/* Waits until it did @n things more. False if it does nothing any more. */
static bool
wait_done (Fixture *f, unsigned n)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_S * G_TIME_SPAN_SECOND;
  uint32_t goal = read_number (f->pc, N_DONE) + n;

  while (read_number (f->pc, N_DONE) < goal)
    {
      if (machine_state (pc_machine (f->pc)) != MACHINE_RUNNING || g_get_monotonic_time () > end)
        return false;
      g_usleep (1000); /* the guest only counts */
    }
  return true;
}

/* --- from one machine to the next --- */

/* False if it ended. */
static bool
pause_machine (Fixture *f)
{
  MachineState state;

  machine_pause (pc_machine (f->pc));
  state = machine_wait_while (pc_machine (f->pc), MACHINE_RUNNING, PATIENCE_S * 1000);
  g_assert_true (state == MACHINE_PAUSED || state == MACHINE_ENDED);
  return state == MACHINE_PAUSED;
}

static void
copy_disks (Fixture *f)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (buses); i++)
    {
      g_autofree char *name = g_strdup_printf ("disk%u", i);
      g_autofree char *from = file_of (f, f->generation, name), *to = file_of (f, f->generation + 1, name);
      g_autofree char *content = NULL;
      gsize size;

      g_assert_true (g_file_get_contents (from, &content, &size, NULL));
      g_assert_true (g_file_set_contents (to, content, (gssize)size, NULL));
    }
}

static bool
is_zero (const uint8_t *page)
{
  return page[0] == 0 && memcmp (page, page + 1, GUEST_PAGE_SIZE - 1) == 0;
}

/* What was never written costs nothing, in either. */
static void
copy_range (uint8_t *to, const uint8_t *from, uint64_t start, uint64_t end)
{
  for (uint64_t at = start; at < end; at += GUEST_PAGE_SIZE)
    if (!is_zero (from + at))
      memcpy (to + at, from + at, GUEST_PAGE_SIZE);
}

static void
copy_bank (MemoryBank *bank, void *data)
{
  Search search = { memory_bank_name (bank), NULL };
  uint64_t size = memory_bank_size (bank);
  int fd = memory_bank_fd (bank);

  guest_memory_foreach (data, look_at, &search);
  g_assert_nonnull (search.found);
  g_assert_cmpuint (memory_bank_size (search.found), ==, size);
  for (off_t start = 0, end; (uint64_t)start < size; start = end)
    {
      start = fd >= 0 ? lseek (fd, start, SEEK_DATA) : start;
      end = fd >= 0 && start >= 0 ? lseek (fd, start, SEEK_HOLE) : (off_t)size;
      if (start < 0)
        break;
      copy_range (memory_bank_data (search.found), memory_bank_data (bank), (uint64_t)start, (uint64_t)end);
    }
}

static GBytes *
save (Pc *pc)
{
  g_autoptr (GError) error = NULL;
  GBytes *state = machine_save (pc_machine (pc), &error);

  g_assert_no_error (error);
  return state;
}

/* A machine that stands gives way to a new one with its state. */
static void
move_on (Fixture *f)
{
  g_autoptr (GBytes) before = save (f->pc);
  g_autoptr (GBytes) after = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *difference = NULL;
  Pc *next;

  copy_disks (f);
  f->generation++;
  next = make_pc (f);
  guest_memory_foreach (machine_board (pc_machine (f->pc))->memory, copy_bank,
                        machine_board (pc_machine (next))->memory);
  g_assert_true (
    machine_load (pc_machine (next), g_bytes_get_data (before, NULL), g_bytes_get_size (before), &error));
  g_assert_no_error (error);
  after = save (next);
  difference = state_difference (before, after, f->but);
  if (difference[0] != '\0')
    g_error ("The state became another in generation %u:\n%s", f->generation, difference);
  pc_free (f->pc);
  f->pc = next;
}

static void
run (Fixture *f)
{
  machine_run (pc_machine (f->pc));
  g_assert_cmpint (machine_wait_while (pc_machine (f->pc), MACHINE_CREATED, PATIENCE_S * 1000), ==,
                   MACHINE_RUNNING);
}

/* --- the tests --- */

/* The firmware, wherever it is, and a boot sector that reads and writes all disks. */
static void
test_firmware (Fixture *f, gconstpointer unused)
{
  for (unsigned i = 0; i < 8; i++)
    {
      run (f);
      g_usleep ((gulong)g_rand_int_range (f->rand, 1000, 200000));
      g_assert_true (pause_machine (f));
      move_on (f);
    }
  for (unsigned i = 0; i < 8; i++)
    {
      run (f);
      g_assert_true (wait_done (f, (unsigned)g_rand_int_range (f->rand, 1, 20)));
      g_assert_true (pause_machine (f));
      move_on (f);
    }
  g_assert_cmpuint (read_number (f->pc, N_DONE), >=, 8);
  g_assert_cmpuint (read_number (f->pc, N_ERRORS), ==, 0);
}

/* --- a guest that writes anything to any register --- */

typedef struct {
  uint32_t what, where, value; /* as pc-state-guest.S reads it */
} Access;

enum { ACCESS_READ = 8, ACCESS_MEMORY = 16 };

typedef struct {
  bool memory;
  uint64_t base, size;
} Place;

/* Where a reset or the power's end is a bit away; interrupts to other processors. */
static const Place dangerous[] = {
  { false, 0xcf9, 1 }, { false, 0x64, 1 }, { false, 0x92, 1 }, { false, 0x600, 8 }, { false, 0xb2, 1 },
};

static bool
is_dangerous (const Place *place, uint64_t address, unsigned size)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (dangerous); i++)
    if (place->memory == dangerous[i].memory && address < dangerous[i].base + dangerous[i].size
        && address + size > dangerous[i].base)
      return true;
  return false;
}

/* Those of devices that can be seen now, and @with_chips KVM's: interrupt controllers, timers. */
static GArray *
list_places (Board *board, bool with_chips)
{
  static const Place chips[] = { { false, 0x20, 2 },
                                 { false, 0xa0, 2 },
                                 { false, 0x40, 4 },
                                 { false, 0x4d0, 2 },
                                 { true, 0xfee00320, 0xd0 } };
  GArray *places = g_array_new (FALSE, FALSE, sizeof (Place));

  if (with_chips)
    g_array_append_vals (places, chips, G_N_ELEMENTS (chips));
  for (unsigned i = 0; i < board->devices->len; i++)
    {
      Device *device = board->devices->pdata[i];

      for (unsigned r = 0; r < device->regions->len; r++)
        {
          DeviceRegion *region = device->regions->pdata[r];
          Place place = { .memory = region->bus == board->mmio };

          bus_region_range (region->region, &place.base, &place.size);
          if (place.base + place.size <= UINT32_MAX)
            g_array_append_val (places, place);
        }
    }
  return places;
}

static uint32_t
pick_value (GRand *rand)
{
  switch (g_rand_int_range (rand, 0, 5))
    {
    case 0:
      return (uint32_t)g_rand_int_range (rand, 0, 17);
    case 1:
      return 1u << g_rand_int_range (rand, 0, 32);
    case 2:
      return (uint32_t)g_rand_int_range (rand, 0x200, 0x4000) << 12; /* RAM that nobody needs */
    default:
      return g_rand_int (rand);
    }
}

static bool
pick_access (GRand *rand, const GArray *places, Access *access)
{
  const Place *place = &g_array_index (places, Place, (guint)g_rand_int_range (rand, 0, (gint32)places->len));
  unsigned size = 1u << g_rand_int_range (rand, 0, 3);
  uint64_t near = g_rand_boolean (rand) ? MIN (place->size, 64) : place->size;
  uint64_t address = place->base + (g_rand_int (rand) % near & ~(uint64_t)(size - 1));

  *access = (Access){ size | (place->memory ? ACCESS_MEMORY : 0)
                        | (g_rand_int_range (rand, 0, 3) == 0 ? ACCESS_READ : 0),
                      (uint32_t)address, pick_value (rand) };
  return !is_dangerous (place, address, size);
}

static void
write_table (Fixture *f)
{
  /* The rig's emulated processors drown in what a timer can be set to there. */
  bool with_chips = f->but == but_pvm;
  g_autoptr (GArray) places = list_places (machine_board (pc_machine (f->pc)), with_chips);
  uint8_t *at = ram_of (f->pc) + TABLE;

  for (unsigned n = 0; n < N_TABLE;)
    {
      Access access;

      if (!pick_access (f->rand, places, &access))
        continue;
      store_le32 (at + 12 * n, access.what);
      store_le32 (at + 12 * n + 4, access.where);
      store_le32 (at + 12 * n + 8, access.value);
      n++;
    }
  store_le32 (at + 12 * N_TABLE, 0);
  store_le32 (ram_of (f->pc) + MAD, 1);
}

/* It may well end itself, or lose its way: by then something was compared, and on the way there. */
static void
test_mad_guest (Fixture *f, gconstpointer unused)
{
  bool lives = true;

  run (f);
  g_assert_true (wait_done (f, 4));
  g_assert_true (pause_machine (f));
  for (unsigned i = 0; i < 12 && lives; i++)
    {
      write_table (f);
      move_on (f);
      run (f);
      lives = wait_done (f, (unsigned)g_rand_int_range (f->rand, 200, 5000));
      if (!pause_machine (f))
        return;
    }
  move_on (f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    seed = (uint32_t)strtoul (argv[1], NULL, 0);
  if (access ("/dev/kvm", R_OK | W_OK) < 0)
    {
      g_print ("1..0 # SKIP /dev/kvm can't be opened: %s\n", g_strerror (errno));
      return 0;
    }
#define ADD(name, func) g_test_add (name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("/pc-state/firmware", test_firmware);
  ADD ("/pc-state/mad-guest", test_mad_guest);
#undef ADD
  return g_test_run ();
}
