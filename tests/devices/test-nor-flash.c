/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The variables' chip against the Intel StrataFlash (J3) data sheet, section "Device Operations", as OVMF's
 * driver uses it; and what stands in its file when the process is killed. */
#include "devices/platform/nor-flash.h"
#include "tests/bench-device/bench.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BASE  UINT64_C (0xffc00000)
#define SIZE  (4 * NOR_FLASH_BLOCK_SIZE)
#define BLOCK NOR_FLASH_BLOCK_SIZE

enum {
  STATUS = 0x70,
  CLEAR = 0x50,
  ARRAY = 0xff,
  PROGRAM = 0x10,
  PROGRAM_40 = 0x40,
  ERASE = 0x20,
  CONFIRM = 0xd0
};

/* A chip of erased cells, in a file of that content. */
typedef struct {
  uint8_t content[SIZE];
  char *path;
  NorFlashConfig config;
} Chip;

static void
chip_init (Chip *chip)
{
  int fd = g_file_open_tmp ("nor-flash-XXXXXX", &chip->path, NULL);

  memset (chip->content, 0xff, SIZE);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (pwrite (fd, chip->content, SIZE, 0), ==, SIZE);
  chip->config = (NorFlashConfig){ BASE, chip->content, SIZE, fd, chip->path };
}

static void
chip_clear (Chip *chip)
{
  g_unlink (chip->path);
  g_free (chip->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Chip, chip_clear)

static uint8_t
in_file (const Chip *chip, size_t offset)
{
  uint8_t byte = 0;
  int fd = open (chip->path, O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (pread (fd, &byte, 1, (off_t)offset), ==, 1);
  close (fd);
  return byte;
}

static bool
is_memory (Bench *bench)
{
  uint8_t byte;

  return guest_read (bench_board (bench)->memory, BASE, &byte, 1);
}

static void
program (Bench *bench, size_t offset, uint8_t value)
{
  bench_write8 (bench, BASE + offset, PROGRAM);
  bench_write8 (bench, BASE + offset, value);
}

static void
erase (Bench *bench, size_t offset)
{
  bench_write8 (bench, BASE + offset, ERASE);
  bench_write8 (bench, BASE + offset, CONFIRM);
}

/* OVMF probes for RAM, ROM and flash in this way. */
static void
test_is_found_by_firmware (void)
{
  g_auto (Chip) chip = { 0 };
  g_autoptr (Bench) bench = (chip_init (&chip), bench_new (&nor_flash_class, &chip.config));

  g_assert_true (is_memory (bench));
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0xff);
  bench_write8 (bench, BASE, CLEAR);
  g_assert_cmphex (bench_read8 (bench, BASE), !=, CLEAR); /* no RAM */
  bench_write8 (bench, BASE, STATUS);
  g_assert_false (is_memory (bench));
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0); /* flash */
  bench_write8 (bench, BASE, ARRAY);
  g_assert_true (is_memory (bench));
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0xff);
}

/* "Read Identifier Codes". */
static void
test_identifier (void)
{
  g_auto (Chip) chip = { 0 };
  g_autoptr (Bench) bench = (chip_init (&chip), bench_new (&nor_flash_class, &chip.config));

  bench_write8 (bench, BASE + BLOCK, 0x90);
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0x89);
  g_assert_cmphex (bench_read16 (bench, BASE), ==, 0x1889);
  g_assert_cmphex (bench_read8 (bench, BASE + 2 * BLOCK + 2), ==, 0);
  bench_write8 (bench, BASE, ARRAY);
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0xff);
}

/* "Program": bits go from 1 to 0; the status is read until READ ARRAY. */
static void
test_program (void)
{
  g_auto (Chip) chip = { 0 };
  g_autoptr (Bench) bench = (chip_init (&chip), bench_new (&nor_flash_class, &chip.config));

  program (bench, 5, 0xf0);
  g_assert_cmphex (in_file (&chip, 5), ==, 0xf0);
  g_assert_cmphex (bench_read8 (bench, BASE + 5), ==, 0x80);
  bench_write8 (bench, BASE + 5, PROGRAM_40);
  g_assert_cmphex (bench_read8 (bench, BASE + 5), ==, 0x80);
  bench_write8 (bench, BASE + 5, 0x3c);
  bench_write8 (bench, BASE, ARRAY);
  g_assert_cmphex (bench_read8 (bench, BASE + 5), ==, 0x30);
  g_assert_cmphex (in_file (&chip, 5), ==, 0x30);
  g_assert_cmphex (bench_read8 (bench, BASE + 4), ==, 0xff);
  g_assert_cmphex (bench_read32 (bench, BASE + 4), ==, 0xffff30ff);
}

/* "Block Erase": the block of any address in it. */
static void
test_erase (void)
{
  g_auto (Chip) chip = { 0 };
  g_autoptr (Bench) bench = (chip_init (&chip), bench_new (&nor_flash_class, &chip.config));
  const size_t places[] = { BLOCK - 1, BLOCK, 2 * BLOCK - 1, 2 * BLOCK };

  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    program (bench, places[i], 0);
  erase (bench, BLOCK + 77);
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0x80);
  bench_write8 (bench, BASE, ARRAY);
  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    {
      uint8_t expected = places[i] / BLOCK == 1 ? 0xff : 0;

      g_assert_cmphex (bench_read8 (bench, BASE + places[i]), ==, expected);
      g_assert_cmphex (in_file (&chip, places[i]), ==, expected);
    }
}

