/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/sound/hda-private.h"

#include <math.h>

/*
 * The codec: section 7. One audio function with a DAC that a line-out jack shows, and an ADC that hears a
 * microphone jack; both converters have amplifiers of 80 steps of 1 dB.
 */

#define VENDOR_ID 0x15ad1975u
#define REVISION  0x00100100u

#define GAIN_MAX 80u /* 0 dB */
#define MUTE     0x80u
#define PIN_IN   0x20u
#define PIN_OUT  0x40u

enum { ROOT, FUNCTION, DAC, LINE_OUT, ADC, MICROPHONE };
enum { PLAYING, RECORDING }; /* of converters and pins */

/* Section 7.3.4: parameters. */
enum {
  PARAM_VENDOR = 0x00,
  PARAM_REVISION = 0x02,
  PARAM_NODES = 0x04,
  PARAM_FUNCTION_TYPE = 0x05,
  PARAM_FUNCTION_CAPS = 0x08,
  PARAM_WIDGET_CAPS = 0x09,
  PARAM_RATES = 0x0a,
  PARAM_FORMATS = 0x0b,
  PARAM_PIN_CAPS = 0x0c,
  PARAM_INPUT_AMPLIFIER = 0x0d,
  PARAM_CONNECTIONS = 0x0e,
  PARAM_POWER_STATES = 0x0f,
  PARAM_OUTPUT_AMPLIFIER = 0x12,
};

/* Section 7.3.4.6. */
enum {
  CAP_STEREO = 1 << 0,
  CAP_INPUT_AMPLIFIER = 1 << 1,
  CAP_OUTPUT_AMPLIFIER = 1 << 2,
  CAP_AMPLIFIER_OWN = 1 << 3,
  CAP_FORMAT_OWN = 1 << 4,
  CAP_CONNECTIONS = 1 << 8,
  CAP_OUTPUT = 0 << 20,
  CAP_INPUT = 1 << 20,
  CAP_PIN = 4 << 20,
};

/* Section 7.3.4.7: 44.1, 48 and 96 kHz; 16, 24 and 32 bits. */
#define RATES     ((1u << 5) | (1u << 6) | (1u << 8) | (1u << 17) | (1u << 19) | (1u << 20))
#define AMPLIFIER ((1u << 31) | (3u << 16) | (GAIN_MAX << 8) | GAIN_MAX)

typedef struct {
  unsigned node, parameter;
  uint32_t value;
} Parameter;

static const Parameter parameters[] = {
  { ROOT, PARAM_VENDOR, VENDOR_ID },
  { ROOT, PARAM_REVISION, REVISION },
  { ROOT, PARAM_NODES, FUNCTION << 16 | 1 },
  { FUNCTION, PARAM_NODES, DAC << 16 | 4 },
  { FUNCTION, PARAM_FUNCTION_TYPE, 1 }, /* audio */
  { FUNCTION, PARAM_FUNCTION_CAPS, 0 },
  { FUNCTION, PARAM_RATES, RATES },
  { FUNCTION, PARAM_FORMATS, 1 },        /* PCM */
  { FUNCTION, PARAM_POWER_STATES, 0xf }, /* D0 to D3 */
  { DAC, PARAM_WIDGET_CAPS,
    CAP_OUTPUT | CAP_STEREO | CAP_OUTPUT_AMPLIFIER | CAP_AMPLIFIER_OWN | CAP_FORMAT_OWN },
  { DAC, PARAM_RATES, RATES },
  { DAC, PARAM_FORMATS, 1 },
  { DAC, PARAM_OUTPUT_AMPLIFIER, AMPLIFIER },
  { LINE_OUT, PARAM_WIDGET_CAPS, CAP_PIN | CAP_STEREO | CAP_CONNECTIONS },
  { LINE_OUT, PARAM_PIN_CAPS, 1 << 4 },
  { LINE_OUT, PARAM_CONNECTIONS, 1 },
  { ADC, PARAM_WIDGET_CAPS,
    CAP_INPUT | CAP_STEREO | CAP_CONNECTIONS | CAP_INPUT_AMPLIFIER | CAP_AMPLIFIER_OWN | CAP_FORMAT_OWN },
  { ADC, PARAM_RATES, RATES },
  { ADC, PARAM_FORMATS, 1 },
  { ADC, PARAM_INPUT_AMPLIFIER, AMPLIFIER },
  { ADC, PARAM_CONNECTIONS, 1 },
  { MICROPHONE, PARAM_WIDGET_CAPS, CAP_PIN | CAP_STEREO },
  { MICROPHONE, PARAM_PIN_CAPS, 1 << 5 },
};

