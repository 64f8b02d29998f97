/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sound card against the High Definition Audio specification, revision 1.0a. */
#include "devices/sound/hda.h"

#include "tests/devices/pci-bench.h"
#include "vmm/base/bytes.h"

#include <math.h>

#define BAR    PCI_BENCH_BAR (0)
#define CORB   UINT64_C (0x10000)
#define RIRB   UINT64_C (0x11000)
#define LIST   UINT64_C (0x12000)
#define PLACES UINT64_C (0x13000)
#define BUFFER UINT64_C (0x100000)

#define GCTL     (BAR + 0x08)
#define STATESTS (BAR + 0x0e)
#define INTCTL   (BAR + 0x20)
#define INTSTS   (BAR + 0x24)
#define WALCLK   (BAR + 0x30)
#define SSYNC    (BAR + 0x38)
#define CORBWP   (BAR + 0x48)
#define CORBRP   (BAR + 0x4a)
#define CORBCTL  (BAR + 0x4c)
#define RIRBWP   (BAR + 0x58)
#define RINTCNT  (BAR + 0x5a)
#define RIRBCTL  (BAR + 0x5c)
#define RIRBSTS  (BAR + 0x5d)
#define SD(n)    (BAR + 0x80 + 0x20 * (n))
#define OUT      4u /* the first output stream */
#define IN       0u

enum { RUN = 2, IOCE = 4, DEIE = 0x10 };
enum { BCIS = 4, DESE = 0x10, FIFORDY = 0x20 };
enum { DAC = 2, LINE_OUT = 3, ADC = 4, MICROPHONE = 5 };

/* What the host's side got, and gives: a ramp from 0 to 1 over 1000 frames. */
typedef struct {
  GMutex lock;
  GArray *played; /* of float */
  unsigned rate, n_recorded, n_ends;
  bool listening;
} Host;

typedef struct {
  Bench *bench;
  SoundHub *hub;
  Host host;
} Fixture;

static void
host_play (void *data, unsigned rate, const float *frames, unsigned n)
{
  Host *host = data;

  g_mutex_lock (&host->lock);
  host->rate = rate;
  g_array_append_vals (host->played, frames, n * SOUND_CHANNELS);
  g_mutex_unlock (&host->lock);
}

static void
host_end_play (void *data)
{
  ((Host *)data)->n_ends++;
}

static void
host_listen (void *data, bool on)
{
  ((Host *)data)->listening = on;
}

static unsigned
host_record (void *data, unsigned rate, float *frames, unsigned n)
{
  Host *host = data;

  host->rate = rate;
  for (unsigned i = 0; i < n; i++, host->n_recorded++)
    frames[2 * i] = frames[2 * i + 1] = (float)(host->n_recorded % 1000) / 1000;
  return n;
}

static const SoundBackend backend = { host_play, host_end_play, host_listen, host_record };

static void
furnish (Bench *bench, void *data)
{
  Fixture *f = data;
  const HdaConfig config = { { pci_bench_bus_new (bench), PCI_DEVFN (27, 0) }, f->hub };

  bench_add (bench, &hda_class, NULL, &config);
  pci_bench_map (bench);
}

static void
setup (Fixture *f, gconstpointer data)
{
  f->hub = sound_hub_new ();
  f->host.played = g_array_new (FALSE, FALSE, sizeof (float));
  sound_hub_add (f->hub, &backend, &f->host);
  f->bench = bench_new_with (furnish, f);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  sound_hub_remove (f->hub, &f->host);
  sound_hub_unref (f->hub);
  g_array_unref (f->host.played);
}

