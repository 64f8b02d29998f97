/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image.h"

#include "devices/image/image-format.h"
#include "vmm/base/error.h"
#include "vmm/base/iov.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* --- choosing a format --- */

/* In order of probing; raw claims everything and stands last. */
static const ImageFormat *const formats[] = { &image_raw };

static bool
read_probe (const HostFile *file, uint8_t *buffer, uint64_t offset, GError **error)
{
  ssize_t n;

  memset (buffer, 0, IMAGE_PROBE_SIZE);
  do
    n = pread (file->fd, buffer, IMAGE_PROBE_SIZE, offset);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return vmm_set_errno_error (error, errno, "Can't read disk image “%s”", file->path);
  return true;
}

static const ImageFormat *
detect (const HostFile *file, GError **error)
{
  uint8_t head[IMAGE_PROBE_SIZE], tail[IMAGE_PROBE_SIZE];
  const ImageProbe probe = { head, tail };

  if (!read_probe (file, head, 0, error)
      || !read_probe (file, tail, file->size - MIN (file->size, IMAGE_PROBE_SIZE), error))
    return NULL;
  for (unsigned i = 0; i < image_n_foreign; i++)
    if (image_foreign[i].probe (&probe))
      return &image_foreign[i];
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i]->probe (&probe))
      return formats[i];
  g_assert_not_reached ();
}

static const ImageFormat *
choose_format (const HostFile *file, const char *name, GError **error)
{
  const ImageFormat *format = NULL;

  if (name == NULL)
    format = detect (file, error);
  else
    {
      for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
        if (g_ascii_strcasecmp (formats[i]->name, name) == 0)
          format = formats[i];
      if (format == NULL)
        g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                     "Disk image “%s” is said to be of format “%s”, which is not known; convert it to raw",
                     file->path, name);
    }
  if (format == NULL || format->open != NULL)
    return format;
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
               "Disk image “%s” is a %s image, which can't be used yet; convert it to raw first", file->path,
               format->name);
  return NULL;
}

/* --- life --- */

Image *
image_open (EventLoop *loop, const char *path, const ImageOptions *options, GError **error)
{
  static const ImageOptions defaults = { .exclusive_lock = true };
  Image *image = g_new0 (Image, 1);

  if (options == NULL)
    options = &defaults;
  image->loop = loop;
  g_mutex_init (&image->lock);
  g_cond_init (&image->idle);
  if (host_file_open (&image->file, path, options->read_only, options->exclusive_lock, error))
    {
      image->format = choose_format (&image->file, options->format, error);
      if (image->format != NULL && image->format->open (image, error))
        return image;
      image->format = NULL;
    }
  image_close (image);
  return NULL;
}

static void
wait_until_idle (Image *image)
{
  bool on_loop = loop_is_current (image->loop);

  g_mutex_lock (&image->lock);
  while (image->in_flight > 0)
    {
      if (!on_loop)
        {
          g_cond_wait (&image->idle, &image->lock);
          continue;
        }
      g_mutex_unlock (&image->lock);
      g_main_context_iteration (loop_context (image->loop), TRUE);
      g_mutex_lock (&image->lock);
    }
  g_mutex_unlock (&image->lock);
}

void
image_close (Image *image)
{
  if (image == NULL)
    return;
  if (image->format != NULL)
    {
      wait_until_idle (image);
      image->format->close (image);
    }
  host_file_close (&image->file);
  g_mutex_clear (&image->lock);
  g_cond_clear (&image->idle);
  g_free (image);
}

uint64_t
image_size (const Image *image)
{
  return image->size;
}

bool
image_is_read_only (const Image *image)
{
  return image->file.read_only;
}

const char *
image_path (const Image *image)
{
  return image->file.path;
}

const char *
image_format_name (const Image *image)
{
  return image->format->name;
}

unsigned
image_block_size (const Image *image)
{
  return image->file.block_size;
}

/* --- requests --- */

