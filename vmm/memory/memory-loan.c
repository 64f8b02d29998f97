/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/memory/memory-loan.h"

#include "vmm/base/error.h"
#include "vmm/loan/lender.h"
#include "vmm/memory/bank-copy.h"
#include "vmm/memory/loan-contents.h"
#include "vmm/memory/memory-care.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Their run-times have memory at places of their own, and can't begin beside what is there. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define CAN_LEND 0
#else
#define CAN_LEND 1
#endif

struct MemoryLoan {
  GuestMemory *memory;
  MemoryCare *care;
  GPtrArray *banks;  /* of MemoryBank, a reference each */
  uint8_t **copies;  /* of each bank that is shared; else NULL */
  GVariant **pieces; /* of each bank, as of the instant: the files in it */
  char *path;
  Lender *lender;
  int listener, contents;
};

/* --- before the instant --- */

static bool
listen_at (MemoryLoan *loan, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  if (g_strlcpy (address.sun_path, loan->path, sizeof address.sun_path) >= sizeof address.sun_path)
    return vmm_set_errno_error (error, ENAMETOOLONG, "Can't listen at %s", loan->path);
  loan->listener = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (loan->listener >= 0 && bind (loan->listener, (struct sockaddr *)&address, sizeof address) == 0
      && chmod (loan->path, 0600) == 0 && listen (loan->listener, 1) == 0)
    return true;
  return vmm_set_errno_error (error, errno, "Can't listen at %s", loan->path);
}

static void
add_bank (MemoryBank *bank, void *data)
{
  g_ptr_array_add (data, memory_bank_ref (bank));
}

static bool
copy_banks (MemoryLoan *loan, GError **error)
{
  for (unsigned i = 0; i < loan->banks->len; i++)
    {
      MemoryBank *bank = loan->banks->pdata[i];

      if (!bank_is_shared (bank))
        continue;
      if (!loan->copies[i])
        loan->copies[i] = bank_copy_new (bank, error);
      if (!loan->copies[i])
        return false;
      bank_copy_fill (bank, loan->copies[i]);
    }
  return true;
}

static const uint8_t *
place_of (const MemoryLoan *loan, unsigned i)
{
  const MemoryBank *bank = loan->banks->pdata[i];

  return loan->copies[i] ? loan->copies[i] : bank->data;
}

static bool
prepare_lender (MemoryLoan *loan, GError **error)
{
  void *data =
    mmap (NULL, sizeof (Lender), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  Lender *lender = data;

  if (data == MAP_FAILED)
    return vmm_set_errno_error (error, errno, "Can't prepare a process that lends memory");
  loan->lender = lender;
  if (loan->banks->len >= LOAN_MAX_KEPT)
    return vmm_set_errno_error (error, E2BIG, "Can't lend the memory of so many devices");
  for (unsigned i = 0; i < loan->banks->len; i++)
    {
      uintptr_t start = (uintptr_t)place_of (loan, i);

      lender->kept[lender->n_kept++] =
        (LoanRange){ start, start + ((MemoryBank *)loan->banks->pdata[i])->size };
    }
  lender->kept[lender->n_kept++] = (LoanRange){ (uintptr_t)lender, (uintptr_t)(lender + 1) };
  lender->listener = loan->listener;
  lender->contents = loan->contents;
  lender->vdso = getauxval (AT_SYSINFO_EHDR);
  lender->hardware = getauxval (AT_HWCAP);
  lender->hardware2 = getauxval (AT_HWCAP2);
  lender->signal_stack = getauxval (AT_MINSIGSTKSZ);
  return true;
}

MemoryLoan *
memory_loan_new (GuestMemory *memory, const char *socket_path, GError **error)
{
  g_autoptr (MemoryLoan) loan = NULL;

  if (!CAN_LEND)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED, "A program with a sanitizer can't lend memory");
      return NULL;
    }
  loan = g_new0 (MemoryLoan, 1);
  loan->listener = loan->contents = -1;
  loan->memory = memory;
  loan->care = memory_care_ref (memory->care);
  loan->path = g_strdup (socket_path);
  loan->banks = g_ptr_array_new_with_free_func ((GDestroyNotify)memory_bank_unref);
  guest_memory_foreach (memory, add_bank, loan->banks);
  loan->copies = g_new0 (uint8_t *, loan->banks->len + 1);
  loan->pieces = g_new0 (GVariant *, loan->banks->len + 1);
  loan->contents = memfd_create ("bonsai-loan", MFD_CLOEXEC);
  if (loan->contents < 0)
    vmm_set_errno_error (error, errno, "Can't prepare what is told of lent memory");
  if (loan->contents < 0 || !copy_banks (loan, error) || !listen_at (loan, error)
      || !prepare_lender (loan, error))
    return NULL;
  memory_care_end_rejoining (loan->care);
  return g_steal_pointer (&loan);
}

