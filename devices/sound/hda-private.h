/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/sound/hda.h"
#include "vmm/base/bytes.h"

G_BEGIN_DECLS

/*
 * Between the parts of the sound card. Sections are those of the High Definition Audio specification,
 * revision 1.0a. The device's lock is held everywhere.
 *
 *   hda.c         registers, interrupts, life
 *   hda-link.c    commands to the codec and its answers
 *   hda-stream.c  sound between guest memory and the hub, by the clock
 *   hda-codec.c   what the codec's widgets say and do
 *   sample.c      samples as guests have them, and floats
 *   hda-state.c   what is saved
 */
#define HDA_N_INPUTS     4u
#define HDA_N_OUTPUTS    4u
#define HDA_N_STREAMS    (HDA_N_INPUTS + HDA_N_OUTPUTS)
#define HDA_GLOBAL_SIZE  0x80u
#define HDA_STREAM_SIZE  0x20u
#define HDA_MAX_CHANNELS 16u
#define HDA_N_NODES      6u /* of the codec, with its root */
#define HDA_N_CONVERTERS 2u
#define HDA_RING_ENTRIES 256u

/* Global registers, section 3.3. */
enum {
  HDA_GCAP = 0x00,
  HDA_GCTL = 0x08,
  HDA_WAKEEN = 0x0c,
  HDA_STATESTS = 0x0e,
  HDA_GSTS = 0x10,
  HDA_INTCTL = 0x20,
  HDA_INTSTS = 0x24,
  HDA_WALCLK = 0x30,
  HDA_OLD_SSYNC = 0x34, /* where the ICH9 has it */
  HDA_SSYNC = 0x38,
  HDA_CORBLBASE = 0x40,
  HDA_CORBWP = 0x48,
  HDA_CORBRP = 0x4a,
  HDA_CORBCTL = 0x4c,
  HDA_CORBSTS = 0x4d,
  HDA_RIRBLBASE = 0x50,
  HDA_RIRBWP = 0x58,
  HDA_RINTCNT = 0x5a,
  HDA_RIRBCTL = 0x5c,
  HDA_RIRBSTS = 0x5d,
  HDA_ICOI = 0x60,
  HDA_ICII = 0x64,
  HDA_ICIS = 0x68,
  HDA_DPLBASE = 0x70,

  HDA_GCTL_CRST = 1 << 0,
  HDA_GCTL_FCNTRL = 1 << 1,
  HDA_GSTS_FSTS = 1 << 1,
  HDA_CORBRP_RST = 1 << 15,
  HDA_CORBCTL_CMEIE = 1 << 0,
  HDA_CORBCTL_RUN = 1 << 1,
  HDA_CORBSTS_CMEI = 1 << 0,
  HDA_RIRBWP_RST = 1 << 15,
  HDA_RIRBCTL_RINTCTL = 1 << 0,
  HDA_RIRBCTL_RUN = 1 << 1,
  HDA_RIRBCTL_OVERRUN = 1 << 2,
  HDA_RIRBSTS_RINTFL = 1 << 0,
  HDA_RIRBSTS_OVERRUN = 1 << 2,
  HDA_ICIS_BUSY = 1 << 0,
  HDA_ICIS_VALID = 1 << 1,
  HDA_DPLBASE_ENABLE = 1 << 0,
};
#define HDA_INT_GLOBAL     (UINT32_C (1) << 31)
#define HDA_INT_CONTROLLER (UINT32_C (1) << 30)

/* A stream descriptor, section 3.3.35 on. */
enum {
  HDA_SD_CTL = 0x00,
  HDA_SD_STS = 0x03,
  HDA_SD_LPIB = 0x04,
  HDA_SD_CBL = 0x08,
  HDA_SD_LVI = 0x0c,
  HDA_SD_FIFOS = 0x10,
  HDA_SD_FMT = 0x12,
  HDA_SD_BDPL = 0x18,

  HDA_SD_CTL_SRST = 1 << 0,
  HDA_SD_CTL_RUN = 1 << 1,
  HDA_SD_CTL_IOCE = 1 << 2,
  HDA_SD_CTL_FEIE = 1 << 3,
  HDA_SD_CTL_DEIE = 1 << 4,
  HDA_SD_STS_BCIS = 1 << 2,
  HDA_SD_STS_FIFOE = 1 << 3,
  HDA_SD_STS_DESE = 1 << 4,
  HDA_SD_STS_FIFORDY = 1 << 5,
};