/* 4.3: out of reset; the rings with 256 entries. */
static void
start (Fixture *f)
{
  bench_write32 (f->bench, GCTL, 1);
  bench_write32 (f->bench, BAR + 0x40, CORB);
  bench_write32 (f->bench, BAR + 0x50, RIRB);
  bench_write16 (f->bench, CORBRP, 0x8000);
  bench_write16 (f->bench, CORBRP, 0);
  bench_write16 (f->bench, RIRBWP, 0x8000);
  bench_write16 (f->bench, RINTCNT, 1);
  bench_write8 (f->bench, CORBCTL, 2);
  bench_write8 (f->bench, RIRBCTL, 3);
}

/* Through the rings. */
static uint32_t
verb (Fixture *f, unsigned node, unsigned code, unsigned payload)
{
  uint8_t wp = bench_read8 (f->bench, CORBWP) + 1;
  uint32_t command = code > 0xf ? node << 20 | code << 8 | payload : node << 20 | code << 16 | payload;

  store_le32 (bench_memory (f->bench, CORB + 4 * wp, 4), command);
  bench_write16 (f->bench, CORBWP, wp);
  g_assert_cmphex (bench_read8 (f->bench, CORBRP), ==, wp);
  return load_le32 (bench_memory (f->bench, RIRB + 8 * bench_read8 (f->bench, RIRBWP), 4));
}

static uint32_t
parameter (Fixture *f, unsigned node, unsigned number)
{
  return verb (f, node, 0xf00, number);
}

/* A buffer of @n entries of @size bytes, the last of which interrupts. */
static void
prepare (Fixture *f, unsigned stream, uint16_t format, unsigned n, unsigned size, bool all_interrupt)
{
  for (unsigned i = 0; i < n; i++)
    {
      uint8_t *entry = bench_memory (f->bench, LIST + 16 * i, 16);

      store_le64 (entry, BUFFER + (uint64_t)i * size);
      store_le32 (entry + 8, size);
      store_le32 (entry + 12, all_interrupt || i == n - 1);
    }
  bench_write32 (f->bench, SD (stream) + 0x18, LIST);
  bench_write32 (f->bench, SD (stream) + 0x08, n * size);
  bench_write16 (f->bench, SD (stream) + 0x0c, n - 1);
  bench_write16 (f->bench, SD (stream) + 0x12, format);
  bench_write8 (f->bench, SD (stream) + 2, 5 << 4); /* stream number 5 */
}

static void
fill_ramp (Fixture *f, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    {
      store_le16 (bench_memory (f->bench, BUFFER + 4 * i, 2), i % 16384);
      store_le16 (bench_memory (f->bench, BUFFER + 4 * i + 2, 2), 0);
    }
}

/* 3.3.2 to 3.3.9. */
static void
test_registers (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (pci_bench_read_config (f->bench, 0, 4), ==, 0x293e8086);
  g_assert_cmphex (pci_bench_read_config (f->bench, 10, 2), ==, 0x0403);
  g_assert_cmphex (bench_read16 (f->bench, BAR), ==, 0x4401);
  g_assert_cmphex (bench_read16 (f->bench, BAR + 2), ==, 0x0100);
  g_assert_cmphex (bench_read32 (f->bench, GCTL), ==, 0);
  bench_write32 (f->bench, INTCTL, UINT32_MAX); /* nothing is written during reset */
  g_assert_cmphex (bench_read32 (f->bench, INTCTL), ==, 0);
  g_assert_cmphex (bench_read16 (f->bench, STATESTS), ==, 0);

  bench_write32 (f->bench, GCTL, 1);
  g_assert_cmphex (bench_read32 (f->bench, GCTL), ==, 1);
  g_assert_cmphex (bench_read16 (f->bench, STATESTS), ==, 1); /* codec 0 */
  bench_write16 (f->bench, STATESTS, 1);
  g_assert_cmphex (bench_read16 (f->bench, STATESTS), ==, 0);
  bench_write32 (f->bench, INTCTL, UINT32_MAX);
  g_assert_cmphex (bench_read32 (f->bench, INTCTL), ==, 0xc00000ff);
  bench_write32 (f->bench, BAR + 0x40, UINT32_MAX);
  g_assert_cmphex (bench_read32 (f->bench, BAR + 0x40), ==, 0xffffff80);
  g_assert_cmphex (bench_read8 (f->bench, BAR + 0x4e), ==, 0x42);
  bench_write32 (f->bench, GCTL, 3); /* 3.3.7: flushed at once */
  g_assert_cmphex (bench_read32 (f->bench, GCTL), ==, 1);
  g_assert_cmphex (bench_read16 (f->bench, BAR + 0x10), ==, 2);

  bench_write32 (f->bench, GCTL, 0);
  g_assert_cmphex (bench_read32 (f->bench, INTCTL), ==, 0);
  g_assert_cmphex (bench_read32 (f->bench, BAR + 0x40), ==, 0);
}

