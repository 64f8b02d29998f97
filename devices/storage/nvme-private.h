/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/storage/nvme.h"
#include "vmm/base/bytes.h"

#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * Between the parts of the NVMe controller. Sections are those of the NVM Express base specification,
 * revision 1.4. The device's lock is held everywhere.
 *
 *   nvme.c           registers, the controller's life
 *   nvme-queue.c     submission and completion queues, interrupts
 *   nvme-doorbell.c  how the guest tells that it moved on in them
 *   nvme-prp.c       where a command's data lie
 *   nvme-admin.c     admin commands    nvme-identify.c, nvme-feature.c, nvme-log.c: those with much to say
 *   nvme-io.c        NVM commands
 *   nvme-state.c     what is saved
 */
#define NVME_PAGE          4096u
#define NVME_N_QUEUES      (NVME_MAX_IO_QUEUES + 1) /* with the admin queue, which is number 0 */
#define NVME_MAX_ENTRIES   1024u
#define NVME_MDTS          7u /* pages, as a power of two */
#define NVME_MAX_TRANSFER  (NVME_PAGE << NVME_MDTS)
#define NVME_MAX_PIECES    (NVME_MAX_TRANSFER / NVME_PAGE + 1)
#define NVME_BLOCK_SHIFT   9u
#define NVME_BLOCK         (1u << NVME_BLOCK_SHIFT)
#define NVME_COMMAND_SIZE  64u
#define NVME_ENTRY_SIZE    16u  /* of a completion queue */
#define NVME_MAX_IN_FLIGHT 128u /* commands that one queue has at the disk */
#define NVME_MAX_EVENTS    4u   /* asynchronous event requests that wait */
#define NVME_NSID          1u
#define NVME_NSID_ALL      UINT32_MAX
#define NVME_TEMPERATURE   313u /* kelvin */

/* Section 3.1.5 and 3.1.6. */
enum {
  NVME_CC_EN = 1 << 0,
  NVME_CC_CSS_SHIFT = 4,
  NVME_CC_MPS_SHIFT = 7,
  NVME_CC_AMS_SHIFT = 11,
  NVME_CC_SHN_SHIFT = 14,
  NVME_CC_IOSQES_SHIFT = 16,
  NVME_CC_IOCQES_SHIFT = 20,
  NVME_CC_WRITABLE = 0x00fffff1,

  NVME_CSTS_RDY = 1 << 0,
  NVME_CSTS_CFS = 1 << 1,
  NVME_CSTS_SHST = 3 << 2,
  NVME_CSTS_SHST_OCCURRING = 1 << 2,
  NVME_CSTS_SHST_COMPLETE = 2 << 2,
};

/* Section 4.6.1.2: code type and code, and "do not retry". */
enum {
  NVME_OK = 0x000,
  NVME_INVALID_OPCODE = 0x001,
  NVME_INVALID_FIELD = 0x002,
  NVME_DATA_TRANSFER_ERROR = 0x004,
  NVME_INTERNAL_ERROR = 0x006,
  NVME_ABORTED_BY_REQUEST = 0x007,
  NVME_ABORTED_SQ_DELETED = 0x008,
  NVME_INVALID_NAMESPACE = 0x00b,
  NVME_SEQUENCE_ERROR = 0x00c,
  NVME_PRP_OFFSET_INVALID = 0x013,
  NVME_LBA_OUT_OF_RANGE = 0x080,
  NVME_CQ_INVALID = 0x100,
  NVME_QUEUE_ID_INVALID = 0x101,
  NVME_QUEUE_SIZE_INVALID = 0x102,
  NVME_TOO_MANY_EVENT_REQUESTS = 0x105,
  NVME_VECTOR_INVALID = 0x108,
  NVME_LOG_PAGE_INVALID = 0x109,
  NVME_QUEUE_DELETION_INVALID = 0x10c,
  NVME_FEATURE_NOT_SAVEABLE = 0x10d,
  NVME_FEATURE_NOT_CHANGEABLE = 0x10e,
  NVME_READ_ONLY_RANGE = 0x182,
  NVME_WRITE_FAULT = 0x280,
  NVME_READ_ERROR = 0x281,
  NVME_COMPARE_FAILURE = 0x285,
  NVME_DNR = 0x4000,
  NVME_PENDING = 0xffff, /* ours: the command completes later */
};

/* Asynchronous events, section 5.2. */
enum {
  NVME_EVENT_DOORBELL_REGISTER = 1 << 0,
  NVME_EVENT_DOORBELL_VALUE = 1 << 1,
  NVME_EVENT_NAMESPACE_CHANGED = 1 << 2,
  NVME_EVENTS = 7,
};

