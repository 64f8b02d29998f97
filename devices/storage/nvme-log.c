/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"

/* Log pages: section 5.14. */

#define LOG_PAGE_SIZE    4096u /* the longest; the rest of others is zero */
#define DW10_KEEP_EVENTS (1u << 15)

/* Figure 196: the health log. */
enum {
  HEALTH_TEMPERATURE = 1,
  HEALTH_SPARE = 3,
  HEALTH_SPARE_THRESHOLD = 4,
  HEALTH_UNITS_READ = 32,
  HEALTH_UNITS_WRITTEN = 48,
  HEALTH_READS = 64,
  HEALTH_WRITES = 80,
  HEALTH_ERRORS = 176,
  HEALTH_SIZE = 512,
};

#define ERROR_LOG_SIZE    64u
#define FIRMWARE_LOG_SIZE 512u

/* In thousands of 512 bytes, rounded up. */
static uint64_t
data_units (uint64_t sectors)
{
  return (sectors + 999) / 1000;
}

static unsigned
describe_health (const Nvme *nvme, uint8_t *page)
{
  store_le16 (page + HEALTH_TEMPERATURE, NVME_TEMPERATURE);
  page[HEALTH_SPARE] = 100;
  page[HEALTH_SPARE_THRESHOLD] = 10;
  store_le64 (page + HEALTH_UNITS_READ, data_units (nvme->sectors_read));
  store_le64 (page + HEALTH_UNITS_WRITTEN, data_units (nvme->sectors_written));
  store_le64 (page + HEALTH_READS, nvme->reads);
  store_le64 (page + HEALTH_WRITES, nvme->writes);
  store_le64 (page + HEALTH_ERRORS, 0);
  return HEALTH_SIZE;
}

/* A guest that reads the page of an event wants to hear of the next one. */
static void
unmask (Nvme *nvme, unsigned log)
{
  if (log == NVME_LOG_ERROR)
    nvme->masked_events &= ~(NVME_EVENT_DOORBELL_REGISTER | NVME_EVENT_DOORBELL_VALUE);
  else if (log == NVME_LOG_NAMESPACES)
    nvme->masked_events &= ~NVME_EVENT_NAMESPACE_CHANGED;
  nvme_tell_events (nvme);
}

uint16_t
nvme_get_log_page (Nvme *nvme, const NvmeCommand *command)
{
  unsigned log = command->dw10 & 0xff, size;
  uint64_t wanted = ((uint64_t)(command->dw11 & 0xffff) << 16 | command->dw10 >> 16) + 1;
  uint64_t offset = command->dw12 | (uint64_t)command->dw13 << 32;
  uint8_t page[LOG_PAGE_SIZE] = { 0 };
  uint16_t status;

  switch (log)
    {
    case NVME_LOG_ERROR: /* one entry that was never used */
      size = ERROR_LOG_SIZE;
      break;
    case NVME_LOG_HEALTH:
      if (command->nsid != 0 && command->nsid != NVME_NSID_ALL)
        return NVME_INVALID_FIELD | NVME_DNR; /* LPA: none of a namespace's own */
      size = describe_health (nvme, page);
      break;
    case NVME_LOG_FIRMWARE:
      page[0] = 1; /* slot 1 is active */
      memcpy (page + 8, "1       ", 8);
      size = FIRMWARE_LOG_SIZE;
      break;
    case NVME_LOG_NAMESPACES:
      if (nvme->namespace_changed)
        store_le32 (page, NVME_NSID);
      size = LOG_PAGE_SIZE;
      break;
    default:
      return NVME_LOG_PAGE_INVALID | NVME_DNR;
    }
  if (offset % 4 != 0 || offset >= size)
    return NVME_INVALID_FIELD | NVME_DNR;
  status = nvme_give (nvme, command, page + offset, MIN (LOG_PAGE_SIZE - offset, wanted * 4), wanted * 4);
  if (status == NVME_OK && !(command->dw10 & DW10_KEEP_EVENTS))
    {
      if (log == NVME_LOG_NAMESPACES)
        nvme->namespace_changed = false;
      unmask (nvme, log);
    }
  return status;
}
