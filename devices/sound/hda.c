/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/sound/hda-private.h"

#include "vmm/base/error.h"

/* Registers: section 3.3. Bits are stored as the table says; the parts then act on what was written. */

#define REGISTER_BAR  0
#define REGISTER_SIZE 0x4000u
#define ALIASES       0x2000u /* section 3.3.42: counters once more, in a page of their own */

/* Words of 32 bits: what a guest may set, and what it clears by writing 1. */
typedef struct {
  uint8_t offset;
  uint32_t initial, writable, clear;
} Word;

static const Word global_words[] = {
  { HDA_GCAP, 0x01000001 | HDA_N_OUTPUTS << 12 | HDA_N_INPUTS << 8, 0, 0 }, /* version 1.0, 64 bits */
  { 0x04, 0x001d003c, 0, 0 },                                               /* payload, in words */
  { HDA_GCTL, 0, 0x00000103, 0 },
  { HDA_WAKEEN, 0, 0x00000007, 0x00070000 },
  { HDA_GSTS, 0, 0, HDA_GSTS_FSTS },
  { 0x18, 0x00180030, 0, 0 }, /* stream payload */
  { HDA_INTCTL, 0, 0xc00000ff, 0 },
  { HDA_SSYNC, 0, 0x000000ff, 0 },
  { HDA_CORBLBASE, 0, 0xffffff80, 0 },
  { HDA_CORBLBASE + 4, 0, 0xffffffff, 0 },
  { HDA_CORBWP, 0, 0x800000ff, 0 },
  { HDA_CORBCTL, 0x00420000, 0x00000003, 0x00000100 }, /* 256 entries */
  { HDA_RIRBLBASE, 0, 0xffffff80, 0 },
  { HDA_RIRBLBASE + 4, 0, 0xffffffff, 0 },
  { HDA_RIRBWP, 0, 0x00ff8000, 0 },
  { HDA_RIRBCTL, 0x00420000, 0x00000007, 0x00000500 },
  { HDA_ICOI, 0, 0xffffffff, 0 },
  { HDA_ICIS, 0, HDA_ICIS_BUSY, HDA_ICIS_VALID },
  { HDA_DPLBASE, 0, 0xffffff81, 0 },
  { HDA_DPLBASE + 4, 0, 0xffffffff, 0 },
};

static const Word stream_words[] = {
  { HDA_SD_CTL, 0, 0x00f7001f, 0x1c000000 }, { HDA_SD_CBL, 0, 0xffffffff, 0 },
  { HDA_SD_LVI, 0, 0x000000ff, 0 },          { HDA_SD_FIFOS, 0, 0x7f7f0000, 0 },
  { HDA_SD_BDPL, 0, 0xffffff80, 0 },         { HDA_SD_BDPL + 4, 0, 0xffffffff, 0 },
};

static const PciIdentity identity = {
  .vendor = 0x8086,
  .device = 0x293e,
  .subsystem_vendor = 0x8086,
  .subsystem = 0x293e,
  .class_code = 0x040300,
  .revision = 0x02,
  .intx = true,
};

uint64_t
hda_now (const Hda *hda)
{
  return (uint64_t)vm_clock_now (hda->pci.device.board->clock);
}

/* --- interrupts: section 3.3.15 --- */

static uint32_t
interrupt_status (const Hda *hda)
{
  const uint8_t *regs = hda->regs;
  uint32_t status = 0;
  bool controller =
    ((regs[HDA_RIRBSTS] & HDA_RIRBSTS_RINTFL) && (regs[HDA_RIRBCTL] & HDA_RIRBCTL_RINTCTL))
    || ((regs[HDA_RIRBSTS] & HDA_RIRBSTS_OVERRUN) && (regs[HDA_RIRBCTL] & HDA_RIRBCTL_OVERRUN))
    || ((regs[HDA_CORBSTS] & HDA_CORBSTS_CMEI) && (regs[HDA_CORBCTL] & HDA_CORBCTL_CMEIE))
    || (load_le16 (regs + HDA_STATESTS) & load_le16 (regs + HDA_WAKEEN));

  /* The bits of status and of their enables lie in the same places. */
  for (unsigned i = 0; i < HDA_N_STREAMS; i++)
    if (hda->streams[i].regs[HDA_SD_STS] & hda->streams[i].regs[HDA_SD_CTL]
        & (HDA_SD_STS_BCIS | HDA_SD_STS_FIFOE | HDA_SD_STS_DESE))
      status |= 1u << i;
  if (controller)
    status |= HDA_INT_CONTROLLER;
  return status;
}

