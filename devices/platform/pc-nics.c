/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Network cards. */
#include "devices/platform/pc-private.h"

#include "devices/ethernet/e1000e.h"
#include "devices/virtio/virtio-net.h"
#include "vmm/base/error.h"

/* Option ROMs by which a BIOS boots from the network; UEFI needs one for cards that it has no driver for. */
#define ROM_FOLDER "/usr/lib/ipxe/qemu/"

static Device *
add_virtio (Pc *pc, const NicSpec *nic, unsigned slot, GError **error)
{
  const VirtioNetConfig config = {
    .place = pc_place (pc, slot, 0),
    .id = nic->id,
    .mac = nic->mac,
    .network = nic->network,
    .n_pairs = MIN (pc->spec->n_cpus, VIRTIO_NET_MAX_PAIRS),
    .link_down = nic->link_down,
  };

  return board_add (pc->board, &virtio_net_class, nic->id, &config, error);
}

static Device *
add_e1000e (Pc *pc, const NicSpec *nic, unsigned slot, GError **error)
{
  const E1000eConfig config = {
    .place = pc_place (pc, slot, 0),
    .id = nic->id,
    .mac = nic->mac,
    .network = nic->network,
    .link_down = nic->link_down,
  };

  return board_add (pc->board, &e1000e_class, nic->id, &config, error);
}

/* Only where it is to be booted from: a ROM takes the firmware seconds. */
static bool
add_rom (Pc *pc, const NicSpec *nic, Device *card, GError **error)
{
  bool virtio = nic->model == NIC_MODEL_VIRTIO;
  const char *path = virtio ? ROM_FOLDER "efi-virtio.rom" : ROM_FOLDER "efi-e1000e.rom";
  const MachineSpec *spec = pc->spec;

  if (spec->boot_order == NULL || !g_strv_contains ((const char *const *)spec->boot_order, nic->id)
      || spec->firmware == FIRMWARE_NONE || (virtio && spec->firmware != FIRMWARE_BIOS))
    return true;
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "To boot from “%s” there has to be %s; install the package ipxe-qemu, or take the card out "
        "of the boot order",
        nic->id, path);
      return false;
    }
  return pci_add_rom ((PciDevice *)card, path, error);
}

bool
pc_add_nics (Pc *pc, GError **error)
{
  bool taken[PC_N_NICS] = { false };

  for (unsigned i = 0; i < pc->spec->nics->len; i++)
    {
      const NicSpec *nic = g_ptr_array_index (pc->spec->nics, i);
      unsigned slot = PC_SLOT_FIRST_NIC + (unsigned)pc_take_place (nic->id, taken, PC_N_NICS);
      Device *card = nic->model == NIC_MODEL_E1000E ? add_e1000e (pc, nic, slot, error)
                                                    : add_virtio (pc, nic, slot, error);

      if (card == NULL || !add_rom (pc, nic, card, error))
        return false;
      pc_add_boot_path (pc, nic->id, "/pci@i0cf8/ethernet@%x/ethernet-phy@0", slot);
    }
  return true;
}

static Device *
find_card (Pc *pc, const char *nic, GError **error)
{
  Device *card = board_find (pc->board, nic);

  if (card != NULL && (card->klass == &virtio_net_class || card->klass == &e1000e_class))
    return card;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "%s has no network card “%s”; see “bonsai show”", pc->spec->name,
               nic);
  return NULL;
}

bool
pc_set_link (Pc *pc, const char *nic, bool up, GError **error)
{
  Device *card = find_card (pc, nic, error);

  if (card == NULL)
    return false;
  if (card->klass == &virtio_net_class)
    virtio_net_set_link (card, up);
  else
    e1000e_set_link (card, up);
  return true;
}

static NetBackend *
backend_of (Device *card)
{
  return card->klass == &virtio_net_class ? virtio_net_get_backend (card) : e1000e_get_backend (card);
}

bool
pc_add_forward (Pc *pc, const char *nic, const NetForward *forward, int fd, GError **error)
{
  Device *card = find_card (pc, nic, error);

  if (card == NULL || !net_add_forward (backend_of (card), pc->board->loop, forward, fd, error))
    return false;
  TRACE (card, "forward", "%s port=%u guest-port=%u", net_protocol_names[forward->protocol], net_socket_port (fd),
         forward->guest_port);
  return true;
}

void
pc_remove_forward (Pc *pc, const char *nic, const NetForward *forward)
{
  Device *card = find_card (pc, nic, NULL);

  if (card == NULL)
    return;
  TRACE (card, "forward-removed", "%s port=%u", net_protocol_names[forward->protocol], forward->host_port);
  net_remove_forward (backend_of (card), pc->board->loop, forward);
}
