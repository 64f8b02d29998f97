/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/xhci.h"
#include "vmm/base/bytes.h"

G_BEGIN_DECLS

/*
 * Between the parts of the xHCI controller. Sections, figures and tables are those of the Extensible Host
 * Controller Interface, revision 1.2. The device's lock is held everywhere.
 *
 *   xhci.c           the controller's life
 *   xhci-register.c  registers
 *   xhci-event.c     event rings and interrupts
 *   xhci-ring.c      transfer and command rings, read
 *   xhci-port.c      what is plugged in where
 *   xhci-command.c   commands      xhci-context.c: slots and endpoints as the guest describes them
 *   xhci-endpoint.c  endpoints' states, doorbells    xhci-stream.c: their rings
 *   xhci-transfer.c  from TRBs to transfers and back to events
 *   xhci-state.c     what is saved
 */
#define XHCI_N_PORTS        (2 * XHCI_N_SOCKETS) /* those of USB 3, then those of USB 2 */
#define XHCI_N_SLOTS        XHCI_N_PORTS
#define XHCI_N_ENDPOINTS    32u /* by device context index; 0 is none */
#define XHCI_N_INTERRUPTERS 8u
#define XHCI_N_SEGMENTS     8u    /* of an event ring */
#define XHCI_N_LATE         64u   /* events that find no place */
#define XHCI_MAX_TRBS       1024u /* of a transfer: they may describe 64 MiB */
#define XHCI_MAX_PENDING    64u   /* transfers that an endpoint has at its device */
#define XHCI_MAX_PACKETS    128u  /* the same of an isochronous one */
#define XHCI_MAX_AT_ONCE    256u  /* begun before others have their turn */
#define XHCI_TRB_SIZE       16u
#define XHCI_CONTEXT_SIZE   32u
#define XHCI_MAX_LINKS      8u /* in a row */
#define XHCI_MAX_STREAMS    5u /* as MaxPSASize and MaxPStreams have it: arrays of 2^(n + 1), 0 unused */

/* Section 5.4. */
enum {
  XHCI_CMD_RUN = 1 << 0,
  XHCI_CMD_RESET = 1 << 1,
  XHCI_CMD_INTERRUPTS = 1 << 2,
  XHCI_CMD_HOST_ERRORS = 1 << 3,
  XHCI_CMD_SAVE = 1 << 8,
  XHCI_CMD_RESTORE = 1 << 9,

  XHCI_STS_HALTED = 1 << 0,
  XHCI_STS_ERROR = 1 << 2,
  XHCI_STS_EVENT = 1 << 3,
  XHCI_STS_PORT = 1 << 4,
  XHCI_STS_SAVE_ERROR = 1 << 10,

  XHCI_CRCR_CYCLE = 1 << 0,
  XHCI_CRCR_STOP = 1 << 1,
  XHCI_CRCR_ABORT = 1 << 2,
  XHCI_CRCR_RUNNING = 1 << 3,
};

/* Section 5.4.8. */
enum {
  XHCI_PORT_CONNECTED = 1 << 0,
  XHCI_PORT_ENABLED = 1 << 1,
  XHCI_PORT_RESET = 1 << 4,
  XHCI_PORT_LINK_SHIFT = 5,
  XHCI_PORT_LINK = 0xf << XHCI_PORT_LINK_SHIFT,
  XHCI_PORT_POWER = 1 << 9,
  XHCI_PORT_SPEED_SHIFT = 10,
  XHCI_PORT_SPEED = 0xf << XHCI_PORT_SPEED_SHIFT,
  XHCI_PORT_LINK_STROBE = 1 << 16,
  XHCI_PORT_CONNECT_CHANGE = 1 << 17,
  XHCI_PORT_ENABLE_CHANGE = 1 << 18,
  XHCI_PORT_WARM_RESET_CHANGE = 1 << 19,
  XHCI_PORT_RESET_CHANGE = 1 << 21,
  XHCI_PORT_LINK_CHANGE = 1 << 22,
  XHCI_PORT_CHANGES = 0x7f << 17,
  XHCI_PORT_WAKES = 7 << 25,

  XHCI_LINK_U0 = 0,
  XHCI_LINK_U3 = 3,
  XHCI_LINK_DISABLED = 4,
  XHCI_LINK_RX_DETECT = 5,
  XHCI_LINK_POLLING = 7,
  XHCI_LINK_RESUME = 15,
};
#define XHCI_PORT_WARM_RESET (UINT32_C (1) << 31)