typedef struct Hda Hda;

/* Section 3.7.1, taken apart. */
typedef struct {
  unsigned rate, bits, sample_size, n_channels, frame_size;
} HdaFormat;

typedef struct {
  uint8_t regs[HDA_STREAM_SIZE];
  bool active;       /* it moves: RUN, and not held by SSYNC */
  uint64_t since;    /* virtual ns at which it began to move */
  uint64_t frames;   /* moved since then */
  uint32_t position; /* bytes in the cyclic buffer: LPIB */
  uint16_t entry;    /* of the buffer descriptor list */
  bool entered;      /* the three below are the entry's */
  uint64_t address;
  uint32_t length;
  bool interrupts;
  uint32_t offset; /* bytes of the entry that are done */
  float gain[2];   /* as it was at the last frame; not saved */
} HdaStream;

typedef struct {
  uint16_t format;
  uint8_t stream_channel; /* stream's number << 4 | lowest channel; stream 0: none */
  uint8_t amplifier[2];   /* left, right: mute << 7 | gain */
} HdaConverter;

typedef struct {
  HdaConverter converters[HDA_N_CONVERTERS]; /* DAC, ADC */
  uint8_t pin_control[HDA_N_CONVERTERS];     /* line out, microphone */
  uint32_t pin_config[HDA_N_CONVERTERS];
  uint8_t unsolicited[HDA_N_CONVERTERS];
  uint8_t power[HDA_N_NODES];
  uint32_t subsystem;
} HdaCodec;

struct Hda {
  PciDevice pci; /* its first member is the Device */
  SoundHub *hub;
  LoopTimer *timer;
  uint8_t regs[HDA_GLOBAL_SIZE];
  HdaStream streams[HDA_N_STREAMS]; /* inputs first */
  HdaCodec codec;
  uint16_t n_responses; /* since the last interrupt */
  uint32_t pending;     /* interrupt causes when last looked at */
  uint64_t wall_base;   /* virtual ns at which the wall clock was 0 */

  /* Not saved. */
  bool playing, listening; /* what the hub was told */
};

extern const StateTable hda_state;

/* --- hda.c --- */

void hda_update_irq (Hda *hda);
uint64_t hda_now (const Hda *hda);

/* --- hda-link.c --- */

void hda_link_reset (Hda *hda);
/* After a write to registers in [@from, @end). */
void hda_link_written (Hda *hda, unsigned from, unsigned end);

/* --- hda-stream.c --- */

void hda_format_parse (uint16_t value, HdaFormat *format);
void hda_stream_reset (Hda *hda, HdaStream *stream);
void hda_streams_reset (Hda *hda);
/* After a write to the stream's registers, or to SSYNC: starts and stops. */
void hda_stream_update (Hda *hda, HdaStream *stream);
/* Moves what is due now, and arms the timer. */
void hda_streams_run (Hda *hda);
void hda_arm (Hda *hda);
/* Tells the hub what runs. */
void hda_tell_hub (Hda *hda);
bool hda_is_output (const Hda *hda, const HdaStream *stream);

/* --- hda-codec.c --- */

/* The answer to a verb, section 7.3.3: @verb as it comes over the link. */
uint32_t hda_codec_command (Hda *hda, uint32_t verb);
void hda_codec_reset (Hda *hda);
/* The gain of what the converter of @output plays or records for each side, and the first channel that it
 * takes from stream number @number; false: it has nothing to do with that stream. */
bool hda_codec_gain (const Hda *hda, bool output, unsigned number, unsigned *channel, float gain[2]);

/* --- sample.c --- */

/* @n frames of @format's layout to or from stereo. The gain goes evenly from @from to @to. */
void hda_samples_decode (const HdaFormat *format, unsigned channel, const uint8_t *bytes, float *frames,
                         unsigned n, const float from[2], const float to[2]);
void hda_samples_encode (const HdaFormat *format, unsigned channel, const float *frames, uint8_t *bytes,
                         unsigned n, const float from[2], const float to[2]);

G_END_DECLS
