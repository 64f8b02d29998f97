/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/ahci-private.h"
#include "vmm/base/error.h"

/* What a controller and its drives remember. */

static const StateField disk_fields[] = {
  STATE_BOOL (AtaDisk, write_cache, 1),
  STATE_BOOL (AtaDisk, smart, 1),
  STATE_U8 (AtaDisk, multiple, 1),
  STATE_BYTES (AtaDisk, ncq_error, 1),
  STATE_END,
};

static const StateTable disk_state = {
  .name = "ata-disk",
  .version = 1,
  .fields = disk_fields,
  .object_size = sizeof (AtaDisk),
};

static const StateField port_fields[] = {
  STATE_U8 (AhciPort, kind, 1),
  STATE_U64 (AhciPort, clb, 1),
  STATE_U64 (AhciPort, fb, 1),
  STATE_U32 (AhciPort, is, 1),
  STATE_U32 (AhciPort, ie, 1),
  STATE_U32 (AhciPort, cmd, 1),
  STATE_U32 (AhciPort, sig, 1),
  STATE_U32 (AhciPort, ssts, 1),
  STATE_U32 (AhciPort, sctl, 1),
  STATE_U32 (AhciPort, serr, 1),
  STATE_U32 (AhciPort, sact, 1),
  STATE_U32 (AhciPort, ci, 1),
  STATE_U8 (AhciPort, status, 1),
  STATE_U8 (AhciPort, error, 1),
  STATE_BOOL (AhciPort, stopped, 1),
  STATE_BOOL (AhciPort, signature_due, 1),
  STATE_BOOL (AhciPort, soft_reset, 1),
  STATE_U8 (AhciPort, last_slot, 1),
  STATE_U32 (AhciPort, waiting, 1),
  STATE_BOOL (AhciPort, reset_due, 1),
  STATE_STRUCT (AhciPort, disk, &disk_state, 1),
  STATE_STRUCT (AhciPort, drive, &scsi_unit_state, 1),
  STATE_END,
};

static const StateTable port_state = {
  .name = "ahci-port",
  .version = 1,
  .fields = port_fields,
  .object_size = sizeof (AhciPort),
};

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const Ahci *ahci = object, *other = incoming;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      const AhciPort *port = &other->ports[i];

      if (port->kind != ahci->ports[i].kind || port->last_slot >= AHCI_N_SLOTS)
        {
          g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                       "The saved state of %s has a drive of kind %u at port %u, this machine one of kind %u",
                       ahci->pci.device.name, port->kind, i, ahci->ports[i].kind);
          return false;
        }
    }
  return true;
}

static void
after_load (void *object)
{
  Ahci *ahci = object;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      AhciPort *port = &ahci->ports[i];

      port->clb &= ~UINT64_C (0x3ff);
      port->fb &= ~UINT64_C (0xff);
      port->cmd &= PORT_CMD_WRITABLE | PORT_CMD_FR | PORT_CMD_CR;
      port->active = 0;
      port->generation++;
    }
  ahci->ghc = AHCI_GHC_AE | (ahci->ghc & AHCI_GHC_IE);
  ahci->hba_reset_due = false;
  ahci_update_irq (ahci);
}

static const StateField ahci_fields[] = {
  STATE_STRUCT (Ahci, pci, &pci_device_state, 1),
  STATE_STRUCTS (Ahci, ports, &port_state, 1),
  STATE_U32 (Ahci, ghc, 1),
  STATE_U32 (Ahci, is, 1),
  STATE_END,
};

const StateTable ahci_state = {
  .name = "ahci",
  .version = 1,
  .fields = ahci_fields,
  .object_size = sizeof (Ahci),
  .check = check_state,
  .after_load = after_load,
};
