/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/legacy/debugcon.h"
#include "devices/legacy/hpet.h"
#include "devices/legacy/i6300esb.h"
#include "devices/legacy/i8042.h"
#include "devices/legacy/pvpanic.h"
#include "devices/legacy/rtc.h"
#include "devices/legacy/uart16550.h"
#include "devices/platform/boot.h"
#include "devices/platform/fw-cfg.h"
#include "devices/platform/ich9-lpc.h"
#include "devices/platform/pc-map.h"
#include "devices/platform/pci-config.h"
#include "devices/platform/q35-host.h"
#include "devices/virtio/virtio-console.h"
#include "devices/virtio/virtio-rng.h"
#include "vmm/base/error.h"
#include "vmm/base/number.h"

/* --- the machine's data sheet --- */

static bool pc_add_memory (Pc *pc, GError **error);
static bool pc_add_debug_ports (Pc *pc, GError **error);
static bool pc_add_watchdog (Pc *pc, GError **error);
static IrqPin pc_route_pci (void *data, unsigned slot, unsigned pin);

bool
pc_build (Board *board, void *data, GError **error)
{
  Pc *pc = data;
  const MachineSpec *spec = pc->spec;

  pc->board = board;
  pc->bus = pci_bus_new (board, pc_route_pci, pc);
  if (!pc_add_memory (pc, error))
    return false;

  /* Q35 host bridge: 00.0, ECAM, PAM. */
  const PciConfigConfig access = { .bus = pc->bus };
  if (!(pc->pci_config = board_add (board, &pci_config_class, NULL, &access, error)))
    return false;
  const Q35HostConfig host = { pc_place (pc, PC_SLOT_HOST, 0), pc->ram_low, pc->bios, pc->pci_config };
  if (!(pc->host = board_add (board, &q35_host_class, NULL, &host, error)))
    return false;

  /* ICH9: 1f.0 with PIRQs A..H on GSI 16..23, power management at 0x600, SCI on GSI 9, reset at 0xcf9. */
  const Ich9LpcConfig lpc = { pc_place (pc, PC_SLOT_CHIPS, PC_FUNCTION_LPC),
                              spec->generation != NULL ? spec->generation : spec->uuid };
  if (!(pc->lpc = board_add (board, &ich9_lpc_class, NULL, &lpc, error)))
    return false;

  /* ISA: clock on GSI 8, keyboard 1 and mouse 12, serial ports 4 and 3, twice, debug ports, panic port 0x505,
   * fw_cfg at 0x510; HPET at 0xfed00000. */
  const RtcConfig rtc = { .ram_below_4g = MIN (spec->memory, PCI_HOLE_START),
                          .ram_above_4g = spec->memory - MIN (spec->memory, PCI_HOLE_START),
                          .n_cpus = spec->n_cpus };
  const I8042Config keyboard = { .hub = pc->input };
  const PvpanicConfig panic = { spec->on_panic };
  if (!board_add (board, &rtc_class, NULL, &rtc, error)
      || !board_add (board, &i8042_class, NULL, &keyboard, error) || !pc_add_serial_ports (pc, error)
      || !pc_add_debug_ports (pc, error) || !board_add (board, &pvpanic_class, NULL, &panic, error)
      || (spec->hpet && !board_add (board, &hpet_class, NULL, NULL, error))
      || !(pc->fw_cfg = board_add (board, &fw_cfg_class, NULL, NULL, error)))
    return false;

  /* PCI: display 01.0, entropy 02.0, networks 03.0.., virtio disks 08.0.., SCSI 18.0, balloon 19.0,
   * console 1a.0, sound 1b.0, keyboard and tablet 1c.0 and 1c.1, watchdog 1d.0, USB 1e.0,
   * AHCI 1f.2. */
  const VirtioRngConfig rng = { pc_place (pc, PC_SLOT_RNG, 0) };
  if (!pc_add_display (pc, error) || !board_add (board, &virtio_rng_class, NULL, &rng, error) || !pc_add_nics (pc, error)
      || !pc_add_usb_controller (pc, error) || !pc_add_drives (pc, error) || !pc_add_balloon (pc, error) || !pc_add_console (pc, error)
      || !pc_add_usb (pc, error) || !pc_add_input (pc, error) || !pc_add_sound (pc, error) || !pc_add_watchdog (pc, error))
    return false;

  pc_describe_to_firmware (pc);
  return true;
}

/* --- its parts --- */

uint64_t
pc_ram_end (const MachineSpec *spec)
{
  return spec->memory > PCI_HOLE_START ? HIGH_RAM_START + (spec->memory - PCI_HOLE_START) : spec->memory;
}

static bool
pc_add_memory (Pc *pc, GError **error)
{
  GuestMemory *memory = pc->board->memory;
  uint64_t low = MIN (pc->spec->memory, PCI_HOLE_START);
  uint64_t high = pc->spec->memory - low;

  /* The host bridge shows the low bank, in pieces. */
  if (!(pc->ram_low = guest_memory_add_bank (memory, "ram-low", low, BANK_RAM, error)))
    return false;
  if (high)
    {
      if (!(pc->ram_high = guest_memory_add_bank (memory, "ram-high", high, BANK_RAM, error)))
        return false;
      memory_bank_map (pc->ram_high, HIGH_RAM_START);
    }
  if (pc->spec->merge_memory)
    {
      bank_merge (pc->ram_low);
      if (pc->ram_high)
        bank_merge (pc->ram_high);
    }
  if (pc->kernel)
    return true;
  return pc->spec->firmware == FIRMWARE_BIOS ? pc_load_bios (pc, error) : pc_load_uefi (pc, error);
}

