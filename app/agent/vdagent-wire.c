/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/vdagent-wire.h"

#include "vmm/base/bytes.h"

/* VDIChunkHeader: port, size. VDAgentMessage: protocol, type, opaque (64 bits), size. */
#define CHUNK_HEADER   8u
#define MESSAGE_HEADER 20u
#define PROTOCOL       1u

/* VD_AGENT_MAX_DATA_SIZE: the agent's limit of a chunk; what it sends itself is in chunks of any size. */
#define CHUNK_MAX 2048u

enum { PORT_CLIENT = 1, PORT_SERVER = 2, N_PORTS = 2 };

struct VdReader {
  VdMessageFunc func;
  void *data;
  uint8_t header[CHUNK_HEADER];
  unsigned n_header;
  uint32_t left;                 /* of the chunk */
  GByteArray *messages[N_PORTS]; /* what there is of the message at hand, its header included */
};

VdReader *
vd_reader_new (VdMessageFunc func, void *data)
{
  VdReader *reader = g_new0 (VdReader, 1);

  reader->func = func;
  reader->data = data;
  for (unsigned i = 0; i < N_PORTS; i++)
    reader->messages[i] = g_byte_array_new ();
  return reader;
}

void
vd_reader_free (VdReader *reader)
{
  for (unsigned i = 0; i < N_PORTS; i++)
    g_byte_array_unref (reader->messages[i]);
  g_free (reader);
}

/* Takes bytes of a port's messages. Returns: how many, 0 if they make no sense. */
static size_t
take_message (VdReader *reader, unsigned port, const uint8_t *bytes, size_t size)
{
  GByteArray *message = reader->messages[port];
  size_t wanted = MESSAGE_HEADER, taken;

  if (message->len >= MESSAGE_HEADER)
    wanted += load_le32 (message->data + 16);
  taken = MIN (size, wanted - message->len);
  g_byte_array_append (message, bytes, (guint)taken);
  if (message->len < wanted)
    return taken;
  if (wanted == MESSAGE_HEADER)
    {
      uint32_t follows = load_le32 (message->data + 16);

      if (load_le32 (message->data) != PROTOCOL || follows > VD_MESSAGE_MAX)
        return 0;
      if (follows > 0)
        return taken;
    }
  reader->func (load_le32 (message->data + 4), message->data + MESSAGE_HEADER, message->len - MESSAGE_HEADER,
                reader->data);
  /* What was large once isn't kept. */
  g_byte_array_unref (message);
  reader->messages[port] = g_byte_array_new ();
  return taken;
}

/* The chunk's header is there: a port that is none ends it all. */
static bool
begin_chunk (VdReader *reader)
{
  uint32_t port = load_le32 (reader->header);

  reader->left = load_le32 (reader->header + 4);
  if (reader->left == 0)
    reader->n_header = 0;
  return port >= PORT_CLIENT && port <= PORT_SERVER;
}

bool
vd_reader_feed (VdReader *reader, const uint8_t *bytes, size_t size)
{
  while (size > 0)
    {
      size_t taken = 1;

      if (reader->n_header < CHUNK_HEADER)
        {
          reader->header[reader->n_header++] = *bytes;
          if (reader->n_header == CHUNK_HEADER && !begin_chunk (reader))
            return false;
        }
      else
        {
          taken =
            take_message (reader, load_le32 (reader->header) - PORT_CLIENT, bytes, MIN (size, reader->left));
          if (taken == 0)
            return false;
          reader->left -= (uint32_t)taken;
          if (reader->left == 0)
            reader->n_header = 0;
        }
      bytes += taken;
      size -= taken;
    }
  return true;
}

static void
append_chunk_header (GByteArray *out, size_t size)
{
  uint8_t header[CHUNK_HEADER];

  store_le32 (header, PORT_CLIENT);
  store_le32 (header + 4, (uint32_t)size);
  g_byte_array_append (out, header, sizeof header);
}

void
vd_append (GByteArray *out, VdType type, const void *bytes, size_t size)
{
  uint8_t header[MESSAGE_HEADER] = { 0 };
  size_t first = MIN (size, CHUNK_MAX - MESSAGE_HEADER);
  const uint8_t *p = bytes;

  store_le32 (header, PROTOCOL);
  store_le32 (header + 4, type);
  store_le32 (header + 16, (uint32_t)size);
  append_chunk_header (out, MESSAGE_HEADER + first);
  g_byte_array_append (out, header, sizeof header);
  if (first > 0)
    g_byte_array_append (out, p, (guint)first);
  for (size_t done = first, n; done < size; done += n)
    {
      n = MIN (size - done, CHUNK_MAX);
      append_chunk_header (out, n);
      g_byte_array_append (out, p + done, (guint)n);
    }
}
