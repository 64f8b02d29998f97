/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/graphics/edid.h"
#include "devices/virtio/virtio-gpu-private.h"
#include "vmm/base/bytes.h"

#include <inttypes.h>

/* The control queue and the cursor queue: virtio 1.2, sections 5.7.6.7 to 5.7.6.10. Commands are done in
 * their order when they arrive, so that a fence is reached when the answer is given. */

#define HEADER_SIZE   24u
#define COMMAND_MAX   96u
#define MAX_SCANOUTS  16u
#define DISPLAY_SIZE  24u
#define REPLY_MAX     (HEADER_SIZE + 8 + GPU_EDID_MAX)
#define CONTROL_QUEUE 0u

/* Section 5.7.6.7. */
enum {
  CMD_GET_DISPLAY_INFO = 0x0100,
  CMD_RESOURCE_CREATE_2D = 0x0101,
  CMD_RESOURCE_UNREF = 0x0102,
  CMD_SET_SCANOUT = 0x0103,
  CMD_RESOURCE_FLUSH = 0x0104,
  CMD_TRANSFER_TO_HOST_2D = 0x0105,
  CMD_RESOURCE_ATTACH_BACKING = 0x0106,
  CMD_RESOURCE_DETACH_BACKING = 0x0107,
  CMD_GET_EDID = 0x010a,
  CMD_RESOURCE_CREATE_BLOB = 0x010c,
  CMD_SET_SCANOUT_BLOB = 0x010d,
  CMD_UPDATE_CURSOR = 0x0300,
  CMD_MOVE_CURSOR = 0x0301,
};

enum {
  FLAG_FENCE = 1,
  FLAG_INFO_RING_IDX = 2,
};

#define BLOB_MEM_GUEST 1u

typedef struct {
  VirtioGpu *gpu;
  const VirtqChain *chain;
  uint8_t in[COMMAND_MAX]; /* zero beyond what the guest sent */
  uint8_t *reply;          /* after the header */
  size_t reply_size;
} Command;

static uint32_t
word (const Command *command, unsigned offset)
{
  return load_le32 (command->in + offset);
}

static GpuRect
rect_at (const Command *command, unsigned offset)
{
  return (GpuRect){ word (command, offset), word (command, offset + 4), word (command, offset + 8),
                    word (command, offset + 12) };
}

static GpuResource *
resource_at (const Command *command, unsigned offset)
{
  GpuResource *resource = gpu_resource_find (command->gpu, word (command, offset));

  if (resource == NULL)
    GUEST_ERROR (command->gpu, "command 0x%x: no resource %u", word (command, 0), word (command, offset));
  return resource;
}

static GpuHead *
head_at (const Command *command, unsigned offset)
{
  uint32_t index = word (command, offset);

  if (index < command->gpu->n_heads)
    return &command->gpu->heads[index];
  GUEST_ERROR (command->gpu, "command 0x%x: no scanout %u", word (command, 0), index);
  return NULL;
}

/* --- displays --- */

/* Heads stand side by side. */
static GpuResult
get_display_info (Command *command)
{
  uint32_t x = 0;

  for (unsigned i = 0; i < command->gpu->n_heads; i++)
    {
      const GpuHead *head = &command->gpu->heads[i];
      uint8_t *display = command->reply + i * DISPLAY_SIZE;

      store_le32 (display, x);
      store_le32 (display + 8, head->wanted_width);
      store_le32 (display + 12, head->wanted_height);
      store_le32 (display + 16, 1);
      x += head->wanted_width;
    }
  command->reply_size = MAX_SCANOUTS * DISPLAY_SIZE;
  return GPU_OK_DISPLAY_INFO;
}

static GpuResult
get_edid (Command *command)
{
  const GpuHead *head = head_at (command, 24);
  EdidConfig config;

  if (head == NULL)
    return GPU_ERR_INVALID_SCANOUT_ID;
  config = (EdidConfig){ head->wanted_width, head->wanted_height, head->index + 1 };
  store_le32 (command->reply, EDID_SIZE);
  edid_fill (command->reply + 8, &config);
  command->reply_size = 8 + GPU_EDID_MAX;
  return GPU_OK_EDID;
}