/* Each cause that is new is a message of its own; the pin shows that there is one. */
void
hda_update_irq (Hda *hda)
{
  uint32_t control = load_le32 (hda->regs + HDA_INTCTL);
  uint32_t pending = control & HDA_INT_GLOBAL ? interrupt_status (hda) & control : 0;
  uint32_t fresh = pending & ~hda->pending;

  hda->pending = pending;
  if (fresh != 0 && pci_send_vector (&hda->pci, 0))
    return;
  pci_set_intx (&hda->pci, pending != 0);
}

/* --- reset: section 4.2.2 --- */

static void
reset_registers (Hda *hda)
{
  memset (hda->regs, 0, sizeof hda->regs);
  for (unsigned i = 0; i < G_N_ELEMENTS (global_words); i++)
    store_le32 (hda->regs + global_words[i].offset, global_words[i].initial);
  hda_link_reset (hda);
  hda_streams_reset (hda);
  hda->wall_base = hda_now (hda);
  hda_update_irq (hda);
}

/* Out of reset the codec says that it is there; into it everything goes. */
static void
control_written (Hda *hda, bool was_up)
{
  bool up = hda->regs[HDA_GCTL] & HDA_GCTL_CRST;

  if (was_up && !up)
    {
      TRACE (hda, "reset", "position=%u", hda->streams[HDA_N_INPUTS].position);
      reset_registers (hda);
    }
  else if (!was_up && up)
    {
      hda_codec_reset (hda);
      hda->wall_base = hda_now (hda);
      hda->regs[HDA_STATESTS] |= 1;
    }
  if (hda->regs[HDA_GCTL] & HDA_GCTL_FCNTRL)
    {
      hda->regs[HDA_GCTL] &= ~HDA_GCTL_FCNTRL;
      hda->regs[HDA_GSTS] |= HDA_GSTS_FSTS;
    }
}

/* --- accesses --- */

static void
store_bits (uint8_t *regs, const Word *words, unsigned n_words, unsigned offset, uint8_t value)
{
  for (unsigned i = 0; i < n_words; i++)
    if (words[i].offset == (offset & ~3u))
      {
        uint8_t writable = words[i].writable >> (offset & 3) * 8, clear = words[i].clear >> (offset & 3) * 8;

        regs[offset] = (((regs[offset] & ~writable) | (value & writable)) & ~(value & clear));
        return;
      }
}

static void
write_global (Hda *hda, unsigned offset, uint64_t value, unsigned size)
{
  bool was_up = hda->regs[HDA_GCTL] & HDA_GCTL_CRST;

  if (!was_up && offset >= HDA_GCTL + 4)
    {
      GUEST_ERROR (hda, "register 0x%02x written during reset", offset);
      return;
    }
  if (offset >= HDA_OLD_SSYNC && offset < HDA_OLD_SSYNC + 4)
    offset += HDA_SSYNC - HDA_OLD_SSYNC;
  for (unsigned i = 0; i < size; i++)
    store_bits (hda->regs, global_words, G_N_ELEMENTS (global_words), offset + i, value >> 8 * i);
  if (offset < HDA_GCTL + 4)
    control_written (hda, was_up);
  if (offset >= HDA_SSYNC && offset < HDA_SSYNC + 4)
    for (unsigned i = 0; i < HDA_N_STREAMS; i++)
      hda_stream_update (hda, &hda->streams[i]);
  hda_link_written (hda, offset, offset + size);
}

/* The length of a buffer and its list may not be changed while it is in use: they aren't looked at together
 * then. */
static void
write_stream (Hda *hda, unsigned index, unsigned offset, uint64_t value, unsigned size)
{
  HdaStream *stream = &hda->streams[index];

  if (!(hda->regs[HDA_GCTL] & HDA_GCTL_CRST))
    return;
  for (unsigned i = 0; i < size; i++)
    store_bits (stream->regs, stream_words, G_N_ELEMENTS (stream_words), offset + i, value >> 8 * i);
  if (offset < HDA_SD_LPIB)
    hda_stream_update (hda, stream);
}

static void
registers_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Hda *hda = (Hda *)device;

  TRACE (device, "write", "offset=0x%03x size=%u value=0x%x", (unsigned)offset, size, (unsigned)value);
  hda_streams_run (hda);
  if (offset + size <= HDA_GLOBAL_SIZE)
    write_global (hda, offset, value, size);
  else if (offset >= HDA_GLOBAL_SIZE && offset + size <= HDA_GLOBAL_SIZE + HDA_N_STREAMS * HDA_STREAM_SIZE)
    write_stream (hda, (offset - HDA_GLOBAL_SIZE) / HDA_STREAM_SIZE, offset % HDA_STREAM_SIZE, value, size);
  hda_arm (hda);
  hda_update_irq (hda);
}

