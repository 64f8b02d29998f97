/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/nvme-private.h"

/* Features: section 5.21. None is saved over a reset. */

#define DW10_SAVE           (1u << 31)
#define THRESHOLD_UNDER     (1u << 20) /* the temperature feature's other threshold */
#define THRESHOLD_SENSOR    (0xfu << 16)
#define COALESCING_DISABLED (1u << 16) /* of the vector feature */

static const uint32_t defaults[NVME_N_FEATURES] = {
  [NVME_FEATURE_TEMPERATURE] = NVME_TEMPERATURE + 40,
  [NVME_FEATURE_WRITE_CACHE] = 1,
};

/* Bits that mean something. */
static const uint32_t masks[NVME_N_FEATURES] = {
  [NVME_FEATURE_ARBITRATION] = 0xffffff07,
  [NVME_FEATURE_POWER] = 0xff,
  [NVME_FEATURE_TEMPERATURE] = 0xffff,
  [NVME_FEATURE_ERROR_RECOVERY] = 0x1ffff,
  [NVME_FEATURE_WRITE_CACHE] = 1,
  [NVME_FEATURE_COALESCING] = 0xffff,
  [NVME_FEATURE_ATOMICITY] = 1,
  [NVME_FEATURE_EVENTS] = NVME_WATCH_NAMESPACE | 0xff,
};

void
nvme_features_reset (Nvme *nvme)
{
  memcpy (nvme->features, defaults, sizeof defaults);
  if (nvme->write_through)
    nvme->features[NVME_FEATURE_WRITE_CACHE] = 0;
}

bool
nvme_feature_is_valid (const Nvme *nvme, unsigned feature, uint32_t value)
{
  if (value & ~masks[feature])
    return false;
  if (feature == NVME_FEATURE_POWER)
    return (value & 0x1f) == 0; /* there is one state */
  return feature != NVME_FEATURE_WRITE_CACHE || !nvme->write_through || value == 0;
}

static uint32_t
n_queues_result (const Nvme *nvme)
{
  return (nvme->n_queues - 1) | (nvme->n_queues - 1) << 16;
}

/* Vectors exist for all queues; coalescing never happens, whether it is disabled or not. */
static uint16_t
check_vector (const Nvme *nvme, const NvmeCommand *command)
{
  return (command->dw11 & 0xffff) < pci_msix_vectors ((PciDevice *)&nvme->pci)
           ? NVME_OK
           : NVME_INVALID_FIELD | NVME_DNR;
}

uint16_t
nvme_get_features (Nvme *nvme, const NvmeCommand *command, uint32_t *result)
{
  unsigned feature = command->dw10 & 0xff;

  switch (feature)
    {
    case NVME_FEATURE_N_QUEUES:
      *result = n_queues_result (nvme);
      return NVME_OK;
    case NVME_FEATURE_VECTOR:
      *result = (command->dw11 & 0xffff) | COALESCING_DISABLED;
      return check_vector (nvme, command);
    case NVME_FEATURE_WRITE_CACHE:
      if (nvme->write_through)
        return NVME_INVALID_FIELD | NVME_DNR;
      break;
    case NVME_FEATURE_TEMPERATURE:
      if (command->dw11 & THRESHOLD_SENSOR)
        return NVME_INVALID_FIELD | NVME_DNR;
      if (command->dw11 & THRESHOLD_UNDER)
        return NVME_OK;
      break;
    default:
      if (feature >= NVME_N_FEATURES || masks[feature] == 0)
        return NVME_INVALID_FIELD | NVME_DNR;
      break;
    }
  *result = nvme->features[feature];
  return NVME_OK;
}

/* Section 5.21.1.7: as often as the host wants, before it makes queues. */
static uint16_t
set_n_queues (Nvme *nvme, const NvmeCommand *command, uint32_t *result)
{
  if ((command->dw11 & 0xffff) == 0xffff || command->dw11 >> 16 == 0xffff)
    return NVME_INVALID_FIELD | NVME_DNR;
  for (unsigned i = 1; i < NVME_N_QUEUES; i++)
    if (nvme->sq[i].live || nvme->cq[i].live)
      return NVME_SEQUENCE_ERROR | NVME_DNR;
  *result = n_queues_result (nvme);
  return NVME_OK;
}

uint16_t
nvme_set_features (Nvme *nvme, const NvmeCommand *command, uint32_t *result)
{
  unsigned feature = command->dw10 & 0xff;
  uint32_t value = command->dw11;

  if (command->dw10 & DW10_SAVE)
    return NVME_FEATURE_NOT_SAVEABLE | NVME_DNR;
  if (feature == NVME_FEATURE_N_QUEUES)
    return set_n_queues (nvme, command, result);
  if (feature == NVME_FEATURE_VECTOR)
    return check_vector (nvme, command);
  if (feature == NVME_FEATURE_TEMPERATURE && (value & (THRESHOLD_SENSOR | THRESHOLD_UNDER)))
    return value & THRESHOLD_SENSOR ? NVME_INVALID_FIELD | NVME_DNR : NVME_OK; /* it never gets cold */
  if (feature >= NVME_N_FEATURES || masks[feature] == 0)
    return NVME_INVALID_FIELD | NVME_DNR;
  value &= masks[feature];
  if ((feature == NVME_FEATURE_WRITE_CACHE && nvme->write_through)
      || !nvme_feature_is_valid (nvme, feature, value))
    return NVME_INVALID_FIELD | NVME_DNR;
  nvme->features[feature] = value;
  return NVME_OK;
}
