/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/error.h"
#include "vmm/kvm/hypervisor.h"
#include "vmm/memory/guest-memory.h"

#define KIB     UINT64_C (1024)
#define MIB     (KIB * 1024)
#define N_SLOTS 64u

/* Keeps slots as KVM would, and refuses what KVM would refuse. */
typedef struct {
  Hypervisor hypervisor;
  MemorySlot slots[N_SLOTS];
  uint64_t dirty_page; /* of slot dirty_slot; told once */
  int dirty_slot;
  bool refuse;
} FakeKvm;

static bool
set_slot (Hypervisor *self, const MemorySlot *slot)
{
  FakeKvm *kvm = (FakeKvm *)self;

  g_assert_cmpuint (slot->slot, <, N_SLOTS);
  if (kvm->refuse && slot->size > 0)
    return false;
  for (unsigned i = 0; i < N_SLOTS && slot->size > 0; i++)
    if (i != slot->slot && kvm->slots[i].size > 0)
      g_assert_true (slot->address + slot->size <= kvm->slots[i].address
                     || kvm->slots[i].address + kvm->slots[i].size <= slot->address);
  kvm->slots[slot->slot] = *slot;
  return true;
}

static bool
get_dirty (Hypervisor *self, uint32_t slot, uint64_t *bitmap)
{
  FakeKvm *kvm = (FakeKvm *)self;

  g_assert_true (kvm->slots[slot].log_dirty);
  if (kvm->dirty_slot == (int)slot)
    {
      bitmap[kvm->dirty_page / 64] |= UINT64_C (1) << (kvm->dirty_page % 64);
      kvm->dirty_slot = -1;
    }
  return true;
}

static const HypervisorOps fake_ops = { .set_slot = set_slot, .get_dirty = get_dirty };

static FakeKvm *
fake_kvm_new (void)
{
  FakeKvm *kvm = g_new0 (FakeKvm, 1);

  kvm->hypervisor.ops = &fake_ops;
  kvm->dirty_slot = -1;
  return kvm;
}

static MemoryBank *
add_bank (GuestMemory *memory, const char *name, uint64_t size, BankKind kind)
{
  GError *error = NULL;
  MemoryBank *bank = guest_memory_add_bank (memory, name, size, kind, &error);

  g_assert_no_error (error);
  return bank;
}

static unsigned
n_shown (FakeKvm *kvm)
{
  unsigned n = 0;

  for (unsigned i = 0; i < N_SLOTS; i++)
    n += kvm->slots[i].size > 0;
  return n;
}

static void
test_banks (void)
{
  g_autofree FakeKvm *kvm = fake_kvm_new ();
  g_autoptr (GuestMemory) memory = guest_memory_new (&kvm->hypervisor);
  MemoryBank *low = add_bank (memory, "ram-low", MIB, BANK_RAM);
  MemoryBank *rom = add_bank (memory, "bios", 64 * KIB, BANK_ROM);
  uint32_t value = 0;

  g_assert_cmpuint (memory_bank_address (low), ==, BANK_HIDDEN);
  g_assert_false (guest_read (memory, 0, &value, 4));
  g_assert_true (memory_bank_map (low, 0));
  g_assert_true (memory_bank_map (low, 0));
  g_assert_false (memory_bank_map (rom, MIB - 4096));
  g_assert_false (memory_bank_map (rom, 12345));
  g_assert_true (memory_bank_map (rom, 0xffff0000));
  g_assert_cmpuint (n_shown (kvm), ==, 2);
  g_assert_true (kvm->slots[1].read_only);
  g_assert_cmpuint (guest_memory_ram_size (memory), ==, MIB);

  memset (memory_bank_data (rom), 0x5a, 64 * KIB);
  g_assert_true (guest_read (memory, 0xfffffff0, &value, 4));
  g_assert_cmphex (value, ==, 0x5a5a5a5a);
  g_assert_false (guest_write (memory, 0xfffffff0, &value, 4));
  g_assert_null (guest_map (memory, 0xfffffff0, 4, true));
  g_assert_nonnull (guest_map (memory, 0xfffffff0, 16, false));
  g_assert_null (guest_map (memory, 0xfffffff0, 17, false));

  g_assert_true (guest_write (memory, MIB - 4, &value, 4));
  g_assert_false (guest_write (memory, MIB - 3, &value, 4));
  g_assert_false (guest_write (memory, UINT64_MAX - 1, &value, 4));
  g_assert_false (guest_read (memory, UINT64_MAX, &value, SIZE_MAX));
  g_assert_true (guest_read (memory, UINT64_MAX, &value, 0));

  g_assert_true (memory_bank_map (rom, BANK_HIDDEN));
  g_assert_cmpuint (n_shown (kvm), ==, 1);
}

