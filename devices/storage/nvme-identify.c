/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"

#include <stdio.h>

/* What the controller and its namespace are: section 5.15. */

#define MODEL    "Bonsai NVMe disk"
#define REVISION "1"

/* Section 5.15.1, figure 244: what is asked for. */
enum {
  CNS_NAMESPACE = 0x00,
  CNS_CONTROLLER = 0x01,
  CNS_ACTIVE_LIST = 0x02,
  CNS_DESCRIPTORS = 0x03,
};

/* Figure 247: identify controller. */
enum {
  CTRL_VID = 0,
  CTRL_SSVID = 2,
  CTRL_SERIAL = 4,
  CTRL_MODEL = 24,
  CTRL_FIRMWARE = 64,
  CTRL_IEEE = 73,
  CTRL_MDTS = 77,
  CTRL_CNTLID = 78,
  CTRL_VERSION = 80,
  CTRL_OAES = 92,
  CTRL_CNTRLTYPE = 111,
  CTRL_OACS = 256,
  CTRL_ACL = 258,
  CTRL_AERL = 259,
  CTRL_FRMW = 260,
  CTRL_LPA = 261,
  CTRL_ELPE = 262,
  CTRL_WCTEMP = 266,
  CTRL_CCTEMP = 268,
  CTRL_SQES = 512,
  CTRL_CQES = 513,
  CTRL_NN = 516,
  CTRL_ONCS = 520,
  CTRL_VWC = 525,
  CTRL_SUBNQN = 768,
  CTRL_PSD0 = 2048,

  OACS_DOORBELL_BUFFERS = 1 << 8,
  LPA_EXTENDED = 1 << 2,
  ONCS_COMPARE = 1 << 0,
  ONCS_DATASET = 1 << 2,
  ONCS_WRITE_ZEROES = 1 << 3,
  ONCS_VERIFY = 1 << 7,
  VWC_PRESENT = 1 << 0,
  VWC_FLUSH_ALL = 3 << 1,
};

/* Figure 245: identify namespace. */
enum {
  NS_NSZE = 0,
  NS_NCAP = 8,
  NS_NUSE = 16,
  NS_NSFEAT = 24,
  NS_FLBAS = 26,
  NS_NPWG = 64,
  NS_NPWA = 66,
  NS_NPDG = 68,
  NS_NPDA = 70,
  NS_NOWS = 72,
  NS_NSATTR = 99,
  NS_LBAF0 = 128,

  NSFEAT_OPTIMAL_SIZES = 1 << 4,
  NSATTR_WRITE_PROTECTED = 1 << 0,
};

enum { NIDT_UUID = 3 };

/* Section 1.5: text is padded with blanks. */
static void
put_text (uint8_t *where, size_t size, const char *text)
{
  memset (where, ' ', size);
  memcpy (where, text, MIN (strlen (text), size));
}

static void
describe_controller (Nvme *nvme, uint8_t *page)
{
  const uint8_t *id = nvme->uuid;
  g_autofree char *serial = g_strndup (nvme->serial, sizeof nvme->serial);

  store_le16 (page + CTRL_VID, load_le16 (nvme->pci.config));
  store_le16 (page + CTRL_SSVID, load_le16 (nvme->pci.config + 0x2c));
  put_text (page + CTRL_SERIAL, 20, serial);
  put_text (page + CTRL_MODEL, 40, MODEL);
  put_text (page + CTRL_FIRMWARE, 8, REVISION);
  page[CTRL_MDTS] = NVME_MDTS;
  store_le32 (page + CTRL_VERSION, 0x00010400);
  store_le32 (page + CTRL_OAES, NVME_WATCH_NAMESPACE);
  page[CTRL_CNTRLTYPE] = 1; /* for I/O */
  store_le16 (page + CTRL_OACS, OACS_DOORBELL_BUFFERS);
  page[CTRL_ACL] = 3;
  page[CTRL_AERL] = NVME_MAX_EVENTS - 1;
  page[CTRL_FRMW] = 1 << 1 | 1; /* one slot, read-only */
  page[CTRL_LPA] = LPA_EXTENDED;
  store_le16 (page + CTRL_WCTEMP, NVME_TEMPERATURE + 40);
  store_le16 (page + CTRL_CCTEMP, NVME_TEMPERATURE + 60);
  page[CTRL_SQES] = 0x66;
  page[CTRL_CQES] = 0x44;
  store_le32 (page + CTRL_NN, 1);
  store_le16 (page + CTRL_ONCS,
              ONCS_COMPARE | ONCS_WRITE_ZEROES | ONCS_VERIFY | (nvme->no_discard ? 0 : ONCS_DATASET));
  page[CTRL_VWC] = (nvme->write_through ? 0 : VWC_PRESENT) | VWC_FLUSH_ALL;
  /* Section 7.9: a name made of a UUID. */
  snprintf (
    (char *)page + CTRL_SUBNQN, 256,
    "nqn.2014-08.org.nvmexpress:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
    id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12], id[13],
    id[14], id[15]);
  store_le16 (page + CTRL_PSD0, 25 * 100); /* one power state: hundredths of a watt */
}

static void
describe_namespace (Nvme *nvme, uint8_t *page)
{
  uint64_t n_blocks = image_size (nvme->image) >> NVME_BLOCK_SHIFT;
  unsigned granularity = MAX (image_block_size (nvme->image) >> NVME_BLOCK_SHIFT, 1);

  store_le64 (page + NS_NSZE, n_blocks);
  store_le64 (page + NS_NCAP, n_blocks);
  store_le64 (page + NS_NUSE, n_blocks);
  page[NS_NSFEAT] = NSFEAT_OPTIMAL_SIZES;
  store_le16 (page + NS_NPWG, granularity - 1);
  store_le16 (page + NS_NPWA, granularity - 1);
  store_le16 (page + NS_NPDG, granularity - 1);
  store_le16 (page + NS_NPDA, granularity - 1);
  store_le16 (page + NS_NOWS, granularity - 1);
  page[NS_NSATTR] = nvme->read_only ? NSATTR_WRITE_PROTECTED : 0;
  page[NS_LBAF0 + 2] = NVME_BLOCK_SHIFT;
}

uint16_t
nvme_identify (Nvme *nvme, const NvmeCommand *command)
{
  uint8_t page[NVME_PAGE] = { 0 };

  switch (command->dw10 & 0xff)
    {
    case CNS_NAMESPACE:
      if (command->nsid != NVME_NSID && command->nsid != NVME_NSID_ALL)
        return NVME_INVALID_NAMESPACE | NVME_DNR;
      describe_namespace (nvme, page);
      break;
    case CNS_CONTROLLER:
      describe_controller (nvme, page);
      break;
    case CNS_ACTIVE_LIST:
      if (command->nsid >= 0xfffffffe)
        return NVME_INVALID_NAMESPACE | NVME_DNR;
      if (command->nsid < NVME_NSID)
        store_le32 (page, NVME_NSID);
      break;
    case CNS_DESCRIPTORS:
      if (command->nsid != NVME_NSID)
        return NVME_INVALID_NAMESPACE | NVME_DNR;
      page[0] = NIDT_UUID;
      page[1] = NVME_UUID_SIZE;
      memcpy (page + 4, nvme->uuid, NVME_UUID_SIZE);
      break;
    default:
      return NVME_INVALID_FIELD | NVME_DNR;
    }
  return nvme_give (nvme, command, page, sizeof page, sizeof page);
}
