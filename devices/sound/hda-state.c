/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/sound/hda-private.h"

#include "vmm/base/error.h"

static const StateField stream_fields[] = {
  STATE_BYTES (HdaStream, regs, 1),      STATE_BOOL (HdaStream, active, 1),  STATE_U64 (HdaStream, since, 1),
  STATE_U64 (HdaStream, frames, 1),      STATE_U32 (HdaStream, position, 1), STATE_U16 (HdaStream, entry, 1),
  STATE_BOOL (HdaStream, entered, 1),    STATE_U64 (HdaStream, address, 1),  STATE_U32 (HdaStream, length, 1),
  STATE_BOOL (HdaStream, interrupts, 1), STATE_U32 (HdaStream, offset, 1),   STATE_END,
};

static const StateTable stream_state = {
  .name = "hda-stream",
  .version = 1,
  .fields = stream_fields,
  .object_size = sizeof (HdaStream),
};

static const StateField converter_fields[] = {
  STATE_U16 (HdaConverter, format, 1),
  STATE_U8 (HdaConverter, stream_channel, 1),
  STATE_U8 (HdaConverter, amplifier, 1),
  STATE_END,
};

static const StateTable converter_state = {
  .name = "hda-converter",
  .version = 1,
  .fields = converter_fields,
  .object_size = sizeof (HdaConverter),
};

static const StateField codec_fields[] = {
  STATE_STRUCTS (HdaCodec, converters, &converter_state, 1),
  STATE_U8 (HdaCodec, pin_control, 1),
  STATE_U32 (HdaCodec, pin_config, 1),
  STATE_U8 (HdaCodec, unsolicited, 1),
  STATE_U8 (HdaCodec, power, 1),
  STATE_U32 (HdaCodec, subsystem, 1),
  STATE_END,
};

static const StateTable codec_state = {
  .name = "hda-codec",
  .version = 1,
  .fields = codec_fields,
  .object_size = sizeof (HdaCodec),
};

static bool
stream_is_sound (const HdaStream *stream)
{
  HdaFormat format;

  hda_format_parse (load_le16 (stream->regs + HDA_SD_FMT), &format);
  return stream->entry < 256 && stream->since <= INT64_MAX && stream->frames <= INT64_MAX
         && (!stream->entered || stream->offset <= stream->length)
         && (!stream->active || (stream->regs[HDA_SD_CTL] & HDA_SD_CTL_RUN));
}

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const Hda *hda = incoming;
  bool sound = hda->n_responses <= HDA_RING_ENTRIES && hda->wall_base <= INT64_MAX;

  for (unsigned i = 0; i < HDA_N_STREAMS && sound; i++)
    sound = stream_is_sound (&hda->streams[i]);
  if (!sound)
    g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state of %s has streams that can't be",
                 ((const Hda *)object)->pci.device.name);
  return sound;
}

static void
after_load (void *object)
{
  Hda *hda = object;

  hda_arm (hda);
  hda_update_irq (hda);
}

static const StateField hda_fields[] = {
  STATE_STRUCT (Hda, pci, &pci_device_state, 1),
  STATE_BYTES (Hda, regs, 1),
  STATE_STRUCTS (Hda, streams, &stream_state, 1),
  STATE_STRUCT (Hda, codec, &codec_state, 1),
  STATE_U16 (Hda, n_responses, 1),
  STATE_U32 (Hda, pending, 1),
  STATE_U64 (Hda, wall_base, 1),
  STATE_END,
};

const StateTable hda_state = {
  .name = "hda",
  .version = 1,
  .fields = hda_fields,
  .object_size = sizeof (Hda),
  .check = check_state,
  .after_load = after_load,
};