/* 3.3.16: 24 MHz, and its alias. */
static void
test_wall_clock (Fixture *f, gconstpointer data)
{
  start (f);
  bench_advance_clock (f->bench, NS_PER_SECOND);
  g_assert_cmpuint (bench_read32 (f->bench, WALCLK), ==, 24000000);
  g_assert_cmpuint (bench_read32 (f->bench, BAR + 0x2030), ==, 24000000);
}

/* 4.4: commands and answers in rings, and one at a time. */
static void
test_commands (Fixture *f, gconstpointer data)
{
  start (f);
  g_assert_cmphex (parameter (f, 0, 0), ==, 0x15ad1975);
  g_assert_cmphex (parameter (f, 0, 4), ==, 0x00010001);
  g_assert_cmphex (load_le32 (bench_memory (f->bench, RIRB + 8 * bench_read8 (f->bench, RIRBWP) + 4, 4)), ==,
                   0);

  /* RINTCNT 1: each answer interrupts, if that is enabled. */
  g_assert_cmphex (bench_read8 (f->bench, RIRBSTS), ==, 1);
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));
  bench_write32 (f->bench, INTCTL, 0xc0000000);
  g_assert_true (bench_irq (f->bench, PCI_BENCH_GSI));
  g_assert_cmphex (bench_read32 (f->bench, INTSTS), ==, 0xc0000000);
  bench_write8 (f->bench, RIRBSTS, 5);
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));

  /* 3.4: the immediate command registers. */
  bench_write32 (f->bench, BAR + 0x60, 0x000f0004);
  bench_write16 (f->bench, BAR + 0x68, 1);
  g_assert_cmphex (bench_read16 (f->bench, BAR + 0x68), ==, 2);
  g_assert_cmphex (bench_read32 (f->bench, BAR + 0x64), ==, 0x00010001);
  bench_write16 (f->bench, BAR + 0x68, 2);
  g_assert_cmphex (bench_read16 (f->bench, BAR + 0x68), ==, 0);
  bench_write32 (f->bench, BAR + 0x60, 0x300f0004); /* codec 3 isn't there */
  bench_write16 (f->bench, BAR + 0x68, 1);
  g_assert_cmphex (bench_read16 (f->bench, BAR + 0x68), ==, 0);

  /* Commands in no memory stop the engine with an error. */
  bench_write32 (f->bench, BAR + 0x44, 5);
  bench_write16 (f->bench, CORBWP, (bench_read8 (f->bench, CORBWP) + 1) & 0xff);
  g_assert_cmphex (bench_read8 (f->bench, BAR + 0x4d), ==, 1);
  g_assert_cmphex (bench_read8 (f->bench, CORBCTL) & 2, ==, 0);
}