/* "Status Register Definitions": SR.5 and SR.4 together are a command sequence error; only CLEAR takes them
 * away. */
static void
test_unconfirmed_erase (void)
{
  g_auto (Chip) chip = { 0 };
  g_autoptr (Bench) bench = (chip_init (&chip), bench_new (&nor_flash_class, &chip.config));

  program (bench, 0, 0x11);
  bench_write8 (bench, BASE, ERASE);
  bench_write8 (bench, BASE, ARRAY);
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0xb0);
  program (bench, 1, 0x22);
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0xb0);
  bench_write8 (bench, BASE, CLEAR);
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0x00);
  program (bench, 2, 0x33);
  g_assert_cmphex (bench_read8 (bench, BASE), ==, 0x80);
  bench_write8 (bench, BASE, ARRAY);
  g_assert_cmphex (bench_read32 (bench, BASE), ==, 0xff332211);
}

/* A byte-wide chip takes wide accesses as so many cycles. */
static void
test_wide_access (void)
{
  g_auto (Chip) chip = { 0 };
  g_autoptr (Bench) bench = (chip_init (&chip), bench_new (&nor_flash_class, &chip.config));

  bench_write16 (bench, BASE + 8, 0x5500 | PROGRAM); /* programs byte 9 */
  bench_write8 (bench, BASE, ARRAY);
  g_assert_cmphex (bench_read16 (bench, BASE + 8), ==, 0x55ff);
  bench_write8 (bench, BASE, STATUS);
  g_assert_cmphex (bench_read32 (bench, BASE), ==, 0x80808080);
}

static void
test_reset_keeps_content (void)
{
  g_auto (Chip) chip = { 0 };
  g_autoptr (Bench) bench = (chip_init (&chip), bench_new (&nor_flash_class, &chip.config));

  program (bench, 3, 0x42);
  bench_write8 (bench, BASE, ERASE);
  g_assert_false (is_memory (bench));
  bench_reset (bench);
  g_assert_true (is_memory (bench));
  g_assert_cmphex (bench_read8 (bench, BASE + 3), ==, 0x42);
  bench_write8 (bench, BASE, CONFIRM); /* of an erase that is forgotten */
  bench_write8 (bench, BASE, ARRAY);
  g_assert_cmphex (bench_read8 (bench, BASE + 3), ==, 0x42);
}

/* --- state --- */

static void
add_volatile_chip (Bench *bench, void *data)
{
  static uint8_t content[SIZE];

  bench_add (bench, &nor_flash_class, "nvram", &(NorFlashConfig){ BASE, content, SIZE, -1, NULL });
}

static void
test_state_in_mid_command (void)
{
  g_autoptr (Bench) bench = bench_new_with (add_volatile_chip, NULL);

  erase (bench, BLOCK);
  program (bench, BLOCK, 0x5a);
  bench_round_trip_state (bench);
  bench_write8 (bench, BASE, ERASE);
  bench_round_trip_state (bench);
  bench_write8 (bench, BASE, CONFIRM);
  bench_write8 (bench, BASE, PROGRAM);
  bench_round_trip_state (bench);
  bench_write8 (bench, BASE, 0x90);
  bench_round_trip_state (bench);
}

/* What a state brings is in the file as well, and the chip is in the middle of what it was in. */
static void
add_chip (Bench *bench, void *data)
{
  bench_add (bench, &nor_flash_class, "nvram", &((Chip *)data)->config);
}

static void
test_loaded_state_reaches_file (void)
{
  g_auto (Chip) chip = { 0 };
  g_autoptr (Bench) saver = bench_new_with (add_volatile_chip, NULL), loader = NULL;
  g_autoptr (GBytes) state = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;
  const uint8_t *data;

  erase (saver, 0);
  program (saver, 6, 0x66);
  bench_write8 (saver, BASE + 7, PROGRAM);
  state = board_save (bench_board (saver));
  data = g_bytes_get_data (state, &size);

  chip_init (&chip);
  loader = bench_new_with (add_chip, &chip);
  board_load (bench_board (loader), data, size, &error);
  g_assert_no_error (error);
  g_assert_cmphex (in_file (&chip, 6), ==, 0x66);
  g_assert_false (is_memory (loader));
  bench_write8 (loader, BASE + 7, 0x77);
  bench_write8 (loader, BASE, ARRAY);
  g_assert_cmphex (bench_read8 (loader, BASE + 7), ==, 0x77);
  g_assert_cmphex (in_file (&chip, 7), ==, 0x77);
}

/* --- the file --- */

