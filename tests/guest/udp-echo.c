/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In the guest of test_forward.py: gives datagrams to port 7 back. */
#include <netinet/in.h>
#include <sys/socket.h>

int
main (void)
{
  const struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons (7) };
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  char data[2048];
  int fd = socket (AF_INET, SOCK_DGRAM, 0);
  ssize_t size;

  if (fd < 0 || bind (fd, (const struct sockaddr *)&here, sizeof here) < 0)
    return 1;
  while ((size = recvfrom (fd, data, sizeof data, 0, (struct sockaddr *)&peer, &length)) >= 0)
    {
      sendto (fd, data, (size_t)size, 0, (const struct sockaddr *)&peer, length);
      length = sizeof peer;
    }
  return 1;
}