enum { NVME_LOG_ERROR = 1, NVME_LOG_HEALTH = 2, NVME_LOG_FIRMWARE = 3, NVME_LOG_NAMESPACES = 4 };

/* Features whose dword is kept, by number: section 5.21.1. */
enum {
  NVME_FEATURE_ARBITRATION = 1,
  NVME_FEATURE_POWER = 2,
  NVME_FEATURE_TEMPERATURE = 4,
  NVME_FEATURE_ERROR_RECOVERY = 5,
  NVME_FEATURE_WRITE_CACHE = 6,
  NVME_FEATURE_N_QUEUES = 7,
  NVME_FEATURE_COALESCING = 8,
  NVME_FEATURE_VECTOR = 9,
  NVME_FEATURE_ATOMICITY = 10,
  NVME_FEATURE_EVENTS = 11,
  NVME_N_FEATURES = 12,
};
#define NVME_WATCH_NAMESPACE 0x100u /* of the events feature, and of OAES */

typedef struct Nvme Nvme;
typedef struct NvmeRequest NvmeRequest;

/* A command, read once. Section 4.2. */
typedef struct {
  uint8_t raw[NVME_COMMAND_SIZE];
  uint8_t opcode, flags;
  uint16_t id;
  uint32_t nsid;
  uint64_t prp1, prp2;
  uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
} NvmeCommand;

typedef struct {
  Nvme *nvme;
  uint16_t index;
  bool live;
  uint16_t cq;
  uint16_t size; /* entries */
  uint16_t head, tail;
  uint64_t base;
  bool deleting; /* the admin command delete_id waits for what is under way */
  uint16_t delete_id;
  uint16_t n_parked; /* commands that wait for room on the host */
  uint8_t *parked;   /* NVME_MAX_IN_FLIGHT of NVME_COMMAND_SIZE bytes */
  size_t parked_size;

  /* Not saved. */
  const uint8_t *host;
  unsigned in_flight;
  uint32_t generation; /* grows with each reset: late completions are dropped */
  bool starved;        /* it has commands that wait until others are done */
  bool unasked;        /* it ran dry, and the guest was not asked to ring: the loop polls it */
  int kick_fd;
  LoopWatch *kick_watch;
  bool routed; /* the hypervisor signals kick_fd for the doorbell at routed_address */
  uint64_t routed_address;
} NvmeSq;

typedef struct {
  bool live, interrupts, phase;
  uint16_t vector;
  uint16_t size;
  uint16_t head, tail;
  uint64_t base;

  /* Not saved. */
  unsigned reserved; /* entries that commands under way will need */
  bool news;         /* entries that no interrupt told of yet */
} NvmeCq;

struct Nvme {
  PciDevice pci; /* its first member is the Device */
  Image *image;
  char serial[20];
  uint8_t uuid[NVME_UUID_SIZE];
  bool read_only, write_through, no_discard;
  unsigned n_queues; /* for I/O */

  uint32_t cc, csts, aqa, interrupt_mask;
  uint64_t asq, acq;
  NvmeSq sq[NVME_N_QUEUES];
  NvmeCq cq[NVME_N_QUEUES];
  uint64_t shadow, event_index; /* guest pages of the shadow doorbells, 0: none. Section 7.13 */
  uint32_t features[NVME_N_FEATURES];
  uint16_t event_ids[NVME_MAX_EVENTS];
  uint8_t n_event_ids;
  uint8_t events;        /* that happened and were not told */
  uint8_t masked_events; /* told, and their log page not read since */
  bool namespace_changed;
  uint64_t n_errors;
  uint64_t sectors_read, sectors_written, reads, writes; /* for the log */

  /* Not saved. */
  const uint8_t *shadow_host;
  unsigned n_busy; /* requests at the disk */
  bool reset_pending, shutdown_pending;
  bool blocked; /* no room on the host: writes wait for the user */
  bool halted;  /* the machine stands still */
  bool notify_scheduled;
  NvmeRequest *spare;
  unsigned n_spare;
};

extern const StateTable nvme_state;

/* --- nvme.c --- */

