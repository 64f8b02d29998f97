/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/svga-private.h"

#include "devices/graphics/edid.h"
#include "devices/platform/firmware.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <string.h>

#define SVGA_MMIO_SIZE   0x1000u
#define SVGA_DEFAULT_MIB 16u

/* Offsets in BAR2. */
#define MMIO_EDID_END   0x400u
#define MMIO_VGA        0x400u /* ports 0x3c0 to 0x3df */
#define MMIO_VGA_END    0x420u
#define MMIO_VBE        0x500u /* registers of 16 bits */
#define MMIO_VBE_END    (MMIO_VBE + 2 * VBE_COUNT)
#define MMIO_EXTENDED   0x600u
#define MMIO_EXT_SIZE   0x600u /* bytes of the extended registers */
#define MMIO_EXT_ENDIAN 0x604u
#define ENDIAN_LITTLE   0x1e1e1e1eu

/* --- BAR2 --- */

static uint64_t
mmio_read_byte (Svga *svga, unsigned offset)
{
  if (offset < MMIO_EDID_END)
    return offset < sizeof svga->edid ? svga->edid[offset] : 0;
  if (offset >= MMIO_VGA && offset < MMIO_VGA_END)
    return vga_read_port (svga, VGA_PORT_ATTR + offset - MMIO_VGA);
  if (offset >= MMIO_VBE && offset < MMIO_VBE_END)
    return vbe_read (svga, (offset - MMIO_VBE) / 2) >> (8 * (offset & 1)) & 0xff;
  if (offset >= MMIO_EXT_SIZE && offset < MMIO_EXT_SIZE + 4)
    return 8u >> (8 * (offset & 3)) & 0xff;
  if (offset >= MMIO_EXT_ENDIAN && offset < MMIO_EXT_ENDIAN + 4)
    return ENDIAN_LITTLE >> (8 * (offset & 3)) & 0xff;
  return 0xff;
}

static uint64_t
mmio_read (Device *device, uint64_t offset, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size; i++)
    value |= mmio_read_byte (SVGA (device), offset + i) << (8 * i);
  return value;
}

static void
mmio_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Svga *svga = SVGA (device);

  if (offset >= MMIO_VGA && offset + size <= MMIO_VGA_END)
    {
      for (unsigned i = 0; i < size; i++)
        vga_write_port (svga, VGA_PORT_ATTR + offset + i - MMIO_VGA, value >> (8 * i));
    }
  else if (offset >= MMIO_VBE && offset + size <= MMIO_VBE_END && size >= 2 && offset % 2 == 0)
    {
      for (unsigned i = 0; i < size; i += 2)
        vbe_write (svga, (offset + i - MMIO_VBE) / 2, value >> (8 * i));
    }
  else if (offset < MMIO_EXTENDED || offset + size > MMIO_EXT_ENDIAN + 4)
    GUEST_ERROR (svga->device, "write of %u bytes at 0x%x of the registers", size, (unsigned)offset);
}

static const BusOps mmio_ops = { mmio_read, mmio_write, 4 };

/* --- the VGA's life --- */

/* The greatest of a few modes that the memory holds. */
static void
fill_edid (Svga *svga)
{
  static const EdidConfig modes[] = { { 1280, 800, 1 }, { 1024, 768, 1 }, { 640, 480, 1 } };
  unsigned i = 0;

  while (i < G_N_ELEMENTS (modes) - 1 && 4 * modes[i].width * modes[i].height > svga->memory_size)
    i++;
  edid_fill (svga->edid, &modes[i]);
}

static bool
add_banks (Svga *svga, unsigned mib, GError **error)
{
  GuestMemory *memory = svga->device->board->memory;
  const char *name = svga->device->name;
  g_autofree char *vram_name = g_strdup_printf ("%s-vram", name);
  g_autofree char *text_name = g_strdup_printf ("%s-text", name);

  if (mib == 0)
    mib = SVGA_DEFAULT_MIB;
  if (mib > 256 || (mib & (mib - 1)) != 0)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "%s can't have %u MiB of video memory: choose a power of two from 1 to 256", name, mib);
      return false;
    }
  svga->memory_size = (uint64_t)mib << 20;
  svga->vram = guest_memory_add_bank (memory, vram_name, svga->memory_size, BANK_RAM, error);
  if (!svga->vram)
    return false;
  svga->memory = memory_bank_data (svga->vram);
  svga->text = guest_memory_add_bank (memory, text_name, VGA_TEXT_SIZE, BANK_RAM, error);
  return svga->text != NULL;
}