/* Table 6-91. */
enum {
  XHCI_TRB_NORMAL = 1,
  XHCI_TRB_SETUP = 2,
  XHCI_TRB_DATA = 3,
  XHCI_TRB_STATUS = 4,
  XHCI_TRB_ISOCH = 5,
  XHCI_TRB_LINK = 6,
  XHCI_TRB_EVENT_DATA = 7,
  XHCI_TRB_NO_OP = 8,
  XHCI_TRB_ENABLE_SLOT = 9,
  XHCI_TRB_DISABLE_SLOT = 10,
  XHCI_TRB_ADDRESS_DEVICE = 11,
  XHCI_TRB_CONFIGURE = 12,
  XHCI_TRB_EVALUATE = 13,
  XHCI_TRB_RESET_ENDPOINT = 14,
  XHCI_TRB_STOP_ENDPOINT = 15,
  XHCI_TRB_SET_DEQUEUE = 16,
  XHCI_TRB_RESET_DEVICE = 17,
  XHCI_TRB_PORT_BANDWIDTH = 21,
  XHCI_TRB_COMMAND_NO_OP = 23,
  XHCI_TRB_TRANSFER_EVENT = 32,
  XHCI_TRB_COMMAND_EVENT = 33,
  XHCI_TRB_PORT_EVENT = 34,
  XHCI_TRB_HOST_EVENT = 37,

  XHCI_TRB_TYPE_SHIFT = 10,
  XHCI_TRB_CYCLE = 1 << 0,
  XHCI_TRB_TOGGLE = 1 << 1,          /* of a link */
  XHCI_TRB_EVENT_DATA_FLAG = 1 << 2, /* of an event */
  XHCI_TRB_SHORT = 1 << 2,           /* ISP: an event for a short packet */
  XHCI_TRB_CHAIN = 1 << 4,
  XHCI_TRB_INTERRUPT = 1 << 5, /* IOC: an event in any case */
  XHCI_TRB_IMMEDIATE = 1 << 6,
  XHCI_TRB_BLOCK = 1 << 9,       /* BEI: whose interrupt can wait */
  XHCI_TRB_ONLY_ENABLE = 1 << 9, /* BSR of Address Device, DC of Configure Endpoint */
  XHCI_TRB_IN = 1 << 16,         /* of Data and Status stages */
};

/* Table 6-90: completion codes. */
enum {
  XHCI_SUCCESS = 1,
  XHCI_DATA_BUFFER_ERROR = 2,
  XHCI_BABBLE = 3,
  XHCI_TRANSACTION_ERROR = 4,
  XHCI_TRB_ERROR = 5,
  XHCI_STALL = 6,
  XHCI_RESOURCE_ERROR = 7,
  XHCI_NO_SLOTS = 9,
  XHCI_SLOT_NOT_ENABLED = 11,
  XHCI_ENDPOINT_NOT_ENABLED = 12,
  XHCI_SHORT_PACKET = 13,
  XHCI_RING_UNDERRUN = 14,
  XHCI_RING_OVERRUN = 15,
  XHCI_PARAMETER_ERROR = 17,
  XHCI_CONTEXT_STATE_ERROR = 19,
  XHCI_EVENT_RING_FULL = 21,
  XHCI_MISSED_SERVICE = 23,
  XHCI_COMMAND_RING_STOPPED = 24,
  XHCI_STOPPED = 26,
  XHCI_STOPPED_NO_LENGTH = 27,
  XHCI_INVALID_STREAM = 34,
};

/* Section 6.2.3: endpoint states and types. */
enum {
  XHCI_EP_DISABLED = 0,
  XHCI_EP_RUNNING = 1,
  XHCI_EP_HALTED = 2,
  XHCI_EP_STOPPED = 3,
  XHCI_EP_ERROR = 4,

  XHCI_EP_TYPE_ISOCHRONOUS = 1, /* OUT; IN: and XHCI_EP_TYPE_IN */
  XHCI_EP_TYPE_BULK_OUT = 2,
  XHCI_EP_TYPE_CONTROL = 4,
  XHCI_EP_TYPE_IN = 4, /* of all but the control endpoint, the bit that says IN */
};

/* Section 6.2.2: slot states. */
enum { XHCI_SLOT_ENABLED = 0, XHCI_SLOT_DEFAULT = 1, XHCI_SLOT_ADDRESSED = 2, XHCI_SLOT_CONFIGURED = 3 };

typedef struct Xhci Xhci;
typedef struct XhciEndpoint XhciEndpoint;
typedef struct XhciTransfer XhciTransfer;

/* Section 4.11: read once. */
typedef struct {
  uint64_t parameter;
  uint32_t status, control;
  uint64_t address; /* where it lies */
} XhciTrb;

