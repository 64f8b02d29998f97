/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loan/loan-client.h"

#include "vmm/base/error.h"
#include "vmm/loan/lender.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_HEADERS 64u

int
loan_connect (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (fd >= 0 && connect (fd, (struct sockaddr *)&address, sizeof address) == 0)
    {
      unlink (path);
      return fd;
    }
  vmm_set_errno_error (error, errno, "The process that lends memory can't be reached");
  if (fd >= 0)
    close (fd);
  return -1;
}

/* --- the request --- */

/* The path of a program's interpreter (System V gABI, "Program Interpreter"). (transfer full) */
static char *
find_loader (const char *program, GError **error)
{
  Elf64_Phdr headers[MAX_HEADERS];
  Elf64_Ehdr header;
  int fd = open (program, O_RDONLY | O_CLOEXEC);
  char *path = NULL;

  errno = ENOEXEC;
  if (fd >= 0 && pread (fd, &header, sizeof header, 0) == sizeof header && header.e_phnum <= MAX_HEADERS
      && pread (fd, headers, header.e_phnum * sizeof *headers, (off_t)header.e_phoff)
           == (ssize_t)(header.e_phnum * sizeof *headers))
    for (unsigned i = 0; i < header.e_phnum && !path; i++)
      if (headers[i].p_type == PT_INTERP && headers[i].p_filesz < PATH_MAX)
        {
          path = g_malloc0 (headers[i].p_filesz + 1);
          if (pread (fd, path, headers[i].p_filesz, (off_t)headers[i].p_offset)
              != (ssize_t)headers[i].p_filesz)
            g_clear_pointer (&path, g_free);
        }
  if (!path)
    vmm_set_errno_error (error, errno, "Can't find out how %s is loaded", program);
  if (fd >= 0)
    close (fd);
  return path;
}

static void
add (GByteArray *text, const char *string)
{
  g_byte_array_append (text, (const guint8 *)string, (guint)strlen (string) + 1);
}

static GByteArray *
format (const LoanProgram *program, GError **error)
{
  g_autofree char *loader = find_loader (program->arguments[0], error);
  g_autoptr (GByteArray) data = g_byte_array_new ();
  LoanRequest *request;

  if (!loader)
    return NULL;
  g_byte_array_set_size (data, offsetof (LoanRequest, text));
  add (data, program->folder);
  add (data, loader);
  for (const char *const *at = program->arguments; *at; at++)
    add (data, *at);
  for (const char *const *at = program->variables; *at; at++)
    add (data, *at);
  if (data->len > sizeof (LoanRequest))
    {
      vmm_set_errno_error (error, E2BIG, "The environment is too large for a program that borrows memory");
      return NULL;
    }
  request = (LoanRequest *)(void *)data->data;
  request->n_arguments = 1 + g_strv_length ((char **)(uintptr_t)program->arguments);
  request->n_variables = g_strv_length ((char **)(uintptr_t)program->variables);
  request->is_last = program->is_last;
  return g_steal_pointer (&data);
}

static bool
send_request (int lender, const LoanProgram *program, const GByteArray *data)
{
  _Alignas(struct cmsghdr) char control[CMSG_SPACE (LOAN_MAX_FDS * sizeof (int))] = { 0 };
  struct iovec piece = { data->data, data->len };
  struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
  struct cmsghdr *rights = (struct cmsghdr *)(void *)control;

  if (program->n_fds > 0)
    {
      *rights = (struct cmsghdr){ CMSG_LEN (program->n_fds * sizeof (int)), SOL_SOCKET, SCM_RIGHTS };
      memcpy (CMSG_DATA (rights), program->fds, program->n_fds * sizeof (int));
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE (program->n_fds * sizeof (int));
    }
  return sendmsg (lender, &message, MSG_NOSIGNAL) == (ssize_t)data->len;
}

int
loan_start (int lender, const LoanProgram *program, GError **error)
{
  g_autoptr (GByteArray) data = NULL;
  int32_t answer = 0;
  ssize_t got;

  g_return_val_if_fail (program->n_fds <= LOAN_MAX_FDS, -1);

  data = format (program, error);
  if (!data)
    return -1;
  if (!send_request (lender, program, data))
    {
      vmm_set_errno_error (error, errno, "The process that lends memory has ended");
      return -1;
    }
  while ((got = recv (lender, &answer, sizeof answer, 0)) < 0 && errno == EINTR)
    ;
  if (got == sizeof answer && answer > 0)
    return answer;
  vmm_set_errno_error (error,
                       got == sizeof answer ? -answer
                       : got < 0            ? errno
                                            : ECONNRESET,
                       "The process that lends memory can't start %s", program->arguments[0]);
  return -1;
}