/* 7.3: what a driver asks to know the widgets by. */
static void
test_codec (Fixture *f, gconstpointer data)
{
  start (f);
  g_assert_cmphex (parameter (f, 1, 5), ==, 1);          /* an audio function */
  g_assert_cmphex (parameter (f, 1, 4), ==, 0x00020004); /* nodes 2 to 5 */
  g_assert_cmphex (parameter (f, DAC, 9) >> 20, ==, 0);
  g_assert_cmphex (parameter (f, ADC, 9) >> 20, ==, 1);
  g_assert_cmphex (parameter (f, LINE_OUT, 9) >> 20, ==, 4);
  g_assert_cmphex (parameter (f, DAC, 0xa), ==, 0x001a0160); /* 44.1, 48, 96 kHz; 16, 24, 32 bits */
  g_assert_cmphex (parameter (f, DAC, 0xb), ==, 1);
  g_assert_cmphex (parameter (f, LINE_OUT, 0xc), ==, 0x10);
  g_assert_cmphex (parameter (f, MICROPHONE, 0xc), ==, 0x20);
  g_assert_cmpuint (verb (f, LINE_OUT, 0xf02, 0), ==, DAC);
  g_assert_cmpuint (verb (f, ADC, 0xf02, 0), ==, MICROPHONE);
  g_assert_cmphex (verb (f, LINE_OUT, 0xf1c, 0) >> 20 & 0xf, ==, 0);     /* line out */
  g_assert_cmphex (verb (f, MICROPHONE, 0xf1c, 0) >> 20 & 0xf, ==, 0xa); /* microphone */

  verb (f, DAC, 0x2, 0x4011);
  g_assert_cmphex (verb (f, DAC, 0xa, 0), ==, 0x4011);
  verb (f, DAC, 0x706, 0x50);
  g_assert_cmphex (verb (f, DAC, 0xf06, 0), ==, 0x50);
  verb (f, DAC, 0x3, 0xa000 | 20); /* output, left */
  g_assert_cmphex (verb (f, DAC, 0xb, 0xa000), ==, 20);
  g_assert_cmphex (verb (f, DAC, 0xb, 0x8000), ==, 80);
  verb (f, ADC, 0x3, 0x7080);
  g_assert_cmphex (verb (f, ADC, 0xb, 0x2000), ==, 0x80);
  g_assert_cmphex (verb (f, ADC, 0xb, 0xa000), ==, 0); /* it has no output amplifier */
  verb (f, LINE_OUT, 0x707, 0xff);
  g_assert_cmphex (verb (f, LINE_OUT, 0xf07, 0), ==, 0x60);
  verb (f, 1, 0x705, 3);
  g_assert_cmphex (verb (f, 1, 0xf05, 0), ==, 0x33);
  verb (f, LINE_OUT, 0x71f, 0x40);
  verb (f, 1, 0x7ff, 0); /* 7.3.3.33: reset; jacks stay as they were described */
  g_assert_cmphex (verb (f, 1, 0xf05, 0), ==, 0);
  g_assert_cmphex (verb (f, DAC, 0xf06, 0), ==, 0);
  g_assert_cmphex (verb (f, LINE_OUT, 0xf1c, 0), ==, 0x40014110);
  g_assert_cmphex (verb (f, 0x33, 0xf00, 0), ==, 0);
  bench_round_trip_state (f->bench);
}