static void
test_refused_by_the_host (void)
{
  g_autofree FakeKvm *kvm = fake_kvm_new ();
  g_autoptr (GuestMemory) memory = guest_memory_new (&kvm->hypervisor);
  g_autoptr (GError) error = NULL;
  MemoryBank *bank;

  g_assert_null (guest_memory_add_bank (memory, "ram-high", UINT64_C (1) << 50, BANK_RAM, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_RESOURCE);
  bank = add_bank (memory, "ram-low", MIB, BANK_RAM);
  kvm->refuse = true;
  g_assert_false (memory_bank_map (bank, 0));
  g_assert_cmpuint (memory_bank_address (bank), ==, BANK_HIDDEN);
  kvm->refuse = false;
  g_assert_true (memory_bank_map (bank, 0));
}

/* Low memory as a PC has it: pieces around the VGA hole, and 13 windows that are RAM or BIOS by turns. */
static void
test_pam (void)
{
  g_autofree FakeKvm *kvm = fake_kvm_new ();
  g_autoptr (GuestMemory) memory = guest_memory_new (&kvm->hypervisor);
  MemoryBank *low = add_bank (memory, "ram-low", 2 * MIB, BANK_RAM);
  MemoryBank *bios = add_bank (memory, "bios", 256 * KIB, BANK_ROM);
  uint8_t bytes[64 * KIB];
  struct iovec iov[4];
  unsigned n_iov = 4;

  g_assert_true (memory_bank_map_alias (low, 1, 0, 0, 640 * KIB, BANK_RAM));
  g_assert_true (memory_bank_map_alias (low, 2, MIB, MIB, MIB, BANK_RAM));
  for (unsigned i = 0; i < 13; i++)
    {
      uint64_t size = (i < 12 ? 16 : 64) * KIB;
      uint64_t address = 0xc0000 + i * 16 * KIB;

      g_assert_true (memory_bank_map_alias (bios, 1 + i, address, i * 16 * KIB, size, BANK_ROM));
      g_assert_false (memory_bank_map_alias (low, 3 + i, address, address, size, BANK_RAM));
    }
  g_assert_false (guest_write (memory, 0xe0000, "x", 1));
  g_assert_false (guest_read (memory, 0xa0000, bytes, 1));

  for (unsigned i = 0; i < 13; i++)
    {
      uint64_t size = (i < 12 ? 16 : 64) * KIB;
      uint64_t address = 0xc0000 + i * 16 * KIB;

      memory_bank_unmap_alias (bios, 1 + i);
      g_assert_true (memory_bank_map_alias (low, 3 + i, address, address, size, BANK_RAM));
    }
  /* Neighbours are one range for DMA. */
  g_assert_nonnull (guest_map (memory, 0xc0000, 2 * MIB - 0xc0000, true));
  g_assert_true (guest_map_iov (memory, 0xc0000, MIB, true, iov, &n_iov));
  g_assert_cmpuint (n_iov, ==, 1);
  g_assert_true (iov[0].iov_base == (uint8_t *)memory_bank_data (low) + 0xc0000);

  /* The BIOS locks its shadow. */
  g_assert_true (memory_bank_map_alias (low, 3, 0xc0000, 0xc0000, 16 * KIB, BANK_ROM));
  g_assert_false (guest_write (memory, 0xc0000, "x", 1));
  g_assert_true (guest_write (memory, 0xc4000, "x", 1));
  g_assert_true (guest_read (memory, 0xc0000, bytes, sizeof bytes));
  g_assert_false (memory_bank_map_alias (low, 3, 0xc0000, 2 * MIB, 4096, BANK_RAM));
  g_assert_false (memory_bank_map_alias (low, 3, 0xc0000, UINT64_MAX - 4095, 8192, BANK_RAM));
  g_assert_cmpuint (n_shown (kvm), ==, 15);
}

static void
test_accesses_across_banks (void)
{
  g_autoptr (GuestMemory) memory = guest_memory_new (NULL);
  MemoryBank *a = add_bank (memory, "ram-low", 8192, BANK_RAM);
  MemoryBank *b = add_bank (memory, "ram-high", 8192, BANK_RAM);
  uint8_t out[256], in[256];
  struct iovec iov[2];
  unsigned n_iov = 1;

  g_assert_true (memory_bank_map (a, 0x10000));
  g_assert_true (memory_bank_map (b, 0x12000));
  for (unsigned i = 0; i < sizeof out; i++)
    out[i] = (uint8_t)i;
  g_assert_true (guest_write (memory, 0x12000 - 100, out, sizeof out));
  g_assert_true (guest_read (memory, 0x12000 - 100, in, sizeof in));
  g_assert_cmpmem (in, sizeof in, out, sizeof out);
  g_assert_cmpint (((uint8_t *)memory_bank_data (b))[0], ==, 100);
  g_assert_null (guest_map (memory, 0x12000 - 100, 256, false));
  g_assert_false (guest_map_iov (memory, 0x12000 - 100, 256, false, iov, &n_iov));
  n_iov = 2;
  g_assert_true (guest_map_iov (memory, 0x12000 - 100, 256, false, iov, &n_iov));
  g_assert_cmpuint (n_iov, ==, 2);
  g_assert_cmpuint (iov[0].iov_len, ==, 100);

  memset (in, 0, sizeof in);
  g_assert_false (guest_read (memory, 0x14000 - 100, in, sizeof in));
  g_assert_cmpint (in[0], ==, 0);
}

static bool
is_set (const uint64_t *bitmap, unsigned page)
{
  return bitmap[page / 64] & (UINT64_C (1) << (page % 64));
}

static void
test_dirty (void)
{
  g_autofree FakeKvm *kvm = fake_kvm_new ();
  g_autoptr (GuestMemory) memory = guest_memory_new (&kvm->hypervisor);
  MemoryBank *bank = add_bank (memory, "vram", 130 * 4096, BANK_RAM);
  uint64_t bitmap[3] = { 0 };

  g_assert_true (memory_bank_map (bank, 0x100000));
  g_assert_true (guest_write (memory, 0x100000, "x", 1));
  g_assert_false (memory_bank_take_dirty (bank, bitmap));

  memory_bank_log_dirty (bank, true);
  g_assert_true (kvm->slots[0].log_dirty);
  g_assert_true (guest_write (memory, 0x101fff, "xy", 2));
  g_assert_nonnull (guest_map (memory, 0x100000 + 129 * 4096, 4096, true));
  kvm->dirty_slot = 0;
  kvm->dirty_page = 70;
  memory_bank_set_dirty (bank, 100 * 4096, UINT64_MAX / 2);
  g_assert_true (memory_bank_take_dirty (bank, bitmap));
  g_assert_false (is_set (bitmap, 0));
  g_assert_true (is_set (bitmap, 1) && is_set (bitmap, 2) && !is_set (bitmap, 3));
  g_assert_true (is_set (bitmap, 70) && !is_set (bitmap, 71) && is_set (bitmap, 129));
  g_assert_cmphex (bitmap[2], ==, 3);
  g_assert_false (memory_bank_take_dirty (bank, bitmap));

  /* What the guest wrote before a move isn't lost; aliases count at their place in the bank. */
  kvm->dirty_slot = 0;
  kvm->dirty_page = 5;
  g_assert_true (memory_bank_map (bank, BANK_HIDDEN));
  g_assert_true (memory_bank_map_alias (bank, 1, 0xa0000, 16 * 4096, 16 * 4096, BANK_RAM));
  kvm->dirty_slot = 0;
  kvm->dirty_page = 2;
  memset (bitmap, 0, sizeof bitmap);
  g_assert_true (memory_bank_take_dirty (bank, bitmap));
  g_assert_cmphex (bitmap[0], ==, (1 << 5) | (1 << 18));

  memory_bank_log_dirty (bank, false);
  g_assert_false (kvm->slots[0].log_dirty);
  g_assert_true (guest_write (memory, 0xa0000, "x", 1));
  g_assert_false (memory_bank_take_dirty (bank, bitmap));
}

static void
test_bank_outlives_memory (void)
{
  GuestMemory *memory = guest_memory_new (NULL);
  MemoryBank *bank = memory_bank_ref (add_bank (memory, "vram", 4096, BANK_RAM));
  uint64_t bitmap = 0;

  memcpy (memory_bank_data (bank), "still", 6);
  guest_memory_free (memory);
  g_assert_cmpstr (memory_bank_data (bank), ==, "still");
  g_assert_cmpuint (memory_bank_address (bank), ==, BANK_HIDDEN);
  g_assert_false (memory_bank_take_dirty (bank, &bitmap));
  memory_bank_unref (bank);
}

typedef struct {
  GuestMemory *memory;
  MemoryBank *moving;
  int n_reading; /* threads that are at it */
  int stop;
} Race;

static gpointer
access_for_long (gpointer data)
{
  Race *race = data;
  uint64_t value = 0;

  g_atomic_int_inc (&race->n_reading);
  while (!g_atomic_int_get (&race->stop))
    {
      g_assert_true (guest_read (race->memory, 64, &value, 8));
      guest_read (race->memory, 0x200000, &value, 8);
      guest_map (race->memory, 0x300000, 4096, true);
    }
  return NULL;
}

/* Readers see one table or the next while a guest moves a BAR for ever. */
static void
test_threads (void)
{
  Race race = { .memory = guest_memory_new (NULL) };
  MemoryBank *ram = add_bank (race.memory, "ram-low", 65536, BANK_RAM);
  GThread *threads[2];

  race.moving = add_bank (race.memory, "vram", 65536, BANK_RAM);
  memory_bank_log_dirty (race.moving, true);
  g_assert_true (memory_bank_map (ram, 0));
  for (unsigned i = 0; i < 2; i++)
    threads[i] = g_thread_new ("access", access_for_long, &race);
  while (g_atomic_int_get (&race.n_reading) < 2)
    g_thread_yield ();
  for (unsigned i = 0; i < 20000; i++)
    {
      uint64_t bitmap = 0;

      g_assert_true (
        memory_bank_map (race.moving, i % 3 == 0 ? BANK_HIDDEN : i % 3 * UINT64_C (0x100000) + 0x100000));
      if (i % 100 == 0)
        memory_bank_take_dirty (race.moving, &bitmap);
    }
  g_atomic_int_set (&race.stop, 1);
  for (unsigned i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  guest_memory_free (race.memory);
}

/* Whole pages of RAM go back to the host and are zero; their change is logged. */
static void
test_discard (void)
{
  g_autoptr (GuestMemory) memory = guest_memory_new (NULL);
  MemoryBank *ram = guest_memory_add_bank (memory, "ram-low", 4 * MIB, BANK_RAM, NULL);
  MemoryBank *video = guest_memory_add_bank (memory, "vram", MIB, BANK_RAM, NULL);
  uint64_t dirty[16] = { 0 };
  uint8_t *data = memory_bank_data (ram);

  memory_bank_map_alias (ram, 1, 0, 0, MIB, BANK_RAM);
  memory_bank_map_alias (ram, 2, MIB, MIB, 64 * KIB, BANK_ROM);
  memory_bank_map_alias (ram, 3, MIB + 64 * KIB, MIB + 64 * KIB, 3 * MIB - 64 * KIB, BANK_RAM);
  memory_bank_map (video, 4 * MIB);
  memset (data, 7, 4 * MIB);
  memset (memory_bank_data (video), 7, MIB);
  g_assert_cmpuint (guest_memory_resident (memory), ==, 4 * MIB);
  memory_bank_log_dirty (ram, true);

  /* The page's rest, what is read-only there, video memory and nothing at all stay. */
  g_assert_cmpuint (guest_memory_discard (memory, 100, 4096), ==, 0);
  g_assert_cmpuint (guest_memory_discard (memory, 100, 3 * 4096), ==, 2 * 4096);
  g_assert_cmpuint (guest_memory_discard (memory, MIB - 4096, 64 * KIB + 3 * 4096), ==, 3 * 4096);
  g_assert_cmpuint (guest_memory_discard (memory, 4 * MIB - 4096, 3 * 4096), ==, 4096);
  g_assert_cmpuint (guest_memory_discard (memory, 100 * MIB, 4096), ==, 0);
  g_assert_cmpuint (guest_memory_discard (memory, UINT64_MAX - 4096, 3 * 4096), ==, 0);
  g_assert_cmpuint (guest_memory_discard_host (memory, data + 2 * MIB, 8 * 4096), ==, 8 * 4096);
  g_assert_cmpuint (guest_memory_discard_host (memory, memory_bank_data (video), 4096), ==, 0);
  g_assert_cmpuint (guest_memory_discard_host (memory, data + 4 * MIB - 4096, 2 * 4096), ==, 0);
  g_assert_cmpint (data[4095], ==, 7);
  g_assert_cmpint (data[4096], ==, 0);
  g_assert_cmpint (data[MIB - 1], ==, 0);
  g_assert_cmpint (data[MIB], ==, 7);
  g_assert_cmpint (data[MIB + 64 * KIB], ==, 0);
  g_assert_cmpint (data[4 * MIB - 1], ==, 0);
  g_assert_cmpint (((uint8_t *)memory_bank_data (video))[0], ==, 7);

  g_assert_true (memory_bank_take_dirty (ram, dirty));
  g_assert_cmphex (dirty[0], ==, 6);
  g_assert_cmphex (dirty[8], ==, 0xff);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory/banks", test_banks);
  g_test_add_func ("/memory/refused-by-the-host", test_refused_by_the_host);
  g_test_add_func ("/memory/pam", test_pam);
  g_test_add_func ("/memory/across-banks", test_accesses_across_banks);
  g_test_add_func ("/memory/dirty", test_dirty);
  g_test_add_func ("/memory/discard", test_discard);
  g_test_add_func ("/memory/bank-outlives-memory", test_bank_outlives_memory);
  g_test_add_func ("/memory/threads", test_threads);
  return g_test_run ();
}
