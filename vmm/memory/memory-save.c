/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-save.h"

#include "vmm/base/error.h"
#include "vmm/memory/bank-copy.h"
#include "vmm/memory/memory-care.h"
#include "vmm/memory/save-image.h"
#include "vmm/memory/save-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BANK_ALIGNMENT (UINT64_C (2) << 20) /* in the file: so that huge pages could hold it */

struct MemorySave {
  char *folder;
  char *path; /* of the memory file */
  int fd;
  bool without_fork;
  bool was_standing;
  bool taken;

  GPtrArray *memory_banks; /* of MemoryBank, a reference each */
  MemoryCare *care;
  SaveBank *banks;
  unsigned n_banks;
  uint64_t n_pages;
  uint64_t file_size;
  SaveParent *parent; /* NULL: none */

  uint8_t *fates;         /* shared with the child */
  MemoryPageHash *hashes; /* shared with the child */
  SaveReport *report;     /* shared with the child */
  GMutex lock;
  int pidfd; /* lock; -1: no child */
};

static void *
map_shared (size_t size)
{
  void *data = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  return data == MAP_FAILED ? NULL : data;
}

/* --- banks --- */

static void
copy_banks (MemorySave *save)
{
  for (unsigned i = 0; i < save->n_banks; i++)
    if (bank_is_shared (save->banks[i].bank))
      bank_copy_fill (save->banks[i].bank, (uint8_t *)(uintptr_t)save->banks[i].data);
}

static bool
prepare_bank (MemorySave *save, SaveBank *bank, MemoryBank *memory_bank, GError **error)
{
  *bank = (SaveBank){ .data = memory_bank->data,
                      .n_pages = memory_bank->size / MEMORY_IMAGE_PAGE,
                      .place = save->file_size,
                      .first = save->n_pages,
                      .bank = memory_bank };
  save->n_pages += bank->n_pages;
  save->file_size =
    (save->file_size + memory_bank->size + BANK_ALIGNMENT - 1) / BANK_ALIGNMENT * BANK_ALIGNMENT;
  if (bank_is_shared (memory_bank))
    bank->data = bank_copy_new (memory_bank, error);
  return bank->data != NULL;
}

static void
add_bank (MemoryBank *bank, void *data)
{
  g_ptr_array_add (data, memory_bank_ref (bank));
}

static bool
prepare_banks (MemorySave *save, GuestMemory *memory, GError **error)
{
  guest_memory_foreach (memory, add_bank, save->memory_banks);
  if (save->memory_banks->len > MEMORY_IMAGE_MAX_BANKS)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "The machine has %u memory banks; a snapshot can hold %u. Remove display adapters or ROMs",
                   save->memory_banks->len, MEMORY_IMAGE_MAX_BANKS);
      return false;
    }
  save->banks = g_new0 (SaveBank, save->memory_banks->len + 1);
  for (; save->n_banks < save->memory_banks->len; save->n_banks++)
    if (!prepare_bank (save, &save->banks[save->n_banks], save->memory_banks->pdata[save->n_banks], error))
      return false;
  copy_banks (save); /* at the instant the copy's pages are there already */
  return true;
}

/* --- before the instant --- */

