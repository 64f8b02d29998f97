/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/scsi-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/base/iov.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <scsi/sg.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/*
 * A SCSI unit of the host: commands go to the kernel as they are (SG_IO, interface version 3), which judges
 * by its own rules what this process may send. The kernel maps the guest's memory. SG_IO blocks, so
 * threads wait for it.
 */

#define MAX_THREADS      8
#define MIN_SG_VERSION   30000
#define SENSE_SIZE       96u
#define DEFAULT_TRANSFER (512u << 10)

/* ms. Formatting and erasing take as long as they take; a guest gives up by itself much earlier. */
#define TIMEOUT      (120u * 1000)
#define TIMEOUT_LONG (24u * 3600 * 1000)

struct ScsiHost {
  EventLoop *loop;
  char *path;
  int fd;
  int claim; /* the block device of a /dev/sgN, held so that nobody mounts it; or -1 */
  uint32_t max_transfer;
  GThreadPool *threads;
  GMutex lock;
  GCond idle;
  unsigned in_flight;
};

typedef struct {
  ScsiHost *host;
  ScsiTask *task;
  sg_io_hdr_t header;
  uint8_t cdb[SCSI_CDB_SIZE], sense[SENSE_SIZE];
  int error; /* errno of the ioctl, or 0 */
} HostCommand;

/* --- the end of a command, on the loop's thread --- */

static void
refused (HostCommand *command)
{
  ScsiTask *task = command->task;

  TRACE (task->unit->device, "host-refused", "unit=%s cdb=0x%02x error=%d", task->unit->serial, task->cdb[0],
         command->error);
  switch (command->error)
    {
    case EPERM:
    case EACCES:
      scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x20, 0x00); /* as if the unit did not know it */
      break;
    case EINVAL:
      scsi_invalid_field (task);
      break;
    case ENOMEM:
    case EAGAIN:
    case EBUSY:
      scsi_finish (task, SCSI_BUSY);
      break;
    default:
      task->lost = true;
      scsi_finish (task, SCSI_GOOD);
    }
}

static void
conclude (HostCommand *command)
{
  ScsiTask *task = command->task;
  const sg_io_hdr_t *header = &command->header;
  int64_t transferred = (int64_t)header->dxfer_len - header->resid;

  if (task->aborted)
    {
      scsi_finish (task, SCSI_TASK_ABORTED);
      return;
    }
  if (command->error != 0)
    {
      refused (command);
      return;
    }
  TRACE (task->unit->device, "host-done", "unit=%s cdb=0x%02x status=0x%02x host=0x%x driver=0x%x",
         task->unit->serial, task->cdb[0], header->status, header->host_status, header->driver_status);
  task->lost = header->host_status != 0;
  task->transferred = CLAMP (transferred, 0, (int64_t)header->dxfer_len);
  task->raw_sense = command->sense;
  task->raw_sense_size = MIN (header->sb_len_wr, SENSE_SIZE);
  scsi_finish (task, header->status & 0xfe);
}

static void
command_done (void *data)
{
  HostCommand *command = data;
  ScsiHost *host = command->host;
  Device *device = command->task->unit->device;

  device_lock (device);
  conclude (command);
  device_unlock (device);
  board_io_end (device->board);
  g_free (command);

  g_mutex_lock (&host->lock);
  if (--host->in_flight == 0)
    g_cond_broadcast (&host->idle);
  g_mutex_unlock (&host->lock);
}

/* --- its way to the kernel --- */

static void
run_command (gpointer data, gpointer user_data)
{
  HostCommand *command = data;
  ScsiHost *host = user_data;
  int result;

  do
    result = ioctl (host->fd, SG_IO, &command->header);
  while (result < 0 && errno == EINTR);
  command->error = result < 0 ? errno : 0;
  loop_call (host->loop, command_done, command);
}

/* FORMAT UNIT, ERASE, SANITIZE, BLANK, VERIFY take long. */
static unsigned
timeout_of (uint8_t opcode)
{
  static const uint8_t slow[] = { 0x04, 0x19, 0x2f, 0x48, 0x8f, 0xa1, 0xaf };

  return memchr (slow, opcode, sizeof slow) != NULL ? TIMEOUT_LONG : TIMEOUT;
}

/* SPC-4, the operation code's group; the variable one says its length. 0: it can't be sent. */
static unsigned
cdb_length (const uint8_t *cdb)
{
  static const uint8_t lengths[8] = { 6, 10, 10, 0, 16, 12, 16, 16 };

  if (cdb[0] == 0x7f)
    return cdb[7] + 8u <= SCSI_CDB_SIZE ? MAX (cdb[7] + 8u, 12) : 0;
  return lengths[cdb[0] >> 5] != 0 ? lengths[cdb[0] >> 5] : 16;
}

void
scsi_host_execute (ScsiTask *task)
{
  ScsiHost *host = task->unit->host;
  HostCommand *command;
  ScsiData data;

  if (task->cdb[0] == 0xa0) /* REPORT LUNS: here the unit stands alone */
    {
      scsi_report_luns (task);
      return;
    }
  task->transport->data (task, &data);
  if (data.both || data.size > UINT32_MAX || cdb_length (task->cdb) == 0)
    {
      scsi_invalid_field (task);
      return;
    }
  command = g_new0 (HostCommand, 1);
  command->host = host;
  command->task = task;
  memcpy (command->cdb, task->cdb, sizeof command->cdb);
  command->header = (sg_io_hdr_t){
    .interface_id = 'S',
    .dxfer_direction = data.size == 0      ? SG_DXFER_NONE
                       : data.to_initiator ? SG_DXFER_FROM_DEV
                                           : SG_DXFER_TO_DEV,
    .cmd_len = cdb_length (task->cdb),
    .mx_sb_len = SENSE_SIZE,
    .iovec_count = data.n_iov > 1 ? data.n_iov : 0,
    .dxfer_len = data.size,
    .dxferp = data.n_iov > 1  ? (void *)data.iov
              : data.size > 0 ? data.iov->iov_base
                              : NULL,
    .cmdp = command->cdb,
    .sbp = command->sense,
    .timeout = timeout_of (task->cdb[0]),
    .flags = data.n_iov > 1 ? 0 : SG_FLAG_DIRECT_IO,
  };
  g_mutex_lock (&host->lock);
  host->in_flight++;
  g_mutex_unlock (&host->lock);
  board_io_begin (task->unit->device->board);
  g_thread_pool_push (host->threads, command, NULL);
}

