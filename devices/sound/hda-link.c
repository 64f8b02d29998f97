/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/sound/hda-private.h"

#include <inttypes.h>

/* Commands and answers: section 4.4, with the registers of sections 3.3.18 to 3.3.33. The codec answers at
 * once. */

#define CODEC_ADDRESS 0u
#define NO_RESPONSE   UINT64_MAX

static uint64_t
base_of (const Hda *hda, unsigned reg)
{
  return load_le64 (hda->regs + reg) & ~UINT64_C (0x7f);
}

static uint64_t
ask (Hda *hda, uint32_t verb)
{
  uint32_t answer;

  if (verb >> 28 != CODEC_ADDRESS)
    {
      GUEST_ERROR (hda, "verb 0x%08x for a codec that isn't there", verb);
      return NO_RESPONSE;
    }
  answer = hda_codec_command (hda, verb);
  TRACE (hda, "verb", "0x%08x -> 0x%08x", verb, answer);
  return answer;
}

void
hda_link_reset (Hda *hda)
{
  hda->n_responses = 0;
}

/* Section 4.4.2: the answer's second half says who gave it. */
static void
respond (Hda *hda, uint32_t answer)
{
  uint8_t *regs = hda->regs, entry[8];

  if (!(regs[HDA_RIRBCTL] & HDA_RIRBCTL_RUN))
    return;
  store_le32 (entry, answer);
  store_le32 (entry + 4, CODEC_ADDRESS);
  regs[HDA_RIRBWP]++;
  if (!guest_write (hda->pci.device.board->memory,
                    base_of (hda, HDA_RIRBLBASE) + regs[HDA_RIRBWP] * sizeof entry, entry, sizeof entry))
    GUEST_ERROR (hda, "an answer that goes to no RAM");
  hda->n_responses++;
  if (hda->n_responses == (regs[HDA_RINTCNT] ? regs[HDA_RINTCNT] : HDA_RING_ENTRIES))
    {
      hda->n_responses = 0;
      regs[HDA_RIRBSTS] |= HDA_RIRBSTS_RINTFL;
    }
}

/* Ends with the last command: also a count that wasn't reached then interrupts. */
static void
run_commands (Hda *hda)
{
  uint8_t *regs = hda->regs;
  uint64_t answer;

  while ((regs[HDA_CORBCTL] & HDA_CORBCTL_RUN) && regs[HDA_CORBRP] != regs[HDA_CORBWP]
         && pci_may_dma (&hda->pci))
    {
      uint8_t verb[4];

      regs[HDA_CORBRP]++;
      if (!guest_read (hda->pci.device.board->memory,
                       base_of (hda, HDA_CORBLBASE) + regs[HDA_CORBRP] * sizeof verb, verb, sizeof verb))
        {
          GUEST_ERROR (hda, "a command in no RAM");
          regs[HDA_CORBSTS] |= HDA_CORBSTS_CMEI;
          regs[HDA_CORBCTL] &= ~HDA_CORBCTL_RUN;
          break;
        }
      answer = ask (hda, load_le32 (verb));
      if (answer != NO_RESPONSE)
        respond (hda, answer);
    }
  if (hda->n_responses > 0)
    {
      hda->n_responses = 0;
      regs[HDA_RIRBSTS] |= HDA_RIRBSTS_RINTFL;
    }
}

/* Section 3.4: one command without rings. */
static void
run_immediate (Hda *hda)
{
  uint64_t answer;

  if (!(hda->regs[HDA_ICIS] & HDA_ICIS_BUSY))
    return;
  answer = ask (hda, load_le32 (hda->regs + HDA_ICOI));
  hda->regs[HDA_ICIS] &= ~HDA_ICIS_BUSY;
  if (answer == NO_RESPONSE)
    return;
  store_le32 (hda->regs + HDA_ICII, (uint32_t)answer);
  hda->regs[HDA_ICIS] |= HDA_ICIS_VALID;
}

static bool
covers (unsigned from, unsigned end, unsigned reg)
{
  return from <= reg && reg < end;
}

void
hda_link_written (Hda *hda, unsigned from, unsigned end)
{
  uint8_t *regs = hda->regs;

  /* Section 3.3.21: the bit stays until it is cleared by hand; section 3.3.27: this one reads 0. */
  if (covers (from, end, HDA_CORBRP + 1) && (regs[HDA_CORBRP + 1] & 0x80))
    regs[HDA_CORBRP] = 0;
  if (covers (from, end, HDA_RIRBWP + 1) && (regs[HDA_RIRBWP + 1] & 0x80))
    {
      store_le16 (regs + HDA_RIRBWP, 0);
      hda->n_responses = 0;
    }
  if (covers (from, end, HDA_CORBWP) || covers (from, end, HDA_CORBCTL))
    run_commands (hda);
  if (covers (from, end, HDA_ICIS))
    run_immediate (hda);
}