/* Section 9.5: nothing goes any more until the host resets the controller. */
void nvme_fail (Nvme *nvme, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Whether commands are taken. */
bool nvme_is_live (const Nvme *nvme);
/* What waited for requests at the disk to end, once there are none. */
void nvme_idle (Nvme *nvme);

/* --- nvme-queue.c --- */

void nvme_queues_init (Nvme *nvme);
bool nvme_queues_realize (Nvme *nvme, GError **error);
void nvme_queues_unrealize (Nvme *nvme);
void nvme_queues_reset (Nvme *nvme);

/* @base, @size are checked. False if there is no RAM. */
bool nvme_sq_open (Nvme *nvme, unsigned index, unsigned cq, uint64_t base, unsigned size);
bool nvme_cq_open (Nvme *nvme, unsigned index, uint64_t base, unsigned size, bool interrupts,
                   unsigned vector);
void nvme_sq_close (NvmeSq *sq);
/* Finds the host's view of what a live queue lies in; after a load. */
bool nvme_sq_map (NvmeSq *sq);
/* Takes all the commands that it may. */
void nvme_sq_serve (NvmeSq *sq);
void nvme_serve_all (Nvme *nvme);

bool nvme_cq_has_room (Nvme *nvme, NvmeCq *cq);
/* Writes a completion entry; its place was reserved. */
void nvme_complete (NvmeSq *sq, uint16_t id, uint16_t status, uint32_t result);
/* Interrupts of what was completed: now, or once the loop did all it can do now. */
void nvme_notify (Nvme *nvme);
void nvme_notify_soon (Nvme *nvme);
void nvme_update_intx (Nvme *nvme);

void nvme_command_parse (NvmeCommand *command, const uint8_t *raw);

/* --- nvme-doorbell.c --- */

void nvme_doorbell (Nvme *nvme, unsigned index, bool completion, uint32_t value);
/* Rings by eventfd where that can be; @address: of BAR 0, or BANK_HIDDEN. */
void nvme_route_doorbells (Nvme *nvme, uint64_t address);
/* A queue's commands are served soon: by the loop; those of the admin queue now. */
void nvme_kick (NvmeSq *sq);
/* The loop's: kick_fd was signalled; a busy loop looks by itself. */
void nvme_kick_arrived (Device *device, int fd, GIOCondition condition);
bool nvme_look_for_commands (Device *device, int fd, bool falling_asleep);

/* Finds the host's view of the shadow doorbells; after a load. */
bool nvme_shadow_map (Nvme *nvme);
/* The guest gave the pages of shadow doorbells; and of one queue that is made later. */
void nvme_shadow_begin (Nvme *nvme);
void nvme_begin_sq_shadow (NvmeSq *sq);
void nvme_begin_cq_shadow (Nvme *nvme, unsigned index);

/* The admin queue has none: drivers don't keep its. */
bool nvme_has_shadow (const Nvme *nvme, unsigned index);
uint32_t nvme_read_shadow (Nvme *nvme, unsigned index, bool completion);
/* Takes a submission queue's tail from its shadow; what makes no sense is left where it is. */
void nvme_refresh_tail (NvmeSq *sq);
/* The guest writes the register when its doorbell moves past @value. */
void nvme_ask_for_doorbell (Nvme *nvme, unsigned index, bool completion, uint32_t value);

/* --- nvme-prp.c --- */

/* Section 4.3. The pieces of guest memory for @length bytes (up to NVME_MAX_TRANSFER) in @iov, which has room
 * for NVME_MAX_PIECES. Returns: a status. */
uint16_t nvme_map_data (Nvme *nvme, const NvmeCommand *command, uint64_t length, bool for_writing,
                        struct iovec *iov, unsigned *n_iov);
/* Gives the guest @size bytes; it wants no more than @wanted. */
uint16_t nvme_give (Nvme *nvme, const NvmeCommand *command, const void *data, size_t size, uint64_t wanted);

/* --- commands: each returns a status, or NVME_PENDING --- */

uint16_t nvme_admin_command (Nvme *nvme, const NvmeCommand *command, uint32_t *result);
uint16_t nvme_identify (Nvme *nvme, const NvmeCommand *command);
uint16_t nvme_get_log_page (Nvme *nvme, const NvmeCommand *command);
void nvme_features_reset (Nvme *nvme);
uint16_t nvme_get_features (Nvme *nvme, const NvmeCommand *command, uint32_t *result);
uint16_t nvme_set_features (Nvme *nvme, const NvmeCommand *command, uint32_t *result);
bool nvme_feature_is_valid (const Nvme *nvme, unsigned feature, uint32_t value);

/* Something happened that the guest may have asked to hear of: tells it, or remembers. */
void nvme_raise_events (Nvme *nvme, unsigned events);
void nvme_tell_events (Nvme *nvme);

uint16_t nvme_io_command (NvmeSq *sq, const NvmeCommand *command);
/* Section 7.6.2: everything written becomes stable, then nvme_idle. */
void nvme_flush_for_shutdown (Nvme *nvme);
void nvme_free_spare (Nvme *nvme);

G_END_DECLS