/* Section 7.3.3.31: a green jack and a pink one at the rear, always plugged in. */
static const uint32_t pin_configs[HDA_N_CONVERTERS] = { 0x01014110, 0x01a19120 };

static uint32_t
get_parameter (unsigned node, unsigned parameter)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (parameters); i++)
    if (parameters[i].node == node && parameters[i].parameter == parameter)
      return parameters[i].value;
  return 0;
}

/* --- state --- */

void
hda_codec_reset (Hda *hda)
{
  HdaCodec *codec = &hda->codec;

  memset (codec, 0, sizeof *codec);
  for (unsigned i = 0; i < HDA_N_CONVERTERS; i++)
    {
      codec->converters[i].format = 0x0011; /* 48 kHz, 16 bits, stereo */
      codec->converters[i].amplifier[0] = codec->converters[i].amplifier[1] = GAIN_MAX;
      codec->pin_config[i] = pin_configs[i];
    }
  codec->pin_control[PLAYING] = PIN_OUT;
  codec->pin_control[RECORDING] = PIN_IN;
  codec->subsystem = VENDOR_ID;
}

/* Section 7.3.3.33: what software wrote of jacks and names stays. */
static void
reset_function (Hda *hda)
{
  HdaCodec before = hda->codec;

  hda_codec_reset (hda);
  memcpy (hda->codec.pin_config, before.pin_config, sizeof before.pin_config);
  hda->codec.subsystem = before.subsystem;
}

static HdaConverter *
converter_of (Hda *hda, unsigned node)
{
  return node == DAC   ? &hda->codec.converters[PLAYING]
         : node == ADC ? &hda->codec.converters[RECORDING]
                       : NULL;
}

static int
pin_of (unsigned node)
{
  return node == LINE_OUT ? PLAYING : node == MICROPHONE ? RECORDING : -1;
}

static float
amplification (uint8_t value)
{
  if (value & MUTE)
    return 0;
  return powf (10, ((float)MIN (value & 0x7f, GAIN_MAX) - (float)GAIN_MAX) / 20);
}

bool
hda_codec_gain (const Hda *hda, bool output, unsigned number, unsigned *channel, float gain[2])
{
  unsigned which = output ? PLAYING : RECORDING;
  const HdaConverter *converter = &hda->codec.converters[which];
  bool on = (hda->codec.pin_control[which] & (output ? PIN_OUT : PIN_IN)) && hda->codec.power[FUNCTION] == 0;

  if (number == 0 || converter->stream_channel >> 4 != number)
    return false;
  *channel = converter->stream_channel & 0xf;
  for (unsigned side = 0; side < 2; side++)
    gain[side] = on ? amplification (converter->amplifier[side]) : 0;
  return true;
}

/* --- verbs with 4 bits: section 7.3.3.7 and .8 --- */

/* Of the one amplifier that a converter has: the DAC's is its output, the ADC's its input with index 0. */
static uint32_t
get_amplifier (Hda *hda, unsigned node, uint16_t payload)
{
  const HdaConverter *converter = converter_of (hda, node);
  bool output = payload & 0x8000;

  if (converter == NULL || output != (node == DAC))
    return 0;
  return converter->amplifier[payload & 0x2000 ? 0 : 1];
}

static void
set_amplifier (Hda *hda, unsigned node, uint16_t payload)
{
  HdaConverter *converter = converter_of (hda, node);

  if (converter == NULL || !(payload & (node == DAC ? 0x8000 : 0x4000))
      || (node == ADC && (payload & 0x0f00)))
    return;
  if (payload & 0x2000)
    converter->amplifier[0] = payload & 0xff;
  if (payload & 0x1000)
    converter->amplifier[1] = payload & 0xff;
}

static void
set_format (Hda *hda, unsigned node, uint16_t payload)
{
  HdaConverter *converter = converter_of (hda, node);

  if (converter != NULL)
    converter->format = payload;
}

/* --- verbs with 12 bits: section 7.3.3 --- */