void
memory_loan_free (MemoryLoan *loan)
{
  if (!loan)
    return;
  for (unsigned i = 0; i < loan->banks->len; i++)
    {
      bank_copy_free (loan->banks->pdata[i], loan->copies[i]);
      g_clear_pointer (&loan->pieces[i], g_variant_unref);
    }
  if (loan->lender)
    munmap (loan->lender, sizeof (Lender));
  if (loan->listener >= 0)
    close (loan->listener);
  if (loan->contents >= 0)
    close (loan->contents);
  memory_care_unref (loan->care);
  g_ptr_array_unref (loan->banks);
  g_free (loan->copies);
  g_free (loan->pieces);
  g_free (loan->path);
  g_free (loan);
}

/* --- the instant --- */

typedef struct {
  int pidfd;
  char *path;
} Watch;

static void *
await_end (void *data)
{
  Watch *watch = data;
  siginfo_t info;

  while (waitid (P_PIDFD, (id_t)watch->pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
    ;
  unlink (watch->path);
  close (watch->pidfd);
  g_free (watch->path);
  g_free (watch);
  return NULL;
}

static void
watch_lender (MemoryLoan *loan, int pidfd)
{
  Watch *watch = g_new (Watch, 1);

  *watch = (Watch){ pidfd, g_strdup (loan->path) };
  g_thread_unref (g_thread_new ("lender", await_end, watch));
}

/* A bank's pages that aren't in its page table may still be those of a file. */
static GVariant *
pieces_of (const MemoryBank *bank)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (LOAN_PIECES));
  for (unsigned i = 0; bank->backing && i < bank->backing->len; i++)
    {
      const BankBacking *piece = &g_array_index (bank->backing, BankBacking, i);

      g_variant_builder_add (&builder, LOAN_PIECE, piece->first_page, piece->n_pages, piece->file_page,
                             piece->device, piece->inode);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static void
let_lender_have_ram (MemoryLoan *loan, bool let)
{
  for (unsigned i = 0; i < loan->banks->len; i++)
    bank_let_child_have (loan->banks->pdata[i], let);
}

bool
memory_loan_take (MemoryLoan *loan, GError **error)
{
  int pidfd, saved_errno;

  if (!copy_banks (loan, error))
    return false;
  g_mutex_lock (&loan->memory->backing_lock);
  for (unsigned i = 0; i < loan->banks->len; i++)
    loan->pieces[i] = pieces_of (loan->banks->pdata[i]);
  loan->lender->rseq =
    __rseq_size > 0 ? (uintptr_t)__builtin_thread_pointer () + (uintptr_t)__rseq_offset : 0;
  let_lender_have_ram (loan, true);
  pidfd = lender_fork (loan->lender);
  saved_errno = errno;
  let_lender_have_ram (loan, false);
  g_mutex_unlock (&loan->memory->backing_lock);
  loan->memory = NULL;
  if (pidfd < 0)
    {
      unlink (loan->path);
      return vmm_set_errno_error (error, saved_errno, "Can't start a process that lends memory");
    }
  watch_lender (loan, pidfd);
  return true;
}

/* --- what is told --- */

static bool
write_contents (MemoryLoan *loan, GVariant *contents, GError **error)
{
  const uint8_t *data = g_variant_get_data (contents);
  gsize size = g_variant_get_size (contents), at = 0;

  while (at < size)
    {
      ssize_t done = pwrite (loan->contents, data + at, size - at, (off_t)at);

      if (done < 0 && errno == EINTR)
        continue;
      if (done <= 0)
        return vmm_set_errno_error (error, done < 0 ? errno : EIO, "Can't tell what is in lent memory");
      at += (gsize)done;
    }
  return true;
}

bool
memory_loan_tell (MemoryLoan *loan, GBytes *state, GError **error)
{
  g_autoptr (GVariant) contents = NULL;
  GVariantBuilder banks;

  g_variant_builder_init (&banks, G_VARIANT_TYPE ("a" LOAN_BANK));
  for (unsigned i = 0; i < loan->banks->len; i++)
    {
      const MemoryBank *bank = loan->banks->pdata[i];

      g_variant_builder_add (&banks, "(stt@" LOAN_PIECES ")", bank->name, bank->size,
                             (guint64)(uintptr_t)place_of (loan, i), loan->pieces[i]);
    }
  contents =
    g_variant_ref_sink (g_variant_new ("(u@a" LOAN_BANK "@ay)", LOAN_VERSION, g_variant_builder_end (&banks),
                                       g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, state, TRUE)));
  return write_contents (loan, contents, error);
}

GVariant *
memory_loan_read (int contents, GBytes **state, GError **error)
{
  g_autoptr (GVariant) told = NULL, banks = NULL, bytes = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new_from_fd (contents, FALSE, NULL);
  g_autoptr (GBytes) data = file ? g_mapped_file_get_bytes (file) : NULL;
  guint32 version = 0;

  told =
    data ? g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (LOAN_CONTENTS), data, FALSE)) : NULL;
  if (told && g_variant_is_normal_form (told))
    g_variant_get (told, "(u@a" LOAN_BANK "@ay)", &version, &banks, &bytes);
  if (version != LOAN_VERSION)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_STATE,
        "What was lent can't be understood: Bonsai was perhaps exchanged for another version meanwhile");
      return NULL;
    }
  *state = g_variant_get_data_as_bytes (bytes);
  return g_steal_pointer (&banks);
}