static GpuResult
set_scanout (Command *command)
{
  GpuHead *head = head_at (command, 40);
  GpuResource *resource = NULL;

  if (head == NULL)
    return GPU_ERR_INVALID_SCANOUT_ID;
  if (word (command, 44) != 0 && (resource = resource_at (command, 44)) == NULL)
    return GPU_ERR_INVALID_RESOURCE_ID;
  return gpu_head_show (head, resource, rect_at (command, 24));
}

static GpuResult
set_scanout_blob (Command *command)
{
  GpuHead *head = head_at (command, 40);
  GpuResource *resource = NULL;
  GpuLayout layout = { .width = word (command, 48),
                       .height = word (command, 52),
                       .format = word (command, 56),
                       .stride = word (command, 64),
                       .offset = word (command, 80) };

  if (head == NULL)
    return GPU_ERR_INVALID_SCANOUT_ID;
  if (word (command, 44) == 0)
    return gpu_head_show (head, NULL, (GpuRect){ 0 });
  if ((resource = resource_at (command, 44)) == NULL)
    return GPU_ERR_INVALID_RESOURCE_ID;
  return gpu_head_show_blob (head, resource, rect_at (command, 24), &layout);
}

static GpuResult
resource_flush (Command *command)
{
  GpuResource *resource = resource_at (command, 40);

  return resource != NULL ? gpu_heads_flush (command->gpu, resource, rect_at (command, 24))
                          : GPU_ERR_INVALID_RESOURCE_ID;
}

/* --- resources --- */

static GpuResult
resource_create (Command *command)
{
  return gpu_resource_create (command->gpu, word (command, 24), word (command, 28), word (command, 32),
                              word (command, 36));
}

static GpuResult
resource_create_blob (Command *command)
{
  VirtioGpu *gpu = command->gpu;
  uint32_t n_entries = word (command, 36);
  GpuResource *resource;
  GpuResult result;

  if (!virtio_has_feature (&gpu->virtio, GPU_F_RESOURCE_BLOB) || word (command, 28) != BLOB_MEM_GUEST)
    {
      GUEST_ERROR (gpu, "blob %u of kind %u", word (command, 24), word (command, 28));
      return GPU_ERR_INVALID_PARAMETER;
    }
  result = gpu_resource_create_blob (gpu, word (command, 24), load_le64 (command->in + 48));
  if (result != GPU_OK_NODATA || n_entries == 0)
    return result;
  resource = gpu_resource_find (gpu, word (command, 24));
  result = gpu_backing_attach (gpu, resource, command->chain, 56, n_entries);
  if (result != GPU_OK_NODATA)
    gpu_resource_destroy (gpu, resource);
  return result;
}

static GpuResult
resource_unref (Command *command)
{
  GpuResource *resource = resource_at (command, 24);

  if (resource == NULL)
    return GPU_ERR_INVALID_RESOURCE_ID;
  gpu_resource_destroy (command->gpu, resource);
  return GPU_OK_NODATA;
}

static GpuResult
transfer_to_host (Command *command)
{
  GpuResource *resource = resource_at (command, 48);

  return resource != NULL ? gpu_resource_transfer (command->gpu, resource, rect_at (command, 24),
                                                   load_le64 (command->in + 40))
                          : GPU_ERR_INVALID_RESOURCE_ID;
}

static GpuResult
attach_backing (Command *command)
{
  GpuResource *resource = resource_at (command, 24);

  return resource != NULL
           ? gpu_backing_attach (command->gpu, resource, command->chain, 32, word (command, 28))
           : GPU_ERR_INVALID_RESOURCE_ID;
}

static GpuResult
detach_backing (Command *command)
{
  GpuResource *resource = resource_at (command, 24);

  if (resource == NULL)
    return GPU_ERR_INVALID_RESOURCE_ID;
  gpu_backing_detach (command->gpu, resource);
  return GPU_OK_NODATA;
}