enum {
  GET_PARAMETER = 0xf00,
  GET_SELECTED = 0xf01,
  GET_CONNECTIONS = 0xf02,
  GET_POWER = 0xf05,
  GET_STREAM = 0xf06,
  GET_PIN = 0xf07,
  GET_UNSOLICITED = 0xf08,
  GET_PIN_SENSE = 0xf09,
  GET_PIN_CONFIG = 0xf1c,
  GET_SUBSYSTEM = 0xf20,
  SET_POWER = 0x705,
  SET_STREAM = 0x706,
  SET_PIN = 0x707,
  SET_UNSOLICITED = 0x708,
  SET_PIN_CONFIG = 0x71c, /* to 0x71f, by bytes */
  SET_SUBSYSTEM = 0x720,  /* to 0x723 */
  RESET_FUNCTION = 0x7ff,
};

static uint32_t
get (Hda *hda, unsigned node, unsigned verb, uint8_t payload)
{
  const HdaCodec *codec = &hda->codec;
  const HdaConverter *converter = converter_of (hda, node);
  int pin = pin_of (node);

  switch (verb)
    {
    case GET_PARAMETER:
      return get_parameter (node, payload);
    case GET_CONNECTIONS:
      return payload != 0 ? 0 : node == LINE_OUT ? DAC : node == ADC ? MICROPHONE : 0;
    case GET_POWER:
      return codec->power[node] | codec->power[node] << 4;
    case GET_STREAM:
      return converter != NULL ? converter->stream_channel : 0;
    case GET_PIN:
      return pin >= 0 ? codec->pin_control[pin] : 0;
    case GET_UNSOLICITED:
      return pin >= 0 ? codec->unsolicited[pin] : 0;
    case GET_PIN_SENSE:
      return pin >= 0 ? UINT32_C (1) << 31 : 0; /* present */
    case GET_PIN_CONFIG:
      return pin >= 0 ? codec->pin_config[pin] : 0;
    case GET_SUBSYSTEM:
      return node == FUNCTION ? codec->subsystem : 0;
    default:
      return 0;
    }
}

static void
set_byte (uint32_t *value, unsigned byte, uint8_t payload)
{
  *value = (*value & ~(UINT32_C (0xff) << (8 * byte))) | (uint32_t)payload << (8 * byte);
}

static void
set (Hda *hda, unsigned node, unsigned verb, uint8_t payload)
{
  HdaCodec *codec = &hda->codec;
  HdaConverter *converter = converter_of (hda, node);
  int pin = pin_of (node);

  switch (verb)
    {
    case SET_POWER:
      codec->power[node] = payload & 3;
      break;
    case SET_STREAM:
      if (converter != NULL)
        converter->stream_channel = payload;
      break;
    case SET_PIN:
      if (pin >= 0)
        codec->pin_control[pin] = payload & (PIN_IN | PIN_OUT);
      break;
    case SET_UNSOLICITED:
      if (pin >= 0)
        codec->unsolicited[pin] = payload & 0xbf;
      break;
    case SET_PIN_CONFIG ... SET_PIN_CONFIG + 3:
      if (pin >= 0)
        set_byte (&codec->pin_config[pin], verb - SET_PIN_CONFIG, payload);
      break;
    case SET_SUBSYSTEM ... SET_SUBSYSTEM + 3:
      if (node == FUNCTION)
        set_byte (&codec->subsystem, verb - SET_SUBSYSTEM, payload);
      break;
    case RESET_FUNCTION:
      if (node == FUNCTION)
        reset_function (hda);
      break;
    }
}

uint32_t
hda_codec_command (Hda *hda, uint32_t verb)
{
  unsigned node = verb >> 20 & 0x7f, code = verb >> 8 & 0xfff;
  bool is_indirect = verb >> 27 & 1;

  if (is_indirect || node >= HDA_N_NODES)
    return 0;
  switch (code >> 8)
    {
    case 0x2:
      set_format (hda, node, verb & 0xffff);
      return 0;
    case 0x3:
      set_amplifier (hda, node, verb & 0xffff);
      return 0;
    case 0xa:
      return converter_of (hda, node) != NULL ? converter_of (hda, node)->format : 0;
    case 0xb:
      return get_amplifier (hda, node, verb & 0xffff);
    case 0xf:
      return get (hda, node, code, verb & 0xff);
    case 0x7:
      set (hda, node, code, verb & 0xff);
      return 0;
    default:
      return 0;
    }
}