/* Section 3.3.16: 24 MHz. */
static uint32_t
wall_clock (const Hda *hda)
{
  return (uint32_t)((hda_now (hda) - hda->wall_base) * 3 / 125);
}

static uint64_t
read_global (Hda *hda, unsigned offset, unsigned size)
{
  uint8_t block[HDA_GLOBAL_SIZE];
  uint32_t status = interrupt_status (hda);

  memcpy (block, hda->regs, sizeof block);
  store_le32 (block + HDA_INTSTS, status | (status ? HDA_INT_GLOBAL : 0));
  store_le32 (block + HDA_WALCLK, wall_clock (hda));
  store_le32 (block + HDA_OLD_SSYNC, load_le32 (block + HDA_SSYNC));
  return load_le (block + offset, size);
}

static uint64_t
read_stream (const HdaStream *stream, unsigned offset, unsigned size)
{
  uint8_t block[HDA_STREAM_SIZE + 4] = { 0 }; /* an odd access reaches beyond */

  memcpy (block, stream->regs, HDA_STREAM_SIZE);
  store_le32 (block + HDA_SD_LPIB, stream->position);
  return load_le (block + offset, size);
}

static uint64_t
registers_read (Device *device, uint64_t offset, unsigned size)
{
  Hda *hda = (Hda *)device;
  unsigned in_stream = offset % HDA_STREAM_SIZE;
  uint64_t value = 0;

  hda_streams_run (hda);
  if (offset >= ALIASES)
    offset -= ALIASES;
  if (offset + size <= HDA_GLOBAL_SIZE)
    value = read_global (hda, offset, size);
  else if (offset >= HDA_GLOBAL_SIZE && offset + size <= HDA_GLOBAL_SIZE + HDA_N_STREAMS * HDA_STREAM_SIZE)
    value = read_stream (&hda->streams[(offset - HDA_GLOBAL_SIZE) / HDA_STREAM_SIZE], in_stream, size);
  hda_arm (hda);
  hda_update_irq (hda);
  return value;
}

static const BusOps registers_ops = { .read = registers_read, .write = registers_write, .max_size = 4 };

static void
on_timer (Device *device)
{
  Hda *hda = (Hda *)device;

  hda_streams_run (hda);
  hda_arm (hda);
  hda_update_irq (hda);
}

/* --- the device --- */

static bool
hda_realize (Device *device, const void *config, GError **error)
{
  Hda *hda = (Hda *)device;
  const HdaConfig *hda_config = config;

  if (!pci_realize (&hda->pci, &hda_config->place, &identity, error))
    return false;
  pci_add_bar (&hda->pci, REGISTER_BAR, PCI_BAR_MEM64, REGISTER_SIZE, &registers_ops);
  hda->pci.config[0x40] = 0x01;   /* HDCTL: High Definition Audio, not AC'97 */
  hda->pci.writable[0x44] = 0x07; /* TCSEL: the traffic class, which means nothing here */
  hda->pci.next_capability = 0x50;
  pci_add_power_management (&hda->pci);
  pci_add_msi (&hda->pci);
  hda->timer = device_timer_new (device, on_timer);
  hda->hub = hda_config->hub != NULL ? sound_hub_ref (hda_config->hub) : NULL;
  return true;
}

static void
hda_unrealize (Device *device)
{
  Hda *hda = (Hda *)device;

  if (hda->hub != NULL && hda->playing)
    sound_hub_end_play (hda->hub);
  if (hda->hub != NULL && hda->listening)
    sound_hub_listen (hda->hub, false);
  if (hda->timer != NULL)
    device_timer_free (hda->timer);
  pci_unrealize (&hda->pci);
  g_clear_pointer (&hda->hub, sound_hub_unref);
}

static void
hda_reset (Device *device)
{
  Hda *hda = (Hda *)device;

  pci_reset (&hda->pci);
  hda_codec_reset (hda);
  reset_registers (hda);
}

/* The clock stands, and so do the streams; what the host still has is played to its end. */
static void
hda_stopped (Device *device)
{
  Hda *hda = (Hda *)device;

  if (hda->hub != NULL && hda->playing)
    sound_hub_end_play (hda->hub);
  if (hda->hub != NULL && hda->listening)
    sound_hub_listen (hda->hub, false);
  hda->playing = hda->listening = false;
}

static void
hda_started (Device *device)
{
  hda_tell_hub ((Hda *)device);
}

const DeviceClass hda_class = {
  .id = "hda",
  .size = sizeof (Hda),
  .realize = hda_realize,
  .unrealize = hda_unrealize,
  .reset = hda_reset,
  .stopped = hda_stopped,
  .started = hda_started,
  .state = &hda_state,
};