/* --- life --- */

const char *
scsi_host_path (const ScsiHost *host)
{
  return host->path;
}

uint32_t
scsi_host_max_transfer (const ScsiHost *host)
{
  return host->max_transfer;
}

static bool
check_kind (const char *path, struct stat *status, GError **error)
{
  if (stat (path, status) < 0)
    return vmm_set_errno_error (error, errno, "Can't open the SCSI device “%s”", path);
  if (S_ISBLK (status->st_mode)
      || (S_ISCHR (status->st_mode) && major (status->st_rdev) == SCSI_GENERIC_MAJOR))
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "“%s” is no SCSI device; name one of /dev/sg*, or a block device of a SCSI disk or drive",
               path);
  return false;
}

/* Returns the descriptor or -1. */
static int
open_alone (const char *path, int mode, const char *named, GError **error)
{
  int fd = open (path, mode | O_EXCL | O_NONBLOCK | O_CLOEXEC);

  if (fd >= 0)
    return fd;
  if (errno == EBUSY)
    g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                 "The SCSI device “%s” is in use: %s is mounted or open elsewhere. Unmount it first", named,
                 path);
  else
    vmm_set_errno_error (error, errno, "Can't claim %s for the SCSI device “%s”", path, named);
  return -1;
}

/* The block device that belongs to a /dev/sgN must not be mounted while a guest writes to it. */
static bool
claim_sibling (ScsiHost *host, dev_t device, GError **error)
{
  g_autofree char *folder =
    g_strdup_printf ("/sys/dev/char/%u:%u/device/block", major (device), minor (device));
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name = dir != NULL ? g_dir_read_name (dir) : NULL;
  g_autofree char *path = name != NULL ? g_build_filename ("/dev", name, NULL) : NULL;

  if (path == NULL)
    return true; /* no disk and no drive: a tape, an enclosure */
  host->claim = open_alone (path, O_RDONLY, host->path, error);
  return host->claim >= 0;
}

static bool
open_device (ScsiHost *host, GError **error)
{
  struct stat status;
  int version = 0;

  if (!check_kind (host->path, &status, error))
    return false;
  host->fd = open_alone (host->path, O_RDWR, host->path, error);
  if (host->fd < 0 || (S_ISCHR (status.st_mode) && !claim_sibling (host, status.st_rdev, error)))
    return false;
  if (ioctl (host->fd, SG_GET_VERSION_NUM, &version) < 0 || version < MIN_SG_VERSION)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "“%s” takes no SCSI commands (SG_IO); use it as an ordinary disk instead", host->path);
      return false;
    }
  return true;
}

static void
find_max_transfer (ScsiHost *host)
{
  struct stat status;
  unsigned short sectors = 0;
  int bytes = 0;

  host->max_transfer = DEFAULT_TRANSFER;
  if (fstat (host->fd, &status) < 0)
    return;
  if (S_ISBLK (status.st_mode) && ioctl (host->fd, BLKSECTGET, &sectors) == 0 && sectors >= 8)
    host->max_transfer = sectors * 512u;
  else if (S_ISCHR (status.st_mode) && ioctl (host->fd, BLKSECTGET, &bytes) == 0 && bytes >= 4096)
    host->max_transfer = (uint32_t)bytes;
}

ScsiHost *
scsi_host_open (EventLoop *loop, const char *path, GError **error)
{
  g_autoptr (ScsiHost) host = g_new0 (ScsiHost, 1);

  host->loop = loop;
  host->path = g_strdup (path);
  host->fd = host->claim = -1;
  g_mutex_init (&host->lock);
  g_cond_init (&host->idle);
  if (!open_device (host, error))
    return NULL;
  find_max_transfer (host);
  host->threads = g_thread_pool_new (run_command, host, MAX_THREADS, FALSE, error);
  return host->threads != NULL ? g_steal_pointer (&host) : NULL;
}

static void
wait_until_idle (ScsiHost *host)
{
  bool on_loop = loop_is_current (host->loop);

  g_mutex_lock (&host->lock);
  while (host->in_flight > 0)
    {
      if (!on_loop)
        {
          g_cond_wait (&host->idle, &host->lock);
          continue;
        }
      g_mutex_unlock (&host->lock);
      g_main_context_iteration (loop_context (host->loop), TRUE);
      g_mutex_lock (&host->lock);
    }
  g_mutex_unlock (&host->lock);
}

void
scsi_host_close (ScsiHost *host)
{
  if (host == NULL)
    return;
  if (host->threads != NULL)
    {
      wait_until_idle (host);
      g_thread_pool_free (host->threads, FALSE, TRUE);
    }
  if (host->fd >= 0)
    close (host->fd);
  if (host->claim >= 0)
    close (host->claim);
  g_mutex_clear (&host->lock);
  g_cond_clear (&host->idle);
  g_free (host->path);
  g_free (host);
}