static int
judge (const Image *image, const ImageRequest *request)
{
  if (request->kind == IMAGE_FLUSH)
    return 0;
  if (request->offset > image->size || request->length > image->size - request->offset)
    return -EINVAL;
  if (request->kind != IMAGE_READ && image->file.read_only)
    return -EROFS;
  if ((request->kind == IMAGE_READ || request->kind == IMAGE_WRITE)
      && iov_size (request->iov, request->n_iov) != request->length)
    return -EINVAL;
  return 0;
}

void
image_submit (Image *image, ImageRequest *request)
{
  int error = judge (image, request);
  bool idle = request->kind == IMAGE_FLUSH ? image->file.read_only : request->length == 0;

  request->image = image;
  request->progress = 0;
  request->cut = NULL;
  request->stage = 0;
  g_mutex_lock (&image->lock);
  image->in_flight++;
  g_mutex_unlock (&image->lock);

  if (error < 0 || idle)
    image_request_done_later (request, error);
  else
    image->format->submit (image, request);
}

void
image_request_done (ImageRequest *request, int error)
{
  Image *image = request->image;

  request->done (request, error);
  g_mutex_lock (&image->lock);
  if (--image->in_flight == 0)
    g_cond_broadcast (&image->idle);
  g_mutex_unlock (&image->lock);
}

static gboolean
done_on_loop (void *data)
{
  ImageRequest *request = data;

  image_request_done (request, request->result);
  return G_SOURCE_REMOVE;
}

/* A source of its own, so that wait_until_idle can serve it from inside any other callback. */
void
image_request_done_later (ImageRequest *request, int error)
{
  GSource *source = g_idle_source_new ();

  request->result = error;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, done_on_loop, request, NULL);
  g_source_attach (source, loop_context (request->image->loop));
  g_source_unref (source);
}

/* --- for tools --- */

typedef struct {
  GMutex lock;
  GCond cond;
  bool done;
  int error;
} Run;

static void
run_done (ImageRequest *request, int error)
{
  Run *run = request->data;

  g_mutex_lock (&run->lock);
  run->done = true;
  run->error = error;
  g_cond_signal (&run->cond);
  g_mutex_unlock (&run->lock);
}

int
image_run (Image *image, ImageRequestKind kind, uint64_t offset, void *buffer, uint64_t length)
{
  Run run = { 0 };
  struct iovec iov = { buffer, length };
  ImageRequest request = {
    .kind = kind, .offset = offset, .length = length, .iov = &iov, .n_iov = 1, .done = run_done, .data = &run
  };

  g_return_val_if_fail (!loop_is_current (image->loop), -EDEADLK);
  image_submit (image, &request);
  g_mutex_lock (&run.lock);
  while (!run.done)
    g_cond_wait (&run.cond, &run.lock);
  g_mutex_unlock (&run.lock);
  return run.error;
}

bool
image_create_raw (const char *path, uint64_t size, GError **error)
{
  int fd, saved_errno;

  if (size == 0 || size > (uint64_t)INT64_MAX || size % IMAGE_SECTOR_SIZE != 0)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "Disk image “%s” can't have %" G_GUINT64_FORMAT " bytes; choose a multiple of %u", path,
                   size, IMAGE_SECTOR_SIZE);
      return false;
    }
  fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0 && errno == EEXIST)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "“%s” exists already; choose another name, or delete it first", path);
      return false;
    }
  if (fd < 0)
    return vmm_set_errno_error (error, errno, "Can't create disk image “%s”", path);
  if (ftruncate (fd, size) == 0)
    {
      close (fd);
      return true;
    }
  saved_errno = errno;
  close (fd);
  unlink (path);
  if (saved_errno == EFBIG)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE,
                   "The file system can't hold a file as large as disk image “%s”; choose a smaller size, or "
                   "another folder",
                   path);
      return false;
    }
  return vmm_set_errno_error (error, saved_errno, "Can't create disk image “%s”", path);
}