/* 3.3.35 to 3.3.40, 4.5: a stream moves with the clock, interrupts at the entry's end, and goes round. */
static void
test_playback (Fixture *f, gconstpointer data)
{
  const float *played;

  start (f);
  verb (f, DAC, 0x706, 5 << 4);
  prepare (f, OUT, 0x0011, 2, 9600, true); /* 48 kHz, 16 bits, stereo: 50 ms each */
  fill_ramp (f, 4800);
  bench_write32 (f->bench, BAR + 0x70, PLACES | 1);
  bench_write8 (f->bench, RIRBSTS, 5);
  bench_write32 (f->bench, INTCTL, 0x80000000 | 1u << OUT);
  g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 4), ==, 0);
  bench_write8 (f->bench, SD (OUT), RUN | IOCE);
  g_assert_cmphex (bench_read8 (f->bench, SD (OUT) + 3), ==, FIFORDY);

  bench_advance_clock (f->bench, 25 * NS_PER_MS);
  g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 4), ==, 4800);
  g_assert_cmpuint (bench_read32 (f->bench, BAR + 0x2084 + 0x20 * OUT), ==, 4800);
  g_assert_cmpuint (load_le32 (bench_memory (f->bench, PLACES + 8 * OUT, 4)), ==, 4800);
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));
  bench_advance_clock (f->bench, 26 * NS_PER_MS);
  g_assert_true (bench_irq (f->bench, PCI_BENCH_GSI));
  g_assert_cmphex (bench_read32 (f->bench, INTSTS), ==, 0x80000000 | 1u << OUT);
  g_assert_cmphex (bench_read8 (f->bench, SD (OUT) + 3), ==, FIFORDY | BCIS);
  bench_write8 (f->bench, SD (OUT) + 3, BCIS);
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));
  bench_advance_clock (f->bench, 59 * NS_PER_MS);
  g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 4), ==, 1920); /* 110 ms: 10 ms of the second turn */

  bench_write8 (f->bench, SD (OUT), 0);
  g_assert_cmpuint (f->host.n_ends, ==, 1);
  bench_advance_clock (f->bench, NS_PER_SECOND);
  g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 4), ==, 1920);
  g_assert_cmpuint (f->host.rate, ==, 48000);
  g_assert_cmpuint (f->host.played->len, ==, 2 * 5280);
  played = (const float *)f->host.played->data;
  for (unsigned i = 300; i < 5280; i++) /* it fades in */
    {
      g_assert_cmpfloat_with_epsilon (played[2 * i], (float)(i % 4800) / 32768, 0.0001);
      g_assert_cmpfloat (played[2 * i + 1], ==, 0);
    }
}

/* An idle card has no timer; a stream held by SSYNC doesn't move until it is let go (4.5.3). */
static void
test_sync (Fixture *f, gconstpointer data)
{
  start (f);
  prepare (f, OUT, 0x0011, 2, 4096, false);
  prepare (f, OUT + 1, 0x0011, 2, 4096, false);
  bench_write32 (f->bench, SSYNC, 3u << OUT);
  g_assert_cmphex (bench_read32 (f->bench, BAR + 0x34), ==, 3u << OUT); /* the ICH9's own place */
  bench_write8 (f->bench, SD (OUT), RUN);
  bench_advance_clock (f->bench, 7 * NS_PER_MS);
  bench_write8 (f->bench, SD (OUT + 1), RUN);
  g_assert_cmphex (bench_read8 (f->bench, SD (OUT) + 3) & FIFORDY, ==, FIFORDY);
  bench_advance_clock (f->bench, 7 * NS_PER_MS);
  g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 4), ==, 0);
  bench_write32 (f->bench, BAR + 0x34, 0);
  bench_advance_clock (f->bench, 5 * NS_PER_MS);
  g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 4), ==, 960);
  g_assert_cmpuint (bench_read32 (f->bench, SD (OUT + 1) + 4), ==, 960);
}

