/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/nat-flows.h"

#include "vmm/base/bytes.h"

#include <netinet/in.h>

#define N_FLOWS      4096u
#define SMALLEST     536u /* RFC 9293, section 3.7.1: what everybody takes */
#define IP4_SOURCE   12u
#define IP4_PEER     16u
#define TCP_HEADER   20u
#define TCP_FLAGS    13u
#define TCP_CHECKSUM 16u

/* RFC 9293, section 3.2. */
enum { OPTION_END = 0, OPTION_NOTHING = 1, OPTION_SEGMENT_SIZE = 2, SEGMENT_SIZE_LENGTH = 4 };

typedef struct {
  uint32_t guest, peer;
  uint16_t port, peer_port;
  uint16_t segment_size; /* 0: free */
} Flow;

struct NatFlows {
  Flow flows[N_FLOWS];
};

NatFlows *
nat_flows_new (void)
{
  return g_new0 (NatFlows, 1);
}

void
nat_flows_free (NatFlows *flows)
{
  g_free (flows);
}

static unsigned
place_of (const Flow *flow)
{
  uint32_t hash = flow->peer * 0x9e3779b1u ^ ((uint32_t)flow->port << 16 | flow->peer_port) * 0x85ebca6bu;

  return (hash ^ hash >> 15) % N_FLOWS;
}

static Flow
flow_of (const uint8_t *frame, const NetLayout *layout, bool to_guest)
{
  const uint8_t *ip = frame + layout->network, *tcp = frame + layout->transport;

  return (Flow){
    .guest = load_be32 (ip + (to_guest ? IP4_PEER : IP4_SOURCE)),
    .peer = load_be32 (ip + (to_guest ? IP4_SOURCE : IP4_PEER)),
    .port = load_be16 (tcp + (to_guest ? 2 : 0)),
    .peer_port = load_be16 (tcp + (to_guest ? 0 : 2)),
  };
}

static uint8_t *
find_segment_size (uint8_t *options, size_t size)
{
  for (size_t i = 0; i < size;)
    {
      size_t length;

      if (options[i] == OPTION_END)
        return NULL;
      if (options[i] == OPTION_NOTHING)
        {
          i++;
          continue;
        }
      length = i + 1 < size ? options[i + 1] : 0;
      if (length < 2 || length > size - i)
        return NULL;
      if (options[i] == OPTION_SEGMENT_SIZE)
        return length == SEGMENT_SIZE_LENGTH ? options + i + 2 : NULL;
      i += length;
    }
  return NULL;
}

/* RFC 1624, section 3: HC' = ~(~HC + ~m + m'). A checksum that was wrong stays so. The option may lie at an
 * odd place, where its bytes count the other way round. */
static void
replace_word (uint8_t *tcp, size_t at, uint16_t value)
{
  uint16_t before = load_be16 (tcp + at), after = value;
  uint16_t checksum = (uint16_t)~load_be16 (tcp + TCP_CHECKSUM);

  store_be16 (tcp + at, value);
  if (at % 2 != 0)
    {
      before = GUINT16_SWAP_LE_BE (before);
      after = GUINT16_SWAP_LE_BE (after);
    }
  checksum = net_sum_fold ((uint64_t)checksum + (uint16_t)~before + after);
  store_be16 (tcp + TCP_CHECKSUM, (uint16_t)~checksum);
}

void
nat_flows_enlarge (NatFlows *flows, uint8_t *frame, size_t size, unsigned largest)
{
  NetLayout layout;
  uint8_t *tcp, *option;
  unsigned wanted;
  Flow flow;

  if (!net_layout_read (&layout, frame, size, false) || layout.ipv6 || layout.fragment
      || layout.protocol != IPPROTO_TCP || !(frame[layout.transport + TCP_FLAGS] & NET_TCP_SYN))
    return;
  tcp = frame + layout.transport;
  option = find_segment_size (tcp + TCP_HEADER, layout.payload - layout.transport - TCP_HEADER);
  if (option == NULL)
    return;
  wanted = load_be16 (option);
  if (wanted < SMALLEST || wanted > largest / 2)
    return;
  flow = flow_of (frame, &layout, false);
  flow.segment_size = (uint16_t)wanted;
  flows->flows[place_of (&flow)] = flow;

  replace_word (tcp, (size_t)(option - tcp), (uint16_t)(largest / wanted * wanted));
}

unsigned
nat_flows_segment_size (const NatFlows *flows, const uint8_t *frame, const NetLayout *layout)
{
  Flow wanted = flow_of (frame, layout, true);
  const Flow *flow = &flows->flows[place_of (&wanted)];

  if (flow->segment_size != 0 && flow->guest == wanted.guest && flow->peer == wanted.peer
      && flow->port == wanted.port && flow->peer_port == wanted.peer_port)
    return flow->segment_size;
  return SMALLEST;
}
