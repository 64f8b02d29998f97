/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb-descriptors.h"
#include "devices/usb/usb-storage.h"

G_BEGIN_DECLS

/*
 * Between the parts of mass storage. The controller's lock is held everywhere.
 *
 *   usb-storage.c              the device's life, control transfers, transfers that wait
 *   usb-storage-command.c      a SCSI command and its data, whatever transport brings it
 *   usb-storage-bulk.c         Bulk-Only Transport    usb-storage-uas.c: USB Attached SCSI
 *   usb-storage-descriptors.c  what the device says of itself
 *   usb-storage-state.c        what is saved
 *
 * Data is copied once, between the guest's memory and a buffer that is the command's: the guest may take its
 * transfers back at any time, and the image's requests go on.
 */
#define STORAGE_N_STREAMS   32u
#define STORAGE_STREAM_BITS 5u          /* bmAttributes: 2^5 streams */
#define STORAGE_MAX_DATA    (16u << 20) /* of a command, bytes */
#define STORAGE_MAX_HELD    (32u << 20) /* of all that are under way */
#define STORAGE_BUFFER      (1u << 20)  /* those that are kept for reuse */
#define STORAGE_N_SPARE     8u
#define STORAGE_SAVED_DATA  64u /* of a command: more is asked of the unit again */
#define STORAGE_ANY_ROOM    UINT32_MAX

enum { STORAGE_BULK, STORAGE_UAS }; /* the interface's alternate settings */

typedef enum {
  STORAGE_PIPE_BULK_IN,
  STORAGE_PIPE_BULK_OUT,
  STORAGE_PIPE_COMMAND,
  STORAGE_PIPE_STATUS,
  STORAGE_PIPE_DATA_IN,
  STORAGE_PIPE_DATA_OUT,
  STORAGE_N_PIPES,
} StoragePipe;

typedef enum {
  STORAGE_WAITING,   /* its turn to be executed, perhaps anew, will come */
  STORAGE_RUNNING,   /* the unit has it */
  STORAGE_RECEIVING, /* the host's data is to come */
  STORAGE_SENDING,   /* the host is to take data */
  STORAGE_ENDING,    /* the host is to take the status */
} StoragePhase;

typedef struct UsbStorage UsbStorage;
typedef struct StorageCommand StorageCommand;

/* What is known of a command, and saved. */
typedef struct {
  bool there;
  uint8_t phase;
  uint8_t slot;   /* UAS: its tag; 0: the one of Bulk-Only Transport */
  uint32_t tag;   /* Bulk-Only Transport: dCBWTag */
  uint32_t room;  /* the host's data or room for data, bytes; STORAGE_ANY_ROOM: as the command says */
  bool to_host;   /* which way, if there is room */
  bool elsewhere; /* to a unit that isn't there */
  uint8_t cdb[SCSI_CDB_SIZE];

  bool ended;    /* the unit is done with it */
  bool mismatch; /* host and unit don't mean the same data */
  uint8_t status;
  ScsiSense sense;
  uint32_t size;   /* of data: to the host, what there is; from it, what the unit asked for */
  uint32_t moved;  /* ... from or to the host, padding included */
  uint32_t used;   /* bytes that the command was about */
  bool management; /* UAS: no command, but something that has @response */
  uint8_t response;
  uint8_t data[STORAGE_SAVED_DATA];
} StorageCommandState;

struct StorageCommand {
  StorageCommandState s;
  UsbStorage *storage;
  bool orphan; /* nobody waits for it any more */
  uint8_t *data;
  size_t held; /* bytes of @data's memory */
  struct iovec iov;
  ScsiTask task;
  ImageRequest io;
};

struct UsbStorage {
  UsbDevice usb;
  ScsiUnit unit;
  bool wedged; /* Bulk-Only Transport, section 6.6.1: until the host resets it */
  StorageCommandState saved[STORAGE_N_STREAMS + 1]; /* while it is saved or loaded */

  /* Not saved. */
  UsbDescriptors descriptors;
  char serial[17];
  const char *strings[4];
  StorageCommand *commands[STORAGE_N_STREAMS + 1]; /* by slot; NULL: none */
  unsigned n_orphans;                              /* commands don't begin before these ended */
  bool blocked;                                    /* the host has no room: until the machine goes on */
  size_t held;
  uint8_t *spare[STORAGE_N_SPARE];
  unsigned n_spare;
  GQueue waiting[STORAGE_N_PIPES][STORAGE_N_STREAMS + 1]; /* of UsbTransfer, by stream */
  uint64_t ready;                                         /* slots that may go on; of UAS, 0: new commands */
  bool serving;
};

/* --- usb-storage.c --- */

/* The next transfer that waits on @pipe; NULL: none. */
UsbTransfer *storage_take_transfer (UsbStorage *storage, StoragePipe pipe, unsigned stream);
/* Lets a slot go on; at once, or when what is served now is. */
void storage_serve (UsbStorage *storage, unsigned slot);
/* Reads what an OUT transfer of a protocol brings, at most @size bytes, and ends it. Returns its length, or
 * -1. */
int storage_read_message (UsbTransfer *transfer, uint8_t *data, size_t size);

/* --- usb-storage-command.c --- */

/* (transfer none): in its slot, which is free. */
StorageCommand *storage_command_new (UsbStorage *storage, unsigned slot);
/* As it was saved. */
void storage_command_load (UsbStorage *storage, const StorageCommandState *saved);
void storage_command_free (StorageCommand *command);
/* The host has forgotten it. */
void storage_command_drop (StorageCommand *command);
void storage_drop_all (UsbStorage *storage);
void storage_execute (StorageCommand *command);
/* What waited, for whatever reason, may try again. */
void storage_wake (UsbStorage *storage);
/* Moves data between the command and the host, and ends @transfer. */
void storage_send (StorageCommand *command, UsbTransfer *transfer);
void storage_receive (StorageCommand *command, UsbTransfer *transfer);
void storage_free_spare (UsbStorage *storage);

/* --- usb-storage-bulk.c --- */

void storage_bulk_serve (UsbStorage *storage);
void storage_bulk_reset (UsbStorage *storage);

/* --- usb-storage-uas.c --- */

void storage_uas_serve (UsbStorage *storage, unsigned slot);

/* --- usb-storage-descriptors.c --- */

void storage_describe (UsbStorage *storage, UsbSpeed speed);
/* The pipe at an endpoint's address in the present setting; -1: none. */
int storage_find_pipe (const UsbStorage *storage, uint8_t endpoint);

/* --- usb-storage-state.c --- */

extern const StateTable usb_storage_state;

G_END_DECLS