static inline unsigned
xhci_trb_type (const XhciTrb *trb)
{
  return trb->control >> XHCI_TRB_TYPE_SHIFT & 0x3f;
}

/* Where the controller is in a ring that the guest fills. */
typedef struct {
  uint64_t dequeue;
  bool cycle;
} XhciRing;

/* Transfers of an endpoint, or of one of its streams, in order. What is at the device isn't saved: it is
 * submitted again. */
typedef struct {
  XhciEndpoint *endpoint;
  uint16_t stream;
  bool live; /* of a stream: its context was read */
  bool kicking;
  bool streaming; /* isochronous: it had something to do, and the guest wasn't told that it has no more */
  XhciRing ring;    /* the first transfer that isn't done */
  XhciRing fetch;   /* the first transfer that wasn't submitted */
  GQueue transfers; /* of XhciTransfer */
} XhciQueue;

struct XhciEndpoint {
  uint8_t state, type;
  uint16_t max_packet;
  uint8_t stream_bits; /* MaxPStreams; 0: it has none */
  uint64_t contexts;   /* its streams': they are as the guest's memory says */
  XhciQueue queue;     /* without streams; of what is in it, the ring is saved */

  /* Not saved. */
  Xhci *xhci;
  uint8_t slot, index;
  XhciQueue *streams; /* by stream ID; or NULL */
  unsigned n_streams;
};

typedef struct {
  bool enabled;
  uint8_t state;
  uint8_t port; /* from 1; 0: none */
  uint8_t interrupter;
  uint64_t context; /* the guest's device context */
  XhciEndpoint endpoints[XHCI_N_ENDPOINTS];
} XhciSlot;

typedef struct {
  uint32_t status;   /* PORTSC */
  UsbDevice *device; /* not saved */
} XhciPort;

/* Section 5.5.2. */
typedef struct {
  uint32_t management, moderation, table_size;
  uint64_t table, dequeue;
  uint64_t segments[XHCI_N_SEGMENTS]; /* read when the guest sets the table */
  uint32_t segment_sizes[XHCI_N_SEGMENTS];
  uint8_t n_segments, segment; /* where the next event goes */
  uint32_t index;
  bool cycle;
  bool full_told;
  uint8_t n_late; /* events that wait for room */
  uint8_t late[XHCI_N_LATE * XHCI_TRB_SIZE];
} XhciInterrupter;

struct Xhci {
  PciDevice pci; /* its first member is the Device */
  UsbBus bus;
  uint32_t command, status, notification, config;
  uint64_t contexts; /* DCBAAP */
  XhciRing commands;
  bool commands_running;
  uint64_t started; /* of MFINDEX: the machine's clock, nanoseconds */
  XhciPort ports[XHCI_N_PORTS];
  XhciSlot slots[XHCI_N_SLOTS + 1]; /* by slot ID */
  XhciInterrupter interrupters[XHCI_N_INTERRUPTERS];

  /* Not saved. */
  bool halted; /* the machine stands still */
};

extern const StateTable xhci_state;

/* --- xhci.c --- */

void xhci_reset_controller (Xhci *xhci);
void xhci_run (Xhci *xhci, bool run);
/* Section 4.24.1: nothing goes any more until the host resets the controller. */
void xhci_fail (Xhci *xhci, const char *format, ...) G_GNUC_PRINTF (2, 3);
bool xhci_is_running (const Xhci *xhci);

/* --- xhci-register.c --- */

extern const BusOps xhci_register_ops;
#define XHCI_REGISTER_SIZE 0x4000u

/* --- xhci-event.c --- */

void xhci_event (Xhci *xhci, unsigned interrupter, const XhciTrb *event);
void xhci_event_registers_written (Xhci *xhci, unsigned interrupter, unsigned offset, uint32_t value);
uint32_t xhci_event_register (const Xhci *xhci, unsigned interrupter, unsigned offset);
/* Whether events wait for room: no more work is begun that causes some. */
bool xhci_events_are_late (const Xhci *xhci);
void xhci_update_intx (Xhci *xhci);
void xhci_event_reset (Xhci *xhci);

/* --- xhci-ring.c --- */

typedef enum {
  XHCI_RING_TRB,
  XHCI_RING_EMPTY,
  XHCI_RING_BAD, /* no RAM, or links without end */
} XhciRingResult;

/* Reads the next TRB that is no link, and steps over it. Nothing changes when there is none. */
XhciRingResult xhci_ring_next (Xhci *xhci, XhciRing *ring, XhciTrb *trb);

/* --- xhci-port.c --- */