/* A file that can't be written pauses the machine, once; what it lacks is there as soon as it can be. */
static void
test_write_error (void)
{
  g_auto (Chip) chip = { 0 };
  g_autoptr (Bench) bench = NULL;
  int good;

  chip_init (&chip);
  good = chip.config.fd;
  chip.config.fd = open ("/dev/full", O_RDWR | O_CLOEXEC);
  g_assert_cmpint (chip.config.fd, >=, 0);
  bench = bench_new (&nor_flash_class, &chip.config);

  program (bench, 0, 0x12);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_PAUSE), ==, 1);
  g_assert_nonnull (strstr (bench_request_message (bench), chip.path));
  program (bench, 1, 0x34);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_PAUSE), ==, 1);
  g_assert_cmphex (in_file (&chip, 0), ==, 0xff);

  g_assert_cmpint (dup2 (good, chip.config.fd), ==, chip.config.fd);
  close (good);
  board_started (bench_board (bench));
  g_assert_cmphex (in_file (&chip, 0), ==, 0x12);
  g_assert_cmphex (in_file (&chip, 1), ==, 0x34);
}

/* A process that, for ever, erases a block and programs its bytes one after the other. @progress is shared:
 * steps that the guest saw done. */
static void G_GNUC_NORETURN
write_for_ever (const char *path, const char *progress_path)
{
  uint8_t content[SIZE];
  int fd = open (path, O_RDWR | O_CLOEXEC), progress_fd = open (progress_path, O_RDWR | O_CLOEXEC);
  volatile uint32_t *progress = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, progress_fd, 0);
  NorFlashConfig config = { BASE, content, SIZE, fd, path };
  Bench *bench;

  g_assert_cmpint (pread (fd, content, SIZE, 0), ==, SIZE);
  bench = bench_new (&nor_flash_class, &config);
  for (uint32_t step = 0;; step++)
    {
      if (step % (BLOCK + 1) == 0)
        erase (bench, 0);
      else
        program (bench, step % (BLOCK + 1) - 1, (uint8_t)(step % 251));
      *progress = step + 1;
      if (step % 1000 == 999)
        g_assert_cmpint (write (STDOUT_FILENO, "", 1), ==, 1);
    }
}

/* The steps of the present round that @chip's file shows, 0: erased; BLOCK: all. */
static uint32_t
steps_in_file (const Chip *chip, uint32_t round_start)
{
  uint32_t n = 0;

  while (n < BLOCK && in_file (chip, n) == (round_start + n + 1) % 251)
    n++;
  for (uint32_t i = n; i < BLOCK; i++)
    g_assert_cmphex (in_file (chip, i), ==, 0xff);
  return n;
}

static char *own_path;

/* Killed at any moment: what the guest saw done is in the file, and at most the next step. */
static void
test_killed (void)
{
  for (unsigned kills = 1; kills <= 5; kills++)
    {
      g_auto (Chip) chip = { 0 };
      g_autofree char *progress = NULL;
      g_autoptr (GSubprocess) child = NULL;
      int fd = g_file_open_tmp ("nor-flash-XXXXXX", &progress, NULL);
      uint32_t done = 0, start, shown;
      char tick[8];

      g_assert_cmpint (ftruncate (fd, 4096), ==, 0);
      chip_init (&chip);
      close (chip.config.fd);
      child = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL, own_path, "--write", chip.path,
                                progress, NULL);
      for (unsigned i = 0; i < kills; i++)
        g_assert_cmpint (g_input_stream_read (g_subprocess_get_stdout_pipe (child), tick, 1, NULL, NULL), ==,
                         1);
      g_subprocess_force_exit (child);
      g_subprocess_wait (child, NULL, NULL);
      g_assert_cmpint (pread (fd, &done, sizeof done, 0), ==, sizeof done);
      g_assert_cmpuint (done, >=, 1000);

      start = (done - 1) / (BLOCK + 1) * (BLOCK + 1); /* the step that erased */
      if (done % (BLOCK + 1) == 0 && in_file (&chip, 0) == 0xff)
        start = done;
      shown = start + 1 + steps_in_file (&chip, start);
      g_assert_cmpuint (shown, >=, done);
      g_assert_cmpuint (shown, <=, done + 1);
      close (fd);
      g_unlink (progress);
    }
}

int
main (int argc, char **argv)
{
  if (argc == 4 && g_str_equal (argv[1], "--write"))
    write_for_ever (argv[2], argv[3]);
  own_path = argv[0];
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/nor-flash/is-found-by-firmware", test_is_found_by_firmware);
  g_test_add_func ("/nor-flash/identifier", test_identifier);
  g_test_add_func ("/nor-flash/program", test_program);
  g_test_add_func ("/nor-flash/erase", test_erase);
  g_test_add_func ("/nor-flash/unconfirmed-erase", test_unconfirmed_erase);
  g_test_add_func ("/nor-flash/wide-access", test_wide_access);
  g_test_add_func ("/nor-flash/reset-keeps-content", test_reset_keeps_content);
  g_test_add_func ("/nor-flash/state/in-mid-command", test_state_in_mid_command);
  g_test_add_func ("/nor-flash/state/reaches-file", test_loaded_state_reaches_file);
  g_test_add_func ("/nor-flash/write-error", test_write_error);
  g_test_add_func ("/nor-flash/killed", test_killed);
  return g_test_run ();
}