/* Rates, containers and the amplifier (3.7.1, 7.3.3.7). */
static void
test_formats (Fixture *f, gconstpointer data)
{
  static const struct {
    uint16_t format;
    unsigned rate, frame;
  } formats[] = {
    { 0x0011, 48000, 4 }, { 0x4011, 44100, 4 }, { 0x0811, 96000, 4 },
    { 0x0031, 48000, 8 }, { 0x4041, 44100, 8 }, { 0x0010, 48000, 2 },
  };

  start (f);
  verb (f, DAC, 0x706, 5 << 4);
  verb (f, DAC, 0x3, 0xb000 | 60); /* both sides by 20 dB less */
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      unsigned size = formats[i].frame == 8 ? 4 : 2;
      const float *last;

      for (unsigned n = 0; n < 65536; n += size)
        store_le (bench_memory (f->bench, BUFFER + n, size), size, size == 4 ? 0x40000000 : 0x4000);
      prepare (f, OUT, formats[i].format, 1, 65536, false);
      g_array_set_size (f->host.played, 0);
      bench_write8 (f->bench, SD (OUT), RUN);
      bench_advance_clock (f->bench, 100 * NS_PER_MS);
      g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 4), ==, formats[i].rate / 10 * formats[i].frame);
      g_assert_cmpuint (f->host.rate, ==, formats[i].rate);
      last = (const float *)f->host.played->data + f->host.played->len - 2;
      g_assert_cmpfloat_with_epsilon (last[0], 0.05, 0.0001);
      g_assert_cmpfloat_with_epsilon (last[1], 0.05, 0.0001);
      bench_write8 (f->bench, SD (OUT), 1); /* 3.3.35: stream reset */
      g_assert_cmphex (bench_read8 (f->bench, SD (OUT)), ==, 1);
      bench_write8 (f->bench, SD (OUT), 0);
      g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 8), ==, 0);
    }

  /* Mute, a pin that is off, and no converter: time goes on, and nothing is heard. */
  prepare (f, OUT, 0x0011, 1, 65536, false);
  verb (f, LINE_OUT, 0x707, 0);
  g_array_set_size (f->host.played, 0);
  bench_write8 (f->bench, SD (OUT), RUN);
  bench_advance_clock (f->bench, 10 * NS_PER_MS);
  for (unsigned i = 0; i < f->host.played->len; i++)
    g_assert_cmpfloat (g_array_index (f->host.played, float, i), ==, 0);
  verb (f, DAC, 0x706, 0);
  bench_advance_clock (f->bench, 10 * NS_PER_MS);
  g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 4), ==, 3840);
}

/* What the host hears arrives in the guest's buffer; only then is the host listened to. */
static void
test_capture (Fixture *f, gconstpointer data)
{
  start (f);
  verb (f, ADC, 0x706, 5 << 4);
  memset (bench_memory (f->bench, BUFFER, 19200), 0x55, 19200);
  prepare (f, IN, 0x0011, 2, 9600, true);
  g_assert_false (f->host.listening);
  bench_write8 (f->bench, SD (IN), RUN | IOCE);
  bench_advance_clock (f->bench, 60 * NS_PER_MS);
  g_assert_true (f->host.listening);
  g_assert_cmphex (bench_read8 (f->bench, SD (IN) + 3), ==, FIFORDY | BCIS);
  bench_write8 (f->bench, SD (IN), 0);
  g_assert_false (f->host.listening);
  g_assert_cmpuint (f->host.n_recorded, ==, 2880);
  for (unsigned i = 300; i < 2880; i++)
    g_assert_cmpint (
      abs ((int16_t)load_le16 (bench_memory (f->bench, BUFFER + 4 * i, 2)) - (int)(i % 1000 * 32767 / 1000)),
      <=, 1);
  g_assert_cmphex (load_le16 (bench_memory (f->bench, BUFFER + 4 * 2880, 2)), ==, 0x5555);
}

/* 3.3.36: lists that lead nowhere end in an error of the descriptor; none goes on for ever. */
static void
test_broken_lists (Fixture *f, gconstpointer data)
{
  start (f);
  prepare (f, OUT, 0x0011, 4, 0, false); /* no entry holds anything */
  bench_write8 (f->bench, SD (OUT), RUN | DEIE);
  bench_advance_clock (f->bench, 20 * NS_PER_MS);
  g_assert_cmphex (bench_read8 (f->bench, SD (OUT) + 3) & DESE, ==, DESE);
  bench_write8 (f->bench, SD (OUT), 1);
  bench_write8 (f->bench, SD (OUT), 0);

  prepare (f, OUT, 0x0011, 1, 4096, false);
  store_le64 (bench_memory (f->bench, LIST, 8), UINT64_C (1) << 50);
  bench_write8 (f->bench, SD (OUT), RUN);
  bench_advance_clock (f->bench, 20 * NS_PER_MS);
  g_assert_cmphex (bench_read8 (f->bench, SD (OUT) + 3) & DESE, ==, DESE);
  bench_write8 (f->bench, SD (OUT), 1);
  bench_write8 (f->bench, SD (OUT), 0);
  prepare (f, OUT, 0x0011, 1, 4096, false);
  bench_write32 (f->bench, SD (OUT) + 0x1c, 7);
  bench_write8 (f->bench, SD (OUT), RUN);
  bench_advance_clock (f->bench, 20 * NS_PER_MS);
  g_assert_cmphex (bench_read8 (f->bench, SD (OUT) + 3) & DESE, ==, DESE);
}