void xhci_attached (UsbBus *bus, unsigned socket, UsbDevice *device);
void xhci_detached (UsbBus *bus, unsigned socket, UsbDevice *device);
unsigned xhci_find_free (UsbBus *bus);
void xhci_wake (UsbBus *bus, unsigned socket, UsbDevice *device);
void xhci_ports_reset (Xhci *xhci);
void xhci_ports_tell (Xhci *xhci);
/* After a load, once the processors can hear of it: what isn't plugged in any more, or newly is, is told. */
void xhci_ports_compare (Xhci *xhci);
void xhci_port_write (Xhci *xhci, unsigned port, uint32_t value);
UsbDevice *xhci_port_device (Xhci *xhci, unsigned port);

/* --- xhci-command.c, xhci-context.c --- */

void xhci_serve_commands (Xhci *xhci);
/* Each returns a completion code. */
unsigned xhci_address_device (Xhci *xhci, unsigned slot, uint64_t input, bool only_enable);
unsigned xhci_configure (Xhci *xhci, unsigned slot, uint64_t input, bool deconfigure);
unsigned xhci_evaluate (Xhci *xhci, unsigned slot, uint64_t input);
unsigned xhci_reset_device (Xhci *xhci, unsigned slot);
void xhci_disable_slot (Xhci *xhci, unsigned slot);
/* Says in the guest's context what an endpoint is at. */
void xhci_write_endpoint (XhciEndpoint *endpoint);

/* --- xhci-endpoint.c --- */

void xhci_endpoint_init (Xhci *xhci, unsigned slot, unsigned index);
void xhci_endpoint_disable (XhciEndpoint *endpoint);
/* Which is disabled, becomes running. @dequeue: as its context has it. */
void xhci_endpoint_enable (XhciEndpoint *endpoint, unsigned stream_bits, uint64_t dequeue);
void xhci_endpoint_set_state (XhciEndpoint *endpoint, unsigned state);
static inline bool
xhci_endpoint_is_isochronous (const XhciEndpoint *endpoint)
{
  return (endpoint->type & ~XHCI_EP_TYPE_IN) == XHCI_EP_TYPE_ISOCHRONOUS;
}
/* Its device has gone: nothing is there to answer. */
void xhci_endpoint_lose (XhciEndpoint *endpoint);
/* Submits what it may. */
void xhci_endpoint_kick (XhciEndpoint *endpoint);
void xhci_queue_kick (XhciQueue *queue);
void xhci_kick_all (Xhci *xhci);
void xhci_doorbell (Xhci *xhci, unsigned slot, uint32_t value);
unsigned xhci_stop_endpoint (Xhci *xhci, unsigned slot, unsigned index);
unsigned xhci_reset_endpoint (Xhci *xhci, unsigned slot, unsigned index);
unsigned xhci_set_dequeue (Xhci *xhci, unsigned slot, unsigned index, unsigned stream, uint64_t dequeue);

/* --- xhci-stream.c --- */

void xhci_queue_init (XhciQueue *queue, XhciEndpoint *endpoint, unsigned stream);
void xhci_queue_set_ring (XhciQueue *queue, uint64_t dequeue);
/* Where transfers go: @stream is 0 for endpoints without. Returns: (nullable): there is none. */
XhciQueue *xhci_queue_find (XhciEndpoint *endpoint, unsigned stream);
/* All that there are, from @i 0; NULL ends. */
XhciQueue *xhci_queue_nth (XhciEndpoint *endpoint, unsigned i);
/* A transfer is done: the guest's stream context says so. */
void xhci_queue_step (XhciQueue *queue, XhciRing next);
void xhci_streams_open (XhciEndpoint *endpoint);
/* Before the machine goes on: all that the guest described and that aren't live yet, as after a load. */
void xhci_streams_read (XhciEndpoint *endpoint);
void xhci_streams_close (XhciEndpoint *endpoint);

/* --- xhci-transfer.c --- */

typedef enum {
  XHCI_FETCHED,
  XHCI_FETCH_NOTHING,
  XHCI_FETCH_BAD,
} XhciFetch;

/* Reads the next transfer of @queue, and submits it to @device. */
XhciFetch xhci_transfer_begin (XhciQueue *queue, UsbDevice *device);
/* Takes all back from the device. @tell: the first one has an event that says where it stopped. */
void xhci_transfers_cancel (XhciEndpoint *endpoint, bool tell);
/* Section 4.10.3.1: the host came by, and there was nothing. */
void xhci_tell_run_dry (XhciEndpoint *endpoint);
/* The device has gone in the middle of them. */
void xhci_transfers_fail (XhciEndpoint *endpoint);

G_END_DECLS
