/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/state/state-file.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/base/new-file.h"
#include "vmm/memory/page-hash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Version 1; numbers are little-endian:
 *
 *   0  8  magic "BonsaiST"
 *   8  4  version
 *  12  4  0
 *  16  8  bytes of the state
 *  24 16  XXH3 (128 bits, canonical) of the state
 *  40     the state
 */
static const char magic[8] = "BonsaiST";

#define VERSION   1u
#define HEAD_SIZE 40u
#define MAX_STATE (UINT64_C (1) << 30)

static bool
damaged (GError **error, const char *path, const char *cause)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The state file \"%s\" is damaged: %s", path, cause);
  return false;
}

bool
state_file_write (const char *path, GBytes *state, GError **error)
{
  uint8_t head[HEAD_SIZE] = { 0 };
  size_t size;
  const uint8_t *data = g_bytes_get_data (state, &size);
  MemoryPageHash check;
  const struct iovec pieces[] = { { head, sizeof head }, { (void *)(uintptr_t)data, size } };

  memcpy (head, magic, sizeof magic);
  store_le32 (head + 8, VERSION);
  store_le64 (head + 16, size);
  page_hash (data, size, &check);
  memcpy (head + 24, &check, sizeof check);
  return new_file_write (path, pieces, G_N_ELEMENTS (pieces))
         || vmm_set_errno_error (error, errno, "Can't write the state file \"%s\"", path);
}

/* Everything but the checksum. */
static bool
check_head (const uint8_t head[HEAD_SIZE], uint64_t file_size, const char *path, GError **error)
{
  uint32_t version = load_le32 (head + 8);

  if (memcmp (head, magic, sizeof magic) != 0)
    return damaged (error, path, "it doesn't begin as one");
  if (version > VERSION)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "The state file \"%s\" was made by a newer version of Bonsai (format %u; this one knows %u); update "
        "Bonsai",
        path, version, VERSION);
      return false;
    }
  if (version == 0 || load_le32 (head + 12) != 0)
    return damaged (error, path, "its head says what can't be");
  if (load_le64 (head + 16) > MAX_STATE || load_le64 (head + 16) + HEAD_SIZE != file_size)
    return damaged (error, path, "it has not the size that it says");
  return true;
}

static int
open_state (const char *path, uint8_t head[HEAD_SIZE], GError **error)
{
  struct stat status;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0 || fstat (fd, &status) < 0)
    vmm_set_errno_error (error, errno, "Can't open the state file \"%s\"", path);
  else if (!S_ISREG (status.st_mode) || read (fd, head, HEAD_SIZE) != (ssize_t)HEAD_SIZE)
    damaged (error, path, "it is cut off");
  else if (check_head (head, (uint64_t)status.st_size, path, error))
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

bool
state_file_check (const char *path, GError **error)
{
  uint8_t head[HEAD_SIZE];
  int fd = open_state (path, head, error);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

GBytes *
state_file_read (const char *path, GError **error)
{
  uint8_t head[HEAD_SIZE];
  int fd = open_state (path, head, error);
  g_autofree uint8_t *data = NULL;
  size_t size, done = 0;
  MemoryPageHash check;

  if (fd < 0)
    return NULL;
  size = load_le64 (head + 16);
  data = g_malloc (size + 1);
  while (done < size)
    {
      ssize_t n = read (fd, data + done, size - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      done += (size_t)n;
    }
  close (fd);
  page_hash (data, done, &check);
  if (done == size && memcmp (&check, head + 24, sizeof check) == 0)
    return g_bytes_new_take (g_steal_pointer (&data), size);
  damaged (error, path, "its checksum is wrong");
  return NULL;
}