static bool
add_rom (Svga *svga, const char *rom, GError **error)
{
  g_autofree char *path = firmware_find (rom, "seabios", error);

  return path && pci_add_rom (svga->pci, path, error);
}

bool
svga_realize (Svga *svga, PciDevice *pci, unsigned video_memory_mib, const char *rom, Screen *screen,
              GError **error)
{
  svga->pci = pci;
  svga->device = &pci->device;
  if (!add_banks (svga, video_memory_mib, error) || !add_rom (svga, rom, error))
    return false;
  pci_add_memory_bar (pci, 0, PCI_BAR_MEM32, true, svga->vram);
  pci_add_bar (pci, 2, PCI_BAR_MEM32, SVGA_MMIO_SIZE, &mmio_ops);

  device_add_ports (svga->device, &vga_port_ops_mono, VGA_PORT_BASE, VGA_PORT_MONO_END - VGA_PORT_BASE);
  device_add_ports (svga->device, &vga_port_ops, VGA_PORT_ATTR, VGA_PORT_END - VGA_PORT_ATTR);
  device_add_ports (svga->device, &vbe_port_ops, VBE_PORT_BASE, 4);
  device_add_mmio (svga->device, &vga_window_ops, VGA_WINDOW_BASE, VGA_WINDOW_SIZE, 0);

  fill_edid (svga);
  svga_screen_init (svga);
  svga->blink_timer = device_timer_new (svga->device, svga_blink);
  if (screen)
    {
      memory_bank_log_dirty (svga->vram, true);
      memory_bank_log_dirty (svga->text, true);
      svga->screen = screen_ref (screen);
    }
  return true;
}

void
svga_unrealize (Svga *svga)
{
  if (svga->vram)
    memory_bank_watch_write (svga->vram, NULL, NULL);
  if (svga->text)
    memory_bank_watch_write (svga->text, NULL, NULL);
  if (svga->device)
    vga_window_drop (svga);
  device_timer_free (svga->blink_timer);
  g_clear_pointer (&svga->screen, screen_unref);
  svga_screen_clear (svga);
}

void
svga_reset (Svga *svga)
{
  vga_window_drop (svga);
  vga_reset_registers (svga);
  vbe_reset (svga);
  vga_window_update (svga);
  svga_changed_colors (svga);
  svga_changed_mode (svga);
}

/* --- state --- */

static void
before_save (void *object)
{
  vga_window_flush (object, true);
}

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const char *wrong = vga_check_registers (incoming);

  if (!wrong)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state of %s is damaged: %s is out of range",
               ((const Svga *)object)->device->name, wrong);
  return false;
}

static void
after_load (void *object)
{
  Svga *svga = object;

  vga_window_drop (svga);
  svga->vbe[VBE_MEMORY_64K] = svga->memory_size / 0x10000;
  if (vbe_is_on (svga))
    vbe_sanitize (svga);
  vga_window_update (svga);
  svga->fonts_changed = true;
  svga_changed_colors (svga);
  svga_changed_mode (svga);
}

static const StateField svga_fields[] = {
  STATE_U8 (Svga, misc, 1),
  STATE_U8 (Svga, feature, 1),
  STATE_U8 (Svga, seq_index, 1),
  STATE_BYTES (Svga, seq, 1),
  STATE_U8 (Svga, crtc_index, 1),
  STATE_BYTES (Svga, crtc, 1),
  STATE_U8 (Svga, gfx_index, 1),
  STATE_BYTES (Svga, gfx, 1),
  STATE_U8 (Svga, attr_index, 1),
  STATE_BYTES (Svga, attr, 1),
  STATE_BOOL (Svga, attr_data_next, 1),
  STATE_U8 (Svga, dac_mask, 1),
  STATE_U8 (Svga, dac_index, 1),
  STATE_U8 (Svga, dac_component, 1),
  STATE_BOOL (Svga, dac_reading, 1),
  STATE_BYTES (Svga, dac_latch, 1),
  STATE_BYTES (Svga, palette, 1),
  STATE_U32 (Svga, latch, 1),
  STATE_U16 (Svga, vbe_index, 1),
  STATE_U16 (Svga, vbe, 1),
  STATE_END,
};

const StateTable svga_state = {
  .name = "vga",
  .version = 1,
  .fields = svga_fields,
  .object_size = sizeof (Svga),
  .before_save = before_save,
  .check = check_state,
  .after_load = after_load,
};