/* MSI: each new cause is a message. */
static void
test_messages (Fixture *f, gconstpointer data)
{
  unsigned cap = pci_bench_capability (f->bench, 5, 0), before;

  g_assert_cmpuint (cap, !=, 0);
  pci_bench_write_config (f->bench, cap + 4, 0xfee00000, 4);
  pci_bench_write_config (f->bench, cap + 12, 0x41, 2);
  pci_bench_write_config (f->bench, cap + 2, 1, 2);
  start (f);
  bench_write32 (f->bench, INTCTL, 0xc00000ff);
  before = bench_msi_count (f->bench);
  parameter (f, 0, 0);
  g_assert_cmpuint (bench_msi_count (f->bench), ==, before + 1);
  parameter (f, 0, 0); /* not acknowledged: it is the same cause */
  g_assert_cmpuint (bench_msi_count (f->bench), ==, before + 1);
  prepare (f, OUT, 0x0011, 1, 960, true);
  bench_write8 (f->bench, SD (OUT), RUN | IOCE);
  bench_advance_clock (f->bench, 6 * NS_PER_MS);
  g_assert_cmpuint (bench_msi_count (f->bench), ==, before + 2);
  g_assert_false (bench_irq (f->bench, PCI_BENCH_GSI));
}

/* In the middle of a stream, and of a pause. */
static void
test_state (Fixture *f, gconstpointer data)
{
  start (f);
  verb (f, DAC, 0x706, 5 << 4);
  prepare (f, OUT, 0x0011, 4, 4096, true);
  bench_write8 (f->bench, SD (OUT), RUN | IOCE);
  bench_advance_clock (f->bench, 33 * NS_PER_MS);
  bench_round_trip_state (f->bench);
  board_stopped (bench_board (f->bench));
  g_assert_cmpuint (f->host.n_ends, >=, 1);
  bench_round_trip_state (f->bench);
  board_started (bench_board (f->bench));
  bench_advance_clock (f->bench, 33 * NS_PER_MS);
  g_assert_cmpuint (bench_read32 (f->bench, SD (OUT) + 4), ==, 66 * 192);
}

static void
test_mad_guest (Fixture *f, gconstpointer data)
{
  bench_write32 (f->bench, GCTL, 1);
  bench_fuzz_with (f->bench, 7, 60000, pci_bench_fuzz_step, NULL);
}

static void
add (const char *path, void (*func) (Fixture *f, gconstpointer data))
{
  g_test_add (path, Fixture, NULL, setup, func, teardown);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/hda/registers", test_registers);
  add ("/hda/wall-clock", test_wall_clock);
  add ("/hda/commands", test_commands);
  add ("/hda/codec", test_codec);
  add ("/hda/playback", test_playback);
  add ("/hda/sync", test_sync);
  add ("/hda/formats", test_formats);
  add ("/hda/capture", test_capture);
  add ("/hda/broken-lists", test_broken_lists);
  add ("/hda/messages", test_messages);
  add ("/hda/state", test_state);
  add ("/hda/mad-guest", test_mad_guest);
  return g_test_run ();
}