static IrqPin
pc_route_pci (void *data, unsigned slot, unsigned pin)
{
  Pc *pc = data;

  return ich9_lpc_connect (pc->lpc, ich9_lpc_slot_pirq (slot, pin));
}

static bool
pc_add_debug_ports (Pc *pc, GError **error)
{
  const MachineSpec *spec = pc->spec;
  DebugconConfig debugcon = { .out_fd = -1 };

  if (spec->debugcon)
    {
      debugcon.out_fd = pc_open_output (spec->debugcon, error);
      if (debugcon.out_fd < 0 || !board_add (pc->board, &debugcon_class, NULL, &debugcon, error))
        return false;
    }
  return !spec->debug_exit || board_add (pc->board, &debug_exit_class, NULL, NULL, error);
}

int
pc_take_place (const char *id, bool *taken, unsigned n)
{
  const char *digits = id + strcspn (id, "0123456789");
  uint64_t wanted;

  if (number_parse (digits, 10, 0, n - 1, &wanted) && !taken[wanted])
    {
      taken[wanted] = true;
      return wanted;
    }
  for (unsigned i = 0; i < n; i++)
    if (!taken[i])
      {
        taken[i] = true;
        return i;
      }
  return -1;
}

static bool
pc_add_watchdog (Pc *pc, GError **error)
{
  const I6300esbConfig config = { pc_place (pc, PC_SLOT_WATCHDOG, 0), pc->spec->watchdog_action };

  return !pc->spec->watchdog || board_add (pc->board, &i6300esb_class, NULL, &config, error);
}

/* --- the Pc --- */

Pc *
pc_alloc (MachineSpec *spec)
{
  Pc *pc = g_new0 (Pc, 1);

  pc->spec = machine_spec_ref (spec);
  pc->input = input_hub_new ();
  pc->sound = sound_hub_new ();
  pc->boot_ids = g_ptr_array_new_with_free_func (g_free);
  pc->boot_paths = g_ptr_array_new_with_free_func (g_free);
  pc->drives = g_ptr_array_new_with_free_func (pc_drive_free);
  g_rw_lock_init (&pc->drives_lock);
  g_mutex_init (&pc->usb_lock);
  return pc;
}

Pc *
pc_new (MachineSpec *spec, MachineEventFunc on_event, void *data, GError **error)
{
  return pc_new_successor (spec, NULL, on_event, data, error);
}

Pc *
pc_new_successor (MachineSpec *spec, Pc *predecessor, MachineEventFunc on_event, void *data, GError **error)
{
  g_autoptr (Pc) pc = NULL;
  MachineConfig config;

  if (!machine_spec_check (spec, error))
    return NULL;

  pc = pc_alloc (spec);
  pc->predecessor = predecessor;
  if (predecessor != NULL)
    pc_lend_keys (predecessor, spec);
  if (spec->kernel)
    {
      pc->kernel = boot_kernel_load (spec->kernel, spec->initrd, spec->append,
                                     MIN (spec->memory, PCI_HOLE_START), error);
      if (!pc->kernel)
        return NULL;
    }

  config = (MachineConfig){
    .name = spec->name,
    .n_cpus = spec->n_cpus,
    .cpu = spec->cpu_model,
    .topology = spec->topology,
    .trace = spec->trace,
    .trace_path = spec->trace_path,
    .build = pc_build,
    .prepare = pc_prepare,
    .build_data = pc,
    .on_event = on_event,
    .on_event_data = data,
  };
  pc->machine = machine_new (&config, error);
  pc->predecessor = NULL;
  machine_spec_forget_secrets (spec);
  return pc->machine ? g_steal_pointer (&pc) : NULL;
}

void
pc_take_over (Pc *pc, Pc *predecessor)
{
  for (unsigned i = 0; i < PC_N_SERIAL_PORTS; i++)
    if (pc_inherits_serial (pc, predecessor, i))
      uart16550_take_cable (pc->serial[i], predecessor->serial[i]);
  virtio_console_take_cable (pc->console, predecessor->console);
  pc_take_sound (pc, predecessor);
  pc_take_usb (pc, predecessor);
}

void
pc_free (Pc *pc)
{
  if (!pc)
    return;
  g_clear_pointer (&pc->machine, machine_free);
  g_clear_pointer (&pc->bus, pci_bus_free);
  for (unsigned i = 0; i < pc->n_screens; i++)
    screen_unref (pc->screens[i]);
  g_clear_pointer (&pc->kernel, boot_kernel_free);
  g_ptr_array_unref (pc->boot_ids);
  g_ptr_array_unref (pc->boot_paths);
  g_ptr_array_unref (pc->drives);
  g_rw_lock_clear (&pc->drives_lock);
  g_mutex_clear (&pc->usb_lock);
  input_hub_unref (pc->input);
  pc_free_sound (pc);
  machine_spec_unref (pc->spec);
  g_free (pc);
}

Machine *
pc_machine (Pc *pc)
{
  return pc->machine;
}

MachineSpec *
pc_spec (Pc *pc)
{
  return pc->spec;
}

Screen *
pc_screen (Pc *pc, unsigned head)
{
  return head < pc->n_screens ? pc->screens[head] : NULL;
}

InputHub *
pc_input (Pc *pc)
{
  return pc->input;
}

void
pc_press_power_button (Pc *pc)
{
  ich9_lpc_press_power_button (pc->lpc);
}