/* --- cursor --- */

static GpuResult
update_cursor (Command *command)
{
  GpuHead *head = head_at (command, 24);

  return head != NULL ? gpu_cursor_set (head, word (command, 40), word (command, 44), word (command, 48),
                                        word (command, 28), word (command, 32))
                      : GPU_ERR_INVALID_SCANOUT_ID;
}

static GpuResult
move_cursor (Command *command)
{
  GpuHead *head = head_at (command, 24);

  if (head == NULL)
    return GPU_ERR_INVALID_SCANOUT_ID;
  gpu_cursor_move (head, word (command, 28), word (command, 32));
  return GPU_OK_NODATA;
}

/* --- both queues --- */

static const struct {
  uint32_t type, size;
  GpuResult (*run) (Command *command);
} control_commands[] = {
  { CMD_GET_DISPLAY_INFO, 24, get_display_info },
  { CMD_RESOURCE_CREATE_2D, 40, resource_create },
  { CMD_RESOURCE_UNREF, 32, resource_unref },
  { CMD_SET_SCANOUT, 48, set_scanout },
  { CMD_RESOURCE_FLUSH, 48, resource_flush },
  { CMD_TRANSFER_TO_HOST_2D, 56, transfer_to_host },
  { CMD_RESOURCE_ATTACH_BACKING, 32, attach_backing },
  { CMD_RESOURCE_DETACH_BACKING, 32, detach_backing },
  { CMD_GET_EDID, 32, get_edid },
  { CMD_RESOURCE_CREATE_BLOB, 56, resource_create_blob },
  { CMD_SET_SCANOUT_BLOB, 96, set_scanout_blob },
}, cursor_commands[] = {
  { CMD_UPDATE_CURSOR, 56, update_cursor },
  { CMD_MOVE_CURSOR, 56, move_cursor },
};

static GpuResult
run (Command *command, bool control)
{
  uint32_t type = word (command, 0);
  unsigned n = control ? G_N_ELEMENTS (control_commands) : G_N_ELEMENTS (cursor_commands);

  for (unsigned i = 0; i < n; i++)
    {
      uint32_t size = control ? control_commands[i].size : cursor_commands[i].size;

      if (type != (control ? control_commands[i].type : cursor_commands[i].type))
        continue;
      if (command->chain->out_size < size)
        break;
      return (control ? control_commands[i].run : cursor_commands[i].run) (command);
    }
  GUEST_ERROR (command->gpu, "command 0x%x of %" PRIu64 " bytes", type, command->chain->out_size);
  return GPU_ERR_UNSPEC;
}

/* Section 5.7.6.7: the answer to a fenced command carries the fence, its context and its ring. */
static uint32_t
answer (VirtioGpu *gpu, const VirtqChain *chain, bool control)
{
  uint8_t reply[REPLY_MAX] = { 0 };
  Command command = { .gpu = gpu, .chain = chain, .reply = reply + HEADER_SIZE };
  uint32_t flags;

  virtq_chain_read (chain, 0, command.in, sizeof command.in);
  flags = word (&command, 4);
  store_le32 (reply, run (&command, control));
  if (flags & FLAG_FENCE)
    {
      store_le32 (reply + 4, flags & (FLAG_FENCE | FLAG_INFO_RING_IDX));
      memcpy (reply + 8, command.in + 8, 12);
      reply[20] = flags & FLAG_INFO_RING_IDX ? command.in[20] : 0;
    }
  return virtq_chain_write (chain, 0, reply, HEADER_SIZE + command.reply_size);
}

void
virtio_gpu_kick (VirtioDevice *vdev, Virtq *vq)
{
  VirtqChain chain;

  while (virtq_pop (vq, &chain))
    virtq_push (vq, &chain, answer ((VirtioGpu *)vdev, &chain, vq->index == CONTROL_QUEUE));
  virtq_notify (vq);
}
