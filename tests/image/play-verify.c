/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/peer.h"
#include "tests/image/play.h"

#define CHUNK (1u << 20)

static void
expect (Play *play, uint64_t offset, const uint8_t *got, const uint8_t *wanted, uint64_t length)
{
  if (memcmp (got, wanted, length) == 0)
    return;
  for (uint64_t i = 0; i < length; i++)
    if (got[i] != wanted[i])
      {
        uint64_t last = length - 1;

        while (got[last] == wanted[last])
          last--;
        run_fail (play->run,
                  "%s: byte %" G_GUINT64_FORMAT " is 0x%02x, not 0x%02x (to byte %" G_GUINT64_FORMAT ")",
                  play->path, offset + i, got[i], wanted[i], offset + last);
      }
}

static void
expect_zeroes (Play *play, uint64_t offset, uint64_t length)
{
  static const uint8_t zeroes[CHUNK];
  g_autofree uint8_t *wanted = g_malloc (CHUNK);
  uint64_t end = offset + length;

  while (offset < end)
    {
      bool is_data;
      uint64_t next;

      medium_status (play->model, offset, end - offset, &is_data, &next);
      next = MIN (next, offset + CHUNK + (is_data ? 0 : end));
      if (is_data)
        {
          medium_read (play->model, offset, wanted, next - offset);
          expect (play, offset, zeroes, wanted, next - offset);
        }
      offset = next;
    }
}

static void
expect_data (Play *play, uint64_t offset, uint64_t length)
{
  g_autofree uint8_t *got = g_malloc (CHUNK), *wanted = g_malloc (CHUNK);

  for (uint64_t end = offset + length, n; offset < end; offset += n)
    {
      int result;

      n = MIN (CHUNK, end - offset);
      result = image_run (play->image, IMAGE_READ, offset, got, n);
      if (result != 0)
        run_fail (play->run, "%s: reading %" G_GUINT64_FORMAT " at %" G_GUINT64_FORMAT ": %s", play->path, n,
                  offset, g_strerror (-result));
      medium_read (play->model, offset, wanted, n);
      expect (play, offset, got, wanted, n);
    }
}

void
play_verify (Play *play)
{
  uint64_t size = image_size (play->image);

  if (size != medium_size (play->model))
    run_fail (play->run, "%s: %" G_GUINT64_FORMAT " bytes, not %" G_GUINT64_FORMAT, play->path, size,
              medium_size (play->model));
  for (uint64_t offset = 0; offset < size;)
    {
      ImageExtent extent = { 0 };
      int result = image_extent (play->image, offset, size - offset, &extent);

      if (result != 0 || extent.length == 0 || extent.length > size - offset || extent.offset != offset)
        run_fail (play->run,
                  "%s: extent at %" G_GUINT64_FORMAT ": %s, %" G_GUINT64_FORMAT
                  " bytes at %" G_GUINT64_FORMAT,
                  play->path, offset, g_strerror (-result), extent.length, extent.offset);
      if (extent.data)
        expect_data (play, offset, extent.length);
      else
        expect_zeroes (play, offset, extent.length);
      offset += extent.length;
    }
}

static void
finding (const char *text, void *data)
{
  Play *play = data;

  run_log (play->run, "check: %s", text);
}

void
play_check (Play *play)
{
  ImageSecret secret = play_secret (play);
  ImageOptions options = { .read_only = true,
                           .exclusive_lock = true,
                           .format = play->format,
                           .lenient = true,
                           .secret = play->passphrase != NULL ? &secret : NULL };
  ImageCheck check = { .finding = finding, .data = play };
  g_autoptr (GError) error = NULL;
  Image *image = image_open (play->loop, play->path, &options, &error);

  if (image == NULL)
    run_fail (play->run, "to be checked: %s", error->message);
  if (!image_check (image, &check, &error))
    run_fail (play->run, "check: %s", error->message);
  if (check.corruptions > 0 || (check.leaks > 0 && !(play->peer_leaks && g_str_equal (play->format, "vmdk"))))
    run_fail (play->run, "%s: %" G_GUINT64_FORMAT " corruptions and %" G_GUINT64_FORMAT " leaks", play->path,
              check.corruptions, check.leaks);
  image_close (image);
}

void
play_verify_with_peer (Play *play)
{
  ImageInfo *info;

  play_close (play);
  play_check (play);
  if (play->peer_reads)
    {
      peer_check (play->run, play->format, play->path, play->passphrase);
      peer_compare (play->run, play->format, play->path, play->passphrase, play->model);
    }
  play_open (play);
  info = image_info (play->image, 0);
  play_verify (play);
  play_close (play);
  if (play->peer_reads)
    peer_info (play->run, play->format, play->path, info);
  image_info_free (info);
}