static bool
make_file (MemorySave *save, GError **error)
{
  save->fd = open (save->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (save->fd >= 0 && ftruncate (save->fd, (off_t)save->file_size) == 0)
    return true;
  return vmm_set_errno_error (error, errno, "Can't make the memory file \"%s\"", save->path);
}

static bool
prepare_shared (MemorySave *save, GError **error)
{
  save->report = map_shared (sizeof (SaveReport));
  save->fates = map_shared (save->n_pages);
  save->hashes = map_shared (save->n_pages * sizeof (MemoryPageHash));
  if (save->report && save->fates && save->hashes)
    return true;
  return vmm_set_errno_error (error, errno, "There is not enough memory for taking a snapshot");
}

MemorySave *
memory_save_new (GuestMemory *memory, const MemorySaveConfig *config, GError **error)
{
  g_autoptr (MemorySave) save = g_new0 (MemorySave, 1);

  save->fd = save->pidfd = -1;
  g_mutex_init (&save->lock);
  save->folder = g_strdup (config->folder);
  save->path = g_build_filename (config->folder, MEMORY_IMAGE_FILE, NULL);
  save->without_fork = config->without_fork;
  save->care = memory_care_ref (memory->care);
  save->memory_banks = g_ptr_array_new_with_free_func ((GDestroyNotify)memory_bank_unref);
  if (!prepare_banks (save, memory, error) || !make_file (save, error) || !prepare_shared (save, error))
    return NULL;
  memory_care_end_rejoining (save->care);
  if (config->parent)
    save->parent = save_parent_new (config->parent, save->banks, save->n_banks, save->n_pages, NULL);
  return g_steal_pointer (&save);
}

static void
reap (MemorySave *save, siginfo_t *info)
{
  while (waitid (P_PIDFD, (id_t)save->pidfd, info, WEXITED | __WALL) < 0 && errno == EINTR)
    ;
  g_mutex_lock (&save->lock);
  close (save->pidfd);
  save->pidfd = -1;
  g_mutex_unlock (&save->lock);
}

static void
end_child (MemorySave *save)
{
  siginfo_t info;

  if (save->pidfd < 0)
    return;
  memory_save_cancel (save);
  reap (save, &info);
}

void
memory_save_free (MemorySave *save)
{
  if (!save)
    return;
  end_child (save);
  for (unsigned i = 0; i < save->n_banks; i++)
    if (bank_is_shared (save->banks[i].bank))
      bank_copy_free (save->banks[i].bank, (uint8_t *)(uintptr_t)save->banks[i].data);
  if (save->report)
    munmap (save->report, sizeof (SaveReport));
  if (save->fates)
    munmap (save->fates, save->n_pages);
  if (save->hashes)
    munmap (save->hashes, save->n_pages * sizeof (MemoryPageHash));
  if (save->fd >= 0)
    close (save->fd);
  save_parent_free (save->parent);
  g_mutex_clear (&save->lock);
  memory_care_unref (save->care);
  g_ptr_array_unref (save->memory_banks);
  g_free (save->banks);
  g_free (save->folder);
  g_free (save->path);
  g_free (save);
}

/* --- the instant --- */

static void
let_child_have_ram (MemorySave *save, bool let)
{
  for (unsigned i = 0; i < save->n_banks; i++)
    bank_let_child_have (save->banks[i].bank, let);
}

static void
set_to_work (MemorySave *save, GuestMemory *memory)
{
  SaveJob job = {
    .banks = save->banks,
    .n_banks = save->n_banks,
    .fd = save->fd,
    .parent = (int)syscall (SYS_getpid),
    .fates = save->fates,
    .hashes = save->hashes,
    .known_hashes = save->parent ? save_parent_hashes (save->parent) : NULL,
    .report = save->report,
  };

  g_mutex_lock (&memory->backing_lock);
  if (!save->without_fork)
    {
      let_child_have_ram (save, true);
      g_mutex_lock (&save->lock);
      save->pidfd = save_fork (&job);
      g_mutex_unlock (&save->lock);
      let_child_have_ram (save, false);
    }
  if (save->pidfd < 0)
    {
      job.parent = 0;
      save->was_standing = true;
      save_write (&job);
    }
  g_mutex_unlock (&memory->backing_lock);
}

bool
memory_save_take (MemorySave *save, GError **error)
{
  GuestMemory *memory = save->banks[0].bank->memory;

  g_return_val_if_fail (!save->taken, false);

  save->taken = true;
  copy_banks (save);
  set_to_work (save, memory);
  return true;
}

/* --- afterwards --- */

void
memory_save_progress (MemorySave *save, uint64_t *done, uint64_t *total, uint64_t *written)
{
  *done = atomic_load (&save->report->done) * MEMORY_IMAGE_PAGE;
  *total = save->n_pages * MEMORY_IMAGE_PAGE;
  *written = atomic_load (&save->report->written);
}

void
memory_save_cancel (MemorySave *save)
{
  atomic_store (&save->report->cancelled, 1);
  g_mutex_lock (&save->lock);
  if (save->pidfd >= 0)
    syscall (SYS_pidfd_send_signal, save->pidfd, SIGKILL, NULL, 0);
  g_mutex_unlock (&save->lock);
}

bool
memory_save_was_standing (MemorySave *save)
{
  return save->was_standing;
}

static void
wait_for_child (MemorySave *save, GCancellable *cancellable)
{
  GPollFD cancel = { .fd = -1 };
  bool can_cancel = cancellable && g_cancellable_make_pollfd (cancellable, &cancel);
  struct pollfd fds[] = { { .fd = save->pidfd, .events = POLLIN }, { .fd = cancel.fd, .events = POLLIN } };

  while (poll (fds, can_cancel ? 2 : 1, -1) < 0 && errno == EINTR)
    ;
  if (can_cancel)
    g_cancellable_release_fd (cancellable);
}

static bool
refuse_end (MemorySave *save, const siginfo_t *info, GError **error)
{
  int code = atomic_load (&save->report->failed_errno);

  if (atomic_load (&save->report->cancelled))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "The snapshot was cancelled");
  else if (code != 0)
    vmm_set_errno_error (error, code,
                         atomic_load (&save->report->failed_sync)
                           ? "The memory file \"%s\" can't be brought to the disk"
                           : "Can't write the memory file \"%s\"",
                         save->path);
  else
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_FAILED,
      "The process that wrote the memory file \"%s\" was ended by signal %d (out of memory?); try again",
      save->path, info->si_code == CLD_EXITED ? 0 : info->si_status);
  return false;
}

static bool
await_end (MemorySave *save, GCancellable *cancellable, GError **error)
{
  siginfo_t info = { 0 };

  if (save->pidfd >= 0)
    {
      wait_for_child (save, cancellable);
      if (g_cancellable_is_cancelled (cancellable))
        memory_save_cancel (save);
      reap (save, &info);
    }
  else if (g_cancellable_is_cancelled (cancellable))
    atomic_store (&save->report->cancelled, 1);
  if (atomic_load (&save->report->finished) && !atomic_load (&save->report->cancelled))
    return true;
  return refuse_end (save, &info, error);
}

static gpointer
ref_bank (gconstpointer bank, gpointer data)
{
  return memory_bank_ref ((MemoryBank *)(uintptr_t)bank);
}

bool
memory_save_finish (MemorySave *save, GCancellable *cancellable, GError **error)
{
  g_autofree char *index = g_build_filename (save->folder, MEMORY_IMAGE_INDEX, NULL);
  g_autoptr (MemoryImage) image = NULL;

  g_return_val_if_fail (save->taken, false);

  if (!await_end (save, cancellable, error))
    return false;
  if (!save->was_standing)
    memory_care_rejoin (save->care, g_ptr_array_copy (save->memory_banks, ref_bank, NULL));
  image =
    save_image (save->folder, save->banks, save->n_banks, save->fates, save->hashes, save->parent, error);
  return image && memory_image_write (image, index, error);
}
