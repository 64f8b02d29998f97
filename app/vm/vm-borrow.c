/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts that go on with memory that another machine's process lends. */
#include "app/vm/vm-private.h"

#include "app/base/error.h"
#include "vmm/loan/loan-client.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void
bonsai_vm_borrow (BonsaiVm *self, int lender, gboolean is_last)
{
  self->lender = lender;
  self->is_last_loan = is_last;
}

void
bonsai_vm_set_borrowed (BonsaiVm *self, int contents)
{
  self->borrowed = contents;
}

/* Its input and output, as those of a process that is spawned. */
static bool
open_standard (BonsaiVm *self, int fds[3], GError **error)
{
  g_autofree char *folder = g_build_filename (self->path, "log", NULL);
  g_autofree char *path = g_build_filename (folder, "host.log", NULL);

  g_mkdir_with_parents (folder, 0755);
  fds[0] = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  fds[1] = fds[2] = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  return fds[1] >= 0 || bonsai_set_errno_error (error, errno, "Can't write %s", path);
}

bool
bonsai_vm_start_by_lender (BonsaiVm *self, GPtrArray *argv, int status_fd, GError **error)
{
  g_autofree char *library = g_path_get_dirname (self->path), *here = g_get_current_dir ();
  g_auto (GStrv) variables = g_environ_setenv (g_get_environ (), "BONSAI_LIBRARY", library, TRUE);
  int fds[] = { -1, -1, -1, status_fd };
  LoanProgram program = {
    .folder = here, .fds = fds, .n_fds = G_N_ELEMENTS (fds), .is_last = self->is_last_loan
  };
  bool began;

  g_ptr_array_insert (argv, 2, g_strdup_printf ("--borrowed-fd=%u", program.n_fds));
  g_ptr_array_add (argv, NULL);
  program.arguments = (const char *const *)argv->pdata;
  program.variables = (const char *const *)variables;
  began = open_standard (self, fds, error) && loan_start (self->lender, &program, error) > 0;
  if (fds[0] >= 0)
    close (fds[0]);
  if (fds[1] >= 0)
    close (fds[1]);
  return began;
}
